//! The network around mount targets, as EC2 has it.

mod client_token;
mod instance;
mod mirror;
mod network_acl;
mod network_interface;
mod peering;
mod prefix_list;
mod protocol;
mod security_group;
mod subnet;
mod vpc;

pub use client_token::ClientToken;
pub use instance::{Instance, InstanceState};
pub use mirror::Mirror;
pub use network_acl::{NetworkAcl, NetworkAclAssociation, NetworkAclEntry};
pub use network_interface::{Attachment, NetworkInterface};
pub use peering::{PeeringState, VpcPeering};
pub use prefix_list::{PrefixList, PrefixListEntry};
pub use protocol::{Icmp, Ports, Protocol};
pub use security_group::{Remote, SecurityGroup, SecurityGroupRule};
pub use subnet::Subnet;
pub use vpc::Vpc;

/// A range of IPv4 addresses.
pub type Cidr = ipnet::Ipv4Net;

/// What is kept as true unless said otherwise.
const fn yes() -> bool {
    true
}
