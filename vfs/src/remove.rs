//! Taking names away.

use std::os::fd::AsFd;

use crate::access::may_delete;
use crate::attributes::{Attributes, FileType};
use crate::error::Error;
use crate::file_system::FileSystem;
use crate::identity::Identity;
use crate::io::Blocking;
use crate::name::check_name;
use crate::node::Node;
use crate::options::ChangeInfo;
use crate::sys;

/// Octets of a file that are freed as fast as they are read.
const BRIEFLY_FREED: u64 = 1024 * 1024;

impl FileSystem {
    /// Removes an entry, of a file or of an empty directory. An object without a name lives on for
    /// as long as its [`Node`] is held.
    ///
    /// # Errors
    /// [`Error::NoEnt`], [`Error::NotEmpty`], [`Error::Access`] without write permission on the
    /// directory or where the host has mounted something, [`Error::Perm`] in a sticky directory,
    /// [`Error::TooManyFiles`] if too many objects without a name are open already,
    /// [`Error::Rofs`], those of names, [`Error::NotDir`] and [`Error::Symlink`].
    pub fn remove(
        &self,
        who: &Identity,
        directory: &Node,
        name: &[u8],
    ) -> Result<ChangeInfo, Error> {
        self.remove_with(who, directory, name, Blocking::Allowed)
    }

    /// The same, but not what takes long if it must not.
    ///
    /// # Errors
    /// As [`FileSystem::remove`], and [`Error::WouldBlock`].
    pub fn remove_with(
        &self,
        who: &Identity,
        directory: &Node,
        name: &[u8],
        blocking: Blocking,
    ) -> Result<ChangeInfo, Error> {
        check_name(name)?;
        let at = self.reach(directory)?;
        let at = at.as_fd();
        // Dropped after the lock: what frees the data of a file must not keep others from its
        // directory.
        let node;
        let (_guard, attributes) = self.enter_directory(who, directory)?;
        let victim = self.entry_attributes(at, name).map_err(mounted)?;
        may_delete(who, &attributes, &victim).ok()?;
        if blocking == Blocking::Never && is_long_to_free(&victim) {
            return Err(Error::WouldBlock);
        }
        let is_directory = victim.file_type == FileType::Directory;
        let removing = self.removals.begin();
        node = self.entry_node(directory, at, name, victim.fileid)?;
        if let Some((node, _)) = &node {
            self.may_lose_name(node, &victim)?;
        }
        let naming = self.naming();
        sys::remove(at, name, is_directory)?;
        self.name_taken((directory, name), node.as_ref(), &victim);
        drop((naming, removing));
        let after = self.entries_changed(directory)?;
        Ok(ChangeInfo {
            before: attributes.change,
            after,
        })
    }
}

/// Whether it takes long to take away the last name of what has these attributes.
pub(crate) fn is_long_to_free(victim: &Attributes) -> bool {
    let is_last = victim.links <= 1 || victim.file_type == FileType::Directory;
    is_last && victim.space_used > BRIEFLY_FREED
}

/// No permission can take away what the host has mounted.
pub(crate) fn mounted(error: Error) -> Error {
    if error == Error::XDev {
        Error::Access
    } else {
        error
    }
}
