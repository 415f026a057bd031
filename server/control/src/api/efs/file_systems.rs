//! CreateFileSystem, DescribeFileSystems, DeleteFileSystem.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::{Answer, ApiError, Call, Result};
use super::access::{self, file_system_arn, no_file_system};
use super::describe::FileSystemDescription;
use super::keys::Key;
use super::{bad, input, limits, page, throughput};
use crate::data_plane::Metered;
use crate::ids;
use crate::records::{
    AccessPoint, DoomedTree, FileSystem, LifeCycle, MountTarget, Replication, Tag,
};
use crate::store::View;
use crate::topology::zone_by_name;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    creation_token: String,
    performance_mode: Option<String>,
    encrypted: Option<bool>,
    kms_key_id: Option<String>,
    throughput_mode: Option<String>,
    provisioned_throughput_in_mibps: Option<f64>,
    availability_zone_name: Option<String>,
    backup: Option<bool>,
    #[serde(default)]
    tags: Vec<Tag>,
}

/// CreateFileSystem.
pub(super) async fn create(call: Arc<Call>) -> Result<Answer> {
    let input: Create = input(&call)?;
    let made = call
        .change(move |call, change| {
            let mut keys = access::request_tags(&input.tags);
            let encrypted = input.encrypted.unwrap_or(false).to_string();
            keys.push(("elasticfilesystem:Encrypted".to_owned(), vec![encrypted]));
            call.require(
                change,
                access::demand(call, file_system_arn(call, "*"), keys),
            )?;
            access::require_tagging(call, change, "file-system", &input.tags)?;
            let new = new(call, input)?;
            if let Some(key) = &new.kms_key_id {
                Key::named(key).require(call, change)?;
            }
            let known =
                change.page_by::<FileSystem>(("creation-token", &new.creation_token), None, 1)?;
            if let Some(known) = known.first() {
                let message = format!(
                    "File system '{}' already exists with creation token '{}'",
                    known.id, known.creation_token
                );
                return Err(ApiError::new(409, "FileSystemAlreadyExists", message)
                    .with("FileSystemId", &known.id));
            }
            if change.count::<FileSystem>()? >= limits::FILE_SYSTEMS {
                let message = "You have reached the number of file systems of an account.";
                return Err(ApiError::new(403, "FileSystemLimitExceeded", message));
            }
            change.put(&new)?;
            Ok(new)
        })
        .await?;
    let id = made.id.clone();
    let tree = call
        .control
        .with_data_plane(move |plane| plane.create_tree(&id))
        .await;
    if let Err(error) = tree {
        let id = made.id.clone();
        call.change(move |_, change| Ok(change.remove::<FileSystem>(&id)?))
            .await?;
        return Err(ApiError::internal(&error));
    }
    call.control
        .look_when_over(made.life_cycle, call.request.millis());
    let described = FileSystemDescription::new(&call, &made, 0, None);
    Answer::json(201, &described)
}

/// The file system that an input describes.
fn new(call: &Call, input: Create) -> Result<FileSystem> {
    access::check_tags(&input.tags)?;
    let settings = &call.control.settings;
    let now = call.request.millis();
    let performance_mode = input
        .performance_mode
        .unwrap_or_else(|| "generalPurpose".to_owned());
    let throughput_mode = input
        .throughput_mode
        .unwrap_or_else(|| "bursting".to_owned());
    throughput::check(&throughput_mode, input.provisioned_throughput_in_mibps)?;
    if performance_mode == "maxIO" {
        if throughput_mode == "elastic" {
            return Err(bad(
                "Performance mode maxIO can't be combined with elastic throughput.",
            ));
        }
        if input.availability_zone_name.is_some() {
            return Err(bad(
                "Performance mode maxIO is not supported for One Zone file systems.",
            ));
        }
    }
    if let Some(zone) = &input.availability_zone_name
        && zone_by_name(&settings.region, zone).is_none()
    {
        let message = format!("The Availability Zone '{zone}' is not supported.");
        return Err(ApiError::new(400, "UnsupportedAvailabilityZone", message));
    }
    let encrypted = input.encrypted.unwrap_or(false);
    if input.kms_key_id.is_some() && !encrypted {
        return Err(bad("KmsKeyId is only for file systems that are encrypted."));
    }
    let backup = input
        .backup
        .unwrap_or(input.availability_zone_name.is_some());
    Ok(FileSystem {
        id: ids::random("fs-"),
        creation_token: input.creation_token,
        created: now,
        life_cycle: LifeCycle::Creating {
            until: call.control.later(now),
        },
        performance_mode,
        encrypted,
        kms_key_id: encrypted.then(|| Key::of(call, input.kms_key_id.as_deref()).arn),
        throughput_mode,
        provisioned: input.provisioned_throughput_in_mibps,
        throughput_changed: None,
        zone: input.availability_zone_name,
        tags: input.tags,
        protection: "ENABLED".to_owned(),
        lifecycle_policies: Vec::new(),
        backup: backup.then(|| "ENABLED".to_owned()),
        policy: None,
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Describe {
    max_items: Option<u32>,
    marker: Option<String>,
    creation_token: Option<String>,
    file_system_id: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Described<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<&'a str>,
    file_systems: Vec<FileSystemDescription<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

/// DescribeFileSystems.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let input: Describe = input(&call)?;
    let now = call.request.millis();
    let (found, next) = {
        let view = call.view()?;
        if let Some(id) = &input.file_system_id {
            let found = access::file_system(&call, &view, id, Vec::new())?;
            let other = input.creation_token.as_ref();
            if other.is_some_and(|token| *token != found.creation_token) {
                return Err(no_file_system(id));
            }
            (with_mount_targets(&view, vec![found], now)?, None)
        } else {
            let everything = access::demand(&call, file_system_arn(&call, "*"), Vec::new());
            call.require(&view, everything)?;
            if let Some(token) = &input.creation_token {
                let found = view.all_by::<FileSystem>(("creation-token", token))?;
                let alive = |found: &FileSystem| found.life_cycle.state(now).is_some();
                let found: Vec<_> = found.into_iter().filter(alive).collect();
                if found.is_empty() {
                    let message =
                        format!("File system with creation token '{token}' does not exist.");
                    return Err(ApiError::new(404, "FileSystemNotFound", message));
                }
                (with_mount_targets(&view, found, now)?, None)
            } else {
                let after = page::key(input.marker.as_deref())?;
                let size = page::size(input.max_items, limits::PAGE);
                let all = view.page::<FileSystem>(after.as_deref(), size + 1)?;
                let (mut found, next) = page::page(all, size, |found| &found.id);
                found.retain(|found| found.life_cycle.state(now).is_some());
                (with_mount_targets(&view, found, now)?, next)
            }
        }
    };
    let described = found.iter().map(|(found, mount_targets)| {
        let size = size(&call, &found.id);
        FileSystemDescription::new(&call, found, *mount_targets, size)
    });
    let described = Described {
        marker: input.marker.as_deref(),
        file_systems: described.collect(),
        next_marker: next,
    };
    Answer::json(200, &described)
}

/// How much a file system holds, if that is known.
pub(super) fn size(call: &Call, id: &str) -> Option<Metered> {
    let metered = call.control.data_plane.metered(id);
    if let Err(error) = &metered {
        tracing::warn!(file_system = id, %error, "its size is not known");
    }
    metered.ok()
}

/// File systems, and how many mount targets each has.
pub(super) fn with_mount_targets(
    view: &View,
    found: Vec<FileSystem>,
    now: u64,
) -> Result<Vec<(FileSystem, usize)>> {
    let counted = found.into_iter().map(|found| {
        let count = count_mount_targets(view, &found.id, now)?;
        Ok((found, count))
    });
    counted.collect()
}

/// How many mount targets a file system has.
pub(super) fn count_mount_targets(view: &View, id: &str, now: u64) -> Result<usize> {
    let all = view.all_by::<MountTarget>(("file-system", id))?;
    let alive = all
        .iter()
        .filter(|target| target.life_cycle.state(now).is_some());
    Ok(alive.count())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Delete {
    file_system_id: String,
}

/// DeleteFileSystem.
pub(super) async fn delete(call: Arc<Call>) -> Result<Answer> {
    let input: Delete = input(&call)?;
    let gone = call
        .change(move |call, change| {
            let found = access::file_system(call, change, &input.file_system_id, Vec::new())?;
            let now = call.request.millis();
            let in_use = |why: &str| {
                let message = format!("File system '{}' {why}.", found.id);
                Err(ApiError::new(409, "FileSystemInUse", message))
            };
            if count_mount_targets(change, &found.id, now)? > 0 {
                return in_use("has mount targets");
            }
            let replicates = change.get::<Replication>(&found.id)?.is_some();
            let is_replica = !change
                .keys_by::<Replication>(("destination", &found.id), None, 1)?
                .is_empty();
            if replicates || is_replica {
                return in_use("is part of a replication configuration");
            }
            let until = call.control.later(now);
            if until > now {
                let life_cycle = LifeCycle::Deleting { until };
                change.put(&FileSystem {
                    life_cycle,
                    ..found
                })?;
                return Ok(None);
            }
            forget(change, &found.id)?;
            Ok(Some(found.id))
        })
        .await?;
    if let Some(id) = gone {
        call.control.remove_tree(id).await;
    }
    call.control.look_again();
    Ok(Answer::Empty(204))
}

/// Takes a file system off the records, with its access points; its tree is doomed.
pub(crate) fn forget(
    change: &mut crate::store::Change,
    id: &str,
) -> std::result::Result<(), crate::store::StoreError> {
    for access_point in change.keys_by::<AccessPoint>(("file-system", id), None, usize::MAX)? {
        change.remove::<AccessPoint>(&access_point)?;
    }
    change.remove::<FileSystem>(id)?;
    change.put(&DoomedTree {
        file_system: id.to_owned(),
    })
}
