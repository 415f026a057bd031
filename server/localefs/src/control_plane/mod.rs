//! The control plane in this process: its records in the same database, its file systems and
//! mount targets in the same data plane, and AWS's API on a socket.

mod guard;
mod mount_targets;
mod plane;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use localefs_control::adopt::Adopted;
use localefs_control::api::{self, Api};
use localefs_control::authorize::IamGate;
use localefs_control::control::{Control, Settings};
use localefs_control::data_plane;
use localefs_control::records::FileSystem;
use localefs_control::store::Store;
use redb::Database;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::data_plane::DataPlane;
use crate::error::{ListenError, StartError};
use crate::faults::Faults;

pub(crate) use mount_targets::Addresses;
use plane::Plane;

/// Opens the API's socket.
///
/// # Errors
/// [`ListenError`] says what can be done.
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    api::bind(address).map_err(|error| ListenError::new(address, error))
}

/// Starts the control plane, with tasks among `tasks`, and serves its API on `listener`. What is
/// on record is served when this returns.
///
/// # Errors
/// Those of the records, and of the system.
pub(crate) async fn start(
    (settings, addresses): (Settings, Addresses),
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
    let address = listener.local_addr().map_err(StartError::Threads)?;
    let api = Api::start(Arc::clone(&control), listener)
        .map_err(|error| StartError::Api(ListenError::new(address, error)))?;
    info!(address = %api.address(), "AWS's API");
    Ok((api, control))
}
