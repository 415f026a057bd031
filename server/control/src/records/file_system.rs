//! File systems.

use serde::{Deserialize, Serialize};

use super::LifeCycle;
use super::life_cycle::Millis;
use crate::store::Record;

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// When files move to another storage class; each has one member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecyclePolicy {
    /// To Infrequent Access.
    #[serde(rename = "TransitionToIA", skip_serializing_if = "Option::is_none")]
    pub to_ia: Option<String>,
    /// Back from there.
    #[serde(
        rename = "TransitionToPrimaryStorageClass",
        skip_serializing_if = "Option::is_none"
    )]
    pub to_primary: Option<String>,
    /// To Archive.
    #[serde(
        rename = "TransitionToArchive",
        skip_serializing_if = "Option::is_none"
    )]
    pub to_archive: Option<String>,
}

/// A file system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileSystem {
    /// `fs-` and 17 hexadecimal digits.
    pub id: String,
    /// What makes its creation idempotent.
    pub creation_token: String,
    /// When it was created.
    pub created: Millis,
    /// Where in its life it is.
    pub life_cycle: LifeCycle,
    /// `generalPurpose` or `maxIO`.
    pub performance_mode: String,
    /// Whether it is said to be encrypted.
    pub encrypted: bool,
    /// The ARN of the key, if it is.
    pub kms_key_id: Option<String>,
    /// `bursting`, `provisioned` or `elastic`.
    pub throughput_mode: String,
    /// MiB/s, if that is `provisioned`.
    pub provisioned: Option<f64>,
    /// When the throughput was last decreased or its mode changed.
    pub throughput_changed: Option<Millis>,
    /// The zone of a One Zone file system.
    pub zone: Option<String>,
    /// Tags, in the order in which they were given.
    pub tags: Vec<Tag>,
    /// `ENABLED`, `DISABLED` or `REPLICATING`.
    pub protection: String,
    /// When files move to other storage classes.
    pub lifecycle_policies: Vec<LifecyclePolicy>,
    /// `ENABLED` or `DISABLED`; nothing if that was never set.
    pub backup: Option<String>,
    /// Its resource policy, as JSON.
    pub policy: Option<String>,
}

impl FileSystem {
    /// The value of the tag `Name`.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        let tag = self.tags.iter().find(|tag| tag.key == "Name")?;
        Some(&tag.value)
    }
}

impl Record for FileSystem {
    const TABLE: &'static str = "control/file-systems";

    fn key(&self) -> &str {
        &self.id
    }

    fn indexes(&self) -> Vec<(&'static str, &str)> {
        vec![("creation-token", &self.creation_token)]
    }
}
