//! Whether a request is allowed, and which statement says so.
//!
//! Source: IAM user guide, "Policy evaluation logic" (within one account; across accounts),
//! "Permissions boundaries for IAM entities", "Session policies".

use std::fmt;
use std::sync::Arc;

use super::context::Context;
use super::policy::{Effect, Policy, Statement};
use super::principal::Principal;
use super::principal_element::Grant;

/// The layers that can allow or deny.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// Inline and managed policies of the user, its groups, or the role.
    Identity,
    /// The permissions boundary of the user or role.
    Boundary,
    /// The session policy that was given to AssumeRole.
    Session,
    /// The policy on the resource: a file-system policy.
    Resource,
    /// A role's trust policy.
    Trust,
}

impl fmt::Display for Layer {
    /// As AWS's messages call it: `identity-based policy`, `permissions boundary`, ...
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "identity-based policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
            Self::Resource => "resource-based policy",
            Self::Trust => "role trust policy",
        })
    }
}

/// A policy where it is attached.
#[derive(Clone, Debug)]
pub struct Attached {
    /// In which layer it counts.
    pub layer: Layer,
    /// To what it is attached: `user/alice`, `group/admins`, `role/r`, `fs-...`.
    pub holder: String,
    /// Its name, or its ARN if it is a managed policy.
    pub name: String,
    /// The document.
    pub policy: Arc<Policy>,
}

/// All policies that apply to a request.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    /// Of the user, its groups, or the role.
    pub identity: Vec<Attached>,
    /// Of the user or role, if it has one.
    pub boundary: Option<Attached>,
    /// Of the session: `None` if it was made without, else one of them must allow.
    pub session: Option<Vec<Attached>>,
    /// On the resource, if there is one.
    pub resource: Option<Attached>,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request<'r> {
    /// Who asks.
    pub principal: &'r Principal,
    /// `elasticfilesystem:DescribeFileSystems`, in any case.
    pub action: &'r str,
    /// An ARN, or `*` if the action has no resource.
    pub resource: &'r str,
    /// The account that owns the resource.
    pub owner: &'r str,
    /// The condition keys.
    pub context: &'r Context,
}

/// The statement that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecidedBy {
    /// The layer of its policy.
    pub layer: Layer,
    /// To what the policy is attached.
    pub holder: String,
    /// The policy's name or ARN.
    pub policy: String,
    /// Which statement of it, from 0.
    pub index: usize,
    /// The statement's Sid, if it has one.
    pub sid: Option<String>,
}

impl fmt::Display for DecidedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} of {}, statement {}",
            self.layer, self.policy, self.holder, self.index
        )?;
        match &self.sid {
            Some(sid) => write!(f, " ({sid})"),
            None => Ok(()),
        }
    }
}

/// Why a request was allowed or denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// A statement allows it, and no other layer objects.
    Allowed(DecidedBy),
    /// The account's root user may do everything.
    Root,
    /// The action needs no permission (GetCallerIdentity).
    NoPermissionNeeded,
    /// A statement denies it.
    Denied(DecidedBy),
    /// No statement of this layer allows it.
    NothingAllows(Layer),
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed(by) => write!(f, "allowed by {by}"),
            Self::Root => f.write_str("the account's root user may do everything"),
            Self::NoPermissionNeeded => f.write_str("no permission is needed"),
            Self::Denied(by) => write!(f, "denied by {by}"),
            Self::NothingAllows(layer) => write!(f, "no {layer} allows it"),
        }
    }
}

/// What was decided, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the request goes on.
    pub allowed: bool,
    /// Which rule decided.
    pub because: Because,
}

impl Decision {
    fn allow(because: Because) -> Self {
        Self {
            allowed: true,
            because,
        }
    }

    fn deny(because: Because) -> Self {
        Self {
            allowed: false,
            because,
        }
    }

    /// The decision on an action that everybody may do.
    #[must_use]
    pub fn unconditional() -> Self {
        Self::allow(Because::NoPermissionNeeded)
    }

    /// Whether a statement denied it: no further grant helps.
    #[must_use]
    pub fn is_explicit_deny(&self) -> bool {
        matches!(self.because, Because::Denied(_))
    }

    /// AWS's message for a denied request; of an allowed one it says nothing useful.
    ///
    /// Source: IAM user guide, "Troubleshoot access denied error messages".
    #[must_use]
    pub fn message(&self, principal: &Principal, action: &str, resource: &str) -> String {
        let head = format!("User: {principal} is not authorized to perform: {action}");
        let on = if resource == "*" {
            String::new()
        } else {
            format!(" on resource: {resource}")
        };
        match &self.because {
            Because::Denied(by) => {
                let article = if by.layer == Layer::Identity {
                    "an"
                } else {
                    "a"
                };
                format!("{head}{on} with an explicit deny in {article} {}", by.layer)
            }
            Because::NothingAllows(layer) => {
                format!("{head}{on} because no {layer} allows the {action} action")
            }
            _ => format!("{head}{on}"),
        }
    }
}

/// Decides.
///
/// An explicit deny of any layer is final. The root user then may do everything. A grant of the
/// resource's policy to the user or the session itself suffices; one to the role of a session is
/// still limited by boundary and session policy; one to the account only delegates. Else an
/// identity-based policy must allow, and boundary and session policy, where they exist, must too.
/// Across accounts both sides must allow.
#[must_use]
pub fn evaluate(request: &Request<'_>, policies: &Policies) -> Decision {
    let action = request.action.to_ascii_lowercase();
    let asked = Asked {
        request,
        action: &action,
        has_boundary: policies.boundary.is_some(),
    };

    let all = policies
        .identity
        .iter()
        .chain(&policies.boundary)
        .chain(policies.session.iter().flatten())
        .chain(&policies.resource);
    if let Some(by) = all.clone().find_map(|attached| asked.denied_by(attached)) {
        return Decision::deny(Because::Denied(by));
    }

    let same_account = request.principal.account() == Some(request.owner);
    if same_account && matches!(request.principal, Principal::Root { .. }) {
        return Decision::allow(Because::Root);
    }

    let granted = policies
        .resource
        .as_ref()
        .and_then(|attached| asked.granted_by(attached));
    if !same_account && granted.is_none() {
        return Decision::deny(Because::NothingAllows(Layer::Resource));
    }
    let foreign_root = !same_account && matches!(request.principal, Principal::Root { .. });
    let by = match granted {
        Some((by, _)) if foreign_root => Some(by),
        Some((by, _)) if matches!(request.principal, Principal::Anonymous) => {
            return Decision::allow(Because::Allowed(by));
        }
        Some((by, Grant::Direct)) if same_account => return Decision::allow(Because::Allowed(by)),
        Some((by, Grant::Role)) if same_account => Some(by),
        _ => policies
            .identity
            .iter()
            .find_map(|attached| asked.allowed_by(attached)),
    };
    let Some(by) = by else {
        return Decision::deny(Because::NothingAllows(Layer::Identity));
    };
    if let Some(boundary) = &policies.boundary
        && asked.allowed_by(boundary).is_none()
    {
        return Decision::deny(Because::NothingAllows(Layer::Boundary));
    }
    if let Some(session) = &policies.session
        && session
            .iter()
            .all(|attached| asked.allowed_by(attached).is_none())
    {
        return Decision::deny(Because::NothingAllows(Layer::Session));
    }
    Decision::allow(Because::Allowed(by))
}

/// Decides whether a principal may assume a role.
///
/// The trust policy must name it: itself, and that suffices in one account; or its account, and
/// then an identity-based policy of its own must allow `sts:AssumeRole` on the role. Boundary and
/// session policy limit it in either case. Source: IAM user guide, "Granting a user permissions to
/// switch roles"; STS API reference, AssumeRole.
#[must_use]
pub fn evaluate_trust(request: &Request<'_>, policies: &Policies) -> Decision {
    let missing = || Decision::deny(Because::NothingAllows(Layer::Trust));
    let Some(trust) = &policies.resource else {
        return missing();
    };
    let action = request.action.to_ascii_lowercase();
    let asked = Asked {
        request,
        action: &action,
        has_boundary: policies.boundary.is_some(),
    };
    if asked.granted_by(trust).is_none() && asked.denied_by(trust).is_none() {
        return missing();
    }
    evaluate(request, policies)
}

/// A request, with its action in lower case.
struct Asked<'a> {
    request: &'a Request<'a>,
    action: &'a str,
    has_boundary: bool,
}

impl Asked<'_> {
    fn fits(&self, statement: &Statement, effect: Effect) -> bool {
        statement.effect == effect
            && statement.covers(self.action, self.request.resource, self.request.context)
            && statement.conditions_hold(self.request.context)
    }

    fn denied_by(&self, attached: &Attached) -> Option<DecidedBy> {
        find(attached, |statement| {
            let meant = statement.principal.as_ref().is_none_or(|principal| {
                principal.denies(self.request.principal, self.has_boundary)
            });
            (meant && self.fits(statement, Effect::Deny)).then_some(())
        })
        .map(|(by, ())| by)
    }

    fn allowed_by(&self, attached: &Attached) -> Option<DecidedBy> {
        find(attached, |statement| {
            self.fits(statement, Effect::Allow).then_some(())
        })
        .map(|(by, ())| by)
    }

    /// The most direct grant of a resource's policy.
    fn granted_by(&self, attached: &Attached) -> Option<(DecidedBy, Grant)> {
        [Grant::Direct, Grant::Role, Grant::Account]
            .into_iter()
            .find_map(|wanted| {
                find(attached, |statement| {
                    let grant = statement
                        .principal
                        .as_ref()?
                        .allows(self.request.principal)?;
                    (grant == wanted && self.fits(statement, Effect::Allow)).then_some(grant)
                })
            })
    }
}

/// The first statement for which `test` has an answer.
fn find<T>(attached: &Attached, test: impl Fn(&Statement) -> Option<T>) -> Option<(DecidedBy, T)> {
    attached
        .policy
        .statements
        .iter()
        .enumerate()
        .find_map(|(index, statement)| {
            let answer = test(statement)?;
            let by = DecidedBy {
                layer: attached.layer,
                holder: attached.holder.clone(),
                policy: attached.name.clone(),
                index,
                sid: statement.sid.clone(),
            };
            Some((by, answer))
        })
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
