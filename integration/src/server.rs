//! The server under test, as a process that can be killed, paused and restarted.

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::disk::{Disk, DiskKind};
use crate::disk_errors::DiskErrors;
use crate::faults::{fault, shown};
use crate::namespace::Namespace;

/// How long a server may take until it accepts connections.
const STARTING: Duration = Duration::from_secs(20);

/// How long a server may take to stop in order.
const STOPPING: Duration = Duration::from_secs(20);

/// How a server is started.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The lease time in seconds, of which the grace period is another form.
    pub lease: u32,
    /// Use a directory that outlives the process, as a restart needs it.
    pub durable: bool,
    /// More words of the command line.
    pub arguments: Vec<String>,
    /// Run as this user, in the group of the same number, with no privilege.
    pub user: Option<u32>,
    /// Keep the data on a disk of its own.
    pub disk: Option<DiskKind>,
    /// Be ready for [`Server::disk_errors`].
    pub disk_errors: bool,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            lease: 15,
            durable: false,
            arguments: Vec::new(),
            user: None,
            disk: None,
            disk_errors: false,
        }
    }
}

/// A server process.
#[derive(Debug)]
pub struct Server {
    namespace: Namespace,
    binary: PathBuf,
    directory: PathBuf,
    listen: String,
    options: ServerOptions,
    disk: Option<Disk>,
    disk_errors: Option<DiskErrors>,
    child: Child,
}

impl Server {
    /// Starts a server and waits until it accepts connections.
    pub fn start(
        namespace: &Namespace,
        directory: &Path,
        listen: &str,
        options: ServerOptions,
    ) -> Result<Self> {
        let mut binary = binary()?;
        let directory = directory.to_owned();
        fs::create_dir_all(&directory)?;
        let disk = match options.disk {
            Some(kind) => Some(Disk::mount(namespace, &directory.join("disk"), kind)?),
            None => None,
        };
        let disk_errors = match options.disk_errors {
            true => Some(DiskErrors::install(&directory)?),
            false => None,
        };
        if let Some(user) = options.user {
            // The build may lie where this user can't go.
            let copy = directory.join("localefs");
            fs::copy(&binary, &copy)?;
            binary = copy;
            chown(&directory, Some(user), Some(user))?;
            if let Some(lab) = directory.parent() {
                fs::set_permissions(lab, Permissions::from_mode(0o711))?;
            }
            if let Some(disk) = &disk {
                disk.give_to(user)?;
            }
        }
        let mut server = Self {
            namespace: namespace.clone(),
            binary,
            directory,
            listen: listen.to_owned(),
            options,
            disk,
            disk_errors,
            // Until it is there.
            child: Command::new("true").spawn()?,
        };
        server.spawn()?;
        server.await_ready()?;
        Ok(server)
    }

    /// The lease time in seconds.
    #[must_use]
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.options.lease.into())
    }

    /// The process, for measurements.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where a durable server keeps its data, as the server sees it.
    fn data_inside(&self) -> PathBuf {
        match &self.disk {
            Some(_) => self.directory.join("disk/data"),
            None => self.directory.join("data"),
        }
    }

    /// Where a durable server keeps its data.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        let data = self.data_inside();
        match &self.disk {
            Some(disk) => disk.outside(&data),
            None => data,
        }
    }

    /// The directory that clients see, of a durable server.
    ///
    /// # Errors
    /// If there is not just one.
    pub fn tree(&self) -> Result<PathBuf> {
        let mut trees = fs::read_dir(self.data().join("fs"))?;
        let tree = trees.next().context("no file system")??;
        ensure!(trees.next().is_none(), "several file systems");
        Ok(tree.path())
    }

    /// The disk that was asked for.
    ///
    /// # Errors
    /// If there is none.
    pub fn disk(&self) -> Result<&Disk> {
        self.disk.as_ref().context("no disk was asked for")
    }

    /// What makes the disk fail, if that was asked for.
    ///
    /// # Errors
    /// If it was not.
    pub fn disk_errors(&self) -> Result<&DiskErrors> {
        let errors = self.disk_errors.as_ref();
        errors.context("no disk errors were asked for")
    }

    /// Whether the process runs.
    ///
    /// # Errors
    /// Those of the system.
    pub fn runs(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Kills the process without a chance to put anything in order.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again on the same data, after a kill or a stop.
    pub fn restart(&mut self) -> Result<()> {
        ensure!(
            self.options.durable,
            "only a durable server can be restarted"
        );
        self.spawn()?;
        self.await_ready()
    }

    /// Asks it to stop in order.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        let end = Instant::now() + STOPPING;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(
                Instant::now() < end,
                "the server does not stop\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Stops it from running at all, as a paused virtual machine.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Ends a pause.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Runs `localefs fault` with these words for this server; gives what it writes.
    ///
    /// # Errors
    /// If it fails; with what it complains of.
    pub fn fault(&self, words: &[&str]) -> Result<String> {
        fault(&self.binary, &self.directory.join("ready"), words)
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
        format!(
            "--- the server's log\n{}",
            tail(&self.directory.join("log"))
        )
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("no process")?, signal)?;
        Ok(())
    }

    fn spawn(&mut self) -> Result<()> {
        let ready = self.directory.join("ready");
        let _ = fs::remove_file(&ready);
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.directory.join("log"))?;
        // Each of these becomes the next.
        let mut command = self.namespace.command("nsenter");
        if let Some(disk) = &self.disk {
            command.arg(disk.namespace());
        }
        command.arg("--");
        if let Some(user) = self.options.user {
            command.args(["setpriv", "--clear-groups"]);
            command.args([format!("--reuid={user}"), format!("--regid={user}")]);
        }
        command.arg("env");
        // Several run at the same time.
        command.args(["LOCALEFS_API=127.0.0.1:0", "LOCALEFS_MOUNT_TARGET_PORT=0"]);
        for (name, value) in self.disk_errors.iter().flat_map(DiskErrors::environment) {
            command.arg(format!("{name}={}", value.display()));
        }
        command.arg(&self.binary).arg("serve");
        if self.options.durable {
            command.arg("--data").arg(self.data_inside());
        } else {
            command.arg("--ephemeral");
        }
        let lease = self.options.lease.to_string();
        command.args(["--listen", &self.listen, "--lease", &lease]);
        command
            .arg("--ready-file")
            .arg(&ready)
            .args(&self.options.arguments);
        command
            .env("TMPDIR", &self.directory)
            .current_dir(&self.directory);
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let child = command
            .spawn()
            .with_context(|| format!("cannot run {}", self.binary.display()))?;
        std::mem::replace(&mut self.child, child).wait()?;
        Ok(())
    }

    fn await_ready(&mut self) -> Result<()> {
        let end = Instant::now() + STARTING;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended at its start: {status}\n{}", self.log());
            }
            if fs::metadata(self.directory.join("ready")).is_ok_and(|ready| ready.len() > 0) {
                return Ok(());
            }
            ensure!(
                Instant::now() < end,
                "the server does not get ready\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be paused or dead already; the reaper sees to what is left.
        let _ = self.kill();
    }
}

/// The server's binary: `LOCALEFS_BIN`, else the release build beside this one.
pub fn binary() -> Result<PathBuf> {
    if let Some(binary) = std::env::var_os("LOCALEFS_BIN") {
        return Ok(binary.into());
    }
    let executable = std::env::current_exe()?;
    for directory in executable.ancestors().skip(1) {
        let candidate = directory.join("release/localefs");
        if candidate.exists() {
            return Ok(candidate);
        }
    }
    bail!(
        "no release/localefs above {}; build it with --release",
        executable.display()
    )
}

/// The last lines of a file that a person would want to see beside an error.
#[must_use]
pub fn tail(path: &Path) -> String {
    const LINES: usize = 60;
    let Ok(bytes) = File::open(path).and_then(|mut file| {
        use std::io::{Read, Seek, SeekFrom};
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(64 * 1024)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }) else {
        return String::new();
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
