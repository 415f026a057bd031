//! Where a directory lies: whether it still is in the tree, and how deep (EFS user guide, "Quotas
//! for file systems").
//!
//! The host may move directories at any time, so that little is remembered: the kernel is asked for
//! the path of the directory, which it knows in one call, whatever the depth.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::FileType as KernelType;
use rustix::io::Errno;

use crate::attributes::FileType;
use crate::descriptors::Descriptor;
use crate::error::Error;
use crate::file_system::{FileSystem, now};
use crate::limits::MAX_DEPTH;
use crate::node::Node;
use crate::stat::file_type;
use crate::{sys, walk};

/// How long a directory is believed to be where it was found, in nanoseconds.
const BELIEVED: u64 = 100_000_000;
/// How far up a directory may lie: a bound on the work.
const HIGHEST: u64 = 4096;
/// How many entries below a directory are looked at before it is moved: a bound on the work.
const LOOKED_AT: usize = 100_000;

impl FileSystem {
    /// How many directories are above a directory, up to and with the root: 0 of the root.
    ///
    /// # Errors
    /// [`Error::Stale`] if the host has moved it out of the tree.
    pub(crate) fn depth(&self, directory: &Node) -> Result<u64, Error> {
        if self.is_root_node(directory) {
            return Ok(0);
        }
        let held = self.reach(directory)?;
        let root = self.reach(&self.root)?;
        let path = |held: &Descriptor| sys::path(self.descriptors(), held.as_fd());
        match path(&held).and_then(|own| Ok((own, path(&root)?))) {
            Ok((own, root)) => below(root.as_bytes(), own.as_bytes()).ok_or(Error::Stale),
            // Longer than the kernel tells.
            Err(Errno::NAMETOOLONG) => self.climb(directory),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Judges a directory that somebody has a handle of. What the host moves out of the tree is
    /// noticed within 100 ms.
    ///
    /// # Errors
    /// Those of [`FileSystem::depth`].
    pub(crate) fn must_be_inside(&self, directory: &Node) -> Result<(), Error> {
        let now = now();
        let last = directory.inside.load(Ordering::Relaxed);
        if last > now || now - last >= BELIEVED {
            self.depth(directory)?;
            directory.inside.store(now, Ordering::Relaxed);
        }
        Ok(())
    }

    fn climb(&self, directory: &Node) -> Result<u64, Error> {
        let root = self.root.fileid();
        let mut below = directory.fileid();
        let held = self.reach(directory)?;
        let mut current = sys::find_parent(held.as_fd());
        for depth in 1..=HIGHEST {
            let above = current.map_err(|_| Error::Stale)?;
            let fileid = sys::stat(above.as_fd())?.stx_ino;
            if fileid == root {
                return Ok(depth);
            }
            if fileid == below {
                break;
            }
            below = fileid;
            current = sys::find_parent(above.as_fd());
        }
        Err(Error::Stale)
    }

    /// Judges the depth of a directory that is to be made in `parent`.
    ///
    /// # Errors
    /// [`Error::NameTooLong`] beyond 1,000 levels; those of [`FileSystem::depth`].
    pub(crate) fn may_deepen(&self, parent: &Node) -> Result<(), Error> {
        let depth = self.depth(parent)? + 1;
        if depth > MAX_DEPTH {
            return Err(Error::NameTooLong);
        }
        self.meter.deepen(depth);
        Ok(())
    }

    /// Judges the depth of a directory that is to be moved, and of what is below it. That is looked
    /// through only if the tree has directories deep enough for it to matter, and not beyond
    /// 100,000 entries.
    ///
    /// # Errors
    /// As [`FileSystem::may_deepen`].
    pub(crate) fn may_move(&self, from: &Node, name: &[u8], to: &Node) -> Result<(), Error> {
        let (old, new) = (self.depth(from)? + 1, self.depth(to)? + 1);
        if new > MAX_DEPTH {
            return Err(Error::NameTooLong);
        }
        if new <= old {
            return Ok(());
        }
        let height = self.meter.deepest().saturating_sub(old);
        let room = MAX_DEPTH - new;
        let height = if height > room {
            let height = self.height(from, name, room)?;
            if height > room {
                return Err(Error::NameTooLong);
            }
            height
        } else {
            height
        };
        self.meter.deepen(new + height);
        Ok(())
    }

    /// How many levels of directories are below one, as far as that is looked at: up to more than
    /// `enough`.
    fn height(&self, directory: &Node, name: &[u8], enough: u64) -> Result<u64, Error> {
        let top = sys::find(self.reach(directory)?.as_fd(), name)?;
        let (mut height, mut seen) = (0, 0);
        let walked = walk::over(top.as_fd(), &AtomicBool::new(false), &mut |met| {
            seen += 1;
            let is_directory = match met.kind {
                KernelType::Directory => true,
                KernelType::Unknown => sys::stat_at(met.directory, met.name)
                    .is_ok_and(|stat| file_type(&stat) == FileType::Directory),
                _ => false,
            };
            if is_directory {
                height = height.max(met.depth);
            }
            if height > enough || seen > LOOKED_AT {
                return Err(Errno::CANCELED);
            }
            Ok(())
        });
        match walked {
            Ok(_) | Err(Errno::CANCELED) => Ok(height),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// How far below `root` a path is; `None` if it isn't.
fn below(root: &[u8], path: &[u8]) -> Option<u64> {
    let root = root.strip_suffix(b"/").unwrap_or(root);
    let rest = path.strip_prefix(root)?;
    if rest.is_empty() {
        return Some(0);
    }
    let slashes = rest.iter().filter(|byte| **byte == b'/').count() as u64;
    (rest[0] == b'/').then_some(slashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_below_a_root() {
        assert_eq!(below(b"/a/b", b"/a/b"), Some(0));
        assert_eq!(below(b"/a/b", b"/a/b/c"), Some(1));
        assert_eq!(below(b"/a/b", b"/a/b/c d\n/e (deleted)"), Some(2));
        assert_eq!(below(b"/a/b", b"/a/bc/d"), None);
        assert_eq!(below(b"/a/b", b"/a"), None);
        assert_eq!(below(b"/a/b", b"/x/a/b/c"), None);
        assert_eq!(below(b"/", b"/a/b"), Some(2));
    }
}
