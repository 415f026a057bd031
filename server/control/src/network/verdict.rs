//! What is decided.

use std::fmt::{self, Display, Formatter};

use super::because::Because;

/// The layers that can deny, in the order in which they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// Whether there is a way from the client's network to the mount target's VPC.
    Isolation,
    /// The network ACL of the client's subnet, for its request.
    ClientAclOutbound,
    /// The network ACL of the mount target's subnet, for the request.
    MountTargetAclInbound,
    /// The network ACL of the mount target's subnet, for the reply.
    MountTargetAclOutbound,
    /// The network ACL of the client's subnet, for the reply.
    ClientAclInbound,
    /// The security groups of the client's interface.
    ClientGroups,
    /// The security groups of the mount target.
    MountTargetGroups,
}

impl Display for Layer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Isolation => "VPC isolation",
            Self::ClientAclOutbound => "network ACL of the client's subnet, outbound",
            Self::MountTargetAclInbound => "network ACL of the mount target's subnet, inbound",
            Self::MountTargetAclOutbound => "network ACL of the mount target's subnet, outbound",
            Self::ClientAclInbound => "network ACL of the client's subnet, inbound",
            Self::ClientGroups => "security groups of the client, outbound",
            Self::MountTargetGroups => "security groups of the mount target, inbound",
        })
    }
}

/// Which side's security groups remember a connection. What one remembers it lets through, however
/// its rules change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tracking {
    /// Those of the client's interface. True also if there are none.
    pub client: bool,
    /// Those of the mount target.
    pub mount_target: bool,
}

impl Tracking {
    /// Whether no change of a security group cuts the connection.
    #[must_use]
    pub fn is_tracked(self) -> bool {
        self.client && self.mount_target
    }
}

/// What one layer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The layer.
    pub layer: Layer,
    /// Whether it lets the connection through.
    pub allowed: bool,
    /// Why.
    pub because: Because,
}

/// What all layers together say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether packets come through, in both directions.
    pub allowed: bool,
    /// The first layer that denies; the last one if none does.
    pub layer: Layer,
    /// What decided in it.
    pub because: Because,
    /// What is remembered of the connection. Of one that is denied it says nothing.
    pub tracking: Tracking,
}
