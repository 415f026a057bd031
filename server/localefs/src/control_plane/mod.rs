//! The control plane in this process: its records in the same database, its file systems and
//! mount targets in the same data plane, and AWS's API on a socket.

mod directories;
mod guard;
mod mount_targets;
mod plane;
mod state;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use localefs_control::adopt::Adopted;
use localefs_control::api::{self, Api};
use localefs_control::authorize::IamGate;
use localefs_control::control::{Control, Settings};
use localefs_control::data_plane;
use localefs_control::records::FileSystem;
use localefs_control::seed::{Seed, SeedError};
use localefs_control::store::Store;
use redb::Database;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::data_plane::DataPlane;
use crate::error::{ListenError, StartError};
use crate::faults::Faults;

pub(crate) use mount_targets::Addresses;
use plane::Plane;
pub(crate) use state::ControlState;
pub use state::{Imported, StateError};

/// Opens the API's socket.
///
/// # Errors
/// [`ListenError`] says what can be done.
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    api::bind(address).map_err(|error| ListenError::new(address, error))
}

/// Reads a seed.
///
/// # Errors
/// [`SeedError`] says what is wrong with the file.
pub(crate) fn read_seed(path: &Path) -> Result<Seed, SeedError> {
    let file = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Seed::parse(&file, &text),
        Err(error) => Err(SeedError::Unreadable { file, error }),
    }
}

/// Starts the control plane, with tasks among `tasks`, and serves its API on `listener`. What is
/// on record is served when this returns, and what the seed says is there.
///
/// # Errors
/// Those of the records, and of the system.
pub(crate) async fn start(
    (settings, addresses, seed): (Settings, Addresses, Option<Seed>),
    database: Arc<Database>,
    (data_plane, faults, (is_there, first)): (DataPlane, Faults, (bool, Adopted)),
    listener: TcpListener,
    tasks: &mut JoinSet<()>,
) -> Result<(Api, Arc<Control>), StartError> {
    let store = Store::open(database)?;
    let (publisher, subscription) = data_plane::channel();
    let gate = Arc::new(IamGate::new(settings.clone()));
    let failing = faults.api();
    let plane = Arc::new(Plane::new(data_plane.clone(), faults));
    let control = Control::start(settings, store, plane, publisher, gate, failing).await?;
    if is_there {
        control.adopt(first).await?;
    } else {
        control.reset_to(first);
    }
    for file_system in control.store.view()?.all::<FileSystem>()? {
        if let Err(error) = data_plane.create_file_system(&file_system.id).await {
            warn!(file_system = file_system.id, %error, "not served");
        }
    }
    tasks.spawn(mount_targets::follow(data_plane, subscription, addresses));
    if let Some(settled) = control.serve().await {
        for (mount_target, error) in settled.failed {
            warn!(mount_target, error, "not served at its own address");
        }
    }
    tasks.spawn(Arc::clone(&control).keep());
    if let Some(seed) = seed {
        control.sow(seed).await?;
    }
    let address = listener.local_addr().map_err(StartError::Threads)?;
    let api = Api::start(Arc::clone(&control), listener)
        .map_err(|error| StartError::Api(ListenError::new(address, error)))?;
    info!(address = %api.address(), "AWS's API");
    Ok((api, control))
}
