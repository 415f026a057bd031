//! An object of the file system, in memory.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, MutexGuard};

use crate::accessed::{ChosenAccess, Record};
use crate::attributes::FileType;
use crate::change::ChangeState;
use crate::create_file::Note;
use crate::descriptors::Holding;
use crate::handle::{Decoded, WireHandle, spell};
use crate::identify::mark;
use crate::kept_handle::KeptHandle;
use crate::node_cache::Index;
use crate::owner_record::Mark;
use crate::sys::KernelHandle;

/// An object: there is at most one for each inode, for as long as anybody holds it.
///
/// An object whose last name was taken away here can be used until the last holder lets go, if a
/// file was open on it.
pub struct Node {
    pub(crate) me: Weak<Node>,
    pub(crate) index: Arc<Index>,
    pub(crate) key: NodeKey,
    kernel: KeptHandle,
    /// See [`crate::identify`].
    stamp: u64,
    /// The descriptors that it has at present.
    pub(crate) holding: Mutex<Holding>,
    pub(crate) change: ChangeState,
    /// When the object was last modified; see [`crate::recent`].
    pub(crate) modified: AtomicU64,
    /// When the directory was last found in the tree, in nanoseconds since 1970.
    pub(crate) inside: AtomicU64,
    /// Held while the entries of a directory, or the attributes of another object, are judged
    /// and changed. Directories are locked in the order of their fileids, others after them.
    pub(crate) lock: Mutex<()>,
    pub(crate) file_type: FileType,
    /// Whether its last name was taken away.
    gone: AtomicBool,
    /// Its last name is gone: nobody but its users is to hold it any more.
    pub(crate) nameless: AtomicBool,
    /// Its `O_PATH` descriptor stays for as long as it is in memory. Changed while `holding` is
    /// locked.
    pub(crate) keeps_path: AtomicBool,
    /// Whether it is among the objects that were just modified.
    pub(crate) recent: AtomicBool,
    pub(crate) accessed: ChosenAccess,
}

/// What hardly any object has.
#[derive(Debug, Default)]
pub(crate) struct Rare {
    /// The verifier of its exclusive creation, if the disk can't keep it.
    pub verifier: Option<Note>,
    /// The time of access that a client has set.
    pub accessed: Option<Record>,
}

/// Identifies an object of one file system, for as long as the object exists; two objects never
/// have the same, not even one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeKey {
    pub(crate) fileid: u64,
    pub(crate) generation: u64,
}

impl Node {
    pub(crate) fn new(
        me: &Weak<Self>,
        kernel: &KernelHandle,
        key: NodeKey,
        file_type: FileType,
        index: Arc<Index>,
    ) -> Self {
        Self {
            me: Weak::clone(me),
            index,
            key,
            kernel: KeptHandle::new(kernel),
            stamp: mark(key.fileid, kernel).stamp,
            holding: Mutex::default(),
            change: ChangeState::default(),
            modified: AtomicU64::default(),
            inside: AtomicU64::default(),
            lock: Mutex::default(),
            file_type,
            gone: AtomicBool::default(),
            nameless: AtomicBool::default(),
            keeps_path: AtomicBool::default(),
            recent: AtomicBool::default(),
            accessed: ChosenAccess::default(),
        }
    }

    /// The handle, at most 128 bytes: opaque, and valid until the object is gone.
    #[must_use]
    pub fn handle(&self) -> WireHandle {
        spell(self.index.fsid(), self.key, &self.kernel)
    }

    /// The inode number.
    #[must_use]
    pub fn fileid(&self) -> u64 {
        self.key.fileid
    }

    /// The kind of object, which never changes.
    #[must_use]
    pub fn file_type(&self) -> FileType {
        self.file_type
    }

    /// What to key tables by.
    #[must_use]
    pub fn key(&self) -> NodeKey {
        self.key
    }

    /// What its records are kept under.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            fileid: self.key.fileid,
            stamp: self.stamp,
        }
    }

    /// Notes that its last name was taken away: its records go with it. Whether that is news is
    /// returned.
    pub(crate) fn set_gone(&self) -> bool {
        !self.gone.swap(true, Ordering::SeqCst)
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::SeqCst)
    }

    /// What the handle says.
    pub(crate) fn decoded(&self) -> Decoded {
        Decoded {
            key: self.key,
            kernel: self.kernel(),
        }
    }

    /// The kernel's handle.
    pub(crate) fn kernel(&self) -> KernelHandle {
        self.kernel.kernel()
    }

    /// Whether `kernel` is a handle of this very object.
    pub(crate) fn is(&self, fileid: u64, kernel: &KernelHandle) -> bool {
        self.key.fileid == fileid && self.kernel == *kernel
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, ()> {
        self.lock.lock()
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Node");
        shown
            .field("key", &self.key)
            .field("file_type", &self.file_type)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Node {}

impl std::hash::Hash for Node {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.index.forget(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There is one for each file that is open: what it takes with its counts, and without
    /// waste in the sizes that glibc's allocator has.
    #[test]
    fn an_object_is_small() {
        let counts = 2 * size_of::<usize>();
        assert!(size_of::<Node>() + counts <= 184, "{}", size_of::<Node>());
    }
}
