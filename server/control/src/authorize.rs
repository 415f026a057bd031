//! The permission rules at the API's gate: who signed a request, and what the policies that apply
//! to it decide together.

use std::net::IpAddr;

use subtle::ConstantTimeEq;

use crate::api::iam::records::{AccessKey, Session};
use crate::api::{
    Caller, Demand, Gate, Judgement, Request as HttpRequest, Service, Unauthenticated,
};
use crate::control::Settings;
use crate::iam::evaluate::{Attached, Because, Decision, Layer};
use crate::iam::file_system_policy;
use crate::iam::{self, Context, PolicyKind, Principal};
use crate::identity::{Identity, read_kept};
use crate::sigv4::{Claim, Parts, Scope, SignatureError, SigningKeys};
use crate::store::{StoreError, View};
use crate::time::Seconds;

/// The gate that verifies signatures and enforces policies.
#[derive(Debug)]
pub struct IamGate {
    settings: Settings,
    keys: SigningKeys,
}

impl IamGate {
    /// A gate for an account.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            keys: SigningKeys::new(),
        }
    }

    /// The secret of a key, and its session if it has one; `None` for unknown and inactive keys.
    fn secret(&self, view: &View, claim: &Claim) -> Result<Option<Secret>, StoreError> {
        if claim.access_key == self.settings.root_access_key {
            let secret = self.settings.root_secret.clone();
            return Ok(Some(Secret {
                secret,
                token: None,
                expires: None,
            }));
        }
        if let Some(key) = view.get::<AccessKey>(&claim.access_key)? {
            let secret = Secret {
                secret: key.secret,
                token: None,
                expires: None,
            };
            return Ok(key.active.then_some(secret));
        }
        let session = view.get::<Session>(&claim.access_key)?;
        Ok(session.map(|session| Secret {
            secret: session.secret,
            token: Some(session.token),
            expires: Some(session.expires),
        }))
    }

    fn decide(
        &self,
        view: &View,
        request: &HttpRequest,
        caller: &Caller,
        demand: &Demand,
    ) -> Result<Option<Decision>, StoreError> {
        let Some(identity) = Identity::of_key(view, &self.settings, &caller.access_key)? else {
            return Ok(None);
        };
        let context = self.context(&identity, request);
        judge(view, &self.settings, &identity, context, demand).map(Some)
    }

    /// The keys that every request has.
    fn context(&self, identity: &Identity, request: &HttpRequest) -> Context {
        let peer = request.peer.ip().to_canonical();
        let mut context = request_context(&self.settings, identity, seconds(request), peer);
        if let Some(agent) = request.header("user-agent") {
            context.set("aws:UserAgent", agent);
        }
        if let Some(referer) = request.header("referer") {
            context.set("aws:Referer", referer);
        }
        context
    }
}

/// What the policies of an identity, and that of the resource, say of a demand.
///
/// # Errors
/// Those of the store.
pub fn judge(
    view: &View,
    settings: &Settings,
    identity: &Identity,
    mut context: Context,
    demand: &Demand,
) -> Result<Decision, StoreError> {
    for (key, values) in &demand.keys {
        context.set_list(key, values.iter().cloned());
    }
    let mut policies = identity.policies(view)?;
    let is_trust = is_about_trust(&demand.action);
    if let Some(document) = &demand.resource_policy {
        policies.resource = Some(if is_trust {
            Attached {
                layer: Layer::Trust,
                holder: demand.resource.clone(),
                name: "trust policy".to_owned(),
                policy: read_kept(document, PolicyKind::Trust),
            }
        } else {
            let policy = read_kept(document, PolicyKind::Resource);
            file_system_policy::attached(policy, &demand.resource)
        });
    }
    let request = iam::Request {
        principal: &identity.principal,
        action: &demand.action,
        resource: &demand.resource,
        owner: &settings.account_id,
        context: &context,
    };
    Ok(if is_trust {
        iam::evaluate_trust(&request, &policies)
    } else {
        iam::evaluate(&request, &policies)
    })
}

/// The condition keys that every request of an identity has, from this address.
///
/// `aws:SecureTransport` is true: AWS's API is only reached by TLS, and a policy that demands
/// it for mounts must not lock everybody out of a local endpoint.
#[must_use]
pub fn request_context(
    settings: &Settings,
    identity: &Identity,
    now: Seconds,
    peer: IpAddr,
) -> Context {
    let mut context = identity.context(now);
    context.set("aws:SourceIp", peer.to_string());
    context.set("aws:SecureTransport", "true");
    context.set("aws:ViaAWSService", "false");
    context.set("aws:PrincipalIsAWSService", "false");
    // All that there is belongs to one account.
    context.set("aws:ResourceAccount", settings.account_id.as_str());
    context.set("aws:RequestedRegion", settings.region.as_str());
    context
}

struct Secret {
    secret: String,
    token: Option<String>,
    expires: Option<Seconds>,
}

/// When a request was read, in seconds since 1970.
#[must_use]
pub fn seconds(request: &HttpRequest) -> Seconds {
    i64::try_from(request.millis() / 1000).unwrap_or(i64::MAX)
}

impl Gate for IamGate {
    fn authenticate(
        &self,
        view: &View,
        request: &HttpRequest,
        service: Service,
    ) -> Result<Caller, Unauthenticated> {
        let internal = |error: StoreError| Unauthenticated::Internal(error.to_string());
        let parts = Parts {
            method: request.method.as_str(),
            path: &request.path,
            query: &request.query,
            headers: &request.headers,
            body: &request.body,
        };
        let claim = Claim::read(&parts).map_err(|error| unauthenticated(&error))?;
        let known = self.secret(view, &claim).map_err(internal)?;
        let Secret {
            secret,
            token,
            expires,
        } = known.ok_or(Unauthenticated::UnknownKey)?;
        // IAM is global and signed for us-east-1, unless a client is told of an endpoint.
        let regions = [self.settings.region.as_str(), "us-east-1"];
        let global = matches!(service, Service::Iam | Service::Sts);
        let scope = Scope {
            regions: if global {
                &regions
            } else {
                regions.get(..1).unwrap_or_default()
            },
            service: service.signing_name(),
        };
        let now = seconds(request);
        claim
            .verify(&parts, &secret, &scope, now, &self.keys)
            .map_err(|error| unauthenticated(&error))?;
        let right_token = match (&token, &claim.token) {
            (None, None) => true,
            (Some(token), Some(given)) => bool::from(token.as_bytes().ct_eq(given.as_bytes())),
            _ => false,
        };
        if !right_token {
            return Err(Unauthenticated::UnknownKey);
        }
        if expires.is_some_and(|expires| expires <= now) {
            return Err(Unauthenticated::ExpiredToken);
        }
        let identity =
            Identity::of_key(view, &self.settings, &claim.access_key).map_err(internal)?;
        let identity = identity.ok_or(Unauthenticated::UnknownKey)?;
        // What GetSessionToken gives without MFA is not taken by IAM (STS API reference).
        let is_role = matches!(identity.principal, Principal::Session { .. });
        if service == Service::Iam && token.is_some() && !is_role {
            return Err(Unauthenticated::UnknownKey);
        }
        Ok(Caller {
            account: self.settings.account_id.clone(),
            arn: identity.principal.to_string(),
            user_id: identity.principal.user_id().unwrap_or_default(),
            access_key: claim.access_key,
        })
    }

    fn authorize(
        &self,
        view: &View,
        request: &HttpRequest,
        caller: &Caller,
        demand: &Demand,
    ) -> Judgement {
        let refused = |because: String| Judgement {
            allowed: false,
            because,
            denial: String::new(),
        };
        let decision = match self.decide(view, request, caller, demand) {
            Ok(Some(decision)) => decision,
            Ok(None) => return refused("the caller is gone".to_owned()),
            Err(error) => {
                tracing::error!(%error, "policies can't be read: the call is denied");
                return refused(error.to_string());
            }
        };
        let action = &demand.action;
        let denial = match &decision.because {
            // STS doesn't tell which of the two sides refuses.
            _ if is_about_trust(action) => String::new(),
            Because::Denied(by) => format!("with an explicit deny in {}", with_article(by.layer)),
            Because::NothingAllows(layer) => {
                format!("because no {layer} allows the {action} action")
            }
            _ => String::new(),
        };
        Judgement {
            allowed: decision.allowed,
            because: decision.because.to_string(),
            denial,
        }
    }
}

/// Whether a role's trust policy must allow an action.
fn is_about_trust(action: &str) -> bool {
    ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"].contains(&action)
}

fn with_article(layer: Layer) -> String {
    let article = if layer == Layer::Identity { "an" } else { "a" };
    format!("{article} {layer}")
}

fn unauthenticated(error: &SignatureError) -> Unauthenticated {
    let text = error.to_string();
    match error {
        SignatureError::Missing => Unauthenticated::MissingToken,
        SignatureError::Incomplete(_) => Unauthenticated::Incomplete(text),
        SignatureError::Expired(_) => Unauthenticated::Stale(text),
        SignatureError::Scope(_) | SignatureError::Mismatch => Unauthenticated::BadSignature(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::iam::records::User;
    use crate::iam::evaluate::Policies;
    use crate::testing::{ACCOUNT, World};

    #[tokio::test]
    async fn a_policy_that_cannot_be_read_any_more_denies_everything() {
        let world = World::new();
        let admin = world
            .user("admin", r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#)
            .await;
        admin.iam("ListUsers", &[]).await.ok();
        let damage = |change: &mut crate::store::Change| -> crate::api::Result<()> {
            let mut user = change.get::<User>("admin")?.unwrap();
            user.permissions
                .inline
                .insert("broken".to_owned(), "{".to_owned());
            Ok(change.put(&user)?)
        };
        world.control.store.change(damage).await.unwrap();
        admin
            .iam("ListUsers", &[])
            .await
            .fails(403, "AccessDenied", "explicit deny");

        let arn = format!("arn:aws:elasticfilesystem:us-east-1:{ACCOUNT}:file-system/fs-1");
        let policy = read_kept("{", PolicyKind::Resource);
        let resource = Some(file_system_policy::attached(policy, &arn));
        let root = Principal::Root {
            account: ACCOUNT.to_owned(),
        };
        let context = Context::of(&root, 0);
        let request = iam::Request {
            principal: &root,
            action: "elasticfilesystem:DeleteFileSystem",
            resource: &arn,
            owner: ACCOUNT,
            context: &context,
        };
        let policies = Policies {
            resource,
            ..Policies::default()
        };
        assert!(!iam::evaluate(&request, &policies).allowed);
    }
}
