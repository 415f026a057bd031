//! ListEntitiesForPolicy.

use std::sync::Arc;

use super::common::{Entity, Keys, listed_by_kind};
use super::holder::Holder;
use super::input::{ARN, Input, PATH};
use super::policies::find;
use super::records::{Group, Role, User};
use crate::api::xml::Element;
use crate::api::{Answer, Call, Result};
use crate::store::{Record, View};

/// ListEntitiesForPolicy: who has it.
pub async fn entities(call: Arc<Call>) -> Result<Answer> {
    let mut input = Input::of(&call)?;
    let arn = input.text("PolicyArn", &ARN);
    let kinds = [
        "User",
        "Role",
        "Group",
        "LocalManagedPolicy",
        "AWSManagedPolicy",
    ];
    let filter = input.one_of("EntityFilter", &kinds);
    let usage = input.one_of(
        "PolicyUsageFilter",
        &["PermissionsPolicy", "PermissionsBoundary"],
    );
    let prefix = input
        .optional("PathPrefix", &PATH)
        .unwrap_or_else(|| "/".to_owned());
    let page = input.page();
    input.done()?;
    let view = call.view()?;
    find(&call, &view, &arn, Keys::none())?;
    let indexes: &[&str] = match usage {
        Some("PermissionsPolicy") => &["attached"],
        Some(_) => &["boundary"],
        None => &["attached", "boundary"],
    };
    let mut all = Vec::new();
    if filter.is_none_or(|filter| filter == "Group") {
        all.extend(having::<Group>(&view, indexes, &arn, &prefix)?);
    }
    if filter.is_none_or(|filter| filter == "Role") {
        all.extend(having::<Role>(&view, indexes, &arn, &prefix)?);
    }
    if filter.is_none_or(|filter| filter == "User") {
        all.extend(having::<User>(&view, indexes, &arn, &prefix)?);
    }
    let cut = page.cut(all, |(kind, name, _)| format!("{kind}/{name}"));
    let lists = [
        ("PolicyGroups", "Group"),
        ("PolicyUsers", "User"),
        ("PolicyRoles", "Role"),
    ];
    Ok(Answer::Xml(listed_by_kind(&lists, cut)))
}

fn having<H: Holder + Record>(
    view: &View,
    indexes: &[&str],
    arn: &str,
    prefix: &str,
) -> Result<Vec<Entity>> {
    let mut found: Vec<Entity> = Vec::new();
    for index in indexes {
        for holder in view.all_by::<H>((index, arn))? {
            let twice = found.iter().any(|(_, name, _)| name == holder.name());
            if !holder.path().starts_with(prefix) || twice {
                continue;
            }
            let id = match H::KIND {
                "User" => "UserId",
                "Group" => "GroupId",
                _ => "RoleId",
            };
            let element = Element::new("member")
                .text(H::NAME, holder.name())
                .text(id, holder.id());
            found.push((H::KIND, holder.name().to_owned(), element));
        }
    }
    Ok(found)
}
