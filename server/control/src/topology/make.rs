//! What EC2 makes along with a VPC or a subnet.

use ipnet::IpNet;

use super::addresses::mirror;
use crate::ids;
use crate::records::{
    Mirror, NetworkAcl, NetworkAclAssociation, NetworkAclEntry, Protocol, Remote, SecurityGroup,
    SecurityGroupRule, Subnet, Vpc,
};
use crate::store::{Change, StoreError, View};

/// Puts a VPC on record, with its default security group, its default network ACL, and a mirror.
///
/// # Errors
/// Those of the store.
pub(crate) fn put_vpc(change: &mut Change, vpc: &Vpc) -> Result<(), StoreError> {
    change.put(&NetworkAcl {
        is_default: true,
        entries: open_entries(),
        ..new_acl(&vpc.id)
    })?;
    change.put(&default_group(ids::random("sg-"), &vpc.id))?;
    change.put(vpc)?;
    put_mirror(change, vpc)
}

/// Puts a subnet on record: it has its VPC's default network ACL.
///
/// # Errors
/// Those of the store.
pub(crate) fn put_subnet(change: &mut Change, subnet: &Subnet) -> Result<(), StoreError> {
    let acls = change.all_by::<NetworkAcl>(("vpc", &subnet.vpc))?;
    if let Some(mut acl) = acls.into_iter().find(|acl| acl.is_default) {
        acl.associations.push(NetworkAclAssociation {
            id: ids::random("aclassoc-"),
            subnet: subnet.id.clone(),
        });
        change.put(&acl)?;
    }
    change.put(subnet)
}

/// Gives every VPC a mirror that has none. One that was kept before mirrors were of VPCs goes to
/// the first VPC with its addresses.
///
/// # Errors
/// Those of the store.
pub(crate) fn put_mirrors(change: &mut Change) -> Result<(), StoreError> {
    let mut vpcs = change.all::<Vpc>()?;
    vpcs.sort_by_key(|vpc| !vpc.is_default);
    for vpc in &vpcs {
        put_mirror(change, vpc)?;
    }
    Ok(())
}

/// If there are no numbers left, the VPC gets none: nothing can be mounted in it.
fn put_mirror(change: &mut Change, vpc: &Vpc) -> Result<(), StoreError> {
    if change.get::<Mirror>(&vpc.id)?.is_some() {
        return Ok(());
    }
    let of = Mirror::of(vpc.cidr.network());
    let number = match change.remove::<Mirror>(&of)? {
        Some(kept) => Some(kept.number),
        None => free_number(change, vpc)?,
    };
    let Some(number) = number else {
        return Ok(());
    };
    let vpc = vpc.id.clone();
    change.put(&Mirror { vpc, of, number })
}

fn free_number(view: &View, vpc: &Vpc) -> Result<Option<u8>, StoreError> {
    let all = view.all::<Mirror>()?;
    let taken: Vec<u8> = all.into_iter().map(|mirror| mirror.number).collect();
    Ok(mirror(vpc.cidr.network(), &taken))
}

/// A network ACL as CreateNetworkAcl makes it: it denies everything.
pub(crate) fn new_acl(vpc: &str) -> NetworkAcl {
    NetworkAcl {
        id: ids::random("acl-"),
        vpc: vpc.to_owned(),
        is_default: false,
        entries: vec![
            all_entry(NetworkAclEntry::LAST, true, false),
            all_entry(NetworkAclEntry::LAST, false, false),
        ],
        associations: Vec::new(),
        tags: Vec::new(),
    }
}

/// The entries of a default network ACL: everything passes.
pub(crate) fn open_entries() -> Vec<NetworkAclEntry> {
    vec![
        all_entry(100, true, true),
        all_entry(NetworkAclEntry::LAST, true, false),
        all_entry(100, false, true),
        all_entry(NetworkAclEntry::LAST, false, false),
    ]
}

fn all_entry(number: u16, is_egress: bool, allow: bool) -> NetworkAclEntry {
    NetworkAclEntry {
        number,
        is_egress,
        protocol: Protocol::All,
        allow,
        cidr: IpNet::V4(ipnet::Ipv4Net::default()),
        ports: None,
        icmp: None,
    }
}

/// The default security group of a VPC: its members reach one another, and everything outside.
pub(crate) fn default_group(id: String, vpc: &str) -> SecurityGroup {
    let among_members = SecurityGroupRule {
        is_egress: false,
        remote: Remote::Group(id.clone()),
        ..all_out()
    };
    SecurityGroup {
        id,
        vpc: vpc.to_owned(),
        name: "default".to_owned(),
        description: "default VPC security group".to_owned(),
        rules: vec![among_members, all_out()],
        tags: Vec::new(),
    }
}

/// The rule that a new group has: everything out.
pub(crate) fn all_out() -> SecurityGroupRule {
    SecurityGroupRule {
        id: ids::random("sgr-"),
        is_egress: true,
        protocol: Protocol::All,
        ports: None,
        icmp: None,
        remote: Remote::Ipv4(ipnet::Ipv4Net::default()),
        description: None,
        tags: Vec::new(),
    }
}
