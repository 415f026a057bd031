//! File-system policies: what EFS accepts, and how it keeps them.
//!
//! Source: EFS API reference, PutFileSystemPolicy; EFS user guide, "Using IAM to control access to
//! file systems", "Creating file system policies".

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::evaluate::{Attached, Layer};
use super::glob::Glob;
use super::policy::{MalformedPolicy, Policy, PolicyKind, quota};

/// Why EFS refuses a policy: InvalidPolicyException.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPolicy {
    /// It isn't a policy.
    #[error("{0}")]
    Malformed(MalformedPolicy),
    /// Nobody, or somebody who can't be meant.
    #[error("Policy contains invalid Principal block")]
    Principal,
    /// Another service's action, or none of EFS's.
    #[error("Policy contains invalid Action: {0}")]
    Action(String),
    /// Another resource than the file system itself.
    #[error("Policy contains invalid Resource: {0}")]
    Resource(String),
    /// It is too long.
    #[error("Policy is larger than {} characters", quota::FILE_SYSTEM)]
    TooLarge,
    /// The caller could not put another one.
    #[error(
        "The policy would prevent the caller from calling PutFileSystemPolicy in the future. Set \
         BypassPolicyLockoutSafetyCheck to put it nevertheless."
    )]
    LockOut,
}

/// Reads a policy for the file system with this ARN.
///
/// # Errors
/// [`InvalidPolicy`], but never [`InvalidPolicy::LockOut`].
pub fn parse(document: &str, file_system_arn: &str) -> Result<Policy, InvalidPolicy> {
    if document.chars().count() > quota::FILE_SYSTEM {
        return Err(InvalidPolicy::TooLarge);
    }
    let policy = Policy::parse(document, PolicyKind::Resource).map_err(|error| match error {
        MalformedPolicy::NoPrincipal | MalformedPolicy::Principal { .. } => {
            InvalidPolicy::Principal
        }
        error => InvalidPolicy::Malformed(error),
    })?;
    for statement in &policy.statements {
        for action in statement.action_texts() {
            let service = action.split(':').next().unwrap_or_default();
            if !matches!(
                service.to_ascii_lowercase().as_str(),
                "*" | "elasticfilesystem"
            ) {
                return Err(InvalidPolicy::Action(action.clone()));
            }
        }
        for resource in statement.resource_texts() {
            if resource != "*" && !Glob::new(resource).matches(file_system_arn) {
                return Err(InvalidPolicy::Resource(resource.clone()));
            }
        }
    }
    Ok(policy)
}

/// The document as EFS keeps it and gives it back: a version, and a Sid and the resource in each
/// statement, where they are missing. `uuid` gives a new UUID each time.
///
/// # Errors
/// If it isn't JSON of the shape that [`parse`] has accepted.
pub fn normalise(
    document: &str,
    file_system_arn: &str,
    mut uuid: impl FnMut() -> String,
) -> Result<String, InvalidPolicy> {
    let syntax = || InvalidPolicy::Malformed(MalformedPolicy::Syntax);
    let Ok(Value::Object(given)) = serde_json::from_str::<Value>(document) else {
        return Err(syntax());
    };
    let mut policy = Map::new();
    let version = given
        .get("Version")
        .cloned()
        .unwrap_or_else(|| json!("2012-10-17"));
    policy.insert("Version".into(), version);
    // The AWS console makes one up, EFS does not.
    if let Some(id) = given.get("Id") {
        policy.insert("Id".into(), id.clone());
    }
    let statements = match given.get("Statement") {
        Some(Value::Array(list)) => list.clone(),
        Some(one) => vec![one.clone()],
        None => return Err(syntax()),
    };
    let mut kept = Vec::new();
    for statement in statements {
        let Value::Object(mut statement) = statement else {
            return Err(syntax());
        };
        let has_sid = statement
            .get("Sid")
            .and_then(Value::as_str)
            .is_some_and(|sid| !sid.is_empty());
        if !has_sid {
            statement.insert("Sid".into(), json!(format!("efs-statement-{}", uuid())));
        }
        if !statement.contains_key("Resource") && !statement.contains_key("NotResource") {
            statement.insert("Resource".into(), json!(file_system_arn));
        }
        kept.push(Value::Object(statement));
    }
    policy.insert("Statement".into(), Value::Array(kept));
    Ok(Value::Object(policy).to_string())
}

/// A file system's policy, as it takes part in evaluation.
#[must_use]
pub fn attached(policy: Arc<Policy>, file_system_arn: &str) -> Attached {
    let id = file_system_arn
        .rsplit('/')
        .next()
        .unwrap_or(file_system_arn);
    Attached {
        layer: Layer::Resource,
        holder: id.to_owned(),
        name: "file-system policy".into(),
        policy,
    }
}

/// The policy of a file system that has none: everybody who reaches a mount target may mount it,
/// write, and be root. It grants nothing of the API.
pub const DEFAULT: &str = r#"{"Version": "2012-10-17", "Statement": [{"Sid": "default", "Effect": "Allow",
"Principal": {"AWS": "*"}, "Action": ["elasticfilesystem:ClientMount",
"elasticfilesystem:ClientWrite", "elasticfilesystem:ClientRootAccess"]}]}"#;

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-01234567";
    fn parsed(statement: &str) -> Result<Policy, InvalidPolicy> {
        parse(
            &format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#),
            ARN,
        )
    }

    #[test]
    fn a_policy_speaks_of_efs_and_of_this_file_system() {
        for good in [
            r#"{"Effect":"Allow","Principal":{"AWS":"*"},"Action":["elasticfilesystem:ClientMount"]}"#,
            r#"{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#,
            r#"{"Sid":"a-b","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/x"},"Action":"elasticfilesystem:*","Resource":"arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-01234567"}"#,
        ] {
            parsed(good).unwrap_or_else(|error| panic!("{good} {error}"));
        }
        for (bad, expected) in [
            (
                r#"{"Effect":"Allow","Action":"elasticfilesystem:*"}"#,
                InvalidPolicy::Principal,
            ),
            (
                r#"{"Effect":"Allow","Principal":{"AWS":"alice"},"Action":"elasticfilesystem:*"}"#,
                InvalidPolicy::Principal,
            ),
            (
                r#"{"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}"#,
                InvalidPolicy::Action("s3:GetObject".into()),
            ),
            (
                r#"{"Effect":"Allow","Principal":"*","Action":"*","Resource":"arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-other"}"#,
                InvalidPolicy::Resource(
                    "arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-other".into(),
                ),
            ),
            (
                r#"{"Effect":"Maybe","Principal":"*","Action":"*"}"#,
                InvalidPolicy::Malformed(MalformedPolicy::Syntax),
            ),
        ] {
            assert_eq!(parsed(bad).unwrap_err(), expected, "{bad}");
        }
        assert_eq!(
            parse(&" ".repeat(20_001), ARN),
            Err(InvalidPolicy::TooLarge)
        );
        parse(DEFAULT, ARN).unwrap();
    }

    #[test]
    fn what_is_missing_is_filled_in_and_what_is_there_stays() {
        let mut n = 0;
        let mut uuid = || {
            n += 1;
            format!("u{n}")
        };
        let kept = normalise(
            r#"{"Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"elasticfilesystem:ClientMount"},
                {"Sid":"mine","Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}"#,
            ARN,
            &mut uuid,
        )
        .unwrap();
        let kept: Value = serde_json::from_str(&kept).unwrap();
        assert_eq!(kept["Version"], "2012-10-17");
        assert_eq!(kept.get("Id"), None);
        assert_eq!(kept["Statement"][0]["Sid"], "efs-statement-u1");
        assert_eq!(kept["Statement"][0]["Resource"], ARN);
        assert_eq!(kept["Statement"][0]["Principal"], json!({"AWS": "*"}));
        assert_eq!(kept["Statement"][1]["Sid"], "mine");
        assert_eq!(kept["Statement"][1]["Resource"], "*");
        let again = normalise(&kept.to_string(), ARN, || panic!("nothing is missing")).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&again).unwrap(), kept);
        let named = r#"{"Id":"1","Statement":[]}"#;
        let named = normalise(named, ARN, || panic!("nothing is missing")).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&named).unwrap()["Id"], "1");
    }
}
