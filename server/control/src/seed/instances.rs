//! Instances of a seed.

use serde_json::{Value, json};

use super::document::{Instance, Interface};
use super::error::{At, Result, Trouble};
use super::named::{specification, with_name};
use super::sower::{Sower, gone, same};
use crate::api::Service::Ec2;
use crate::records::{Instance as Record, InstanceState, NetworkInterface, Subnet};

/// What an instance is said to run if the seed doesn't say: nothing runs.
const IMAGE: &str = "ami-00000000000000000";

/// An interface of a seed, with the ids of what it names.
struct Resolved<'a> {
    wanted: &'a Interface,
    subnet: Option<String>,
    groups: Option<Vec<String>>,
}

impl Sower<'_> {
    pub(super) async fn instance(&mut self, wanted: &Instance) -> Result<()> {
        let name = &wanted.name;
        let is_alive = |found: &Record| found.state != InstanceState::Terminated;
        let find = |sower: &Self| sower.named::<Record>(name, None, is_alive);
        let tags = with_name(name, &wanted.tags)?;
        let interfaces = interfaces(wanted)?;
        let interfaces = self.resolved(wanted, &interfaces)?;
        let id = if let Some(there) = find(self)? {
            same("ImageId", Some(&there.image), wanted.image_id.as_deref())?;
            let kind = wanted.instance_type.as_deref();
            same("InstanceType", Some(&there.instance_type), kind)?;
            let key = there.key_name.as_deref();
            same("KeyName", key, wanted.key_name.as_deref())?;
            let zone = wanted.placement.as_ref();
            let zone = zone.map(|placement| placement.availability_zone.as_str());
            same("AvailabilityZone", Some(&there.zone), zone).member("Placement")?;
            for interface in &interfaces {
                let adjusted = self.adjust_interface(&there, interface).await;
                adjusted.member(&place(wanted, interface.wanted))?;
            }
            self.resource_tags(&there.id, &there.tags, &tags).await?;
            there.id
        } else {
            let shown: Vec<Value> = interfaces.iter().map(parameters).collect();
            let zone = wanted.placement.as_ref();
            let zone = zone.map(|zone| json!({"AvailabilityZone": zone.availability_zone}));
            let input = json!({
                "ImageId": wanted.image_id.as_deref().unwrap_or(IMAGE),
                "InstanceType": wanted.instance_type,
                "KeyName": wanted.key_name,
                "MinCount": 1,
                "MaxCount": 1,
                "Placement": zone,
                "NetworkInterface": shown,
                "TagSpecification": specification("instance", &tags),
            });
            self.call(Ec2, "RunInstances", input).await?;
            find(self)?.ok_or_else(gone)?.id
        };
        self.name("Instances", name, "InstanceId", id);
        Ok(())
    }

    fn resolved<'a>(
        &self,
        instance: &Instance,
        interfaces: &'a [Interface],
    ) -> Result<Vec<Resolved<'a>>> {
        let resolve = |wanted: &'a Interface| {
            let subnet = wanted.subnet_id.as_ref();
            let subnet = subnet.map(|word| self.meant::<Subnet>(word, None));
            let subnet = subnet.transpose().member("SubnetId")?;
            let groups = match &wanted.groups {
                None => None,
                Some(words) => {
                    let vpc = match &subnet {
                        Some(subnet) => subnet.vpc.clone(),
                        None => self.vpc_id(None)?,
                    };
                    let is_own = instance.network_interfaces.is_empty();
                    let member = if is_own { "SecurityGroups" } else { "Groups" };
                    Some(self.group_ids(words, &vpc).member(member)?)
                }
            };
            let subnet = subnet.map(|subnet| subnet.id);
            Ok(Resolved {
                wanted,
                subnet,
                groups,
            })
        };
        let named = |wanted: &'a Interface| resolve(wanted).member(&place(instance, wanted));
        interfaces.iter().map(named).collect()
    }

    /// Changes what differs of an interface, as far as EC2 can change it.
    async fn adjust_interface(&self, instance: &Record, wanted: &Resolved<'_>) -> Result<()> {
        let of_instance = ("instance", instance.id.as_str());
        let all = self.view()?.all_by::<NetworkInterface>(of_instance)?;
        let index = wanted.wanted.device_index;
        let is_meant = |found: &NetworkInterface| {
            let attachment = found.attachment.as_ref();
            attachment.is_some_and(|attachment| attachment.device_index == index)
        };
        let there = all.into_iter().find(is_meant).ok_or_else(|| {
            Trouble::new("what is there has no such interface, and none can be added")
        })?;
        same("SubnetId", Some(&there.subnet), wanted.subnet.as_deref())?;
        let address = wanted.wanted.private_ip_address.as_deref();
        same(
            "PrivateIpAddress",
            Some(&there.address.to_string()),
            address,
        )?;
        let mut changes = Vec::new();
        if let Some(groups) = wanted.groups.as_ref().filter(|it| **it != there.groups) {
            changes.push(("SecurityGroupId", json!(groups)));
        }
        let description = wanted.wanted.description.as_ref();
        if let Some(description) = description.filter(|it| **it != there.description) {
            changes.push(("Description", json!({"Value": description})));
        }
        for (member, value) in changes {
            let input = json!({"NetworkInterfaceId": there.id, member: value});
            self.call(Ec2, "ModifyNetworkInterfaceAttribute", input)
                .await?;
        }
        Ok(())
    }
}

/// The interfaces of an instance, also of one that has the members of its only one itself.
fn interfaces(wanted: &Instance) -> Result<Vec<Interface>> {
    let own = Interface {
        device_index: 0,
        description: None,
        subnet_id: wanted.subnet_id.clone(),
        private_ip_address: wanted.private_ip_address.clone(),
        groups: wanted.security_groups.clone(),
    };
    if wanted.network_interfaces.is_empty() {
        return Ok(vec![own]);
    }
    if own.subnet_id.is_some() || own.private_ip_address.is_some() || own.groups.is_some() {
        return Err(Trouble::new(
            "an instance has either NetworkInterfaces, or SubnetId, PrivateIpAddress and \
             SecurityGroups",
        ));
    }
    Ok(wanted.network_interfaces.clone())
}

/// What errors call an interface; nothing if it has no entry of its own.
fn place(instance: &Instance, interface: &Interface) -> String {
    let mut all = instance.network_interfaces.iter();
    let number = all.position(|other| other.device_index == interface.device_index);
    number.map_or_else(String::new, |number| format!("NetworkInterfaces[{number}]"))
}

fn parameters(interface: &Resolved<'_>) -> Value {
    json!({
        "DeviceIndex": interface.wanted.device_index,
        "Description": interface.wanted.description,
        "SubnetId": interface.subnet,
        "PrivateIpAddress": interface.wanted.private_ip_address,
        "SecurityGroupId": interface.groups,
    })
}
