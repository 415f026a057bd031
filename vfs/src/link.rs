//! Giving a file one more name.

use std::os::fd::AsFd;

use rustix::io::Errno;

use crate::access::{Permissions, check};
use crate::attributes::FileType;
use crate::error::Error;
use crate::file_system::FileSystem;
use crate::identity::Identity;
use crate::limits::MAX_LINKS;
use crate::name::check_name;
use crate::node::Node;
use crate::options::ChangeInfo;
use crate::sys;

impl FileSystem {
    /// Gives an object, which may be anything but a directory, one more name.
    ///
    /// # Errors
    /// [`Error::Exist`], [`Error::IsDir`], [`Error::Access`] without write permission on the
    /// directory, [`Error::MLink`] beyond 177 names, [`Error::Stale`] if the object has no name
    /// left, [`Error::NoSpc`], those of names, [`Error::NotDir`] and [`Error::Symlink`].
    pub fn link(
        &self,
        who: &Identity,
        node: &Node,
        directory: &Node,
        name: &[u8],
    ) -> Result<ChangeInfo, Error> {
        check_name(name)?;
        if node.file_type() == FileType::Directory {
            return Err(Error::IsDir);
        }
        let at = self.reach(directory)?;
        let held = self.reach(node)?;
        let (_guard, attributes) = self.enter_directory(who, directory)?;
        match sys::stat_at(at.as_fd(), name) {
            Ok(_) => return Err(Error::Exist),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        check(who, &attributes, Permissions::WRITE).ok()?;
        // Two links in different directories must not both be the last one.
        let _count = node.lock();
        let naming = self.naming();
        match sys::stat(held.as_fd())?.stx_nlink {
            0 => return Err(Error::Stale),
            MAX_LINKS.. => return Err(Error::MLink),
            _ => sys::link(self.descriptors(), held.as_fd(), at.as_fd(), name)?,
        }
        self.named_also(directory, name, node);
        drop(naming);
        self.modified(node);
        let after = self.entries_changed(directory)?;
        Ok(ChangeInfo {
            before: attributes.change,
            after,
        })
    }
}
