//! The frame of COMPOUND (RFC 8881 §16.2): what stands before the operations.

use super::status::Nfsstat4;
use crate::xdr::{Opaque, xdr_struct};

/// Longest tag in octets. It is echoed, so that it counts twice.
pub const MAX_TAG: usize = 1024;

xdr_struct! {
    /// `COMPOUND4args` up to the operations, of which `numops` follow.
    pub struct CompoundHeader<'a> {
        pub tag: Opaque<'a, MAX_TAG>,
        pub minorversion: u32,
        pub numops: u32,
    }
}

xdr_struct! {
    /// `COMPOUND4res` up to the results, of which `numres` follow.
    pub struct CompoundResult<'a> {
        pub status: Nfsstat4,
        pub tag: Opaque<'a, MAX_TAG>,
        pub numres: u32,
    }
}
