//! VPC peering connections.

use serde::{Deserialize, Serialize};

use super::Cidr;
use crate::records::Tag;
use crate::records::life_cycle::Millis;
use crate::store::Record;

/// How far a peering connection has come (EC2 API reference, VpcPeeringConnectionStateReason).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeeringState {
    /// It waits for its accepter; after a week it has expired.
    PendingAcceptance,
    /// The VPCs reach each other.
    Active,
    /// The accepter said no.
    Rejected,
    /// One side ended it.
    Deleted,
    /// It never was: the VPCs have addresses in common.
    Failed,
}

/// A peering connection between two VPCs of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpcPeering {
    /// `pcx-` and 17 hexadecimal digits.
    pub id: String,
    /// The id of the VPC that asked.
    pub requester: String,
    /// Its addresses.
    pub requester_cidr: Cidr,
    /// The id of the VPC that was asked.
    pub accepter: String,
    /// Its addresses.
    pub accepter_cidr: Cidr,
    /// How far it is.
    pub state: PeeringState,
    /// When it was asked for.
    pub created: Millis,
    /// When it was rejected or deleted, or failed. Two hours later it is gone.
    pub ended: Option<Millis>,
    /// Tags.
    pub tags: Vec<Tag>,
}

impl VpcPeering {
    /// Whether it lets traffic through.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.state == PeeringState::Active
    }

    /// Whether it is between these VPCs, in either direction.
    #[must_use]
    pub fn joins(&self, one: &str, other: &str) -> bool {
        (self.requester == one && self.accepter == other)
            || (self.requester == other && self.accepter == one)
    }
}

impl Record for VpcPeering {
    const TABLE: &'static str = "control/vpc-peerings";

    fn key(&self) -> &str {
        &self.id
    }

    fn indexes(&self) -> Vec<(&'static str, &str)> {
        vec![("vpc", &self.requester), ("vpc", &self.accepter)]
    }
}
