//! The limits of Amazon EFS that a file system shows (EFS user guide, "Limits for file systems").

/// The longest name, in bytes.
pub const MAX_NAME: usize = 255;
/// The longest target of a symbolic link, in bytes.
pub const MAX_SYMLINK: usize = 4080;
/// The most names that one file may have.
pub const MAX_LINKS: u32 = 177;
/// The largest file, in bytes: 47.9 TiB.
pub const MAX_FILE_SIZE: u64 = 52_673_613_135_872;
/// How many levels below the root a directory may lie.
pub const MAX_DEPTH: u64 = 1000;
/// The longest handle, in bytes (NFS4_FHSIZE, RFC 8881 §3.2).
pub const MAX_HANDLE: usize = 128;
