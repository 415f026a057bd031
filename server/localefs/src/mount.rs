//! The command that mounts a server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The options that EFS recommends, but for the port.
const OPTIONS: &str = "rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport";

/// The command, to be run as root, by which the machine that the server runs on mounts it at
/// `directory`, with the options that EFS recommends.
///
/// ```
/// let command = localefs::mount_command(([127, 0, 0, 1], 2049).into(), "/mnt/efs");
/// assert!(command.starts_with("mount -t nfs4 -o nfsvers=4.1,port=2049,"));
/// assert!(command.ends_with(" 127.0.0.1:/ /mnt/efs"));
/// ```
#[must_use]
pub fn mount_command(address: SocketAddr, directory: &str) -> String {
    let port = address.port();
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) if ip.is_unspecified() => format!("[{}]", Ipv6Addr::LOCALHOST),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    format!("mount -t nfs4 -o nfsvers=4.1,port={port},{OPTIONS} {host}:/ {directory}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_and_brackets() {
        let host = |address: &str| {
            let command = mount_command(address.parse().unwrap(), "/mnt");
            command.split(' ').nth_back(1).unwrap().to_owned()
        };
        assert_eq!(host("0.0.0.0:2049"), "127.0.0.1:/");
        assert_eq!(host("[::]:2049"), "[::1]:/");
        assert_eq!(host("[::1]:2049"), "[::1]:/");
        assert_eq!(host("127.3.4.5:2049"), "127.3.4.5:/");
    }
}
