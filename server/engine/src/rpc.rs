//! From a record to a compound: the headers of ONC-RPC (RFC 5531) and of COMPOUND.

use std::sync::Arc;

use bytes::Bytes;
use localefs_protocol::nfs4::{NFS_PROGRAM, NFS_V4, NFSPROC4_COMPOUND, NFSPROC4_NULL};
use localefs_protocol::rpc::{
    AuthFlavor, AuthStat, AuthSys, Call, CallError, OpaqueAuth, ReplyHeader,
};
use localefs_vfs::Identity;

use crate::compound::Compound;
use crate::faults::Plight;
use crate::reply::Reply;
use crate::server::{Connection, Received, Server};
use crate::state::{Millis, Principal};

/// The asserted caller. Nobody checks it.
#[derive(Clone, Debug)]
pub struct Caller {
    /// By whose rights operations run.
    pub identity: Identity,
    /// The asserted host name.
    pub machinename: Vec<u8>,
}

impl Caller {
    /// Whose a client record is.
    pub fn principal(&self) -> Principal {
        Principal {
            uid: self.identity.uid,
            machinename: self.machinename.clone(),
        }
    }
}

/// Executes the call in `record` as far as it goes without blocking.
pub fn receive(
    server: &Arc<Server>,
    record: &Bytes,
    connection: &Arc<Connection>,
    now: Millis,
    faults: Option<Box<Plight>>,
) -> Received {
    let (call, arguments) = match Call::decode(record) {
        Ok(decoded) => decoded,
        Err(error) => return refuse(error),
    };
    let xid = call.xid;
    let header = match (call.program, call.version, call.procedure) {
        (NFS_PROGRAM, NFS_V4, NFSPROC4_NULL) => null(&call),
        (NFS_PROGRAM, NFS_V4, NFSPROC4_COMPOUND) => match caller(&call.credential) {
            Ok(caller) => {
                let offset = record.len() - arguments.len();
                return match Compound::decode(
                    server,
                    connection,
                    caller,
                    xid,
                    (record, offset),
                    now,
                ) {
                    Some(compound) => compound.under(faults).start(),
                    None => Received::Reply(Reply::header(xid, ReplyHeader::GarbageArguments)),
                };
            }
            Err(why) => ReplyHeader::AuthError(why),
        },
        (NFS_PROGRAM, NFS_V4, _) => ReplyHeader::ProcedureUnavailable,
        (NFS_PROGRAM, ..) => ReplyHeader::ProgramMismatch {
            low: NFS_V4,
            high: NFS_V4,
        },
        _ => ReplyHeader::ProgramUnavailable,
    };
    Received::Reply(Reply::header(xid, header))
}

fn refuse(error: CallError) -> Received {
    let (xid, header) = match error {
        CallError::NotACall => return Received::Close,
        CallError::RpcMismatch { xid, .. } => (xid, ReplyHeader::rpc_mismatch()),
        CallError::BadCredential { xid, .. } => {
            (xid, ReplyHeader::AuthError(AuthStat::AUTH_BADCRED))
        }
        CallError::Truncated { xid, .. } => (xid, ReplyHeader::GarbageArguments),
    };
    Received::Reply(Reply::header(xid, header))
}

/// NULL takes any credential that isn't a security context to be established: there are none.
fn null(call: &Call<'_>) -> ReplyHeader {
    match call.credential.flavor {
        AuthFlavor::AUTH_NONE => ReplyHeader::Success,
        AuthFlavor::AUTH_SYS => match caller(&call.credential) {
            Ok(_) => ReplyHeader::Success,
            Err(why) => ReplyHeader::AuthError(why),
        },
        _ => ReplyHeader::AuthError(AuthStat::AUTH_REJECTEDCRED),
    }
}

/// Believes AUTH_SYS, as EFS does. AUTH_NONE says too little for anything but NULL.
fn caller(credential: &OpaqueAuth<'_>) -> Result<Caller, AuthStat> {
    match credential.flavor {
        AuthFlavor::AUTH_SYS => {
            let sys = AuthSys::from_body(&credential.body).map_err(|_| AuthStat::AUTH_BADCRED)?;
            // The highest number is nobody's: chown(2) takes it for "leave as it is".
            if sys.uid == u32::MAX || sys.gid == u32::MAX {
                return Err(AuthStat::AUTH_BADCRED);
            }
            let identity = Identity::new(sys.uid, sys.gid, sys.gids.iter().copied());
            Ok(Caller {
                identity,
                machinename: sys.machinename.to_vec(),
            })
        }
        AuthFlavor::AUTH_NONE => Err(AuthStat::AUTH_TOOWEAK),
        _ => Err(AuthStat::AUTH_REJECTEDCRED),
    }
}
