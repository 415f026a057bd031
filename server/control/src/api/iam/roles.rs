//! CreateRole, GetRole, ListRoles, UpdateRole, UpdateAssumeRolePolicy, DeleteRole.

use std::sync::Arc;

use super::common::{
    Keys, at_most, attachable, check_document, conflict, limit, nothing, now, require,
    require_action, unique_id,
};
use super::holder::{Holder, is_free, permitted};
use super::input::{ARN, DOCUMENT, Input, NAME_64, PATH, ROLE_DESCRIPTION};
use super::records::{InstanceProfile, Permissions, Role};
use crate::api::{Answer, Call, Result};
use crate::iam::PolicyKind;
use crate::iam::policy::{quota, size};

/// Roles of an account.
const MOST: usize = 1000;

/// CreateRole.
pub async fn create(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text("RoleName", &NAME_64);
        let trust = input.text("AssumeRolePolicyDocument", &DOCUMENT);
        let path = input
            .optional("Path", &PATH)
            .unwrap_or_else(|| "/".to_owned());
        let description = input
            .optional("Description", &ROLE_DESCRIPTION)
            .unwrap_or_default();
        let max_session = input
            .number("MaxSessionDuration", 3600, 43200)
            .unwrap_or(3600);
        let boundary = input.optional("PermissionsBoundary", &ARN);
        let tags = input.tags();
        input.done()?;
        let role = Role {
            key: name.to_ascii_lowercase(),
            name,
            path,
            id: unique_id("AROA"),
            created: now(call),
            trust,
            description,
            max_session,
            service: None,
            permissions: Permissions {
                boundary: boundary.clone(),
                ..Permissions::default()
            },
            tags,
        };
        let account = &call.control.settings.account_id;
        let arn = role.arn(account);
        let keys = Keys::none()
            .maybe("iam:PermissionsBoundary", boundary.as_deref())
            .request_tags(&role.tags);
        require(call, change, &arn, keys.clone())?;
        if !role.tags.is_empty() {
            require_action(call, change, "iam:TagRole", &arn, keys)?;
        }
        check_trust(call, change, &role.trust)?;
        if let Some(boundary) = &boundary {
            attachable(change, boundary)?;
        }
        if role.path.starts_with("/aws-service-role/") {
            let message = "Paths under /aws-service-role/ are for service-linked roles.";
            return Err(super::common::invalid(message));
        }
        is_free(change, &role)?;
        at_most(change.count::<Role>()?, MOST, "RolesPerAccount")?;
        change.put(&role)?;
        Ok(Answer::Xml(vec![role.element("Role", account, true)]))
    })
    .await
}

fn check_trust(call: &Call, view: &crate::store::View, trust: &str) -> Result<()> {
    check_document(call, view, trust, PolicyKind::Trust)?;
    if size(trust) > quota::TRUST {
        return Err(limit(format!(
            "Cannot exceed quota for ACLSizePerRole: {}",
            quota::TRUST
        )));
    }
    Ok(())
}

/// GetRole.
pub async fn get(call: Arc<Call>) -> Result<Answer> {
    let mut input = Input::of(&call)?;
    let name = input.text("RoleName", &NAME_64);
    input.done()?;
    let role = permitted::<Role>(&call, &call.view()?, &name, Keys::none())?;
    let account = &call.control.settings.account_id;
    Ok(Answer::Xml(vec![role.element("Role", account, true)]))
}

/// UpdateRole: description and longest session.
pub async fn update(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text("RoleName", &NAME_64);
        let description = input.optional("Description", &ROLE_DESCRIPTION);
        let max_session = input.number("MaxSessionDuration", 3600, 43200);
        input.done()?;
        let mut role = permitted::<Role>(call, change, &name, Keys::none())?;
        role.modifiable()?;
        role.description = description.unwrap_or(role.description);
        role.max_session = max_session.unwrap_or(role.max_session);
        change.put(&role)?;
        Ok(Answer::Xml(Vec::new()))
    })
    .await
}

/// UpdateAssumeRolePolicy: another trust policy.
pub async fn update_trust(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text("RoleName", &NAME_64);
        let trust = input.text("PolicyDocument", &DOCUMENT);
        input.done()?;
        let mut role = permitted::<Role>(call, change, &name, Keys::none())?;
        role.modifiable()?;
        check_trust(call, change, &trust)?;
        role.trust = trust;
        change.put(&role)?;
        Ok(nothing())
    })
    .await
}

/// DeleteRole: only one that has nothing. Its sessions end.
pub async fn delete(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text("RoleName", &NAME_64);
        input.done()?;
        let role = permitted::<Role>(call, change, &name, Keys::none())?;
        role.modifiable()?;
        let profiles = change.keys_by::<InstanceProfile>(("role", &role.key), None, 1)?;
        let in_the_way = if !role.permissions.attached.is_empty() {
            "Cannot delete entity, must detach all policies first."
        } else if !role.permissions.inline.is_empty() {
            "Cannot delete entity, must delete policies first."
        } else if !profiles.is_empty() {
            "Cannot delete entity, must remove roles from instance profile first."
        } else {
            change.remove::<Role>(&role.key)?;
            return Ok(nothing());
        };
        Err(conflict(in_the_way))
    })
    .await
}
