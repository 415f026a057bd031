//! From what the kernel says of an inode to attributes.

use rustix::fs::{Statx, StatxTimestamp};

use crate::attributes::{Attributes, FileType, Timestamp};
use crate::metering::metered;

/// Attributes as the disk has them.
pub(crate) fn attributes(stat: &Statx, change: u64) -> Attributes {
    let file_type = file_type(stat);
    let allocated = stat.stx_blocks.saturating_mul(512);
    let (size, space_used) = metered(file_type, stat.stx_size, allocated);
    Attributes {
        file_type,
        mode: u32::from(stat.stx_mode) & 0o7777,
        links: stat.stx_nlink,
        uid: stat.stx_uid,
        gid: stat.stx_gid,
        size,
        space_used,
        fileid: stat.stx_ino,
        change,
        accessed: timestamp(stat.stx_atime),
        modified: timestamp(stat.stx_mtime),
        changed: timestamp(stat.stx_ctime),
        rdev: (stat.stx_rdev_major, stat.stx_rdev_minor),
    }
}

pub(crate) fn timestamp(time: StatxTimestamp) -> Timestamp {
    Timestamp {
        seconds: time.tv_sec,
        nanoseconds: time.tv_nsec,
    }
}

pub(crate) fn file_type(stat: &Statx) -> FileType {
    match rustix::fs::FileType::from_raw_mode(stat.stx_mode.into()) {
        rustix::fs::FileType::Directory => FileType::Directory,
        rustix::fs::FileType::Symlink => FileType::Symlink,
        rustix::fs::FileType::Fifo => FileType::Fifo,
        rustix::fs::FileType::Socket => FileType::Socket,
        rustix::fs::FileType::BlockDevice => FileType::BlockDevice,
        rustix::fs::FileType::CharacterDevice => FileType::CharDevice,
        _ => FileType::Regular,
    }
}

/// ctime in nanoseconds since 1970; 0 before.
pub(crate) fn change_time(stat: &Statx) -> u64 {
    let seconds = u64::try_from(stat.stx_ctime.tv_sec).unwrap_or(0);
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(stat.stx_ctime.tv_nsec.into())
}
