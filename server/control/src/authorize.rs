//! The permission rules at the API's gate: who signed a request, which policies apply to it, and
//! what they decide together.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use quick_cache::sync::Cache;
use subtle::ConstantTimeEq;

use crate::api::iam::records::{
    AccessKey, Group, ManagedPolicy, Permissions, Role, Session, SessionOf, SessionPolicy, Tag,
    User,
};
use crate::api::{
    Caller, Demand, Gate, Judgement, Request as HttpRequest, Service, Unauthenticated,
};
use crate::control::Settings;
use crate::iam::evaluate::{Attached, Because, Decision, Layer, Policies};
use crate::iam::file_system_policy;
use crate::iam::principal_element::PrincipalPattern;
use crate::iam::{self, Context, Policy, PolicyKind, Principal, managed};
use crate::sigv4::{Claim, Parts, Scope, SignatureError, SigningKeys};
use crate::store::{StoreError, View};
use crate::time::{Seconds, iso8601};

/// How many documents are kept as they were read. Each may take some ten KiB.
const DOCUMENTS: usize = 256;

/// A document, read; `None` if it is none, which no operation accepts.
///
/// Documents are found by their content, so that a change of a policy needs no care here.
#[must_use]
pub fn read(document: &str, kind: PolicyKind) -> Option<Arc<Policy>> {
    type Documents = Cache<(u8, Box<str>), Arc<Policy>>;
    static READ: LazyLock<Documents> = LazyLock::new(|| Cache::new(DOCUMENTS));
    let key = (kind as u8, Box::from(document));
    if let Some(policy) = READ.get(&key) {
        return Some(policy);
    }
    let policy = Arc::new(Policy::parse(document, kind).ok()?);
    READ.insert(key, Arc::clone(&policy));
    Some(policy)
}

/// A document that was accepted once, read. Should it not be readable any more, it denies
/// everything: what it denied must not become allowed.
fn read_kept(document: &str, kind: PolicyKind) -> Arc<Policy> {
    const NOTHING: &str = r#"{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;
    let policy = read(document, kind).or_else(|| {
        tracing::error!("a policy in the store can't be read: it denies everything");
        read(NOTHING, PolicyKind::Identity)
    });
    policy.unwrap_or_else(nothing)
}

/// Who makes requests with an access key.
#[derive(Clone, Debug)]
pub struct Identity {
    /// As policies know it.
    pub principal: Principal,
    /// Of the user or role, and of the session.
    pub tags: Vec<Tag>,
    /// When its session was made, if it has one.
    pub issued: Option<Seconds>,
    /// Of the user or role; empty for root.
    permissions: Permissions,
    /// Keys of the user's groups.
    groups: Vec<String>,
    /// Of the session.
    session: Option<Vec<SessionPolicy>>,
}

impl Identity {
    /// The root user.
    #[must_use]
    pub fn root(account: &str) -> Self {
        Self {
            principal: Principal::Root {
                account: account.to_owned(),
            },
            tags: Vec::new(),
            issued: None,
            permissions: Permissions::default(),
            groups: Vec::new(),
            session: None,
        }
    }

    /// A user.
    #[must_use]
    pub fn user(user: &User, account: &str) -> Self {
        Self {
            principal: user.principal(account),
            tags: user.tags.clone(),
            issued: None,
            permissions: user.permissions.clone(),
            groups: user.groups.clone(),
            session: None,
        }
    }

    /// A session of a role.
    #[must_use]
    pub fn role(role: &Role, account: &str, session: &str) -> Self {
        Self {
            principal: role.principal(account, session),
            tags: role.tags.clone(),
            issued: None,
            permissions: role.permissions.clone(),
            groups: Vec::new(),
            session: None,
        }
    }

    /// What a group gives to its members, as if somebody were in it alone.
    #[must_use]
    pub fn group(group: &Group, principal: Principal) -> Self {
        Self {
            principal,
            tags: Vec::new(),
            issued: None,
            permissions: Permissions::default(),
            groups: vec![group.key.clone()],
            session: None,
        }
    }

    /// Whoever has this access key; `None` if nobody has.
    ///
    /// # Errors
    /// Those of the store.
    pub fn of_key(view: &View, settings: &Settings, key: &str) -> Result<Option<Self>, StoreError> {
        let account = &settings.account_id;
        if key == settings.root_access_key {
            return Ok(Some(Self::root(account)));
        }
        if let Some(key) = view.get::<AccessKey>(key)? {
            let user = view.get::<User>(&key.user)?;
            return Ok(user.map(|user| Self::user(&user, account)));
        }
        match view.get::<Session>(key)? {
            Some(session) => Self::of_session(view, account, &session),
            None => Ok(None),
        }
    }

    fn of_session(
        view: &View,
        account: &str,
        session: &Session,
    ) -> Result<Option<Self>, StoreError> {
        let identity = match &session.of {
            SessionOf::Root => Some(Self::root(account)),
            SessionOf::User(key, id) => {
                let user = view.get::<User>(key)?.filter(|user| user.id == *id);
                user.map(|user| Self::user(&user, account))
            }
            SessionOf::Role(key, id, name) => {
                let role = view.get::<Role>(key)?.filter(|role| role.id == *id);
                role.map(|role| Self::role(&role, account, name))
            }
        };
        Ok(identity.map(|mut identity| {
            let own = session.tags.iter();
            identity.tags.retain(|tag| {
                !own.clone()
                    .any(|own| own.key.eq_ignore_ascii_case(&tag.key))
            });
            identity.tags.extend(own.cloned());
            identity.issued = Some(session.issued);
            identity.session.clone_from(&session.policies);
            identity
        }))
    }

    /// All its policies; none of a resource yet.
    ///
    /// # Errors
    /// Those of the store.
    pub fn policies(&self, view: &View) -> Result<Policies, StoreError> {
        let mut identity = Vec::new();
        let holder = match &self.principal {
            Principal::Anonymous | Principal::Root { .. } => return Ok(Policies::default()),
            Principal::User { name, .. } => format!("user/{name}"),
            Principal::Session { role, .. } => format!("role/{role}"),
        };
        add(view, &mut identity, &holder, &self.permissions)?;
        for key in &self.groups {
            if let Some(group) = view.get::<Group>(key)? {
                add(
                    view,
                    &mut identity,
                    &format!("group/{}", group.name),
                    &group.permissions,
                )?;
            }
        }
        let boundary = match &self.permissions.boundary {
            None => None,
            // A boundary that is gone allows nothing, rather than everything.
            Some(arn) => Some(Attached {
                layer: Layer::Boundary,
                holder: holder.clone(),
                name: arn.clone(),
                policy: managed_policy(view, arn)?.unwrap_or_else(nothing),
            }),
        };
        let session = match &self.session {
            None => None,
            Some(given) => {
                let mut session = Vec::new();
                for policy in given {
                    let (name, policy) = match policy {
                        SessionPolicy::Inline(document) => {
                            ("Policy".to_owned(), read(document, PolicyKind::Identity))
                        }
                        SessionPolicy::Managed(arn) => (arn.clone(), managed_policy(view, arn)?),
                    };
                    session.push(Attached {
                        layer: Layer::Session,
                        holder: holder.clone(),
                        name,
                        policy: policy.unwrap_or_else(nothing),
                    });
                }
                Some(session)
            }
        };
        Ok(Policies {
            identity,
            boundary,
            session,
            resource: None,
        })
    }

    /// The condition keys that its requests have.
    #[must_use]
    pub fn context(&self, now: Seconds) -> Context {
        let mut context = Context::of(&self.principal, now);
        let tags = self
            .tags
            .iter()
            .map(|tag| (tag.key.as_str(), tag.value.as_str()));
        context.set_principal_tags(tags);
        if let Some(issued) = self.issued {
            context.set("aws:TokenIssueTime", iso8601(issued));
            context.set("aws:MultiFactorAuthPresent", "false");
        }
        context
    }
}

/// A policy that says nothing.
fn nothing() -> Arc<Policy> {
    Arc::new(Policy {
        variables: true,
        id: None,
        statements: Vec::new(),
    })
}

/// The policy of an ARN: AWS's or the account's.
///
/// # Errors
/// Those of the store.
pub fn managed_policy(view: &View, arn: &str) -> Result<Option<Arc<Policy>>, StoreError> {
    if let Some(managed) = managed::find(arn) {
        return Ok(managed.policy());
    }
    let policy = view.get::<ManagedPolicy>(arn)?;
    Ok(policy.map(|policy| read_kept(policy.document().unwrap_or_default(), PolicyKind::Identity)))
}

/// The first principal of an account's policy that names a user or role which doesn't exist.
///
/// AWS refuses such policies, as it keeps the principal's unique id. Principals of other accounts
/// are believed.
///
/// # Errors
/// Those of the store.
pub fn unknown_principal(
    view: &View,
    account: &str,
    policy: &Policy,
) -> Result<Option<String>, StoreError> {
    let principals = policy
        .statements
        .iter()
        .filter_map(|statement| statement.principal.as_ref());
    for pattern in principals.flat_map(|element| &element.patterns) {
        let PrincipalPattern::Arn(arn) = pattern else {
            continue;
        };
        if arn.account != account {
            continue;
        }
        let text = arn.to_string();
        let key = |name: &str| name.to_ascii_lowercase();
        let known = match arn.resource_type() {
            "user" => view
                .get::<User>(&key(arn.resource_name()))?
                .is_some_and(|user| user.arn(account) == text),
            "role" => view
                .get::<Role>(&key(arn.resource_name()))?
                .is_some_and(|role| role.arn(account) == text),
            "assumed-role" => {
                let name = arn.resource_id().split('/').next().unwrap_or_default();
                view.get::<Role>(&key(name))?
                    .is_some_and(|role| role.name == name)
            }
            _ => true,
        };
        if !known {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

fn add(
    view: &View,
    to: &mut Vec<Attached>,
    holder: &str,
    permissions: &Permissions,
) -> Result<(), StoreError> {
    let mut push = |name: &str, policy: Option<Arc<Policy>>| {
        to.extend(policy.map(|policy| Attached {
            layer: Layer::Identity,
            holder: holder.to_owned(),
            name: name.to_owned(),
            policy,
        }));
    };
    for (name, document) in &permissions.inline {
        push(name, Some(read_kept(document, PolicyKind::Identity)));
    }
    for arn in &permissions.attached {
        push(arn, managed_policy(view, arn)?);
    }
    Ok(())
}

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
