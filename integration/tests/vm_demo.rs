//! The demonstration tells its story, and what it tells is true.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

#[test]
fn the_demonstration_ends_as_told() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("no parent")?;
    let output = Command::new(env!("CARGO_BIN_EXE_localefs-lab"))
        .arg("run")
        .arg(root.join("scripts/demo.d/story"))
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    ensure!(!text.contains("expected:"), "{text}");
    ensure!(text.lines().count() < 50, "not one screen: {text}");

    // What matters, beyond what the story itself compares.
    let shown = |user: &str, command: &str, end: &str| {
        let found = text.lines().any(|line| {
            let line = line.trim_start();
            line.starts_with(user) && line.contains(command) && line.ends_with(end)
        });
        ensure!(found, "no line {user} … {command} … {end} in {text}");
        Ok(())
    };
    shown("alice$", "cat mark/diary", "Permission denied")?;
    shown("mark$", "ls alice", "Permission denied")?;
    for user in ["alice$", "mark$"] {
        shown(user, "cat share/notice", "closed on Friday")?;
        shown(user, "share/", "Permission denied")?;
    }
    shown("mark$", "cat mark/diary", "root was here")?;
    shown("carol$", "cat mark/diary", "Permission denied")?;
    shown(
        "carol$",
        "claim-root.py",
        "claiming to be uid 0: dear diary root was here",
    )?;
    shown("carol$", "claim-root.py", "timed out")?;
    shown("alice$", "cat alice/list", "milk, bread, soap")?;
    let port = text
        .split("from port ")
        .nth(1)
        .and_then(|rest| rest.split(',').next());
    let port: u16 = port.context("no port")?.parse()?;
    ensure!(port >= 1024, "port {port} is a privileged one");
    Ok(())
}
