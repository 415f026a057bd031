//! What is held on one file: who has it open, and who has locked what of it.

use std::collections::HashMap;
use std::sync::Arc;

use localefs_protocol::nfs4::{Clientid4, Nfsstat4, StateidOther};

use super::client::Client;
use super::file::{LockFailure, LockState, Open};
use super::lock_table::{LockKind, LockTable, Range};
use super::owner::OwnerKey;
use crate::limits;

/// Opens and locks of one file. Nearly every file is open once and never locked: for that there is
/// no table.
#[derive(Debug, Default)]
pub enum Holdings {
    /// Nothing.
    #[default]
    None,
    /// Nothing, and the file is off the table: whoever comes here must look it up again.
    Retired,
    /// One open.
    One(Arc<Open>),
    /// Anything.
    Any(Box<Tables>),
}

/// Any number of opens and locks.
#[derive(Debug, Default)]
pub struct Tables {
    opens: HashMap<OwnerKey, Arc<Open>>,
    locking: Locking,
}

/// The locks of a file, and those who took them.
#[derive(Debug, Default)]
pub struct Locking {
    /// Of each owner, through each open (RFC 8881 §8.2.1).
    pub states: HashMap<(OwnerKey, StateidOther), Arc<LockState>>,
    /// What is locked.
    pub locks: LockTable<OwnerKey>,
}

impl Holdings {
    /// The open of an owner.
    #[must_use]
    pub fn open_of(&self, owner: &OwnerKey) -> Option<&Arc<Open>> {
        match self {
            Self::None | Self::Retired => None,
            Self::One(open) => Some(open).filter(|open| open.owner == *owner),
            Self::Any(tables) => tables.opens.get(owner),
        }
    }

    /// Whether this very open is there.
    #[must_use]
    pub fn has(&self, open: &Open) -> bool {
        self.open_of(&open.owner)
            .is_some_and(|known| known.other == open.other)
    }

    /// Adds an open, whose owner must have none.
    pub fn insert(&mut self, open: Arc<Open>) {
        *self = match std::mem::take(self) {
            Self::None | Self::Retired => Self::One(open),
            several => {
                let mut tables = several.into_tables();
                tables.opens.insert(open.owner.clone(), open);
                Self::Any(tables)
            }
        };
    }

    /// Takes the open of an owner away.
    pub fn remove(&mut self, owner: &OwnerKey) {
        match self {
            Self::Any(tables) => {
                tables.opens.remove(owner);
            }
            Self::One(open) if open.owner == *owner => *self = Self::None,
            Self::One(_) | Self::None | Self::Retired => {}
        }
    }

    /// Takes all of a client away; its opens are returned.
    pub fn expel(&mut self, clientid: Clientid4) -> Vec<Arc<Open>> {
        let gone = |owner: &OwnerKey| owner.clientid == clientid;
        match std::mem::take(self) {
            Self::One(open) if gone(&open.owner) => vec![open],
            Self::Any(mut tables) => {
                let Locking { states, locks } = &mut tables.locking;
                states.retain(|(owner, _), _| !gone(owner));
                locks.release(gone);
                let taken = tables.opens.extract_if(|owner, _| gone(owner));
                let taken = taken.map(|(_, open)| open).collect();
                *self = Self::Any(tables);
                taken
            }
            others => {
                *self = others;
                Vec::new()
            }
        }
    }

    /// The locks, if there were ever any.
    #[must_use]
    pub fn locking(&self) -> Option<&Locking> {
        match self {
            Self::Any(tables) => Some(&tables.locking),
            Self::None | Self::Retired | Self::One(_) => None,
        }
    }

    /// The same, to be changed.
    pub fn locking_mut(&mut self) -> Option<&mut Locking> {
        match self {
            Self::Any(tables) => Some(&mut tables.locking),
            Self::None | Self::Retired | Self::One(_) => None,
        }
    }

    /// Makes place for locks.
    pub fn expect_locks(&mut self) {
        *self = Self::Any(std::mem::take(self).into_tables());
    }

    fn into_tables(self) -> Box<Tables> {
        match self {
            Self::None | Self::Retired => Box::default(),
            Self::One(open) => Box::new(Tables {
                opens: HashMap::from([(open.owner.clone(), open)]),
                locking: Locking::default(),
            }),
            Self::Any(tables) => tables,
        }
    }

    /// Retires the file if nothing is held on it, which is returned.
    pub fn retire(&mut self) -> bool {
        let unused = match self {
            Self::None | Self::Retired => true,
            Self::One(_) => false,
            Self::Any(tables) => tables.opens.is_empty() && tables.locking.states.is_empty(),
        };
        if unused {
            *self = Self::Retired;
        }
        unused
    }
}

impl Locking {
    /// Whether the table stays within its bounds, of which `room` is what the client's leaves, or
    /// at least doesn't grow.
    pub fn fits(
        &self,
        owner: &OwnerKey,
        range: Range,
        kind: Option<LockKind>,
        room: usize,
    ) -> bool {
        let held = self.locks.len();
        let room = limits::MAX_LOCKS_PER_FILE.saturating_sub(held).min(room);
        // No change adds more than two.
        room >= 2 || self.locks.len_after(owner, range, kind) <= held + room
    }

    /// Gives a lock.
    ///
    /// # Errors
    /// [`LockFailure::Denied`]; NFS4ERR_DQUOT if there are too many.
    pub fn give(
        &mut self,
        owner: &OwnerKey,
        (range, kind): (Range, LockKind),
        client: &Client,
    ) -> Result<(), LockFailure> {
        if let Some(held) = self.locks.conflict(owner, range, kind) {
            return Err(LockFailure::Denied(held.clone()));
        }
        let mut count = client.lock_count();
        if !self.fits(owner, range, Some(kind), count.room()) {
            return Err(Nfsstat4::NFS4ERR_DQUOT.into());
        }
        let before = self.locks.len();
        self.locks.set(owner, range, kind);
        count.changed(before, self.locks.len());
        Ok(())
    }
}
