//! A network namespace: the only network that a lab's traffic can reach.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// Begins the name of every namespace and directory of a lab.
const PREFIX: &str = "localefs-lab-";

/// How long the processes of a namespace may take to die.
const KILLING: Duration = Duration::from_secs(10);

/// A named network namespace.
#[derive(Debug, Clone)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes a namespace of a name that tells which process it belongs to.
    pub fn create() -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let pid = std::process::id();
        let start = start_time(pid).context("no start time of this process in /proc")?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let namespace = Self::named(format!("{PREFIX}{pid}-{start}-{number}"));
        ip(&["netns", "add", &namespace.name])
            .context("a lab needs root and a kernel with network namespaces")?;
        namespace.ip(&["link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// The namespace of that name.
    #[must_use]
    pub fn named(name: String) -> Self {
        Self { name }
    }

    /// The name, also of the lab's directory.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command that will run inside, in place of which no other process stands.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/run/netns/{}", self.name))
            .arg("--")
            .arg(program);
        command
    }

    /// Runs `ip` inside.
    pub fn ip(&self, arguments: &[&str]) -> Result<()> {
        let inside = ["-n", self.name.as_str()];
        ip(&[&inside, arguments].concat())
    }

    /// Kills every process inside and removes the namespace.
    pub fn destroy(&self) -> Result<()> {
        let end = Instant::now() + KILLING;
        loop {
            let processes = self.processes();
            if processes.is_empty() {
                break;
            }
            ensure!(
                Instant::now() < end,
                "processes of {} do not die: {processes:?}",
                self.name
            );
            for process in processes {
                // It may have ended by itself since it was listed.
                let _ = kill_process(process, Signal::KILL);
            }
            thread::sleep(Duration::from_millis(20));
        }
        ip(&["netns", "del", &self.name])
    }

    /// Every process inside that is not on its way out.
    fn processes(&self) -> Vec<Pid> {
        let Ok(output) = Command::new("ip")
            .args(["netns", "pids", &self.name])
            .output()
        else {
            return Vec::new();
        };
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| Pid::from_raw(line.trim().parse().ok()?))
            .collect()
    }
}

/// Where the labs' directories are made.
#[must_use]
pub fn lab_directory(namespace: &str) -> PathBuf {
    std::env::temp_dir().join(namespace)
}

/// Removes what labs of dead processes left behind.
pub fn sweep() -> Result<()> {
    let mut names: Vec<String> = Vec::new();
    for directory in [PathBuf::from("/run/netns"), std::env::temp_dir()] {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        names.extend(
            entries
                .flatten()
                .filter_map(|entry| entry.file_name().into_string().ok()),
        );
    }
    names.sort();
    names.dedup();
    for name in names {
        if owner_is_dead(&name) {
            sweep_one(&name)?;
        }
    }
    Ok(())
}

/// Removes one of them, perhaps in competition with its reaper or another sweep.
fn sweep_one(name: &str) -> Result<()> {
    let end = Instant::now() + KILLING;
    while let Err(error) = remove(name) {
        if Instant::now() > end {
            return Err(error);
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Removes the namespace of that name and the lab's directory, if they are there.
pub fn remove(name: &str) -> Result<()> {
    if PathBuf::from("/run/netns").join(name).exists() {
        Namespace::named(name.to_owned()).destroy()?;
    }
    let directory = lab_directory(name);
    match fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", directory.display()))
        }
        _ => Ok(()),
    }
}

/// Whether that is a lab's name, of a process that no longer runs.
fn owner_is_dead(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else {
        return false;
    };
    let mut parts = rest.split('-').map(str::parse::<u64>);
    let (Some(Ok(pid)), Some(Ok(start)), Some(Ok(_)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    u32::try_from(pid).ok().and_then(start_time) != Some(start)
}

/// When a process started, in ticks since boot: with the number, its identity.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may itself contain spaces and parentheses.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("cannot run ip (Debian: iproute2)")?;
    if !output.status.success() {
        bail!(
            "ip {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}
