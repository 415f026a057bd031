//! The header of a call (RFC 5531 §9, `call_body`).

use std::io::Write;

use thiserror::Error;
use xdr_codec::Pack;

use super::auth::OpaqueAuth;
use crate::xdr::{DecodeError, field, located as at};

/// The version of ONC-RPC itself.
pub const RPC_VERSION: u32 = 2;

/// `msg_type` of a call.
const CALL: u32 = 0;

/// The header of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// Pairs the reply with the call.
    pub xid: u32,
    /// Program number.
    pub program: u32,
    /// Version of the program.
    pub version: u32,
    /// Procedure of the program.
    pub procedure: u32,
    /// Who calls.
    pub credential: OpaqueAuth<'a>,
    /// Proof of it; empty for AUTH_SYS.
    pub verifier: OpaqueAuth<'a>,
}

/// A record that holds no call that can be executed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum CallError {
    /// No xid and message type, or the message is no call: there is nobody to answer.
    #[error("no RPC call")]
    NotACall,
    /// Another version of ONC-RPC; answered with `RPC_MISMATCH`.
    #[error("RPC version {version}")]
    RpcMismatch {
        /// Of the call.
        xid: u32,
        /// The version that it asks for.
        version: u32,
    },
    /// The credential or the verifier breaks its bounds; answered with `AUTH_BADCRED`.
    #[error("call header: {error}")]
    BadCredential {
        /// Of the call.
        xid: u32,
        /// What is wrong.
        error: DecodeError,
    },
    /// The header ends before the procedure; answered with `GARBAGE_ARGS`.
    #[error("call header: {error}")]
    Truncated {
        /// Of the call.
        xid: u32,
        /// What is wrong.
        error: DecodeError,
    },
}

impl<'a> Call<'a> {
    /// Decodes the header at the front of a record; the procedure's arguments follow it.
    ///
    /// # Errors
    /// [`CallError`], which tells how to answer.
    pub fn decode(record: &'a [u8]) -> Result<(Self, &'a [u8]), CallError> {
        let not_a_call = |_| CallError::NotACall;
        let (rest, xid) = field::<u32>("xid", record).map_err(not_a_call)?;
        let (rest, message_type) = field::<u32>("mtype", rest).map_err(not_a_call)?;
        if message_type != CALL {
            return Err(CallError::NotACall);
        }
        let truncated = |error| CallError::Truncated {
            xid,
            error: at(record, error),
        };
        let (rest, version) = field::<u32>("rpcvers", rest).map_err(truncated)?;
        if version != RPC_VERSION {
            return Err(CallError::RpcMismatch { xid, version });
        }
        let (rest, program) = field("prog", rest).map_err(truncated)?;
        let (rest, version) = field("vers", rest).map_err(truncated)?;
        let (rest, procedure) = field("proc", rest).map_err(truncated)?;
        let bad_credential = |error| CallError::BadCredential {
            xid,
            error: at(record, error),
        };
        let (rest, credential) = field("cred", rest).map_err(bad_credential)?;
        let (rest, verifier) = field("verf", rest).map_err(bad_credential)?;
        Ok((
            Self {
                xid,
                program,
                version,
                procedure,
                credential,
                verifier,
            },
            rest,
        ))
    }
}

impl<W: Write> Pack<W> for Call<'_> {
    fn pack(&self, out: &mut W) -> xdr_codec::Result<usize> {
        let mut length = 0;
        for word in [
            self.xid,
            CALL,
            RPC_VERSION,
            self.program,
            self.version,
            self.procedure,
        ] {
            length += word.pack(out)?;
        }
        Ok(length + self.credential.pack(out)? + self.verifier.pack(out)?)
    }
}
