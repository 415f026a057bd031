//! The operations of EFS (EFS API reference, "Actions").

use super::shapes::*;
use super::{Member, OperationModel, Place};

/// A member in the body.
const fn body(name: &'static str, required: bool, shape: &'static super::Shape) -> Member {
    Member {
        name,
        place: Place::Body,
        required,
        shape,
    }
}

/// A member in the path; all of those must be there.
const fn path(name: &'static str, shape: &'static super::Shape) -> Member {
    Member {
        name,
        place: Place::Path,
        required: true,
        shape,
    }
}

/// A member in the query.
const fn query(
    name: &'static str,
    at: &'static str,
    required: bool,
    shape: &'static super::Shape,
) -> Member {
    Member {
        name,
        place: Place::Query(at),
        required,
        shape,
    }
}

/// Whether a member must be there.
const REQUIRED: bool = true;
/// Whether a member must be there.
const OPTIONAL: bool = false;

/// All operations.
pub const OPERATIONS: &[OperationModel] = &[
    OperationModel {
        name: "CreateAccessPoint",
        method: "POST",
        path: "/2015-02-01/access-points",
        status: 200,
        input: &[
            body("ClientToken", REQUIRED, &CLIENT_TOKEN),
            body("Tags", OPTIONAL, &TAGS),
            body("FileSystemId", REQUIRED, &FILE_SYSTEM_ID),
            body("PosixUser", OPTIONAL, &POSIX_USER),
            body("RootDirectory", OPTIONAL, &ROOT_DIRECTORY),
        ],
        errors: &[
            "BadRequest",
            "AccessPointAlreadyExists",
            "IncorrectFileSystemLifeCycleState",
            "InternalServerError",
            "FileSystemNotFound",
            "AccessPointLimitExceeded",
            "ThrottlingException",
        ],
    },
    OperationModel {
        name: "CreateFileSystem",
        method: "POST",
        path: "/2015-02-01/file-systems",
        status: 201,
        input: &[
            body("CreationToken", REQUIRED, &CREATION_TOKEN),
            body("PerformanceMode", OPTIONAL, &PERFORMANCE_MODE),
            body("Encrypted", OPTIONAL, &ENCRYPTED),
            body("KmsKeyId", OPTIONAL, &KMS_KEY_ID),
            body("ThroughputMode", OPTIONAL, &THROUGHPUT_MODE),
            body(
                "ProvisionedThroughputInMibps",
                OPTIONAL,
                &PROVISIONED_THROUGHPUT_IN_MIBPS,
            ),
            body("AvailabilityZoneName", OPTIONAL, &AVAILABILITY_ZONE_NAME),
            body("Backup", OPTIONAL, &BACKUP),
            body("Tags", OPTIONAL, &TAGS),
        ],
        errors: &[
            "BadRequest",
            "InternalServerError",
            "FileSystemAlreadyExists",
            "FileSystemLimitExceeded",
            "InsufficientThroughputCapacity",
            "ThroughputLimitExceeded",
            "UnsupportedAvailabilityZone",
        ],
    },
    OperationModel {
        name: "CreateMountTarget",
        method: "POST",
        path: "/2015-02-01/mount-targets",
        status: 200,
        input: &[
            body("FileSystemId", REQUIRED, &FILE_SYSTEM_ID),
            body("SubnetId", REQUIRED, &SUBNET_ID),
            body("IpAddress", OPTIONAL, &IP_ADDRESS),
            body("Ipv6Address", OPTIONAL, &IPV6_ADDRESS),
            body("IpAddressType", OPTIONAL, &IP_ADDRESS_TYPE),
            body("SecurityGroups", OPTIONAL, &SECURITY_GROUPS),
        ],
        errors: &[
            "BadRequest",
            "InternalServerError",
            "FileSystemNotFound",
            "IncorrectFileSystemLifeCycleState",
            "MountTargetConflict",
            "SubnetNotFound",
            "NoFreeAddressesInSubnet",
            "IpAddressInUse",
            "NetworkInterfaceLimitExceeded",
            "SecurityGroupLimitExceeded",
            "SecurityGroupNotFound",
            "UnsupportedAvailabilityZone",
            "AvailabilityZonesMismatch",
        ],
    },
    OperationModel {
        name: "CreateReplicationConfiguration",
        method: "POST",
        path: "/2015-02-01/file-systems/{SourceFileSystemId}/replication-configuration",
        status: 200,
        input: &[
            path("SourceFileSystemId", &FILE_SYSTEM_ID),
            body("Destinations", REQUIRED, &DESTINATIONS_TO_CREATE),
        ],
        errors: &[
            "BadRequest",
            "IncorrectFileSystemLifeCycleState",
            "ValidationException",
            "ReplicationNotFound",
            "FileSystemNotFound",
            "UnsupportedAvailabilityZone",
            "FileSystemLimitExceeded",
            "InsufficientThroughputCapacity",
            "ThroughputLimitExceeded",
            "ConflictException",
            "InternalServerError",
        ],
    },
    OperationModel {
        name: "CreateTags",
        method: "POST",
        path: "/2015-02-01/create-tags/{FileSystemId}",
        status: 204,
        input: &[
            path("FileSystemId", &FILE_SYSTEM_ID),
            body("Tags", REQUIRED, &TAGS),
        ],
        errors: &["BadRequest", "InternalServerError", "FileSystemNotFound"],
    },
    OperationModel {
        name: "DeleteAccessPoint",
        method: "DELETE",
        path: "/2015-02-01/access-points/{AccessPointId}",
        status: 204,
        input: &[path("AccessPointId", &ACCESS_POINT_ID)],
        errors: &["BadRequest", "InternalServerError", "AccessPointNotFound"],
    },
    OperationModel {
        name: "DeleteFileSystem",
        method: "DELETE",
        path: "/2015-02-01/file-systems/{FileSystemId}",
        status: 204,
        input: &[path("FileSystemId", &FILE_SYSTEM_ID)],
        errors: &[
            "BadRequest",
            "InternalServerError",
            "FileSystemNotFound",
            "FileSystemInUse",
        ],
    },
    OperationModel {
        name: "DeleteFileSystemPolicy",
        method: "DELETE",
        path: "/2015-02-01/file-systems/{FileSystemId}/policy",
        status: 200,
        input: &[path("FileSystemId", &FILE_SYSTEM_ID)],
        errors: &[
            "BadRequest",
            "InternalServerError",
            "FileSystemNotFound",
            "IncorrectFileSystemLifeCycleState",
        ],
    },
    OperationModel {
        name: "DeleteMountTarget",
        method: "DELETE",
        path: "/2015-02-01/mount-targets/{MountTargetId}",
        status: 204,
        input: &[path("MountTargetId", &MOUNT_TARGET_ID)],
        errors: &[
            "BadRequest",
            "InternalServerError",
            "DependencyTimeout",
            "MountTargetNotFound",
        ],
    },
    OperationModel {
        name: "DeleteReplicationConfiguration",
        method: "DELETE",
        path: "/2015-02-01/file-systems/{SourceFileSystemId}/replication-configuration",
        status: 204,
        input: &[
            path("SourceFileSystemId", &FILE_SYSTEM_ID),
            query("DeletionMode", "deletionMode", OPTIONAL, &DELETION_MODE),
        ],
        errors: &[
            "BadRequest",
            "InternalServerError",
            "FileSystemNotFound",
            "ReplicationNotFound",
        ],
    },
    OperationModel {
        name: "DeleteTags",
        method: "POST",
        path: "/2015-02-01/delete-tags/{FileSystemId}",
        status: 204,
        input: &[
            path("FileSystemId", &FILE_SYSTEM_ID),
            body("TagKeys", REQUIRED, &TAG_KEYS),
        ],
        errors: &["BadRequest", "InternalServerError", "FileSystemNotFound"],
    },
    OperationModel {
        name: "DescribeAccessPoints",
        method: "GET",
        path: "/2015-02-01/access-points",
        status: 200,
        input: &[
            query("MaxResults", "MaxResults", OPTIONAL, &MAX_RESULTS),
            query("NextToken", "NextToken", OPTIONAL, &TOKEN),
            query("AccessPointId", "AccessPointId", OPTIONAL, &ACCESS_POINT_ID),
            query("FileSystemId", "FileSystemId", OPTIONAL, &FILE_SYSTEM_ID),
        ],
        errors: &[
            "BadRequest",
            "InternalServerError",
            "FileSystemNotFound",
            "AccessPointNotFound",
        ],
    },
    OperationModel {
        name: "DescribeAccountPreferences",
        method: "GET",
        path: "/2015-02-01/account-preferences",
        status: 200,
        input: &[
            body("NextToken", OPTIONAL, &TOKEN),
            body("MaxResults", OPTIONAL, &MAX_RESULTS),
        ],
        errors: &["InternalServerError"],
    },
    OperationModel {
        name: "DescribeBackupPolicy",
        method: "GET",
        path: "/2015-02-01/file-systems/{FileSystemId}/backup-policy",
        status: 200,
        input: &[path("FileSystemId", &FILE_SYSTEM_ID)],
        errors: &[
            "BadRequest",
            "FileSystemNotFound",
            "InternalServerError",
            "PolicyNotFound",
            "ValidationException",
        ],
    },
    OperationModel {
        name: "DescribeFileSystemPolicy",
        method: "GET",
        path: "/2015-02-01/file-systems/{FileSystemId}/policy",
        status: 200,
        input: &[path("FileSystemId", &FILE_SYSTEM_ID)],
        errors: &[
            "BadRequest",
            "InternalServerError",
            "FileSystemNotFound",
            "PolicyNotFound",
        ],
    },
    OperationModel {
        name: "DescribeFileSystems",
        method: "GET",
        path: "/2015-02-01/file-systems",
        status: 200,
        input: &[
            query("MaxItems", "MaxItems", OPTIONAL, &MAX_ITEMS),
            query("Marker", "Marker", OPTIONAL, &MARKER),
            query("CreationToken", "CreationToken", OPTIONAL, &CREATION_TOKEN),
            query("FileSystemId", "FileSystemId", OPTIONAL, &FILE_SYSTEM_ID),
        ],
        errors: &["BadRequest", "InternalServerError", "FileSystemNotFound"],
    },
    OperationModel {
        name: "DescribeLifecycleConfiguration",
        method: "GET",
        path: "/2015-02-01/file-systems/{FileSystemId}/lifecycle-configuration",
        status: 200,
        input: &[path("FileSystemId", &FILE_SYSTEM_ID)],
        errors: &["InternalServerError", "BadRequest", "FileSystemNotFound"],
    },
    OperationModel {
        name: "DescribeMountTargetSecurityGroups",
        method: "GET",
        path: "/2015-02-01/mount-targets/{MountTargetId}/security-groups",
        status: 200,
        input: &[path("MountTargetId", &MOUNT_TARGET_ID)],
        errors: &[
            "BadRequest",
            "InternalServerError",
            "MountTargetNotFound",
            "IncorrectMountTargetState",
        ],
    },
    OperationModel {
        name: "DescribeMountTargets",
        method: "GET",
        path: "/2015-02-01/mount-targets",
        status: 200,
        input: &[
            query("MaxItems", "MaxItems", OPTIONAL, &MAX_ITEMS),
            query("Marker", "Marker", OPTIONAL, &MARKER),
            query("FileSystemId", "FileSystemId", OPTIONAL, &FILE_SYSTEM_ID),
            query("MountTargetId", "MountTargetId", OPTIONAL, &MOUNT_TARGET_ID),
            query("AccessPointId", "AccessPointId", OPTIONAL, &ACCESS_POINT_ID),
        ],
        errors: &[
            "BadRequest",
            "InternalServerError",
            "FileSystemNotFound",
            "MountTargetNotFound",
            "AccessPointNotFound",
        ],
    },
    OperationModel {
        name: "DescribeReplicationConfigurations",
        method: "GET",
        path: "/2015-02-01/file-systems/replication-configurations",
        status: 200,
        input: &[
            query("FileSystemId", "FileSystemId", OPTIONAL, &FILE_SYSTEM_ID),
            query("NextToken", "NextToken", OPTIONAL, &TOKEN),
            query("MaxResults", "MaxResults", OPTIONAL, &MAX_RESULTS),
        ],
        errors: &[
            "BadRequest",
            "FileSystemNotFound",
            "InternalServerError",
            "ReplicationNotFound",
            "ValidationException",
        ],
    },
    OperationModel {
        name: "DescribeTags",
        method: "GET",
        path: "/2015-02-01/tags/{FileSystemId}/",
        status: 200,
        input: &[
            query("MaxItems", "MaxItems", OPTIONAL, &MAX_ITEMS),
            query("Marker", "Marker", OPTIONAL, &MARKER),
            path("FileSystemId", &FILE_SYSTEM_ID),
        ],
        errors: &["BadRequest", "InternalServerError", "FileSystemNotFound"],
    },
    OperationModel {
        name: "ListTagsForResource",
        method: "GET",
        path: "/2015-02-01/resource-tags/{ResourceId}",
        status: 200,
        input: &[
            path("ResourceId", &RESOURCE_ID),
            query("MaxResults", "MaxResults", OPTIONAL, &MAX_RESULTS),
            query("NextToken", "NextToken", OPTIONAL, &TOKEN),
        ],
        errors: &[
            "BadRequest",
            "InternalServerError",
            "FileSystemNotFound",
            "AccessPointNotFound",
        ],
    },
    OperationModel {
        name: "ModifyMountTargetSecurityGroups",
        method: "PUT",
        path: "/2015-02-01/mount-targets/{MountTargetId}/security-groups",
        status: 204,
        input: &[
            path("MountTargetId", &MOUNT_TARGET_ID),
            body("SecurityGroups", OPTIONAL, &SECURITY_GROUPS),
        ],
        errors: &[
            "BadRequest",
            "InternalServerError",
            "MountTargetNotFound",
            "IncorrectMountTargetState",
            "SecurityGroupLimitExceeded",
            "SecurityGroupNotFound",
        ],
    },
    OperationModel {
        name: "PutAccountPreferences",
        method: "PUT",
        path: "/2015-02-01/account-preferences",
        status: 200,
        input: &[body("ResourceIdType", REQUIRED, &RESOURCE_ID_TYPE)],
        errors: &["BadRequest", "InternalServerError"],
    },
    OperationModel {
        name: "PutBackupPolicy",
        method: "PUT",
        path: "/2015-02-01/file-systems/{FileSystemId}/backup-policy",
        status: 200,
        input: &[
            path("FileSystemId", &FILE_SYSTEM_ID),
            body("BackupPolicy", REQUIRED, &BACKUP_POLICY),
        ],
        errors: &[
            "BadRequest",
            "FileSystemNotFound",
            "IncorrectFileSystemLifeCycleState",
            "InternalServerError",
            "ValidationException",
        ],
    },
    OperationModel {
        name: "PutFileSystemPolicy",
        method: "PUT",
        path: "/2015-02-01/file-systems/{FileSystemId}/policy",
        status: 200,
        input: &[
            path("FileSystemId", &FILE_SYSTEM_ID),
            body("Policy", REQUIRED, &POLICY),
            body(
                "BypassPolicyLockoutSafetyCheck",
                OPTIONAL,
                &BYPASS_POLICY_LOCKOUT_SAFETY_CHECK,
            ),
        ],
        errors: &[
            "BadRequest",
            "InternalServerError",
            "FileSystemNotFound",
            "InvalidPolicyException",
            "IncorrectFileSystemLifeCycleState",
        ],
    },
    OperationModel {
        name: "PutLifecycleConfiguration",
        method: "PUT",
        path: "/2015-02-01/file-systems/{FileSystemId}/lifecycle-configuration",
        status: 200,
        input: &[
            path("FileSystemId", &FILE_SYSTEM_ID),
            body("LifecyclePolicies", REQUIRED, &LIFECYCLE_POLICIES),
        ],
        errors: &[
            "BadRequest",
            "InternalServerError",
            "FileSystemNotFound",
            "IncorrectFileSystemLifeCycleState",
        ],
    },
    OperationModel {
        name: "TagResource",
        method: "POST",
        path: "/2015-02-01/resource-tags/{ResourceId}",
        status: 200,
        input: &[
            path("ResourceId", &RESOURCE_ID),
            body("Tags", REQUIRED, &TAGS),
        ],
        errors: &[
            "BadRequest",
            "InternalServerError",
            "FileSystemNotFound",
            "AccessPointNotFound",
        ],
    },
    OperationModel {
        name: "UntagResource",
        method: "DELETE",
        path: "/2015-02-01/resource-tags/{ResourceId}",
        status: 200,
        input: &[
            path("ResourceId", &RESOURCE_ID),
            query("TagKeys", "tagKeys", REQUIRED, &TAG_KEYS),
        ],
        errors: &[
            "BadRequest",
            "InternalServerError",
            "FileSystemNotFound",
            "AccessPointNotFound",
        ],
    },
    OperationModel {
        name: "UpdateFileSystem",
        method: "PUT",
        path: "/2015-02-01/file-systems/{FileSystemId}",
        status: 202,
        input: &[
            path("FileSystemId", &FILE_SYSTEM_ID),
            body("ThroughputMode", OPTIONAL, &THROUGHPUT_MODE),
            body(
                "ProvisionedThroughputInMibps",
                OPTIONAL,
                &PROVISIONED_THROUGHPUT_IN_MIBPS,
            ),
        ],
        errors: &[
            "BadRequest",
            "FileSystemNotFound",
            "IncorrectFileSystemLifeCycleState",
            "InsufficientThroughputCapacity",
            "InternalServerError",
            "ThroughputLimitExceeded",
            "TooManyRequests",
        ],
    },
    OperationModel {
        name: "UpdateFileSystemProtection",
        method: "PUT",
        path: "/2015-02-01/file-systems/{FileSystemId}/protection",
        status: 200,
        input: &[
            path("FileSystemId", &FILE_SYSTEM_ID),
            body(
                "ReplicationOverwriteProtection",
                OPTIONAL,
                &REPLICATION_OVERWRITE_PROTECTION,
            ),
        ],
        errors: &[
            "BadRequest",
            "FileSystemNotFound",
            "IncorrectFileSystemLifeCycleState",
            "InsufficientThroughputCapacity",
            "InternalServerError",
            "ThroughputLimitExceeded",
            "ReplicationAlreadyExists",
            "TooManyRequests",
        ],
    },
];
