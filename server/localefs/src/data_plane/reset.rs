//! Everything back to how it was when it was made, but for what is served where.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use localefs_vfs::{Identity, SetAttributes};
use tracing::info;

use super::change::{blocking, listen, unused};
use super::error::DataPlaneError;
use super::removal::move_aside;
use super::served::{FileSystem, MountTarget, Served};

/// A mount target that is to be there again.
struct Gone {
    id: String,
    file_system: String,
    addresses: Vec<SocketAddr>,
    leads: bool,
}

/// Ends the clients of all mount targets, and empties some file systems. The mount targets are
/// there again whatever could not be emptied.
pub(super) async fn reset(
    served: &Arc<Served>,
    file_systems: &[String],
) -> Result<(), DataPlaneError> {
    let gone = end_mount_targets(served).await?;
    let mut result = Ok(());
    for id in file_systems {
        let known = served.table().file_systems.get(id).cloned();
        let emptied = match known {
            None => Err(DataPlaneError::FileSystemNotFound(id.clone())),
            Some(known) if known.identity.tree.is_some() => Ok(()),
            Some(known) => empty(served, known).await,
        };
        result = result.and(emptied);
    }
    for target in gone {
        result = result.and(begin(served, target).await);
    }
    info!(?file_systems, "reset");
    result
}

async fn end_mount_targets(served: &Arc<Served>) -> Result<Vec<Gone>, DataPlaneError> {
    let targets: Vec<_> = {
        let table = served.table();
        let targets = table.mount_targets.iter().map(|(id, target)| {
            let gone = Gone {
                id: id.clone(),
                file_system: target.file_system.identity.id.clone(),
                addresses: served.transport.own_addresses(target.group),
                leads: table.front_door.as_ref() == Some(id),
            };
            (gone, Arc::clone(&target.server), target.group)
        });
        targets.collect()
    };
    let mut gone = Vec::new();
    for (target, server, group) in targets {
        if let Err(error) = blocking(served, move |_| Ok(server.close()?)).await {
            for target in gone {
                begin(served, target).await?;
            }
            return Err(error);
        }
        served.transport.remove(group, Duration::ZERO).await;
        served.table().mount_targets.remove(&target.id);
        gone.push(target);
    }
    Ok(gone)
}

async fn begin(served: &Arc<Served>, gone: Gone) -> Result<(), DataPlaneError> {
    let of = served.table().file_systems.get(&gone.file_system).cloned();
    let of = of.ok_or_else(|| DataPlaneError::FileSystemNotFound(gone.file_system.clone()))?;
    let (id, file_system) = (gone.id.clone(), Arc::clone(&of));
    let server = blocking(served, move |served| {
        Ok(served.new_server(&file_system, &id)?)
    })
    .await?;
    let group = served.enter(&of, &gone.id, &server);
    let target = MountTarget {
        file_system: of,
        server,
        group,
    };
    served.table().mount_targets.insert(gone.id, target);
    if gone.leads {
        served.transport.lead(Some(group));
    }
    for address in gone.addresses {
        listen(served, group, address)?;
    }
    Ok(())
}

/// Takes everything out of a file system that has no mount target. Its root stays the same object,
/// so that what is mounted finds it again.
async fn empty(served: &Arc<Served>, known: Arc<FileSystem>) -> Result<(), DataPlaneError> {
    let (identity, root) = (known.identity.clone(), known.root.clone());
    drop(known);
    let id = identity.id.clone();
    let users = blocking(served, move |served| Ok(served.let_go(&id))).await?;
    unused(&users).await;
    served.remover.wait_for(&identity.id, users);
    blocking(served, move |served| {
        let unusable = |error| DataPlaneError::remove(&root, error);
        let emptied = fs::read_dir(&root)
            .map_err(unusable)
            .and_then(|mut entries| {
                entries.try_for_each(|entry| {
                    let path = entry.map_err(unusable)?.path();
                    move_aside(&served.layout, &identity.id, &path)
                })
            });
        served.remover.remove_all();
        let file_system = served.serve(identity, root.clone())?;
        let as_new = SetAttributes {
            uid: Some(0),
            gid: Some(0),
            mode: Some(0o755),
            ..SetAttributes::default()
        };
        let vfs = &file_system.vfs;
        let set = vfs.set_attributes(&Identity::root(), &vfs.root(), None, &as_new);
        set.map_err(|error| unusable(std::io::Error::other(error)))?;
        emptied
    })
    .await
}
