//! Who has an access key, and which policies apply to what they do.

use std::sync::{Arc, LazyLock};

use quick_cache::sync::Cache;

use crate::api::iam::records::{
    AccessKey, Group, ManagedPolicy, Permissions, Role, Session, SessionOf, SessionPolicy, Tag,
    User,
};
use crate::control::Settings;
use crate::iam::evaluate::{Attached, Layer, Policies};
use crate::iam::principal_element::PrincipalPattern;
use crate::iam::{Context, Policy, PolicyKind, Principal, managed};
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
pub(crate) fn read_kept(document: &str, kind: PolicyKind) -> Arc<Policy> {
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
