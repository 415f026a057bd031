//! The time of the last access as Amazon EFS keeps it (EFS user guide, "Unsupported NFSv4
//! features", `time_access`): reading doesn't move it; creation, and every change of data or
//! attributes does, so that it follows the time of the last change; and a client may set it.
//!
//! It is derived from ctime, so that no change writes it. Only what a client has set is written
//! down, beside the tree and together with the ctime that the setting left behind: it is shown for
//! as long as the object has that ctime. The disk's own atime, which the host's readers move, only
//! says whether there can be such a record.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use rustix::fs::{Statx, StatxFlags};

use crate::attributes::{SetAttributes, SetTime, Timestamp};
use crate::error::{Error, OpenError};
use crate::file_system::FileSystem;
use crate::node::Node;
use crate::owner_record::{Mark, number};
use crate::stat::timestamp;
use crate::sys;
use crate::table::{Table, create, failed, read_at};

/// The name of the table in the directory of records.
const ACCESSED: &str = "accessed";
const MAGIC: &[u8; 16] = b"localefs times 1";
/// Stamp, ctime, time of access, checksum.
const RECORD: usize = 8 + 12 + 12 + 8;

/// What clients have set, and when.
pub(crate) struct AccessTimes {
    /// Nothing without a place for records: then the disk's own times are shown.
    path: Option<PathBuf>,
    /// Made with the first record.
    table: OnceLock<Table<RECORD>>,
    making: Mutex<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    stamp: u64,
    /// The ctime that belongs to it.
    changed: Timestamp,
    accessed: Timestamp,
}

/// What is known of the time of access of an object in memory.
#[derive(Debug, Default)]
pub(crate) struct ChosenAccess {
    /// Whether its record was looked for, or made.
    known: AtomicBool,
    /// Whether nothing has changed since a client has set it.
    fresh: AtomicBool,
}

impl AccessTimes {
    /// Opens the table, if there is one.
    pub(crate) fn open(records: Option<&Path>) -> Result<Self, OpenError> {
        let times = Self {
            path: records.map(|records| records.join(ACCESSED)),
            table: OnceLock::new(),
            making: Mutex::default(),
        };
        if let Some(path) = &times.path {
            let unusable = |error| OpenError::Inaccessible {
                path: path.clone(),
                error,
            };
            match File::options().read(true).write(true).open(path) {
                Ok(file) => {
                    let mut magic = [0; MAGIC.len()];
                    read_at(&file, &mut magic, 0).map_err(unusable)?;
                    if magic != *MAGIC {
                        let problem = "it is no table of times of access, or its beginning is \
                                       damaged; without it, which may be removed, files show the \
                                       time of their last change";
                        return Err(unusable(io::Error::new(
                            io::ErrorKind::InvalidData,
                            problem,
                        )));
                    }
                    let _ = times.table.set(Table::new(file, path.clone()));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(unusable(error)),
            }
        }
        Ok(times)
    }

    /// The time of the last access of an object. `stamp` is asked for only if it matters.
    pub(crate) fn shown(
        &self,
        stat: &Statx,
        stamp: impl FnOnce() -> Result<u64, Error>,
    ) -> Timestamp {
        if self.path.is_none() {
            return timestamp(stat.stx_atime);
        }
        let changed = timestamp(stat.stx_ctime);
        match self.record(stat) {
            Some(record) if record.changed == changed && stamp() == Ok(record.stamp) => {
                record.accessed
            }
            _ => changed,
        }
    }

    /// The same of an object in memory.
    pub(crate) fn shown_of(&self, node: &Node, stat: &Statx) -> Timestamp {
        if self.path.is_none() || !may_be_set(stat) {
            return self.shown(stat, || Ok(node.mark().stamp));
        }
        let changed = timestamp(stat.stx_ctime);
        if !node.accessed.known.load(Ordering::Relaxed) {
            let found = self.record(stat);
            let found = found.filter(|record| record.stamp == node.mark().stamp);
            let mut holding = node.holding();
            // What was set meanwhile is newer.
            if !node.accessed.known.swap(true, Ordering::Relaxed) && found.is_some() {
                holding.rare().accessed = found;
            }
        }
        let kept = node.holding().rare.as_ref().and_then(|rare| rare.accessed);
        match kept {
            Some(record) if record.changed == changed => record.accessed,
            _ => changed,
        }
    }

    /// The record of an inode, if it has one that may hold.
    fn record(&self, stat: &Statx) -> Option<Record> {
        let table = self.table.get().filter(|_| may_be_set(stat))?;
        match table.read(stat.stx_ino) {
            Ok(Ok(bytes)) => bytes.map(|bytes| Record::parse(&bytes)),
            Ok(Err(_)) | Err(_) => {
                tracing::warn!(
                    table = %table.path.display(),
                    inode = stat.stx_ino,
                    "a time of access can't be read: the time of the last change is shown"
                );
                None
            }
        }
    }

    /// Writes down what a client has set. `written` runs before anybody else can do so.
    fn put(&self, of: Mark, record: Record, written: impl FnOnce()) -> Result<(), Error> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let table = match self.table.get() {
            Some(table) => table,
            None => {
                let _guard = self.making.lock().unwrap_or_else(PoisonError::into_inner);
                if self.table.get().is_none() {
                    let file = create(path, MAGIC).map_err(|error| failed(&error))?;
                    let _ = self.table.set(Table::new(file, path.clone()));
                }
                self.table.get().ok_or(Error::Io(libc::EIO))?
            }
        };
        let _guard = table.lock(of.fileid);
        table.write(of.fileid, record.encoded())?;
        written();
        Ok(())
    }

    fn forget(&self, node: &Node) {
        let Some(table) = self.table.get() else {
            return;
        };
        let _guard = table.lock(node.fileid());
        if let Some(rare) = &mut node.holding().rare {
            rare.accessed = None;
        }
        if let Err(error) = table.erase(node.fileid()) {
            tracing::warn!(table = %table.path.display(), %error, "a time of access stays behind");
        }
    }

    /// Brings what was set so far to the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.table
            .get()
            .map_or(Ok(()), |table| table.file.sync_data())
    }
}

impl Record {
    fn encoded(self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        bytes[..8].copy_from_slice(&self.stamp.to_le_bytes());
        for (at, time) in [(8, self.changed), (20, self.accessed)] {
            bytes[at..at + 8].copy_from_slice(&time.seconds.to_le_bytes());
            bytes[at + 8..at + 12].copy_from_slice(&time.nanoseconds.to_le_bytes());
        }
        bytes
    }

    fn parse(bytes: &[u8; RECORD]) -> Self {
        let time = |at: usize| Timestamp {
            seconds: number(&bytes[at..at + 8]).cast_signed(),
            nanoseconds: u32::try_from(number(&bytes[at + 8..at + 12])).unwrap_or(0),
        };
        Self {
            stamp: number(&bytes[..8]),
            changed: time(8),
            accessed: time(20),
        }
    }
}

/// Whether a time of access may have been set: an object that is made gets that of its birth, and
/// [`FileSystem::set_times`] sees to it that no client's choice leaves that behind.
fn may_be_set(stat: &Statx) -> bool {
    stat.stx_mask & StatxFlags::BTIME.bits() == 0
        || timestamp(stat.stx_atime) != timestamp(stat.stx_btime)
}

impl FileSystem {
    /// Sets the times of an object on the disk.
    pub(crate) fn set_times(
        &self,
        object: BorrowedFd<'_>,
        set: &SetAttributes,
    ) -> Result<(), Error> {
        if set.accessed.is_none() && set.modified.is_none() {
            return Ok(());
        }
        sys::change_times(object, set.accessed, set.modified)?;
        if let Some(SetTime::Client(_)) = set.accessed {
            let stat = sys::stat(object)?;
            if !may_be_set(&stat) {
                let birth = timestamp(stat.stx_btime);
                let other = Timestamp {
                    nanoseconds: birth.nanoseconds ^ 1,
                    ..birth
                };
                sys::change_times(object, Some(SetTime::Client(other)), None)?;
            }
        }
        Ok(())
    }

    /// Writes down the time of access that was set, if a client chose it. To be called after all
    /// else that the request changes.
    pub(crate) fn keep_access_time(&self, node: &Node, set: &SetAttributes) -> Result<(), Error> {
        let Some(SetTime::Client(accessed)) = set.accessed else {
            return Ok(());
        };
        let record = Record {
            stamp: node.mark().stamp,
            changed: timestamp(sys::stat(self.reach(node)?.as_fd())?.stx_ctime),
            accessed,
        };
        node.accessed.known.store(true, Ordering::Relaxed);
        self.accessed.put(node.mark(), record, || {
            node.holding().rare().accessed = Some(record);
            node.accessed.fresh.store(true, Ordering::SeqCst);
        })?;
        if self.is_strict() {
            let synced = self.accessed.sync();
            self.durable(synced.map_err(|error| {
                rustix::io::Errno::from_io_error(&error).unwrap_or(rustix::io::Errno::IO)
            }))?;
        }
        Ok(())
    }

    /// The same for an object that was just made, which stays whatever happens here.
    pub(crate) fn keep_first_access_time(&self, node: &Node, set: &SetAttributes) {
        if let Err(error) = self.keep_access_time(node, set) {
            tracing::warn!(%error, "a new object shows the time when it was made as that of access");
        }
    }

    /// To be called after every other change: it might leave the ctime as it is, which is coarse.
    pub(crate) fn drop_access_time(&self, node: &Node) {
        if node.accessed.fresh.swap(false, Ordering::SeqCst) {
            self.accessed.forget(node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::identity::Identity;
    use crate::options::Options;

    const TIME: Timestamp = Timestamp {
        seconds: -5,
        nanoseconds: 999_999_999,
    };

    #[test]
    fn records_come_back_as_they_were() {
        let record = Record {
            stamp: u64::MAX,
            changed: Timestamp {
                seconds: i64::MAX,
                nanoseconds: 1,
            },
            accessed: TIME,
        };
        assert_eq!(Record::parse(&record.encoded()), record);
    }

    /// As where timestamps are coarse: the change leaves the ctime as it is.
    #[test]
    fn a_change_within_the_same_ctime_counts() {
        let scratch = tempfile::tempdir().unwrap();
        let tree = scratch.path().join("tree");
        let options = Options {
            records: Some(scratch.path().join("records")),
            ..fixture::options()
        };
        let fs = FileSystem::create(&tree, options).expect("these tests must run as root");
        let set = SetAttributes {
            accessed: Some(SetTime::Client(TIME)),
            ..SetAttributes::default()
        };
        let root = fs.root();
        fs.set_attributes(&Identity::root(), &root, None, &set)
            .unwrap();
        assert_eq!(fs.attributes(&root).unwrap().accessed, TIME);
        fs.modified(&root);
        let shown = fs.attributes(&root).unwrap();
        assert_eq!(shown.accessed, shown.changed);
    }

    #[test]
    fn a_damaged_table_is_refused_by_name() {
        let scratch = tempfile::tempdir().unwrap();
        let mark = Mark {
            fileid: 7,
            stamp: 8,
        };
        let times = AccessTimes::open(Some(scratch.path())).unwrap();
        let record = Record {
            stamp: 8,
            changed: TIME,
            accessed: TIME,
        };
        times.put(mark, record, || ()).unwrap();
        let path = scratch.path().join(ACCESSED);
        AccessTimes::open(Some(scratch.path())).unwrap();
        std::fs::write(&path, "something else").unwrap();
        let refused = AccessTimes::open(Some(scratch.path())).err().unwrap();
        let text = refused.to_string();
        assert!(text.contains(path.to_str().unwrap()) && text.contains("removed"));
    }
}
