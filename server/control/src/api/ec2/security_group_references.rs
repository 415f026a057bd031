//! Rules over peering connections: DescribeSecurityGroupReferences, DescribeStaleSecurityGroups.

use std::sync::Arc;

use super::describe::paged;
use super::permissions::shown;
use super::resource::find;
use super::{Answer, Call, Element, Result, form, missing, require, unless_dry_run};
use crate::records::{Remote, SecurityGroup, SecurityGroupRule, Vpc, VpcPeering};
use crate::store::View;

/// DescribeSecurityGroupReferences: which VPCs on the other side of a peering connection have
/// rules that name a group.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let view = call.view()?;
    require(&call, &view, "*".to_owned(), Vec::new())?;
    unless_dry_run(&form)?;
    let ids = form.list("GroupId");
    if ids.is_empty() {
        return Err(missing("GroupId"));
    }
    let mut items = Vec::new();
    for id in &ids {
        let group = find::<SecurityGroup>(&view, id)?;
        let referring = view.all_by::<SecurityGroup>(("references", id))?;
        let mut vpcs: Vec<_> = referring.into_iter().map(|other| other.vpc).collect();
        vpcs.sort();
        vpcs.dedup();
        for peering in view.all_by::<VpcPeering>(("vpc", &group.vpc))? {
            let joined = |vpc: &&String| **vpc != group.vpc && peering.joins(&group.vpc, vpc);
            let found = vpcs.iter().filter(|_| peering.is_active()).find(joined);
            items.extend(found.map(|vpc| {
                Element::new("item")
                    .text("groupId", id)
                    .text("referencingVpcId", vpc)
                    .text("vpcPeeringConnectionId", &peering.id)
            }));
        }
    }
    let set = Element::new("").list("securityGroupReferenceSet", "item", items);
    Ok(Answer::Xml(set.into_children()))
}

/// DescribeStaleSecurityGroups: groups of a VPC with rules that name groups which are gone, or in
/// VPCs that are not joined any more.
pub(super) async fn describe_stale(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let view = call.view()?;
    require(&call, &view, "*".to_owned(), Vec::new())?;
    unless_dry_run(&form)?;
    let vpc = find::<Vpc>(&view, form.require("VpcId")?)?;
    let mut all = Vec::new();
    for mut group in view.all_by::<SecurityGroup>(("vpc", &vpc.id))? {
        let mut stale = Vec::new();
        for rule in std::mem::take(&mut group.rules) {
            if is_stale(&view, &vpc, &rule)? {
                stale.push(rule);
            }
        }
        if !stale.is_empty() {
            group.rules = stale;
            all.push(group);
        }
    }
    let owner = &call.control.settings.account_id;
    let show = |group: &SecurityGroup| {
        let of = |is_egress: bool| {
            let rules = group.rules.iter();
            shown(rules.filter(|rule| rule.is_egress == is_egress), owner)
        };
        Element::new("item")
            .text("groupId", &group.id)
            .text("groupName", &group.name)
            .text("description", &group.description)
            .text("vpcId", &group.vpc)
            .list("staleIpPermissions", "item", of(false))
            .list("staleIpPermissionsEgress", "item", of(true))
    };
    paged(&form, all, |group| &group.id, "staleSecurityGroupSet", show)
}

fn is_stale(view: &View, vpc: &Vpc, rule: &SecurityGroupRule) -> Result<bool> {
    let Remote::Group(id) = &rule.remote else {
        return Ok(false);
    };
    let Some(group) = view.get::<SecurityGroup>(id)? else {
        return Ok(true);
    };
    if group.vpc == vpc.id {
        return Ok(false);
    }
    let peerings = view.all_by::<VpcPeering>(("vpc", &vpc.id))?;
    let mut active = peerings.iter().filter(|peering| peering.is_active());
    Ok(!active.any(|peering| peering.joins(&vpc.id, &group.vpc)))
}
