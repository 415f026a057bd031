//! `Filter.N`: which results a caller wants to see.

use super::{Form, invalid};
use crate::api::Result;
use crate::iam::glob::Glob;
use crate::records::Tag;

/// Filters of a request, each a name and patterns of which one must match.
#[derive(Debug)]
pub(super) struct Filters(Vec<(String, Vec<Glob>)>);

impl Filters {
    pub(super) fn read(form: &Form) -> Result<Self> {
        let mut filters = Vec::new();
        for filter in form.members("Filter") {
            let name = form.require(&format!("{filter}.Name"))?.to_owned();
            let values = form.list(&format!("{filter}.Value"));
            if values.is_empty() {
                return Err(invalid(format!(
                    "The filter '{}' has no values.",
                    crate::api::form::short(&name)
                )));
            }
            let globs = values.iter().map(|value| Glob::new(value)).collect();
            filters.push((name, globs));
        }
        Ok(Self(filters))
    }

    /// Those of `all` that every filter keeps. `values` gives what a thing has under the name of a
    /// filter: `None` if there is no such filter.
    ///
    /// # Errors
    /// InvalidParameterValue for a filter that isn't known.
    pub(super) fn keep<T>(
        &self,
        all: Vec<T>,
        tags: impl Fn(&T) -> &[Tag],
        values: impl Fn(&T, &str) -> Option<Vec<String>>,
        known: &[&str],
    ) -> Result<Vec<T>> {
        for (name, _) in &self.0 {
            let is_tag = name == "tag-key" || name.starts_with("tag:");
            if !is_tag && !known.contains(&name.as_str()) {
                let name = crate::api::form::short(name);
                return Err(invalid(format!("The filter '{name}' is invalid")));
            }
        }
        let keeps = |thing: &T| {
            self.0.iter().all(|(name, globs)| {
                let found = if let Some(key) = name.strip_prefix("tag:") {
                    let tags = tags(thing).iter().filter(|tag| tag.key == key);
                    tags.map(|tag| tag.value.clone()).collect()
                } else if name == "tag-key" {
                    tags(thing).iter().map(|tag| tag.key.clone()).collect()
                } else {
                    values(thing, name).unwrap_or_default()
                };
                found
                    .iter()
                    .any(|found| globs.iter().any(|glob| glob.matches(found)))
            })
        };
        Ok(all.into_iter().filter(keeps).collect())
    }
}
