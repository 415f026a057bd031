//! RunInstances: an instance is a name for interfaces, nothing runs.

use std::sync::Arc;

use super::idempotency::{made_before, remember};
use super::instances::{LAST, all_of, forget_old, reservation};
use super::network_interfaces::{New, put, read_description};
use super::resource::{find, making, named, new_id};
use super::security_groups::{by_name, of_interface};
use super::tagging::specified;
use super::vpcs::default_vpc;
use super::{
    Answer, Call, Form, Result, arn, flag, form, invalid, invalid_value, key, missing, number,
    refused, require, short, unless_dry_run,
};
use crate::ids;
use crate::records::{
    Attachment, Instance, InstanceState, NetworkInterface, SecurityGroup, Subnet, Tag,
};
use crate::store::{Change, View};
use crate::topology::zones;

/// What of a call may have tags.
const TAGGED: &[&str] = &["instance", "network-interface", "volume"];

/// Interfaces that a call gives to an instance.
const MOST_INTERFACES: usize = 15;

/// RunInstances.
pub(super) async fn run(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let id = call
        .change_topology(move |call, change| launch(call, change, &form))
        .await?;
    let view = call.view()?;
    let instances = all_of(&view, &id)?;
    Ok(Answer::Xml(
        reservation(&call, &view, &instances, "pending")?.into_children(),
    ))
}

/// What a call says of one interface.
#[derive(Debug, Default)]
struct Wanted {
    device_index: u16,
    existing: Option<String>,
    subnet: Option<String>,
    groups: Vec<String>,
    address: Option<String>,
    description: Option<String>,
    deletes: Option<bool>,
}

fn launch(call: &Call, change: &mut Change, form: &Form) -> Result<String> {
    let image = form.require("ImageId")?;
    let instance_type = form.get("InstanceType").unwrap_or("m1.small");
    let (least, most) = counts(form)?;
    let instance_tags = specified(form, TAGGED, "instance")?;
    let interface_tags = specified(form, TAGGED, "network-interface")?;
    let wanted = wanted(form)?;
    let subnet = subnet(call, change, form, &wanted)?;
    may_launch(
        call,
        change,
        form,
        (image, instance_type),
        (&instance_tags, &interface_tags),
    )?;
    let subnet = named::<Subnet>(call, change, &subnet)?;
    let groups = groups(change, form, &subnet, &wanted)?;
    for group in groups.iter().flatten() {
        named::<SecurityGroup>(call, change, group)?;
    }
    unless_dry_run(form)?;
    if let Some(made) = made_before(call, change, form)? {
        return Ok(made);
    }
    check(image, form)?;
    let one_only = wanted
        .iter()
        .any(|one| one.address.is_some() || one.existing.is_some());
    if most > 1 && one_only {
        let message = "Network interfaces and private IP addresses can't be given when several \
                       instances are launched.";
        return Err(refused("InvalidParameterCombination", message));
    }
    forget_old(call, change)?;
    let reservation = ids::random("r-");
    let now = call.request.millis();
    for launch_index in 0..most {
        let instance = Instance {
            id: new_id::<Instance>(),
            reservation: reservation.clone(),
            launch_index,
            image: image.to_owned(),
            instance_type: instance_type.to_owned(),
            key_name: form.get("KeyName").map(str::to_owned),
            vpc: subnet.vpc.clone(),
            subnet: subnet.id.clone(),
            zone: subnet.zone.clone(),
            state: InstanceState::Running,
            launched: now,
            terminated: None,
            is_protected: flag(form, "DisableApiTermination")?.unwrap_or(false),
            source_dest_check: true,
            client_token: form.get("ClientToken").map(str::to_owned),
            tags: instance_tags.clone(),
        };
        let free = attach_all(
            call,
            change,
            (&instance, &subnet),
            (&wanted, &groups),
            &interface_tags,
        );
        match free {
            // As many as there is room for, if those are enough.
            Err(error)
                if error.code == "InsufficientFreeAddressesInSubnet" && launch_index >= least =>
            {
                break;
            }
            other => other?,
        }
        change.put(&instance)?;
    }
    remember(call, change, form, &reservation)?;
    Ok(reservation)
}

fn counts(form: &Form) -> Result<(u32, u32)> {
    let least: u32 = number(form, "MinCount")?.ok_or_else(|| missing("MinCount"))?;
    let most: u32 = number(form, "MaxCount")?.ok_or_else(|| missing("MaxCount"))?;
    if least == 0 || least > most {
        let message = format!("Invalid value '{least}' for MinCount: it is 1 to MaxCount.");
        return Err(invalid(message));
    }
    if most > LAST {
        let message = format!(
            "You have requested more instances ({most}) than your current instance limit of {LAST} allows."
        );
        return Err(refused("InstanceLimitExceeded", message));
    }
    Ok((least, most))
}

/// Reads the interfaces: `NetworkInterface.N`, or what the call says of the only one.
fn wanted(form: &Form) -> Result<Vec<Wanted>> {
    let members = form.members("NetworkInterface");
    if members.is_empty() {
        return Ok(vec![Wanted {
            subnet: form.get("SubnetId").map(str::to_owned),
            groups: form.list("SecurityGroupId"),
            address: form.get("PrivateIpAddress").map(str::to_owned),
            ..Wanted::default()
        }]);
    }
    let both = ["SubnetId", "PrivateIpAddress"]
        .iter()
        .any(|name| form.get(name).is_some());
    if both || !form.list("SecurityGroupId").is_empty() || !form.list("SecurityGroup").is_empty() {
        let message = "Network interfaces and an instance-level subnet ID, security groups or \
                       private IP address may not be specified on the same request";
        return Err(refused("InvalidParameterCombination", message));
    }
    if members.len() > MOST_INTERFACES {
        let message = format!("An instance has at most {MOST_INTERFACES} network interfaces.");
        return Err(refused("AttachmentLimitExceeded", message));
    }
    let mut all: Vec<Wanted> = Vec::new();
    for at in members {
        let of = |name: &str| form.get(&format!("{at}.{name}")).map(str::to_owned);
        let one = Wanted {
            device_index: number(form, &format!("{at}.DeviceIndex"))?
                .ok_or_else(|| missing("deviceIndex"))?,
            existing: of("NetworkInterfaceId"),
            subnet: of("SubnetId"),
            groups: form.list(&format!("{at}.SecurityGroupId")),
            address: of("PrivateIpAddress"),
            description: of("Description"),
            deletes: flag(form, &format!("{at}.DeleteOnTermination"))?,
        };
        let is_more = one.subnet.is_some() || one.address.is_some() || !one.groups.is_empty();
        if one.existing.is_some() && is_more {
            let message = "A network interface may not specify a network interface ID and \
                           properties of a new one";
            return Err(refused("InvalidParameterCombination", message));
        }
        if all
            .iter()
            .any(|other| other.device_index == one.device_index)
        {
            let message = "Each network interface requires a unique device index.";
            return Err(invalid(message));
        }
        all.push(one);
    }
    all.sort_by_key(|one| one.device_index);
    if all.first().is_none_or(|first| first.device_index != 0) {
        return Err(invalid(
            "You must specify a device index of 0 for one network interface.",
        ));
    }
    Ok(all)
}

/// The id of the subnet of the first interface: without one, the default subnet of the zone.
fn subnet(call: &Call, view: &View, form: &Form, wanted: &[Wanted]) -> Result<String> {
    let first = wanted.first();
    if let Some(id) = first.and_then(|first| first.existing.as_ref()) {
        return Ok(find::<NetworkInterface>(view, id)?.subnet);
    }
    if let Some(id) = first.and_then(|first| first.subnet.clone()) {
        return Ok(id);
    }
    let vpc = default_vpc(view)?.ok_or_else(|| {
        let message = "No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC.";
        refused("VPCIdNotSpecified", message)
    })?;
    let zone = zone(call, form)?;
    let all = view.all_by::<Subnet>(("vpc", &vpc.id))?;
    let mut all: Vec<_> = all.into_iter().filter(|subnet| subnet.is_default).collect();
    all.sort_by(|one, other| one.zone.cmp(&other.zone));
    let found = all
        .into_iter()
        .find(|subnet| zone.as_ref().is_none_or(|zone| subnet.zone == *zone));
    let found = found.ok_or_else(|| {
        let message = format!(
            "No subnets found for the default VPC '{}'. Please specify a subnet.",
            vpc.id
        );
        refused("MissingInput", message)
    })?;
    Ok(found.id)
}

fn zone(call: &Call, form: &Form) -> Result<Option<String>> {
    let all = zones(&call.control.settings.region);
    for (name, is_id) in [
        ("Placement.AvailabilityZone", false),
        ("Placement.AvailabilityZoneId", true),
    ] {
        if let Some(given) = form.get(name) {
            let found = all.iter().find(|zone| {
                if is_id {
                    zone.id == given
                } else {
                    zone.name == given
                }
            });
            let found = found.ok_or_else(|| {
                invalid_value("availabilityZone", given, "There is no such zone.")
            })?;
            return Ok(Some(found.name.clone()));
        }
    }
    Ok(None)
}

/// Asks for what RunInstances is allowed on, beside subnet and groups (Service Authorization
/// Reference, EC2).
fn may_launch(
    call: &Call,
    view: &View,
    form: &Form,
    (image, instance_type): (&str, &str),
    (instance_tags, interface_tags): (&[Tag], &[Tag]),
) -> Result<()> {
    let region = &call.control.settings.region;
    let image = if is_image(image) { image } else { "*" };
    require(
        call,
        view,
        format!("arn:aws:ec2:{region}::image/{image}"),
        Vec::new(),
    )?;
    let own = vec![key("ec2:InstanceType", instance_type)];
    making(call, view, "instance", instance_tags, own)?;
    making(call, view, "network-interface", interface_tags, Vec::new())?;
    let volume_tags = specified(form, TAGGED, "volume")?;
    making(call, view, "volume", &volume_tags, Vec::new())?;
    if let Some(name) = form.get("KeyName") {
        let name: String = name
            .chars()
            .filter(|letter| !"*?:/".contains(*letter))
            .take(255)
            .collect();
        require(call, view, arn(call, "key-pair", &name), Vec::new())?;
    }
    Ok(())
}

fn is_image(id: &str) -> bool {
    let digits = id.strip_prefix("ami-").unwrap_or_default();
    (1..=40).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_alphanumeric())
}

fn check(image: &str, form: &Form) -> Result<()> {
    if !is_image(image) {
        let message = format!("Invalid id: \"{}\" (expecting \"ami-...\")", short(image));
        return Err(refused("InvalidAMIID.Malformed", message));
    }
    let is_type = |text: &str| {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        text.len() <= 64
            && text.split_once('.').is_some_and(|(family, size)| {
                let mut parts = [family, size].into_iter();
                parts.all(|part| !part.is_empty() && part.chars().all(allowed))
            })
    };
    if let Some(given) = form.get("InstanceType").filter(|given| !is_type(given)) {
        let message = format!("Invalid value '{}' for InstanceType.", short(given));
        return Err(invalid(message));
    }
    if form
        .get("KeyName")
        .is_some_and(|name| name.is_empty() || name.len() > 255)
    {
        return Err(invalid("A key pair's name has 1 to 255 characters."));
    }
    Ok(())
}

/// The security groups of each interface.
fn groups(
    view: &View,
    form: &Form,
    subnet: &Subnet,
    wanted: &[Wanted],
) -> Result<Vec<Vec<String>>> {
    let mut all = Vec::new();
    for one in wanted {
        if one.existing.is_some() {
            all.push(Vec::new());
            continue;
        }
        let mut ids = one.groups.clone();
        for name in form.list("SecurityGroup") {
            let is_in_default = default_vpc(view)?.is_some_and(|vpc| vpc.id == subnet.vpc);
            if !is_in_default {
                let message = "The parameter groupName cannot be used with the parameter subnet";
                return Err(refused("InvalidParameterCombination", message));
            }
            ids.push(by_name(view, &subnet.vpc, &name)?.id);
        }
        all.push(of_interface(
            view,
            &subnet.vpc,
            &ids,
            "InvalidGroup.NotFound",
        )?);
    }
    Ok(all)
}

/// Makes or takes the interfaces of an instance. If one can't be had, those before it are given
/// back.
fn attach_all(
    call: &Call,
    change: &mut Change,
    (instance, first): (&Instance, &Subnet),
    (wanted, groups): (&[Wanted], &[Vec<String>]),
    tags: &[Tag],
) -> Result<()> {
    let mut made: Vec<String> = Vec::new();
    for (one, groups) in wanted.iter().zip(groups) {
        let attachment = Attachment {
            id: ids::random("eni-attach-"),
            instance: instance.id.clone(),
            device_index: one.device_index,
            delete_on_termination: one.deletes.unwrap_or(one.existing.is_none()),
            attached: instance.launched,
        };
        if let Some(id) = &one.existing {
            take(call, change, id, instance, attachment)?;
            continue;
        }
        let subnet = match &one.subnet {
            Some(id) if *id != first.id => find::<Subnet>(change, id)?,
            _ => first.clone(),
        };
        if subnet.zone != first.zone || subnet.vpc != first.vpc {
            let message = "All network interfaces of an instance are in one zone and one VPC.";
            return Err(refused("InvalidParameterCombination", message));
        }
        let new = New {
            groups: groups.clone(),
            address: one.address.clone(),
            description: read_description(one.description.as_deref())?,
            attachment: Some(attachment),
            tags: tags.to_vec(),
        };
        match put(call, change, &subnet, new) {
            Ok(interface) => made.push(interface.id),
            Err(error) => {
                for id in made {
                    change.remove::<NetworkInterface>(&id)?;
                }
                return Err(error);
            }
        }
    }
    Ok(())
}

fn take(
    call: &Call,
    change: &mut Change,
    id: &str,
    instance: &Instance,
    attachment: Attachment,
) -> Result<()> {
    let mut interface = named::<NetworkInterface>(call, change, id)?;
    if interface.requester.is_some() || interface.attachment.is_some() {
        let message = format!("Network interface '{id}' is currently in use.");
        return Err(refused("InvalidNetworkInterface.InUse", message));
    }
    if interface.vpc != instance.vpc || interface.zone != instance.zone {
        let message = "All network interfaces of an instance are in one zone and one VPC.";
        return Err(refused("InvalidParameterCombination", message));
    }
    interface.attachment = Some(attachment);
    Ok(change.put(&interface)?)
}
