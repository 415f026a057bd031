//! A server that may refuse to start, for tests of what it says then.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::client::PATIENCE;

/// A server that serves; killed on drop.
#[derive(Debug)]
pub struct Running {
    /// Where it serves NFS.
    pub address: SocketAddr,
    child: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a server on free ports: `command` is the program, and what it runs under, `arguments`
/// say what it serves. Gives what it said if it ended with status 1. Its log and its ready file
/// are in `scratch`.
///
/// # Errors
/// If it can't be started, ends otherwise, or neither ends nor gets ready.
pub fn start(
    mut command: Command,
    arguments: &[&Path],
    scratch: &Path,
) -> Result<Result<Running, String>> {
    let (ready, log) = (scratch.join("ready"), scratch.join("log"));
    let _ = fs::remove_file(&ready);
    command.args(["serve", "--listen", "127.0.0.1:0", "--lease", "1"]);
    command.args(["--api", "127.0.0.1:0", "--mount-target-port", "0"]);
    command.args(arguments).arg("--ready-file").arg(&ready);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.stderr(File::create(&log)?).spawn()?;
    let end = Instant::now() + PATIENCE;
    loop {
        if let Ok(text) = fs::read(&ready) {
            let ready: Value = serde_json::from_slice(&text)?;
            let address = ready["nfs"][0].as_str().context("no address")?.parse()?;
            return Ok(Ok(Running { address, child }));
        }
        if let Some(status) = child.try_wait()? {
            let text = fs::read_to_string(&log)?;
            ensure!(status.code() == Some(1), "{status}: {text}");
            return Ok(Err(text));
        }
        ensure!(Instant::now() < end, "neither ready nor over");
        sleep(Duration::from_millis(2));
    }
}
