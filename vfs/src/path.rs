//! Where an object is.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::OFlags;

use crate::file_system::FileSystem;
use crate::names::Names;
use crate::node::Node;
use crate::sys;

/// What Linux adds to the path of an object that does not have the name any more, or not yet
/// (proc(5)).
const DELETED: &[u8] = b" (deleted)";

/// How far up to look.
const MAX_DEPTH: usize = 4096;

impl FileSystem {
    /// The path of an object, beginning with the `/` that is the root. Of a file with many names
    /// it is one of them, usually the newest. Another process may rename the object at any time.
    ///
    /// `None` if the object has no name any more, or nobody has looked it up by its name since it
    /// was opened by its handle, so that the kernel doesn't know the name; also if the name really
    /// ends in ` (deleted)`.
    #[must_use]
    pub fn path(&self, node: &Node) -> Option<Vec<u8>> {
        if self.is_root_node(node) {
            return Some(b"/".to_vec());
        }
        if node.is_gone() {
            return None;
        }
        let held = self.reach(node).ok()?;
        if let Some(path) = self.kernel_path(held.as_fd()) {
            return Some(path);
        }
        match &self.names {
            Some(names) => self.indexed_path(names, node),
            // A new file was opened before it had its name. By its handle the kernel finds it
            // under the name that it got to know last.
            None => {
                let object = self.open_handle(&node.kernel(), OFlags::PATH).ok()?;
                self.kernel_path(object.as_fd())
            }
        }
    }

    /// The path as the kernel has it for this very descriptor.
    fn kernel_path(&self, object: BorrowedFd<'_>) -> Option<Vec<u8>> {
        let path_of = |object| sys::path(self.descriptors(), object).ok();
        let root = self.reach(&self.root).ok()?;
        let (root, path) = (path_of(root.as_fd())?, path_of(object)?);
        below(root.to_bytes(), path.to_bytes())
    }

    fn indexed_path(&self, names: &Names, node: &Node) -> Option<Vec<u8>> {
        let (stamp, mut name) = names.last(node.fileid())?;
        if stamp != node.mark().stamp {
            return None;
        }
        let mut path = Vec::new();
        for _ in 0..MAX_DEPTH {
            path.extend(name.name.iter().rev());
            path.push(b'/');
            if name.parent == self.root.fileid() {
                path.reverse();
                return Some(path);
            }
            (_, name) = names.last(name.parent)?;
        }
        None
    }
}

/// `path` as seen from `root`, both absolute; `None` for what has no name there.
fn below(root: &[u8], path: &[u8]) -> Option<Vec<u8>> {
    let root = root.strip_suffix(b"/").unwrap_or(root);
    let rest = path.strip_prefix(root)?;
    let named = rest.len() > 1 && rest.starts_with(b"/") && !rest.ends_with(DELETED);
    named.then(|| rest.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_the_root() {
        for (root, path, expected) in [
            ("/srv/tree", "/srv/tree/a/b", Some("/a/b")),
            ("/", "/a/b", Some("/a/b")),
            ("/srv/tree", "/srv/tree2/a", None),
            ("/srv/tree", "/srv/tree", None),
            ("/srv/tree", "/", None),
            ("/", "/", None),
            ("/srv/tree", "/elsewhere", None),
            ("/srv/tree", "/srv/tree/#77 (deleted)", None),
        ] {
            let found = below(root.as_bytes(), path.as_bytes());
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{path}");
        }
    }
}
