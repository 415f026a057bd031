//! LOCK, LOCKT, LOCKU: byte ranges.

use crate::nfs4::{Nfsstat4, StateOwner4, Stateid4};
use crate::xdr::{Parsed, Unpack, field, xdr_enum, xdr_struct, xdr_union};

xdr_enum! {
    /// `nfs_lock_type4`. Those that would wait are answered at once all the same: without
    /// callbacks the client has to ask again.
    pub enum NfsLockType4 {
        Read = 1,
        Write = 2,
        ReadW = 3,
        WriteW = 4,
    }
}

xdr_struct! {
    /// `open_to_lock_owner4`: the first lock of an owner on an open file.
    pub struct OpenToLockOwner4<'a> {
        pub open_seqid: u32,
        pub open_stateid: Stateid4,
        pub lock_seqid: u32,
        pub lock_owner: StateOwner4<'a>,
    }
}

xdr_struct! {
    /// `exist_lock_owner4`: a further lock.
    #[derive(Copy)]
    pub struct ExistLockOwner4 { pub lock_stateid: Stateid4, pub lock_seqid: u32 }
}

xdr_union! {
    /// `locker4`.
    pub enum Locker4<'a> {
        Existing(ExistLockOwner4) = 0,
        New(OpenToLockOwner4<'a>) = 1,
    }
}

xdr_struct! {
    /// `LOCK4args` (RFC 8881 §18.10).
    pub struct LockArgs<'a> {
        pub locktype: NfsLockType4,
        pub reclaim: bool,
        pub offset: u64,
        pub length: u64,
        pub locker: Locker4<'a>,
    }
}

xdr_struct! {
    /// `LOCK4denied`: one lock that is in the way.
    pub struct LockDenied<'a> {
        pub offset: u64,
        pub length: u64,
        pub locktype: NfsLockType4,
        pub owner: StateOwner4<'a>,
    }
}

/// `LOCK4res` with `T` = `LOCK4resok`, `LOCKT4res` with `T` = void.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockRes<'a, T> {
    /// NFS4_OK
    Ok(T),
    /// NFS4ERR_DENIED
    Denied(LockDenied<'a>),
    /// Any other error.
    Err(Nfsstat4),
}

impl<'a, T: Unpack<'a>> Unpack<'a> for LockRes<'a, T> {
    fn unpack(input: &'a [u8]) -> Parsed<'a, Self> {
        let (input, status) = field::<Nfsstat4>("status", input)?;
        match status {
            Nfsstat4::NFS4_OK => T::unpack(input).map(|(rest, ok)| (rest, Self::Ok(ok))),
            Nfsstat4::NFS4ERR_DENIED => {
                LockDenied::unpack(input).map(|(rest, denied)| (rest, Self::Denied(denied)))
            }
            other => Ok((input, Self::Err(other))),
        }
    }
}

impl<T: xdr_codec::Pack<W>, W: std::io::Write> xdr_codec::Pack<W> for LockRes<'_, T> {
    fn pack(&self, out: &mut W) -> xdr_codec::Result<usize> {
        match self {
            Self::Ok(ok) => Ok(Nfsstat4::NFS4_OK.pack(out)? + ok.pack(out)?),
            Self::Denied(denied) => Ok(Nfsstat4::NFS4ERR_DENIED.pack(out)? + denied.pack(out)?),
            Self::Err(status) => status.pack(out),
        }
    }
}

xdr_struct! {
    /// `LOCK4resok`, and the result of LOCKU.
    #[derive(Copy)]
    pub struct LockResOk { pub lock_stateid: Stateid4 }
}

xdr_struct! {
    /// `LOCKT4args` (RFC 8881 §18.11).
    pub struct LocktArgs<'a> {
        pub locktype: NfsLockType4,
        pub offset: u64,
        pub length: u64,
        pub owner: StateOwner4<'a>,
    }
}

xdr_struct! {
    /// `LOCKU4args` (RFC 8881 §18.12).
    #[derive(Copy)]
    pub struct LockuArgs {
        pub locktype: NfsLockType4,
        pub seqid: u32,
        pub lock_stateid: Stateid4,
        pub offset: u64,
        pub length: u64,
    }
}
