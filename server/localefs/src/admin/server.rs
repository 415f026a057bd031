//! The server's end of the socket.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use localefs_control::control::Control;
use localefs_control::explain::{self, Explanation, Question};
use tokio::net::UnixListener;
use tokio::task::JoinSet;
use tracing::{debug, error};

use super::faults::Refusal;
use super::socket;
use super::status::{FileSystemStatus, Health, Status};
use crate::control_plane::ControlState;
use crate::data_plane::DataPlane;
use crate::error::StartError;
use crate::faults::Faults;
use crate::names::Names;
use crate::running::Description;
use crate::transport::Connections;

/// Where answers come from.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) description: Arc<Description>,
    pub(crate) data_plane: DataPlane,
    pub(crate) connections: Connections,
    pub(crate) faults: Faults,
    pub(crate) names: Names,
    pub(crate) control: Arc<Control>,
    pub(crate) state: ControlState,
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
            .route("/network", get(super::network::network))
            .route("/explain", post(explain))
            .merge(super::faults::router())
            .merge(super::state::router())
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

async fn explain(
    State(source): State<Source>,
    Json(asked): Json<Question>,
) -> Result<Json<Explanation>, Refusal> {
    let explained = explain::explain(&source.control, asked).await;
    explained.map(Json).map_err(|error| Refusal {
        error: error.to_string(),
    })
}

async fn status(State(source): State<Source>) -> Json<Status> {
    let description = &source.description;
    let mut file_systems = source.data_plane.file_systems();
    let network = source.names.network().unwrap_or_default();
    for target in file_systems.iter_mut().flat_map(|of| &mut of.mount_targets) {
        let mut known = network.mount_targets.iter();
        if let Some(known) = known.find(|known| known.id == target.id) {
            target.ip_address = Some(known.ip_address);
            target.security_groups.clone_from(&known.security_groups);
        }
    }
    let mount_targets = file_systems.iter().flat_map(|of| &of.mount_targets);
    let clients = mount_targets.flat_map(|target| &target.clients);
    let mut clients: Vec<_> = clients.cloned().collect();
    clients.sort_by(|one, other| one.clientid.cmp(&other.clientid));
    let grace_seconds = file_systems.iter().filter_map(|of| of.grace_seconds).max();
    Json(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        uptime_seconds: description.began.elapsed().as_secs(),
        nfs: description.nfs.clone(),
        api: Some(description.api),
        dns: description.dns,
        data: description.data.clone(),
        ephemeral: description.ephemeral,
        lease_seconds: description.lease.as_secs(),
        grace_seconds,
        connections: source.connections.count(),
        faults: source.faults.list().len(),
        file_system: FileSystemStatus {
            id: description.file_system.clone(),
            root: description.root.clone(),
        },
        file_systems,
        clients,
    })
}
