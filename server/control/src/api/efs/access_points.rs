//! CreateAccessPoint, DescribeAccessPoints, DeleteAccessPoint.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::{Answer, ApiError, Call, Result};
use super::access;
use super::describe::AccessPointDescription;
use super::{bad, input, limits, page};
use crate::ids;
use crate::records::{AccessPoint, FileSystem, LifeCycle, PosixUser, RootDirectory, Tag};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    client_token: String,
    #[serde(default)]
    tags: Vec<Tag>,
    file_system_id: String,
    posix_user: Option<PosixUser>,
    root_directory: Option<RootDirectory>,
}

/// CreateAccessPoint.
pub(super) async fn create(call: Arc<Call>) -> Result<Answer> {
    let input: Create = input(&call)?;
    let made = call
        .change(move |call, change| {
            let keys = access::request_tags(&input.tags);
            let found = access::file_system(call, change, &input.file_system_id, keys)?;
            access::require_tagging(call, change, "access-point", &input.tags)?;
            access::check_tags(&input.tags)?;
            let known =
                change.page_by::<AccessPoint>(("client-token", &input.client_token), None, 1)?;
            if let Some(known) = known.first() {
                let message = format!("Access point '{}' already exists.", known.id);
                return Err(ApiError::new(409, "AccessPointAlreadyExists", message)
                    .with("AccessPointId", &known.id));
            }
            access::must_be_available(call, &found)?;
            let by = ("file-system", found.id.as_str());
            let known = change.keys_by::<AccessPoint>(by, None, limits::ACCESS_POINTS)?;
            if known.len() >= limits::ACCESS_POINTS {
                let message = "The file system has as many access points as it can have.";
                return Err(ApiError::new(403, "AccessPointLimitExceeded", message));
            }
            let now = call.request.millis();
            let new = AccessPoint {
                id: ids::random("fsap-"),
                client_token: input.client_token,
                file_system: found.id,
                life_cycle: LifeCycle::Creating {
                    until: call.control.later(now),
                },
                tags: input.tags,
                posix_user: input.posix_user,
                root_directory: input.root_directory.unwrap_or_default(),
            };
            change.put(&new)?;
            Ok(new)
        })
        .await?;
    call.control
        .look_when_over(made.life_cycle, call.request.millis());
    Answer::json(200, &AccessPointDescription::new(&call, &made))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Describe {
    max_results: Option<u32>,
    next_token: Option<String>,
    access_point_id: Option<String>,
    file_system_id: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Described<'a> {
    access_points: Vec<AccessPointDescription<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// DescribeAccessPoints.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let input: Describe = input(&call)?;
    let view = call.view()?;
    let (found, next) = match (&input.access_point_id, &input.file_system_id) {
        (Some(_), Some(_)) => {
            return Err(bad("AccessPointId and FileSystemId exclude one another."));
        }
        (Some(id), None) => {
            let found = access::permitted_access_point(&call, &view, id, Vec::new())?;
            (vec![found], None)
        }
        (None, file_system) => {
            let after = page::key(input.next_token.as_deref())?;
            let size = page::size(input.max_results, limits::LARGEST_PAGE);
            let all = if let Some(id) = file_system {
                let found: FileSystem = access::file_system(&call, &view, id, Vec::new())?;
                let by = ("file-system", found.id.as_str());
                view.page_by::<AccessPoint>(by, after.as_deref(), size + 1)?
            } else {
                let resource = access::file_system_arn(&call, "*");
                call.require(&view, access::demand(&call, resource, Vec::new()))?;
                view.page::<AccessPoint>(after.as_deref(), size + 1)?
            };
            page::page(all, size, |found| &found.id)
        }
    };
    let now = call.request.millis();
    let alive = found
        .iter()
        .filter(|found| found.life_cycle.state(now).is_some());
    let described = alive.map(|found| AccessPointDescription::new(&call, found));
    let described = Described {
        access_points: described.collect(),
        next_token: next,
    };
    Answer::json(200, &described)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Delete {
    access_point_id: String,
}

/// DeleteAccessPoint.
pub(super) async fn delete(call: Arc<Call>) -> Result<Answer> {
    let input: Delete = input(&call)?;
    call.change(move |call, change| {
        let id = &input.access_point_id;
        let found = access::permitted_access_point(call, change, id, Vec::new())?;
        let now = call.request.millis();
        let until = call.control.later(now);
        if until > now {
            let life_cycle = LifeCycle::Deleting { until };
            change.put(&AccessPoint {
                life_cycle,
                ..found
            })?;
        } else {
            change.remove::<AccessPoint>(&found.id)?;
        }
        Ok(())
    })
    .await?;
    call.control.look_again();
    Ok(Answer::Empty(204))
}
