//! A Docker engine in a lab, whose bridge and addresses are the lab's own.
//!
//! It has a process and a mount namespace of its own as well: when its first process ends, its
//! containers and their mounts do too.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::lab::{Lab, SERVER};
use crate::server::tail;

/// The image that the tests build.
pub const IMAGE: &str = "localefs:under-test";

/// How long anything about containers may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running engine, with the image.
#[derive(Debug)]
pub struct Docker {
    directory: PathBuf,
    control_group: String,
    daemon: Child,
}

impl Docker {
    /// Starts an engine and makes the image of what `scripts/image --binary` has built.
    ///
    /// # Errors
    /// If it does not start, or the image can't be built.
    pub fn start(lab: &Lab) -> Result<Self> {
        let directory = lab.directory().join("docker");
        fs::create_dir_all(&directory)?;
        let log = File::create(directory.join("log"))?;
        let mut command = lab.namespace().command("unshare");
        command.args(["--pid", "--fork", "--mount", "--mount-proc"]);
        command.args(["--kill-child", "dockerd", "--storage-driver", "overlay2"]);
        let control_group = lab.namespace().name().to_owned();
        command.arg(format!("--cgroup-parent=/{control_group}"));
        command.args(["--bip", "10.77.200.1/24", "--data-root"]);
        command.arg(directory.join("data")).arg("--exec-root");
        command.arg(directory.join("exec")).arg("--pidfile");
        command.arg(directory.join("pid")).arg("--host");
        command.arg(format!("unix://{}", directory.join("socket").display()));
        command.stdin(Stdio::null()).stdout(log.try_clone()?);
        let daemon = command.stderr(log).spawn();
        let mut docker = Self {
            directory,
            control_group,
            daemon: daemon.context("cannot run nsenter (Debian: util-linux)")?,
        };
        docker.await_ready()?;
        let script = repository().join("scripts/image");
        docker.succeed(docker.command(script).args(["--built", IMAGE]))?;
        Ok(docker)
    }

    fn await_ready(&mut self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while !self.output(&["version"])?.status.success() {
            let log = tail(&self.directory.join("log"));
            let ended = self.daemon.try_wait()?;
            ensure!(ended.is_none(), "dockerd (Debian: docker.io) ended\n{log}");
            ensure!(Instant::now() < end, "dockerd does not answer\n{log}");
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// A program that talks to this engine.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let socket = self.directory.join("socket");
        let mut command = Command::new(program.as_ref());
        command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
        command.env("DOCKER_CONFIG", &self.directory);
        command.stdin(Stdio::null());
        command
    }

    /// Runs `docker` with these words, however it ends.
    ///
    /// # Errors
    /// If it can't be run.
    pub fn output(&self, words: &[&str]) -> Result<Output> {
        let output = self.command("docker").args(words).output();
        output.context("cannot run docker (Debian: docker.io)")
    }

    /// Runs `docker` with these words, which must succeed; gives what it wrote to stdout.
    ///
    /// # Errors
    /// If it fails; with what it complains of.
    pub fn run(&self, words: &[&str]) -> Result<String> {
        self.succeed(self.command("docker").args(words))
    }

    fn succeed(&self, command: &mut Command) -> Result<String> {
        let output = command.output()?;
        ensure!(
            output.status.success(),
            "{command:?}: {}\n{}{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
            tail(&self.directory.join("log"))
        );
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Starts a container of the image without any privilege, whose ports are the lab's server's.
    ///
    /// # Errors
    /// If it does not become healthy.
    pub fn serve(&self, name: &str, options: &[&str]) -> Result<()> {
        let port = format!("{SERVER}:2049:2049");
        let mut words = vec!["run", "--detach", "--name", name, "--publish", &port];
        words.extend(["--read-only", "--cap-drop", "ALL"]);
        words.extend(["--security-opt", "no-new-privileges"]);
        words.extend(options);
        words.push(IMAGE);
        self.run(&words)?;
        self.await_healthy(name)
    }

    /// Waits until a container is healthy by its own check.
    ///
    /// # Errors
    /// If that takes too long.
    pub fn await_healthy(&self, name: &str) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let state = self.run(&["inspect", "--format", "{{.State.Health.Status}}", name])?;
            if state == "healthy" {
                return Ok(());
            }
            let logs = || self.output(&["logs", name]);
            ensure!(Instant::now() < end, "{name} is {state}: {:?}", logs()?);
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// What a container with these options of `docker run` complains of; it must end with 1.
    ///
    /// # Errors
    /// If it ends with anything else.
    pub fn refusal(&self, options: &[&str]) -> Result<String> {
        let words = [&["run", "--rm"], options, &[IMAGE]].concat();
        let output = self.output(&words)?;
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.code() == Some(1), "{words:?}: {output:?}");
        Ok(complaint)
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // unshare goes, and with it the engine; the lab's reaper waits for the rest.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        let end = Instant::now() + PATIENCE;
        while !remove_control_groups(&self.control_group) && Instant::now() < end {
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Removes the control groups of an engine, which outlive its containers: one, or one for each
/// controller. Tells whether all are gone.
fn remove_control_groups(name: &str) -> bool {
    let all = Path::new("/sys/fs/cgroup");
    let directories = |path: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        paths.filter(|path| path.is_dir()).collect()
    };
    let mut gone = true;
    for place in [vec![all.to_owned()], directories(all)].concat() {
        let group = place.join(name);
        for container in directories(&group) {
            // It still has processes, or somebody else was faster.
            let _ = fs::remove_dir(container);
        }
        let _ = fs::remove_dir(&group);
        gone &= !group.exists();
    }
    gone
}

/// The repository's root.
#[must_use]
pub fn repository() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}
