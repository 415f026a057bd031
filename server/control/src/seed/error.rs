//! Why a seed is not there.

use std::fmt::Display;

use thiserror::Error;

use crate::api::ApiError;
use crate::data_plane::DataPlaneError;
use crate::store::StoreError;

/// Why a seed is not there.
#[derive(Debug, Error)]
pub enum SeedError {
    /// The file can't be read.
    #[error("cannot read {file}: {error}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system answered.
        error: std::io::Error,
    },
    /// The file is neither TOML nor JSON of the right form.
    #[error("{file}: {error}")]
    Syntax {
        /// The file.
        file: String,
        /// Where, and what is wrong.
        error: String,
    },
    /// An entry is refused.
    #[error("{file}: {entry}: {why}")]
    Entry {
        /// The file.
        file: String,
        /// Table and key, as `FileSystems["shared"].MountTargets["us-east-1a"]`.
        entry: String,
        /// What the API, or the state that is there, has against it.
        why: String,
    },
}

/// What is wrong with an entry, on the way to where its place is known.
#[derive(Debug)]
pub(super) struct Trouble {
    entry: String,
    why: String,
}

pub(super) type Result<T> = std::result::Result<T, Trouble>;

impl Trouble {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self {
            entry: String::new(),
            why: why.into(),
        }
    }

    /// An entry, and what is wrong with it.
    pub(super) fn into_parts(self) -> (String, String) {
        (self.entry, self.why)
    }
}

/// Says where something is wrong, from the inside to the outside.
pub(super) trait At<T> {
    /// In the member `table`, the entry `key`.
    fn at(self, table: &str, key: &dyn Display) -> Result<T>;

    /// In a member; an empty name says nothing.
    fn member(self, name: &str) -> Result<T>;
}

impl<T> At<T> for Result<T> {
    fn at(self, table: &str, key: &dyn Display) -> Self {
        self.member(&format!("{table}[\"{key}\"]"))
    }

    fn member(self, name: &str) -> Self {
        self.map_err(|trouble| {
            let dot = if trouble.entry.is_empty() || name.is_empty() {
                ""
            } else {
                "."
            };
            Trouble {
                entry: format!("{name}{dot}{}", trouble.entry),
                why: trouble.why,
            }
        })
    }
}

impl From<ApiError> for Trouble {
    fn from(error: ApiError) -> Self {
        Self::new(format!("{}: {}", error.code, error.message))
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<DataPlaneError> for Trouble {
    fn from(error: DataPlaneError) -> Self {
        Self::new(error.to_string())
    }
}
