//! Objects by handle, by name and by descriptor: one [`Node`] for each inode.

use std::ffi::{CStr, CString};
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
use crate::removals::Before;
use crate::stat::{self, change_time, file_type};
use crate::sys::{self, KernelHandle};

/// How often to ask again for what the kernel says it has no memory for, once a millisecond.
const MAX_ATTEMPTS: usize = 50;

/// An object with a descriptor of it, which keeps it from being given up meanwhile.
pub(crate) type Held = (Arc<Node>, Arc<Descriptor>);

/// What an entry names, as it was read through the name, without opening it.
struct Glimpse {
    attributes: Attributes,
    ctime: u64,
    kernel: KernelHandle,
    /// The object, if it is in memory.
    node: Option<Arc<Node>>,
}

/// An object in memory that is about to be read, and the count of its modifications before.
struct Sight {
    node: Arc<Node>,
    epoch: Epoch,
}

impl Sight {
    /// Of the object that has this handle, if `known` is it.
    fn of(known: Option<&Arc<Node>>, fileid: u64, kernel: &KernelHandle) -> Option<Self> {
        let node = known.filter(|node| node.is(fileid, kernel))?;
        Some(Self {
            node: Arc::clone(node),
            epoch: node.change.epoch(),
        })
    }
}

impl FileSystem {
    /// The object of a handle.
    ///
    /// # Errors
    /// [`Error::BadHandle`] if this file system didn't make the handle, [`Error::Stale`] if the
    /// object is gone, or is a directory that the host has moved out of the tree; [`Error::Delay`]
    /// while it is being looked for, [`Error::TooManyFiles`].
    pub fn resolve(&self, handle: &[u8]) -> Result<Arc<Node>, Error> {
        self.resolve_and_see(handle).map(|(node, _)| node)
    }

    /// [`FileSystem::resolve`], with the attributes if they were read on the way.
    ///
    /// # Errors
    /// As [`FileSystem::resolve`].
    pub fn resolve_and_see(&self, handle: &[u8]) -> Result<(Arc<Node>, Option<Attributes>), Error> {
        let found = self.resolve_anywhere(handle)?;
        if found.0.file_type() == FileType::Directory {
            // Else what is made or looked up in it would lie outside of the tree.
            self.must_be_inside(&found.0)?;
        }
        Ok(found)
    }

    fn resolve_anywhere(&self, handle: &[u8]) -> Result<(Arc<Node>, Option<Attributes>), Error> {
        let genuine = self.codec.decode(handle)?;
        if let Some(node) = self.cache.get(genuine.key.fileid)
            && node.key() == genuine.key
        {
            return Ok((node, None));
        }
        let decoded = genuine.decoded()?;
        if let Some(names) = &self.names {
            let (node, _) = self.seek_object(names, &decoded)?;
            return Ok((node, None));
        }
        let before = self.removals.before();
        let object = self.open_handle(&decoded.kernel, OFlags::PATH | OFlags::NOFOLLOW)?;
        let stat = sys::stat(object.as_fd())?;
        if stat.stx_nlink == 0 || stat.stx_ino != decoded.key.fileid || self.is_foreign(&stat) {
            return Err(Error::Stale);
        }
        let (node, held) = self.enter(object, &decoded.kernel, &stat)?;
        self.notice_removal(before, &node, &held);
        let told = self
            .handles_tell()
            .then(|| self.told(&stat, &decoded.kernel));
        let attributes = told.filter(|told| node.change.was_shown(told.change, change_time(&stat)));
        Ok((node, attributes))
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
        let glimpse = match self.entry_by_birth(at, (name, fileid), known.as_ref())? {
            Some(glimpse) => Some(glimpse),
            None => self.entry_by_handle(at, name)?,
        };
        if let Some(glimpse) = glimpse {
            let handle = match &glimpse.node {
                Some(node) => node.handle(),
                None => {
                    self.codec
                        .encode(glimpse.attributes.fileid, &glimpse.kernel)
                        .0
                }
            };
            return Ok((glimpse.attributes, handle));
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
        let attributes = self.observed(node, epoch, &stat)?;
        let handle = node.handle();
        Ok(Some((attributes, handle)))
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

    /// What an entry names, where the kernel's handle tells the object: it is that of the inode
    /// whose attributes are read after it. `None` if that can't be said, or where owners or places
    /// are recorded here.
    fn entry_by_handle(&self, at: BorrowedFd<'_>, name: &CStr) -> Result<Option<Glimpse>, Error> {
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
        let sight = Sight::of(known.as_ref(), fileid, &kernel);
        let stat = sys::stat_at(at, name)?;
        self.same_mount(&stat)?;
        if stat.stx_ino != fileid {
            return Ok(None);
        }
        // What was just born may have got the number of the one that the handle is of. If that
        // still exists, it has not.
        let sure = self.births.note(before, &stat, &kernel)
            || sys::handle_at(at, name).is_ok_and(|again| again == kernel);
        if !sure {
            return Ok(None);
        }
        self.glimpse(sight, &stat, kernel)
    }

    /// The same of an inode that was listed before, by number and time of birth.
    fn entry_by_birth(
        &self,
        at: BorrowedFd<'_>,
        (name, fileid): (&CStr, u64),
        known: Option<&Arc<Node>>,
    ) -> Result<Option<Glimpse>, Error> {
        if !self.handles_tell() {
            return Ok(None);
        }
        let Some((born, kernel)) = self.births.get(fileid) else {
            return Ok(None);
        };
        let sight = Sight::of(known, fileid, &kernel);
        let stat = sys::stat_at(at, name)?;
        self.same_mount(&stat)?;
        if stat.stx_ino != fileid || Born::of(&stat) != Some(born) {
            return Ok(None);
        }
        self.glimpse(sight, &stat, kernel)
    }

    /// What was read of the inode that has this handle. Nothing if it is in memory since, and was
    /// maybe modified before or after it was read.
    fn glimpse(
        &self,
        sight: Option<Sight>,
        stat: &Statx,
        kernel: KernelHandle,
    ) -> Result<Option<Glimpse>, Error> {
        let attributes = match &sight {
            Some(Sight { node, epoch }) => self.observed(node, *epoch, stat)?,
            None if self.cache.index().get(stat.stx_ino).is_some() => return Ok(None),
            None => self.told(stat, &kernel),
        };
        Ok(Some(Glimpse {
            attributes,
            ctime: change_time(stat),
            kernel,
            node: sight.map(|sight| sight.node),
        }))
    }

    /// Whether the kernel's handle is all that tells an object, and nothing is recorded of it here.
    fn handles_tell(&self) -> bool {
        self.identify == Identify::Handle && !self.keeps_records()
    }

    /// The attributes of an object that is not in memory and has this handle.
    fn told(&self, stat: &Statx, kernel: &KernelHandle) -> Attributes {
        let fileid = stat.stx_ino;
        let change = first_value(change_time(stat), now(), self.opened);
        let mut attributes = stat::attributes(stat, change);
        let stamp = || Ok(mark(fileid, kernel).stamp);
        attributes.accessed = self.accessed.shown(stat, stamp);
        attributes
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
            && self.seen_held(&node, at, name)?.is_some()
        {
            return Ok((node, held));
        }
        self.open_child(directory, at, name)
    }

    /// What is read of an object that is held, if the entry names it: only while it is held does
    /// its number belong to it for sure.
    fn seen_held(
        &self,
        node: &Node,
        at: BorrowedFd<'_>,
        name: &[u8],
    ) -> Result<Option<(Epoch, Statx)>, Error> {
        let epoch = node.change.epoch();
        let stat = sys::stat_at(at, name)?;
        let same = stat.stx_ino == node.fileid() && self.same_mount(&stat).is_ok();
        Ok(same.then_some((epoch, stat)))
    }

    fn open_child(&self, directory: &Node, at: BorrowedFd<'_>, name: &[u8]) -> Result<Held, Error> {
        let before = self.removals.before();
        let found = self.adopt(sys::find(at, name)?)?;
        self.notice_removal(before, &found.0, &found.1);
        self.met(directory, name, &found.0);
        Ok(found)
    }

    /// The object that an entry names, and its attributes. It is opened only if there is no other
    /// way to tell it.
    pub(crate) fn child_with_attributes(
        &self,
        directory: &Node,
        at: BorrowedFd<'_>,
        name: &[u8],
    ) -> Result<(Arc<Node>, Attributes), Error> {
        let before = self.removals.before();
        let stat = sys::stat_at(at, name)?;
        self.same_mount(&stat)?;
        let known = self.cache.get(stat.stx_ino);
        if let Some(node) = &known
            && let Some(_held) = node.held()
            && let Some((epoch, stat)) = self.seen_held(node, at, name)?
        {
            let attributes = self.observed(node, epoch, &stat)?;
            return Ok((Arc::clone(node), attributes));
        }
        let entry = CString::new(name).map_err(|_| Error::Inval)?;
        let glimpse = match self.entry_by_birth(at, (&entry, stat.stx_ino), known.as_ref())? {
            Some(glimpse) => Some(glimpse),
            None => self.entry_by_handle(at, &entry)?,
        };
        if let Some(glimpse) = glimpse
            && let Some(node) = self.enter_unopened(&glimpse, before)
        {
            return Ok((node, glimpse.attributes));
        }
        let (node, held) = self.open_child(directory, at, name)?;
        let attributes = self.attributes_through(&node, &held)?;
        Ok((node, attributes))
    }

    /// The object that was glimpsed, in memory; nothing if its attributes may not hold any more, or
    /// its name was taken away meanwhile.
    fn enter_unopened(&self, glimpse: &Glimpse, before: Before) -> Option<Arc<Node>> {
        if let Some(node) = &glimpse.node {
            return Some(Arc::clone(node));
        }
        let Attributes {
            fileid,
            file_type,
            change,
            ..
        } = glimpse.attributes;
        let node = new_node(
            &self.codec,
            &self.cache,
            &glimpse.kernel,
            (fileid, file_type),
        );
        let node = self.cache.enter_unopened(node)?;
        let holds =
            node.change.was_shown(change, glimpse.ctime) && self.removals.none_since(before);
        holds.then_some(node)
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
        let what = (stat.stx_ino, file_type(stat));
        let node = new_node(&self.codec, &self.cache, kernel, what);
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
    (fileid, file_type): (u64, FileType),
) -> Arc<Node> {
    let (_, generation) = codec.encode(fileid, kernel);
    let key = NodeKey { fileid, generation };
    let index = cache.index();
    Arc::new_cyclic(|me| Node::new(me, kernel, key, file_type, Arc::clone(index)))
}
