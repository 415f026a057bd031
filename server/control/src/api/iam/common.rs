//! What the operations of IAM have in common: ids, errors, XML, and permissions.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rand::Rng;

use super::input::Cut;
use super::records::{
    AccessKey, Group, InstanceProfile, ManagedPolicy, Permissions, Role, Tag, User,
};
use crate::api::xml::Element;
use crate::api::{Answer, ApiError, Call, Demand, Result};
use crate::authorize;
use crate::iam::policy::quota;
use crate::iam::{MalformedPolicy, Policy, PolicyKind, managed};
use crate::store::{Record, View};
use crate::time::{Seconds, iso8601};

/// An id: a prefix and 17 letters and digits (IAM user guide, "Unique identifiers").
#[must_use]
pub fn unique_id(prefix: &str) -> String {
    random(prefix, 17, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
}

/// An access key's id: `AKIA` or `ASIA` and 16 letters and digits.
#[must_use]
pub fn key_id(prefix: &str) -> String {
    random(prefix, 16, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
}

/// A secret or a token of this length.
#[must_use]
pub fn secret(length: usize) -> String {
    random(
        "",
        length,
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    )
}

fn random(prefix: &str, length: usize, letters: &[u8]) -> String {
    let mut rng = rand::rng();
    let letter = |_| {
        let at = rng.random_range(0..letters.len());
        letters.get(at).map_or('A', |byte| char::from(*byte))
    };
    prefix.chars().chain((0..length).map(letter)).collect()
}

/// When a call was made.
#[must_use]
pub fn now(call: &Call) -> Seconds {
    authorize::seconds(&call.request)
}

/// NoSuchEntity.
pub fn no_such(message: impl Into<String>) -> ApiError {
    ApiError::new(404, "NoSuchEntity", message)
}

/// EntityAlreadyExists.
pub fn exists(message: impl Into<String>) -> ApiError {
    ApiError::new(409, "EntityAlreadyExists", message)
}

/// LimitExceeded.
pub fn limit(message: impl Into<String>) -> ApiError {
    ApiError::new(409, "LimitExceeded", message)
}

/// DeleteConflict.
pub fn conflict(message: impl Into<String>) -> ApiError {
    ApiError::new(409, "DeleteConflict", message)
}

/// InvalidInput.
pub fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidInput", message)
}

/// MalformedPolicyDocument.
#[must_use]
pub fn malformed(error: &MalformedPolicy) -> ApiError {
    ApiError::new(400, "MalformedPolicyDocument", error.to_string())
}

/// Refuses what would be one too many.
///
/// # Errors
/// LimitExceeded.
pub fn at_most(there: usize, most: usize, name: &str) -> Result<()> {
    if there < most {
        return Ok(());
    }
    Err(limit(format!("Cannot exceed quota for {name}: {most}")))
}

/// Reads a document that is to be kept.
///
/// # Errors
/// MalformedPolicyDocument; also for a principal of this account that doesn't exist.
pub fn check_document(
    call: &Call,
    view: &View,
    document: &str,
    kind: PolicyKind,
) -> Result<Policy> {
    let policy = Policy::parse(document, kind).map_err(|error| malformed(&error))?;
    let account = &call.control.settings.account_id;
    match authorize::unknown_principal(view, account, &policy)? {
        None => Ok(policy),
        Some(value) => Err(malformed(&MalformedPolicy::Principal {
            kind: "AWS".to_owned(),
            value,
        })),
    }
}

/// Asks for the permission of this call on a resource with these tags.
///
/// # Errors
/// AccessDenied.
pub fn require(call: &Call, view: &View, resource: &str, keys: Keys) -> Result<()> {
    let action = format!("iam:{}", call.operation);
    require_action(call, view, &action, resource, keys)
}

/// Asks for another permission than that of the call's own name.
///
/// # Errors
/// AccessDenied.
pub fn require_action(
    call: &Call,
    view: &View,
    action: &str,
    resource: &str,
    keys: Keys,
) -> Result<()> {
    let demand = Demand {
        action: action.to_owned(),
        resource: resource.to_owned(),
        keys: keys.0,
        resource_policy: None,
    };
    call.require(view, demand)
}

/// Condition keys of a demand.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<(String, Vec<String>)>);

impl Keys {
    /// Without any.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The tags of the resource: `aws:ResourceTag/...`, and IAM's own `iam:ResourceTag/...`.
    #[must_use]
    pub fn of(tags: &[Tag]) -> Self {
        let mut keys = Self::default();
        for tag in tags {
            keys = keys
                .with(&format!("aws:ResourceTag/{}", tag.key), &tag.value)
                .with(&format!("iam:ResourceTag/{}", tag.key), &tag.value);
        }
        keys
    }

    /// The keys with their values.
    #[must_use]
    pub fn into_pairs(self) -> Vec<(String, Vec<String>)> {
        self.0
    }

    /// And those.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// And this one.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.0.push((key.to_owned(), vec![value.to_owned()]));
        self
    }

    /// And this one, if it has a value.
    #[must_use]
    pub fn maybe(self, key: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// And the tags in the request: `aws:RequestTag/...`, `aws:TagKeys`.
    #[must_use]
    pub fn request_tags(mut self, tags: &[Tag]) -> Self {
        for tag in tags {
            self = self.with(&format!("aws:RequestTag/{}", tag.key), &tag.value);
        }
        self.tag_keys(tags.iter().map(|tag| tag.key.clone()).collect())
    }

    /// And `aws:TagKeys`.
    #[must_use]
    pub fn tag_keys(mut self, keys: Vec<String>) -> Self {
        if !keys.is_empty() {
            self.0.push(("aws:TagKeys".to_owned(), keys));
        }
        self
    }
}

/// The answer of an operation that has none.
#[must_use]
pub fn nothing() -> Answer {
    Answer::Xml(Vec::new())
}

/// A document in an answer: percent-encoded (IAM API reference, GetUserPolicy).
#[must_use]
pub fn encoded(document: &str) -> String {
    const PLAIN: AsciiSet = NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(document, &PLAIN).to_string()
}

/// A list in an answer, with `IsTruncated` and `Marker`.
#[must_use]
pub fn listed(name: &'static str, cut: Cut<Element>) -> Vec<Element> {
    let mut answer = vec![members(name, cut.items)];
    answer.extend(truncation(cut.marker));
    answer
}

/// `IsTruncated` and `Marker`.
#[must_use]
pub fn truncation(marker: Option<String>) -> Vec<Element> {
    let truncated = Element::of("IsTruncated", marker.is_some());
    let marker = marker.map(|marker| Element::of("Marker", marker));
    std::iter::once(truncated).chain(marker).collect()
}

/// A list of members.
pub fn members(name: &'static str, items: impl IntoIterator<Item = Element>) -> Element {
    Element::new(name).children(items.into_iter().map(|item| item.renamed("member")))
}

/// `Tags`.
#[must_use]
pub fn tags_element(tags: &[Tag]) -> Element {
    let items = tags.iter().map(|tag| {
        Element::new("member")
            .text("Key", &tag.key)
            .text("Value", &tag.value)
    });
    members("Tags", items)
}

/// `PermissionsBoundary`, if there is one.
fn boundary_element(permissions: &Permissions) -> Option<Element> {
    let arn = permissions.boundary.as_ref()?;
    let element = Element::new("PermissionsBoundary")
        .text("PermissionsBoundaryType", "Policy")
        .text("PermissionsBoundaryArn", arn);
    Some(element)
}

/// A date of an answer.
#[must_use]
pub fn date(seconds: Seconds) -> String {
    iso8601(seconds)
}

/// Something that has policies: a user, a group or a role.
pub trait Holder: Record + Clone + Send + 'static {
    /// `User`, `Group`, `Role`.
    const KIND: &'static str;
    /// `UserName`, ...
    const NAME: &'static str;
    /// In messages: `user`, `group`, `role`.
    const WORD: &'static str;
    /// Characters that all its inline policies may have together.
    const INLINE: usize;

    /// Its name as it was given.
    fn name(&self) -> &str;
    /// Its path.
    fn path(&self) -> &str;
    /// Its unique id.
    fn id(&self) -> &str;
    /// Its ARN.
    fn arn(&self, account: &str) -> String;
    /// Its policies.
    fn permissions(&self) -> &Permissions;
    /// The same, to be changed.
    fn permissions_mut(&mut self) -> &mut Permissions;
    /// Its tags; groups have none.
    fn tags(&self) -> &[Tag];
    /// Refuses changes of what belongs to a service.
    ///
    /// # Errors
    /// UnmodifiableEntity.
    fn modifiable(&self) -> Result<()> {
        Ok(())
    }
    /// As it stands in answers; `whole` with tags and boundary, which lists leave out.
    fn element(&self, name: &'static str, account: &str, whole: bool) -> Element;
}

impl Holder for User {
    const KIND: &'static str = "User";
    const NAME: &'static str = "UserName";
    const WORD: &'static str = "user";
    const INLINE: usize = quota::USER_INLINE;

    fn name(&self) -> &str {
        &self.name
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn arn(&self, account: &str) -> String {
        self.arn(account)
    }

    fn permissions(&self) -> &Permissions {
        &self.permissions
    }

    fn permissions_mut(&mut self) -> &mut Permissions {
        &mut self.permissions
    }

    fn tags(&self) -> &[Tag] {
        &self.tags
    }

    fn element(&self, name: &'static str, account: &str, whole: bool) -> Element {
        let element = Element::new(name)
            .text("Path", &self.path)
            .text("UserName", &self.name)
            .text("UserId", &self.id)
            .text("Arn", self.arn(account))
            .text("CreateDate", date(self.created));
        if !whole {
            return element;
        }
        let element = element.children(boundary_element(&self.permissions));
        if self.tags.is_empty() {
            element
        } else {
            element.child(tags_element(&self.tags))
        }
    }
}

impl Holder for Group {
    const KIND: &'static str = "Group";
    const NAME: &'static str = "GroupName";
    const WORD: &'static str = "group";
    const INLINE: usize = quota::GROUP_INLINE;

    fn name(&self) -> &str {
        &self.name
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn arn(&self, account: &str) -> String {
        self.arn(account)
    }

    fn permissions(&self) -> &Permissions {
        &self.permissions
    }

    fn permissions_mut(&mut self) -> &mut Permissions {
        &mut self.permissions
    }

    fn tags(&self) -> &[Tag] {
        &[]
    }

    fn element(&self, name: &'static str, account: &str, _whole: bool) -> Element {
        Element::new(name)
            .text("Path", &self.path)
            .text("GroupName", &self.name)
            .text("GroupId", &self.id)
            .text("Arn", self.arn(account))
            .text("CreateDate", date(self.created))
    }
}

impl Holder for Role {
    const KIND: &'static str = "Role";
    const NAME: &'static str = "RoleName";
    const WORD: &'static str = "role";
    const INLINE: usize = quota::ROLE_INLINE;

    fn name(&self) -> &str {
        &self.name
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn arn(&self, account: &str) -> String {
        self.arn(account)
    }

    fn permissions(&self) -> &Permissions {
        &self.permissions
    }

    fn permissions_mut(&mut self) -> &mut Permissions {
        &mut self.permissions
    }

    fn tags(&self) -> &[Tag] {
        &self.tags
    }

    fn modifiable(&self) -> Result<()> {
        if self.service.is_none() {
            return Ok(());
        }
        let message = format!(
            "Cannot perform the operation on the protected role '{}' - this role is only \
             modifiable by AWS",
            self.name
        );
        Err(ApiError::new(400, "UnmodifiableEntity", message))
    }

    fn element(&self, name: &'static str, account: &str, whole: bool) -> Element {
        let element = Element::new(name)
            .text("Path", &self.path)
            .text("RoleName", &self.name)
            .text("RoleId", &self.id)
            .text("Arn", self.arn(account))
            .text("CreateDate", date(self.created))
            .text("AssumeRolePolicyDocument", encoded(&self.trust));
        let description = Some(&self.description).filter(|text| !text.is_empty());
        let element = element
            .optional("Description", description)
            .text("MaxSessionDuration", self.max_session);
        if !whole {
            return element;
        }
        let element = element.children(boundary_element(&self.permissions));
        let element = if self.tags.is_empty() {
            element
        } else {
            element.child(tags_element(&self.tags))
        };
        element.child(Element::new("RoleLastUsed"))
    }
}

/// The ARN that a holder has, or would have if it existed.
pub fn arn_of<H: Holder>(call: &Call, found: Option<&H>, name: &str) -> String {
    let account = &call.control.settings.account_id;
    match found {
        Some(holder) => holder.arn(account),
        None => format!("arn:aws:iam::{account}:{}/{name}", H::WORD),
    }
}

/// The holder of this name, spelled as it was given.
///
/// # Errors
/// Those of the store.
pub fn find<H: Holder>(view: &View, name: &str) -> Result<Option<H>> {
    Ok(view
        .get::<H>(&name.to_ascii_lowercase())?
        .filter(|found| found.name() == name))
}

/// The holder of this name, if the caller has the permission of the call on it.
///
/// # Errors
/// AccessDenied, NoSuchEntity.
pub fn permitted<H: Holder>(call: &Call, view: &View, name: &str, keys: Keys) -> Result<H> {
    let found = find::<H>(view, name)?;
    let own = found.as_ref().map(|holder| {
        let boundary = holder.permissions().boundary.as_deref();
        Keys::of(holder.tags()).maybe("iam:PermissionsBoundary", boundary)
    });
    let mut all = own.unwrap_or_default();
    all.0.extend(keys.0);
    require(call, view, &arn_of(call, found.as_ref(), name), all)?;
    found.ok_or_else(|| missing::<H>(name))
}

/// NoSuchEntity for a user, group or role.
#[must_use]
pub fn missing<H: Holder>(name: &str) -> ApiError {
    no_such(format!("The {} with name {name} cannot be found.", H::WORD))
}

/// The policy that may be attached, or be a boundary, under this ARN.
///
/// # Errors
/// NoSuchEntity, PolicyNotAttachable.
pub fn attachable(view: &View, arn: &str) -> Result<()> {
    if let Some(managed) = managed::find(arn) {
        if managed.is_attachable() {
            return Ok(());
        }
        let message = format!("Cannot attach a Service Role Policy to a Customer Role: {arn}");
        return Err(ApiError::new(400, "PolicyNotAttachable", message));
    }
    let message = || no_such(format!("Policy {arn} does not exist or is not attachable."));
    view.get::<ManagedPolicy>(arn)?
        .map(drop)
        .ok_or_else(message)
}

/// The user that a call means which names none: the caller.
///
/// # Errors
/// ValidationError if the caller is none.
pub fn own_name(call: &Call, view: &View) -> Result<String> {
    let key = view.get::<AccessKey>(&call.caller.access_key)?;
    let user = match key {
        Some(key) => view.get::<User>(&key.user)?,
        None => None,
    };
    user.map(|user| user.name).ok_or_else(|| {
        let message = "Must specify userName when calling with non-User credentials";
        ApiError::new(400, "ValidationError", message)
    })
}

/// `InstanceProfile` in answers.
pub fn profile_element(
    view: &View,
    account: &str,
    name: &'static str,
    profile: &InstanceProfile,
) -> Result<Element> {
    let role = match &profile.role {
        Some(key) => view.get::<Role>(key)?,
        None => None,
    };
    let roles = role
        .iter()
        .map(|role| role.element("member", account, false));
    let element = Element::new(name)
        .text("Path", &profile.path)
        .text("InstanceProfileName", &profile.name)
        .text("InstanceProfileId", &profile.id)
        .text("Arn", profile.arn(account))
        .text("CreateDate", date(profile.created))
        .child(members("Roles", roles));
    Ok(if profile.tags.is_empty() {
        element
    } else {
        element.child(tags_element(&profile.tags))
    })
}
