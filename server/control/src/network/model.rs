//! The rules once more, as slow and as plain as can be: straight from the records, one client, one
//! port, no tables.

use std::net::{Ipv4Addr, SocketAddrV4};

use ipnet::{IpNet, Ipv4Net};

use super::{Layer, Tracking, World};
use crate::records::{
    MountTarget, NetworkAcl, NetworkInterface, Protocol, Remote, SecurityGroup, SecurityGroupRule,
    Subnet, Vpc,
};

/// What the model says: the first layer that denies, if one does, and the rule that decided in the
/// mount target's groups, if that was asked last.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) denied_by: Option<Layer>,
    pub(super) rule: Option<String>,
    pub(super) tracking: Tracking,
}

/// A client, found.
struct Client<'w> {
    address: Ipv4Addr,
    vpc: Option<&'w Vpc>,
    subnet: Option<&'w Subnet>,
    interface: Option<&'w NetworkInterface>,
    is_public: bool,
}

fn contains(net: &IpNet, address: Ipv4Addr) -> bool {
    let IpNet::V4(net) = net else { return false };
    net_contains(*net, address)
}

fn net_contains(net: Ipv4Net, address: Ipv4Addr) -> bool {
    let bits = u32::from(net.prefix_len());
    let shift = |address: Ipv4Addr| u64::from(u32::from(address)) >> (32 - bits);
    shift(net.addr()) == shift(address)
}

fn linked(world: &World, one: &str, other: &str) -> bool {
    one == other
        || world.peerings.iter().any(|it| {
            it.is_active()
                && [(&it.requester, &it.accepter), (&it.accepter, &it.requester)]
                    .contains(&(&one.to_owned(), &other.to_owned()))
        })
}

fn find<'w>(world: &'w World, target: &MountTarget, source: Ipv4Addr) -> Client<'w> {
    let [a, b, c, d] = source.octets();
    let mirror = world.mirrors.iter().find(|it| a == 127 && it.number == b);
    let mirrored = mirror.and_then(|mirror| {
        let vpc = world.vpcs.iter().find(|vpc| vpc.id == mirror.vpc)?;
        let [x, y, ..] = vpc.cidr.network().octets();
        Some((vpc, Ipv4Addr::new(x, y, c, d)))
    });
    let by_cidr = |wanted: &dyn Fn(&Vpc) -> bool| {
        let mut vpcs = world.vpcs.iter();
        vpcs.find(|vpc| net_contains(vpc.cidr, source) && wanted(vpc))
    };
    let (vpc, address) = match mirrored {
        Some((vpc, address)) => (Some(vpc), address),
        None => {
            let own = by_cidr(&|vpc| vpc.id == target.vpc);
            let linked = || by_cidr(&|vpc| linked(world, &vpc.id, &target.vpc));
            (own.or_else(linked).or_else(|| by_cidr(&|_| true)), source)
        }
    };
    let in_vpc = |id: &str| vpc.is_some_and(|vpc| vpc.id == id);
    let subnet = world
        .subnets
        .iter()
        .find(|it| in_vpc(&it.vpc) && net_contains(it.cidr, address));
    let interface = world
        .interfaces
        .iter()
        .find(|it| in_vpc(&it.vpc) && it.address == address);
    let is_private = matches!(
        (a, b),
        (10 | 127, _) | (172, 16..=31) | (192, 168) | (169, 254) | (100, 64..=127)
    );
    Client {
        address,
        vpc,
        subnet,
        interface,
        is_public: vpc.is_none() && !is_private,
    }
}

/// Whether a network ACL lets TCP pass.
fn passes(acl: Option<&NetworkAcl>, is_egress: bool, other: Ipv4Addr, port: u16) -> bool {
    let mut fitting = Vec::new();
    for entry in acl.into_iter().flat_map(|acl| &acl.entries) {
        let (first, last) = entry.ports.unwrap_or((0, 65535));
        if entry.is_egress == is_egress
            && [Protocol::All, Protocol::TCP].contains(&entry.protocol)
            && contains(&entry.cidr, other)
            && port >= first
            && port <= last
        {
            fitting.push((entry.number, entry.allow));
        }
    }
    fitting.sort_unstable();
    fitting.first().is_some_and(|(_, allow)| *allow)
}

fn acl_of<'w>(world: &'w World, subnet: &str) -> Option<&'w NetworkAcl> {
    world
        .acls
        .iter()
        .find(|acl| acl.associations.iter().any(|it| it.subnet == subnet))
}

fn groups_of<'w>(world: &'w World, interface: &NetworkInterface) -> Vec<&'w SecurityGroup> {
    let ids = interface.groups.iter();
    let groups = ids.filter_map(|id| world.groups.iter().find(|group| &group.id == id));
    groups.collect()
}

/// Whether a rule lets TCP to a port pass, with this other side.
fn lets(
    world: &World,
    rule: &SecurityGroupRule,
    is_egress: bool,
    (other, groups): (Ipv4Addr, &[String]),
    port: u16,
) -> bool {
    let (first, last) = rule.ports.unwrap_or((0, 65535));
    let meant = match &rule.remote {
        Remote::Ipv4(net) => net_contains(*net, other),
        Remote::Ipv6(_) => false,
        Remote::Group(id) => groups.contains(id),
        Remote::PrefixList(id) => world
            .prefix_lists
            .iter()
            .any(|list| &list.id == id && list.entries.iter().any(|it| contains(&it.cidr, other))),
    };
    rule.is_egress == is_egress
        && [Protocol::All, Protocol::TCP].contains(&rule.protocol)
        && port >= first
        && port <= last
        && meant
}

/// Whether the groups of an interface don't track TCP to a port, in one direction.
fn is_untracked(groups: &[&SecurityGroup], is_egress: bool, port: u16) -> bool {
    let everybody = |rule: &&SecurityGroupRule| {
        rule.remote == Remote::Ipv4("0.0.0.0/0".parse().unwrap())
            && [Protocol::All, Protocol::TCP].contains(&rule.protocol)
    };
    let rules = || {
        groups
            .iter()
            .flat_map(|group| &group.rules)
            .filter(everybody)
    };
    let request = rules().any(|rule| {
        let (first, last) = rule.ports.unwrap_or((0, 65535));
        rule.is_egress == is_egress && first <= port && port <= last
    });
    let response = rules()
        .any(|rule| rule.is_egress != is_egress && rule.ports.unwrap_or((0, 65535)) == (0, 65535));
    request && response
}

/// What the rules say of a connection: a new one, or one of which something is remembered.
pub(super) fn ask(
    world: &World,
    target: &MountTarget,
    source: SocketAddrV4,
    known: Option<Tracking>,
) -> Answer {
    let client = find(world, target, *source.ip());
    let own = world
        .interfaces
        .iter()
        .find(|it| it.id == target.network_interface)
        .unwrap();
    let port = source.port();
    let mut denied: Vec<Layer> = Vec::new();
    let mut unless = |allowed: bool, layer| {
        if !allowed {
            denied.push(layer);
        }
    };

    let reachable = match client.vpc {
        Some(vpc) => linked(world, &vpc.id, &target.vpc) && client.subnet.is_some(),
        None => !client.is_public,
    };
    unless(reachable, Layer::Isolation);

    if client
        .subnet
        .is_none_or(|subnet| subnet.id != target.subnet)
    {
        let to = target.ip_address;
        if let Some(subnet) = client.subnet {
            let acl = acl_of(world, &subnet.id);
            unless(passes(acl, true, to, 2049), Layer::ClientAclOutbound);
            unless(passes(acl, false, to, port), Layer::ClientAclInbound);
        }
        let acl = acl_of(world, &target.subnet);
        let inbound = passes(acl, false, client.address, 2049);
        unless(inbound, Layer::MountTargetAclInbound);
        let outbound = passes(acl, true, client.address, port);
        unless(outbound, Layer::MountTargetAclOutbound);
    }

    let mut tracking = Tracking {
        client: true,
        mount_target: true,
    };
    let mut groups_of_client: &[String] = &[];
    if let Some(interface) = client.interface.filter(|it| !it.groups.is_empty()) {
        groups_of_client = &interface.groups;
        let groups = groups_of(world, interface);
        let to = (target.ip_address, own.groups.as_slice());
        let mut rules = groups.iter().flat_map(|group| &group.rules);
        let out = rules.any(|rule| lets(world, rule, true, to, 2049));
        let mut rules = groups.iter().flat_map(|group| &group.rules);
        let back = rules.any(|rule| lets(world, rule, false, to, port));
        match known {
            Some(Tracking { client: true, .. }) => {}
            Some(_) => unless(out && back, Layer::ClientGroups),
            None => unless(out, Layer::ClientGroups),
        }
        let remembered = known.is_some_and(|known| known.client);
        tracking.client = remembered || !is_untracked(&groups, true, 2049);
    }

    let groups = groups_of(world, own);
    let mut rules = groups.iter().flat_map(|group| &group.rules);
    let from = (client.address, groups_of_client);
    let rule = rules.find(|rule| lets(world, rule, false, from, 2049));
    let remembered = known.is_some_and(|known| known.mount_target);
    unless(remembered || rule.is_some(), Layer::MountTargetGroups);
    tracking.mount_target = remembered || !is_untracked(&groups, false, 2049);

    denied.sort();
    let denied_by = denied.first().copied();
    let asked = denied_by.is_none() && !remembered;
    Answer {
        denied_by,
        rule: rule.filter(|_| asked).map(|rule| rule.id.clone()),
        tracking,
    }
}
