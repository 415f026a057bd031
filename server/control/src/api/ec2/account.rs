//! DescribeAccountAttributes, DescribeRegions.

use std::sync::Arc;

use super::describe::describing;
use super::vpcs::default_vpc;
use super::{Answer, Call, Element, Result, form, invalid_value, quotas, require, unless_dry_run};

/// DescribeAccountAttributes.
pub(super) async fn attributes(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let view = call.view()?;
    require(&call, &view, "*".to_owned(), Vec::new())?;
    unless_dry_run(&form)?;
    let default = default_vpc(&view)?;
    let all = [
        ("supported-platforms", "VPC".to_owned()),
        (
            "default-vpc",
            default.map_or_else(|| "none".to_owned(), |vpc| vpc.id),
        ),
        (
            "vpc-max-security-groups-per-interface",
            quotas::GROUPS_OF_INTERFACE.to_string(),
        ),
    ];
    let named = form.list("AttributeName");
    if let Some(unknown) = named
        .iter()
        .find(|name| !all.iter().any(|(known, _)| known == name))
    {
        return Err(invalid_value(
            "attributeName",
            unknown,
            "There is no such attribute.",
        ));
    }
    let shown = all
        .iter()
        .filter(|(name, _)| named.is_empty() || named.iter().any(|named| named == name));
    let items = shown.map(|(name, value)| {
        let value = Element::new("item").text("attributeValue", value);
        Element::new("item")
            .text("attributeName", name)
            .list("attributeValueSet", "item", [value])
    });
    let set = Element::new("").list("accountAttributeSet", "item", items);
    Ok(Answer::Xml(set.into_children()))
}

/// DescribeRegions: the one that there is.
pub(super) async fn regions(call: Arc<Call>) -> Result<Answer> {
    let (form, _, filters) = describing(&call)?;
    filters.check(&["endpoint", "opt-in-status", "region-name"])?;
    let region = &call.control.settings.region;
    let endpoint = format!("ec2.{region}.amazonaws.com");
    let status = "opt-in-not-required";
    if let Some(unknown) = form.list("RegionName").iter().find(|name| *name != region) {
        return Err(invalid_value(
            "region",
            unknown,
            "There is no such region here.",
        ));
    }
    let is_kept = filters.keep(&[], |name| {
        vec![match name {
            "endpoint" => endpoint.clone(),
            "opt-in-status" => status.to_owned(),
            _ => region.clone(),
        }]
    });
    let item = Element::new("item")
        .text("regionName", region)
        .text("regionEndpoint", &endpoint)
        .text("optInStatus", status);
    let set = Element::new("").list("regionInfo", "item", is_kept.then_some(item));
    Ok(Answer::Xml(set.into_children()))
}
