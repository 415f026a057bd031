//! Making directories, symbolic links, named pipes and sockets.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{FileType as KernelType, Statx};
use rustix::io::Errno;

use crate::access::{Permissions, check};
use crate::attributes::{Attributes, FileType, SetAttributes};
use crate::error::Error;
use crate::file_system::FileSystem;
use crate::identity::Identity;
use crate::name::{check_name, check_target};
use crate::node::Node;
use crate::options::ChangeInfo;
use crate::ownership::{Initial, change_times, initial};
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
                let place = (&attributes, at);
                self.make_in_place(place, name, initial, set, file_type, &make)
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

    /// Makes an object under its name; nobody can use it before it has its owner and mode.
    fn make_in_place(
        &self,
        (directory, at): (&Attributes, BorrowedFd<'_>),
        name: &[u8],
        initial: Initial,
        set: &SetAttributes,
        file_type: FileType,
        make: impl Fn(BorrowedFd<'_>, &[u8], u32) -> Result<(), Errno>,
    ) -> Result<Arc<Node>, Error> {
        let whole = self.makes_whole(at, directory, initial);
        make(at, name, if whole { initial.mode } else { 0 })?;
        let (object, made) = self.find_new(at, name, file_type, whole)?;
        let dress = || {
            // What was made whole and differs by now somebody has changed.
            let mut given = false;
            if !whole {
                self.newborn.learn(directory, &made);
                given = self.give(object.as_fd(), &made, initial)?;
            }
            self.set_times(object.as_fd(), set)?;
            let timed = set.accessed.is_some() || set.modified.is_some();
            let kernel = self.identify.handle(object.as_fd(), &made)?;
            Ok((kernel, given || timed))
        };
        let undo = |_: &Error| self.take_back(at, name, &made);
        let (kernel, changed) = dress().inspect_err(undo)?;
        let (node, _) = self.enter(object, &kernel, &made)?;
        if changed {
            // Who found it by its name has seen it otherwise, and maybe at the same time.
            self.modified(&node);
        }
        Ok(node)
    }

    /// Finds what was just made under its name, without permissions if it is not `whole`: the host
    /// may have put something else there, which isn't to be given away.
    fn find_new(
        &self,
        directory: BorrowedFd<'_>,
        name: &[u8],
        expected: FileType,
        whole: bool,
    ) -> Result<(OwnedFd, Statx), Error> {
        let is_it = |stat: &Statx| {
            // A disk without owners may have modes of its own.
            let untouched = self.shadow.is_some()
                || stat.stx_uid == self.newborn.uid
                    && (expected == FileType::Symlink || stat.stx_mode & 0o777 == 0);
            stat::file_type(stat) == expected && (whole || untouched) && !self.is_foreign(stat)
        };
        match find_with_stat(directory, name) {
            Ok((object, stat)) if is_it(&stat) => Ok((object, stat)),
            Ok(_) | Err(Error::NoEnt) => Err(Error::Stale),
            Err(error) => {
                if let Ok(stat) = sys::stat_at(directory, name)
                    && is_it(&stat)
                {
                    self.take_back(directory, name, &stat);
                }
                Err(error)
            }
        }
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
        let (object, stat) = match staged {
            Some(_) => find_with_stat(at, temporary).inspect_err(|_| {
                let _ = sys::remove(at, temporary, file_type == FileType::Directory);
            })?,
            None => self.find_new(at, temporary, file_type, false)?,
        };
        let prepare = || {
            let (kernel, mark) = self.identify.mark(object.as_fd(), &stat)?;
            shadow.put(mark, initial)?;
            if self.is_strict() {
                self.records_durable()?;
            }
            self.set_times(object.as_fd(), set)?;
            if staged.is_some() {
                sys::place(at, temporary, place, name)?;
            }
            Ok(kernel)
        };
        let undo = |_: &Error| self.take_back(at, temporary, &stat);
        let kernel = prepare().inspect_err(undo)?;
        self.enter(object, &kernel, &stat).map(|(node, _)| node)
    }
}

fn find_with_stat(directory: BorrowedFd<'_>, name: &[u8]) -> Result<(OwnedFd, Statx), Error> {
    let object = sys::find(directory, name)?;
    let stat = sys::stat(object.as_fd())?;
    Ok((object, stat))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn what_the_host_puts_in_the_place_of_a_new_object_stays() {
        let (fs, scratch) = fixture::file_system(fixture::options());
        let top = fs.root();
        let at = fs.reach(&top).unwrap();
        let directory = fs.attributes(&top).unwrap();
        let [precious, place] = ["precious", "p"].map(|name| scratch.path().join(name));
        // Made whole, and in two steps.
        for mode in [0o600, 0o4600] {
            std::fs::write(&precious, "of the host").unwrap();
            let initial = Initial {
                uid: 0,
                gid: 0,
                mode,
            };
            let make = |at: BorrowedFd<'_>, name: &[u8], mode| {
                sys::make_node(at, name, KernelType::Fifo, mode)?;
                std::fs::rename(&precious, &place).unwrap();
                Ok(())
            };
            let set = SetAttributes::default();
            let at = (&directory, at.as_fd());
            let made = fs.make_in_place(at, b"p", initial, &set, FileType::Fifo, make);
            assert_eq!(made.unwrap_err(), Error::Stale);
            assert_eq!(std::fs::read_to_string(&place).unwrap(), "of the host");
            std::fs::remove_file(&place).unwrap();
        }
    }
}
