//! Sizes as Amazon EFS shows and meters them (EFS user guide, "Metering").

use crate::attributes::FileType;

const BLOCK: u64 = 4096;
/// What EFS counts for the object itself, and shows in the size of directories only.
const METADATA: u64 = 2048;

/// The size and the space used, both in bytes, of an object which has `size` bytes of data and
/// for which the disk holds `allocated` bytes.
pub(crate) fn metered(file_type: FileType, size: u64, allocated: u64) -> (u64, u64) {
    match file_type {
        FileType::Regular => {
            // The disk may have allocated ahead (more than the size) or have holes (less).
            let used = round_up(size).min(round_up(allocated)).max(BLOCK);
            (size, used)
        }
        FileType::Directory => {
            let entries = round_up(size).max(BLOCK);
            (entries + METADATA, entries)
        }
        _ => (size, BLOCK),
    }
}

/// What an object counts in all, its metadata included.
pub(crate) fn metered_object(file_type: FileType, size: u64, allocated: u64) -> u64 {
    let (_, used) = metered(file_type, size, allocated);
    used.saturating_add(METADATA)
}

fn round_up(bytes: u64) -> u64 {
    bytes.checked_next_multiple_of(BLOCK).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_rounded_up_and_never_free() {
        assert_eq!(metered(FileType::Regular, 0, 0), (0, 4096));
        assert_eq!(metered(FileType::Regular, 1, 4096), (1, 4096));
        assert_eq!(metered(FileType::Regular, 4097, 8192), (4097, 8192));
        assert_eq!(
            metered(FileType::Regular, 10, 65536),
            (10, 4096),
            "allocated ahead"
        );
        assert_eq!(
            metered(FileType::Regular, 1 << 30, 8192),
            (1 << 30, 8192),
            "sparse"
        );
    }

    #[test]
    fn metadata_counts_beside_the_data() {
        assert_eq!(metered_object(FileType::Directory, 0, 0), 6144);
        assert_eq!(metered_object(FileType::Regular, 0, 0), 6144);
        assert_eq!(metered_object(FileType::Symlink, 9, 0), 6144);
        assert_eq!(metered_object(FileType::Regular, 4097, 8192), 10_240);
    }

    #[test]
    fn directories_show_6144() {
        for host in [0, 6, 40, 4096] {
            assert_eq!(metered(FileType::Directory, host, 0), (6144, 4096));
        }
        assert_eq!(
            metered(FileType::Directory, 12288, 12288),
            (12288 + 2048, 12288)
        );
    }

    #[test]
    fn others_occupy_one_block() {
        assert_eq!(metered(FileType::Symlink, 11, 0), (11, 4096));
        assert_eq!(metered(FileType::Fifo, 0, 0), (0, 4096));
        assert_eq!(metered(FileType::Socket, 0, 0), (0, 4096));
    }
}
