//! Addresses as `--listen` has them.

use std::net::{IpAddr, SocketAddr};

/// The port of NFS.
const NFS_PORT: u16 = 2049;

/// Reads `IP`, `IP:PORT` or `[IP]:PORT`.
pub(super) fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    text.parse()
        .or_else(|_| {
            bare.parse::<IpAddr>()
                .map(|ip| SocketAddr::new(ip, NFS_PORT))
        })
        .map_err(|_| "expected IP, IP:PORT or [IP]:PORT".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (text, address) in [
            ("127.0.0.1", "127.0.0.1:2049"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("0.0.0.0:111", "0.0.0.0:111"),
            ("::1", "[::1]:2049"),
            ("[::1]", "[::1]:2049"),
            ("[::]:1", "[::]:1"),
        ] {
            assert_eq!(parse_listen(text), Ok(address.parse().unwrap()), "{text}");
        }
        for text in [
            "",
            "localhost",
            "127.0.0.1:",
            "127.0.0.1:65536",
            ":2049",
            "1.2.3",
        ] {
            assert!(parse_listen(text).is_err(), "{text}");
        }
    }
}
