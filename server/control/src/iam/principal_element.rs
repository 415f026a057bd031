//! The elements `Principal` and `NotPrincipal`.
//!
//! Source: IAM user guide, "AWS JSON policy elements: Principal", "... NotPrincipal".

use super::json::Json;
use super::policy::MalformedPolicy;
use super::principal::Principal;
use crate::arn::Arn;

/// One entry of a `Principal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrincipalPattern {
    /// `"*"` or `{"AWS": "*"}`: everybody, also the anonymous.
    Everybody,
    /// An account: its number, or `arn:aws:iam::...:root`.
    Account(String),
    /// A user, a role, or a session of a role.
    Arn(Arn),
    /// A unique id, `AIDA...` or `AROA...`: what stays of a principal that was deleted.
    Id(String),
    /// A service: `elasticfilesystem.amazonaws.com`.
    Service(String),
    /// An identity provider.
    Federated(String),
}

/// How directly a statement grants to a principal. It decides which other layers still limit it
/// (IAM user guide, "Permissions boundaries", "Evaluating effective permissions").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// To its account: the account must grant it on by identity-based policies.
    Account,
    /// To the role of a session: boundary and session policy still limit it.
    Role,
    /// To the user or session itself: no other layer has to allow it.
    Direct,
}

impl PrincipalPattern {
    fn parse_aws(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Everybody);
        }
        if is_account(text) {
            return Some(Self::Account(text.to_owned()));
        }
        let unique =
            |prefix| text.starts_with(prefix) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        if unique("AIDA") || unique("AROA") {
            return Some(Self::Id(text.to_owned()));
        }
        let arn: Arn = text.parse().ok()?;
        if !is_account(&arn.account) || !arn.region.is_empty() || text.contains(['*', '?']) {
            return None;
        }
        match (arn.service.as_str(), arn.resource_type()) {
            ("iam", "root") if arn.resource == "root" => Some(Self::Account(arn.account)),
            ("iam", "user" | "role") if !arn.resource_name().is_empty() => Some(Self::Arn(arn)),
            ("sts", "assumed-role") if arn.resource.split('/').count() == 3 => Some(Self::Arn(arn)),
            ("sts", "federated-user") => Some(Self::Arn(arn)),
            _ => None,
        }
    }

    /// Whether this entry means `principal`, and how directly.
    #[must_use]
    pub fn matches(&self, principal: &Principal) -> Option<Grant> {
        let session = matches!(principal, Principal::Session { .. });
        match self {
            Self::Everybody if session => Some(Grant::Role),
            Self::Everybody => Some(Grant::Direct),
            Self::Account(account) if principal.account() == Some(account) => {
                Some(if matches!(principal, Principal::Root { .. }) {
                    Grant::Direct
                } else {
                    Grant::Account
                })
            }
            Self::Arn(arn) if principal.arn().as_ref() == Some(arn) => Some(Grant::Direct),
            Self::Arn(arn) if session && principal.principal_arn().as_ref() == Some(arn) => {
                Some(Grant::Role)
            }
            Self::Id(id) => match principal {
                Principal::User { id: own, .. } if own == id => Some(Grant::Direct),
                Principal::Session { role_id, .. } if role_id == id => Some(Grant::Role),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Whether this is an account's number: twelve digits.
#[must_use]
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `Principal` or, if negated, `NotPrincipal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrincipalElement {
    /// `NotPrincipal`.
    pub negated: bool,
    /// Its entries.
    pub patterns: Vec<PrincipalPattern>,
}

impl PrincipalElement {
    /// Reads the element's value.
    ///
    /// # Errors
    /// If it isn't `"*"` or an object of `AWS`, `Service` and `Federated`, or an entry is none.
    pub fn parse(value: &Json, negated: bool) -> Result<Self, MalformedPolicy> {
        let mut patterns = Vec::new();
        match value {
            Json::String(text) if text == "*" => patterns.push(PrincipalPattern::Everybody),
            Json::String(text) => {
                return Err(MalformedPolicy::Principal {
                    kind: "AWS".into(),
                    value: text.clone(),
                });
            }
            Json::Object(members) if !members.is_empty() => {
                for (kind, values) in members {
                    for text in strings(values).ok_or(MalformedPolicy::Syntax)? {
                        patterns.push(entry(kind, text)?);
                    }
                }
            }
            _ => return Err(MalformedPolicy::Syntax),
        }
        if patterns.is_empty() {
            return Err(MalformedPolicy::Syntax);
        }
        Ok(Self { negated, patterns })
    }

    /// Whether an `Allow` with this element means `principal`, and how directly.
    #[must_use]
    pub fn allows(&self, principal: &Principal) -> Option<Grant> {
        let listed = self
            .patterns
            .iter()
            .filter_map(|pattern| pattern.matches(principal))
            .max();
        match (self.negated, listed) {
            (false, grant) => grant,
            (true, Some(_)) => None,
            (true, None) => PrincipalPattern::Everybody.matches(principal),
        }
    }

    /// Whether a `Deny` with this element means `principal`.
    ///
    /// `NotPrincipal` spares only whoever is listed in full: the account, the role if it is a
    /// session, and the user or session itself; and nobody who has a permissions boundary.
    #[must_use]
    pub fn denies(&self, principal: &Principal, has_boundary: bool) -> bool {
        let listed = |grant| {
            self.patterns.iter().any(|pattern| {
                *pattern == PrincipalPattern::Everybody || pattern.matches(principal) == Some(grant)
            })
        };
        if !self.negated {
            return self
                .patterns
                .iter()
                .any(|pattern| pattern.matches(principal).is_some());
        }
        if has_boundary {
            return true;
        }
        let spared = match principal {
            Principal::Anonymous | Principal::Root { .. } => listed(Grant::Direct),
            Principal::User { .. } => listed(Grant::Direct) && listed(Grant::Account),
            Principal::Session { .. } => {
                listed(Grant::Direct) && listed(Grant::Role) && listed(Grant::Account)
            }
        };
        !spared
    }
}

fn entry(kind: &str, text: &str) -> Result<PrincipalPattern, MalformedPolicy> {
    let invalid = || MalformedPolicy::Principal {
        kind: kind.to_owned(),
        value: text.to_owned(),
    };
    match kind {
        "AWS" => PrincipalPattern::parse_aws(text).ok_or_else(invalid),
        "Service" if text.ends_with(".amazonaws.com") || text.ends_with(".amazonaws.com.cn") => {
            Ok(PrincipalPattern::Service(text.to_owned()))
        }
        "Federated" if !text.is_empty() => Ok(PrincipalPattern::Federated(text.to_owned())),
        "Service" | "Federated" | "CanonicalUser" => Err(invalid()),
        _ => Err(MalformedPolicy::Syntax),
    }
}

/// A string, or a list of strings, as a list.
pub(super) fn strings(value: &Json) -> Option<Vec<&str>> {
    match value {
        Json::Array(items) => items.iter().map(Json::as_str).collect(),
        one => Some(vec![one.as_str()?]),
    }
}
