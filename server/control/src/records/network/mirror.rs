//! Mirrors.

use serde::{Deserialize, Serialize};

use crate::store::Record;

/// Which number in 127.n/16 the addresses of a VPC are served at: those of a VPC lie in one /16.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirror {
    /// The VPC's id. Empty if it was kept when there was only the default VPC.
    #[serde(default)]
    pub vpc: String,
    /// The first two octets, as `172.31`. VPCs may have the same.
    pub of: String,
    /// The second octet on this machine, of no other mirror.
    pub number: u8,
}

impl Mirror {
    /// What [`Mirror::of`] is.
    #[must_use]
    pub fn of(address: std::net::Ipv4Addr) -> String {
        let [a, b, ..] = address.octets();
        format!("{a}.{b}")
    }
}

impl Record for Mirror {
    const TABLE: &'static str = "control/mirrors";

    fn key(&self) -> &str {
        if self.vpc.is_empty() {
            &self.of
        } else {
            &self.vpc
        }
    }
}
