//! Instances: names for interfaces, nothing runs.

use serde::{Deserialize, Serialize};

use crate::records::Tag;
use crate::records::life_cycle::Millis;
use crate::store::Record;

/// What an instance is said to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// From its launch on.
    Running,
    /// Its interfaces are gone; an hour later the record is, too.
    Terminated,
}

/// An instance. Its interfaces say that they are its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// `i-` and 17 hexadecimal digits.
    pub id: String,
    /// `r-` and 17 hexadecimal digits: those that were launched together have the same.
    pub reservation: String,
    /// Its number among those.
    pub launch_index: u32,
    /// `ami-…`, as it was given.
    pub image: String,
    /// `t3.micro` or another, as it was given.
    pub instance_type: String,
    /// The key pair's name, as it was given.
    pub key_name: Option<String>,
    /// The VPC's id.
    pub vpc: String,
    /// The subnet's id.
    pub subnet: String,
    /// The zone's name.
    pub zone: String,
    /// What it is said to do.
    pub state: InstanceState,
    /// When it was launched.
    pub launched: Millis,
    /// When it was terminated.
    pub terminated: Option<Millis>,
    /// `disableApiTermination`.
    pub is_protected: bool,
    /// `sourceDestCheck`, of its first interface.
    pub source_dest_check: bool,
    /// What made its launch idempotent.
    pub client_token: Option<String>,
    /// Tags.
    pub tags: Vec<Tag>,
}

impl Record for Instance {
    const TABLE: &'static str = "control/instances";

    fn key(&self) -> &str {
        &self.id
    }

    fn indexes(&self) -> Vec<(&'static str, &str)> {
        vec![("vpc", &self.vpc), ("subnet", &self.subnet)]
    }
}
