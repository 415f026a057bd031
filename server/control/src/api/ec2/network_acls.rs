//! CreateNetworkAcl, DeleteNetworkAcl, DescribeNetworkAcls, ReplaceNetworkAclAssociation.

use std::sync::Arc;

use super::describe::{described, describing};
use super::idempotency::{made_before, remember};
use super::resource::{find, keys, making, named, unknown};
use super::tagging::{tag_set, tag_specification};
use super::{
    Answer, Call, Element, Form, Result, arn, done, form, invalid, key, quotas, refused, require,
    short, unless_dry_run,
};
use crate::ids;
use crate::records::{NetworkAcl, NetworkAclAssociation, NetworkAclEntry, Subnet, Vpc};
use crate::store::Change;
use crate::topology::new_acl;

/// CreateNetworkAcl.
pub(super) async fn create(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let token = form.get("ClientToken").map(str::to_owned);
    let made = call
        .change_topology(move |call, change| make(call, change, &form))
        .await?;
    let mut answer = vec![show(&call, &made).renamed("networkAcl")];
    answer.extend(token.map(|token| Element::of("clientToken", token)));
    Ok(Answer::Xml(answer))
}

fn make(call: &Call, change: &mut Change, form: &Form) -> Result<NetworkAcl> {
    let tags = tag_specification(form, "network-acl")?;
    let vpc = form.require("VpcId")?;
    let own = vec![key("ec2:Vpc", arn(call, "vpc", &short(vpc)))];
    making(call, change, "network-acl", &tags, own)?;
    let vpc = named::<Vpc>(call, change, vpc)?;
    unless_dry_run(form)?;
    if let Some(made) = made_before(call, change, form)? {
        return find::<NetworkAcl>(change, &made);
    }
    let count = change
        .keys_by::<NetworkAcl>(("vpc", &vpc.id), None, quotas::NETWORK_ACLS)?
        .len();
    if count >= quotas::NETWORK_ACLS {
        let message = "The maximum number of network ACLs has been reached.";
        return Err(refused("NetworkAclLimitExceeded", message));
    }
    let acl = NetworkAcl {
        tags,
        ..new_acl(&vpc.id)
    };
    change.put(&acl)?;
    remember(call, change, form, &acl.id)?;
    Ok(acl)
}

/// DeleteNetworkAcl.
pub(super) async fn delete(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    call.change_topology(move |call, change| {
        let acl = named::<NetworkAcl>(call, change, form.require("NetworkAclId")?)?;
        unless_dry_run(&form)?;
        if acl.is_default {
            let message = format!("cannot delete default network ACL {}", acl.id);
            return Err(invalid(message));
        }
        if !acl.associations.is_empty() {
            let message = format!(
                "The networkAcl '{}' has dependencies and cannot be deleted.",
                acl.id
            );
            return Err(refused("DependencyViolation", message));
        }
        change.remove::<NetworkAcl>(&acl.id)?;
        Ok(())
    })
    .await?;
    Ok(done())
}

/// ReplaceNetworkAclAssociation: another network ACL for a subnet.
pub(super) async fn replace_association(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let new = call
        .change_topology(move |call, change| replace(call, change, &form))
        .await?;
    Ok(Answer::Xml(vec![Element::of("newAssociationId", new)]))
}

fn replace(call: &Call, change: &mut Change, form: &Form) -> Result<String> {
    let id = form.require("AssociationId")?;
    let to = form.require("NetworkAclId")?;
    let from = change
        .page_by::<NetworkAcl>(("association", id), None, 1)?
        .pop();
    let subnet = from.iter().flat_map(|acl| &acl.associations);
    let subnet = subnet.into_iter().find(|association| association.id == id);
    let subnet = subnet.map(|association| association.subnet.clone());
    let known = subnet
        .as_ref()
        .map(|subnet| change.get::<Subnet>(subnet))
        .transpose()?;
    let known = known.flatten();
    let subnet_keys = known
        .as_ref()
        .map(|subnet| keys(call, subnet))
        .unwrap_or_default();
    let of = arn(call, "subnet", subnet.as_deref().unwrap_or("*"));
    require(call, change, of, subnet_keys)?;
    let to = named::<NetworkAcl>(call, change, to)?;
    unless_dry_run(form)?;
    let (Some(mut from), Some(subnet)) = (from, subnet) else {
        let message = format!("The association ID '{}' does not exist", short(id));
        return Err(refused("InvalidAssociationID.NotFound", message));
    };
    if from.vpc != to.vpc {
        let message = format!(
            "networkAcl {} and subnet {subnet} belong to different networks.",
            to.id
        );
        return Err(refused("InvalidParameter", message));
    }
    let new = NetworkAclAssociation {
        id: ids::random("aclassoc-"),
        subnet,
    };
    let made = new.id.clone();
    from.associations.retain(|association| association.id != id);
    if from.id == to.id {
        from.associations.push(new);
        change.put(&from)?;
        return Ok(made);
    }
    change.put(&from)?;
    let mut to = to;
    to.associations.push(new);
    change.put(&to)?;
    Ok(made)
}

const FILTERS: &[&str] = &[
    "association.association-id",
    "association.network-acl-id",
    "association.subnet-id",
    "default",
    "entry.cidr",
    "entry.egress",
    "entry.icmp.code",
    "entry.icmp.type",
    "entry.ipv6-cidr",
    "entry.port-range.from",
    "entry.port-range.to",
    "entry.protocol",
    "entry.rule-action",
    "entry.rule-number",
    "network-acl-id",
    "owner-id",
    "vpc-id",
];

/// DescribeNetworkAcls.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let (form, view, filters) = describing(&call)?;
    filters.check(FILTERS)?;
    let owner = &call.control.settings.account_id;
    let values = |acl: &NetworkAcl, name: &str| {
        let associations = acl.associations.iter();
        match name {
            "association.association-id" => associations.map(|one| one.id.clone()).collect(),
            "association.network-acl-id" => associations.map(|_| acl.id.clone()).collect(),
            "association.subnet-id" => associations.map(|one| one.subnet.clone()).collect(),
            "default" => vec![acl.is_default.to_string()],
            "network-acl-id" => vec![acl.id.clone()],
            "owner-id" => vec![owner.clone()],
            "vpc-id" => vec![acl.vpc.clone()],
            _ => {
                let name = name.strip_prefix("entry.").unwrap_or_default();
                let entries = acl.entries.iter();
                entries.filter_map(|entry| of_entry(entry, name)).collect()
            }
        }
    };
    let keep = |acl: &NetworkAcl| filters.keep(&acl.tags, |name| values(acl, name));
    described(
        &form,
        view.all()?,
        keep,
        |acl| &acl.id,
        ("NetworkAclId", unknown::<NetworkAcl>),
        "networkAclSet",
        |acl| show(&call, acl),
    )
}

fn of_entry(entry: &NetworkAclEntry, name: &str) -> Option<String> {
    match name {
        "cidr" => matches!(entry.cidr, ipnet::IpNet::V4(_)).then(|| entry.cidr.to_string()),
        "ipv6-cidr" => matches!(entry.cidr, ipnet::IpNet::V6(_)).then(|| entry.cidr.to_string()),
        "egress" => Some(entry.is_egress.to_string()),
        "icmp.type" => entry.icmp.map(|(kind, _)| kind.to_string()),
        "icmp.code" => entry.icmp.map(|(_, code)| code.to_string()),
        "port-range.from" => entry.ports.map(|(from, _)| from.to_string()),
        "port-range.to" => entry.ports.map(|(_, to)| to.to_string()),
        "protocol" => Some(entry.protocol.number().to_string()),
        "rule-action" => Some(action(entry).to_owned()),
        "rule-number" => Some(entry.number.to_string()),
        _ => None,
    }
}

fn action(entry: &NetworkAclEntry) -> &'static str {
    if entry.allow { "allow" } else { "deny" }
}

fn show(call: &Call, acl: &NetworkAcl) -> Element {
    let entries = acl.entries.iter().map(|entry| {
        let range = match entry.cidr {
            ipnet::IpNet::V4(_) => "cidrBlock",
            ipnet::IpNet::V6(_) => "ipv6CidrBlock",
        };
        let mut shown = Element::new("item")
            .text("ruleNumber", entry.number)
            .text("protocol", entry.protocol.number())
            .text("ruleAction", action(entry))
            .text("egress", entry.is_egress)
            .text(range, entry.cidr);
        if let Some((from, to)) = entry.ports {
            shown = shown.child(Element::new("portRange").text("from", from).text("to", to));
        }
        if let Some((kind, code)) = entry.icmp {
            shown = shown.child(
                Element::new("icmpTypeCode")
                    .text("code", code)
                    .text("type", kind),
            );
        }
        shown
    });
    let associations = acl.associations.iter().map(|association| {
        Element::new("item")
            .text("networkAclAssociationId", &association.id)
            .text("networkAclId", &acl.id)
            .text("subnetId", &association.subnet)
    });
    let shown = Element::new("item")
        .text("networkAclId", &acl.id)
        .text("vpcId", &acl.vpc)
        .text("default", acl.is_default)
        .text("ownerId", &call.control.settings.account_id)
        .list("entrySet", "item", entries)
        .list("associationSet", "item", associations);
    tag_set(shown, &acl.tags)
}
