//! The EFS API as its unmodified clients see it: the AWS CLI and boto3. What is checked is in
//! `integration/api`.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use localefs_integration::aws::Endpoint;
use localefs_integration::bench::amount;

fn check(name: &str) -> Result<()> {
    Endpoint::start(&[])?.check("efs.py", name).map(drop)
}

#[test]
fn file_systems_are_created_described_and_deleted() -> Result<()> {
    check("file_systems")
}

#[test]
fn throughput_and_protection_change_as_efs_lets_them() -> Result<()> {
    check("throughput")
}

#[test]
fn mount_targets_have_addresses_groups_and_interfaces() -> Result<()> {
    check("mount_targets")
}

#[test]
fn access_points_are_kept_as_given() -> Result<()> {
    check("access_points")
}

#[test]
fn tags_are_kept_by_both_sets_of_operations() -> Result<()> {
    check("tags")
}

#[test]
fn lifecycle_backup_and_preferences_are_validated_and_kept() -> Result<()> {
    check("configurations")
}

#[test]
fn replication_is_described_and_guards_both_sides() -> Result<()> {
    check("replication")
}

#[test]
fn file_system_policies_are_normalised_and_take_part_in_authorization() -> Result<()> {
    check("policies")
}

#[test]
fn every_operation_is_denied_without_its_permission_and_allowed_with_it() -> Result<()> {
    check("authorization")
}

#[test]
fn the_network_is_described_to_who_may_see_it() -> Result<()> {
    check("network")
}

#[test]
fn life_cycle_states_pass_in_the_time_that_is_set() -> Result<()> {
    Endpoint::start(&["--lifecycle-delay", "2"])?
        .check("efs.py", "states")
        .map(drop)
}

#[test]
fn bad_input_gets_an_error_and_hurts_nobody() -> Result<()> {
    check("bad_input")
}

#[test]
fn of_conflicting_calls_one_succeeds() -> Result<()> {
    check("conflicts")
}

#[test]
fn what_was_answered_survives_a_kill() -> Result<()> {
    let mut endpoint = Endpoint::start(&[])?;
    endpoint.check("efs.py", "before_kill")?;
    endpoint.kill_and_restart()?;
    endpoint.check("efs.py", "after_kill").map(drop)
}

#[test]
fn what_was_answered_survives_kills_in_the_middle_of_calls() -> Result<()> {
    let mut endpoint = Endpoint::start(&[])?;
    let journal = endpoint.data().with_file_name("acknowledged.jsonl");
    let length = || fs::metadata(&journal).map_or(0, |journal| journal.len());
    for round in 0..amount(3, 16) {
        let before = length();
        let mut storm = endpoint.begin("storm.py", "storm")?;
        let end = Instant::now() + Duration::from_secs(120);
        while length() < before + 2000 {
            ensure!(Instant::now() < end, "nothing goes on");
            sleep(Duration::from_millis(10));
        }
        // Each time at another moment of what goes on.
        sleep(Duration::from_millis(137 * u64::from(round % 8)));
        endpoint.kill_and_restart()?;
        ensure!(storm.wait()?.success(), "what was under way went wrong");
        endpoint.check("storm.py", "after_storm")?;
    }
    Ok(())
}

#[test]
fn the_first_file_system_stays_deleted_until_a_reset() -> Result<()> {
    let mut endpoint = Endpoint::start(&[])?;
    endpoint.check("efs.py", "delete_all")?;
    endpoint.kill_and_restart()?;
    endpoint.check("efs.py", "nothing_then_reset")?;
    endpoint.kill_and_restart()?;
    endpoint.check("efs.py", "one_again").map(drop)
}

#[test]
fn a_reset_leaves_what_was_there_at_first_start() -> Result<()> {
    check("reset")
}

#[test]
fn who_called_and_what_decided_is_in_the_audit_log() -> Result<()> {
    check("traces")
}

#[test]
fn alice_may_what_the_guide_says_and_no_more() -> Result<()> {
    Endpoint::start(&[])?.check("alice.py", "alice").map(drop)
}
