//! Why the database cannot be used, and what to do about it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use redb::{DatabaseError, StorageError};
use thiserror::Error;

use crate::data_dir::remedy;

/// Why the database cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Its contents make no sense.
    #[error(
        "{} is damaged ({error}); put back a copy of it, or move it away and start again: the \
         files below fs/ stay, but clients have to mount again",
        path.display()
    )]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What was found.
        error: String,
    },
    /// It cannot be read or written.
    #[error(
        "cannot use {}: {error}; {}",
        path.display(),
        way_out(error)
    )]
    Unusable {
        /// The database file.
        path: PathBuf,
        /// What went wrong.
        error: redb::Error,
    },
}

impl StoreError {
    /// Sorts out why the database at `path` does not open.
    pub(super) fn new(path: &Path, error: DatabaseError) -> Self {
        let path = path.to_owned();
        if is_damage(&error) {
            Self::Damaged {
                path,
                error: error.to_string(),
            }
        } else {
            Self::Unusable {
                path,
                error: error.into(),
            }
        }
    }
}

fn way_out(error: &redb::Error) -> &'static str {
    let remedy = match error {
        redb::Error::Io(error) => remedy(error),
        _ => None,
    };
    remedy.unwrap_or("make it readable and writable for this process, or put back a copy of it")
}

fn is_damage(error: &DatabaseError) -> bool {
    match error {
        DatabaseError::Storage(StorageError::Corrupted(_))
        | DatabaseError::RepairAborted
        | DatabaseError::UpgradeRequired(_) => true,
        DatabaseError::Storage(StorageError::Io(error)) => matches!(
            error.kind(),
            ErrorKind::InvalidData | ErrorKind::UnexpectedEof
        ),
        _ => false,
    }
}
