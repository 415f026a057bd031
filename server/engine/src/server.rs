//! The server of a mount target: its clients and sessions, and how they come and go.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dashmap::DashMap;
use localefs_protocol::nfs4::{Clientid4, Sessionid4};
use localefs_vfs as vfs;
use thiserror::Error;

use crate::compound::Compound;
use crate::config::{Config, RecordsError};
use crate::counts::{Counts, OperationCount};
use crate::faults::{Delay, Faults};
use crate::file_system::{FileSystem, millis};
use crate::limits;
use crate::reply::Reply;
use crate::rpc;
use crate::state::{AssertedUser, Budget, Client, Clients, Files, Millis, Session, StateidSource};

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
    /// Answered at once.
    Reply(Reply),
    /// The rest is likely to block: run [`Pending::finish`] on a thread that may.
    Pending(Pending),
    /// The same, but not before some time has passed.
    Delayed(Pending, Delay),
    /// Nothing that can be answered; close the connection.
    Close,
}

/// A call whose next operation is to run where it may block.
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
    /// Operations that were executed for it.
    pub operations: u64,
    /// Whom it said that it acts for: those who came first, in that order.
    pub users: Vec<AssertedUser>,
    /// Requests for others than those.
    pub other_calls: u64,
}

/// One NFSv4.1 server: a mount target of a file system, with its clients.
pub struct Server {
    pub(crate) config: Config,
    pub(crate) file_system: Arc<FileSystem>,
    /// Those of the file system, at hand.
    pub(crate) fs: Arc<vfs::FileSystem>,
    pub(crate) files: Arc<Files>,
    pub(crate) clients: Clients,
    pub(crate) sessions: DashMap<Sessionid4, Arc<Session>>,
    pub(crate) stateids: StateidSource,
    pub(crate) reply_memory: Arc<Budget>,
    faults: Arc<Faults>,
    pub(crate) counts: Counts,
    last_session: AtomicU64,
    closed: AtomicBool,
}

impl Server {
    pub(crate) fn new(file_system: Arc<FileSystem>, config: Config) -> Self {
        let lease = millis(file_system.lease);
        Self {
            clients: Clients::new(
                config.boot,
                lease,
                Arc::clone(&file_system.resources.quotas),
            ),
            stateids: StateidSource::new(config.boot),
            fs: Arc::clone(&file_system.vfs),
            files: Arc::clone(&file_system.files),
            reply_memory: Arc::clone(&file_system.resources.reply_memory),
            faults: Arc::clone(&file_system.resources.faults),
            file_system,
            config,
            sessions: DashMap::new(),
            counts: Counts::default(),
            last_session: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        }
    }

    /// Takes one record. May wait for the disk now and then, as far as [`crate::InPlace`] lets it.
    pub fn receive(
        self: &Arc<Self>,
        record: &Bytes,
        connection: &Arc<Connection>,
        now: Instant,
    ) -> Received {
        if self.closed.load(Ordering::Relaxed) {
            return Received::Close;
        }
        let faults = self.faults.plight(now);
        let at = self.file_system.clock.at(now);
        rpc::receive(self, record, connection, at, faults)
    }

    /// The faults that users asked for: the same for all servers of a process.
    #[must_use]
    pub fn faults(&self) -> &Arc<Faults> {
        &self.faults
    }

    /// Ends the mount target: nothing more is received, its clients are off the record, and what
    /// they held is free. Calls that are under way run to their end, but take no new state. May
    /// wait for stable storage.
    ///
    /// # Errors
    /// Those of stable storage; the mount target then goes on.
    pub fn close(&self) -> Result<(), RecordsError> {
        let stop = || self.closed.store(true, Ordering::SeqCst);
        if let Err(error) = self.file_system.forget(self, stop) {
            self.closed.store(false, Ordering::SeqCst);
            return Err(error);
        }
        for client in self.clients.all() {
            self.clients.remove(&client);
            self.dismantle(&client);
        }
        Ok(())
    }

    /// A picture for people.
    #[must_use]
    pub fn status(&self, now: Instant) -> Vec<ClientStatus> {
        let now = self.file_system.clock.at(now);
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
                operations: client.activity.operations(),
                users: client.activity.users(),
                other_calls: client.activity.other_calls(),
            }
        });
        clients.collect()
    }

    /// How often its clients had each operation executed, in the order of their numbers.
    #[must_use]
    pub fn operations(&self) -> Vec<OperationCount> {
        self.counts.all()
    }

    /// The time of the last tick.
    pub(crate) fn latest(&self) -> Millis {
        self.file_system.latest()
    }

    /// Whether clients may reclaim, and nobody may take anything new.
    pub(crate) fn in_grace(&self) -> bool {
        self.file_system.in_grace()
    }

    /// Whether this client held something before the restart, and may reclaim it.
    pub(crate) fn may_reclaim(&self, client: &Client) -> bool {
        let name = &self.config.mount_target;
        self.file_system
            .grace()
            .may_reclaim(name, &client.co_ownerid)
    }

    /// The client has reclaimed all: from now on it is on record.
    ///
    /// # Errors
    /// Those of stable storage; then it has not.
    pub(crate) fn reclaimed(&self, client: &Client) -> Result<(), RecordsError> {
        let name = &self.config.mount_target;
        let _order = self.file_system.records_order();
        if self.closed.load(Ordering::SeqCst) {
            return Err(RecordsError("the mount target is gone".into()));
        }
        self.file_system.records.add(name, &client.co_ownerid)?;
        client.complete_reclaim();
        self.file_system.grace().complete(name, &client.co_ownerid);
        Ok(())
    }

    pub(crate) fn next_session_id(&self, client: &Client) -> Sessionid4 {
        let number = self.last_session.fetch_add(1, Ordering::Relaxed) + 1;
        let id = u128::from(client.id) << 64 | u128::from(number);
        Sessionid4(id.to_be_bytes())
    }

    /// Whether [`Server::expel_if_expired`] may say yes.
    pub(crate) fn may_be_expelled(&self, clientid: Clientid4, now: Millis) -> bool {
        let holder = self.file_system.client(clientid);
        holder.is_none_or(|(server, client)| server.clients.is_expired(&client, now))
    }

    /// Makes room where an expired client holds what somebody needs, whichever mount target it
    /// came through. `false` if the client is alive, or can't be made to go.
    pub(crate) fn expel_if_expired(&self, clientid: Clientid4, now: Millis) -> bool {
        let Some((server, client)) = self.file_system.client(clientid) else {
            return true;
        };
        server.clients.is_expired(&client, now) && {
            tracing::info!(
                client = %String::from_utf8_lossy(&client.co_ownerid),
                "its lease has expired, and somebody needs what it holds"
            );
            server.expel(&client)
        }
    }

    /// Makes room where there are too many clients.
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
        let (sessions, opens) = client.kill();
        for session in sessions {
            self.sessions.remove(&session);
        }
        for open in opens {
            drop(open.file().expel(client.id));
            self.files.retire_if_unused(open.node().key());
        }
    }

    /// Takes a client off stable storage, durably.
    ///
    /// # Errors
    /// Those of the storage.
    pub(crate) fn strike_off(&self, client: &Arc<Client>) -> Result<(), RecordsError> {
        let _order = self.file_system.records_order();
        // One that never said that it has reclaimed may have a record of before the restart,
        // which belongs to whoever comes back under its name; a later incarnation has its own.
        let later = self.clients.confirmed_of(&client.co_ownerid);
        let belongs_to_another =
            later.is_some_and(|later| !Arc::ptr_eq(&later, client) && later.has_reclaimed());
        if !client.has_reclaimed() || belongs_to_another {
            return Ok(());
        }
        let name = &self.config.mount_target;
        self.file_system.records.remove(name, &client.co_ownerid)
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
