//! Network ACLs.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Icmp, Ports, Protocol};
use crate::records::Tag;
use crate::store::Record;

/// A rule of a network ACL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkAclEntry {
    /// Its place in the order; 32767 is the last one, which denies and can't be changed.
    pub number: u16,
    /// Whether it is for traffic out of the subnet.
    pub is_egress: bool,
    /// Which protocol.
    pub protocol: Protocol,
    /// Whether it lets through.
    pub allow: bool,
    /// The other side, IPv4 or IPv6.
    pub cidr: IpNet,
    /// Ports, of TCP and UDP; nothing for all. With any other protocol there are none.
    pub ports: Option<Ports>,
    /// Type and code, of ICMP and ICMPv6; nothing for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp: Option<Icmp>,
}

impl NetworkAclEntry {
    /// The number of the last entry.
    pub const LAST: u16 = 32767;
}

/// That a network ACL is that of a subnet: each subnet has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkAclAssociation {
    /// `aclassoc-` and 17 hexadecimal digits.
    pub id: String,
    /// The subnet's id.
    pub subnet: String,
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
    /// Its rules, by direction and number: each number is there once in a direction.
    pub entries: Vec<NetworkAclEntry>,
    /// The subnets that it is of.
    pub associations: Vec<NetworkAclAssociation>,
    /// Tags.
    pub tags: Vec<Tag>,
}

impl Record for NetworkAcl {
    const TABLE: &'static str = "control/network-acls";

    fn key(&self) -> &str {
        &self.id
    }

    fn indexes(&self) -> Vec<(&'static str, &str)> {
        let mut indexes = vec![("vpc", self.vpc.as_str())];
        for association in &self.associations {
            indexes.push(("association", &association.id));
            indexes.push(("subnet", &association.subnet));
        }
        indexes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acls_are_read_as_they_were_first_kept() {
        let kept = r#"{"id":"acl-1","vpc":"vpc-1","is_default":true,"entries":[{"number":100,
            "is_egress":true,"protocol":"-1","allow":true,"cidr":"0.0.0.0/0","ports":null}],
            "associations":[["aclassoc-1","subnet-1"]],"tags":[]}"#;
        let acl: NetworkAcl = serde_json::from_str(kept).unwrap();
        assert_eq!(acl.associations[0].subnet, "subnet-1");
        assert_eq!(acl.entries[0].protocol, Protocol::All);
        let kept = serde_json::to_string(&acl).unwrap();
        assert_eq!(serde_json::from_str::<NetworkAcl>(&kept).unwrap(), acl);
    }
}
