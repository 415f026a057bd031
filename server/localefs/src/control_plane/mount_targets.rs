//! Mount targets come and go as the control plane says.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
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

/// What a mount target is as long as it stays open; its rules come and go.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    file_system: String,
    ip_address: Ipv4Addr,
    mirror: Ipv4Addr,
}

impl From<&ServedMountTarget> for Place {
    fn from(target: &ServedMountTarget) -> Self {
        Self {
            file_system: target.file_system.clone(),
            ip_address: target.ip_address,
            mirror: target.mirror,
        }
    }
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
    // Those that were ever wanted and still are there, where, and whether each is open.
    let mut known = BTreeMap::new();
    let mut guarded = BTreeMap::new();
    loop {
        let wanted = targets.borrow_and_update().clone();
        if wanted.version > 0 {
            guard(&data_plane, &wanted, &mut guarded);
            for id in close(&data_plane, &wanted, &mut known).await {
                guarded.remove(&id);
            }
            // Rules go with a mount target; one that comes anew needs its own again.
            guard(&data_plane, &wanted, &mut guarded);
            let failed = open_all(&data_plane, &wanted, &mut known, &addresses).await;
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

/// Closes those that are not wanted any more, and those that come anew as they are another under
/// the same id; gives which. Those that were never wanted are somebody else's.
async fn close(
    data_plane: &DataPlane,
    wanted: &MountTargets,
    known: &mut BTreeMap<String, (Place, bool)>,
) -> Vec<String> {
    let mut closed = Vec::new();
    let gone = known
        .iter()
        .filter(|(id, (place, _))| wanted.targets.get(*id).map(Place::from).as_ref() != Some(place))
        .map(|(id, _)| id.clone());
    for id in gone.collect::<Vec<_>>() {
        match data_plane.delete_mount_target(&id).await {
            Ok(()) | Err(DataPlaneError::MountTargetNotFound(_)) => {
                known.remove(&id);
                closed.push(id);
            }
            Err(error) => warn!(mount_target = id, %error, "it goes on"),
        }
    }
    closed
}

/// Opens those that are wanted and not open; gives which could not be opened, and why.
async fn open_all(
    data_plane: &DataPlane,
    wanted: &MountTargets,
    known: &mut BTreeMap<String, (Place, bool)>,
    addresses: &Addresses,
) -> BTreeMap<String, String> {
    let mut failed = BTreeMap::new();
    for (id, target) in &wanted.targets {
        let place = Place::from(target);
        if matches!(known.get(id), Some((known, true)) if *known == place) {
            continue;
        }
        let made = open(data_plane, target, addresses).await;
        known.insert(id.clone(), (place, made.is_ok()));
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
