//! The request context: condition keys and their values.
//!
//! Keys are compared without regard to case (IAM user guide, "Condition element"). A key with
//! several values is a list (`aws:TagKeys`).

use std::collections::BTreeMap;

use super::principal::Principal;
use crate::time::{Seconds, iso8601};

/// The most characters of a value that are compared; a longer one is cut, as a client may send
/// headers of any length.
const MAX_VALUE: usize = 2048;

/// Condition keys and their values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    /// Without any key.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The keys that every request has: who makes it, and when.
    #[must_use]
    pub fn of(principal: &Principal, now: Seconds) -> Self {
        let mut context = Self::new();
        context.set("aws:CurrentTime", iso8601(now));
        context.set("aws:EpochTime", now.to_string());
        context.set("aws:PrincipalType", principal.kind());
        if let Some(id) = principal.user_id() {
            context.set("aws:userid", id);
        }
        if let Some(account) = principal.account() {
            context.set("aws:PrincipalAccount", account);
        }
        if let Some(arn) = principal.principal_arn() {
            context.set("aws:PrincipalArn", arn.to_string());
        }
        if let Principal::User { name, .. } = principal {
            context.set("aws:username", name.as_str());
        }
        context
    }

    /// Gives a key this one value.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.0
            .insert(key.to_ascii_lowercase(), vec![cut(value.into())]);
    }

    /// Gives a key these values. A list without values is a key that is missing.
    pub fn set_list(&mut self, key: &str, values: impl IntoIterator<Item = String>) {
        let values: Vec<String> = values.into_iter().map(cut).collect();
        if !values.is_empty() {
            self.0.insert(key.to_ascii_lowercase(), values);
        }
    }

    /// The tags of the resource: `aws:ResourceTag/key`.
    pub fn set_resource_tags<'t>(&mut self, tags: impl IntoIterator<Item = (&'t str, &'t str)>) {
        for (key, value) in tags {
            self.set(&format!("aws:ResourceTag/{key}"), value);
        }
    }

    /// The tags in the request: `aws:RequestTag/key`, and `aws:TagKeys`.
    pub fn set_request_tags<'t>(&mut self, tags: impl IntoIterator<Item = (&'t str, &'t str)>) {
        let mut keys = Vec::new();
        for (key, value) in tags {
            self.set(&format!("aws:RequestTag/{key}"), value);
            keys.push(key.to_owned());
        }
        self.set_list("aws:TagKeys", keys);
    }

    /// The tags of the principal: `aws:PrincipalTag/key`.
    pub fn set_principal_tags<'t>(&mut self, tags: impl IntoIterator<Item = (&'t str, &'t str)>) {
        for (key, value) in tags {
            self.set(&format!("aws:PrincipalTag/{key}"), value);
        }
    }

    /// The values of a key; `None` if it is missing.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&[String]> {
        self.0.get(&key.to_ascii_lowercase()).map(Vec::as_slice)
    }

    /// The value of a key that has just one.
    #[must_use]
    pub fn single(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some([value]) => Some(value),
            _ => None,
        }
    }
}

fn cut(mut value: String) -> String {
    if let Some((at, _)) = value.char_indices().nth(MAX_VALUE) {
        value.truncate(at);
    }
    value
}
