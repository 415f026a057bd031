//! CreateTags, DeleteTags, DescribeTags: deprecated, of file systems only.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::super::{Answer, Call, Result};
use super::{access, describe, input, tags};
use crate::records::Tag;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    file_system_id: String,
    tags: Vec<Tag>,
}

/// CreateTags.
pub(super) async fn create(call: Arc<Call>) -> Result<Answer> {
    let input: Create = input(&call)?;
    call.change(move |call, change| {
        let keys = access::request_tags(&input.tags);
        let mut found = access::file_system(call, change, &input.file_system_id, keys)?;
        tags::add(&mut found.tags, input.tags)?;
        Ok(change.put(&found)?)
    })
    .await?;
    Ok(Answer::Empty(204))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Delete {
    file_system_id: String,
    tag_keys: Vec<String>,
}

/// DeleteTags.
pub(super) async fn delete(call: Arc<Call>) -> Result<Answer> {
    let input: Delete = input(&call)?;
    call.change(move |call, change| {
        let keys = vec![access::tag_keys(input.tag_keys.iter().cloned())];
        let mut found = access::file_system(call, change, &input.file_system_id, keys)?;
        found.tags.retain(|tag| !input.tag_keys.contains(&tag.key));
        Ok(change.put(&found)?)
    })
    .await?;
    Ok(Answer::Empty(204))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Describe {
    max_items: Option<u32>,
    marker: Option<String>,
    file_system_id: String,
}

/// DescribeTags.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let input: Describe = input(&call)?;
    let view = call.view()?;
    let found = access::file_system(&call, &view, &input.file_system_id, Vec::new())?;
    let (tags, next) = tags::tag_page(&found.tags, input.marker.as_deref(), input.max_items)?;
    let answer = describe::object(vec![
        ("Marker", input.marker.into()),
        ("Tags", json!(tags)),
        ("NextMarker", next.into()),
    ]);
    Ok(Answer::Json(200, answer))
}
