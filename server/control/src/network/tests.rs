//! The documented rules, one by one, in the network that there is at first start.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use ipnet::{IpNet, Ipv4Net};

use super::{Because, Compiler, Layer, NFS, Reachability, Tracking, Verdict, World};
use crate::records::{
    LifeCycle, Mirror, MountTarget, NetworkAcl, NetworkAclAssociation, NetworkAclEntry,
    NetworkInterface, PeeringState, Ports, Protocol, Remote, SecurityGroup, SecurityGroupRule,
    Subnet, Vpc, VpcPeering,
};

/// A mount target at 172.31.0.4 with `sg-target`, a client at 172.31.0.9 in its subnet and one at
/// 172.31.16.5 in another, both with `sg-client`. 10.0.0.0/16 is another VPC, with a client at
/// 10.0.0.5.
struct Net(World);

fn rule(is_egress: bool, remote: Remote, ports: Option<Ports>) -> SecurityGroupRule {
    SecurityGroupRule {
        id: format!("sgr-{is_egress}"),
        is_egress,
        protocol: Protocol::TCP,
        ports,
        icmp: None,
        remote,
        description: None,
        tags: Vec::new(),
    }
}

fn cidr(text: &str) -> Remote {
    Remote::Ipv4(text.parse().unwrap())
}

fn group(id: &str) -> Remote {
    Remote::Group(id.to_owned())
}

const NFS_ONLY: Option<Ports> = Some((NFS, NFS));

impl Net {
    fn new() -> Self {
        let mut net = Self(World::default());
        for (number, range, mirror) in [(0, "172.31.0.0/16", 31), (1, "10.0.0.0/16", 64)] {
            let cidr: Ipv4Net = range.parse().unwrap();
            net.0.vpcs.push(Vpc {
                id: format!("vpc-{number}"),
                cidr,
                is_default: number == 0,
                dns_support: true,
                dns_hostnames: true,
                address_metrics: false,
                is_dedicated: false,
                tags: Vec::new(),
            });
            net.0.mirrors.push(Mirror {
                vpc: format!("vpc-{number}"),
                of: Mirror::of(cidr.network()),
                number: mirror,
            });
            for (place, part) in cidr.subnets(20).unwrap().take(2).enumerate() {
                let subnet = format!("subnet-{number}{place}");
                net.0.subnets.push(Subnet {
                    id: subnet.clone(),
                    vpc: format!("vpc-{number}"),
                    cidr: part,
                    zone: "us-east-1a".to_owned(),
                    is_default: true,
                    maps_public: true,
                    tags: Vec::new(),
                });
                net.0.acls.push(NetworkAcl {
                    id: format!("acl-{number}{place}"),
                    vpc: format!("vpc-{number}"),
                    is_default: true,
                    entries: Vec::new(),
                    associations: vec![NetworkAclAssociation {
                        id: "aclassoc-1".to_owned(),
                        subnet,
                    }],
                    tags: Vec::new(),
                });
                let acl = format!("acl-{number}{place}");
                for is_egress in [false, true] {
                    net.entry(&acl, 100, is_egress, true, "0.0.0.0/0", None);
                }
            }
        }
        for id in ["sg-target", "sg-client"] {
            net.0.groups.push(SecurityGroup {
                id: id.to_owned(),
                vpc: "vpc-0".to_owned(),
                name: id.to_owned(),
                description: "d".to_owned(),
                rules: vec![rule(true, cidr("0.0.0.0/0"), None)],
                tags: Vec::new(),
            });
        }
        net.interface("eni-target", "00", "172.31.0.4", &["sg-target"]);
        net.interface("eni-near", "00", "172.31.0.9", &["sg-client"]);
        net.interface("eni-far", "01", "172.31.16.5", &["sg-client"]);
        net.interface("eni-other", "10", "10.0.0.5", &["sg-client"]);
        net
    }

    fn interface(&mut self, id: &str, subnet: &str, address: &str, groups: &[&str]) {
        let vpc = subnet.split_at(1).0;
        self.0.interfaces.push(NetworkInterface {
            id: id.to_owned(),
            subnet: format!("subnet-{subnet}"),
            vpc: format!("vpc-{vpc}"),
            zone: "us-east-1a".to_owned(),
            address: address.parse().unwrap(),
            mac: String::new(),
            groups: groups.iter().map(|id| (*id).to_owned()).collect(),
            description: String::new(),
            requester: None,
            attachment: None,
            source_dest_check: true,
            created: 0,
            tags: Vec::new(),
            place: String::new(),
        });
    }

    fn entry(
        &mut self,
        acl: &str,
        number: u16,
        is_egress: bool,
        allow: bool,
        cidr: &str,
        ports: Option<Ports>,
    ) {
        let acl = self.0.acls.iter_mut().find(|it| it.id == acl).unwrap();
        acl.entries.push(NetworkAclEntry {
            number,
            is_egress,
            protocol: Protocol::TCP,
            allow,
            cidr: IpNet::V4(cidr.parse().unwrap()),
            ports,
            icmp: None,
        });
    }

    fn rules(&mut self, group: &str) -> &mut Vec<SecurityGroupRule> {
        let mut groups = self.0.groups.iter_mut();
        &mut groups.find(|it| it.id == group).unwrap().rules
    }

    /// NFS is let in.
    fn with(mut self, remote: Remote) -> Self {
        self.rules("sg-target").push(rule(false, remote, NFS_ONLY));
        self
    }

    fn peered(mut self, state: PeeringState) -> Self {
        self.0.peerings.push(VpcPeering {
            id: "pcx-1".to_owned(),
            requester: "vpc-1".to_owned(),
            requester_cidr: self.0.vpcs[1].cidr,
            accepter: "vpc-0".to_owned(),
            accepter_cidr: self.0.vpcs[0].cidr,
            state,
            created: 0,
            ended: None,
            tags: Vec::new(),
        });
        self
    }

    fn compiled(&self) -> Reachability {
        Compiler::new(&self.0).reachability(&MountTarget {
            id: "fsmt-1".to_owned(),
            file_system: "fs-1".to_owned(),
            life_cycle: LifeCycle::Creating { until: 0 },
            subnet: "subnet-00".to_owned(),
            vpc: "vpc-0".to_owned(),
            zone: "us-east-1a".to_owned(),
            ip_address: Ipv4Addr::new(172, 31, 0, 4),
            mirror: Ipv4Addr::new(127, 31, 0, 4),
            network_interface: "eni-target".to_owned(),
        })
    }

    fn connect(&self, source: &str) -> Verdict {
        self.compiled().connect(at(source))
    }

    fn carry(&self, source: &str, tracking: Tracking) -> Verdict {
        self.compiled().carry(at(source), tracking)
    }
}

fn at(source: &str) -> SocketAddrV4 {
    SocketAddrV4::new(source.parse().unwrap(), 40_000)
}

const NEAR: &str = "127.31.0.9";
const FAR: &str = "127.31.16.5";

#[track_caller]
fn denied(verdict: &Verdict, layer: Layer) {
    assert!(!verdict.allowed, "{verdict:?}");
    assert_eq!(verdict.layer, layer, "{verdict:?}");
}

#[track_caller]
fn allowed(verdict: &Verdict) -> Tracking {
    assert!(verdict.allowed, "{verdict:?}");
    verdict.tracking
}

#[test]
fn a_new_group_lets_nobody_in() {
    let verdict = Net::new().connect(FAR);
    denied(&verdict, Layer::MountTargetGroups);
    assert_eq!(
        verdict.because.to_string(),
        "no inbound rule of security group sg-target allows TCP 2049 from the client"
    );
}

#[test]
fn a_group_lets_in_whoever_has_the_group_that_it_names() {
    let net = Net::new().with(group("sg-client"));
    let verdict = net.connect(FAR);
    allowed(&verdict);
    assert_eq!(
        verdict.because.to_string(),
        "rule sgr-false of security group sg-target, for the interfaces of security group \
         sg-client, allows it"
    );
    // Nobody is registered there.
    denied(&net.connect("127.31.16.6"), Layer::MountTargetGroups);
}

#[test]
fn a_source_may_come_with_its_own_address_or_that_of_its_mirror() {
    let net = Net::new().with(cidr("172.31.16.5/32"));
    allowed(&net.connect(FAR));
    allowed(&net.connect("172.31.16.5"));
    denied(&net.connect("127.64.16.5"), Layer::Isolation);
}

#[test]
fn only_inbound_nfs_rules_of_a_mount_target_count() {
    let mut net = Net::new();
    let everybody = || cidr("0.0.0.0/0");
    let udp = SecurityGroupRule {
        protocol: Protocol::UDP,
        ..rule(false, everybody(), NFS_ONLY)
    };
    let rules = net.rules("sg-target");
    rules.push(udp);
    rules.push(rule(false, everybody(), Some((22, 22))));
    rules.push(rule(false, everybody(), Some((2050, 65535))));
    denied(&net.connect(FAR), Layer::MountTargetGroups);
    // And no outbound one is asked.
    let mut net = Net::new().with(everybody());
    net.rules("sg-target").retain(|rule| !rule.is_egress);
    allowed(&net.connect(FAR));
}

#[test]
fn a_client_needs_an_outbound_rule_to_the_mount_target() {
    let mut net = Net::new().with(cidr("0.0.0.0/0"));
    net.rules("sg-client").clear();
    denied(&net.connect(FAR), Layer::ClientGroups);
    for remote in [group("sg-target"), cidr("172.31.0.4/32")] {
        let mut net = Net::new().with(cidr("0.0.0.0/0"));
        *net.rules("sg-client") = vec![rule(true, remote, NFS_ONLY)];
        allowed(&net.connect(FAR));
    }
}

#[test]
fn an_unregistered_address_of_a_subnet_is_an_interface_without_groups() {
    let mut net = Net::new().with(cidr("172.31.0.0/16"));
    net.rules("sg-client").clear();
    allowed(&net.connect("127.31.16.77"));
    denied(&net.connect("127.31.200.1"), Layer::Isolation);
}

#[test]
fn on_premises_clients_need_a_rule_by_cidr() {
    let net = Net::new().with(group("sg-client"));
    for source in ["192.168.1.7", "127.0.0.1", "10.77.0.1"] {
        denied(&net.connect(source), Layer::MountTargetGroups);
    }
    let net = Net::new().with(cidr("192.168.0.0/16"));
    allowed(&net.connect("192.168.1.7"));
    denied(&net.connect("127.0.0.1"), Layer::MountTargetGroups);
}

#[test]
fn nobody_comes_from_the_internet() {
    let verdict = Net::new().with(cidr("0.0.0.0/0")).connect("8.8.8.8");
    denied(&verdict, Layer::Isolation);
    assert_eq!(verdict.because, Because::Internet);
}

#[test]
fn another_vpc_has_no_way_unless_it_is_peered() {
    let everybody = || Net::new().with(cidr("0.0.0.0/0"));
    denied(&everybody().connect("127.64.0.5"), Layer::Isolation);
    let pending = everybody().peered(PeeringState::PendingAcceptance);
    denied(&pending.connect("127.64.0.5"), Layer::Isolation);
    allowed(
        &everybody()
            .peered(PeeringState::Active)
            .connect("127.64.0.5"),
    );
    let by_group = Net::new().with(group("sg-client"));
    allowed(&by_group.peered(PeeringState::Active).connect("127.64.0.5"));
}

#[test]
fn the_lowest_number_of_an_acl_that_fits_decides() {
    let mut net = Net::new().with(cidr("0.0.0.0/0"));
    net.entry("acl-00", 90, false, false, "172.31.16.0/20", NFS_ONLY);
    net.entry("acl-00", 80, false, true, "172.31.16.5/32", NFS_ONLY);
    allowed(&net.connect(FAR));
    let verdict = net.connect("127.31.16.6");
    denied(&verdict, Layer::MountTargetAclInbound);
    assert_eq!(
        verdict.because.to_string(),
        "inbound rule 90 of network ACL acl-00 denies 172.31.16.0/20"
    );
}

#[test]
fn acls_are_stateless_and_asked_in_both_directions() {
    for (acl, is_egress, ports, layer) in [
        ("acl-01", true, NFS_ONLY, Layer::ClientAclOutbound),
        ("acl-00", false, NFS_ONLY, Layer::MountTargetAclInbound),
        (
            "acl-00",
            true,
            Some((1024, 65535)),
            Layer::MountTargetAclOutbound,
        ),
        (
            "acl-01",
            false,
            Some((1024, 65535)),
            Layer::ClientAclInbound,
        ),
    ] {
        let mut net = Net::new().with(group("sg-client"));
        let tracking = allowed(&net.connect(FAR));
        net.entry(acl, 1, is_egress, false, "0.0.0.0/0", ports);
        denied(&net.connect(FAR), layer);
        // It cuts what was there, too.
        denied(&net.carry(FAR, tracking), layer);
        // Nobody asks it within a subnet.
        allowed(&net.connect(NEAR));
    }
}

#[test]
fn replies_go_to_the_port_that_the_client_comes_from() {
    let mut net = Net::new().with(cidr("0.0.0.0/0"));
    net.entry("acl-00", 1, true, false, "0.0.0.0/0", Some((0, 1023)));
    let compiled = net.compiled();
    let from = |port| compiled.connect(SocketAddrV4::new(Ipv4Addr::new(127, 31, 16, 5), port));
    denied(&from(800), Layer::MountTargetAclOutbound);
    allowed(&from(1024));
}

#[test]
fn a_tracked_connection_outlives_its_rules() {
    let net = Net::new().with(group("sg-client"));
    let tracking = allowed(&net.connect(FAR));
    assert!(tracking.is_tracked());
    let closed = Net::new();
    denied(&closed.connect(FAR), Layer::MountTargetGroups);
    allowed(&closed.carry(FAR, tracking));
}

#[test]
fn what_is_allowed_to_everybody_is_not_tracked_and_cut_at_once() {
    let tracking = allowed(&Net::new().with(cidr("0.0.0.0/0")).connect(FAR));
    assert!(!tracking.mount_target);
    denied(&Net::new().carry(FAR, tracking), Layer::MountTargetGroups);
    // Another rule that lets it in carries it on.
    let narrow = Net::new().with(group("sg-client")).carry(FAR, tracking);
    assert!(allowed(&narrow).mount_target);
}

#[test]
fn without_a_rule_for_all_responses_the_connection_is_tracked() {
    let mut net = Net::new().with(cidr("0.0.0.0/0"));
    net.rules("sg-target").retain(|rule| !rule.is_egress);
    assert!(allowed(&net.connect(FAR)).mount_target);
}

#[test]
fn a_client_that_takes_everything_does_not_track() {
    let mut net = Net::new().with(group("sg-client"));
    net.rules("sg-client")
        .push(rule(false, cidr("0.0.0.0/0"), None));
    let tracking = allowed(&net.connect(FAR));
    assert!(!tracking.client);
    net.rules("sg-client").retain(|rule| rule.is_egress);
    denied(&net.carry(FAR, tracking), Layer::ClientGroups);
}

#[test]
fn ipv6_clients_are_judged_where_they_have_an_ipv4_address() {
    let source = |text: &str| Reachability::source(text.parse::<SocketAddr>().unwrap());
    assert_eq!(source("[::1]:9"), Some("127.0.0.1:9".parse().unwrap()));
    assert_eq!(
        source("[::ffff:10.0.0.1]:9"),
        Some("10.0.0.1:9".parse().unwrap())
    );
    assert_eq!(source("10.0.0.1:9"), Some("10.0.0.1:9".parse().unwrap()));
    assert_eq!(source("[fd00::1]:9"), None);
}

#[test]
fn what_is_denied_at_every_port_is_found_as_ranges() {
    let net = Net::new().with(cidr("172.31.16.0/20"));
    let range = |first: &str, last: &str| first.parse().unwrap()..=last.parse().unwrap();
    let denied = net.compiled().denied();
    assert_eq!(
        denied,
        [
            range("0.0.0.0", "127.31.15.255"),
            range("127.31.32.0", "172.31.15.255"),
            range("172.31.32.0", "255.255.255.255"),
        ]
    );
}
