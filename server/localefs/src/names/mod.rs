//! Names and addresses of mount targets: what is printed for /etc/hosts and for routes, and what
//! DNS answers.

mod dns;
mod resolve;

use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;
use localefs_control::control::Control;
use localefs_control::places::{PlacedMountTarget, Places};
use localefs_control::store::StoreError;

use crate::admin::{InstanceAddress, MountTargetAddress, Network};

pub(crate) use dns::Dns;

/// The names of file systems in a region end so (EFS user guide, "Mounting on Amazon EC2 with a
/// DNS name").
fn domain(region: &str) -> String {
    format!("efs.{region}.amazonaws.com")
}

/// Where mount targets are served at their own addresses.
pub(crate) fn is_bound(bind: &[Ipv4Net], address: Ipv4Addr) -> bool {
    bind.iter().any(|network| network.contains(&address))
}

/// What names and addresses are made of.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) control: Arc<Control>,
    /// Networks whose addresses this machine has.
    pub(crate) bind: Arc<[Ipv4Net]>,
}

impl Names {
    fn places(&self) -> Result<Places, StoreError> {
        self.control.places()
    }

    /// Where a mount target is reached: at its own address, if it is served there.
    fn address(&self, target: &PlacedMountTarget) -> Ipv4Addr {
        if is_bound(&self.bind, target.ip_address) {
            target.ip_address
        } else {
            target.mirror
        }
    }

    /// Names and addresses, for those who print them.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) fn network(&self) -> Result<Network, StoreError> {
        let places = self.places()?;
        let domain = domain(&self.control.settings.region);
        let mount_targets = places.mount_targets.iter().map(|target| {
            let name = format!("{}.{domain}", target.file_system);
            MountTargetAddress {
                id: target.id.clone(),
                file_system: target.file_system.clone(),
                zone: target.zone.name.clone(),
                ip_address: target.ip_address,
                address: self.address(target),
                security_groups: target.groups.clone(),
                zone_name: format!("{}.{name}", target.zone.name),
                name,
            }
        });
        let instances = self.control.placed_interfaces()?.into_iter();
        let instances = instances.map(|interface| {
            let own = is_bound(&self.bind, interface.address).then_some(interface.address);
            InstanceAddress {
                network_interface: interface.id,
                instance: interface.instance,
                name: interface.name,
                zone: interface.zone,
                ip_address: interface.address,
                address: own.or(interface.mirror),
            }
        });
        Ok(Network {
            mount_targets: mount_targets.collect(),
            instances: instances.collect(),
        })
    }
}
