//! SEQUENCE (RFC 8881 §18.46).

use std::sync::Arc;

use bytes::Bytes;
use localefs_protocol::nfs4::ops::{SequenceArgs, SequenceResOk, SequenceStatusFlags};
use localefs_protocol::nfs4::{Nfsstat4, OpNum};

use crate::compound::{Compound, uncached_reply};
use crate::state::{Begin, CachedReply, Session};

/// Octets of SEQUENCE's own result.
const RESULT: usize = 8 + 36;

/// What becomes of the compound.
pub enum Sequenced {
    /// Its result is in the reply; the other operations follow.
    Execute,
    /// It was executed before; these were its results.
    Replay(Bytes),
    /// It is not executed.
    Failed(Nfsstat4),
}

/// Checks in this order: the session, the request's size, the slot, the reply's size. Nothing
/// but a request that is going to be executed changes the slot.
pub fn sequence(compound: &mut Compound, arguments: &SequenceArgs) -> Sequenced {
    let session = compound.server.sessions.get(&arguments.sa_sessionid);
    let Some(session) = session.map(|session| Arc::clone(&session)) else {
        return Sequenced::Failed(Nfsstat4::NFS4ERR_BADSESSION);
    };
    if let Err(status) = check_request(compound, arguments, &session) {
        return Sequenced::Failed(status);
    }
    let fingerprint = compound.fingerprint();
    let (slotid, seqid) = (arguments.sa_slotid, arguments.sa_sequenceid);
    if session.judge(slotid, seqid, fingerprint) == Begin::Execute
        && let Err(status) = check_reply(compound, arguments, &session)
    {
        return Sequenced::Failed(status);
    }
    match session.begin(slotid, seqid, fingerprint) {
        Ok(slot) => {
            session.client.renew(compound.now);
            session.associate(compound.connection.id);
            compound.enter(slot, arguments.sa_cachethis);
            put_result(compound, arguments, &session);
            Sequenced::Execute
        }
        Err(Begin::Replay(reply)) => {
            session.client.renew(compound.now);
            session.associate(compound.connection.id);
            match reply {
                CachedReply::Whole(results) => Sequenced::Replay(results),
                CachedReply::Uncached => {
                    put_result(compound, arguments, &session);
                    Sequenced::Replay(uncached_reply(compound))
                }
            }
        }
        Err(Begin::InProgress) => Sequenced::Failed(Nfsstat4::NFS4ERR_DELAY),
        Err(Begin::FalseRetry) => Sequenced::Failed(Nfsstat4::NFS4ERR_SEQ_FALSE_RETRY),
        Err(Begin::Misordered | Begin::Execute) => {
            Sequenced::Failed(Nfsstat4::NFS4ERR_SEQ_MISORDERED)
        }
    }
}

fn check_request(
    compound: &Compound,
    arguments: &SequenceArgs,
    session: &Session,
) -> Result<(), Nfsstat4> {
    let channel = &session.channel;
    if compound.operations() > channel.max_operations {
        return Err(Nfsstat4::NFS4ERR_TOO_MANY_OPS);
    }
    if compound.request_length() > channel.max_request {
        return Err(Nfsstat4::NFS4ERR_REQ_TOO_BIG);
    }
    if arguments.sa_slotid > session.highest_slotid() {
        return Err(Nfsstat4::NFS4ERR_BADSLOT);
    }
    if arguments.sa_highest_slotid > session.highest_slotid() {
        return Err(Nfsstat4::NFS4ERR_BAD_HIGH_SLOT);
    }
    Ok(())
}

/// A reply that can't even hold SEQUENCE's own result is refused before anything is done.
fn check_reply(
    compound: &Compound,
    arguments: &SequenceArgs,
    session: &Session,
) -> Result<(), Nfsstat4> {
    let least = compound.reply_length() + RESULT;
    if least > session.channel.max_response {
        return Err(Nfsstat4::NFS4ERR_REP_TOO_BIG);
    }
    if arguments.sa_cachethis && least > session.channel.max_response_cached {
        return Err(Nfsstat4::NFS4ERR_REP_TOO_BIG_TO_CACHE);
    }
    Ok(())
}

fn put_result(compound: &mut Compound, arguments: &SequenceArgs, session: &Session) {
    compound.put_status(OpNum::OP_SEQUENCE, Nfsstat4::NFS4_OK);
    compound.reply.put(&SequenceResOk {
        sr_sessionid: session.id,
        sr_sequenceid: arguments.sa_sequenceid,
        sr_slotid: arguments.sa_slotid,
        sr_highest_slotid: session.highest_slotid(),
        sr_target_highest_slotid: session.highest_slotid(),
        // There are no callbacks to be down, and no state is revoked without its client.
        sr_status_flags: SequenceStatusFlags::default(),
    });
}
