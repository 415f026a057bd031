//! TagResource, UntagResource, ListTagsForResource: of file systems and access points.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::super::{Answer, Call, Result};
use super::access;
use super::{describe, input, limits, page};
use crate::records::{AccessPoint, FileSystem, Tag};
use crate::store::{Change, View};

/// What has tags.
enum Tagged {
    FileSystem(FileSystem),
    AccessPoint(AccessPoint),
}

impl Tagged {
    fn tags(&mut self) -> &mut Vec<Tag> {
        match self {
            Self::FileSystem(found) => &mut found.tags,
            Self::AccessPoint(found) => &mut found.tags,
        }
    }

    fn put(&self, change: &mut Change) -> Result<()> {
        match self {
            Self::FileSystem(found) => change.put(found)?,
            Self::AccessPoint(found) => change.put(found)?,
        }
        Ok(())
    }
}

/// The resource that a call names, if the caller may do to it what the call does.
fn resource(
    call: &Call,
    view: &View,
    named: &str,
    keys: Vec<(String, Vec<String>)>,
) -> Result<Tagged> {
    let is_access_point = named.starts_with("fsap-") || named.contains(":access-point/");
    if !is_access_point {
        return Ok(Tagged::FileSystem(access::file_system(
            call, view, named, keys,
        )?));
    }
    let found = access::permitted_access_point(call, view, named, keys)?;
    Ok(Tagged::AccessPoint(found))
}

/// Adds tags, in the place of those with their keys.
pub(super) fn add(tags: &mut Vec<Tag>, new: Vec<Tag>) -> Result<()> {
    access::check_tags(&new)?;
    for new in new {
        match tags.iter_mut().find(|tag| tag.key == new.key) {
            Some(tag) => *tag = new,
            None => tags.push(new),
        }
    }
    access::check_tags(tags)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Add {
    resource_id: String,
    tags: Vec<Tag>,
}

/// TagResource.
pub(super) async fn tag(call: Arc<Call>) -> Result<Answer> {
    let input: Add = input(&call)?;
    call.change(move |call, change| {
        let keys = access::request_tags(&input.tags);
        let mut found = resource(call, change, &input.resource_id, keys)?;
        add(found.tags(), input.tags)?;
        found.put(change)
    })
    .await?;
    Ok(Answer::Empty(200))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Remove {
    resource_id: String,
    tag_keys: Vec<String>,
}

/// UntagResource.
pub(super) async fn untag(call: Arc<Call>) -> Result<Answer> {
    let input: Remove = input(&call)?;
    call.change(move |call, change| {
        let keys = vec![access::tag_keys(input.tag_keys.iter().cloned())];
        let mut found = resource(call, change, &input.resource_id, keys)?;
        found
            .tags()
            .retain(|tag| !input.tag_keys.contains(&tag.key));
        found.put(change)
    })
    .await?;
    Ok(Answer::Empty(200))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    resource_id: String,
    max_results: Option<u32>,
    next_token: Option<String>,
}

/// ListTagsForResource.
pub(super) async fn list(call: Arc<Call>) -> Result<Answer> {
    let input: List = input(&call)?;
    let view = call.view()?;
    let mut found = resource(&call, &view, &input.resource_id, Vec::new())?;
    let (tags, next) = tag_page(found.tags(), input.next_token.as_deref(), input.max_results)?;
    let answer = json!({"Tags": tags, "NextToken": next});
    Answer::json(200, &describe::without_null(answer))
}

/// One page of tags. A token names a place, since keys may be longer than a token.
pub(super) fn tag_page(
    tags: &[Tag],
    token: Option<&str>,
    asked: Option<u32>,
) -> Result<(Vec<Tag>, Option<String>)> {
    let place = page::key(token)?;
    let start: usize = match place {
        Some(place) => place
            .parse()
            .map_err(|_| super::bad("The token for the next page is not valid."))?,
        None => 0,
    };
    let size = page::size(asked, limits::PAGE);
    let more = tags.len() > start.saturating_add(size);
    let next = more.then(|| page::token(&(start + size).to_string()));
    let page = tags.iter().skip(start).take(size).cloned();
    Ok((page.collect(), next))
}
