//! What a call needs to be permitted, and the resources that it names.
//!
//! Resources are authorised by ARN (Service Authorization Reference, "Amazon Elastic File
//! System"); mount targets have none, and are authorised as their file system.

use super::super::{ApiError, Call, Demand, Result};
use super::bad;
use crate::api::iam::service_linked;
use crate::authorize;
use crate::records::{AccessPoint, FileSystem, MountTarget, Tag};
use crate::store::{Change, View};

/// The ARN of a file system.
pub(super) fn file_system_arn(call: &Call, id: &str) -> String {
    arn(call, "file-system", id)
}

/// The ARN of an access point.
pub(super) fn access_point_arn(call: &Call, id: &str) -> String {
    arn(call, "access-point", id)
}

/// The ARN of a resource that a call names by id or ARN, and that need not exist.
pub(super) fn named_arn(call: &Call, kind: &str, named: &str) -> String {
    match named.starts_with("arn:") {
        true => named.to_owned(),
        false => arn(call, kind, named),
    }
}

fn arn(call: &Call, kind: &str, id: &str) -> String {
    let settings = &call.control.settings;
    let (region, account) = (&settings.region, &settings.account_id);
    format!("arn:aws:elasticfilesystem:{region}:{account}:{kind}/{id}")
}

/// The id in an id or ARN; one of another region or account names nothing here.
fn id<'a>(call: &Call, text: &'a str, kind: &str) -> Option<&'a str> {
    if !text.starts_with("arn:") {
        return Some(text);
    }
    text.strip_prefix(arn(call, kind, "").as_str())
}

/// A demand for the call's own action.
pub(super) fn demand(call: &Call, resource: String, keys: Vec<(String, Vec<String>)>) -> Demand {
    Demand {
        action: format!("elasticfilesystem:{}", call.operation),
        resource,
        keys,
        resource_policy: None,
    }
}

/// The condition keys of tags that a request brings.
pub(super) fn request_tags(tags: &[Tag]) -> Vec<(String, Vec<String>)> {
    if tags.is_empty() {
        return Vec::new();
    }
    let mut keys = vec![tag_keys(tags.iter().map(|tag| tag.key.clone()))];
    keys.extend(tags.iter().map(|tag| {
        let value = vec![tag.value.clone()];
        (format!("aws:RequestTag/{}", tag.key), value)
    }));
    keys
}

/// The condition key of the keys of tags that a request names.
pub(super) fn tag_keys(keys: impl Iterator<Item = String>) -> (String, Vec<String>) {
    ("aws:TagKeys".to_owned(), keys.collect())
}

fn resource_tags(tags: &[Tag]) -> impl Iterator<Item = (String, Vec<String>)> {
    tags.iter().map(|tag| {
        let value = vec![tag.value.clone()];
        (format!("aws:ResourceTag/{}", tag.key), value)
    })
}

/// Asks for the call's action on a file system.
pub(super) fn require_on(
    call: &Call,
    view: &View,
    file_system: &FileSystem,
    keys: Vec<(String, Vec<String>)>,
) -> Result<()> {
    let mut demand = demand(call, file_system_arn(call, &file_system.id), keys);
    demand.keys.extend(resource_tags(&file_system.tags));
    demand.resource_policy.clone_from(&file_system.policy);
    call.require(view, demand)
}

/// Whether the caller might repeat the call on a file system as it is to be. Nobody is told.
pub(super) fn would_be_permitted(call: &Call, view: &View, file_system: &FileSystem) -> bool {
    let mut demand = demand(call, file_system_arn(call, &file_system.id), Vec::new());
    demand.keys.extend(resource_tags(&file_system.tags));
    demand.resource_policy.clone_from(&file_system.policy);
    let gate = &call.control.gate;
    let judgement = gate.authorize(view, &call.request, &call.caller, &demand);
    judgement.allowed
}

/// Asks for the call's action on an access point of a file system.
pub(super) fn require_on_access_point(
    call: &Call,
    view: &View,
    access_point: &AccessPoint,
    keys: Vec<(String, Vec<String>)>,
) -> Result<()> {
    let mut demand = demand(call, access_point_arn(call, &access_point.id), keys);
    demand.keys.extend(resource_tags(&access_point.tags));
    call.require(view, demand)
}

/// Asks for the right to tag what the call creates, if it brings tags.
pub(super) fn require_tagging(call: &Call, view: &View, kind: &str, tags: &[Tag]) -> Result<()> {
    if tags.is_empty() {
        return Ok(());
    }
    let mut keys = request_tags(tags);
    // What is tagged already has them: the policy that the EFS CSI driver recommends relies on it.
    keys.extend(resource_tags(tags));
    let action = vec![call.operation.to_owned()];
    keys.push(("elasticfilesystem:CreateAction".to_owned(), action));
    call.require(
        view,
        Demand {
            action: "elasticfilesystem:TagResource".to_owned(),
            resource: arn(call, kind, "*"),
            keys,
            resource_policy: None,
        },
    )
}

/// Asks for a permission of EC2 that EFS uses on the caller's behalf.
pub(super) fn require_ec2(call: &Call, view: &View, action: &str) -> Result<()> {
    require_of(call, view, &format!("ec2:{action}"), "*".to_owned(), &[])
}

/// Makes EFS's service-linked role, if it isn't there: who makes the first mount target or
/// replication needs to be allowed to (EFS user guide, "Using service-linked roles for Amazon
/// EFS").
pub(super) fn ensure_role(call: &Call, change: &mut Change) -> Result<()> {
    if service_linked::efs_role_exists(change)? {
        return Ok(());
    }
    let role = service_linked::efs_role_arn(&call.control.settings.account_id);
    let keys = [("iam:AWSServiceName", service_linked::EFS)];
    require_of(call, change, "iam:CreateServiceLinkedRole", role, &keys)?;
    let created = authorize::seconds(&call.request);
    Ok(service_linked::ensure_efs_role(change, created)?)
}

/// Asks for the right to hand EFS a role (Service Authorization Reference,
/// CreateReplicationConfiguration).
pub(super) fn require_passing(call: &Call, view: &View, role: &str) -> Result<()> {
    let keys = [("iam:PassedToService", service_linked::EFS)];
    require_of(call, view, "iam:PassRole", role.to_owned(), &keys)
}

/// Asks for an action of another service that EFS uses on the caller's behalf.
pub(super) fn require_of(
    call: &Call,
    view: &View,
    action: &str,
    resource: String,
    keys: &[(&str, &str)],
) -> Result<()> {
    let keys = keys
        .iter()
        .map(|(key, value)| ((*key).to_owned(), vec![(*value).to_owned()]));
    call.require(
        view,
        Demand {
            action: action.to_owned(),
            resource,
            keys: keys.collect(),
            resource_policy: None,
        },
    )
}

/// The file system that a call names by id or ARN, if the caller may do to it what the call does.
/// Whether it exists, is told only to those who may.
pub(super) fn file_system(
    call: &Call,
    view: &View,
    named: &str,
    keys: Vec<(String, Vec<String>)>,
) -> Result<FileSystem> {
    let known = match id(call, named, "file-system") {
        Some(id) => view.get::<FileSystem>(id)?,
        None => None,
    };
    let now = call.request.millis();
    match known.filter(|known| known.life_cycle.state(now).is_some()) {
        Some(known) => {
            require_on(call, view, &known, keys)?;
            Ok(known)
        }
        None => {
            let resource = named_arn(call, "file-system", named);
            call.require(view, demand(call, resource, keys))?;
            Err(no_file_system(named))
        }
    }
}

/// The same, if it is `available`.
pub(super) fn available_file_system(
    call: &Call,
    view: &View,
    named: &str,
    keys: Vec<(String, Vec<String>)>,
) -> Result<FileSystem> {
    let found = file_system(call, view, named, keys)?;
    must_be_available(call, &found)?;
    Ok(found)
}

/// Checks that a file system is `available`.
pub(super) fn must_be_available(call: &Call, file_system: &FileSystem) -> Result<()> {
    match file_system.life_cycle.state(call.request.millis()) {
        Some("available") => Ok(()),
        state => {
            let message = format!(
                "The file system '{}' is not in the life-cycle state available but {}.",
                file_system.id,
                state.unwrap_or("deleted")
            );
            Err(ApiError::new(
                409,
                "IncorrectFileSystemLifeCycleState",
                message,
            ))
        }
    }
}

pub(super) fn no_file_system(named: &str) -> ApiError {
    let message = format!("File system '{named}' does not exist.");
    ApiError::new(404, "FileSystemNotFound", message)
}

/// The access point that a call names by id or ARN, if it exists. The caller asks for permission.
pub(super) fn access_point(call: &Call, view: &View, named: &str) -> Result<Option<AccessPoint>> {
    let Some(id) = id(call, named, "access-point") else {
        return Ok(None);
    };
    let now = call.request.millis();
    let known = view.get::<AccessPoint>(id)?;
    Ok(known.filter(|known| known.life_cycle.state(now).is_some()))
}

/// The access point that a call names by id or ARN, if the caller may do to it what the call does.
pub(super) fn permitted_access_point(
    call: &Call,
    view: &View,
    named: &str,
    keys: Vec<(String, Vec<String>)>,
) -> Result<AccessPoint> {
    match access_point(call, view, named)? {
        Some(known) => {
            require_on_access_point(call, view, &known, keys)?;
            Ok(known)
        }
        None => {
            let resource = named_arn(call, "access-point", named);
            call.require(view, demand(call, resource, keys))?;
            Err(no_access_point(named))
        }
    }
}

pub(super) fn no_access_point(named: &str) -> ApiError {
    let message = format!("Access point '{named}' does not exist.");
    ApiError::new(404, "AccessPointNotFound", message)
}

/// The mount target that a call names, with its file system, if the caller may do to that what
/// the call does.
pub(super) fn mount_target(
    call: &Call,
    view: &View,
    id: &str,
) -> Result<(MountTarget, FileSystem)> {
    let now = call.request.millis();
    let known = view.get::<MountTarget>(id)?;
    let known = known.filter(|known| known.life_cycle.state(now).is_some());
    let file_system = match &known {
        Some(known) => view.get::<FileSystem>(&known.file_system)?,
        None => None,
    };
    if let (Some(known), Some(file_system)) = (known, file_system) {
        require_on(call, view, &file_system, Vec::new())?;
        return Ok((known, file_system));
    }
    call.require(view, demand(call, file_system_arn(call, "*"), Vec::new()))?;
    let message = format!("Mount target '{id}' does not exist.");
    Err(ApiError::new(404, "MountTargetNotFound", message))
}

/// Checks tags that a resource is to have: each key once, and not too many.
pub(super) fn check_tags(tags: &[Tag]) -> Result<()> {
    if tags.len() > super::limits::TAGS {
        return Err(bad(format!(
            "A resource has at most {} tags.",
            super::limits::TAGS
        )));
    }
    let mut keys: Vec<_> = tags.iter().map(|tag| &tag.key).collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(bad("A tag's key comes twice."));
    }
    Ok(())
}
