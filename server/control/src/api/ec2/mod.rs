//! EC2: the network around mount targets (EC2 API reference, version 2016-11-15).

mod account;
mod availability_zones;
mod describe;
mod filter;
mod idempotency;
mod instance_attributes;
mod instances;
mod interface_attributes;
pub mod model;
mod network_acl_entries;
mod network_acls;
mod network_interfaces;
mod peering;
mod permissions;
mod prefix_lists;
mod quotas;
mod resource;
mod run_instances;
mod security_group_references;
mod security_group_rules;
mod security_groups;
mod subnets;
mod tagging;
mod tags;
#[cfg(test)]
mod tests;
mod vpc_attributes;
mod vpcs;

use super::form::short;
use super::xml::Element;
use super::{Answer, ApiError, Call, Demand, Form, Operation, Result};
use crate::operation;
use crate::store::View;

pub(crate) use resource::Resource;

/// The operations, by name.
pub const OPERATIONS: &[Operation] = &[
    operation!("AcceptVpcPeeringConnection", peering::accept),
    operation!(
        "AuthorizeSecurityGroupEgress",
        security_group_rules::authorize
    ),
    operation!(
        "AuthorizeSecurityGroupIngress",
        security_group_rules::authorize
    ),
    operation!("CreateDefaultVpc", vpcs::create_default),
    operation!("CreateManagedPrefixList", prefix_lists::create),
    operation!("CreateNetworkAcl", network_acls::create),
    operation!("CreateNetworkAclEntry", network_acl_entries::create),
    operation!("CreateNetworkInterface", network_interfaces::create),
    operation!("CreateSecurityGroup", security_groups::create),
    operation!("CreateSubnet", subnets::create),
    operation!("CreateTags", tags::create),
    operation!("CreateVpc", vpcs::create),
    operation!("CreateVpcPeeringConnection", peering::create),
    operation!("DeleteManagedPrefixList", prefix_lists::delete),
    operation!("DeleteNetworkAcl", network_acls::delete),
    operation!("DeleteNetworkAclEntry", network_acl_entries::delete),
    operation!("DeleteNetworkInterface", network_interfaces::delete),
    operation!("DeleteSecurityGroup", security_groups::delete),
    operation!("DeleteSubnet", subnets::delete),
    operation!("DeleteTags", tags::delete),
    operation!("DeleteVpc", vpcs::delete),
    operation!("DeleteVpcPeeringConnection", peering::delete),
    operation!("DescribeAccountAttributes", account::attributes),
    operation!("DescribeAvailabilityZones", availability_zones::describe),
    operation!("DescribeInstanceAttribute", instance_attributes::describe),
    operation!("DescribeInstances", instances::describe),
    operation!("DescribeManagedPrefixLists", prefix_lists::describe),
    operation!("DescribeNetworkAcls", network_acls::describe),
    operation!(
        "DescribeNetworkInterfaceAttribute",
        interface_attributes::describe
    ),
    operation!("DescribeNetworkInterfaces", network_interfaces::describe),
    operation!("DescribeRegions", account::regions),
    operation!(
        "DescribeSecurityGroupReferences",
        security_group_references::describe
    ),
    operation!("DescribeSecurityGroupRules", security_group_rules::describe),
    operation!("DescribeSecurityGroups", security_groups::describe),
    operation!(
        "DescribeStaleSecurityGroups",
        security_group_references::describe_stale
    ),
    operation!("DescribeSubnets", subnets::describe),
    operation!("DescribeTags", tags::describe),
    operation!("DescribeVpcAttribute", vpc_attributes::describe),
    operation!("DescribeVpcPeeringConnections", peering::describe),
    operation!("DescribeVpcs", vpcs::describe),
    operation!(
        "GetManagedPrefixListAssociations",
        prefix_lists::associations
    ),
    operation!("GetManagedPrefixListEntries", prefix_lists::entries),
    operation!("ModifyInstanceAttribute", instance_attributes::modify),
    operation!("ModifyManagedPrefixList", prefix_lists::modify),
    operation!(
        "ModifyNetworkInterfaceAttribute",
        interface_attributes::modify
    ),
    operation!("ModifySecurityGroupRules", security_group_rules::modify),
    operation!("ModifySubnetAttribute", subnets::modify),
    operation!("ModifyVpcAttribute", vpc_attributes::modify),
    operation!("RejectVpcPeeringConnection", peering::reject),
    operation!(
        "ReplaceNetworkAclAssociation",
        network_acls::replace_association
    ),
    operation!("ReplaceNetworkAclEntry", network_acl_entries::replace),
    operation!("RevokeSecurityGroupEgress", security_group_rules::revoke),
    operation!("RevokeSecurityGroupIngress", security_group_rules::revoke),
    operation!("RunInstances", run_instances::run),
    operation!("TerminateInstances", instances::terminate),
    operation!(
        "UpdateSecurityGroupRuleDescriptionsEgress",
        security_group_rules::describe_anew
    ),
    operation!(
        "UpdateSecurityGroupRuleDescriptionsIngress",
        security_group_rules::describe_anew
    ),
];

/// The parameters of a call, each one that its operation has.
fn form(call: &Call) -> Result<Form> {
    let form = Form::read(&call.request.query, &call.request.body)?;
    model::check(call.operation, &form)?;
    Ok(form)
}

fn refused(code: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::new(400, code, message)
}

fn invalid(message: impl Into<String>) -> ApiError {
    refused("InvalidParameterValue", message)
}

/// A value that a parameter doesn't take.
fn invalid_value(parameter: &str, value: &str, why: &str) -> ApiError {
    let value = short(value);
    invalid(format!(
        "Value ({value}) for parameter {parameter} is invalid. {why}"
    ))
}

fn missing(parameter: &str) -> ApiError {
    let message = format!("The request must contain the parameter {parameter}");
    refused("MissingParameter", message)
}

/// The number that a parameter has, if it is there.
fn number<N: std::str::FromStr>(form: &Form, name: &str) -> Result<Option<N>> {
    let Some(value) = form.get(name) else {
        return Ok(None);
    };
    let number = value.parse().ok();
    number
        .map(Some)
        .ok_or_else(|| invalid_value(name, value, "It is out of range."))
}

/// The flag that a parameter has, if it is there.
fn flag(form: &Form, name: &str) -> Result<Option<bool>> {
    form.get(name).map(|_| form.flag(name)).transpose()
}

/// What an operation answers that has nothing to say.
fn done() -> Answer {
    Answer::Xml(vec![Element::of("return", true)])
}

/// The ARN of a resource of EC2.
fn arn(call: &Call, kind: &str, id: &str) -> String {
    let settings = &call.control.settings;
    let (region, account) = (&settings.region, &settings.account_id);
    format!("arn:aws:ec2:{region}:{account}:{kind}/{id}")
}

/// A condition key with its values.
type Key = (String, Vec<String>);

fn key(name: &str, value: impl Into<String>) -> Key {
    (name.to_owned(), vec![value.into()])
}

/// Asks for the call's own action on a resource.
fn require(call: &Call, view: &View, resource: String, keys: Vec<Key>) -> Result<()> {
    let demand = Demand {
        action: format!("ec2:{}", call.operation),
        resource,
        keys,
        resource_policy: None,
    };
    call.require(view, demand)
}

/// Ends a call that was only to try whether the caller may. To be asked after that.
///
/// # Errors
/// DryRunOperation.
fn unless_dry_run(form: &Form) -> Result<()> {
    if form.flag("DryRun")? {
        let message = "Request would have succeeded, but DryRun flag is set.";
        return Err(ApiError::new(412, "DryRunOperation", message));
    }
    Ok(())
}
