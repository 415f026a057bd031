//! CreateSubnet, DeleteSubnet, DescribeSubnets, ModifySubnetAttribute.

use std::collections::HashMap;
use std::sync::Arc;

use super::describe::{described, describing};
use super::resource::{making, named, new_id, unknown};
use super::tagging::{tag_set, tag_specification};
use super::vpcs::read_cidr;
use super::{
    Answer, Call, Element, Form, Result, arn, done, flag, form, invalid_value, key, missing,
    quotas, refused, short, unless_dry_run,
};
use crate::records::{NetworkAcl, NetworkInterface, Subnet, Vpc};
use crate::store::{Change, View};
use crate::topology::{Zone, put_subnet, zone_by_name, zones};

/// Addresses of a subnet that EC2 keeps.
const RESERVED: u32 = 5;

/// CreateSubnet.
pub(super) async fn create(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let made = call
        .change_topology(move |call, change| make(call, change, &form))
        .await?;
    let free = free(&made, 0);
    Ok(Answer::Xml(vec![
        show(&call, &made, free).renamed("subnet"),
    ]))
}

fn make(call: &Call, change: &mut Change, form: &Form) -> Result<Subnet> {
    let tags = tag_specification(form, "subnet")?;
    let vpc = form.require("VpcId")?;
    let zone = read_zone(call, form)?;
    let own = vec![
        key("ec2:Vpc", arn(call, "vpc", &short(vpc))),
        key("ec2:AvailabilityZone", &zone.name),
    ];
    making(call, change, "subnet", &tags, own)?;
    let vpc = named::<Vpc>(call, change, vpc)?;
    unless_dry_run(form)?;
    let given = form.get("CidrBlock").ok_or_else(|| missing("cidrBlock"))?;
    let cidr = read_cidr(given, "InvalidSubnet.Range")?;
    if !vpc.cidr.contains(&cidr) {
        let message = format!("The CIDR '{cidr}' is invalid.");
        return Err(refused("InvalidSubnet.Range", message));
    }
    let others = change.all_by::<Subnet>(("vpc", &vpc.id))?;
    let overlaps = |other: &Subnet| other.cidr.contains(&cidr) || cidr.contains(&other.cidr);
    if others.iter().any(overlaps) {
        let message = format!("The CIDR '{cidr}' conflicts with another subnet");
        return Err(refused("InvalidSubnet.Conflict", message));
    }
    if others.len() >= quotas::SUBNETS {
        let message = "The maximum number of subnets has been reached.";
        return Err(refused("SubnetLimitExceeded", message));
    }
    let subnet = Subnet {
        id: new_id::<Subnet>(),
        vpc: vpc.id,
        cidr,
        zone: zone.name,
        is_default: false,
        maps_public: false,
        tags,
    };
    put_subnet(change, &subnet)?;
    Ok(subnet)
}

/// The zone that a call names, or the first.
fn read_zone(call: &Call, form: &Form) -> Result<Zone> {
    let region = &call.control.settings.region;
    let names = || {
        zones(region)
            .into_iter()
            .map(|zone| zone.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let wrong = |parameter, given: &str| {
        let why = format!(
            "Subnets can currently only be created in the following availability zones: {}.",
            names()
        );
        invalid_value(parameter, given, &why)
    };
    let name = form.get("AvailabilityZone");
    let id = form.get("AvailabilityZoneId");
    let mut all = zones(region).into_iter();
    match (name, id) {
        (Some(_), Some(_)) => {
            let message = "AvailabilityZone and AvailabilityZoneId cannot both be specified";
            Err(refused("InvalidParameterCombination", message))
        }
        (Some(name), None) => {
            zone_by_name(region, name).ok_or_else(|| wrong("availabilityZone", name))
        }
        (None, Some(id)) => all
            .find(|zone| zone.id == id)
            .ok_or_else(|| wrong("availabilityZoneId", id)),
        (None, None) => all.next().ok_or_else(|| wrong("availabilityZone", "")),
    }
}

/// DeleteSubnet.
pub(super) async fn delete(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    call.change_topology(move |call, change| {
        let subnet = named::<Subnet>(call, change, form.require("SubnetId")?)?;
        unless_dry_run(&form)?;
        let of_subnet = ("subnet", subnet.id.as_str());
        if !change
            .keys_by::<NetworkInterface>(of_subnet, None, 1)?
            .is_empty()
        {
            let message = format!(
                "The subnet '{}' has dependencies and cannot be deleted.",
                subnet.id
            );
            return Err(refused("DependencyViolation", message));
        }
        for mut acl in change.all_by::<NetworkAcl>(of_subnet)? {
            acl.associations
                .retain(|association| association.subnet != subnet.id);
            change.put(&acl)?;
        }
        change.remove::<Subnet>(&subnet.id)?;
        Ok(())
    })
    .await?;
    Ok(done())
}

/// ModifySubnetAttribute.
pub(super) async fn modify(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    call.change_topology(move |call, change| {
        let mut subnet = named::<Subnet>(call, change, form.require("SubnetId")?)?;
        if let Some(maps_public) = flag(&form, "MapPublicIpOnLaunch.Value")? {
            subnet.maps_public = maps_public;
        }
        Ok(change.put(&subnet)?)
    })
    .await?;
    Ok(done())
}

/// How many addresses of a subnet are free, if so many are used.
fn free(subnet: &Subnet, used: u32) -> u32 {
    let size = 1_u32 << (32 - subnet.cidr.prefix_len()).min(31);
    size.saturating_sub(RESERVED).saturating_sub(used)
}

fn used(view: &View) -> Result<HashMap<String, u32>> {
    let mut used: HashMap<String, u32> = HashMap::new();
    for interface in view.all::<NetworkInterface>()? {
        *used.entry(interface.subnet).or_default() += 1;
    }
    Ok(used)
}

/// DescribeSubnets.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let (form, view, filters) = describing(&call)?;
    filters.check(&[
        "subnet-id",
        "subnet-arn",
        "vpc-id",
        "availability-zone",
        "availabilityZone",
        "availability-zone-id",
        "availabilityZoneId",
        "cidr",
        "cidr-block",
        "cidrBlock",
        "default-for-az",
        "defaultForAz",
        "state",
        "owner-id",
        "available-ip-address-count",
        "map-public-ip-on-launch",
        "ipv6-native",
        "outpost-arn",
        "customer-owned-ipv4-pool",
        "ipv6-cidr-block-association.ipv6-cidr-block",
        "ipv6-cidr-block-association.association-id",
        "ipv6-cidr-block-association.state",
        "enable-dns64",
        "enable-lni-at-device-index",
        "map-customer-owned-ip-on-launch",
        "private-dns-name-options-on-launch.hostname-type",
        "private-dns-name-options-on-launch.enable-resource-name-dns-a-record",
        "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record",
    ])?;
    let owner = &call.control.settings.account_id;
    let used = used(&view)?;
    let free = |subnet: &Subnet| free(subnet, used.get(&subnet.id).copied().unwrap_or_default());
    let keep = |subnet: &Subnet| {
        filters.keep(&subnet.tags, |name| {
            vec![match name {
                "subnet-id" => subnet.id.clone(),
                "subnet-arn" => arn(&call, "subnet", &subnet.id),
                "vpc-id" => subnet.vpc.clone(),
                "availability-zone" | "availabilityZone" => subnet.zone.clone(),
                "availability-zone-id" | "availabilityZoneId" => zone_id(&call, &subnet.zone),
                "cidr" | "cidr-block" | "cidrBlock" => subnet.cidr.to_string(),
                "default-for-az" | "defaultForAz" => subnet.is_default.to_string(),
                "state" => "available".to_owned(),
                "owner-id" => owner.clone(),
                "available-ip-address-count" => free(subnet).to_string(),
                "map-public-ip-on-launch" => subnet.maps_public.to_string(),
                "ipv6-native"
                | "enable-dns64"
                | "map-customer-owned-ip-on-launch"
                | "private-dns-name-options-on-launch.enable-resource-name-dns-a-record"
                | "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record" => {
                    "false".to_owned()
                }
                "private-dns-name-options-on-launch.hostname-type" => "ip-name".to_owned(),
                _ => return Vec::new(),
            }]
        })
    };
    described(
        &form,
        view.all()?,
        keep,
        |subnet| &subnet.id,
        ("SubnetId", unknown::<Subnet>),
        "subnetSet",
        |subnet| show(&call, subnet, free(subnet)),
    )
}

/// The id of a zone.
pub(super) fn zone_id(call: &Call, name: &str) -> String {
    let zone = zone_by_name(&call.control.settings.region, name);
    zone.map(|zone| zone.id).unwrap_or_default()
}

fn show(call: &Call, subnet: &Subnet, free: u32) -> Element {
    let names = Element::new("privateDnsNameOptionsOnLaunch")
        .text("hostnameType", "ip-name")
        .text("enableResourceNameDnsARecord", false)
        .text("enableResourceNameDnsAAAARecord", false);
    let shown = Element::new("item")
        .text("subnetId", &subnet.id)
        .text("subnetArn", arn(call, "subnet", &subnet.id))
        .text("state", "available")
        .text("ownerId", &call.control.settings.account_id)
        .text("vpcId", &subnet.vpc)
        .text("cidrBlock", subnet.cidr)
        .child(Element::new("ipv6CidrBlockAssociationSet"))
        .text("availableIpAddressCount", free)
        .text("availabilityZone", &subnet.zone)
        .text("availabilityZoneId", zone_id(call, &subnet.zone))
        .text("defaultForAz", subnet.is_default)
        .text("mapPublicIpOnLaunch", subnet.maps_public)
        .text("assignIpv6AddressOnCreation", false)
        .text("mapCustomerOwnedIpOnLaunch", false)
        .text("enableDns64", false)
        .text("ipv6Native", false)
        .child(names);
    tag_set(shown, &subnet.tags)
}
