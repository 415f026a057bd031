//! The network at first start: what every AWS account has in a region.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::make::{all_out, put_mirrors, put_subnet, put_vpc};
use super::zones::zones;
use crate::ids;
use crate::records::{Protocol, Remote, SecurityGroup, SecurityGroupRule, Subnet, Tag, Vpc};
use crate::store::{Change, Record, StoreError};

/// The name of the group that lets NFS in from everywhere; the file system that exists at first
/// start has it.
pub const OPEN_GROUP: &str = "localefs-nfs-from-everywhere";

/// That the first network was made: whoever deletes all of it does so for good.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FirstTopology {
    name: String,
}

impl FirstTopology {
    const NAME: &str = "made";
}

impl Record for FirstTopology {
    const TABLE: &'static str = "control/first-topology";

    fn key(&self) -> &str {
        &self.name
    }
}

/// Makes a default VPC of 172.31.0.0/16 with a default subnet in each zone, a default security
/// group, a default network ACL, and the group [`OPEN_GROUP`], unless that was done before.
///
/// # Errors
/// Those of the store.
pub fn first_topology(change: &mut Change, region: &str) -> Result<(), StoreError> {
    let is_made = change.get::<FirstTopology>(FirstTopology::NAME)?.is_some();
    if is_made || change.count::<Vpc>()? > 0 {
        return put_mirrors(change);
    }
    change.put(&FirstTopology {
        name: FirstTopology::NAME.to_owned(),
    })?;
    let vpc = put_default_vpc(change, region)?;
    change.put(&open_group(&vpc.id))
}

/// The group [`OPEN_GROUP`].
pub(crate) fn open_group(vpc: &str) -> SecurityGroup {
    let nfs = SecurityGroupRule {
        is_egress: false,
        protocol: Protocol::TCP,
        ports: Some((2049, 2049)),
        remote: Remote::Ipv4(Ipv4Net::default()),
        ..all_out()
    };
    SecurityGroup {
        id: ids::random("sg-"),
        vpc: vpc.to_owned(),
        name: OPEN_GROUP.to_owned(),
        description: "NFS from everywhere, for the first file system of localefs".to_owned(),
        rules: vec![nfs, all_out()],
        tags: vec![Tag {
            key: "localefs".to_owned(),
            value: "first-file-system".to_owned(),
        }],
    }
}

/// Puts a default VPC on record, with a default subnet in each zone.
///
/// # Errors
/// Those of the store.
pub(crate) fn put_default_vpc(change: &mut Change, region: &str) -> Result<Vpc, StoreError> {
    let vpc = default_vpc();
    put_vpc(change, &vpc)?;
    for subnet in default_subnets(&vpc.id, region) {
        put_subnet(change, &subnet)?;
    }
    Ok(vpc)
}

/// A default VPC.
pub(crate) fn default_vpc() -> Vpc {
    Vpc {
        id: ids::random("vpc-"),
        cidr: net(0, 16),
        is_default: true,
        dns_support: true,
        dns_hostnames: true,
        address_metrics: false,
        is_dedicated: false,
        tags: Vec::new(),
    }
}

/// The default subnets of a VPC, one in each zone.
pub(crate) fn default_subnets(vpc: &str, region: &str) -> Vec<Subnet> {
    let places = zones(region).into_iter().zip((0_u8..).step_by(16));
    let subnets = places.map(|(zone, third)| Subnet {
        id: ids::random("subnet-"),
        vpc: vpc.to_owned(),
        cidr: net(third, 20),
        zone: zone.name,
        is_default: true,
        maps_public: true,
        tags: Vec::new(),
    });
    subnets.collect()
}

fn net(third: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new(Ipv4Addr::new(172, 31, third, 0), length).unwrap_or_default()
}
