//! Clients that may reclaim their state after a restart (RFC 8881 §8.4.2.1).

use std::sync::Arc;

use localefs_engine::{ClientRecords, RecordedClient, RecordsError};
use redb::{ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use super::Store;

/// File system id, mount target id and `co_ownerid`.
const CLIENTS: TableDefinition<'_, (&str, &str, &[u8]), ()> =
    TableDefinition::new("mount-target-clients");

/// File system id and `co_ownerid`: what data format 1 had, for the front door.
const OLD_CLIENTS: TableDefinition<'_, (&str, &[u8]), ()> = TableDefinition::new("clients");

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

    fn all(&self) -> Result<Vec<RecordedClient>, redb::Error> {
        let transaction = self.store.database.begin_read()?;
        let clients = transaction.open_table(CLIENTS)?;
        of_file_system(&clients, &self.file_system)
    }

    fn set(&self, mount_target: &str, owner: &[u8], on_record: bool) -> Result<(), redb::Error> {
        let transaction = self.store.database.begin_write()?;
        {
            let mut clients = transaction.open_table(CLIENTS)?;
            let key = (self.file_system.as_str(), mount_target, owner);
            if on_record {
                clients.insert(key, ())?;
            } else {
                clients.remove(key)?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn clear(&self, mount_target: &str) -> Result<(), redb::Error> {
        let transaction = self.store.database.begin_write()?;
        clear(&transaction, &self.file_system, |of| of == mount_target)?;
        Ok(transaction.commit()?)
    }
}

impl ClientRecords for Clients {
    fn load(&self) -> Result<Vec<RecordedClient>, RecordsError> {
        self.all().map_err(records_error)
    }

    fn add(&self, mount_target: &str, co_ownerid: &[u8]) -> Result<(), RecordsError> {
        self.set(mount_target, co_ownerid, true)
            .map_err(records_error)
    }

    fn remove(&self, mount_target: &str, co_ownerid: &[u8]) -> Result<(), RecordsError> {
        self.set(mount_target, co_ownerid, false)
            .map_err(records_error)
    }

    fn remove_all(&self, mount_target: &str) -> Result<(), RecordsError> {
        self.clear(mount_target).map_err(records_error)
    }
}

fn records_error(error: redb::Error) -> RecordsError {
    RecordsError(Box::new(error))
}

fn of_file_system(
    clients: &impl ReadableTable<(&'static str, &'static str, &'static [u8]), ()>,
    file_system: &str,
) -> Result<Vec<RecordedClient>, redb::Error> {
    let mut found = Vec::new();
    for entry in clients.range((file_system, "", &[][..])..)? {
        let (key, _) = entry?;
        let (of, mount_target, owner) = key.value();
        if of != file_system {
            break;
        }
        found.push((mount_target.to_owned(), owner.to_vec()));
    }
    Ok(found)
}

/// Makes the tables, so that reading never meets a missing one, and gives the clients that data
/// format 1 recorded for a file system to its mount target behind the front doors.
pub(super) fn prepare(
    transaction: &WriteTransaction,
    file_system: &str,
    mount_target: &str,
) -> Result<(), redb::Error> {
    let mut old = transaction.open_table(OLD_CLIENTS)?;
    let mut clients = transaction.open_table(CLIENTS)?;
    let mut moved = Vec::new();
    for entry in old.range((file_system, &[][..])..)? {
        let (key, _) = entry?;
        let (of, owner) = key.value();
        if of != file_system {
            break;
        }
        moved.push(owner.to_vec());
    }
    for owner in &moved {
        old.remove((file_system, owner.as_slice()))?;
        clients.insert((file_system, mount_target, owner.as_slice()), ())?;
    }
    Ok(())
}

/// Takes the clients of some mount targets of a file system off the record.
pub(super) fn clear(
    transaction: &WriteTransaction,
    file_system: &str,
    of: impl Fn(&str) -> bool,
) -> Result<(), redb::Error> {
    let mut clients = transaction.open_table(CLIENTS)?;
    for (mount_target, owner) in of_file_system(&clients, file_system)? {
        if of(&mount_target) {
            clients.remove((file_system, mount_target.as_str(), owner.as_slice()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn open(directory: &Path) -> Arc<Store> {
        Arc::new(Store::open(&directory.join("state.redb")).unwrap())
    }

    fn clients(store: &Arc<Store>, id: &str) -> Clients {
        Clients::new(Arc::clone(store), id)
    }

    fn recorded(all: &[(&str, &str)]) -> Vec<RecordedClient> {
        let owned = |(mount_target, owner): &(&str, &str)| {
            ((*mount_target).to_owned(), owner.as_bytes().to_vec())
        };
        all.iter().map(owned).collect()
    }

    #[test]
    fn client_records_are_kept_apart_and_survive() {
        let scratch = tempfile::tempdir().unwrap();
        let store = open(scratch.path());
        store.start(None, None).unwrap();
        for (id, mount_target, owner) in [
            ("fs-a", "m", "one"),
            ("fs-a", "m", "two"),
            ("fs-a", "n", "one"),
            ("fs-b", "m", "three"),
            ("fs-a", "m", ""),
        ] {
            let clients = clients(&store, id);
            clients.add(mount_target, owner.as_bytes()).unwrap();
            clients.add(mount_target, owner.as_bytes()).unwrap();
        }
        clients(&store, "fs-a").remove("m", b"two").unwrap();
        clients(&store, "fs-a").remove("m", b"never there").unwrap();
        drop(store);
        let store = open(scratch.path());
        let of_a = recorded(&[("m", ""), ("m", "one"), ("n", "one")]);
        assert_eq!(clients(&store, "fs-a").load().unwrap(), of_a);
        let of_b = recorded(&[("m", "three")]);
        assert_eq!(clients(&store, "fs-b").load().unwrap(), of_b);
        assert!(clients(&store, "fs-c").load().unwrap().is_empty());
        clients(&store, "fs-a").remove_all("m").unwrap();
        let of_a = recorded(&[("n", "one")]);
        assert_eq!(clients(&store, "fs-a").load().unwrap(), of_a);
        assert_eq!(clients(&store, "fs-b").load().unwrap(), of_b);
    }

    #[test]
    fn what_format_1_recorded_is_the_front_doors() {
        let scratch = tempfile::tempdir().unwrap();
        let store = open(scratch.path());
        let id = store.start(None, None).unwrap().identity.id;
        let transaction = store.database.begin_write().unwrap();
        {
            let mut old = transaction.open_table(OLD_CLIENTS).unwrap();
            old.insert((id.as_str(), &b"client"[..]), ()).unwrap();
            old.insert(("fs-other", &b"client"[..]), ()).unwrap();
        }
        transaction.commit().unwrap();
        let front_door = store.start(None, None).unwrap().mount_target.unwrap();
        let moved = recorded(&[(&front_door, "client")]);
        assert_eq!(clients(&store, &id).load().unwrap(), moved);
        assert!(clients(&store, "fs-other").load().unwrap().is_empty());
    }
}
