//! IAM and STS as boto3 sees them. What is checked is in `integration/api/identity.py`.

use anyhow::Result;
use localefs_integration::aws::Endpoint;

fn check(name: &str) -> Result<()> {
    Endpoint::start(&[])?.check("identity.py", name).map(drop)
}

#[test]
fn users_and_groups_are_kept_and_groups_give_permissions() -> Result<()> {
    check("users_and_groups")
}

#[test]
fn policies_boundaries_and_denials_decide_at_once() -> Result<()> {
    check("policies")
}

#[test]
fn roles_are_assumed_by_whom_they_trust_and_sessions_are_limited() -> Result<()> {
    check("sessions")
}

#[test]
fn simulation_tells_what_would_be_decided() -> Result<()> {
    check("simulation")
}

#[test]
fn what_is_not_signed_altered_or_too_old_is_refused_in_the_words_of_each_service() -> Result<()> {
    Endpoint::start(&[])?
        .check("signatures.py", "everything")
        .map(drop)
}

#[test]
fn identities_survive_a_kill() -> Result<()> {
    let mut endpoint = Endpoint::start(&[])?;
    endpoint.check("identity.py", "before_kill")?;
    endpoint.kill_and_restart()?;
    endpoint.check("identity.py", "after_kill").map(drop)
}
