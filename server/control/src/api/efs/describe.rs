//! Resources as the API describes them (EFS API reference, "Data Types").

use std::net::Ipv4Addr;
use std::time::UNIX_EPOCH;

use serde::Serialize;
use serde_json::{Map, Value};

use super::super::Call;
use super::access::{access_point_arn, file_system_arn};
use crate::data_plane::Metered;
use crate::records::{
    AccessPoint, FileSystem, LifeCycle, MountTarget, PosixUser, RootDirectory, Tag,
};
use crate::topology::zone_by_name;

/// What an empty file system holds.
const EMPTY: u64 = 6144;

/// Epoch seconds, as JSON of EFS has times.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
pub(super) fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
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
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FileSystemDescription<'a> {
    owner_id: &'a str,
    creation_token: &'a str,
    file_system_id: &'a str,
    file_system_arn: String,
    creation_time: f64,
    life_cycle_state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    number_of_mount_targets: usize,
    size_in_bytes: FileSystemSize,
    performance_mode: &'a str,
    encrypted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_id: Option<&'a str>,
    throughput_mode: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    provisioned_throughput_in_mibps: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    availability_zone_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    availability_zone_id: Option<String>,
    tags: &'a [Tag],
    file_system_protection: FileSystemProtection<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct FileSystemSize {
    value: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<u64>,
    #[serde(rename = "ValueInIA")]
    value_in_ia: u64,
    value_in_standard: u64,
    value_in_archive: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct FileSystemProtection<'a> {
    replication_overwrite_protection: &'a str,
}

impl<'a> FileSystemDescription<'a> {
    pub(super) fn new(
        call: &'a Call,
        file_system: &'a FileSystem,
        mount_targets: usize,
        metered: Option<Metered>,
    ) -> Self {
        let settings = &call.control.settings;
        let zone = file_system.zone.as_deref();
        let zone = zone.and_then(|zone| zone_by_name(&settings.region, zone));
        let (zone_name, zone_id) = zone.map(|zone| (zone.name, zone.id)).unzip();
        let bytes = metered.map_or(EMPTY, |metered| metered.bytes);
        let at = metered.and_then(|metered| metered.at.duration_since(UNIX_EPOCH).ok());
        Self {
            owner_id: &settings.account_id,
            creation_token: &file_system.creation_token,
            file_system_id: &file_system.id,
            file_system_arn: file_system_arn(call, &file_system.id),
            creation_time: seconds(file_system.created),
            life_cycle_state: state(file_system.life_cycle, call),
            name: file_system.name(),
            number_of_mount_targets: mount_targets,
            size_in_bytes: FileSystemSize {
                value: bytes,
                timestamp: at.map(|at| at.as_secs()),
                value_in_ia: 0,
                value_in_standard: bytes,
                value_in_archive: 0,
            },
            performance_mode: &file_system.performance_mode,
            encrypted: file_system.encrypted,
            kms_key_id: file_system.kms_key_id.as_deref(),
            throughput_mode: &file_system.throughput_mode,
            provisioned_throughput_in_mibps: file_system.provisioned,
            availability_zone_name: zone_name,
            availability_zone_id: zone_id,
            tags: &file_system.tags,
            file_system_protection: FileSystemProtection {
                replication_overwrite_protection: &file_system.protection,
            },
        }
    }
}

/// `MountTargetDescription`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MountTargetDescription<'a> {
    owner_id: &'a str,
    mount_target_id: &'a str,
    file_system_id: &'a str,
    subnet_id: &'a str,
    life_cycle_state: &'static str,
    ip_address: Ipv4Addr,
    network_interface_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    availability_zone_id: Option<String>,
    availability_zone_name: &'a str,
    vpc_id: &'a str,
}

impl<'a> MountTargetDescription<'a> {
    pub(super) fn new(call: &'a Call, mount_target: &'a MountTarget) -> Self {
        let settings = &call.control.settings;
        let zone = zone_by_name(&settings.region, &mount_target.zone);
        Self {
            owner_id: &settings.account_id,
            mount_target_id: &mount_target.id,
            file_system_id: &mount_target.file_system,
            subnet_id: &mount_target.subnet,
            life_cycle_state: state(mount_target.life_cycle, call),
            ip_address: mount_target.ip_address,
            network_interface_id: &mount_target.network_interface,
            availability_zone_id: zone.map(|zone| zone.id),
            availability_zone_name: &mount_target.zone,
            vpc_id: &mount_target.vpc,
        }
    }
}

/// `AccessPointDescription`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AccessPointDescription<'a> {
    client_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    tags: &'a [Tag],
    access_point_id: &'a str,
    access_point_arn: String,
    file_system_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    posix_user: Option<&'a PosixUser>,
    root_directory: &'a RootDirectory,
    owner_id: &'a str,
    life_cycle_state: &'static str,
}

impl<'a> AccessPointDescription<'a> {
    pub(super) fn new(call: &'a Call, access_point: &'a AccessPoint) -> Self {
        let name = access_point.tags.iter().find(|tag| tag.key == "Name");
        Self {
            client_token: &access_point.client_token,
            name: name.map(|tag| tag.value.as_str()),
            tags: &access_point.tags,
            access_point_id: &access_point.id,
            access_point_arn: access_point_arn(call, &access_point.id),
            file_system_id: &access_point.file_system,
            posix_user: access_point.posix_user.as_ref(),
            root_directory: &access_point.root_directory,
            owner_id: &call.control.settings.account_id,
            life_cycle_state: state(access_point.life_cycle, call),
        }
    }
}
