//! The network at first start: what every AWS account has in a region.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::zones::zones;
use crate::ids;
use crate::records::{NetworkAcl, NetworkAclEntry, Permission, SecurityGroup, Subnet, Tag, Vpc};
use crate::store::{Change, StoreError};

/// The name of the group that lets NFS in from everywhere; the file system that exists at first
/// start has it.
pub const OPEN_GROUP: &str = "localefs-nfs-from-everywhere";

/// Makes a default VPC of 172.31.0.0/16 with a default subnet in each zone, a default security
/// group, a default network ACL, and the group [`OPEN_GROUP`], unless there is a VPC.
///
/// # Errors
/// Those of the store.
pub fn first_topology(change: &mut Change, region: &str) -> Result<(), StoreError> {
    if change.count::<Vpc>()? > 0 {
        return Ok(());
    }
    let everywhere = Ipv4Net::default();
    let vpc = Vpc {
        id: ids::random("vpc-"),
        cidr: net(0, 16),
        is_default: true,
        tags: Vec::new(),
    };
    let mut associations = Vec::new();
    for (zone, third) in zones(region).into_iter().zip((0_u8..).step_by(16)) {
        let subnet = Subnet {
            id: ids::random("subnet-"),
            vpc: vpc.id.clone(),
            cidr: net(third, 20),
            zone: zone.name,
            is_default: true,
            tags: Vec::new(),
        };
        associations.push((ids::random("aclassoc-"), subnet.id.clone()));
        change.put(&subnet)?;
    }
    let entry = |number, is_egress, allow| NetworkAclEntry {
        number,
        is_egress,
        protocol: "-1".to_owned(),
        allow,
        cidr: everywhere,
        ports: None,
    };
    change.put(&NetworkAcl {
        id: ids::random("acl-"),
        vpc: vpc.id.clone(),
        is_default: true,
        entries: vec![
            entry(100, true, true),
            entry(32767, true, false),
            entry(100, false, true),
            entry(32767, false, false),
        ],
        associations,
        tags: Vec::new(),
    })?;
    change.put(&default_group(&vpc.id))?;
    let nfs = Permission {
        is_egress: false,
        protocol: "tcp".to_owned(),
        ports: Some((2049, 2049)),
        cidr: Some(everywhere),
        ..all_out()
    };
    change.put(&SecurityGroup {
        id: ids::random("sg-"),
        vpc: vpc.id.clone(),
        name: OPEN_GROUP.to_owned(),
        description: "NFS from everywhere, for the first file system of localefs".to_owned(),
        permissions: vec![nfs, all_out()],
        tags: vec![Tag {
            key: "localefs".to_owned(),
            value: "first-file-system".to_owned(),
        }],
    })?;
    change.put(&vpc)
}

/// The default security group of a VPC: its members reach one another, and everything outside.
fn default_group(vpc: &str) -> SecurityGroup {
    let id = ids::random("sg-");
    let among_members = Permission {
        is_egress: false,
        cidr: None,
        group: Some(id.clone()),
        ..all_out()
    };
    SecurityGroup {
        id,
        vpc: vpc.to_owned(),
        name: "default".to_owned(),
        description: "default VPC security group".to_owned(),
        permissions: vec![among_members, all_out()],
        tags: Vec::new(),
    }
}

/// The rule that a new group has: everything out.
pub(crate) fn all_out() -> Permission {
    Permission {
        id: ids::random("sgr-"),
        is_egress: true,
        protocol: "-1".to_owned(),
        ports: None,
        cidr: Some(Ipv4Net::default()),
        group: None,
        description: None,
    }
}

fn net(third: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new(Ipv4Addr::new(172, 31, third, 0), length).unwrap_or_default()
}
