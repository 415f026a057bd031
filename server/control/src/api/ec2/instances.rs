//! DescribeInstances, TerminateInstances.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::describe::{describing, paged};
use super::network_interfaces::{
    address_set, attachment, group_names, group_set, moment, private_name,
};
use super::resource::{find, named};
use super::tagging::tag_set;
use super::{Answer, Call, Element, Result, form, missing, refused, unless_dry_run};
use crate::records::{Instance, InstanceState, NetworkInterface};
use crate::store::{Change, View};

/// Instances that one call launches at most.
pub(super) const LAST: u32 = 1000;

/// How long a terminated instance is seen, in milliseconds (EC2 user guide, "Terminate your
/// instance").
const SEEN: u64 = 60 * 60 * 1000;

/// Where an instance is said to have its root volume.
pub(super) const ROOT_DEVICE: &str = "/dev/xvda";

/// Whether an instance is still on record for callers.
pub(super) fn is_seen(call: &Call, instance: &Instance) -> bool {
    let since = call.request.millis().saturating_sub(SEEN);
    instance
        .terminated
        .is_none_or(|terminated| terminated >= since)
}

/// Removes instances that were terminated long ago.
pub(super) fn forget_old(call: &Call, change: &mut Change) -> Result<()> {
    for instance in change.all::<Instance>()? {
        if !is_seen(call, &instance) {
            change.remove::<Instance>(&instance.id)?;
        }
    }
    Ok(())
}

/// The instances that were launched together.
pub(super) fn all_of(view: &View, reservation: &str) -> Result<Vec<Instance>> {
    let mut all = view.all::<Instance>()?;
    all.retain(|instance| instance.reservation == reservation);
    all.sort_by_key(|instance| instance.launch_index);
    Ok(all)
}

/// The interfaces of an instance, in order.
pub(super) fn interfaces(view: &View, instance: &Instance) -> Result<Vec<NetworkInterface>> {
    let mut all = view.all_by::<NetworkInterface>(("instance", &instance.id))?;
    all.sort_by_key(|one| {
        one.attachment
            .as_ref()
            .map(|attachment| attachment.device_index)
    });
    Ok(all)
}

/// TerminateInstances.
pub(super) async fn terminate(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let items = call
        .change_topology(move |call, change| {
            let ids = form.list("InstanceId");
            if ids.is_empty() {
                return Err(missing("InstanceId"));
            }
            let mut all = Vec::new();
            for id in &ids {
                all.push(named::<Instance>(call, change, id)?);
            }
            unless_dry_run(&form)?;
            if let Some(one) = all
                .iter()
                .find(|one| one.is_protected && one.terminated.is_none())
            {
                let message = format!(
                    "The instance '{}' may not be terminated. Modify its 'disableApiTermination' \
                     instance attribute and try again.",
                    one.id
                );
                return Err(refused("OperationNotPermitted", message));
            }
            all.sort_by(|one, other| one.id.cmp(&other.id));
            all.dedup_by(|one, other| one.id == other.id);
            let mut items = Vec::new();
            for instance in all {
                items.push(end(call, change, instance)?);
            }
            Ok(items)
        })
        .await?;
    let set = Element::new("").list("instancesSet", "item", items);
    Ok(Answer::Xml(set.into_children()))
}

fn end(call: &Call, change: &mut Change, instance: Instance) -> Result<Element> {
    let before = instance.state;
    let is_over = before == InstanceState::Terminated;
    let item = Element::new("item").text("instanceId", &instance.id);
    if !is_over {
        for mut interface in interfaces(change, &instance)? {
            let goes = interface
                .attachment
                .take()
                .is_some_and(|one| one.delete_on_termination);
            if goes {
                change.remove::<NetworkInterface>(&interface.id)?;
            } else {
                change.put(&interface)?;
            }
        }
        change.put(&Instance {
            state: InstanceState::Terminated,
            terminated: Some(call.request.millis()),
            ..instance
        })?;
    }
    let (code, name) = if is_over {
        (48, "terminated")
    } else {
        (32, "shutting-down")
    };
    let state = |element: &'static str, code: u8, name: &str| {
        Element::new(element).text("code", code).text("name", name)
    };
    let (code_before, name_before) = words(before);
    Ok(item.child(state("currentState", code, name)).child(state(
        "previousState",
        code_before,
        name_before,
    )))
}

/// The code and name of a state (EC2 API reference, InstanceState).
fn words(state: InstanceState) -> (u8, &'static str) {
    match state {
        InstanceState::Running => (16, "running"),
        InstanceState::Terminated => (48, "terminated"),
    }
}

const FILTERS: &[&str] = &[
    "architecture",
    "availability-zone",
    "client-token",
    "image-id",
    "instance-id",
    "instance-state-code",
    "instance-state-name",
    "instance-type",
    "instance.group-id",
    "instance.group-name",
    "key-name",
    "launch-index",
    "network-interface.group-id",
    "network-interface.mac-address",
    "network-interface.network-interface-id",
    "network-interface.private-ip-address",
    "network-interface.addresses.private-ip-address",
    "network-interface.subnet-id",
    "network-interface.vpc-id",
    "owner-id",
    "private-dns-name",
    "private-ip-address",
    "reservation-id",
    "source-dest-check",
    "subnet-id",
    "tenancy",
    "vpc-id",
];

/// DescribeInstances.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let (form, view, filters) = describing(&call)?;
    filters.check(FILTERS)?;
    let ids = form.list("InstanceId");
    if !ids.is_empty() && form.get("MaxResults").is_some() {
        let message = "The parameter instancesSet cannot be used with the parameter maxResults";
        return Err(refused("InvalidParameterCombination", message));
    }
    let mut all = if ids.is_empty() {
        view.all::<Instance>()?
    } else {
        Vec::new()
    };
    for id in &ids {
        all.push(find::<Instance>(&view, id)?);
    }
    if let Some(gone) = all
        .iter()
        .find(|one| !ids.is_empty() && !is_seen(&call, one))
    {
        return Err(super::resource::not_found::<Instance>(&gone.id));
    }
    all.retain(|instance| is_seen(&call, instance));
    let names = group_names(&view)?;
    let mut reservations: BTreeMap<String, Vec<Instance>> = BTreeMap::new();
    for instance in all {
        let interfaces = interfaces(&view, &instance)?;
        let value = |name: &str| value(&call, &instance, &interfaces, &names, name);
        if filters.keep(&instance.tags, value) {
            reservations
                .entry(instance.reservation.clone())
                .or_default()
                .push(instance);
        }
    }
    let mut shown = Vec::new();
    for (id, mut instances) in reservations {
        instances.sort_by_key(|instance| instance.launch_index);
        instances.dedup_by(|one, other| one.id == other.id);
        shown.push((id, reservation(&call, &view, &instances, "running")?));
    }
    paged(
        &form,
        shown,
        |(id, _)| id,
        "reservationSet",
        |(_, element)| element.clone(),
    )
}

fn value(
    call: &Call,
    instance: &Instance,
    interfaces: &[NetworkInterface],
    names: &std::collections::HashMap<String, String>,
    name: &str,
) -> Vec<String> {
    let groups = || interfaces.iter().flat_map(|one| &one.groups);
    let each = |get: &dyn Fn(&NetworkInterface) -> String| interfaces.iter().map(get).collect();
    let (code, state) = words(instance.state);
    vec![match name {
        "instance.group-id" | "network-interface.group-id" => return groups().cloned().collect(),
        "instance.group-name" => {
            return groups().filter_map(|id| names.get(id).cloned()).collect();
        }
        "network-interface.mac-address" => return each(&|one| one.mac.clone()),
        "network-interface.network-interface-id" => return each(&|one| one.id.clone()),
        "network-interface.subnet-id" => return each(&|one| one.subnet.clone()),
        "network-interface.vpc-id" => return each(&|one| one.vpc.clone()),
        "network-interface.private-ip-address"
        | "network-interface.addresses.private-ip-address" => {
            return each(&|one| one.address.to_string());
        }
        "private-ip-address" => {
            return interfaces
                .first()
                .map(|one| one.address.to_string())
                .into_iter()
                .collect();
        }
        "private-dns-name" => {
            let first = interfaces.first();
            return first
                .map(|one| private_name(call, one.address))
                .into_iter()
                .collect();
        }
        "architecture" => "x86_64".to_owned(),
        "availability-zone" => instance.zone.clone(),
        "client-token" => return instance.client_token.iter().cloned().collect(),
        "image-id" => instance.image.clone(),
        "instance-id" => instance.id.clone(),
        "instance-state-code" => code.to_string(),
        "instance-state-name" => state.to_owned(),
        "instance-type" => instance.instance_type.clone(),
        "key-name" => return instance.key_name.iter().cloned().collect(),
        "launch-index" => instance.launch_index.to_string(),
        "owner-id" => call.control.settings.account_id.clone(),
        "reservation-id" => instance.reservation.clone(),
        "source-dest-check" => instance.source_dest_check.to_string(),
        "subnet-id" => instance.subnet.clone(),
        "tenancy" => "default".to_owned(),
        "vpc-id" => instance.vpc.clone(),
        _ => return Vec::new(),
    }]
}

/// A reservation. `running`: what running instances are said to be, `pending` when they are just
/// launched.
pub(super) fn reservation(
    call: &Call,
    view: &View,
    instances: &[Instance],
    running: &'static str,
) -> Result<Element> {
    let names = group_names(view)?;
    let mut items = Vec::new();
    for instance in instances {
        items.push(show(
            call,
            instance,
            &interfaces(view, instance)?,
            &names,
            running,
        ));
    }
    let id = instances
        .first()
        .map(|first| first.reservation.as_str())
        .unwrap_or_default();
    Ok(Element::new("item")
        .text("reservationId", id)
        .text("ownerId", &call.control.settings.account_id)
        .child(Element::new("groupSet"))
        .list("instancesSet", "item", items))
}

fn show(
    call: &Call,
    instance: &Instance,
    interfaces: &[NetworkInterface],
    names: &std::collections::HashMap<String, String>,
    running: &'static str,
) -> Element {
    let state = match (instance.state, running) {
        (InstanceState::Running, "pending") => (0, "pending"),
        (state, _) => words(state),
    };
    let is_over = instance.state == InstanceState::Terminated;
    let placement = Element::new("placement")
        .text("availabilityZone", &instance.zone)
        .text("groupName", "")
        .text("tenancy", "default");
    let shown = Element::new("item")
        .text("instanceId", &instance.id)
        .text("imageId", &instance.image)
        .child(
            Element::new("instanceState")
                .text("code", state.0)
                .text("name", state.1),
        )
        .optional("keyName", instance.key_name.as_ref())
        .text("amiLaunchIndex", instance.launch_index)
        .child(Element::new("productCodes"))
        .text("instanceType", &instance.instance_type)
        .text("launchTime", moment(instance.launched))
        .child(placement)
        .child(Element::new("monitoring").text("state", "disabled"))
        .text("architecture", "x86_64")
        .text("rootDeviceType", "ebs")
        .text("rootDeviceName", ROOT_DEVICE)
        .child(Element::new("blockDeviceMapping"))
        .text("virtualizationType", "hvm")
        .text("hypervisor", "xen")
        .text("ebsOptimized", false)
        .text("enaSupport", true)
        .text(
            "clientToken",
            instance.client_token.as_deref().unwrap_or_default(),
        )
        .text("sourceDestCheck", instance.source_dest_check);
    let shown = match interfaces.first().filter(|_| !is_over) {
        None => shown.text("privateDnsName", "").text("dnsName", ""),
        Some(first) => {
            let shown = shown
                .text("subnetId", &instance.subnet)
                .text("vpcId", &instance.vpc)
                .text("privateIpAddress", first.address)
                .text("privateDnsName", private_name(call, first.address))
                .text("dnsName", "");
            group_set(shown, &first.groups, names)
        }
    };
    let items = interfaces.iter().map(|one| {
        let item = Element::new("item")
            .text("networkInterfaceId", &one.id)
            .text("subnetId", &one.subnet)
            .text("vpcId", &one.vpc)
            .text("description", &one.description)
            .text("ownerId", &call.control.settings.account_id)
            .text("status", "in-use")
            .text("macAddress", &one.mac)
            .text("privateIpAddress", one.address)
            .text("privateDnsName", private_name(call, one.address))
            .text("sourceDestCheck", one.source_dest_check)
            .text("interfaceType", "interface");
        let item = group_set(item, &one.groups, names);
        let item = address_set(call, item, one.address);
        item.children(one.attachment.iter().map(|known| attachment(call, known)))
    });
    let shown = shown.list("networkInterfaceSet", "item", items);
    tag_set(shown, &instance.tags)
}
