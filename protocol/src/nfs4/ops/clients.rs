//! EXCHANGE_ID, DESTROY_CLIENTID, RECLAIM_COMPLETE.

use crate::nfs4::{Bitmap4, Clientid4, NFS4_OPAQUE_LIMIT, NfsImplId4, Sequenceid4, Verifier4};
use crate::xdr::{BoundedVec, Opaque, flags, xdr_struct, xdr_union};

/// Algorithms that one SSV proposal may name.
const MAX_OIDS: usize = 32;

/// GSS handles that one answer may carry.
const MAX_GSS_HANDLES: usize = 32;

flags! {
    /// `eia_flags` and `eir_flags` (RFC 8881 §18.35).
    pub struct ExchangeIdFlags {
        EXCHGID4_FLAG_SUPP_MOVED_REFER = 0x0000_0001,
        EXCHGID4_FLAG_SUPP_MOVED_MIGR = 0x0000_0002,
        EXCHGID4_FLAG_SUPP_FENCE_OPS = 0x0000_0004,
        EXCHGID4_FLAG_BIND_PRINC_STATEID = 0x0000_0100,
        EXCHGID4_FLAG_USE_NON_PNFS = 0x0001_0000,
        EXCHGID4_FLAG_USE_PNFS_MDS = 0x0002_0000,
        EXCHGID4_FLAG_USE_PNFS_DS = 0x0004_0000,
        EXCHGID4_FLAG_UPD_CONFIRMED_REC_A = 0x4000_0000,
        EXCHGID4_FLAG_CONFIRMED_R = 0x8000_0000,
    }
}

impl ExchangeIdFlags {
    /// All that a client may set (RFC 8881 §18.35.3). SUPP_FENCE_OPS is not among it: it came with
    /// NFSv4.2.
    pub const REQUEST_MASK: Self = Self(0x4007_0103);
}

xdr_struct! {
    /// `client_owner4`: who the client is, and which incarnation.
    pub struct ClientOwner4<'a> {
        pub co_verifier: Verifier4,
        pub co_ownerid: Opaque<'a, NFS4_OPAQUE_LIMIT>,
    }
}

xdr_struct! {
    /// `state_protect_ops4`.
    pub struct StateProtectOps4 {
        pub spo_must_enforce: Bitmap4,
        pub spo_must_allow: Bitmap4,
    }
}

xdr_struct! {
    /// `ssv_sp_parms4`.
    pub struct SsvSpParms4<'a> {
        pub ssp_ops: StateProtectOps4,
        pub ssp_hash_algs: BoundedVec<Opaque<'a, NFS4_OPAQUE_LIMIT>, MAX_OIDS>,
        pub ssp_encr_algs: BoundedVec<Opaque<'a, NFS4_OPAQUE_LIMIT>, MAX_OIDS>,
        pub ssp_window: u32,
        pub ssp_num_gss_handles: u32,
    }
}

xdr_struct! {
    /// `ssv_prot_info4`.
    pub struct SsvProtInfo4<'a> {
        pub spi_ops: StateProtectOps4,
        pub spi_hash_alg: u32,
        pub spi_encr_alg: u32,
        pub spi_ssv_len: u32,
        pub spi_window: u32,
        pub spi_handles: BoundedVec<Opaque<'a, NFS4_OPAQUE_LIMIT>, MAX_GSS_HANDLES>,
    }
}

xdr_union! {
    /// `state_protect4_a`.
    pub enum StateProtect4A<'a> {
        /// SP4_NONE
        None = 0,
        /// SP4_MACH_CRED
        MachCred(StateProtectOps4) = 1,
        /// SP4_SSV
        Ssv(SsvSpParms4<'a>) = 2,
    }
}

xdr_union! {
    /// `state_protect4_r`.
    pub enum StateProtect4R<'a> {
        /// SP4_NONE
        None = 0,
        /// SP4_MACH_CRED
        MachCred(StateProtectOps4) = 1,
        /// SP4_SSV
        Ssv(SsvProtInfo4<'a>) = 2,
    }
}

xdr_struct! {
    /// `EXCHANGE_ID4args` (RFC 8881 §18.35).
    pub struct ExchangeIdArgs<'a> {
        pub eia_clientowner: ClientOwner4<'a>,
        pub eia_flags: ExchangeIdFlags,
        pub eia_state_protect: StateProtect4A<'a>,
        pub eia_client_impl_id: BoundedVec<NfsImplId4<'a>, 1>,
    }
}

xdr_struct! {
    /// `server_owner4`.
    pub struct ServerOwner4<'a> {
        pub so_minor_id: u64,
        pub so_major_id: Opaque<'a, NFS4_OPAQUE_LIMIT>,
    }
}

xdr_struct! {
    /// `EXCHANGE_ID4resok`.
    pub struct ExchangeIdResOk<'a> {
        pub eir_clientid: Clientid4,
        pub eir_sequenceid: Sequenceid4,
        pub eir_flags: ExchangeIdFlags,
        pub eir_state_protect: StateProtect4R<'a>,
        pub eir_server_owner: ServerOwner4<'a>,
        pub eir_server_scope: Opaque<'a, NFS4_OPAQUE_LIMIT>,
        pub eir_server_impl_id: BoundedVec<NfsImplId4<'a>, 1>,
    }
}

xdr_struct! {
    /// `DESTROY_CLIENTID4args` (RFC 8881 §18.50).
    #[derive(Copy)]
    pub struct DestroyClientidArgs { pub dca_clientid: Clientid4 }
}

xdr_struct! {
    /// `RECLAIM_COMPLETE4args` (RFC 8881 §18.51).
    #[derive(Copy)]
    pub struct ReclaimCompleteArgs { pub rca_one_fs: bool }
}
