//! DescribeNetworkInterfaces.

use std::sync::Arc;

use super::{Answer, Call, Element, Result, described, describing, tag_set};
use crate::records::{NetworkInterface, SecurityGroup};

/// DescribeNetworkInterfaces.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let (form, view, filters) = describing(&call)?;
    let owner = &call.control.settings.account_id;
    let known = [
        "network-interface-id",
        "subnet-id",
        "vpc-id",
        "availability-zone",
        "description",
        "group-id",
        "group-name",
        "private-ip-address",
        "addresses.private-ip-address",
        "mac-address",
        "requester-managed",
        "requester-id",
        "owner-id",
        "status",
        "interface-type",
    ];
    let groups = view.all::<SecurityGroup>()?;
    let name_of = |id: &str| {
        let group = groups.iter().find(|group| group.id == id);
        group.map(|group| group.name.clone()).unwrap_or_default()
    };
    let values = |interface: &NetworkInterface, name: &str| {
        Some(match name {
            "network-interface-id" => vec![interface.id.clone()],
            "subnet-id" => vec![interface.subnet.clone()],
            "vpc-id" => vec![interface.vpc.clone()],
            "availability-zone" => vec![interface.zone.clone()],
            "description" => vec![interface.description.clone()],
            "group-id" => interface.groups.clone(),
            "group-name" => interface.groups.iter().map(|id| name_of(id)).collect(),
            "private-ip-address" | "addresses.private-ip-address" => {
                vec![interface.address.to_string()]
            }
            "mac-address" => vec![interface.mac.clone()],
            "requester-managed" => vec![interface.requester.is_some().to_string()],
            "requester-id" => interface.requester.iter().cloned().collect(),
            "owner-id" => vec![owner.clone()],
            "status" => vec![status(interface).to_owned()],
            "interface-type" => vec!["interface".to_owned()],
            _ => return None,
        })
    };
    let all = view.all::<NetworkInterface>()?;
    let kept = filters.keep(all, |interface| interface.tags.as_slice(), values, &known)?;
    let show = |interface: &NetworkInterface| {
        let group_set = interface.groups.iter().map(|id| {
            Element::new("item")
                .text("groupId", id)
                .text("groupName", name_of(id))
        });
        let address = Element::new("item")
            .text("privateIpAddress", interface.address)
            .text("primary", true);
        let shown = Element::new("item")
            .text("networkInterfaceId", &interface.id)
            .text("subnetId", &interface.subnet)
            .text("vpcId", &interface.vpc)
            .text("availabilityZone", &interface.zone)
            .text("description", &interface.description)
            .text("ownerId", owner)
            .optional("requesterId", interface.requester.as_ref())
            .text("requesterManaged", interface.requester.is_some())
            .text("status", status(interface))
            .text("macAddress", &interface.mac)
            .text("privateIpAddress", interface.address)
            .text("sourceDestCheck", true)
            .list("groupSet", "item", group_set)
            .list("privateIpAddressesSet", "item", [address])
            .child(Element::new("ipv6AddressesSet"))
            .text("interfaceType", "interface");
        tag_set(shown, &interface.tags)
    };
    described(
        &form,
        kept,
        |interface| &interface.id,
        ("NetworkInterfaceId", "InvalidNetworkInterfaceID.NotFound"),
        "networkInterfaceSet",
        show,
    )
}

fn status(interface: &NetworkInterface) -> &'static str {
    if interface.requester.is_some() {
        "in-use"
    } else {
        "available"
    }
}
