//! CreateAccessKey, ListAccessKeys, UpdateAccessKey, DeleteAccessKey, GetAccessKeyLastUsed.

use std::sync::Arc;

use super::common::{
    Keys, at_most, date, key_id, listed, no_such, nothing, now, own_name, require, secret,
};
use super::holder::permitted;
use super::input::{ACCESS_KEY, Input, NAME_128};
use super::records::{AccessKey, User};
use crate::api::xml::Element;
use crate::api::{Answer, ApiError, Call, Result};
use crate::store::View;

/// Access keys of a user.
const MOST: usize = 2;

/// The user that a call names, else the caller, if the caller may.
fn user(call: &Call, view: &View, name: Option<String>) -> Result<User> {
    let name = match name {
        Some(name) => name,
        None => own_name(call, view)?,
    };
    permitted::<User>(call, view, &name, Keys::none())
}

/// A key of a user.
fn key(view: &View, user: &User, id: &str) -> Result<AccessKey> {
    let key = view
        .get::<AccessKey>(id)?
        .filter(|key| key.user == user.key);
    key.ok_or_else(|| no_such(format!("The Access Key with id {id} cannot be found.")))
}

fn status(key: &AccessKey) -> &'static str {
    if key.active { "Active" } else { "Inactive" }
}

/// CreateAccessKey: the only answer with the secret.
pub async fn create(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.optional("UserName", &NAME_128);
        input.done()?;
        let user = user(call, change, name)?;
        let there = change.keys_by::<AccessKey>(("user", &user.key), None, MOST)?;
        at_most(there.len(), MOST, "AccessKeysPerUser")?;
        let key = AccessKey {
            id: key_id("AKIA"),
            secret: secret(40),
            user: user.key,
            active: true,
            created: now(call),
        };
        change.put(&key)?;
        let element = Element::new("AccessKey")
            .text("UserName", user.name)
            .text("AccessKeyId", &key.id)
            .text("Status", status(&key))
            .text("SecretAccessKey", &key.secret)
            .text("CreateDate", date(key.created));
        Ok(Answer::Xml(vec![element]))
    })
    .await
}

/// ListAccessKeys.
pub async fn list(call: Arc<Call>) -> Result<Answer> {
    let mut input = Input::of(&call)?;
    let name = input.optional("UserName", &NAME_128);
    let page = input.page();
    input.done()?;
    let view = call.view()?;
    let user = user(&call, &view, name)?;
    let keys = view.all_by::<AccessKey>(("user", &user.key))?;
    let cut = page.cut(keys, |key| key.id.clone()).map(|key| {
        Element::new("member")
            .text("UserName", &user.name)
            .text("AccessKeyId", &key.id)
            .text("Status", status(&key))
            .text("CreateDate", date(key.created))
    });
    Ok(Answer::Xml(listed("AccessKeyMetadata", cut)))
}

/// UpdateAccessKey: active or not.
pub async fn update(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.optional("UserName", &NAME_128);
        let id = input.text("AccessKeyId", &ACCESS_KEY);
        let status = input.one_of("Status", &["Active", "Inactive"]);
        if input.form().get("Status").is_none() {
            input.text("Status", &NAME_128);
        }
        input.done()?;
        let user = user(call, change, name)?;
        let mut key = key(change, &user, &id)?;
        key.active = status == Some("Active");
        change.put(&key)?;
        Ok(nothing())
    })
    .await
}

/// DeleteAccessKey.
pub async fn delete(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.optional("UserName", &NAME_128);
        let id = input.text("AccessKeyId", &ACCESS_KEY);
        input.done()?;
        let user = user(call, change, name)?;
        let key = key(change, &user, &id)?;
        change.remove::<AccessKey>(&key.id)?;
        Ok(nothing())
    })
    .await
}

/// GetAccessKeyLastUsed. Uses are not recorded: the answer is that of a key never used.
pub async fn last_used(call: Arc<Call>) -> Result<Answer> {
    let mut input = Input::of(&call)?;
    let id = input.text("AccessKeyId", &ACCESS_KEY);
    input.done()?;
    let view = call.view()?;
    let key = view.get::<AccessKey>(&id)?;
    let user = match &key {
        Some(key) => view.get::<User>(&key.user)?,
        None => None,
    };
    let Some(user) = user else {
        require(&call, &view, "*", Keys::none())?;
        let message = format!("Access key {id} does not exist.");
        return Err(ApiError::new(403, "AccessDenied", message));
    };
    let user = permitted::<User>(&call, &view, &user.name, Keys::none())?;
    let used = Element::new("AccessKeyLastUsed")
        .text("ServiceName", "N/A")
        .text("Region", "N/A");
    Ok(Answer::Xml(vec![Element::of("UserName", user.name), used]))
}
