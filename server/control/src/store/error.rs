//! Why records can't be read or kept.

use thiserror::Error;

/// Why records can't be read or kept.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database fails.
    #[error("the database fails: {0}")]
    Database(#[from] redb::Error),
    /// A record is not what it should be.
    #[error("the record {key:?} in {table} can't be read: {error}")]
    Record {
        /// Its table.
        table: &'static str,
        /// Its key.
        key: String,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// Another version wrote it.
    #[error(
        "the records of the control plane have form {found}, and this version of localefs knows \
         form {known}; use the version that wrote them"
    )]
    UnknownForm {
        /// What was found.
        found: u32,
        /// The only one that is known.
        known: u32,
    },
    /// No thread can be started.
    #[error("cannot start the thread that writes: {0}")]
    Thread(#[source] std::io::Error),
    /// The change panicked, or the store is closed.
    #[error("the change was given up")]
    Gone,
}

macro_rules! from_redb {
    ($($error:ident),*) => {
        $(impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> Self {
                Self::Database(error.into())
            }
        })*
    };
}

from_redb!(
    CommitError,
    SetDurabilityError,
    StorageError,
    TableError,
    TransactionError
);
