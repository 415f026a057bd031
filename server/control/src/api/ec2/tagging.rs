//! Tags, in requests and answers.

use super::{Element, Form, Result, invalid, refused};
use crate::records::Tag;

/// Tags of a resource (EC2 user guide, "Tag restrictions").
pub(super) const MOST: usize = 50;

/// `tagSet`.
pub(super) fn tag_set(element: Element, tags: &[Tag]) -> Element {
    let items = tags.iter().map(|tag| {
        Element::new("item")
            .text("key", &tag.key)
            .text("value", &tag.value)
    });
    element.list("tagSet", "item", items)
}

/// Checks a tag that a caller gives.
pub(super) fn check(key: &str, value: &str) -> Result<()> {
    if key.to_ascii_lowercase().starts_with("aws:") {
        let message = "Tag keys starting with 'aws:' are reserved for internal use";
        return Err(invalid(message));
    }
    if key.is_empty() || key.chars().count() > 127 {
        return Err(invalid(
            "Tag key exceeds the maximum length of 127 characters, or is empty",
        ));
    }
    if value.chars().count() > 256 {
        return Err(invalid(
            "Tag value exceeds the maximum length of 256 characters",
        ));
    }
    Ok(())
}

/// The tags at `Tag.N` below `prefix`.
pub(super) fn read(form: &Form, list: &str) -> Result<Vec<Tag>> {
    let mut tags: Vec<Tag> = Vec::new();
    for tag in form.members(list) {
        let key = form.require(&format!("{tag}.Key"))?.to_owned();
        let value = form
            .get(&format!("{tag}.Value"))
            .unwrap_or_default()
            .to_owned();
        check(&key, &value)?;
        if tags.iter().any(|tag| tag.key == key) {
            return Err(invalid(format!("Duplicate tag key '{key}' specified.")));
        }
        tags.push(Tag { key, value });
        if tags.len() > MOST {
            return Err(too_many());
        }
    }
    Ok(tags)
}

pub(super) fn too_many() -> super::ApiError {
    refused(
        "TagLimitExceeded",
        format!("The maximum number of tags per resource is {MOST}."),
    )
}

/// Tags that a call gives to what it creates of a kind: `TagSpecification.N`. It creates `kinds`.
pub(super) fn specified(form: &Form, kinds: &[&str], kind: &str) -> Result<Vec<Tag>> {
    let mut tags = Vec::new();
    for specification in form.members("TagSpecification") {
        let of = form.get(&format!("{specification}.ResourceType"));
        let of = of.ok_or_else(|| invalid("Tag specification resource type must have a value"))?;
        if !kinds.contains(&of) {
            let of = super::short(of);
            let message =
                format!("'{of}' is not a valid taggable resource type for this operation.");
            return Err(invalid(message));
        }
        if of != kind {
            continue;
        }
        for tag in read(form, &format!("{specification}.Tag"))? {
            if tags.iter().any(|other: &Tag| other.key == tag.key) {
                return Err(invalid(format!(
                    "Duplicate tag key '{}' specified.",
                    tag.key
                )));
            }
            tags.push(tag);
        }
    }
    if tags.len() > MOST {
        return Err(too_many());
    }
    Ok(tags)
}

/// [`specified`] for a call that creates one kind.
pub(super) fn tag_specification(form: &Form, kind: &str) -> Result<Vec<Tag>> {
    specified(form, &[kind], kind)
}
