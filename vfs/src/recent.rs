//! Keeps what was just modified in memory, so that the count of its modifications isn't forgotten
//! while its ctime could still be that of a coming one (see [`crate::change`]).

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::node::Node;

/// How long after its last modification an object is kept, in nanoseconds.
const KEEP: u64 = 50_000_000;

/// The objects modified within the last 50 ms, and perhaps longer while nothing happens.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    queue: Mutex<VecDeque<(u64, Arc<Node>)>>,
}

impl Recent {
    /// Notes that `node` was modified at `now` (nanoseconds).
    pub(crate) fn note(&self, node: &Node, now: u64) {
        node.modified.store(now, Ordering::SeqCst);
        // Without a name only its users can see it, and nobody is to keep its space.
        if node.is_gone() || node.recent.swap(true, Ordering::SeqCst) {
            return;
        }
        let Some(node) = node.me.upgrade() else {
            return;
        };
        let mut queue = self.queue();
        queue.push_back((now, Arc::clone(&node)));
        let expired = Self::expire(&mut queue, now);
        // The last holder's drop closes a descriptor and takes the index's lock.
        drop(queue);
        drop(expired);
        if node.is_gone() {
            // Since it was asked: who released it may not have found it.
            self.release(&node);
        }
    }

    /// Lets go of an object at once.
    pub(crate) fn release(&self, node: &Arc<Node>) {
        if node.recent.load(Ordering::SeqCst) {
            self.queue().retain(|(_, other)| !Arc::ptr_eq(node, other));
            node.recent.store(false, Ordering::SeqCst);
        }
    }

    fn expire(queue: &mut VecDeque<(u64, Arc<Node>)>, now: u64) -> Vec<Arc<Node>> {
        let mut expired = Vec::new();
        while let Some((since, node)) = queue.pop_front() {
            if now.saturating_sub(since) < KEEP && since <= now {
                queue.push_front((since, node));
                break;
            }
            node.recent.store(false, Ordering::SeqCst);
            let modified = node.modified.load(Ordering::SeqCst);
            let still = modified > since && now.saturating_sub(modified) < KEEP;
            // If a note came in between, it has queued the object itself.
            if still && !node.recent.swap(true, Ordering::SeqCst) {
                queue.push_back((modified.min(now), node));
            } else {
                expired.push(node);
            }
        }
        expired
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<(u64, Arc<Node>)>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
