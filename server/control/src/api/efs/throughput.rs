//! UpdateFileSystem: how fast a file system is said to be.

use std::sync::Arc;

use serde::Deserialize;

use super::super::{Answer, ApiError, Call, Result};
use super::describe::FileSystemDescription;
use super::{access, bad, file_systems, input, limits};
use crate::records::{FileSystem, LifeCycle};

/// How long the next decrease or change of mode has to wait (EFS user guide, "Managing file
/// system throughput").
const REST: u64 = 24 * 60 * 60 * 1000;

/// Checks a throughput mode and what is provisioned.
pub(super) fn check(mode: &str, provisioned: Option<f64>) -> Result<()> {
    match (mode, provisioned) {
        ("provisioned", None) => Err(bad(
            "ProvisionedThroughputInMibps is required for throughput mode provisioned.",
        )),
        ("provisioned", Some(provisioned)) if provisioned > limits::PROVISIONED => {
            let message = format!("At most {} MiB/s can be provisioned.", limits::PROVISIONED);
            Err(ApiError::new(400, "ThroughputLimitExceeded", message))
        }
        ("provisioned", _) | (_, None) => Ok(()),
        (_, Some(_)) => Err(bad(
            "ProvisionedThroughputInMibps is only for throughput mode provisioned.",
        )),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Update {
    file_system_id: String,
    throughput_mode: Option<String>,
    provisioned_throughput_in_mibps: Option<f64>,
}

/// UpdateFileSystem.
pub(super) async fn update(call: Arc<Call>) -> Result<Answer> {
    let input: Update = input(&call)?;
    let (updated, mount_targets) = call
        .change(move |call, change| {
            let id = &input.file_system_id;
            let found = access::available_file_system(call, change, id, Vec::new())?;
            let now = call.request.millis();
            let updated = updated(found, &input, now, call.control.later(now))?;
            change.put(&updated)?;
            let count = file_systems::count_mount_targets(change, &updated.id, now)?;
            Ok((updated, count))
        })
        .await?;
    call.control.look_again();
    let size = file_systems::size(&call, &updated.id);
    let described = FileSystemDescription::new(&call, &updated, mount_targets, size);
    Answer::json(202, &described)
}

/// A file system with another throughput.
fn updated(before: FileSystem, input: &Update, now: u64, until: u64) -> Result<FileSystem> {
    if input.throughput_mode.is_none() && input.provisioned_throughput_in_mibps.is_none() {
        return Err(bad(
            "ThroughputMode or ProvisionedThroughputInMibps is required.",
        ));
    }
    let mode = input
        .throughput_mode
        .clone()
        .unwrap_or_else(|| before.throughput_mode.clone());
    let kept = before.provisioned.filter(|_| mode == "provisioned");
    let provisioned = input.provisioned_throughput_in_mibps.or(kept);
    check(&mode, provisioned)?;
    if mode == "elastic" && before.performance_mode == "maxIO" {
        return Err(bad(
            "Performance mode maxIO can't be combined with elastic throughput.",
        ));
    }
    let is_limited = mode != before.throughput_mode || provisioned < before.provisioned;
    let rests = before
        .throughput_changed
        .is_some_and(|last| now < last.saturating_add(REST));
    if is_limited && rests {
        let message = "The throughput mode can be changed, and provisioned throughput decreased, \
                       once in 24 hours.";
        return Err(ApiError::new(429, "TooManyRequests", message));
    }
    Ok(FileSystem {
        throughput_changed: if is_limited {
            Some(now)
        } else {
            before.throughput_changed
        },
        throughput_mode: mode,
        provisioned,
        life_cycle: LifeCycle::Updating { until },
        ..before
    })
}
