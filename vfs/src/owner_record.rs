//! What the table of owners holds, and how it is written down (see [`crate::owners`]).

use crate::table::checksum;

const MAGIC: &[u8; 16] = b"localefs owners\n";
const VERSION: u32 = 1;
/// Octets of the table's beginning.
pub(crate) const HEAD: usize = 16 + 8 + 8 + 8 + 8 + 8;
/// Octets of a record.
pub(crate) const RECORD: usize = 32;

/// Inode number and stamp of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Mark {
    pub fileid: u64,
    pub stamp: u64,
}

/// What is recorded of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
}

/// The beginning of the table of the tree with this root, which is `reach` long at least.
pub(crate) fn head(root: Mark, reach: u64) -> [u8; HEAD] {
    let mut bytes = [0; HEAD];
    bytes[..16].copy_from_slice(MAGIC);
    bytes[16..20].copy_from_slice(&VERSION.to_le_bytes());
    bytes[24..32].copy_from_slice(&root.fileid.to_le_bytes());
    bytes[32..40].copy_from_slice(&root.stamp.to_le_bytes());
    bytes[40..48].copy_from_slice(&reach.to_le_bytes());
    let check = checksum(0, &bytes[..48]);
    bytes[48..].copy_from_slice(&check.to_le_bytes());
    bytes
}

/// What the beginning says: root and reach.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse_head(bytes: &[u8; HEAD]) -> Result<(Mark, u64), &'static str> {
    if bytes[..16] != MAGIC[..] {
        return Err("it is no table of owners, or its beginning is damaged");
    }
    if bytes[48..] != checksum(0, &bytes[..48]).to_le_bytes() {
        return Err("its beginning is damaged");
    }
    if number(&bytes[16..20]) != u64::from(VERSION) {
        return Err("another version of localefs wrote it, in a form that this one does not know");
    }
    let root = Mark {
        fileid: number(&bytes[24..32]),
        stamp: number(&bytes[32..40]),
    };
    Ok((root, number(&bytes[40..48])))
}

/// A record, up to the checksum that the table adds.
pub(crate) fn written(of: Mark, record: Record) -> [u8; RECORD] {
    let mut bytes = [0; RECORD];
    bytes[..8].copy_from_slice(&of.stamp.to_le_bytes());
    bytes[8..12].copy_from_slice(&record.uid.to_le_bytes());
    bytes[12..16].copy_from_slice(&record.gid.to_le_bytes());
    bytes[16..20].copy_from_slice(&record.mode.to_le_bytes());
    bytes
}

/// The stamp of a record, and what it says.
pub(crate) fn parse(bytes: &[u8; RECORD]) -> (u64, Record) {
    let id = |range: std::ops::Range<usize>| u32::try_from(number(&bytes[range])).unwrap_or(0);
    let record = Record {
        uid: id(8..12),
        gid: id(12..16),
        mode: id(16..20),
    };
    (number(&bytes[..8]), record)
}

/// A little-endian number of at most eight bytes.
pub(crate) fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}
