//! NFSv4.1 over ONC-RPC: bytes to values and back.
//!
//! # Contract
//! - Decoding never panics, whatever the input. It borrows from the input, allocates only for
//!   lists, and no more elements than the input has words for: every length from the wire is
//!   checked against its bound and against what is left before anything is allocated.
//! - A failure says which field could not be decoded, and at which offset
//!   ([`xdr::DecodeError`]).
//! - Encoding cannot fail: what a value holds fits on the wire.
//! - There is no clock, lock, file, socket or `unsafe` here.
//!
//! Names are those of RFC 4506 (XDR), RFC 5531 (ONC-RPC) and RFC 8881 (NFSv4.1).

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)
)]

pub mod nfs4;
pub mod record;
pub mod rpc;
pub mod xdr;
