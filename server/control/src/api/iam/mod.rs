//! IAM, version 2010-05-08 (IAM API reference).

mod access_keys;
mod account;
mod attach;
pub(super) mod common;
mod groups;
pub(super) mod holder;
mod inline;
pub(super) mod input;
mod instance_profiles;
mod policies;
mod policy_entities;
mod policy_versions;
pub mod records;
mod roles;
pub mod service_linked;
mod simulate;
mod tags;
#[cfg(test)]
mod tests;
mod users;

use records::{Group, InstanceProfile, ManagedPolicy, Role, User};

use super::Operation;
use crate::operation;

/// The operations, by name.
pub const OPERATIONS: &[Operation] = &[
    operation!("AddRoleToInstanceProfile", instance_profiles::add_role),
    operation!("AddUserToGroup", groups::add_user),
    operation!("AttachGroupPolicy", attach::attach::<Group>),
    operation!("AttachRolePolicy", attach::attach::<Role>),
    operation!("AttachUserPolicy", attach::attach::<User>),
    operation!("CreateAccessKey", access_keys::create),
    operation!("CreateGroup", groups::create),
    operation!("CreateInstanceProfile", instance_profiles::create),
    operation!("CreatePolicy", policies::create),
    operation!("CreatePolicyVersion", policy_versions::create_version),
    operation!("CreateRole", roles::create),
    operation!("CreateServiceLinkedRole", service_linked::create),
    operation!("CreateUser", users::create),
    operation!("DeleteAccessKey", access_keys::delete),
    operation!("DeleteGroup", groups::delete),
    operation!("DeleteGroupPolicy", inline::delete::<Group>),
    operation!("DeleteInstanceProfile", instance_profiles::delete),
    operation!("DeletePolicy", policies::delete),
    operation!("DeletePolicyVersion", policy_versions::delete_version),
    operation!("DeleteRole", roles::delete),
    operation!(
        "DeleteRolePermissionsBoundary",
        attach::delete_boundary::<Role>
    ),
    operation!("DeleteRolePolicy", inline::delete::<Role>),
    operation!("DeleteServiceLinkedRole", service_linked::delete),
    operation!("DeleteUser", users::delete),
    operation!(
        "DeleteUserPermissionsBoundary",
        attach::delete_boundary::<User>
    ),
    operation!("DeleteUserPolicy", inline::delete::<User>),
    operation!("DetachGroupPolicy", attach::detach::<Group>),
    operation!("DetachRolePolicy", attach::detach::<Role>),
    operation!("DetachUserPolicy", attach::detach::<User>),
    operation!("GetAccessKeyLastUsed", access_keys::last_used),
    operation!("GetAccountAuthorizationDetails", account::details),
    operation!("GetAccountSummary", account::summary),
    operation!("GetGroup", groups::get),
    operation!("GetGroupPolicy", inline::get::<Group>),
    operation!("GetInstanceProfile", instance_profiles::get),
    operation!("GetPolicy", policies::get),
    operation!("GetPolicyVersion", policy_versions::get_version),
    operation!("GetRole", roles::get),
    operation!("GetRolePolicy", inline::get::<Role>),
    operation!(
        "GetServiceLinkedRoleDeletionStatus",
        service_linked::deletion_status
    ),
    operation!("GetUser", users::get),
    operation!("GetUserPolicy", inline::get::<User>),
    operation!("ListAccessKeys", access_keys::list),
    operation!("ListAccountAliases", account::aliases),
    operation!("ListAttachedGroupPolicies", attach::list::<Group>),
    operation!("ListAttachedRolePolicies", attach::list::<Role>),
    operation!("ListAttachedUserPolicies", attach::list::<User>),
    operation!("ListEntitiesForPolicy", policy_entities::entities),
    operation!("ListGroupPolicies", inline::list::<Group>),
    operation!("ListGroups", holder::list::<Group>),
    operation!("ListGroupsForUser", groups::of_user),
    operation!("ListInstanceProfileTags", tags::list::<InstanceProfile>),
    operation!("ListInstanceProfiles", instance_profiles::list),
    operation!("ListInstanceProfilesForRole", instance_profiles::of_role),
    operation!("ListPolicies", policies::list),
    operation!("ListPolicyTags", tags::list::<ManagedPolicy>),
    operation!("ListPolicyVersions", policy_versions::list_versions),
    operation!("ListRolePolicies", inline::list::<Role>),
    operation!("ListRoleTags", tags::list::<Role>),
    operation!("ListRoles", holder::list::<Role>),
    operation!("ListUserPolicies", inline::list::<User>),
    operation!("ListUserTags", tags::list::<User>),
    operation!("ListUsers", holder::list::<User>),
    operation!("PutGroupPolicy", inline::put::<Group>),
    operation!("PutRolePermissionsBoundary", attach::put_boundary::<Role>),
    operation!("PutRolePolicy", inline::put::<Role>),
    operation!("PutUserPermissionsBoundary", attach::put_boundary::<User>),
    operation!("PutUserPolicy", inline::put::<User>),
    operation!(
        "RemoveRoleFromInstanceProfile",
        instance_profiles::remove_role
    ),
    operation!("RemoveUserFromGroup", groups::remove_user),
    operation!("SetDefaultPolicyVersion", policy_versions::set_default),
    operation!("SimulateCustomPolicy", simulate::custom),
    operation!("SimulatePrincipalPolicy", simulate::principal),
    operation!("TagInstanceProfile", tags::tag::<InstanceProfile>),
    operation!("TagPolicy", tags::tag::<ManagedPolicy>),
    operation!("TagRole", tags::tag::<Role>),
    operation!("TagUser", tags::tag::<User>),
    operation!("UntagInstanceProfile", tags::untag::<InstanceProfile>),
    operation!("UntagPolicy", tags::untag::<ManagedPolicy>),
    operation!("UntagRole", tags::untag::<Role>),
    operation!("UntagUser", tags::untag::<User>),
    operation!("UpdateAccessKey", access_keys::update),
    operation!("UpdateAssumeRolePolicy", roles::update_trust),
    operation!("UpdateGroup", groups::update),
    operation!("UpdateRole", roles::update),
    operation!("UpdateUser", users::update),
];
