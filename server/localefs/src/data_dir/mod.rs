//! The directory where a server keeps what outlives it.
//!
//! ```text
//! DIR/                    0700, the server's own
//!   format                which layout this is
//!   lock                  locked while a server runs; holds its process id
//!   admin.sock            where the commands reach the running server
//!   state.redb            identity, keys, client records; what AWS's API has made
//!   audit.jsonl           calls of AWS's API, as CloudTrail tells them
//!   fs/<file system id>/  the files that clients see
//!   records/<file system id>/
//!     owners              whose they are, with shadow ownership
//!     names, links/       where they are, if the kernel doesn't open them by handle
//!     staging/            new ones, before they have a name
//!   removed/              trees and records of deleted file systems, on their way out
//! ```

mod error;
#[cfg(test)]
mod tests;

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tracing::warn;

pub use error::DataDirError;
pub(crate) use error::remedy;

/// What `format` says of the present layout.
const FORMAT: &str = "localefs data 2\n";

/// The layout before, which had one file system in the directory. Its files are where they were;
/// what was in the database for one file system is brought up to date when that is used.
const FORMAT_1: &str = "localefs data 1\n";

/// Rights that nobody but the owner may have: whoever can read this directory can read every
/// client's files, and whoever can write it can become root.
const OTHERS: u32 = 0o077;

/// A data directory, locked for this process until dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    layout: Layout,
    temporary: Option<TempDir>,
    /// Keeps the lock.
    _lock: File,
}

impl DataDir {
    /// Opens the data directory at `path`, made if there is nothing.
    pub(crate) fn open(path: &Path) -> Result<Self, DataDirError> {
        let unusable = |error| DataDirError::Unusable {
            path: path.to_owned(),
            error,
        };
        if !path.try_exists().map_err(unusable)? {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(unusable)?;
            }
            DirBuilder::new()
                .mode(0o700)
                .create(path)
                .map_err(unusable)?;
        }
        let path = path.canonicalize().map_err(unusable)?;
        check_owner(&path)?;
        check_contents(&path)?;
        let lock = lock(&path)?;
        check_format(&path)?;
        Ok(Self {
            layout: Layout { path },
            temporary: None,
            _lock: lock,
        })
    }

    /// Makes a data directory that is removed when dropped.
    pub(crate) fn temporary() -> Result<Self, DataDirError> {
        let directory = tempfile::Builder::new()
            .prefix("localefs-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir()
            .map_err(|error| DataDirError::Unusable {
                path: std::env::temp_dir(),
                error,
            })?;
        let mut opened = Self::open(directory.path())?;
        opened.temporary = Some(directory);
        Ok(opened)
    }

    /// Gives the directory up, but leaves it where it is while the value lasts that is given if it
    /// is temporary.
    pub(crate) fn release(mut self) -> (PathBuf, Option<TempDir>) {
        (self.layout.path.clone(), self.temporary.take())
    }

    /// Has the directory removed when this is dropped.
    pub(crate) fn make_temporary(&mut self, directory: TempDir) {
        self.temporary = Some(directory);
    }

    /// Where things are in it.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Its absolute path.
    pub(crate) fn path(&self) -> &Path {
        &self.layout.path
    }

    /// Whether it goes with this value.
    pub(crate) fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }
}

/// Where things are in a data directory.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    path: PathBuf,
}

impl Layout {
    /// The database.
    pub(crate) fn state(&self) -> PathBuf {
        self.path.join("state.redb")
    }

    /// Where the trees of its own file systems are.
    pub(crate) fn trees(&self) -> PathBuf {
        self.path.join("fs")
    }

    /// Where the tree of one of its own file systems is, or will be.
    pub(crate) fn tree(&self, file_system: &str) -> Result<PathBuf, DataDirError> {
        let trees = self.trees();
        fs::create_dir_all(&trees).map_err(|error| DataDirError::Unusable {
            path: trees.clone(),
            error,
        })?;
        Ok(trees.join(file_system))
    }

    /// Where the records of a file system are, whether its tree is here or elsewhere.
    pub(crate) fn records(&self, file_system: &str) -> PathBuf {
        self.path.join("records").join(file_system)
    }

    /// Ids of the file systems that have a tree here.
    pub(crate) fn file_systems(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.trees()) else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| is_id(name, "fs-"))
            .collect()
    }

    /// Where deleted file systems are until nothing is left of them.
    pub(crate) fn removed(&self) -> PathBuf {
        self.path.join("removed")
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        let Some(temporary) = self.temporary.take() else {
            return;
        };
        if let Err(error) = temporary.close() {
            warn!(path = %self.layout.path.display(), %error, "the temporary directory stays behind");
        }
    }
}

/// Whether a name has the form of EFS's ids: `prefix` and 17 hexadecimal digits.
pub(crate) fn is_id(name: &str, prefix: &str) -> bool {
    let digit = |octet: u8| matches!(octet, b'0'..=b'9' | b'a'..=b'f');
    name.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == 17 && rest.bytes().all(digit))
}

fn check_owner(path: &Path) -> Result<(), DataDirError> {
    let path = path.to_owned();
    let metadata = match fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) => return Err(DataDirError::Unusable { path, error }),
    };
    if !metadata.is_dir() {
        return Err(DataDirError::NotADirectory { path });
    }
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() != user {
        return Err(DataDirError::Foreign {
            path,
            owner: metadata.uid(),
            user,
        });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(DataDirError::TooOpen { path, mode });
    }
    Ok(())
}

/// A directory without `format` must be empty, but for what a start that was cut short leaves.
fn check_contents(path: &Path) -> Result<(), DataDirError> {
    let unusable = |error| DataDirError::Unusable {
        path: path.to_owned(),
        error,
    };
    if path.join("format").try_exists().map_err(unusable)? {
        return Ok(());
    }
    let state = path.join("state.redb");
    if state.exists() {
        let format = path.join("format");
        return Err(DataDirError::NoFormat { format, state });
    }
    for entry in fs::read_dir(path).map_err(unusable)? {
        let name = entry.map_err(unusable)?.file_name();
        if name != "lock" && name != "format.new" {
            return Err(DataDirError::Occupied {
                path: path.to_owned(),
            });
        }
    }
    Ok(())
}

fn lock(directory: &Path) -> Result<File, DataDirError> {
    let path = directory.join("lock");
    let unusable = |error| DataDirError::Unusable {
        path: path.clone(),
        error,
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let process = file
                .read_to_string(&mut text)
                .ok()
                .and_then(|_| text.trim().parse().ok());
            return Err(DataDirError::InUse {
                path: directory.to_owned(),
                process,
            });
        }
        Err(TryLockError::Error(error)) => return Err(unusable(error)),
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(unusable)?;
    Ok(file)
}

fn check_format(directory: &Path) -> Result<(), DataDirError> {
    let path = directory.join("format");
    match fs::read(&path) {
        Ok(found) if found == FORMAT.as_bytes() => Ok(()),
        // From here on an older version, which would know but one file system, is kept out.
        Ok(found) if found == FORMAT_1.as_bytes() => {
            write_format(directory).map_err(|error| DataDirError::Unusable { path, error })
        }
        Ok(found) => {
            let found = String::from_utf8_lossy(&found[..found.len().min(40)])
                .trim()
                .to_owned();
            Err(DataDirError::UnknownFormat { path, found })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            write_format(directory).map_err(|error| DataDirError::Unusable { path, error })
        }
        Err(error) => Err(DataDirError::Unusable { path, error }),
    }
}

fn write_format(directory: &Path) -> io::Result<()> {
    let new = directory.join("format.new");
    let mut file = File::create(&new)?;
    file.write_all(FORMAT.as_bytes())?;
    file.sync_all()?;
    fs::rename(new, directory.join("format"))?;
    File::open(directory)?.sync_all()
}
