//! COMPOUND: how one is put together and sent, and what it must answer.

use std::io;

use localefs_protocol::nfs4::{
    CompoundHeader, MINOR_VERSION, NFS_PROGRAM, NFS_V4, NFSPROC4_COMPOUND, NfsArgop4, Nfsstat4,
    OpInfo, OpNum,
};
use localefs_protocol::xdr::Pack;

use super::connection::{Connection, Credential, call_record, packed};
use super::reply::Reply;
use super::session::Session;

/// Where a compound goes.
#[derive(Debug)]
pub(super) enum Target<'s> {
    /// Nowhere: it is only encoded.
    Nowhere,
    /// A connection.
    Connection(&'s mut Connection),
    /// A session, which puts SEQUENCE before it.
    Session(&'s mut Session),
}

/// Operations to be sent as one COMPOUND.
///
/// Every operation has a method that appends it; [`Compound::op`] appends any, and
/// [`Compound::raw`] any octets. In a session, SEQUENCE comes first by itself, so that it has
/// index 0 in the reply.
#[derive(Debug)]
#[must_use = "nothing is sent before `send`, `ok` or `expect`"]
pub struct Compound<'s> {
    target: Target<'s>,
    credential: Credential,
    tag: Vec<u8>,
    minor_version: u32,
    slot: u32,
    cached: bool,
    encoded: Vec<u8>,
    numbers: Vec<OpNum>,
    count: Option<u32>,
}

impl<'s> Compound<'s> {
    pub(super) fn new(target: Target<'s>, credential: Credential) -> Self {
        Self {
            target,
            credential,
            tag: Vec::new(),
            minor_version: MINOR_VERSION,
            slot: 0,
            cached: false,
            encoded: Vec::new(),
            numbers: Vec::new(),
            count: None,
        }
    }

    /// A compound that is only encoded.
    pub fn detached() -> Compound<'static> {
        Compound::new(Target::Nowhere, Credential::ROOT)
    }

    /// Who sends it.
    pub fn credential(mut self, credential: Credential) -> Self {
        self.credential = credential;
        self
    }

    /// The tag, which the reply must repeat.
    pub fn tag(mut self, tag: &[u8]) -> Self {
        tag.clone_into(&mut self.tag);
        self
    }

    /// Another minor version than 1.
    pub fn minor_version(mut self, version: u32) -> Self {
        self.minor_version = version;
        self
    }

    /// Another slot of the session than 0.
    pub fn slot(mut self, slot: u32) -> Self {
        self.slot = slot;
        self
    }

    /// Asks the server to keep the reply.
    pub fn cached(mut self) -> Self {
        self.cached = true;
        self
    }

    /// Announces `count` operations, whatever follows.
    pub fn count(mut self, count: u32) -> Self {
        self.count = Some(count);
        self
    }

    /// Appends an operation.
    pub fn op(mut self, op: &NfsArgop4<'_>) -> Self {
        self.numbers.push(op.number());
        op.pack(&mut self.encoded).expect("memory takes everything");
        self
    }

    /// Appends an operation by its number, with any octets for arguments.
    pub fn raw(mut self, number: u32, arguments: &[u8]) -> Self {
        self.numbers.push(OpNum(number));
        self.encoded.extend_from_slice(&number.to_be_bytes());
        self.encoded.extend_from_slice(arguments);
        self
    }

    /// Appends the operations of another compound.
    pub fn append(mut self, other: &Compound<'_>) -> Self {
        self.numbers.extend_from_slice(&other.numbers);
        self.encoded.extend_from_slice(&other.encoded);
        self
    }

    /// The operations appended so far, encoded.
    #[must_use]
    pub fn operations(&self) -> &[u8] {
        &self.encoded
    }

    /// `COMPOUND4args`, with SEQUENCE if it is a session's.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let sequence = match &self.target {
            Target::Session(session) => packed(&NfsArgop4::Sequence(
                session.sequence(self.slot, self.cached),
            )),
            _ => Vec::new(),
        };
        let present = self.numbers.len() + usize::from(!sequence.is_empty());
        let numops = self.count.unwrap_or_else(|| count_of(present));
        let mut arguments = packed(&CompoundHeader {
            tag: self.tag.as_slice().into(),
            minorversion: self.minor_version,
            numops,
        });
        arguments.extend_from_slice(&sequence);
        arguments.extend_from_slice(&self.encoded);
        arguments
    }

    /// The record of the call with transaction id `xid`.
    #[must_use]
    pub fn record(&self, xid: u32) -> Vec<u8> {
        let procedure = (NFS_PROGRAM, NFS_V4, NFSPROC4_COMPOUND);
        call_record(xid, procedure, &self.credential, &self.encode())
    }

    /// Sends it without waiting; [`Connection::compound_reply`] takes the reply. In a session, the
    /// slot counts as used.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn post(self) -> io::Result<u32> {
        let slot = self.slot;
        match self.deliver()? {
            (xid, Target::Session(session)) => {
                session.used(slot);
                Ok(xid)
            }
            (xid, _) => Ok(xid),
        }
    }

    /// Sends it and waits for the reply.
    ///
    /// # Errors
    /// Those of the socket; `InvalidData` if RPC refuses the call or the reply can't be decoded.
    pub fn try_send(self) -> io::Result<Reply> {
        let slot = self.slot;
        match self.deliver()? {
            (xid, Target::Session(session)) => {
                let reply = session.connection.compound_reply(xid)?;
                // Only a SEQUENCE that succeeds moves the slot on (RFC 8881 §18.46.3).
                if reply
                    .statuses()
                    .first()
                    .is_some_and(|first| first.1 == Nfsstat4::NFS4_OK)
                {
                    session.used(slot);
                }
                Ok(reply)
            }
            (xid, Target::Connection(connection)) => connection.compound_reply(xid),
            (_, Target::Nowhere) => unreachable!("it was not delivered"),
        }
    }

    fn deliver(self) -> io::Result<(u32, Target<'s>)> {
        let xid = match &self.target {
            Target::Session(session) => session.connection.next_xid(),
            Target::Connection(connection) => connection.next_xid(),
            Target::Nowhere => return Err(io::ErrorKind::NotConnected.into()),
        };
        let record = self.record(xid);
        let mut target = self.target;
        let connection = match &mut target {
            Target::Session(session) => &mut session.connection,
            Target::Connection(connection) => connection,
            Target::Nowhere => return Err(io::ErrorKind::NotConnected.into()),
        };
        let xid = connection.xid();
        connection.send_record(&record)?;
        Ok((xid, target))
    }

    /// Sends it and returns the reply, whatever its status.
    #[track_caller]
    pub fn send(self) -> Reply {
        let sent = self.to_string();
        match self.try_send() {
            Ok(reply) => reply,
            Err(error) => panic!("{sent}: {error}"),
        }
    }

    /// Sends it; all operations must succeed.
    #[track_caller]
    pub fn ok(self) -> Reply {
        self.expect(Nfsstat4::NFS4_OK)
    }

    /// Sends it; all operations but the last must succeed, and the last must end with `status`.
    #[track_caller]
    pub fn expect(self, status: Nfsstat4) -> Reply {
        let in_session = matches!(self.target, Target::Session(_));
        let last = (self.numbers.len() + usize::from(in_session)).saturating_sub(1);
        self.expect_status(last, status)
    }

    /// Sends it; the operation with this index in the reply must end with `status`, and all
    /// before it must succeed.
    #[track_caller]
    pub fn expect_status(self, index: usize, status: Nfsstat4) -> Reply {
        let sent = self.to_string();
        let reply = self.send();
        let ended_there = reply.len() == index + 1 || (reply.is_empty() && sent.is_empty());
        assert!(
            ended_there && reply.status() == status && reply.trailing() == 0,
            "{sent} was to end with {status:?} at operation {index}, but: {reply:?}"
        );
        reply
    }
}

impl std::fmt::Display for Compound<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if matches!(self.target, Target::Session(_)) {
            f.write_str("SEQUENCE ")?;
        }
        for (index, number) in self.numbers.iter().enumerate() {
            if index > 20 {
                return f.write_str("…");
            }
            match OpInfo::of(*number) {
                Some(info) => write!(f, "{} ", info.name)?,
                None => write!(f, "{number:?} ")?,
            }
        }
        Ok(())
    }
}

fn count_of(length: usize) -> u32 {
    u32::try_from(length).expect("so many operations are not sent")
}
