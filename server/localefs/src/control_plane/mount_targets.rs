//! Mount targets come and go as the control plane says.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use localefs_control::data_plane::{MountTargets, ServedMountTarget, Settled, Subscription};
use tracing::warn;

use crate::data_plane::{DataPlane, DataPlaneError};

/// Opens and closes mount targets, for ever. Each listens at its mirror, on `port`.
pub(super) async fn follow(data_plane: DataPlane, subscription: Subscription, port: u16) {
    let Subscription {
        mut targets,
        settled,
    } = subscription;
    // Those that were ever wanted and still are there, as what, and whether each is open.
    let mut known = BTreeMap::new();
    loop {
        let wanted = targets.borrow_and_update().clone();
        if wanted.version > 0 {
            let failed = settle(&data_plane, &wanted, &mut known, port).await;
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

/// Makes the mount targets those that are wanted; gives which could not be opened, and why. Those
/// that were never wanted are somebody else's.
async fn settle(
    data_plane: &DataPlane,
    wanted: &MountTargets,
    known: &mut BTreeMap<String, (ServedMountTarget, bool)>,
    port: u16,
) -> BTreeMap<String, String> {
    // One that is another under the same id comes anew.
    let gone = known
        .iter()
        .filter(|(id, (target, _))| wanted.targets.get(*id) != Some(target))
        .map(|(id, _)| id.clone());
    for id in gone.collect::<Vec<_>>() {
        match data_plane.delete_mount_target(&id).await {
            Ok(()) | Err(DataPlaneError::MountTargetNotFound(_)) => {
                known.remove(&id);
            }
            Err(error) => warn!(mount_target = id, %error, "it goes on"),
        }
    }
    let mut failed = BTreeMap::new();
    for (id, target) in &wanted.targets {
        if known.get(id) == Some(&(target.clone(), true)) {
            continue;
        }
        let address = SocketAddr::from((target.mirror, port));
        let made = data_plane.create_mount_target(&target.file_system, id, address);
        let made = made.await;
        known.insert(id.clone(), (target.clone(), made.is_ok()));
        if let Err(error) = made {
            failed.insert(id.clone(), error.to_string());
        }
    }
    failed
}
