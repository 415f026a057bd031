//! Instance profiles: Create, Get, List, Delete; AddRoleToInstanceProfile,
//! RemoveRoleFromInstanceProfile, ListInstanceProfilesForRole.

use std::sync::Arc;

use super::common::{
    Keys, at_most, conflict, date, exists, members, no_such, nothing, now, require, require_action,
    tags_element, truncation, unique_id,
};
use super::holder::{Holder, below_path, find, missing, permitted as permitted_holder};
use super::input::{Cut, Input, NAME_64, NAME_128, PATH};
use super::records::{InstanceProfile, Role};
use crate::api::xml::Element;
use crate::api::{Answer, Call, Result};
use crate::store::View;

/// Instance profiles of an account.
const MOST: usize = 1000;

/// The instance profile of this name, if the caller has the permission of the call on it.
///
/// # Errors
/// AccessDenied, NoSuchEntity.
pub fn permitted(call: &Call, view: &View, name: &str, keys: Keys) -> Result<InstanceProfile> {
    let account = &call.control.settings.account_id;
    let found = view.get::<InstanceProfile>(&name.to_ascii_lowercase())?;
    let found = found.filter(|profile| profile.name == name);
    let (arn, keys) = match &found {
        Some(profile) => (profile.arn(account), keys.and(Keys::of(&profile.tags))),
        None => (
            format!("arn:aws:iam::{account}:instance-profile/{name}"),
            keys,
        ),
    };
    require(call, view, &arn, keys)?;
    found.ok_or_else(|| no_such(format!("Instance Profile {name} cannot be found.")))
}

/// `InstanceProfile` in answers.
pub fn profile_element(
    view: &View,
    account: &str,
    name: &'static str,
    profile: &InstanceProfile,
) -> Result<Element> {
    let role = match &profile.role {
        Some(key) => view.get::<Role>(key)?,
        None => None,
    };
    let roles = role
        .iter()
        .map(|role| role.element("member", account, false));
    let element = Element::new(name)
        .text("Path", &profile.path)
        .text("InstanceProfileName", &profile.name)
        .text("InstanceProfileId", &profile.id)
        .text("Arn", profile.arn(account))
        .text("CreateDate", date(profile.created))
        .child(members("Roles", roles));
    Ok(if profile.tags.is_empty() {
        element
    } else {
        element.child(tags_element(&profile.tags))
    })
}

/// CreateInstanceProfile.
pub async fn create(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text("InstanceProfileName", &NAME_128);
        let path = input
            .optional("Path", &PATH)
            .unwrap_or_else(|| "/".to_owned());
        let tags = input.tags();
        input.done()?;
        let profile = InstanceProfile {
            key: name.to_ascii_lowercase(),
            name,
            path,
            id: unique_id("AIPA"),
            created: now(call),
            role: None,
            tags,
        };
        let account = &call.control.settings.account_id;
        let arn = profile.arn(account);
        let keys = Keys::none().request_tags(&profile.tags);
        require(call, change, &arn, keys.clone())?;
        if !profile.tags.is_empty() {
            require_action(call, change, "iam:TagInstanceProfile", &arn, keys)?;
        }
        if change.get::<InstanceProfile>(&profile.key)?.is_some() {
            return Err(exists(format!(
                "Instance Profile {} already exists.",
                profile.name
            )));
        }
        at_most(
            change.count::<InstanceProfile>()?,
            MOST,
            "InstanceProfilesPerAccount",
        )?;
        change.put(&profile)?;
        Ok(Answer::Xml(vec![profile_element(
            change,
            account,
            "InstanceProfile",
            &profile,
        )?]))
    })
    .await
}

/// GetInstanceProfile.
pub async fn get(call: Arc<Call>) -> Result<Answer> {
    let mut input = Input::of(&call)?;
    let name = input.text("InstanceProfileName", &NAME_128);
    input.done()?;
    let view = call.view()?;
    let profile = permitted(&call, &view, &name, Keys::none())?;
    let account = &call.control.settings.account_id;
    Ok(Answer::Xml(vec![profile_element(
        &view,
        account,
        "InstanceProfile",
        &profile,
    )?]))
}

fn answer(call: &Call, view: &View, cut: Cut<InstanceProfile>) -> Result<Answer> {
    let account = &call.control.settings.account_id;
    let items: Result<Vec<_>> = cut
        .items
        .iter()
        .map(|profile| profile_element(view, account, "member", profile))
        .collect();
    let mut answer = vec![members("InstanceProfiles", items?)];
    answer.extend(truncation(cut.marker));
    Ok(Answer::Xml(answer))
}

/// ListInstanceProfiles.
pub async fn list(call: Arc<Call>) -> Result<Answer> {
    let (view, prefix, page) = below_path(&call, "instance-profile")?;
    let mut profiles = view.all::<InstanceProfile>()?;
    profiles.retain(|profile| profile.path.starts_with(&prefix));
    answer(
        &call,
        &view,
        page.cut(profiles, |profile| profile.key.clone()),
    )
}

/// ListInstanceProfilesForRole.
pub async fn of_role(call: Arc<Call>) -> Result<Answer> {
    let mut input = Input::of(&call)?;
    let name = input.text("RoleName", &NAME_64);
    let page = input.page();
    input.done()?;
    let view = call.view()?;
    let role = permitted_holder::<Role>(&call, &view, &name, Keys::none())?;
    let profiles = view.all_by::<InstanceProfile>(("role", &role.key))?;
    answer(
        &call,
        &view,
        page.cut(profiles, |profile| profile.key.clone()),
    )
}

/// DeleteInstanceProfile: only one without a role.
pub async fn delete(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text("InstanceProfileName", &NAME_128);
        input.done()?;
        let profile = permitted(call, change, &name, Keys::none())?;
        if profile.role.is_some() {
            let message = "Cannot delete entity, must remove roles from instance profile first.";
            return Err(conflict(message));
        }
        change.remove::<InstanceProfile>(&profile.key)?;
        Ok(nothing())
    })
    .await
}

/// AddRoleToInstanceProfile. Needs `iam:PassRole` on the role too.
pub async fn add_role(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text("InstanceProfileName", &NAME_128);
        let role = input.text("RoleName", &NAME_64);
        input.done()?;
        let mut profile = permitted(call, change, &name, Keys::none())?;
        let found = find::<Role>(change, &role)?.ok_or_else(|| missing::<Role>(&role))?;
        let arn = found.arn(&call.control.settings.account_id);
        let keys = Keys::none().with("iam:PassedToService", "ec2.amazonaws.com");
        require_action(call, change, "iam:PassRole", &arn, keys)?;
        at_most(
            usize::from(profile.role.is_some()),
            1,
            "InstanceSessionsPerInstanceProfile",
        )?;
        profile.role = Some(found.key);
        change.put(&profile)?;
        Ok(nothing())
    })
    .await
}

/// RemoveRoleFromInstanceProfile.
pub async fn remove_role(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text("InstanceProfileName", &NAME_128);
        let role = input.text("RoleName", &NAME_64);
        input.done()?;
        let mut profile = permitted(call, change, &name, Keys::none())?;
        if profile.role != Some(role.to_ascii_lowercase()) {
            return Err(missing::<Role>(&role));
        }
        profile.role = None;
        change.put(&profile)?;
        Ok(nothing())
    })
    .await
}
