//! A guest: a Linux kernel with its NFS client, in a process of its own.

use std::fs::{self, File};
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::job::{Job, Output};
use crate::lab::lab_binary;
use crate::namespace::Namespace;
use crate::python::{INTERPRETER, Python};
use crate::reports::{Reports, State, lock};
use crate::server::tail;
use crate::wire::{Boot, DIRECTORY, Request, SHARED, script_name};

/// The options that EFS recommends for a mount.
pub const EFS_OPTIONS: &str =
    "nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport";

/// Where a guest mounts the file system unless told otherwise.
pub const MOUNT_POINT: &str = "/mnt/efs";

/// How long an ordinary command may take.
pub const ORDINARY: Duration = Duration::from_secs(60);

const BOOTING: Duration = Duration::from_secs(60);
const HALTING: Duration = Duration::from_secs(5);

/// What a guest is made of.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub namespace: &'a Namespace,
    /// The guest's own directory, which it sees as [`SHARED`].
    pub directory: PathBuf,
    pub boot: Boot,
    pub tap: String,
    pub server: String,
    /// A terminal of the machine that becomes the guest's console.
    pub terminal: Option<PathBuf>,
    /// A file that the guest has as its block device.
    pub disk: Option<PathBuf>,
}

/// A running guest.
#[derive(Debug)]
pub struct Guest {
    name: String,
    server: String,
    directory: PathBuf,
    tap: String,
    namespace: Namespace,
    child: Child,
    own_group: bool,
    serial: Mutex<ChildStdin>,
    pub(crate) reports: Arc<Reports>,
    numbers: AtomicU32,
}

impl Guest {
    /// Boots a guest and waits until it takes commands.
    pub(crate) fn boot(plan: Plan<'_>) -> Result<Self> {
        fs::create_dir_all(&plan.directory)?;
        fs::write(plan.directory.join("boot"), serde_json::to_vec(&plan.boot)?)?;
        let init = plan.directory.join("init");
        symlink(lab_binary()?, &init)?;
        let console = File::create(plan.directory.join("console"))?;
        let mut command = plan.namespace.command("linux.uml");
        command.args([
            "mem=1G",
            "root=/dev/root",
            "rootfstype=hostfs",
            "rootflags=/",
            "ro",
        ]);
        command.args([
            "quiet",
            "selinux=0",
            "con=null",
            "ssl=null",
            "ssl0=fd:0,fd:1",
        ]);
        match &plan.terminal {
            Some(terminal) => {
                command.args([&format!("con0=tty:{}", terminal.display()), "loglevel=1"])
            }
            None => command.arg("con0=null,fd:2"),
        };
        command.arg(format!(
            "vec0:transport=tap,ifname={},depth=128,gro=1",
            plan.tap
        ));
        if let Some(disk) = &plan.disk {
            command.arg(format!("ubd0={}", disk.display()));
        }
        command.arg(format!("uml_dir={}", plan.directory.display()));
        command.arg(format!("umid={}", plan.boot.hostname));
        command.arg(format!("init={}", init.display()));
        command.arg(format!("{DIRECTORY}={}", plan.directory.display()));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(console);
        // Only the terminal's own process group may write to it.
        let own_group = plan.terminal.is_none();
        if own_group {
            command.process_group(0);
        }
        let mut child = command
            .spawn()
            .context("cannot run nsenter (Debian: util-linux)")?;
        let reports = Arc::new(Reports::default());
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let reader = Arc::clone(&reports);
        let output = output.context("no serial line")?;
        thread::spawn(move || reader.read(output));
        let guest = Self {
            name: plan.boot.hostname,
            server: plan.server,
            directory: plan.directory,
            tap: plan.tap,
            namespace: plan.namespace.clone(),
            child,
            own_group,
            serial: Mutex::new(input.context("no serial line")?),
            reports,
            numbers: AtomicU32::new(0),
        };
        let booted = guest.reports.wait(BOOTING, |state| {
            (state.ready || state.closed || state.failure.is_some()).then_some(state.ready)
        });
        match booted {
            Some(true) => Ok(guest),
            _ => {
                let failure = guest.reports.state().failure.clone();
                let failure = failure.unwrap_or_else(|| "is linux.uml installed?".to_owned());
                bail!(
                    "{} does not boot: {failure}\n{}",
                    guest.name,
                    guest.console()
                )
            }
        }
    }

    /// The guest's host name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The directory that the guest sees as [`SHARED`].
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Mounts the server's root on [`MOUNT_POINT`].
    pub fn mount(&self, options: &str) -> Result<()> {
        self.mount_at("/", MOUNT_POINT, options)
    }

    /// Mounts one of the server's directories anywhere.
    pub fn mount_at(&self, path: &str, directory: &str, options: &str) -> Result<()> {
        let server = &self.server;
        let script = format!(
            "mkdir -p {directory} && exec mount.nfs4 {server}:{path} {directory} -o {options}"
        );
        self.succeed(&script)?;
        Ok(())
    }

    /// Unmounts [`MOUNT_POINT`].
    pub fn unmount(&self) -> Result<()> {
        self.succeed(&format!("cd / && exec umount {MOUNT_POINT}"))?;
        Ok(())
    }

    /// Makes the guest forget every page and every name that it has cached.
    pub fn drop_caches(&self) -> Result<()> {
        self.succeed("sync; echo 3 > /proc/sys/vm/drop_caches")?;
        Ok(())
    }

    /// Runs a shell script, which must end with status 0; gives what it wrote.
    pub fn succeed(&self, script: &str) -> Result<String> {
        self.start(script)?.succeed(ORDINARY)
    }

    /// Runs a shell script, however it ends.
    pub fn run(&self, script: &str) -> Result<Output> {
        self.start(script)?.wait(ORDINARY)
    }

    /// Starts a shell script (bash).
    pub fn start(&self, script: &str) -> Result<Job<'_>> {
        self.launch(&format!("#!/bin/bash\n{script}\n"), false)
    }

    /// Starts a Python interpreter that takes one statement after the other.
    pub fn python(&self) -> Result<Python<'_>> {
        Python::new(self.launch(INTERPRETER, true)?)
    }

    fn launch(&self, contents: &str, input: bool) -> Result<Job<'_>> {
        let id = self.number();
        let path = self.directory.join(script_name(id));
        fs::write(&path, contents)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        self.send(&Request::Run { id, input })?;
        Ok(Job {
            guest: self,
            id,
            script: contents.to_owned(),
        })
    }

    /// Gives the person at the terminal a shell, until it ends.
    pub fn shell(&self) -> Result<i32> {
        let id = self.number();
        self.send(&Request::Shell { id })?;
        let status = self.reports.wait_forever(|state| {
            let progress = state.jobs.get(&id);
            let status = progress.and_then(|progress| progress.status);
            status.or(state.closed.then_some(1))
        });
        Ok(status)
    }

    /// Puts a file into the directory that the guest sees as [`SHARED`], and
    /// gives its path there.
    pub fn share(&self, name: &str, contents: &[u8]) -> Result<String> {
        fs::write(self.directory.join(name), contents)?;
        Ok(format!("{SHARED}/{name}"))
    }

    /// Cuts the guest off: whatever it sends is lost on the way.
    pub fn cut(&self) -> Result<()> {
        self.way(&["rule", "add"])
    }

    /// Lets its packets through again.
    pub fn rejoin(&self) -> Result<()> {
        self.way(&["rule", "del"])
    }

    /// Gives the guest one more address, from which it speaks from then on, and the lab the way
    /// there.
    pub fn play(&self, address: Ipv4Addr) -> Result<()> {
        let address = format!("{address}/32");
        // Before the rest of a network whose addresses are all the lab's.
        self.namespace
            .ip(&["route", "add", &address, "dev", &self.tap, "table", "local"])?;
        self.succeed(&format!(
            "ip addr add {address} dev vec0 && \
             ip route replace $(ip route show default) src {}",
            address.trim_end_matches("/32")
        ))?;
        Ok(())
    }

    fn way(&self, change: &[&str]) -> Result<()> {
        let rule = ["pref", "10", "iif", &self.tap, "blackhole"];
        self.namespace.ip(&[change, &rule].concat())
    }

    /// Lets all of it run on these processors alone, as `taskset` names them: its kernel, and
    /// every process in it, those to come included.
    pub fn pin(&self, processors: &str) -> Result<()> {
        let script = format!(
            "for pid in $(pgrep --pgroup {}); do \
             taskset --all-tasks --cpu-list --pid {processors} $pid || exit; done",
            self.child.id()
        );
        let status = Command::new("sh")
            .args(["-c", &script])
            .stdout(Stdio::null())
            .status()?;
        ensure!(status.success(), "taskset: {status}");
        Ok(())
    }

    /// Cuts its power: nothing more is written, whatever its kernel still had in memory.
    pub fn cut_power(&mut self) -> Result<()> {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let group = group.filter(|_| self.own_group);
        kill_process_group(group.context("no process group")?, Signal::KILL)?;
        self.child.wait()?;
        // Each of its processes has the serial line.
        let dead = |state: &State| state.closed.then_some(());
        self.reports
            .wait(HALTING, dead)
            .with_context(|| format!("some of {} is still alive", self.name))
    }

    /// The end of what the guest's kernel wrote.
    #[must_use]
    pub fn console(&self) -> String {
        let tail = tail(&self.directory.join("console"));
        format!("--- console of {}\n{tail}", self.name)
    }

    /// Every process in the guest, and where it waits.
    pub(crate) fn inspect(&self) -> Result<String> {
        let id = self.number();
        self.send(&Request::Inspect { id })?;
        let report = self.reports.wait(Duration::from_secs(10), |state| {
            let progress = state.jobs.get(&id)?;
            progress.status.map(|_| progress.stdout.clone())
        });
        Ok(report.unwrap_or_else(|| "the guest does not answer".to_owned()))
    }

    fn number(&self) -> u32 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn send(&self, request: &Request) -> Result<()> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        lock(&self.serial)
            .write_all(&line)
            .with_context(|| format!("{} does not run any more\n{}", self.name, self.console()))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if self.send(&Request::Halt).is_ok() {
            self.reports
                .wait(HALTING, |state| state.closed.then_some(()));
        }
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group.filter(|_| self.own_group) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.namespace.ip(&["link", "del", &self.tap]);
    }
}
