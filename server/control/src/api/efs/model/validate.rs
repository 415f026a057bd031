//! Input against the service model.

use std::fmt::Write;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::{Member, OperationModel, Place, Shape};
use crate::api::form::short;
use crate::api::{ApiError, Request, Result};

/// Violations that are told in one answer.
const TOLD: usize = 10;

/// Members of lists that have no bound of their own.
const LONGEST_LIST: usize = 1000;

/// Reads the input of an operation, and checks it. Members that the model doesn't know are left
/// out, as AWS ignores them.
///
/// # Errors
/// BadRequest, which names every member that is not as it should be.
pub(in crate::api::efs) fn validate(
    model: &OperationModel,
    request: &Request,
    labels: &[(&'static str, String)],
) -> Result<Value> {
    let bad = |message: String| ApiError::new(400, "BadRequest", message);
    let mut body = if request.body.is_empty() {
        Map::new()
    } else {
        match serde_json::from_slice(&request.body) {
            Ok(Value::Object(body)) => body,
            Ok(_) => return Err(bad("The request's body is no JSON object.".into())),
            Err(error) => return Err(bad(format!("The request's body is no JSON: {error}"))),
        }
    };
    let query: Vec<_> = form_urlencoded::parse(request.query.as_bytes()).collect();
    let mut violations = Violations::default();
    let mut input = Map::new();
    for member in model.input {
        let value = match member.place {
            Place::Body => body.remove(member.name),
            Place::Path => {
                let label = labels.iter().find(|(name, _)| *name == member.name);
                label.map(|(_, value)| Value::String(value.clone()))
            }
            Place::Query(at) => {
                let mut values = query.iter().filter(|(name, _)| name == at);
                if matches!(member.shape, Shape::List { .. }) {
                    let values: Vec<Value> =
                        values.map(|(_, value)| value.as_ref().into()).collect();
                    (!values.is_empty()).then_some(Value::Array(values))
                } else {
                    values
                        .next()
                        .map(|(_, value)| from_text(value, member.shape))
                }
            }
        };
        let value = value.filter(|value| !value.is_null());
        let at = lower(member.name);
        match value {
            Some(value) => {
                let value = violations.check(&at, value, member.shape);
                input.insert(member.name.to_owned(), value);
            }
            None if member.required => violations.add(&at, "null", "Member must not be null"),
            None => {}
        }
    }
    match violations.message() {
        Some(message) => Err(bad(message)),
        None => Ok(Value::Object(input)),
    }
}

/// A value of the query, as JSON would have it.
fn from_text(text: &str, shape: &Shape) -> Value {
    let parsed = match shape {
        Shape::Integer { .. } => text.parse::<i64>().ok().map(Value::from),
        Shape::Number { .. } => text.parse::<f64>().ok().map(Value::from),
        Shape::Boolean => text.parse::<bool>().ok().map(Value::from),
        _ => None,
    };
    parsed.unwrap_or_else(|| text.into())
}

/// The parts of a path that a template names, decoded; `None` if the path is another.
pub(in crate::api::efs) fn labels(
    template: &'static str,
    path: &str,
) -> Option<Vec<(&'static str, String)>> {
    let mut parts = path.trim_end_matches('/').split('/');
    let mut found = Vec::new();
    for expected in template.trim_end_matches('/').split('/') {
        let part = parts.next()?;
        let name = expected
            .strip_prefix('{')
            .and_then(|name| name.strip_suffix('}'));
        match name {
            Some(name) if !part.is_empty() => {
                let value = percent_decode_str(part).decode_utf8_lossy().into_owned();
                found.push((name, value));
            }
            None if part == expected => {}
            _ => return None,
        }
    }
    parts.next().is_none().then_some(found)
}

/// `CreationToken` is told of as `creationToken`.
fn lower(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

#[derive(Debug, Default)]
struct Violations {
    count: usize,
    text: String,
}

impl Violations {
    fn add(&mut self, at: &str, value: &str, constraint: &str) {
        self.count += 1;
        if self.count <= TOLD {
            let separator = if self.count > 1 { "; " } else { "" };
            // Writing to a string does not fail.
            let _ = write!(
                self.text,
                "{separator}Value {value} at '{at}' failed to satisfy constraint: {constraint}"
            );
        }
    }

    fn message(&self) -> Option<String> {
        let plural = if self.count > 1 { "s" } else { "" };
        let Self { count, text } = self;
        (*count > 0).then(|| format!("{count} validation error{plural} detected: {text}"))
    }

    /// Notes what is wrong with a value, and gives what the model knows of it.
    fn check(&mut self, at: &str, value: Value, shape: &Shape) -> Value {
        match (shape, value) {
            (Shape::Text { min, max, pattern }, Value::String(text)) => {
                let length = text.chars().count();
                let mut wrong = |constraint: String| {
                    self.add(at, &format!("'{}'", short(&text)), &constraint);
                };
                if length < *min {
                    wrong(format!(
                        "Member must have length greater than or equal to {min}"
                    ));
                } else if length > *max {
                    wrong(format!(
                        "Member must have length less than or equal to {max}"
                    ));
                } else if let Some(pattern) = pattern
                    && !pattern.matches(&text)
                {
                    wrong(format!(
                        "Member must satisfy regular expression pattern: {}",
                        pattern.text
                    ));
                }
                Value::String(text)
            }
            (Shape::Word(words), Value::String(text)) => {
                if !words.contains(&text.as_str()) {
                    let constraint =
                        format!("Member must satisfy enum value set: [{}]", words.join(", "));
                    self.add(at, &format!("'{}'", short(&text)), &constraint);
                }
                Value::String(text)
            }
            (Shape::Integer { min, max }, Value::Number(number)) => {
                match number.as_i64() {
                    Some(whole) if whole < *min => {
                        let constraint =
                            format!("Member must have value greater than or equal to {min}");
                        self.add(at, &format!("'{whole}'"), &constraint);
                    }
                    Some(whole) if whole <= *max => {}
                    _ => {
                        let constraint =
                            format!("Member must have value less than or equal to {max}");
                        self.add(at, &format!("'{number}'"), &constraint);
                    }
                }
                Value::Number(number)
            }
            (Shape::Number { min }, Value::Number(number)) => {
                if number.as_f64().is_none_or(|value| value < *min) {
                    let constraint =
                        format!("Member must have value greater than or equal to {min:?}");
                    self.add(at, &format!("'{number}'"), &constraint);
                }
                Value::Number(number)
            }
            (Shape::Boolean, value @ Value::Bool(_)) => value,
            (Shape::List { min, max, of }, Value::Array(values)) => {
                let most = max.unwrap_or(LONGEST_LIST);
                if values.len() < *min {
                    let constraint =
                        format!("Member must have length greater than or equal to {min}");
                    self.add(at, "'[]'", &constraint);
                } else if values.len() > most {
                    let constraint =
                        format!("Member must have length less than or equal to {most}");
                    self.add(at, "(a list)", &constraint);
                    return Value::Array(Vec::new());
                }
                let values = values
                    .into_iter()
                    .zip(1..)
                    .map(|(value, number)| self.check(&format!("{at}.{number}.member"), value, of));
                Value::Array(values.collect())
            }
            (Shape::Structure(members), Value::Object(mut object)) => {
                let mut known = Map::new();
                for Member {
                    name,
                    required,
                    shape,
                    ..
                } in *members
                {
                    let at = format!("{at}.{}", lower(name));
                    match object.remove(*name).filter(|value| !value.is_null()) {
                        Some(value) => {
                            let value = self.check(&at, value, shape);
                            known.insert((*name).to_owned(), value);
                        }
                        None if *required => self.add(&at, "null", "Member must not be null"),
                        None => {}
                    }
                }
                Value::Object(known)
            }
            (shape, value) => {
                let kind = match shape {
                    Shape::Text { .. } | Shape::Word(_) => "a string",
                    Shape::Integer { .. } => "a whole number",
                    Shape::Number { .. } => "a number",
                    Shape::Boolean => "true or false",
                    Shape::List { .. } => "a list",
                    Shape::Structure(_) => "an object",
                };
                let shown = format!("'{}'", short(&value.to_string()));
                self.add(at, &shown, &format!("Member must be {kind}"));
                Value::Null
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        let template = "/2015-02-01/file-systems/{FileSystemId}/policy";
        let found = labels(template, "/2015-02-01/file-systems/fs-1/policy").unwrap();
        assert_eq!(found, [("FileSystemId", "fs-1".to_owned())]);
        let arn = "arn%3Aaws%3Aelasticfilesystem%3Aus-east-1%3A1%3Afile-system%2Ffs-1";
        let found = labels(template, &format!("/2015-02-01/file-systems/{arn}/policy")).unwrap();
        assert_eq!(
            found[0].1,
            "arn:aws:elasticfilesystem:us-east-1:1:file-system/fs-1"
        );
        for path in [
            "/2015-02-01/file-systems/fs-1",
            "/2015-02-01/file-systems//policy",
            "/2015-02-01/file-systems/fs-1/policy/more",
            "/2014-01-01/file-systems/fs-1/policy",
            "/",
        ] {
            assert_eq!(labels(template, path), None, "{path}");
        }
        assert!(labels("/2015-02-01/tags/{FileSystemId}/", "/2015-02-01/tags/fs-1").is_some());
        assert!(labels("/2015-02-01/tags/{FileSystemId}/", "/2015-02-01/tags/fs-1/").is_some());
    }
}
