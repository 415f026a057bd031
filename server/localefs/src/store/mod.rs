//! The database of a data directory: identities and client records.

mod clients;
mod error;
mod identity;
mod ownership;

use std::fs::File;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use redb::backends::InMemoryBackend;
use redb::{Database, StorageBackend};

pub(crate) use clients::Clients;
pub use error::StoreError;
pub(crate) use identity::{Identity, Start};

/// redb's cache. What is stored is small; redb would take a gibibyte.
const CACHE: usize = 4 << 20;

/// The database, open.
#[derive(Debug)]
pub(crate) struct Store {
    database: Arc<Database>,
    starts: Mutex<identity::Starts>,
    /// Whether something was committed that is not durable.
    unsettled: AtomicBool,
}

impl Store {
    /// Opens the database at `path`, made if there is nothing.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let used = ["fs", "records"].map(|name| path.with_file_name(name).exists());
        if used.contains(&true) {
            match std::fs::metadata(path) {
                // redb would take it for a new one.
                Ok(metadata) if metadata.len() == 0 => {
                    let (path, error) = (path.to_owned(), "it is empty".to_owned());
                    return Err(StoreError::Damaged { path, error });
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    tracing::warn!(
                        path = %path.display(),
                        "the database is missing, and made anew: clients have to mount again"
                    );
                }
                _ => {}
            }
        }
        let database = if path.exists() {
            examine(path)?;
            Database::builder()
                .set_cache_size(CACHE)
                // Else damage may show only later, as a panic.
                .set_check_integrity_on_open(true)
                .create(path)
                .map_err(|error| StoreError::new(path, error))?
        } else {
            create(path)?
        };
        Ok(Self {
            database: Arc::new(database),
            starts: Mutex::default(),
            unsettled: AtomicBool::new(false),
        })
    }

    /// The database, for the records of the control plane.
    pub(crate) fn database(&self) -> Arc<Database> {
        Arc::clone(&self.database)
    }
}

/// Makes the database at `path`, complete or not at all: what is left of one where the disk was full
/// would be taken for a damaged one.
fn create(path: &Path) -> Result<Database, StoreError> {
    let new = path.with_extension("new");
    let unusable = |error: std::io::Error| StoreError::Unusable {
        path: path.to_owned(),
        error: error.into(),
    };
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unusable(error)),
        _ => {}
    }
    let database = Database::builder()
        .set_cache_size(CACHE)
        .create(&new)
        .map_err(|error| {
            let _ = std::fs::remove_file(&new);
            StoreError::new(path, error)
        })?;
    std::fs::rename(&new, path)
        .and_then(|()| File::open(path.parent().unwrap_or(path))?.sync_all())
        .map_err(unusable)?;
    Ok(database)
}

/// Looks in memory whether the database at `path` is whole: opening it on the disk would change
/// one that is not.
fn examine(path: &Path) -> Result<(), StoreError> {
    let unusable = |error: std::io::Error| StoreError::Unusable {
        path: path.to_owned(),
        error: error.into(),
    };
    let bytes = std::fs::read(path).map_err(unusable)?;
    let memory = InMemoryBackend::new();
    memory.set_len(bytes.len() as u64).map_err(unusable)?;
    memory.write(0, &bytes).map_err(unusable)?;
    Database::builder()
        .set_cache_size(CACHE)
        .set_check_integrity_on_open(true)
        .create_with_backend(memory)
        .map(drop)
        .map_err(|error| StoreError::new(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn damage_is_told() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("state.redb");
        drop(Store::open(&path).unwrap().start(None, None).unwrap());
        let whole = fs::read(&path).unwrap();
        let garbage = vec![b'x'; whole.len()];
        let mut scratched = whole.clone();
        for page in scratched[4096..].chunks_mut(4096) {
            page.fill(0xa5);
        }
        for damage in [
            &garbage[..100],
            &garbage,
            &whole[..whole.len() / 3],
            &scratched,
        ] {
            fs::write(&path, damage).unwrap();
            let error = Store::open(&path).expect_err("damaged");
            assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
        }
    }
}
