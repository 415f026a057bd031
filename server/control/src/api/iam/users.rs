//! CreateUser, GetUser, ListUsers, UpdateUser, DeleteUser.

use std::sync::Arc;

use super::common::{
    Holder, Keys, arn_of, at_most, attachable, conflict, date, exists, find, listed, nothing, now,
    own_name, permitted, require, require_action, unique_id,
};
use super::input::{ARN, Input, NAME_64, NAME_128, PATH, PATH_PREFIX};
use super::records::{AccessKey, Permissions, User};
use crate::api::xml::Element;
use crate::api::{Answer, Call, Result};

/// Users of an account.
const MOST: usize = 5000;

/// CreateUser.
pub async fn create(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text("UserName", &NAME_64);
        let path = input
            .optional("Path", &PATH)
            .unwrap_or_else(|| "/".to_owned());
        let boundary = input.optional("PermissionsBoundary", &ARN);
        let tags = input.tags();
        input.done()?;
        let user = User {
            key: name.to_ascii_lowercase(),
            name,
            path,
            id: unique_id("AIDA"),
            created: now(call),
            permissions: Permissions {
                boundary: boundary.clone(),
                ..Permissions::default()
            },
            groups: Vec::new(),
            tags,
        };
        let account = &call.control.settings.account_id;
        let arn = user.arn(account);
        let keys = Keys::none()
            .maybe("iam:PermissionsBoundary", boundary.as_deref())
            .request_tags(&user.tags);
        require(call, change, &arn, keys.clone())?;
        if !user.tags.is_empty() {
            require_action(call, change, "iam:TagUser", &arn, keys)?;
        }
        if let Some(boundary) = &boundary {
            attachable(change, boundary)?;
        }
        if change.get::<User>(&user.key)?.is_some() {
            return Err(exists(format!(
                "User with name {} already exists.",
                user.name
            )));
        }
        at_most(change.count::<User>()?, MOST, "UsersPerAccount")?;
        change.put(&user)?;
        Ok(Answer::Xml(vec![user.element("User", account, true)]))
    })
    .await
}

/// GetUser; without a name it is the caller.
pub async fn get(call: Arc<Call>) -> Result<Answer> {
    let mut input = Input::of(&call)?;
    let name = input.optional("UserName", &NAME_128);
    input.done()?;
    let view = call.view()?;
    let account = &call.control.settings.account_id;
    let root = format!("arn:aws:iam::{account}:root");
    if name.is_none() && call.caller.arn == root {
        let user = Element::new("User")
            .text("UserId", account)
            .text("Arn", root)
            .text("CreateDate", date(0));
        return Ok(Answer::Xml(vec![user]));
    }
    let name = match name {
        Some(name) => name,
        None => own_name(&call, &view)?,
    };
    let user = permitted::<User>(&call, &view, &name, Keys::none())?;
    Ok(Answer::Xml(vec![user.element("User", account, true)]))
}

/// ListUsers.
pub async fn list(call: Arc<Call>) -> Result<Answer> {
    let mut input = Input::of(&call)?;
    let prefix = input
        .optional("PathPrefix", &PATH_PREFIX)
        .unwrap_or_else(|| "/".to_owned());
    let page = input.page();
    input.done()?;
    let view = call.view()?;
    let account = &call.control.settings.account_id;
    require(
        &call,
        &view,
        &format!("arn:aws:iam::{account}:user{prefix}"),
        Keys::none(),
    )?;
    let mut users = view.all::<User>()?;
    users.retain(|user| user.path.starts_with(&prefix));
    let cut = page.cut(users, |user| user.key.clone());
    let cut = cut.map(|user| user.element("member", account, false));
    Ok(Answer::Xml(listed("Users", cut)))
}

/// UpdateUser: another name, another path. Keys and memberships stay.
pub async fn update(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text("UserName", &NAME_128);
        let new_name = input.optional("NewUserName", &NAME_64);
        let new_path = input.optional("NewPath", &PATH);
        input.done()?;
        let mut user = permitted::<User>(call, change, &name, Keys::none())?;
        let old = user.key.clone();
        user.path = new_path.unwrap_or(user.path);
        user.name = new_name.unwrap_or(user.name);
        user.key = user.name.to_ascii_lowercase();
        require(
            call,
            change,
            &arn_of(call, Some(&user), &user.name),
            Keys::of(&user.tags),
        )?;
        if user.key != old {
            if change.get::<User>(&user.key)?.is_some() {
                return Err(exists(format!(
                    "User with name {} already exists.",
                    user.name
                )));
            }
            for mut key in change.all_by::<AccessKey>(("user", &old))? {
                key.user.clone_from(&user.key);
                change.put(&key)?;
            }
            change.remove::<User>(&old)?;
        }
        change.put(&user)?;
        Ok(nothing())
    })
    .await
}

/// DeleteUser: only one that has nothing.
pub async fn delete(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text("UserName", &NAME_128);
        input.done()?;
        let user = permitted::<User>(call, change, &name, Keys::none())?;
        let keys = change.keys_by::<AccessKey>(("user", &user.key), None, 1)?;
        let in_the_way = if !keys.is_empty() {
            "Cannot delete entity, must delete access keys first."
        } else if !user.permissions.attached.is_empty() {
            "Cannot delete entity, must detach all policies first."
        } else if !user.permissions.inline.is_empty() {
            "Cannot delete entity, must delete policies first."
        } else if !user.groups.is_empty() {
            "Cannot delete entity, must remove user from all groups first."
        } else {
            change.remove::<User>(&user.key)?;
            return Ok(nothing());
        };
        Err(conflict(in_the_way))
    })
    .await
}

/// Whether a user of this name is there; for the operations on groups.
pub(super) fn existing(view: &crate::store::View, name: &str) -> Result<User> {
    find::<User>(view, name)?.ok_or_else(|| super::common::missing::<User>(name))
}
