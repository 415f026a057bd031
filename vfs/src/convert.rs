//! From native to shadow ownership and back, and repairs, while nobody serves the tree.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use rustix::fs::Statx;
use rustix::io::Errno;

use crate::attributes::FileType;
use crate::error::{Error, OpenError};
use crate::identify::Identify;
use crate::options::Owner;
use crate::owner_record::{Mark, Record};
use crate::owners::{OWNERS, Owners, Repaired};
use crate::shadow::working_mode;
use crate::stat::file_type;
use crate::sys;
use crate::walk::{self, End};

/// A tree that is being converted.
struct Tree<'a> {
    path: &'a Path,
    root: OwnedFd,
    descriptors: OwnedFd,
    stat: Statx,
    identify: Identify,
}

/// Whether there is a table of owners in this directory of records.
#[must_use]
pub fn has_owners(records: &Path) -> bool {
    records.join(OWNERS).exists()
}

/// Keeps every record of the table of owners that is whole, and drops the others: what they were
/// about then belongs to the outside owner. A table that is missing begins empty.
///
/// # Errors
/// [`OpenError`] if the tree or the table can't be read or written.
pub fn repair_owners(tree: &Path, records: &Path) -> Result<Repaired, OpenError> {
    let tree = Tree::open(tree)?;
    Owners::repair(records, tree.mark()?)
}

/// Records owner and mode that every object of a tree has on the disk, in a table that is made
/// anew, and says how many objects that were. The objects stay as they are: see [`take_over`].
///
/// # Errors
/// [`OpenError`] if the tree can't be read or the table can't be written.
pub fn record_owners(tree: &Path, records: &Path) -> Result<u64, OpenError> {
    let tree = Tree::open(tree)?;
    let failed = |error| OpenError::Inaccessible {
        path: records.to_owned(),
        error,
    };
    std::fs::create_dir_all(records).map_err(failed)?;
    match std::fs::remove_file(records.join(OWNERS)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let owners = Owners::open(records, tree.mark()?, false)?;
    let count = tree.each(&mut |_, stat, mark| {
        let record = Record {
            uid: stat.stx_uid,
            gid: stat.stx_gid,
            mode: u32::from(stat.stx_mode) & 0o7777,
        };
        owners.put(mark, record).map_err(errno)
    })?;
    owners.sync().map_err(failed)?;
    Ok(count)
}

/// Gives the objects of a tree to this process as far as that is permitted, with modes that let
/// it work and others not. To be called once their owners are recorded for good.
///
/// # Errors
/// [`OpenError`] if the tree can't be read.
pub fn take_over(tree: &Path) -> Result<u64, OpenError> {
    let tree = Tree::open(tree)?;
    let user = sys::user();
    tree.each(&mut |object, stat, _| {
        if stat.stx_uid != user {
            let _ = sys::change_owner(object, Some(user), None);
        }
        if let Some(mode) = working_mode(file_type(stat)) {
            let _ = sys::change_mode(tree.descriptors.as_fd(), object, mode);
        }
        Ok(())
    })
}

/// Gives every object of a tree the recorded owner and mode on the disk, and brings that there.
/// The table stays until [`forget_owners`].
///
/// # Errors
/// [`OpenError`] if the table can't be used, or the disk or this process can't give files away.
pub fn restore_owners(tree: &Path, records: &Path, outside: Owner) -> Result<u64, OpenError> {
    let tree = Tree::open(tree)?;
    crate::probe::give_away(tree.root.as_fd(), tree.descriptors.as_fd()).map_err(|errno| {
        OpenError::NativeImpossible {
            path: tree.path.to_owned(),
            error: errno.into(),
        }
    })?;
    let owners = Owners::open(records, tree.mark()?, true)?;
    let count = tree.each(&mut |object, stat, mark| {
        let record = owners.get(mark).map_err(errno)?.unwrap_or(Record {
            uid: outside.uid,
            gid: outside.gid,
            mode: u32::from(stat.stx_mode) & 0o7777,
        });
        sys::change_owner(object, Some(record.uid), Some(record.gid))?;
        if file_type(stat) != FileType::Symlink {
            sys::change_mode(tree.descriptors.as_fd(), object, record.mode)?;
        }
        Ok(())
    })?;
    sys::sync_disk(tree.root.as_fd()).map_err(|errno| tree.inaccessible(errno))?;
    Ok(count)
}

/// Removes the table of owners.
///
/// # Errors
/// [`std::io::Error`] if that is not possible.
pub fn forget_owners(records: &Path) -> std::io::Result<()> {
    std::fs::remove_file(records.join(OWNERS))
}

impl<'a> Tree<'a> {
    fn open(path: &'a Path) -> Result<Self, OpenError> {
        let inaccessible = |errno: Errno| OpenError::Inaccessible {
            path: path.to_owned(),
            error: errno.into(),
        };
        let root = sys::open_root(path).map_err(inaccessible)?;
        let stat = sys::stat(root.as_fd()).map_err(inaccessible)?;
        let identify = Identify::of_disk(root.as_fd()).map_err(inaccessible)?;
        Ok(Self {
            path,
            root,
            descriptors: sys::open_descriptors().map_err(inaccessible)?,
            stat,
            identify,
        })
    }

    fn mark(&self) -> Result<Mark, OpenError> {
        let mark = self.identify.mark(self.root.as_fd(), &self.stat);
        mark.map(|(_, mark)| mark)
            .map_err(|errno| self.inaccessible(errno))
    }

    /// Calls `act` for the root and everything below it.
    fn each(
        &self,
        act: &mut dyn FnMut(BorrowedFd<'_>, &Statx, Mark) -> Result<(), Errno>,
    ) -> Result<u64, OpenError> {
        let device = (self.stat.stx_dev_major, self.stat.stx_dev_minor);
        let mut count = 0;
        let mut at = |object: BorrowedFd<'_>, stat: &Statx| {
            count += 1;
            let (_, mark) = self.identify.mark(object, stat)?;
            act(object, stat, mark)
        };
        let never = AtomicBool::new(false);
        let walked = at(self.root.as_fd(), &self.stat).and_then(|()| {
            walk::over(self.root.as_fd(), &never, &mut |met| match walk::find(
                met.directory,
                met.name,
                device,
            )? {
                Some((object, stat)) => at(object.as_fd(), &stat),
                None => Ok(()),
            })
        });
        match walked {
            Ok(End::Finished) => Ok(count),
            Ok(End::Stopped | End::Moved) => Err(self.inaccessible(Errno::BUSY)),
            Err(errno) => Err(self.inaccessible(errno)),
        }
    }

    fn inaccessible(&self, errno: Errno) -> OpenError {
        OpenError::Inaccessible {
            path: self.path.to_owned(),
            error: errno.into(),
        }
    }
}

fn errno(error: Error) -> Errno {
    match error {
        Error::Io(errno) => Errno::from_raw_os_error(errno),
        Error::NoSpc => Errno::NOSPC,
        Error::DQuot => Errno::DQUOT,
        Error::Rofs => Errno::ROFS,
        _ => Errno::IO,
    }
}
