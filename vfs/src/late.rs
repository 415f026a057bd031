//! Records of owners that may not be at their place in the table yet.
//!
//! Names and records reach the disk on their own. If an object is removed and its inode given to
//! another, the disk may still have the old one when its power goes: then the old record must be
//! there. So the new one goes into the rest of the table's first page, until the removal is known
//! to be on the disk.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::owner_record::{Mark, Record, number};
use crate::table::{checksum, read_at};

/// How many there can be.
pub(crate) const PLACES: usize = 63;
const SIZE: usize = 64;
const BODY: usize = SIZE - 8;

/// A record in the first page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub mark: Mark,
    pub record: Record,
    /// Whether the object is gone again.
    pub gone: bool,
}

/// The entries by their places.
pub(crate) struct Late(Vec<Option<Entry>>);

impl Late {
    pub(crate) fn none() -> Self {
        Self(vec![None; PLACES])
    }

    /// Reads the entries of a table, and counts those that are damaged.
    pub(crate) fn read(file: &File) -> io::Result<(Self, u64)> {
        let (mut late, mut damaged) = (Self::none(), 0);
        for (place, entry) in late.0.iter_mut().enumerate() {
            let mut bytes = [0; SIZE];
            read_at(file, &mut bytes, offset(place))?;
            match decode(place, &bytes) {
                Ok(found) => *entry = found,
                Err(()) => damaged += 1,
            }
        }
        Ok((late, damaged))
    }

    pub(crate) fn find(&self, object: Mark) -> Option<(usize, Entry)> {
        let is_it = |(_, entry): &(usize, Entry)| entry.mark == object;
        self.entries().find(is_it)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (usize, Entry)> {
        let places = self.0.iter().enumerate();
        places.filter_map(|(place, entry)| entry.map(|entry| (place, entry)))
    }

    pub(crate) fn free(&self) -> Option<usize> {
        self.0.iter().position(Option::is_none)
    }

    pub(crate) fn set(
        &mut self,
        file: &File,
        place: usize,
        entry: Option<Entry>,
    ) -> io::Result<()> {
        let bytes = entry.map_or([0; SIZE], |entry| encode(place, entry));
        file.write_all_at(&bytes, offset(place))?;
        if let Some(slot) = self.0.get_mut(place) {
            *slot = entry;
        }
        Ok(())
    }

    /// Corrects in memory which objects are gone, by those that have their inode numbers. An object
    /// whose number nobody has may be where nobody looked: it is as it was.
    pub(crate) fn decide(&mut self, found: &[Mark]) {
        for entry in self.0.iter_mut().flatten() {
            let mut same = found.iter().filter(|at| at.fileid == entry.mark.fileid);
            if let Some(at) = same.next() {
                entry.gone = *at != entry.mark;
            }
        }
    }

    /// Erases what is damaged in a table, and says how much that was.
    pub(crate) fn repair(file: &File) -> io::Result<u64> {
        let mut dropped = 0;
        for place in 0..PLACES {
            let mut bytes = [0; SIZE];
            read_at(file, &mut bytes, offset(place))?;
            if decode(place, &bytes).is_err() {
                file.write_all_at(&[0; SIZE], offset(place))?;
                dropped += 1;
            }
        }
        Ok(dropped)
    }
}

/// After the head.
fn offset(place: usize) -> u64 {
    (SIZE * (place + 1)) as u64
}

fn encode(place: usize, entry: Entry) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    bytes[..8].copy_from_slice(&entry.mark.fileid.to_le_bytes());
    bytes[8..16].copy_from_slice(&entry.mark.stamp.to_le_bytes());
    bytes[16..20].copy_from_slice(&entry.record.uid.to_le_bytes());
    bytes[20..24].copy_from_slice(&entry.record.gid.to_le_bytes());
    bytes[24..28].copy_from_slice(&entry.record.mode.to_le_bytes());
    bytes[28] = u8::from(entry.gone);
    let check = checksum(place as u64, &bytes[..BODY]);
    bytes[BODY..].copy_from_slice(&check.to_le_bytes());
    bytes
}

fn decode(place: usize, bytes: &[u8; SIZE]) -> Result<Option<Entry>, ()> {
    if bytes == &[0; SIZE] {
        return Ok(None);
    }
    if bytes[BODY..] != checksum(place as u64, &bytes[..BODY]).to_le_bytes() {
        return Err(());
    }
    let id = |at: usize| u32::try_from(number(&bytes[at..at + 4])).unwrap_or(0);
    Ok(Some(Entry {
        mark: Mark {
            fileid: number(&bytes[..8]),
            stamp: number(&bytes[8..16]),
        },
        record: Record {
            uid: id(16),
            gid: id(20),
            mode: id(24),
        },
        gone: bytes[28] != 0,
    }))
}
