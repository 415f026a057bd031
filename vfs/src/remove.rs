//! Taking names away.

use std::os::fd::AsFd;

use crate::access::may_delete;
use crate::attributes::FileType;
use crate::error::Error;
use crate::file_system::FileSystem;
use crate::identity::Identity;
use crate::name::check_name;
use crate::node::Node;
use crate::options::ChangeInfo;
use crate::sys;

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
        check_name(name)?;
        let at = self.reach(directory)?;
        let at = at.as_fd();
        let (_guard, attributes) = self.enter_directory(who, directory)?;
        let victim = self.entry_attributes(at, name).map_err(mounted)?;
        may_delete(who, &attributes, &victim).ok()?;
        let is_directory = victim.file_type == FileType::Directory;
        let node = self.entry_node(directory, at, name, victim.fileid)?;
        if let Some((node, _)) = &node {
            self.may_lose_name(node, &victim)?;
        }
        let naming = self.naming();
        sys::remove(at, name, is_directory)?;
        let noted = node.map_or(Ok(()), |(node, held)| {
            self.unnamed_as(directory, name, &node);
            self.name_removed(&node, &held)
        });
        drop(naming);
        let after = self.entries_changed(directory)?;
        noted?;
        Ok(ChangeInfo {
            before: attributes.change,
            after,
        })
    }
}

/// No permission can take away what the host has mounted.
pub(crate) fn mounted(error: Error) -> Error {
    if error == Error::XDev {
        Error::Access
    } else {
        error
    }
}
