//! Security groups and network ACLs, and real connections. What is checked is in
//! `integration/api/gate.py`.

use anyhow::Result;
use localefs_integration::aws::Endpoint;

/// A user without any right on the machine.
const NOBODY: u32 = 65534;

fn check(name: &str) -> Result<()> {
    check_as(None, name)
}

fn check_as(user: Option<u32>, name: &str) -> Result<()> {
    let server = Endpoint::start_as(user, &["--dns", "127.0.0.1:0"])?;
    print!("{}", server.check("gate.py", name)?);
    Ok(())
}

#[test]
fn security_groups_let_connections_in_and_tracked_ones_live_on() -> Result<()> {
    check("groups")
}

#[test]
fn connections_by_a_rule_for_everybody_are_cut_at_once_and_go_on() -> Result<()> {
    check("untracked")
}

#[test]
fn a_mount_targets_groups_are_in_force_when_they_are_changed() -> Result<()> {
    check("mount_target_groups")
}

#[test]
fn network_acls_suspend_live_connections_and_let_them_go_on() -> Result<()> {
    check("acls")
}

#[test]
fn who_is_denied_from_thousands_of_addresses_touches_nobody_else() -> Result<()> {
    check("flood")
}

/// Without privilege each of them is accepted, and kept in silence within bounds.
#[test]
fn without_privilege_who_is_denied_touches_nobody_else_either() -> Result<()> {
    check_as(Some(NOBODY), "flood")
}

#[test]
fn a_thousand_clients_and_ten_thousand_rules() -> Result<()> {
    check("many")
}

#[test]
fn explain_says_what_real_connections_meet() -> Result<()> {
    let said = Endpoint::start(&[])?.check("reality.py", "reality")?;
    print!("{said}");
    Ok(())
}

#[test]
fn names_are_answered_by_the_callers_zone() -> Result<()> {
    check("names")
}

#[test]
fn people_in_a_hurry_have_denied_connections_reset() -> Result<()> {
    let server = Endpoint::start(&["--denied", "reset"])?;
    server.check("gate.py", "reset").map(drop)
}
