//! The EC2 API as its unmodified clients see it: the AWS CLI and boto3. What is checked is in
//! `integration/api/ec2.py`.

use anyhow::Result;
use localefs_integration::aws::Endpoint;

fn check(name: &str) -> Result<()> {
    Endpoint::start(&[])?.check("ec2.py", name).map(drop)
}

#[test]
fn the_guides_steps_are_taken_with_the_command_line() -> Result<()> {
    check("guide")
}

#[test]
fn vpcs_and_subnets_are_made_and_taken_away() -> Result<()> {
    check("vpcs")
}

#[test]
fn rules_of_security_groups_are_kept_as_ec2_keeps_them() -> Result<()> {
    check("rules")
}

#[test]
fn network_acls_have_entries_both_ways_and_subnets() -> Result<()> {
    check("network_acls")
}

#[test]
fn instances_are_names_for_interfaces() -> Result<()> {
    check("instances")
}

#[test]
fn an_interface_of_efs_is_its_own() -> Result<()> {
    check("interfaces")
}

#[test]
fn peered_vpcs_may_name_each_others_groups() -> Result<()> {
    check("peering")
}

#[test]
fn prefix_lists_have_versions_and_room() -> Result<()> {
    check("prefix_lists")
}

#[test]
fn who_may_not_is_told_and_a_dry_run_changes_nothing() -> Result<()> {
    check("authorization")
}

#[test]
fn every_parameter_and_value_of_the_model_is_known() -> Result<()> {
    check("model")
}
