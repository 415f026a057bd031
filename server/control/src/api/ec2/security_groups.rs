//! CreateSecurityGroup, DescribeSecurityGroups.

use std::sync::Arc;

use super::{
    Answer, ApiError, Call, Demand, Element, Form, Result, arn, described, describing, form,
    invalid, require, tag_set, tag_specification, unless_dry_run,
};
use crate::ids;
use crate::records::{Remote, SecurityGroup, SecurityGroupRule, Tag, Vpc};
use crate::store::{Change, View};
use crate::topology::all_out;

/// Security groups in a VPC (VPC user guide, "Amazon VPC quotas").
const MOST: usize = 2500;

/// CreateSecurityGroup.
pub(super) async fn create(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let made = call
        .change(move |call, change| make(call, change, &form))
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
    let vpc = form.get("VpcId");
    let vpc_resource = arn(call, "vpc", vpc.unwrap_or("*"));
    let keys = request_tags(&tags);
    require(call, change, arn(call, "security-group", "*"), keys.clone())?;
    require(call, change, vpc_resource, Vec::new())?;
    if !tags.is_empty() {
        let mut keys = keys;
        let action = vec![call.operation.to_owned()];
        keys.push(("ec2:CreateAction".to_owned(), action));
        call.require(
            change,
            Demand {
                action: "ec2:CreateTags".to_owned(),
                resource: arn(call, "security-group", "*"),
                keys,
                resource_policy: None,
            },
        )?;
    }
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
    if name == "default" {
        let message = format!("Cannot use reserved security group name: {name}");
        return Err(invalid(message));
    }
    let vpc = find_vpc(change, vpc)?;
    let known = change.all_by::<SecurityGroup>(("vpc", &vpc.id))?;
    if known.iter().any(|known| known.name == name) {
        let message = format!(
            "The security group '{name}' already exists for VPC '{}'",
            vpc.id
        );
        return Err(ApiError::new(400, "InvalidGroup.Duplicate", message));
    }
    if known.len() >= MOST {
        let message = "The maximum number of security groups has been reached.";
        return Err(ApiError::new(400, "SecurityGroupLimitExceeded", message));
    }
    let new = SecurityGroup {
        id: ids::random("sg-"),
        vpc: vpc.id,
        name: name.to_owned(),
        description: description.to_owned(),
        rules: vec![all_out()],
        tags,
    };
    change.put(&new)?;
    Ok(new)
}

fn request_tags(tags: &[Tag]) -> Vec<(String, Vec<String>)> {
    if tags.is_empty() {
        return Vec::new();
    }
    let names = tags.iter().map(|tag| tag.key.clone()).collect();
    let mut keys = vec![("aws:TagKeys".to_owned(), names)];
    keys.extend(tags.iter().map(|tag| {
        let value = vec![tag.value.clone()];
        (format!("aws:RequestTag/{}", tag.key), value)
    }));
    keys
}

/// The VPC of an id; without one, the default VPC.
fn find_vpc(view: &View, id: Option<&str>) -> Result<Vpc> {
    if let Some(id) = id {
        return view.get::<Vpc>(id)?.ok_or_else(|| {
            let id = crate::api::form::short(id);
            let message = format!("The vpc ID '{id}' does not exist");
            ApiError::new(400, "InvalidVpcID.NotFound", message)
        });
    }
    let default = view.all::<Vpc>()?.into_iter().find(|vpc| vpc.is_default);
    default.ok_or_else(|| {
        let message = "No default VPC for this user";
        ApiError::new(400, "VPCIdNotSpecified", message)
    })
}

/// Checks a name or description (EC2 API reference, CreateSecurityGroup).
fn check_text(parameter: &str, text: &str) -> Result<()> {
    let allowed =
        |letter: char| letter.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(letter);
    if text.is_empty() || text.chars().count() > 255 || !text.chars().all(allowed) {
        let message = format!(
            "Value ({}) for parameter {parameter} is invalid. 1 to 255 characters of a-z, A-Z, \
             0-9, spaces, and ._-:/()#,@[]+=&;{{}}!$* are allowed.",
            crate::api::form::short(text)
        );
        return Err(invalid(message));
    }
    Ok(())
}

/// DescribeSecurityGroups.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let (form, view, filters) = describing(&call)?;
    let owner = &call.control.settings.account_id;
    for id in form.list("GroupId") {
        let digits = id.strip_prefix("sg-").unwrap_or_default();
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            let id = crate::api::form::short(&id);
            let message = format!("Invalid id: \"{id}\" (expecting \"sg-...\")");
            return Err(ApiError::new(400, "InvalidGroupId.Malformed", message));
        }
    }
    let known = [
        "group-id",
        "group-name",
        "vpc-id",
        "description",
        "owner-id",
        "ip-permission.cidr",
        "ip-permission.from-port",
        "ip-permission.to-port",
        "ip-permission.group-id",
        "ip-permission.protocol",
        "egress.ip-permission.cidr",
        "egress.ip-permission.from-port",
        "egress.ip-permission.to-port",
        "egress.ip-permission.group-id",
        "egress.ip-permission.protocol",
    ];
    let values = |group: &SecurityGroup, name: &str| {
        Some(match name {
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
                let name = name.strip_prefix("ip-permission.")?;
                let ours = group.rules.iter().filter(|one| one.is_egress == is_egress);
                ours.filter_map(|one| of_permission(one, name)).collect()
            }
        })
    };
    let all = view.all::<SecurityGroup>()?;
    let mut kept = filters.keep(all, |group| group.tags.as_slice(), values, &known)?;
    let names = form.list("GroupName");
    for name in &names {
        if !kept.iter().any(|group| group.name == *name) {
            let name = crate::api::form::short(name);
            let message = format!("The security group '{name}' does not exist");
            return Err(ApiError::new(400, "InvalidGroup.NotFound", message));
        }
    }
    kept.retain(|group| names.is_empty() || names.contains(&group.name));
    let show = |group: &SecurityGroup| {
        let shown = Element::new("item")
            .text("ownerId", owner)
            .text("groupId", &group.id)
            .text("groupName", &group.name)
            .text("groupDescription", &group.description)
            .text("vpcId", &group.vpc)
            .text("securityGroupArn", arn(&call, "security-group", &group.id))
            .list("ipPermissions", "item", permissions(group, false, owner))
            .list(
                "ipPermissionsEgress",
                "item",
                permissions(group, true, owner),
            );
        tag_set(shown, &group.tags)
    };
    described(
        &form,
        kept,
        |group| &group.id,
        ("GroupId", "InvalidGroup.NotFound"),
        "securityGroupInfo",
        show,
    )
}

fn of_permission(permission: &SecurityGroupRule, name: &str) -> Option<String> {
    match name {
        "cidr" => permission.remote.net().map(|cidr| cidr.to_string()),
        "from-port" => permission.ports.map(|(from, _)| from.to_string()),
        "to-port" => permission.ports.map(|(_, to)| to.to_string()),
        "group-id" => group_of(permission).cloned(),
        "protocol" => Some(permission.protocol.to_string()),
        _ => None,
    }
}

/// `IpPermission`s: rules of the same protocol and ports are one.
fn permissions(group: &SecurityGroup, is_egress: bool, owner: &str) -> Vec<Element> {
    let mut kinds: Vec<(&SecurityGroupRule, Vec<&SecurityGroupRule>)> = Vec::new();
    for one in group.rules.iter().filter(|one| one.is_egress == is_egress) {
        let same = kinds
            .iter_mut()
            .find(|(kind, _)| kind.protocol == one.protocol && kind.ports == one.ports);
        match same {
            Some((_, all)) => all.push(one),
            None => kinds.push((one, vec![one])),
        }
    }
    let shown = kinds.into_iter().map(|(kind, all)| {
        let groups = all.iter().filter_map(|one| {
            let id = group_of(one)?;
            Some(
                Element::new("item")
                    .text("userId", owner)
                    .text("groupId", id)
                    .optional("description", one.description.as_ref()),
            )
        });
        let ranges = all.iter().filter_map(|one| {
            let cidr = one.remote.net()?;
            Some(
                Element::new("item")
                    .text("cidrIp", cidr)
                    .optional("description", one.description.as_ref()),
            )
        });
        Element::new("item")
            .text("ipProtocol", &kind.protocol)
            .optional("fromPort", kind.ports.map(|(from, _)| from))
            .optional("toPort", kind.ports.map(|(_, to)| to))
            .list("groups", "item", groups)
            .list("ipRanges", "item", ranges)
            .child(Element::new("ipv6Ranges"))
            .child(Element::new("prefixListIds"))
    });
    shown.collect()
}

fn group_of(rule: &SecurityGroupRule) -> Option<&String> {
    match &rule.remote {
        Remote::Group(id) => Some(id),
        _ => None,
    }
}
