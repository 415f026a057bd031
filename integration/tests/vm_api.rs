//! What AWS's API makes, a Linux kernel mounts.

use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use localefs_integration::aws::{configure, environment};
use localefs_integration::guest::EFS_OPTIONS;
use localefs_integration::lab::Lab;
use localefs_integration::server::ServerOptions;

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

#[test]
fn a_file_system_of_the_api_is_mounted_written_described_and_deleted() -> Result<()> {
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
    let _forwarder = Forwarder(command.stdin(Stdio::null()).spawn()?);

    let guest = lab.boot("guest1")?;
    let options = format!("{EFS_OPTIONS},port=3049");
    let end = Instant::now() + Duration::from_secs(60);
    while let Err(error) = guest.mount_at("/", "/mnt/api", &options) {
        ensure!(Instant::now() < end, "{error:?}\n{}", server.log());
        sleep(Duration::from_millis(200));
    }
    guest.succeed("head -c 1048576 /dev/urandom > /mnt/api/file && sync /mnt/api/file")?;
    check(&lab, "grown")?;
    guest.succeed("umount /mnt/api")?;
    let id = check(&lab, "delete")?;
    let tree = server.data().join("fs").join(&id);
    ensure!(!tree.exists(), "{} is still there", tree.display());
    Ok(())
}
