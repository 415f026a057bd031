//! The table of owners: uid, gid and mode of every object, where the disk can't have them.
//!
//! A record carries the stamp of its object (from the kernel's handle, so with the inode's
//! generation): what gets the same inode number later does not get the record.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::error::{Error, OpenError};
use crate::late::{Entry, Late};
use crate::owner_record::{HEAD, Mark, RECORD, Record, head, parse, parse_head, written};
use crate::table::{Damaged, Table, create, failed, read_at};

/// The name of the table in the directory of records.
pub(crate) const OWNERS: &str = "owners";
/// By how much the file grows at a time.
const STEP: u64 = 1 << 20;
const EUCLEAN: i32 = libc::EUCLEAN;
/// How many removals are told apart that may not be on the disk yet.
const REMOVALS: usize = 4096;
/// How often a record is tried to be placed while others take the places.
const ATTEMPTS: usize = 16;

/// Brings all changes of names so far to the disk.
pub(crate) type Settle = Box<dyn Fn() -> io::Result<()> + Send + Sync>;

/// The table, open.
pub(crate) struct Owners {
    table: Table<RECORD>,
    root: Mark,
    /// How long the file is at least: one that is shorter was cut off.
    reach: AtomicU64,
    growing: Mutex<()>,
    dirty: AtomicBool,
    syncing: Mutex<()>,
    late: RwLock<Late>,
    removed: Mutex<Removed>,
    settle: Settle,
    settling: Mutex<()>,
}

/// Objects that are gone, of which the disk may not know yet.
#[derive(Default)]
struct Removed {
    /// Their stamps, by inode numbers.
    known: HashMap<u64, u64>,
    /// Counts what makes this incomplete: a start, and more of them than are kept.
    forgotten: u64,
    /// How far that count was when the disk knew all.
    settled: u64,
}

impl Removed {
    fn may_come_back(&self, fileid: u64) -> bool {
        self.forgotten != self.settled || self.known.contains_key(&fileid)
    }
}

/// What a repair did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Records that are whole, and were kept.
    pub kept: u64,
    /// Damaged records that were dropped.
    pub dropped: u64,
}

impl Owners {
    /// Opens the table of the tree with this root. Where there is none, one is made, unless it is
    /// `recorded` that there is one.
    pub(crate) fn open(directory: &Path, root: Mark, recorded: bool) -> Result<Self, OpenError> {
        let path = directory.join(OWNERS);
        let refused = |problem: &str| OpenError::Records {
            path: path.clone(),
            problem: problem.to_owned(),
        };
        let unusable = |error| OpenError::Inaccessible {
            path: path.clone(),
            error,
        };
        let file = match File::options().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound && recorded => {
                return Err(refused("the table of owners is missing"));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = create(&path, &head(root, 4096)).map_err(unusable)?;
                return Ok(Self::new(file, &path, root, 4096));
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::IsADirectory | io::ErrorKind::PermissionDenied
                ) =>
            {
                return Err(refused(&format!("it can't be opened ({error})")));
            }
            Err(error) => return Err(unusable(error)),
        };
        let mut bytes = [0; HEAD];
        read_at(&file, &mut bytes, 0).map_err(unusable)?;
        let (found, reach) = parse_head(&bytes).map_err(refused)?;
        if found != root {
            return Err(refused(
                "it is the table of owners of another tree, or of the one that this was copied \
                 from",
            ));
        }
        let length = file.metadata().map_err(unusable)?.len();
        if length < reach {
            return Err(refused("its end is missing"));
        }
        // Which may be more than its head says: that reaches the disk later than the length.
        let owners = Self::new(file, &path, root, length);
        let mut damaged = 0u64;
        let scanned = owners.table.scan(|_, whole| damaged += u64::from(!whole));
        scanned.map_err(unusable)?;
        let (late, bad) = Late::read(&owners.table.file).map_err(unusable)?;
        *owners.late_mut() = late;
        damaged += bad;
        if damaged > 0 {
            return Err(refused(&format!("{damaged} of its records are damaged")));
        }
        Ok(owners)
    }

    fn new(file: File, path: &Path, root: Mark, reach: u64) -> Self {
        Self {
            table: Table::new(file, path.to_owned()),
            root,
            reach: AtomicU64::new(reach),
            growing: Mutex::default(),
            dirty: AtomicBool::new(false),
            syncing: Mutex::default(),
            late: RwLock::new(Late::none()),
            removed: Mutex::new(Removed {
                forgotten: 1,
                ..Removed::default()
            }),
            settle: Box::new(|| Ok(())),
            settling: Mutex::default(),
        }
    }

    /// How names are brought to the disk. Without, nobody removes anything.
    pub(crate) fn settled_by(self, settle: Settle) -> Self {
        Self { settle, ..self }
    }

    /// The inode numbers of objects whose records were late when an earlier process ended.
    pub(crate) fn undecided(&self) -> HashSet<u64> {
        let late = self.late();
        late.entries().map(|(_, entry)| entry.mark.fileid).collect()
    }

    /// Takes note of the objects that have those inode numbers. What the entries say need not be
    /// true: the disk may have brought back what was removed, and have lost what was made. To be
    /// called before anything is made or removed.
    pub(crate) fn decide(&self, found: &[Mark]) {
        self.late_mut().decide(found);
    }

    /// Keeps what is whole of a table, makes an empty one where there is none, and makes it that
    /// of the tree with this root.
    pub(crate) fn repair(directory: &Path, root: Mark) -> Result<Repaired, OpenError> {
        let path = directory.join(OWNERS);
        let unusable = |error| OpenError::Inaccessible {
            path: path.clone(),
            error,
        };
        let file = match File::options().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create(&path, &head(root, 4096)).map_err(unusable)?
            }
            Err(error) => return Err(unusable(error)),
        };
        let reach = file.metadata().map_err(unusable)?.len().max(4096);
        let owners = Self::new(file, &path, root, reach);
        let (mut repaired, mut bad) = (Repaired::default(), Vec::new());
        let scanned = owners.table.scan(|fileid, whole| {
            if whole {
                repaired.kept += 1;
            } else {
                bad.push(fileid);
            }
        });
        scanned.map_err(unusable)?;
        for fileid in bad {
            repaired.dropped += 1;
            let erased = owners.table.erase(fileid);
            erased.map_err(|_| unusable(io::Error::last_os_error()))?;
        }
        let file = &owners.table.file;
        repaired.dropped += Late::repair(file).map_err(unusable)?;
        let (late, _) = Late::read(file).map_err(unusable)?;
        repaired.kept += late.entries().filter(|(_, entry)| !entry.gone).count() as u64;
        file.metadata()
            .and_then(|metadata| file.write_all_at(&head(root, metadata.len()), 0))
            .and_then(|()| file.sync_all())
            .map_err(unusable)?;
        Ok(repaired)
    }

    /// What is recorded of an object, if anything is.
    pub(crate) fn get(&self, of: Mark) -> Result<Option<Record>, Error> {
        // First, as it may be moved to its place in between.
        let late = self.late().find(of);
        if let Some((_, entry)) = late {
            return Ok(Some(entry.record));
        }
        let placed = self.at_place(of.fileid)?;
        Ok(placed.and_then(|(stamp, record)| (stamp == of.stamp).then_some(record)))
    }

    /// The record at the place of an inode number, with its stamp.
    fn at_place(&self, fileid: u64) -> Result<Option<(u64, Record)>, Error> {
        match self.table.read(fileid)? {
            Ok(bytes) => Ok(bytes.as_ref().map(parse)),
            Err(Damaged) => {
                tracing::error!(
                    table = %self.table.path.display(),
                    inode = fileid,
                    "an owner's record is damaged: stop the server, and see localefs repair-ownership"
                );
                Err(Error::Io(EUCLEAN))
            }
        }
    }

    /// Records the owner of an object.
    pub(crate) fn put(&self, of: Mark, record: Record) -> Result<(), Error> {
        self.put_over(of, record, true)
    }

    /// Records the owner of an object of which nothing is recorded.
    pub(crate) fn put_if_absent(&self, of: Mark, record: Record) -> Result<(), Error> {
        self.put_over(of, record, false)
    }

    /// Records an owner, in place of another one only if it `replaces` that.
    fn put_over(&self, of: Mark, record: Record, replaces: bool) -> Result<(), Error> {
        self.grow(Table::<RECORD>::offset(of.fileid).saturating_add(RECORD as u64))?;
        for _ in 0..ATTEMPTS {
            if self.try_put(of, record, replaces)? {
                self.dirty.store(true, Ordering::SeqCst);
                return Ok(());
            }
            self.move_to_places().map_err(|error| failed(&error))?;
        }
        Err(Error::Delay)
    }

    /// Records an owner, unless all places are taken where it can be.
    fn try_put(&self, of: Mark, record: Record, replaces: bool) -> Result<bool, Error> {
        let _guard = self.table.lock(of.fileid);
        let late = self.late().find(of).map(|(place, _)| place);
        let old = self.raw_stamp(of.fileid).map_err(|error| failed(&error))?;
        if !replaces && (late.is_some() || old == of.stamp) {
            return Ok(true);
        }
        if late.is_none() && self.may_take_place(of, old) {
            self.write(of, record)?;
            return Ok(true);
        }
        let mut entries = self.late_mut();
        let Some(place) = late.or_else(|| entries.free()) else {
            return Ok(false);
        };
        let entry = Entry {
            mark: of,
            record,
            gone: false,
        };
        let written = entries.set(&self.table.file, place, Some(entry));
        written.map_err(|error| failed(&error))?;
        Ok(true)
    }

    /// Whether an object's record may be written at its place, where there is one of this stamp.
    fn may_take_place(&self, of: Mark, old: u64) -> bool {
        let mut removed = self.removed();
        if old == of.stamp {
            // Where inodes have no generations, that may be of one that was removed.
            removed.known.remove(&of.fileid);
            return true;
        }
        old == 0 || !removed.may_come_back(of.fileid)
    }

    /// Writes a record at its place. The caller holds the place's lock.
    fn write(&self, of: Mark, record: Record) -> Result<(), Error> {
        self.table.write(of.fileid, written(of, record))
    }

    /// The stamp at the place of an inode number, be the record whole or not; 0 if there is none.
    fn raw_stamp(&self, fileid: u64) -> io::Result<u64> {
        let mut bytes = [0; 8];
        read_at(
            &self.table.file,
            &mut bytes,
            Table::<RECORD>::offset(fileid),
        )?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Notes that an object is gone. The disk may yet bring it back, so its record stays until it
    /// can't.
    pub(crate) fn forget(&self, of: Mark) -> Result<(), Error> {
        let _guard = self.table.lock(of.fileid);
        let mut late = self.late_mut();
        if let Some((place, entry)) = late.find(of) {
            let gone = Some(Entry {
                gone: true,
                ..entry
            });
            let noted = late.set(&self.table.file, place, gone);
            return noted.map_err(|error| failed(&error));
        }
        drop(late);
        let stamp = self.raw_stamp(of.fileid).map_err(|error| failed(&error))?;
        if stamp == of.stamp {
            let mut removed = self.removed();
            if removed.known.len() >= REMOVALS {
                removed.known.clear();
                removed.forgotten += 1;
            }
            removed.known.insert(of.fileid, of.stamp);
        }
        Ok(())
    }

    /// Once the disk knows what was removed: erases those records, and moves late ones to their
    /// places.
    fn move_to_places(&self) -> io::Result<()> {
        let _guard = self.settling.lock().unwrap_or_else(PoisonError::into_inner);
        let late: Vec<_> = self.late().entries().collect();
        let (known, forgotten) = {
            let removed = self.removed();
            (removed.known.clone(), removed.forgotten)
        };
        (self.settle)()?;
        let failed = |error: Error| io::Error::other(error);
        for (fileid, stamp) in &known {
            let _guard = self.table.lock(*fileid);
            // Unless it has been given to a new object since.
            let still = self.removed().known.get(fileid) == Some(stamp);
            if still && self.raw_stamp(*fileid)? == *stamp {
                self.table.erase(*fileid).map_err(failed)?;
            }
        }
        for (_, entry) in late.iter().filter(|(_, entry)| !entry.gone) {
            let _guard = self.table.lock(entry.mark.fileid);
            // Gone meanwhile, it would be in the way of what got its inode.
            let now = self.late().find(entry.mark);
            if now.is_none_or(|(_, now)| now.gone) {
                continue;
            }
            self.write(entry.mark, entry.record).map_err(failed)?;
        }
        // Only then from where they are.
        self.table.file.sync_data()?;
        for (place, entry) in late {
            let _guard = self.table.lock(entry.mark.fileid);
            let mut late = self.late_mut();
            // One that has changed meanwhile waits for the next time.
            if late.find(entry.mark) == Some((place, entry)) {
                late.set(&self.table.file, place, None)?;
            }
        }
        let mut removed = self.removed();
        removed.settled = forgotten;
        removed
            .known
            .retain(|fileid, stamp| known.get(fileid) != Some(stamp));
        Ok(())
    }

    fn late(&self) -> RwLockReadGuard<'_, Late> {
        self.late.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn late_mut(&self) -> RwLockWriteGuard<'_, Late> {
        self.late.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn removed(&self) -> MutexGuard<'_, Removed> {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings everything recorded so far to the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        // Whoever finds nothing to do must know that it is done, not just begun.
        let _guard = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.dirty.swap(false, Ordering::SeqCst) {
            self.table
                .file
                .sync_data()
                .inspect_err(|_| self.dirty.store(true, Ordering::SeqCst))?;
        }
        Ok(())
    }

    fn grow(&self, end: u64) -> Result<(), Error> {
        if end <= self.reach.load(Ordering::Acquire) {
            return Ok(());
        }
        let _guard = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        if end <= self.reach.load(Ordering::Acquire) {
            return Ok(());
        }
        let reach = end.checked_next_multiple_of(STEP).unwrap_or(u64::MAX);
        let file = &self.table.file;
        // First the length, also on the disk, so that the head never claims more than there is.
        file.set_len(reach)
            .and_then(|()| file.sync_data())
            .and_then(|()| file.write_all_at(&head(self.root, reach), 0))
            .map_err(|error| failed(&error))?;
        self.reach.store(reach, Ordering::Release);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    const ROOT: Mark = Mark {
        fileid: 2,
        stamp: 77,
    };

    fn mark(fileid: u64, stamp: u64) -> Mark {
        Mark { fileid, stamp }
    }

    fn record(n: u32) -> Record {
        Record {
            uid: n,
            gid: n + 1,
            mode: 0o7777 & n,
        }
    }

    #[test]
    fn what_is_recorded_comes_back() {
        let scratch = tempfile::tempdir().unwrap();
        let owners = Owners::open(scratch.path(), ROOT, false).unwrap();
        let inodes = [0, 1, 2, 127, 128, 129, 1 << 20, 1 << 32, (1 << 38) + 5];
        for (n, inode) in (1000..).zip(inodes) {
            assert_eq!(owners.get(mark(inode, 5)).unwrap(), None);
            owners.put(mark(inode, 5), record(n)).unwrap();
        }
        for _ in 0..2 {
            let owners = Owners::open(scratch.path(), ROOT, true).unwrap();
            for (n, inode) in (1000..).zip(inodes) {
                assert_eq!(owners.get(mark(inode, 5)).unwrap(), Some(record(n)));
                assert_eq!(owners.get(mark(inode, 6)).unwrap(), None, "another object");
            }
            owners.sync().unwrap();
        }
        owners.forget(mark(1, 4)).unwrap();
        assert!(owners.get(mark(1, 5)).unwrap().is_some());
        owners.forget(mark(1, 5)).unwrap();
        owners.move_to_places().unwrap();
        assert_eq!(owners.get(mark(1, 5)).unwrap(), None);
        let repaired = Owners::repair(scratch.path(), ROOT).unwrap();
        let kept = inodes.len() as u64 - 1;
        assert_eq!(repaired, Repaired { kept, dropped: 0 });
    }

    /// The disk may bring any of those back that had an inode since it was last known to be up to
    /// date.
    #[test]
    fn a_record_stays_as_long_as_its_object_may_come_back() {
        use std::sync::Arc;
        let scratch = tempfile::tempdir().unwrap();
        let settled = Arc::new(AtomicU64::new(0));
        let open = |recorded| {
            let count = Arc::clone(&settled);
            let settle = move || {
                count.fetch_add(1, Ordering::SeqCst);
                Ok(())
            };
            let owners = Owners::open(scratch.path(), ROOT, recorded).unwrap();
            owners.settled_by(Box::new(settle))
        };
        let mut owners = open(false);
        let inode = |n: u32| u64::from(n % 3);
        let object = |n: u32| mark(inode(n), u64::from(n) + 1);
        let mut known = 0;
        for n in 0..400 {
            let before = settled.load(Ordering::SeqCst);
            owners.put(object(n), record(n)).unwrap();
            if settled.load(Ordering::SeqCst) > before {
                known = n;
            }
            for old in known..=n {
                assert_eq!(
                    owners.get(object(old)).unwrap(),
                    Some(record(old)),
                    "{old} of {n}"
                );
            }
            owners.put(object(n), record(n + 1)).unwrap();
            assert_eq!(owners.get(object(n)).unwrap(), Some(record(n + 1)));
            owners.put(object(n), record(n)).unwrap();
            if n % 50 == 20 {
                owners = open(true);
            }
            owners.forget(object(n)).unwrap();
        }
        let settled = settled.load(Ordering::SeqCst);
        assert!((400 / 63..20).contains(&settled), "{settled}");
    }

    #[test]
    fn what_gets_the_inode_and_the_stamp_of_what_was_removed_keeps_its_record() {
        let scratch = tempfile::tempdir().unwrap();
        let owners = Owners::open(scratch.path(), ROOT, false).unwrap();
        let again = mark(10, 5);
        owners.put(again, record(1)).unwrap();
        owners.forget(again).unwrap();
        owners.put(again, record(2)).unwrap();
        owners.move_to_places().unwrap();
        assert_eq!(owners.get(again).unwrap(), Some(record(2)));
        owners.forget(again).unwrap();
        owners.move_to_places().unwrap();
        assert_eq!(owners.get(again).unwrap(), None);
    }

    #[test]
    fn what_is_recorded_is_not_replaced_by_what_is_only_supposed() {
        let scratch = tempfile::tempdir().unwrap();
        let owners = Owners::open(scratch.path(), ROOT, false).unwrap();
        let object = mark(10, 5);
        owners.put_if_absent(object, record(1)).unwrap();
        assert_eq!(owners.get(object).unwrap(), Some(record(1)));
        owners.put_if_absent(object, record(2)).unwrap();
        assert_eq!(owners.get(object).unwrap(), Some(record(1)));
        owners.put(object, record(3)).unwrap();
        assert_eq!(owners.get(object).unwrap(), Some(record(3)));
    }

    /// A table as a power cut left it: first `old` had the inode, then `new`, which went again or
    /// not.
    fn cut(records: &Path, (old, new): (Mark, Mark), gone: bool) -> Owners {
        let owners = Owners::open(records, ROOT, false).unwrap();
        owners.put(old, record(1)).unwrap();
        owners.forget(old).unwrap();
        owners.put(new, record(2)).unwrap();
        if gone {
            owners.forget(new).unwrap();
        }
        drop(owners);
        Owners::open(records, ROOT, true).unwrap()
    }

    #[test]
    fn what_a_power_cut_brings_back_keeps_its_record_for_good() {
        let (old, new) = (mark(10, 1), mark(10, 2));
        for gone in [false, true] {
            for (there, its) in [(old, record(1)), (new, record(2))] {
                let scratch = tempfile::tempdir().unwrap();
                let owners = cut(scratch.path(), (old, new), gone);
                assert_eq!(owners.undecided(), HashSet::from([10]));
                owners.decide(&[there]);
                owners.move_to_places().unwrap();
                assert_eq!(owners.get(there).unwrap(), Some(its), "{there:?}, {gone}");
            }
        }
    }

    #[test]
    fn a_start_looks_which_objects_are_there() {
        use crate::identify::Identify;
        use crate::{FileSystem, Options, Owner, Ownership, sys};
        use std::os::fd::AsFd;
        let scratch = tempfile::tempdir().unwrap();
        let (tree, records) = (scratch.path().join("tree"), scratch.path().join("records"));
        std::fs::create_dir_all(tree.join("directory/inner")).unwrap();
        std::fs::create_dir(&records).unwrap();
        let root = sys::open_root(&tree).unwrap();
        let identify = Identify::of_disk(root.as_fd()).unwrap();
        let its = |path: &str| {
            let object = sys::open_root(&tree.join(path)).unwrap();
            let stat = sys::stat(object.as_fd()).unwrap();
            identify.mark(object.as_fd(), &stat).unwrap().1
        };
        let there = its("directory/inner");
        let lost = mark(there.fileid, there.stamp ^ 1);
        let owners = Owners::open(&records, its(""), false).unwrap();
        owners.put(there, record(1)).unwrap();
        owners.forget(there).unwrap();
        owners.put(lost, record(2)).unwrap();
        drop(owners);
        let options = Options {
            ownership: Ownership::Shadow {
                outside: Owner::default(),
                recorded: true,
            },
            records: Some(records),
            ..fixture::options()
        };
        let fs = FileSystem::open(&tree, options).unwrap();
        let owners = &fs.shadow.as_ref().unwrap().owners;
        owners.move_to_places().unwrap();
        assert_eq!(owners.get(there).unwrap(), Some(record(1)));
        assert_eq!(owners.get(lost).unwrap(), None);
    }

    #[test]
    fn a_table_stays_as_long_as_it_is_though_its_head_is_older() {
        let scratch = tempfile::tempdir().unwrap();
        let owners = Owners::open(scratch.path(), ROOT, false).unwrap();
        let old = head(ROOT, owners.reach.load(Ordering::Relaxed));
        owners.put(mark(1 << 20, 5), record(1)).unwrap();
        owners.table.file.write_all_at(&old, 0).unwrap();
        let owners = Owners::open(scratch.path(), ROOT, true).unwrap();
        owners.put(mark(10, 5), record(2)).unwrap();
        assert_eq!(owners.get(mark(1 << 20, 5)).unwrap(), Some(record(1)));
    }

    #[test]
    fn every_damaged_bit_is_found_and_can_be_repaired() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join(OWNERS);
        let owners = Owners::open(scratch.path(), ROOT, false).unwrap();
        for inode in 10..13 {
            owners.put(mark(inode, 5), record(1)).unwrap();
        }
        owners.forget(mark(12, 5)).unwrap();
        owners.put(mark(12, 6), record(2)).unwrap();
        drop(owners);
        let whole = std::fs::read(&path).unwrap();
        let record_11 = usize::try_from(Table::<RECORD>::offset(11)).unwrap();
        for at in (0..HEAD)
            .chain(64..128)
            .chain(record_11..record_11 + RECORD)
        {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[at] ^= 1 << bit;
                std::fs::write(&path, &damaged).unwrap();
                let refused = Owners::open(scratch.path(), ROOT, true).err().unwrap();
                let text = refused.to_string();
                assert!(text.contains(path.to_str().unwrap()), "{text}");
                assert!(text.contains("repair-ownership"), "{text}");
                assert_eq!(std::fs::read(&path).unwrap(), damaged, "nothing is reset");
            }
        }
        for length in [0, 1, HEAD - 1, 4096, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(
                Owners::open(scratch.path(), ROOT, true).is_err(),
                "{length}"
            );
        }
        std::fs::remove_file(&path).unwrap();
        assert!(Owners::open(scratch.path(), ROOT, true).is_err(), "missing");
        std::fs::write(&path, &whole).unwrap();
        assert!(
            Owners::open(scratch.path(), mark(3, 77), true).is_err(),
            "of another tree"
        );
        let mut damaged = whole.clone();
        damaged[record_11] ^= 1;
        damaged[0] ^= 1;
        std::fs::write(&path, &damaged).unwrap();
        let repaired = Owners::repair(scratch.path(), ROOT).unwrap();
        assert_eq!(
            repaired,
            Repaired {
                kept: 3,
                dropped: 1
            }
        );
        let owners = Owners::open(scratch.path(), ROOT, true).unwrap();
        assert_eq!(owners.get(mark(10, 5)).unwrap(), Some(record(1)));
        assert_eq!(owners.get(mark(11, 5)).unwrap(), None);
    }

    #[test]
    fn a_record_damaged_while_it_serves_is_an_error_not_an_owner() {
        let scratch = tempfile::tempdir().unwrap();
        let owners = Owners::open(scratch.path(), ROOT, false).unwrap();
        owners.put(mark(10, 5), record(1)).unwrap();
        let offset = Table::<RECORD>::offset(10) + 9;
        owners.table.file.write_all_at(&[0xa5], offset).unwrap();
        assert_eq!(owners.get(mark(10, 5)), Err(Error::Io(EUCLEAN)));
    }
}
