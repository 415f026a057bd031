//! Resources as the API describes them (EFS API reference, "Data Types").

use std::time::UNIX_EPOCH;

use serde_json::{Map, Value, json};

use super::super::Call;
use super::access::{access_point_arn, file_system_arn};
use crate::data_plane::Metered;
use crate::records::{AccessPoint, FileSystem, LifeCycle, MountTarget};
use crate::topology::zone_by_name;

/// What an empty file system holds.
const EMPTY: u64 = 6144;

/// Epoch seconds, as JSON of EFS has times.
pub(super) fn seconds(millis: u64) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
    let seconds = millis as f64 / 1000.0;
    seconds.into()
}

fn state(life_cycle: LifeCycle, call: &Call) -> &'static str {
    let state = life_cycle.state(call.request.millis());
    state.unwrap_or("deleted")
}

/// An object without the members that are null.
pub(super) fn without_null(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(members.collect::<Map<_, _>>())
        }
        other => other,
    }
}

/// `FileSystemDescription`.
pub(super) fn file_system(
    call: &Call,
    file_system: &FileSystem,
    mount_targets: usize,
    metered: Option<Metered>,
) -> Value {
    let settings = &call.control.settings;
    let zone = file_system.zone.as_deref();
    let zone = zone.and_then(|zone| zone_by_name(&settings.region, zone));
    let bytes = metered.map_or(EMPTY, |metered| metered.bytes);
    let at = metered.and_then(|metered| metered.at.duration_since(UNIX_EPOCH).ok());
    without_null(json!({
        "OwnerId": settings.account_id,
        "CreationToken": file_system.creation_token,
        "FileSystemId": file_system.id,
        "FileSystemArn": file_system_arn(call, &file_system.id),
        "CreationTime": seconds(file_system.created),
        "LifeCycleState": state(file_system.life_cycle, call),
        "Name": file_system.name(),
        "NumberOfMountTargets": mount_targets,
        "SizeInBytes": without_null(json!({
            "Value": bytes,
            "Timestamp": at.map(|at| at.as_secs()),
            "ValueInIA": 0,
            "ValueInStandard": bytes,
            "ValueInArchive": 0,
        })),
        "PerformanceMode": file_system.performance_mode,
        "Encrypted": file_system.encrypted,
        "KmsKeyId": file_system.kms_key_id,
        "ThroughputMode": file_system.throughput_mode,
        "ProvisionedThroughputInMibps": file_system.provisioned,
        "AvailabilityZoneName": zone.as_ref().map(|zone| &zone.name),
        "AvailabilityZoneId": zone.as_ref().map(|zone| &zone.id),
        "Tags": file_system.tags,
        "FileSystemProtection": {"ReplicationOverwriteProtection": file_system.protection},
    }))
}

/// `MountTargetDescription`.
pub(super) fn mount_target(call: &Call, mount_target: &MountTarget) -> Value {
    let settings = &call.control.settings;
    let zone = zone_by_name(&settings.region, &mount_target.zone);
    without_null(json!({
        "OwnerId": settings.account_id,
        "MountTargetId": mount_target.id,
        "FileSystemId": mount_target.file_system,
        "SubnetId": mount_target.subnet,
        "LifeCycleState": state(mount_target.life_cycle, call),
        "IpAddress": mount_target.ip_address,
        "NetworkInterfaceId": mount_target.network_interface,
        "AvailabilityZoneId": zone.map(|zone| zone.id),
        "AvailabilityZoneName": mount_target.zone,
        "VpcId": mount_target.vpc,
    }))
}

/// `AccessPointDescription`.
pub(super) fn access_point(call: &Call, access_point: &AccessPoint) -> Value {
    let name = access_point.tags.iter().find(|tag| tag.key == "Name");
    without_null(json!({
        "ClientToken": access_point.client_token,
        "Name": name.map(|tag| &tag.value),
        "Tags": access_point.tags,
        "AccessPointId": access_point.id,
        "AccessPointArn": access_point_arn(call, &access_point.id),
        "FileSystemId": access_point.file_system,
        "PosixUser": access_point.posix_user,
        "RootDirectory": access_point.root_directory,
        "OwnerId": call.control.settings.account_id,
        "LifeCycleState": state(access_point.life_cycle, call),
    }))
}
