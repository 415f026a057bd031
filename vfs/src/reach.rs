//! Opening again what has lost its descriptor to others (see [`crate::descriptors`]).
//!
//! No lock is held meanwhile. Two threads that need one descriptor at once may both open it; one
//! of the two counts. An object that the host has taken away since is [`Error::Stale`].

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::OFlags;

use crate::attributes::Attributes;
use crate::descriptors::Descriptor;
use crate::error::Error;
use crate::file_system::FileSystem;
use crate::node::Node;
use crate::syncs::Extent;
use crate::sys;

impl FileSystem {
    /// A descriptor of an object, `O_PATH` or more.
    ///
    /// # Errors
    /// [`Error::Stale`] if the host has taken the object away, [`Error::Delay`] while it is being
    /// looked for, [`Error::TooManyFiles`], [`Error::Io`].
    pub(crate) fn reach(&self, node: &Node) -> Result<Arc<Descriptor>, Error> {
        match node.held() {
            Some(held) => Ok(held),
            None => self.reach_path(node),
        }
    }

    /// An `O_PATH` descriptor of an object. Errors as [`FileSystem::reach`].
    pub(crate) fn reach_path(&self, node: &Node) -> Result<Arc<Descriptor>, Error> {
        if let Some(held) = node.held_path() {
            return Ok(held);
        }
        let path = match (node.held(), &self.names) {
            (Some(data), _) => sys::reopen(self.descriptors(), data.as_fd(), OFlags::PATH)?,
            (None, None) => self.open_handle(&node.kernel(), OFlags::PATH | OFlags::NOFOLLOW)?,
            (None, Some(names)) => {
                return self
                    .seek_object(names, &node.decoded())
                    .map(|(_, held)| held);
            }
        };
        let descriptors = self.cache.descriptors();
        Ok(descriptors.keep(node, descriptors.own(path)))
    }

    /// A descriptor for the data of a regular file that is open.
    ///
    /// # Errors
    /// As [`FileSystem::reach`]; [`Error::Rofs`], and [`Error::Access`] if a program is being run
    /// from it.
    pub(crate) fn reach_data(&self, node: &Node, write: bool) -> Result<Arc<Descriptor>, Error> {
        if let Some(held) = node.held_data(write) {
            return Ok(held);
        }
        // To write means to read, too: a client fills up the page that it writes a part of.
        let mut writable = write || node.has_writers();
        let data = match self.open_workable(node, writable) {
            // The host runs it, or may not write to it any more: it can still be read.
            Err(Error::Access | Error::Rofs) if !write => {
                writable = false;
                self.open_workable(node, writable)?
            }
            data => data?,
        };
        Ok(self.cache.descriptors().keep_data(node, data, writable))
    }

    /// A descriptor to write to, which is kept until the write is covered by a sync. Errors as
    /// [`FileSystem::reach_data`].
    pub(crate) fn reach_to_write(&self, node: &Node) -> Result<Arc<Descriptor>, Error> {
        if let Some(begun) = node.begin_write() {
            return Ok(begun);
        }
        let data = self.open_workable(node, true)?;
        Ok(self.cache.descriptors().keep_data_to_write(node, data))
    }

    /// Opens the data of a file, whatever mode the host has given it.
    fn open_workable(&self, node: &Node, writable: bool) -> Result<Arc<Descriptor>, Error> {
        let data = match self.open_data(node, writable) {
            Err(Error::Access) if self.shadow.is_some() => {
                let held = self.reach(node)?;
                let stat = sys::stat(held.as_fd())?;
                self.make_workable(held.as_fd(), node.mark(), &stat)?;
                self.open_data(node, writable)?
            }
            result => result?,
        };
        Ok(self.cache.descriptors().own(data))
    }

    fn open_data(&self, node: &Node, writable: bool) -> Result<OwnedFd, Error> {
        let access = if writable {
            OFlags::RDWR
        } else {
            OFlags::RDONLY
        };
        let flags = access | OFlags::NOATIME;
        match (node.held(), &self.names) {
            (None, None) => self.open_handle(&node.kernel(), flags | OFlags::NOFOLLOW),
            (held, _) => {
                let held = match held {
                    Some(held) => held,
                    None => self.reach_path(node)?,
                };
                Ok(sys::reopen(self.descriptors(), held.as_fd(), flags)?)
            }
        }
    }

    /// Whether a name of an object may go: one that is open keeps a descriptor when the last does.
    ///
    /// # Errors
    /// [`Error::TooManyFiles`] if there are too many of the kind already.
    pub(crate) fn may_lose_name(&self, node: &Node, attributes: &Attributes) -> Result<(), Error> {
        if attributes.links <= 1 && node.is_open() && !self.cache.descriptors().may_keep_nameless()
        {
            return Err(Error::TooManyFiles);
        }
        Ok(())
    }

    /// Keeps an object without a name in reach of those who have it open. `held` is a descriptor
    /// of it.
    pub(crate) fn keep_nameless(&self, node: &Node, held: &Arc<Descriptor>) {
        let reopened = || match sys::reopen(self.descriptors(), held.as_fd(), OFlags::PATH) {
            Ok(path) => self.cache.descriptors().own(path),
            // Its name is gone in any case.
            Err(_) => Arc::clone(held),
        };
        node.keep_path(node.held_path().unwrap_or_else(reopened));
    }

    /// Brings a file to the disk through the descriptor that has heard of every error since it was
    /// written; through a new one, if none is open for writing.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NoSpc`] or [`Error::DQuot`]: the write verifier has changed then.
    pub(crate) fn sync_file(&self, node: &Node, extent: Extent) -> Result<(), Error> {
        let sync = || match node.held_writer() {
            Some((data, written)) => {
                let result = self.durable(extent.sync(data.as_fd()));
                node.committed(written);
                result
            }
            None => {
                let file = self.open_data(node, false)?;
                self.durable(extent.sync(file.as_fd()))
            }
        };
        // What is never written to a disk is not lost on the way.
        match self.in_memory {
            true => sync(),
            false => self.syncs.run(node.fileid(), extent, sync),
        }
    }
}
