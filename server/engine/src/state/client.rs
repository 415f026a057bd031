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
use super::quota::{Quota, Quotas};
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

/// State in a table, found by its stateid.
#[derive(Debug)]
struct Known<T>(Arc<T>);

impl<T: AsRef<StateidOther>> Known<T> {
    fn other(&self) -> &StateidOther {
        self.0.as_ref().as_ref()
    }
}

impl<T: AsRef<StateidOther>> Borrow<StateidOther> for Known<T> {
    fn borrow(&self) -> &StateidOther {
        self.other()
    }
}

impl<T: AsRef<StateidOther>> PartialEq for Known<T> {
    fn eq(&self, other: &Self) -> bool {
        self.other() == other.other()
    }
}

impl<T: AsRef<StateidOther>> Eq for Known<T> {}

impl<T: AsRef<StateidOther>> Hash for Known<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.other().hash(state);
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
    quotas: Arc<Quotas>,
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
    opens: HashSet<Known<Open>>,
    /// Lock-owners, of each file.
    lockers: HashSet<Known<LockState>>,
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
        (peer, quotas): (SocketAddr, Arc<Quotas>),
        now: Millis,
    ) -> Self {
        Self {
            id,
            co_ownerid,
            co_verifier,
            principal,
            peer,
            activity: Activity::default(),
            quotas,
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
    /// As [`Client::add_open`].
    pub fn may_open(&self) -> Result<(), Nfsstat4> {
        self.inner().may_open(&self.quotas.opens)
    }

    /// Adds an open.
    ///
    /// # Errors
    /// NFS4ERR_DQUOT if the client has too many files open, as EFS answers (EFS user guide,
    /// "Quotas for NFS clients"); NFS4ERR_DELAY if all clients together have too many files open;
    /// NFS4ERR_EXPIRED if the client is gone.
    pub fn add_open(&self, open: Arc<Open>) -> Result<(), Nfsstat4> {
        let mut inner = self.inner();
        inner.may_open(&self.quotas.opens)?;
        self.quotas.opens.add();
        inner.opens.insert(Known(open));
        Ok(())
    }

    /// Adds a lock-owner on a file.
    ///
    /// # Errors
    /// NFS4ERR_DQUOT if the client has too many, NFS4ERR_DELAY if all clients together have,
    /// NFS4ERR_EXPIRED if it is gone.
    pub fn add_locker(&self, locker: Arc<LockState>) -> Result<(), Nfsstat4> {
        let mut inner = self.inner();
        if inner.dead {
            return Err(Nfsstat4::NFS4ERR_EXPIRED);
        }
        self.quotas.lock_owners.check(inner.lockers.len())?;
        self.quotas.lock_owners.add();
        inner.lockers.insert(Known(locker));
        Ok(())
    }

    /// The state behind a stateid.
    #[must_use]
    pub fn state(&self, other: &StateidOther) -> Option<State> {
        let inner = self.inner();
        let open = inner.opens.get(other);
        open.map(|Known(open)| State::Open(Arc::clone(open)))
            .or_else(|| {
                let locker = inner.lockers.get(other)?;
                Some(State::Lock(Arc::clone(&locker.0)))
            })
    }

    /// Removes an open.
    pub fn remove_open(&self, other: &StateidOther) {
        let mut inner = self.inner();
        if inner.opens.remove(other) {
            self.quotas.opens.remove(1);
        }
    }

    /// Removes a lock-owner on a file.
    pub fn remove_locker(&self, other: &StateidOther) {
        if self.inner().lockers.remove(other) {
            self.quotas.lock_owners.remove(1);
        }
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
        (inner.sessions.len(), inner.opens.len(), inner.lockers.len())
    }

    /// Whether it has nothing: neither session nor state.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let inner = self.inner();
        inner.sessions.is_empty() && inner.opens.is_empty() && inner.lockers.is_empty()
    }

    /// Ends the client; the sessions and opens that it had are to be taken apart by the caller.
    #[expect(clippy::mutable_key_type, reason = "no stateid ever changes")]
    pub fn kill(&self) -> (Vec<Sessionid4>, Vec<Arc<Open>>) {
        let mut inner = self.inner();
        inner.dead = true;
        inner.locks = 0;
        let lockers = std::mem::take(&mut inner.lockers);
        self.quotas.lock_owners.remove(lockers.len());
        let opens = std::mem::take(&mut inner.opens);
        self.quotas.opens.remove(opens.len());
        (
            std::mem::take(&mut inner.sessions),
            opens.into_iter().map(|Known(open)| open).collect(),
        )
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn may_open(&self, quota: &Quota) -> Result<(), Nfsstat4> {
        if self.dead {
            Err(Nfsstat4::NFS4ERR_EXPIRED)
        } else {
            quota.check(self.opens.len())
        }
    }
}
