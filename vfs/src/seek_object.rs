//! Finding the object of a handle by its name, and keeping the index of names.

use std::os::fd::AsFd;
use std::sync::{Arc, RwLockReadGuard};
use std::time::Duration;

use crate::attributes::FileType;
use crate::error::Error;
use crate::file_system::FileSystem;
use crate::handle::Decoded;
use crate::identify::mark;
use crate::names::{Missing, Name, Names};
use crate::node::Node;
use crate::objects::Held;
use crate::walk;

/// How far up to look for a directory in memory.
const MAX_DEPTH: usize = 4096;
/// How often to look again because names were moved meanwhile.
const ATTEMPTS: usize = 100;

impl FileSystem {
    /// The object of a handle that the kernel doesn't open, and a descriptor of it.
    pub(crate) fn seek_object(&self, names: &Arc<Names>, wanted: &Decoded) -> Result<Held, Error> {
        let object = mark(wanted.key.fileid, &wanted.kernel);
        let mut attempts = 0;
        let known = loop {
            let moves = names.moves();
            let known = names.of(object);
            for name in known.iter().flatten() {
                match self.look_at(names, name) {
                    Ok((node, held)) if node.is(wanted.key.fileid, &wanted.kernel) => {
                        return Ok((node, held));
                    }
                    Err(error @ (Error::TooManyFiles | Error::Io(_))) => return Err(error),
                    Ok(_) | Err(_) => {}
                }
            }
            attempts += 1;
            if attempts == ATTEMPTS || names.still_since(moves) {
                break known;
            }
            // Whoever moves it may have been put aside.
            if attempts > ATTEMPTS / 2 {
                std::thread::sleep(Duration::from_millis(1));
            } else {
                std::thread::yield_now();
            }
        };
        match names.miss(object, known.is_some()) {
            Missing::Perhaps => {
                self.index_if_wanted(names);
                Err(Error::Delay)
            }
            Missing::Certainly => {
                names.forget(object);
                Err(Error::Stale)
            }
        }
    }

    fn look_at(&self, names: &Names, name: &Name) -> Result<Held, Error> {
        let (directory, at) = self.seek_directory(names, name.parent)?;
        self.child_at(&directory, at.as_fd(), &name.name)
    }

    /// The directory with an inode number, by way of those above it.
    fn seek_directory(&self, names: &Names, fileid: u64) -> Result<Held, Error> {
        let mut below = Vec::new();
        let mut current = fileid;
        let (mut directory, mut at) = loop {
            if let Some(node) = self.cache.get(current)
                && let Some(held) = node.held()
            {
                break (node, held);
            }
            let (_, name) = names.last(current).ok_or(Error::NoEnt)?;
            if below.len() >= MAX_DEPTH || name.parent == current {
                return Err(Error::NoEnt);
            }
            below.push((current, name.name));
            current = name.parent;
        };
        while let Some((fileid, name)) = below.pop() {
            if directory.file_type() != FileType::Directory {
                return Err(Error::NotDir);
            }
            (directory, at) = self.child_at(&directory, at.as_fd(), &name)?;
            if directory.fileid() != fileid {
                return Err(Error::NoEnt);
            }
        }
        Ok((directory, at))
    }

    /// Begins to look for everything if the index doesn't know it yet.
    pub(crate) fn begin_index(&self) {
        if let Some(names) = &self.names
            && !names.is_complete()
        {
            names.want_walk();
            self.index_if_wanted(names);
        }
    }

    fn index_if_wanted(&self, names: &Arc<Names>) {
        names.begin_walk(|| walk::spawn(names, self.identify, self.device));
    }

    /// Whether objects have records that must go when they do.
    pub(crate) fn keeps_records(&self) -> bool {
        self.shadow.is_some() || self.names.is_some()
    }

    /// To be held from before a name changes until that was noted.
    pub(crate) fn naming(&self) -> Option<RwLockReadGuard<'_, ()>> {
        self.names.as_ref().map(|names| names.naming())
    }

    /// Notes the name of an object that was found by it, if the index doesn't know the object.
    pub(crate) fn met(&self, directory: &Node, name: &[u8], node: &Node) {
        if let Some(names) = &self.names {
            let last = names.last(node.fileid());
            if last.is_none_or(|(stamp, _)| stamp != node.mark().stamp) {
                names.put(node.mark(), named(directory, name));
            }
        }
    }

    /// Notes the name of a new object.
    pub(crate) fn named(&self, directory: &Node, name: &[u8], node: &Node) {
        if let Some(names) = &self.names {
            names.put(node.mark(), named(directory, name));
        }
    }

    /// Notes one more name.
    pub(crate) fn named_also(&self, directory: &Node, name: &[u8], node: &Node) {
        if let Some(names) = &self.names {
            names.add(node.mark(), named(directory, name));
        }
    }

    /// Notes that a name is gone.
    pub(crate) fn unnamed_as(&self, directory: &Node, name: &[u8], node: &Node) {
        if let Some(names) = &self.names {
            names.take(node.mark(), &named(directory, name));
        }
    }

    /// Notes that a name was moved.
    pub(crate) fn renamed(&self, node: &Node, from: (&Node, &[u8]), to: (&Node, &[u8])) {
        if let Some(names) = &self.names {
            names.replace(node.mark(), &named(from.0, from.1), named(to.0, to.1));
        }
    }
}

fn named(directory: &Node, name: &[u8]) -> Name {
    Name {
        parent: directory.fileid(),
        name: name.to_vec(),
    }
}
