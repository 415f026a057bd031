//! Changing attributes.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::OFlags;

use crate::access::{Permissions, check, check_io};
use crate::attributes::{Attributes, FileType, SetAttributes};
use crate::error::Error;
use crate::file::File;
use crate::file_system::FileSystem;
use crate::identity::Identity;
use crate::limits::MAX_FILE_SIZE;
use crate::node::Node;
use crate::ownership::{Initial, change_owner_and_mode, change_times, mode_after_write};
use crate::sys;

impl FileSystem {
    /// Sets attributes: all of them, or none if one is refused.
    ///
    /// `file`, open for writing on the same object, lets the owner truncate it and set the server's
    /// time whatever the mode is by now.
    ///
    /// # Errors
    /// [`Error::Perm`] for what only the owner or root may set, [`Error::Access`] without write
    /// permission for length and server time, [`Error::FBig`], [`Error::IsDir`] and
    /// [`Error::Inval`] for the length of something else than a file, [`Error::NotSupp`] for the
    /// mode of a symbolic link, [`Error::Rofs`], [`Error::NoSpc`].
    pub fn set_attributes(
        &self,
        who: &Identity,
        node: &Node,
        file: Option<&File>,
        set: &SetAttributes,
    ) -> Result<(), Error> {
        if set.is_empty() {
            return Ok(());
        }
        let held = self.reach(node)?;
        let _guard = node.lock();
        let before = self.attributes(node)?;
        let file = file.filter(|file| file.mode().write && **file.node() == *node);
        let verdict = match file {
            Some(_) => check_io(who, &before, Permissions::WRITE),
            None => check(who, &before, Permissions::WRITE),
        };
        let writable = verdict.allowed();
        let mut mode = change_owner_and_mode(who, &before, set)?;
        change_times(who, &before, set, writable)?;
        if let Some(size) = set.size {
            may_truncate(&before, size, writable)?;
            if set.mode.is_none() {
                let truncated = Attributes {
                    mode,
                    ..before.clone()
                };
                mode = mode_after_write(who, &truncated);
            }
        }
        if set.mode.is_some() && before.file_type == FileType::Symlink {
            return Err(Error::NotSupp);
        }
        let result = self.apply((node, held.as_fd()), file, set, &before, mode);
        self.modified(node);
        result?;
        self.keep_access_time(node, set)?;
        if self.is_strict() {
            self.object_durable(node)?;
            self.records_durable()?;
        }
        Ok(())
    }

    /// Brings the attributes of an object to the disk, also of one that can't be opened.
    pub(crate) fn object_durable(&self, node: &Node) -> Result<(), Error> {
        if matches!(node.file_type(), FileType::Regular | FileType::Directory) {
            let object = sys::reopen(
                self.descriptors(),
                self.reach(node)?.as_fd(),
                OFlags::RDONLY,
            )?;
            return self.durable(sys::sync(object.as_fd()));
        }
        self.durable(sys::sync_disk(self.mount.as_fd()))
    }

    fn apply(
        &self,
        (node, held): (&Node, BorrowedFd<'_>),
        file: Option<&File>,
        set: &SetAttributes,
        before: &Attributes,
        mode: u32,
    ) -> Result<(), Error> {
        match (set.size, file) {
            (Some(size), Some(_)) => {
                sys::set_length(self.reach_data(node, true)?.as_fd(), size)?;
            }
            (Some(size), None) => {
                let file = sys::reopen(self.descriptors(), held, OFlags::WRONLY)?;
                sys::set_length(file.as_fd(), size)?;
            }
            (None, _) => {}
        }
        let chown = set.uid.is_some() || set.gid.is_some();
        let chmod = set.mode.is_some() || mode != before.mode;
        if let Some(shadow) = &self.shadow {
            if chown || chmod {
                let initial = Initial {
                    uid: set.uid.unwrap_or(before.uid),
                    gid: set.gid.unwrap_or(before.gid),
                    mode,
                };
                self.record(shadow, node, initial)?;
            }
        } else {
            if chown {
                sys::change_owner(held, set.uid, set.gid)?;
            }
            // The kernel clears set-id bits by the rules for root, who called it.
            let cleared_by_kernel = chown && mode & 0o6000 != 0;
            if chmod || cleared_by_kernel {
                sys::change_mode(self.descriptors(), held, mode)?;
            }
        }
        self.set_times(held, set)
    }

    /// Takes away the set-id bits that must not outlive a write by `who`.
    pub(crate) fn clear_set_id(&self, who: &Identity, node: &Node) -> Result<(), Error> {
        let _guard = node.lock();
        let attributes = self.attributes(node)?;
        let mode = mode_after_write(who, &attributes);
        if mode != attributes.mode {
            if let Some(shadow) = &self.shadow {
                let Attributes { uid, gid, .. } = attributes;
                self.record(shadow, node, Initial { uid, gid, mode })?;
            } else {
                sys::change_mode(self.descriptors(), self.reach(node)?.as_fd(), mode)?;
            }
            self.modified(node);
        }
        Ok(())
    }
}

fn may_truncate(attributes: &Attributes, size: u64, writable: bool) -> Result<(), Error> {
    match attributes.file_type {
        FileType::Regular => {}
        FileType::Directory => return Err(Error::IsDir),
        _ => return Err(Error::Inval),
    }
    if !writable {
        return Err(Error::Access);
    }
    if size > MAX_FILE_SIZE {
        return Err(Error::FBig);
    }
    Ok(())
}
