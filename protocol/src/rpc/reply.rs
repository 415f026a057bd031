//! The header of a reply (RFC 5531 §9, `reply_body`).

use std::io::Write;

use xdr_codec::Pack;

use super::auth::OpaqueAuth;
use super::call::RPC_VERSION;
use crate::xdr::{Fault, Malformed, Parsed, Unpack, field, flags};

/// `msg_type` of a reply.
const REPLY: u32 = 1;

const MSG_ACCEPTED: u32 = 0;
const MSG_DENIED: u32 = 1;

/// `accept_stat` values.
mod accept_stat {
    pub const SUCCESS: u32 = 0;
    pub const PROG_UNAVAIL: u32 = 1;
    pub const PROG_MISMATCH: u32 = 2;
    pub const PROC_UNAVAIL: u32 = 3;
    pub const GARBAGE_ARGS: u32 = 4;
    pub const SYSTEM_ERR: u32 = 5;
}

/// `reject_stat` values.
mod reject_stat {
    pub const RPC_MISMATCH: u32 = 0;
    pub const AUTH_ERROR: u32 = 1;
}

flags! {
    /// `auth_stat`: why a caller was not believed (RFC 5531 §9).
    pub struct AuthStat {
        AUTH_OK = 0,
        AUTH_BADCRED = 1,
        AUTH_REJECTEDCRED = 2,
        AUTH_BADVERF = 3,
        AUTH_REJECTEDVERF = 4,
        AUTH_TOOWEAK = 5,
    }
}

/// The body of a reply up to the procedure's results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyHeader {
    /// `SUCCESS`: results follow.
    Success,
    /// `PROG_UNAVAIL`: there is no such program here.
    ProgramUnavailable,
    /// `PROG_MISMATCH`: not this version of the program.
    ProgramMismatch {
        /// Lowest version served.
        low: u32,
        /// Highest version served.
        high: u32,
    },
    /// `PROC_UNAVAIL`: the program has no such procedure.
    ProcedureUnavailable,
    /// `GARBAGE_ARGS`: the arguments cannot be decoded.
    GarbageArguments,
    /// `SYSTEM_ERR`.
    SystemError,
    /// `RPC_MISMATCH`: not this version of ONC-RPC.
    RpcMismatch {
        /// Lowest version served.
        low: u32,
        /// Highest version served.
        high: u32,
    },
    /// `AUTH_ERROR`.
    AuthError(AuthStat),
}

impl ReplyHeader {
    /// Encodes the header of the reply to call `xid`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn pack<W: Write>(&self, xid: u32, out: &mut W) -> xdr_codec::Result<usize> {
        let mut words = |words: &[u32]| -> xdr_codec::Result<usize> {
            words
                .iter()
                .try_fold(0, |length, word| Ok(length + word.pack(out)?))
        };
        let no_verifier = [0, 0];
        let accept = |status: u32| {
            [
                xid,
                REPLY,
                MSG_ACCEPTED,
                no_verifier[0],
                no_verifier[1],
                status,
            ]
        };
        match *self {
            Self::Success => words(&accept(accept_stat::SUCCESS)),
            Self::ProgramUnavailable => words(&accept(accept_stat::PROG_UNAVAIL)),
            Self::ProgramMismatch { low, high } => {
                Ok(words(&accept(accept_stat::PROG_MISMATCH))? + words(&[low, high])?)
            }
            Self::ProcedureUnavailable => words(&accept(accept_stat::PROC_UNAVAIL)),
            Self::GarbageArguments => words(&accept(accept_stat::GARBAGE_ARGS)),
            Self::SystemError => words(&accept(accept_stat::SYSTEM_ERR)),
            Self::RpcMismatch { low, high } => {
                words(&[xid, REPLY, MSG_DENIED, reject_stat::RPC_MISMATCH, low, high])
            }
            Self::AuthError(why) => {
                words(&[xid, REPLY, MSG_DENIED, reject_stat::AUTH_ERROR, why.0])
            }
        }
    }

    /// The answer to a call of another version of ONC-RPC.
    #[must_use]
    pub fn rpc_mismatch() -> Self {
        Self::RpcMismatch {
            low: RPC_VERSION,
            high: RPC_VERSION,
        }
    }
}

/// `(xid, header)`.
impl<'a> Unpack<'a> for (u32, ReplyHeader) {
    fn unpack(input: &'a [u8]) -> Parsed<'a, Self> {
        let (input, xid) = field::<u32>("xid", input)?;
        let (rest, message_type) = field::<u32>("mtype", input)?;
        if message_type != REPLY {
            return Malformed::err(Fault::BadEnum(message_type), input);
        }
        let (input, reply_stat) = field::<u32>("stat", rest)?;
        let (input, header) = match reply_stat {
            MSG_ACCEPTED => unpack_accepted(input)?,
            MSG_DENIED => unpack_denied(input)?,
            other => return Malformed::err(Fault::BadEnum(other), rest),
        };
        Ok((input, (xid, header)))
    }
}

fn unpack_accepted(input: &[u8]) -> Parsed<'_, ReplyHeader> {
    let (input, _verifier) = field::<OpaqueAuth<'_>>("verf", input)?;
    let (rest, status) = field::<u32>("accept_stat", input)?;
    let header = match status {
        accept_stat::SUCCESS => ReplyHeader::Success,
        accept_stat::PROG_UNAVAIL => ReplyHeader::ProgramUnavailable,
        accept_stat::PROG_MISMATCH => {
            let (rest, low) = field("low", rest)?;
            let (rest, high) = field("high", rest)?;
            return Ok((rest, ReplyHeader::ProgramMismatch { low, high }));
        }
        accept_stat::PROC_UNAVAIL => ReplyHeader::ProcedureUnavailable,
        accept_stat::GARBAGE_ARGS => ReplyHeader::GarbageArguments,
        accept_stat::SYSTEM_ERR => ReplyHeader::SystemError,
        other => return Malformed::err(Fault::BadEnum(other), input),
    };
    Ok((rest, header))
}

fn unpack_denied(input: &[u8]) -> Parsed<'_, ReplyHeader> {
    let (rest, status) = field::<u32>("reject_stat", input)?;
    match status {
        reject_stat::RPC_MISMATCH => {
            let (rest, low) = field("low", rest)?;
            let (rest, high) = field("high", rest)?;
            Ok((rest, ReplyHeader::RpcMismatch { low, high }))
        }
        reject_stat::AUTH_ERROR => {
            let (rest, why) = field("auth_stat", rest)?;
            Ok((rest, ReplyHeader::AuthError(why)))
        }
        other => Malformed::err(Fault::BadEnum(other), input),
    }
}
