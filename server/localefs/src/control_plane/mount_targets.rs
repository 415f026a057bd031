//! Mount targets come and go as the control plane says.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use localefs_control::data_plane::{MountTargets, ServedMountTarget, Settled, Subscription};
use tracing::warn;

use super::Addresses;
use crate::data_plane::{DataPlane, DataPlaneError};
use crate::names::is_bound;

/// Opens and closes mount targets, for ever. Each listens at its mirror, and at its own address if
/// this machine has that.
pub(super) async fn follow(
    data_plane: DataPlane,
    subscription: Subscription,
    addresses: Addresses,
) {
    let Subscription {
        mut targets,
        settled,
    } = subscription;
    // Those that were ever wanted and still are there, and whether each is open.
    let mut known = BTreeMap::new();
    loop {
        let wanted = targets.borrow_and_update().clone();
        if wanted.version > 0 {
            let failed = settle(&data_plane, &wanted, &mut known, &addresses).await;
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
    known: &mut BTreeMap<String, bool>,
    addresses: &Addresses,
) -> BTreeMap<String, String> {
    let gone = known.keys().filter(|id| !wanted.targets.contains_key(*id));
    for id in gone.cloned().collect::<Vec<_>>() {
        match data_plane.delete_mount_target(&id).await {
            Ok(()) | Err(DataPlaneError::MountTargetNotFound(_)) => {
                known.remove(&id);
            }
            Err(error) => warn!(mount_target = id, %error, "it goes on"),
        }
    }
    let mut failed = BTreeMap::new();
    for (id, target) in &wanted.targets {
        if known.get(id) == Some(&true) {
            continue;
        }
        let made = open(data_plane, target, addresses).await;
        known.insert(id.clone(), made.is_ok());
        if let Err(error) = made {
            failed.insert(id.clone(), error.to_string());
        }
    }
    failed
}

async fn open(
    data_plane: &DataPlane,
    target: &ServedMountTarget,
    addresses: &Addresses,
) -> Result<(), DataPlaneError> {
    let own = is_bound(&addresses.bind, target.ip_address).then_some(target.ip_address);
    for address in own.into_iter().chain([target.mirror]) {
        let address = SocketAddr::from((address, addresses.port));
        let (file_system, id) = (&target.file_system, &target.id);
        data_plane
            .create_mount_target(file_system, id, address)
            .await?;
    }
    Ok(())
}
