//! OPEN, OPEN_DOWNGRADE, CLOSE.

use crate::nfs4::{Bitmap4, ChangeInfo4, Component4, Fattr4, StateOwner4, Stateid4, Verifier4};
use crate::xdr::{Opaque, flags, xdr_enum, xdr_struct, xdr_union};

flags! {
    /// `share_access` of OPEN (RFC 8881 §18.16.1): the lowest two bits, then what delegation the
    /// client would like.
    pub struct ShareAccess {
        OPEN4_SHARE_ACCESS_READ = 1,
        OPEN4_SHARE_ACCESS_WRITE = 2,
        OPEN4_SHARE_ACCESS_BOTH = 3,
        OPEN4_SHARE_ACCESS_WANT_READ_DELEG = 0x0100,
        OPEN4_SHARE_ACCESS_WANT_WRITE_DELEG = 0x0200,
        OPEN4_SHARE_ACCESS_WANT_ANY_DELEG = 0x0300,
        OPEN4_SHARE_ACCESS_WANT_NO_DELEG = 0x0400,
        OPEN4_SHARE_ACCESS_WANT_CANCEL = 0x0500,
        OPEN4_SHARE_ACCESS_WANT_SIGNAL_DELEG_WHEN_RESRC_AVAIL = 0x1_0000,
        OPEN4_SHARE_ACCESS_WANT_PUSH_DELEG_WHEN_UNCONTENDED = 0x2_0000,
    }
}

impl ShareAccess {
    /// The bits of [`ShareAccess`] that wish for a delegation or for none.
    pub const WANT_DELEG_MASK: Self = Self(0xff00);
}

flags! {
    /// `share_deny` of OPEN.
    pub struct ShareDeny {
        OPEN4_SHARE_DENY_NONE = 0,
        OPEN4_SHARE_DENY_READ = 1,
        OPEN4_SHARE_DENY_WRITE = 2,
        OPEN4_SHARE_DENY_BOTH = 3,
    }
}

xdr_struct! {
    /// `creatverfattr`.
    pub struct Creatverfattr<'a> { pub cva_verf: Verifier4, pub cva_attrs: Fattr4<'a> }
}

xdr_union! {
    /// `createhow4`.
    pub enum Createhow4<'a> {
        /// UNCHECKED4
        Unchecked(Fattr4<'a>) = 0,
        /// GUARDED4
        Guarded(Fattr4<'a>) = 1,
        /// EXCLUSIVE4
        Exclusive(Verifier4) = 2,
        /// EXCLUSIVE4_1
        Exclusive41(Creatverfattr<'a>) = 3,
    }
}

xdr_union! {
    /// `openflag4`.
    pub enum Openflag4<'a> {
        /// OPEN4_NOCREATE
        NoCreate = 0,
        /// OPEN4_CREATE
        Create(Createhow4<'a>) = 1,
    }
}

xdr_enum! {
    /// `open_delegation_type4`.
    pub enum OpenDelegationType4 {
        None = 0,
        Read = 1,
        Write = 2,
        NoneExt = 3,
    }
}

xdr_struct! {
    /// `open_claim_delegate_cur4`.
    pub struct OpenClaimDelegateCur4<'a> {
        pub delegate_stateid: Stateid4,
        pub file: Component4<'a>,
    }
}

xdr_union! {
    /// `open_claim4`.
    pub enum OpenClaim4<'a> {
        /// CLAIM_NULL
        Null(Component4<'a>) = 0,
        /// CLAIM_PREVIOUS
        Previous(OpenDelegationType4) = 1,
        /// CLAIM_DELEGATE_CUR
        DelegateCur(OpenClaimDelegateCur4<'a>) = 2,
        /// CLAIM_DELEGATE_PREV
        DelegatePrev(Component4<'a>) = 3,
        /// CLAIM_FH
        Fh = 4,
        /// CLAIM_DELEG_CUR_FH
        DelegCurFh(Stateid4) = 5,
        /// CLAIM_DELEG_PREV_FH
        DelegPrevFh = 6,
    }
}

xdr_struct! {
    /// `OPEN4args` (RFC 8881 §18.16).
    pub struct OpenArgs<'a> {
        pub seqid: u32,
        pub share_access: ShareAccess,
        pub share_deny: ShareDeny,
        pub owner: StateOwner4<'a>,
        pub openhow: Openflag4<'a>,
        pub claim: OpenClaim4<'a>,
    }
}

flags! {
    /// `rflags` of OPEN.
    pub struct OpenRflags {
        OPEN4_RESULT_CONFIRM = 0x02,
        OPEN4_RESULT_LOCKTYPE_POSIX = 0x04,
        OPEN4_RESULT_PRESERVE_UNLINKED = 0x08,
        OPEN4_RESULT_MAY_NOTIFY_LOCK = 0x20,
    }
}

xdr_union! {
    /// `nfs_space_limit4`.
    pub enum NfsSpaceLimit4 {
        Size(u64) = 1,
        Blocks(NfsModifiedLimit4) = 2,
    }
}

xdr_struct! {
    /// `nfs_modified_limit4`.
    #[derive(Copy)]
    pub struct NfsModifiedLimit4 { pub num_blocks: u32, pub bytes_per_block: u32 }
}

xdr_struct! {
    /// `nfsace4`.
    pub struct Nfsace4<'a> {
        pub ace_type: u32,
        pub flag: u32,
        pub access_mask: u32,
        pub who: Opaque<'a, 1024>,
    }
}

xdr_struct! {
    /// `open_read_delegation4`.
    pub struct OpenReadDelegation4<'a> {
        pub stateid: Stateid4,
        pub recall: bool,
        pub permissions: Nfsace4<'a>,
    }
}

xdr_struct! {
    /// `open_write_delegation4`.
    pub struct OpenWriteDelegation4<'a> {
        pub stateid: Stateid4,
        pub recall: bool,
        pub space_limit: NfsSpaceLimit4,
        pub permissions: Nfsace4<'a>,
    }
}

xdr_union! {
    /// `open_none_delegation4`: why none was given.
    pub enum OpenNoneDelegation4 {
        /// WND4_NOT_WANTED
        NotWanted = 0,
        /// WND4_CONTENTION
        Contention(bool) = 1,
        /// WND4_RESOURCE
        Resource(bool) = 2,
        /// WND4_NOT_SUPP_FTYPE
        NotSuppFtype = 3,
        /// WND4_WRITE_DELEG_NOT_SUPP_FTYPE
        WriteDelegNotSuppFtype = 4,
        /// WND4_NOT_SUPP_UPGRADE
        NotSuppUpgrade = 5,
        /// WND4_NOT_SUPP_DOWNGRADE
        NotSuppDowngrade = 6,
        /// WND4_CANCELLED
        Cancelled = 7,
        /// WND4_IS_DIR
        IsDir = 8,
    }
}

xdr_union! {
    /// `open_delegation4`. localefs answers OPEN_DELEGATE_NONE or OPEN_DELEGATE_NONE_EXT; the
    /// others are there to decode what other servers say.
    pub enum OpenDelegation4<'a> {
        None = 0,
        Read(OpenReadDelegation4<'a>) = 1,
        Write(OpenWriteDelegation4<'a>) = 2,
        NoneExt(OpenNoneDelegation4) = 3,
    }
}

xdr_struct! {
    /// `OPEN4resok`.
    pub struct OpenResOk<'a> {
        pub stateid: Stateid4,
        pub cinfo: ChangeInfo4,
        pub rflags: OpenRflags,
        pub attrset: Bitmap4,
        pub delegation: OpenDelegation4<'a>,
    }
}

xdr_struct! {
    /// `OPEN_DOWNGRADE4args` (RFC 8881 §18.18).
    #[derive(Copy)]
    pub struct OpenDowngradeArgs {
        pub open_stateid: Stateid4,
        pub seqid: u32,
        pub share_access: ShareAccess,
        pub share_deny: ShareDeny,
    }
}

xdr_struct! {
    /// `OPEN_DOWNGRADE4resok`, and the result of CLOSE.
    #[derive(Copy)]
    pub struct StateidResOk { pub open_stateid: Stateid4 }
}

xdr_struct! {
    /// `CLOSE4args` (RFC 8881 §18.2).
    #[derive(Copy)]
    pub struct CloseArgs { pub seqid: u32, pub open_stateid: Stateid4 }
}
