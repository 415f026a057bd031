//! Random networks, and the model's answers.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use ipnet::{IpNet, Ipv4Net};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::model;
use super::{Because, Compiler, Layer, Reachability, Tracking, World};
use crate::network::NFS;
use crate::records::{
    LifeCycle, Mirror, MountTarget, NetworkAcl, NetworkAclAssociation, NetworkAclEntry,
    NetworkInterface, PeeringState, Ports, PrefixList, PrefixListEntry, Protocol, Remote,
    SecurityGroup, SecurityGroupRule, Subnet, Vpc, VpcPeering,
};

/// How many worlds, and how many questions to each.
const WORLDS: u64 = 3000;
const QUESTIONS: usize = 60;

/// Chooses; mostly what lets pass, so that all layers are reached.
struct Dice(StdRng);

impl Dice {
    fn chance(&mut self, percent: u32) -> bool {
        self.0.random_range(0..100) < percent
    }

    fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all.choose(&mut self.0).unwrap().clone()
    }

    fn protocol(&mut self) -> Protocol {
        self.of(&[
            Protocol::All,
            Protocol::TCP,
            Protocol::TCP,
            Protocol::TCP,
            Protocol::UDP,
            Protocol::ICMP,
        ])
    }

    fn ports(&mut self) -> Option<Ports> {
        match self.below(6) {
            0 | 1 => None,
            2 => Some((NFS, NFS)),
            3 => Some((0, u16::MAX)),
            4 => Some((1024, u16::MAX)),
            _ => {
                let first = self.0.random_range(0..=u16::MAX);
                Some((first, self.0.random_range(first..=u16::MAX)))
            }
        }
    }

    /// A range around addresses that matter.
    fn cidr(&mut self, addresses: &[Ipv4Addr]) -> Ipv4Net {
        let length = self.of(&[0, 8, 12, 16, 17, 20, 24, 28, 31, 32]);
        Ipv4Net::new(self.of(addresses), length).unwrap().trunc()
    }

    fn net(&mut self, addresses: &[Ipv4Addr]) -> IpNet {
        if self.chance(5) {
            return "::/0".parse().unwrap();
        }
        IpNet::V4(self.cidr(addresses))
    }
}

const PORTS: [u16; 8] = [1, 111, 800, 1023, 1024, 2049, 40_000, u16::MAX];

/// A world, with the addresses in it that matter.
fn world(dice: &mut Dice) -> (World, Vec<Ipv4Addr>) {
    let mut world = World::default();
    let mut addresses: Vec<Ipv4Addr> = vec![
        Ipv4Addr::new(8, 8, 8, 8),
        Ipv4Addr::new(192, 168, 1, 7),
        Ipv4Addr::LOCALHOST,
    ];
    let nets = ["172.31.0.0/16", "10.0.0.0/16", "10.0.0.0/17", "10.9.0.0/20"];
    let count = 1 + dice.below(4);
    for (number, net) in nets.iter().take(count).enumerate() {
        let cidr: Ipv4Net = net.parse().unwrap();
        let vpc = format!("vpc-{number}");
        world.vpcs.push(Vpc {
            id: vpc.clone(),
            cidr,
            is_default: number == 0,
            dns_support: true,
            dns_hostnames: true,
            address_metrics: false,
            is_dedicated: false,
            tags: Vec::new(),
        });
        if dice.chance(95) {
            world.mirrors.push(Mirror {
                vpc: vpc.clone(),
                of: Mirror::of(cidr.network()),
                number: [31, 64, 65, 66][number],
            });
        }
        for (place, part) in cidr.subnets(22).unwrap().take(3).enumerate() {
            let id = format!("subnet-{number}{place}");
            for last in [4, 5, 6, 200] {
                let first = u32::from(part.network());
                addresses.push(Ipv4Addr::from(first + last));
            }
            world.subnets.push(Subnet {
                id,
                vpc: vpc.clone(),
                cidr: part,
                zone: "us-east-1a".to_owned(),
                is_default: false,
                maps_public: false,
                tags: Vec::new(),
            });
        }
        addresses.push(Ipv4Addr::from(u32::from(cidr.broadcast()) - 5));
    }
    for other in 1..count {
        if dice.chance(60) {
            let (requester, accepter) = dice.of(&[(0, other), (other, 0), (1, other)]);
            let states = [
                PeeringState::Active,
                PeeringState::Active,
                PeeringState::PendingAcceptance,
                PeeringState::Deleted,
            ];
            world.peerings.push(VpcPeering {
                id: format!("pcx-{other}"),
                requester: format!("vpc-{requester}"),
                requester_cidr: world.vpcs[requester].cidr,
                accepter: format!("vpc-{accepter}"),
                accepter_cidr: world.vpcs[accepter].cidr,
                state: dice.of(&states),
                created: 0,
                ended: None,
                tags: Vec::new(),
            });
        }
    }
    rules(dice, &mut world, &addresses);
    interfaces(dice, &mut world, &addresses);
    (world, addresses)
}

fn rules(dice: &mut Dice, world: &mut World, addresses: &[Ipv4Addr]) {
    for number in 0..2 {
        let entries = (0..dice.below(4)).map(|_| PrefixListEntry {
            cidr: dice.net(addresses),
            description: None,
        });
        world.prefix_lists.push(PrefixList {
            id: format!("pl-{number}"),
            name: "n".to_owned(),
            is_ipv6: false,
            max_entries: 10,
            version: 1,
            entries: entries.collect(),
            tags: Vec::new(),
        });
    }
    for number in 0..5 {
        let id = format!("sg-{number}");
        let rules = (0..dice.below(7)).map(|place| {
            let remote = match dice.below(10) {
                0..=2 => Remote::Ipv4(Ipv4Net::default()),
                3 => Remote::Ipv6("::/0".parse().unwrap()),
                4 | 5 => Remote::Group(format!("sg-{}", dice.below(6))),
                6 => Remote::PrefixList(format!("pl-{}", dice.below(3))),
                _ => Remote::Ipv4(dice.cidr(addresses)),
            };
            SecurityGroupRule {
                id: format!("sgr-{number}{place}"),
                is_egress: dice.chance(50),
                protocol: dice.protocol(),
                ports: dice.ports(),
                icmp: None,
                remote,
                description: None,
                tags: Vec::new(),
            }
        });
        world.groups.push(SecurityGroup {
            id,
            vpc: "vpc-0".to_owned(),
            name: format!("name-{number}"),
            description: "d".to_owned(),
            rules: rules.collect(),
            tags: Vec::new(),
        });
    }
    for subnet in &world.subnets {
        if dice.chance(3) {
            continue;
        }
        let is_open = dice.chance(60);
        let mut entries: BTreeMap<(bool, u16), NetworkAclEntry> = BTreeMap::new();
        let count = if is_open {
            dice.below(3)
        } else {
            dice.below(9)
        };
        for _ in 0..count {
            let (number, is_egress) = (dice.0.random_range(1..=200), dice.chance(50));
            let entry = NetworkAclEntry {
                number,
                is_egress,
                protocol: dice.protocol(),
                allow: dice.chance(65),
                cidr: dice.net(addresses),
                ports: dice.ports(),
                icmp: None,
            };
            entries.insert((is_egress, number), entry);
        }
        for is_egress in [false, true] {
            let last = NetworkAclEntry {
                number: if is_open { 1000 } else { NetworkAclEntry::LAST },
                is_egress,
                protocol: Protocol::All,
                allow: is_open,
                cidr: IpNet::V4(Ipv4Net::default()),
                ports: None,
                icmp: None,
            };
            if dice.chance(95) {
                entries.insert((is_egress, last.number), last);
            }
        }
        // In no order, as a table may give them.
        let mut entries: Vec<_> = entries.into_values().collect();
        let middle = entries.len() / 2;
        entries.rotate_left(middle);
        world.acls.push(NetworkAcl {
            id: format!("acl-{}", subnet.id),
            vpc: subnet.vpc.clone(),
            is_default: false,
            entries,
            associations: vec![NetworkAclAssociation {
                id: format!("aclassoc-{}", subnet.id),
                subnet: subnet.id.clone(),
            }],
            tags: Vec::new(),
        });
    }
}

fn interfaces(dice: &mut Dice, world: &mut World, addresses: &[Ipv4Addr]) {
    let mut taken = Vec::new();
    for number in 0..8 {
        let subnet = dice.of(&world.subnets);
        let inside: Vec<_> = addresses
            .iter()
            .filter(|address| subnet.cidr.contains(*address))
            .copied()
            .collect();
        let address = dice.of(&inside);
        if taken.contains(&(subnet.vpc.clone(), address)) {
            continue;
        }
        taken.push((subnet.vpc.clone(), address));
        let groups = (0..5).filter(|_| dice.chance(35));
        let groups: Vec<String> = groups.map(|group| format!("sg-{group}")).collect();
        let id = format!("eni-{number}");
        world.interfaces.push(NetworkInterface {
            id: id.clone(),
            subnet: subnet.id.clone(),
            vpc: subnet.vpc.clone(),
            zone: subnet.zone.clone(),
            address,
            mac: String::new(),
            groups,
            description: String::new(),
            requester: None,
            attachment: None,
            source_dest_check: true,
            created: 0,
            tags: Vec::new(),
            place: NetworkInterface::place(&subnet.id, address),
        });
        if number == 0 || dice.chance(15) {
            world.mount_targets.push(MountTarget {
                id: format!("fsmt-{number}"),
                file_system: "fs-1".to_owned(),
                life_cycle: LifeCycle::Creating { until: 0 },
                subnet: subnet.id,
                vpc: subnet.vpc,
                zone: subnet.zone,
                ip_address: address,
                mirror: address,
                network_interface: id,
            });
        }
    }
}

/// A source: an address that matters, as itself or mirrored, or one beside it.
fn source(dice: &mut Dice, addresses: &[Ipv4Addr]) -> SocketAddrV4 {
    let mut address = dice.of(addresses);
    if dice.chance(10) {
        address = Ipv4Addr::from(u32::from(address).wrapping_add(1));
    }
    if dice.chance(50) {
        let [_, _, c, d] = address.octets();
        address = Ipv4Addr::new(127, dice.of(&[31, 64, 65, 66, 9]), c, d);
    }
    SocketAddrV4::new(address, dice.of(&PORTS))
}

/// Compares an answer with the model's, and names its kind.
fn compare(
    world: &World,
    target: &MountTarget,
    compiled: &Reachability,
    source: SocketAddrV4,
    known: Option<Tracking>,
) -> (String, Option<Tracking>) {
    let verdict = match known {
        None => compiled.connect(source),
        Some(tracking) => compiled.carry(source, tracking),
    };
    let model = model::ask(world, target, source, known);
    let what = || format!("{source} to {target:?}, {known:?}: {verdict:?}\n{world:#?}");
    let denied_by = (!verdict.allowed).then_some(verdict.layer);
    assert_eq!(denied_by, model.denied_by, "{}", what());
    let kind = match (&verdict.because, verdict.allowed) {
        (Because::Rule(rule), true) => {
            assert_eq!(Some(&*rule.rule), model.rule.as_deref(), "{}", what());
            match &rule.remote {
                Remote::Ipv4(_) => "allowed by cidr",
                Remote::Ipv6(_) => panic!("{}", what()),
                Remote::Group(_) => "allowed by group",
                Remote::PrefixList(_) => "allowed by prefix list",
            }
            .to_owned()
        }
        (Because::Tracked, true) => "allowed as tracked".to_owned(),
        (because, true) => panic!("{because}: {}", what()),
        (because, false) => {
            assert_eq!(model.rule, None, "{}", what());
            let because = format!("{because:?}");
            let name = because.split([' ', '(', '{']).next().unwrap();
            format!("{:?} {name}", verdict.layer)
        }
    };
    if verdict.allowed {
        assert_eq!(verdict.tracking, model.tracking, "{}", what());
    }
    (kind, verdict.allowed.then_some(verdict.tracking))
}

#[test]
fn every_answer_is_the_models() {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..WORLDS {
        let mut dice = Dice(StdRng::seed_from_u64(seed));
        let (before, addresses) = world(&mut dice);
        // The same with other rules, for connections that were there.
        let mut after = before.clone();
        after.groups.clear();
        after.acls.clear();
        after.prefix_lists.clear();
        rules(&mut dice, &mut after, &addresses);
        if dice.chance(30) {
            after.acls.clone_from(&before.acls);
        }
        if dice.chance(20) {
            after.peerings.clear();
        }
        let (one, other) = (Compiler::new(&before), Compiler::new(&after));
        for target in &before.mount_targets {
            let compiled = one.reachability(target);
            let changed = other.reachability(target);
            for _ in 0..QUESTIONS {
                let source = source(&mut dice, &addresses);
                let (kind, tracking) = compare(&before, target, &compiled, source, None);
                *seen.entry(kind).or_default() += 1;
                let Some(tracking) = tracking else { continue };
                let known = Some(tracking);
                let (kind, _) = compare(&after, target, &changed, source, known);
                let tracked = format!("{}{}", tracking.client, tracking.mount_target);
                *seen.entry(format!("then {kind}")).or_default() += 1;
                *seen.entry(format!("tracked {tracked}")).or_default() += 1;
            }
        }
    }
    for kind in [
        "allowed by cidr",
        "allowed by group",
        "allowed by prefix list",
        "Isolation Internet",
        "Isolation NotPeered",
        "Isolation NoSubnet",
        "ClientAclOutbound Entry",
        "ClientAclOutbound NoEntry",
        "MountTargetAclInbound Entry",
        "MountTargetAclInbound NoEntry",
        "MountTargetAclOutbound Entry",
        "MountTargetAclOutbound NoEntry",
        "ClientAclInbound Entry",
        "ClientAclInbound NoEntry",
        "ClientGroups NoOutboundRule",
        "MountTargetGroups NoInboundRule",
        "tracked truetrue",
        "tracked truefalse",
        "tracked falsetrue",
        "tracked falsefalse",
        "then allowed as tracked",
        "then allowed by cidr",
        "then allowed by group",
        "then allowed by prefix list",
        "then Isolation NotPeered",
        "then ClientAclOutbound Entry",
        "then MountTargetAclInbound Entry",
        "then MountTargetAclOutbound Entry",
        "then ClientAclInbound Entry",
        "then ClientGroups NoOutboundRule",
        "then ClientGroups NoResponseRule",
        "then MountTargetGroups NoInboundRule",
    ] {
        let count = seen.get(kind).copied().unwrap_or_default();
        assert!(count >= 50, "{kind}: {count} of {seen:#?}");
    }
}

#[test]
fn what_is_denied_from_every_port_is_in_the_ranges_and_nothing_else() {
    let (mut inside, mut outside, mut by_port) = (0, 0, 0);
    for seed in 0..300 {
        let mut dice = Dice(StdRng::seed_from_u64(1_000_000 + seed));
        let (world, addresses) = world(&mut dice);
        let compiler = Compiler::new(&world);
        for target in &world.mount_targets {
            let compiled = compiler.reachability(target);
            let ranges = compiled.denied();
            for pair in ranges.windows(2) {
                let (end, next) = (u32::from(*pair[0].end()), u32::from(*pair[1].start()));
                assert!(end + 1 < next, "{ranges:?}");
            }
            let mut sources = Vec::new();
            for _ in 0..10 {
                sources.push(*source(&mut dice, &addresses).ip());
            }
            // The edges of the ranges, too.
            for range in ranges.iter().take(10) {
                sources.push(*range.start());
                sources.push(*range.end());
                sources.extend(u32::from(*range.start()).checked_sub(1).map(Ipv4Addr::from));
                sources.extend(u32::from(*range.end()).checked_add(1).map(Ipv4Addr::from));
            }
            // Ports at which rules can change their mind.
            let ports = world.acls.iter().flat_map(|acl| &acl.entries);
            let ports = ports.filter_map(|entry| entry.ports);
            let ports: Vec<u16> = ports
                .flat_map(|ports| [ports.0, ports.1.saturating_add(1)])
                .chain([0, 1, 1023, 1024, 40_000])
                .collect();
            for address in sources {
                let allowed = ports.iter().filter(|port| {
                    let source = SocketAddrV4::new(address, **port);
                    compiled.connect(source).allowed
                });
                let allowed = allowed.count();
                let is_denied = ranges.iter().any(|range| range.contains(&address));
                assert_eq!(is_denied, allowed == 0, "{address} {target:?} {world:#?}");
                inside += usize::from(is_denied);
                outside += usize::from(!is_denied);
                by_port += usize::from(allowed > 0 && allowed < ports.len());
            }
        }
    }
    assert!(
        inside > 1000 && outside > 1000 && by_port > 30,
        "{inside} {outside} {by_port}"
    );
}

#[test]
fn a_verdict_is_the_first_step_that_denies_or_the_last() {
    for seed in 0..200 {
        let mut dice = Dice(StdRng::seed_from_u64(2_000_000 + seed));
        let (world, addresses) = world(&mut dice);
        let target = &world.mount_targets[0];
        let compiled = Compiler::new(&world).reachability(target);
        for _ in 0..QUESTIONS {
            let source = source(&mut dice, &addresses);
            let (verdict, steps) = (compiled.connect(source), compiled.steps(source));
            let layers: Vec<Layer> = steps.iter().map(|step| step.layer).collect();
            assert!(layers.is_sorted(), "{layers:?}");
            let denied = steps.iter().find(|step| !step.allowed);
            assert_eq!(verdict.allowed, denied.is_none());
            let decisive = denied.or(steps.last()).unwrap();
            assert_eq!(verdict.layer, decisive.layer);
            assert_eq!(verdict.because, decisive.because);
            assert!(verdict.allowed || !verdict.because.to_string().is_empty());
        }
    }
}
