//! What a name stands for, depending on who asks.

use std::net::IpAddr;

use localefs_control::places::{PlacedMountTarget, Places};

/// What there is of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer<'p> {
    /// The address of this mount target.
    MountTarget(&'p PlacedMountTarget),
    /// The name is there, without an address.
    NoData,
    /// There is no such name.
    NoName,
    /// It is somebody else's to say.
    NotHere,
}

/// What a name stands for: lower case, without a dot at the end. A file system's own name is its
/// mount target in the zone of the caller; with a zone's name or id before it, that in this zone
/// (EFS user guide, "Mounting on Amazon EC2 with a DNS name").
///
/// Names are of a VPC: callers in another one, and in one without DNS, are told that there is no
/// such name. Callers in none ask as on-premises hosts do, through a resolver in the first zone that
/// has a mount target.
pub(super) fn resolve<'p>(
    places: &'p Places,
    domain: &str,
    name: &str,
    source: IpAddr,
) -> Answer<'p> {
    let Some(rest) = name.strip_suffix(domain) else {
        return Answer::NotHere;
    };
    if rest.is_empty() {
        return Answer::NoData;
    }
    let Some(rest) = rest.strip_suffix('.') else {
        // A longer word that ends like the domain.
        return Answer::NotHere;
    };
    let (zone, file_system) = match rest.split_once('.') {
        Some((zone, file_system)) => (Some(zone), file_system),
        None => (None, rest),
    };
    let of = |target: &&PlacedMountTarget| target.file_system == file_system;
    let mut own = places.mount_targets.iter().filter(of);
    let Some(first) = own.clone().next() else {
        return Answer::NoName;
    };
    // All mount targets of a file system are in one VPC.
    let subnet = places.subnet(source, &first.vpc);
    if subnet.is_some_and(|subnet| subnet.vpc != first.vpc || !subnet.has_dns) {
        return Answer::NoName;
    }
    let found = match (zone, subnet) {
        (Some(zone), _) => own.find(|target| target.zone.name == zone || target.zone.id == zone),
        (None, Some(subnet)) => own.find(|target| target.zone.name == subnet.zone),
        (None, None) => Some(first),
    };
    found.map_or(Answer::NoName, Answer::MountTarget)
}

#[cfg(test)]
mod tests {
    use localefs_control::places::PlacedSubnet;
    use localefs_control::topology::zones;

    use super::*;

    const DOMAIN: &str = "efs.us-east-1.amazonaws.com";

    fn target(file_system: &str, vpc: &str, zone: usize) -> PlacedMountTarget {
        let third = u8::try_from(16 * zone).unwrap();
        PlacedMountTarget {
            id: format!("{file_system}-{zone}"),
            file_system: file_system.to_owned(),
            vpc: vpc.to_owned(),
            zone: zones("us-east-1")[zone].clone(),
            ip_address: [172, 31, third, 9].into(),
            mirror: [127, 31, third, 9].into(),
            groups: Vec::new(),
        }
    }

    fn places() -> Places {
        let subnet = |vpc: &str, cidr: &str, zone: usize| PlacedSubnet {
            vpc: vpc.to_owned(),
            cidr: cidr.parse().unwrap(),
            zone: zones("us-east-1")[zone].name.clone(),
            has_dns: vpc != "vpc-3",
        };
        Places {
            mount_targets: vec![
                target("fs-1", "vpc-1", 1),
                target("fs-1", "vpc-1", 2),
                target("fs-2", "vpc-2", 0),
                target("fs-4", "vpc-3", 0),
            ],
            subnets: vec![
                subnet("vpc-1", "172.31.0.0/20", 0),
                subnet("vpc-1", "172.31.16.0/20", 1),
                subnet("vpc-1", "172.31.32.0/20", 2),
                subnet("vpc-2", "10.0.0.0/16", 0),
                subnet("vpc-3", "10.1.0.0/16", 0),
            ],
            mirrors: vec![
                (31, "vpc-1".to_owned(), [172, 31]),
                (64, "vpc-2".to_owned(), [10, 0]),
                (65, "vpc-3".to_owned(), [10, 1]),
            ],
        }
    }

    fn ask(name: &str, source: &str) -> String {
        let places = places();
        let name = match name {
            "" => DOMAIN.to_owned(),
            name if name.ends_with("com") => name.to_owned(),
            name => format!("{name}.{DOMAIN}"),
        };
        match resolve(&places, DOMAIN, &name, source.parse().unwrap()) {
            Answer::MountTarget(target) => target.id.clone(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_name_is_the_mount_target_of_the_callers_zone() {
        assert_eq!(ask("fs-1", "127.31.16.5"), "fs-1-1");
        assert_eq!(ask("fs-1", "127.31.32.5"), "fs-1-2");
        assert_eq!(ask("fs-1", "172.31.32.5"), "fs-1-2");
        assert_eq!(ask("fs-1", "127.31.0.5"), "NoName", "no mount target there");
        assert_eq!(ask("fs-2", "127.64.0.5"), "fs-2-0");
        // From nowhere in a VPC.
        for source in ["127.0.0.1", "::1", "192.168.0.1", "127.31.250.1"] {
            assert_eq!(ask("fs-1", source), "fs-1-1");
        }
    }

    #[test]
    fn a_zone_can_be_named() {
        for source in ["127.31.0.5", "127.31.16.5", "127.0.0.1"] {
            assert_eq!(ask("us-east-1c.fs-1", source), "fs-1-2");
            assert_eq!(ask("use1-az2.fs-1", source), "fs-1-1");
            assert_eq!(ask("us-east-1a.fs-1", source), "NoName");
            assert_eq!(ask("x.us-east-1c.fs-1", source), "NoName");
        }
    }

    #[test]
    fn names_are_of_a_vpc_and_others_somebody_elses() {
        assert_eq!(ask("fs-1", "127.64.0.5"), "NoName");
        assert_eq!(ask("us-east-1a.fs-2", "127.31.0.5"), "NoName");
        assert_eq!(ask("fs-3", "127.0.0.1"), "NoName");
        assert_eq!(ask("fs-4", "127.65.0.5"), "NoName", "its VPC has no DNS");
        assert_eq!(ask("us-east-1a.fs-4", "127.65.0.5"), "NoName");
        assert_eq!(ask("fs-4", "192.168.0.1"), "fs-4-0");
        assert_eq!(ask("", "127.0.0.1"), "NoData");
        for name in ["amazonaws.com", "xefs.us-east-1.amazonaws.com", "a.com"] {
            assert_eq!(ask(name, "127.0.0.1"), "NotHere");
        }
    }
}
