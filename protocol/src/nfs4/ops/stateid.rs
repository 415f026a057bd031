//! TEST_STATEID, FREE_STATEID.

use crate::nfs4::{Nfsstat4, Stateid4};
use crate::xdr::{BoundedVec, xdr_struct};

/// Stateids that one TEST_STATEID may ask about.
pub const MAX_TEST_STATEIDS: usize = 4096;

xdr_struct! {
    /// `TEST_STATEID4args` (RFC 8881 §18.48).
    pub struct TestStateidArgs { pub ts_stateids: BoundedVec<Stateid4, MAX_TEST_STATEIDS> }
}

xdr_struct! {
    /// `TEST_STATEID4resok`: a status for each stateid.
    pub struct TestStateidResOk { pub tsr_status_codes: BoundedVec<Nfsstat4, MAX_TEST_STATEIDS> }
}

xdr_struct! {
    /// `FREE_STATEID4args` (RFC 8881 §18.38).
    #[derive(Copy)]
    pub struct FreeStateidArgs { pub fsa_stateid: Stateid4 }
}
