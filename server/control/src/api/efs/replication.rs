//! CreateReplicationConfiguration, DescribeReplicationConfigurations,
//! DeleteReplicationConfiguration. What is said to be replicated is not copied.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::{Answer, ApiError, Call, Result};
use super::access::{self, file_system_arn};
use super::keys::Key;
use super::{describe, input, limits, page};
use crate::ids;
use crate::records::{Destination, FileSystem, LifeCycle, Replication};
use crate::store::Change;
use crate::topology::zone_by_name;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct To {
    region: Option<String>,
    availability_zone_name: Option<String>,
    kms_key_id: Option<String>,
    file_system_id: Option<String>,
    role_arn: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    source_file_system_id: String,
    destinations: Vec<To>,
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "ValidationException", message)
}

/// CreateReplicationConfiguration.
pub(super) async fn create(call: Arc<Call>) -> Result<Answer> {
    let input: Create = input(&call)?;
    let (made, new_tree) = call
        .change(move |call, change| {
            let id = &input.source_file_system_id;
            let source = access::available_file_system(call, change, id, Vec::new())?;
            for role in input
                .destinations
                .iter()
                .filter_map(|to| to.role_arn.as_ref())
            {
                access::require_passing(call, change, role)?;
            }
            access::ensure_role(call, change)?;
            let [to] = input.destinations.as_slice() else {
                return Err(invalid("Exactly one destination is required."));
            };
            let conflict = |message: &str| Err(ApiError::new(409, "ConflictException", message));
            if change.get::<Replication>(&source.id)?.is_some() {
                return conflict("The file system is replicated already.");
            }
            let by = ("destination", source.id.as_str());
            if !change.keys_by::<Replication>(by, None, 1)?.is_empty() {
                return conflict("The file system is the destination of a replication.");
            }
            let now = call.request.millis();
            let (file_system, region, is_new) = destination(call, change, &source, to)?;
            let made = Replication {
                source: source.id,
                created: now,
                destination: Destination {
                    file_system,
                    region,
                    role: to.role_arn.clone(),
                    enabling_until: call.control.later(now),
                },
            };
            change.put(&made)?;
            Ok((made, is_new))
        })
        .await?;
    if new_tree {
        let id = made.destination.file_system.clone();
        let tree = call
            .control
            .with_data_plane(move |plane| plane.create_tree(&id))
            .await;
        tree.map_err(|error| ApiError::internal(&error))?;
    }
    Answer::json(200, &description(&call, &made))
}

/// Id and region of the destination, and whether it is a new file system of this region.
fn destination(
    call: &Call,
    change: &mut Change,
    source: &FileSystem,
    to: &To,
) -> Result<(String, String, bool)> {
    let here = &call.control.settings.region;
    let region = match (&to.region, &to.availability_zone_name, &to.file_system_id) {
        (Some(region), ..) => region.clone(),
        (None, None, None) => {
            return Err(invalid(
                "Region, AvailabilityZoneName or FileSystemId is required.",
            ));
        }
        _ => here.clone(),
    };
    if let Some(zone) = &to.availability_zone_name
        && zone_by_name(&region, zone).is_none()
    {
        let message = format!("The Availability Zone '{zone}' is not supported.");
        return Err(ApiError::new(400, "UnsupportedAvailabilityZone", message));
    }
    if region != *here {
        let id = to
            .file_system_id
            .clone()
            .unwrap_or_else(|| ids::random("fs-"));
        return Ok((id, region, false));
    }
    if let Some(id) = &to.file_system_id {
        let known = change.get::<FileSystem>(id.rsplit('/').next().unwrap_or(id))?;
        let known = known.ok_or_else(|| access::no_file_system(id))?;
        access::must_be_available(call, &known)?;
        if known.id == source.id {
            return Err(invalid("A file system can't be replicated to itself."));
        }
        if known.protection != "DISABLED" {
            return Err(ApiError::new(
                409,
                "ConflictException",
                "The destination's replication overwrite protection is not DISABLED.",
            ));
        }
        if source.encrypted && !known.encrypted {
            return Err(ApiError::new(
                409,
                "ConflictException",
                "The source file system is encrypted, but the destination file system is not.",
            ));
        }
        let id = known.id.clone();
        change.put(&FileSystem {
            protection: "REPLICATING".to_owned(),
            ..known
        })?;
        return Ok((id, region, false));
    }
    if change.count::<FileSystem>()? >= limits::FILE_SYSTEMS {
        let message = "You have reached the number of file systems of an account.";
        return Err(ApiError::new(403, "FileSystemLimitExceeded", message));
    }
    let now = call.request.millis();
    let id = ids::random("fs-");
    let key = Key::of(call, to.kms_key_id.as_deref());
    key.require(call, change)?;
    let is_one_zone = to.availability_zone_name.is_some();
    change.put(&FileSystem {
        creation_token: format!("destination-of-{}", source.id),
        created: now,
        life_cycle: LifeCycle::Creating {
            until: call.control.later(now),
        },
        // A destination is encrypted, whatever its source is.
        encrypted: true,
        kms_key_id: Some(key.arn),
        zone: to.availability_zone_name.clone(),
        tags: Vec::new(),
        protection: "REPLICATING".to_owned(),
        lifecycle_policies: Vec::new(),
        // EFS user guide, "Creating a replication configuration": what One Zone storage has.
        backup: is_one_zone.then(|| "ENABLED".to_owned()),
        performance_mode: match is_one_zone {
            true => "generalPurpose".to_owned(),
            false => source.performance_mode.clone(),
        },
        policy: None,
        throughput_changed: None,
        id: id.clone(),
        ..source.clone()
    })?;
    Ok((id, region, true))
}

/// `ReplicationConfigurationDescription`.
fn description(call: &Call, replication: &Replication) -> Value {
    let settings = &call.control.settings;
    let destination = &replication.destination;
    let arn = file_system_arn(call, &replication.source);
    let is_enabling = call.request.millis() < destination.enabling_until;
    json!({
        "SourceFileSystemId": replication.source,
        "SourceFileSystemRegion": settings.region,
        "SourceFileSystemArn": arn,
        "OriginalSourceFileSystemArn": arn,
        "CreationTime": describe::seconds(replication.created),
        "SourceFileSystemOwnerId": settings.account_id,
        "Destinations": [describe::without_null(json!({
            "Status": if is_enabling { "ENABLING" } else { "ENABLED" },
            "FileSystemId": destination.file_system,
            "Region": destination.region,
            "OwnerId": settings.account_id,
            "RoleArn": destination.role,
        }))],
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Describe {
    file_system_id: Option<String>,
    next_token: Option<String>,
    max_results: Option<u32>,
}

/// DescribeReplicationConfigurations.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let input: Describe = input(&call)?;
    let view = call.view()?;
    let (found, next) = if let Some(id) = &input.file_system_id {
        let file_system = access::file_system(&call, &view, id, Vec::new())?;
        let mut found = view.all_by::<Replication>(("destination", &file_system.id))?;
        found.extend(view.get::<Replication>(&file_system.id)?);
        if found.is_empty() {
            return Err(not_found(id));
        }
        (found, None)
    } else {
        let resource = file_system_arn(&call, "*");
        call.require(&view, access::demand(&call, resource, Vec::new()))?;
        let after = page::key(input.next_token.as_deref())?;
        let size = page::size(input.max_results, limits::PAGE);
        let all = view.page::<Replication>(after.as_deref(), size + 1)?;
        page::page(all, size, |found| &found.source)
    };
    let described = found.iter().map(|found| description(&call, found));
    let answer = json!({
        "Replications": described.collect::<Vec<_>>(),
        "NextToken": next,
    });
    Answer::json(200, &describe::without_null(answer))
}

fn not_found(id: &str) -> ApiError {
    let message = format!("File system '{id}' has no replication configuration.");
    ApiError::new(404, "ReplicationNotFound", message)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Delete {
    source_file_system_id: String,
    deletion_mode: Option<String>,
}

/// DeleteReplicationConfiguration.
pub(super) async fn delete(call: Arc<Call>) -> Result<Answer> {
    let input: Delete = input(&call)?;
    call.change(move |call, change| {
        let id = &input.source_file_system_id;
        let source = access::file_system(call, change, id, Vec::new())?;
        let gone = change
            .get::<Replication>(&source.id)?
            .ok_or_else(|| not_found(id))?;
        let is_here = gone.destination.region == call.control.settings.region;
        if is_here && input.deletion_mode.as_deref() == Some("LOCAL_CONFIGURATION_ONLY") {
            return Err(super::bad(
                "LOCAL_CONFIGURATION_ONLY is for replication to another region or account.",
            ));
        }
        change.remove::<Replication>(&source.id)?;
        if let Some(destination) = change.get::<FileSystem>(&gone.destination.file_system)? {
            change.put(&FileSystem {
                protection: "ENABLED".to_owned(),
                ..destination
            })?;
        }
        Ok(())
    })
    .await?;
    Ok(Answer::Empty(204))
}
