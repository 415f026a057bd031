//! Who has a file open.

use std::collections::HashMap;
use std::sync::Arc;

use super::file::Open;
use super::owner::OwnerKey;

/// The opens of one file, by owner. Nearly every file has a single one, for which there is no
/// table.
#[derive(Debug, Default)]
#[expect(
    clippy::box_collection,
    reason = "few files need a table, and every one would have its size"
)]
pub enum Opens {
    /// Nobody.
    #[default]
    None,
    /// One owner.
    One(Arc<Open>),
    /// Any number.
    Many(Box<HashMap<OwnerKey, Arc<Open>>>),
}

impl Opens {
    /// The open of an owner.
    #[must_use]
    pub fn get(&self, owner: &OwnerKey) -> Option<&Arc<Open>> {
        match self {
            Self::None => None,
            Self::One(open) => Some(open).filter(|open| open.owner == *owner),
            Self::Many(opens) => opens.get(owner),
        }
    }

    /// Adds an open, whose owner must have none.
    pub fn insert(&mut self, open: Arc<Open>) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(open),
            Self::One(first) => {
                let both = [first, open].map(|open| (open.owner.clone(), open));
                Self::Many(Box::new(HashMap::from(both)))
            }
            Self::Many(mut opens) => {
                opens.insert(open.owner.clone(), open);
                Self::Many(opens)
            }
        };
    }

    /// Takes the open of an owner away.
    pub fn remove(&mut self, owner: &OwnerKey) {
        if let Self::Many(opens) = self {
            opens.remove(owner);
        }
        if self.get(owner).is_some() || matches!(self, Self::Many(opens) if opens.is_empty()) {
            *self = Self::None;
        }
    }

    /// Takes away what `keep` does not want to keep of the opens of all owners.
    pub fn retain(&mut self, mut keep: impl FnMut(&Arc<Open>) -> bool) {
        match self {
            Self::None => {}
            Self::One(open) => {
                if !keep(open) {
                    *self = Self::None;
                }
            }
            Self::Many(opens) => {
                opens.retain(|_, open| keep(open));
                if opens.is_empty() {
                    *self = Self::None;
                }
            }
        }
    }

    /// Whether nobody has the file open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }
}
