//! GetAccountSummary, ListAccountAliases, GetAccountAuthorizationDetails.

use std::sync::Arc;

use super::attach::attached_element;
use super::common::{Entity, Keys, encoded, listed_by_kind, members, require, truncation};
use super::holder::Holder;
use super::input::Input;
use super::instance_profiles::profile_element;
use super::policies;
use super::records::{Group, InstanceProfile, ManagedPolicy, Permissions, Role, User};
use crate::api::xml::Element;
use crate::api::{Answer, Call, Result};
use crate::iam::managed::MANAGED;
use crate::iam::policy::quota;

/// GetAccountSummary: how much there is, and how much there may be.
pub async fn summary(call: Arc<Call>) -> Result<Answer> {
    let view = call.view()?;
    require(&call, &view, "*", Keys::none())?;
    let versions: usize = view
        .all::<ManagedPolicy>()?
        .iter()
        .map(|policy| policy.versions.len())
        .sum();
    let entries = [
        ("Users", view.count::<User>()?),
        ("UsersQuota", 5000),
        ("Groups", view.count::<Group>()?),
        ("GroupsQuota", 300),
        ("Roles", view.count::<Role>()?),
        ("RolesQuota", 1000),
        ("Policies", view.count::<ManagedPolicy>()?),
        ("PoliciesQuota", 1500),
        ("PolicyVersionsInUse", versions),
        ("PolicyVersionsInUseQuota", 10_000),
        ("VersionsPerPolicyQuota", 5),
        ("InstanceProfiles", view.count::<InstanceProfile>()?),
        ("InstanceProfilesQuota", 1000),
        ("AccessKeysPerUserQuota", 2),
        ("GroupsPerUserQuota", 10),
        ("AttachedPoliciesPerUserQuota", 10),
        ("AttachedPoliciesPerGroupQuota", 10),
        ("AttachedPoliciesPerRoleQuota", 10),
        ("UserPolicySizeQuota", quota::USER_INLINE),
        ("GroupPolicySizeQuota", quota::GROUP_INLINE),
        ("RolePolicySizeQuota", quota::ROLE_INLINE),
        ("PolicySizeQuota", quota::MANAGED),
        ("AssumeRolePolicySizeQuota", quota::TRUST),
        ("AccountAccessKeysPresent", 1),
        ("AccountMFAEnabled", 0),
        ("AccountPasswordPresent", 0),
        ("AccountSigningCertificatesPresent", 0),
        ("MFADevices", 0),
        ("MFADevicesInUse", 0),
        ("Providers", 0),
        ("ServerCertificates", 0),
        ("ServerCertificatesQuota", 20),
        ("SigningCertificatesPerUserQuota", 2),
        ("GlobalEndpointTokenVersion", 1),
    ];
    let entries = entries
        .into_iter()
        .map(|(key, value)| Element::new("entry").text("key", key).text("value", value));
    Ok(Answer::Xml(vec![
        Element::new("SummaryMap").children(entries),
    ]))
}

/// ListAccountAliases: there are none.
pub async fn aliases(call: Arc<Call>) -> Result<Answer> {
    let mut input = Input::of(&call)?;
    input.page();
    input.done()?;
    require(&call, &call.view()?, "*", Keys::none())?;
    let mut answer = vec![Element::new("AccountAliases")];
    answer.extend(truncation(None));
    Ok(Answer::Xml(answer))
}

fn inline_list(name: &'static str, permissions: &Permissions) -> Element {
    let items = permissions.inline.iter().map(|(policy, document)| {
        Element::new("member")
            .text("PolicyName", policy)
            .text("PolicyDocument", encoded(document))
    });
    members(name, items)
}

fn attached_list(permissions: &Permissions) -> Element {
    members(
        "AttachedManagedPolicies",
        permissions.attached.iter().map(|arn| attached_element(arn)),
    )
}

/// GetAccountAuthorizationDetails: everything about permissions.
pub async fn details(call: Arc<Call>) -> Result<Answer> {
    let mut input = Input::of(&call)?;
    let kinds = [
        "User",
        "Role",
        "Group",
        "LocalManagedPolicy",
        "AWSManagedPolicy",
    ];
    let filter = input.form().list("Filter.member");
    for kind in filter.iter().filter(|kind| !kinds.contains(&kind.as_str())) {
        let set = kinds.join(", ");
        input.refuse(
            "Filter",
            kind,
            &format!("Member must satisfy enum value set: [{set}]"),
        );
    }
    let page = input.page();
    input.done()?;
    let view = call.view()?;
    require(&call, &view, "*", Keys::none())?;
    let account = &call.control.settings.account_id;
    let wanted = |kind: &str| filter.is_empty() || filter.iter().any(|wanted| wanted == kind);
    let mut all: Vec<Entity> = Vec::new();
    if wanted("User") {
        for user in view.all::<User>()? {
            let mut groups = Vec::new();
            for key in &user.groups {
                groups.extend(view.get::<Group>(key)?);
            }
            let groups = groups
                .iter()
                .map(|group| Element::of("member", &group.name));
            let element = user
                .element("member", account, true)
                .child(inline_list("UserPolicyList", &user.permissions))
                .child(members("GroupList", groups))
                .child(attached_list(&user.permissions));
            all.push(("User", user.key, element));
        }
    }
    if wanted("Group") {
        for group in view.all::<Group>()? {
            let element = group
                .element("member", account, true)
                .child(inline_list("GroupPolicyList", &group.permissions))
                .child(attached_list(&group.permissions));
            all.push(("Group", group.key, element));
        }
    }
    if wanted("Role") {
        for role in view.all::<Role>()? {
            let profiles = view.all_by::<InstanceProfile>(("role", &role.key))?;
            let profiles: Result<Vec<Element>> = profiles
                .iter()
                .map(|profile| profile_element(&view, account, "member", profile))
                .collect();
            let element = role
                .element("member", account, true)
                .child(members("InstanceProfileList", profiles?))
                .child(inline_list("RolePolicyList", &role.permissions))
                .child(attached_list(&role.permissions));
            all.push(("Role", role.key, element));
        }
    }
    if wanted("LocalManagedPolicy") {
        for policy in view.all::<ManagedPolicy>()? {
            let element = policies::detail(&view, &policy)?;
            all.push(("Policy", policy.arn, element));
        }
    }
    if wanted("AWSManagedPolicy") {
        for managed in &MANAGED {
            if policies::is_used(&view, &managed.arn())? {
                all.push((
                    "Policy",
                    managed.arn(),
                    policies::managed_detail(&view, managed)?,
                ));
            }
        }
    }
    let cut = page.cut(all, |(kind, key, _)| format!("{kind}/{key}"));
    let lists = [
        ("UserDetailList", "User"),
        ("GroupDetailList", "Group"),
        ("RoleDetailList", "Role"),
        ("Policies", "Policy"),
    ];
    Ok(Answer::Xml(listed_by_kind(&lists, cut)))
}
