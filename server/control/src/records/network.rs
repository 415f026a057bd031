//! The network around mount targets, as EC2 has it.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::file_system::Tag;
use super::life_cycle::Millis;
use crate::store::Record;

/// A range of addresses.
pub type Cidr = ipnet::Ipv4Net;

/// A VPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    /// `vpc-` and 17 hexadecimal digits.
    pub id: String,
    /// Its addresses.
    pub cidr: Cidr,
    /// Whether it is the region's default VPC.
    pub is_default: bool,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// `subnet-` and 17 hexadecimal digits.
    pub id: String,
    /// The VPC's id.
    pub vpc: String,
    /// Its addresses. EC2 keeps the first four and the last (VPC user guide, "Subnet CIDR blocks").
    pub cidr: Cidr,
    /// The zone's name.
    pub zone: String,
    /// Whether it is its zone's default subnet.
    pub is_default: bool,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// A permission of a security group, as it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// The rule's id, `sgr-…`.
    pub id: String,
    /// Whether it is for traffic from the group's interfaces.
    pub is_egress: bool,
    /// `tcp`, `udp`, `icmp`, a number, or `-1` for all.
    pub protocol: String,
    /// First and last port.
    pub ports: Option<(u16, u16)>,
    /// The other side, if it is a range of addresses.
    pub cidr: Option<Cidr>,
    /// The other side, if it is the members of a group.
    pub group: Option<String>,
    /// For people.
    pub description: Option<String>,
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// `sg-` and 17 hexadecimal digits.
    pub id: String,
    /// The VPC's id.
    pub vpc: String,
    /// Its name, unique in the VPC.
    pub name: String,
    /// For people.
    pub description: String,
    /// Its rules.
    pub permissions: Vec<Permission>,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// A rule of a network ACL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkAclEntry {
    /// Its place in the order; 32767 is the last one, which denies.
    pub number: u16,
    /// Whether it is for traffic out of the subnet.
    pub is_egress: bool,
    /// A number, or `-1` for all.
    pub protocol: String,
    /// Whether it lets in.
    pub allow: bool,
    /// The other side.
    pub cidr: Cidr,
    /// First and last port.
    pub ports: Option<(u16, u16)>,
}

/// A network ACL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkAcl {
    /// `acl-` and 17 hexadecimal digits.
    pub id: String,
    /// The VPC's id.
    pub vpc: String,
    /// Whether it is the VPC's default.
    pub is_default: bool,
    /// Its rules.
    pub entries: Vec<NetworkAclEntry>,
    /// Ids of the associations, and of the subnets that they are of.
    pub associations: Vec<(String, String)>,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInterface {
    /// `eni-` and 17 hexadecimal digits.
    pub id: String,
    /// The subnet's id.
    pub subnet: String,
    /// The VPC's id.
    pub vpc: String,
    /// The zone's name.
    pub zone: String,
    /// Its address in the VPC.
    pub address: Ipv4Addr,
    /// Six octets, as `02:…`.
    pub mac: String,
    /// Ids of its security groups.
    pub groups: Vec<String>,
    /// For people.
    pub description: String,
    /// The service that made it and alone may change it.
    pub requester: Option<String>,
    /// When it was created.
    pub created: Millis,
    /// Tags.
    pub tags: Vec<Tag>,
    /// Its subnet and address, under which it is found.
    pub place: String,
}

impl NetworkInterface {
    /// What [`NetworkInterface::place`] is.
    #[must_use]
    pub fn place(subnet: &str, address: Ipv4Addr) -> String {
        format!("{subnet}/{address}")
    }
}

/// Which number in 127.n/16 the addresses of a /16 are served at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirror {
    /// The first two octets, as `172.31`.
    pub of: String,
    /// The second octet on this machine.
    pub number: u8,
}

impl Record for Vpc {
    const TABLE: &'static str = "control/vpcs";

    fn key(&self) -> &str {
        &self.id
    }
}

impl Record for Subnet {
    const TABLE: &'static str = "control/subnets";

    fn key(&self) -> &str {
        &self.id
    }

    fn indexes(&self) -> Vec<(&'static str, &str)> {
        vec![("vpc", &self.vpc)]
    }
}

impl Record for SecurityGroup {
    const TABLE: &'static str = "control/security-groups";

    fn key(&self) -> &str {
        &self.id
    }

    fn indexes(&self) -> Vec<(&'static str, &str)> {
        vec![("vpc", &self.vpc)]
    }
}

impl Record for NetworkAcl {
    const TABLE: &'static str = "control/network-acls";

    fn key(&self) -> &str {
        &self.id
    }

    fn indexes(&self) -> Vec<(&'static str, &str)> {
        vec![("vpc", &self.vpc)]
    }
}

impl Record for NetworkInterface {
    const TABLE: &'static str = "control/network-interfaces";

    fn key(&self) -> &str {
        &self.id
    }

    fn indexes(&self) -> Vec<(&'static str, &str)> {
        let mut indexes = vec![
            ("place", self.place.as_str()),
            ("subnet", &self.subnet),
            ("vpc", &self.vpc),
        ];
        indexes.extend(self.groups.iter().map(|group| ("group", group.as_str())));
        indexes
    }
}

impl Record for Mirror {
    const TABLE: &'static str = "control/mirrors";

    fn key(&self) -> &str {
        &self.of
    }
}
