//! Why a data directory cannot be used, and what to do about it.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a data directory cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataDirError {
    /// It does not exist and cannot be made, or cannot be read or written.
    #[error(
        "cannot use {} as the data directory: {error}{}; {}",
        path.display(), who(error),
        remedy(error).unwrap_or("choose one that can be written with --data")
    )]
    Unusable {
        /// What could not be made, read or written.
        path: PathBuf,
        /// What the system answered.
        error: io::Error,
    },
    /// It is something else than a directory.
    #[error("{} is not a directory; choose another with --data", path.display())]
    NotADirectory {
        /// The path.
        path: PathBuf,
    },
    /// Others than its owner may enter it.
    #[error(
        "others than its owner may use {} (mode {mode:04o}), which would show them every file; \
         run: chmod 700 {}",
        path.display(), path.display()
    )]
    TooOpen {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to somebody else.
    #[error(
        "{} belongs to user {owner}, not to this process's user {user}; choose another with \
         --data, or run: chown {user} {}",
        path.display(), path.display()
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Numeric id of its owner.
        owner: u32,
        /// Numeric id of this process's effective user.
        user: u32,
    },
    /// It holds files that are not those of a data directory.
    #[error(
        "{} holds other files and is no data directory of localefs; choose an empty or a new one \
         with --data (to serve existing files: --root)",
        path.display()
    )]
    Occupied {
        /// The directory.
        path: PathBuf,
    },
    /// It is a data directory, but nothing says of which format.
    #[error(
        "{} is missing, though {} is there, so that the format of this data directory is not \
         known; put back a copy of it, or, if this version of localefs wrote the data, run: \
         echo localefs data 1 > {}",
        format.display(), state.display(), format.display()
    )]
    NoFormat {
        /// The file that is missing.
        format: PathBuf,
        /// The database.
        state: PathBuf,
    },
    /// Another server uses it.
    #[error(
        "{} is in use by another localefs{}; stop that one, or choose another directory with \
         --data",
        path.display(), by(*process)
    )]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The other server's process id, as far as it has said.
        process: Option<u32>,
    },
    /// Its layout is not known to this version.
    #[error(
        "{} says {found:?}, a format that this version of localefs does not know; use the version \
         that wrote it, or choose another directory with --data",
        path.display()
    )]
    UnknownFormat {
        /// The file that names the format.
        path: PathBuf,
        /// Its beginning.
        found: String,
    },
}

fn by(process: Option<u32>) -> String {
    process
        .map(|process| format!(" (process {process})"))
        .unwrap_or_default()
}

/// What helps where the disk takes nothing, whichever file it was about.
pub(crate) fn remedy(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("make room there, or choose another with --data")
        }
        io::ErrorKind::ReadOnlyFilesystem => Some(
            "mount it writable, as a server keeps records of its clients, or choose another with \
             --data",
        ),
        _ => None,
    }
}

/// Whom a system refuses what it allows others.
fn who(error: &io::Error) -> String {
    let user = rustix::process::geteuid().as_raw();
    match error.kind() {
        io::ErrorKind::PermissionDenied => format!(" for this process, user {user}"),
        _ => String::new(),
    }
}
