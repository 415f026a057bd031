//! What the operations of IAM have in common: ids, errors, XML, and permissions.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rand::Rng;

use super::input::Cut;
use super::records::{AccessKey, ManagedPolicy, Tag, User};
use crate::api::xml::Element;
use crate::api::{Answer, ApiError, Call, Demand, Result};
use crate::authorize;
use crate::iam::{MalformedPolicy, Policy, PolicyKind, managed};
use crate::identity;
use crate::store::View;
use crate::time::{Seconds, iso8601};

/// An id: a prefix and 17 letters and digits (IAM user guide, "Unique identifiers").
#[must_use]
pub fn unique_id(prefix: &str) -> String {
    random(prefix, 17, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
}

/// An access key's id: `AKIA` or `ASIA` and 16 letters and digits.
#[must_use]
pub fn key_id(prefix: &str) -> String {
    random(prefix, 16, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
}

/// A secret or a token of this length.
#[must_use]
pub fn secret(length: usize) -> String {
    random(
        "",
        length,
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    )
}

fn random(prefix: &str, length: usize, letters: &[u8]) -> String {
    let mut rng = rand::rng();
    let letter = |_| {
        let at = rng.random_range(0..letters.len());
        letters.get(at).map_or('A', |byte| char::from(*byte))
    };
    prefix.chars().chain((0..length).map(letter)).collect()
}

/// When a call was made.
#[must_use]
pub fn now(call: &Call) -> Seconds {
    authorize::seconds(&call.request)
}

/// NoSuchEntity.
pub fn no_such(message: impl Into<String>) -> ApiError {
    ApiError::new(404, "NoSuchEntity", message)
}

/// EntityAlreadyExists.
pub fn exists(message: impl Into<String>) -> ApiError {
    ApiError::new(409, "EntityAlreadyExists", message)
}

/// LimitExceeded.
pub fn limit(message: impl Into<String>) -> ApiError {
    ApiError::new(409, "LimitExceeded", message)
}

/// DeleteConflict.
pub fn conflict(message: impl Into<String>) -> ApiError {
    ApiError::new(409, "DeleteConflict", message)
}

/// InvalidInput.
pub fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidInput", message)
}

/// MalformedPolicyDocument.
#[must_use]
pub fn malformed(error: &MalformedPolicy) -> ApiError {
    ApiError::new(400, "MalformedPolicyDocument", error.to_string())
}

/// Refuses what would be one too many.
///
/// # Errors
/// LimitExceeded.
pub fn at_most(there: usize, most: usize, name: &str) -> Result<()> {
    if there < most {
        return Ok(());
    }
    Err(limit(format!("Cannot exceed quota for {name}: {most}")))
}

/// Reads a document that is to be kept.
///
/// # Errors
/// MalformedPolicyDocument; also for a principal of this account that doesn't exist.
pub fn check_document(
    call: &Call,
    view: &View,
    document: &str,
    kind: PolicyKind,
) -> Result<Policy> {
    let policy = Policy::parse(document, kind).map_err(|error| malformed(&error))?;
    let account = &call.control.settings.account_id;
    match identity::unknown_principal(view, account, &policy)? {
        None => Ok(policy),
        Some(value) => Err(malformed(&MalformedPolicy::Principal {
            kind: "AWS".to_owned(),
            value,
        })),
    }
}

/// Asks for the permission of this call on a resource with these tags.
///
/// # Errors
/// AccessDenied.
pub fn require(call: &Call, view: &View, resource: &str, keys: Keys) -> Result<()> {
    let action = format!("iam:{}", call.operation);
    require_action(call, view, &action, resource, keys)
}

/// Asks for another permission than that of the call's own name.
///
/// # Errors
/// AccessDenied.
pub fn require_action(
    call: &Call,
    view: &View,
    action: &str,
    resource: &str,
    keys: Keys,
) -> Result<()> {
    let demand = Demand {
        action: action.to_owned(),
        resource: resource.to_owned(),
        keys: keys.0,
        resource_policy: None,
    };
    call.require(view, demand)
}

/// Condition keys of a demand.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<(String, Vec<String>)>);

impl Keys {
    /// Without any.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The tags of the resource: `aws:ResourceTag/...`, and IAM's own `iam:ResourceTag/...`.
    #[must_use]
    pub fn of(tags: &[Tag]) -> Self {
        let mut keys = Self::default();
        for tag in tags {
            keys = keys
                .with(&format!("aws:ResourceTag/{}", tag.key), &tag.value)
                .with(&format!("iam:ResourceTag/{}", tag.key), &tag.value);
        }
        keys
    }

    /// The keys with their values.
    #[must_use]
    pub fn into_pairs(self) -> Vec<(String, Vec<String>)> {
        self.0
    }

    /// And those.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// And this one.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.0.push((key.to_owned(), vec![value.to_owned()]));
        self
    }

    /// And this one, if it has a value.
    #[must_use]
    pub fn maybe(self, key: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// And the tags in the request: `aws:RequestTag/...`, `aws:TagKeys`.
    #[must_use]
    pub fn request_tags(mut self, tags: &[Tag]) -> Self {
        for tag in tags {
            self = self.with(&format!("aws:RequestTag/{}", tag.key), &tag.value);
        }
        self.tag_keys(tags.iter().map(|tag| tag.key.clone()).collect())
    }

    /// And `aws:TagKeys`.
    #[must_use]
    pub fn tag_keys(mut self, keys: Vec<String>) -> Self {
        if !keys.is_empty() {
            self.0.push(("aws:TagKeys".to_owned(), keys));
        }
        self
    }
}

/// The answer of an operation that has none.
#[must_use]
pub fn nothing() -> Answer {
    Answer::Xml(Vec::new())
}

/// A document in an answer: percent-encoded (IAM API reference, GetUserPolicy).
#[must_use]
pub fn encoded(document: &str) -> String {
    const PLAIN: AsciiSet = NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(document, &PLAIN).to_string()
}

/// A list in an answer, with `IsTruncated` and `Marker`.
#[must_use]
pub fn listed(name: &'static str, cut: Cut<Element>) -> Vec<Element> {
    let mut answer = vec![members(name, cut.items)];
    answer.extend(truncation(cut.marker));
    answer
}

/// One of several lists in an answer: its kind, its key within that, and what is shown.
pub type Entity = (&'static str, String, Element);

/// Lists for one kind of entity each, which a page fills together.
#[must_use]
pub fn listed_by_kind(lists: &[(&'static str, &str)], cut: Cut<Entity>) -> Vec<Element> {
    let of = |(name, wanted): &(&'static str, &str)| {
        let items = cut.items.iter().filter(|(kind, _, _)| kind == wanted);
        members(name, items.map(|(_, _, element)| element.clone()))
    };
    let mut answer: Vec<Element> = lists.iter().map(of).collect();
    answer.extend(truncation(cut.marker));
    answer
}

/// `IsTruncated` and `Marker`.
#[must_use]
pub fn truncation(marker: Option<String>) -> Vec<Element> {
    let truncated = Element::of("IsTruncated", marker.is_some());
    let marker = marker.map(|marker| Element::of("Marker", marker));
    std::iter::once(truncated).chain(marker).collect()
}

/// A list of members.
pub fn members(name: &'static str, items: impl IntoIterator<Item = Element>) -> Element {
    Element::new(name).children(items.into_iter().map(|item| item.renamed("member")))
}

/// `Tags`.
#[must_use]
pub fn tags_element(tags: &[Tag]) -> Element {
    let items = tags.iter().map(|tag| {
        Element::new("member")
            .text("Key", &tag.key)
            .text("Value", &tag.value)
    });
    members("Tags", items)
}

/// A date of an answer.
#[must_use]
pub fn date(seconds: Seconds) -> String {
    iso8601(seconds)
}

/// The policy that may be attached, or be a boundary, under this ARN.
///
/// # Errors
/// NoSuchEntity, PolicyNotAttachable.
pub fn attachable(view: &View, arn: &str) -> Result<()> {
    if let Some(managed) = managed::find(arn) {
        if managed.is_attachable() {
            return Ok(());
        }
        let message = format!("Cannot attach a Service Role Policy to a Customer Role: {arn}");
        return Err(ApiError::new(400, "PolicyNotAttachable", message));
    }
    let message = || no_such(format!("Policy {arn} does not exist or is not attachable."));
    view.get::<ManagedPolicy>(arn)?
        .map(drop)
        .ok_or_else(message)
}

/// The user that a call means which names none: the caller.
///
/// # Errors
/// ValidationError if the caller is none.
pub fn own_name(call: &Call, view: &View) -> Result<String> {
    let key = view.get::<AccessKey>(&call.caller.access_key)?;
    let user = match key {
        Some(key) => view.get::<User>(&key.user)?,
        None => None,
    };
    user.map(|user| user.name).ok_or_else(|| {
        let message = "Must specify userName when calling with non-User credentials";
        ApiError::new(400, "ValidationError", message)
    })
}
