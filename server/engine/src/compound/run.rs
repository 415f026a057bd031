//! How a compound goes: decoding, the order of operations, the limits of its session, its end.

use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use localefs_protocol::nfs4::{
    Bitmap4, CompoundHeader, MAX_TAG, MINOR_VERSION, NfsArgop4, Nfsstat4, OpInfo, OpNum,
};
use localefs_protocol::record::MARK_LENGTH;
use localefs_protocol::rpc::ReplyHeader;
use localefs_protocol::xdr::{Opaque, decode};
use localefs_vfs::{Blocking, Identity, Waiting};

use super::{Compound, Place};
use crate::errors::Failure;
use crate::faults::{self, Plight};
use crate::limits;
use crate::ops;
use crate::reply::{self, Reply, SUCCESS_HEADER};
use crate::rpc::Caller;
use crate::server::{Connection, Pending, Received, Server};
use crate::state::{CachedReply, Millis, SlotHold};

/// Where the compound's status stands in the reply, behind the record mark.
const STATUS_OFFSET: usize = MARK_LENGTH + SUCCESS_HEADER;

/// How much of a request, at its start and at its end, tells it from another one of the same
/// length on the same slot. Data to be written is not all looked at: it would cost as much as
/// writing it.
const FINGERPRINTED: usize = 2048;

/// Octets of SEQUENCE with its arguments (RFC 8881 §18.46.1).
const SEQUENCE: usize = 4 + 16 + 4 * 4;

/// How one operation ended.
enum Step {
    Ok,
    Failed(Nfsstat4),
    WouldBlock,
    /// The reply is another one's.
    Replay(Bytes),
}

impl Compound {
    /// Decodes the frame of the compound at `offset` in a record; `None` if there is none.
    pub fn decode(
        server: &Arc<Server>,
        connection: &Arc<Connection>,
        caller: Caller,
        xid: u32,
        (record, offset): (&Bytes, usize),
        now: Millis,
    ) -> Option<Box<Self>> {
        let input = record.get(offset..)?;
        let (header, operations) = decode::<CompoundHeader<'_>>(input).ok()?;
        let tag_start = offset + 4;
        Some(Box::new(Self {
            server: Arc::clone(server),
            connection: Arc::clone(connection),
            caller,
            now,
            xid,
            cursor: record.len() - operations.len(),
            tag: tag_start..tag_start + header.tag.len(),
            minorversion: header.minorversion,
            numops: header.numops,
            record: record.clone(),
            done: 0,
            reply: reply::start(xid, ReplyHeader::Success),
            reply_limit: (limits::MAX_MESSAGE as usize, Nfsstat4::NFS4ERR_REP_TOO_BIG),
            cachethis: false,
            current: Place::default(),
            observed: None,
            saved: Place::default(),
            slot: None,
            faults: None,
        }))
    }

    /// The same, suffering these faults.
    pub fn under(mut self: Box<Self>, faults: Option<Box<Plight>>) -> Box<Self> {
        self.faults = faults;
        self
    }

    /// Executes what hardly ever blocks.
    pub fn start(mut self: Box<Self>) -> Received {
        let tag = self.record.slice(self.tag.clone());
        self.reply.put(&Nfsstat4::NFS4_OK);
        self.reply.put(&Opaque::<{ MAX_TAG }>::from(&tag[..]));
        self.reply.put(&0u32);
        if self.minorversion != MINOR_VERSION {
            return Received::Reply(self.close(Nfsstat4::NFS4ERR_MINOR_VERS_MISMATCH));
        }
        self.run(Blocking::Never)
    }

    /// Executes the rest, blocking where it must.
    pub fn finish(self: Box<Self>) -> Reply {
        let xid = self.xid;
        match self.run(Blocking::Allowed) {
            Received::Reply(reply) => reply,
            // Nothing is left undone where blocking is allowed.
            Received::Pending(_) | Received::Delayed(..) | Received::Close => {
                Reply::header(xid, ReplyHeader::SystemError)
            }
        }
    }

    fn run(mut self: Box<Self>, blocking: Blocking) -> Received {
        let span = tracing::debug_span!("compound", xid = self.xid, client = %self.connection.peer);
        let _entered = span.enter();
        let mut status = Nfsstat4::NFS4_OK;
        while self.done < self.numops {
            match self.step_caught(blocking) {
                Step::Ok => {
                    self.done += 1;
                    if self.done == 1
                        && let Some(delay) = faults::delay(&self)
                    {
                        return Received::Delayed(Pending(self), delay);
                    }
                }
                Step::Failed(failed) => {
                    self.done += 1;
                    status = failed;
                    break;
                }
                Step::WouldBlock => return Received::Pending(Pending(self)),
                Step::Replay(results) => {
                    return Received::Reply(Reply::of_results(self.xid, results));
                }
            }
        }
        Received::Reply(self.close(status))
    }

    /// One operation; a panic in it is this request's misfortune only.
    fn step_caught(&mut self, blocking: Blocking) -> Step {
        let mark = self.reply.mark();
        let number = self.next_number();
        let step = match catch_unwind(AssertUnwindSafe(|| self.step(blocking))) {
            Ok(step) => step,
            Err(_) => {
                tracing::error!(operation = ?number, "an operation panicked");
                self.reply.cut_back(mark);
                self.fail(
                    number.unwrap_or(OpNum::OP_ILLEGAL),
                    Nfsstat4::NFS4ERR_SERVERFAULT,
                )
            }
        };
        match (&step, number) {
            (Step::Ok, Some(number)) => self.server.counts.count(number, Nfsstat4::NFS4_OK),
            (Step::Failed(status), Some(number)) => self.server.counts.count(number, *status),
            _ => {}
        }
        step
    }

    fn step(&mut self, blocking: Blocking) -> Step {
        let record = self.record.clone();
        let input = record.get(self.cursor..).unwrap_or_default();
        let Ok((number, input)) = decode::<OpNum>(input) else {
            return self.fail(OpNum::OP_ILLEGAL, Nfsstat4::NFS4ERR_BADXDR);
        };
        let Some(info) = OpInfo::of(number) else {
            return self.fail(OpNum::OP_ILLEGAL, Nfsstat4::NFS4ERR_OP_ILLEGAL);
        };
        if let Err(status) = self.admit(info) {
            return self.fail(number, status);
        }
        let Ok((rest, arguments)) = NfsArgop4::unpack_args(number, input) else {
            tracing::debug!(operation = info.name, "arguments cannot be decoded");
            return self.fail(number, Nfsstat4::NFS4ERR_BADXDR);
        };
        if let NfsArgop4::Sequence(arguments) = &arguments {
            let cursor = record.len() - rest.len();
            return match ops::sequence::sequence(self, arguments) {
                ops::sequence::Sequenced::Execute => {
                    self.cursor = cursor;
                    Step::Ok
                }
                ops::sequence::Sequenced::Replay(results) => Step::Replay(results),
                ops::sequence::Sequenced::Failed(status) => self.fail(number, status),
            };
        }
        if let Some(status) = faults::error(self, &arguments) {
            return self.fail(number, status);
        }
        let _here = match blocking {
            Blocking::Allowed => None,
            Blocking::Never => match ops::waiting(self, &arguments) {
                Waiting::Never => None,
                Waiting::Seldom => match self.server.file_system.resources.in_place.begin() {
                    Some(here) => Some(here),
                    None => return Step::WouldBlock,
                },
                Waiting::Always => return Step::WouldBlock,
            },
        };
        if !matches!(
            number,
            OpNum::OP_ACCESS | OpNum::OP_GETATTR | OpNum::OP_GETFH
        ) {
            self.observed = None;
        }
        let mark = self.reply.mark();
        let status = match ops::execute(self, arguments, blocking) {
            Ok(()) => Nfsstat4::NFS4_OK,
            // Whoever answers for the lack of descriptors has put that into the result.
            Err(Failure::TooManyFiles) => Nfsstat4::NFS4ERR_DELAY,
            Err(Failure::WouldBlock) => {
                self.reply.cut_back(mark);
                return Step::WouldBlock;
            }
            Err(Failure::Status(status)) => status,
        };
        tracing::debug!(operation = info.name, ?status);
        let (limit, too_big) = self.reply_limit;
        if self.reply_length() > limit {
            self.reply.cut_back(mark);
            return self.fail(number, too_big);
        }
        self.cursor = record.len() - rest.len();
        if status == Nfsstat4::NFS4_OK {
            Step::Ok
        } else {
            Step::Failed(status)
        }
    }

    /// Whether an operation may stand where it stands, before its arguments are looked at.
    fn admit(&self, info: &OpInfo) -> Result<(), Nfsstat4> {
        let first = self.done == 0;
        if info.number == OpNum::OP_SEQUENCE {
            return if first {
                Ok(())
            } else {
                Err(Nfsstat4::NFS4ERR_SEQUENCE_POS)
            };
        }
        if first {
            if !info.flags.without_session {
                return Err(Nfsstat4::NFS4ERR_OP_NOT_IN_SESSION);
            }
            if self.numops > 1 {
                return Err(Nfsstat4::NFS4ERR_NOT_ONLY_OP);
            }
        } else if info.number == OpNum::OP_BIND_CONN_TO_SESSION {
            // It speaks of a connection that the session may not be used on yet (§18.34.3).
            return Err(Nfsstat4::NFS4ERR_NOT_ONLY_OP);
        }
        if !info.flags.supported {
            return Err(Nfsstat4::NFS4ERR_NOTSUPP);
        }
        let (limit, too_big) = self.reply_limit;
        if info.flags.modifies && self.reply_length() + info.max_reply > limit {
            return Err(too_big);
        }
        if info.flags.needs_filehandle && self.current.node.is_none() {
            return Err(Nfsstat4::NFS4ERR_NOFILEHANDLE);
        }
        Ok(())
    }

    /// Adds the result of an operation that failed without data.
    fn fail(&mut self, number: OpNum, status: Nfsstat4) -> Step {
        self.put_status(number, status);
        if number == OpNum::OP_SETATTR {
            self.reply.put(&Bitmap4::EMPTY);
        }
        Step::Failed(status)
    }

    /// Completes the reply, and the slot.
    fn close(mut self: Box<Self>, status: Nfsstat4) -> Reply {
        self.reply.overwrite_u32(STATUS_OFFSET, status.0);
        self.reply.overwrite_u32(self.count_offset(), self.done);
        let reply = Reply::finish(std::mem::take(&mut self.reply));
        if let Some(slot) = self.slot.take() {
            let Identity { uid, gid, .. } = self.caller.identity;
            slot.session().client.activity.count(uid, gid, self.done);
            slot.complete(self.to_cache(&reply), self.server.latest());
        }
        reply
    }

    /// What a retransmission of this request will be answered. SEQUENCE alone is always kept.
    fn to_cache(&self, reply: &Reply) -> CachedReply {
        let limit = match self.cachethis || self.done <= 1 {
            true => self.reply_limit.0,
            false => limits::MAX_UNASKED_CACHED_REPLY,
        };
        match reply.results(limit) {
            Some(results) => CachedReply::Whole(results),
            None => CachedReply::Uncached,
        }
    }

    /// Binds the compound to the slot that SEQUENCE got, and to its limits.
    pub(crate) fn enter(&mut self, slot: SlotHold, cachethis: bool) {
        let channel = slot.session().channel;
        self.cachethis = cachethis;
        self.reply_limit = if cachethis && channel.max_response_cached < channel.max_response {
            (
                channel.max_response_cached,
                Nfsstat4::NFS4ERR_REP_TOO_BIG_TO_CACHE,
            )
        } else {
            (channel.max_response, Nfsstat4::NFS4ERR_REP_TOO_BIG)
        };
        self.slot = Some(slot);
    }

    /// Tells requests apart that claim to be the same: by who asks, and for what. To be asked
    /// while SEQUENCE is the next operation.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        let Identity { uid, gid, groups } = &self.caller.identity;
        (uid, gid, groups.as_slice()).hash(&mut hasher);
        (self.minorversion, self.numops).hash(&mut hasher);
        self.record.get(self.tag.clone()).hash(&mut hasher);
        // SEQUENCE itself is left out: a client that encodes its request anew may say another
        // `sa_highest_slotid`, as Linux does.
        let body = self
            .record
            .get(self.cursor + SEQUENCE..)
            .unwrap_or_default();
        body.len().hash(&mut hasher);
        body.get(..FINGERPRINTED).unwrap_or(body).hash(&mut hasher);
        if let Some(last) = body.len().checked_sub(FINGERPRINTED) {
            body.get(last..).hash(&mut hasher);
        }
        hasher.finish()
    }

    fn next_number(&self) -> Option<OpNum> {
        let input = self.record.get(self.cursor..)?;
        decode::<OpNum>(input)
            .ok()
            .map(|(number, _)| number)
            .filter(|n| OpInfo::of(*n).is_some())
    }

    fn count_offset(&self) -> usize {
        STATUS_OFFSET + 8 + self.tag.len().next_multiple_of(4)
    }
}

/// The reply to a retransmission whose answer was not kept: the result of SEQUENCE again, and
/// NFS4ERR_RETRY_UNCACHED_REP for the operation after it (RFC 8881 §2.10.6.1.3).
pub fn uncached_reply(compound: &mut Compound) -> Bytes {
    let record = compound.record.clone();
    let after_sequence = record.get(compound.cursor..).unwrap_or_default();
    let second = decode::<NfsArgop4<'_>>(after_sequence)
        .ok()
        .and_then(|(_, rest)| decode::<OpNum>(rest).ok())
        .map_or(OpNum::OP_ILLEGAL, |(number, _)| number);
    let number = OpInfo::of(second).map_or(OpNum::OP_ILLEGAL, |info| info.number);
    let status = Nfsstat4::NFS4ERR_RETRY_UNCACHED_REP;
    compound.done += 1;
    let _failed = compound.fail(number, status);
    compound.done += 1;
    compound.reply.overwrite_u32(STATUS_OFFSET, status.0);
    compound
        .reply
        .overwrite_u32(compound.count_offset(), compound.done);
    compound.reply.to_bytes().slice(STATUS_OFFSET..)
}
