//! `localefs hosts` and `localefs routes`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::process::ExitCode;

use localefs::admin::{self, ClientError, InstanceAddress, Network};

use super::arguments::{HostsArguments, RoutesArguments};
use super::{FAILED, NOT_RUNNING, complain, fail};

/// Prints lines for /etc/hosts.
pub(super) async fn hosts(arguments: HostsArguments) -> ExitCode {
    match admin::network(&arguments.server.data).await {
        Ok(network) => {
            print!("{}", hosts_lines(&network, arguments.zone.as_deref()));
            ExitCode::SUCCESS
        }
        Err(error) => unreachable(&error),
    }
}

/// Prints commands that give connections an instance's address.
pub(super) async fn routes(arguments: RoutesArguments) -> ExitCode {
    let network = match admin::network(&arguments.server.data).await {
        Ok(network) => network,
        Err(error) => return unreachable(&error),
    };
    match routes_lines(&network, arguments.instance.as_deref()) {
        Ok(lines) => {
            print!("{lines}");
            ExitCode::SUCCESS
        }
        Err(why) => fail(why),
    }
}

fn unreachable(error: &ClientError) -> ExitCode {
    complain(error);
    let running = !matches!(error, ClientError::NotRunning { .. });
    if running { FAILED } else { NOT_RUNNING }.into()
}

/// A name has one address in /etc/hosts: that of a file system is its mount target in `zone`, or
/// else the first.
fn hosts_lines(network: &Network, zone: Option<&str>) -> String {
    let mut lines = String::new();
    let mut named = BTreeSet::new();
    let targets = &network.mount_targets;
    for target in targets {
        let of = |name: &str| {
            targets
                .iter()
                .any(|it| it.name == name && Some(&*it.zone) == zone)
        };
        let is_chosen = match of(&target.name) {
            true => Some(target.zone.as_str()) == zone,
            false => true,
        };
        let own = is_chosen && named.insert(&target.name);
        let name = if own {
            format!("\t{}", target.name)
        } else {
            String::new()
        };
        // Writing to a string does not fail.
        let _ = writeln!(lines, "{}\t{}{name}", target.address, target.zone_name);
    }
    lines
}

/// Each mount target is reached from one address: that of the instance.
fn routes_lines(network: &Network, wanted: Option<&str>) -> Result<String, String> {
    let instance = choose(&network.instances, wanted)?;
    let address = instance.address.ok_or_else(|| {
        let id = &instance.network_interface;
        format!("{id} has no address on this machine: there are too many VPCs")
    })?;
    let mut lines = String::new();
    for target in &network.mount_targets {
        let route = route(target.address, address);
        let _ = writeln!(lines, "{route}");
    }
    Ok(lines)
}

fn route(to: Ipv4Addr, from: Ipv4Addr) -> String {
    format!("ip route replace local {to} dev lo table local src {from}")
}

fn choose<'i>(
    all: &'i [InstanceAddress],
    wanted: Option<&str>,
) -> Result<&'i InstanceAddress, String> {
    let is_meant = |instance: &&InstanceAddress| match wanted {
        None => true,
        Some(wanted) => {
            instance.network_interface == wanted
                || instance.instance.as_deref() == Some(wanted)
                || instance.name.as_deref() == Some(wanted)
                || instance.ip_address.to_string() == wanted
        }
    };
    let meant: Vec<_> = all.iter().filter(is_meant).collect();
    match (meant.as_slice(), wanted) {
        ([only], _) => Ok(only),
        // Of several interfaces of an instance, any will do.
        ([first, ..], Some(wanted)) if first.instance.as_deref() == Some(wanted) => Ok(first),
        ([], None) => Err("there is no instance: aws ec2 run-instances makes one, or \
                           create-network-interface"
            .to_owned()),
        ([], Some(wanted)) => Err(format!("there is no instance or interface {wanted}")),
        _ => {
            let mut message = "which one? --instance takes one of".to_owned();
            for one in meant {
                let id = one.instance.as_deref().unwrap_or(&one.network_interface);
                let name = one.name.as_deref().unwrap_or_default();
                let _ = write!(message, "\n  {id}  {}  {} {name}", one.ip_address, one.zone);
            }
            Err(message)
        }
    }
}

#[cfg(test)]
mod tests {
    use localefs::admin::MountTargetAddress;

    use super::*;

    fn network() -> Network {
        let target = |file_system: &str, zone: &str, last: u8| MountTargetAddress {
            id: format!("fsmt-{last}"),
            file_system: file_system.to_owned(),
            name: format!("{file_system}.efs"),
            zone_name: format!("{zone}.{file_system}.efs"),
            zone: zone.to_owned(),
            ip_address: [172, 31, 0, last].into(),
            address: [127, 31, 0, last].into(),
            security_groups: Vec::new(),
        };
        let instance = |id: &str, instance: Option<&str>, last: u8| InstanceAddress {
            network_interface: id.to_owned(),
            instance: instance.map(str::to_owned),
            name: instance.map(|id| format!("web-{id}")),
            zone: "a".to_owned(),
            ip_address: [172, 31, 16, last].into(),
            address: Some([127, 31, 16, last].into()),
        };
        Network {
            mount_targets: vec![
                target("fs-1", "a", 4),
                target("fs-1", "b", 5),
                target("fs-2", "a", 6),
            ],
            instances: vec![
                instance("eni-1", None, 4),
                instance("eni-2", Some("i-1"), 5),
                instance("eni-3", Some("i-1"), 6),
            ],
        }
    }

    #[test]
    fn a_name_is_there_once() {
        let expected = "\
127.31.0.4\ta.fs-1.efs\tfs-1.efs
127.31.0.5\tb.fs-1.efs
127.31.0.6\ta.fs-2.efs\tfs-2.efs
";
        assert_eq!(hosts_lines(&network(), None), expected);
        assert_eq!(hosts_lines(&network(), Some("a")), expected);
        let expected = "\
127.31.0.4\ta.fs-1.efs
127.31.0.5\tb.fs-1.efs\tfs-1.efs
127.31.0.6\ta.fs-2.efs\tfs-2.efs
";
        assert_eq!(hosts_lines(&network(), Some("b")), expected);
    }

    #[test]
    fn routes_are_those_of_one_instance() {
        let network = network();
        let lines = routes_lines(&network, Some("172.31.16.4")).unwrap();
        assert_eq!(lines, routes_lines(&network, Some("eni-1")).unwrap());
        assert_eq!(lines.lines().count(), 3);
        let first = "ip route replace local 127.31.0.4 dev lo table local src 127.31.16.4";
        assert_eq!(lines.lines().next(), Some(first));
        let of_instance = routes_lines(&network, Some("i-1")).unwrap();
        assert!(of_instance.contains("src 127.31.16.5"));
        let which = routes_lines(&network, None).unwrap_err();
        assert!(which.contains("\n  eni-1  172.31.16.4"), "{which}");
        assert!(routes_lines(&network, Some("i-9")).is_err());
        assert!(routes_lines(&Network::default(), None).is_err());
    }
}
