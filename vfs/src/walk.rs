//! A walk over the whole tree; one brings the index of names up to date behind a ready server.
//!
//! Depth first, with one open directory at a time and a position for each level, so that its
//! memory doesn't grow with the tree.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustix::fs::Statx;
use rustix::io::Errno;

use crate::attributes::FileType;
use crate::identify::Identify;
use crate::names::{Name, Names};
use crate::owner_record::Mark;
use crate::stat::file_type;
use crate::sys;

/// How much of a directory is read at a time: little, as it is read anew after each subdirectory.
const BUFFER: usize = 8 * 1024;
/// How often to begin anew when somebody moves the directory that a walk is in.
const ATTEMPTS: usize = 100;

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Finished,
    Stopped,
    /// Somebody has moved the directory that it was in.
    Moved,
}

/// An entry that a walk has come to.
pub(crate) struct Met<'a> {
    pub directory: BorrowedFd<'a>,
    /// The inode number of the directory.
    pub parent: u64,
    pub name: &'a [u8],
    /// The inode number that the directory has for it.
    pub fileid: u64,
    /// The type that the directory has for it.
    pub kind: rustix::fs::FileType,
    /// How far below the top it is: 1 in the top itself.
    pub depth: u64,
}

/// A directory that the walk is below of.
struct Level {
    fileid: u64,
    position: u64,
}

/// Goes over everything below a directory, without entering other mounts. Directories that this
/// process may not list are passed over.
pub(crate) fn over(
    root: BorrowedFd<'_>,
    stop: &AtomicBool,
    visit: &mut dyn FnMut(&Met<'_>) -> Result<(), Errno>,
) -> Result<End, Errno> {
    let mut directory = sys::open_directory(root)?;
    let stat = sys::stat(directory.as_fd())?;
    let device = (stat.stx_dev_major, stat.stx_dev_minor);
    let mut fileid = stat.stx_ino;
    let mut above: Vec<Level> = Vec::new();
    loop {
        let depth = above.len() as u64 + 1;
        match next_directory(directory.as_fd(), (fileid, depth), device, stop, visit)? {
            None if stop.load(Ordering::Relaxed) => return Ok(End::Stopped),
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
                directory = match sys::open_directory(parent.as_fd()) {
                    Err(Errno::NOENT) => return Ok(End::Moved),
                    opened => opened?,
                };
                sys::seek(directory.as_fd(), level.position)?;
                fileid = level.fileid;
            }
        }
    }
}

/// Goes on through a directory up to the next subdirectory, which is returned with its inode
/// number and the position after it.
fn next_directory(
    directory: BorrowedFd<'_>,
    (parent, depth): (u64, u64),
    device: (u32, u32),
    stop: &AtomicBool,
    visit: &mut dyn FnMut(&Met<'_>) -> Result<(), Errno>,
) -> Result<Option<(OwnedFd, u64, u64)>, Errno> {
    let mut buffer = Vec::with_capacity(BUFFER);
    let mut entries = sys::entries(directory, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let entry = match entry {
            Ok(entry) => entry,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(errno),
        };
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        visit(&Met {
            directory,
            parent,
            name,
            fileid: entry.ino(),
            kind: entry.file_type(),
            depth,
        })?;
        if !matches!(
            entry.file_type(),
            rustix::fs::FileType::Directory | rustix::fs::FileType::Unknown
        ) {
            continue;
        }
        let Some((found, stat)) = find(directory, name, device)? else {
            continue;
        };
        if file_type(&stat) != FileType::Directory {
            continue;
        }
        match sys::open_directory(found.as_fd()) {
            Ok(inner) => return Ok(Some((inner, stat.stx_ino, entry.next_entry_cookie()))),
            // Removed meanwhile, or not for this process.
            Err(Errno::ACCESS | Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(None)
}

/// What an entry names; `None` if it is gone again, or the host has mounted something there.
pub(crate) fn find(
    directory: BorrowedFd<'_>,
    name: &[u8],
    device: (u32, u32),
) -> Result<Option<(OwnedFd, Statx)>, Errno> {
    let found = match sys::find(directory, name) {
        Ok(found) => found,
        Err(Errno::NOENT | Errno::XDEV | Errno::ACCESS) => return Ok(None),
        Err(errno) => return Err(errno),
    };
    let stat = sys::stat(found.as_fd())?;
    let here = (stat.stx_dev_major, stat.stx_dev_minor) == device;
    Ok(here.then_some((found, stat)))
}

/// The objects in a tree that have these inode numbers.
pub(crate) fn objects_of(
    tree: BorrowedFd<'_>,
    identify: Identify,
    fileids: &HashSet<u64>,
) -> Result<Vec<Mark>, Errno> {
    let stat = sys::stat(tree)?;
    let device = (stat.stx_dev_major, stat.stx_dev_minor);
    for _ in 0..ATTEMPTS {
        let mut found = Vec::new();
        let walked = over(tree, &AtomicBool::new(false), &mut |met| {
            if fileids.contains(&met.fileid)
                && let Some((object, stat)) = find(met.directory, met.name, device)?
            {
                found.push(identify.mark(object.as_fd(), &stat)?.1);
            }
            Ok(())
        });
        if walked? == End::Finished {
            return Ok(found);
        }
    }
    // The host moves directories all the time.
    Err(Errno::BUSY)
}

/// Walks in the background for the index of names.
pub(crate) fn spawn(
    names: &Arc<Names>,
    identify: Identify,
    device: (u32, u32),
) -> std::io::Result<JoinHandle<()>> {
    let names = Arc::clone(names);
    std::thread::Builder::new()
        .name("localefs-index".to_owned())
        .spawn(move || {
            let whole = index(&names, identify, device);
            names.walked(whole);
        })
}

fn index(names: &Names, identify: Identify, device: (u32, u32)) -> bool {
    for _ in 0..ATTEMPTS {
        let walked = over(names.root.as_fd(), &names.stop, &mut |met| {
            let name = Name {
                parent: met.parent,
                name: met.name.to_vec(),
            };
            if names.knows(met.fileid, &name) {
                return Ok(());
            }
            match find(met.directory, met.name, device)? {
                Some((found, _)) => note(names, identify, met.directory, name, found.as_fd()),
                None => Ok(()),
            }
        });
        match walked {
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

fn note(
    names: &Names,
    identify: Identify,
    directory: BorrowedFd<'_>,
    name: Name,
    found: BorrowedFd<'_>,
) -> Result<(), Errno> {
    let _guard = names.still();
    // What was found may have another name by now.
    let stat = match sys::stat_at(directory, &name.name) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    if stat.stx_ino != sys::stat(found)?.stx_ino {
        return Ok(());
    }
    let (_, object) = identify.mark(found, &stat)?;
    if file_type(&stat) == FileType::Directory || stat.stx_nlink < 2 {
        names.put(object, name);
    } else {
        names.add(object, name);
    }
    Ok(())
}
