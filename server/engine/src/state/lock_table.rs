//! Byte-range locks of one file: advisory, per owner, split and merged as POSIX has it
//! (RFC 8881 §9.1, §18.10).

use localefs_protocol::nfs4::Nfsstat4;

/// Octets `first` to `last`, both included. `u64::MAX` as `last` means: however long the file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first octet.
    pub first: u64,
    /// The last one.
    pub last: u64,
}

impl Range {
    /// The range of a LOCK, LOCKT or LOCKU.
    ///
    /// # Errors
    /// NFS4ERR_INVAL if it is empty, or its offset and length add up to more than 2^64 - 1
    /// (RFC 8881 §18.10.3).
    pub fn new(offset: u64, length: u64) -> Result<Self, Nfsstat4> {
        let last = match length {
            u64::MAX => Some(u64::MAX),
            _ => offset
                .checked_add(length)
                .filter(|_| length > 0)
                .map(|end| end - 1),
        };
        let range = last.map(|last| Self {
            first: offset,
            last,
        });
        range.ok_or(Nfsstat4::NFS4ERR_INVAL)
    }

    /// Its length as LOCK gives it: all ones if it has no end.
    #[must_use]
    pub fn length(&self) -> u64 {
        if self.last == u64::MAX {
            u64::MAX
        } else {
            self.last - self.first + 1
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Shared or exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockKind {
    /// READ_LT
    Read,
    /// WRITE_LT
    Write,
}

/// A lock that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held<O> {
    /// Where.
    pub range: Range,
    /// How.
    pub kind: LockKind,
    /// By whom.
    pub owner: O,
}

/// The locks of one file, sorted by their start; those of one owner never overlap, nor touch if
/// they are of one kind.
#[derive(Clone, Debug)]
pub struct LockTable<O> {
    held: Vec<Held<O>>,
}

impl<O> Default for LockTable<O> {
    fn default() -> Self {
        Self { held: Vec::new() }
    }
}

impl<O: Clone + Eq> LockTable<O> {
    /// A lock of somebody else that excludes this one.
    #[must_use]
    pub fn conflict(&self, owner: &O, range: Range, kind: LockKind) -> Option<&Held<O>> {
        self.held
            .iter()
            .take_while(|held| held.range.first <= range.last)
            .find(|held| {
                held.range.overlaps(&range)
                    && held.owner != *owner
                    && (kind == LockKind::Write || held.kind == LockKind::Write)
            })
    }

    /// Gives `owner` the range, in place of what it held there. There must be no conflict.
    pub fn set(&mut self, owner: &O, range: Range, kind: LockKind) {
        self.clear(owner, range);
        let mut merged = range;
        self.held.retain(|held| {
            let touches = held.range.last.checked_add(1) == Some(range.first)
                || range.last.checked_add(1) == Some(held.range.first);
            let joins = touches && held.kind == kind && held.owner == *owner;
            if joins {
                merged.first = merged.first.min(held.range.first);
                merged.last = merged.last.max(held.range.last);
            }
            !joins
        });
        self.insert(Held {
            range: merged,
            kind,
            owner: owner.clone(),
        });
    }

    /// Takes the range from `owner`; what it holds on both sides stays.
    pub fn clear(&mut self, owner: &O, range: Range) {
        let mut remains = Vec::new();
        self.held.retain(|held| {
            if held.owner != *owner || !held.range.overlaps(&range) {
                return true;
            }
            let part = |range| Held {
                range,
                ..held.clone()
            };
            if held.range.first < range.first {
                remains.push(part(Range {
                    first: held.range.first,
                    last: range.first - 1,
                }));
            }
            if held.range.last > range.last {
                remains.push(part(Range {
                    first: range.last + 1,
                    last: held.range.last,
                }));
            }
            false
        });
        for held in remains {
            self.insert(held);
        }
    }

    /// How many locks there would be after [`LockTable::set`] or, without a kind,
    /// [`LockTable::clear`].
    #[must_use]
    pub fn len_after(&self, owner: &O, range: Range, kind: Option<LockKind>) -> usize {
        let mut after = self.clone();
        match kind {
            Some(kind) => after.set(owner, range, kind),
            None => after.clear(owner, range),
        }
        after.len()
    }

    /// Takes everything from the owners that `gone` tells.
    pub fn release(&mut self, gone: impl Fn(&O) -> bool) {
        self.held.retain(|held| !gone(&held.owner));
    }

    /// Whether `owner` holds anything.
    #[must_use]
    pub fn holds(&self, owner: &O) -> bool {
        self.held.iter().any(|held| held.owner == *owner)
    }

    #[cfg(test)]
    pub fn iter(&self) -> impl Iterator<Item = &Held<O>> {
        self.held.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    fn insert(&mut self, new: Held<O>) {
        let at = self
            .held
            .partition_point(|held| held.range.first < new.range.first);
        self.held.insert(at, new);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(first: u64, last: u64) -> Range {
        Range { first, last }
    }

    #[test]
    fn ranges_of_the_wire() {
        assert_eq!(Range::new(0, 0), Err(Nfsstat4::NFS4ERR_INVAL));
        assert_eq!(Range::new(5, u64::MAX), Ok(range(5, u64::MAX)));
        assert_eq!(
            Range::new(u64::MAX, u64::MAX),
            Ok(range(u64::MAX, u64::MAX))
        );
        assert_eq!(
            Range::new(1 << 63, (1 << 63) - 1),
            Ok(range(1 << 63, u64::MAX - 1))
        );
        assert_eq!(Range::new(1 << 63, 1 << 63), Err(Nfsstat4::NFS4ERR_INVAL));
        assert_eq!(Range::new(10, 5).map(|r| (r.last, r.length())), Ok((14, 5)));
    }

    #[test]
    fn unlocking_the_middle_splits_and_locking_it_merges() {
        let mut table = LockTable::default();
        table.set(&'a', range(0, 9), LockKind::Write);
        table.clear(&'a', range(3, 5));
        let ranges: Vec<_> = table.iter().map(|held| held.range).collect();
        assert_eq!(ranges, [range(0, 2), range(6, 9)]);
        table.set(&'a', range(3, 5), LockKind::Write);
        assert_eq!(table.len(), 1);
        table.set(&'a', range(4, 4), LockKind::Read);
        assert_eq!(table.len(), 3);
    }

    const OCTETS: u64 = 12;

    fn index(octet: u64) -> usize {
        usize::try_from(octet).unwrap()
    }

    proptest! {
        /// Against a table with one cell for each octet and owner.
        #[test]
        fn agrees_with_a_model(
            steps in prop::collection::vec(
                (0..3usize, 0..OCTETS, 0..OCTETS, 0..3u8), 0..40)
        ) {
            let mut table = LockTable::default();
            let mut model = [[None; 12]; 3];
            for (owner, a, b, action) in steps {
                let wanted = range(a.min(b), a.max(b));
                let cells = index(wanted.first)..=index(wanted.last);
                let kind = if action == 0 { LockKind::Read } else { LockKind::Write };
                if action == 2 {
                    table.clear(&owner, wanted);
                    model[owner][cells].fill(None);
                    continue;
                }
                let excluded = (0..3).filter(|other| *other != owner).any(|other| {
                    model[other][cells.clone()].iter().flatten().any(|held| {
                        kind == LockKind::Write || *held == LockKind::Write
                    })
                });
                prop_assert_eq!(table.conflict(&owner, wanted, kind).is_some(), excluded);
                if !excluded {
                    table.set(&owner, wanted, kind);
                    model[owner][cells].fill(Some(kind));
                }
                for (owner, cells) in model.iter().enumerate() {
                    for (octet, cell) in cells.iter().enumerate() {
                        let held = table.iter().find(|held| {
                            held.owner == owner && held.range.overlaps(&range(octet as u64, octet as u64))
                        });
                        prop_assert_eq!(held.map(|held| held.kind), *cell);
                    }
                    // As few pieces as possible.
                    let pieces = cells
                        .iter()
                        .zip([&None].into_iter().chain(cells.iter()))
                        .filter(|(cell, before)| cell.is_some() && cell != before)
                        .count();
                    prop_assert_eq!(table.iter().filter(|held| held.owner == owner).count(), pieces);
                }
            }
        }
    }
}
