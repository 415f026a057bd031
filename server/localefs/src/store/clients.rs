//! Clients that may reclaim their state after a restart (RFC 8881 §8.4.2.1).

use std::sync::Arc;

use localefs_engine::{ClientRecords, RecordsError};
use redb::{ReadableDatabase, TableDefinition};

use super::Store;

/// File system id and `co_ownerid`.
pub(super) const CLIENTS: TableDefinition<'_, (&str, &[u8]), ()> = TableDefinition::new("clients");

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

    fn all(&self) -> Result<Vec<Vec<u8>>, redb::Error> {
        let transaction = self.store.database.begin_read()?;
        let clients = transaction.open_table(CLIENTS)?;
        let mut owners = Vec::new();
        for entry in clients.range((self.file_system.as_str(), &[][..])..)? {
            let (key, _) = entry?;
            let (file_system, owner) = key.value();
            if file_system != self.file_system {
                break;
            }
            owners.push(owner.to_vec());
        }
        Ok(owners)
    }

    fn set(&self, owner: &[u8], on_record: bool) -> Result<(), redb::Error> {
        let transaction = self.store.database.begin_write()?;
        {
            let mut clients = transaction.open_table(CLIENTS)?;
            let key = (self.file_system.as_str(), owner);
            if on_record {
                clients.insert(key, ())?;
            } else {
                clients.remove(key)?;
            }
        }
        Ok(transaction.commit()?)
    }
}

impl ClientRecords for Clients {
    fn load(&self) -> Result<Vec<Vec<u8>>, RecordsError> {
        self.all().map_err(records_error)
    }

    fn add(&self, co_ownerid: &[u8]) -> Result<(), RecordsError> {
        self.set(co_ownerid, true).map_err(records_error)
    }

    fn remove(&self, co_ownerid: &[u8]) -> Result<(), RecordsError> {
        self.set(co_ownerid, false).map_err(records_error)
    }
}

fn records_error(error: redb::Error) -> RecordsError {
    RecordsError(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn open(directory: &Path) -> Arc<Store> {
        Arc::new(Store::open(&directory.join("state.redb")).unwrap())
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
}
