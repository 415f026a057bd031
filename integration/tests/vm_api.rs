//! What AWS's API makes, a Linux kernel mounts.

use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use localefs_integration::aws::{configure, environment};
use localefs_integration::guest::{EFS_OPTIONS, Guest};
use localefs_integration::lab::Lab;
use localefs_integration::server::{Server, ServerOptions};

/// How long what goes on again may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The program that leads guests to a mount target; killed on drop.
struct Forwarder(Child);

impl Drop for Forwarder {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn check(lab: &Lab, name: &str) -> Result<String> {
    let checks = Path::new(env!("CARGO_MANIFEST_DIR")).join("api/mounted.py");
    let python = environment()?.join("venv/bin/python3");
    let mut command = lab.namespace().command(python);
    command.arg("-B").arg(checks).arg(name);
    configure(&mut command, "http://127.0.0.1:4599");
    let output = command.stdin(Stdio::null()).output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name}: {error}");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// A server with its API, a file system that the API has made, and a guest that mounts it.
struct Site {
    server: Server,
    guest: Guest,
    // What ends last.
    _forwarder: Forwarder,
    lab: Lab,
}

impl Site {
    fn new() -> Result<Self> {
        let lab = Lab::new()?;
        let arguments = ["--api", "127.0.0.1:4599", "--mount-target-port", "2049"];
        let server = lab.serve(ServerOptions {
            durable: true,
            arguments: arguments.map(str::to_owned).to_vec(),
            ..ServerOptions::default()
        })?;
        let address = check(&lab, "create")?;
        let mirror = address.replacen("172.31.", "127.31.", 1);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("api/forward.py");
        let mut command = lab.namespace().command("/usr/bin/python3");
        command
            .arg("-B")
            .arg(script)
            .args(["10.77.0.1", "3049", &mirror, "2049"]);
        let forwarder = Forwarder(command.stdin(Stdio::null()).spawn()?);
        let site = Self {
            server,
            guest: lab.boot("guest1")?,
            _forwarder: forwarder,
            lab,
        };
        site.mount("/mnt/api")?;
        Ok(site)
    }

    fn mount(&self, directory: &str) -> Result<()> {
        let options = format!("{EFS_OPTIONS},port=3049");
        let end = Instant::now() + Duration::from_secs(60);
        while let Err(error) = self.guest.mount_at("/", directory, &options) {
            ensure!(Instant::now() < end, "{error:?}\n{}", self.server.log());
            sleep(Duration::from_millis(200));
        }
        Ok(())
    }
}

#[test]
fn a_file_system_of_the_api_is_mounted_written_described_and_deleted() -> Result<()> {
    let Site {
        server, guest, lab, ..
    } = &Site::new()?;
    guest.succeed("head -c 1048576 /dev/urandom > /mnt/api/file && sync /mnt/api/file")?;
    check(lab, "grown")?;
    guest.succeed("umount /mnt/api")?;
    let id = check(lab, "delete")?;
    let tree = server.data().join("fs").join(&id);
    ensure!(!tree.exists(), "{} is still there", tree.display());
    Ok(())
}

#[test]
fn a_frozen_mount_target_of_the_api_hangs_and_goes_on() -> Result<()> {
    let site = Site::new()?;
    let guest = &site.guest;
    guest.succeed("echo before > /mnt/api/file && sync /mnt/api/file")?;
    let target = check(&site.lab, "mount_target")?;
    site.server.fault(&["freeze", "--mount-target", &target])?;
    let writing = guest.start("echo after >> /mnt/api/file && sync /mnt/api/file")?;
    sleep(Duration::from_secs(3));
    ensure!(!writing.ended(), "a frozen mount target answers");
    site.server
        .fault(&["unfreeze", "--mount-target", &target])?;
    writing.succeed(PATIENCE)?;
    let read = guest.succeed("cat /mnt/api/file")?;
    ensure!(read == "before\nafter\n", "{read:?}");
    Ok(())
}

#[test]
fn a_reset_ends_mounts_of_the_api_and_others_start_afresh() -> Result<()> {
    let site = Site::new()?;
    let guest = &site.guest;
    guest.succeed("echo before > /mnt/api/file && sync /mnt/api/file")?;
    check(&site.lab, "reset")?;
    // As on EFS, the mount of what is gone hangs; it can be given up.
    let writing = guest.start("echo after > /mnt/api/other")?;
    sleep(Duration::from_secs(3));
    ensure!(!writing.ended(), "a mount target that is gone answers");
    guest.succeed("umount -f -l /mnt/api")?;
    // Another one at its address is another file system.
    check(&site.lab, "create")?;
    site.mount("/mnt/again")?;
    guest.succeed("test -z \"$(ls -A /mnt/again)\" && echo new > /mnt/again/file")?;
    Ok(())
}
