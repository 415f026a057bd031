//! What the engine needs from outside: identities, bounds, and stable storage for client records.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::faults::Faults;
use crate::file_system::FileSystem;
use crate::in_place::InPlace;
use crate::limits;
use crate::state::{Budget, Quota, Quotas};

/// What a mount target needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Names it in the client records.
    pub mount_target: String,
    /// `so_major_id`: the same after every restart, another one for every mount target, so that
    /// Linux never takes two of them for one (RFC 8881 §2.10.4).
    pub server_owner: Vec<u8>,
    /// `eir_server_scope`: the same for the mount targets of one file system, whose filehandles
    /// are the same on all of them.
    pub server_scope: Vec<u8>,
    /// A number that no other mount target of this data has or had. Clientids, sessionids and
    /// stateids begin with it: those of another mount target, or of an earlier start, are nobody's.
    pub boot: u32,
}

/// What the file systems of a process share: memory for kept replies, the number of open files,
/// threads, and faults.
#[derive(Debug)]
pub struct Resources {
    pub(crate) reply_memory: Arc<Budget>,
    pub(crate) quotas: Arc<Quotas>,
    /// What users asked to go wrong.
    pub faults: Arc<Faults>,
    pub(crate) in_place: Arc<InPlace>,
    file_systems: Mutex<Vec<Weak<FileSystem>>>,
}

impl Resources {
    /// `max_opens` is the most files that all clients together may have open, and the most
    /// lock-owners on them; each takes some hundred octets of memory, a lock-owner with the longest
    /// name a thousand more. For one client, EFS's limit of 65,536 holds as well. `in_place`
    /// is for the threads that [`Server::receive`](crate::Server::receive) is called on.
    #[must_use]
    pub fn new(max_opens: usize, in_place: Arc<InPlace>) -> Self {
        Self {
            reply_memory: Arc::new(Budget::new(limits::CACHED_REPLIES)),
            quotas: Arc::new(Quotas {
                opens: Quota::new(limits::MAX_OPENS, max_opens),
                lock_owners: Quota::new(limits::MAX_LOCK_OWNERS, max_opens),
            }),
            faults: Arc::new(Faults::new(Instant::now())),
            in_place,
            file_systems: Mutex::default(),
        }
    }

    pub(crate) fn enter(&self, file_system: &Arc<FileSystem>) {
        let mut file_systems = self.list();
        file_systems.retain(|known| known.strong_count() > 0);
        file_systems.push(Arc::downgrade(file_system));
    }

    pub(crate) fn file_systems(&self) -> Vec<Arc<FileSystem>> {
        self.list().iter().filter_map(Weak::upgrade).collect()
    }

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<Weak<FileSystem>>> {
        self.file_systems
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a file system serves all its clients.
#[derive(Clone, Debug)]
pub struct FileSystemConfig {
    /// How long a client's state lives without renewal (RFC 8881 §8.3). Also the longest that a
    /// grace period lasts. At least a second.
    pub lease: Duration,
    /// What it shares with the other file systems of this process.
    pub resources: Arc<Resources>,
}

/// Client records could not be read from stable storage, or not be kept there.
#[derive(Debug, Error)]
#[error("client records: {0}")]
pub struct RecordsError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// A client on record: through which mount target it came, and its `co_ownerid`.
pub type RecordedClient = (String, Vec<u8>);

/// The clients of a file system that may reclaim their state after a restart, on stable storage
/// (RFC 8881 §8.4.2.1). They are kept for each of its mount targets.
pub trait ClientRecords: Send + Sync {
    /// The clients on record, of all mount targets.
    ///
    /// # Errors
    /// Those of the storage.
    fn load(&self) -> Result<Vec<RecordedClient>, RecordsError>;

    /// Puts a client on record; durable when this returns.
    ///
    /// # Errors
    /// Those of the storage; the client is then not on record.
    fn add(&self, mount_target: &str, co_ownerid: &[u8]) -> Result<(), RecordsError>;

    /// Takes a client off the record; durable when this returns. Unknown ones are ignored.
    ///
    /// # Errors
    /// Those of the storage; the client may then still be on record.
    fn remove(&self, mount_target: &str, co_ownerid: &[u8]) -> Result<(), RecordsError>;

    /// Takes all clients of a mount target off the record; durable when this returns.
    ///
    /// # Errors
    /// Those of the storage; they may then still be on record.
    fn remove_all(&self, mount_target: &str) -> Result<(), RecordsError>;
}
