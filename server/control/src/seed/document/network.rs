//! VPCs and what is in them.

use serde::Deserialize;
use serde_json::Value;

use crate::records::Tag;

/// A VPC.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(in crate::seed) struct Vpc {
    /// The tag `Name`, which it is found by.
    pub(in crate::seed) name: String,
    pub(in crate::seed) cidr_block: String,
    pub(in crate::seed) enable_dns_support: Option<bool>,
    pub(in crate::seed) enable_dns_hostnames: Option<bool>,
    #[serde(default)]
    pub(in crate::seed) tags: Vec<Tag>,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(in crate::seed) struct Subnet {
    /// The tag `Name`, which it is found by in its VPC.
    pub(in crate::seed) name: String,
    /// An id, or the `Name` of a VPC; the default VPC unless given.
    pub(in crate::seed) vpc_id: Option<String>,
    pub(in crate::seed) cidr_block: String,
    pub(in crate::seed) availability_zone: Option<String>,
    pub(in crate::seed) map_public_ip_on_launch: Option<bool>,
    #[serde(default)]
    pub(in crate::seed) tags: Vec<Tag>,
}

/// A network ACL that is not a VPC's default.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(in crate::seed) struct NetworkAcl {
    /// The tag `Name`, which it is found by in its VPC.
    pub(in crate::seed) name: String,
    /// An id, or the `Name` of a VPC; the default VPC unless given.
    pub(in crate::seed) vpc_id: Option<String>,
    #[serde(default)]
    pub(in crate::seed) entries: Vec<NetworkAclEntry>,
    #[serde(default)]
    pub(in crate::seed) associations: Vec<Association>,
    #[serde(default)]
    pub(in crate::seed) tags: Vec<Tag>,
}

/// A rule of a network ACL.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(in crate::seed) struct NetworkAclEntry {
    pub(in crate::seed) rule_number: i64,
    pub(in crate::seed) egress: bool,
    pub(in crate::seed) protocol: String,
    pub(in crate::seed) rule_action: String,
    pub(in crate::seed) cidr_block: Option<String>,
    pub(in crate::seed) ipv6_cidr_block: Option<String>,
    pub(in crate::seed) port_range: Option<PortRange>,
    pub(in crate::seed) icmp_type_code: Option<IcmpTypeCode>,
}

/// Ports, both in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(in crate::seed) struct PortRange {
    pub(in crate::seed) from: i64,
    pub(in crate::seed) to: i64,
}

/// ICMP's type and code; -1 for any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(in crate::seed) struct IcmpTypeCode {
    #[serde(rename = "Type")]
    pub(in crate::seed) kind: i64,
    pub(in crate::seed) code: i64,
}

/// That a network ACL is that of a subnet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(in crate::seed) struct Association {
    /// An id, or the `Name` of a subnet of its VPC.
    pub(in crate::seed) subnet_id: String,
}

/// A security group of a VPC.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(in crate::seed) struct SecurityGroup {
    pub(in crate::seed) group_name: String,
    /// `GroupDescription` of the operation, `Description` of what is described.
    pub(in crate::seed) description: Option<String>,
    /// An id, or the `Name` of a VPC; the default VPC unless given.
    pub(in crate::seed) vpc_id: Option<String>,
    #[serde(default)]
    pub(in crate::seed) ip_permissions: Vec<IpPermission>,
    #[serde(default)]
    pub(in crate::seed) ip_permissions_egress: Vec<IpPermission>,
    #[serde(default)]
    pub(in crate::seed) tags: Vec<Tag>,
}

/// A rule of a security group.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(in crate::seed) struct IpPermission {
    pub(in crate::seed) ip_protocol: String,
    pub(in crate::seed) from_port: Option<i32>,
    pub(in crate::seed) to_port: Option<i32>,
    #[serde(default)]
    pub(in crate::seed) ip_ranges: Vec<Value>,
    #[serde(default)]
    pub(in crate::seed) ipv6_ranges: Vec<Value>,
    #[serde(default)]
    pub(in crate::seed) prefix_list_ids: Vec<Value>,
    #[serde(default)]
    pub(in crate::seed) user_id_group_pairs: Vec<GroupPair>,
}

/// The members of a security group as the other side of a rule.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(in crate::seed) struct GroupPair {
    pub(in crate::seed) group_id: Option<String>,
    pub(in crate::seed) group_name: Option<String>,
    pub(in crate::seed) description: Option<String>,
}

/// An instance: a name for interfaces.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(in crate::seed) struct Instance {
    /// The tag `Name`, which it is found by.
    pub(in crate::seed) name: String,
    pub(in crate::seed) image_id: Option<String>,
    pub(in crate::seed) instance_type: Option<String>,
    pub(in crate::seed) key_name: Option<String>,
    /// The zone of a default subnet, without `SubnetId`.
    pub(in crate::seed) placement: Option<Placement>,
    /// An id, or the `Name` of a subnet.
    pub(in crate::seed) subnet_id: Option<String>,
    pub(in crate::seed) private_ip_address: Option<String>,
    /// Names or ids.
    pub(in crate::seed) security_groups: Option<Vec<String>>,
    /// Instead of the three above.
    #[serde(default)]
    pub(in crate::seed) network_interfaces: Vec<Interface>,
    #[serde(default)]
    pub(in crate::seed) tags: Vec<Tag>,
}

/// Where an instance is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(in crate::seed) struct Placement {
    pub(in crate::seed) availability_zone: String,
}

/// An interface of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(in crate::seed) struct Interface {
    pub(in crate::seed) device_index: u16,
    pub(in crate::seed) description: Option<String>,
    /// An id, or the `Name` of a subnet.
    pub(in crate::seed) subnet_id: Option<String>,
    pub(in crate::seed) private_ip_address: Option<String>,
    /// Names or ids.
    pub(in crate::seed) groups: Option<Vec<String>>,
}
