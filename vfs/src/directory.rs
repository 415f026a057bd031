//! Listing directories.

use std::ffi::CStr;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;

use crate::access::{Permissions, check};
use crate::attributes::Attributes;
use crate::error::Error;
use crate::file_system::{FileSystem, must_be_directory};
use crate::handle::WireHandle;
use crate::identity::Identity;
use crate::node::Node;
use crate::sys;

/// Cookies 0, 1 and 2 have a meaning of their own in NFS (RFC 8881 §18.23.3).
const RESERVED: u64 = 3;
/// What `lseek` takes at most, and what ext4 says after its last entry.
const LAST: u64 = i64::MAX as u64;
/// Octets of names that are asked for at first, which many a page does not exceed, and then.
const ROOMS: [usize; 2] = [4 * 1024, 32 * 1024];

/// An entry of a directory.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Its name: any bytes but NUL and `/`.
    pub name: &'a [u8],
    /// Where to go on after this entry; at least 3.
    pub cookie: u64,
    /// The inode number of what it names.
    pub fileid: u64,
    /// `name` as the kernel gave it and takes it.
    terminated: &'a CStr,
    file_system: &'a FileSystem,
    directory: &'a Node,
    at: &'a OwnedFd,
}

impl Entry<'_> {
    /// The attributes of what it names.
    ///
    /// # Errors
    /// [`Error::NoEnt`] if the entry was removed in the meantime: leave it out then.
    /// [`Error::XDev`] if the host has mounted something there.
    pub fn attributes(&self) -> Result<Attributes, Error> {
        self.file_system
            .entry_attributes(self.at.as_fd(), self.name)
    }

    /// The attributes and the handle of what it names, which is not kept in memory for it.
    ///
    /// # Errors
    /// As [`Entry::attributes`], and [`Error::TooManyFiles`].
    pub fn attributes_and_handle(&self) -> Result<(Attributes, WireHandle), Error> {
        self.file_system.entry_attributes_and_handle(
            self.directory,
            self.at.as_fd(),
            (self.terminated, self.fileid),
        )
    }
}

impl FileSystem {
    /// Gives `sink` the entries after `cookie` (0: from the start), without `.` and `..`, until it
    /// breaks; whether the end was reached is returned. To go on, pass the cookie of the last
    /// entry that was taken.
    ///
    /// Cookies stay valid while entries come and go: what is there all the time is given exactly
    /// once. A cookie from nowhere gives the end or some later entry.
    ///
    /// # Errors
    /// [`Error::Access`] without read permission, [`Error::NotDir`], [`Error::Symlink`],
    /// [`Error::TooManyFiles`], [`Error::Io`].
    pub fn read_directory(
        &self,
        who: &Identity,
        directory: &Node,
        cookie: u64,
        sink: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<bool, Error> {
        must_be_directory(directory)?;
        check(
            who,
            &self.attributes_to_judge(directory)?,
            Permissions::READ,
        )
        .ok()?;
        if cookie >= LAST {
            return Ok(true);
        }
        let descriptor = sys::open_directory(self.reach(directory)?.as_fd())?;
        if !seek(descriptor.as_fd(), cookie)? {
            return Ok(true);
        }
        let more = self.list(directory, &descriptor, ROOMS[0], true, sink)?;
        if let Listed::Page = more {
            return Ok(self.list(directory, &descriptor, ROOMS[1], false, sink)? == Listed::End);
        }
        Ok(more == Listed::End)
    }

    /// Gives `sink` the entries from where `descriptor` stands. `once`: no more of them than fit in
    /// so many octets.
    fn list(
        &self,
        directory: &Node,
        descriptor: &OwnedFd,
        room: usize,
        once: bool,
        sink: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<Listed, Error> {
        let mut buffer = Vec::with_capacity(room);
        let mut entries = sys::entries(descriptor.as_fd(), buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Ok(entry) => entry,
                // Removed while it is listed: it has no entries any more.
                Err(Errno::NOENT) => return Ok(Listed::End),
                Err(errno) => return Err(errno.into()),
            };
            let terminated = entry.file_name();
            let name = terminated.to_bytes();
            if name != b"." && name != b".." {
                let entry = Entry {
                    name,
                    cookie: entry.next_entry_cookie().saturating_add(RESERVED).min(LAST),
                    fileid: entry.ino(),
                    terminated,
                    file_system: self,
                    directory,
                    at: descriptor,
                };
                if sink(entry).is_break() {
                    return Ok(Listed::Enough);
                }
            }
            if once && entries.is_buffer_empty() {
                return Ok(Listed::Page);
            }
        }
        Ok(Listed::End)
    }
}

/// Why no more entries were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listed {
    /// There are no more.
    End,
    /// No more are wanted.
    Enough,
    /// No more fit.
    Page,
}

/// Goes to where a cookie points; false if that is beyond the end.
fn seek(directory: BorrowedFd<'_>, cookie: u64) -> Result<bool, Error> {
    let position = cookie.saturating_sub(RESERVED);
    if position == 0 {
        return Ok(true);
    }
    match sys::seek(directory, position) {
        Ok(()) => Ok(true),
        Err(Errno::INVAL | Errno::OVERFLOW) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}
