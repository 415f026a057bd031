//! Compounds of a lane: one slot of a session.

use anyhow::{Context, Result, bail, ensure};
use localefs_protocol::nfs4::ops::SequenceArgs;
use localefs_protocol::nfs4::{
    CompoundHeader, CompoundResult, MINOR_VERSION, NFS_PROGRAM, NFS_V4, NFSPROC4_COMPOUND,
    NfsArgop4, NfsResop4, Nfsstat4, OpInfo, OpNum, Sessionid4,
};
use localefs_protocol::rpc::ReplyHeader;
use localefs_protocol::xdr::{Pack, decode};

use super::driver::Lane;
use crate::client::{Credential, Session, call_record};

/// The operations of a compound, as they are appended to its message.
#[derive(Debug)]
pub struct Operations<'a> {
    message: &'a mut Vec<u8>,
    count: u32,
}

impl Operations<'_> {
    /// Appends an operation.
    pub fn put(&mut self, operation: &NfsArgop4<'_>) {
        operation
            .pack(self.message)
            .expect("memory takes everything");
        self.count += 1;
    }

    /// Appends an operation that is encoded already.
    pub fn put_encoded(&mut self, encoded: &[u8]) {
        self.message.extend_from_slice(encoded);
        self.count += 1;
    }

    /// The message, for what comes in pieces.
    pub fn message(&mut self) -> &mut Vec<u8> {
        self.message
    }
}

/// The results of a compound in order.
#[derive(Debug)]
pub struct Results<'a> {
    status: Nfsstat4,
    left: u32,
    rest: &'a [u8],
}

impl<'a> Results<'a> {
    /// The next result.
    ///
    /// # Errors
    /// If there is none, or it can't be decoded.
    pub fn next(&mut self) -> Result<NfsResop4<'a>> {
        ensure!(
            self.left > 0,
            "a result is missing; the compound ended {:?}",
            self.status
        );
        self.left -= 1;
        let (result, rest) = decode(self.rest)?;
        self.rest = rest;
        Ok(result)
    }

    /// The next result, which must be of this operation, and NFS4_OK.
    ///
    /// # Errors
    /// If it is not.
    pub fn ok(&mut self, number: OpNum) -> Result<NfsResop4<'a>> {
        let result = self.next()?;
        ensure!(
            result.number() == number,
            "{:?} is answered in its place",
            result.number()
        );
        let status = result.status();
        if status != Nfsstat4::NFS4_OK {
            let name = OpInfo::of(number).map_or("?", |info| info.name);
            bail!("{name} is answered {status:?}");
        }
        Ok(result)
    }

    fn end(&self) -> Result<()> {
        ensure!(self.left == 0, "{} results too many", self.left);
        Ok(())
    }
}

/// What a lane does.
pub trait Work {
    /// Appends the operations of the next compound. `false` if there is nothing left to do.
    fn ask(&mut self, operations: &mut Operations<'_>) -> bool;

    /// Takes their results, and gives how many operations of the work have ended with them; 0 in
    /// the middle of one.
    ///
    /// # Errors
    /// If something else is answered than it has to be.
    fn take(&mut self, results: &mut Results<'_>) -> Result<u64>;

    /// Looks, after all, whether the server has what it was given.
    ///
    /// # Errors
    /// If it has not.
    fn verify(&mut self, _session: &mut Session) -> Result<()> {
        Ok(())
    }
}

/// A slot of a session, and what is done with it.
pub struct Slot {
    session: Sessionid4,
    slot: u32,
    highest: u32,
    sequence: u32,
    /// The message up to the operations, but for the transaction id.
    head: Vec<u8>,
    /// The work.
    pub work: Box<dyn Work>,
}

/// Octets of a reply before COMPOUND's own (RFC 5531 §9), with an AUTH_NONE verifier.
const REPLY_HEADER: usize = 24;

impl Slot {
    /// Slot `slot` of `session`, by the session's own user.
    #[must_use]
    pub fn new(session: &Session, slot: u32, work: Box<dyn Work>) -> Self {
        let highest = u32::try_from(session.slots.len()).unwrap_or(u32::MAX) - 1;
        Self {
            session: session.id,
            slot,
            highest,
            sequence: session.slots.get(slot as usize).copied().unwrap_or(1),
            head: head(&session.credential),
            work,
        }
    }

    /// Slot and sequence id of its next request.
    #[must_use]
    pub fn sequence(&self) -> (u32, u32) {
        (self.slot, self.sequence)
    }
}

fn head(credential: &Credential) -> Vec<u8> {
    let header = CompoundHeader {
        tag: b"".into(),
        minorversion: MINOR_VERSION,
        numops: 0,
    };
    let mut arguments = Vec::new();
    header
        .pack(&mut arguments)
        .expect("memory takes everything");
    let procedure = (NFS_PROGRAM, NFS_V4, NFSPROC4_COMPOUND);
    call_record(0, procedure, credential, &arguments)
}

impl Lane for Slot {
    fn call(&mut self, xid: u32, message: &mut Vec<u8>) -> Result<bool> {
        let begin = message.len();
        message.extend_from_slice(&self.head);
        message[begin..begin + 4].copy_from_slice(&xid.to_be_bytes());
        let count = message.len() - 4;
        let mut operations = Operations { message, count: 0 };
        operations.put(&NfsArgop4::Sequence(SequenceArgs {
            sa_sessionid: self.session,
            sa_sequenceid: self.sequence,
            sa_slotid: self.slot,
            sa_highest_slotid: self.highest,
            sa_cachethis: false,
        }));
        let more = self.work.ask(&mut operations);
        let numops = operations.count;
        message[count..count + 4].copy_from_slice(&numops.to_be_bytes());
        Ok(more)
    }

    fn reply(&mut self, message: &[u8]) -> Result<u64> {
        let ((_, header), body) = decode::<(u32, ReplyHeader)>(message)?;
        ensure!(header == ReplyHeader::Success, "{header:?}");
        debug_assert_eq!(message.len() - body.len(), REPLY_HEADER);
        let (head, rest) = decode::<CompoundResult<'_>>(body)?;
        let mut results = Results {
            status: head.status,
            left: head.numres,
            rest,
        };
        let NfsResop4::Sequence(Ok(sequence)) = results.ok(OpNum::OP_SEQUENCE)? else {
            bail!("no SEQUENCE");
        };
        ensure!(
            (sequence.sr_slotid, sequence.sr_sequenceid) == (self.slot, self.sequence)
                && sequence.sr_sessionid == self.session,
            "another slot is answered"
        );
        self.sequence = self.sequence.wrapping_add(1);
        let ended = self.work.take(&mut results).context("a wrong reply")?;
        results.end()?;
        Ok(ended)
    }
}
