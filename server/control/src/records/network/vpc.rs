//! VPCs.

use serde::{Deserialize, Serialize};

use super::{Cidr, yes};
use crate::records::Tag;
use crate::store::Record;

/// A VPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    /// `vpc-` and 17 hexadecimal digits.
    pub id: String,
    /// Its addresses.
    pub cidr: Cidr,
    /// Whether it is the region's default VPC.
    pub is_default: bool,
    /// `enableDnsSupport`.
    #[serde(default = "yes")]
    pub dns_support: bool,
    /// `enableDnsHostnames`: at first true of the default VPC alone.
    #[serde(default = "yes")]
    pub dns_hostnames: bool,
    /// `enableNetworkAddressUsageMetrics`.
    #[serde(default)]
    pub address_metrics: bool,
    /// Whether its instances have hardware of their own: `instanceTenancy` is `dedicated`.
    #[serde(default)]
    pub is_dedicated: bool,
    /// Tags.
    pub tags: Vec<Tag>,
}

impl Record for Vpc {
    const TABLE: &'static str = "control/vpcs";

    fn key(&self) -> &str {
        &self.id
    }
}
