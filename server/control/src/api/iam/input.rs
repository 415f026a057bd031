//! Parameters of IAM and STS, checked against the model's constraints.
//!
//! All that is wrong is told in one ValidationError, as AWS does.

use crate::api::{ApiError, Call, Form, Result};

use super::records::Tag;

/// What a text must be.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    min: usize,
    max: usize,
    /// The model's words for it; empty if any character will do.
    pattern: &'static str,
    fits: fn(&str) -> bool,
}

const fn rule(min: usize, max: usize, pattern: &'static str, fits: fn(&str) -> bool) -> Rule {
    Rule {
        min,
        max,
        pattern,
        fits,
    }
}

fn is_name(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
}

fn is_path(text: &str) -> bool {
    text == "/"
        || text.len() > 2
            && text.starts_with('/')
            && text.ends_with('/')
            && text.bytes().all(|byte| (0x21..=0x7e).contains(&byte))
}

fn is_policy_path(text: &str) -> bool {
    let inner = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".,+@=_-".contains(&byte))
    };
    match text.strip_prefix('/') {
        Some("") => true,
        Some(rest) => rest
            .strip_suffix('/')
            .is_some_and(|rest| rest.split('/').all(inner)),
        None => false,
    }
}

fn is_document(text: &str) -> bool {
    text.chars()
        .all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}'))
}

/// Names of users and roles that are made, and of roles: at most 64 characters.
pub const NAME_64: Rule = rule(1, 64, r"[\w+=,.@-]+", is_name);
/// All other names: at most 128 characters.
pub const NAME_128: Rule = rule(1, 128, r"[\w+=,.@-]+", is_name);
/// `Path`.
pub const PATH: Rule = rule(1, 512, r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)", is_path);
/// `Path` of a policy.
pub const POLICY_PATH: Rule = rule(1, 512, r"((/[A-Za-z0-9\.,\+@=_-]+)*)/", is_policy_path);
/// `PathPrefix`.
pub const PATH_PREFIX: Rule = rule(1, 512, r"\u002F[\u0021-\u007F]*", |text| {
    text.starts_with('/') && text.bytes().all(|byte| (0x21..=0x7f).contains(&byte))
});
/// A policy document.
pub const DOCUMENT: Rule = rule(
    1,
    131_072,
    r"[\u0009\u000A\u000D\u0020-\u00FF]+",
    is_document,
);
/// An ARN.
pub const ARN: Rule = rule(20, 2048, "", |_| true);
/// `Description` of a role.
pub const ROLE_DESCRIPTION: Rule = rule(
    0,
    1000,
    r"[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*",
    |text| {
        text.chars()
            .all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{a1}'..='\u{ff}'))
    },
);
/// `Description` of a policy.
pub const DESCRIPTION: Rule = rule(0, 1000, "", |_| true);
/// `AccessKeyId`.
pub const ACCESS_KEY: Rule = rule(16, 128, r"[\w]+", |text| {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
});
/// `VersionId` of a policy.
pub const VERSION: Rule = rule(0, 64, r"v[1-9][0-9]*(\.[A-Za-z0-9-]*)?", |text| {
    let number = text
        .strip_prefix('v')
        .and_then(|rest| rest.split('.').next());
    number.is_some_and(|n| n.parse::<u32>().is_ok_and(|_| !n.starts_with(['0', '+'])))
});
/// `RoleSessionName`.
pub const SESSION_NAME: Rule = rule(2, 64, r"[\w+=,.@-]*", is_name);
/// `SourceIdentity`.
pub const SOURCE_IDENTITY: Rule = rule(2, 256, r"[\w+=,.@-]*", is_name);
/// `ExternalId`.
pub const EXTERNAL_ID: Rule = rule(2, 1224, r"[\w+=,.@:\/-]*", |text| {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&byte))
});
/// Whatever is no longer than an ARN.
pub const ANY: Rule = rule(1, 2048, "", |_| true);
const MARKER: Rule = rule(1, 320, r"[\u0020-\u00FF]+", |text| {
    text.chars().all(|c| matches!(c, ' '..='\u{ff}'))
});
const TAG_KEY: Rule = rule(1, 128, r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+", is_tag);
const TAG_VALUE: Rule = rule(0, 256, r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", is_tag);

fn is_tag(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c))
}

/// The most tags that come in one call.
const MOST_TAGS: usize = 50;

const DUPLICATE_TAGS: &str =
    "Duplicate tag keys found. Please note that Tag keys are case insensitive.";

/// Parameters, and what is wrong with them so far.
#[derive(Debug)]
pub struct Input {
    form: Form,
    wrong: Vec<String>,
    /// Which is no validation error, as IAM says it.
    has_duplicate_tags: bool,
}

impl Input {
    /// The parameters of a call.
    ///
    /// # Errors
    /// MalformedQueryString.
    pub fn of(call: &Call) -> Result<Self> {
        let form = Form::read(&call.request.query, &call.request.body)?;
        Ok(Self {
            form,
            wrong: Vec::new(),
            has_duplicate_tags: false,
        })
    }

    /// The parameters as they came.
    #[must_use]
    pub fn form(&self) -> &Form {
        &self.form
    }

    /// Notes that a parameter is wrong.
    pub fn refuse(&mut self, name: &str, value: &str, constraint: &str) {
        let value: String = value.chars().take(200).collect();
        let name = member(name);
        self.wrong.push(format!(
            "Value '{value}' at '{name}' failed to satisfy constraint: {constraint}"
        ));
    }

    fn check(&mut self, name: &str, value: &str, rule: &Rule) {
        let length = value.chars().count();
        if length < rule.min {
            let text = format!(
                "Member must have length greater than or equal to {}",
                rule.min
            );
            self.refuse(name, value, &text);
        } else if length > rule.max {
            let text = format!("Member must have length less than or equal to {}", rule.max);
            self.refuse(name, value, &text);
        } else if !(rule.fits)(value) {
            let text = format!(
                "Member must satisfy regular expression pattern: {}",
                rule.pattern
            );
            self.refuse(name, value, &text);
        }
    }

    /// A text that may be missing.
    pub fn optional(&mut self, name: &str, rule: &Rule) -> Option<String> {
        let value = self.form.get(name)?.to_owned();
        self.check(name, &value, rule);
        Some(value)
    }

    /// A text that must be there. If it isn't, the answer is empty, and [`Input::done`] fails.
    pub fn text(&mut self, name: &str, rule: &Rule) -> String {
        let value = self.optional(name, rule);
        if value.is_none() {
            let name = member(name);
            self.wrong.push(format!(
                "Value null at '{name}' failed to satisfy constraint: Member must not be null"
            ));
        }
        value.unwrap_or_default()
    }

    /// A number that may be missing.
    pub fn number(&mut self, name: &str, least: i64, most: i64) -> Option<i64> {
        let text = self.form.get(name)?.to_owned();
        let Ok(number) = text.parse::<i64>() else {
            self.refuse(name, &text, "Member must be a number");
            return None;
        };
        if number < least {
            let text = format!("Member must have value greater than or equal to {least}");
            self.refuse(name, &number.to_string(), &text);
        } else if number > most {
            let text = format!("Member must have value less than or equal to {most}");
            self.refuse(name, &number.to_string(), &text);
        }
        Some(number)
    }

    /// One of some words; may be missing.
    pub fn one_of(&mut self, name: &str, words: &[&'static str]) -> Option<&'static str> {
        let value = self.form.get(name)?.to_owned();
        let found = words.iter().find(|word| **word == value).copied();
        if found.is_none() {
            let text = format!("Member must satisfy enum value set: [{}]", words.join(", "));
            self.refuse(name, &value, &text);
        }
        found
    }

    /// `true` or `false`; `false` if it is missing.
    pub fn flag(&mut self, name: &str) -> bool {
        self.one_of(name, &["true", "false"]) == Some("true")
    }

    /// The members of a list of texts.
    pub fn list(&mut self, name: &str, rule: &Rule) -> Vec<String> {
        let values = self.form.list(&format!("{name}.member"));
        for (i, value) in values.iter().enumerate() {
            self.check(&format!("{name}.{}.member", i + 1), value, rule);
        }
        values
    }

    /// The tags of `Tags`. Keys that are the same but for case are an error.
    pub fn tags(&mut self) -> Vec<Tag> {
        let mut tags: Vec<Tag> = Vec::new();
        for at in self.form.members("Tags.member") {
            let key = self.text(&format!("{at}.Key"), &TAG_KEY);
            let value = self.text(&format!("{at}.Value"), &TAG_VALUE);
            self.has_duplicate_tags |= tags.iter().any(|tag| tag.key.eq_ignore_ascii_case(&key));
            if key.to_ascii_lowercase().starts_with("aws:") {
                self.refuse(
                    &format!("{at}.Key"),
                    &key,
                    "Tag keys must not begin with aws:",
                );
            }
            tags.push(Tag { key, value });
        }
        if tags.len() > MOST_TAGS {
            let text = "Member must have length less than or equal to 50";
            self.refuse("Tags", "...", text);
        }
        tags
    }

    /// The keys of `TagKeys`.
    pub fn tag_keys(&mut self) -> Vec<String> {
        let keys = self.list("TagKeys", &TAG_KEY);
        if keys.is_empty() {
            self.wrong.push(
                "Value null at 'tagKeys' failed to satisfy constraint: Member must not be null"
                    .into(),
            );
        }
        keys
    }

    /// `Marker` and `MaxItems`.
    pub fn page(&mut self) -> Page {
        let marker = self.optional("Marker", &MARKER);
        let most = self.number("MaxItems", 1, 1000).unwrap_or(100);
        Page {
            marker,
            most: usize::try_from(most).unwrap_or(100),
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// ValidationError, with all that is wrong.
    pub fn done(&self) -> Result<()> {
        let Self { wrong, .. } = self;
        if wrong.is_empty() {
            return match self.has_duplicate_tags {
                true => Err(ApiError::new(400, "InvalidInput", DUPLICATE_TAGS)),
                false => Ok(()),
            };
        }
        let errors = if wrong.len() == 1 { "error" } else { "errors" };
        let message = format!(
            "{} validation {errors} detected: {}",
            wrong.len(),
            wrong.join("; ")
        );
        Err(ApiError::new(400, "ValidationError", message))
    }
}

/// Which part of a list is wanted.
#[derive(Clone, Debug)]
pub struct Page {
    marker: Option<String>,
    most: usize,
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct Cut<T> {
    /// The items of this part.
    pub items: Vec<T>,
    /// Where the next part begins, if there is one.
    pub marker: Option<String>,
}

impl<T> Cut<T> {
    /// The same part, its items as something else.
    #[must_use]
    pub fn map<U>(self, each: impl FnMut(T) -> U) -> Cut<U> {
        Cut {
            items: self.items.into_iter().map(each).collect(),
            marker: self.marker,
        }
    }
}

impl Page {
    /// Cuts the part out of all items; `key` tells them apart, and their order is by it.
    #[must_use]
    pub fn cut<T>(&self, mut items: Vec<T>, key: impl Fn(&T) -> String) -> Cut<T> {
        items.sort_by_cached_key(|item| key(item));
        if let Some(marker) = &self.marker {
            items.retain(|item| key(item) > *marker);
        }
        let more = items.len() > self.most;
        items.truncate(self.most);
        let marker = if more { items.last().map(key) } else { None };
        Cut { items, marker }
    }
}

/// `UserName` as messages call it: `userName`; `Tags.member.1.Key`: `tags.1.member.key`.
fn member(name: &str) -> String {
    let lower = |part: &str| {
        let mut chars = part.chars();
        chars.next().map_or(String::new(), |first| {
            first.to_lowercase().chain(chars).collect()
        })
    };
    name.split('.')
        .map(lower)
        .collect::<Vec<String>>()
        .join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(form: &str) -> Input {
        Input {
            form: Form::read("", form.as_bytes()).unwrap(),
            wrong: Vec::new(),
            has_duplicate_tags: false,
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let mut input = input("UserName=a%20b&Path=x&MaxItems=0&Scope=Some");
        input.text("UserName", &NAME_64);
        input.text("PolicyName", &NAME_128);
        input.optional("Path", &PATH);
        input.page();
        input.one_of("Scope", &["All", "AWS"]);
        let error = input.done().unwrap_err();
        assert_eq!(
            (error.status, error.code.as_ref()),
            (400, "ValidationError")
        );
        assert!(error.message.starts_with("5 validation errors detected: Value 'a b' at 'userName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]+; Value null at 'policyName'"), "{}", error.message);
    }

    #[test]
    fn what_fits_the_model_is_accepted() {
        for (rule, good, bad) in [
            (NAME_64, "a.B_1+=,@-", "a/b"),
            (PATH, "/a/b!/", "a/"),
            (PATH, "/", "//"),
            (POLICY_PATH, "/a/b.c/", "/a//b/"),
            (POLICY_PATH, "/", "/a"),
            (PATH_PREFIX, "/a", "a"),
            (VERSION, "v12", "v0"),
            (ACCESS_KEY, "AKIA0123456789ABCDEF", "AKIA"),
            (SESSION_NAME, "ab", "a"),
        ] {
            for (text, expected) in [(good, true), (bad, false)] {
                let mut input = input("");
                input.check("X", text, &rule);
                assert_eq!(input.done().is_ok(), expected, "{text}");
            }
        }
    }

    #[test]
    fn a_list_is_cut_into_parts_that_join() {
        let all: Vec<u32> = (10..35).collect();
        let mut marker = None;
        let mut seen = Vec::new();
        for _ in 0..4 {
            let page = Page {
                marker: marker.clone(),
                most: 10,
            };
            let cut = page.cut(all.clone(), ToString::to_string);
            seen.extend(cut.items);
            marker = cut.marker;
            if marker.is_none() {
                break;
            }
        }
        assert_eq!((seen, marker), (all, None));
    }
}
