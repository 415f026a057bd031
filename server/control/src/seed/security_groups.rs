//! Security groups of a seed.

use serde_json::{Map, Value, json};

use super::document::{IpPermission, SecurityGroup};
use super::error::{At, Result, Trouble};
use super::named::specification;
use super::sower::{Sower, gone, same};
use crate::api::Service::Ec2;

impl Sower<'_> {
    /// Has a security group be there, without its rules yet: those may name other groups.
    pub(super) async fn security_group(&mut self, group: &SecurityGroup) -> Result<()> {
        let name = &group.group_name;
        let vpc = self.vpc_id(group.vpc_id.as_deref())?;
        let found = self.find_group(name, &vpc)?;
        let id = if let Some(found) = found {
            let there = Some(found.description.as_str());
            same("Description", there, group.description.as_deref())?;
            self.resource_tags(&found.id, &found.tags, &group.tags)
                .await?;
            found.id
        } else {
            let input = json!({
                "GroupName": name,
                "GroupDescription": group.description.as_ref().unwrap_or(name),
                "VpcId": vpc,
                "TagSpecification": specification("security-group", &group.tags),
            });
            self.call(Ec2, "CreateSecurityGroup", input).await?;
            let made = self.find_group(name, &vpc)?;
            made.ok_or_else(gone)?.id
        };
        self.name("SecurityGroups", name, "GroupId", id);
        Ok(())
    }

    /// Has the rules of a security group be there.
    pub(super) async fn rules(&self, group: &SecurityGroup) -> Result<()> {
        let vpc = self.vpc_id(group.vpc_id.as_deref())?;
        let id = self.group_id(&group.group_name, &vpc)?;
        for (member, operation, permissions) in [
            (
                "IpPermissions",
                "AuthorizeSecurityGroupIngress",
                &group.ip_permissions,
            ),
            (
                "IpPermissionsEgress",
                "AuthorizeSecurityGroupEgress",
                &group.ip_permissions_egress,
            ),
        ] {
            for (number, permission) in permissions.iter().enumerate() {
                for one in self.single(permission, &vpc)? {
                    let input = json!({"GroupId": id, "IpPermissions": [one]});
                    match self.try_call(Ec2, operation, input).await {
                        Ok(_) => {}
                        Err(error) if error.code == "InvalidPermission.Duplicate" => {}
                        Err(error) => {
                            let why = format!("{operation}: {}: {}", error.code, error.message);
                            return Err(Trouble::new(why)).member(&format!("{member}[{number}]"));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// A permission as one for each other side: the API refuses all of a call of which it has a
    /// part.
    fn single(&self, permission: &IpPermission, vpc: &str) -> Result<Vec<Value>> {
        let with = |member: &str, value: &Value| {
            let mut one = Map::new();
            one.insert("IpProtocol".to_owned(), json!(permission.ip_protocol));
            one.insert("FromPort".to_owned(), json!(permission.from_port));
            one.insert("ToPort".to_owned(), json!(permission.to_port));
            one.insert(member.to_owned(), json!([value]));
            Value::Object(one)
        };
        let mut all = Vec::new();
        for (member, values) in [
            ("IpRanges", &permission.ip_ranges),
            ("Ipv6Ranges", &permission.ipv6_ranges),
            ("PrefixListIds", &permission.prefix_list_ids),
        ] {
            all.extend(values.iter().map(|value| with(member, value)));
        }
        for pair in &permission.user_id_group_pairs {
            let id = match (&pair.group_id, &pair.group_name) {
                (Some(id), None) => id.clone(),
                (None, Some(name)) => self.group_id(name, vpc)?,
                _ => {
                    return Err(Trouble::new("it needs either GroupName or GroupId"))
                        .member("UserIdGroupPairs");
                }
            };
            let value = json!({"GroupId": id, "Description": pair.description});
            // The query protocol's own name of this member.
            all.push(with("Groups", &value));
        }
        Ok(all)
    }
}
