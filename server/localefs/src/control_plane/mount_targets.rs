//! Mount targets come and go as the control plane says.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use localefs_control::data_plane::{MountTargets, ServedMountTarget, Settled, Subscription};
use tracing::warn;

use crate::data_plane::{DataPlane, DataPlaneError};

/// The ports of mount targets at their mirrors.
#[derive(Debug)]
pub(crate) struct Ports {
    /// Of those that are not known; 0 is any free one.
    pub(crate) ordinary: u16,
    /// By mirror.
    pub(crate) known: BTreeMap<IpAddr, u16>,
}

/// Opens and closes mount targets, for ever. Each listens at its mirror.
pub(super) async fn follow(data_plane: DataPlane, subscription: Subscription, ports: Ports) {
    let Subscription {
        mut targets,
        settled,
    } = subscription;
    // Those that were ever wanted and still are there, as what, and whether each is open.
    let mut known = BTreeMap::new();
    loop {
        let wanted = targets.borrow_and_update().clone();
        if wanted.version > 0 {
            let failed = settle(&data_plane, &wanted, &mut known, &ports).await;
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
    ports: &Ports,
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
        let mirror = IpAddr::from(target.mirror);
        let port = ports.known.get(&mirror).unwrap_or(&ports.ordinary);
        let address = SocketAddr::from((mirror, *port));
        let made = data_plane.create_mount_target(&target.file_system, id, address);
        let made = made.await;
        known.insert(id.clone(), (target.clone(), made.is_ok()));
        if let Err(error) = made {
            failed.insert(id.clone(), error.to_string());
        }
    }
    failed
}
