//! Mount targets come and go as the control plane says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use localefs_control::data_plane::{MountTargets, Settled, Subscription};
use tracing::warn;

use crate::data_plane::{DataPlane, DataPlaneError};

/// Opens and closes mount targets, for ever. Each listens at its mirror, on `port`.
pub(super) async fn follow(data_plane: DataPlane, subscription: Subscription, port: u16) {
    let Subscription {
        mut targets,
        settled,
    } = subscription;
    let mut open = BTreeSet::new();
    loop {
        let wanted = targets.borrow_and_update().clone();
        if wanted.version > 0 {
            let failed = settle(&data_plane, &wanted, &mut open, port).await;
            settled.send_replace(Settled {
                version: Some(wanted.version),
                failed,
            });
        }
        if targets.changed().await.is_err() {
            return;
        }
    }
}

/// Makes the mount targets those that are wanted; gives which could not be opened, and why.
async fn settle(
    data_plane: &DataPlane,
    wanted: &MountTargets,
    open: &mut BTreeSet<String>,
    port: u16,
) -> BTreeMap<String, String> {
    let mut failed = BTreeMap::new();
    let served = data_plane.file_systems();
    let served = served.iter().flat_map(|of| &of.mount_targets);
    for gone in served.filter(|target| !wanted.targets.contains_key(&target.id)) {
        open.remove(&gone.id);
        match data_plane.delete_mount_target(&gone.id).await {
            Ok(()) | Err(DataPlaneError::MountTargetNotFound(_)) => {}
            Err(error) => warn!(mount_target = gone.id, %error, "it goes on"),
        }
    }
    open.retain(|id| wanted.targets.contains_key(id));
    for (id, target) in &wanted.targets {
        if open.contains(id) {
            continue;
        }
        let address = SocketAddr::from((target.mirror, port));
        let made = data_plane.create_mount_target(&target.file_system, id, address);
        match made.await {
            Ok(_) => {
                open.insert(id.clone());
            }
            Err(error) => {
                failed.insert(id.clone(), error.to_string());
            }
        }
    }
    failed
}
