//! Every other test once more, for each way to keep owners and to find objects, and with hardly
//! any descriptors.
//!
//! A test runs this program again with another strategy in its environment.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;

use localefs_vfs::Finding;

const STRATEGY: &str = "LOCALEFS_TEST_STRATEGY";
const NOBODY: u32 = 65534;

pub(crate) fn strategy() -> String {
    std::env::var(STRATEGY).unwrap_or_default()
}

/// Whether this process tests shadow ownership.
pub(crate) fn shadow() -> bool {
    strategy().contains("shadow")
}

/// How this process is to find objects.
pub(crate) fn finding() -> Finding {
    if strategy().contains("index") {
        Finding::Index
    } else {
        Finding::Auto
    }
}

/// Whether this process is to do with as few descriptors as there can be.
pub(crate) fn few() -> bool {
    strategy().contains("few")
}

/// This program, to be run on its own scratch directory, as this user.
pub(crate) fn again(strategy: &str, user: u32) -> (Command, tempfile::TempDir) {
    let scratch = tempfile::tempdir().unwrap();
    let program = scratch.path().join("tests");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    chown(scratch.path(), Some(user), Some(user)).unwrap();
    std::fs::set_permissions(scratch.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(program);
    command
        .env(STRATEGY, strategy)
        .env("TMPDIR", scratch.path())
        .current_dir(scratch.path());
    if user != 0 {
        command.uid(user).gid(user);
    }
    (command, scratch)
}

fn everything(strategy: &str, user: u32) {
    if !self::strategy().is_empty() {
        return;
    }
    let (mut command, _scratch) = again(strategy, user);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{strategy}:\n{text}");
}

#[test]
fn everything_with_shadow_ownership() {
    everything("shadow", 0);
}

#[test]
fn everything_with_native_ownership_and_an_index() {
    everything("native index", 0);
}

#[test]
fn everything_as_an_ordinary_user() {
    everything("shadow ordinary", NOBODY);
}

#[test]
fn everything_with_four_descriptors() {
    everything("native few", 0);
}

#[test]
fn everything_with_four_descriptors_and_an_index() {
    everything("native index few", 0);
}

#[test]
fn everything_as_an_ordinary_user_with_four_descriptors() {
    everything("shadow ordinary few", NOBODY);
}
