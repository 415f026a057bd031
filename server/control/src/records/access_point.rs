//! Access points.

use serde::{Deserialize, Serialize};

use super::LifeCycle;
use super::file_system::Tag;
use crate::store::Record;

/// Whom every operation through an access point is done for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PosixUser {
    /// The user id.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
    /// Further groups, 16 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secondary_gids: Option<Vec<u32>>,
}

/// Owner and mode of a root directory that doesn't exist when somebody connects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreationInfo {
    /// The user id.
    pub owner_uid: u32,
    /// The group id.
    pub owner_gid: u32,
    /// Octal digits.
    pub permissions: String,
}

/// What clients of an access point see as `/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RootDirectory {
    /// Its path in the file system.
    #[serde(default = "root")]
    pub path: String,
    /// How it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation_info: Option<CreationInfo>,
}

fn root() -> String {
    "/".to_owned()
}

impl Default for RootDirectory {
    fn default() -> Self {
        Self {
            path: root(),
            creation_info: None,
        }
    }
}

/// An access point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessPoint {
    /// `fsap-` and 17 hexadecimal digits.
    pub id: String,
    /// What makes its creation idempotent.
    pub client_token: String,
    /// The file system's id.
    pub file_system: String,
    /// Where in its life it is.
    pub life_cycle: LifeCycle,
    /// Tags, in the order in which they were given.
    pub tags: Vec<Tag>,
    /// Whom operations are done for, if not for whom the client says.
    pub posix_user: Option<PosixUser>,
    /// What clients see as `/`.
    pub root_directory: RootDirectory,
}

impl Record for AccessPoint {
    const TABLE: &'static str = "control/access-points";

    fn key(&self) -> &str {
        &self.id
    }

    fn indexes(&self) -> Vec<(&'static str, &str)> {
        vec![
            ("file-system", &self.file_system),
            ("client-token", &self.client_token),
        ]
    }
}
