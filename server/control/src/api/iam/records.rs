//! What is remembered of users, groups, roles, policies, keys and sessions.
//!
//! Names are unique without regard to case (IAM user guide, "IAM identifiers"): the key of a record
//! is its name in lower case.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::arn::Arn;
use crate::iam::Principal;
use crate::store::Record;
use crate::time::Seconds;

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// Unique among the tags of a thing, without regard to case.
    pub key: String,
    /// May be empty.
    pub value: String,
}

/// The policies of a user, group or role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permissions {
    /// Documents by policy name.
    #[serde(default)]
    pub inline: BTreeMap<String, String>,
    /// ARNs of managed policies, in the order of attachment.
    #[serde(default)]
    pub attached: Vec<String>,
    /// The ARN of the permissions boundary. Groups have none.
    #[serde(default)]
    pub boundary: Option<String>,
}

impl Permissions {
    fn indexes(&self) -> Vec<(&'static str, &str)> {
        let attached = self.attached.iter().map(|arn| ("attached", arn.as_str()));
        let boundary = self.boundary.iter().map(|arn| ("boundary", arn.as_str()));
        attached.chain(boundary).collect()
    }
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The name in lower case.
    pub key: String,
    /// The name as it was given.
    pub name: String,
    /// `/`, or `/a/b/`.
    pub path: String,
    /// `AIDA...`.
    pub id: String,
    /// When it was made.
    pub created: Seconds,
    /// Its policies.
    #[serde(default)]
    pub permissions: Permissions,
    /// Keys of its groups, in order.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
}

impl User {
    /// Its ARN.
    #[must_use]
    pub fn arn(&self, account: &str) -> String {
        Arn::new(
            "iam",
            "",
            account,
            format!("user{}{}", self.path, self.name),
        )
        .to_string()
    }

    /// As it makes requests.
    #[must_use]
    pub fn principal(&self, account: &str) -> Principal {
        Principal::User {
            account: account.to_owned(),
            path: self.path.clone(),
            name: self.name.clone(),
            id: self.id.clone(),
        }
    }
}

impl Record for User {
    const TABLE: &'static str = "control/iam-users";

    fn key(&self) -> &str {
        &self.key
    }

    fn indexes(&self) -> Vec<(&'static str, &str)> {
        let mut indexes = self.permissions.indexes();
        indexes.extend(self.groups.iter().map(|group| ("group", group.as_str())));
        indexes
    }
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The name in lower case.
    pub key: String,
    /// The name as it was given.
    pub name: String,
    /// `/`, or `/a/b/`.
    pub path: String,
    /// `AGPA...`.
    pub id: String,
    /// When it was made.
    pub created: Seconds,
    /// Its policies.
    #[serde(default)]
    pub permissions: Permissions,
}

impl Group {
    /// Its ARN.
    #[must_use]
    pub fn arn(&self, account: &str) -> String {
        Arn::new(
            "iam",
            "",
            account,
            format!("group{}{}", self.path, self.name),
        )
        .to_string()
    }
}

impl Record for Group {
    const TABLE: &'static str = "control/iam-groups";

    fn key(&self) -> &str {
        &self.key
    }

    fn indexes(&self) -> Vec<(&'static str, &str)> {
        self.permissions.indexes()
    }
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// The name in lower case.
    pub key: String,
    /// The name as it was given.
    pub name: String,
    /// `/`, or `/a/b/`.
    pub path: String,
    /// `AROA...`.
    pub id: String,
    /// When it was made.
    pub created: Seconds,
    /// The trust policy.
    pub trust: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// The longest session, in seconds.
    pub max_session: i64,
    /// The service that it is linked to: only that service may change it.
    #[serde(default)]
    pub service: Option<String>,
    /// Its policies.
    #[serde(default)]
    pub permissions: Permissions,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
}

impl Role {
    /// Its ARN.
    #[must_use]
    pub fn arn(&self, account: &str) -> String {
        Arn::new(
            "iam",
            "",
            account,
            format!("role{}{}", self.path, self.name),
        )
        .to_string()
    }

    /// A session of it, as it makes requests.
    #[must_use]
    pub fn principal(&self, account: &str, session: &str) -> Principal {
        Principal::Session {
            account: account.to_owned(),
            path: self.path.clone(),
            role: self.name.clone(),
            role_id: self.id.clone(),
            session: session.to_owned(),
        }
    }
}

impl Record for Role {
    const TABLE: &'static str = "control/iam-roles";

    fn key(&self) -> &str {
        &self.key
    }

    fn indexes(&self) -> Vec<(&'static str, &str)> {
        self.permissions.indexes()
    }
}

/// A version of a managed policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// The number of `v1`, `v2`, ...
    pub number: u32,
    /// The document.
    pub document: String,
    /// When it was made.
    pub created: Seconds,
}

/// A managed policy of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedPolicy {
    /// Its ARN.
    pub arn: String,
    /// The name as it was given.
    pub name: String,
    /// The name in lower case.
    pub folded: String,
    /// `/`, or `/a/b/`.
    pub path: String,
    /// `ANPA...`.
    pub id: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// When it was made.
    pub created: Seconds,
    /// When its versions changed last.
    pub updated: Seconds,
    /// The version that counts.
    pub default: u32,
    /// The number of the next version: none is used twice.
    pub next: u32,
    /// At most five.
    pub versions: Vec<PolicyVersion>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
}

impl ManagedPolicy {
    /// The document that counts.
    #[must_use]
    pub fn document(&self) -> Option<&str> {
        let version = self
            .versions
            .iter()
            .find(|version| version.number == self.default)?;
        Some(&version.document)
    }
}

impl Record for ManagedPolicy {
    const TABLE: &'static str = "control/iam-policies";

    fn key(&self) -> &str {
        &self.arn
    }

    fn indexes(&self) -> Vec<(&'static str, &str)> {
        vec![("name", &self.folded)]
    }
}

/// A user's access key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    /// `AKIA...`.
    pub id: String,
    /// Shown once, when it is made.
    pub secret: String,
    /// The key of the user.
    pub user: String,
    /// Whether it is `Active`, and not `Inactive`.
    pub active: bool,
    /// When it was made.
    pub created: Seconds,
}

impl Record for AccessKey {
    const TABLE: &'static str = "control/iam-access-keys";

    fn key(&self) -> &str {
        &self.id
    }

    fn indexes(&self) -> Vec<(&'static str, &str)> {
        vec![("user", &self.user)]
    }
}

/// Whose a session is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionOf {
    /// The account's root user (GetSessionToken).
    Root,
    /// A user (GetSessionToken): its key and its id, as another may come to have its name.
    User(String, String),
    /// A role (AssumeRole): its key, its id, and the session's name.
    Role(String, String, String),
}

/// Temporary credentials.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// `ASIA...`.
    pub id: String,
    /// The secret.
    pub secret: String,
    /// The session token.
    pub token: String,
    /// Whose it is.
    pub of: SessionOf,
    /// When it was made.
    pub issued: Seconds,
    /// When it ends.
    pub expires: Seconds,
    /// Session policies: documents, or ARNs of managed policies; `None` if none were given.
    #[serde(default)]
    pub policies: Option<Vec<SessionPolicy>>,
    /// Session tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
}

/// A policy that was given to AssumeRole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionPolicy {
    /// `Policy`: its document.
    Inline(String),
    /// One of `PolicyArns`.
    Managed(String),
}

impl Record for Session {
    const TABLE: &'static str = "control/sts-sessions";

    fn key(&self) -> &str {
        &self.id
    }
}

/// An instance profile: it carries a role to an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceProfile {
    /// The name in lower case.
    pub key: String,
    /// The name as it was given.
    pub name: String,
    /// `/`, or `/a/b/`.
    pub path: String,
    /// `AIPA...`.
    pub id: String,
    /// When it was made.
    pub created: Seconds,
    /// The key of its role, if it has one.
    #[serde(default)]
    pub role: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
}

impl InstanceProfile {
    /// Its ARN.
    #[must_use]
    pub fn arn(&self, account: &str) -> String {
        Arn::new(
            "iam",
            "",
            account,
            format!("instance-profile{}{}", self.path, self.name),
        )
        .to_string()
    }
}

impl Record for InstanceProfile {
    const TABLE: &'static str = "control/iam-instance-profiles";

    fn key(&self) -> &str {
        &self.key
    }

    fn indexes(&self) -> Vec<(&'static str, &str)> {
        self.role
            .iter()
            .map(|role| ("role", role.as_str()))
            .collect()
    }
}

// Secrets must not get into a log.
impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
