//! READ, WRITE, COMMIT.

use crate::nfs4::{Stateid4, Verifier4};
use crate::xdr::{Opaque, xdr_enum, xdr_struct};

/// Longest data of one READ or WRITE that is decoded, in octets. Above what is served, so that
/// the session's limits decide.
pub const MAX_IO: usize = 16 * 1024 * 1024;

xdr_struct! {
    /// `READ4args` (RFC 8881 §18.22).
    #[derive(Copy)]
    pub struct ReadArgs { pub stateid: Stateid4, pub offset: u64, pub count: u32 }
}

xdr_struct! {
    /// `READ4resok`.
    #[derive(Copy)]
    pub struct ReadResOk<'a> { pub eof: bool, pub data: Opaque<'a, MAX_IO> }
}

xdr_enum! {
    /// `stable_how4`.
    #[derive(PartialOrd, Ord)]
    pub enum StableHow4 {
        Unstable = 0,
        DataSync = 1,
        FileSync = 2,
    }
}

xdr_struct! {
    /// `WRITE4args` (RFC 8881 §18.32).
    #[derive(Copy)]
    pub struct WriteArgs<'a> {
        pub stateid: Stateid4,
        pub offset: u64,
        pub stable: StableHow4,
        pub data: Opaque<'a, MAX_IO>,
    }
}

xdr_struct! {
    /// `WRITE4resok`.
    #[derive(Copy)]
    pub struct WriteResOk { pub count: u32, pub committed: StableHow4, pub writeverf: Verifier4 }
}

xdr_struct! {
    /// `COMMIT4args` (RFC 8881 §18.3).
    #[derive(Copy)]
    pub struct CommitArgs { pub offset: u64, pub count: u32 }
}

xdr_struct! {
    /// `COMMIT4resok`.
    #[derive(Copy)]
    pub struct CommitResOk { pub writeverf: Verifier4 }
}
