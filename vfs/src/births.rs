//! Kernel's handles of inodes that were listed or looked up, so that listing them or looking for
//! them again asks for their attributes alone.
//!
//! An inode number is given to one inode after another, but no two of them can have been born at
//! the same time if that time was over when the first one was looked at: so number and time of
//! birth, which come with the attributes, tell whether a handle is still that of the inode.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{Statx, StatxFlags};

use crate::sys::KernelHandle;

/// Entries in all; 4 MiB, of which parts that nothing falls into are never there.
const ENTRIES: usize = 1 << 17;
const PARTS: usize = 64;
const PER_PART: usize = ENTRIES / PARTS;

/// The longest handle that is kept: that of ext4 has 8 octets, those of XFS and tmpfs have 12.
const LONGEST: usize = 12;

/// How long ago a birth must be, in nanoseconds: far more than the step of any file system's clock.
const OVER: u64 = 1_000_000_000;

/// When an inode was born, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Born(u64);

impl Born {
    /// Nothing where the file system doesn't say.
    pub(crate) fn of(stat: &Statx) -> Option<Self> {
        if stat.stx_mask & StatxFlags::BTIME.bits() == 0 {
            return None;
        }
        let seconds = u64::try_from(stat.stx_btime.tv_sec).ok()?;
        let nanoseconds = u64::from(stat.stx_btime.tv_nsec);
        let born = seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds);
        born.filter(|born| *born > 0).map(Self)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    fileid: u64,
    /// 0 where there is none.
    born: u64,
    kind: i16,
    length: u16,
    bytes: [u8; LONGEST],
}

/// What is known of inodes that were met. A later one takes the place of an earlier one.
#[derive(Debug)]
pub(crate) struct Births([Mutex<Vec<Entry>>; PARTS]);

impl Default for Births {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Births {
    /// The handle of the inode of this number that was born then, if it is known.
    pub(crate) fn get(&self, fileid: u64) -> Option<(Born, KernelHandle)> {
        let (part, at) = place(fileid);
        let entry = self.part(part)?.get(at).copied()?;
        if entry.born == 0 || entry.fileid != fileid {
            return None;
        }
        let bytes = entry.bytes.get(..usize::from(entry.length))?;
        let kernel = KernelHandle {
            kind: entry.kind.into(),
            bytes: bytes.try_into().ok()?,
        };
        Some((Born(entry.born), kernel))
    }

    /// Notes a handle that was asked for after `before`, in nanoseconds since 1970, and whose
    /// inode's attributes were read after it; whether it is surely that of this inode. Nothing is
    /// noted of what was born shortly before: another inode of the same number may be born at that
    /// very time.
    pub(crate) fn note(&self, before: u64, stat: &Statx, kernel: &KernelHandle) -> bool {
        let Some(Born(born)) = Born::of(stat) else {
            return false;
        };
        if born.saturating_add(OVER) > before {
            return false;
        }
        let length = kernel.bytes.len();
        let (Ok(kind), true) = (i16::try_from(kernel.kind), length <= LONGEST) else {
            return true;
        };
        let mut bytes = [0; LONGEST];
        for (to, from) in bytes.iter_mut().zip(&kernel.bytes) {
            *to = *from;
        }
        let (part, at) = place(stat.stx_ino);
        let Some(mut entries) = self.part(part) else {
            return true;
        };
        if entries.is_empty() {
            entries.resize(PER_PART, Entry::default());
        }
        if let (Some(entry), Ok(length)) = (entries.get_mut(at), u16::try_from(length)) {
            *entry = Entry {
                fileid: stat.stx_ino,
                born,
                kind,
                length,
                bytes,
            };
        }
        true
    }

    fn part(&self, number: usize) -> Option<MutexGuard<'_, Vec<Entry>>> {
        let part = self.0.get(number)?;
        Some(part.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Neighbours lie side by side: a directory's files often have numbers that follow one another.
#[expect(
    clippy::cast_possible_truncation,
    reason = "less than the number of entries"
)]
fn place(fileid: u64) -> (usize, usize) {
    let at = (fileid % ENTRIES as u64) as usize;
    (at / PER_PART, at % PER_PART)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use crate::sys;

    fn stat(fileid: u64, born: u64) -> Statx {
        let directory = std::fs::File::open(".").unwrap();
        let mut stat = sys::stat(directory.as_fd()).unwrap();
        stat.stx_mask |= StatxFlags::BTIME.bits();
        stat.stx_ino = fileid;
        stat.stx_btime.tv_sec = i64::try_from(born / 1_000_000_000).unwrap();
        stat.stx_btime.tv_nsec = u32::try_from(born % 1_000_000_000).unwrap();
        stat
    }

    fn kernel(bytes: &[u8]) -> KernelHandle {
        KernelHandle {
            kind: 1,
            bytes: bytes.try_into().unwrap(),
        }
    }

    #[test]
    fn a_handle_is_known_by_number_and_birth() {
        let births = Births::default();
        let (stat, handle) = (stat(42, 5_000_000_001), kernel(b"12345678"));
        births.note(9_000_000_000, &stat, &handle);
        let born = Born::of(&stat).unwrap();
        assert_eq!(births.get(42), Some((born, handle)));
        assert_eq!(births.get(43), None);
        assert_eq!(births.get(42 + ENTRIES as u64), None);
    }

    #[test]
    fn what_was_just_born_is_not_noted() {
        let births = Births::default();
        let stat = stat(42, 5_000_000_001);
        assert!(!births.note(5_000_000_001 + OVER - 1, &stat, &kernel(b"1")));
        assert_eq!(births.get(42), None);
        assert!(births.note(5_000_000_001 + OVER, &stat, &kernel(b"1")));
        assert!(births.get(42).is_some());
    }

    #[test]
    fn a_file_system_without_births_and_long_handles_are_not_noted() {
        let births = Births::default();
        let mut unborn = stat(42, 5_000_000_001);
        unborn.stx_mask &= !StatxFlags::BTIME.bits();
        assert!(!births.note(u64::MAX, &unborn, &kernel(b"1")));
        assert!(!births.note(u64::MAX, &stat(42, 0), &kernel(b"1")));
        let long = kernel(&[0; LONGEST + 1]);
        assert!(births.note(u64::MAX, &stat(42, 7), &long), "it is sure");
        assert_eq!(births.get(42), None);
    }

    #[test]
    fn the_later_one_counts() {
        let births = Births::default();
        births.note(u64::MAX, &stat(42, 7), &kernel(b"1"));
        births.note(u64::MAX, &stat(42, 8), &kernel(b"2"));
        let (born, handle) = births.get(42).unwrap();
        assert_eq!((born, handle), (Born(8), kernel(b"2")));
        births.note(u64::MAX, &stat(42 + ENTRIES as u64, 9), &kernel(b"3"));
        assert_eq!(births.get(42), None);
    }
}
