//! Kernel's handles of inodes that were listed or looked up, so that listing them or looking for
//! them again asks for their attributes alone.
//!
//! An inode number is given to one inode after another, but no two of them can have been born at
//! the same time if that time was over when the first one was looked at: so number and time of
//! birth, which come with the attributes, tell whether a handle is still that of the inode.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rustix::fs::{Statx, StatxFlags};

use crate::handle::Layout;
use crate::sys::KernelHandle;

/// Entries of a device; 32 MiB, of which parts that nothing falls into are never there. So many are
/// enough for a million files, whose numbers don't all follow one another.
const ENTRIES: usize = 1 << 21;
const PARTS: usize = 512;
const PER_PART: usize = ENTRIES / PARTS;

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

/// What a handle has beside its inode number, of which its place tells a part. As small as it can
/// be: there are many.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    born: u64,
    generation: u32,
    /// The inode number divided by the number of entries.
    above: u16,
    /// Nothing where there is no entry.
    layout: Option<Layout>,
}

/// What is known of inodes that were met. A later one takes the place of an earlier one.
#[derive(Debug)]
pub(crate) struct Births([Mutex<Box<[Entry]>>; PARTS]);

impl Default for Births {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

/// Those of each device, as file systems on one have its inodes in common.
static OF_DEVICES: Mutex<Vec<(Device, Weak<Births>)>> = Mutex::new(Vec::new());

/// Major and minor number.
type Device = (u32, u32);

impl Births {
    /// What is known of a device, for as long as any file system on it is served.
    pub(crate) fn of_device(device: Device) -> Arc<Self> {
        let mut devices = OF_DEVICES.lock().unwrap_or_else(PoisonError::into_inner);
        devices.retain(|(_, births)| births.strong_count() > 0);
        let known = devices.iter().find(|(known, _)| *known == device);
        if let Some(births) = known.and_then(|(_, births)| births.upgrade()) {
            return births;
        }
        let births = Arc::new(Self::default());
        devices.push((device, Arc::downgrade(&births)));
        births
    }

    /// The handle of the inode of this number that was born then, if it is known.
    pub(crate) fn get(&self, fileid: u64) -> Option<(Born, KernelHandle)> {
        let place = Place::of(fileid)?;
        let entry = self.part(place.part)?.get(place.at).copied()?;
        let layout = entry.layout.filter(|_| entry.above == place.above)?;
        Some((Born(entry.born), layout.handle(fileid, entry.generation)?))
    }

    /// Notes a handle that was asked for after `before`, in nanoseconds since 1970, and whose
    /// inode's attributes were read after it; whether it is surely that of this inode. Nothing is
    /// noted of what was born shortly before: another inode of the same number may be born at that
    /// very time.
    pub(crate) fn note(&self, before: u64, stat: &Statx, kernel: &KernelHandle) -> bool {
        let Some(Born(born)) = Born::of(stat) else {
            return false;
        };
        let sure = born.saturating_add(OVER) <= before;
        if sure {
            self.keep(born, stat.stx_ino, kernel);
        }
        sure
    }

    /// Nothing is kept of handles that are made otherwise.
    fn keep(&self, born: u64, inode: u64, kernel: &KernelHandle) -> Option<()> {
        let place = Place::of(inode)?;
        let (layout, fileid, generation) = Layout::of(kernel)?;
        if fileid != inode {
            return None;
        }
        let mut entries = self.part(place.part)?;
        if entries.is_empty() {
            *entries = vec![Entry::default(); PER_PART].into();
        }
        *entries.get_mut(place.at)? = Entry {
            born,
            generation,
            above: place.above,
            layout: Some(layout),
        };
        Some(())
    }

    fn part(&self, number: usize) -> Option<MutexGuard<'_, Box<[Entry]>>> {
        let part = self.0.get(number)?;
        Some(part.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Where an inode's entry is.
struct Place {
    part: usize,
    at: usize,
    above: u16,
}

impl Place {
    /// Neighbours lie side by side: a directory's files often have numbers that follow one
    /// another. Nothing for numbers that hardly any file system has.
    fn of(fileid: u64) -> Option<Self> {
        let entries = ENTRIES as u64;
        let at = usize::try_from(fileid % entries).ok()?;
        Some(Self {
            part: at / PER_PART,
            at: at % PER_PART,
            above: u16::try_from(fileid / entries).ok()?,
        })
    }
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

    fn kernel(fileid: u64, generation: u32) -> KernelHandle {
        Layout::Short.handle(fileid, generation).unwrap()
    }

    #[test]
    fn a_handle_is_known_by_number_and_birth() {
        let births = Births::default();
        let (stat, handle) = (stat(42, 5_000_000_001), kernel(42, 7));
        births.note(9_000_000_000, &stat, &handle);
        let born = Born::of(&stat).unwrap();
        assert_eq!(births.get(42), Some((born, handle)));
        assert_eq!(births.get(43), None);
        assert_eq!(births.get(42 + ENTRIES as u64), None);
    }

    #[test]
    fn file_systems_on_one_device_know_the_same_for_as_long_as_there_are_any() {
        let device = (u32::MAX, 1);
        let one = Births::of_device(device);
        one.note(u64::MAX, &stat(42, 7), &kernel(42, 1));
        assert!(Births::of_device(device).get(42).is_some());
        assert!(Births::of_device((u32::MAX, 2)).get(42).is_none());
        drop(one);
        assert!(Births::of_device(device).get(42).is_none());
    }

    #[test]
    fn what_was_just_born_is_not_noted() {
        let births = Births::default();
        let stat = stat(42, 5_000_000_001);
        assert!(!births.note(5_000_000_001 + OVER - 1, &stat, &kernel(42, 1)));
        assert_eq!(births.get(42), None);
        assert!(births.note(5_000_000_001 + OVER, &stat, &kernel(42, 1)));
        assert!(births.get(42).is_some());
    }

    #[test]
    fn what_has_no_birth_or_another_layout_is_not_noted() {
        let births = Births::default();
        let mut unborn = stat(42, 5_000_000_001);
        unborn.stx_mask &= !StatxFlags::BTIME.bits();
        assert!(!births.note(u64::MAX, &unborn, &kernel(42, 1)));
        assert!(!births.note(u64::MAX, &stat(42, 0), &kernel(42, 1)));
        let mut other = kernel(42, 1);
        other.kind = 0x4d;
        assert!(births.note(u64::MAX, &stat(42, 7), &other), "it is sure");
        assert!(births.note(u64::MAX, &stat(42, 7), &kernel(41, 1)));
        assert!(births.note(u64::MAX, &stat(u64::MAX, 7), &kernel(42, 1)));
        assert_eq!(births.get(42), None);
        assert_eq!(births.get(u64::MAX), None);
    }

    #[test]
    fn the_later_one_counts() {
        let births = Births::default();
        births.note(u64::MAX, &stat(42, 7), &kernel(42, 1));
        births.note(u64::MAX, &stat(42, 8), &kernel(42, 2));
        let (born, handle) = births.get(42).unwrap();
        assert_eq!((born, handle), (Born(8), kernel(42, 2)));
        let other = 42 + ENTRIES as u64;
        births.note(u64::MAX, &stat(other, 9), &kernel(other, 3));
        assert_eq!(births.get(42), None);
        assert_eq!(births.get(other), Some((Born(9), kernel(other, 3))));
    }
}
