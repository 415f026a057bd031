//! Every documented error of every operation of EFS reaches boto3 as what its model has for it.
//! What is checked is in `integration/api/errors.py`.

use anyhow::Result;
use localefs_integration::aws::Endpoint;

fn check(name: &str) -> Result<()> {
    Endpoint::start(&[])?.check("errors.py", name).map(drop)
}

#[test]
fn every_error_with_a_local_cause_comes_by_that_cause() -> Result<()> {
    check("local")
}

#[test]
fn what_is_not_available_is_said_to_be_in_the_wrong_state() -> Result<()> {
    Endpoint::start(&["--lifecycle-delay", "600"])?
        .check("errors.py", "early")
        .map(drop)
}

#[test]
fn every_error_of_every_operation_comes_when_asked_for() -> Result<()> {
    check("injected")
}

#[test]
fn faults_are_not_for_foreign_pages_and_end_with_a_reset() -> Result<()> {
    check("unsigned_faults")
}
