//! Subnets.

use serde::{Deserialize, Serialize};

use super::{Cidr, yes};
use crate::records::Tag;
use crate::store::Record;

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
    /// `mapPublicIpOnLaunch`: at first true of default subnets alone. Nothing here is public.
    #[serde(default = "yes")]
    pub maps_public: bool,
    /// Tags.
    pub tags: Vec<Tag>,
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
