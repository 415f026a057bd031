//! What a file holds: cells, each of which says of which WRITE it is.

use super::model::{Fault, Violation};

/// How much of a file has one version.
pub const CELL: usize = 1024;

/// How much the site's disk and its kernel read and write at once, in octets.
const BLOCK: usize = 4096;

/// What is known of the versions of one cell; 0 is none, which reads as zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// The newest that was promised to stay.
    pub kept: u32,
    /// The newest that was answered.
    pub written: u32,
    /// The newest that was asked for.
    pub asked: u32,
    /// The newest that may lie on the disk behind the end of the file, and be seen again when the
    /// file grows beyond it.
    pub behind: u32,
}

impl Cell {
    /// What is known of it once a version was found after a power cut, in a file of `size` octets.
    ///
    /// ext4 writes data into a block that a file has already before its journal has the new size.
    /// A cut between the two leaves what was written behind the old end; ext4 (as of Linux 6.1)
    /// clears that neither when it mounts nor when a write farther on makes it a part of the file.
    /// Blocks behind the one with the end are none of the file's.
    #[must_use]
    pub fn found(self, at: usize, version: u32, size: usize) -> Self {
        let (start, end) = (at * CELL, size.next_multiple_of(BLOCK));
        let behind = match (size..end).contains(&start) {
            true => self.asked.max(self.behind),
            false => 0,
        };
        Self {
            kept: version,
            written: version,
            asked: version,
            behind,
        }
    }
}

/// The content of a cell.
#[must_use]
pub fn content(object: u64, cell: usize, version: u32) -> Vec<u8> {
    if version == 0 {
        return vec![0; CELL];
    }
    let mut head = Vec::with_capacity(CELL);
    head.extend(object.to_le_bytes());
    head.extend((cell as u64).to_le_bytes());
    head.extend(version.to_le_bytes());
    let seed = object.wrapping_mul(31).wrapping_add(cell as u64) ^ u64::from(version) << 32;
    let mut state = seed | 1;
    while head.len() < CELL {
        // Xorshift: two contents differ all over.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        head.push(state.to_le_bytes()[3]);
    }
    head
}

/// Which version of a cell these bytes are.
///
/// # Errors
/// None of those that may be there.
pub fn version(object: u64, at: usize, cell: Cell, bytes: &[u8]) -> Result<u32, Violation> {
    let found = if bytes.iter().all(|byte| *byte == 0) {
        0
    } else {
        let number = bytes.get(16..20).and_then(|number| number.try_into().ok());
        let number = number.map_or(0, u32::from_le_bytes);
        let whole = content(object, at, number);
        if number == 0 || whole.get(..bytes.len()) != Some(bytes) {
            let head = bytes.get(..20);
            let text = format!("cell {at} of object {object} is {head:?}");
            return Err(Violation::new(Fault::Garbage, text));
        }
        number
    };
    if found < cell.kept || found > cell.asked.max(cell.behind) {
        let text = format!("cell {at} of object {object} has version {found}: {cell:?}");
        return Err(Violation::new(Fault::Lost, text));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_tell_their_versions() {
        let cell = Cell {
            kept: 2,
            written: 4,
            asked: 5,
            behind: 0,
        };
        for found in 0..8 {
            let judged = version(9, 3, cell, &content(9, 3, found));
            match found {
                2..=5 => assert_eq!(judged.unwrap(), found),
                _ => assert_eq!(judged.unwrap_err().fault, Fault::Lost),
            }
        }
        let mut bytes = content(9, 3, 4);
        bytes[1000] ^= 1;
        let garbage = version(9, 3, cell, &bytes).unwrap_err();
        assert_eq!(garbage.fault, Fault::Garbage);
        let garbage = version(9, 3, cell, &content(9, 4, 4)).unwrap_err();
        assert_eq!(garbage.fault, Fault::Garbage, "of another place");
    }

    /// Every version of a cell that may be found.
    fn possible(at: usize, cell: Cell) -> Vec<u32> {
        let judged = (0..10).map(|number| version(9, at, cell, &content(9, at, number)));
        judged.filter_map(Result::ok).collect()
    }

    #[test]
    fn what_was_gone_comes_back_only_within_the_block_that_had_the_end() {
        let cell = Cell {
            written: 4,
            asked: 5,
            ..Cell::default()
        };
        // Ten cells: the third block has two of them.
        let size = 10 * CELL;
        for at in 0..20 {
            let gone = possible(at, cell.found(at, 0, size));
            match at {
                10 | 11 => assert_eq!(gone, [0, 1, 2, 3, 4, 5]),
                _ => assert_eq!(gone, [0], "{at}"),
            }
        }
        for at in 8..16 {
            assert_eq!(
                possible(at, cell.found(at, 0, 8 * CELL)),
                [0],
                "a whole block"
            );
        }
    }

    #[test]
    fn what_lies_behind_the_end_excuses_no_loss() {
        let cell = Cell {
            written: 4,
            asked: 5,
            ..Cell::default()
        };
        let behind = cell.found(1, 0, CELL);
        let still_behind = behind.found(1, 0, CELL);
        assert_eq!(possible(1, still_behind), [0, 1, 2, 3, 4, 5]);
        let zeros = behind.found(1, 0, 3 * CELL);
        assert_eq!(possible(1, zeros), [0], "in the file it is what was found");
        let shown = behind.found(1, 5, 3 * CELL);
        assert_eq!(possible(1, shown), [5]);
        let promised = Cell {
            kept: 7,
            written: 7,
            asked: 8,
            ..behind
        };
        assert_eq!(possible(1, promised), [7, 8]);
    }
}
