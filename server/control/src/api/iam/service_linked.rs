//! CreateServiceLinkedRole, DeleteServiceLinkedRole, GetServiceLinkedRoleDeletionStatus.
//!
//! EFS makes its role itself when the first mount target or replication is made (EFS user guide,
//! "Using service-linked roles for Amazon EFS").

use std::sync::Arc;

use super::common::{Keys, invalid, no_such, now, require, unique_id};
use super::holder::{Holder, permitted};
use super::input::{ANY, Input, NAME_64, NAME_128, ROLE_DESCRIPTION};
use super::records::{Permissions, Role};
use crate::api::xml::Element;
use crate::api::{Answer, Call, Result};
use crate::records::{MountTarget, Replication};
use crate::store::{Change, StoreError, View};
use crate::time::Seconds;

/// The service that EFS is in trust policies.
pub const EFS: &str = "elasticfilesystem.amazonaws.com";

/// The name of its role.
pub const EFS_ROLE: &str = "AWSServiceRoleForAmazonElasticFileSystem";

fn role(created: Seconds, description: String) -> Role {
    Role {
        key: EFS_ROLE.to_ascii_lowercase(),
        name: EFS_ROLE.to_owned(),
        path: format!("/aws-service-role/{EFS}/"),
        id: unique_id("AROA"),
        created,
        trust: format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Service":"{EFS}"}},"Action":"sts:AssumeRole"}}]}}"#
        ),
        description,
        max_session: 3600,
        service: Some(EFS.to_owned()),
        permissions: Permissions {
            attached: vec![
                "arn:aws:iam::aws:policy/aws-service-role/AmazonElasticFileSystemServiceRolePolicy"
                    .to_owned(),
            ],
            ..Permissions::default()
        },
        tags: Vec::new(),
    }
}

/// Whether EFS has its role. If not, who makes the first mount target needs
/// `iam:CreateServiceLinkedRole` on [`efs_role_arn`], with `iam:AWSServiceName` being [`EFS`].
///
/// # Errors
/// Those of the store.
pub fn efs_role_exists(view: &View) -> std::result::Result<bool, StoreError> {
    Ok(view.get::<Role>(&EFS_ROLE.to_ascii_lowercase())?.is_some())
}

/// The ARN of EFS's role.
#[must_use]
pub fn efs_role_arn(account: &str) -> String {
    format!("arn:aws:iam::{account}:role/aws-service-role/{EFS}/{EFS_ROLE}")
}

/// Makes EFS's role, if it isn't there.
///
/// # Errors
/// Those of the store.
pub fn ensure_efs_role(
    change: &mut Change,
    created: Seconds,
) -> std::result::Result<(), StoreError> {
    if efs_role_exists(change)? {
        return Ok(());
    }
    change.put(&role(created, String::new()))
}

/// CreateServiceLinkedRole, for EFS alone.
pub async fn create(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let service = input.text("AWSServiceName", &NAME_128);
        let description = input
            .optional("Description", &ROLE_DESCRIPTION)
            .unwrap_or_default();
        let suffix = input.optional("CustomSuffix", &NAME_64);
        input.done()?;
        let account = &call.control.settings.account_id;
        let arn = format!("arn:aws:iam::{account}:role/aws-service-role/{service}/*");
        let arn = if service == EFS {
            efs_role_arn(account)
        } else {
            arn
        };
        require(
            call,
            change,
            &arn,
            Keys::none().with("iam:AWSServiceName", &service),
        )?;
        if service != EFS {
            return Err(invalid(format!(
                "{service} has no service-linked role here."
            )));
        }
        if suffix.is_some() {
            return Err(invalid(format!(
                "Custom suffix is not allowed for {service}"
            )));
        }
        if efs_role_exists(change)? {
            return Err(invalid(format!(
                "Service role name {EFS_ROLE} has been taken in this account, please try a \
                 different suffix."
            )));
        }
        let role = role(now(call), description);
        change.put(&role)?;
        Ok(Answer::Xml(vec![role.element("Role", account, true)]))
    })
    .await
}

/// What EFS still needs its role for.
fn used_by(view: &View) -> std::result::Result<Option<String>, StoreError> {
    let targets = view.page::<MountTarget>(None, 1)?;
    let replications = view.page::<Replication>(None, 1)?;
    let targets = targets.into_iter().map(|target| target.file_system);
    let replications = replications.into_iter().map(|of| of.source);
    Ok(targets.chain(replications).next())
}

/// DeleteServiceLinkedRole: done at once, or not at all while EFS needs the role.
pub async fn delete(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text("RoleName", &NAME_64);
        input.done()?;
        let role = permitted::<Role>(call, change, &name, Keys::none())?;
        let Some(service) = &role.service else {
            return Err(invalid(format!("Role {name} is no service-linked role.")));
        };
        let task = format!(
            "task/aws-service-role/{service}/{name}/{}",
            role.id.to_lowercase()
        );
        if used_by(change)?.is_none() {
            change.remove::<Role>(&role.key)?;
        }
        Ok(Answer::Xml(vec![Element::of("DeletionTaskId", task)]))
    })
    .await
}

/// GetServiceLinkedRoleDeletionStatus.
pub async fn deletion_status(call: Arc<Call>) -> Result<Answer> {
    let mut input = Input::of(&call)?;
    let task = input.text("DeletionTaskId", &ANY);
    input.done()?;
    let view = call.view()?;
    let role = task
        .strip_prefix("task/aws-service-role/")
        .and_then(|rest| rest.rsplit_once('/'));
    let account = &call.control.settings.account_id;
    let path = role.map_or("*", |(path, _)| path);
    let arn = format!("arn:aws:iam::{account}:role/aws-service-role/{path}");
    require(&call, &view, &arn, Keys::none())?;
    let Some((path, id)) = role else {
        let message = format!("The deletion task {task} cannot be found.");
        return Err(no_such(message));
    };
    let name = path.rsplit('/').next().unwrap_or_default();
    let left = view.get::<Role>(&name.to_ascii_lowercase())?;
    let left = left.filter(|role| role.id.eq_ignore_ascii_case(id));
    let Some(role) = left else {
        return Ok(Answer::Xml(vec![Element::of("Status", "SUCCEEDED")]));
    };
    let settings = &call.control.settings;
    let usage = Element::new("member")
        .text("Region", &settings.region)
        .child(
            Element::new("Resources").children(used_by(&view)?.map(|file_system| {
                let (region, account) = (&settings.region, &settings.account_id);
                let arn = format!(
                    "arn:aws:elasticfilesystem:{region}:{account}:file-system/{file_system}"
                );
                Element::of("member", arn)
            })),
        );
    let reason = Element::new("Reason")
        .text("Reason", format!("The role {} is in use.", role.name))
        .child(Element::new("RoleUsageList").child(usage));
    Ok(Answer::Xml(vec![Element::of("Status", "FAILED"), reason]))
}
