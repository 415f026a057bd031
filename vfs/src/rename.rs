//! Moving names, within a directory and between two.

use std::os::fd::AsFd;

use parking_lot::MutexGuard;

use crate::access::{Permissions, check, may_delete};
use crate::attributes::{Attributes, FileType};
use crate::error::Error;
use crate::file_system::{FileSystem, must_be_directory};
use crate::identity::Identity;
use crate::io::Blocking;
use crate::name::check_name;
use crate::node::Node;
use crate::options::ChangeInfo;
use crate::remove::{is_long_to_free, mounted};
use crate::sys;

impl FileSystem {
    /// Moves an entry, replacing what the new name stood for. The first result is about
    /// `from_directory`, the second about `to_directory`. Where both names stand for one object
    /// already, nothing happens (POSIX, `rename`).
    ///
    /// # Errors
    /// [`Error::NoEnt`]; [`Error::Access`] without write permission on a directory, or on a
    /// directory that gets another parent; [`Error::Perm`] in a sticky directory; [`Error::NotDir`]
    /// and [`Error::IsDir`] if just one of the objects is a directory; [`Error::NotEmpty`];
    /// [`Error::Inval`] for a directory into itself; [`Error::NameTooLong`] for directories beyond
    /// 1,000 levels; [`Error::TooManyFiles`] as [`FileSystem::remove`]; those of names.
    pub fn rename(
        &self,
        who: &Identity,
        from_directory: &Node,
        from_name: &[u8],
        to_directory: &Node,
        to_name: &[u8],
    ) -> Result<(ChangeInfo, ChangeInfo), Error> {
        let (from, to) = ((from_directory, from_name), (to_directory, to_name));
        self.rename_with(who, from, to, Blocking::Allowed)
    }

    /// The same of two names in their directories, but not what takes long if it must not.
    ///
    /// # Errors
    /// As [`FileSystem::rename`], and [`Error::WouldBlock`].
    pub fn rename_with(
        &self,
        who: &Identity,
        (from_directory, from_name): (&Node, &[u8]),
        (to_directory, to_name): (&Node, &[u8]),
        blocking: Blocking,
    ) -> Result<(ChangeInfo, ChangeInfo), Error> {
        check_name(from_name)?;
        check_name(to_name)?;
        must_be_directory(from_directory)?;
        must_be_directory(to_directory)?;
        self.must_be_inside(from_directory)?;
        self.must_be_inside(to_directory)?;
        let from_at = self.reach(from_directory)?;
        let to_at = self.reach(to_directory)?;
        let (from_at, to_at) = (from_at.as_fd(), to_at.as_fd());
        // Dropped after the locks: what frees the data of a file must not keep others from its
        // directory.
        let replaced;
        let _guards = lock_both(from_directory, to_directory);
        let from = self.attributes(from_directory)?;
        let to = match from_directory == to_directory {
            true => from.clone(),
            false => self.attributes(to_directory)?,
        };
        check(who, &from, Permissions::EXECUTE).ok()?;
        check(who, &to, Permissions::EXECUTE).ok()?;
        let source = self.entry_attributes(from_at, from_name).map_err(mounted)?;
        let target = match self.entry_attributes(to_at, to_name).map_err(mounted) {
            Ok(target) => Some(target),
            Err(Error::NoEnt) => None,
            Err(error) => return Err(error),
        };
        let unchanged = |change| ChangeInfo {
            before: change,
            after: change,
        };
        if target
            .as_ref()
            .is_some_and(|target| target.fileid == source.fileid)
        {
            return Ok((unchanged(from.change), unchanged(to.change)));
        }
        judge(who, &from, &to, &source, target.as_ref())?;
        // Where a directory goes, its own depth has to be known.
        let climbs = source.file_type == FileType::Directory && from_directory != to_directory;
        let is_long = climbs || target.as_ref().is_some_and(is_long_to_free);
        if blocking == Blocking::Never && is_long {
            return Err(Error::WouldBlock);
        }
        if climbs {
            self.may_move(from_directory, from_name, to_directory)?;
        }

        let removing = target.is_some().then(|| self.removals.begin());
        let moved = self.entry_node(from_directory, from_at, from_name, source.fileid)?;
        replaced = match &target {
            Some(target) => self.entry_node(to_directory, to_at, to_name, target.fileid)?,
            None => None,
        };
        if let (Some((node, _)), Some(target)) = (&replaced, &target) {
            self.may_lose_name(node, target)?;
        }
        let naming = self.naming();
        let moving = self.names.as_ref().map(|names| names.moving());
        sys::rename(from_at, from_name, to_at, to_name)?;
        if let Some(target) = &target {
            self.name_taken((to_directory, to_name), replaced.as_ref(), target);
        }
        drop(removing);
        if let Some((node, _held)) = moved {
            self.renamed(&node, (from_directory, from_name), (to_directory, to_name));
            self.modified(&node);
        }
        drop((moving, naming));
        let to_after = self.entries_changed(to_directory)?;
        let from_after = if from_directory == to_directory {
            to_after
        } else {
            self.entries_changed(from_directory)?
        };
        Ok((
            ChangeInfo {
                before: from.change,
                after: from_after,
            },
            ChangeInfo {
                before: to.change,
                after: to_after,
            },
        ))
    }
}

/// Locks two directories, in the order that everybody keeps to.
fn lock_both<'a>(
    one: &'a Node,
    other: &'a Node,
) -> (MutexGuard<'a, ()>, Option<MutexGuard<'a, ()>>) {
    if one == other {
        return (one.lock(), None);
    }
    let (first, second) = if one.key < other.key {
        (one, other)
    } else {
        (other, one)
    };
    (first.lock(), Some(second.lock()))
}

fn judge(
    who: &Identity,
    from: &Attributes,
    to: &Attributes,
    source: &Attributes,
    target: Option<&Attributes>,
) -> Result<(), Error> {
    may_delete(who, from, source).ok()?;
    let is_directory = source.file_type == FileType::Directory;
    match target {
        None => check(who, to, Permissions::WRITE | Permissions::EXECUTE).ok()?,
        Some(target) => {
            may_delete(who, to, target).ok()?;
            let onto_directory = target.file_type == FileType::Directory;
            if is_directory && !onto_directory {
                return Err(Error::NotDir);
            }
            if !is_directory && onto_directory {
                return Err(Error::IsDir);
            }
        }
    }
    if is_directory && from.fileid != to.fileid {
        // Its entry `..` is changed.
        check(who, source, Permissions::WRITE).ok()?;
    }
    Ok(())
}
