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

/// An object of the members that are not null. Unlike those of `json!`, values are moved into it.
pub(super) fn object(members: Vec<(&str, Value)>) -> Value {
    let mut object = Map::new();
    for (name, value) in members {
        if !value.is_null() {
            object.insert(name.to_owned(), value);
        }
    }
    Value::Object(object)
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
    object(vec![
        ("OwnerId", json!(settings.account_id)),
        ("CreationToken", json!(file_system.creation_token)),
        ("FileSystemId", json!(file_system.id)),
        (
            "FileSystemArn",
            file_system_arn(call, &file_system.id).into(),
        ),
        ("CreationTime", seconds(file_system.created)),
        ("LifeCycleState", state(file_system.life_cycle, call).into()),
        ("Name", file_system.name().into()),
        ("NumberOfMountTargets", mount_targets.into()),
        (
            "SizeInBytes",
            object(vec![
                ("Value", bytes.into()),
                ("Timestamp", at.map(|at| at.as_secs()).into()),
                ("ValueInIA", 0.into()),
                ("ValueInStandard", bytes.into()),
                ("ValueInArchive", 0.into()),
            ]),
        ),
        ("PerformanceMode", json!(file_system.performance_mode)),
        ("Encrypted", file_system.encrypted.into()),
        ("KmsKeyId", json!(file_system.kms_key_id)),
        ("ThroughputMode", json!(file_system.throughput_mode)),
        (
            "ProvisionedThroughputInMibps",
            json!(file_system.provisioned),
        ),
        (
            "AvailabilityZoneName",
            json!(zone.as_ref().map(|zone| &zone.name)),
        ),
        (
            "AvailabilityZoneId",
            json!(zone.as_ref().map(|zone| &zone.id)),
        ),
        ("Tags", json!(file_system.tags)),
        (
            "FileSystemProtection",
            json!({"ReplicationOverwriteProtection": file_system.protection}),
        ),
    ])
}

/// `MountTargetDescription`.
pub(super) fn mount_target(call: &Call, mount_target: &MountTarget) -> Value {
    let settings = &call.control.settings;
    let zone = zone_by_name(&settings.region, &mount_target.zone);
    object(vec![
        ("OwnerId", json!(settings.account_id)),
        ("MountTargetId", json!(mount_target.id)),
        ("FileSystemId", json!(mount_target.file_system)),
        ("SubnetId", json!(mount_target.subnet)),
        (
            "LifeCycleState",
            state(mount_target.life_cycle, call).into(),
        ),
        ("IpAddress", json!(mount_target.ip_address)),
        ("NetworkInterfaceId", json!(mount_target.network_interface)),
        ("AvailabilityZoneId", json!(zone.map(|zone| zone.id))),
        ("AvailabilityZoneName", json!(mount_target.zone)),
        ("VpcId", json!(mount_target.vpc)),
    ])
}

/// `AccessPointDescription`.
pub(super) fn access_point(call: &Call, access_point: &AccessPoint) -> Value {
    let name = access_point.tags.iter().find(|tag| tag.key == "Name");
    object(vec![
        ("ClientToken", json!(access_point.client_token)),
        ("Name", json!(name.map(|tag| &tag.value))),
        ("Tags", json!(access_point.tags)),
        ("AccessPointId", json!(access_point.id)),
        (
            "AccessPointArn",
            access_point_arn(call, &access_point.id).into(),
        ),
        ("FileSystemId", json!(access_point.file_system)),
        ("PosixUser", json!(access_point.posix_user)),
        ("RootDirectory", json!(access_point.root_directory)),
        ("OwnerId", json!(call.control.settings.account_id)),
        (
            "LifeCycleState",
            state(access_point.life_cycle, call).into(),
        ),
    ])
}
