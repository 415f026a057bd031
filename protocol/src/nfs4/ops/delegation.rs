//! Operations about delegations, which EFS doesn't grant: DELEGPURGE, DELEGRETURN,
//! GET_DIR_DELEGATION, WANT_DELEGATION; and OPENATTR, as it has no named attributes.

use crate::nfs4::{Bitmap4, Clientid4, Nfstime4, Stateid4};
use crate::xdr::{xdr_struct, xdr_union};

xdr_struct! {
    /// `DELEGPURGE4args` (RFC 8881 §18.5).
    #[derive(Copy)]
    pub struct DelegpurgeArgs { pub clientid: Clientid4 }
}

xdr_struct! {
    /// `DELEGRETURN4args` (RFC 8881 §18.6).
    #[derive(Copy)]
    pub struct DelegreturnArgs { pub deleg_stateid: Stateid4 }
}

xdr_struct! {
    /// `GET_DIR_DELEGATION4args` (RFC 8881 §18.39).
    pub struct GetDirDelegationArgs {
        pub gdda_signal_deleg_avail: bool,
        pub gdda_notification_types: Bitmap4,
        pub gdda_child_attr_delay: Nfstime4,
        pub gdda_dir_attr_delay: Nfstime4,
        pub gdda_child_attributes: Bitmap4,
        pub gdda_dir_attributes: Bitmap4,
    }
}

xdr_union! {
    /// `deleg_claim4`.
    pub enum DelegClaim4 {
        /// CLAIM_PREVIOUS
        Previous(u32) = 1,
        /// CLAIM_FH
        Fh = 4,
        /// CLAIM_DELEG_PREV_FH
        DelegPrevFh = 6,
    }
}

xdr_struct! {
    /// `WANT_DELEGATION4args` (RFC 8881 §18.49).
    pub struct WantDelegationArgs { pub wda_want: u32, pub wda_claim: DelegClaim4 }
}

xdr_struct! {
    /// `OPENATTR4args` (RFC 8881 §18.17).
    #[derive(Copy)]
    pub struct OpenattrArgs { pub createdir: bool }
}
