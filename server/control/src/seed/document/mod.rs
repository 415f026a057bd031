//! What a seed says, in the API's words.

mod network;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::records::{PosixUser, RootDirectory, Tag};

pub(super) use network::{
    Instance, Interface, IpPermission, NetworkAcl, NetworkAclEntry, SecurityGroup, Subnet, Vpc,
};

/// A seed: what is to be there.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(super) struct Document {
    pub(super) vpcs: Vec<Vpc>,
    pub(super) subnets: Vec<Subnet>,
    pub(super) network_acls: Vec<NetworkAcl>,
    pub(super) security_groups: Vec<SecurityGroup>,
    pub(super) instances: Vec<Instance>,
    pub(super) file_systems: Vec<FileSystem>,
    pub(super) policies: Vec<ManagedPolicy>,
    pub(super) groups: Vec<Group>,
    pub(super) users: Vec<User>,
    pub(super) roles: Vec<Role>,
    pub(super) instance_profiles: Vec<InstanceProfile>,
}

/// A file system, with what belongs to it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct FileSystem {
    /// What it is found and created by.
    pub(super) creation_token: Option<String>,
    /// Instead: the tag `Name` of one that is there.
    pub(super) name: Option<String>,
    pub(super) performance_mode: Option<String>,
    pub(super) encrypted: Option<bool>,
    pub(super) kms_key_id: Option<String>,
    pub(super) throughput_mode: Option<String>,
    pub(super) provisioned_throughput_in_mibps: Option<f64>,
    pub(super) availability_zone_name: Option<String>,
    pub(super) backup: Option<bool>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
    pub(super) file_system_policy: Option<Value>,
    pub(super) lifecycle_policies: Option<Vec<Value>>,
    pub(super) backup_policy: Option<Value>,
    pub(super) file_system_protection: Option<Protection>,
    #[serde(default)]
    pub(super) mount_targets: Vec<MountTarget>,
    #[serde(default)]
    pub(super) access_points: Vec<AccessPoint>,
    #[serde(default)]
    pub(super) directories: Vec<Directory>,
}

/// `FileSystemProtection`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Protection {
    pub(super) replication_overwrite_protection: String,
}

/// A mount target.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct MountTarget {
    /// An id, or the `Name` of a subnet.
    pub(super) subnet_id: Option<String>,
    /// Instead: the zone of a default subnet.
    #[serde(alias = "AvailabilityZone")]
    pub(super) availability_zone_name: Option<String>,
    pub(super) ip_address: Option<String>,
    /// Names or ids.
    pub(super) security_groups: Option<Vec<String>>,
}

/// An access point.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct AccessPoint {
    pub(super) client_token: String,
    pub(super) posix_user: Option<PosixUser>,
    pub(super) root_directory: Option<RootDirectory>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
}

/// A directory: the words of an access point's `CreationInfo`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Directory {
    pub(super) path: String,
    pub(super) owner_uid: u32,
    pub(super) owner_gid: u32,
    pub(super) permissions: String,
}

/// A managed policy.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ManagedPolicy {
    pub(super) policy_name: String,
    pub(super) path: Option<String>,
    pub(super) description: Option<String>,
    pub(super) policy_document: Value,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
}

/// An inline policy.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct InlinePolicy {
    pub(super) policy_name: String,
    pub(super) policy_document: Value,
}

/// A managed policy that is attached.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct AttachedPolicy {
    pub(super) policy_arn: Option<String>,
    /// Instead: the name of one in the seed.
    pub(super) policy_name: Option<String>,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Group {
    pub(super) group_name: String,
    pub(super) path: Option<String>,
    #[serde(default)]
    pub(super) policies: Vec<InlinePolicy>,
    #[serde(default)]
    pub(super) attached_policies: Vec<AttachedPolicy>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct User {
    pub(super) user_name: String,
    pub(super) path: Option<String>,
    pub(super) permissions_boundary: Option<String>,
    #[serde(default)]
    pub(super) groups: Vec<String>,
    #[serde(default)]
    pub(super) policies: Vec<InlinePolicy>,
    #[serde(default)]
    pub(super) attached_policies: Vec<AttachedPolicy>,
    #[serde(default)]
    pub(super) access_keys: Vec<AccessKey>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
}

/// An access key, which is the same at every start.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct AccessKey {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
}

// The secret must not get into a log.
impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// A role.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Role {
    pub(super) role_name: String,
    pub(super) path: Option<String>,
    pub(super) assume_role_policy_document: Value,
    pub(super) description: Option<String>,
    pub(super) max_session_duration: Option<u32>,
    pub(super) permissions_boundary: Option<String>,
    #[serde(default)]
    pub(super) policies: Vec<InlinePolicy>,
    #[serde(default)]
    pub(super) attached_policies: Vec<AttachedPolicy>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
}

/// An instance profile.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct InstanceProfile {
    pub(super) instance_profile_name: String,
    pub(super) path: Option<String>,
    /// Names; one at most.
    #[serde(default)]
    pub(super) roles: Vec<String>,
}
