//! What the control plane remembers of EFS and of the network around it.

mod access_point;
mod account;
mod file_system;
mod life_cycle;
mod mount_target;
mod network;
mod replication;

pub use access_point::{AccessPoint, CreationInfo, PosixUser, RootDirectory};
pub use account::{AccountPreferences, DoomedTree};
pub use file_system::{FileSystem, LifecyclePolicy, Tag};
pub use life_cycle::LifeCycle;
pub use mount_target::MountTarget;
pub use network::{
    Attachment, Cidr, ClientToken, Icmp, Instance, InstanceState, Mirror, NetworkAcl,
    NetworkAclAssociation, NetworkAclEntry, NetworkInterface, PeeringState, Ports, PrefixList,
    PrefixListEntry, Protocol, Remote, SecurityGroup, SecurityGroupRule, Subnet, Vpc, VpcPeering,
};
pub use replication::{Destination, Replication};
