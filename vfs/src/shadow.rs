//! Shadow ownership: owners and modes from a table, for a process or a disk that can't give
//! objects away. The objects themselves get modes that let this process work.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::Statx;

use crate::attributes::{Attributes, FileType};
use crate::error::{Error, OpenError};
use crate::file_system::FileSystem;
use crate::intent::{INTENTS, Intent};
use crate::names::replaceable;
use crate::node::Node;
use crate::options::Owner;
use crate::owner_record::{Mark, Record};
use crate::owners::Owners;
use crate::ownership::Initial;
use crate::stat::{attributes, file_type};
use crate::sys;

/// Where new objects are made before they get their name.
const STAGING: &str = "staging";

/// The host's modes of what this process has to work with.
pub(crate) const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

/// The table, and what belongs to it.
pub(crate) struct Shadow {
    pub owners: Arc<Owners>,
    outside: Owner,
    /// On the same disk as the tree; else objects are made in place.
    staging: Option<OwnedFd>,
    staged: AtomicU64,
    intents: PathBuf,
}

/// The host's mode of an object; symbolic links have none.
pub(crate) fn working_mode(file_type: FileType) -> Option<u32> {
    match file_type {
        FileType::Symlink => None,
        FileType::Directory => Some(DIRECTORY_MODE),
        _ => Some(FILE_MODE),
    }
}

impl Shadow {
    pub(crate) fn open(
        records: &Path,
        owners: Owners,
        outside: Owner,
        device: (u32, u32),
    ) -> Result<Self, OpenError> {
        let path = records.join(STAGING);
        let unusable = |path: &Path, error: std::io::Error| OpenError::Inaccessible {
            path: path.to_owned(),
            error: replaceable(&error),
        };
        // What is there was never seen by anybody.
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(unusable(&path, error));
            }
            _ => {}
        }
        std::fs::create_dir(&path).map_err(|error| unusable(&path, error))?;
        let intents = records.join(INTENTS);
        match std::fs::create_dir(&intents) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(unusable(&intents, error));
            }
            _ => {}
        }
        let staging = sys::open_root(&path).map_err(|errno| unusable(&path, errno.into()))?;
        let stat = sys::stat(staging.as_fd()).map_err(|errno| unusable(&path, errno.into()))?;
        let here = (stat.stx_dev_major, stat.stx_dev_minor) == device;
        Ok(Self {
            owners: Arc::new(owners),
            outside,
            staging: here.then_some(staging),
            staged: AtomicU64::new(0),
            intents,
        })
    }

    /// Whether new objects are made elsewhere, and moved to their names.
    pub(crate) fn stages(&self) -> bool {
        self.staging.is_some()
    }

    /// Where to make a new object, and under which name.
    pub(crate) fn stage(&self) -> Option<(BorrowedFd<'_>, String)> {
        let staging = self.staging.as_ref()?.as_fd();
        let number = self.staged.fetch_add(1, Ordering::Relaxed);
        Some((staging, number.to_string()))
    }

    /// Writes down that a name is about to be made, if it gets its name before its owner.
    pub(crate) fn intend(
        &self,
        directory: &Node,
        name: &[u8],
        initial: Initial,
    ) -> Result<Option<Intent>, Error> {
        if self.stages() {
            return Ok(None);
        }
        let number = self.staged.fetch_add(1, Ordering::Relaxed);
        let path = self.intents.join(number.to_string());
        Intent::declare(path, directory, name, initial).map(Some)
    }

    pub(crate) fn put(&self, object: Mark, initial: Initial) -> Result<(), Error> {
        let Initial { uid, gid, mode } = initial;
        self.owners.put(object, Record { uid, gid, mode })
    }

    fn dress(&self, attributes: &mut Attributes, object: Mark) -> Result<(), Error> {
        match self.owners.get(object)? {
            Some(record) => {
                (attributes.uid, attributes.gid) = (record.uid, record.gid);
                attributes.mode = record.mode;
            }
            None => (attributes.uid, attributes.gid) = (self.outside.uid, self.outside.gid),
        }
        Ok(())
    }
}

impl FileSystem {
    /// The attributes of an object, with the owner that clients see.
    pub(crate) fn owned(
        &self,
        stat: &Statx,
        object: Mark,
        change: u64,
    ) -> Result<Attributes, Error> {
        let mut attributes = attributes(stat, change);
        if let Some(shadow) = &self.shadow {
            shadow.dress(&mut attributes, object)?;
        }
        Ok(attributes)
    }

    /// Attributes without a change attribute, for judging permissions only.
    pub(crate) fn attributes_to_judge(&self, node: &Node) -> Result<Attributes, Error> {
        self.owned(&sys::stat(self.reach(node)?.as_fd())?, node.mark(), 0)
    }

    /// Records owner and mode of an object.
    pub(crate) fn record(
        &self,
        shadow: &Shadow,
        node: &Node,
        initial: Initial,
    ) -> Result<(), Error> {
        // Before the record, so that no state of it was ever there with an older ctime. Of the
        // host's objects that others own it can't be moved.
        let held = self.reach(node)?;
        let _ = sys::touch(
            self.descriptors(),
            held.as_fd(),
            working_mode(node.file_type),
        );
        shadow.put(node.mark(), initial)
    }

    /// Lets this process use what the host has put here with a mode in the way. Clients go on
    /// seeing that mode.
    pub(crate) fn make_workable(
        &self,
        object: BorrowedFd<'_>,
        mark: Mark,
        stat: &Statx,
    ) -> Result<(), Error> {
        let Some(shadow) = &self.shadow else {
            return Ok(());
        };
        let mode = u32::from(stat.stx_mode) & 0o7777;
        let Some(needed) = working_mode(file_type(stat)) else {
            return Ok(());
        };
        if mode & needed == needed || stat.stx_uid != self.newborn.uid {
            return Ok(());
        }
        // At the same time somebody may record what he has just made, or been asked to set.
        let Owner { uid, gid } = shadow.outside;
        shadow
            .owners
            .put_if_absent(mark, Record { uid, gid, mode })?;
        Ok(sys::change_mode(self.descriptors(), object, needed)?)
    }

    /// Brings the records to the disk.
    pub(crate) fn records_durable(&self) -> Result<(), Error> {
        let Some(shadow) = &self.shadow else {
            return Ok(());
        };
        let synced = shadow.owners.sync();
        self.durable(synced.map_err(|error| {
            rustix::io::Errno::from_io_error(&error).unwrap_or(rustix::io::Errno::IO)
        }))
    }
}
