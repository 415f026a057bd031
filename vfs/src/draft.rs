//! New files on their way to their names.
//!
//! A file appears under its name complete. Where that takes several changes, they are made to a
//! file that has no name yet, or another one; each of them, the name included, is one more of the
//! disk's journal. What the kernel can make complete in a single call is made under its name.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;

use rustix::fs::Statx;
use rustix::io::Errno;

use crate::attributes::FileType;
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
#[derive(Clone, Copy, Debug)]
pub(crate) struct Newborn {
    pub uid: u32,
    pub gid: u32,
    /// The bits that no new object's mode has.
    pub umask: u32,
}

impl Newborn {
    /// Whether an object has owner and mode from its first moment, in a directory without set-gid.
    pub(crate) fn is(self, initial: Initial) -> bool {
        let withheld = self.umask | SET_UID | SET_GID;
        (self.uid, self.gid) == (initial.uid, initial.gid) && initial.mode & withheld == 0
    }
}

impl Draft<'_> {
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
    /// Makes a file that is to get this name. A `plain` one is to have owner and mode and nothing
    /// else.
    pub(crate) fn begin_file<'a>(
        &'a self,
        (directory, at): (&Node, BorrowedFd<'_>),
        name: &[u8],
        initial: Initial,
        plain: bool,
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
        if plain && shadow.is_none() && self.newborn.is(initial) {
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
                let _ = sys::remove(at, name, false);
                self.modified(directory);
            }
        }
    }

    /// Gives a new object its owner and mode, as far as it was not made with them.
    pub(crate) fn give(
        &self,
        object: BorrowedFd<'_>,
        made: &Statx,
        initial: Initial,
    ) -> Result<(), Error> {
        let owned = (made.stx_uid, made.stx_gid) == (initial.uid, initial.gid);
        if !owned {
            sys::change_owner(object, Some(initial.uid), Some(initial.gid))?;
        }
        // A change of owner takes set-id bits away, also from root.
        let lost = !owned && initial.mode & (SET_UID | SET_GID) != 0;
        let other = u32::from(made.stx_mode) & MODE_BITS != initial.mode;
        // The mode of a symbolic link can't be changed.
        if (lost || other) && file_type(made) != FileType::Symlink {
            sys::change_mode(self.descriptors(), object, initial.mode)?;
        }
        Ok(())
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

    #[test]
    fn a_file_is_complete_at_once_only_with_the_owner_and_mode_that_the_kernel_gives() {
        let newborn = Newborn {
            uid: 0,
            gid: 7,
            umask: 0o022,
        };
        let is = |uid, gid, mode| newborn.is(Initial { uid, gid, mode });
        assert!(is(0, 7, 0o644));
        assert!(is(0, 7, 0o1755));
        assert!(!is(0, 7, 0o664));
        assert!(!is(0, 7, 0o4755));
        assert!(!is(0, 7, 0o2755));
        assert!(!is(1, 7, 0o644));
        assert!(!is(0, 0, 0o644));
    }
}
