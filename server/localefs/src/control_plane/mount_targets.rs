//! Mount targets come and go as the control plane says.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::Ipv4Net;
use localefs_control::data_plane::{MountTargets, ServedMountTarget, Settled, Subscription};
use localefs_control::network::Reachability;
use tracing::warn;

use super::guard::Guard;
use crate::data_plane::{DataPlane, DataPlaneError};
use crate::names::is_bound;
use crate::transport::Rules;

/// Where mount targets are served.
#[derive(Debug)]
pub(crate) struct Addresses {
    /// The port of those whose own is not known; 0 is any free one.
    pub(crate) port: u16,
    /// Ports by address.
    pub(crate) known: BTreeMap<IpAddr, u16>,
    /// Networks whose addresses this machine has.
    pub(crate) bind: Arc<[Ipv4Net]>,
}

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
    let mut guarded = BTreeMap::new();
    loop {
        let wanted = targets.borrow_and_update().clone();
        if wanted.version > 0 {
            guard(&data_plane, &wanted, &mut guarded);
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

/// Puts rules in force that have changed. Nothing else is waited for: who is to be kept out is out.
fn guard(
    data_plane: &DataPlane,
    wanted: &MountTargets,
    guarded: &mut BTreeMap<String, Arc<Reachability>>,
) {
    let mut changed: HashMap<String, Arc<dyn Rules>> = HashMap::new();
    for (id, target) in &wanted.targets {
        let reachability = &target.reachability;
        let known = guarded.get(id);
        // Compared by address first, which costs nothing.
        if known.is_none_or(|known| !Arc::ptr_eq(known, reachability) && known != reachability) {
            changed.insert(id.clone(), Arc::new(Guard(Arc::clone(reachability))));
        }
    }
    let all = wanted.targets.iter();
    *guarded = all
        .map(|(id, target)| (id.clone(), Arc::clone(&target.reachability)))
        .collect();
    data_plane.guard(changed);
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
        let address = IpAddr::from(address);
        let port = addresses.known.get(&address).unwrap_or(&addresses.port);
        let address = SocketAddr::from((address, *port));
        let (file_system, id) = (&target.file_system, &target.id);
        data_plane
            .create_mount_target(file_system, id, address)
            .await?;
    }
    Ok(())
}
