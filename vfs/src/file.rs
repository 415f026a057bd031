//! A regular file that is open.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use crate::access::Permissions;
use crate::node::Node;

/// What a file is opened for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OpenMode {
    /// To read.
    pub read: bool,
    /// To write.
    pub write: bool,
}

impl OpenMode {
    /// To read only.
    pub const READ: Self = Self {
        read: true,
        write: false,
    };
    /// To write only.
    pub const WRITE: Self = Self {
        read: false,
        write: true,
    };
    /// To read and write.
    pub const BOTH: Self = Self {
        read: true,
        write: true,
    };

    pub(crate) fn permissions(self) -> Permissions {
        let mut permissions = Permissions::empty();
        permissions.set(Permissions::READ, self.read);
        permissions.set(Permissions::WRITE, self.write);
        permissions
    }
}

/// An open regular file, on which the permission to open it was granted.
#[derive(Debug)]
pub struct File {
    pub(crate) node: Arc<Node>,
    pub(crate) descriptor: OwnedFd,
    pub(crate) mode: OpenMode,
}

impl File {
    /// The object that is open.
    #[must_use]
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// What it was opened for.
    #[must_use]
    pub fn mode(&self) -> OpenMode {
        self.mode
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
