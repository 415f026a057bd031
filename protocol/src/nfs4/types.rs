//! Types that several operations share (RFC 8881 §3.3).

use crate::xdr::{Opaque, flags, xdr_enum, xdr_fixed, xdr_struct};

/// Longest filehandle in octets (RFC 8881 §3.1).
pub const NFS4_FHSIZE: usize = 128;

/// Longest `opaque` of owners and the like in octets (RFC 8881 §3.1).
pub const NFS4_OPAQUE_LIMIT: usize = 1024;

/// Longest name that is decoded. Longer than any file system allows, so that a name which is too
/// long for the file system gets NFS4ERR_NAMETOOLONG instead of NFS4ERR_BADXDR.
pub const MAX_COMPONENT: usize = 64 * 1024;

/// `nfs_fh4`.
pub type NfsFh4<'a> = Opaque<'a, NFS4_FHSIZE>;

/// `component4`: one name, of any octets.
pub type Component4<'a> = Opaque<'a, MAX_COMPONENT>;

/// `linktext4`: the target of a symbolic link.
pub type Linktext4<'a> = Opaque<'a, MAX_COMPONENT>;

/// `clientid4`.
pub type Clientid4 = u64;

/// `sequenceid4` and `seqid4`.
pub type Sequenceid4 = u32;

/// `slotid4`.
pub type Slotid4 = u32;

xdr_fixed! {
    /// `verifier4`.
    pub struct Verifier4([u8; 8]);
}

xdr_fixed! {
    /// `sessionid4`.
    pub struct Sessionid4([u8; 16]);
}

xdr_fixed! {
    /// The `other` field of a stateid: which state it is.
    pub struct StateidOther([u8; 12]);
}

/// `stateid4` (RFC 8881 §3.3.12, §8.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stateid4 {
    /// Counts the changes of the state; 0 in a request stands for the present one.
    pub seqid: u32,
    /// Which state.
    pub other: StateidOther,
}

impl Stateid4 {
    /// Anonymous: no state is used (RFC 8881 §8.2.3).
    pub const ANONYMOUS: Self = Self {
        seqid: 0,
        other: StateidOther([0; 12]),
    };
    /// READ bypass: as anonymous, around locks (RFC 8881 §8.2.3).
    pub const BYPASS: Self = Self {
        seqid: u32::MAX,
        other: StateidOther([0xff; 12]),
    };
    /// The current stateid of the compound (RFC 8881 §8.2.3).
    pub const CURRENT: Self = Self {
        seqid: 1,
        other: StateidOther([0; 12]),
    };
    /// A stateid that is never valid; CLOSE returns it (RFC 8881 §8.2.3, §18.2.4).
    pub const INVALID: Self = Self {
        seqid: u32::MAX,
        other: StateidOther([0; 12]),
    };

    /// Whether the `other` field is reserved for special stateids.
    #[must_use]
    pub fn is_special(&self) -> bool {
        self.other == Self::ANONYMOUS.other || self.other == Self::BYPASS.other
    }
}

impl<'a> crate::xdr::Unpack<'a> for Stateid4 {
    fn unpack(input: &'a [u8]) -> crate::xdr::Parsed<'a, Self> {
        let (input, seqid) = crate::xdr::field("seqid", input)?;
        let (input, other) = crate::xdr::field("other", input)?;
        Ok((input, Self { seqid, other }))
    }
}

impl<W: std::io::Write> xdr_codec::Pack<W> for Stateid4 {
    fn pack(&self, out: &mut W) -> xdr_codec::Result<usize> {
        Ok(self.seqid.pack(out)? + self.other.pack(out)?)
    }
}

xdr_enum! {
    /// `nfs_ftype4`.
    pub enum NfsFtype4 {
        Reg = 1,
        Dir = 2,
        Blk = 3,
        Chr = 4,
        Lnk = 5,
        Sock = 6,
        Fifo = 7,
        AttrDir = 8,
        NamedAttr = 9,
    }
}

xdr_struct! {
    /// `nfstime4`: seconds since the epoch, and nanoseconds below 1,000,000,000.
    #[derive(Copy, Default, Hash, PartialOrd, Ord)]
    pub struct Nfstime4 {
        pub seconds: i64,
        pub nseconds: u32,
    }
}

xdr_struct! {
    /// `fsid4`.
    #[derive(Copy, Hash)]
    pub struct Fsid4 {
        pub major: u64,
        pub minor: u64,
    }
}

xdr_struct! {
    /// `specdata4`: the numbers of a device.
    #[derive(Copy, Hash)]
    pub struct Specdata4 {
        pub specdata1: u32,
        pub specdata2: u32,
    }
}

xdr_struct! {
    /// `change_info4`: a directory's `change` around an operation.
    #[derive(Copy)]
    pub struct ChangeInfo4 {
        pub atomic: bool,
        pub before: u64,
        pub after: u64,
    }
}

xdr_struct! {
    /// `state_owner4`: an open-owner or lock-owner. In a session the clientid is ignored.
    #[derive(Copy, Hash)]
    pub struct StateOwner4<'a> {
        pub clientid: Clientid4,
        pub owner: Opaque<'a, NFS4_OPAQUE_LIMIT>,
    }
}

xdr_struct! {
    /// `nfs_impl_id4`: the software at the other end.
    pub struct NfsImplId4<'a> {
        pub nii_domain: Opaque<'a, NFS4_OPAQUE_LIMIT>,
        pub nii_name: Opaque<'a, NFS4_OPAQUE_LIMIT>,
        pub nii_date: Nfstime4,
    }
}

flags! {
    /// Bits of ACCESS (RFC 8881 §18.1), and the mode bits are in `mode4`.
    pub struct Access4 {
        ACCESS4_READ = 0x01,
        ACCESS4_LOOKUP = 0x02,
        ACCESS4_MODIFY = 0x04,
        ACCESS4_EXTEND = 0x08,
        ACCESS4_DELETE = 0x10,
        ACCESS4_EXECUTE = 0x20,
    }
}
