//! Which parameters the operations have, and what becomes of them: EC2's service model, as far as
//! localefs has its operations.

mod operations;

use super::{Form, Result, invalid, refused, short};

pub use operations::INPUTS;

/// What values a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Flag,
    /// One of these; the operation may refuse some of them.
    Word(&'static [&'static str]),
    /// A word of a list that AWS lengthens all the time, and that means nothing here.
    AnyWord,
}

/// What becomes of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The operation heeds it.
    Heeded,
    /// It has no effect on anything that localefs has.
    Ignored,
    /// The call is refused, unless the value is empty or `false`.
    Refused,
}

/// A parameter.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name, with `N` for the numbers in lists; one that ends in `.*` stands for all below.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// What becomes of it.
    pub becomes: Use,
}

/// The parameters of an operation.
#[derive(Clone, Copy, Debug)]
pub struct Input {
    /// The operation.
    pub operation: &'static str,
    /// Its parameters, in groups.
    pub parameters: &'static [&'static [Parameter]],
}

impl Input {
    /// The parameter of a name in a request.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&'static Parameter> {
        let parts = name.split('.').map(|part| match part.parse::<u32>() {
            Ok(_) => "N",
            Err(_) => part,
        });
        let pattern = parts.collect::<Vec<_>>().join(".");
        let mut all = self.parameters.iter().flat_map(|group| group.iter());
        all.find(|parameter| match parameter.name.strip_suffix('*') {
            Some(prefix) => {
                pattern.starts_with(prefix) || Some(pattern.as_str()) == prefix.strip_suffix('.')
            }
            None => parameter.name == pattern,
        })
    }
}

/// The parameters of an operation.
#[must_use]
pub fn input(operation: &str) -> Option<&'static Input> {
    INPUTS.iter().find(|input| input.operation == operation)
}

/// Checks that a request has no parameter that its operation hasn't, and none that is refused.
///
/// # Errors
/// UnknownParameter, UnsupportedOperation, InvalidParameterValue.
pub(super) fn check(operation: &str, form: &Form) -> Result<()> {
    let Some(input) = input(operation) else {
        return Ok(());
    };
    for name in form.names() {
        if matches!(name, "Action" | "Version") || name.starts_with("X-Amz-") {
            continue;
        }
        let value = form.get(name).unwrap_or_default();
        let Some(parameter) = input.find(name) else {
            let message = format!("The parameter {} is not recognized", short(name));
            return Err(refused("UnknownParameter", message));
        };
        if parameter.becomes == Use::Refused && !value.is_empty() && value != "false" {
            let message = format!("localefs does not have the parameter {}", short(name));
            return Err(refused("UnsupportedOperation", message));
        }
        let expected = match parameter.kind {
            Kind::Integer if value.parse::<i64>().is_err() => "integer",
            Kind::Flag if !is_flag(value) => "boolean",
            Kind::Word(words) if !words.contains(&value) => "enum value",
            _ => continue,
        };
        let message = format!(
            "Invalid value '{}' for {}: it is no {expected}.",
            short(value),
            short(name)
        );
        return Err(invalid(message));
    }
    Ok(())
}

fn is_flag(value: &str) -> bool {
    value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Service;

    #[test]
    fn every_operation_has_its_parameters() {
        let operations = Service::Ec2.operations();
        for operation in operations {
            assert!(input(operation.name).is_some(), "{}", operation.name);
        }
        assert_eq!(operations.len(), INPUTS.len());
    }

    #[test]
    fn parameters_are_found_by_their_patterns() {
        let input = input("AuthorizeSecurityGroupIngress").unwrap();
        let found = |name| input.find(name).map(|parameter| parameter.name);
        assert_eq!(found("GroupId"), Some("GroupId"));
        let cidr = "IpPermissions.12.IpRanges.3.CidrIp";
        assert_eq!(found(cidr), Some("IpPermissions.N.IpRanges.N.CidrIp"));
        assert_eq!(found("IpPermissions.1.IpRanges.CidrIp"), None);
        assert_eq!(found("GroupId.1"), None);
    }
}
