//! Why a file system or mount target is not as it was to be.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::error::{ListenError, StartError};
use crate::store::StoreError;

/// Why a file system or mount target is not created or deleted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataPlaneError {
    /// The server does not run any more.
    #[error("the server has stopped")]
    Stopped,
    /// The id has another form.
    #[error("{id:?} is no id: expected {prefix} and 17 hexadecimal digits")]
    InvalidId {
        /// The id.
        id: String,
        /// What it has to begin with.
        prefix: &'static str,
    },
    /// There is no such file system.
    #[error("there is no file system {0}")]
    FileSystemNotFound(String),
    /// The file system has mount targets.
    #[error("{id} has mount targets: {}", mount_targets.join(", "))]
    FileSystemInUse {
        /// The file system.
        id: String,
        /// Its mount targets.
        mount_targets: Vec<String>,
    },
    /// The file system is a directory that this server was not told to serve.
    #[error("{id} is {}: it is served when that is given as --root", tree.display())]
    ServedElsewhere {
        /// The file system.
        id: String,
        /// Its directory.
        tree: PathBuf,
    },
    /// There is no such mount target.
    #[error("there is no mount target {0}")]
    MountTargetNotFound(String),
    /// A mount target of this id belongs to another file system.
    #[error("{id} is a mount target of {file_system}")]
    MountTargetExists {
        /// The mount target.
        id: String,
        /// Whose it is.
        file_system: String,
    },
    /// The address can't be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The file system can't be served.
    #[error(transparent)]
    Serve(#[from] StartError),
    /// The database can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The clients of a mount target can't be taken off the record.
    #[error(transparent)]
    Records(#[from] localefs_engine::RecordsError),
    /// A directory from elsewhere is served, and stays behind the front doors.
    #[error(
        "this server serves {} (--root) as {id}, and nothing else can take its place; start one \
         without --root", tree.display()
    )]
    ServesRoot {
        /// The file system.
        id: String,
        /// Its directory.
        tree: PathBuf,
    },
    /// The root of a file system can't be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The directory.
        path: PathBuf,
        /// What the system answered.
        error: io::Error,
    },
    /// Files of a deleted file system can't be moved out of the way.
    #[error("cannot remove {}: {error}", path.display())]
    Remove {
        /// The directory.
        path: PathBuf,
        /// What the system answered.
        error: io::Error,
    },
}
