//! Sparse files of fixed-size records, found by inode number.
//!
//! A record never crosses a page, so that the page cache takes it whole: it survives the end of
//! this process at once. Each has a checksum; a record of zeros is none.

use std::fs::File;
use std::hash::Hasher;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use siphasher::sip::SipHasher13;

use crate::error::Error;
use crate::sys;

const PAGE: u64 = 4096;
const STRIPES: usize = 64;
const CHECK: usize = 8;

/// A file of records of `SIZE` bytes, the last eight of which are a checksum. The first page is
/// its owner's.
pub(crate) struct Table<const SIZE: usize> {
    pub file: File,
    pub path: PathBuf,
    stripes: [Mutex<()>; STRIPES],
}

/// A record that is neither whole nor absent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Damaged;

impl<const SIZE: usize> Table<SIZE> {
    const SLOTS: u64 = PAGE / SIZE as u64;

    pub(crate) fn new(file: File, path: PathBuf) -> Self {
        Self {
            file,
            path,
            stripes: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// Where the record of an inode lies. Beyond what a file can hold for absurd numbers, which
    /// the write will say.
    pub(crate) fn offset(fileid: u64) -> u64 {
        (fileid / Self::SLOTS)
            .saturating_add(1)
            .saturating_mul(PAGE)
            .saturating_add(fileid % Self::SLOTS * SIZE as u64)
    }

    /// Keeps others from changing a record.
    pub(crate) fn lock(&self, fileid: u64) -> MutexGuard<'_, ()> {
        let stripe = usize::try_from(fileid % STRIPES as u64).unwrap_or(0);
        self.stripes[stripe]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A record, without its checksum; `None` if there is none.
    pub(crate) fn read(&self, fileid: u64) -> Result<Result<Option<[u8; SIZE]>, Damaged>, Error> {
        let once = || self.read_once(fileid).map_err(|error| failed(&error));
        match once()? {
            // Perhaps it was being written.
            Err(Damaged) => {
                let _guard = self.lock(fileid);
                once()
            }
            whole => Ok(whole),
        }
    }

    fn read_once(&self, fileid: u64) -> io::Result<Result<Option<[u8; SIZE]>, Damaged>> {
        let mut bytes = [0; SIZE];
        read_at(&self.file, &mut bytes, Self::offset(fileid))?;
        Ok(Self::checked(fileid, bytes))
    }

    fn checked(fileid: u64, bytes: [u8; SIZE]) -> Result<Option<[u8; SIZE]>, Damaged> {
        if bytes == [0; SIZE] {
            return Ok(None);
        }
        let (body, check) = bytes.split_at(SIZE - CHECK);
        if checksum(fileid, body).to_le_bytes() == check {
            Ok(Some(bytes))
        } else {
            Err(Damaged)
        }
    }

    /// Writes a record, whose checksum is filled in. The caller holds its lock.
    pub(crate) fn write(&self, fileid: u64, mut bytes: [u8; SIZE]) -> Result<(), Error> {
        let (body, check) = bytes.split_at_mut(SIZE - CHECK);
        check.copy_from_slice(&checksum(fileid, body).to_le_bytes());
        self.file
            .write_all_at(&bytes, Self::offset(fileid))
            .map_err(|error| failed(&error))
    }

    /// Takes a record away. The caller holds its lock.
    pub(crate) fn erase(&self, fileid: u64) -> Result<(), Error> {
        self.file
            .write_all_at(&[0; SIZE], Self::offset(fileid))
            .map_err(|error| failed(&error))
    }

    /// Looks at every record that was ever written, and tells `sink` the inode number of each one
    /// there is, and whether it is whole.
    pub(crate) fn scan(&self, mut sink: impl FnMut(u64, bool)) -> io::Result<()> {
        const PAGES: usize = 64;
        let mut buffer = vec![0; PAGES * 4096];
        let mut at = PAGE;
        while let Some(data) = sys::next_data(self.file.as_fd(), at)? {
            at = data / PAGE * PAGE;
            let end = sys::next_hole(self.file.as_fd(), data)?;
            let length = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
            let length = length.min(PAGES * 4096).next_multiple_of(4096);
            let read = read_at(&self.file, &mut buffer[..length], at)?;
            for (page, bytes) in (at / PAGE..).zip(buffer[..read].chunks(4096)) {
                let first = page.saturating_sub(1).saturating_mul(Self::SLOTS);
                for (fileid, record) in (first..first + Self::SLOTS).zip(bytes.chunks(SIZE)) {
                    let mut whole = [0; SIZE];
                    whole[..record.len()].copy_from_slice(record);
                    match Self::checked(fileid, whole) {
                        Ok(None) => {}
                        found => sink(fileid, found.is_ok()),
                    }
                }
            }
            at += length as u64;
        }
        Ok(())
    }
}

/// What a checksum over an inode number and a record is.
pub(crate) fn checksum(fileid: u64, body: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write_u64(fileid);
    hasher.write(body);
    hasher.finish()
}

/// Reads as much as there is, and says how much that was.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match file.read_at(&mut buffer[read..], offset + read as u64) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// What a client is told when a table can't be read or written.
pub(crate) fn failed(error: &io::Error) -> Error {
    match Errno::from_io_error(error) {
        Some(Errno::NOSPC) => Error::NoSpc,
        Some(Errno::DQUOT) => Error::DQuot,
        Some(Errno::ROFS) => Error::Rofs,
        Some(errno) => Error::Io(errno.raw_os_error()),
        None => Error::Io(Errno::IO.raw_os_error()),
    }
}

/// Opens a table's file, or makes it with this first page, complete or not at all.
pub(crate) fn create(path: &Path, head: &[u8]) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let new = path.with_extension("new");
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all_at(head, 0)?;
    file.set_len(PAGE)?;
    file.sync_all()?;
    std::fs::rename(new, path)?;
    if let Some(directory) = path.parent() {
        File::open(directory)?.sync_all()?;
    }
    Ok(file)
}
