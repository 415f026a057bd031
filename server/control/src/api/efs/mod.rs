//! The EFS API, version 2015-02-01 (EFS API reference).

mod access;
mod access_points;
mod backup;
mod describe;
mod file_systems;
mod keys;
mod lifecycle;
mod limits;
pub mod model;
mod mount_target_groups;
mod mount_targets;
mod page;
mod policy;
mod preferences;
mod protection;
mod replication;
mod tags;
mod tags_deprecated;
#[cfg(test)]
mod tests;
mod throughput;

use http::Method;
use serde::de::DeserializeOwned;

use super::{ApiError, Call, Operation, Result};
use crate::operation;

pub(crate) use file_systems::forget as forget_file_system;
pub(crate) use mount_targets::{adopt as put_mount_target, forget as forget_mount_target};

/// The operations, by name.
pub const OPERATIONS: &[Operation] = &[
    operation!("CreateAccessPoint", access_points::create),
    operation!("CreateFileSystem", file_systems::create),
    operation!("CreateMountTarget", mount_targets::create),
    operation!("CreateReplicationConfiguration", replication::create),
    operation!("CreateTags", tags_deprecated::create),
    operation!("DeleteAccessPoint", access_points::delete),
    operation!("DeleteFileSystem", file_systems::delete),
    operation!("DeleteFileSystemPolicy", policy::delete),
    operation!("DeleteMountTarget", mount_targets::delete),
    operation!("DeleteReplicationConfiguration", replication::delete),
    operation!("DeleteTags", tags_deprecated::delete),
    operation!("DescribeAccessPoints", access_points::describe),
    operation!("DescribeAccountPreferences", preferences::describe),
    operation!("DescribeBackupPolicy", backup::describe),
    operation!("DescribeFileSystemPolicy", policy::describe),
    operation!("DescribeFileSystems", file_systems::describe),
    operation!("DescribeLifecycleConfiguration", lifecycle::describe),
    operation!(
        "DescribeMountTargetSecurityGroups",
        mount_target_groups::describe
    ),
    operation!("DescribeMountTargets", mount_targets::describe),
    operation!("DescribeReplicationConfigurations", replication::describe),
    operation!("DescribeTags", tags_deprecated::describe),
    operation!("ListTagsForResource", tags::list),
    operation!(
        "ModifyMountTargetSecurityGroups",
        mount_target_groups::modify
    ),
    operation!("PutAccountPreferences", preferences::put),
    operation!("PutBackupPolicy", backup::put),
    operation!("PutFileSystemPolicy", policy::put),
    operation!("PutLifecycleConfiguration", lifecycle::put),
    operation!("TagResource", tags::tag),
    operation!("UntagResource", tags::untag),
    operation!("UpdateFileSystem", throughput::update),
    operation!("UpdateFileSystemProtection", protection::update),
];

/// An operation, with the parts of the path that its template names.
type Found = (&'static Operation, Vec<(&'static str, String)>);

/// The operation of a method and a path.
pub(super) fn route(method: &Method, path: &str) -> Result<Found> {
    let mut best: Option<Found> = None;
    for (model, operation) in model::OPERATIONS.iter().zip(OPERATIONS) {
        if model.method != method.as_str() {
            continue;
        }
        if let Some(labels) = model::labels(model.path, path)
            && best
                .as_ref()
                .is_none_or(|(_, known)| labels.len() < known.len())
        {
            // The path that names fewer parts says more of the path itself.
            best = Some((operation, labels));
        }
    }
    best.ok_or_else(|| {
        let message = "There is no operation with this method and path.";
        ApiError::new(404, "UnknownOperationException", message)
    })
}

/// The input of a call, checked against the service model.
fn input<T: DeserializeOwned>(call: &Call) -> Result<T> {
    let model = model::OPERATIONS
        .iter()
        .find(|model| model.name == call.operation)
        .ok_or_else(|| ApiError::internal(&"an operation without a model"))?;
    let value = model::validate(model, &call.request, &call.labels)?;
    serde_json::from_value(value).map_err(|error| bad(error.to_string()))
}

/// BadRequest.
fn bad(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "BadRequest", message)
}

#[cfg(test)]
mod route_tests {
    use super::*;

    #[test]
    fn every_operation_has_its_model_at_its_place() {
        let models: Vec<_> = model::OPERATIONS.iter().map(|model| model.name).collect();
        let operations: Vec<_> = OPERATIONS.iter().map(|operation| operation.name).collect();
        assert_eq!(models, operations);
        assert_eq!(operations.len(), 31);
    }

    #[test]
    fn every_path_leads_to_its_operation() {
        for model in model::OPERATIONS {
            let path = model.path.replace('{', "x").replace('}', "");
            let (found, _) = route(&model.method.parse().unwrap(), &path).unwrap();
            assert_eq!(found.name, model.name);
        }
        assert!(route(&Method::GET, "/2015-02-01/nothing").is_err());
        assert!(route(&Method::PATCH, "/2015-02-01/file-systems").is_err());
    }
}
