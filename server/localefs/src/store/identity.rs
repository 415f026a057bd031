//! What stays the same over restarts, and what must not.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use rand::Rng;
use redb::{Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use super::ownership::SHADOW;
use super::{Store, clients};

/// Numbers of the server itself, by name.
const SERVER: TableDefinition<'_, &str, u32> = TableDefinition::new("server");

/// How many numbers have been taken for starts, modulo 2³².
const STARTS: &str = "starts";

/// Numbers for starts that are taken at once.
const STARTS_AT_ONCE: u32 = 64;

/// fsid, key of the handles, server owner, and tree.
type FileSystemRecord<'a> = (u64, [u8; 16], &'a [u8], &'a [u8]);

/// File systems by id.
const FILE_SYSTEMS: TableDefinition<'_, &str, FileSystemRecord<'_>> =
    TableDefinition::new("file-systems");

/// By the tree that was served at a start (none: the data directory's own): its file system, empty
/// if that was deleted.
const FIRST: TableDefinition<'_, &[u8], &str> = TableDefinition::new("first-file-systems");

/// By file system id: the mount target behind the front doors, empty if it was deleted.
const FRONT_DOORS: TableDefinition<'_, &str, &str> = TableDefinition::new("front-doors");

/// Ids of deleted file systems of which something may be left on the disk.
const REMOVED: TableDefinition<'_, &str, ()> = TableDefinition::new("removed-file-systems");

/// What makes a file system the same one after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// `fs-` and 17 hexadecimal digits, as EFS has it.
    pub(crate) id: String,
    /// The file system's number in the protocol.
    pub(crate) fsid: u64,
    /// Authenticates its file handles.
    pub(crate) handle_key: [u8; 16],
    /// Tells its servers from all others (RFC 8881 §2.10.4).
    pub(crate) server_scope: Vec<u8>,
    /// The directory that it is, if that isn't in the data directory.
    pub(crate) tree: Option<PathBuf>,
}

/// What a server starts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// The file system behind the front doors. If it was deleted, that of one that would come in
    /// its place, which is on no record.
    pub(crate) identity: Identity,
    /// Its mount target there, unless that was deleted.
    pub(crate) mount_target: Option<String>,
    /// Whether it was deleted.
    pub(crate) is_deleted: bool,
}

/// Numbers for starts that no other start gets.
#[derive(Debug, Default)]
pub(super) struct Starts {
    next: u32,
    left: u32,
}

impl Store {
    /// Finds the identity for `tree`, `None` being the data directory's own first file system. An
    /// unknown one gets a new identity, under the id `known` if given.
    ///
    /// A served directory has an identity for each path, since file handles say nothing of the
    /// root that they were made under: those of one tree must not open files of another.
    pub(crate) fn start(
        &self,
        tree: Option<&Path>,
        known: Option<String>,
    ) -> Result<Start, redb::Error> {
        let path = tree.map_or(&[][..], |tree| tree.as_os_str().as_bytes());
        let transaction = self.database.begin_write()?;
        let start = {
            let mut file_systems = transaction.open_table(FILE_SYSTEMS)?;
            let mut first = transaction.open_table(FIRST)?;
            let mut front_doors = transaction.open_table(FRONT_DOORS)?;
            transaction.open_table(REMOVED)?;
            let mut found = first.get(path)?.map(|id| id.value().to_owned());
            if tree.is_none() && found.as_deref() == Some("") {
                return Ok(Start {
                    identity: Identity::random(None, None),
                    mount_target: None,
                    is_deleted: true,
                });
            }
            if found.is_none() {
                // Data format 1 had one file system for each tree.
                for entry in file_systems.iter()? {
                    let (id, record) = entry?;
                    if record.value().3 == path {
                        found = Some(id.value().to_owned());
                    }
                }
            }
            let stored = match &found {
                Some(id) => identity(&file_systems, id)?,
                None => None,
            };
            let identity = if let Some(stored) = stored {
                stored
            } else {
                // A tree that another file system has is not up for adoption.
                let is_free = |id: &String| file_systems.get(id.as_str()).map(|id| id.is_none());
                let known = match known {
                    Some(id) if is_free(&id)? => Some(id),
                    _ => None,
                };
                let new = Identity::random(known, tree);
                new.insert(&mut file_systems)?;
                new
            };
            first.insert(path, identity.id.as_str())?;
            let mount_target = front_doors
                .get(identity.id.as_str())?
                .map(|id| id.value().to_owned());
            let mount_target = if let Some(id) = mount_target {
                id
            } else {
                let id = random_id("fsmt-");
                front_doors.insert(identity.id.as_str(), id.as_str())?;
                id
            };
            clients::prepare(&transaction, &identity.id, &mount_target)?;
            Start {
                identity,
                mount_target: Some(mount_target).filter(|id| !id.is_empty()),
                is_deleted: false,
            }
        };
        transaction.commit()?;
        Ok(start)
    }

    /// A number that no other start of a mount target on this data has, but for 2³² before.
    pub(crate) fn take_start(&self) -> Result<u32, redb::Error> {
        let mut starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
        if starts.left == 0 {
            let transaction = self.database.begin_write()?;
            let taken = {
                let mut server = transaction.open_table(SERVER)?;
                let taken = server.get(STARTS)?.map_or(0, |starts| starts.value());
                server.insert(STARTS, taken.wrapping_add(STARTS_AT_ONCE))?;
                taken
            };
            transaction.commit()?;
            *starts = Starts {
                next: taken.wrapping_add(1),
                left: STARTS_AT_ONCE,
            };
        }
        let start = starts.next;
        starts.next = start.wrapping_add(1);
        starts.left -= 1;
        Ok(start)
    }

    /// The identity of a file system, if there is one of this id.
    pub(crate) fn file_system(&self, id: &str) -> Result<Option<Identity>, redb::Error> {
        let transaction = self.database.begin_read()?;
        identity(&transaction.open_table(FILE_SYSTEMS)?, id)
    }

    /// The file systems whose trees are in the data directory.
    pub(crate) fn own_file_systems(&self) -> Result<Vec<Identity>, redb::Error> {
        let transaction = self.database.begin_read()?;
        let file_systems = transaction.open_table(FILE_SYSTEMS)?;
        let mut own = Vec::new();
        for entry in file_systems.iter()? {
            let found = identity(&file_systems, entry?.0.value())?;
            own.extend(found.filter(|found| found.tree.is_none()));
        }
        Ok(own)
    }

    /// Gives ids that no file system has identities, whose trees are in the data directory. The
    /// next start finds `first` behind the front doors if it is among them. It is durable after
    /// [`Store::settle`].
    pub(crate) fn add_file_systems(
        &self,
        ids: &[&str],
        first: &str,
    ) -> Result<Vec<Identity>, redb::Error> {
        let random = |id: &&str| Identity::random(Some((*id).to_owned()), None);
        let new: Vec<_> = ids.iter().map(random).collect();
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::None)?;
        {
            let mut file_systems = transaction.open_table(FILE_SYSTEMS)?;
            for identity in &new {
                identity.insert(&mut file_systems)?;
                if identity.id == first {
                    transaction.open_table(FIRST)?.insert(&[][..], first)?;
                }
            }
        }
        transaction.commit()?;
        self.unsettled.store(true, Ordering::SeqCst);
        Ok(new)
    }

    /// Makes durable what is not yet.
    pub(crate) fn settle(&self) -> Result<(), redb::Error> {
        if self.unsettled.swap(false, Ordering::SeqCst) {
            // It takes with it all that was committed before.
            let settled = self.database.begin_write().map_err(redb::Error::from);
            let settled = settled.and_then(|transaction| Ok(transaction.commit()?));
            if settled.is_err() {
                self.unsettled.store(true, Ordering::SeqCst);
            }
            settled?;
        }
        Ok(())
    }

    /// Forgets a file system and its clients, but for that its files are to be removed.
    pub(crate) fn remove_file_system(&self, id: &str) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(FILE_SYSTEMS)?.remove(id)?;
        transaction.open_table(SHADOW)?.remove(id)?;
        transaction.open_table(FRONT_DOORS)?.remove(id)?;
        {
            let mut first = transaction.open_table(FIRST)?;
            if first.get(&[][..])?.is_some_and(|first| first.value() == id) {
                // The next start makes no other one in its place.
                first.insert(&[][..], "")?;
            }
        }
        transaction.open_table(REMOVED)?.insert(id, ())?;
        clients::clear(&transaction, id, |_| true)?;
        Ok(transaction.commit()?)
    }

    /// File systems whose files are to be removed.
    pub(crate) fn removed(&self) -> Result<Vec<String>, redb::Error> {
        let transaction = self.database.begin_read()?;
        let mut ids = Vec::new();
        for entry in transaction.open_table(REMOVED)?.iter()? {
            ids.push(entry?.0.value().to_owned());
        }
        Ok(ids)
    }

    /// Whether the files of a file system are to be removed.
    pub(crate) fn is_removed(&self, id: &str) -> Result<bool, redb::Error> {
        let transaction = self.database.begin_read()?;
        Ok(transaction.open_table(REMOVED)?.get(id)?.is_some())
    }

    /// The files of a file system are out of the way.
    pub(crate) fn forget_removed(&self, id: &str) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(REMOVED)?.remove(id)?;
        Ok(transaction.commit()?)
    }

    /// Says which file system is behind the front doors where no tree from elsewhere is served,
    /// and with which mount target.
    pub(crate) fn set_first(
        &self,
        file_system: &str,
        mount_target: Option<&str>,
    ) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        transaction
            .open_table(FIRST)?
            .insert(&[][..], file_system)?;
        put_front_door(&transaction, file_system, mount_target)?;
        Ok(transaction.commit()?)
    }

    /// Says which mount target of a file system is behind the front doors.
    pub(crate) fn set_front_door(
        &self,
        file_system: &str,
        mount_target: Option<&str>,
    ) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        put_front_door(&transaction, file_system, mount_target)?;
        Ok(transaction.commit()?)
    }
}

fn put_front_door(
    transaction: &WriteTransaction,
    file_system: &str,
    mount_target: Option<&str>,
) -> Result<(), redb::Error> {
    transaction
        .open_table(FRONT_DOORS)?
        .insert(file_system, mount_target.unwrap_or_default())?;
    Ok(())
}

fn identity(
    file_systems: &impl ReadableTable<&'static str, FileSystemRecord<'static>>,
    id: &str,
) -> Result<Option<Identity>, redb::Error> {
    Ok(file_systems.get(id)?.map(|record| {
        let (fsid, handle_key, server_scope, tree) = record.value();
        let tree = std::ffi::OsStr::from_bytes(tree);
        Identity {
            id: id.to_owned(),
            fsid,
            handle_key,
            server_scope: server_scope.to_vec(),
            tree: (!tree.is_empty()).then(|| tree.into()),
        }
    }))
}

fn random_id(prefix: &str) -> String {
    format!("{prefix}{:017x}", rand::rng().random::<u128>() >> 60)
}

impl Identity {
    fn random(id: Option<String>, tree: Option<&Path>) -> Self {
        let mut random = rand::rng();
        let id = id.unwrap_or_else(|| random_id("fs-"));
        let server_scope = format!("{id}/{:032x}", random.random::<u128>()).into_bytes();
        Self {
            id,
            fsid: random.random_range(1..=u64::MAX),
            handle_key: random.random(),
            server_scope,
            tree: tree.map(Path::to_owned),
        }
    }

    /// `so_major_id` of the server that one of its mount targets is.
    pub(crate) fn server_owner(&self, mount_target: &str) -> Vec<u8> {
        [&self.server_scope, &b"/"[..], mount_target.as_bytes()].concat()
    }

    fn insert(
        &self,
        file_systems: &mut redb::Table<'_, &'static str, FileSystemRecord<'static>>,
    ) -> Result<(), redb::Error> {
        let tree = self.tree.as_deref().map_or(&[][..], path_octets);
        let record = (
            self.fsid,
            self.handle_key,
            self.server_scope.as_slice(),
            tree,
        );
        file_systems.insert(self.id.as_str(), record)?;
        Ok(())
    }
}

fn path_octets(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(directory: &Path) -> Store {
        Store::open(&directory.join("state.redb")).unwrap()
    }

    fn add(store: &Store, id: &str, first: &str) -> Identity {
        let added = store.add_file_systems(&[id], first).unwrap();
        added.into_iter().next().unwrap()
    }

    #[test]
    fn identities_are_given_many_at_once() {
        let scratch = tempfile::tempdir().unwrap();
        let store = open(scratch.path());
        let ids: Vec<_> = (0..40).map(|number| format!("fs-{number:017x}")).collect();
        let named: Vec<_> = ids.iter().map(String::as_str).collect();
        let added = store.add_file_systems(&named, "").unwrap();
        store.settle().unwrap();
        drop(store);
        let store = open(scratch.path());
        for (id, identity) in ids.iter().zip(added) {
            assert_eq!(store.file_system(id).unwrap(), Some(identity));
        }
    }

    #[test]
    fn identities_stay() {
        let scratch = tempfile::tempdir().unwrap();
        let first = open(scratch.path()).start(None, None).unwrap();
        let Identity { id, .. } = &first.identity;
        assert_eq!(id.len(), 20);
        assert!(id[3..].bytes().all(|digit| digit.is_ascii_hexdigit()));
        assert!(first.mount_target.as_ref().unwrap().starts_with("fsmt-"));
        let store = open(scratch.path());
        assert_eq!(store.start(None, None).unwrap(), first);
        let srv = Some(Path::new("/srv"));
        let other = store.start(srv, None).unwrap();
        assert_eq!(other.identity.tree.as_deref(), srv);
        assert_ne!(other.mount_target, first.mount_target);
        let (one, two) = (&first.identity, &other.identity);
        assert_ne!(two.id, one.id);
        assert_ne!(two.handle_key, one.handle_key);
        assert_ne!(two.fsid, one.fsid);
        assert_ne!(two.server_scope, one.server_scope);
        assert_ne!(one.server_owner("a"), one.server_owner("b"));
        drop(store);
        assert_eq!(open(scratch.path()).start(srv, None).unwrap(), other);
    }

    #[test]
    fn no_start_has_the_number_of_another() {
        let scratch = tempfile::tempdir().unwrap();
        let mut seen = Vec::new();
        for _ in 0..2 {
            let store = open(scratch.path());
            seen.extend((0..STARTS_AT_ONCE + 2).map(|_| store.take_start().unwrap()));
        }
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }

    #[test]
    fn a_tree_without_a_record_keeps_its_name() {
        let scratch = tempfile::tempdir().unwrap();
        let id = "fs-0123456789abcdef0".to_owned();
        let start = open(scratch.path()).start(None, Some(id.clone())).unwrap();
        assert_eq!(start.identity.id, id);
    }

    #[test]
    fn others_beside_the_first_are_never_taken_for_it() {
        let scratch = tempfile::tempdir().unwrap();
        let store = open(scratch.path());
        let first = store.start(None, None).unwrap();
        let id = "fs-fffffffffffffffff";
        let other = add(&store, id, "");
        assert_eq!(store.file_system(id).unwrap().as_ref(), Some(&other));
        assert_eq!(store.start(None, None).unwrap(), first);
        store.remove_file_system(&first.identity.id).unwrap();
        assert_eq!(store.file_system(&first.identity.id).unwrap(), None);
        let next = store.start(None, Some(id.to_owned())).unwrap();
        assert!(next.is_deleted && next.mount_target.is_none());
        assert!(next.identity.id != id && next.identity.id != first.identity.id);
        assert_eq!(store.file_system(&next.identity.id).unwrap(), None);
        let again = add(&store, &next.identity.id, &next.identity.id);
        let found = store.start(None, None).unwrap();
        assert!(!found.is_deleted && found.identity == again);
        assert_eq!(store.removed().unwrap(), [first.identity.id.as_str()]);
        store.forget_removed(&first.identity.id).unwrap();
        assert!(store.removed().unwrap().is_empty());
    }

    #[test]
    fn a_deleted_front_door_stays_deleted() {
        let scratch = tempfile::tempdir().unwrap();
        let store = open(scratch.path());
        let id = store.start(None, None).unwrap().identity.id;
        store.set_front_door(&id, None).unwrap();
        assert_eq!(store.start(None, None).unwrap().mount_target, None);
        store.set_front_door(&id, Some("fsmt-1")).unwrap();
        let again = store.start(None, None).unwrap();
        assert_eq!(again.mount_target.as_deref(), Some("fsmt-1"));
    }
}
