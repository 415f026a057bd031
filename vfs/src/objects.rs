//! Objects by handle, by name and by descriptor: one [`Node`] for each inode.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{OFlags, Statx, StatxAttributes};
use rustix::io::Errno;

use crate::attributes::{Attributes, FileType};
use crate::births::Born;
use crate::change::{Epoch, first_value};
use crate::descriptors::Descriptor;
use crate::error::Error;
use crate::file_system::{FileSystem, now};
use crate::handle::{HandleCodec, WireHandle};
use crate::identify::{Identify, mark};
use crate::node::{Node, NodeKey};
use crate::node_cache::NodeCache;
use crate::owner_record::Mark;
use crate::stat::{self, change_time, file_type};
use crate::sys::{self, KernelHandle};

/// How often to ask again for what the kernel says it has no memory for, once a millisecond.
const MAX_ATTEMPTS: usize = 50;

/// An object with a descriptor of it, which keeps it from being given up meanwhile.
pub(crate) type Held = (Arc<Node>, Arc<Descriptor>);

impl FileSystem {
    /// The object of a handle.
    ///
    /// # Errors
    /// [`Error::BadHandle`] if this file system didn't make the handle, [`Error::Stale`] if the
    /// object is gone, or is a directory that the host has moved out of the tree; [`Error::Delay`]
    /// while it is being looked for, [`Error::TooManyFiles`].
    pub fn resolve(&self, handle: &[u8]) -> Result<Arc<Node>, Error> {
        let node = self.resolve_anywhere(handle)?;
        if node.file_type() == FileType::Directory {
            // Else what is made or looked up in it would lie outside of the tree.
            self.must_be_inside(&node)?;
        }
        Ok(node)
    }

    fn resolve_anywhere(&self, handle: &[u8]) -> Result<Arc<Node>, Error> {
        let genuine = self.codec.decode(handle)?;
        if let Some(node) = self.cache.get(genuine.key.fileid)
            && node.key() == genuine.key
        {
            return Ok(node);
        }
        let decoded = genuine.decoded()?;
        if let Some(names) = &self.names {
            return self.seek_object(names, &decoded).map(|(node, _)| node);
        }
        let object = self.open_handle(&decoded.kernel, OFlags::PATH | OFlags::NOFOLLOW)?;
        let stat = sys::stat(object.as_fd())?;
        if stat.stx_nlink == 0 || stat.stx_ino != decoded.key.fileid || self.is_foreign(&stat) {
            return Err(Error::Stale);
        }
        self.enter(object, &decoded.kernel, &stat)
            .map(|(node, _)| node)
    }

    /// Opens the object of a kernel's handle.
    pub(crate) fn open_handle(
        &self,
        kernel: &KernelHandle,
        flags: OFlags,
    ) -> Result<OwnedFd, Error> {
        let mut attempts = 0;
        loop {
            match sys::open_handle(self.mount.as_fd(), kernel, flags) {
                Ok(object) => return Ok(object),
                Err(Errno::NOENT | Errno::STALE | Errno::INVAL) => return Err(Error::Stale),
                // ext4 says this of a stale handle, too, while its inode number is just being
                // given to a new file: soon it will know better.
                Err(Errno::NOMEM) if attempts < MAX_ATTEMPTS => {
                    attempts += 1;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// The attributes of the object that an entry of a directory names, whether it is in memory
    /// or not.
    pub(crate) fn entry_attributes(
        &self,
        directory: BorrowedFd<'_>,
        name: &[u8],
    ) -> Result<Attributes, Error> {
        let mut stat = sys::stat_at(directory, name)?;
        loop {
            self.same_mount(&stat)?;
            let known = self.cache.index().get(stat.stx_ino);
            let Some(node) = known else {
                return self.attributes_of_stranger(directory, name, stat);
            };
            let held = node.held();
            let mut found = None;
            if held.is_none() {
                // Its number may have been given to another one.
                let object = sys::find(directory, name)?;
                stat = sys::stat(object.as_fd())?;
                self.same_mount(&stat)?;
                let kernel = self.identify.handle(object.as_fd(), &stat)?;
                if !node.is(stat.stx_ino, &kernel) {
                    return self.attributes_of_stranger(directory, name, stat);
                }
                found = Some(object);
            }
            // Read again now that the count of modifications is known and the inode is held: its
            // number may have been given to another one before.
            let epoch = node.change.epoch();
            stat = sys::stat_at(directory, name)?;
            if stat.stx_ino == node.fileid() {
                self.same_mount(&stat)?;
                let attributes = self.observed(&node, epoch, &stat)?;
                drop((held, found));
                return Ok(attributes);
            }
        }
    }

    /// The attributes of what an entry names, and its handle. `fileid` is the inode number that
    /// the directory says, which need not be true.
    pub(crate) fn entry_attributes_and_handle(
        &self,
        directory: &Node,
        at: BorrowedFd<'_>,
        (name, fileid): (&CStr, u64),
    ) -> Result<(Attributes, WireHandle), Error> {
        let known = self.cache.index().get(fileid);
        if let Some(found) = self.entry_in_memory(at, name, known.as_ref())? {
            return Ok(found);
        }
        if let Some(found) = self.entry_by_birth(at, (name, fileid), known.as_ref())? {
            return Ok(found);
        }
        if let Some(found) = self.entry_by_handle(at, name)? {
            return Ok(found);
        }
        let (node, _held) = self.child_at(directory, at, name.to_bytes())?;
        let attributes = self.entry_attributes(at, name.to_bytes())?;
        Ok((attributes, node.handle()))
    }

    /// The same of an object in memory that has a descriptor: while it has, no other can get its
    /// number.
    fn entry_in_memory(
        &self,
        at: BorrowedFd<'_>,
        name: &CStr,
        known: Option<&Arc<Node>>,
    ) -> Result<Option<(Attributes, WireHandle)>, Error> {
        let Some((node, _held)) = known.and_then(|node| Some((node, node.held()?))) else {
            return Ok(None);
        };
        let epoch = node.change.epoch();
        let stat = sys::stat_at(at, name)?;
        self.same_mount(&stat)?;
        if stat.stx_ino != node.fileid() {
            return Ok(None);
        }
        self.observed_with_handle(node, epoch, &stat).map(Some)
    }

    /// The attributes of an object, of which `stat` was read after `epoch`.
    pub(crate) fn observed(
        &self,
        node: &Node,
        epoch: Epoch,
        stat: &Statx,
    ) -> Result<Attributes, Error> {
        let change = node
            .change
            .observe(epoch, change_time(stat), now(), self.opened);
        let mut attributes = self.owned(stat, node.mark(), change)?;
        attributes.accessed = self.accessed.shown_of(node, stat);
        Ok(attributes)
    }

    fn observed_with_handle(
        &self,
        node: &Node,
        epoch: Epoch,
        stat: &Statx,
    ) -> Result<(Attributes, WireHandle), Error> {
        let attributes = self.observed(node, epoch, stat)?;
        Ok((attributes, node.handle()))
    }

    /// The same without opening anything, where the kernel's handle tells the object: it is that
    /// of the inode whose attributes are read after it. `None` if that can't be said, or where
    /// owners or places are recorded here.
    fn entry_by_handle(
        &self,
        at: BorrowedFd<'_>,
        name: &CStr,
    ) -> Result<Option<(Attributes, WireHandle)>, Error> {
        if !self.handles_tell() {
            return Ok(None);
        }
        let before = now();
        let Ok(kernel) = sys::handle_at(at, name) else {
            return Ok(None);
        };
        let Some(fileid) = kernel.inode() else {
            return Ok(None);
        };
        let known = self.cache.index().get(fileid);
        let known = known.filter(|node| node.is(fileid, &kernel));
        let epoch = known.as_ref().map(|node| node.change.epoch());
        let stat = sys::stat_at(at, name)?;
        self.same_mount(&stat)?;
        if stat.stx_ino != fileid {
            return Ok(None);
        }
        self.births.note(before, &stat, &kernel);
        if let (Some(node), Some(epoch)) = (known, epoch) {
            return self.observed_with_handle(&node, epoch, &stat).map(Some);
        }
        Ok(Some(self.told_with_handle(&stat, &kernel)))
    }

    /// The same of an inode that was listed before, by number and time of birth.
    fn entry_by_birth(
        &self,
        at: BorrowedFd<'_>,
        (name, fileid): (&CStr, u64),
        known: Option<&Arc<Node>>,
    ) -> Result<Option<(Attributes, WireHandle)>, Error> {
        if !self.handles_tell() {
            return Ok(None);
        }
        let Some((born, kernel)) = self.births.get(fileid) else {
            return Ok(None);
        };
        let known = known.filter(|node| node.is(fileid, &kernel));
        let epoch = known.map(|node| node.change.epoch());
        let stat = sys::stat_at(at, name)?;
        self.same_mount(&stat)?;
        if stat.stx_ino != fileid || Born::of(&stat) != Some(born) {
            return Ok(None);
        }
        if let (Some(node), Some(epoch)) = (known, epoch) {
            return self.observed_with_handle(node, epoch, &stat).map(Some);
        }
        Ok(Some(self.told_with_handle(&stat, &kernel)))
    }

    /// Whether the kernel's handle is all that tells an object, and nothing is recorded of it here.
    fn handles_tell(&self) -> bool {
        self.identify == Identify::Handle && !self.keeps_records()
    }

    /// The attributes and the handle of an object that is not in memory.
    fn told_with_handle(&self, stat: &Statx, kernel: &KernelHandle) -> (Attributes, WireHandle) {
        let fileid = stat.stx_ino;
        let change = first_value(change_time(stat), now(), self.opened);
        let mut attributes = stat::attributes(stat, change);
        let stamp = || Ok(mark(fileid, kernel).stamp);
        attributes.accessed = self.accessed.shown(stat, stamp);
        let (handle, _) = self.codec.encode(fileid, kernel);
        (attributes, handle)
    }

    /// The attributes of an object that is not in memory.
    fn attributes_of_stranger(
        &self,
        directory: BorrowedFd<'_>,
        name: &[u8],
        mut stat: Statx,
    ) -> Result<Attributes, Error> {
        let mut mark = Mark {
            fileid: stat.stx_ino,
            stamp: 0,
        };
        if self.shadow.is_some() {
            // The owner must be that of the very object.
            let object = sys::find(directory, name)?;
            stat = sys::stat(object.as_fd())?;
            self.same_mount(&stat)?;
            (_, mark) = self.identify.mark(object.as_fd(), &stat)?;
        }
        let change = first_value(change_time(&stat), now(), self.opened);
        let mut attributes = self.owned(&stat, mark, change)?;
        attributes.accessed = self.accessed.shown(&stat, || {
            if self.shadow.is_some() {
                return Ok(mark.stamp);
            }
            let object = sys::find(directory, name)?;
            let found = sys::stat(object.as_fd())?;
            let (_, mark) = self.identify.mark(object.as_fd(), &found)?;
            Ok(mark.stamp)
        });
        Ok(attributes)
    }

    /// The object that an entry names.
    pub(crate) fn child(&self, directory: &Node, name: &[u8]) -> Result<Arc<Node>, Error> {
        let at = self.reach(directory)?;
        self.child_at(directory, at.as_fd(), name)
            .map(|(node, _)| node)
    }

    /// The object that an entry names, with a descriptor of it. `at` is one of the directory.
    pub(crate) fn child_at(
        &self,
        directory: &Node,
        at: BorrowedFd<'_>,
        name: &[u8],
    ) -> Result<Held, Error> {
        let stat = sys::stat_at(at, name)?;
        self.same_mount(&stat)?;
        if let Some(node) = self.cache.get(stat.stx_ino)
            && let Some(held) = node.held()
        {
            // Only while the object is held does its number belong to it for sure.
            let again = sys::stat_at(at, name)?;
            if again.stx_ino == node.fileid() && self.same_mount(&again).is_ok() {
                return Ok((node, held));
            }
        }
        let found = self.adopt(sys::find(at, name)?)?;
        self.met(directory, name, &found.0);
        Ok(found)
    }

    /// The object of an entry that is about to be changed, if it is in memory, or must be for the
    /// sake of its records; with a descriptor that keeps it from being given up meanwhile.
    pub(crate) fn entry_node(
        &self,
        directory: &Node,
        at: BorrowedFd<'_>,
        name: &[u8],
        fileid: u64,
    ) -> Result<Option<Held>, Error> {
        if self.keeps_records() {
            return self.child_at(directory, at, name).map(Some);
        }
        let Some(node) = self.cache.get(fileid) else {
            return Ok(None);
        };
        match node.held() {
            Some(held) => Ok(Some((node, held))),
            None => self.child_at(directory, at, name).map(Some),
        }
    }

    /// The object that a new `O_PATH` descriptor holds.
    pub(crate) fn adopt(&self, object: OwnedFd) -> Result<Held, Error> {
        let stat = sys::stat(object.as_fd())?;
        if self.is_foreign(&stat) {
            return Err(Error::XDev);
        }
        if let Some(node) = self.cache.get(stat.stx_ino)
            && let Some(held) = node.held()
        {
            return Ok((node, held));
        }
        let kernel = self.identify.handle(object.as_fd(), &stat)?;
        self.enter(object, &kernel, &stat)
    }

    /// Enters an object that was just found or made.
    pub(crate) fn enter(
        &self,
        object: OwnedFd,
        kernel: &KernelHandle,
        stat: &Statx,
    ) -> Result<Held, Error> {
        let node = new_node(&self.codec, &self.cache, kernel, stat);
        self.make_workable(object.as_fd(), node.mark(), stat)?;
        let held = self.cache.descriptors().own(object);
        let node = self.cache.enter(node, Arc::clone(&held));
        Ok((node, held))
    }

    pub(crate) fn is_foreign(&self, stat: &Statx) -> bool {
        (stat.stx_dev_major, stat.stx_dev_minor) != self.device
    }

    fn same_mount(&self, stat: &Statx) -> Result<(), Error> {
        if self.is_foreign(stat) || stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) {
            return Err(Error::XDev);
        }
        Ok(())
    }
}

/// A new object, which is not yet entered.
pub(crate) fn new_node(
    codec: &HandleCodec,
    cache: &NodeCache,
    kernel: &KernelHandle,
    stat: &Statx,
) -> Arc<Node> {
    let (_, generation) = codec.encode(stat.stx_ino, kernel);
    let key = NodeKey {
        fileid: stat.stx_ino,
        generation,
    };
    let index = cache.index();
    Arc::new_cyclic(|me| Node::new(me, kernel, key, file_type(stat), Arc::clone(index)))
}
