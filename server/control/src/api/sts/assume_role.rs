//! AssumeRole.

use std::sync::Arc;

use super::session::{credentials, issue};
use crate::api::iam::common::{Keys, malformed, now};
use crate::api::iam::holder::find;
use crate::api::iam::input::{
    ARN, DOCUMENT, EXTERNAL_ID, Input, NAME_128, SESSION_NAME, SOURCE_IDENTITY,
};
use crate::api::iam::records::{ManagedPolicy, Role, Session, SessionOf, SessionPolicy, Tag};
use crate::api::xml::Element;
use crate::api::{Answer, ApiError, Call, Demand, Result};
use crate::arn::Arn;
use crate::iam::managed;
use crate::iam::policy::quota;
use crate::iam::{Policy, PolicyKind};
use crate::store::{Change, View};

/// Managed session policies of one session.
const MOST_POLICIES: usize = 10;

/// The longest session that a session may begin, in seconds.
const CHAINED: i64 = 3600;

struct Wanted {
    role: String,
    session: String,
    seconds: Option<i64>,
    policy: Option<String>,
    policy_arns: Vec<String>,
    tags: Vec<Tag>,
    external_id: Option<String>,
    source_identity: Option<String>,
}

impl Wanted {
    fn read(call: &Call) -> Result<Self> {
        let mut input = Input::of(call)?;
        let role = input.text("RoleArn", &ARN);
        let session = input.text("RoleSessionName", &SESSION_NAME);
        let seconds = input.number("DurationSeconds", 900, 43_200);
        let policy = input.optional("Policy", &DOCUMENT);
        let arns = input.form().members("PolicyArns.member");
        let policy_arns = arns
            .iter()
            .map(|at| input.text(&format!("{at}.arn"), &ARN))
            .collect();
        let tags = input.tags();
        let external_id = input.optional("ExternalId", &EXTERNAL_ID);
        let source_identity = input.optional("SourceIdentity", &SOURCE_IDENTITY);
        input.optional("SerialNumber", &NAME_128);
        input.done()?;
        Ok(Self {
            role,
            session,
            seconds,
            policy,
            policy_arns,
            tags,
            external_id,
            source_identity,
        })
    }

    fn keys(&self, role: Option<&Role>) -> Keys {
        let keys = role.map(|role| Keys::of(&role.tags)).unwrap_or_default();
        keys.with("sts:RoleSessionName", &self.session)
            .maybe("sts:ExternalId", self.external_id.as_deref())
            .maybe("sts:SourceIdentity", self.source_identity.as_deref())
            .request_tags(&self.tags)
    }

    /// The session policies, each read once.
    fn policies(&self, view: &View) -> Result<Option<Vec<SessionPolicy>>> {
        let mut policies = Vec::new();
        let mut plain = 0;
        if let Some(document) = &self.policy {
            Policy::parse(document, PolicyKind::Identity).map_err(|error| malformed(&error))?;
            plain += document.chars().count();
            policies.push(SessionPolicy::Inline(document.clone()));
        }
        if self.policy_arns.len() > MOST_POLICIES {
            return Err(ApiError::new(
                400,
                "ValidationError",
                format!("At most {MOST_POLICIES} managed session policies can be given."),
            ));
        }
        for arn in &self.policy_arns {
            plain += arn.chars().count();
            if managed::find(arn).is_none() && view.get::<ManagedPolicy>(arn)?.is_none() {
                let message = format!("PolicyArn {arn} was not found.");
                return Err(ApiError::new(400, "ValidationError", message));
            }
            policies.push(SessionPolicy::Managed(arn.clone()));
        }
        if plain > quota::SESSION {
            let message = format!(
                "Packed size of session policies and tags consumes {}% of allotted space.",
                plain * 100 / quota::SESSION
            );
            return Err(ApiError::new(400, "PackedPolicyTooLarge", message));
        }
        Ok((!policies.is_empty()).then_some(policies))
    }

    /// How much of the room for session policies is used, in percent.
    fn packed(&self) -> Option<usize> {
        let inline = self
            .policy
            .as_ref()
            .map_or(0, |document| document.chars().count());
        let arns: usize = self.policy_arns.iter().map(String::len).sum();
        let plain = inline + arns;
        (plain > 0).then(|| (plain * 100).div_ceil(quota::SESSION))
    }
}

/// AssumeRole: temporary credentials of a role, for whom the role trusts.
pub async fn assume_role(call: Arc<Call>) -> Result<Answer> {
    call.change(assume).await
}

fn assume(call: &Call, change: &mut Change) -> Result<Answer> {
    let wanted = Wanted::read(call)?;
    let account = &call.control.settings.account_id;
    let error =
        |status, code: &'static str, message: &str| Err(ApiError::new(status, code, message));
    if call.caller.arn == format!("arn:aws:iam::{account}:root") {
        return error(
            403,
            "AccessDenied",
            "Roles may not be assumed by root accounts.",
        );
    }
    let Ok(arn) = wanted.role.parse::<Arn>() else {
        let message = format!("{} is invalid", wanted.role);
        return error(400, "ValidationError", &message);
    };
    let role = match find::<Role>(change, arn.resource_name())? {
        Some(role) if role.arn(account) == wanted.role => Some(role),
        _ => None,
    };
    let keys = wanted.keys(role.as_ref());
    let mut actions = vec!["sts:AssumeRole"];
    if !wanted.tags.is_empty() {
        actions.push("sts:TagSession");
    }
    if wanted.source_identity.is_some() {
        actions.push("sts:SetSourceIdentity");
    }
    for action in actions {
        // A role that isn't there trusts nobody: the answer doesn't tell one from the other.
        call.require(
            change,
            Demand {
                action: action.to_owned(),
                resource: wanted.role.clone(),
                keys: keys.clone().into_pairs(),
                resource_policy: role.as_ref().map(|role| role.trust.clone()),
            },
        )?;
    }
    let Some(role) = role else {
        let message = format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {}",
            call.caller.arn, wanted.role
        );
        return error(403, "AccessDenied", &message);
    };
    let seconds = wanted.seconds.unwrap_or(3600);
    if seconds > role.max_session {
        let message =
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        return error(400, "ValidationError", message);
    }
    let chained = change
        .get::<Session>(&call.caller.access_key)?
        .is_some_and(|session| matches!(session.of, SessionOf::Role(..)));
    if chained && seconds > CHAINED {
        let message = "The requested DurationSeconds exceeds the 1 hour session limit for roles \
                       assumed by role chaining.";
        return error(400, "ValidationError", message);
    }
    let policies = wanted.policies(change)?;
    let issued = now(call);
    let principal = role.principal(account, &wanted.session);
    let of = SessionOf::Role(role.key, role.id, wanted.session.clone());
    let times = (issued, issued + seconds);
    let session = issue(change, of, times, policies, wanted.tags.clone())?;
    let user = Element::new("AssumedRoleUser")
        .optional("AssumedRoleId", principal.user_id())
        .text("Arn", principal.to_string());
    let mut answer = vec![credentials(&session), user];
    answer.extend(
        wanted
            .packed()
            .map(|percent| Element::of("PackedPolicySize", percent)),
    );
    answer.extend(
        wanted
            .source_identity
            .as_ref()
            .map(|name| Element::of("SourceIdentity", name)),
    );
    Ok(Answer::Xml(answer))
}
