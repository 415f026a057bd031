//! Sessions: what was negotiated, and the slots (RFC 8881 §2.10).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use localefs_protocol::nfs4::ops::ChannelAttrs4;
use localefs_protocol::nfs4::{Nfsstat4, Sessionid4, Slotid4};

use super::budget::{Budget, Share};
use super::client::Client;
use super::clock::Millis;
use super::slot::{Begin, CachedReply, Slot};
use crate::limits;

/// The fore channel of a session, as negotiated. Sizes are in octets of whole RPC messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Longest request.
    pub max_request: usize,
    /// Longest reply.
    pub max_response: usize,
    /// Longest reply that is kept for a retransmission.
    pub max_response_cached: usize,
    /// Most operations of a compound.
    pub max_operations: u32,
    /// Slots.
    pub max_requests: u32,
}

/// Answers the channel attributes that a client asks for: nothing is raised, and what is above
/// the server's limits is lowered (RFC 8881 §18.36.3).
///
/// # Errors
/// NFS4ERR_TOOSMALL if not even a compound of SEQUENCE alone would fit, NFS4ERR_INVAL if no
/// operation or no slot is asked for.
pub fn negotiate(asked: &ChannelAttrs4) -> Result<(ChannelAttrs4, Channel), Nfsstat4> {
    if asked.ca_maxrequests == 0 || asked.ca_maxoperations == 0 {
        return Err(Nfsstat4::NFS4ERR_INVAL);
    }
    if asked.ca_maxrequestsize < limits::MIN_REQUEST
        || asked.ca_maxresponsesize < limits::MIN_RESPONSE
    {
        return Err(Nfsstat4::NFS4ERR_TOOSMALL);
    }
    let granted = ChannelAttrs4 {
        ca_headerpadsize: 0,
        ca_maxrequestsize: asked.ca_maxrequestsize.min(limits::MAX_MESSAGE),
        ca_maxresponsesize: asked.ca_maxresponsesize.min(limits::MAX_MESSAGE),
        ca_maxresponsesize_cached: asked
            .ca_maxresponsesize_cached
            .min(limits::MAX_CACHED_REPLY),
        ca_maxoperations: asked.ca_maxoperations.min(limits::MAX_OPERATIONS),
        ca_maxrequests: asked.ca_maxrequests.min(limits::MAX_SLOTS),
        // RDMA is not offered.
        ca_rdma_ird: Vec::new().into(),
    };
    let channel = Channel {
        max_request: granted.ca_maxrequestsize as usize,
        max_response: granted.ca_maxresponsesize as usize,
        max_response_cached: granted.ca_maxresponsesize_cached as usize,
        max_operations: granted.ca_maxoperations,
        max_requests: granted.ca_maxrequests,
    };
    Ok((granted, channel))
}

/// Takes the memory for the replies that a session may keep. The client gets fewer slots where it
/// runs short.
///
/// # Errors
/// NFS4ERR_DELAY if there is none left.
pub fn reserve(
    budget: &Arc<Budget>,
    granted: &mut ChannelAttrs4,
    channel: &mut Channel,
) -> Result<Share, Nfsstat4> {
    let each = size_of::<Slot>()
        + channel
            .max_response_cached
            .max(limits::MAX_UNASKED_CACHED_REPLY);
    let taken = budget.take(channel.max_requests, limits::MIN_SLOTS, each);
    let (slots, share) = taken.ok_or(Nfsstat4::NFS4ERR_DELAY)?;
    granted.ca_maxrequests = slots;
    channel.max_requests = slots;
    Ok(share)
}

/// Judges the back channel that a client offers, though nothing will ever be sent on it.
///
/// # Errors
/// NFS4ERR_TOOSMALL if no callback would fit.
pub fn check_back_channel(offered: &ChannelAttrs4) -> Result<(), Nfsstat4> {
    let (size, operations) = limits::MIN_BACK_CHANNEL;
    let fits = offered.ca_maxrequestsize >= size
        && offered.ca_maxresponsesize >= size
        && offered.ca_maxoperations >= operations;
    if fits {
        Ok(())
    } else {
        Err(Nfsstat4::NFS4ERR_TOOSMALL)
    }
}

/// A session of a client.
#[derive(Debug)]
pub struct Session {
    /// Its id.
    pub id: Sessionid4,
    /// Whose it is.
    pub client: Arc<Client>,
    /// What was negotiated.
    pub channel: Channel,
    inner: Mutex<Inner>,
    _replies: Share,
}

#[derive(Debug, Default)]
struct Inner {
    /// Slots up to the highest that was ever used.
    slots: Vec<Slot>,
    /// The connections that were last used for the session.
    connections: VecDeque<u64>,
}

impl Session {
    /// A session with unused slots. `replies` is what they may keep.
    #[must_use]
    pub fn new(id: Sessionid4, client: Arc<Client>, channel: Channel, replies: Share) -> Self {
        Self {
            id,
            client,
            channel,
            inner: Mutex::default(),
            _replies: replies,
        }
    }

    /// The highest slot that a client may use.
    #[must_use]
    pub fn highest_slotid(&self) -> Slotid4 {
        self.channel.max_requests.saturating_sub(1)
    }

    /// Judges a request; see [`Slot::judge`]. The slot must exist.
    #[must_use]
    pub fn judge(&self, slotid: Slotid4, seqid: u32, fingerprint: u64) -> Begin {
        match self.inner().slots.get(slotid as usize) {
            Some(slot) => slot.judge(seqid, fingerprint),
            None => Slot::default().judge(seqid, fingerprint),
        }
    }

    /// Begins to execute a request. Two that arrive at once are told apart here.
    ///
    /// # Errors
    /// The verdict, if it is any other than to execute.
    pub fn begin(
        self: &Arc<Self>,
        slotid: Slotid4,
        seqid: u32,
        fingerprint: u64,
    ) -> Result<SlotHold, Begin> {
        let slots = &mut self.inner().slots;
        let index = slotid as usize;
        if slots.len() <= index {
            slots.resize_with(index + 1, Slot::default);
        }
        match slots
            .get_mut(index)
            .map(|slot| slot.begin(seqid, fingerprint))
        {
            Some(Begin::Execute) => {
                self.client.begin_service();
                let session = Arc::clone(self);
                Ok(SlotHold {
                    session,
                    slotid,
                    completed: false,
                })
            }
            Some(other) => Err(other),
            None => Err(Begin::Misordered),
        }
    }

    /// Associates a connection with the fore channel (RFC 8881 §2.10.3.1).
    pub fn associate(&self, connection: u64) {
        let connections = &mut self.inner().connections;
        if !connections.contains(&connection) {
            connections.truncate(limits::MAX_CONNECTIONS - 1);
            connections.push_front(connection);
        }
    }

    /// Whether a connection is associated with the session.
    #[must_use]
    pub fn is_associated(&self, connection: u64) -> bool {
        self.inner().connections.contains(&connection)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A slot in use. However the request ends, the slot becomes free again.
#[derive(Debug)]
pub struct SlotHold {
    session: Arc<Session>,
    slotid: Slotid4,
    completed: bool,
}

impl SlotHold {
    /// The session.
    #[must_use]
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Ends the request at `now` with what a retransmission is to be answered. A whole lease
    /// begins.
    pub fn complete(mut self, reply: CachedReply, now: Millis) {
        self.session.client.renew(now);
        self.finish(reply);
    }

    fn finish(&mut self, reply: CachedReply) {
        self.completed = true;
        self.session.client.end_service();
        if let Some(slot) = self.session.inner().slots.get_mut(self.slotid as usize) {
            slot.complete(reply);
        }
    }
}

impl Drop for SlotHold {
    fn drop(&mut self) {
        if !self.completed {
            self.finish(CachedReply::Uncached);
        }
    }
}
