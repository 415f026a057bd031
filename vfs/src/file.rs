//! A regular file that is open.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// An open regular file, on which the permission to open it was granted. It is state: which
/// descriptor its data goes through is another matter (see `descriptors`).
#[derive(Debug)]
pub struct File {
    node: Arc<Node>,
    read: AtomicBool,
    write: AtomicBool,
}

impl File {
    pub(crate) fn new(node: Arc<Node>, mode: OpenMode) -> Self {
        node.count_open(mode);
        Self {
            node,
            read: AtomicBool::new(mode.read),
            write: AtomicBool::new(mode.write),
        }
    }

    /// The object that is open.
    #[must_use]
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// What it was opened for.
    #[must_use]
    pub fn mode(&self) -> OpenMode {
        OpenMode {
            read: self.read.load(Ordering::SeqCst),
            write: self.write.load(Ordering::SeqCst),
        }
    }

    /// Opens it for what `more`, which must be open on the same object, is open for as well.
    pub fn widen(&self, more: &Self) {
        let OpenMode { read, write } = more.mode();
        if write && !self.write.swap(true, Ordering::SeqCst) {
            self.node.count_writer();
        }
        self.read.fetch_or(read, Ordering::SeqCst);
    }
}

impl Drop for File {
    fn drop(&mut self) {
        drop(self.node.count_close(self.mode()));
    }
}
