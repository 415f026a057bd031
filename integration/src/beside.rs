//! A script on this machine, beside guests that it commands: `scripts/vm beside`.
//!
//! The script runs in the lab's network, with the AWS CLI, keys and an endpoint in its
//! environment. The guests have mounted nothing. What they do they are told over a socket, by
//! `localefs-lab in GUEST COMMAND` and `localefs-lab play GUEST ADDRESS`; one JSON object in each
//! direction.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{Ipv4Addr, Shutdown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};

use crate::aws::{configure, environment};
use crate::guest::Guest;
use crate::job::Output;
use crate::lab::{Lab, lab_binary};
use crate::server::{ServerOptions, binary};

/// Names the socket to the script.
const SOCKET: &str = "LOCALEFS_LAB_SOCKET";

/// The endpoint of the API in the lab's network.
const API: &str = "127.0.0.1:4599";

/// The default VPC, all of whose addresses the lab has.
const VPC: &str = "172.31.0.0/16";

/// How long a command in a guest may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a guest is told to do.
#[derive(Debug, Serialize, Deserialize)]
enum Order {
    /// Run a shell script.
    Run(String),
    /// Be at this address, too, and speak from there.
    Play(Ipv4Addr),
}

#[derive(Debug, Serialize, Deserialize)]
struct Request {
    guest: String,
    order: Order,
}

/// Runs a script beside so many guests, and gives its status.
///
/// # Errors
/// If the lab does not come up, or the script takes longer than that.
pub fn beside(script: &Path, guests: u32, timeout: Duration) -> Result<i32> {
    let script = script
        .canonicalize()
        .with_context(|| script.display().to_string())?;
    let clients = environment()?.join("venv/bin");
    let lab = Lab::new()?;
    let namespace = lab.namespace();
    namespace.ip(&["route", "add", "local", VPC, "dev", "lo"])?;
    let arguments = ["--api", API, "--mount-target-port", "2049", "--bind", VPC];
    let server = lab.serve(ServerOptions {
        durable: true,
        arguments: arguments.map(str::to_owned).to_vec(),
        ..ServerOptions::default()
    })?;
    let guests = boot(&lab, guests)?.into();
    let path = lab.directory().join("socket");
    let listener = UnixListener::bind(&path)?;
    listener.set_nonblocking(true)?;

    let mut command = namespace.command(&script);
    configure(&mut command, &format!("http://{API}"));
    command
        .env(SOCKET, &path)
        .env("PATH", search_path(&clients)?);
    command.env("LOCALEFS_DATA", server.data());
    let child = command.stdin(Stdio::null()).spawn()?;
    attend(child, &listener, &guests, Instant::now() + timeout).with_context(|| server.log())
}

fn boot(lab: &Lab, guests: u32) -> Result<Vec<Guest>> {
    thread::scope(|scope| {
        let threads: Vec<_> = (1..=guests)
            .map(|number| scope.spawn(move || lab.boot(&format!("guest{number}"))))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("a boot panicked"))?)
            .collect()
    })
}

/// Where the script finds the AWS CLI, localefs and the lab.
fn search_path(clients: &Path) -> Result<std::ffi::OsString> {
    let mut directories = vec![clients.to_owned()];
    for program in [binary()?, lab_binary()?] {
        directories.extend(program.parent().map(Path::to_owned));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    directories.extend(std::env::split_paths(&path));
    Ok(std::env::join_paths(directories)?)
}

/// Passes on what guests are told until the script ends.
fn attend(
    mut child: Child,
    listener: &UnixListener,
    guests: &Arc<[Guest]>,
    end: Instant,
) -> Result<i32> {
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                let guests = Arc::clone(guests);
                // Nobody waits for it: a command may hang when the script has ended.
                thread::spawn(move || {
                    // Who asked and went away needs no answer.
                    let _ = answer(&stream, &guests);
                });
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if let Some(status) = child.try_wait()? {
                    return Ok(status.code().unwrap_or(125));
                }
                if Instant::now() > end {
                    child.kill()?;
                    bail!("the script takes too long");
                }
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn answer(mut stream: &UnixStream, guests: &[Guest]) -> Result<()> {
    stream.set_nonblocking(false)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let outcome = obey(&line, guests).map_err(|error| format!("{error:#}"));
    serde_json::to_writer(stream, &outcome)?;
    stream.flush()?;
    Ok(stream.shutdown(Shutdown::Both)?)
}

fn obey(line: &str, guests: &[Guest]) -> Result<Output> {
    let request: Request = serde_json::from_str(line)?;
    let guest = guests.iter().find(|guest| guest.name() == request.guest);
    let guest = guest.with_context(|| format!("no guest {}", request.guest))?;
    match request.order {
        Order::Run(script) => guest.start(&script)?.wait(PATIENCE),
        Order::Play(address) => {
            guest.play(address)?;
            Ok(Output::default())
        }
    }
}

/// In a script: runs a command in a guest, and gives its status.
///
/// # Errors
/// If there is no such guest, or the command does not end.
pub fn run_in(guest: &str, command: &str) -> Result<i32> {
    tell(guest, Order::Run(command.to_owned()))
}

/// In a script: has a guest be at an address of the VPC.
///
/// # Errors
/// If there is no such guest.
pub fn play(guest: &str, address: Ipv4Addr) -> Result<i32> {
    tell(guest, Order::Play(address))
}

fn tell(guest: &str, order: Order) -> Result<i32> {
    let path = std::env::var_os(SOCKET).map(PathBuf::from);
    let path = path.context("this is for scripts that `scripts/vm beside` runs")?;
    let mut stream = UnixStream::connect(&path).with_context(|| path.display().to_string())?;
    let guest = guest.to_owned();
    let mut line = serde_json::to_vec(&Request { guest, order })?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let outcome: Result<Output, String> = serde_json::from_reader(&stream)?;
    let output = outcome.map_err(|error| anyhow!(error))?;
    std::io::stdout().write_all(output.stdout.as_bytes())?;
    std::io::stderr().write_all(output.stderr.as_bytes())?;
    Ok(output.status)
}
