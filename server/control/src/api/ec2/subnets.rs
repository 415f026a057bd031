//! DescribeSubnets.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Answer, Call, Element, Result, arn, described, describing, tag_set};
use crate::records::{NetworkInterface, Subnet};
use crate::topology::zone_by_name;

/// Addresses of a subnet that EC2 keeps.
const RESERVED: u32 = 5;

/// DescribeSubnets.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let (form, view, filters) = describing(&call)?;
    let settings = &call.control.settings;
    let zone_id = |subnet: &Subnet| {
        let zone = zone_by_name(&settings.region, &subnet.zone);
        zone.map(|zone| zone.id).unwrap_or_default()
    };
    let mut used: HashMap<String, u32> = HashMap::new();
    for interface in view.all::<NetworkInterface>()? {
        *used.entry(interface.subnet).or_default() += 1;
    }
    let free = |subnet: &Subnet| {
        let size = 1_u32 << (32 - subnet.cidr.prefix_len()).min(31);
        let used = used.get(&subnet.id).copied().unwrap_or_default();
        size.saturating_sub(RESERVED).saturating_sub(used)
    };
    let known = [
        "subnet-id",
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
    ];
    let values = |subnet: &Subnet, name: &str| {
        Some(vec![match name {
            "subnet-id" => subnet.id.clone(),
            "vpc-id" => subnet.vpc.clone(),
            "availability-zone" | "availabilityZone" => subnet.zone.clone(),
            "availability-zone-id" | "availabilityZoneId" => zone_id(subnet),
            "cidr" | "cidr-block" | "cidrBlock" => subnet.cidr.to_string(),
            "default-for-az" | "defaultForAz" => subnet.is_default.to_string(),
            "state" => "available".to_owned(),
            "owner-id" => settings.account_id.clone(),
            "available-ip-address-count" => free(subnet).to_string(),
            _ => return None,
        }])
    };
    let kept = filters.keep(view.all()?, |subnet: &Subnet| &subnet.tags, values, &known)?;
    let show = |subnet: &Subnet| {
        let shown = Element::new("item")
            .text("subnetId", &subnet.id)
            .text("subnetArn", arn(&call, "subnet", &subnet.id))
            .text("state", "available")
            .text("ownerId", &settings.account_id)
            .text("vpcId", &subnet.vpc)
            .text("cidrBlock", subnet.cidr)
            .child(Element::new("ipv6CidrBlockAssociationSet"))
            .text("availableIpAddressCount", free(subnet))
            .text("availabilityZone", &subnet.zone)
            .text("availabilityZoneId", zone_id(subnet))
            .text("defaultForAz", subnet.is_default)
            .text("mapPublicIpOnLaunch", subnet.is_default)
            .text("assignIpv6AddressOnCreation", false)
            .text("mapCustomerOwnedIpOnLaunch", false)
            .text("ipv6Native", false);
        tag_set(shown, &subnet.tags)
    };
    described(
        &form,
        kept,
        |subnet| &subnet.id,
        ("SubnetId", "InvalidSubnetID.NotFound"),
        "subnetSet",
        show,
    )
}
