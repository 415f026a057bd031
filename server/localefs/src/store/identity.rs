//! What stays the same over restarts, and what must not.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rand::Rng;
use redb::{ReadableTable, TableDefinition};

use super::Store;
use super::clients::CLIENTS;

/// Numbers of the server itself, by name.
const SERVER: TableDefinition<'_, &str, u32> = TableDefinition::new("server");

/// How often the server has started on this data, modulo 2³².
const STARTS: &str = "starts";

/// fsid, key of the handles, server owner, and tree.
type FileSystemRecord<'a> = (u64, [u8; 16], &'a [u8], &'a [u8]);

/// File systems by id.
const FILE_SYSTEMS: TableDefinition<'_, &str, FileSystemRecord<'_>> =
    TableDefinition::new("file-systems");

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

impl Store {
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
        let tree = tree.map_or(&[][..], |tree| tree.as_os_str().as_bytes());
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
                if of == tree {
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
                let value = (new.fsid, new.handle_key, owner, tree);
                file_systems.insert(new.id.as_str(), value)?;
                new
            };
            (identity, starts)
        };
        transaction.commit()?;
        Ok((identity, starts))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn open(directory: &Path) -> Store {
        Store::open(&directory.join("state.redb")).unwrap()
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
}
