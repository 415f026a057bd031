//! Managed policies: CreatePolicy, GetPolicy, ListPolicies, DeletePolicy.

use std::sync::Arc;

use super::common::{
    Keys, at_most, check_document, conflict, date, exists, invalid, limit, members, no_such,
    nothing, now, require, require_action, tags_element, truncation, unique_id,
};
use super::input::{ARN, DESCRIPTION, DOCUMENT, Input, NAME_128, POLICY_PATH};
use super::policy_versions::{managed_version, version_element};
use super::records::{Group, ManagedPolicy, PolicyVersion, Role, Tag, User};
use crate::api::xml::Element;
use crate::api::{Answer, Call, Result};
use crate::arn::Arn;
use crate::iam::PolicyKind;
use crate::iam::managed::{self, MANAGED, Managed};
use crate::iam::policy::{quota, size};
use crate::store::View;

/// Managed policies of an account.
const MOST: usize = 1500;

/// The name in a managed policy's ARN.
#[must_use]
pub fn name_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// A managed policy, of whomever.
pub(super) enum Found {
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

pub(super) fn find(call: &Call, view: &View, arn: &str, mut keys: Keys) -> Result<Found> {
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

pub(super) fn check_managed(call: &Call, view: &View, document: &str) -> Result<()> {
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
