//! Mount targets.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::LifeCycle;
use crate::store::Record;

/// A mount target. Its security groups are those of its network interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountTarget {
    /// `fsmt-` and 17 hexadecimal digits.
    pub id: String,
    /// The file system's id.
    pub file_system: String,
    /// Where in its life it is.
    pub life_cycle: LifeCycle,
    /// The subnet's id.
    pub subnet: String,
    /// The VPC's id.
    pub vpc: String,
    /// The zone's name.
    pub zone: String,
    /// Its address in the VPC.
    pub ip_address: Ipv4Addr,
    /// Where it listens on this machine.
    pub mirror: Ipv4Addr,
    /// The id of its network interface.
    pub network_interface: String,
}

impl Record for MountTarget {
    const TABLE: &'static str = "control/mount-targets";

    fn key(&self) -> &str {
        &self.id
    }

    fn indexes(&self) -> Vec<(&'static str, &str)> {
        vec![("file-system", &self.file_system), ("vpc", &self.vpc)]
    }
}
