//! What can go wrong, and which of it each errno of Linux means.

use std::path::PathBuf;

use rustix::io::Errno;

/// Why an operation was not done. Named after the errors of NFSv4.1 (RFC 8881 §15.1), which are
/// those of POSIX where both have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// EPERM: only the owner or root may do this.
    #[error("operation not permitted")]
    Perm,
    /// ENOENT.
    #[error("no such file or directory")]
    NoEnt,
    /// The disk failed, or answered with an errno that has no other meaning here.
    #[error("input/output error (errno {0})")]
    Io(i32),
    /// EACCES: the permission bits don't let this caller.
    #[error("permission denied")]
    Access,
    /// EEXIST.
    #[error("file exists")]
    Exist,
    /// ENOTDIR.
    #[error("not a directory")]
    NotDir,
    /// EISDIR.
    #[error("is a directory")]
    IsDir,
    /// EINVAL.
    #[error("invalid argument")]
    Inval,
    /// EFBIG.
    #[error("file too large")]
    FBig,
    /// ENOSPC.
    #[error("no space left on device")]
    NoSpc,
    /// EROFS.
    #[error("read-only file system")]
    Rofs,
    /// EMLINK.
    #[error("too many links")]
    MLink,
    /// ENAMETOOLONG.
    #[error("file name too long")]
    NameTooLong,
    /// ENOTEMPTY.
    #[error("directory not empty")]
    NotEmpty,
    /// EDQUOT.
    #[error("disk quota exceeded")]
    DQuot,
    /// ESTALE: the object that a handle named is gone.
    #[error("stale file handle")]
    Stale,
    /// The handle is forged, foreign or malformed.
    #[error("bad file handle")]
    BadHandle,
    /// `.`, `..`, or a name with `/` or NUL in it.
    #[error("bad name")]
    BadName,
    /// Objects of this type can't be made.
    #[error("bad type")]
    BadType,
    /// The object is a symbolic link, where that is not allowed.
    #[error("is a symbolic link")]
    Symlink,
    /// The object is of another type than the operation needs.
    #[error("wrong type")]
    WrongType,
    /// EXDEV: the way leads to another file system.
    #[error("cross-device link")]
    XDev,
    /// EOPNOTSUPP.
    #[error("operation not supported")]
    NotSupp,
    /// EMFILE or ENFILE: this process has no file descriptor left.
    #[error("too many open files")]
    TooManyFiles,
    /// The object of a handle is being looked for: ask again.
    #[error("being looked for; ask again later")]
    Delay,
    /// It can't be done without waiting for the disk.
    #[error("would block")]
    WouldBlock,
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::PERM => Self::Perm,
            Errno::NOENT => Self::NoEnt,
            // A mount point of the host in the way: nobody can remove it by permission.
            Errno::ACCESS | Errno::BUSY | Errno::TXTBSY => Self::Access,
            Errno::EXIST => Self::Exist,
            Errno::NOTDIR => Self::NotDir,
            Errno::ISDIR => Self::IsDir,
            Errno::INVAL => Self::Inval,
            Errno::FBIG | Errno::OVERFLOW => Self::FBig,
            Errno::NOSPC => Self::NoSpc,
            Errno::ROFS => Self::Rofs,
            Errno::MLINK => Self::MLink,
            Errno::NAMETOOLONG => Self::NameTooLong,
            Errno::NOTEMPTY => Self::NotEmpty,
            Errno::DQUOT => Self::DQuot,
            Errno::STALE => Self::Stale,
            Errno::LOOP => Self::Symlink,
            Errno::XDEV => Self::XDev,
            Errno::OPNOTSUPP | Errno::NOSYS => Self::NotSupp,
            Errno::MFILE | Errno::NFILE => Self::TooManyFiles,
            Errno::AGAIN => Self::WouldBlock,
            other => Self::Io(other.raw_os_error()),
        }
    }
}

/// Why a directory can't be served.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory, or `/proc/self/fd`, can't be opened, made or examined.
    #[error("{}: {error}", path.display())]
    Inaccessible {
        /// What was asked for.
        path: PathBuf,
        /// What the system answered.
        error: std::io::Error,
    },
    /// The disk's file system has nothing that tells an object from an earlier one with the same
    /// inode number: neither handles (`name_to_handle_at`) nor times of birth.
    #[error(
        "{}: this file system has neither file handles nor times of birth, by which an object is \
         known again (name_to_handle_at: {error}); use a directory on ext4, XFS, Btrfs or tmpfs",
        path.display()
    )]
    HandlesUnsupported {
        /// The directory.
        path: PathBuf,
        /// What the system answered.
        error: std::io::Error,
    },
    /// This process may not open objects by handle, and was given no place for an index of names.
    #[error(
        "{}: opening files by handle is not permitted (it needs CAP_DAC_READ_SEARCH), and there \
         is no directory for records",
        path.display()
    )]
    HandlesForbidden {
        /// The directory.
        path: PathBuf,
    },
    /// Native ownership was asked for, but this process can't give files on this disk away and
    /// go on using them.
    #[error(
        "{}: files can't be given to other users here ({error}): this needs root with CAP_CHOWN, \
         CAP_DAC_OVERRIDE, CAP_FOWNER and CAP_FSETID, and a disk that keeps owners; shadow \
         ownership does without",
        path.display()
    )]
    NativeImpossible {
        /// The directory.
        path: PathBuf,
        /// What the system answered.
        error: std::io::Error,
    },
    /// Shadow ownership was asked for without a place for the records.
    #[error("shadow ownership needs a directory for its records")]
    NoRecords,
    /// The recorded owners are gone, damaged, or those of another tree.
    #[error(
        "{}: {problem}. Nothing else tells whose the files are: bring the file back from a copy, \
         or give up what is lost with `localefs repair-ownership`, which keeps every record that \
         is whole and gives the other files to the outside owner",
        path.display()
    )]
    Records {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl OpenError {
    /// What the system answered, if it is about that.
    #[must_use]
    pub fn io(&self) -> Option<&std::io::Error> {
        match self {
            Self::Inaccessible { error, .. }
            | Self::HandlesUnsupported { error, .. }
            | Self::NativeImpossible { error, .. } => Some(error),
            Self::HandlesForbidden { .. } | Self::NoRecords | Self::Records { .. } => None,
        }
    }
}

/// With the errno, where that says more to whoever runs the server than to a client.
impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Io(errno) => Self::from_raw_os_error(errno),
            Error::NoSpc => Errno::NOSPC.into(),
            Error::DQuot => Errno::DQUOT.into(),
            Error::Rofs => Errno::ROFS.into(),
            other => Self::other(other),
        }
    }
}
