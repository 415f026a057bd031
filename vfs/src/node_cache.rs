//! Which objects are in memory: every one that somebody holds, and the last used besides.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use dashmap::DashMap;
use foldhash::fast::RandomState;

use crate::descriptors::{Descriptor, Descriptors};
use crate::names::Names;
use crate::node::Node;
use crate::owner_record::Mark;
use crate::owners::Owners;

/// Finds the object of an inode number. Only while it has a descriptor is it certain that the disk
/// has not given the number to another.
pub(crate) struct Index {
    fsid: u64,
    /// Who chooses inode numbers is the disk.
    nodes: DashMap<u64, Weak<Node>, RandomState>,
    records: Records,
    descriptors: Descriptors,
}

/// What is kept of objects for as long as they exist.
#[derive(Default)]
pub(crate) struct Records {
    pub owners: Option<Arc<Owners>>,
    pub names: Option<Arc<Names>>,
}

impl Records {
    fn forget(&self, object: Mark) {
        if let Some(names) = &self.names {
            names.forget(object);
        }
        if let Some(owners) = &self.owners {
            // It harms nobody: what gets the inode next has another stamp.
            let _ = owners.forget(object);
        }
    }
}

impl Index {
    /// Of the file system whose objects these are.
    pub(crate) fn fsid(&self) -> u64 {
        self.fsid
    }

    pub(crate) fn get(&self, fileid: u64) -> Option<Arc<Node>> {
        self.nodes.get(&fileid).and_then(|node| node.upgrade())
    }

    /// Enters a new object that has a descriptor, unless another thread was first: then that one
    /// is the object. One that was there before, and is not the same, is gone from the disk.
    fn enter(&self, node: Arc<Node>) -> Arc<Node> {
        match self.put(&node, true) {
            Some(live) if live.key == node.key => live,
            _ => node,
        }
    }

    /// Enters a new object that has no descriptor, and gives the one that counts. Nothing if
    /// another has the number: by now that may be the one which the disk has given it to.
    fn enter_unopened(&self, node: Arc<Node>) -> Option<Arc<Node>> {
        match self.put(&node, false) {
            None => Some(node),
            Some(live) => (live.key == node.key).then_some(live),
        }
    }

    /// Enters an object, unless it is there already, and gives who had the number; with `replace`,
    /// also if that is another one.
    ///
    /// Nothing is dropped before the entry is let go: the drop of an object comes back to the table.
    fn put(&self, node: &Arc<Node>, replace: bool) -> Option<Arc<Node>> {
        match self.nodes.entry(node.fileid()) {
            dashmap::Entry::Vacant(entry) => {
                entry.insert(Arc::downgrade(node));
                None
            }
            dashmap::Entry::Occupied(mut entry) => {
                let live = entry.get().upgrade();
                let stays = live
                    .as_ref()
                    .is_some_and(|live| live.key == node.key || !replace);
                if !stays {
                    entry.insert(Arc::downgrade(node));
                }
                live
            }
        }
    }

    /// Removes a dying object, unless its inode number already has another; and its records if it
    /// dies for good, while its inode can't be used again yet.
    pub(crate) fn forget(&self, node: &Node) {
        if node.is_gone() {
            self.records.forget(node.mark());
            self.descriptors.forget_nameless();
        }
        self.nodes.remove_if(&node.fileid(), |_, entry| {
            std::ptr::eq(entry.as_ptr(), node)
        });
    }
}

/// The index, and strong references to the last used objects.
pub(crate) struct NodeCache {
    index: Arc<Index>,
    held: quick_cache::sync::Cache<u64, Arc<Node>>,
}

impl NodeCache {
    /// Keeps about `capacity` objects of the file system that nobody uses, and `descriptors`
    /// descriptors in all.
    pub(crate) fn new(fsid: u64, capacity: usize, descriptors: usize, records: Records) -> Self {
        let held = quick_cache::sync::Cache::new(capacity.max(1));
        let index = Arc::new(Index {
            fsid,
            nodes: DashMap::default(),
            records,
            descriptors: Descriptors::new(descriptors),
        });
        Self { index, held }
    }

    /// Keeps about `capacity` objects from now on.
    pub(crate) fn set_capacity(&self, capacity: usize) {
        self.held
            .set_capacity(u64::try_from(capacity.max(1)).unwrap_or(u64::MAX));
    }

    pub(crate) fn index(&self) -> &Arc<Index> {
        &self.index
    }

    pub(crate) fn descriptors(&self) -> &Descriptors {
        &self.index.descriptors
    }

    /// The object of this inode number.
    pub(crate) fn get(&self, fileid: u64) -> Option<Arc<Node>> {
        // The cache first: a use must count there.
        match self.held.get(&fileid) {
            Some(node) => Some(node),
            None => self.index.get(fileid),
        }
    }

    /// Enters an object just found through this descriptor, and returns the one that counts.
    pub(crate) fn enter(&self, node: Arc<Node>, path: Arc<Descriptor>) -> Arc<Node> {
        let node = self.index.enter(node);
        self.descriptors().keep(&node, path);
        self.hold(&node);
        node
    }

    /// Enters an object that was just found without opening it; nothing if that leaves a doubt
    /// which object it is.
    pub(crate) fn enter_unopened(&self, node: Arc<Node>) -> Option<Arc<Node>> {
        let node = self.index.enter_unopened(node)?;
        self.hold(&node);
        Some(node)
    }

    /// Counts an object among the last used.
    fn hold(&self, node: &Arc<Node>) {
        self.held.insert(node.fileid(), Arc::clone(node));
        // Removed since it was found: whoever removed it may have been here before.
        if node.nameless.load(Ordering::SeqCst) {
            self.held.remove(&node.fileid());
        }
    }

    /// Lets go of an object that has no name left, so that the disk gets its space back.
    pub(crate) fn release(&self, node: &Node) {
        node.nameless.store(true, Ordering::SeqCst);
        self.held.remove(&node.fileid());
    }
}
