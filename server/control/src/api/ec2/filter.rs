//! `Filter.N`: which results a caller wants to see.

use super::{Form, invalid, short};
use crate::api::Result;
use crate::iam::glob::Glob;
use crate::records::Tag;

/// Filters of a request, each a name and patterns of which one must match.
#[derive(Debug)]
pub(super) struct Filters(Vec<(String, Vec<Glob>)>);

/// Filters and values of one request (EC2 API reference, "Filter").
const MOST: usize = 200;

impl Filters {
    pub(super) fn read(form: &Form) -> Result<Self> {
        let mut filters = Vec::new();
        let mut count = 0;
        for filter in form.members("Filter") {
            let name = form.require(&format!("{filter}.Name"))?.to_owned();
            let values = form.list(&format!("{filter}.Value"));
            if values.is_empty() {
                let message = format!("The filter '{}' has no values.", short(&name));
                return Err(invalid(message));
            }
            count += values.len();
            if count > MOST {
                let message = format!("The maximum number of filter values is {MOST}.");
                return Err(super::refused("FilterLimitExceeded", message));
            }
            let globs = values.iter().map(|value| Glob::new(value)).collect();
            filters.push((name, globs));
        }
        Ok(Self(filters))
    }

    /// Checks that all filters are of these names, or of tags.
    ///
    /// # Errors
    /// InvalidParameterValue for a filter that isn't known.
    pub(super) fn check(&self, known: &[&str]) -> Result<()> {
        for (name, _) in &self.0 {
            let is_tag = name == "tag-key" || name.starts_with("tag:");
            if !is_tag && !known.contains(&name.as_str()) {
                return Err(invalid(format!("The filter '{}' is invalid", short(name))));
            }
        }
        Ok(())
    }

    /// Whether every filter keeps a thing. `values` gives what it has under the name of a filter.
    pub(super) fn keep(&self, tags: &[Tag], values: impl Fn(&str) -> Vec<String>) -> bool {
        self.0.iter().all(|(name, globs)| {
            let found = if let Some(key) = name.strip_prefix("tag:") {
                let tags = tags.iter().filter(|tag| tag.key == key);
                tags.map(|tag| tag.value.clone()).collect()
            } else if name == "tag-key" {
                tags.iter().map(|tag| tag.key.clone()).collect()
            } else {
                values(name)
            };
            let mut found = found.iter();
            found.any(|found| globs.iter().any(|glob| glob.matches(found)))
        })
    }
}
