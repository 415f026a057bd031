//! What clients hold on files: opens and byte-range locks (RFC 8881 §9, §18.2, §18.10, §18.16).
//!
//! Each file has one lock. A client's own table is locked inside it, never the other way round.
//! Open files are kept here and lent, but not used: whatever may hold one last is returned, so that
//! its descriptors are closed outside the locks.

use std::sync::Arc;

use dashmap::DashMap;
use localefs_protocol::nfs4::ops::ShareAccess;
use localefs_protocol::nfs4::{Clientid4, Nfsstat4, Stateid4, StateidOther};
use localefs_vfs::{File, Node, NodeKey};
use parking_lot::{Mutex, MutexGuard};

use super::client::Client;
use super::holdings::{Holdings, Locking};
use super::lock_table::{Held, LockKind, Range};
use super::owner::OwnerKey;
use super::share::Shares;
use super::stateid::{StateidSource, check_seqid, next_seqid};

/// A file that an open-owner has open.
#[derive(Debug)]
pub struct Open {
    /// Names it in stateids.
    pub other: StateidOther,
    /// Who opened it.
    pub owner: OwnerKey,
    /// Open for all that the owner has opened it for since.
    opened: File,
    file: Arc<FileState>,
    current: Mutex<OpenCurrent>,
}

#[derive(Debug)]
struct OpenCurrent {
    seqid: u32,
    shares: Shares,
}

/// The locks of an owner on a file that it reached through one open.
#[derive(Debug)]
pub struct LockState {
    /// Names it in stateids.
    pub other: StateidOther,
    /// Who holds the locks.
    pub owner: OwnerKey,
    /// Through which open.
    pub open: Arc<Open>,
    seqid: Mutex<u32>,
}

/// Why a lock was not given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockFailure {
    /// This lock is in the way.
    Denied(Held<OwnerKey>),
    /// Any other reason.
    Status(Nfsstat4),
}

impl From<Nfsstat4> for LockFailure {
    fn from(status: Nfsstat4) -> Self {
        Self::Status(status)
    }
}

impl Open {
    /// The object.
    #[must_use]
    pub fn node(&self) -> &Arc<Node> {
        self.opened.node()
    }

    /// The file's state.
    #[must_use]
    pub fn file(&self) -> &Arc<FileState> {
        &self.file
    }

    /// Checks a stateid's sequence and gives the access that is open.
    ///
    /// # Errors
    /// See [`check_seqid`].
    pub fn check(&self, seqid: u32) -> Result<ShareAccess, Nfsstat4> {
        let current = self.current.lock();
        check_seqid(seqid, current.seqid)?;
        Ok(current.shares.access())
    }

    /// The file to read from, if it was opened for reading.
    #[must_use]
    pub fn reader(&self) -> Option<&File> {
        Some(&self.opened).filter(|file| file.mode().read)
    }

    /// The file to write to, if it is open for writing.
    #[must_use]
    pub fn writer(&self) -> Option<&File> {
        let access = self.current.lock().shares.access();
        Some(&self.opened).filter(|_| access.contains(ShareAccess::OPEN4_SHARE_ACCESS_WRITE))
    }
}

impl AsRef<StateidOther> for Open {
    fn as_ref(&self) -> &StateidOther {
        &self.other
    }
}

impl AsRef<StateidOther> for LockState {
    fn as_ref(&self) -> &StateidOther {
        &self.other
    }
}

impl LockState {
    /// Checks a stateid's sequence.
    ///
    /// # Errors
    /// See [`check_seqid`].
    pub fn check(&self, seqid: u32) -> Result<(), Nfsstat4> {
        check_seqid(seqid, *self.seqid())
    }

    /// What it is found by on its file.
    fn key(&self) -> (OwnerKey, StateidOther) {
        (self.owner.clone(), self.open.other)
    }

    fn advance(&self) -> Stateid4 {
        let mut seqid = self.seqid();
        *seqid = next_seqid(*seqid);
        Stateid4 {
            seqid: *seqid,
            other: self.other,
        }
    }

    fn seqid(&self) -> MutexGuard<'_, u32> {
        self.seqid.lock()
    }
}

/// What is held on one file.
#[derive(Debug, Default)]
pub struct FileState {
    holdings: Mutex<Holdings>,
}

impl FileState {
    /// Changes an existing open's access to `access`, which must be part of it.
    ///
    /// # Errors
    /// As [`check_seqid`] and [`Shares::downgrade`].
    pub fn downgrade(
        &self,
        open: &Open,
        seqid: u32,
        access: ShareAccess,
    ) -> Result<Stateid4, Nfsstat4> {
        let holdings = self.holdings();
        if !holdings.has(open) {
            return Err(Nfsstat4::NFS4ERR_BAD_STATEID);
        }
        let mut current = open.current.lock();
        check_seqid(seqid, current.seqid)?;
        current.shares.downgrade(access)?;
        current.seqid = next_seqid(current.seqid);
        Ok(Stateid4 {
            seqid: current.seqid,
            other: open.other,
        })
    }

    /// Ends an open, with the locks that were taken through it. Who calls holds it last: its
    /// descriptors are closed when that is dropped, outside the locks.
    ///
    /// # Errors
    /// As [`check_seqid`].
    pub fn close(&self, open: &Open, seqid: u32, client: &Client) -> Result<(), Nfsstat4> {
        let mut holdings = self.holdings();
        if !holdings.has(open) {
            return Err(Nfsstat4::NFS4ERR_BAD_STATEID);
        }
        check_seqid(seqid, open.current.lock().seqid)?;
        holdings.remove(&open.owner);
        client.remove_open(&open.other);
        if let Some(Locking { states, locks }) = holdings.locking_mut() {
            let before = locks.len();
            states.retain(|(owner, through), state| {
                let through = *through == open.other;
                if through {
                    locks.release(|holder| holder == owner);
                    client.remove_locker(&state.other);
                }
                !through
            });
            client.lock_count().changed(before, locks.len());
        }
        Ok(())
    }

    /// Gives a lock to an owner that names the open it comes through.
    ///
    /// # Errors
    /// [`LockFailure::Denied`], or the status of LOCK.
    pub fn lock_through_open(
        &self,
        open: &Arc<Open>,
        owner: OwnerKey,
        wanted: (Range, LockKind),
        client: &Client,
        source: &StateidSource,
    ) -> Result<Stateid4, LockFailure> {
        let mut holdings = self.holdings();
        if !holdings.has(open) {
            return Err(Nfsstat4::NFS4ERR_BAD_STATEID.into());
        }
        holdings.expect_locks();
        let Some(locking) = holdings.locking_mut() else {
            return Err(Nfsstat4::NFS4ERR_SERVERFAULT.into());
        };
        let key = (owner.clone(), open.other);
        if let Some(state) = locking.states.get(&key).cloned() {
            locking.give(&owner, wanted, client)?;
            return Ok(state.advance());
        }
        let state = Arc::new(LockState {
            other: source.take(),
            owner,
            open: Arc::clone(open),
            seqid: Mutex::new(1),
        });
        client.add_locker(Arc::clone(&state))?;
        if let Err(failure) = locking.give(&state.owner, wanted, client) {
            client.remove_locker(&state.other);
            return Err(failure);
        }
        let stateid = Stateid4 {
            seqid: 1,
            other: state.other,
        };
        locking.states.insert(key, state);
        Ok(stateid)
    }

    /// Gives a further lock to an owner.
    ///
    /// # Errors
    /// [`LockFailure::Denied`], or the status of LOCK.
    pub fn lock(
        &self,
        state: &LockState,
        seqid: u32,
        wanted: (Range, LockKind),
        client: &Client,
    ) -> Result<Stateid4, LockFailure> {
        let mut holdings = self.holdings();
        locking_of(&mut holdings, state, seqid)?.give(&state.owner, wanted, client)?;
        Ok(state.advance())
    }

    /// Takes a range from an owner.
    ///
    /// # Errors
    /// As [`check_seqid`]; NFS4ERR_LOCK_RANGE if a lock can't be split, as there are too many.
    pub fn unlock(
        &self,
        state: &LockState,
        seqid: u32,
        range: Range,
        client: &Client,
    ) -> Result<Stateid4, Nfsstat4> {
        let mut holdings = self.holdings();
        let locking = locking_of(&mut holdings, state, seqid)?;
        let mut count = client.lock_count();
        if !locking.fits(&state.owner, range, None, count.room()) {
            return Err(Nfsstat4::NFS4ERR_LOCK_RANGE);
        }
        let before = locking.locks.len();
        locking.locks.clear(&state.owner, range);
        count.changed(before, locking.locks.len());
        Ok(state.advance())
    }

    /// A lock that would exclude this one.
    #[must_use]
    pub fn conflict(
        &self,
        owner: &OwnerKey,
        range: Range,
        kind: LockKind,
    ) -> Option<Held<OwnerKey>> {
        let holdings = self.holdings();
        holdings
            .locking()?
            .locks
            .conflict(owner, range, kind)
            .cloned()
    }

    /// Forgets a lock-owner that holds nothing (FREE_STATEID, RFC 8881 §18.38).
    ///
    /// # Errors
    /// NFS4ERR_LOCKS_HELD, or as [`check_seqid`].
    pub fn free(&self, state: &LockState, seqid: u32, client: &Client) -> Result<(), Nfsstat4> {
        let mut holdings = self.holdings();
        let locking = locking_of(&mut holdings, state, seqid)?;
        if locking.locks.holds(&state.owner) {
            return Err(Nfsstat4::NFS4ERR_LOCKS_HELD);
        }
        locking.states.remove(&state.key());
        client.remove_locker(&state.other);
        Ok(())
    }

    /// Takes everything from a client that is gone. What it had open is closed when it is dropped,
    /// outside the locks.
    #[must_use]
    pub fn expel(&self, clientid: Clientid4) -> Vec<Arc<Open>> {
        self.holdings().expel(clientid)
    }

    fn holdings(&self) -> MutexGuard<'_, Holdings> {
        self.holdings.lock()
    }
}

/// The locks of a file on which this is the state of an owner.
fn locking_of<'a>(
    holdings: &'a mut Holdings,
    state: &LockState,
    seqid: u32,
) -> Result<&'a mut Locking, Nfsstat4> {
    let locking = holdings.locking_mut().filter(|locking| {
        let known = locking.states.get(&state.key());
        known.is_some_and(|known| known.other == state.other)
    });
    let locking = locking.ok_or(Nfsstat4::NFS4ERR_BAD_STATEID)?;
    state.check(seqid)?;
    Ok(locking)
}

/// All files on which something is held.
#[derive(Debug, Default)]
pub struct Files {
    table: DashMap<NodeKey, Arc<FileState>>,
}

impl Files {
    /// What is held on a file, if anything is.
    #[must_use]
    pub fn get(&self, key: NodeKey) -> Option<Arc<FileState>> {
        self.table.get(&key).map(|entry| Arc::clone(&entry))
    }

    /// Notes that `owner` has opened `file` for `access`: a new open, or more of an existing one.
    ///
    /// # Errors
    /// As [`Client::add_open`].
    pub fn open(
        &self,
        client: &Client,
        owner: OwnerKey,
        file: File,
        access: ShareAccess,
        source: &StateidSource,
    ) -> Result<Stateid4, Nfsstat4> {
        let key = file.node().key();
        loop {
            let state = Arc::clone(&self.table.entry(key).or_default());
            let mut holdings = state.holdings();
            if matches!(*holdings, Holdings::Retired) {
                continue;
            }
            if let Some(open) = holdings.open_of(&owner) {
                let mut current = open.current.lock();
                current.seqid = next_seqid(current.seqid);
                current.shares.open(access);
                open.opened.widen(&file);
                return Ok(Stateid4 {
                    seqid: current.seqid,
                    other: open.other,
                });
            }
            let mut shares = Shares::default();
            shares.open(access);
            let open = Arc::new(Open {
                other: source.take(),
                owner,
                opened: file,
                file: Arc::clone(&state),
                current: Mutex::new(OpenCurrent { seqid: 1, shares }),
            });
            let added = client.add_open(Arc::clone(&open));
            if added.is_ok() {
                holdings.insert(Arc::clone(&open));
            }
            drop(holdings);
            if added.is_err() {
                self.retire_if_unused(key);
            }
            return added.map(|()| Stateid4 {
                seqid: 1,
                other: open.other,
            });
        }
    }

    /// Takes a file off the table if nothing is held on it any more.
    pub fn retire_if_unused(&self, key: NodeKey) {
        self.table
            .remove_if(&key, |_, state| state.holdings().retire());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There may be very many: what each takes with its counts, and without waste in the sizes
    /// that glibc's allocator has.
    #[test]
    fn an_open_file_is_small() {
        let counts = 2 * size_of::<usize>();
        assert!(size_of::<Open>() + counts <= 104, "{}", size_of::<Open>());
        assert!(size_of::<FileState>() + counts <= 40);
    }
}
