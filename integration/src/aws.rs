//! AWS's own clients, unmodified, against a server of this test.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use tempfile::TempDir;

use crate::server::{binary, tail};

/// How long a server may take until it accepts connections.
const STARTING: Duration = Duration::from_secs(30);

/// What is installed from the Python Package Index.
const PACKAGES: [&str; 2] = ["boto3", "awscli"];

/// A virtual environment with the AWS CLI and boto3, made if there is none.
///
/// # Errors
/// If it can't be made.
pub fn environment() -> Result<PathBuf> {
    virtual_environment("aws-clients", &PACKAGES)
}

/// A virtual environment with these packages, made if there is none; its programs are in
/// `venv/bin`.
///
/// # Errors
/// If it can't be made.
pub fn virtual_environment(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let executable = std::env::current_exe()?;
    // Tests are one directory deeper than programs.
    let target = executable.ancestors().skip(1);
    let target = target.skip_while(|path| path.ends_with("deps")).nth(1);
    let path = target.context("no target directory")?.join(name);
    fs::create_dir_all(&path)?;
    // One test makes it, the others wait.
    let lock = File::create(path.join("lock"))?;
    lock.lock()?;
    let made = path.join("made");
    if made.exists() {
        return Ok(path);
    }
    let venv = path.join("venv");
    run(Command::new("/usr/bin/python3")
        .args(["-m", "venv", "--clear"])
        .arg(&venv))?;
    run(Command::new(venv.join("bin/pip"))
        .args(["install", "--quiet"])
        .args(packages))?;
    File::create(made)?;
    Ok(path)
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// A server whose API is tested. Killed on drop.
#[derive(Debug)]
pub struct Endpoint {
    child: Child,
    scratch: TempDir,
    user: Option<u32>,
    options: Vec<String>,
    ready: Ready,
}

#[derive(Debug, Default, Deserialize)]
struct Ready {
    #[serde(default)]
    api: String,
    #[serde(default)]
    nfs: Vec<SocketAddr>,
}

impl Endpoint {
    /// A server with these options, on a data directory of its own that outlives a kill.
    ///
    /// # Errors
    /// If it doesn't start.
    pub fn start(options: &[&str]) -> Result<Self> {
        Self::start_as(None, options)
    }

    /// [`Endpoint::start`] as a user without any privilege.
    ///
    /// # Errors
    /// If it doesn't start.
    pub fn start_as(user: Option<u32>, options: &[&str]) -> Result<Self> {
        let scratch = tempfile::Builder::new().prefix("localefs-api-").tempdir()?;
        chown(scratch.path(), user, user)?;
        if user.is_some() {
            // The build may lie where this user can't go.
            fs::copy(binary()?, scratch.path().join("localefs"))?;
        }
        let options: Vec<_> = options.iter().map(ToString::to_string).collect();
        let child = spawn(scratch.path(), user, &options)?;
        let mut endpoint = Self {
            child,
            scratch,
            user,
            options,
            ready: Ready::default(),
        };
        endpoint.await_ready()?;
        Ok(endpoint)
    }

    /// Kills it without a chance to put anything in order, and starts it again.
    ///
    /// # Errors
    /// If it doesn't start.
    pub fn kill_and_restart(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        self.child = spawn(self.scratch.path(), self.user, &self.options)?;
        self.await_ready()
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.ready.api)
    }

    /// Where it serves NFS.
    ///
    /// # Errors
    /// If it doesn't.
    pub fn nfs(&self) -> Result<SocketAddr> {
        let first = self.ready.nfs.first();
        first.copied().context("no address of NFS")
    }

    /// Its data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    /// Runs one of the checks in `integration/api`.
    ///
    /// # Errors
    /// What the check finds.
    pub fn check(&self, file: &str, check: &str) -> Result<String> {
        run(&mut self.command(file, check)?).with_context(|| tail(&self.scratch.path().join("log")))
    }

    /// Begins one, to be waited for.
    ///
    /// # Errors
    /// If it can't be run.
    pub fn begin(&self, file: &str, check: &str) -> Result<Child> {
        let mut command = self.command(file, check)?;
        Ok(command.stdin(Stdio::null()).spawn()?)
    }

    fn command(&self, file: &str, check: &str) -> Result<Command> {
        let checks = Path::new(env!("CARGO_MANIFEST_DIR")).join("api").join(file);
        let environment = environment()?.join("venv/bin");
        let mut command = Command::new(environment.join("python3"));
        command.arg("-B").arg(checks).arg(check);
        configure(&mut command, &self.url());
        command.env("AWS", environment.join("aws"));
        command.env("LOCALEFS_BIN", binary()?);
        command.current_dir(self.scratch.path());
        Ok(command)
    }

    fn await_ready(&mut self) -> Result<()> {
        let end = Instant::now() + STARTING;
        loop {
            let log = tail(&self.scratch.path().join("log"));
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended at its start: {status}\n{log}");
            }
            let ready = fs::read(self.scratch.path().join("ready")).unwrap_or_default();
            if !ready.is_empty() {
                self.ready = serde_json::from_slice(&ready)?;
                return Ok(());
            }
            ensure!(Instant::now() < end, "the server does not get ready\n{log}");
            sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What AWS's clients are told, and nothing that somebody has set up at home.
pub fn configure(command: &mut Command, url: &str) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true");
}

fn spawn(scratch: &Path, user: Option<u32>, options: &[String]) -> Result<Child> {
    let ready = scratch.join("ready");
    let _ = fs::remove_file(&ready);
    let log = File::options()
        .create(true)
        .append(true)
        .open(scratch.join("log"))?;
    let mut command = match user {
        Some(user) => {
            let mut command = Command::new(scratch.join("localefs"));
            command.uid(user).gid(user);
            command
        }
        None => Command::new(binary()?),
    };
    command.args(["serve", "--listen", "127.0.0.1:0", "--api", "127.0.0.1:0"]);
    command
        .args(["--mount-target-port", "0", "--data"])
        .arg(scratch.join("data"));
    command.arg("--ready-file").arg(&ready).args(options);
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    command.spawn().context("cannot run the server")
}
