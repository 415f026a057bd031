//! Making directories, symbolic links, named pipes and sockets.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{FileType as KernelType, Statx};
use rustix::io::Errno;

use crate::access::{Permissions, check};
use crate::attributes::{FileType, SetAttributes};
use crate::error::Error;
use crate::file_system::FileSystem;
use crate::identity::Identity;
use crate::name::{check_name, check_target};
use crate::node::Node;
use crate::options::ChangeInfo;
use crate::ownership::{Initial, SET_GID, change_times, initial};
use crate::shadow::{Shadow, working_mode};
use crate::{stat, sys};

/// The special files that EFS has; it has no devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecialType {
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// A new object.
#[derive(Clone, Debug)]
pub struct Made {
    /// The object.
    pub node: Arc<Node>,
    /// How its directory changed.
    pub directory: ChangeInfo,
}

impl FileSystem {
    /// Makes a directory. Of `set`, mode, owner, group and times count; without a mode it is 0700.
    /// Set-uid and set-gid can't be asked for, but the latter is inherited.
    ///
    /// # Errors
    /// [`Error::Exist`], [`Error::Access`], [`Error::Perm`] if `set` gives the directory to
    /// somebody else, [`Error::NoSpc`], [`Error::DQuot`], [`Error::MLink`], [`Error::Rofs`], those
    /// of names, [`Error::NameTooLong`] also beyond 1,000 levels, [`Error::Stale`] where the host
    /// has moved `directory` out of the tree or put something else in the place of the new object,
    /// and [`Error::NotDir`] or [`Error::Symlink`] if `directory` is none.
    pub fn make_directory(
        &self,
        who: &Identity,
        directory: &Node,
        name: &[u8],
        set: &SetAttributes,
    ) -> Result<Made, Error> {
        self.make(
            who,
            directory,
            name,
            set,
            FileType::Directory,
            sys::make_directory,
        )
    }

    /// Makes a symbolic link that holds `target`. Of `set`, owner, group and times count.
    ///
    /// # Errors
    /// As [`FileSystem::make_directory`]; of the target, [`Error::Inval`] and
    /// [`Error::NameTooLong`].
    pub fn make_symlink(
        &self,
        who: &Identity,
        directory: &Node,
        name: &[u8],
        target: &[u8],
        set: &SetAttributes,
    ) -> Result<Made, Error> {
        check_target(target)?;
        self.make(
            who,
            directory,
            name,
            set,
            FileType::Symlink,
            |at, name, _| sys::make_symlink(at, name, target),
        )
    }

    /// Makes a named pipe or a socket. Without a mode it is 0600.
    ///
    /// # Errors
    /// As [`FileSystem::make_directory`].
    pub fn make_special(
        &self,
        who: &Identity,
        directory: &Node,
        name: &[u8],
        special: SpecialType,
        set: &SetAttributes,
    ) -> Result<Made, Error> {
        let (file_type, kernel_type) = match special {
            SpecialType::Fifo => (FileType::Fifo, KernelType::Fifo),
            SpecialType::Socket => (FileType::Socket, KernelType::Socket),
        };
        self.make(who, directory, name, set, file_type, |at, name, mode| {
            sys::make_node(at, name, kernel_type, mode)
        })
    }

    /// Makes an object that starts with no permissions at all, unless the kernel makes it
    /// complete, and gives it its owner and mode before anybody else can change the directory.
    fn make(
        &self,
        who: &Identity,
        directory: &Node,
        name: &[u8],
        set: &SetAttributes,
        file_type: FileType,
        make: impl Fn(BorrowedFd<'_>, &[u8], u32) -> Result<(), Errno>,
    ) -> Result<Made, Error> {
        check_name(name)?;
        let held = self.reach(directory)?;
        let at = held.as_fd();
        let (_guard, attributes) = self.enter_directory(who, directory)?;
        match sys::stat_at(at, name) {
            Ok(_) => return Err(Error::Exist),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        check(who, &attributes, Permissions::WRITE).ok()?;
        if file_type == FileType::Directory {
            self.may_deepen(directory)?;
        }
        let initial = initial(who, &attributes, file_type, set)?;
        // Its maker may set any time: it owns the object, unless root gave it away.
        change_times(&Identity::root(), &attributes, set, true)?;
        let naming = self.naming();
        let node = match self.shadow.as_ref() {
            Some(shadow) => {
                let place = (directory, at);
                self.make_in_shadow(shadow, place, name, initial, set, file_type, &make)
            }
            None => {
                let whole = attributes.mode & SET_GID == 0 && self.newborn.is(initial);
                self.make_in_place((at, name), whole, initial, set, file_type, &make)
            }
        };
        if let Ok(node) = &node {
            self.named(directory, name, node);
        }
        drop(naming);
        if let (Ok(node), true) = (&node, self.is_strict()) {
            // Its owner came after it, and may not go with its name.
            self.object_durable(node)?;
        }
        let after = self.entries_changed(directory)?;
        let node = node?;
        self.keep_first_access_time(&node, set);
        Ok(Made {
            node,
            directory: ChangeInfo {
                before: attributes.change,
                after,
            },
        })
    }

    /// Makes an object under its name that nobody can use before it has its owner and mode; with
    /// `whole`, because the kernel gives it both.
    fn make_in_place(
        &self,
        (at, name): (BorrowedFd<'_>, &[u8]),
        whole: bool,
        initial: Initial,
        set: &SetAttributes,
        file_type: FileType,
        make: impl Fn(BorrowedFd<'_>, &[u8], u32) -> Result<(), Errno>,
    ) -> Result<Arc<Node>, Error> {
        let undo = |error: &Error| take_back(error, at, name, file_type);
        if whole {
            make(at, name, initial.mode)?;
            let (object, stat) = find_with_stat(at, name).inspect_err(undo)?;
            if self.is_foreign(&stat) {
                return Err(Error::Stale);
            }
            if stat::file_type(&stat) == file_type && initial.is_of(&stat) {
                let dressed = self.dress(object, &stat, initial, set);
                return dressed.inspect_err(undo);
            }
            // It may as well be something that the host has put there, which isn't to be given
            // away.
            self.newborn.distrust();
            let _ = sys::remove(at, name, file_type == FileType::Directory);
        }
        make(at, name, 0)?;
        self.find_new(at, name, file_type)
            .and_then(|(object, stat)| self.dress(object, &stat, initial, set))
            .inspect_err(undo)
    }

    /// Finds what was just made, without permissions, under its name: the host may have put
    /// something else there, which isn't to be given away.
    fn find_new(
        &self,
        directory: BorrowedFd<'_>,
        name: &[u8],
        expected: FileType,
    ) -> Result<(OwnedFd, Statx), Error> {
        let (object, stat) = find_with_stat(directory, name)?;
        // A disk without owners may have modes of its own.
        let untouched = self.shadow.is_some()
            || stat.stx_uid == self.newborn.uid
                && (expected == FileType::Symlink || stat.stx_mode & 0o777 == 0);
        if stat::file_type(&stat) == expected && untouched && !self.is_foreign(&stat) {
            Ok((object, stat))
        } else {
            Err(Error::Stale)
        }
    }

    fn dress(
        &self,
        object: OwnedFd,
        made: &Statx,
        initial: Initial,
        set: &SetAttributes,
    ) -> Result<Arc<Node>, Error> {
        let given = self.give(object.as_fd(), made, initial)?;
        self.set_times(object.as_fd(), set)?;
        let kernel = self.identify.handle(object.as_fd(), made)?;
        let (node, _) = self.enter(object, &kernel, made)?;
        if given {
            // Who found it by its name has seen it otherwise, and maybe at the same time.
            node.change.bump();
        }
        Ok(node)
    }

    /// Makes an object elsewhere and moves it to its name once its owner is recorded; where there
    /// is no place for that on this disk, without any permissions under its name.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is another part of one new object"
    )]
    fn make_in_shadow(
        &self,
        shadow: &Shadow,
        (directory, place): (&Node, BorrowedFd<'_>),
        name: &[u8],
        initial: Initial,
        set: &SetAttributes,
        file_type: FileType,
        make: impl Fn(BorrowedFd<'_>, &[u8], u32) -> Result<(), Errno>,
    ) -> Result<Arc<Node>, Error> {
        let staged = shadow.stage();
        let (at, temporary) = match &staged {
            Some((staging, temporary)) => (*staging, temporary.as_bytes()),
            None => (place, name),
        };
        let mode = match staged {
            Some(_) => working_mode(file_type).unwrap_or(0),
            None => 0,
        };
        // Taken back last.
        let _intent = shadow.intend(directory, name, initial)?;
        make(at, temporary, mode)?;
        let prepare = || {
            let (object, stat) = match staged {
                Some(_) => find_with_stat(at, temporary)?,
                None => self.find_new(at, temporary, file_type)?,
            };
            let (kernel, mark) = self.identify.mark(object.as_fd(), &stat)?;
            shadow.put(mark, initial)?;
            if self.is_strict() {
                self.records_durable()?;
            }
            self.set_times(object.as_fd(), set)?;
            if staged.is_some() {
                sys::place(at, temporary, place, name)?;
            }
            self.enter(object, &kernel, &stat).map(|(node, _)| node)
        };
        prepare().inspect_err(|error| take_back(error, at, temporary, file_type))
    }
}

fn find_with_stat(directory: BorrowedFd<'_>, name: &[u8]) -> Result<(OwnedFd, Statx), Error> {
    let object = sys::find(directory, name)?;
    let stat = sys::stat(object.as_fd())?;
    Ok((object, stat))
}

/// Lets nothing half made stay, unless something else has its name by now. What failed before
/// matters more than that this may fail.
fn take_back(error: &Error, directory: BorrowedFd<'_>, name: &[u8], file_type: FileType) {
    if *error != Error::Stale {
        let _ = sys::remove(directory, name, file_type == FileType::Directory);
    }
}
