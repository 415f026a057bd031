//! The order in which a seed comes to be, and the names in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::document::Document;
use super::error::{At, Result, Trouble};
use crate::api::{self, Answer, ApiError, Service};
use crate::control::Control;
use crate::records::Tag;
use crate::store::View;

/// Has a seed be there.
pub(super) struct Sower<'a> {
    pub(super) control: &'a Arc<Control>,
    /// What `{{…}}` may name so far.
    pub(super) names: BTreeMap<String, String>,
    /// The name of the network ACL that a subnet is to have, by the subnet's id.
    pub(super) associated: BTreeMap<String, String>,
}

impl<'a> Sower<'a> {
    pub(super) fn new(control: &'a Arc<Control>) -> Self {
        let settings = &control.settings;
        let names = BTreeMap::from([
            ("AccountId".to_owned(), settings.account_id.clone()),
            ("Region".to_owned(), settings.region.clone()),
        ]);
        Self {
            control,
            names,
            associated: BTreeMap::new(),
        }
    }

    /// What others name comes first: file-system policies name users, whose policies name file
    /// systems.
    pub(super) async fn sow(&mut self, document: &Document) -> Result<()> {
        for vpc in &document.vpcs {
            self.vpc(vpc).await.at("Vpcs", &vpc.name)?;
        }
        for subnet in &document.subnets {
            self.subnet(subnet).await.at("Subnets", &subnet.name)?;
        }
        for acl in &document.network_acls {
            self.network_acl(acl).await.at("NetworkAcls", &acl.name)?;
        }
        for group in &document.security_groups {
            let made = self.security_group(group).await;
            made.at("SecurityGroups", &group.group_name)?;
        }
        for group in &document.security_groups {
            let made = self.rules(group).await;
            made.at("SecurityGroups", &group.group_name)?;
        }
        let mut ids = Vec::new();
        for file_system in &document.file_systems {
            let made = self.file_system(file_system).await;
            ids.push(made.at("FileSystems", &file_system.label())?);
        }
        for instance in &document.instances {
            self.instance(instance)
                .await
                .at("Instances", &instance.name)?;
        }
        for policy in &document.policies {
            let made = self.managed_policy(policy).await;
            made.at("Policies", &policy.policy_name)?;
        }
        for group in &document.groups {
            self.group(group).await.at("Groups", &group.group_name)?;
        }
        for user in &document.users {
            self.user(user).await.at("Users", &user.user_name)?;
        }
        for role in &document.roles {
            self.role(role).await.at("Roles", &role.role_name)?;
        }
        for profile in &document.instance_profiles {
            let made = self.instance_profile(profile).await;
            made.at("InstanceProfiles", &profile.instance_profile_name)?;
        }
        for (file_system, id) in document.file_systems.iter().zip(ids) {
            let made = self.file_system_policy(file_system, &id).await;
            made.at("FileSystems", &file_system.label())?;
        }
        Ok(())
    }

    pub(super) fn view(&self) -> Result<View> {
        Ok(self.control.store.view()?)
    }

    /// Runs an operation; members that are null are left out.
    pub(super) async fn call(&self, service: Service, name: &str, input: Value) -> Result<Answer> {
        self.try_call(service, name, input).await.map_err(|error| {
            let ApiError { code, message, .. } = error;
            Trouble::new(format!("{name}: {code}: {message}"))
        })
    }

    pub(super) async fn try_call(
        &self,
        service: Service,
        name: &str,
        input: Value,
    ) -> api::Result<Answer> {
        let input = match input {
            Value::Object(members) => {
                let members = members.into_iter().filter(|(_, value)| !value.is_null());
                Value::Object(members.collect::<Map<_, _>>())
            }
            other => other,
        };
        api::as_root(self.control, service, name, input).await
    }

    /// Puts in what `{{…}}` stands for.
    pub(super) fn fill(&self, text: &str) -> Result<String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after
                .split_once("}}")
                .ok_or_else(|| Trouble::new("there is {{ without }}"))?;
            let value = self.names.get(name.trim()).ok_or_else(|| {
                let known: Vec<&str> = self.names.keys().map(String::as_str).collect();
                Trouble::new(format!(
                    "there is nothing that {{{{{name}}}}} could stand for; there is {}",
                    known.join(", ")
                ))
            })?;
            filled.push_str(before);
            filled.push_str(value);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// A policy document, given as text or as a table, as text.
    pub(super) fn policy(&self, document: &Value) -> Result<String> {
        match document {
            Value::String(text) => self.fill(text),
            other => {
                // Names hold nothing that JSON would write otherwise.
                self.fill(&other.to_string())
            }
        }
    }

    pub(super) fn name(&mut self, table: &str, key: &str, member: &str, value: impl Into<String>) {
        let name = format!("{table}.{key}.{member}");
        self.names.insert(name, value.into());
    }
}

/// What was made just now is not there.
pub(super) fn gone() -> Trouble {
    Trouble::new("it is gone again")
}

/// Tags of a record, to be compared.
pub(super) fn pairs(tags: &[Tag]) -> Vec<(&str, &str)> {
    tags.iter().map(|tag| (&*tag.key, &*tag.value)).collect()
}

/// Whether all of these tags are there.
pub(super) fn has_tags(there: &[(&str, &str)], wanted: &[Tag]) -> bool {
    let is_there = |tag: &Tag| there.contains(&(tag.key.as_str(), tag.value.as_str()));
    wanted.iter().all(is_there)
}

/// Refuses what is there, is another, and can't be changed.
pub(super) fn same(member: &str, there: Option<&str>, wanted: Option<&str>) -> Result<()> {
    match wanted {
        Some(wanted) if there != Some(wanted) => {
            let there = there.unwrap_or("not set");
            Err(Trouble::new(format!(
                "it is {there} on what is there, {wanted} in the seed, and can't be changed"
            )))
            .member(member)
        }
        _ => Ok(()),
    }
}
