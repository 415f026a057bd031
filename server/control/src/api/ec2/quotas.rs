//! Quotas, as an account has them at first (VPC user guide, "Amazon VPC quotas"; EC2 user guide,
//! "Amazon EC2 service quotas").

/// VPCs.
pub(super) const VPCS: usize = 5;
/// Subnets of a VPC.
pub(super) const SUBNETS: usize = 200;
/// Security groups in the region.
pub(super) const SECURITY_GROUPS: usize = 2500;
/// Rules of a security group in a direction, for IPv4 and for IPv6 each.
pub(super) const RULES: usize = 60;
/// Security groups of an interface.
pub(super) const GROUPS_OF_INTERFACE: usize = 5;
/// Network ACLs of a VPC.
pub(super) const NETWORK_ACLS: usize = 200;
/// Entries of a network ACL in a direction, without the last.
pub(super) const ACL_ENTRIES: usize = 20;
/// Interfaces in the region.
pub(super) const INTERFACES: usize = 5000;
/// Managed prefix lists.
pub(super) const PREFIX_LISTS: usize = 100;
/// Entries of a managed prefix list.
pub(super) const PREFIX_LIST_ENTRIES: u16 = 1000;
/// Entries that one call adds to or removes from a managed prefix list.
pub(super) const PREFIX_LIST_CHANGES: usize = 100;
/// Active peering connections of a VPC.
pub(super) const PEERINGS: usize = 50;
/// Peering connections that wait to be accepted.
pub(super) const WAITING_PEERINGS: usize = 25;
