//! The lab itself: statuses, time-outs, and that nothing is left behind.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use localefs_integration::lab::Lab;

const LAB: &str = env!("CARGO_BIN_EXE_localefs-lab");

/// The names of labs in the kernel's list and among temporary files.
fn traces(of: u32) -> Vec<String> {
    let prefix = format!("localefs-lab-{of}-");
    [Path::new("/run/netns"), &std::env::temp_dir()]
        .iter()
        .filter_map(|directory| fs::read_dir(directory).ok())
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with(&prefix))
        .collect()
}

fn gone(of: u32) -> bool {
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        if traces(of).is_empty() {
            return true;
        }
        thread::sleep(Duration::from_millis(50));
    }
    false
}

fn script(directory: &Path, contents: &str) -> Result<PathBuf> {
    let path = directory.join("a script");
    fs::write(&path, contents)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

#[test]
fn output_and_status_come_back() -> Result<()> {
    let lab = Lab::new()?;
    let guest = lab.boot("alone")?;
    let output = guest.run("hostname; echo problem >&2; exit 7")?;
    assert_eq!(output.status, 7);
    assert_eq!(output.stdout, "alone\n");
    assert_eq!(output.stderr, "problem\n");
    assert_eq!(guest.run("kill -TERM $$")?.status, 128 + 15);
    assert_eq!(guest.python()?.number("6 * 7")?, 42);
    Ok(())
}

#[test]
fn a_command_that_hangs_ends_in_an_error_with_the_console() -> Result<()> {
    let lab = Lab::new()?;
    let guest = lab.boot("alone")?;
    let job = guest.start("echo begun; echo heard > /dev/console; sleep 1000")?;
    let Err(error) = job.wait(Duration::from_secs(2)) else {
        anyhow::bail!("a sleep of 1000 s is over after 2 s");
    };
    let text = format!("{error:#}");
    for part in ["not done after 2s", "begun", "heard", "sleep 1000"] {
        ensure!(text.contains(part), "no {part:?} in {text}");
    }
    Ok(())
}

#[test]
fn the_machine_is_safe_from_the_guest() -> Result<()> {
    let lab = Lab::new()?;
    let guest = lab.boot("alone")?;
    let marker = format!("/tmp/localefs-marker-{}", std::process::id());
    guest.succeed(&format!(
        "touch {marker} && rm /etc/passwd && ! touch /usr/bin/x"
    ))?;
    assert!(!Path::new(&marker).exists());
    assert!(Path::new("/etc/passwd").exists());
    Ok(())
}

#[test]
fn a_killed_lab_leaves_nothing_behind() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let script = script(directory.path(), "#!/bin/sh\necho running\nsleep 1000\n")?;
    let mut lab = Command::new(LAB)
        .arg("run")
        .arg(&script)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = [0; 8];
    std::io::Read::read_exact(&mut lab.stdout.take().expect("a pipe"), &mut line)?;
    let pid = lab.id();
    assert!(!traces(pid).is_empty());
    lab.kill()?;
    lab.wait()?;
    assert!(gone(pid), "left behind: {:?}", traces(pid));
    Ok(())
}

#[test]
fn a_failed_script_gives_its_status() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let script = script(
        directory.path(),
        "#!/bin/bash\n[ \"$PWD\" = /mnt/efs ] && touch \"$HOSTNAME\" && exit 9\n",
    )?;
    let mut lab = Command::new(LAB)
        .args(["run", "--guests", "2"])
        .arg(&script)
        .spawn()?;
    assert_eq!(lab.wait()?.code(), Some(9));
    assert!(gone(lab.id()));
    Ok(())
}
