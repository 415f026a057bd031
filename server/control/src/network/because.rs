//! Why a layer allows or denies.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use ipnet::IpNet;

use crate::records::Remote;

/// A rule of a security group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleRef {
    /// The group's id.
    pub group: Arc<str>,
    /// The rule's id.
    pub rule: Arc<str>,
    /// The other side that it names.
    pub remote: Remote,
}

impl Display for RuleRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            group,
            rule,
            remote,
        } = self;
        write!(f, "rule {rule} of security group {group}, for ")?;
        match remote {
            Remote::Ipv4(cidr) => write!(f, "{cidr}"),
            Remote::Ipv6(cidr) => write!(f, "{cidr}"),
            Remote::Group(id) => write!(f, "the interfaces of security group {id}"),
            Remote::PrefixList(id) => write!(f, "prefix list {id}"),
        }
    }
}

/// Why a layer allows or denies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// Client and mount target are in this VPC.
    SameVpc(Arc<str>),
    /// Their VPCs are peered by this connection.
    Peered(Arc<str>),
    /// The client is in an on-premises network.
    OnPremises,
    /// The client has a public address.
    Internet,
    /// The client is in this VPC, which is not peered with the mount target's.
    NotPeered {
        /// The client's VPC.
        vpc: Arc<str>,
        /// The mount target's.
        mount_target: Arc<str>,
    },
    /// The address lies in this VPC, and in none of its subnets.
    NoSubnet(Arc<str>),
    /// The client has an IPv6 address, and the mount target has none.
    NoIpv6,
    /// Client and mount target are in this subnet, whose network ACL is not asked.
    SameSubnet(Arc<str>),
    /// The client is in no subnet, so that there is no network ACL of it.
    NoClientAcl,
    /// An entry of a network ACL.
    Entry {
        /// The network ACL's id.
        acl: Arc<str>,
        /// The entry's number.
        number: u16,
        /// Whether it is an outbound one.
        is_egress: bool,
        /// The addresses that it is for.
        cidr: IpNet,
        /// Whether it allows.
        allow: bool,
    },
    /// No entry of this network ACL fits.
    NoEntry {
        /// The network ACL's id; empty if the subnet has none.
        acl: Arc<str>,
        /// Whether outbound ones were asked.
        is_egress: bool,
    },
    /// The client's interface has no security groups.
    NoClientGroups,
    /// A rule allows it.
    Rule(Arc<RuleRef>),
    /// No outbound rule of the client's groups allows NFS to the mount target.
    NoOutboundRule(Arc<[Arc<str>]>),
    /// The client's groups don't track the connection, and no inbound rule of theirs allows what
    /// the mount target answers.
    NoResponseRule(Arc<[Arc<str>]>),
    /// No inbound rule of the mount target's groups allows NFS from the client.
    NoInboundRule(Arc<[Arc<str>]>),
    /// The groups remember the connection.
    Tracked,
}

impl Display for Because {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameVpc(vpc) => write!(f, "client and mount target are in {vpc}"),
            Self::Peered(id) => write!(f, "the VPCs are peered by {id}"),
            Self::OnPremises => f.write_str("an on-premises client, over AWS Direct Connect"),
            Self::Internet => f.write_str(
                "the client has a public address: no mount target is reached from the Internet",
            ),
            Self::NotPeered { vpc, mount_target } => write!(
                f,
                "no route: the client is in {vpc}, which is not peered with {mount_target}"
            ),
            Self::NoSubnet(vpc) => write!(f, "no subnet of {vpc} has the client's address"),
            Self::NoIpv6 => f.write_str("the mount target has no IPv6 address"),
            Self::SameSubnet(subnet) => write!(
                f,
                "client and mount target are in {subnet}: no network ACL is asked"
            ),
            Self::NoClientAcl => f.write_str("the client is in no subnet: no network ACL is asked"),
            Self::Entry {
                acl,
                number,
                is_egress,
                cidr,
                allow,
            } => write!(
                f,
                "{} rule {number} of network ACL {acl} {} {cidr}",
                direction(*is_egress),
                if *allow { "allows" } else { "denies" }
            ),
            Self::NoEntry { acl, is_egress } if acl.is_empty() => {
                write!(
                    f,
                    "the subnet has no network ACL, {}",
                    direction(*is_egress)
                )
            }
            Self::NoEntry { acl, is_egress } => write!(
                f,
                "no {} rule of network ACL {acl} fits, so it denies",
                direction(*is_egress)
            ),
            Self::NoClientGroups => {
                f.write_str("the client's interface has no security groups: none is asked")
            }
            Self::Rule(rule) => write!(f, "{rule}, allows it"),
            Self::NoOutboundRule(groups) => write!(
                f,
                "no outbound rule of {} allows TCP 2049 to the mount target",
                Groups(groups)
            ),
            Self::NoResponseRule(groups) => write!(
                f,
                "an untracked connection, and no inbound rule of {} allows what the mount target answers",
                Groups(groups)
            ),
            Self::NoInboundRule(groups) => write!(
                f,
                "no inbound rule of {} allows TCP 2049 from the client",
                Groups(groups)
            ),
            Self::Tracked => f.write_str("a tracked connection lives on when rules change"),
        }
    }
}

fn direction(is_egress: bool) -> &'static str {
    if is_egress { "outbound" } else { "inbound" }
}

/// Names groups.
struct Groups<'g>(&'g [Arc<str>]);

impl Display for Groups<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("any security group, as there is none,"),
            [one] => write!(f, "security group {one}"),
            several => write!(f, "security groups {}", several.join(", ")),
        }
    }
}
