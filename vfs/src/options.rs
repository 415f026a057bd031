//! What a file system is opened with, and the plain values that it answers with.

use std::path::PathBuf;

/// When namespace operations and attributes reach the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// They survive the end of this process at once, and power loss in the order of the disk's
    /// journal.
    #[default]
    Ordinary,
    /// They are on the disk before the operation returns.
    Strict,
}

/// Where owners and modes are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ownership {
    /// On the disk itself. Needs root, and a disk that has owners.
    #[default]
    Native,
    /// In a table beside the tree; the objects themselves belong to this process.
    Shadow {
        /// Who owns what has no record, because the host has put it there.
        outside: Owner,
        /// The table must exist: its absence is a loss, not a beginning.
        recorded: bool,
    },
}

/// A user and a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// The user id.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
}

/// How the objects of handles are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Finding {
    /// Through the kernel where it permits that (`open_by_handle_at`), else by an index of names.
    #[default]
    Auto,
    /// By an index of names.
    Index,
}

/// How to serve a directory.
#[derive(Clone, Debug)]
pub struct Options {
    /// Identifies the file system; bound into every handle.
    pub fsid: u64,
    /// Authenticates handles. With another key all handles given out before are bad.
    pub key: [u8; 16],
    /// How many objects stay in memory that nobody uses. Objects
    /// modified in the last 50 ms come on top.
    pub cached_nodes: usize,
    /// How many descriptors of objects, used or not, stay open; at least 4. Beside them a few more
    /// while operations are under way.
    pub descriptors: usize,
    /// When namespace operations reach the disk.
    pub durability: Durability,
    /// Where owners and modes are kept.
    pub ownership: Ownership,
    /// How the objects of handles are found.
    pub finding: Finding,
    /// A directory outside of the tree for the table of owners, the index of names and the times
    /// of access that clients set, if they are needed; made if need be. One for each tree. Without,
    /// times of access are the disk's.
    pub records: Option<PathBuf>,
}

/// What the disk and this process can do in a directory, as far as that was found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Possible {
    /// Owners are kept on the disk.
    pub owners: bool,
    /// The kernel opens files by handle.
    pub handles: bool,
}

/// Space and objects of the disk, which other things may share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in all.
    pub total: u64,
    /// Bytes not used.
    pub free: u64,
    /// Bytes that others than root may still use.
    pub available: u64,
    /// Inodes in all; 0 where the disk doesn't count them.
    pub files: u64,
    /// Inodes not used.
    pub files_free: u64,
}

/// The change attribute of a directory before and after an operation (`change_info4`, RFC 8881
/// §3.3.10). Always atomic: nothing else that this file system did lies between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeInfo {
    /// Before the operation.
    pub before: u64,
    /// After it; the same if it changed nothing.
    pub after: u64,
}
