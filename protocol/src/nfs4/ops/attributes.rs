//! ACCESS, GETATTR, SETATTR, VERIFY, NVERIFY.

use crate::nfs4::{Access4, Bitmap4, Fattr4, Nfsstat4, Stateid4};
use crate::xdr::xdr_struct;

xdr_struct! {
    /// `ACCESS4args` (RFC 8881 §18.1).
    #[derive(Copy)]
    pub struct AccessArgs { pub access: Access4 }
}

xdr_struct! {
    /// `ACCESS4resok`.
    #[derive(Copy)]
    pub struct AccessResOk { pub supported: Access4, pub access: Access4 }
}

xdr_struct! {
    /// `GETATTR4args` (RFC 8881 §18.7).
    #[derive(Copy)]
    pub struct GetattrArgs { pub attr_request: Bitmap4 }
}

xdr_struct! {
    /// `GETATTR4resok`.
    pub struct GetattrResOk<'a> { pub obj_attributes: Fattr4<'a> }
}

xdr_struct! {
    /// `SETATTR4args` (RFC 8881 §18.30).
    pub struct SetattrArgs<'a> { pub stateid: Stateid4, pub obj_attributes: Fattr4<'a> }
}

xdr_struct! {
    /// `SETATTR4res`: also a failure says what was set.
    #[derive(Copy)]
    pub struct SetattrRes { pub status: Nfsstat4, pub attrsset: Bitmap4 }
}

xdr_struct! {
    /// `VERIFY4args` (RFC 8881 §18.31) and `NVERIFY4args` (§18.15).
    pub struct VerifyArgs<'a> { pub obj_attributes: Fattr4<'a> }
}
