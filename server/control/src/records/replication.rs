//! Replication configurations. Nothing is copied; see docs/fidelity.md.

use serde::{Deserialize, Serialize};

use super::life_cycle::Millis;
use crate::store::Record;

/// Where a file system is said to be replicated to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// The destination's id.
    pub file_system: String,
    /// Its region.
    pub region: String,
    /// The role that replicates to another account.
    pub role: Option<String>,
    /// Until when its status is `ENABLING`.
    pub enabling_until: Millis,
}

/// The replication configuration of a file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replication {
    /// The source's id.
    pub source: String,
    /// When it was created.
    pub created: Millis,
    /// Where to; one.
    pub destination: Destination,
}

impl Record for Replication {
    const TABLE: &'static str = "control/replications";

    fn key(&self) -> &str {
        &self.source
    }

    fn indexes(&self) -> Vec<(&'static str, &str)> {
        vec![("destination", &self.destination.file_system)]
    }
}
