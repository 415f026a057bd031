//! What unit tests work on.

use tempfile::TempDir;

use crate::attributes::{Attributes, FileType, Timestamp};
use crate::file_system::FileSystem;
use crate::options::{Durability, Finding, Options, Ownership};

/// A small cache, and nothing that is not needed.
pub(crate) fn options() -> Options {
    Options {
        fsid: 1,
        key: [0; 16],
        cached_nodes: 10,
        descriptors: 10,
        durability: Durability::Ordinary,
        ownership: Ownership::Native,
        finding: Finding::Auto,
        records: None,
    }
}

/// A file system on a directory of its own.
pub(crate) fn file_system(options: Options) -> (FileSystem, TempDir) {
    let scratch = tempfile::tempdir().unwrap();
    let fs = FileSystem::open(scratch.path(), options).expect("these tests must run as root");
    (fs, scratch)
}

/// The attributes of an object of this owner.
pub(crate) fn object(file_type: FileType, mode: u32, uid: u32, gid: u32) -> Attributes {
    Attributes {
        file_type,
        mode,
        links: 1,
        uid,
        gid,
        size: 0,
        space_used: 4096,
        fileid: 1,
        change: 1,
        accessed: Timestamp::default(),
        modified: Timestamp::default(),
        changed: Timestamp::default(),
        rdev: (0, 0),
    }
}
