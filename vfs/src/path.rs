//! Where an object is.

use std::os::fd::BorrowedFd;

use crate::file_system::FileSystem;
use crate::node::Node;
use crate::sys;

/// What Linux adds to the path of an object whose name is gone (proc(5)).
const DELETED: &[u8] = b" (deleted)";

impl FileSystem {
    /// The path of an object, beginning with the `/` that is the root: the name by which this
    /// process came to hold it, or what that has been renamed to. Of a file with many names it is
    /// one of them; of one whose name is gone, the last that it had. It is meant for people: another process may
    /// rename the object at any time.
    ///
    /// `None` if the kernel doesn't know: a file that was opened by its handle has no name until
    /// somebody looks it up.
    #[must_use]
    pub fn path(&self, node: &Node) -> Option<Vec<u8>> {
        if self.is_root_node(node) {
            return Some(b"/".to_vec());
        }
        let root = self.kernel_path(self.root.fd())?;
        let path = self.kernel_path(node.fd())?;
        below(&root, &path).map(|path| self.without_mark(node, path))
    }

    fn kernel_path(&self, object: BorrowedFd<'_>) -> Option<Vec<u8>> {
        let name = sys::path_of(self.descriptors(), object).ok()?;
        Some(name.into_bytes())
    }

    /// Takes away the mark of a name that is gone; a file may also be really called so.
    fn without_mark(&self, node: &Node, path: Vec<u8>) -> Vec<u8> {
        let Some(unmarked) = path.strip_suffix(DELETED) else {
            return path;
        };
        let mut directory = self.root();
        let (names, last) = match path.iter().rposition(|octet| *octet == b'/') {
            Some(slash) => path.split_at(slash),
            None => return path,
        };
        for name in names
            .split(|octet| *octet == b'/')
            .filter(|name| !name.is_empty())
        {
            match self.child(&directory, name) {
                Ok(next) => directory = next,
                Err(_) => return unmarked.to_vec(),
            }
        }
        let really = sys::stat_at(directory.fd(), last.get(1..).unwrap_or_default())
            .is_ok_and(|stat| stat.stx_ino == node.fileid());
        if really { path } else { unmarked.to_vec() }
    }
}

/// `path` as seen from `root`, both absolute.
fn below(root: &[u8], path: &[u8]) -> Option<Vec<u8>> {
    let root = root.strip_suffix(b"/").unwrap_or(root);
    let rest = path.strip_prefix(root)?;
    (rest.len() > 1 && rest.starts_with(b"/")).then(|| rest.to_vec())
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
            ("/srv/tree", "/elsewhere", None),
        ] {
            let found = below(root.as_bytes(), path.as_bytes());
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{path}");
        }
    }
}
