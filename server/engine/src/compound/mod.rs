//! A COMPOUND on its way through its operations (RFC 8881 §2.10.6, §16.2).
//!
//! It is a value: where an operation is likely to block, the caller takes it to a thread that may,
//! and it goes on at that operation.

mod run;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use localefs_protocol::nfs4::{Nfsstat4, OpNum, Stateid4};
use localefs_protocol::record::MARK_LENGTH;
use localefs_protocol::xdr::{Encoder, Pack};
use localefs_vfs::{Attributes, FileSystem, Identity, Node};

pub use self::run::uncached_reply;
use crate::errors::Failure;
use crate::faults::Plight;
use crate::rpc::Caller;
use crate::server::{Connection, Server};
use crate::state::{Client, Millis, Session, SlotHold};

/// A filehandle of the compound and the stateid that goes with it.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The object.
    pub node: Option<Arc<Node>>,
    /// What the last operation that returned a stateid returned (RFC 8881 §16.2.3.1.2).
    pub stateid: Option<Stateid4>,
}

/// A COMPOUND being executed.
#[derive(Debug)]
pub struct Compound {
    pub(crate) server: Arc<Server>,
    pub(crate) connection: Arc<Connection>,
    pub(crate) caller: Caller,
    pub(crate) now: Millis,
    xid: u32,
    record: Bytes,
    /// Where in the record the next operation begins.
    cursor: usize,
    tag: Range<usize>,
    minorversion: u32,
    numops: u32,
    /// Operations that have a result.
    pub(crate) done: u32,
    pub(crate) reply: Encoder,
    /// Longest reply, and what is said of a longer one.
    reply_limit: (usize, Nfsstat4),
    cachethis: bool,
    pub(crate) current: Place,
    /// What the operations before this one have read of the current filehandle's object, if none
    /// of them can have changed it: who asks for attributes after LOOKUP, OPEN or ACCESS gets them
    /// without another look.
    observed: Option<Attributes>,
    pub(crate) saved: Place,
    pub(crate) slot: Option<SlotHold>,
    pub(crate) faults: Option<Box<Plight>>,
}

impl Compound {
    /// Octets of the request's RPC message.
    pub(crate) fn request_length(&self) -> usize {
        self.record.len()
    }

    /// Octets of the reply's RPC message so far.
    pub(crate) fn reply_length(&self) -> usize {
        self.reply.len() - MARK_LENGTH
    }

    /// The operations that have no result yet, not decoded.
    pub(crate) fn following(&self) -> &[u8] {
        self.record.get(self.cursor..).unwrap_or_default()
    }

    /// Octets that the reply may still grow by.
    pub(crate) fn reply_room(&self) -> usize {
        self.reply_limit.0.saturating_sub(self.reply_length())
    }

    /// What is answered where the reply would grow by more.
    pub(crate) fn reply_too_big(&self) -> Nfsstat4 {
        self.reply_limit.1
    }

    /// Whether this operation is the compound's last.
    pub(crate) fn is_last(&self) -> bool {
        self.done + 1 >= self.numops
    }

    /// Operations in the request.
    pub(crate) fn operations(&self) -> u32 {
        self.numops
    }

    /// The file system that is served.
    pub(crate) fn fs(&self) -> &Arc<FileSystem> {
        &self.server.fs
    }

    /// By whose rights operations run.
    pub(crate) fn who(&self) -> &Identity {
        &self.caller.identity
    }

    /// The current filehandle's object.
    pub(crate) fn node(&self) -> Result<Arc<Node>, Nfsstat4> {
        self.current
            .node
            .clone()
            .ok_or(Nfsstat4::NFS4ERR_NOFILEHANDLE)
    }

    /// The attributes of the current filehandle's object.
    pub(crate) fn attributes(&mut self) -> Result<Attributes, Failure> {
        if let Some(observed) = &self.observed {
            return Ok(observed.clone());
        }
        let attributes = self.fs().attributes(&*self.node()?)?;
        if !self.is_last() {
            self.observed = Some(attributes.clone());
        }
        Ok(attributes)
    }

    /// The session of the compound.
    pub(crate) fn session(&self) -> Result<&Arc<Session>, Nfsstat4> {
        self.slot
            .as_ref()
            .map(SlotHold::session)
            .ok_or(Nfsstat4::NFS4ERR_OP_NOT_IN_SESSION)
    }

    /// The client whose session this is.
    pub(crate) fn client(&self) -> Result<Arc<Client>, Nfsstat4> {
        self.session().map(|session| Arc::clone(&session.client))
    }

    /// Makes `node` the current filehandle; it comes without a stateid.
    pub(crate) fn go_to(&mut self, node: Arc<Node>) {
        self.current = Place {
            node: Some(node),
            stateid: None,
        };
        self.observed = None;
    }

    /// [`Compound::go_to`] an object whose attributes this operation has read.
    pub(crate) fn go_to_observed(&mut self, node: Arc<Node>, attributes: Attributes) {
        self.go_to(node);
        self.observed = Some(attributes);
    }

    /// Adds the result of an operation up to its status.
    pub(crate) fn put_status(&mut self, number: OpNum, status: Nfsstat4) {
        self.reply.put(&number);
        self.reply.put(&status);
    }

    /// Adds the result of an operation that is a status, with data if that is NFS4_OK.
    pub(crate) fn put_result<T: Pack<Encoder>>(
        &mut self,
        number: OpNum,
        result: Result<T, Failure>,
    ) -> Result<(), Failure> {
        match result {
            Ok(value) => {
                self.put_status(number, Nfsstat4::NFS4_OK);
                self.reply.put(&value);
                Ok(())
            }
            Err(Failure::Status(status)) => {
                self.put_status(number, status);
                Err(Failure::Status(status))
            }
            Err(Failure::TooManyFiles) => {
                self.server.file_system.expel_longest_expired();
                self.put_result::<T>(number, Err(Nfsstat4::NFS4ERR_DELAY.into()))
            }
            Err(Failure::WouldBlock) => Err(Failure::WouldBlock),
        }
    }
}
