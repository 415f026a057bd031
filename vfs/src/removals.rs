//! Objects that lose their last name while another thread comes across them.
//!
//! Whoever takes a name away tells the object so, if that is in memory. One that another thread is
//! just opening may not be there yet. Either that thread notices that a name was taken away
//! meanwhile, and looks at the object again once it is in memory; or the object was there first,
//! and is found by whoever took the name, who looks again afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use crate::attributes::Attributes;
use crate::descriptors::Descriptor;
use crate::file_system::FileSystem;
use crate::node::Node;
use crate::objects::Held;

/// Names that were taken away, and those that are being taken away now.
#[derive(Debug, Default)]
pub(crate) struct Removals {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A name is being taken away for as long as this lives.
pub(crate) struct Removing<'a>(&'a Removals);

/// Before something was opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before(u64);

impl Removals {
    pub(crate) fn begin(&self) -> Removing<'_> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        // Only afterwards it is looked who is in memory.
        fence(Ordering::SeqCst);
        Removing(self)
    }

    pub(crate) fn before(&self) -> Before {
        Before(self.ended.load(Ordering::SeqCst))
    }

    /// Whether no name was being taken away then or since, so that whoever takes one from now on
    /// finds in memory what is there now.
    pub(crate) fn none_since(&self, before: Before) -> bool {
        fence(Ordering::SeqCst);
        self.begun.load(Ordering::SeqCst) == before.0
    }
}

impl Drop for Removing<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

impl FileSystem {
    /// To be called after an object was opened and entered, or opened once more, through `held`.
    pub(crate) fn notice_removal(&self, before: Before, node: &Arc<Node>, held: &Arc<Descriptor>) {
        if !self.removals.none_since(before) && held.is_nameless() {
            self.name_removed(node, held);
        }
    }

    /// To be called after a name in a directory was taken away. `node` is the object if it was in
    /// memory before, `victim` what it was.
    pub(crate) fn name_taken(
        &self,
        (directory, name): (&Node, &[u8]),
        node: Option<&Held>,
        victim: &Attributes,
    ) {
        match node {
            Some((node, held)) => {
                self.unnamed_as(directory, name, node);
                self.name_removed(node, held);
            }
            None => self.removed_unseen(victim.fileid, victim.links),
        }
    }

    /// To be called after a name was taken away of an object that was not in memory before, and
    /// had this inode number and so many names.
    pub(crate) fn removed_unseen(&self, fileid: u64, links: u32) {
        // The name is gone before it is looked who is in memory.
        fence(Ordering::SeqCst);
        let Some(node) = self.cache.index().get(fileid) else {
            return;
        };
        let held = match node.held() {
            None if node.is_open() => self.reach(&node).ok(),
            held => held,
        };
        match held {
            Some(held) if held.is_nameless() => self.name_removed(&node, &held),
            // Else the number may be another one's by now.
            _ if links > 1 => self.modified(&node),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removal_at_any_time_since_is_noticed() {
        let removals = Removals::default();
        let quiet = removals.before();
        assert!(removals.none_since(quiet));
        let removing = removals.begin();
        assert!(!removals.none_since(quiet), "it has begun since");
        let amid = removals.before();
        assert!(!removals.none_since(amid), "it has not ended");
        drop(removing);
        assert!(!removals.none_since(amid), "it had not ended then");
        assert!(removals.none_since(removals.before()));
    }

    #[test]
    fn one_removal_does_not_hide_another() {
        let removals = Removals::default();
        let (first, second) = (removals.begin(), removals.begin());
        drop(second);
        let before = removals.before();
        drop(first);
        assert!(!removals.none_since(before));
    }
}
