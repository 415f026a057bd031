//! CreateNetworkInterface, DeleteNetworkInterface, DescribeNetworkInterfaces.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use rand::Rng;

use super::describe::{described, describing};
use super::idempotency::{made_before, remember};
use super::resource::{find, making, named, new_id, unknown};
use super::security_groups::of_interface;
use super::subnets::zone_id;
use super::tagging::{tag_set, tag_specification};
use super::{
    Answer, ApiError, Call, Element, Form, Result, arn, done, form, invalid, key, quotas, refused,
    short, unless_dry_run,
};
use crate::records::{Attachment, NetworkInterface, SecurityGroup, Subnet, Tag};
use crate::store::{Change, View};
use crate::time::iso8601;
use crate::topology::{choose_address, is_usable};

/// CreateNetworkInterface.
pub(super) async fn create(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let token = form.get("ClientToken").map(str::to_owned);
    let (made, names) = call
        .change_topology(move |call, change| {
            let made = make(call, change, &form)?;
            let names = group_names(change)?;
            Ok((made, names))
        })
        .await?;
    let shown = show(&call, &made, &names).renamed("networkInterface");
    let mut answer = vec![shown];
    answer.extend(token.map(|token| Element::of("clientToken", token)));
    Ok(Answer::Xml(answer))
}

fn make(call: &Call, change: &mut Change, form: &Form) -> Result<NetworkInterface> {
    let tags = tag_specification(form, "network-interface")?;
    let subnet = form.require("SubnetId")?;
    let own = vec![key("ec2:Subnet", arn(call, "subnet", &short(subnet)))];
    making(call, change, "network-interface", &tags, own)?;
    let subnet = named::<Subnet>(call, change, subnet)?;
    let groups = form.list("SecurityGroupId");
    let groups = of_interface(
        change,
        &subnet.vpc,
        &groups,
        "InvalidSecurityGroupID.NotFound",
    )?;
    for group in &groups {
        named::<SecurityGroup>(call, change, group)?;
    }
    unless_dry_run(form)?;
    if let Some(made) = made_before(call, change, form)? {
        return find::<NetworkInterface>(change, &made);
    }
    let address = read_address(form)?;
    let new = New {
        groups,
        address,
        description: read_description(form.get("Description"))?,
        attachment: None,
        tags,
    };
    let made = put(call, change, &subnet, new)?;
    remember(call, change, form, &made.id)?;
    Ok(made)
}

/// The one address that a call names: `PrivateIpAddress`, or in `PrivateIpAddresses`.
fn read_address(form: &Form) -> Result<Option<String>> {
    let mut address = form.get("PrivateIpAddress").map(str::to_owned);
    let members = form.members("PrivateIpAddresses");
    if members.len() + usize::from(address.is_some()) > 1 {
        let message = "localefs has interfaces of one address.";
        return Err(refused("PrivateIpAddressLimitExceeded", message));
    }
    if let Some(member) = members.first() {
        if !form.flag(&format!("{member}.Primary"))? {
            let message = "localefs has interfaces of one address, the primary.";
            return Err(refused("PrivateIpAddressLimitExceeded", message));
        }
        address = form
            .get(&format!("{member}.PrivateIpAddress"))
            .map(str::to_owned);
    }
    Ok(address)
}

pub(super) fn read_description(text: Option<&str>) -> Result<String> {
    let text = text.unwrap_or_default();
    if text.chars().count() > 255 {
        return Err(invalid(
            "The description of a network interface has at most 255 characters.",
        ));
    }
    Ok(text.to_owned())
}

/// What an interface is to be like.
pub(super) struct New {
    pub(super) groups: Vec<String>,
    /// As the caller gave it.
    pub(super) address: Option<String>,
    pub(super) description: String,
    pub(super) attachment: Option<Attachment>,
    pub(super) tags: Vec<Tag>,
}

/// Puts an interface in a subnet on record.
///
/// # Errors
/// InvalidParameterValue, InvalidIPAddress.InUse, InsufficientFreeAddressesInSubnet,
/// NetworkInterfaceLimitExceeded.
pub(super) fn put(
    call: &Call,
    change: &mut Change,
    subnet: &Subnet,
    new: New,
) -> Result<NetworkInterface> {
    if change.count::<NetworkInterface>()? >= quotas::INTERFACES {
        let message = "The maximum number of network interfaces has been reached.";
        return Err(refused("NetworkInterfaceLimitExceeded", message));
    }
    let address = address(change, subnet, new.address.as_deref())?;
    let random: [u8; 5] = rand::rng().random();
    let octets = random.iter().map(|octet| format!(":{octet:02x}"));
    let made = NetworkInterface {
        id: new_id::<NetworkInterface>(),
        subnet: subnet.id.clone(),
        vpc: subnet.vpc.clone(),
        zone: subnet.zone.clone(),
        address,
        mac: format!("02{}", octets.collect::<String>()),
        groups: new.groups,
        description: new.description,
        requester: None,
        attachment: new.attachment,
        source_dest_check: true,
        created: call.request.millis(),
        tags: new.tags,
        place: NetworkInterface::place(&subnet.id, address),
    };
    change.put(&made)?;
    Ok(made)
}

fn address(view: &View, subnet: &Subnet, given: Option<&str>) -> Result<Ipv4Addr> {
    if let Some(given) = given {
        let address: Option<Ipv4Addr> = given.parse().ok();
        let address = address.ok_or_else(|| {
            invalid(format!(
                "invalid value for parameter address: {}",
                short(given)
            ))
        })?;
        if !subnet.cidr.contains(&address) {
            let message = "Address does not fall within the subnet's address range";
            return Err(invalid(message));
        }
        if !is_usable(subnet.cidr, address) {
            return Err(invalid("Address is in subnet's reserved address range"));
        }
        let place = NetworkInterface::place(&subnet.id, address);
        if !view
            .keys_by::<NetworkInterface>(("place", &place), None, 1)?
            .is_empty()
        {
            let message = format!("Address {address} is in use.");
            return Err(refused("InvalidIPAddress.InUse", message));
        }
        return Ok(address);
    }
    let there = view.all_by::<NetworkInterface>(("subnet", &subnet.id))?;
    let taken: std::collections::HashSet<_> = there.into_iter().map(|one| one.address).collect();
    let chosen = choose_address(subnet.cidr, rand::rng().random(), |address| {
        taken.contains(&address)
    });
    chosen.ok_or_else(|| {
        let message =
            "The specified subnet does not have enough free addresses to satisfy the request.";
        refused("InsufficientFreeAddressesInSubnet", message)
    })
}

/// The error for an interface of a service that a caller wants to change.
pub(super) fn not_theirs() -> ApiError {
    let message = "You do not have permission to access the specified resource.";
    refused("AuthFailure", message)
}

/// DeleteNetworkInterface.
pub(super) async fn delete(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    call.change_topology(move |call, change| {
        let id = form.require("NetworkInterfaceId")?;
        let interface = named::<NetworkInterface>(call, change, id)?;
        unless_dry_run(&form)?;
        if interface.requester.is_some() {
            let message = format!("You are not allowed to delete network interface '{id}': it is managed by a service.");
            return Err(refused("OperationNotPermitted", message));
        }
        if interface.attachment.is_some() {
            let message = format!("Network interface '{id}' is currently in use.");
            return Err(refused("InvalidNetworkInterface.InUse", message));
        }
        change.remove::<NetworkInterface>(id)?;
        Ok(())
    })
    .await?;
    Ok(done())
}

const FILTERS: &[&str] = &[
    "addresses.primary",
    "addresses.private-ip-address",
    "attachment.attachment-id",
    "attachment.delete-on-termination",
    "attachment.device-index",
    "attachment.instance-id",
    "attachment.instance-owner-id",
    "attachment.status",
    "availability-zone",
    "availability-zone-id",
    "description",
    "group-id",
    "group-name",
    "interface-type",
    "mac-address",
    "network-interface-id",
    "owner-id",
    "private-dns-name",
    "private-ip-address",
    "requester-id",
    "requester-managed",
    "source-dest-check",
    "status",
    "subnet-id",
    "vpc-id",
    // Of what no interface has here.
    "addresses.association.allocation-id",
    "addresses.association.association-id",
    "addresses.association.carrier-ip",
    "addresses.association.customer-owned-ip",
    "addresses.association.owner-id",
    "addresses.association.public-dns-name",
    "addresses.association.public-ip",
    "association.allocation-id",
    "association.association-id",
    "association.ip-owner-id",
    "association.public-dns-name",
    "association.public-ip",
    "ipv6-addresses.ipv6-address",
];

/// DescribeNetworkInterfaces.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let (form, view, filters) = describing(&call)?;
    filters.check(FILTERS)?;
    let names = group_names(&view)?;
    let values = |interface: &NetworkInterface, name: &str| value(&call, interface, &names, name);
    let keep = |interface: &NetworkInterface| {
        filters.keep(&interface.tags, |name| values(interface, name))
    };
    described(
        &form,
        view.all()?,
        keep,
        |interface| &interface.id,
        ("NetworkInterfaceId", unknown::<NetworkInterface>),
        "networkInterfaceSet",
        |interface| show(&call, interface, &names),
    )
}

fn value(
    call: &Call,
    interface: &NetworkInterface,
    names: &HashMap<String, String>,
    name: &str,
) -> Vec<String> {
    let owner = &call.control.settings.account_id;
    if let Some(name) = name.strip_prefix("attachment.") {
        let Some(attachment) = &interface.attachment else {
            return Vec::new();
        };
        return vec![match name {
            "attachment-id" => attachment.id.clone(),
            "delete-on-termination" => attachment.delete_on_termination.to_string(),
            "device-index" => attachment.device_index.to_string(),
            "instance-id" => attachment.instance.clone(),
            "instance-owner-id" => owner.clone(),
            _ => "attached".to_owned(),
        }];
    }
    vec![match name {
        "group-id" => return interface.groups.clone(),
        "group-name" => {
            let names = interface.groups.iter().filter_map(|id| names.get(id));
            return names.cloned().collect();
        }
        "network-interface-id" => interface.id.clone(),
        "subnet-id" => interface.subnet.clone(),
        "vpc-id" => interface.vpc.clone(),
        "availability-zone" => interface.zone.clone(),
        "availability-zone-id" => zone_id(call, &interface.zone),
        "description" => interface.description.clone(),
        "private-ip-address" | "addresses.private-ip-address" => interface.address.to_string(),
        "addresses.primary" => "true".to_owned(),
        "mac-address" => interface.mac.clone(),
        "private-dns-name" => private_name(call, interface.address),
        "requester-managed" => interface.requester.is_some().to_string(),
        "requester-id" => return interface.requester.iter().cloned().collect(),
        "source-dest-check" => interface.source_dest_check.to_string(),
        "owner-id" => owner.clone(),
        "status" => status(interface).to_owned(),
        "interface-type" => "interface".to_owned(),
        _ => return Vec::new(),
    }]
}

/// Names of security groups by their ids.
pub(super) fn group_names(view: &View) -> Result<HashMap<String, String>> {
    let all = view.all::<SecurityGroup>()?.into_iter();
    Ok(all.map(|group| (group.id, group.name)).collect())
}

/// `ip-172-31-0-4.ec2.internal` (VPC user guide, "DNS attributes").
pub(super) fn private_name(call: &Call, address: Ipv4Addr) -> String {
    let region = call.control.settings.region.as_str();
    let host = address.to_string().replace('.', "-");
    match region {
        "us-east-1" => format!("ip-{host}.ec2.internal"),
        _ => format!("ip-{host}.{region}.compute.internal"),
    }
}

fn status(interface: &NetworkInterface) -> &'static str {
    if interface.requester.is_some() || interface.attachment.is_some() {
        "in-use"
    } else {
        "available"
    }
}

/// `groupSet`.
pub(super) fn group_set<'g>(
    element: Element,
    groups: impl IntoIterator<Item = &'g String>,
    names: &HashMap<String, String>,
) -> Element {
    let items = groups.into_iter().map(|id| {
        Element::new("item").text("groupId", id).text(
            "groupName",
            names.get(id).map(String::as_str).unwrap_or_default(),
        )
    });
    element.list("groupSet", "item", items)
}

/// `attachment`.
pub(super) fn attachment(call: &Call, attachment: &Attachment) -> Element {
    Element::new("attachment")
        .text("attachmentId", &attachment.id)
        .text("instanceId", &attachment.instance)
        .text("instanceOwnerId", &call.control.settings.account_id)
        .text("deviceIndex", attachment.device_index)
        .text("networkCardIndex", 0)
        .text("status", "attached")
        .text("attachTime", moment(attachment.attached))
        .text("deleteOnTermination", attachment.delete_on_termination)
}

/// Milliseconds since 1970 as XML has them.
pub(super) fn moment(millis: u64) -> String {
    iso8601(i64::try_from(millis / 1000).unwrap_or(i64::MAX))
}

/// `privateIpAddressesSet`.
pub(super) fn address_set(call: &Call, element: Element, address: Ipv4Addr) -> Element {
    let item = Element::new("item")
        .text("privateIpAddress", address)
        .text("privateDnsName", private_name(call, address))
        .text("primary", true);
    element.list("privateIpAddressesSet", "item", [item])
}

fn show(call: &Call, interface: &NetworkInterface, names: &HashMap<String, String>) -> Element {
    let shown = Element::new("item")
        .text("networkInterfaceId", &interface.id)
        .text("subnetId", &interface.subnet)
        .text("vpcId", &interface.vpc)
        .text("availabilityZone", &interface.zone)
        .text("availabilityZoneId", zone_id(call, &interface.zone))
        .text("description", &interface.description)
        .text("ownerId", &call.control.settings.account_id)
        .optional("requesterId", interface.requester.as_ref())
        .text("requesterManaged", interface.requester.is_some())
        .text("status", status(interface))
        .text("macAddress", &interface.mac)
        .text("privateIpAddress", interface.address)
        .text("privateDnsName", private_name(call, interface.address))
        .text("sourceDestCheck", interface.source_dest_check);
    let shown = group_set(shown, &interface.groups, names);
    let shown = address_set(call, shown, interface.address)
        .children(interface.attachment.iter().map(|one| attachment(call, one)))
        .child(Element::new("ipv6AddressesSet"))
        .text("interfaceType", "interface");
    tag_set(shown, &interface.tags)
}
