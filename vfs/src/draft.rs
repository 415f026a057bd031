//! New files on their way to their names.
//!
//! A file appears under its name complete. Where that takes several changes, they are made to a
//! file that has no name yet, or another one; each of them, the name included, is one more of the
//! disk's journal. What the kernel can make complete in a single call is made under its name.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::Statx;
use rustix::io::Errno;

use crate::attributes::{Attributes, FileType};
use crate::error::Error;
use crate::file_system::FileSystem;
use crate::intent::Intent;
use crate::node::Node;
use crate::ownership::{Initial, MODE_BITS, SET_GID, SET_UID};
use crate::shadow::{FILE_MODE, Shadow};
use crate::stat::file_type;
use crate::sys;

/// A file that was just made, open to read and write.
pub(crate) struct Draft<'a> {
    pub file: OwnedFd,
    place: Place<'a>,
    /// Taken back last.
    _intent: Option<Intent>,
}

/// Where it is until it is complete.
enum Place<'a> {
    /// Without a name.
    Unnamed,
    /// Under this name, in a directory that no client sees.
    Staged(BorrowedFd<'a>, Vec<u8>),
    /// Under its own name.
    Named,
}

/// What the kernel gives to whatever this process makes.
#[derive(Debug)]
pub(crate) struct Newborn {
    pub uid: u32,
    pub gid: u32,
    /// The bits that no new object's mode has.
    pub umask: u32,
    /// Whether it is known that the disk gives them to this process's user.
    pub own_user: AtomicBool,
    /// Whether it is known that the mount does not give the directory's group (`grpid`).
    pub own_group: AtomicBool,
}

impl Newborn {
    /// Whether an object has owner and mode from its first moment in a directory of these
    /// attributes, if that has no default access control list.
    pub(crate) fn is(&self, initial: Initial, directory: &Attributes) -> bool {
        let withheld = self.umask | SET_UID | SET_GID;
        // Set-gid of the directory is the kernel's to inherit, whatever group the object is to
        // have.
        (self.uid, self.gid) == (initial.uid, initial.gid)
            && initial.mode & withheld == 0
            && directory.mode & SET_GID == 0
            && self.own_user.load(Ordering::Relaxed)
            && (directory.gid == self.gid || self.own_group.load(Ordering::Relaxed))
    }

    /// Learns from an object that was made in a directory of these attributes, and that nobody else
    /// could use yet.
    pub(crate) fn learn(&self, directory: &Attributes, made: &Statx) {
        if made.stx_uid == self.uid {
            self.own_user.store(true, Ordering::Relaxed);
        }
        let tells = directory.mode & SET_GID == 0 && directory.gid != self.gid;
        if tells && made.stx_gid == self.gid {
            self.own_group.store(true, Ordering::Relaxed);
        }
    }
}

impl Draft<'_> {
    /// Whether others have been able to find it from the beginning.
    pub(crate) fn is_named(&self) -> bool {
        matches!(self.place, Place::Named)
    }

    /// Gives it its name.
    pub(crate) fn publish(
        &self,
        descriptors: BorrowedFd<'_>,
        directory: BorrowedFd<'_>,
        name: &[u8],
    ) -> Result<(), Errno> {
        match &self.place {
            Place::Unnamed => sys::link(descriptors, self.file.as_fd(), directory, name),
            Place::Staged(staging, staged) => sys::place(*staging, staged, directory, name),
            Place::Named => Ok(()),
        }
    }
}

impl FileSystem {
    /// Whether the kernel makes an object complete that is to have owner and mode and nothing else,
    /// in a directory of these attributes. This has to be known before: whoever finds the object by
    /// its name may change it at once, and a difference would not tell whose it is.
    pub(crate) fn makes_whole(
        &self,
        at: BorrowedFd<'_>,
        directory: &Attributes,
        initial: Initial,
    ) -> bool {
        self.newborn.is(initial, directory) && !sys::has_default_acl(at)
    }

    /// Learns what the kernel gives from a file that never gets a name.
    pub(crate) fn learn_newborn(&self) -> Result<(), Error> {
        let directory = self.attributes(&self.root)?;
        let at = self.reach(&self.root)?;
        if let Some(file) = self.unnamed(at.as_fd(), 0)? {
            self.newborn.learn(&directory, &sys::stat(file.as_fd())?);
        }
        Ok(())
    }

    /// Makes a file that is to get this name; a `whole` one under it.
    pub(crate) fn begin_file<'a>(
        &'a self,
        (directory, at): (&Node, BorrowedFd<'_>),
        name: &[u8],
        initial: Initial,
        whole: bool,
    ) -> Result<Draft<'a>, Error> {
        let shadow = self.shadow.as_ref();
        // Nobody can open what has no name, so that it may have its mode before its owner.
        let mode = match shadow {
            Some(_) => FILE_MODE,
            None => initial.mode,
        };
        let draft = |file, place, intent| Draft {
            file,
            place,
            _intent: intent,
        };
        if whole {
            let file = sys::create_named(at, name, mode)?;
            return Ok(draft(file, Place::Named, None));
        }
        if let Some(file) = self.unnamed(at, mode)? {
            return Ok(draft(file, Place::Unnamed, None));
        }
        if let Some((staging, staged)) = shadow.and_then(Shadow::stage) {
            let staged = staged.into_bytes();
            let file = sys::create_named(staging, &staged, mode)?;
            return Ok(draft(file, Place::Staged(staging, staged), None));
        }
        let (intent, mode) = match shadow {
            Some(shadow) => (shadow.intend(directory, name, initial)?, mode),
            // None, until it has its owner.
            None => (None, 0),
        };
        let file = sys::create_named(at, name, mode)?;
        Ok(draft(file, Place::Named, intent))
    }

    /// Lets nothing half made stay. What failed before matters more than that this may fail.
    pub(crate) fn discard(
        &self,
        draft: &Draft<'_>,
        (directory, at): (&Node, BorrowedFd<'_>),
        name: &[u8],
    ) {
        match &draft.place {
            Place::Unnamed => {}
            Place::Staged(staging, staged) => {
                let _ = sys::remove(*staging, staged, false);
            }
            Place::Named => {
                if let Ok(made) = sys::stat(draft.file.as_fd()) {
                    self.take_back(at, name, &made);
                }
                self.modified(directory);
            }
        }
    }

    /// Takes the name of what was just made, unless the host has put something else there.
    pub(crate) fn take_back(&self, at: BorrowedFd<'_>, name: &[u8], made: &Statx) {
        let inode = |stat: &Statx| (stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino);
        let there = sys::stat_at(at, name);
        if there.is_ok_and(|there| inode(&there) == inode(made)) {
            let _removing = self.removals.begin();
            let _ = sys::remove(at, name, file_type(made) == FileType::Directory);
            self.removed_unseen(made.stx_ino, made.stx_nlink);
        }
    }

    /// Gives a new object its owner and mode, as far as it was not made with them; whether it was
    /// not.
    pub(crate) fn give(
        &self,
        object: BorrowedFd<'_>,
        made: &Statx,
        initial: Initial,
    ) -> Result<bool, Error> {
        let owned = (made.stx_uid, made.stx_gid) == (initial.uid, initial.gid);
        if !owned {
            sys::change_owner(object, Some(initial.uid), Some(initial.gid))?;
        }
        // A change of owner takes set-id bits away, also from root.
        let lost = !owned && initial.mode & (SET_UID | SET_GID) != 0;
        let other = u32::from(made.stx_mode) & MODE_BITS != initial.mode;
        // The mode of a symbolic link can't be changed.
        let changes = (lost || other) && file_type(made) != FileType::Symlink;
        if changes {
            sys::change_mode(self.descriptors(), object, initial.mode)?;
        }
        Ok(!owned || changes)
    }

    /// A file without a name, unless the disk has no such thing.
    fn unnamed(&self, directory: BorrowedFd<'_>, mode: u32) -> Result<Option<OwnedFd>, Error> {
        if self.only_named.load(Ordering::Relaxed) {
            return Ok(None);
        }
        match sys::create_unnamed(directory, mode) {
            Ok(file) => Ok(Some(file)),
            Err(Errno::OPNOTSUPP) => {
                self.only_named.store(true, Ordering::Relaxed);
                Ok(None)
            }
            Err(errno) => Err(errno.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn newborn() -> Newborn {
        Newborn {
            uid: 0,
            gid: 7,
            umask: 0o022,
            own_user: AtomicBool::new(true),
            own_group: AtomicBool::new(false),
        }
    }

    fn directory(gid: u32, mode: u32) -> Attributes {
        fixture::object(FileType::Directory, mode, 5, gid)
    }

    #[test]
    fn a_file_is_complete_at_once_only_with_the_owner_and_mode_that_the_kernel_gives() {
        let (newborn, directory) = (newborn(), directory(7, 0o777));
        let is = |uid, gid, mode| newborn.is(Initial { uid, gid, mode }, &directory);
        assert!(is(0, 7, 0o644));
        assert!(is(0, 7, 0o1755));
        assert!(!is(0, 7, 0o664));
        assert!(!is(0, 7, 0o4755));
        assert!(!is(0, 7, 0o2755));
        assert!(!is(1, 7, 0o644));
        assert!(!is(0, 0, 0o644));
    }

    #[test]
    fn what_group_a_file_gets_in_a_directory_of_another_one_has_to_be_known() {
        let newborn = Newborn {
            own_user: AtomicBool::new(false),
            ..newborn()
        };
        let initial = Initial {
            uid: 0,
            gid: 7,
            mode: 0o644,
        };
        let mut made = sys::stat(std::fs::File::open(".").unwrap().as_fd()).unwrap();
        let is = |gid, mode| newborn.is(initial, &directory(gid, mode));
        made.stx_uid = 1;
        newborn.learn(&directory(7, 0o777), &made);
        assert!(!is(7, 0o777), "the user has to be known, too");
        made.stx_uid = 0;
        newborn.learn(&directory(7, 0o777), &made);
        assert!(is(7, 0o777));
        assert!(!is(8, 0o777));
        assert!(!is(7, 0o2777));
        made.stx_gid = 8;
        newborn.learn(&directory(8, 0o777), &made);
        assert!(!is(8, 0o777), "grpid");
        made.stx_gid = 7;
        newborn.learn(&directory(7, 0o777), &made);
        newborn.learn(&directory(8, 0o2777), &made);
        assert!(!is(8, 0o777), "neither tells");
        newborn.learn(&directory(8, 0o777), &made);
        assert!(is(8, 0o777));
        assert!(!is(8, 0o2777));
    }
}
