//! Managed policies: CreatePolicy, GetPolicy, ListPolicies, DeletePolicy; their versions; and
//! ListEntitiesForPolicy.

use std::sync::Arc;

use super::common::{
    Holder, Keys, at_most, check_document, conflict, date, encoded, exists, invalid, limit, listed,
    members, no_such, nothing, now, require, require_action, tags_element, truncation, unique_id,
};
use super::input::{ARN, DESCRIPTION, DOCUMENT, Input, NAME_128, PATH, POLICY_PATH, VERSION};
use super::records::{Group, ManagedPolicy, PolicyVersion, Role, Tag, User};
use crate::api::xml::Element;
use crate::api::{Answer, Call, Result};
use crate::arn::Arn;
use crate::iam::PolicyKind;
use crate::iam::managed::{self, MANAGED, Managed};
use crate::iam::policy::{quota, size};
use crate::store::{Record, View};

/// Managed policies of an account.
const MOST: usize = 1500;

/// Versions of a managed policy.
const MOST_VERSIONS: usize = 5;

/// The name in a managed policy's ARN.
#[must_use]
pub fn name_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// A managed policy, of whomever.
enum Found {
    Own(Box<ManagedPolicy>),
    Aws(&'static Managed),
}

fn not_found(arn: &str) -> crate::api::ApiError {
    no_such(format!("Policy {arn} was not found."))
}

/// The account's policy of an ARN, if the caller has the permission of the call on it.
///
/// # Errors
/// AccessDenied, NoSuchEntity, InvalidInput.
pub fn own(call: &Call, view: &View, arn: &str, keys: Keys) -> Result<ManagedPolicy> {
    match find(call, view, arn, keys)? {
        Found::Own(policy) => Ok(*policy),
        Found::Aws(_) => Err(invalid(format!(
            "{arn} is a policy of AWS, and can't be changed."
        ))),
    }
}

fn find(call: &Call, view: &View, arn: &str, mut keys: Keys) -> Result<Found> {
    let parsed: Option<Arn> = arn.parse().ok();
    let is_policy = parsed.is_some_and(|arn| {
        arn.service == "iam" && arn.region.is_empty() && arn.resource_type() == "policy"
    });
    if !is_policy {
        let message = format!(
            "ARN {} is not valid.",
            arn.chars().take(200).collect::<String>()
        );
        return Err(crate::api::ApiError::new(400, "ValidationError", message));
    }
    let policy = view.get::<ManagedPolicy>(arn)?;
    if let Some(policy) = &policy {
        keys = keys.and(Keys::of(&policy.tags));
    }
    require(call, view, arn, keys)?;
    match (policy, managed::find(arn)) {
        (Some(policy), _) => Ok(Found::Own(Box::new(policy))),
        (None, Some(managed)) => Ok(Found::Aws(managed)),
        (None, None) => Err(not_found(arn)),
    }
}

/// How often a policy is attached, and is a boundary.
fn uses(view: &View, arn: &str) -> Result<(usize, usize)> {
    let count = |index: &str| -> Result<usize> {
        let by = (index, arn);
        let all = usize::MAX;
        Ok(view.keys_by::<User>(by, None, all)?.len()
            + view.keys_by::<Group>(by, None, all)?.len()
            + view.keys_by::<Role>(by, None, all)?.len())
    };
    Ok((count("attached")?, count("boundary")?))
}

/// What answers say of any policy.
struct Shown<'p> {
    name: &'p str,
    id: String,
    arn: String,
    path: &'p str,
    version: String,
    attachable: bool,
    description: &'p str,
    created: String,
    updated: String,
    tags: &'p [Tag],
}

impl<'p> Shown<'p> {
    fn own(policy: &'p ManagedPolicy) -> Self {
        Self {
            name: &policy.name,
            id: policy.id.clone(),
            arn: policy.arn.clone(),
            path: &policy.path,
            version: format!("v{}", policy.default),
            attachable: true,
            description: &policy.description,
            created: date(policy.created),
            updated: date(policy.updated),
            tags: &policy.tags,
        }
    }

    fn aws(managed: &'p Managed) -> Self {
        Self {
            name: managed.name,
            id: managed_id(managed.name),
            arn: managed.arn(),
            path: managed.path,
            version: managed.version.to_owned(),
            attachable: managed.is_attachable(),
            description: managed.description,
            created: managed.created.to_owned(),
            updated: managed.updated.to_owned(),
            tags: &[],
        }
    }

    fn element(&self, view: &View, name: &'static str, whole: bool) -> Result<Element> {
        let (attached, boundaries) = uses(view, &self.arn)?;
        let element = Element::new(name)
            .text("PolicyName", self.name)
            .text("PolicyId", &self.id)
            .text("Arn", &self.arn)
            .text("Path", self.path)
            .text("DefaultVersionId", &self.version)
            .text("AttachmentCount", attached)
            .text("PermissionsBoundaryUsageCount", boundaries)
            .text("IsAttachable", self.attachable)
            .text("CreateDate", &self.created)
            .text("UpdateDate", &self.updated);
        if !whole {
            return Ok(element);
        }
        let description = Some(self.description).filter(|text| !text.is_empty());
        Ok(element
            .optional("Description", description)
            .child(tags_element(self.tags)))
    }
}

/// A policy of AWS has an id of its own too; it is made of the name, so that it stays.
fn managed_id(name: &str) -> String {
    let letters = name
        .bytes()
        .map(|byte| char::from(byte).to_ascii_uppercase());
    "ANPA"
        .chars()
        .chain(
            letters
                .filter(char::is_ascii_alphabetic)
                .chain(['A'; 17])
                .take(17),
        )
        .collect()
}

/// CreatePolicy.
pub async fn create(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let name = input.text("PolicyName", &NAME_128);
        let path = input
            .optional("Path", &POLICY_PATH)
            .unwrap_or_else(|| "/".to_owned());
        let document = input.text("PolicyDocument", &DOCUMENT);
        let description = input
            .optional("Description", &DESCRIPTION)
            .unwrap_or_default();
        let tags = input.tags();
        input.done()?;
        let account = &call.control.settings.account_id;
        let arn = Arn::new("iam", "", account, format!("policy{path}{name}")).to_string();
        let keys = Keys::none().request_tags(&tags);
        require(call, change, &arn, keys.clone())?;
        if !tags.is_empty() {
            require_action(call, change, "iam:TagPolicy", &arn, keys)?;
        }
        check_managed(call, change, &document)?;
        let folded = name.to_ascii_lowercase();
        if !change
            .keys_by::<ManagedPolicy>(("name", &folded), None, 1)?
            .is_empty()
        {
            let message =
                format!("A policy called {name} already exists. Duplicate names are not allowed.");
            return Err(exists(message));
        }
        at_most(change.count::<ManagedPolicy>()?, MOST, "PoliciesPerAccount")?;
        let created = now(call);
        let policy = ManagedPolicy {
            arn,
            name,
            folded,
            path,
            id: unique_id("ANPA"),
            description,
            created,
            updated: created,
            default: 1,
            next: 2,
            versions: vec![PolicyVersion {
                number: 1,
                document,
                created,
            }],
            tags,
        };
        change.put(&policy)?;
        Ok(Answer::Xml(vec![
            Shown::own(&policy).element(change, "Policy", true)?,
        ]))
    })
    .await
}

fn check_managed(call: &Call, view: &View, document: &str) -> Result<()> {
    check_document(call, view, document, PolicyKind::Identity)?;
    if size(document) > quota::MANAGED {
        return Err(limit(format!(
            "Cannot exceed quota for PolicySize: {}",
            quota::MANAGED
        )));
    }
    Ok(())
}

/// GetPolicy.
pub async fn get(call: Arc<Call>) -> Result<Answer> {
    let mut input = Input::of(&call)?;
    let arn = input.text("PolicyArn", &ARN);
    input.done()?;
    let view = call.view()?;
    let found = find(&call, &view, &arn, Keys::none())?;
    let shown = match &found {
        Found::Own(policy) => Shown::own(policy),
        Found::Aws(managed) => Shown::aws(managed),
    };
    Ok(Answer::Xml(vec![shown.element(&view, "Policy", true)?]))
}

/// ListPolicies.
pub async fn list(call: Arc<Call>) -> Result<Answer> {
    let mut input = Input::of(&call)?;
    let scope = input
        .one_of("Scope", &["All", "AWS", "Local"])
        .unwrap_or("All");
    let only_attached = input.flag("OnlyAttached");
    let prefix = input
        .optional("PathPrefix", &POLICY_PATH)
        .unwrap_or_else(|| "/".to_owned());
    let usage = input.one_of(
        "PolicyUsageFilter",
        &["PermissionsPolicy", "PermissionsBoundary"],
    );
    let page = input.page();
    input.done()?;
    let view = call.view()?;
    require(&call, &view, "*", Keys::none())?;
    let own = if scope == "AWS" {
        Vec::new()
    } else {
        view.all::<ManagedPolicy>()?
    };
    let aws: &[Managed] = if scope == "Local" { &[] } else { &MANAGED };
    let mut shown: Vec<Shown<'_>> = own
        .iter()
        .map(Shown::own)
        .chain(aws.iter().map(Shown::aws))
        .collect();
    shown.retain(|policy| policy.path.starts_with(&prefix));
    if only_attached || usage.is_some() {
        let mut kept = Vec::new();
        for policy in shown {
            let (attached, boundaries) = uses(&view, &policy.arn)?;
            let counts = match usage {
                Some("PermissionsBoundary") => boundaries > 0,
                Some(_) => attached > 0 || !only_attached,
                None => attached + boundaries > 0,
            };
            if counts {
                kept.push(policy);
            }
        }
        shown = kept;
    }
    let cut = page.cut(shown, |policy| policy.arn.clone());
    let marker = cut.marker;
    let items: Result<Vec<Element>> = cut
        .items
        .iter()
        .map(|policy| policy.element(&view, "member", false))
        .collect();
    let mut answer = vec![members("Policies", items?)];
    answer.extend(truncation(marker));
    Ok(Answer::Xml(answer))
}

/// DeletePolicy: only one that nobody has, and with its last version.
pub async fn delete(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let arn = input.text("PolicyArn", &ARN);
        input.done()?;
        let policy = own(call, change, &arn, Keys::none())?;
        if uses(change, &arn)? != (0, 0) {
            return Err(conflict("Cannot delete a policy attached to entities."));
        }
        if policy.versions.len() > 1 {
            return Err(conflict(
                "This policy has more than one version. Before you delete a policy, you must \
                 delete the policy's versions. The default version is deleted with the policy.",
            ));
        }
        change.remove::<ManagedPolicy>(&arn)?;
        Ok(nothing())
    })
    .await
}

fn version_element(
    name: &'static str,
    default: u32,
    version: &PolicyVersion,
    whole: bool,
) -> Element {
    let element = Element::new(name);
    let element = if whole {
        element.text("Document", encoded(&version.document))
    } else {
        element
    };
    element
        .text("VersionId", format!("v{}", version.number))
        .text("IsDefaultVersion", version.number == default)
        .text("CreateDate", date(version.created))
}

/// The number of `v3`, or of `v3.suffix`.
fn number(id: &str) -> u32 {
    let digits = id
        .trim_start_matches('v')
        .split('.')
        .next()
        .unwrap_or_default();
    digits.parse().unwrap_or(0)
}

fn no_version(arn: &str, id: &str) -> crate::api::ApiError {
    no_such(format!(
        "Policy {arn} version {id} does not exist or is not attachable."
    ))
}

/// CreatePolicyVersion.
pub async fn create_version(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let arn = input.text("PolicyArn", &ARN);
        let document = input.text("PolicyDocument", &DOCUMENT);
        let set_default = input.flag("SetAsDefault");
        input.done()?;
        let mut policy = own(call, change, &arn, Keys::none())?;
        check_managed(call, change, &document)?;
        if policy.versions.len() >= MOST_VERSIONS {
            return Err(limit(
                "A managed policy can have up to 5 versions. Before you create a new version, you \
                 must delete an existing version.",
            ));
        }
        let version = PolicyVersion {
            number: policy.next,
            document,
            created: now(call),
        };
        policy.next += 1;
        policy.updated = version.created;
        if set_default {
            policy.default = version.number;
        }
        let element = version_element("PolicyVersion", policy.default, &version, false);
        policy.versions.push(version);
        change.put(&policy)?;
        Ok(Answer::Xml(vec![element]))
    })
    .await
}

/// GetPolicyVersion.
pub async fn get_version(call: Arc<Call>) -> Result<Answer> {
    let mut input = Input::of(&call)?;
    let arn = input.text("PolicyArn", &ARN);
    let id = input.text("VersionId", &VERSION);
    input.done()?;
    let view = call.view()?;
    let element = match find(&call, &view, &arn, Keys::none())? {
        Found::Own(policy) => {
            let version = policy
                .versions
                .iter()
                .find(|version| version.number == number(&id));
            version.map(|version| version_element("PolicyVersion", policy.default, version, true))
        }
        Found::Aws(managed) => {
            (managed.version == id).then(|| managed_version(managed, "PolicyVersion", true))
        }
    };
    Ok(Answer::Xml(vec![
        element.ok_or_else(|| no_version(&arn, &id))?,
    ]))
}

fn managed_version(managed: &Managed, name: &'static str, whole: bool) -> Element {
    let element = Element::new(name);
    let element = if whole {
        element.text("Document", encoded(managed.document))
    } else {
        element
    };
    element
        .text("VersionId", managed.version)
        .text("IsDefaultVersion", true)
        .text("CreateDate", managed.updated)
}

/// ListPolicyVersions, the newest first. Of AWS's policies there is the latest alone.
pub async fn list_versions(call: Arc<Call>) -> Result<Answer> {
    let mut input = Input::of(&call)?;
    let arn = input.text("PolicyArn", &ARN);
    let page = input.page();
    input.done()?;
    let view = call.view()?;
    let versions = match find(&call, &view, &arn, Keys::none())? {
        Found::Own(policy) => {
            let element = |version| version_element("member", policy.default, version, false);
            policy
                .versions
                .iter()
                .map(|version| (u32::MAX - version.number, element(version)))
                .collect()
        }
        Found::Aws(managed) => vec![(0, managed_version(managed, "member", false))],
    };
    let cut = page
        .cut(versions, |(order, _)| format!("{order:010}"))
        .map(|(_, element)| element);
    Ok(Answer::Xml(listed("Versions", cut)))
}

/// SetDefaultPolicyVersion.
pub async fn set_default(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let arn = input.text("PolicyArn", &ARN);
        let id = input.text("VersionId", &VERSION);
        input.done()?;
        let mut policy = own(call, change, &arn, Keys::none())?;
        let known = policy
            .versions
            .iter()
            .any(|version| version.number == number(&id));
        if !known {
            return Err(no_version(&arn, &id));
        }
        policy.default = number(&id);
        policy.updated = now(call);
        change.put(&policy)?;
        Ok(nothing())
    })
    .await
}

/// DeletePolicyVersion: any but the default.
pub async fn delete_version(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let arn = input.text("PolicyArn", &ARN);
        let id = input.text("VersionId", &VERSION);
        input.done()?;
        let mut policy = own(call, change, &arn, Keys::none())?;
        if policy.default == number(&id) {
            return Err(conflict("Cannot delete the default version of a policy."));
        }
        let before = policy.versions.len();
        policy
            .versions
            .retain(|version| version.number != number(&id));
        if policy.versions.len() == before {
            return Err(no_version(&arn, &id));
        }
        policy.updated = now(call);
        change.put(&policy)?;
        Ok(nothing())
    })
    .await
}

/// ListEntitiesForPolicy: who has it.
pub async fn entities(call: Arc<Call>) -> Result<Answer> {
    let mut input = Input::of(&call)?;
    let arn = input.text("PolicyArn", &ARN);
    let kinds = [
        "User",
        "Role",
        "Group",
        "LocalManagedPolicy",
        "AWSManagedPolicy",
    ];
    let filter = input.one_of("EntityFilter", &kinds);
    let usage = input.one_of(
        "PolicyUsageFilter",
        &["PermissionsPolicy", "PermissionsBoundary"],
    );
    let prefix = input
        .optional("PathPrefix", &PATH)
        .unwrap_or_else(|| "/".to_owned());
    let page = input.page();
    input.done()?;
    let view = call.view()?;
    find(&call, &view, &arn, Keys::none())?;
    let indexes: &[&str] = match usage {
        Some("PermissionsPolicy") => &["attached"],
        Some(_) => &["boundary"],
        None => &["attached", "boundary"],
    };
    let mut all = Vec::new();
    if filter.is_none_or(|filter| filter == "Group") {
        all.extend(having::<Group>(&view, indexes, &arn, &prefix)?);
    }
    if filter.is_none_or(|filter| filter == "Role") {
        all.extend(having::<Role>(&view, indexes, &arn, &prefix)?);
    }
    if filter.is_none_or(|filter| filter == "User") {
        all.extend(having::<User>(&view, indexes, &arn, &prefix)?);
    }
    let cut = page.cut(all, |(kind, name, _)| format!("{kind}/{name}"));
    let of_kind = |list: &'static str, wanted: &str| {
        let items = cut.items.iter().filter(|(kind, _, _)| *kind == wanted);
        members(list, items.map(|(_, _, element)| element.clone()))
    };
    let mut answer = vec![
        of_kind("PolicyGroups", "Group"),
        of_kind("PolicyUsers", "User"),
        of_kind("PolicyRoles", "Role"),
    ];
    answer.extend(truncation(cut.marker.clone()));
    Ok(Answer::Xml(answer))
}

type Entity = (&'static str, String, Element);

fn having<H: Holder + Record>(
    view: &View,
    indexes: &[&str],
    arn: &str,
    prefix: &str,
) -> Result<Vec<Entity>> {
    let mut found: Vec<Entity> = Vec::new();
    for index in indexes {
        for holder in view.all_by::<H>((index, arn))? {
            let twice = found.iter().any(|(_, name, _)| name == holder.name());
            if !holder.path().starts_with(prefix) || twice {
                continue;
            }
            let id = match H::KIND {
                "User" => "UserId",
                "Group" => "GroupId",
                _ => "RoleId",
            };
            let element = Element::new("member")
                .text(H::NAME, holder.name())
                .text(id, holder.id());
            found.push((H::KIND, holder.name().to_owned(), element));
        }
    }
    Ok(found)
}

/// A policy of the account with all its versions, for GetAccountAuthorizationDetails.
///
/// # Errors
/// Those of the store.
pub fn detail(view: &View, policy: &ManagedPolicy) -> Result<Element> {
    let versions = policy.versions.iter();
    let versions = versions.map(|version| version_element("member", policy.default, version, true));
    Ok(Shown::own(policy)
        .element(view, "member", false)?
        .child(members("PolicyVersionList", versions)))
}

/// The same for a policy of AWS.
///
/// # Errors
/// Those of the store.
pub fn managed_detail(view: &View, managed: &Managed) -> Result<Element> {
    let version = managed_version(managed, "member", true);
    Ok(Shown::aws(managed)
        .element(view, "member", false)?
        .child(members("PolicyVersionList", [version])))
}

/// Whether anybody has a policy of AWS.
///
/// # Errors
/// Those of the store.
pub fn is_used(view: &View, arn: &str) -> Result<bool> {
    Ok(uses(view, arn)? != (0, 0))
}
