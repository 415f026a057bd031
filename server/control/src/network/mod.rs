//! Whether a client's connection reaches a mount target, and which rule says so.
//!
//! A [`World`] is what is on record about the network at one moment. [`Reachability`] is what it
//! means for one mount target, quick to ask. Both are pure.
//!
//! The rules, in the order in which they are asked:
//!
//! - Isolation: a mount target is reached from its own VPC, from VPCs that are peered with it, and
//!   from on-premises networks over Direct Connect or a VPN, not from the Internet (EFS user guide,
//!   "Managing mount targets", "Mounting EFS file systems from another AWS account or VPC").
//! - Network ACLs, unless both sides are in one subnet: the lowest number that fits decides, for
//!   each direction of its own, as they are stateless. Replies go to the port that the client's
//!   connection comes from (VPC user guide, "Network ACL basics", "Ephemeral ports").
//! - Security groups of the client's interface, outbound (EFS user guide, "Using VPC security
//!   groups").
//! - Security groups of the mount target, inbound, for NFS alone: its other inbound rules and its
//!   outbound rules aren't used (the same page).
//!
//! Security groups are stateful: what they track lives on when their rules change; what they don't
//! track is cut (EC2 user guide, "Security group connection tracking"). [`Tracking`] says which.
//!
//! Sources that are no registered interface: inside of a subnet, an interface without security
//! groups, whose outbound rules therefore are not asked, and which no rule by group lets in; with
//! a private or loopback address, an on-premises host.

mod acl;
mod because;
mod first_of;
mod groups;
mod place;
mod ranges;
mod reachability;
mod verdict;
mod world;

pub use because::{Because, RuleRef};
pub use reachability::{Compiler, Reachability};
pub use verdict::{Layer, Step, Tracking, Verdict};
pub use world::World;

/// The port of NFS: verdicts are about no other, wherever a mount target listens on this machine.
pub const NFS: u16 = 2049;

#[cfg(test)]
mod model;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod publication_tests;
#[cfg(test)]
mod tests;
