//! A file system with what all its mount targets share: opens and locks, the clock of its leases,
//! and the grace period.
//!
//! While any client of any of its mount targets may still reclaim, nobody takes anything new.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use localefs_protocol::nfs4::Clientid4;
use localefs_vfs as vfs;

use crate::buffers::Buffers;
use crate::config::{ClientRecords, Config, FileSystemConfig, RecordsError, Resources};
use crate::limits;
use crate::server::{Server, StartError};
use crate::state::{Client, Clock, Files, Grace, Millis};

/// A file system as its mount targets serve it. A [`Server`] for each comes from
/// [`FileSystem::mount_target`].
pub struct FileSystem {
    pub(crate) vfs: Arc<vfs::FileSystem>,
    pub(crate) files: Arc<Files>,
    pub(crate) lease: Duration,
    pub(crate) resources: Arc<Resources>,
    pub(crate) clock: Clock,
    /// For the data of READ.
    pub(crate) buffers: Buffers,
    pub(crate) records: Arc<dyn ClientRecords>,
    records_order: Mutex<()>,
    latest: AtomicU64,
    grace: Mutex<Grace>,
    servers: Mutex<Vec<Weak<Server>>>,
}

impl FileSystem {
    /// Starts; the clients on record get a grace period to reclaim, whether or not their mount
    /// targets are there already.
    ///
    /// # Errors
    /// [`StartError::Records`].
    pub fn start(
        config: FileSystemConfig,
        vfs: Arc<vfs::FileSystem>,
        records: Arc<dyn ClientRecords>,
        now: Instant,
    ) -> Result<Arc<Self>, StartError> {
        let on_record = records.load()?;
        if !on_record.is_empty() {
            tracing::info!(
                clients = on_record.len(),
                "grace period: clients may reclaim what they held"
            );
        }
        let file_system = Arc::new(Self {
            vfs,
            files: Arc::default(),
            // Clients may let two thirds of a lease pass, so that a stop must cost them little.
            clock: Clock::new(now, 3 * tick_interval(config.lease)),
            buffers: Buffers::default(),
            grace: Mutex::new(Grace::new(on_record, millis(config.lease))),
            lease: config.lease,
            resources: config.resources,
            records,
            records_order: Mutex::default(),
            latest: AtomicU64::new(0),
            servers: Mutex::default(),
        });
        file_system.resources.enter(&file_system);
        Ok(file_system)
    }

    /// Adds a mount target. It is to be ended with [`Server::close`], unless all ends.
    #[must_use]
    pub fn mount_target(self: &Arc<Self>, config: Config) -> Arc<Server> {
        let server = Arc::new(Server::new(Arc::clone(self), config));
        self.list().push(Arc::downgrade(&server));
        server
    }

    /// Ends the grace period in time, and forgets clients that have not been heard of for a lease
    /// and hold nothing, or for a day. May wait for stable storage.
    pub fn tick(&self, now: Instant) {
        let now = self.clock.at(now);
        self.latest.fetch_max(now, Ordering::Relaxed);
        self.buffers.trim();
        self.end_grace(now);
        for server in self.servers() {
            for client in server.clients.expired(now) {
                let (_, opens, _) = client.counts();
                if opens == 0 || client.idle(now) >= limits::COURTESY {
                    server.expel(&client);
                }
            }
        }
    }

    /// How long the grace period may still last, while there is one.
    #[must_use]
    pub fn grace_left(&self, now: Instant) -> Option<Duration> {
        let now = self.clock.at(now);
        let ends = self.grace().ends()?;
        Some(Duration::from_millis(ends.saturating_sub(now)))
    }

    /// The time of the last tick.
    pub(crate) fn latest(&self) -> Millis {
        self.latest.load(Ordering::Relaxed)
    }

    /// Whether clients may reclaim, and nobody may take anything new.
    pub(crate) fn in_grace(&self) -> bool {
        self.grace().ends().is_some()
    }

    /// Ends the grace period if its time is over. Those who did not come back are off the record
    /// before anybody may take what they held (RFC 8881 §8.4.3).
    fn end_grace(&self, now: Millis) {
        let late = self.grace().late(now);
        if late.is_empty() {
            return;
        }
        tracing::info!(
            clients = late.len(),
            "grace period over: some did not come back"
        );
        for (mount_target, co_ownerid) in late {
            let _order = self.records_order();
            if self.grace().may_reclaim(&mount_target, &co_ownerid)
                && let Err(error) = self.records.remove(&mount_target, &co_ownerid)
            {
                tracing::warn!(%error, "the grace period goes on: a client can't be struck off");
                return;
            }
        }
        self.grace().end();
    }

    /// The client of an id, on whichever mount target it is.
    pub(crate) fn client(&self, id: Clientid4) -> Option<(Arc<Server>, Arc<Client>)> {
        let find = |server: Arc<Server>| server.clients.get(id).map(|client| (server, client));
        self.servers().into_iter().find_map(find)
    }

    /// The client that has been silent for longest of those whose lease has expired, and for how
    /// long.
    fn longest_expired(&self, now: Millis) -> Option<(Millis, Arc<Server>, Arc<Client>)> {
        let expired = self.servers().into_iter().flat_map(|server| {
            let expired = server.clients.expired(now);
            expired
                .into_iter()
                .map(move |client| (client.idle(now), Arc::clone(&server), client))
        });
        expired.max_by_key(|(idle, ..)| *idle)
    }

    /// Makes room where descriptors run short, which all file systems of the process share.
    pub(crate) fn expel_longest_expired(&self) -> bool {
        let file_systems = self.resources.file_systems();
        // Each has a clock of its own, that shows the last tick.
        let expired = file_systems
            .iter()
            .filter_map(|other| other.longest_expired(other.latest()));
        let longest = expired.max_by_key(|(idle, ..)| *idle);
        longest.is_some_and(|(_, server, client)| server.expel(&client))
    }

    /// Takes a mount target off the list, and its clients off the record and out of the grace
    /// period. `stop` is called while no client can be put on record.
    ///
    /// # Errors
    /// Those of stable storage; nothing has changed then, but that `stop` was called.
    pub(crate) fn forget(
        &self,
        mount_target: &Server,
        stop: impl FnOnce(),
    ) -> Result<(), RecordsError> {
        let _order = self.records_order();
        stop();
        let name = &mount_target.config.mount_target;
        self.records.remove_all(name)?;
        self.grace().forget(name);
        self.list()
            .retain(|server| !std::ptr::eq(server.as_ptr(), mount_target));
        Ok(())
    }

    /// Held while stable storage is changed, so that what is there agrees with the table.
    pub(crate) fn records_order(&self) -> MutexGuard<'_, ()> {
        self.records_order
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn grace(&self) -> MutexGuard<'_, Grace> {
        self.grace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn servers(&self) -> Vec<Arc<Server>> {
        self.list().iter().filter_map(Weak::upgrade).collect()
    }

    fn list(&self) -> MutexGuard<'_, Vec<Weak<Server>>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for FileSystem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileSystem")
            .field("vfs", &self.vfs)
            .finish_non_exhaustive()
    }
}

/// How often [`FileSystem::tick`] is to be called: often enough for a lease, and once a second at
/// least.
#[must_use]
pub fn tick_interval(lease: Duration) -> Duration {
    (lease / 24).min(Duration::from_secs(1))
}

pub(crate) fn millis(duration: Duration) -> Millis {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
