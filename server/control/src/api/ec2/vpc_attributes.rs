//! DescribeVpcAttribute, ModifyVpcAttribute.

use std::sync::Arc;

use super::resource::named;
use super::resource::named_with;
use super::{
    Answer, Call, Element, Result, done, flag, form, key, missing, refused, unless_dry_run,
};
use crate::records::Vpc;

/// DescribeVpcAttribute.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let view = call.view()?;
    let attribute = form.require("Attribute")?;
    let vpc = form.require("VpcId")?;
    let vpc = named_with::<Vpc>(&call, &view, vpc, vec![key("ec2:Attribute", attribute)])?;
    unless_dry_run(&form)?;
    let (name, value) = match attribute {
        "enableDnsSupport" => ("enableDnsSupport", vpc.dns_support),
        "enableDnsHostnames" => ("enableDnsHostnames", vpc.dns_hostnames),
        _ => ("enableNetworkAddressUsageMetrics", vpc.address_metrics),
    };
    Ok(Answer::Xml(vec![
        Element::of("vpcId", &vpc.id),
        Element::new(name).text("value", value),
    ]))
}

/// ModifyVpcAttribute.
pub(super) async fn modify(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let support = flag(&form, "EnableDnsSupport.Value")?;
    let hostnames = flag(&form, "EnableDnsHostnames.Value")?;
    let metrics = flag(&form, "EnableNetworkAddressUsageMetrics.Value")?;
    call.change_topology(move |call, change| {
        let mut vpc = named::<Vpc>(call, change, form.require("VpcId")?)?;
        match [support, hostnames, metrics].iter().flatten().count() {
            0 => return Err(missing("EnableDnsSupport")),
            1 => {}
            _ => return Err(several()),
        }
        vpc.dns_support = support.unwrap_or(vpc.dns_support);
        vpc.dns_hostnames = hostnames.unwrap_or(vpc.dns_hostnames);
        vpc.address_metrics = metrics.unwrap_or(vpc.address_metrics);
        Ok(change.put(&vpc)?)
    })
    .await?;
    Ok(done())
}

/// The error for a call that changes more than one attribute.
pub(super) fn several() -> super::ApiError {
    let message = "Fields for multiple attribute types specified";
    refused("InvalidParameterCombination", message)
}
