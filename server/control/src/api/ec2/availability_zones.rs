//! DescribeAvailabilityZones.

use std::sync::Arc;

use super::describe::describing;
use super::{Answer, Call, Element, Result, invalid};
use crate::topology::zones;

/// DescribeAvailabilityZones.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let (form, _, filters) = describing(&call)?;
    let region = &call.control.settings.region;
    let mut all = zones(region);
    let names = form.list("ZoneName");
    let ids = form.list("ZoneId");
    for name in &names {
        if !all.iter().any(|zone| zone.name == *name) {
            let name = crate::api::form::short(name);
            return Err(invalid(format!("Invalid availability zone: [{name}]")));
        }
    }
    for id in &ids {
        if !all.iter().any(|zone| zone.id == *id) {
            let id = crate::api::form::short(id);
            return Err(invalid(format!("Invalid availability zone-id: [{id}]")));
        }
    }
    all.retain(|zone| names.is_empty() || names.contains(&zone.name));
    all.retain(|zone| ids.is_empty() || ids.contains(&zone.id));
    filters.check(&[
        "zone-name",
        "zone-id",
        "region-name",
        "state",
        "opt-in-status",
        "zone-type",
        "group-name",
        "group-long-name",
        "message",
        "network-border-group",
        "parent-zone-id",
        "parent-zone-name",
    ])?;
    all.retain(|zone| {
        filters.keep(&[], |name| {
            vec![match name {
                "zone-name" => zone.name.clone(),
                "zone-id" => zone.id.clone(),
                "region-name" | "group-name" | "network-border-group" => region.clone(),
                "state" => "available".to_owned(),
                "opt-in-status" => "opt-in-not-required".to_owned(),
                "zone-type" => "availability-zone".to_owned(),
                _ => return Vec::new(),
            }]
        })
    });
    let items = all.iter().map(|zone| {
        Element::new("item")
            .text("zoneName", &zone.name)
            .text("zoneState", "available")
            .text("regionName", region)
            .child(Element::new("messageSet"))
            .text("zoneId", &zone.id)
            .text("optInStatus", "opt-in-not-required")
            .text("groupName", region)
            .text("networkBorderGroup", region)
            .text("zoneType", "availability-zone")
    });
    let set = Element::new("").list("availabilityZoneInfo", "item", items);
    Ok(Answer::Xml(set.into_children()))
}
