//! The policy document.
//!
//! Source: IAM user guide, "IAM JSON policy elements reference", "Grammar of the IAM JSON policy
//! language"; sizes: "IAM and AWS STS quotas" and the EFS API reference, PutFileSystemPolicy.

use super::condition::{Condition, ConditionError};
use super::context::Context;
use super::glob::Glob;
use super::json::Json;
use super::principal_element::{PrincipalElement, strings};
use super::variables::Template;
use crate::arn::ArnPattern;

/// What a policy is for: it decides which elements may stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    /// Inline and managed policies, permissions boundaries, session policies.
    Identity,
    /// A role's trust policy: who may assume it. No `Resource`.
    Trust,
    /// A policy on a resource, such as a file system. `Resource` may be left out.
    Resource,
}

/// The largest documents, in characters, and what is counted.
pub mod quota {
    /// All inline policies of a user together, without white space.
    pub const USER_INLINE: usize = 2048;
    /// All inline policies of a group together, without white space.
    pub const GROUP_INLINE: usize = 5120;
    /// All inline policies of a role together, without white space.
    pub const ROLE_INLINE: usize = 10240;
    /// A managed policy, without white space.
    pub const MANAGED: usize = 6144;
    /// A role's trust policy, without white space.
    pub const TRUST: usize = 2048;
    /// A session policy, as it stands.
    pub const SESSION: usize = 2048;
    /// A file-system policy, as it stands (EFS API reference, `Policy`).
    pub const FILE_SYSTEM: usize = 20_000;
    /// What is read at all (IAM API reference, `policyDocumentType`).
    pub const DOCUMENT: usize = 131_072;
}

/// How large a document is for IAM's quotas: its characters without white space.
#[must_use]
pub fn size(document: &str) -> usize {
    document.chars().filter(|c| !c.is_whitespace()).count()
}

/// Why a document is refused; the text is that of IAM's MalformedPolicyDocument.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedPolicy {
    /// No JSON, unknown or missing elements, wrong types.
    #[error("Syntax errors in policy.")]
    Syntax,
    /// No or an empty `Action`.
    #[error("Policy statement must contain actions.")]
    NoActions,
    /// No or an empty `Resource`.
    #[error("Policy statement must contain resources.")]
    NoResources,
    /// An action without a service.
    #[error("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")]
    NoVendor,
    /// An action with two colons.
    #[error("Actions/Condition can contain only one colon.")]
    Colons,
    /// The service of an action has other characters than letters, digits, `-` and `.`.
    #[error("Vendor {0} is not valid")]
    Vendor(String),
    /// A resource that is neither an ARN nor `*`.
    #[error("Resource {0} must be in ARN format or \"*\".")]
    NotArn(String),
    /// An unknown partition.
    #[error("Partition \"{partition}\" is not valid for resource \"{resource}\".")]
    Partition {
        /// As written.
        partition: String,
        /// As written.
        resource: String,
    },
    /// An ARN without a service, or with half of one.
    #[error("Resource vendor must be fully qualified and cannot contain regexes.")]
    ResourceVendor,
    /// IAM has no regions.
    #[error("IAM resource {0} cannot contain region information.")]
    IamRegion(String),
    /// An ARN with too few parts, or a value that its operator can't compare.
    #[error("The policy failed legacy parsing")]
    Legacy,
    /// Two statements with one Sid.
    #[error("Statement IDs (SID) in a single policy must be unique.")]
    DuplicateSid,
    /// A Sid with other characters.
    #[error(
        "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
    )]
    Sid,
    /// A principal in an identity-based policy.
    #[error("Policy document should not specify a principal.")]
    HasPrincipal,
    /// None in a trust or resource policy.
    #[error("Missing required field Principal")]
    NoPrincipal,
    /// A principal that is none.
    #[error("Invalid principal in policy: \"{kind}\":\"{value}\"")]
    Principal {
        /// `AWS`, `Service`, ...
        kind: String,
        /// As written.
        value: String,
    },
    /// A resource in a trust policy.
    #[error("Has prohibited field Resource")]
    HasResource,
    /// An action in a trust policy that isn't for assuming roles.
    #[error("AssumeRole policy may only specify STS AssumeRole actions.")]
    TrustAction,
}

/// `Allow` or `Deny`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Grants.
    Allow,
    /// Refuses, whatever grants.
    Deny,
}

/// A resource of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ResourcePattern {
    Plain(ArnPattern),
    /// With policy variables.
    Template(Template),
}

impl ResourcePattern {
    fn matches(&self, resource: &str, context: &Context) -> bool {
        match self {
            Self::Plain(pattern) => pattern.matches(resource),
            Self::Template(template) => template
                .tokens(context)
                .is_some_and(|tokens| ArnPattern::new(Glob::from_tokens(tokens)).matches(resource)),
        }
    }
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Its name, if it has one.
    pub sid: Option<String>,
    /// What it does when it matches.
    pub effect: Effect,
    /// Whom it means; `None` in identity-based policies.
    pub principal: Option<PrincipalElement>,
    not_action: bool,
    /// In lower case: actions are compared without regard to case.
    actions: Vec<Glob>,
    /// The actions as written.
    action_texts: Vec<String>,
    not_resource: bool,
    /// Empty if the element is missing: then every resource is meant.
    resources: Vec<ResourcePattern>,
    /// The resources as written.
    resource_texts: Vec<String>,
    conditions: Vec<Condition>,
}

impl Statement {
    /// Whether the statement speaks of this action, in lower case, on this resource.
    #[must_use]
    pub fn covers(&self, action: &str, resource: &str, context: &Context) -> bool {
        if self.actions.iter().any(|glob| glob.matches(action)) == self.not_action {
            return false;
        }
        self.resources.is_empty()
            || self
                .resources
                .iter()
                .any(|pattern| pattern.matches(resource, context))
                != self.not_resource
    }

    /// Whether all conditions hold.
    #[must_use]
    pub fn conditions_hold(&self, context: &Context) -> bool {
        self.conditions
            .iter()
            .all(|condition| condition.holds(context))
    }

    /// The actions as they are written.
    #[must_use]
    pub fn action_texts(&self) -> &[String] {
        &self.action_texts
    }

    /// The resources as they are written; empty if the element is missing.
    #[must_use]
    pub fn resource_texts(&self) -> &[String] {
        &self.resource_texts
    }

    /// The keys that the conditions ask for, as they are written.
    pub fn condition_keys(&self) -> impl Iterator<Item = &str> {
        self.conditions.iter().map(Condition::written_key)
    }
}

/// A policy document, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Whether `Version` is 2012-10-17: then `${...}` are variables.
    pub variables: bool,
    /// `Id`, if there is one.
    pub id: Option<String>,
    /// In the order of the document.
    pub statements: Vec<Statement>,
}

impl Policy {
    /// Reads a document.
    ///
    /// # Errors
    /// What is wrong with it; the first in the order of the document.
    pub fn parse(document: &str, kind: PolicyKind) -> Result<Self, MalformedPolicy> {
        if document.len() > quota::DOCUMENT * 4 {
            return Err(MalformedPolicy::Syntax);
        }
        let Some(Json::Object(members)) = Json::parse(document) else {
            return Err(MalformedPolicy::Syntax);
        };
        let mut variables = false;
        let mut id = None;
        let mut statements = None;
        for (name, value) in &members {
            match (name.as_str(), value) {
                ("Version", Json::String(version)) => match version.as_str() {
                    "2012-10-17" => variables = true,
                    "2008-10-17" => {}
                    _ => return Err(MalformedPolicy::Syntax),
                },
                ("Id", Json::String(text)) => id = Some(text.clone()),
                ("Statement", Json::Array(list)) => statements = Some(list.as_slice()),
                ("Statement", one) => statements = Some(std::slice::from_ref(one)),
                _ => return Err(MalformedPolicy::Syntax),
            }
        }
        let statements = statements
            .filter(|list| !list.is_empty())
            .ok_or(MalformedPolicy::Syntax)?
            .iter()
            .map(|value| statement(value, kind, variables))
            .collect::<Result<Vec<_>, _>>()?;
        let mut sids: Vec<&str> = statements.iter().filter_map(|s| s.sid.as_deref()).collect();
        sids.retain(|sid| !sid.is_empty());
        sids.sort_unstable();
        if sids.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(MalformedPolicy::DuplicateSid);
        }
        Ok(Self {
            variables,
            id,
            statements,
        })
    }
}

fn statement(
    value: &Json,
    kind: PolicyKind,
    variables: bool,
) -> Result<Statement, MalformedPolicy> {
    let Json::Object(members) = value else {
        return Err(MalformedPolicy::Syntax);
    };
    let get = |name: &str| {
        members
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    };
    for (name, _) in members {
        if !matches!(
            name.as_str(),
            "Sid"
                | "Effect"
                | "Principal"
                | "NotPrincipal"
                | "Action"
                | "NotAction"
                | "Resource"
                | "NotResource"
                | "Condition"
        ) {
            return Err(MalformedPolicy::Syntax);
        }
    }
    let sid = match get("Sid") {
        None => None,
        Some(Json::String(sid)) => Some(sid.clone()),
        Some(_) => return Err(MalformedPolicy::Syntax),
    };
    if kind != PolicyKind::Resource
        && sid
            .as_ref()
            .is_some_and(|sid| !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    {
        return Err(MalformedPolicy::Sid);
    }
    let effect = match get("Effect") {
        Some(Json::String(text)) if text == "Allow" => Effect::Allow,
        Some(Json::String(text)) if text == "Deny" => Effect::Deny,
        _ => return Err(MalformedPolicy::Syntax),
    };
    let (not_action, actions) = pair(get("Action"), get("NotAction"), MalformedPolicy::NoActions)?;
    for action in &actions {
        check_action(action)?;
    }
    let principal = match (get("Principal"), get("NotPrincipal")) {
        (None, None) => None,
        (Some(_), Some(_)) => return Err(MalformedPolicy::Syntax),
        (Some(value), None) => Some((value, false)),
        (None, Some(value)) => Some((value, true)),
    };
    let principal = match (principal, kind) {
        (None, PolicyKind::Identity) => None,
        (Some(_), PolicyKind::Identity) => return Err(MalformedPolicy::HasPrincipal),
        (None, _) => return Err(MalformedPolicy::NoPrincipal),
        (Some((value, negated)), _) => Some(PrincipalElement::parse(value, negated)?),
    };
    let has_resource = get("Resource").is_some() || get("NotResource").is_some();
    let (not_resource, resources) = match kind {
        PolicyKind::Trust if has_resource => return Err(MalformedPolicy::HasResource),
        PolicyKind::Resource | PolicyKind::Trust if !has_resource => (false, Vec::new()),
        _ => pair(
            get("Resource"),
            get("NotResource"),
            MalformedPolicy::NoResources,
        )?,
    };
    for resource in &resources {
        check_resource(resource)?;
    }
    if kind == PolicyKind::Trust && !actions.iter().all(|action| is_trust_action(action)) {
        return Err(MalformedPolicy::TrustAction);
    }
    Ok(Statement {
        sid,
        effect,
        principal,
        not_action,
        actions: actions
            .iter()
            .map(|text| Glob::new(&text.to_ascii_lowercase()))
            .collect(),
        action_texts: actions.iter().map(|text| (*text).to_owned()).collect(),
        not_resource,
        resources: resources
            .iter()
            .map(|text| match Template::parse(text).filter(|_| variables) {
                Some(template) => ResourcePattern::Template(template),
                None => ResourcePattern::Plain(ArnPattern::literal(text)),
            })
            .collect(),
        resource_texts: resources.iter().map(|text| (*text).to_owned()).collect(),
        conditions: match get("Condition") {
            None => Vec::new(),
            Some(value) => conditions(value, variables)?,
        },
    })
}

/// Reads `Action` or `NotAction`, `Resource` or `NotResource`: exactly one of them.
fn pair<'j>(
    plain: Option<&'j Json>,
    negated: Option<&'j Json>,
    missing: MalformedPolicy,
) -> Result<(bool, Vec<&'j str>), MalformedPolicy> {
    let (not, value) = match (plain, negated) {
        (Some(value), None) => (false, value),
        (None, Some(value)) => (true, value),
        (Some(_), Some(_)) => return Err(MalformedPolicy::Syntax),
        (None, None) => return Err(missing),
    };
    let list = strings(value).ok_or(MalformedPolicy::Syntax)?;
    if list.is_empty() {
        Err(missing)
    } else {
        Ok((not, list))
    }
}

fn check_action(action: &str) -> Result<(), MalformedPolicy> {
    if action == "*" {
        return Ok(());
    }
    let Some((vendor, name)) = action.split_once(':') else {
        return Err(MalformedPolicy::NoVendor);
    };
    if name.contains(':') {
        return Err(MalformedPolicy::Colons);
    }
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    if vendor != "*" && (vendor.is_empty() || !vendor.chars().all(valid)) {
        return Err(MalformedPolicy::Vendor(vendor.to_owned()));
    }
    Ok(())
}

fn is_trust_action(action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    [
        "sts:assumerole",
        "sts:assumerolewithsaml",
        "sts:assumerolewithwebidentity",
        "sts:assumeroot",
        "sts:setsourceidentity",
        "sts:tagsession",
        "sts:setcontext",
    ]
    .iter()
    .any(|known| Glob::new(&action).matches(known))
        && action.starts_with("sts:")
}

fn check_resource(resource: &str) -> Result<(), MalformedPolicy> {
    const PARTITIONS: [&str; 6] = [
        "aws",
        "aws-cn",
        "aws-us-gov",
        "aws-iso",
        "aws-iso-b",
        "aws-eusc",
    ];
    if resource == "*" {
        return Ok(());
    }
    let Some(rest) = resource.strip_prefix("arn:") else {
        return Err(MalformedPolicy::NotArn(resource.to_owned()));
    };
    let (partition, rest) = rest.split_once(':').unwrap_or((rest, ""));
    if !PARTITIONS.contains(&partition) && !partition.contains(['*', '?', '$']) {
        return Err(MalformedPolicy::Partition {
            partition: partition.to_owned(),
            resource: resource.to_owned(),
        });
    }
    let (vendor, rest) = rest.split_once(':').unwrap_or((rest, ""));
    if partition.ends_with('*') && vendor.is_empty() {
        return Ok(());
    }
    if vendor.is_empty() || (vendor != "*" && vendor.contains(['*', '?'])) {
        return Err(MalformedPolicy::ResourceVendor);
    }
    let parts: Vec<&str> = rest.splitn(3, ':').collect();
    if vendor == "iam"
        && parts
            .first()
            .is_some_and(|region| !matches!(*region, "" | "*"))
    {
        return Err(MalformedPolicy::IamRegion(resource.to_owned()));
    }
    let whole = parts.len() == 3 && parts.last().is_some_and(|id| !id.is_empty());
    if !whole && !resource.ends_with('*') {
        return Err(MalformedPolicy::Legacy);
    }
    Ok(())
}

fn conditions(value: &Json, variables: bool) -> Result<Vec<Condition>, MalformedPolicy> {
    let Json::Object(operators) = value else {
        return Err(MalformedPolicy::Syntax);
    };
    let mut conditions = Vec::new();
    for (operator, keys) in operators {
        let Json::Object(keys) = keys else {
            return Err(MalformedPolicy::Syntax);
        };
        for (key, values) in keys {
            let list = match values {
                Json::Array(items) => items.iter().map(Json::scalar).collect::<Option<Vec<_>>>(),
                one => one.scalar().map(|text| vec![text]),
            };
            let list = list.ok_or(MalformedPolicy::Syntax)?;
            if key.is_empty() {
                return Err(MalformedPolicy::Syntax);
            }
            if !key.contains(':') {
                return Err(MalformedPolicy::NoVendor);
            }
            let condition =
                Condition::parse(operator, key, list.iter().map(String::as_str), variables)
                    .map_err(|error| match error {
                        ConditionError::Operator => MalformedPolicy::Syntax,
                        ConditionError::Value => MalformedPolicy::Legacy,
                    })?;
            conditions.push(condition);
        }
    }
    Ok(conditions)
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
