//! Opening files, and their data.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use bytes::BytesMut;
use rustix::io::Errno;

use crate::access::{Permissions, check_io, check_open};
use crate::attributes::FileType;
use crate::descriptors::Descriptor;
use crate::error::Error;
use crate::file::{File, OpenMode};
use crate::file_system::FileSystem;
use crate::identity::Identity;
use crate::limits::MAX_FILE_SIZE;
use crate::lookup::Found;
use crate::node::Node;
use crate::ownership::mode_after_write;
use crate::syncs::Extent;
use crate::sys;

/// How often a write is repeated that another one's failed sync may have covered.
const ATTEMPTS: usize = 3;

/// Whether a call may wait for the disk as a rule, or take long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocking {
    /// It may.
    Allowed,
    /// It should not: to read what isn't in memory is [`Error::WouldBlock`], and so is what takes
    /// long by itself.
    Never,
}

/// How often what changes names, attributes or data waits for the disk, though it does not ask for
/// that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The tree is in memory, and no owners or names are recorded beside it. Times of access may
    /// be.
    Never,
    /// When the disk's journal or memory are full, or what is changed was not in memory.
    Seldom,
    /// Each time: [`Durability::Strict`](crate::Durability::Strict).
    Always,
}

/// How far written data must have come before the write returns (`stable_how4`, RFC 8881
/// §18.32.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stability {
    /// Into memory; [`FileSystem::commit`] brings it to the disk.
    Unstable,
    /// To the disk, with what is needed to read it again.
    DataSync,
    /// To the disk, with all attributes.
    FileSync,
}

/// What a read gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadOutcome {
    /// How many bytes were appended to the buffer.
    pub count: usize,
    /// Whether the file ends there.
    pub end_of_file: bool,
}

impl FileSystem {
    /// Opens a regular file. Reading alone is also granted to who may only execute.
    ///
    /// # Errors
    /// [`Error::Access`]; [`Error::IsDir`], [`Error::Symlink`] or [`Error::WrongType`] if it is no
    /// regular file; [`Error::Rofs`], [`Error::TooManyFiles`].
    pub fn open_file(
        &self,
        who: &Identity,
        node: &Arc<Node>,
        wanted: OpenMode,
    ) -> Result<File, Error> {
        self.open_checked(who, node, wanted.permissions(), wanted)
    }

    /// [`FileSystem::open_file`] of what was just looked up, judged by the attributes that it had
    /// then.
    ///
    /// # Errors
    /// As [`FileSystem::open_file`].
    pub fn open_found(
        &self,
        who: &Identity,
        found: &Found,
        wanted: OpenMode,
    ) -> Result<File, Error> {
        must_be_regular(&found.node)?;
        check_open(who, &found.attributes, wanted.permissions()).ok()?;
        self.open_unchecked(&found.node, wanted)
    }

    /// Opens a regular file for what was granted before: to reclaim it after a restart, say. The
    /// owner passes whatever the mode is by now, as for the I/O that follows.
    ///
    /// # Errors
    /// As [`FileSystem::open_file`].
    pub fn reopen_file(
        &self,
        who: &Identity,
        node: &Arc<Node>,
        wanted: OpenMode,
    ) -> Result<File, Error> {
        must_be_regular(node)?;
        check_io(who, &self.attributes_to_judge(node)?, wanted.permissions()).ok()?;
        self.open_unchecked(node, wanted)
    }

    pub(crate) fn open_checked(
        &self,
        who: &Identity,
        node: &Arc<Node>,
        needed: Permissions,
        wanted: OpenMode,
    ) -> Result<File, Error> {
        must_be_regular(node)?;
        check_open(who, &self.attributes_to_judge(node)?, needed).ok()?;
        self.open_unchecked(node, wanted)
    }

    pub(crate) fn open_unchecked(&self, node: &Arc<Node>, wanted: OpenMode) -> Result<File, Error> {
        let before = self.removals.before();
        let file = File::new(Arc::clone(node), wanted);
        if node.is_gone() {
            // Whoever took its last name did not know of this file.
            node.keep_path(self.reach_path(node)?);
        }
        let data = self.reach_data(node, wanted.write)?;
        self.notice_removal(before, node, &data);
        Ok(file)
    }

    /// A file that was just made with this descriptor, which may write.
    pub(crate) fn opened(
        &self,
        node: Arc<Node>,
        descriptor: Arc<Descriptor>,
        mode: OpenMode,
    ) -> File {
        let file = File::new(node, mode);
        if mode.write {
            self.cache
                .descriptors()
                .keep_data(file.node(), descriptor, true);
        }
        file
    }

    /// Appends at most `count` bytes of `file`, from `offset` on, to `buffer`. The permission to
    /// read is judged anew, except for the owner.
    ///
    /// # Errors
    /// [`Error::Access`]; [`Error::WouldBlock`] if that is asked for and not all of it is in
    /// memory, the buffer is as before then; [`Error::Io`].
    pub fn read(
        &self,
        who: &Identity,
        file: &File,
        offset: u64,
        buffer: &mut BytesMut,
        count: usize,
        blocking: Blocking,
    ) -> Result<ReadOutcome, Error> {
        let node = file.node();
        let data = self.reach_data(node, false)?;
        let attributes = self.owned(&sys::stat(data.as_fd())?, node.mark(), 0)?;
        check_io(who, &attributes, Permissions::READ).ok()?;
        let left = attributes.size.saturating_sub(offset);
        let Some(offset) = i64::try_from(offset).ok().filter(|_| left > 0) else {
            return Ok(ReadOutcome {
                count: 0,
                end_of_file: true,
            });
        };
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(count);
        if wanted == 0 {
            return Ok(ReadOutcome {
                count: 0,
                end_of_file: false,
            });
        }
        let start = buffer.len();
        // tmpfs can't say what would block: nothing would.
        let may_block = blocking == Blocking::Allowed || self.in_memory;
        let read = match sys::read(data.as_fd(), offset, buffer, wanted, may_block) {
            // A disk that can't tell may block.
            Err(Errno::OPNOTSUPP) if !may_block => Err(Error::WouldBlock),
            Ok(read) if read < wanted && !may_block => Err(Error::WouldBlock),
            result => result.map_err(Error::from),
        };
        match read {
            // Less than there was: somebody has truncated the file since.
            Ok(read) => Ok(ReadOutcome {
                count: read,
                end_of_file: read as u64 == left || read == 0,
            }),
            Err(error) => {
                buffer.truncate(start);
                Err(error)
            }
        }
    }

    /// Writes `data` at `offset`, and says how much of it was written. The permission to write is
    /// judged anew, except for the owner.
    ///
    /// # Errors
    /// [`Error::Access`], also if the file isn't open for writing; [`Error::FBig`] beyond the largest file, [`Error::Inval`] if the end has
    /// no number, [`Error::NoSpc`], [`Error::DQuot`], [`Error::Rofs`], [`Error::Io`]. An error
    /// while the data goes to the disk changes the [`FileSystem::write_verifier`].
    pub fn write(
        &self,
        who: &Identity,
        file: &File,
        offset: u64,
        data: &[u8],
        stability: Stability,
    ) -> Result<usize, Error> {
        let end = offset.checked_add(data.len() as u64).ok_or(Error::Inval)?;
        if !file.mode().write {
            return Err(Error::Access);
        }
        let node = file.node();
        let descriptor = self.reach_data(node, true)?;
        let attributes = self.owned(&sys::stat(descriptor.as_fd())?, node.mark(), 0)?;
        check_io(who, &attributes, Permissions::WRITE).ok()?;
        if end > MAX_FILE_SIZE {
            return Err(Error::FBig);
        }
        if data.is_empty() {
            return Ok(0);
        }
        if mode_after_write(who, &attributes) != attributes.mode {
            self.clear_set_id(who, node)?;
        }
        let extent = match stability {
            Stability::Unstable => return self.write_cached(node, data, offset, true),
            Stability::DataSync => Extent::Data,
            Stability::FileSync => Extent::All,
        };
        for _ in 0..ATTEMPTS {
            let verifier = self.write_verifier();
            let written = self.write_cached(node, data, offset, false)?;
            self.sync_file(node, extent)?;
            if extent == Extent::All {
                self.records_durable()?;
            }
            if self.write_verifier() == verifier {
                return Ok(written);
            }
            // The sync of somebody else may have heard that this data is lost.
        }
        Err(Errno::IO.into())
    }

    /// Writes to memory. `stays`: no sync follows if it succeeds.
    fn write_cached(
        &self,
        node: &Node,
        data: &[u8],
        offset: u64,
        stays: bool,
    ) -> Result<usize, Error> {
        let descriptor = self.reach_to_write(node)?;
        let written = write_all(descriptor.as_fd(), data, offset);
        let unlisted = node.end_write();
        self.modified(node);
        if unlisted && (stays || written.is_err()) {
            self.note_uncommitted(node);
        }
        Ok(written?)
    }

    /// Notes that a file has data that the disk may not have. Where there are too many such files,
    /// the one that has been so for longest is brought to the disk: its descriptor may go then.
    fn note_uncommitted(&self, node: &Node) {
        if let Some(oldest) = self.cache.descriptors().note_uncommitted(node) {
            // Its clients hear of an error through the verifier.
            let _ = self.sync_file(&oldest, Extent::Data);
        }
    }

    /// Whether a write may have to wait until another file's data is on the disk, as too many files
    /// have some that is not.
    #[must_use]
    pub fn is_full_of_uncommitted(&self) -> bool {
        self.cache.descriptors().is_full_of_uncommitted()
    }

    /// Brings everything to the disk that was written to a file, and its attributes, as fsync does
    /// (RFC 8881 §18.3.4).
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NoSpc`] or [`Error::DQuot`] if something is lost; the
    /// [`FileSystem::write_verifier`] has changed then. Those of [`FileSystem::open_file`] for what
    /// is no regular file.
    pub fn commit(&self, node: &Arc<Node>) -> Result<(), Error> {
        must_be_regular(node)?;
        self.records_durable()?;
        self.sync_file(node, Extent::All)
    }
}

/// Writes as much as can be written. What was written counts; the rest fails when it is tried
/// again.
fn write_all(file: BorrowedFd<'_>, data: &[u8], offset: u64) -> Result<usize, Errno> {
    let mut written = 0;
    while written < data.len() {
        match sys::write(file, &data[written..], offset + written as u64) {
            Ok(0) => break,
            Ok(count) => written += count,
            Err(Errno::INTR) => {}
            Err(errno) if written == 0 => return Err(errno),
            Err(_) => break,
        }
    }
    Ok(written)
}

fn must_be_regular(node: &Node) -> Result<(), Error> {
    match node.file_type() {
        FileType::Regular => Ok(()),
        FileType::Directory => Err(Error::IsDir),
        FileType::Symlink => Err(Error::Symlink),
        _ => Err(Error::WrongType),
    }
}
