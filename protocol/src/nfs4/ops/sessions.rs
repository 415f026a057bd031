//! CREATE_SESSION, DESTROY_SESSION, BIND_CONN_TO_SESSION, BACKCHANNEL_CTL, SEQUENCE, SET_SSV.

use crate::nfs4::{Clientid4, NFS4_OPAQUE_LIMIT, Sequenceid4, Sessionid4, Slotid4};
use crate::rpc::{AuthFlavor, AuthSys};
use crate::xdr::{
    BoundedVec, Fault, Malformed, Opaque, Parsed, Unpack, field, flags, xdr_enum, xdr_struct,
};

/// Ways to authenticate callbacks that one request may offer.
const MAX_SEC_PARMS: usize = 16;

flags! {
    /// `csa_flags` and `csr_flags` (RFC 8881 §18.36).
    pub struct CreateSessionFlags {
        CREATE_SESSION4_FLAG_PERSIST = 1,
        CREATE_SESSION4_FLAG_CONN_BACK_CHAN = 2,
        CREATE_SESSION4_FLAG_CONN_RDMA = 4,
    }
}

xdr_struct! {
    /// `channel_attrs4`: sizes in octets of whole RPC messages.
    pub struct ChannelAttrs4 {
        pub ca_headerpadsize: u32,
        pub ca_maxrequestsize: u32,
        pub ca_maxresponsesize: u32,
        pub ca_maxresponsesize_cached: u32,
        pub ca_maxoperations: u32,
        pub ca_maxrequests: u32,
        pub ca_rdma_ird: BoundedVec<u32, 1>,
    }
}

xdr_struct! {
    /// `gss_cb_handles4`.
    pub struct GssCbHandles4<'a> {
        pub gcbp_service: u32,
        pub gcbp_handle_from_server: Opaque<'a, NFS4_OPAQUE_LIMIT>,
        pub gcbp_handle_from_client: Opaque<'a, NFS4_OPAQUE_LIMIT>,
    }
}

/// `callback_sec_parms4`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallbackSecParms4<'a> {
    /// AUTH_NONE
    None,
    /// AUTH_SYS
    Sys(AuthSys<'a>),
    /// RPCSEC_GSS
    Gss(GssCbHandles4<'a>),
}

impl<'a> Unpack<'a> for CallbackSecParms4<'a> {
    fn unpack(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, flavor) = field::<AuthFlavor>("cb_secflavor", input)?;
        match flavor {
            AuthFlavor::AUTH_NONE => Ok((rest, Self::None)),
            AuthFlavor::AUTH_SYS => AuthSys::unpack(rest).map(|(rest, sys)| (rest, Self::Sys(sys))),
            AuthFlavor::RPCSEC_GSS => {
                GssCbHandles4::unpack(rest).map(|(rest, gss)| (rest, Self::Gss(gss)))
            }
            AuthFlavor(other) => Malformed::err(Fault::BadEnum(other), input),
        }
    }
}

impl<W: std::io::Write> xdr_codec::Pack<W> for CallbackSecParms4<'_> {
    fn pack(&self, out: &mut W) -> xdr_codec::Result<usize> {
        match self {
            Self::None => AuthFlavor::AUTH_NONE.pack(out),
            Self::Sys(sys) => Ok(AuthFlavor::AUTH_SYS.pack(out)? + sys.pack(out)?),
            Self::Gss(gss) => Ok(AuthFlavor::RPCSEC_GSS.pack(out)? + gss.pack(out)?),
        }
    }
}

xdr_struct! {
    /// `CREATE_SESSION4args` (RFC 8881 §18.36).
    pub struct CreateSessionArgs<'a> {
        pub csa_clientid: Clientid4,
        pub csa_sequence: Sequenceid4,
        pub csa_flags: CreateSessionFlags,
        pub csa_fore_chan_attrs: ChannelAttrs4,
        pub csa_back_chan_attrs: ChannelAttrs4,
        pub csa_cb_program: u32,
        pub csa_sec_parms: BoundedVec<CallbackSecParms4<'a>, MAX_SEC_PARMS>,
    }
}

xdr_struct! {
    /// `CREATE_SESSION4resok`.
    pub struct CreateSessionResOk {
        pub csr_sessionid: Sessionid4,
        pub csr_sequence: Sequenceid4,
        pub csr_flags: CreateSessionFlags,
        pub csr_fore_chan_attrs: ChannelAttrs4,
        pub csr_back_chan_attrs: ChannelAttrs4,
    }
}

xdr_struct! {
    /// `DESTROY_SESSION4args` (RFC 8881 §18.37).
    #[derive(Copy)]
    pub struct DestroySessionArgs { pub dsa_sessionid: Sessionid4 }
}

xdr_enum! {
    /// `channel_dir_from_client4`.
    pub enum ChannelDirFromClient4 {
        Fore = 1,
        Back = 2,
        ForeOrBoth = 3,
        BackOrBoth = 7,
    }
}

xdr_enum! {
    /// `channel_dir_from_server4`.
    pub enum ChannelDirFromServer4 {
        Fore = 1,
        Back = 2,
        Both = 3,
    }
}

xdr_struct! {
    /// `BIND_CONN_TO_SESSION4args` (RFC 8881 §18.34).
    #[derive(Copy)]
    pub struct BindConnToSessionArgs {
        pub bctsa_sessid: Sessionid4,
        pub bctsa_dir: ChannelDirFromClient4,
        pub bctsa_use_conn_in_rdma_mode: bool,
    }
}

xdr_struct! {
    /// `BIND_CONN_TO_SESSION4resok`.
    #[derive(Copy)]
    pub struct BindConnToSessionResOk {
        pub bctsr_sessid: Sessionid4,
        pub bctsr_dir: ChannelDirFromServer4,
        pub bctsr_use_conn_in_rdma_mode: bool,
    }
}

xdr_struct! {
    /// `BACKCHANNEL_CTL4args` (RFC 8881 §18.33).
    pub struct BackchannelCtlArgs<'a> {
        pub bca_cb_program: u32,
        pub bca_sec_parms: BoundedVec<CallbackSecParms4<'a>, MAX_SEC_PARMS>,
    }
}

xdr_struct! {
    /// `SEQUENCE4args` (RFC 8881 §18.46).
    #[derive(Copy)]
    pub struct SequenceArgs {
        pub sa_sessionid: Sessionid4,
        pub sa_sequenceid: Sequenceid4,
        pub sa_slotid: Slotid4,
        pub sa_highest_slotid: Slotid4,
        pub sa_cachethis: bool,
    }
}

flags! {
    /// `sr_status_flags` (RFC 8881 §18.46.3).
    pub struct SequenceStatusFlags {
        SEQ4_STATUS_CB_PATH_DOWN = 0x0001,
        SEQ4_STATUS_CB_GSS_CONTEXTS_EXPIRING = 0x0002,
        SEQ4_STATUS_CB_GSS_CONTEXTS_EXPIRED = 0x0004,
        SEQ4_STATUS_EXPIRED_ALL_STATE_REVOKED = 0x0008,
        SEQ4_STATUS_EXPIRED_SOME_STATE_REVOKED = 0x0010,
        SEQ4_STATUS_ADMIN_STATE_REVOKED = 0x0020,
        SEQ4_STATUS_RECALLABLE_STATE_REVOKED = 0x0040,
        SEQ4_STATUS_LEASE_MOVED = 0x0080,
        SEQ4_STATUS_RESTART_RECLAIM_NEEDED = 0x0100,
        SEQ4_STATUS_CB_PATH_DOWN_SESSION = 0x0200,
        SEQ4_STATUS_BACKCHANNEL_FAULT = 0x0400,
        SEQ4_STATUS_DEVID_CHANGED = 0x0800,
        SEQ4_STATUS_DEVID_DELETED = 0x1000,
    }
}

xdr_struct! {
    /// `SEQUENCE4resok`.
    #[derive(Copy)]
    pub struct SequenceResOk {
        pub sr_sessionid: Sessionid4,
        pub sr_sequenceid: Sequenceid4,
        pub sr_slotid: Slotid4,
        pub sr_highest_slotid: Slotid4,
        pub sr_target_highest_slotid: Slotid4,
        pub sr_status_flags: SequenceStatusFlags,
    }
}

xdr_struct! {
    /// `SET_SSV4args` (RFC 8881 §18.47).
    pub struct SetSsvArgs<'a> {
        pub ssa_ssv: Opaque<'a, NFS4_OPAQUE_LIMIT>,
        pub ssa_digest: Opaque<'a, NFS4_OPAQUE_LIMIT>,
    }
}
