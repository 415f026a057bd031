//! CreatePolicyVersion, GetPolicyVersion, ListPolicyVersions, SetDefaultPolicyVersion,
//! DeletePolicyVersion.

use std::sync::Arc;

use super::common::{Keys, conflict, date, encoded, limit, listed, no_such, nothing, now};
use super::input::{ARN, DOCUMENT, Input, VERSION};
use super::policies::{Found, check_managed, find, own};
use super::records::{ManagedPolicy, PolicyVersion};
use crate::api::xml::Element;
use crate::api::{Answer, Call, Result};
use crate::iam::managed::Managed;
use crate::store::View;

/// Versions of a managed policy.
const MOST_VERSIONS: usize = 5;

/// A version in answers; `whole` with its document.
pub fn version_element(
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

/// The version of a policy of AWS.
pub fn managed_version(managed: &Managed, name: &'static str, whole: bool) -> Element {
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

/// The policy of the account that a call is to change, and the version's id in it.
fn chosen(call: &Call, view: &View) -> Result<(ManagedPolicy, String)> {
    let mut input = Input::of(call)?;
    let arn = input.text("PolicyArn", &ARN);
    let id = input.text("VersionId", &VERSION);
    input.done()?;
    Ok((own(call, view, &arn, Keys::none())?, id))
}

/// SetDefaultPolicyVersion.
pub async fn set_default(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let (mut policy, id) = chosen(call, change)?;
        let known = policy
            .versions
            .iter()
            .any(|version| version.number == number(&id));
        if !known {
            return Err(no_version(&policy.arn, &id));
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
        let (mut policy, id) = chosen(call, change)?;
        if policy.default == number(&id) {
            return Err(conflict("Cannot delete the default version of a policy."));
        }
        let before = policy.versions.len();
        policy
            .versions
            .retain(|version| version.number != number(&id));
        if policy.versions.len() == before {
            return Err(no_version(&policy.arn, &id));
        }
        policy.updated = now(call);
        change.put(&policy)?;
        Ok(nothing())
    })
    .await
}
