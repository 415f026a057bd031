//! CreateGroup, GetGroup, ListGroups, UpdateGroup, DeleteGroup; AddUserToGroup,
//! RemoveUserFromGroup, ListGroupsForUser.

use std::sync::Arc;

use super::common::{Keys, at_most, conflict, listed, nothing, now, require, unique_id};
use super::holder::{self, Holder, is_free, permitted};
use super::input::{Input, NAME_128, PATH};
use super::records::{Group, Permissions, User};
use super::users;
use crate::api::{Answer, Call, Result};

/// Groups of an account.
const MOST: usize = 300;

/// Groups of a user.
const MOST_OF_USER: usize = 10;

/// CreateGroup.
pub async fn create(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text("GroupName", &NAME_128);
        let path = input
            .optional("Path", &PATH)
            .unwrap_or_else(|| "/".to_owned());
        input.done()?;
        let group = Group {
            key: name.to_ascii_lowercase(),
            name,
            path,
            id: unique_id("AGPA"),
            created: now(call),
            permissions: Permissions::default(),
        };
        let account = &call.control.settings.account_id;
        require(call, change, &group.arn(account), Keys::none())?;
        is_free(change, &group)?;
        at_most(change.count::<Group>()?, MOST, "GroupsPerAccount")?;
        change.put(&group)?;
        Ok(Answer::Xml(vec![group.element("Group", account, true)]))
    })
    .await
}

/// GetGroup: the group and its users.
pub async fn get(call: Arc<Call>) -> Result<Answer> {
    let mut input = Input::of(&call)?;
    let name = input.text("GroupName", &NAME_128);
    let page = input.page();
    input.done()?;
    let view = call.view()?;
    let account = &call.control.settings.account_id;
    let group = permitted::<Group>(&call, &view, &name, Keys::none())?;
    let users = view.all_by::<User>(("group", &group.key))?;
    let cut = page.cut(users, |user| user.key.clone());
    let cut = cut.map(|user| user.element("member", account, false));
    let mut answer = vec![group.element("Group", account, true)];
    answer.extend(listed("Users", cut));
    Ok(Answer::Xml(answer))
}

/// UpdateGroup: another name, another path. Its users stay.
pub async fn update(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text("GroupName", &NAME_128);
        let new_name = input.optional("NewGroupName", &NAME_128);
        let new_path = input.optional("NewPath", &PATH);
        input.done()?;
        let to = (name, new_name, new_path);
        holder::update::<Group>(call, change, to, |change, old, new| {
            for mut user in change.all_by::<User>(("group", old))? {
                for key in user.groups.iter_mut().filter(|key| **key == old) {
                    new.clone_into(key);
                }
                change.put(&user)?;
            }
            Ok(())
        })
    })
    .await
}

/// DeleteGroup: only one that has nothing and nobody.
pub async fn delete(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text("GroupName", &NAME_128);
        input.done()?;
        let group = permitted::<Group>(call, change, &name, Keys::none())?;
        let users = change.keys_by::<User>(("group", &group.key), None, 1)?;
        let in_the_way = if !users.is_empty() {
            "Cannot delete entity, must remove users from group first."
        } else if !group.permissions.attached.is_empty() {
            "Cannot delete entity, must detach all policies first."
        } else if !group.permissions.inline.is_empty() {
            "Cannot delete entity, must delete policies first."
        } else {
            change.remove::<Group>(&group.key)?;
            return Ok(nothing());
        };
        Err(conflict(in_the_way))
    })
    .await
}

/// AddUserToGroup. Adding twice is no error.
pub async fn add_user(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text("GroupName", &NAME_128);
        let user = input.text("UserName", &NAME_128);
        input.done()?;
        let group = permitted::<Group>(call, change, &name, Keys::none())?;
        let mut user = users::existing(change, &user)?;
        if !user.groups.contains(&group.key) {
            at_most(user.groups.len(), MOST_OF_USER, "GroupsPerUser")?;
            user.groups.push(group.key);
            user.groups.sort_unstable();
            change.put(&user)?;
        }
        Ok(nothing())
    })
    .await
}

/// RemoveUserFromGroup.
pub async fn remove_user(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text("GroupName", &NAME_128);
        let user = input.text("UserName", &NAME_128);
        input.done()?;
        let group = permitted::<Group>(call, change, &name, Keys::none())?;
        let mut user = users::existing(change, &user)?;
        user.groups.retain(|key| *key != group.key);
        change.put(&user)?;
        Ok(nothing())
    })
    .await
}

/// ListGroupsForUser.
pub async fn of_user(call: Arc<Call>) -> Result<Answer> {
    let mut input = Input::of(&call)?;
    let name = input.text("UserName", &NAME_128);
    let page = input.page();
    input.done()?;
    let view = call.view()?;
    let account = &call.control.settings.account_id;
    let user = permitted::<User>(&call, &view, &name, Keys::none())?;
    let mut groups = Vec::new();
    for key in &user.groups {
        groups.extend(view.get::<Group>(key)?);
    }
    let cut = page.cut(groups, |group| group.key.clone());
    let cut = cut.map(|group| group.element("member", account, false));
    Ok(Answer::Xml(listed("Groups", cut)))
}
