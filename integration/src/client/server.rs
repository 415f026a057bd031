//! A server process on the loopback interface.

use std::fs::{self, OpenOptions};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::disk_errors::DiskErrors;
use crate::faults::{fault, shown};
use crate::server::tail;

/// How long a server may take to start or stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a server is started.
#[derive(Clone, Debug)]
pub struct TestServerOptions {
    /// In seconds; the grace period goes by it.
    pub lease: u32,
    /// Keep data over restarts.
    pub durable: bool,
    /// Be ready for [`TestServer::disk_errors`].
    pub disk_errors: bool,
}

impl Default for TestServerOptions {
    fn default() -> Self {
        Self {
            lease: 90,
            durable: false,
            disk_errors: false,
        }
    }
}

/// What else there is to a server's process.
#[derive(Clone, Debug, Default)]
pub struct Launch {
    /// Further arguments of `localefs serve`.
    pub arguments: Vec<String>,
    /// How many files the process may have open; without, as many as this one.
    pub files: Option<u32>,
    /// The user and group that it runs as; without, this process's.
    pub user: Option<u32>,
    /// A program, with arguments, that runs the server's.
    pub under: Vec<String>,
}

/// A server process, which ends with this value.
#[derive(Debug)]
pub struct TestServer {
    options: TestServerOptions,
    launch: Launch,
    directory: TempDir,
    disk_errors: Option<DiskErrors>,
    child: Child,
    address: SocketAddr,
}

impl TestServer {
    /// Starts a server on a port of its own and waits until it accepts connections.
    ///
    /// # Errors
    /// If it does not start; with its log.
    pub fn start(options: TestServerOptions) -> Result<Self> {
        Self::launch(options, Launch::default())
    }

    /// As [`TestServer::start`], as a process of another kind.
    ///
    /// # Errors
    /// As [`TestServer::start`].
    pub fn launch(options: TestServerOptions, launch: Launch) -> Result<Self> {
        let directory = TempDir::with_prefix("localefs-protocol-")?;
        if launch.user.is_some() {
            std::os::unix::fs::chown(directory.path(), launch.user, launch.user)?;
        }
        let disk_errors = match options.disk_errors {
            true => Some(DiskErrors::install(directory.path())?),
            false => None,
        };
        let (child, address) = spawn(directory.path(), &options, &launch, disk_errors.as_ref())?;
        Ok(Self {
            options,
            launch,
            directory,
            disk_errors,
            child,
            address,
        })
    }

    /// Where it listens; another port after a restart.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The lease time.
    #[must_use]
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.options.lease.into())
    }

    /// The process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The directory that it serves, on this machine.
    ///
    /// # Errors
    /// If there is not exactly one.
    pub fn tree(&self) -> Result<PathBuf> {
        let mut trees = fs::read_dir(self.directory.path().join("data/fs"))?;
        let tree = trees.next().context("no file system")??.path();
        ensure!(trees.next().is_none(), "more than one file system");
        Ok(tree)
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// If it is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("no process")?, signal)?;
        Ok(())
    }

    /// Kills it without a chance to put anything in order.
    ///
    /// # Errors
    /// Those of the system.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop in order, and waits.
    ///
    /// # Errors
    /// If it does not.
    pub fn stop(&mut self) -> Result<()> {
        self.signal(Signal::TERM)?;
        let end = Instant::now() + PATIENCE;
        while self.child.try_wait()?.is_none() {
            ensure!(Instant::now() < end, "it does not stop\n{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Starts it again on the same data, after [`TestServer::kill`] or [`TestServer::stop`].
    ///
    /// # Errors
    /// As [`TestServer::start`].
    pub fn restart(&mut self) -> Result<()> {
        ensure!(
            self.options.durable,
            "an ephemeral server can't be restarted"
        );
        let errors = self.disk_errors.as_ref();
        let directory = self.directory.path();
        (self.child, self.address) = spawn(directory, &self.options, &self.launch, errors)?;
        Ok(())
    }

    /// Kills it and starts it again.
    ///
    /// # Errors
    /// As [`TestServer::start`].
    pub fn crash(&mut self) -> Result<()> {
        self.kill()?;
        self.restart()
    }

    /// What makes its disk fail, if that was asked for.
    ///
    /// # Errors
    /// If it was not.
    pub fn disk_errors(&self) -> Result<&DiskErrors> {
        let errors = self.disk_errors.as_ref();
        errors.context("no disk errors were asked for")
    }

    /// Runs `localefs fault` with these words for this server; gives what it writes.
    ///
    /// # Errors
    /// If it fails; with what it complains of.
    pub fn fault(&self, words: &[&str]) -> Result<String> {
        fault(&binary()?, &self.directory.path().join("ready"), words)
    }

    /// What is shown of the fault of this number.
    ///
    /// # Errors
    /// If there is no such fault.
    pub fn fault_status(&self, id: &str) -> Result<serde_json::Value> {
        shown(&self.fault(&["list", "--json"])?, id)
    }

    /// The end of what it wrote.
    #[must_use]
    pub fn log(&self) -> String {
        tail(&self.directory.path().join("log"))
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.kill();
        if thread::panicking() {
            eprintln!("--- the server's log\n{}", self.log());
        }
    }
}

fn spawn(
    directory: &Path,
    options: &TestServerOptions,
    launch: &Launch,
    errors: Option<&DiskErrors>,
) -> Result<(Child, SocketAddr)> {
    let ready = directory.join("ready");
    let _ = fs::remove_file(&ready);
    let log_path = directory.join("log");
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log_path)?;
    let mut program = binary()?;
    if let Some(user) = launch.user {
        // Where that user may go.
        let copy = directory.join("localefs");
        fs::copy(program, &copy)?;
        std::os::unix::fs::chown(&copy, Some(user), Some(user))?;
        program = copy;
    }
    let mut command = match launch.files {
        Some(files) => {
            let mut command = Command::new("sh");
            let script = format!("ulimit -n {files} && exec \"$0\" \"$@\"");
            command.arg("-c").arg(script).arg(program);
            command
        }
        None => match launch.under.as_slice() {
            [] => Command::new(program),
            [under, arguments @ ..] => {
                let mut command = Command::new(under);
                command.args(arguments).arg(program);
                command
            }
        },
    };
    if let Some(user) = launch.user {
        command.uid(user).gid(user);
    }
    command.arg("serve");
    // Several run at the same time.
    command
        .env("LOCALEFS_API", "127.0.0.1:0")
        .env("LOCALEFS_MOUNT_TARGET_PORT", "0");
    if options.durable {
        command.arg("--data").arg(directory.join("data"));
    } else {
        command.arg("--ephemeral").env("TMPDIR", directory);
    }
    command
        .args([
            "--listen",
            "127.0.0.1:0",
            "--lease",
            &options.lease.to_string(),
        ])
        .arg("--ready-file")
        .arg(&ready)
        .args(&launch.arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    command.envs(errors.iter().flat_map(|errors| errors.environment()));
    let mut child = command.spawn().context("cannot run localefs")?;
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(address) = fs::read(&ready).ok().and_then(|text| listening(&text)) {
            return Ok((child, address));
        }
        if let Some(status) = child.try_wait()? {
            bail!(
                "the server ended at its start: {status}\n{}",
                tail(&log_path)
            );
        }
        if Instant::now() >= end {
            let _ = child.kill();
            let _ = child.wait();
            bail!("the server does not get ready\n{}", tail(&log_path));
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// The first address in the field `nfs` of a ready file.
fn listening(text: &[u8]) -> Option<SocketAddr> {
    let ready: serde_json::Value = serde_json::from_slice(text).ok()?;
    let nfs = ready.get("nfs")?;
    let first = nfs.get(0).unwrap_or(nfs);
    first.as_str()?.parse().ok()
}

/// The server's binary: `LOCALEFS_BIN`, else the one built beside this test, built now if it is
/// missing.
pub fn binary() -> Result<PathBuf> {
    if let Some(binary) = std::env::var_os("LOCALEFS_BIN") {
        return Ok(binary.into());
    }
    let executable = std::env::current_exe()?;
    // target/PROFILE/deps/TEST
    let profile = executable
        .ancestors()
        .find(|directory| directory.ends_with("debug") || directory.ends_with("release"))
        .with_context(|| format!("{} is in no build output", executable.display()))?;
    let binary = profile.join("localefs");
    if !binary.exists() {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "-p", "localefs", "--target-dir"]);
        cargo.arg(profile.parent().context("no target directory")?);
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
        ensure!(cargo.status()?.success(), "localefs can't be built");
    }
    Ok(binary)
}
