//! The changes, each while no other is made.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use localefs_vfs::FileSystem;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{info, warn};

use super::error::DataPlaneError;
use super::removal::set_aside;
use super::served::{MountTarget, Served};
use crate::data_dir::is_id;
use crate::error::ListenError;
use crate::transport::Group;

/// How long calls of a mount target that is deleted may take to finish.
const CALLS_END: Duration = Duration::from_millis(500);

/// How long what still uses a deleted file system is waited for before its tree is moved. What
/// takes longer hangs in the kernel; its tree is not removed before it ends.
const USE_ENDS: Duration = Duration::from_secs(2);

type Result<T> = std::result::Result<T, DataPlaneError>;

pub(super) async fn delete_file_system(served: &Arc<Served>, id: &str) -> Result<()> {
    let in_the_data_directory = {
        let table = served.table();
        let mount_targets = table.mount_targets_of(id);
        if !mount_targets.is_empty() {
            let id = id.to_owned();
            return Err(DataPlaneError::FileSystemInUse { id, mount_targets });
        }
        let known = table.file_systems.get(id);
        known.map(|file_system| file_system.identity.tree.is_none())
    };
    match in_the_data_directory {
        Some(true) => {}
        Some(false) => {
            let name = id.to_owned();
            let _users = blocking(served, move |served| Ok(served.let_go(&name))).await?;
            info!(file_system = id, "not served any more; its files stay");
            return Ok(());
        }
        None => {
            let name = id.to_owned();
            let known = blocking(served, move |served| {
                Ok(served
                    .store
                    .file_system(&name)
                    .map_err(|error| served.store(error))?)
            });
            if known.await?.is_none_or(|known| known.tree.is_some()) {
                return Err(DataPlaneError::FileSystemNotFound(id.to_owned()));
            }
        }
    }
    let name = id.to_owned();
    let users = blocking(served, move |served| {
        let removed = served.store.remove_file_system(&name);
        removed.map_err(|error| served.store(error))?;
        Ok(served.let_go(&name))
    })
    .await?;
    unused(&users).await;
    served.remover.wait_for(id, users);
    let name = id.to_owned();
    let aside = blocking(served, move |served| {
        set_aside(&served.layout, &served.store, &name)
    });
    // It is deleted; if its files can't be moved, the next start tries again.
    if let Err(error) = aside.await {
        warn!(file_system = id, %error, "files of a deleted file system stay behind");
    }
    served.remover.remove_all();
    info!(file_system = id, "deleted");
    Ok(())
}

/// Makes durable who the file systems are: clients keep their handles.
pub(super) async fn settle(served: &Arc<Served>) -> Result<()> {
    blocking(served, |served| {
        let settled = served.store.settle();
        Ok(settled.map_err(|error| served.store(error))?)
    })
    .await
}

pub(super) async fn create_mount_target(
    served: &Arc<Served>,
    file_system: &str,
    id: &str,
    address: SocketAddr,
) -> Result<SocketAddr> {
    check_id(id, "fsmt-")?;
    let (of, existing) = {
        let table = served.table();
        if table.stopped {
            return Err(DataPlaneError::Stopped);
        }
        let of = table.file_systems.get(file_system).cloned();
        let of = of.ok_or_else(|| DataPlaneError::FileSystemNotFound(file_system.to_owned()))?;
        let existing = table.mount_targets.get(id);
        if let Some(other) = existing.filter(|target| !Arc::ptr_eq(&target.file_system, &of)) {
            return Err(DataPlaneError::MountTargetExists {
                id: id.to_owned(),
                file_system: other.file_system.identity.id.clone(),
            });
        }
        (of, existing.map(|target| target.group))
    };
    if let Some(group) = existing {
        return listen(served, group, address);
    }
    let (name, file_system) = (id.to_owned(), Arc::clone(&of));
    settle(served).await?;
    let server = blocking(served, move |served| {
        Ok(served.new_server(&file_system, &name)?)
    })
    .await?;
    let group = served.enter(&of, id, &server);
    let address = match listen(served, group, address) {
        Ok(address) => address,
        Err(error) => {
            // Its clients, if it had any before a restart, stay on record.
            served.transport.remove(group, Duration::ZERO).await;
            return Err(error);
        }
    };
    let leads = {
        let table = served.table();
        table.first == of.identity.id && table.front_door.is_none()
    };
    if leads && let Err(error) = set_front_door(served, &of.identity.id, Some(id)).await {
        served.transport.remove(group, Duration::ZERO).await;
        return Err(error);
    }
    let target = MountTarget {
        file_system: Arc::clone(&of),
        server,
        group,
    };
    let mut table = served.table();
    table.mount_targets.insert(id.to_owned(), target);
    if leads {
        table.front_door = Some(id.to_owned());
        served.transport.lead(Some(group));
    }
    drop(table);
    info!(mount_target = id, file_system = of.identity.id, %address, "mount target");
    Ok(address)
}

pub(super) async fn delete_mount_target(served: &Arc<Served>, id: &str) -> Result<()> {
    let (server, group, file_system, leads) = {
        let table = served.table();
        let target = table.mount_targets.get(id);
        let target = target.ok_or_else(|| DataPlaneError::MountTargetNotFound(id.to_owned()))?;
        let server = Arc::clone(&target.server);
        let file_system = target.file_system.identity.id.clone();
        let leads = table.front_door.as_deref() == Some(id);
        (server, target.group, file_system, leads)
    };
    if leads {
        set_front_door(served, &file_system, None).await?;
    }
    let closed = blocking(served, move |_| Ok(server.close()?)).await;
    if let Err(error) = closed {
        if leads {
            set_front_door(served, &file_system, Some(id)).await?;
        }
        return Err(error);
    }
    served.transport.remove(group, CALLS_END).await;
    let mut table = served.table();
    table.mount_targets.remove(id);
    table.rules.remove(id);
    if leads {
        table.front_door = None;
    }
    drop(table);
    info!(mount_target = id, file_system, "mount target deleted");
    Ok(())
}

/// Serves exactly these mount targets: by id, of which file system and where. Tells which of them
/// could not be served, or of those that were to go could not be closed.
pub(super) async fn serve_mount_targets(
    served: &Arc<Served>,
    targets: &BTreeMap<String, (String, SocketAddr)>,
) -> BTreeMap<String, DataPlaneError> {
    let mut failed = BTreeMap::new();
    let known: Vec<_> = served.table().mount_targets.keys().cloned().collect();
    for id in known.into_iter().filter(|id| !targets.contains_key(id)) {
        if let Err(error) = delete_mount_target(served, &id).await {
            failed.insert(id, error);
        }
    }
    for (id, (file_system, address)) in targets {
        if let Err(error) = create_mount_target(served, file_system, id, *address).await {
            failed.insert(id.clone(), error);
        }
    }
    failed
}

pub(super) fn listen(served: &Served, group: Group, address: SocketAddr) -> Result<SocketAddr> {
    let listening = served.transport.listen(group, address);
    Ok(listening.map_err(|error| ListenError::new(address, error))?)
}

/// Waits, for a while, until nothing uses a file system any more.
pub(super) async fn unused(users: &Weak<FileSystem>) {
    let end = Instant::now() + USE_ENDS;
    while users.strong_count() > 0 && Instant::now() < end {
        sleep(Duration::from_millis(2)).await;
    }
}

async fn set_front_door(served: &Arc<Served>, file_system: &str, id: Option<&str>) -> Result<()> {
    let (file_system, id) = (file_system.to_owned(), id.map(str::to_owned));
    blocking(served, move |served| {
        let set = served.store.set_front_door(&file_system, id.as_deref());
        Ok(set.map_err(|error| served.store(error))?)
    })
    .await
}

/// Does what may block on a thread that may.
pub(super) fn blocking<T: Send + 'static>(
    served: &Arc<Served>,
    work: impl FnOnce(&Served) -> Result<T> + Send + 'static,
) -> impl Future<Output = Result<T>> + Send {
    let served = Arc::clone(served);
    // Boxed, all work with the same result is one task to tokio, which has much code for each.
    run_blocking(Box::new(move || work(&served)))
}

async fn run_blocking<T: Send + 'static>(work: Box<dyn FnOnce() -> Result<T> + Send>) -> Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|error| {
        // A panic has been reported where it happened; else the server stops.
        warn!(%error, "a change of file systems was cut short");
        Err(DataPlaneError::Stopped)
    })
}

pub(super) fn check_id(id: &str, prefix: &'static str) -> Result<()> {
    if is_id(id, prefix) {
        return Ok(());
    }
    let id = id.to_owned();
    Err(DataPlaneError::InvalidId { id, prefix })
}

impl DataPlaneError {
    pub(super) fn remove(path: &std::path::Path, error: io::Error) -> Self {
        Self::Remove {
            path: path.to_owned(),
            error,
        }
    }
}
