//! The security chapter of the EFS user guide, in good cases and bad, by the unmodified AWS CLI:
//! some 550 commands, whose answers and errors are those that AWS documents. What is checked is in
//! `integration/api/chapter_*.py`.

use anyhow::Result;
use localefs_integration::aws::Endpoint;

fn check(file: &str, name: &str) -> Result<()> {
    Endpoint::start(&[])?.check(file, name).map(drop)
}

#[test]
fn security_groups_are_made_found_and_deleted_or_the_reason_is_told() -> Result<()> {
    check("chapter_groups.py", "making")
}

#[test]
fn rules_of_security_groups_are_added_and_revoked_or_the_reason_is_told() -> Result<()> {
    check("chapter_groups.py", "rules")
}

#[test]
fn security_groups_are_tagged_and_found_by_tags() -> Result<()> {
    check("chapter_groups.py", "tags")
}

#[test]
fn vpcs_and_subnets_are_as_ec2_describes_them() -> Result<()> {
    check("chapter_network.py", "vpcs")
}

#[test]
fn network_acls_are_changed_both_ways_or_the_reason_is_told() -> Result<()> {
    check("chapter_network.py", "network_acls")
}

#[test]
fn instances_are_run_found_changed_and_terminated() -> Result<()> {
    check("chapter_network.py", "instances")
}

#[test]
fn interfaces_are_the_owners_but_for_those_of_mount_targets() -> Result<()> {
    check("chapter_network.py", "interfaces")
}

#[test]
fn file_systems_are_made_found_changed_and_deleted_or_the_reason_is_told() -> Result<()> {
    check("chapter_efs.py", "file_systems")
}

#[test]
fn mount_targets_are_made_and_get_groups_or_the_reason_is_told() -> Result<()> {
    check("chapter_efs.py", "mount_targets")
}

#[test]
fn file_system_policies_are_kept_or_refused_and_bind_everybody() -> Result<()> {
    check("chapter_efs.py", "policies")
}

#[test]
fn alice_is_denied_what_she_may_not_and_told_so_by_the_simulator() -> Result<()> {
    check("chapter_iam.py", "alice")
}

#[test]
fn who_does_not_sign_or_signs_wrong_is_nobody_to_every_service() -> Result<()> {
    check("chapter_iam.py", "nobody")
}

#[test]
fn users_groups_policies_and_roles_decide_at_once() -> Result<()> {
    check("chapter_iam.py", "identities")
}
