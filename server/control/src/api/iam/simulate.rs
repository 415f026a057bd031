//! SimulatePrincipalPolicy and SimulateCustomPolicy: what would be allowed, decided by the very
//! function that decides on requests. Source: IAM API reference; nothing is carried out.

use std::sync::Arc;

use super::common::{Keys, invalid, now, require, truncation};
use super::holder::{find, missing};
use super::input::{ANY, ARN, DOCUMENT, Input};
use super::records::{Group, Role, User};
use crate::api::xml::Element;
use crate::api::{Answer, ApiError, Call, Result};
use crate::arn::Arn;
use crate::blocking::blocking;
use crate::iam::evaluate::{Attached, Because, DecidedBy, Decision, Layer, Policies};
use crate::iam::policy::Statement;
use crate::iam::{Context, MalformedPolicy, Policy, PolicyKind, Principal, Request, evaluate};
use crate::identity::Identity;
use crate::store::View;

/// Characters of all policies in a request.
const MOST_TEXT: usize = 131_072;

/// Values of context keys in a request.
const MOST_VALUES: usize = 100;

/// Characters of policies times values that one answer may cost: past it, its page ends.
const MOST_WORK: usize = 4_000_000;

/// Policies may be long and many: the work is done where it keeps no other call waiting.
async fn aside(call: Arc<Call>, work: fn(&Call) -> Result<Answer>) -> Result<Answer> {
    let done = blocking(Box::new(move || work(&call))).await;
    done.unwrap_or_else(|error| Err(ApiError::internal(&error)))
}

/// SimulatePrincipalPolicy.
pub async fn principal(call: Arc<Call>) -> Result<Answer> {
    aside(call, simulate_principal).await
}

fn simulate_principal(call: &Call) -> Result<Answer> {
    let mut input = Input::of(call)?;
    let source = input.text("PolicySourceArn", &ARN);
    let asked = Asked::read(&mut input)?;
    let view = call.view()?;
    require(call, &view, &source, Keys::none())?;
    let identity = identity(call, &view, &source)?;
    let mut policies = identity.policies(&view)?;
    let context = identity.context(now(call));
    let principal = match &asked.caller {
        Some(arn) => caller(&view, &call.control.settings.account_id, arn)?,
        None => identity.principal,
    };
    asked.add(&mut policies)?;
    asked.answer(
        &call.control.settings.account_id,
        &principal,
        context,
        &policies,
    )
}

/// SimulateCustomPolicy.
pub async fn custom(call: Arc<Call>) -> Result<Answer> {
    aside(call, simulate_custom).await
}

fn simulate_custom(call: &Call) -> Result<Answer> {
    let mut input = Input::of(call)?;
    let asked = Asked::read(&mut input)?;
    if asked.documents.is_empty() {
        input.text("PolicyInputList", &DOCUMENT);
        input.done()?;
    }
    let view = call.view()?;
    require(call, &view, "*", Keys::none())?;
    let mut policies = Policies::default();
    asked.add(&mut policies)?;
    let account = &call.control.settings.account_id;
    let principal = match &asked.caller {
        Some(arn) => caller(&view, account, arn)?,
        None => nobody(account),
    };
    asked.answer(account, &principal, Context::new(), &policies)
}

/// A user without a name: custom policies are nobody's.
fn nobody(account: &str) -> Principal {
    Principal::User {
        account: account.to_owned(),
        path: "/".to_owned(),
        name: String::new(),
        id: String::new(),
    }
}

fn identity(call: &Call, view: &View, source: &str) -> Result<Identity> {
    let account = &call.control.settings.account_id;
    let arn: Arn = source
        .parse()
        .map_err(|_| invalid(format!("Invalid ARN: {source}")))?;
    let name = arn.resource_name();
    match arn.resource_type() {
        "user" => {
            let user = find::<User>(view, name)?.filter(|user| user.arn(account) == source);
            let user = user.ok_or_else(|| missing::<User>(name))?;
            Ok(Identity::user(&user, account))
        }
        "group" => {
            let group = find::<Group>(view, name)?.filter(|group| group.arn(account) == source);
            let group = group.ok_or_else(|| missing::<Group>(name))?;
            Ok(Identity::group(&group, nobody(account)))
        }
        "role" => {
            let role = find::<Role>(view, name)?.filter(|role| role.arn(account) == source);
            let role = role.ok_or_else(|| missing::<Role>(name))?;
            Ok(Identity::role(&role, account, "simulated"))
        }
        _ => Err(invalid(format!(
            "{source} is neither a user, nor a group, nor a role."
        ))),
    }
}

/// CallerArn: a user.
fn caller(view: &View, account: &str, arn: &str) -> Result<Principal> {
    let parsed: Option<Arn> = arn.parse().ok();
    let parsed = parsed.filter(|arn| arn.resource_type() == "user");
    let parsed = parsed.ok_or_else(|| invalid(format!("Invalid CallerArn: {arn}")))?;
    let known = find::<User>(view, parsed.resource_name())?.filter(|user| user.arn(account) == arn);
    Ok(known.map_or_else(
        || Principal::User {
            account: parsed.account.clone(),
            path: path_of(&parsed),
            name: parsed.resource_name().to_owned(),
            id: String::new(),
        },
        |user| user.principal(account),
    ))
}

fn path_of(arn: &Arn) -> String {
    let id = arn.resource_id();
    id.rsplit_once('/')
        .map_or_else(|| "/".to_owned(), |(path, _)| format!("/{path}/"))
}

/// What is asked for.
struct Asked {
    actions: Vec<String>,
    resources: Vec<String>,
    documents: Vec<String>,
    boundaries: Vec<String>,
    resource_policy: Option<String>,
    owner: Option<String>,
    caller: Option<String>,
    entries: Vec<(String, Vec<String>)>,
    first: usize,
    most: usize,
}

impl Asked {
    fn read(input: &mut Input) -> Result<Self> {
        let actions = input.list("ActionNames", &ANY);
        if actions.is_empty() {
            input.text("ActionNames", &ANY);
        }
        let mut resources = input.list("ResourceArns", &ANY);
        if resources.is_empty() {
            resources.push("*".to_owned());
        }
        let documents = input.list("PolicyInputList", &DOCUMENT);
        let boundaries = input.list("PermissionsBoundaryPolicyInputList", &DOCUMENT);
        let resource_policy = input.optional("ResourcePolicy", &DOCUMENT);
        let owner = input.optional("ResourceOwner", &ANY);
        let caller = input.optional("CallerArn", &ANY);
        let mut entries = Vec::new();
        for at in input.form().members("ContextEntries.member") {
            let key = input.text(&format!("{at}.ContextKeyName"), &ANY);
            let values = input.list(&format!("{at}.ContextKeyValues"), &ANY);
            entries.push((key, values));
        }
        let first = input.number("Marker", 0, i64::MAX).unwrap_or(0);
        let most = input.number("MaxItems", 1, 1000).unwrap_or(100);
        input.done()?;
        if let Some(action) = actions.iter().find(|action| !action.contains(':')) {
            return Err(invalid(format!("Invalid Action: {action}")));
        }
        let documents_text = documents.iter().chain(&boundaries).chain(&resource_policy);
        let text: usize = documents_text.map(String::len).sum();
        if text > MOST_TEXT {
            return Err(invalid(format!(
                "Policies have at most {MOST_TEXT} characters together."
            )));
        }
        let values: usize = entries.iter().map(|(_, values)| values.len()).sum();
        if values > MOST_VALUES {
            return Err(invalid(format!(
                "At most {MOST_VALUES} context values can be given."
            )));
        }
        let affordable = MOST_WORK / ((text + 1) * (values + 1));
        let most = usize::try_from(most).unwrap_or(100).min(affordable.max(1));
        Ok(Self {
            actions,
            resources,
            documents,
            boundaries,
            resource_policy,
            owner,
            caller,
            entries,
            first: usize::try_from(first).unwrap_or(usize::MAX),
            most,
        })
    }

    /// Adds the policies in the request to those of the principal.
    fn add(&self, policies: &mut Policies) -> Result<()> {
        let read = |list: &str, layer, document: &str, at: usize| {
            let kind = if layer == Layer::Resource {
                PolicyKind::Resource
            } else {
                PolicyKind::Identity
            };
            let policy = Policy::parse(document, kind).map_err(|error| invalid_document(&error))?;
            Ok::<_, ApiError>(Attached {
                layer,
                holder: "the request".to_owned(),
                name: format!("{list}.{}", at + 1),
                policy: Arc::new(policy),
            })
        };
        for (at, document) in self.documents.iter().enumerate() {
            policies
                .identity
                .push(read("PolicyInputList", Layer::Identity, document, at)?);
        }
        match self.boundaries.as_slice() {
            [] => {}
            [document] => {
                let list = "PermissionsBoundaryPolicyInputList";
                policies.boundary = Some(read(list, Layer::Boundary, document, 0)?);
            }
            _ => return Err(invalid("Only one permissions boundary can be given.")),
        }
        if let Some(document) = &self.resource_policy {
            policies.resource = Some(read("ResourcePolicy", Layer::Resource, document, 0)?);
        }
        Ok(())
    }

    fn answer(
        &self,
        account: &str,
        principal: &Principal,
        mut context: Context,
        policies: &Policies,
    ) -> Result<Answer> {
        for (key, values) in &self.entries {
            context.set_list(key, values.iter().cloned());
        }
        let owner = match &self.owner {
            Some(arn) => arn
                .parse::<Arn>()
                .map_or_else(|_| arn.clone(), |arn| arn.account),
            None => account.to_owned(),
        };
        // Each page decides on its own part alone: the product may be large.
        let pairs = self.actions.iter().flat_map(|action| {
            self.resources
                .iter()
                .map(move |resource| (action.as_str(), resource.as_str()))
        });
        let all = self.actions.len().saturating_mul(self.resources.len());
        let end = self.first.saturating_add(self.most);
        let results = pairs
            .skip(self.first)
            .take(self.most)
            .map(|(action, resource)| {
                let request = Request {
                    principal,
                    action,
                    resource,
                    owner: &owner,
                    context: &context,
                };
                let decision = evaluate(&request, policies);
                result(&request, policies, &decision)
            });
        let mut answer = vec![super::common::members("EvaluationResults", results)];
        answer.extend(truncation((end < all).then(|| end.to_string())));
        Ok(Answer::Xml(answer))
    }
}

fn invalid_document(error: &MalformedPolicy) -> ApiError {
    invalid(error.to_string())
}

fn result(request: &Request<'_>, policies: &Policies, decision: &Decision) -> Element {
    let verdict = match &decision.because {
        _ if decision.allowed => "allowed",
        Because::Denied(_) => "explicitDeny",
        _ => "implicitDeny",
    };
    let by = match &decision.because {
        Because::Allowed(by) | Because::Denied(by) => Some(statement(by)),
        _ => None,
    };
    let missing = missing_keys(request, policies);
    let missing = missing.into_iter().map(|key| Element::of("member", key));
    let mut element = Element::new("member")
        .text("EvalActionName", request.action)
        .text("EvalResourceName", request.resource)
        .text("EvalDecision", verdict)
        .child(super::common::members("MatchedStatements", by))
        .child(super::common::members("MissingContextValues", missing));
    if let Some(boundary) = &policies.boundary {
        let alone = Policies {
            identity: vec![boundary.clone()],
            ..Policies::default()
        };
        let allowed = evaluate(request, &alone).allowed;
        let detail = Element::new("PermissionsBoundaryDecisionDetail")
            .text("AllowedByPermissionsBoundary", allowed);
        element = element.child(detail);
    }
    element
}

/// A member of `MatchedStatements`.
fn statement(by: &DecidedBy) -> Element {
    let (kind, name) = by.holder.split_once('/').unwrap_or(("", &by.holder));
    let (id, source) = if by.layer == Layer::Resource {
        (by.policy.clone(), "resource")
    } else if by.policy.starts_with("arn:aws:iam::aws:") {
        (
            super::policies::name_of(&by.policy).to_owned(),
            "aws-managed",
        )
    } else if by.policy.starts_with("arn:") {
        (
            super::policies::name_of(&by.policy).to_owned(),
            "user-managed",
        )
    } else {
        match kind {
            "user" => (format!("user_{name}_{}", by.policy), "user"),
            "group" => (format!("group_{name}_{}", by.policy), "group"),
            "role" => (format!("role_{name}_{}", by.policy), "role"),
            _ => (by.policy.clone(), "none"),
        }
    };
    Element::new("member")
        .text("SourcePolicyId", id)
        .text("SourcePolicyType", source)
}

/// Keys that statements on this action and resource ask for, and that the request doesn't have.
fn missing_keys(request: &Request<'_>, policies: &Policies) -> Vec<String> {
    let action = request.action.to_ascii_lowercase();
    let all = policies
        .identity
        .iter()
        .chain(&policies.boundary)
        .chain(&policies.resource);
    let statements = all.flat_map(|attached| &attached.policy.statements);
    let statements =
        statements.filter(|statement| statement.covers(&action, request.resource, request.context));
    let keys = statements.flat_map(Statement::condition_keys);
    let mut missing: Vec<String> = keys
        .filter(|key| request.context.get(key).is_none())
        .map(str::to_owned)
        .collect();
    missing.sort_unstable();
    missing.dedup();
    missing
}
