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
use crate::reply::Reply;
use crate::rpc;
use crate::state::{Client, Clients, Clock, Files, Grace, Millis, Session, State, StateidSource};

/// The longest record that a transport needs to take. A longer one can't be a request of any
/// session; one that is only longer than its own session allows gets NFS4ERR_REQ_TOO_BIG.
pub const MAX_RECORD: usize = 2 * crate::limits::MAX_MESSAGE as usize;

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
    records: Arc<dyn ClientRecords>,
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
            clients: Clients::new(config.boot, lease),
            stateids: StateidSource::new(config.boot),
            // Half a lease: a stop of the server costs its clients no more.
            clock: Clock::new(now, (config.lease / 2).max(Duration::from_secs(2))),
            grace: Mutex::new(Grace::new(on_record, lease)),
            config,
            fs,
            records,
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
        rpc::receive(self, record, connection, self.clock.at(now))
    }

    /// Ends the grace period in time, and forgets clients that hold nothing and have not been
    /// heard of for a lease. To be called once a second; may wait for stable storage.
    pub fn tick(&self, now: Instant) {
        let now = self.clock.at(now);
        let late = self.grace().expire(now);
        if !late.is_empty() {
            tracing::info!(
                clients = late.len(),
                "grace period over: some did not come back"
            );
        }
        for co_ownerid in late {
            self.forget_record(&co_ownerid);
        }
        for client in self.clients.sweep(now) {
            self.dismantle(&client);
            self.strike_off(&client);
        }
    }

    /// A picture for people.
    #[must_use]
    pub fn status(&self, now: Instant) -> Status {
        let now = self.clock.at(now);
        let lease = millis(self.config.lease);
        let clients = self.clients.confirmed().into_iter().map(|client| {
            let (sessions, opens, _) = client.counts();
            let idle = client.idle(now);
            ClientStatus {
                clientid: client.id,
                owner: String::from_utf8_lossy(&client.co_ownerid).into_owned(),
                peer: client.peer,
                idle: Duration::from_millis(idle),
                expired: idle >= lease,
                sessions,
                opens,
                locks: locks_of(&client),
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

    /// Whether clients may reclaim, and nobody may take anything new.
    pub(crate) fn in_grace(&self) -> bool {
        self.grace().ends().is_some()
    }

    /// Whether this client may reclaim.
    pub(crate) fn may_reclaim(&self, client: &Client) -> bool {
        !client.has_reclaimed() && self.grace().may_reclaim(&client.co_ownerid)
    }

    /// The client has reclaimed all: from now on it is on record.
    pub(crate) fn reclaimed(&self, client: &Client) -> Result<(), RecordsError> {
        self.records.add(&client.co_ownerid)?;
        self.grace().complete(&client.co_ownerid);
        Ok(())
    }

    pub(crate) fn next_session_id(&self, client: &Client) -> Sessionid4 {
        let number = self.last_session.fetch_add(1, Ordering::Relaxed) + 1;
        let id = u128::from(client.id) << 64 | u128::from(number);
        Sessionid4(id.to_be_bytes())
    }

    /// Whether the lease of a client has run out.
    pub(crate) fn is_expired(&self, client: &Client, now: Millis) -> bool {
        client.idle(now) >= millis(self.config.lease)
    }

    /// Makes room where an expired client holds what somebody needs. `false` if the client is
    /// alive.
    pub(crate) fn expel_if_expired(&self, clientid: Clientid4, now: Millis) -> bool {
        let Some(client) = self.clients.get(clientid) else {
            return true;
        };
        if !self.is_expired(&client, now) {
            return false;
        }
        tracing::info!(
            client = %String::from_utf8_lossy(&client.co_ownerid),
            "its lease has expired, and somebody needs what it holds"
        );
        if self.clients.remove(&client) {
            self.dismantle(&client);
            self.strike_off(&client);
        }
        true
    }

    /// Takes apart a client that is off the record: sessions, opens and locks.
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

    /// Takes a client that is gone off stable storage: it must not reclaim what others may have
    /// taken since.
    pub(crate) fn strike_off(&self, client: &Client) {
        // One that never said that it has reclaimed may have a record of before the restart,
        // which belongs to whoever comes back under its name.
        if client.has_reclaimed() {
            self.forget_record(&client.co_ownerid);
        }
    }

    fn forget_record(&self, co_ownerid: &[u8]) {
        if let Err(error) = self.records.remove(co_ownerid) {
            tracing::warn!(%error, "a client that is gone may reclaim after a restart");
        }
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

fn locks_of(client: &Client) -> usize {
    let mut files = Vec::new();
    for state in client.states() {
        if let State::Lock(lock) = state {
            files.push(Arc::clone(lock.open.file()));
        }
    }
    files.sort_by_key(Arc::as_ptr);
    files.dedup_by(|a, b| Arc::ptr_eq(a, b));
    files.iter().map(|file| file.locks_of(client.id)).sum()
}

fn millis(duration: Duration) -> Millis {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
