//! A server process of which file systems and mount targets are created and deleted.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use localefs::admin::ServedFileSystem;
use serde::{Deserialize, Serialize};

use crate::namespace::Namespace;
use crate::server::tail;

/// Names the program in the environment, if it is to be another one than a test's own.
pub const PROGRAM_VARIABLE: &str = "LOCALEFS_DATA_PLANE_BIN";

/// What the process is told, a line each.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Order {
    /// Serve the file system of this id.
    CreateFileSystem(String),
    /// Delete it.
    DeleteFileSystem(String),
    /// Serve a file system at an address.
    CreateMountTarget {
        /// The file system.
        file_system: String,
        /// The mount target's id.
        id: String,
        /// Where; port 0 is any free one.
        address: SocketAddr,
    },
    /// Delete a mount target.
    DeleteMountTarget(String),
    /// End all clients and empty these file systems.
    Reset(Vec<String>),
    /// Say what is served.
    Status,
}

/// What it answers, a line each.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// The first answer: it accepts connections.
    Ready {
        /// The file system that it has from the start.
        file_system: String,
        /// Where that is served.
        addresses: Vec<SocketAddr>,
    },
    /// It is done.
    Done,
    /// The mount target's address.
    Address(SocketAddr),
    /// What is served.
    Status(Vec<ServedFileSystem>),
    /// It is not done.
    Failed(String),
}

/// How it is started.
#[derive(Clone, Debug)]
pub struct DataPlaneOptions {
    /// The namespace that it runs in; the machine's own without.
    pub namespace: Option<Namespace>,
    /// The front doors.
    pub listen: Vec<SocketAddr>,
    /// In seconds.
    pub lease: u32,
    /// Files that all clients together may have open, unless it is the default.
    pub max_opens: Option<usize>,
}

/// The process, which ends with this value.
#[derive(Debug)]
pub struct DataPlaneServer {
    program: PathBuf,
    directory: PathBuf,
    options: DataPlaneOptions,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// The file system that it has from the start.
    pub file_system: String,
    /// Where that is served.
    pub addresses: Vec<SocketAddr>,
}

impl DataPlaneServer {
    /// Starts `program` (`localefs-data-plane`, unless [`PROGRAM_VARIABLE`] says otherwise) with its data and its log below `directory`.
    ///
    /// # Errors
    /// If it does not start; with its log.
    pub fn start(program: &str, directory: &Path, options: DataPlaneOptions) -> Result<Self> {
        let program = std::env::var_os(PROGRAM_VARIABLE).unwrap_or_else(|| program.into());
        let program = PathBuf::from(program);
        let (child, input, output) = spawn(&program, directory, &options)?;
        let mut server = Self {
            program,
            directory: directory.to_owned(),
            options,
            child,
            input,
            output,
            file_system: String::new(),
            addresses: Vec::new(),
        };
        server.await_ready()?;
        Ok(server)
    }

    /// Kills it without a chance to put anything in order, and starts it again.
    ///
    /// # Errors
    /// As [`DataPlaneServer::start`].
    pub fn crash(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        (self.child, self.input, self.output) =
            spawn(&self.program, &self.directory, &self.options)?;
        self.await_ready()
    }

    /// Its data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// The process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Serves a file system.
    ///
    /// # Errors
    /// What it answers.
    pub fn create_file_system(&mut self, id: &str) -> Result<()> {
        self.order(&Order::CreateFileSystem(id.to_owned()))?;
        Ok(())
    }

    /// Deletes a file system.
    ///
    /// # Errors
    /// What it answers.
    pub fn delete_file_system(&mut self, id: &str) -> Result<()> {
        self.order(&Order::DeleteFileSystem(id.to_owned()))?;
        Ok(())
    }

    /// Serves a file system at an address.
    ///
    /// # Errors
    /// What it answers.
    pub fn create_mount_target(
        &mut self,
        file_system: &str,
        id: &str,
        address: SocketAddr,
    ) -> Result<SocketAddr> {
        let order = Order::CreateMountTarget {
            file_system: file_system.to_owned(),
            id: id.to_owned(),
            address,
        };
        match self.order(&order)? {
            Answer::Address(address) => Ok(address),
            other => bail!("{other:?}"),
        }
    }

    /// Deletes a mount target.
    ///
    /// # Errors
    /// What it answers.
    pub fn delete_mount_target(&mut self, id: &str) -> Result<()> {
        self.order(&Order::DeleteMountTarget(id.to_owned()))?;
        Ok(())
    }

    /// Ends all clients and empties these file systems.
    ///
    /// # Errors
    /// What it answers.
    pub fn reset(&mut self, file_systems: &[&str]) -> Result<()> {
        let ids = file_systems.iter().map(|id| (*id).to_owned()).collect();
        self.order(&Order::Reset(ids))?;
        Ok(())
    }

    /// What is served.
    ///
    /// # Errors
    /// If it does not say.
    pub fn status(&mut self) -> Result<Vec<ServedFileSystem>> {
        match self.order(&Order::Status)? {
            Answer::Status(status) => Ok(status),
            other => bail!("{other:?}"),
        }
    }

    /// The end of its log.
    #[must_use]
    pub fn log(&self) -> String {
        tail(&self.directory.join("log"))
    }

    fn order(&mut self, order: &Order) -> Result<Answer> {
        let mut line = serde_json::to_string(order)?;
        line.push('\n');
        self.input.write_all(line.as_bytes())?;
        match self.answer()? {
            Answer::Failed(error) => bail!("{error}"),
            answer => Ok(answer),
        }
    }

    fn await_ready(&mut self) -> Result<()> {
        match self.answer()? {
            Answer::Ready {
                file_system,
                addresses,
            } => {
                (self.file_system, self.addresses) = (file_system, addresses);
                Ok(())
            }
            other => bail!("{other:?}"),
        }
    }

    fn answer(&mut self) -> Result<Answer> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        serde_json::from_str(&line).with_context(|| format!("{line:?}\n{}", self.log()))
    }
}

impl Drop for DataPlaneServer {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the server's log\n{}", self.log());
        }
    }
}

fn spawn(
    program: &Path,
    directory: &Path,
    options: &DataPlaneOptions,
) -> Result<(Child, ChildStdin, BufReader<ChildStdout>)> {
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(directory.join("log"))?;
    let mut command = match &options.namespace {
        Some(namespace) => namespace.command(program),
        None => Command::new(program),
    };
    let listen: Vec<_> = options.listen.iter().map(ToString::to_string).collect();
    command
        .arg("--data")
        .arg(directory.join("data"))
        .args(["--listen", &listen.join(",")])
        .args(["--lease", &options.lease.to_string()])
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log);
    if let Some(opens) = options.max_opens {
        command.args(["--max-opens", &opens.to_string()]);
    }
    let mut child = command.spawn().context("cannot run the server")?;
    let input = child.stdin.take().context("no standard input")?;
    let output = child.stdout.take().context("no standard output")?;
    Ok((child, input, BufReader::new(output)))
}
