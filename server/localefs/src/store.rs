//! The database of a data directory: identities and client records.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use localefs_engine::{ClientRecords, RecordsError};
use rand::Rng;
use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, TableDefinition,
};
use thiserror::Error;

/// redb's cache. What is stored is small; redb would take a gibibyte.
const CACHE: usize = 4 << 20;

/// Numbers of the server itself, by name.
const SERVER: TableDefinition<'_, &str, u32> = TableDefinition::new("server");

/// How often the server has started on this data, modulo 2³².
const STARTS: &str = "starts";

/// fsid, key of the handles, server owner, and tree.
type FileSystemRecord<'a> = (u64, [u8; 16], &'a [u8], &'a [u8]);

/// File systems by id.
const FILE_SYSTEMS: TableDefinition<'_, &str, FileSystemRecord<'_>> =
    TableDefinition::new("file-systems");

/// Clients that may reclaim their state: file system id and `co_ownerid`.
const CLIENTS: TableDefinition<'_, (&str, &[u8]), ()> = TableDefinition::new("clients");

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
    #[error("cannot use {}: {error}", path.display())]
    Unusable {
        /// The database file.
        path: PathBuf,
        /// What went wrong.
        error: redb::Error,
    },
}

/// What makes a file system the same one after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// `fs-` and 17 hexadecimal digits, as EFS has it.
    pub(crate) id: String,
    /// The file system's number in the protocol.
    pub(crate) fsid: u64,
    /// Authenticates its file handles.
    pub(crate) handle_key: [u8; 16],
    /// Tells its server from all others (RFC 8881 §2.10.4).
    pub(crate) server_owner: Vec<u8>,
}

/// The database, open.
#[derive(Debug)]
pub(crate) struct Store {
    database: Database,
}

impl Store {
    /// Opens the database at `path`, made if there is nothing.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::builder()
            .set_cache_size(CACHE)
            // Else damage may show only later, as a panic. A new file has none.
            .set_check_integrity_on_open(path.exists())
            .create(path);
        match database {
            Ok(database) => Ok(Self { database }),
            Err(error) if damaged(&error) => Err(StoreError::Damaged {
                path: path.to_owned(),
                error: error.to_string(),
            }),
            Err(error) => Err(StoreError::Unusable {
                path: path.to_owned(),
                error: error.into(),
            }),
        }
    }

    /// Counts a start, and finds the identity for `tree`, `None` being the data directory's own
    /// file system. An unknown one gets a new identity, under the id `known` if given.
    ///
    /// A served directory has an identity for each path, since file handles say nothing of the
    /// root that they were made under: those of one tree must not open files of another.
    pub(crate) fn start(
        &self,
        tree: Option<&Path>,
        known: Option<String>,
    ) -> Result<(Identity, u32), redb::Error> {
        let tree = tree.map_or(OsString::new(), |tree| tree.as_os_str().to_owned());
        let transaction = self.database.begin_write()?;
        let (identity, starts) = {
            // Opened here so that reading never meets a missing table.
            transaction.open_table(CLIENTS)?;
            let mut server = transaction.open_table(SERVER)?;
            // Only that two starts in a row differ matters.
            let starts = server
                .get(STARTS)?
                .map_or(0, |starts| starts.value())
                .wrapping_add(1);
            server.insert(STARTS, starts)?;
            let mut file_systems = transaction.open_table(FILE_SYSTEMS)?;
            let mut found = None;
            for entry in file_systems.iter()? {
                let (id, value) = entry?;
                let (fsid, handle_key, owner, of) = value.value();
                if OsString::from_vec(of.to_vec()) == tree {
                    let (id, server_owner) = (id.value().to_owned(), owner.to_vec());
                    found = Some(Identity {
                        id,
                        fsid,
                        handle_key,
                        server_owner,
                    });
                }
            }
            let identity = if let Some(identity) = found {
                identity
            } else {
                let new = Identity::random(known);
                let owner = new.server_owner.as_slice();
                let value = (new.fsid, new.handle_key, owner, tree.as_bytes());
                file_systems.insert(new.id.as_str(), value)?;
                new
            };
            (identity, starts)
        };
        transaction.commit()?;
        Ok((identity, starts))
    }

    fn clients_of(&self, file_system: &str) -> Result<Vec<Vec<u8>>, redb::Error> {
        let transaction = self.database.begin_read()?;
        let clients = transaction.open_table(CLIENTS)?;
        let mut owners = Vec::new();
        for entry in clients.range((file_system, &[][..])..)? {
            let (key, ()) = entry.map(|(key, _)| (key, ()))?;
            let (of, owner) = key.value();
            if of != file_system {
                break;
            }
            owners.push(owner.to_vec());
        }
        Ok(owners)
    }

    fn add_client(&self, file_system: &str, owner: &[u8]) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        transaction
            .open_table(CLIENTS)?
            .insert((file_system, owner), ())?;
        Ok(transaction.commit()?)
    }

    fn remove_client(&self, file_system: &str, owner: &[u8]) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        transaction
            .open_table(CLIENTS)?
            .remove((file_system, owner))?;
        Ok(transaction.commit()?)
    }
}

impl Identity {
    fn random(id: Option<String>) -> Self {
        let mut random = rand::rng();
        let id = id.unwrap_or_else(|| format!("fs-{:017x}", random.random::<u128>() >> 60));
        let server_owner = format!("{id}/{:032x}", random.random::<u128>()).into_bytes();
        Self {
            id,
            fsid: random.random_range(1..=u64::MAX),
            handle_key: random.random(),
            server_owner,
        }
    }
}

fn damaged(error: &DatabaseError) -> bool {
    match error {
        DatabaseError::Storage(StorageError::Corrupted(_))
        | DatabaseError::RepairAborted
        | DatabaseError::UpgradeRequired(_) => true,
        DatabaseError::Storage(StorageError::Io(error)) => matches!(
            error.kind(),
            std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
        ),
        _ => false,
    }
}

/// The client records of one file system.
pub(crate) struct Clients {
    store: Arc<Store>,
    file_system: String,
}

impl Clients {
    pub(crate) fn new(store: Arc<Store>, file_system: &str) -> Self {
        Self {
            store,
            file_system: file_system.to_owned(),
        }
    }
}

impl ClientRecords for Clients {
    fn load(&self) -> Result<Vec<Vec<u8>>, RecordsError> {
        self.store
            .clients_of(&self.file_system)
            .map_err(records_error)
    }

    fn add(&self, co_ownerid: &[u8]) -> Result<(), RecordsError> {
        self.store
            .add_client(&self.file_system, co_ownerid)
            .map_err(records_error)
    }

    fn remove(&self, co_ownerid: &[u8]) -> Result<(), RecordsError> {
        self.store
            .remove_client(&self.file_system, co_ownerid)
            .map_err(records_error)
    }
}

fn records_error(error: redb::Error) -> RecordsError {
    RecordsError(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn open(directory: &Path) -> Arc<Store> {
        Arc::new(Store::open(&directory.join("state.redb")).unwrap())
    }

    #[test]
    fn identities_stay_and_starts_count() {
        let scratch = tempfile::tempdir().unwrap();
        let (first, boot) = open(scratch.path()).start(None, None).unwrap();
        assert_eq!(boot, 1);
        assert_eq!(first.id.len(), 20);
        assert!(
            first.id[3..].bytes().all(|digit| digit.is_ascii_hexdigit()),
            "{}",
            first.id
        );
        let store = open(scratch.path());
        assert_eq!(store.start(None, None).unwrap(), (first.clone(), 2));
        let (other, boot) = store.start(Some(Path::new("/srv")), None).unwrap();
        assert_eq!(boot, 3);
        assert_ne!(other.id, first.id);
        assert_ne!(other.handle_key, first.handle_key);
        assert_ne!(other.fsid, first.fsid);
        assert_ne!(other.server_owner, first.server_owner);
        drop(store);
        assert_eq!(
            open(scratch.path())
                .start(Some(Path::new("/srv")), None)
                .unwrap()
                .0,
            other
        );
    }

    #[test]
    fn a_tree_without_a_record_keeps_its_name() {
        let scratch = tempfile::tempdir().unwrap();
        let id = "fs-0123456789abcdef0".to_owned();
        let (identity, _) = open(scratch.path()).start(None, Some(id.clone())).unwrap();
        assert_eq!(identity.id, id);
    }

    #[test]
    fn client_records_are_kept_apart_and_survive() {
        let scratch = tempfile::tempdir().unwrap();
        let store = open(scratch.path());
        store.start(None, None).unwrap();
        let clients = |store: &Arc<Store>, id: &str| Clients::new(Arc::clone(store), id);
        for (id, owner) in [
            ("fs-a", "one"),
            ("fs-a", "two"),
            ("fs-b", "three"),
            ("fs-a", ""),
        ] {
            clients(&store, id).add(owner.as_bytes()).unwrap();
            clients(&store, id).add(owner.as_bytes()).unwrap();
        }
        clients(&store, "fs-a").remove(b"two").unwrap();
        clients(&store, "fs-a").remove(b"never there").unwrap();
        drop(store);
        let store = open(scratch.path());
        assert_eq!(clients(&store, "fs-a").load().unwrap(), [&b""[..], b"one"]);
        assert_eq!(clients(&store, "fs-b").load().unwrap(), [b"three"]);
        assert!(clients(&store, "fs-c").load().unwrap().is_empty());
    }

    #[test]
    fn damage_is_told() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("state.redb");
        drop(open(scratch.path()).start(None, None).unwrap());
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
