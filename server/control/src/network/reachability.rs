//! All rules between clients and one mount target.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use super::NFS;
use super::acl::Acl;
use super::because::Because;
use super::groups::{Inbound, Outbound, PrefixLists, Target};
use super::place::{Network, Place, Side, Standing};
use super::verdict::{Layer, Step, Tracking, Verdict};
use super::world::World;
use crate::records::{MountTarget, SecurityGroup};

/// Ids of the security groups of interfaces, by VPC and address.
type Interfaces = BTreeMap<(Arc<str>, Ipv4Addr), Arc<[Arc<str>]>>;

/// Whom rules let reach a mount target. Sources are addresses as this machine sees them: in
/// 127.n/16, or as they are in the VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reachability {
    /// Its address in the VPC.
    pub(super) address: Ipv4Addr,
    vpc: Arc<str>,
    /// The subnet's id.
    subnet: Arc<str>,
    pub(super) acl: Arc<Acl>,
    /// Its own VPC, then those that are peered with it, then others.
    pub(super) networks: Vec<Network>,
    pub(super) interfaces: Arc<Interfaces>,
    outbound: BTreeMap<Arc<str>, Outbound>,
    pub(super) inbound: Inbound,
}

/// What all mount targets have in common, for [`Reachability`] of each.
#[derive(Debug)]
pub struct Compiler<'w> {
    world: &'w World,
    acls: BTreeMap<&'w str, Arc<Acl>>,
    prefix_lists: PrefixLists<'w>,
    groups: BTreeMap<&'w str, &'w SecurityGroup>,
    interfaces: Arc<Interfaces>,
}

impl<'w> Compiler<'w> {
    /// For what is on record at one moment.
    #[must_use]
    pub fn new(world: &'w World) -> Self {
        let lists = world.prefix_lists.iter();
        let groups = world.groups.iter();
        Self {
            world,
            acls: acls(world),
            prefix_lists: lists.map(|list| (list.id.as_str(), list)).collect(),
            groups: groups.map(|group| (group.id.as_str(), group)).collect(),
            interfaces: Arc::new(interfaces(world)),
        }
    }

    /// What the rules mean for a mount target.
    #[must_use]
    pub fn reachability(&self, target: &MountTarget) -> Reachability {
        let mut all = self.world.interfaces.iter();
        let own = all.find(|interface| interface.id == target.network_interface);
        let own = own.map(|own| own.groups.as_slice()).unwrap_or_default();
        let as_target = Target {
            address: target.ip_address,
            groups: own,
            prefix_lists: &self.prefix_lists,
        };
        let own_groups = own.iter().filter_map(|id| self.groups.get(id.as_str()));
        let outbound = self.groups.iter().map(|(id, group)| {
            let outbound = Outbound::new(group, &as_target);
            (Arc::from(*id), outbound)
        });
        let acl = self.acls.get(target.subnet.as_str());
        Reachability {
            address: target.ip_address,
            vpc: target.vpc.as_str().into(),
            subnet: target.subnet.as_str().into(),
            acl: acl.cloned().unwrap_or_default(),
            networks: networks(self.world, &target.vpc, &self.acls),
            interfaces: Arc::clone(&self.interfaces),
            outbound: outbound.collect(),
            inbound: Inbound::new(own_groups.copied(), &self.prefix_lists),
        }
    }
}

impl Reachability {
    /// Whether a client gets a new connection from this address and port.
    #[must_use]
    pub fn connect(&self, source: SocketAddrV4) -> Verdict {
        self.judge(source, None)
    }

    /// Whether packets come through of a connection that was allowed before, and what is
    /// remembered of it from now on. Network ACLs and routes are asked again; security groups are
    /// only where they did not track it.
    #[must_use]
    pub fn carry(&self, source: SocketAddrV4, tracking: Tracking) -> Verdict {
        self.judge(source, Some(tracking))
    }

    /// What each layer says of a new connection, in their order. If there is no way, no other
    /// layer is asked.
    #[must_use]
    pub fn steps(&self, source: SocketAddrV4) -> Vec<Step> {
        self.ask(source, None).0
    }

    /// A source as it is judged: at the addresses of `--listen`, clients may come over IPv6.
    /// `None` if it has no IPv4 address: no mount target has one of IPv6.
    #[must_use]
    pub fn source(source: SocketAddr) -> Option<SocketAddrV4> {
        match source.ip().to_canonical() {
            IpAddr::V4(address) => Some(SocketAddrV4::new(address, source.port())),
            IpAddr::V6(address) if address.is_loopback() => {
                Some(SocketAddrV4::new(Ipv4Addr::LOCALHOST, source.port()))
            }
            IpAddr::V6(_) => None,
        }
    }

    fn judge(&self, source: SocketAddrV4, known: Option<Tracking>) -> Verdict {
        let (mut steps, tracking) = self.ask(source, known);
        let decisive = steps
            .iter()
            .position(|step| !step.allowed)
            .unwrap_or(steps.len().saturating_sub(1));
        // There always is a step: that of isolation.
        let Step {
            layer,
            allowed,
            because,
        } = steps.swap_remove(decisive);
        Verdict {
            allowed,
            layer,
            because,
            tracking,
        }
    }

    pub(super) fn ask(
        &self,
        source: SocketAddrV4,
        known: Option<Tracking>,
    ) -> (Vec<Step>, Tracking) {
        let place = Place::of(*source.ip(), &self.networks);
        let mut steps = Vec::with_capacity(7);
        let mut say = |layer, (allowed, because)| {
            steps.push(Step {
                layer,
                allowed,
                because,
            });
            allowed
        };
        if !say(Layer::Isolation, self.way(&place)) {
            let nothing = Tracking {
                client: false,
                mount_target: false,
            };
            return (steps, nothing);
        }
        let (client, side, groups) = self.client(&place, *source.ip());
        let port = source.port();
        let between = side.is_none_or(|side| side.id != self.subnet);
        if between {
            let own = side.map(|side| &side.acl);
            let none = || (true, Because::NoClientAcl);
            let request = own.map_or_else(none, |acl| acl.judge(true, self.address, NFS));
            let reply = own.map_or_else(none, |acl| acl.judge(false, self.address, port));
            say(Layer::ClientAclOutbound, request);
            say(
                Layer::MountTargetAclInbound,
                self.acl.judge(false, client, NFS),
            );
            say(
                Layer::MountTargetAclOutbound,
                self.acl.judge(true, client, port),
            );
            say(Layer::ClientAclInbound, reply);
        } else {
            for layer in [
                Layer::ClientAclOutbound,
                Layer::MountTargetAclInbound,
                Layer::MountTargetAclOutbound,
                Layer::ClientAclInbound,
            ] {
                say(layer, (true, Because::SameSubnet(Arc::clone(&self.subnet))));
            }
        }
        let client_tracks = known.is_some_and(|known| known.client);
        say(
            Layer::ClientGroups,
            if client_tracks {
                (true, Because::Tracked)
            } else {
                self.leaves(groups, known.map(|_| port))
            },
        );
        let target_tracks = known.is_some_and(|known| known.mount_target);
        say(
            Layer::MountTargetGroups,
            if target_tracks {
                (true, Because::Tracked)
            } else {
                self.enters(client, groups)
            },
        );
        let of_client = groups.iter().filter_map(|id| self.outbound.get(id));
        let tracking = Tracking {
            client: client_tracks || Outbound::track(of_client),
            mount_target: target_tracks || self.inbound.tracks(),
        };
        (steps, tracking)
    }

    /// Whether there is a way from the client's network.
    fn way(&self, place: &Place<'_>) -> (bool, Because) {
        let (network, address) = match place {
            Place::Vpc(network, address) => (network, *address),
            Place::OnPremises => return (true, Because::OnPremises),
            Place::Internet => return (false, Because::Internet),
        };
        let vpc = Arc::clone(&network.vpc);
        let because = match &network.standing {
            Standing::Apart => {
                let mount_target = Arc::clone(&self.vpc);
                return (false, Because::NotPeered { vpc, mount_target });
            }
            _ if network.subnet(address).is_none() => return (false, Because::NoSubnet(vpc)),
            Standing::Same => Because::SameVpc(vpc),
            Standing::Peered(id) => Because::Peered(Arc::clone(id)),
        };
        (true, because)
    }

    /// The client's address as rules know it, its subnet, and its interface's groups.
    fn client<'r>(
        &'r self,
        place: &Place<'r>,
        source: Ipv4Addr,
    ) -> (Ipv4Addr, Option<&'r Side>, &'r [Arc<str>]) {
        let Place::Vpc(network, address) = place else {
            return (source, None, &[]);
        };
        let key = (Arc::clone(&network.vpc), *address);
        let groups = self.interfaces.get(&key).map(|groups| &groups[..]);
        (
            *address,
            network.subnet(*address),
            groups.unwrap_or_default(),
        )
    }

    /// Whether the client's groups let its request out; and, to this port, the reply in, if they
    /// don't remember the request.
    fn leaves(&self, groups: &[Arc<str>], reply_to: Option<u16>) -> (bool, Because) {
        if groups.is_empty() {
            return (true, Because::NoClientGroups);
        }
        let known = || groups.iter().filter_map(|id| self.outbound.get(id));
        let Some(rule) = known().find_map(|group| group.request.as_ref()) else {
            return (false, Because::NoOutboundRule(groups.into()));
        };
        if let Some(port) = reply_to
            && known().all(|group| group.response(port).is_none())
        {
            return (false, Because::NoResponseRule(groups.into()));
        }
        (true, Because::Rule(Arc::clone(rule)))
    }

    /// Whether the mount target's groups let NFS in from the client.
    fn enters(&self, client: Ipv4Addr, groups: &[Arc<str>]) -> (bool, Because) {
        match self.inbound.allows(client, groups) {
            Some(rule) => (true, Because::Rule(Arc::clone(rule))),
            None => (
                false,
                Because::NoInboundRule(Arc::clone(&self.inbound.groups)),
            ),
        }
    }
}

/// The network ACL of each subnet.
fn acls(world: &World) -> BTreeMap<&str, Arc<Acl>> {
    let of_subnets = world.acls.iter().flat_map(|record| {
        let acl = Arc::new(Acl::new(record));
        let subnets = record.associations.iter();
        subnets.map(move |association| (association.subnet.as_str(), Arc::clone(&acl)))
    });
    of_subnets.collect()
}

fn networks(world: &World, own: &str, acls: &BTreeMap<&str, Arc<Acl>>) -> Vec<Network> {
    let mut networks: Vec<Network> = world
        .vpcs
        .iter()
        .map(|vpc| {
            let mirror = world.mirrors.iter().find(|mirror| mirror.vpc == vpc.id);
            let subnets = world.subnets.iter().filter(|subnet| subnet.vpc == vpc.id);
            Network {
                vpc: vpc.id.as_str().into(),
                cidr: vpc.cidr.trunc(),
                mirror: mirror.map(|mirror| mirror.number),
                standing: standing(world, own, &vpc.id),
                subnets: subnets
                    .map(|subnet| Side {
                        id: subnet.id.as_str().into(),
                        cidr: subnet.cidr.trunc(),
                        acl: acls.get(subnet.id.as_str()).cloned().unwrap_or_default(),
                    })
                    .collect(),
            }
        })
        .collect();
    networks.sort_by_key(|network| match network.standing {
        Standing::Same => 0,
        Standing::Peered(_) => 1,
        Standing::Apart => 2,
    });
    networks
}

fn standing(world: &World, own: &str, other: &str) -> Standing {
    if own == other {
        return Standing::Same;
    }
    let mut peerings = world.peerings.iter();
    match peerings.find(|peering| peering.is_active() && peering.joins(own, other)) {
        Some(peering) => Standing::Peered(peering.id.as_str().into()),
        None => Standing::Apart,
    }
}

fn interfaces(world: &World) -> Interfaces {
    let of = |id: &String| -> Arc<str> { id.as_str().into() };
    world
        .interfaces
        .iter()
        .map(|interface| {
            let key = (of(&interface.vpc), interface.address);
            (key, interface.groups.iter().map(of).collect())
        })
        .collect()
}
