//! What values must be, by the names of the service model (EFS API reference, "Data Types").

use super::pattern;
use super::{Member, Place, Shape};

const fn text(min: usize, max: usize, pattern: &'static super::Pattern) -> Shape {
    Shape::Text {
        min,
        max,
        pattern: Some(pattern),
    }
}

const fn member(name: &'static str, required: bool, shape: &'static Shape) -> Member {
    Member {
        name,
        place: Place::Body,
        required,
        shape,
    }
}

/// A user or group id.
const ID: Shape = Shape::Integer {
    min: 0,
    max: u32::MAX as i64,
};

/// A number of results.
const AT_LEAST_ONE: Shape = Shape::Integer {
    min: 1,
    max: i32::MAX as i64,
};

pub(super) const ACCESS_POINT_ID: Shape = text(0, 128, &pattern::ACCESS_POINT_ID);
pub(super) const AVAILABILITY_ZONE_NAME: Shape = text(1, 64, &pattern::LINE);
pub(super) const BACKUP: Shape = Shape::Boolean;
pub(super) const BACKUP_POLICY: Shape = Shape::Structure(&[member("Status", true, &STATUS)]);
pub(super) const BYPASS_POLICY_LOCKOUT_SAFETY_CHECK: Shape = Shape::Boolean;
pub(super) const CLIENT_TOKEN: Shape = text(1, 64, &pattern::LINE);
pub(super) const CREATION_INFO: Shape = Shape::Structure(&[
    member("OwnerUid", true, &OWNER_UID),
    member("OwnerGid", true, &OWNER_GID),
    member("Permissions", true, &PERMISSIONS),
]);
pub(super) const CREATION_TOKEN: Shape = text(1, 64, &pattern::LINE);
pub(super) const DELETION_MODE: Shape =
    Shape::Word(&["ALL_CONFIGURATIONS", "LOCAL_CONFIGURATION_ONLY"]);
pub(super) const DESTINATION_TO_CREATE: Shape = Shape::Structure(&[
    member("Region", false, &REGION_NAME),
    member("AvailabilityZoneName", false, &AVAILABILITY_ZONE_NAME),
    member("KmsKeyId", false, &KMS_KEY_ID),
    member("FileSystemId", false, &FILE_SYSTEM_ID),
    member("RoleArn", false, &ROLE_ARN),
]);
pub(super) const DESTINATIONS_TO_CREATE: Shape = Shape::List {
    min: 0,
    max: None,
    of: &DESTINATION_TO_CREATE,
};
pub(super) const ENCRYPTED: Shape = Shape::Boolean;
pub(super) const FILE_SYSTEM_ID: Shape = text(0, 128, &pattern::FILE_SYSTEM_ID);
pub(super) const GID: Shape = ID;
pub(super) const IP_ADDRESS: Shape = text(7, 15, &pattern::IP_ADDRESS);
pub(super) const IP_ADDRESS_TYPE: Shape = Shape::Word(&["IPV4_ONLY", "IPV6_ONLY", "DUAL_STACK"]);
pub(super) const IPV6_ADDRESS: Shape = Shape::Text {
    min: 3,
    max: 39,
    pattern: None,
};
pub(super) const KMS_KEY_ID: Shape = text(0, 2048, &pattern::KMS_KEY_ID);
pub(super) const LIFECYCLE_POLICIES: Shape = Shape::List {
    min: 0,
    max: Some(3),
    of: &LIFECYCLE_POLICY,
};
pub(super) const LIFECYCLE_POLICY: Shape = Shape::Structure(&[
    member("TransitionToIA", false, &TRANSITION_TO_IA_RULES),
    member(
        "TransitionToPrimaryStorageClass",
        false,
        &TRANSITION_TO_PRIMARY_STORAGE_CLASS_RULES,
    ),
    member("TransitionToArchive", false, &TRANSITION_TO_ARCHIVE_RULES),
]);
pub(super) const MARKER: Shape = text(1, 128, &pattern::LINE);
pub(super) const MAX_ITEMS: Shape = AT_LEAST_ONE;
pub(super) const MAX_RESULTS: Shape = AT_LEAST_ONE;
pub(super) const MOUNT_TARGET_ID: Shape = text(13, 45, &pattern::MOUNT_TARGET_ID);
pub(super) const OWNER_GID: Shape = ID;
pub(super) const OWNER_UID: Shape = ID;
pub(super) const PATH: Shape = text(1, 100, &pattern::PATH);
pub(super) const PERFORMANCE_MODE: Shape = Shape::Word(&["generalPurpose", "maxIO"]);
pub(super) const PERMISSIONS: Shape = text(3, 4, &pattern::PERMISSIONS);
pub(super) const POLICY: Shape = text(1, 20000, &pattern::ANYTHING);
pub(super) const POSIX_USER: Shape = Shape::Structure(&[
    member("Uid", true, &UID),
    member("Gid", true, &GID),
    member("SecondaryGids", false, &SECONDARY_GIDS),
]);
pub(super) const PROVISIONED_THROUGHPUT_IN_MIBPS: Shape = Shape::Number { min: 1.0 };
pub(super) const REGION_NAME: Shape = text(1, 64, &pattern::REGION);
pub(super) const REPLICATION_OVERWRITE_PROTECTION: Shape =
    Shape::Word(&["ENABLED", "DISABLED", "REPLICATING"]);
pub(super) const RESOURCE_ID: Shape = text(0, 128, &pattern::RESOURCE_ID);
pub(super) const RESOURCE_ID_TYPE: Shape = Shape::Word(&["LONG_ID", "SHORT_ID"]);
pub(super) const ROLE_ARN: Shape = text(0, 2048, &pattern::ROLE_ARN);
pub(super) const ROOT_DIRECTORY: Shape = Shape::Structure(&[
    member("Path", false, &PATH),
    member("CreationInfo", false, &CREATION_INFO),
]);
pub(super) const SECONDARY_GIDS: Shape = Shape::List {
    min: 0,
    max: Some(16),
    of: &GID,
};
pub(super) const SECURITY_GROUP: Shape = text(11, 43, &pattern::SECURITY_GROUP);
pub(super) const SECURITY_GROUPS: Shape = Shape::List {
    min: 0,
    max: Some(100),
    of: &SECURITY_GROUP,
};
pub(super) const STATUS: Shape = Shape::Word(&["ENABLED", "ENABLING", "DISABLED", "DISABLING"]);
pub(super) const SUBNET_ID: Shape = text(15, 47, &pattern::SUBNET_ID);
pub(super) const TAG: Shape = Shape::Structure(&[
    member("Key", true, &TAG_KEY),
    member("Value", true, &TAG_VALUE),
]);
pub(super) const TAG_KEY: Shape = text(1, 128, &pattern::TAG_KEY);
pub(super) const TAG_KEYS: Shape = Shape::List {
    min: 1,
    max: Some(50),
    of: &TAG_KEY,
};
pub(super) const TAG_VALUE: Shape = text(0, 256, &pattern::TAG_VALUE);
pub(super) const TAGS: Shape = Shape::List {
    min: 0,
    max: None,
    of: &TAG,
};
pub(super) const THROUGHPUT_MODE: Shape = Shape::Word(&["bursting", "provisioned", "elastic"]);
pub(super) const TOKEN: Shape = text(1, 128, &pattern::LINE);
pub(super) const TRANSITION_TO_ARCHIVE_RULES: Shape = Shape::Word(&[
    "AFTER_1_DAY",
    "AFTER_7_DAYS",
    "AFTER_14_DAYS",
    "AFTER_30_DAYS",
    "AFTER_60_DAYS",
    "AFTER_90_DAYS",
    "AFTER_180_DAYS",
    "AFTER_270_DAYS",
    "AFTER_365_DAYS",
]);
pub(super) const TRANSITION_TO_IA_RULES: Shape = Shape::Word(&[
    "AFTER_7_DAYS",
    "AFTER_14_DAYS",
    "AFTER_30_DAYS",
    "AFTER_60_DAYS",
    "AFTER_90_DAYS",
    "AFTER_1_DAY",
    "AFTER_180_DAYS",
    "AFTER_270_DAYS",
    "AFTER_365_DAYS",
]);
pub(super) const TRANSITION_TO_PRIMARY_STORAGE_CLASS_RULES: Shape =
    Shape::Word(&["AFTER_1_ACCESS"]);
pub(super) const UID: Shape = ID;
