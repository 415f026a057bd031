//! One client: an incarnation that EXCHANGE_ID made (RFC 8881 §2.4).

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use localefs_protocol::nfs4::ops::CreateSessionResOk;
use localefs_protocol::nfs4::{
    Clientid4, Nfsstat4, Sequenceid4, Sessionid4, StateidOther, Verifier4,
};

use super::activity::Activity;
use super::clock::Millis;
use super::file::{LockState, Open};
use super::quota::Quota;
use crate::limits;

/// Who made a client record: it must not be taken over by anybody else (RFC 8881 §2.4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The asserted user.
    pub uid: u32,
    /// The asserted host name.
    pub machinename: Vec<u8>,
}

/// State that a stateid stands for.
#[derive(Clone, Debug)]
pub enum State {
    /// An open file.
    Open(Arc<Open>),
    /// The byte-range locks of one owner on one open.
    Lock(Arc<LockState>),
}

impl State {
    fn other(&self) -> &StateidOther {
        match self {
            Self::Open(open) => &open.other,
            Self::Lock(lock) => &lock.other,
        }
    }
}

/// State in a table, found by its stateid.
#[derive(Debug)]
struct Known(State);

impl Borrow<StateidOther> for Known {
    fn borrow(&self) -> &StateidOther {
        self.0.other()
    }
}

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        self.0.other() == other.0.other()
    }
}

impl Eq for Known {}

impl Hash for Known {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.other().hash(state);
    }
}

/// An incarnation of a client.
#[derive(Debug)]
pub struct Client {
    /// The id that EXCHANGE_ID gave.
    pub id: Clientid4,
    /// Who the client says that it is.
    pub co_ownerid: Vec<u8>,
    /// Which incarnation.
    pub co_verifier: Verifier4,
    /// Who made the record.
    pub principal: Principal,
    /// Where from.
    pub peer: SocketAddr,
    /// What it has had done.
    pub activity: Activity,
    quota: Arc<Quota>,
    renewed: AtomicU64,
    /// Requests that are being executed.
    served: AtomicUsize,
    reclaim_complete: AtomicBool,
    create_session: Mutex<CreateSessionSlot>,
    inner: Mutex<Inner>,
}

/// The slot of CREATE_SESSION (RFC 8881 §18.36.4), with what a retransmission is answered.
#[derive(Debug)]
pub struct CreateSessionSlot {
    /// Of the last request.
    pub seqid: Sequenceid4,
    /// Its answer; at first, that there was none.
    pub reply: Result<CreateSessionResOk, Nfsstat4>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Nothing can be added any more.
    dead: bool,
    sessions: Vec<Sessionid4>,
    states: HashSet<Known>,
    opens: usize,
    /// Byte-range locks, on all files.
    locks: usize,
}

/// The count of a client's locks, held while those of one file change.
#[derive(Debug)]
pub struct LockCount<'a>(MutexGuard<'a, Inner>);

impl LockCount<'_> {
    /// How many more locks the client may have.
    #[must_use]
    pub fn room(&self) -> usize {
        limits::MAX_LOCKS_PER_CLIENT.saturating_sub(self.0.locks)
    }

    /// Notes how many locks there were on a file, and how many there are.
    pub fn changed(&mut self, before: usize, after: usize) {
        self.0.locks = (self.0.locks + after).saturating_sub(before);
    }
}

impl Client {
    /// A new client without sessions.
    #[must_use]
    pub fn new(
        id: Clientid4,
        co_ownerid: Vec<u8>,
        co_verifier: Verifier4,
        principal: Principal,
        (peer, quota): (SocketAddr, Arc<Quota>),
        now: Millis,
    ) -> Self {
        Self {
            id,
            co_ownerid,
            co_verifier,
            principal,
            peer,
            activity: Activity::default(),
            quota,
            renewed: AtomicU64::new(now),
            served: AtomicUsize::new(0),
            reclaim_complete: AtomicBool::new(false),
            create_session: Mutex::new(CreateSessionSlot {
                seqid: 0,
                reply: Err(Nfsstat4::NFS4ERR_SEQ_MISORDERED),
            }),
            inner: Mutex::default(),
        }
    }

    /// The slot of CREATE_SESSION. Held while the request is executed.
    pub fn create_session_slot(&self) -> MutexGuard<'_, CreateSessionSlot> {
        self.create_session
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Renews the lease.
    pub fn renew(&self, now: Millis) {
        self.renewed.fetch_max(now, Ordering::Relaxed);
    }

    /// A request begins: the lease doesn't run out while it is executed (RFC 8881 §8.3).
    pub fn begin_service(&self) {
        self.served.fetch_add(1, Ordering::SeqCst);
    }

    /// A request has ended.
    pub fn end_service(&self) {
        self.served.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether a request is being executed.
    #[must_use]
    pub fn is_served(&self) -> bool {
        self.served.load(Ordering::SeqCst) > 0
    }

    /// Milliseconds since the lease was renewed.
    #[must_use]
    pub fn idle(&self, now: Millis) -> Millis {
        now.saturating_sub(self.renewed.load(Ordering::Relaxed))
    }

    /// Marks that the client has reclaimed all.
    pub fn complete_reclaim(&self) {
        self.reclaim_complete.store(true, Ordering::SeqCst);
    }

    /// Whether the client said that it has reclaimed all.
    #[must_use]
    pub fn has_reclaimed(&self) -> bool {
        self.reclaim_complete.load(Ordering::SeqCst)
    }

    /// Notes a session.
    ///
    /// # Errors
    /// NFS4ERR_NOSPC if the client has too many, NFS4ERR_STALE_CLIENTID if it is gone.
    pub fn add_session(&self, id: Sessionid4) -> Result<(), Nfsstat4> {
        let mut inner = self.inner();
        if inner.dead {
            return Err(Nfsstat4::NFS4ERR_STALE_CLIENTID);
        }
        if inner.sessions.len() >= limits::MAX_SESSIONS {
            return Err(Nfsstat4::NFS4ERR_NOSPC);
        }
        inner.sessions.push(id);
        Ok(())
    }

    /// Whether a session is still the client's.
    #[must_use]
    pub fn has_session(&self, id: Sessionid4) -> bool {
        self.inner().sessions.contains(&id)
    }

    /// Forgets a session.
    pub fn remove_session(&self, id: Sessionid4) {
        self.inner().sessions.retain(|session| *session != id);
    }

    /// Whether another open fits. To be asked before a file is created for it.
    ///
    /// # Errors
    /// As [`Client::add_state`].
    pub fn may_open(&self) -> Result<(), Nfsstat4> {
        self.inner().may_add(true, &self.quota)
    }

    /// Adds state.
    ///
    /// # Errors
    /// NFS4ERR_DQUOT if the client has too many files open, or too many lock-owners, as EFS
    /// answers (EFS user guide, "Quotas for NFS clients"); NFS4ERR_DELAY if all clients together
    /// have too many files open; NFS4ERR_EXPIRED if the client is gone.
    pub fn add_state(&self, state: State) -> Result<(), Nfsstat4> {
        let mut inner = self.inner();
        let open = matches!(state, State::Open(_));
        inner.may_add(open, &self.quota)?;
        if open {
            inner.opens += 1;
            self.quota.add();
        }
        inner.states.insert(Known(state));
        Ok(())
    }

    /// The state behind a stateid.
    #[must_use]
    pub fn state(&self, other: &StateidOther) -> Option<State> {
        self.inner().states.get(other).map(|known| known.0.clone())
    }

    /// Removes state.
    pub fn remove_state(&self, other: &StateidOther) -> Option<State> {
        let mut inner = self.inner();
        let removed = inner.states.take(other).map(|known| known.0);
        if matches!(removed, Some(State::Open(_))) {
            inner.opens -= 1;
            self.quota.remove(1);
        }
        removed
    }

    /// The count of its locks, to be changed with the file's state locked.
    pub fn lock_count(&self) -> LockCount<'_> {
        LockCount(self.inner())
    }

    /// How many byte-range locks it holds.
    #[must_use]
    pub fn locks(&self) -> usize {
        self.inner().locks
    }

    /// How many sessions, open files and lock owners it has.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let inner = self.inner();
        (
            inner.sessions.len(),
            inner.opens,
            inner.states.len() - inner.opens,
        )
    }

    /// Whether it has nothing: neither session nor state.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let inner = self.inner();
        inner.sessions.is_empty() && inner.states.is_empty()
    }

    /// Ends the client; what it had is to be taken apart by the caller.
    #[expect(clippy::mutable_key_type, reason = "no stateid ever changes")]
    pub fn kill(&self) -> (Vec<Sessionid4>, Vec<State>) {
        let mut inner = self.inner();
        inner.dead = true;
        self.quota.remove(std::mem::take(&mut inner.opens));
        inner.locks = 0;
        let states = std::mem::take(&mut inner.states);
        (
            std::mem::take(&mut inner.sessions),
            states.into_iter().map(|known| known.0).collect(),
        )
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn may_add(&self, open: bool, quota: &Quota) -> Result<(), Nfsstat4> {
        if self.dead {
            Err(Nfsstat4::NFS4ERR_EXPIRED)
        } else if open {
            quota.check(self.opens)
        } else if self.states.len() - self.opens >= limits::MAX_LOCK_OWNERS {
            Err(Nfsstat4::NFS4ERR_DQUOT)
        } else {
            Ok(())
        }
    }
}
