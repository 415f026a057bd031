//! The server: its clients, sessions and files, and what happens to them as time passes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dashmap::DashMap;
use localefs_protocol::nfs4::{Clientid4, Sessionid4};
use localefs_vfs::FileSystem;
use thiserror::Error;

use crate::compound::Compound;
use crate::config::{ClientRecords, Config, RecordsError};
use crate::faults::{Delay, Faults};
use crate::limits;
use crate::reply::Reply;
use crate::rpc;
use crate::state::{
    Budget, Client, Clients, Clock, Files, Grace, Millis, Quota, Session, State, StateidSource,
};

/// The longest record that a transport needs to take. A longer one can't be a request of any
/// session; one that is only longer than its own session allows gets NFS4ERR_REQ_TOO_BIG.
pub const MAX_RECORD: usize = 2 * limits::MAX_MESSAGE as usize;

/// One TCP connection, as the transport announces it.
#[derive(Debug)]
pub struct Connection {
    /// Unique in this process.
    pub id: u64,
    /// The client's address and port. Any port will do.
    pub peer: SocketAddr,
}

/// What became of a record.
#[derive(Debug)]
pub enum Received {
    /// Answered at once, without blocking.
    Reply(Reply),
    /// The rest may block: run [`Pending::finish`] on a thread that may.
    Pending(Pending),
    /// The same, but not before some time has passed.
    Delayed(Pending, Delay),
    /// Nothing that can be answered; close the connection.
    Close,
}

/// A call whose next operation may block.
#[derive(Debug)]
pub struct Pending(pub(crate) Box<Compound>);

impl Pending {
    /// Runs the call to its end. A panic inside an operation is answered NFS4ERR_SERVERFAULT.
    #[must_use]
    pub fn finish(self) -> Reply {
        self.0.finish()
    }
}

/// Why a server did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The client records could not be read.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

/// One client, for people.
#[derive(Clone, Debug)]
pub struct ClientStatus {
    /// The id that EXCHANGE_ID gave it.
    pub clientid: Clientid4,
    /// `co_ownerid` as text; octets that are no text are replaced.
    pub owner: String,
    /// The address that it came from when it was new.
    pub peer: SocketAddr,
    /// Time since its lease was renewed.
    pub idle: Duration,
    /// Whether its lease has expired. Its state is kept until somebody needs it.
    pub expired: bool,
    /// Sessions.
    pub sessions: usize,
    /// Open files, counted for each open-owner.
    pub opens: usize,
    /// Byte-range locks.
    pub locks: usize,
}

/// A picture of the server, for people.
#[derive(Clone, Debug)]
pub struct Status {
    /// Confirmed clients.
    pub clients: Vec<ClientStatus>,
    /// How long the grace period may still last, while there is one.
    pub grace: Option<Duration>,
}

/// One NFSv4.1 server: the clients of one mount target, over one file system.
pub struct Server {
    pub(crate) config: Config,
    pub(crate) fs: Arc<FileSystem>,
    pub(crate) clients: Clients,
    pub(crate) sessions: DashMap<Sessionid4, Arc<Session>>,
    pub(crate) files: Files,
    pub(crate) stateids: StateidSource,
    pub(crate) reply_memory: Arc<Budget>,
    records: Arc<dyn ClientRecords>,
    records_order: Mutex<()>,
    faults: Arc<Faults>,
    latest: AtomicU64,
    grace: Mutex<Grace>,
    clock: Clock,
    last_session: AtomicU64,
}

impl Server {
    /// Starts over `fs`; clients on record get a grace period to reclaim.
    ///
    /// # Errors
    /// [`StartError::Records`].
    pub fn start(
        config: Config,
        fs: Arc<FileSystem>,
        records: Arc<dyn ClientRecords>,
        now: Instant,
    ) -> Result<Arc<Self>, StartError> {
        let lease = millis(config.lease);
        let on_record = records.load()?;
        let waiting = on_record.len();
        if waiting > 0 {
            tracing::info!(
                clients = waiting,
                "grace period: clients may reclaim what they held"
            );
        }
        Ok(Arc::new(Self {
            clients: Clients::new(
                config.boot,
                lease,
                Quota::new(limits::MAX_OPENS, config.max_opens),
            ),
            stateids: StateidSource::new(config.boot),
            // Clients may let two thirds of a lease pass, so that a stop must cost them little.
            clock: Clock::new(now, 3 * tick_interval(config.lease)),
            grace: Mutex::new(Grace::new(on_record, lease)),
            config,
            fs,
            records,
            records_order: Mutex::default(),
            faults: Arc::new(Faults::new(now)),
            latest: AtomicU64::new(0),
            reply_memory: Arc::new(Budget::new(limits::CACHED_REPLIES)),
            sessions: DashMap::new(),
            files: Files::default(),
            last_session: AtomicU64::new(0),
        }))
    }

    /// Takes one record.
    pub fn receive(
        self: &Arc<Self>,
        record: &Bytes,
        connection: &Arc<Connection>,
        now: Instant,
    ) -> Received {
        let faults = self.faults.plight(now);
        rpc::receive(self, record, connection, self.clock.at(now), faults)
    }

    /// The faults that users asked for.
    #[must_use]
    pub fn faults(&self) -> &Arc<Faults> {
        &self.faults
    }

    /// How often [`Server::tick`] is to be called.
    #[must_use]
    pub fn tick_interval(&self) -> Duration {
        tick_interval(self.config.lease)
    }

    /// Ends the grace period in time, and forgets clients that have not been heard of for a lease
    /// and hold nothing, or for a day. May wait for stable storage.
    pub fn tick(&self, now: Instant) {
        let now = self.clock.at(now);
        self.latest.fetch_max(now, Ordering::Relaxed);
        self.end_grace(now);
        for client in self.clients.expired(now) {
            let (_, opens, _) = client.counts();
            if opens == 0 || client.idle(now) >= limits::COURTESY {
                self.expel(&client);
            }
        }
    }

    /// A picture for people.
    #[must_use]
    pub fn status(&self, now: Instant) -> Status {
        let now = self.clock.at(now);
        let clients = self.clients.confirmed().into_iter().map(|client| {
            let (sessions, opens, _) = client.counts();
            let idle = client.idle(now);
            ClientStatus {
                clientid: client.id,
                owner: String::from_utf8_lossy(&client.co_ownerid).into_owned(),
                peer: client.peer,
                idle: Duration::from_millis(idle),
                expired: self.clients.is_expired(&client, now),
                sessions,
                opens,
                locks: client.locks(),
            }
        });
        let grace = self
            .grace()
            .ends()
            .map(|ends| Duration::from_millis(ends.saturating_sub(now)));
        Status {
            clients: clients.collect(),
            grace,
        }
    }

    /// The time of the last tick.
    pub(crate) fn latest(&self) -> Millis {
        self.latest.load(Ordering::Relaxed)
    }

    /// Whether clients may reclaim, and nobody may take anything new.
    pub(crate) fn in_grace(&self) -> bool {
        self.grace().ends().is_some()
    }

    /// Whether this client held something before the restart, and may reclaim it.
    pub(crate) fn may_reclaim(&self, client: &Client) -> bool {
        self.grace().may_reclaim(&client.co_ownerid)
    }

    /// The client has reclaimed all: from now on it is on record.
    ///
    /// # Errors
    /// Those of stable storage; then it has not.
    pub(crate) fn reclaimed(&self, client: &Client) -> Result<(), RecordsError> {
        let _order = self.records_order();
        self.records.add(&client.co_ownerid)?;
        client.complete_reclaim();
        self.grace().complete(&client.co_ownerid);
        Ok(())
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
        for co_ownerid in late {
            let _order = self.records_order();
            if self.grace().may_reclaim(&co_ownerid)
                && let Err(error) = self.records.remove(&co_ownerid)
            {
                tracing::warn!(%error, "the grace period goes on: a client can't be struck off");
                return;
            }
        }
        self.grace().end();
    }

    pub(crate) fn next_session_id(&self, client: &Client) -> Sessionid4 {
        let number = self.last_session.fetch_add(1, Ordering::Relaxed) + 1;
        let id = u128::from(client.id) << 64 | u128::from(number);
        Sessionid4(id.to_be_bytes())
    }

    /// Makes room where an expired client holds what somebody needs. `false` if the client is
    /// alive, or can't be made to go.
    pub(crate) fn expel_if_expired(&self, clientid: Clientid4, now: Millis) -> bool {
        let Some(client) = self.clients.get(clientid) else {
            return true;
        };
        self.clients.is_expired(&client, now) && {
            tracing::info!(
                client = %String::from_utf8_lossy(&client.co_ownerid),
                "its lease has expired, and somebody needs what it holds"
            );
            self.expel(&client)
        }
    }

    /// Makes room where descriptors or records run short.
    pub(crate) fn expel_longest_expired(&self, now: Millis) -> bool {
        let expired = self.clients.expired(now);
        let longest = expired.iter().max_by_key(|client| client.idle(now));
        longest.is_some_and(|client| self.expel(client))
    }

    /// Ends a client. It is off the record before anybody may take what it held: it must not
    /// reclaim that (RFC 8881 §8.4.3). `false` if stable storage fails.
    pub(crate) fn expel(&self, client: &Arc<Client>) -> bool {
        if let Err(error) = self.strike_off(client) {
            tracing::warn!(%error, "an expired client stays: it can't be struck off");
            return false;
        }
        self.clients.remove(client);
        self.dismantle(client);
        true
    }

    /// Takes apart a client that is off the table: sessions, opens and locks.
    pub(crate) fn dismantle(&self, client: &Client) {
        let (sessions, states) = client.kill();
        for session in sessions {
            self.sessions.remove(&session);
        }
        for state in states {
            if let State::Open(open) = state {
                drop(open.file().expel(client.id));
                self.files.retire_if_unused(open.node.key());
            }
        }
    }

    /// Takes a client off stable storage, durably.
    ///
    /// # Errors
    /// Those of the storage.
    pub(crate) fn strike_off(&self, client: &Arc<Client>) -> Result<(), RecordsError> {
        let _order = self.records_order();
        // One that never said that it has reclaimed may have a record of before the restart,
        // which belongs to whoever comes back under its name; a later incarnation has its own.
        let later = self.clients.confirmed_of(&client.co_ownerid);
        let belongs_to_another =
            later.is_some_and(|later| !Arc::ptr_eq(&later, client) && later.has_reclaimed());
        if !client.has_reclaimed() || belongs_to_another {
            return Ok(());
        }
        self.records.remove(&client.co_ownerid)
    }

    /// Held while stable storage is changed, so that what is there agrees with the table.
    fn records_order(&self) -> MutexGuard<'_, ()> {
        self.records_order
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn grace(&self) -> MutexGuard<'_, Grace> {
        self.grace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Often enough for the shortest lease, and once a second at least.
fn tick_interval(lease: Duration) -> Duration {
    (lease / 24).min(Duration::from_secs(1))
}

fn millis(duration: Duration) -> Millis {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
