//! A walk over the whole tree, which brings the index of names up to date behind a ready server.
//!
//! Depth first, with one open directory at a time and a position for each level, so that its
//! memory doesn't grow with the tree.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use rustix::io::Errno;

use crate::identify::Identify;
use crate::names::{Name, Names};
use crate::sys;

/// How much of a directory is read at a time: little, as it is read anew after each subdirectory.
const BUFFER: usize = 8 * 1024;
/// How often to begin anew when somebody moves the directory that a walk is in.
const ATTEMPTS: usize = 100;

/// How a walk ended.
enum End {
    Finished,
    Stopped,
    Moved,
}

/// A directory that the walk is below of.
struct Level {
    fileid: u64,
    position: u64,
}

/// Walks in the background.
pub(crate) fn spawn(
    names: &Arc<Names>,
    identify: Identify,
    device: (u32, u32),
) -> std::io::Result<JoinHandle<()>> {
    let names = Arc::clone(names);
    std::thread::Builder::new()
        .name("localefs-index".to_owned())
        .spawn(move || {
            let walker = Walker {
                names: &names,
                identify,
                device,
            };
            let whole = walker.run();
            names.walked(whole);
        })
}

struct Walker<'a> {
    names: &'a Names,
    identify: Identify,
    device: (u32, u32),
}

impl Walker<'_> {
    fn run(&self) -> bool {
        for _ in 0..ATTEMPTS {
            match self.walk() {
                Ok(End::Finished) => return true,
                Ok(End::Stopped) => return false,
                Ok(End::Moved) => {}
                Err(errno) => {
                    tracing::warn!(%errno, "the walk over the tree for the index of names failed");
                    return false;
                }
            }
        }
        false
    }

    fn walk(&self) -> Result<End, Errno> {
        let mut directory = sys::open_directory(self.names.root.as_fd())?;
        let mut fileid = sys::stat(directory.as_fd())?.stx_ino;
        let mut above: Vec<Level> = Vec::new();
        loop {
            match self.next_directory(directory.as_fd(), fileid)? {
                None if self.names.stop.load(Ordering::Relaxed) => return Ok(End::Stopped),
                Some((inner, number, position)) => {
                    above.push(Level { fileid, position });
                    (directory, fileid) = (inner, number);
                }
                None => {
                    let Some(level) = above.pop() else {
                        return Ok(End::Finished);
                    };
                    let Ok(parent) = sys::find_parent(directory.as_fd()) else {
                        return Ok(End::Moved);
                    };
                    if sys::stat(parent.as_fd())?.stx_ino != level.fileid {
                        return Ok(End::Moved);
                    }
                    directory = sys::open_directory(parent.as_fd())?;
                    sys::seek(directory.as_fd(), level.position)?;
                    fileid = level.fileid;
                }
            }
        }
    }

    /// Goes on through a directory up to the next subdirectory, which is returned with its inode
    /// number and the position after it.
    fn next_directory(
        &self,
        directory: BorrowedFd<'_>,
        fileid: u64,
    ) -> Result<Option<(OwnedFd, u64, u64)>, Errno> {
        let mut buffer = Vec::with_capacity(BUFFER);
        let mut entries = sys::entries(directory, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            if self.names.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(Errno::NOENT) => return Ok(None),
                Err(errno) => return Err(errno),
            };
            let bytes = entry.file_name().to_bytes();
            if bytes == b"." || bytes == b".." {
                continue;
            }
            let name = Name {
                parent: fileid,
                name: bytes.to_vec(),
            };
            let is_directory = match entry.file_type() {
                rustix::fs::FileType::Directory | rustix::fs::FileType::Unknown => true,
                _ => false,
            };
            let known = self.names.knows(entry.ino(), &name);
            if known && !is_directory {
                continue;
            }
            let found = match sys::find(directory, bytes) {
                Ok(found) => found,
                // Gone again, or the host has mounted something there.
                Err(Errno::NOENT | Errno::XDEV | Errno::ACCESS) => continue,
                Err(errno) => return Err(errno),
            };
            let stat = sys::stat(found.as_fd())?;
            if (stat.stx_dev_major, stat.stx_dev_minor) != self.device {
                continue;
            }
            if !known {
                self.note(directory, &name, found.as_fd())?;
            }
            if crate::stat::file_type(&stat) == crate::attributes::FileType::Directory {
                match sys::open_directory(found.as_fd()) {
                    Ok(inner) => {
                        return Ok(Some((inner, stat.stx_ino, entry.next_entry_cookie())));
                    }
                    Err(Errno::ACCESS) => {}
                    Err(errno) => return Err(errno),
                }
            }
        }
        Ok(None)
    }

    fn note(
        &self,
        directory: BorrowedFd<'_>,
        name: &Name,
        found: BorrowedFd<'_>,
    ) -> Result<(), Errno> {
        let _guard = self.names.still();
        // What was found may have another name by now.
        let stat = match sys::stat_at(directory, &name.name) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(errno),
        };
        if stat.stx_ino != sys::stat(found)?.stx_ino {
            return Ok(());
        }
        let (_, object) = self.identify.mark(found, &stat)?;
        let is_directory = crate::stat::file_type(&stat) == crate::attributes::FileType::Directory;
        if is_directory || stat.stx_nlink < 2 {
            self.names.put(object, name.clone());
        } else {
            self.names.add(object, name.clone());
        }
        Ok(())
    }
}
