//! DescribeMountTargetSecurityGroups, ModifyMountTargetSecurityGroups.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::super::{Answer, ApiError, Call, Result};
use super::{access, bad, input, limits, mount_targets};
use crate::records::{MountTarget, NetworkInterface, SecurityGroup};
use crate::store::View;

/// Checks the security groups that a mount target in a VPC is to have.
pub(super) fn check(view: &View, groups: &[String], vpc: &str) -> Result<Vec<String>> {
    let mut checked: Vec<String> = Vec::new();
    for id in groups {
        let found = view.get::<SecurityGroup>(id)?;
        let Some(found) = found.filter(|found| found.vpc == vpc) else {
            let message = format!("The security group '{id}' does not exist in the VPC {vpc}.");
            return Err(ApiError::new(400, "SecurityGroupNotFound", message));
        };
        if checked.contains(&found.id) {
            return Err(bad(format!("The security group '{id}' comes twice.")));
        }
        checked.push(found.id);
        if checked.len() > limits::SECURITY_GROUPS {
            let message = format!(
                "A mount target has at most {} security groups.",
                limits::SECURITY_GROUPS
            );
            return Err(ApiError::new(400, "SecurityGroupLimitExceeded", message));
        }
    }
    Ok(checked)
}

fn must_be_available(call: &Call, mount_target: &MountTarget) -> Result<()> {
    if mount_target.life_cycle.is_available(call.request.millis()) {
        return Ok(());
    }
    let message = format!("The mount target '{}' is not available.", mount_target.id);
    Err(ApiError::new(409, "IncorrectMountTargetState", message))
}

fn interface(view: &View, mount_target: &MountTarget) -> Result<NetworkInterface> {
    let id = &mount_target.network_interface;
    let found = view.get::<NetworkInterface>(id)?;
    found.ok_or_else(|| ApiError::internal(&"a mount target has no network interface"))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Describe {
    mount_target_id: String,
}

/// DescribeMountTargetSecurityGroups.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let input: Describe = input(&call)?;
    let view = call.view()?;
    let (found, _) = access::mount_target(&call, &view, &input.mount_target_id)?;
    access::require_ec2(&call, &view, "DescribeNetworkInterfaceAttribute")?;
    must_be_available(&call, &found)?;
    let groups = interface(&view, &found)?.groups;
    Answer::json(200, &json!({"SecurityGroups": groups}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Modify {
    mount_target_id: String,
    security_groups: Option<Vec<String>>,
}

/// ModifyMountTargetSecurityGroups.
pub(super) async fn modify(call: Arc<Call>) -> Result<Answer> {
    let input: Modify = input(&call)?;
    call.change_topology(move |call, change| {
        let (found, _) = access::mount_target(call, change, &input.mount_target_id)?;
        access::require_ec2(call, change, "ModifyNetworkInterfaceAttribute")?;
        must_be_available(call, &found)?;
        let groups = match &input.security_groups {
            Some(groups) if !groups.is_empty() => check(change, groups, &found.vpc)?,
            _ => vec![mount_targets::default_group(change, &found.vpc)?],
        };
        let interface = interface(change, &found)?;
        Ok(change.put(&NetworkInterface {
            groups,
            ..interface
        })?)
    })
    .await?;
    Ok(Answer::Empty(204))
}
