//! A guest: a Linux kernel with its NFS client, in a process of its own.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::lab::lab_binary;
use crate::namespace::Namespace;
use crate::python::{INTERPRETER, Python};
use crate::server::tail;
use crate::wire::{Boot, DIRECTORY, Event, Request, SHARED, script_name};

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
    shared: Arc<Shared>,
    numbers: AtomicU32,
}

/// What the reader of the serial line and the waiters for jobs share.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    ready: bool,
    closed: bool,
    failure: Option<String>,
    jobs: HashMap<u32, Progress>,
}

#[derive(Debug, Default, Clone)]
struct Progress {
    stdout: String,
    stderr: String,
    status: Option<i32>,
}

/// How a command in a guest ended.
#[derive(Debug, Clone)]
pub struct Output {
    /// The exit status, or 128 and the signal's number.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// A command that runs in a guest.
#[derive(Debug)]
pub struct Job<'a> {
    guest: &'a Guest,
    id: u32,
    script: String,
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
            Some(terminal) => command.arg(format!("con0=tty:{}", terminal.display())),
            None => command.arg("con0=null,fd:2"),
        };
        command.arg(format!(
            "vec0:transport=tap,ifname={},depth=128,gro=1",
            plan.tap
        ));
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
        let shared = Arc::new(Shared::default());
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let reader = Arc::clone(&shared);
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
            shared,
            numbers: AtomicU32::new(0),
        };
        let booted = guest.shared.wait(BOOTING, |state| {
            (state.ready || state.closed || state.failure.is_some()).then_some(state.ready)
        });
        match booted {
            Some(true) => Ok(guest),
            _ => {
                let failure = lock(&guest.shared.state).failure.clone();
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
        let status = self.shared.wait_forever(|state| {
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

    fn way(&self, change: &[&str]) -> Result<()> {
        let rule = ["pref", "10", "iif", &self.tap, "blackhole"];
        self.namespace.ip(&[change, &rule].concat())
    }

    /// The end of what the guest's kernel wrote.
    #[must_use]
    pub fn console(&self) -> String {
        let tail = tail(&self.directory.join("console"));
        format!("--- console of {}\n{tail}", self.name)
    }

    /// Every process in the guest, and where it waits.
    fn inspect(&self) -> Result<String> {
        let id = self.number();
        self.send(&Request::Inspect { id })?;
        let report = self.shared.wait(Duration::from_secs(10), |state| {
            let progress = state.jobs.get(&id)?;
            progress.status.map(|_| progress.stdout.clone())
        });
        Ok(report.unwrap_or_else(|| "the guest does not answer".to_owned()))
    }

    fn number(&self) -> u32 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn send(&self, request: &Request) -> Result<()> {
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
            self.shared
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

impl Job<'_> {
    /// Waits for the end.
    pub fn wait(self, timeout: Duration) -> Result<Output> {
        let ended = self.guest.shared.wait(timeout, |state| {
            let progress = state.jobs.get(&self.id).cloned().unwrap_or_default();
            match progress.status {
                Some(status) => Some(Ok((status, progress))),
                None => state.closed.then_some(Err(())),
            }
        });
        match ended {
            Some(Ok((status, progress))) => Ok(Output {
                status,
                stdout: progress.stdout,
                stderr: progress.stderr,
            }),
            Some(Err(())) => bail!(
                "{} went down while it ran:\n{}\n{}",
                self.guest.name,
                self.script,
                self.guest.console()
            ),
            None => {
                let report = self.guest.inspect()?;
                self.kill()?;
                let error = self.describe(&format!("not done after {timeout:?}"));
                bail!("{error}\n--- processes\n{report}\n{}", self.guest.console())
            }
        }
    }

    /// Waits for the end, which must be with status 0; gives what it wrote.
    pub fn succeed(self, timeout: Duration) -> Result<String> {
        let (guest, script) = (self.guest, self.script.clone());
        let output = self.wait(timeout)?;
        ensure!(
            output.status == 0,
            "status {} in {} of\n{script}\n--- standard output\n{}\n--- standard error\n{}\n{}",
            output.status,
            guest.name,
            output.stdout,
            output.stderr,
            guest.console()
        );
        Ok(output.stdout)
    }

    /// Writes to its standard input.
    pub(crate) fn input(&self, text: String) -> Result<()> {
        self.guest.send(&Request::Input { id: self.id, text })
    }

    /// Takes the next whole line of its standard output.
    pub(crate) fn line(&self, timeout: Duration) -> Result<String> {
        let ended = self.guest.shared.wait(timeout, |state| {
            let progress = state.jobs.get(&self.id);
            let line = progress.is_some_and(|progress| progress.stdout.contains('\n'));
            let over = progress.is_some_and(|progress| progress.status.is_some());
            (line || over || state.closed).then_some(line)
        });
        if ended == Some(true) {
            let mut state = lock(&self.guest.shared.state);
            let stdout = state
                .jobs
                .get_mut(&self.id)
                .map(|progress| &mut progress.stdout);
            let stdout = stdout.context("no output")?;
            let end = stdout.find('\n').context("no line")?;
            return Ok(stdout.drain(..=end).collect());
        }
        let report = self.guest.inspect().unwrap_or_default();
        let error = self.describe(&format!("no line of output within {timeout:?}"));
        bail!("{error}\n--- processes\n{report}\n{}", self.guest.console())
    }

    /// Waits until standard output contains a text.
    pub fn wait_for(&self, text: &str, timeout: Duration) -> Result<()> {
        let found = self.guest.shared.wait(timeout, |state| {
            let progress = state.jobs.get(&self.id);
            let ended = progress.is_some_and(|progress| progress.status.is_some());
            if progress.is_some_and(|progress| progress.stdout.contains(text)) {
                Some(true)
            } else {
                (ended || state.closed).then_some(false)
            }
        });
        ensure!(
            found == Some(true),
            "{}\n{}",
            self.describe(&format!("no {text:?} within {timeout:?}")),
            self.guest.console()
        );
        Ok(())
    }

    /// What it wrote so far to standard output.
    #[must_use]
    pub fn output(&self) -> String {
        let state = lock(&self.guest.shared.state);
        state
            .jobs
            .get(&self.id)
            .map(|progress| progress.stdout.clone())
            .unwrap_or_default()
    }

    /// Whether it ended.
    #[must_use]
    pub fn ended(&self) -> bool {
        let state = lock(&self.guest.shared.state);
        state
            .jobs
            .get(&self.id)
            .is_some_and(|progress| progress.status.is_some())
    }

    /// Asks it to end, with SIGTERM.
    pub fn terminate(&self) -> Result<()> {
        self.guest.send(&Request::Signal {
            id: self.id,
            kill: false,
        })
    }

    /// Kills it.
    pub fn kill(&self) -> Result<()> {
        self.guest.send(&Request::Signal {
            id: self.id,
            kill: true,
        })
    }

    /// Sends what it writes to this process's own output, until it ends.
    pub fn stream(self, timeout: Duration) -> Result<i32> {
        let end = Instant::now() + timeout;
        let (mut shown, mut shown_errors) = (0, 0);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            ensure!(
                !left.is_zero(),
                "{}",
                self.describe(&format!("not done after {timeout:?}"))
            );
            let seen = (shown, shown_errors);
            let progress = self.guest.shared.wait(left, |state| {
                let progress = state.jobs.get(&self.id).cloned().unwrap_or_default();
                let news = (progress.stdout.len(), progress.stderr.len()) != seen;
                (news || progress.status.is_some() || state.closed).then_some(progress)
            });
            let progress = progress.unwrap_or_default();
            std::io::stdout().write_all(&progress.stdout.as_bytes()[shown..])?;
            std::io::stdout().flush()?;
            std::io::stderr().write_all(&progress.stderr.as_bytes()[shown_errors..])?;
            (shown, shown_errors) = (progress.stdout.len(), progress.stderr.len());
            if let Some(status) = progress.status {
                return Ok(status);
            }
            ensure!(
                !lock(&self.guest.shared.state).closed,
                "{}",
                self.guest.console()
            );
        }
    }

    fn describe(&self, what: &str) -> String {
        let state = lock(&self.guest.shared.state);
        let progress = state.jobs.get(&self.id).cloned().unwrap_or_default();
        let mut text = format!("{what} in {} of\n{}\n", self.guest.name, self.script);
        let _ = write!(
            text,
            "--- standard output\n{}\n--- standard error\n{}",
            progress.stdout, progress.stderr
        );
        text
    }
}

impl Shared {
    /// Takes in what the guest sends until the line closes.
    fn read(&self, output: ChildStdout) {
        let mut reader = BufReader::new(output);
        let mut line = Vec::new();
        while let Ok(1..) = reader.read_until(b'\n', &mut line) {
            // Before the init runs, the kernel's own messages come this way.
            if let Ok(event) = serde_json::from_slice(&line) {
                self.take(event);
            }
            line.clear();
        }
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }

    fn take(&self, event: Event) {
        let mut state = lock(&self.state);
        match event {
            Event::Ready => state.ready = true,
            Event::Failed { message } => state.failure = Some(message),
            Event::Output { id, error, text } => {
                let progress = state.jobs.entry(id).or_default();
                if error {
                    progress.stderr.push_str(&text);
                } else {
                    progress.stdout.push_str(&text);
                }
            }
            Event::Exit { id, status } => {
                state.jobs.entry(id).or_default().status = Some(status);
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until the question has an answer, or no longer.
    fn wait<T>(&self, timeout: Duration, question: impl Fn(&State) -> Option<T>) -> Option<T> {
        let end = Instant::now() + timeout;
        let mut state = lock(&self.state);
        loop {
            if let Some(answer) = question(&state) {
                return Some(answer);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for a person.
    fn wait_forever<T>(&self, question: impl Fn(&State) -> Option<T>) -> T {
        loop {
            if let Some(answer) = self.wait(Duration::from_secs(3600), &question) {
                return answer;
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
