//! The servers that are compared, as processes in a network of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::client::binary;
use crate::lab::SERVER;
use crate::namespace::Namespace;
use crate::server::tail;

/// How long one may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// This one.
    Localefs,
    /// nfs-ganesha of Debian, with its FSAL for file systems of this machine.
    Ganesha,
}

impl Kind {
    /// Both, in the order in which they take turns.
    pub const ALL: [Self; 2] = [Self::Localefs, Self::Ganesha];

    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Localefs => "localefs",
            Self::Ganesha => "nfs-ganesha",
        }
    }

    /// Its port at [`SERVER`]; `number` tells the disks apart.
    fn port(self, number: u16) -> u16 {
        let base = match self {
            Self::Localefs => 2049,
            Self::Ganesha => 22049,
        };
        base + number
    }

    /// What it promises of written data, as it is set up here.
    #[must_use]
    pub fn durability(self) -> &'static str {
        match self {
            Self::Localefs => {
                "COMMIT and FILE_SYNC by fsync; names as the disk's journal has them \
                 (`--durability ordinary`)"
            }
            Self::Ganesha => "COMMIT and FILE_SYNC by fsync; names as the disk's journal has them",
        }
    }
}

/// A server that runs; it ends with this value.
#[derive(Debug)]
pub struct Contestant {
    /// Which.
    pub kind: Kind,
    /// Its port at [`SERVER`].
    pub port: u16,
    child: Child,
}

impl Contestant {
    /// Starts one that keeps its files below `place`. `number` tells the disks apart.
    ///
    /// # Errors
    /// If it does not start; with its log.
    pub fn start(namespace: &Namespace, kind: Kind, place: &Path, number: u16) -> Result<Self> {
        let directory = place.join(kind.name());
        fs::create_dir_all(&directory)?;
        let port = kind.port(number);
        let log = directory.join("log");
        let mut command = match kind {
            Kind::Localefs => localefs(namespace, &directory, port)?,
            Kind::Ganesha => ganesha(namespace, &directory, port)?,
        };
        let file = fs::File::create(&log)?;
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let child = command.spawn().context("cannot run nsenter")?;
        let mut contestant = Self { kind, port, child };
        let end = Instant::now() + PATIENCE;
        while !contestant.listens(namespace)? {
            let ended = contestant.child.try_wait()?;
            if ended.is_some() || Instant::now() > end {
                bail!("{} does not start\n{}", kind.name(), tail(&log));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(contestant)
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{SERVER}:{}", self.port)
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lets it run on these processors alone, as `taskset` names them.
    ///
    /// # Errors
    /// If it is gone.
    pub fn pin(&self, processors: &str) -> Result<()> {
        let pid = self.pid().to_string();
        let status = Command::new("taskset")
            .args(["--all-tasks", "--cpu-list", "--pid", processors, &pid])
            .stdout(Stdio::null())
            .status()?;
        ensure!(status.success(), "taskset: {status}");
        Ok(())
    }

    fn listens(&self, namespace: &Namespace) -> Result<bool> {
        let output = namespace.command("ss").args(["-Hltn"]).output()?;
        let wanted = format!(":{} ", self.port);
        Ok(String::from_utf8_lossy(&output.stdout)
            .lines()
            .any(|line| line.contains(&wanted)))
    }
}

impl Drop for Contestant {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        let end = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn localefs(namespace: &Namespace, directory: &Path, port: u16) -> Result<Command> {
    let mut command = namespace.command("env");
    command
        .args(["LOCALEFS_API=127.0.0.1:0", "LOCALEFS_MOUNT_TARGET_PORT=0"])
        .arg(binary()?)
        .args(["serve", "--log", "warn", "--lease", "3600"])
        .args(["--listen", &format!("{SERVER}:{port}")])
        .arg("--data")
        .arg(directory.join("data"));
    Ok(command)
}

fn ganesha(namespace: &Namespace, directory: &Path, port: u16) -> Result<Command> {
    let (export, recovery) = (directory.join("export"), directory.join("recovery"));
    fs::create_dir_all(&export)?;
    fs::create_dir_all(&recovery)?;
    let configuration = directory.join("ganesha.conf");
    fs::write(
        &configuration,
        ganesha_configuration(&export, &recovery, port),
    )?;
    let mut command = namespace.command("ganesha.nfsd");
    command
        .arg("-F")
        .arg("-f")
        .arg(configuration)
        .arg("-L")
        .arg(directory.join("ganesha.log"))
        .arg("-p")
        .arg(directory.join("ganesha.pid"));
    Ok(command)
}

fn ganesha_configuration(export: &Path, recovery: &Path, port: u16) -> String {
    let plugins = PathBuf::from("/usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
    format!(
        r#"NFS_CORE_PARAM {{
    NFS_Port = {port}; Protocols = 4; Bind_addr = 0.0.0.0;
    RPC_Max_Connections = 10000;
    Enable_NLM = false; Enable_RQUOTA = false; Enable_UDP = false;
    Plugins_Dir = "{plugins}/ganesha/"; allow_set_io_flusher_fail = true;
}}
NFSV4 {{
    Graceless = true; Minor_Versions = 1; RecoveryBackend = fs; RecoveryRoot = {recovery};
    Lease_Lifetime = 120; Only_Numeric_Owners = true; Allow_Numeric_Owners = true;
}}
EXPORT_DEFAULTS {{ SecType = sys; }}
EXPORT {{
    Export_Id = 1; Path = {export}; Pseudo = /; Access_Type = RW;
    Squash = No_root_squash; SecType = sys; Protocols = 4; Transports = TCP;
    FSAL {{ Name = VFS; }}
}}
LOG {{ Default_Log_Level = EVENT; }}
"#,
        plugins = plugins.display(),
        recovery = recovery.display(),
        export = export.display(),
    )
}
