//! Managed prefix lists.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::records::Tag;
use crate::store::Record;

/// An entry of a managed prefix list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixListEntry {
    /// Addresses, all of the list's family.
    pub cidr: IpNet,
    /// For people.
    pub description: Option<String>,
}

/// A managed prefix list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixList {
    /// `pl-` and 17 hexadecimal digits.
    pub id: String,
    /// Its name; several may have the same.
    pub name: String,
    /// Whether its entries are IPv6 ranges.
    pub is_ipv6: bool,
    /// How many entries it may have. A security group's rule that names it counts as so many.
    pub max_entries: u16,
    /// Grows by one with every change of its entries.
    pub version: u64,
    /// Its entries, each range once.
    pub entries: Vec<PrefixListEntry>,
    /// Tags.
    pub tags: Vec<Tag>,
}

impl Record for PrefixList {
    const TABLE: &'static str = "control/prefix-lists";

    fn key(&self) -> &str {
        &self.id
    }
}
