//! CreateUser, GetUser, ListUsers, UpdateUser, DeleteUser.

use std::sync::Arc;

use super::common::{
    Keys, at_most, attachable, conflict, date, nothing, now, own_name, require, require_action,
    unique_id,
};
use super::holder::{self, Holder, find, is_free, permitted};
use super::input::{ARN, Input, NAME_64, NAME_128, PATH};
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
        is_free(change, &user)?;
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

/// UpdateUser: another name, another path. Keys and memberships stay.
pub async fn update(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text("UserName", &NAME_128);
        let new_name = input.optional("NewUserName", &NAME_64);
        let new_path = input.optional("NewPath", &PATH);
        input.done()?;
        let to = (name, new_name, new_path);
        holder::update::<User>(call, change, to, |change, old, new| {
            for mut key in change.all_by::<AccessKey>(("user", old))? {
                new.clone_into(&mut key.user);
                change.put(&key)?;
            }
            Ok(())
        })
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
    find::<User>(view, name)?.ok_or_else(|| holder::missing::<User>(name))
}
