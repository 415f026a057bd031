//! Users, groups, roles and policies of a seed.

use serde_json::json;

use super::document::{
    AccessKey, AttachedPolicy, Group, InlinePolicy, InstanceProfile, ManagedPolicy, Role, User,
};
use super::error::{At, Result, Trouble};
use super::sower::{Sower, has_tags, same};
use crate::api::Service::Iam;
use crate::api::iam::records::{self, Permissions};
use crate::records::Tag;
use crate::store::StoreError;

/// Access keys of a user (IAM user guide, "IAM and AWS STS quotas").
const KEYS: usize = 2;

impl Sower<'_> {
    pub(super) async fn managed_policy(&mut self, wanted: &ManagedPolicy) -> Result<()> {
        let name = &wanted.policy_name;
        let account = &self.control.settings.account_id;
        let path = wanted.path.as_deref().unwrap_or("/");
        let arn = format!("arn:aws:iam::{account}:policy{path}{name}");
        let document = self
            .policy(&wanted.policy_document)
            .member("PolicyDocument")?;
        match self.view()?.get::<records::ManagedPolicy>(&arn)? {
            None => {
                let input = json!({
                    "PolicyName": name,
                    "Path": wanted.path,
                    "Description": wanted.description,
                    "PolicyDocument": document,
                    "Tags": wanted.tags,
                });
                self.call(Iam, "CreatePolicy", input).await?;
            }
            Some(there) => {
                let description = Some(there.description.as_str());
                same("Description", description, wanted.description.as_deref())?;
                if there.document() != Some(&document) {
                    let input = json!({
                        "PolicyArn": arn,
                        "PolicyDocument": document,
                        "SetAsDefault": true,
                    });
                    let made = self.call(Iam, "CreatePolicyVersion", input).await;
                    made.member("PolicyDocument")?;
                }
                let tags = pairs(&there.tags);
                self.tags("TagPolicy", ("PolicyArn", &arn), &tags, &wanted.tags)
                    .await?;
            }
        }
        self.name("Policies", name, "PolicyArn", arn);
        Ok(())
    }

    pub(super) async fn group(&self, wanted: &Group) -> Result<()> {
        let name = &wanted.group_name;
        let there = self
            .view()?
            .get::<records::Group>(&name.to_ascii_lowercase())?;
        if let Some(there) = &there {
            same("GroupName", Some(&there.name), Some(name))?;
            same("Path", Some(&there.path), wanted.path.as_deref())?;
        } else {
            let input = json!({"GroupName": name, "Path": wanted.path});
            self.call(Iam, "CreateGroup", input).await?;
        }
        let has = there.map(|there| there.permissions).unwrap_or_default();
        self.permissions(
            "Group",
            name,
            &has,
            &wanted.policies,
            &wanted.attached_policies,
        )
        .await
    }

    pub(super) async fn user(&self, wanted: &User) -> Result<()> {
        let name = &wanted.user_name;
        let key = name.to_ascii_lowercase();
        let there = self.view()?.get::<records::User>(&key)?;
        let boundary = self.boundary(wanted.permissions_boundary.as_deref())?;
        if let Some(there) = &there {
            same("UserName", Some(&there.name), Some(name))?;
            same("Path", Some(&there.path), wanted.path.as_deref())?;
            let tags = pairs(&there.tags);
            self.tags("TagUser", ("UserName", name), &tags, &wanted.tags)
                .await?;
            if boundary.is_some() && there.permissions.boundary != boundary {
                let input = json!({"UserName": name, "PermissionsBoundary": boundary});
                let put = self.call(Iam, "PutUserPermissionsBoundary", input).await;
                put.member("PermissionsBoundary")?;
            }
        } else {
            let input = json!({
                "UserName": name,
                "Path": wanted.path,
                "PermissionsBoundary": boundary,
                "Tags": wanted.tags,
            });
            self.call(Iam, "CreateUser", input).await?;
        }
        let groups = there.as_ref().map(|there| there.groups.clone());
        for group in &wanted.groups {
            let is_member = |groups: &Vec<String>| groups.contains(&group.to_ascii_lowercase());
            if !groups.as_ref().is_some_and(is_member) {
                let input = json!({"GroupName": group, "UserName": name});
                let added = self.call(Iam, "AddUserToGroup", input).await;
                added.at("Groups", group)?;
            }
        }
        let has = there.map(|there| there.permissions).unwrap_or_default();
        self.permissions(
            "User",
            name,
            &has,
            &wanted.policies,
            &wanted.attached_policies,
        )
        .await?;
        for access_key in &wanted.access_keys {
            let put = self.access_key(&key, access_key).await;
            put.at("AccessKeys", &access_key.access_key_id)?;
        }
        Ok(())
    }

    pub(super) async fn role(&self, wanted: &Role) -> Result<()> {
        let name = &wanted.role_name;
        let there = self
            .view()?
            .get::<records::Role>(&name.to_ascii_lowercase())?;
        let trust = self.policy(&wanted.assume_role_policy_document);
        let trust = trust.member("AssumeRolePolicyDocument")?;
        let boundary = self.boundary(wanted.permissions_boundary.as_deref())?;
        if let Some(there) = &there {
            same("RoleName", Some(&there.name), Some(name))?;
            same("Path", Some(&there.path), wanted.path.as_deref())?;
            if there.trust != trust {
                let input = json!({"RoleName": name, "PolicyDocument": trust});
                let put = self.call(Iam, "UpdateAssumeRolePolicy", input).await;
                put.member("AssumeRolePolicyDocument")?;
            }
            let longest = wanted.max_session_duration.map(i64::from);
            let description = wanted.description.as_ref();
            if description.is_some_and(|description| *description != there.description)
                || longest.is_some_and(|longest| longest != there.max_session)
            {
                let input = json!({
                    "RoleName": name,
                    "Description": description.unwrap_or(&there.description),
                    "MaxSessionDuration": longest.unwrap_or(there.max_session),
                });
                self.call(Iam, "UpdateRole", input).await?;
            }
            let tags = pairs(&there.tags);
            self.tags("TagRole", ("RoleName", name), &tags, &wanted.tags)
                .await?;
            if boundary.is_some() && there.permissions.boundary != boundary {
                let input = json!({"RoleName": name, "PermissionsBoundary": boundary});
                let put = self.call(Iam, "PutRolePermissionsBoundary", input).await;
                put.member("PermissionsBoundary")?;
            }
        } else {
            let input = json!({
                "RoleName": name,
                "Path": wanted.path,
                "AssumeRolePolicyDocument": trust,
                "Description": wanted.description,
                "MaxSessionDuration": wanted.max_session_duration,
                "PermissionsBoundary": boundary,
                "Tags": wanted.tags,
            });
            self.call(Iam, "CreateRole", input).await?;
        }
        let has = there.map(|there| there.permissions).unwrap_or_default();
        self.permissions(
            "Role",
            name,
            &has,
            &wanted.policies,
            &wanted.attached_policies,
        )
        .await
    }

    pub(super) async fn instance_profile(&self, wanted: &InstanceProfile) -> Result<()> {
        let name = &wanted.instance_profile_name;
        let key = name.to_ascii_lowercase();
        let there = self.view()?.get::<records::InstanceProfile>(&key)?;
        if let Some(there) = &there {
            same("Path", Some(&there.path), wanted.path.as_deref())?;
        } else {
            let input = json!({"InstanceProfileName": name, "Path": wanted.path});
            self.call(Iam, "CreateInstanceProfile", input).await?;
        }
        let has = there.and_then(|there| there.role);
        for role in &wanted.roles {
            if has.as_ref() != Some(&role.to_ascii_lowercase()) {
                let input = json!({"InstanceProfileName": name, "RoleName": role});
                let added = self.call(Iam, "AddRoleToInstanceProfile", input).await;
                added.at("Roles", role)?;
            }
        }
        Ok(())
    }

    fn boundary(&self, arn: Option<&str>) -> Result<Option<String>> {
        let filled = arn.map(|arn| self.fill(arn)).transpose();
        filled.member("PermissionsBoundary")
    }

    /// Has policies be with a user, group or role.
    async fn permissions(
        &self,
        kind: &str,
        name: &str,
        has: &Permissions,
        inline: &[InlinePolicy],
        attached: &[AttachedPolicy],
    ) -> Result<()> {
        let holder = format!("{kind}Name");
        for policy in inline {
            let put = async {
                let document = self.policy(&policy.policy_document)?;
                if has.inline.get(&policy.policy_name) == Some(&document) {
                    return Ok(());
                }
                let input = json!({
                    holder.as_str(): name,
                    "PolicyName": policy.policy_name,
                    "PolicyDocument": document,
                });
                let operation = format!("Put{kind}Policy");
                self.call(Iam, &operation, input).await.map(drop)
            };
            put.await.at("Policies", &policy.policy_name)?;
        }
        for (number, policy) in attached.iter().enumerate() {
            let attach = async {
                let arn = match (&policy.policy_arn, &policy.policy_name) {
                    (Some(arn), None) => self.fill(arn)?,
                    (None, Some(name)) => {
                        self.fill(&format!("{{{{Policies.{name}.PolicyArn}}}}"))?
                    }
                    _ => {
                        let why =
                            "it needs either a PolicyArn or the PolicyName of one in Policies";
                        return Err(Trouble::new(why));
                    }
                };
                if has.attached.contains(&arn) {
                    return Ok(());
                }
                let input = json!({holder.as_str(): name, "PolicyArn": arn});
                let operation = format!("Attach{kind}Policy");
                self.call(Iam, &operation, input).await.map(drop)
            };
            attach
                .await
                .member(&format!("AttachedPolicies[{number}]"))?;
        }
        Ok(())
    }

    async fn tags(
        &self,
        operation: &str,
        (member, name): (&str, &str),
        there: &[(&str, &str)],
        wanted: &[Tag],
    ) -> Result<()> {
        if has_tags(there, wanted) {
            return Ok(());
        }
        let input = json!({member: name, "Tags": wanted});
        let tagged = self.call(Iam, operation, input).await;
        tagged.member("Tags").map(drop)
    }

    /// Has a key be there as given, which the API has no way to say.
    async fn access_key(&self, user: &str, wanted: &AccessKey) -> Result<()> {
        let id = &wanted.access_key_id;
        let is_word = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'_';
        // The API's pattern of an AccessKeyId.
        if !(16..=128).contains(&id.len()) || !id.bytes().all(is_word) {
            return Err(Trouble::new("16 to 128 letters and digits are needed"))
                .member("AccessKeyId");
        }
        if wanted.secret_access_key.is_empty() || wanted.secret_access_key.len() > 128 {
            return Err(Trouble::new("1 to 128 characters are needed")).member("SecretAccessKey");
        }
        if *id == self.control.settings.root_access_key {
            return Err(Trouble::new("it is the root user's")).member("AccessKeyId");
        }
        let key = records::AccessKey {
            id: id.clone(),
            secret: wanted.secret_access_key.clone(),
            user: user.to_owned(),
            active: true,
            created: i64::try_from(crate::control::now() / 1000).unwrap_or_default(),
        };
        let changed = self.control.store.change(move |change| {
            if change.get::<records::Session>(&key.id)?.is_some() {
                return Ok(Err("it is that of a session"));
            }
            if let Some(there) = change.get::<records::AccessKey>(&key.id)? {
                if there.user != key.user {
                    return Ok(Err("it is another user's"));
                }
                if there.secret == key.secret {
                    return Ok(Ok(()));
                }
            } else {
                let by = ("user", key.user.as_str());
                let others = change.keys_by::<records::AccessKey>(by, None, KEYS)?;
                if others.len() >= KEYS {
                    return Ok(Err("the user has two keys already"));
                }
            }
            change.put(&key)?;
            Ok::<_, StoreError>(Ok(()))
        });
        changed.await?.map_err(Trouble::new)
    }
}

fn pairs(tags: &[records::Tag]) -> Vec<(&str, &str)> {
    tags.iter().map(|tag| (&*tag.key, &*tag.value)).collect()
}
