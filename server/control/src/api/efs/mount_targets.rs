//! CreateMountTarget, DescribeMountTargets, DeleteMountTarget.

use std::net::Ipv4Addr;
use std::sync::Arc;

use rand::Rng;
use serde::Deserialize;

use super::super::{Answer, ApiError, Call, Result};
use super::access::{self, no_access_point, require_ec2};
use super::{bad, describe, input, limits, mount_target_groups, page};
use crate::ids;
use crate::records::{
    FileSystem, LifeCycle, Mirror, MountTarget, NetworkInterface, SecurityGroup, Subnet,
};
use crate::store::{Change, StoreError, View};
use crate::topology;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    file_system_id: String,
    subnet_id: String,
    ip_address: Option<String>,
    ipv6_address: Option<String>,
    ip_address_type: Option<String>,
    security_groups: Option<Vec<String>>,
}

/// CreateMountTarget.
pub(super) async fn create(call: Arc<Call>) -> Result<Answer> {
    let input: Create = input(&call)?;
    let (made, is_new) = call
        .change_topology(move |call, change| {
            let id = &input.file_system_id;
            let found = access::file_system(call, change, id, Vec::new())?;
            for action in [
                "DescribeSubnets",
                "DescribeNetworkInterfaces",
                "CreateNetworkInterface",
            ] {
                require_ec2(call, change, action)?;
            }
            access::must_be_available(call, &found)?;
            access::ensure_role(call, change)?;
            make(call, change, &found, &input)
        })
        .await?;
    if is_new && let Err(error) = open(&call, &made).await {
        let id = made.id.clone();
        call.change_topology(move |_, change| Ok(forget(change, &id)?))
            .await?;
        call.control.serve().await;
        return Err(error);
    }
    Ok(Answer::Json(200, describe::mount_target(&call, &made)))
}

/// Has the data plane open a mount target, if it is available at once.
async fn open(call: &Arc<Call>, made: &MountTarget) -> Result<()> {
    call.control.look_again();
    let settled = call.control.serve().await;
    let why = match &settled {
        Some(settled) => settled.failed.get(&made.id),
        None => {
            return Err(ApiError::internal(&"mount targets are not served in time"));
        }
    };
    let Some(why) = why else {
        return Ok(());
    };
    let message = format!(
        "The address {} of the mount target, {} on this machine, can't be listened on: {why}",
        made.ip_address, made.mirror
    );
    Err(ApiError::new(409, "IpAddressInUse", message))
}

/// The mount target that an input describes, and whether it is new.
fn make(
    call: &Call,
    change: &mut Change,
    file_system: &FileSystem,
    input: &Create,
) -> Result<(MountTarget, bool)> {
    let now = call.request.millis();
    if input.ipv6_address.is_some()
        || matches!(
            input.ip_address_type.as_deref(),
            Some("IPV6_ONLY" | "DUAL_STACK")
        )
    {
        return Err(bad("The subnet has no IPv6 addresses."));
    }
    let subnet = change.get::<Subnet>(&input.subnet_id)?.ok_or_else(|| {
        let message = format!("The subnet ID '{}' does not exist", input.subnet_id);
        ApiError::new(400, "SubnetNotFound", message)
    })?;
    if let Some(zone) = &file_system.zone
        && *zone != subnet.zone
    {
        let message = format!(
            "The file system is in the Availability Zone {zone}, the subnet in {}.",
            subnet.zone
        );
        return Err(ApiError::new(400, "AvailabilityZonesMismatch", message));
    }
    let conflict = |message: &str| Err(ApiError::new(409, "MountTargetConflict", message));
    let mut known = change.all_by::<MountTarget>(("file-system", &file_system.id))?;
    known.retain(|known| known.life_cycle.state(now).is_some());
    if let Some(same) = known.iter().find(|known| known.zone == subnet.zone) {
        // Repeated while it is being made, the call gives what it makes.
        if same.subnet == subnet.id && same.life_cycle.state(now) == Some("creating") {
            return Ok((same.clone(), false));
        }
        return conflict("mount target already exists in this AZ");
    }
    if known.iter().any(|known| known.vpc != subnet.vpc) {
        return conflict(
            "requested subnet for new mount target is not in the same VPC as existing mount \
             targets",
        );
    }
    let in_vpc =
        change.keys_by::<MountTarget>(("vpc", &subnet.vpc), None, limits::MOUNT_TARGETS_IN_VPC)?;
    if in_vpc.len() >= limits::MOUNT_TARGETS_IN_VPC {
        let message = "The VPC has as many mount targets as it can have.";
        return Err(ApiError::new(409, "NetworkInterfaceLimitExceeded", message));
    }
    let groups = match &input.security_groups {
        Some(groups) if !groups.is_empty() => {
            mount_target_groups::check(change, groups, &subnet.vpc)?
        }
        _ => vec![default_group(change, &subnet.vpc)?],
    };
    let address = address(change, &subnet, input.ip_address.as_deref())?;
    let id = ids::random("fsmt-");
    let made = put(
        change,
        (file_system, &subnet),
        (id, address),
        groups,
        now,
        call.control.later(now),
    )?;
    Ok((made, true))
}

/// Puts a mount target and its network interface on record.
fn put(
    change: &mut Change,
    (file_system, subnet): (&FileSystem, &Subnet),
    (id, address): (String, Ipv4Addr),
    groups: Vec<String>,
    now: u64,
    until: u64,
) -> Result<MountTarget> {
    let [_, _, c, d] = address.octets();
    let mirror = change.get::<Mirror>(&subnet.vpc)?.ok_or_else(|| {
        let message = "There are more VPCs than this machine has loopback networks for.";
        ApiError::new(409, "NoFreeAddressesInSubnet", message)
    })?;
    let random: [u8; 5] = rand::rng().random();
    let interface = NetworkInterface {
        id: ids::random("eni-"),
        subnet: subnet.id.clone(),
        vpc: subnet.vpc.clone(),
        zone: subnet.zone.clone(),
        address,
        mac: random
            .iter()
            .fold("02".to_owned(), |mac, octet| format!("{mac}:{octet:02x}")),
        groups,
        description: format!("EFS mount target for {} ({id})", file_system.id),
        requester: Some("amazon-elasticfilesystem".to_owned()),
        attachment: None,
        source_dest_check: true,
        created: now,
        tags: Vec::new(),
        place: NetworkInterface::place(&subnet.id, address),
    };
    let made = MountTarget {
        id,
        file_system: file_system.id.clone(),
        life_cycle: LifeCycle::Creating { until },
        subnet: subnet.id.clone(),
        vpc: subnet.vpc.clone(),
        zone: subnet.zone.clone(),
        ip_address: address,
        mirror: Ipv4Addr::new(127, mirror.number, c, d),
        network_interface: interface.id.clone(),
    };
    change.put(&interface)?;
    change.put(&made)?;
    Ok(made)
}

/// Puts a mount target on record that is available at once.
pub(crate) fn adopt(
    change: &mut Change,
    place: (&FileSystem, &Subnet),
    id: &str,
    groups: Vec<String>,
    now: u64,
) -> std::result::Result<(), StoreError> {
    let address = address(change, place.1, None);
    let made =
        address.and_then(|address| put(change, place, (id.to_owned(), address), groups, now, now));
    // The records are new: there is room.
    made.map(drop).map_err(|error| {
        tracing::error!(error = error.message, "no mount target at first start");
        StoreError::Gone
    })
}

/// Takes a mount target off the records, with its network interface.
pub(crate) fn forget(change: &mut Change, id: &str) -> std::result::Result<(), StoreError> {
    if let Some(gone) = change.remove::<MountTarget>(id)? {
        change.remove::<NetworkInterface>(&gone.network_interface)?;
    }
    Ok(())
}

pub(super) fn default_group(view: &View, vpc: &str) -> Result<String> {
    let groups = view.all_by::<SecurityGroup>(("vpc", vpc))?;
    let default = groups.into_iter().find(|group| group.name == "default");
    let default = default.ok_or_else(|| {
        let message = "The VPC has no default security group.";
        ApiError::new(400, "SecurityGroupNotFound", message)
    })?;
    Ok(default.id)
}

/// The address that a caller asks for, or a free one.
fn address(view: &View, subnet: &Subnet, asked: Option<&str>) -> Result<Ipv4Addr> {
    let is_taken = |address| -> Result<bool> {
        let place = NetworkInterface::place(&subnet.id, address);
        let found = view.keys_by::<NetworkInterface>(("place", &place), None, 1)?;
        Ok(!found.is_empty())
    };
    if let Some(asked) = asked {
        let address: Ipv4Addr = asked
            .parse()
            .map_err(|_| bad(format!("'{asked}' is no IPv4 address.")))?;
        if !subnet.cidr.contains(&address) {
            return Err(bad(
                "Address does not fall within the subnet's address range",
            ));
        }
        if !topology::is_usable(subnet.cidr, address) {
            return Err(bad("Address is in subnet's reserved address range"));
        }
        if is_taken(address)? {
            let message = format!("The address {address} is in use.");
            return Err(ApiError::new(409, "IpAddressInUse", message));
        }
        return Ok(address);
    }
    // A database that fails shows it when the interface is put.
    let taken = |address| is_taken(address).unwrap_or(true);
    topology::choose_address(subnet.cidr, rand::rng().random(), taken).ok_or_else(|| {
        let message = format!("The subnet '{}' has no free addresses.", subnet.id);
        ApiError::new(409, "NoFreeAddressesInSubnet", message)
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Describe {
    max_items: Option<u32>,
    marker: Option<String>,
    file_system_id: Option<String>,
    mount_target_id: Option<String>,
    access_point_id: Option<String>,
}

/// DescribeMountTargets.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let input: Describe = input(&call)?;
    let view = call.view()?;
    let now = call.request.millis();
    let named = (
        &input.file_system_id,
        &input.mount_target_id,
        &input.access_point_id,
    );
    let (found, next) = match named {
        (None, Some(id), None) => {
            let (found, _) = access::mount_target(&call, &view, id)?;
            (vec![found], None)
        }
        (Some(_), None, None) | (None, None, Some(_)) => {
            let file_system = match named {
                (Some(id), ..) => access::file_system(&call, &view, id, Vec::new())?.id,
                (_, _, access_point) => {
                    let id = access_point.as_deref().unwrap_or_default();
                    of_access_point(&call, &view, id)?
                }
            };
            let after = page::key(input.marker.as_deref())?;
            let size = page::size(input.max_items, limits::PAGE);
            let by = ("file-system", file_system.as_str());
            let all = view.page_by::<MountTarget>(by, after.as_deref(), size + 1)?;
            page::page(all, size, |found| &found.id)
        }
        _ => {
            return Err(bad(
                "Exactly one of FileSystemId, MountTargetId and AccessPointId is required.",
            ));
        }
    };
    let alive = found
        .iter()
        .filter(|found| found.life_cycle.state(now).is_some());
    let described = alive.map(|found| describe::mount_target(&call, found));
    let answer = describe::object(vec![
        ("Marker", input.marker.into()),
        ("MountTargets", described.collect()),
        ("NextMarker", next.into()),
    ]);
    Ok(Answer::Json(200, answer))
}

/// The file system of an access point, if the caller may describe its mount targets.
fn of_access_point(call: &Call, view: &View, named: &str) -> Result<String> {
    if let Some(found) = access::access_point(call, view, named)? {
        return Ok(access::file_system(call, view, &found.file_system, Vec::new())?.id);
    }
    let resource = access::file_system_arn(call, "*");
    call.require(view, access::demand(call, resource, Vec::new()))?;
    Err(no_access_point(named))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Delete {
    mount_target_id: String,
}

/// DeleteMountTarget.
pub(super) async fn delete(call: Arc<Call>) -> Result<Answer> {
    let input: Delete = input(&call)?;
    call.change_topology(move |call, change| {
        let (found, _) = access::mount_target(call, change, &input.mount_target_id)?;
        require_ec2(call, change, "DeleteNetworkInterface")?;
        let now = call.request.millis();
        let until = call.control.later(now);
        if until > now {
            let life_cycle = LifeCycle::Deleting { until };
            change.put(&MountTarget {
                life_cycle,
                ..found
            })?;
        } else {
            forget(change, &found.id)?;
        }
        Ok(())
    })
    .await?;
    call.control.look_again();
    // Its connections are cut when the answer comes.
    if call.control.serve().await.is_none() {
        let message = "The network interface could not be removed in time; try again.";
        return Err(ApiError::new(504, "DependencyTimeout", message));
    }
    Ok(Answer::Empty(204))
}
