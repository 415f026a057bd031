//! The server's end of the socket.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use localefs_engine as engine;
use tokio::net::UnixListener;
use tokio::task::JoinSet;
use tracing::{debug, error};

use super::socket;
use super::status::{ClientStatus, FileSystemStatus, Health, Status, hostname};
use crate::error::StartError;
use crate::faults::Faults;
use crate::running::Description;
use crate::transport::Connections;

/// Where answers come from.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) description: Arc<Description>,
    pub(crate) server: Arc<engine::Server>,
    pub(crate) connections: Connections,
    pub(crate) faults: Faults,
}

/// The socket, removed on drop.
#[derive(Debug)]
pub(crate) struct Socket(PathBuf);

impl Socket {
    /// Serves in a task among `tasks`. The caller holds the data directory's lock, so that a
    /// socket found there belongs to nobody.
    pub(crate) fn start(
        data: &Path,
        source: Source,
        tasks: &mut JoinSet<()>,
    ) -> Result<Self, StartError> {
        let path = data.join(socket::NAME);
        let listener = bind(data).map_err(|error| StartError::Admin {
            path: path.clone(),
            error,
        })?;
        let router = Router::new()
            .route("/health", get(health))
            .route("/status", get(status))
            .merge(super::faults::router())
            .with_state(source);
        tasks.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                error!(%error, "commands cannot reach this server any more");
            }
        });
        Ok(Self(path))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            debug!(path = %self.0.display(), %error, "the socket stays behind");
        }
    }
}

fn bind(data: &Path) -> io::Result<UnixListener> {
    let (path, _directory) = socket::path(data)?;
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    UnixListener::bind(path)
}

async fn health() -> Json<Health> {
    Json(Health {
        status: "ok".to_owned(),
    })
}

async fn status(State(source): State<Source>) -> Json<Status> {
    let description = &source.description;
    let picture = source.server.status(Instant::now());
    let mut clients: Vec<_> = picture.clients.into_iter().map(client).collect();
    clients.sort_by(|one, other| one.clientid.cmp(&other.clientid));
    Json(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        uptime_seconds: description.began.elapsed().as_secs(),
        nfs: description.nfs.clone(),
        api: None,
        data: description.data.clone(),
        ephemeral: description.ephemeral,
        lease_seconds: description.lease.as_secs(),
        grace_seconds: picture.grace.map(rounded_up),
        connections: source.connections.count(),
        faults: source.faults.list().len(),
        file_system: FileSystemStatus {
            id: description.file_system.clone(),
            root: description.root.clone(),
        },
        clients,
    })
}

fn client(client: engine::ClientStatus) -> ClientStatus {
    ClientStatus {
        clientid: format!("{:016x}", client.clientid),
        hostname: hostname(&client.owner),
        owner: client.owner,
        address: client.peer,
        idle_seconds: client.idle.as_secs(),
        expired: client.expired,
        sessions: client.sessions,
        opens: client.opens,
        locks: client.locks,
    }
}

// A grace period that is not over is never shown as 0.
fn rounded_up(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
