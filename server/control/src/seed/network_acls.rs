//! Network ACLs of a seed.

use ipnet::IpNet;
use serde_json::json;

use super::document::{NetworkAcl, NetworkAclEntry};
use super::error::{At, Result, Trouble};
use super::named::{specification, with_name};
use super::sower::{Sower, gone};
use crate::api::Service::Ec2;
use crate::records::{NetworkAcl as Record, NetworkAclEntry as Entry, Subnet};

impl Sower<'_> {
    pub(super) async fn network_acl(&mut self, wanted: &NetworkAcl) -> Result<()> {
        let name = &wanted.name;
        let vpc = self.vpc_id(wanted.vpc_id.as_deref())?;
        let find = |sower: &Self| sower.named::<Record>(name, Some(&vpc), |acl| !acl.is_default);
        let tags = with_name(name, &wanted.tags)?;
        let acl = if let Some(there) = find(self)? {
            self.resource_tags(&there.id, &there.tags, &tags).await?;
            there
        } else {
            let input = json!({
                "VpcId": vpc,
                "TagSpecification": specification("network-acl", &tags),
            });
            self.call(Ec2, "CreateNetworkAcl", input).await?;
            find(self)?.ok_or_else(gone)?
        };
        self.name("NetworkAcls", name, "NetworkAclId", &acl.id);
        for (number, entry) in wanted.entries.iter().enumerate() {
            let made = self.network_acl_entry(&acl, entry).await;
            made.member(&format!("Entries[{number}]"))?;
        }
        for association in &wanted.associations {
            let subnet = &association.subnet_id;
            let made = self.associate(&acl, (name, subnet)).await;
            made.at("Associations", subnet)?;
        }
        Ok(())
    }

    async fn network_acl_entry(&self, acl: &Record, wanted: &NetworkAclEntry) -> Result<()> {
        let is_there = |there: &&Entry| {
            i64::from(there.number) == wanted.rule_number && there.is_egress == wanted.egress
        };
        let operation = match acl.entries.iter().find(is_there) {
            Some(there) if is_same(there, wanted) => return Ok(()),
            Some(_) => "ReplaceNetworkAclEntry",
            None => "CreateNetworkAclEntry",
        };
        let ports = wanted.port_range;
        let icmp = wanted.icmp_type_code;
        let input = json!({
            "NetworkAclId": acl.id,
            "RuleNumber": wanted.rule_number,
            "Egress": wanted.egress,
            "Protocol": wanted.protocol,
            "RuleAction": wanted.rule_action,
            "CidrBlock": wanted.cidr_block,
            "Ipv6CidrBlock": wanted.ipv6_cidr_block,
            "PortRange": ports.map(|ports| json!({"From": ports.from, "To": ports.to})),
            // The query protocol's own name of this member.
            "Icmp": icmp.map(|icmp| json!({"Type": icmp.kind, "Code": icmp.code})),
        });
        self.call(Ec2, operation, input).await.map(drop)
    }

    /// Has a network ACL be that of a subnet.
    async fn associate(&mut self, acl: &Record, (name, subnet): (&str, &str)) -> Result<()> {
        let subnet = self.meant::<Subnet>(subnet, Some(&acl.vpc))?.id;
        if let Some(other) = self.associated.insert(subnet.clone(), name.to_owned())
            && other != name
        {
            let why = format!("a subnet has one network ACL, and this one has {other:?}");
            return Err(Trouble::new(why));
        }
        let has = self.view()?.all_by::<Record>(("subnet", &subnet))?.pop();
        let mut associations = has.iter().flat_map(|has| &has.associations);
        match associations.find(|association| association.subnet == subnet) {
            Some(association) if has.as_ref().is_some_and(|has| has.id != acl.id) => {
                let input = json!({"AssociationId": association.id, "NetworkAclId": acl.id});
                let replaced = self.call(Ec2, "ReplaceNetworkAclAssociation", input).await;
                replaced.map(drop)
            }
            _ => Ok(()),
        }
    }
}

/// Whether a rule is what a seed says. What can't be read is for the API to refuse.
fn is_same(there: &Entry, wanted: &NetworkAclEntry) -> bool {
    let given = wanted
        .cidr_block
        .as_ref()
        .xor(wanted.ipv6_cidr_block.as_ref());
    let range = given.and_then(|given| given.parse::<IpNet>().ok());
    let ports = wanted.port_range.map(|ports| (ports.from, ports.to));
    let icmp = wanted.icmp_type_code.map(|icmp| (icmp.kind, icmp.code));
    let there_ports = there.ports.map(|(from, to)| (from.into(), to.into()));
    let there_icmp = there.icmp.map(|(kind, code)| (kind.into(), code.into()));
    range.is_some_and(|range| range.trunc() == there.cidr)
        && wanted.protocol.parse() == Ok(there.protocol)
        && wanted.rule_action == if there.allow { "allow" } else { "deny" }
        && ports == there_ports
        && icmp == there_icmp
}
