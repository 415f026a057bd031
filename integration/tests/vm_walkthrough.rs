//! The walkthrough takes all its steps, and ends where one of them is not as the guide has it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};

fn sections() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    Ok(root.context("no parent")?.join("scripts/walkthrough.d"))
}

fn walk(chapter: &Path) -> Result<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_localefs-lab"));
    Ok(command.arg("beside").arg(chapter).output()?)
}

#[test]
fn the_walkthrough_takes_the_steps_of_the_guide() -> Result<()> {
    let output = walk(&sections()?.join("chapter"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let count = |what: &str| text.matches(what).count();
    let (steps, checks) = (count("\n\n") - count("\n\n==") - 1, count("\n   checked: "));
    let told = format!("{steps} steps, {checks} checks, all as the guide has it;");
    ensure!(text.contains(&told), "not {told} in {text}");
    ensure!(steps > 40 && checks > 120, "{steps} steps, {checks} checks");
    // What matters, beyond what the walkthrough itself compares.
    let mut rest = text.as_str();
    for next in [
        "== IAM permissions for API calls",
        "MountTargetSecurityGroups on the specified resource because no identity-based policy",
        "== Security groups",
        "root@guest1# mount -t nfs4",
        "checked: it waits for an answer",
        "authorize-security-group-ingress",
        "checked: it is mounted",
        "root@guest2# timeout",
        "checked: its mount hangs",
        "== Security considerations for mounting",
        "create-network-acl-entry",
        "checked: the answers don't come",
        "delete-network-acl-entry",
        "checked: it goes on where it was",
        "== Read, write, and execute permissions",
        "alice@guest1$ cat mark/diary\n     cat: mark/diary: Permission denied",
        "mark@guest1$ ls alice\n     ls: cannot open directory 'alice': Permission denied",
        "mark@guest1$ cat share/notice\n     closed on Friday",
        "root@guest2# cat mark/diary\n     dear diary",
        "== Source ports",
        "claiming to be uid 0:\n     dear diary",
        "iptables",
        "timed out",
    ] {
        let place = rest.find(next);
        let place = place.with_context(|| format!("no {next:?} in its place in {text}"))?;
        rest = &rest[place + next.len()..];
    }
    Ok(())
}

#[test]
fn the_walkthrough_ends_at_the_first_thing_that_is_not_as_expected() -> Result<()> {
    let copy = tempfile::tempdir()?;
    for file in fs::read_dir(sections()?)? {
        let file = file?;
        let mut text = fs::read_to_string(file.path())?;
        if file.file_name() == "getting-started.sh" {
            text = text.replace("six default subnets", "seven default subnets");
            text = text.replace("= 6 ]", "= 7 ]");
        }
        let to = copy.path().join(file.file_name());
        fs::write(&to, text)?;
        fs::set_permissions(&to, file.metadata()?.permissions())?;
    }
    let output = walk(&copy.path().join("chapter"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.code() == Some(1), "{}: {text}", output.status);
    let last = text.lines().last().unwrap_or_default();
    assert_eq!(last, "   WRONG, in step 2: expected six subnets");
    ensure!(!text.contains("seven default subnets"), "{text}");
    Ok(())
}
