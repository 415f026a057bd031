//! Finding objects by name, and where symbolic links point.

use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::io::Errno;

use crate::access::{Permissions, check};
use crate::attributes::{Attributes, FileType};
use crate::error::Error;
use crate::file_system::{FileSystem, must_be_directory};
use crate::identity::Identity;
use crate::name::check_name;
use crate::node::Node;
use crate::sys;

/// How far up a directory may lie: a bound on the work, beyond what PATH_MAX allows.
const MAX_DEPTH: usize = 4096;

/// What a name stands for.
#[derive(Clone, Debug)]
pub struct Found {
    /// The object.
    pub node: Arc<Node>,
    /// Its attributes, read through the name.
    pub attributes: Attributes,
    /// The directory's, by which it was judged who may look into it.
    pub directory: Attributes,
}

impl FileSystem {
    /// The object that `name` stands for in `directory`; symbolic links are not followed.
    ///
    /// # Errors
    /// [`Error::NoEnt`], [`Error::Access`] without execute permission on the directory,
    /// [`Error::NotDir`], [`Error::Symlink`], [`Error::XDev`] where the host has mounted something,
    /// and those of names: [`Error::Inval`], [`Error::BadName`], [`Error::NameTooLong`].
    pub fn lookup(
        &self,
        who: &Identity,
        directory: &Node,
        name: &[u8],
    ) -> Result<Arc<Node>, Error> {
        self.find(who, directory, name).map(|found| found.node)
    }

    /// [`FileSystem::lookup`], with all that was read on the way.
    ///
    /// # Errors
    /// As [`FileSystem::lookup`].
    pub fn find(&self, who: &Identity, directory: &Node, name: &[u8]) -> Result<Found, Error> {
        let above = self.may_search(who, directory)?;
        check_name(name)?;
        let at = self.reach(directory)?;
        let (node, attributes) = self.child_with_attributes(directory, at.as_fd(), name)?;
        Ok(Found {
            node,
            attributes,
            directory: above,
        })
    }

    /// The directory above `directory`.
    ///
    /// # Errors
    /// [`Error::NoEnt`] at the root, and where the host has moved the directory out of it;
    /// [`Error::Access`], [`Error::NotDir`], [`Error::Symlink`].
    pub fn parent(&self, who: &Identity, directory: &Node) -> Result<Arc<Node>, Error> {
        self.may_search(who, directory)?;
        if self.is_root_node(directory) {
            return Err(Error::NoEnt);
        }
        let outside = |errno| match errno {
            Errno::XDEV => Error::NoEnt,
            other => Error::from(other),
        };
        let root = self.root().fileid();
        let before = self.removals.before();
        let parent = sys::find_parent(self.reach(directory)?.as_fd()).map_err(outside)?;
        let mut below = directory.fileid();
        let mut current = sys::stat(parent.as_fd())?.stx_ino;
        let mut higher = None;
        for _ in 0..MAX_DEPTH {
            if current == root {
                let (node, held) = self.adopt(parent)?;
                self.notice_removal(before, &node, &held);
                return Ok(node);
            }
            if current == below {
                return Err(Error::NoEnt);
            }
            let above = sys::find_parent(higher.as_ref().unwrap_or(&parent).as_fd());
            let above = above.map_err(outside)?;
            below = current;
            current = sys::stat(above.as_fd())?.stx_ino;
            higher = Some(above);
        }
        Err(Error::NoEnt)
    }

    /// What a symbolic link holds, byte for byte.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the object is none.
    pub fn read_link(&self, node: &Node) -> Result<Vec<u8>, Error> {
        if node.file_type() != FileType::Symlink {
            return Err(Error::WrongType);
        }
        Ok(sys::read_link(self.reach(node)?.as_fd())?.into_bytes())
    }

    fn may_search(&self, who: &Identity, directory: &Node) -> Result<Attributes, Error> {
        must_be_directory(directory)?;
        let attributes = self.attributes(directory)?;
        check(who, &attributes, Permissions::EXECUTE).ok()?;
        Ok(attributes)
    }
}
