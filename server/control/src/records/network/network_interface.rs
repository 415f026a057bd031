//! Network interfaces.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::yes;
use crate::records::Tag;
use crate::records::life_cycle::Millis;
use crate::store::Record;

/// That an interface is an instance's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// `eni-attach-` and 17 hexadecimal digits.
    pub id: String,
    /// The instance's id.
    pub instance: String,
    /// Which of the instance's interfaces it is; 0 for the first, which stays.
    pub device_index: u16,
    /// Whether it goes with its instance.
    pub delete_on_termination: bool,
    /// When it was attached.
    pub attached: Millis,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInterface {
    /// `eni-` and 17 hexadecimal digits.
    pub id: String,
    /// The subnet's id.
    pub subnet: String,
    /// The VPC's id.
    pub vpc: String,
    /// The zone's name.
    pub zone: String,
    /// Its address in the VPC.
    pub address: Ipv4Addr,
    /// Six octets, as `02:…`.
    pub mac: String,
    /// Ids of its security groups.
    pub groups: Vec<String>,
    /// For people.
    pub description: String,
    /// The service that made it and alone may change it.
    pub requester: Option<String>,
    /// The instance that it is of.
    #[serde(default)]
    pub attachment: Option<Attachment>,
    /// `sourceDestCheck`.
    #[serde(default = "yes")]
    pub source_dest_check: bool,
    /// When it was created.
    pub created: Millis,
    /// Tags.
    pub tags: Vec<Tag>,
    /// Its subnet and address, under which it is found.
    pub place: String,
}

impl NetworkInterface {
    /// What [`NetworkInterface::place`] is.
    #[must_use]
    pub fn place(subnet: &str, address: Ipv4Addr) -> String {
        format!("{subnet}/{address}")
    }
}

impl Record for NetworkInterface {
    const TABLE: &'static str = "control/network-interfaces";

    fn key(&self) -> &str {
        &self.id
    }

    fn indexes(&self) -> Vec<(&'static str, &str)> {
        let mut indexes = vec![
            ("place", self.place.as_str()),
            ("subnet", &self.subnet),
            ("vpc", &self.vpc),
        ];
        indexes.extend(self.groups.iter().map(|group| ("group", group.as_str())));
        let instance = self.attachment.as_ref().map(|it| it.instance.as_str());
        indexes.extend(instance.map(|instance| ("instance", instance)));
        indexes
    }
}
