//! Which addresses of the network are where on this machine, for those who look for names and
//! routes.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

use crate::control::{Control, now};
use crate::records::{Cidr, Instance, Mirror, MountTarget, NetworkInterface, Subnet, Tag, Vpc};
use crate::store::StoreError;
use crate::topology::{self, Zone};

/// A mount target that is available.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedMountTarget {
    /// `fsmt-` and 17 hexadecimal digits.
    pub id: String,
    /// The file system's id.
    pub file_system: String,
    /// The VPC's id.
    pub vpc: String,
    /// Where it is.
    pub zone: Zone,
    /// Its address in the VPC.
    pub ip_address: Ipv4Addr,
    /// The same on this machine.
    pub mirror: Ipv4Addr,
    /// Its security groups.
    pub groups: Vec<String>,
}

/// An interface that is nobody's but a user's: what a client can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedInterface {
    /// `eni-` and 17 hexadecimal digits.
    pub id: String,
    /// The instance that it is of, `i-…`.
    pub instance: Option<String>,
    /// What its tag `Name` says, or that of the instance.
    pub name: Option<String>,
    /// The VPC's id.
    pub vpc: String,
    /// The zone's name.
    pub zone: String,
    /// Its address in the VPC.
    pub address: Ipv4Addr,
    /// The same on this machine; nothing if the VPC has none there.
    pub mirror: Option<Ipv4Addr>,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedSubnet {
    /// The VPC's id.
    pub vpc: String,
    /// Its addresses.
    pub cidr: Cidr,
    /// The zone's name.
    pub zone: String,
    /// Whether its VPC has DNS: `enableDnsSupport` and `enableDnsHostnames`.
    pub has_dns: bool,
}

/// The network's addresses at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Mount targets by file system, zone and id.
    pub mount_targets: Vec<PlacedMountTarget>,
    /// Subnets.
    pub subnets: Vec<PlacedSubnet>,
    /// Numbers of 127.n/16, with the VPCs and the first two octets that they stand for.
    pub mirrors: Vec<(u8, String, [u8; 2])>,
}

/// A place in the network, as an address on this machine stands for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'p> {
    /// The VPC, if the address is a mirror of one.
    pub vpc: Option<&'p str>,
    /// The address there.
    pub address: Ipv4Addr,
}

impl Places {
    /// What an address on this machine stands for; nothing for IPv6.
    #[must_use]
    pub fn place(&self, source: IpAddr) -> Option<Place<'_>> {
        let IpAddr::V4(source) = source.to_canonical() else {
            return None;
        };
        let [first, number, c, d] = source.octets();
        let here = Place {
            vpc: None,
            address: source,
        };
        if first != 127 {
            return Some(here);
        }
        let mirror = self.mirrors.iter().find(|(of, ..)| *of == number);
        Some(mirror.map_or(here, |(_, vpc, [a, b])| Place {
            vpc: Some(vpc),
            address: Ipv4Addr::new(*a, *b, c, d),
        }))
    }

    /// The subnet that an address on this machine is in: one of this VPC, if it fits, before those
    /// of others with the same addresses.
    #[must_use]
    pub fn subnet(&self, source: IpAddr, vpc: &str) -> Option<&PlacedSubnet> {
        let place = self.place(source)?;
        let fits = |subnet: &&PlacedSubnet| {
            subnet.cidr.contains(&place.address) && place.vpc.is_none_or(|vpc| vpc == subnet.vpc)
        };
        let mut all = self.subnets.iter().filter(fits);
        let preferred = all.clone().find(|subnet| subnet.vpc == vpc);
        preferred.or_else(|| all.next())
    }
}

impl Control {
    /// Where the network's addresses are, as it is on record.
    ///
    /// # Errors
    /// Those of the store.
    pub fn places(&self) -> Result<Places, StoreError> {
        let region = &self.settings.region;
        let view = self.store.view()?;
        let now = now();
        let mirrors = view.all::<Mirror>()?.into_iter().filter_map(|mirror| {
            let (a, b) = mirror.of.split_once('.')?;
            let of = [a.parse().ok()?, b.parse().ok()?];
            Some((mirror.number, mirror.vpc, of))
        });
        let mirrors = mirrors.collect();
        let mut mount_targets = Vec::new();
        for target in view.all::<MountTarget>()? {
            if !target.life_cycle.is_available(now) {
                continue;
            }
            let interface = view.get::<NetworkInterface>(&target.network_interface)?;
            let zone = topology::zone_by_name(region, &target.zone);
            mount_targets.push(PlacedMountTarget {
                groups: interface.map_or_else(Vec::new, |interface| interface.groups),
                // The zones on record are those of the region at first start.
                zone: zone.unwrap_or_else(|| Zone {
                    id: target.zone.clone(),
                    name: target.zone.clone(),
                }),
                id: target.id,
                file_system: target.file_system,
                vpc: target.vpc,
                ip_address: target.ip_address,
                mirror: target.mirror,
            });
        }
        mount_targets.sort_by(|one, other| {
            let key = |of: &PlacedMountTarget| {
                (of.file_system.clone(), of.zone.name.clone(), of.id.clone())
            };
            key(one).cmp(&key(other))
        });
        let vpcs = view.all::<Vpc>()?.into_iter();
        let with_dns = vpcs.filter(|vpc| vpc.dns_support && vpc.dns_hostnames);
        let with_dns: HashSet<String> = with_dns.map(|vpc| vpc.id).collect();
        let subnets = view.all::<Subnet>()?.into_iter();
        let subnets = subnets.map(|subnet| PlacedSubnet {
            has_dns: with_dns.contains(&subnet.vpc),
            vpc: subnet.vpc,
            cidr: subnet.cidr,
            zone: subnet.zone,
        });
        Ok(Places {
            mount_targets,
            subnets: subnets.collect(),
            mirrors,
        })
    }

    /// The interfaces that clients can be, by address.
    ///
    /// # Errors
    /// Those of the store.
    pub fn placed_interfaces(&self) -> Result<Vec<PlacedInterface>, StoreError> {
        let places = self.places()?;
        let view = self.store.view()?;
        let mut placed = Vec::new();
        for interface in view.all::<NetworkInterface>()? {
            if interface.requester.is_some() {
                continue;
            }
            let instance = interface.attachment.map(|attachment| attachment.instance);
            let of = match &instance {
                Some(id) => view.get::<Instance>(id)?,
                None => None,
            };
            let [a, b, c, d] = interface.address.octets();
            let mut mirrors = places.mirrors.iter();
            let mirror = mirrors.find(|(_, vpc, of)| *vpc == interface.vpc && *of == [a, b]);
            placed.push(PlacedInterface {
                name: name(&interface.tags).or_else(|| name(&of?.tags)),
                id: interface.id,
                instance,
                vpc: interface.vpc,
                zone: interface.zone,
                address: interface.address,
                mirror: mirror.map(|(number, ..)| Ipv4Addr::new(127, *number, c, d)),
            });
        }
        placed.sort_by(|one, other| (one.address, &one.id).cmp(&(other.address, &other.id)));
        Ok(placed)
    }
}

fn name(tags: &[Tag]) -> Option<String> {
    let name = tags.iter().find(|tag| tag.key == "Name")?;
    Some(name.value.clone()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(vpc: &str, cidr: &str, zone: &str) -> PlacedSubnet {
        PlacedSubnet {
            vpc: vpc.to_owned(),
            cidr: cidr.parse().unwrap(),
            zone: zone.to_owned(),
            has_dns: true,
        }
    }

    #[test]
    fn mirrors_stand_for_addresses_of_their_vpc() {
        let places = Places {
            mirrors: vec![
                (31, "vpc-1".to_owned(), [172, 31]),
                (64, "vpc-2".to_owned(), [172, 31]),
            ],
            subnets: vec![
                subnet("vpc-1", "172.31.0.0/20", "a"),
                subnet("vpc-2", "172.31.0.0/16", "b"),
            ],
            ..Places::default()
        };
        let source = |text: &str| text.parse::<IpAddr>().unwrap();
        let zone = |text, vpc| {
            let subnet = places.subnet(source(text), vpc);
            subnet.map(|subnet| subnet.zone.as_str())
        };
        let place = places.place(source("127.64.3.4")).unwrap();
        assert_eq!(
            (place.vpc, place.address),
            (Some("vpc-2"), [172, 31, 3, 4].into())
        );
        assert_eq!(zone("127.31.3.4", "vpc-2"), Some("a"));
        assert_eq!(zone("127.64.3.4", "vpc-1"), Some("b"));
        assert_eq!(zone("127.31.99.4", "vpc-1"), None);
        // The very address may be that of either.
        assert_eq!(zone("172.31.3.4", "vpc-1"), Some("a"));
        assert_eq!(zone("172.31.3.4", "vpc-2"), Some("b"));
        assert_eq!(zone("::ffff:127.31.3.4", "vpc-1"), Some("a"));
        assert_eq!(zone("127.0.0.1", "vpc-1"), None);
        assert_eq!(zone("::1", "vpc-1"), None);
    }
}
