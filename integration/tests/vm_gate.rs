//! Security groups and network ACLs, and the mounts of a Linux kernel: what hangs, what lives on,
//! and what goes on.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Result, ensure};
use localefs_integration::aws::{configure, environment};
use localefs_integration::guest::{EFS_OPTIONS, Guest};
use localefs_integration::lab::Lab;
use localefs_integration::server::{Server, ServerOptions};

/// The mount target's address in the VPC, and in the lab.
const TARGET: &str = "10.77.16.9";

/// How long a mount may take to go on: the client's kernel tries again at growing intervals.
const RECOVERY: Duration = Duration::from_secs(120);

/// As long as nothing hangs that could go on.
const HANG: Duration = Duration::from_secs(5);

/// States of TCP in /proc/net/tcp.
const ESTABLISHED: &str = "01";
const SYN_SENT: &str = "02";

struct Bench {
    lab: Lab,
    server: Server,
}

impl Bench {
    fn new(user: Option<u32>) -> Result<Self> {
        let lab = Lab::new()?;
        let address = format!("{TARGET}/32");
        lab.namespace()
            .ip(&["addr", "add", &address, "dev", "lo"])?;
        let arguments = [
            "--api",
            "127.0.0.1:4599",
            "--mount-target-port",
            "2049",
            "--bind",
            "10.77.0.0/16",
        ];
        let server = lab.serve(ServerOptions {
            arguments: arguments.map(str::to_owned).to_vec(),
            user,
            ..ServerOptions::default()
        })?;
        let bench = Self { lab, server };
        bench.call("create")?;
        Ok(bench)
    }

    /// Makes calls of the API.
    fn call(&self, name: &str) -> Result<()> {
        let calls = Path::new(env!("CARGO_MANIFEST_DIR")).join("api/gated.py");
        let python = environment()?.join("venv/bin/python3");
        let mut command = self.lab.namespace().command(python);
        command.arg("-B").arg(calls).arg(name);
        configure(&mut command, "http://127.0.0.1:4599");
        let output = command.stdin(Stdio::null()).output()?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{name}: {error}");
        Ok(())
    }
}

fn mount() -> String {
    format!("mkdir -p /mnt/gate && exec mount.nfs4 {TARGET}:/ /mnt/gate -o {EFS_OPTIONS}")
}

/// The states of a guest's connections to NFS.
fn states(guest: &Guest) -> Result<String> {
    guest.succeed("awk '$3 ~ /:0801$/ { print $4 }' /proc/net/tcp | sort -u")
}

fn rules_change_under_mounts(user: Option<u32>, denied: &str) -> Result<()> {
    let bench = Bench::new(user)?;
    let first = bench.lab.boot("guest1")?;

    // With no rule the mount hangs; with one, the same mount goes through.
    let job = first.start(&mount())?;
    std::thread::sleep(HANG);
    ensure!(!job.ended(), "it does not hang: {}", job.output());
    assert_eq!(states(&first)?.trim(), denied);
    bench.call("authorize")?;
    job.succeed(RECOVERY)?;
    assert_eq!(states(&first)?.trim(), ESTABLISHED);
    let python = first.python()?;
    python.run("os.chdir('/mnt/gate'); file = open('file', 'w+'); file.write('one')")?;
    python.run("file.flush(); os.fsync(file.fileno())")?;

    // Without it again, the running mount lives on, and a new one hangs.
    bench.call("revoke")?;
    python.run("file.write(' two'); file.flush(); os.fsync(file.fileno())")?;
    let second = bench.lab.boot("guest2")?;
    let job = second.start(&mount())?;
    std::thread::sleep(HANG);
    ensure!(!job.ended(), "it does not hang: {}", job.output());
    assert_eq!(states(&second)?.trim(), denied);
    python.run("file.write(' three'); file.flush(); os.fsync(file.fileno())")?;
    bench.call("authorize")?;
    job.succeed(RECOVERY)?;
    let other = second.python()?;
    other.run("os.chdir('/mnt/gate')")?;
    assert_eq!(other.text("read('file')")?, "one two three");

    // A network ACL hangs the running mount, and it alone; lifted, it goes on.
    bench.call("deny")?;
    python.begin("file.write(' four'); file.flush(); os.fsync(file.fileno())")?;
    ensure!(python.runs_for(HANG), "it does not hang");
    other.run("write('other', 'x')")?;
    ensure!(python.runs_for(HANG), "it does not hang");
    bench.call("lift")?;
    python.finish(RECOVERY)?;
    assert_eq!(python.text("read('other')")?, "x");
    other.run("os.stat('file'); os.access('file', os.R_OK)")?;
    python.run("file.close()")?;
    assert_eq!(other.text("open('file').read()")?, "one two three four");
    // What the kernel drops, the server does not see.
    let told = bench
        .server
        .log()
        .contains("no inbound rule of security group");
    assert_eq!(told, denied == ESTABLISHED, "{}", bench.server.log());
    Ok(())
}

#[test]
fn mounts_hang_and_go_on_where_the_kernel_drops_what_is_denied() -> Result<()> {
    rules_change_under_mounts(None, SYN_SENT)
}

#[test]
fn mounts_hang_and_go_on_where_the_server_has_no_privilege() -> Result<()> {
    rules_change_under_mounts(Some(65_534), ESTABLISHED)
}
