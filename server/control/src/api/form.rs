//! The parameters of the query protocols (EC2, IAM, STS).

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::{ApiError, Result};

/// Parameters that a request may have; lists count each member.
const MOST: usize = 10_000;

/// Parameters by their full names: `Filter.1.Value.2`.
#[derive(Clone, Debug, Default)]
pub struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads parameters from the query and the body of a request.
    ///
    /// # Errors
    /// MalformedQueryString if there are too many, or one comes twice.
    pub fn read(query: &str, body: &[u8]) -> Result<Self> {
        let malformed = |why: &str| ApiError::new(400, "MalformedQueryString", why);
        let mut parameters = BTreeMap::new();
        for source in [query.as_bytes(), body] {
            for (name, value) in form_urlencoded::parse(source) {
                if parameters.len() >= MOST {
                    return Err(malformed("There are too many parameters."));
                }
                if parameters.contains_key(name.as_ref()) {
                    return Err(malformed(&format!(
                        "The parameter {} comes twice.",
                        short(&name)
                    )));
                }
                parameters.insert(name.into_owned(), value.into_owned());
            }
        }
        Ok(Self(parameters))
    }

    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value of a parameter that must be there, and have one.
    ///
    /// # Errors
    /// MissingParameter.
    pub fn require(&self, name: &str) -> Result<&str> {
        let value = self.get(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| {
            let message = format!("The request must contain the parameter {name}");
            ApiError::new(400, "MissingParameter", message)
        })
    }

    /// A parameter that is `true` or `false`; if it isn't there, `false`.
    ///
    /// # Errors
    /// InvalidParameterValue.
    pub fn flag(&self, name: &str) -> Result<bool> {
        match self.get(name) {
            None => Ok(false),
            Some(value) if value.eq_ignore_ascii_case("true") => Ok(true),
            Some(value) if value.eq_ignore_ascii_case("false") => Ok(false),
            Some(value) => {
                let message = format!(
                    "Invalid value '{}' for {name}. Must be true or false.",
                    short(value)
                );
                Err(ApiError::new(400, "InvalidParameterValue", message))
            }
        }
    }

    /// The numbers under which a list has members, in order: 1 and 3 for `X.1.Name`, `X.3`. For
    /// lists of IAM and STS the name ends in `.member`.
    #[must_use]
    pub fn members(&self, list: &str) -> Vec<String> {
        let prefix = format!("{list}.");
        let mut numbers = BTreeSet::new();
        for (name, _) in self.0.range(prefix.clone()..) {
            let Some(rest) = name.strip_prefix(&prefix) else {
                break;
            };
            let number = rest.split('.').next().unwrap_or_default();
            if let Ok(number) = number.parse::<u32>() {
                numbers.insert(number);
            }
        }
        let names = numbers
            .into_iter()
            .map(|number| format!("{prefix}{number}"));
        names.collect()
    }

    /// The values of a list of plain values.
    #[must_use]
    pub fn list(&self, list: &str) -> Vec<String> {
        let members = self.members(list);
        let values = members.iter().filter_map(|member| self.get(member));
        values.map(str::to_owned).collect()
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// The beginning of what a client sent, for a message.
pub(crate) fn short(text: &str) -> String {
    const LONGEST: usize = 200;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_found_by_number() {
        let form = "A.2=two&A.10=ten&A.1=one&AB.1=x&F.1.Name=n&F.1.Value.1=v&flag=TRUE";
        let form = Form::read("", form.as_bytes()).unwrap();
        assert_eq!(form.list("A"), ["one", "two", "ten"]);
        assert_eq!(form.members("F"), ["F.1"]);
        assert_eq!(form.get("F.1.Value.1"), Some("v"));
        assert!(form.flag("flag").unwrap() && !form.flag("other").unwrap());
        assert!(form.flag("A.1").is_err());
        assert!(form.require("none").is_err());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert!(Form::read("a=1", b"a=2").is_err());
        let many: String = (0..=MOST).map(|number| format!("p{number}=&")).collect();
        assert!(Form::read("", many.as_bytes()).is_err());
    }
}
