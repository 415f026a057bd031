//! CreateSecurityGroup, DeleteSecurityGroup, DescribeSecurityGroups.

use std::sync::Arc;

use super::describe::{describing, paged};
use super::permissions::{peer_words, shown};
use super::resource::{find, making, named, new_id, not_found, well_formed};
use super::tagging::{tag_set, tag_specification};
use super::vpcs::default_vpc;
use super::{
    Answer, ApiError, Call, Element, Form, Result, arn, form, invalid, key, missing, quotas,
    refused, short, unless_dry_run,
};
use crate::records::{NetworkInterface, SecurityGroup, SecurityGroupRule, Vpc};
use crate::store::{Change, View};
use crate::topology::all_out;

/// CreateSecurityGroup.
pub(super) async fn create(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let made = call
        .change_topology(move |call, change| make(call, change, &form))
        .await?;
    let mut answer = vec![
        Element::of("return", true),
        Element::of("groupId", &made.id),
    ];
    answer.push(Element::of(
        "securityGroupArn",
        arn(&call, "security-group", &made.id),
    ));
    let tags = tag_set(Element::new(""), &made.tags).into_children();
    answer.extend(tags);
    Ok(Answer::Xml(answer))
}

fn make(call: &Call, change: &mut Change, form: &Form) -> Result<SecurityGroup> {
    let tags = tag_specification(form, "security-group")?;
    let vpc = match form.get("VpcId") {
        Some(vpc) => Some(vpc.to_owned()),
        None => default_vpc(change)?.map(|vpc| vpc.id),
    };
    let own = vpc
        .iter()
        .map(|vpc| key("ec2:Vpc", arn(call, "vpc", &short(vpc))));
    making(call, change, "security-group", &tags, own.collect())?;
    let vpc = vpc.ok_or_else(|| {
        let message = "No default VPC for this user";
        refused("VPCIdNotSpecified", message)
    })?;
    let vpc = named::<Vpc>(call, change, &vpc)?;
    unless_dry_run(form)?;
    let name = form.require("GroupName")?;
    let description = form.require("GroupDescription")?;
    check_text("groupName", name)?;
    check_text("groupDescription", description)?;
    if name.starts_with("sg-") {
        let message = format!(
            "Value ({name}) for parameter groupName is invalid. Group names may not be in the \
             format sg-*"
        );
        return Err(invalid(message));
    }
    if name.eq_ignore_ascii_case("default") {
        let message = format!("Cannot use reserved security group name: {name}");
        return Err(invalid(message));
    }
    let known = change.all_by::<SecurityGroup>(("vpc", &vpc.id))?;
    if known.iter().any(|known| known.name == name) {
        let message = format!(
            "The security group '{name}' already exists for VPC '{}'",
            vpc.id
        );
        return Err(refused("InvalidGroup.Duplicate", message));
    }
    if change.count::<SecurityGroup>()? >= quotas::SECURITY_GROUPS {
        let message = "The maximum number of security groups has been reached.";
        return Err(refused("SecurityGroupLimitExceeded", message));
    }
    let new = SecurityGroup {
        id: new_id::<SecurityGroup>(),
        vpc: vpc.id,
        name: name.to_owned(),
        description: description.to_owned(),
        rules: vec![all_out()],
        tags,
    };
    change.put(&new)?;
    Ok(new)
}

/// Checks a name or description (EC2 API reference, CreateSecurityGroup).
fn check_text(parameter: &str, text: &str) -> Result<()> {
    let allowed =
        |letter: char| letter.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(letter);
    if text.is_empty() || text.chars().count() > 255 || !text.chars().all(allowed) {
        let message = format!(
            "Value ({}) for parameter {parameter} is invalid. 1 to 255 characters of a-z, A-Z, \
             0-9, spaces, and ._-:/()#,@[]+=&;{{}}!$* are allowed.",
            short(text)
        );
        return Err(invalid(message));
    }
    Ok(())
}

/// The group of a name in a VPC.
pub(super) fn by_name(view: &View, vpc: &str, name: &str) -> Result<SecurityGroup> {
    let all = view.all_by::<SecurityGroup>(("vpc", vpc))?;
    let found = all.into_iter().find(|group| group.name == name);
    found.ok_or_else(|| no_such_name(name))
}

fn no_such_name(name: &str) -> ApiError {
    let message = format!("The security group '{}' does not exist", short(name));
    refused("InvalidGroup.NotFound", message)
}

/// The id of the group that a call names: by id, or in the default VPC by name.
pub(super) fn id_of(view: &View, form: &Form) -> Result<String> {
    match (form.get("GroupId"), form.get("GroupName")) {
        (Some(_), Some(_)) => {
            let message = "The parameter GroupName cannot be used with the parameter GroupId";
            Err(refused("InvalidParameterCombination", message))
        }
        (Some(id), None) => Ok(id.to_owned()),
        (None, Some(name)) => match default_vpc(view)? {
            Some(vpc) => Ok(by_name(view, &vpc.id, name)?.id),
            None => Err(no_such_name(name)),
        },
        (None, None) => Err(missing("GroupName or GroupId")),
    }
}

/// DeleteSecurityGroup.
pub(super) async fn delete(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let gone = call
        .change_topology(move |call, change| {
            let id = id_of(change, &form)?;
            let group = named::<SecurityGroup>(call, change, &id)?;
            unless_dry_run(&form)?;
            if group.is_default() {
                let message = format!(
                    "the specified group: \"{id}\" name: \"default\" cannot be deleted by a user"
                );
                return Err(refused("CannotDelete", message));
            }
            if is_used(change, &group)? {
                let message = format!("resource {id} has a dependent object");
                return Err(refused("DependencyViolation", message));
            }
            change.remove::<SecurityGroup>(&id)?;
            Ok(id)
        })
        .await?;
    Ok(Answer::Xml(vec![
        Element::of("return", true),
        Element::of("groupId", gone),
    ]))
}

/// Whether an interface has a group, or another group of its VPC names it in a rule.
fn is_used(view: &View, group: &SecurityGroup) -> Result<bool> {
    let id = group.id.as_str();
    if !view
        .keys_by::<NetworkInterface>(("group", id), None, 1)?
        .is_empty()
    {
        return Ok(true);
    }
    let referring = view.all_by::<SecurityGroup>(("references", id))?;
    Ok(referring
        .iter()
        .any(|other| other.id != id && other.vpc == group.vpc))
}

const FILTERS: &[&str] = &[
    "group-id",
    "group-name",
    "vpc-id",
    "description",
    "owner-id",
    "ip-permission.cidr",
    "ip-permission.from-port",
    "ip-permission.group-id",
    "ip-permission.group-name",
    "ip-permission.ipv6-cidr",
    "ip-permission.prefix-list-id",
    "ip-permission.protocol",
    "ip-permission.to-port",
    "ip-permission.user-id",
    "egress.ip-permission.cidr",
    "egress.ip-permission.from-port",
    "egress.ip-permission.group-id",
    "egress.ip-permission.group-name",
    "egress.ip-permission.ipv6-cidr",
    "egress.ip-permission.prefix-list-id",
    "egress.ip-permission.protocol",
    "egress.ip-permission.to-port",
    "egress.ip-permission.user-id",
];

/// DescribeSecurityGroups.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let (form, view, filters) = describing(&call)?;
    filters.check(FILTERS)?;
    let owner = &call.control.settings.account_id;
    let ids = form.list("GroupId");
    let names = form.list("GroupName");
    if !(ids.is_empty() && names.is_empty()) && form.get("MaxResults").is_some() {
        let message = "The parameter GroupIds cannot be used with the parameter MaxResults";
        return Err(refused("InvalidParameterCombination", message));
    }
    let mut all = if ids.is_empty() && names.is_empty() {
        view.all::<SecurityGroup>()?
    } else {
        named_groups(&view, &ids, &names)?
    };
    let values = |group: &SecurityGroup, name: &str| match name {
        "group-id" => vec![group.id.clone()],
        "group-name" => vec![group.name.clone()],
        "vpc-id" => vec![group.vpc.clone()],
        "description" => vec![group.description.clone()],
        "owner-id" => vec![owner.clone()],
        _ => {
            let (name, is_egress) = match name.strip_prefix("egress.") {
                Some(name) => (name, true),
                None => (name, false),
            };
            let name = name.strip_prefix("ip-permission.").unwrap_or_default();
            let rules = group.rules.iter();
            let rules = rules.filter(|rule| rule.is_egress == is_egress);
            rules
                .filter_map(|rule| of_rule(&view, rule, name, owner))
                .collect()
        }
    };
    all.retain(|group| filters.keep(&group.tags, |name| values(group, name)));
    let show = |group: &SecurityGroup| show(&call, group);
    paged(&form, all, |group| &group.id, "securityGroupInfo", show)
}

/// Groups by their ids, and by their names in the default VPC.
fn named_groups(view: &View, ids: &[String], names: &[String]) -> Result<Vec<SecurityGroup>> {
    let mut all: Vec<SecurityGroup> = Vec::new();
    for id in ids {
        all.push(find::<SecurityGroup>(view, id)?);
    }
    if let Some(name) = names.first() {
        let vpc = default_vpc(view)?.ok_or_else(|| no_such_name(name))?;
        let known = view.all_by::<SecurityGroup>(("vpc", &vpc.id))?;
        for name in names {
            let found = known.iter().find(|group| group.name == *name);
            all.push(found.ok_or_else(|| no_such_name(name))?.clone());
        }
    }
    all.sort_by(|one, other| one.id.cmp(&other.id));
    all.dedup_by(|one, other| one.id == other.id);
    Ok(all)
}

fn of_rule(view: &View, rule: &SecurityGroupRule, name: &str, owner: &str) -> Option<String> {
    let (from, to) = rule
        .ports
        .map(|(from, to)| (i32::from(from), i32::from(to)))
        .or(rule.icmp.map(|(kind, code)| (kind.into(), code.into())))
        .unzip();
    let (cidr, ipv6, group, list) = peer_words(&rule.remote);
    match name {
        "cidr" => cidr,
        "ipv6-cidr" => ipv6,
        "group-id" => group,
        "group-name" => {
            let group = view.get::<SecurityGroup>(&group?).ok().flatten()?;
            Some(group.name)
        }
        "user-id" => group.map(|_| owner.to_owned()),
        "prefix-list-id" => list,
        "from-port" => from.map(|port| port.to_string()),
        "to-port" => to.map(|port| port.to_string()),
        "protocol" => Some(rule.protocol.to_string()),
        _ => None,
    }
}

fn show(call: &Call, group: &SecurityGroup) -> Element {
    let owner = &call.control.settings.account_id;
    let of = |is_egress: bool| {
        let rules = group.rules.iter();
        shown(rules.filter(|rule| rule.is_egress == is_egress), owner)
    };
    let element = Element::new("item")
        .text("ownerId", owner)
        .text("groupId", &group.id)
        .text("groupName", &group.name)
        .text("groupDescription", &group.description)
        .text("vpcId", &group.vpc)
        .text("securityGroupArn", arn(call, "security-group", &group.id))
        .list("ipPermissions", "item", of(false))
        .list("ipPermissionsEgress", "item", of(true));
    tag_set(element, &group.tags)
}

/// Checks the groups that an interface in a VPC is to have; without any, the VPC's default group.
/// `missing`: the code for a group that isn't in the VPC.
pub(super) fn of_interface(
    view: &View,
    vpc: &str,
    ids: &[String],
    missing: &'static str,
) -> Result<Vec<String>> {
    let mut checked: Vec<String> = Vec::new();
    for id in ids {
        well_formed::<SecurityGroup>(id)?;
        let found = view.get::<SecurityGroup>(id)?;
        let Some(found) = found else {
            let message = not_found::<SecurityGroup>(id).message;
            return Err(refused(missing, message));
        };
        if found.vpc != vpc {
            let message = format!("Security group {id} and subnet belong to different networks.");
            return Err(refused("InvalidParameter", message));
        }
        if !checked.contains(&found.id) {
            checked.push(found.id);
        }
        if checked.len() > quotas::GROUPS_OF_INTERFACE {
            let message = "The maximum number of security groups per interface has been reached.";
            return Err(refused("SecurityGroupsPerInterfaceLimitExceeded", message));
        }
    }
    if checked.is_empty() {
        let all = view.all_by::<SecurityGroup>(("vpc", vpc))?;
        checked.extend(
            all.into_iter()
                .find(SecurityGroup::is_default)
                .map(|group| group.id),
        );
    }
    Ok(checked)
}
