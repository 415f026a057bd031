//! PUTFH, PUTPUBFH, PUTROOTFH, GETFH, SAVEFH, RESTOREFH, LOOKUP, LOOKUPP; most have no arguments.

use crate::nfs4::{Component4, NfsFh4};
use crate::xdr::xdr_struct;

xdr_struct! {
    /// `PUTFH4args` (RFC 8881 §18.19).
    #[derive(Copy)]
    pub struct PutfhArgs<'a> { pub object: NfsFh4<'a> }
}

xdr_struct! {
    /// `GETFH4resok` (RFC 8881 §18.8).
    #[derive(Copy)]
    pub struct GetfhResOk<'a> { pub object: NfsFh4<'a> }
}

xdr_struct! {
    /// `LOOKUP4args` (RFC 8881 §18.13).
    #[derive(Copy)]
    pub struct LookupArgs<'a> { pub objname: Component4<'a> }
}
