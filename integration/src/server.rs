//! The server under test, as a process that can be killed, paused and restarted.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

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
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            lease: 15,
            durable: false,
            arguments: Vec::new(),
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
        let binary = binary()?;
        let directory = directory.to_owned();
        fs::create_dir_all(&directory)?;
        let child = spawn(namespace, &binary, &directory, listen, &options)?;
        let mut server = Self {
            namespace: namespace.clone(),
            binary,
            directory,
            listen: listen.to_owned(),
            options,
            child,
        };
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

    /// Where a durable server keeps its data.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
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
        self.child = spawn(
            &self.namespace,
            &self.binary,
            &self.directory,
            &self.listen,
            &self.options,
        )?;
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

fn spawn(
    namespace: &Namespace,
    binary: &Path,
    directory: &Path,
    listen: &str,
    options: &ServerOptions,
) -> Result<Child> {
    let ready = directory.join("ready");
    let _ = fs::remove_file(&ready);
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(directory.join("log"))?;
    let mut command = namespace.command(binary);
    command.arg("serve");
    if options.durable {
        command.arg("--data").arg(directory.join("data"));
    } else {
        command.arg("--ephemeral");
    }
    command.args(["--listen", listen, "--lease", &options.lease.to_string()]);
    command
        .arg("--ready-file")
        .arg(&ready)
        .args(&options.arguments);
    command.env("TMPDIR", directory).current_dir(directory);
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    command
        .spawn()
        .with_context(|| format!("cannot run {}", binary.display()))
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
