//! The servers that are compared.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::signing::{Operation, Signer};
use crate::growth::Usage;
use crate::server::{binary, tail};

/// How long a server may take to its first answer.
const STARTING: Duration = Duration::from_secs(60);

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// This one, durable.
    Localefs,
    /// moto's server, in memory.
    Moto,
    /// ministack, in memory.
    Ministack,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Localefs, Self::Moto, Self::Ministack];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Localefs => "localefs",
            Self::Moto => "moto",
            Self::Ministack => "ministack",
        }
    }

    /// Where it forgets everything.
    fn reset_path(self) -> &'static str {
        match self {
            Self::Localefs => "/_localefs/reset",
            Self::Moto => "/moto-api/reset",
            Self::Ministack => "/_ministack/reset",
        }
    }
}

/// A running server; killed on drop.
#[derive(Debug)]
pub struct Peer {
    /// Which one.
    pub kind: Kind,
    /// From the start of the process to the first answer.
    pub ready: Duration,
    address: SocketAddr,
    child: Child,
    number: u64,
    scratch: TempDir,
}

impl Peer {
    /// Starts one, and waits for its first answer. `venv`: where the Python servers are
    /// installed.
    ///
    /// # Errors
    /// If it doesn't answer.
    pub fn start(kind: Kind, venv: &Path) -> Result<Self> {
        let scratch = tempfile::Builder::new()
            .prefix("localefs-load-")
            .tempdir()?;
        // Free now; whoever takes it in between shows as a server that doesn't start.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let port = address.port().to_string();
        let mut command = match kind {
            Kind::Localefs => {
                let mut command = Command::new(binary()?);
                command
                    .args(["--listen", "127.0.0.1:0", "--mount-target-port", "0"])
                    .args(["--log", "error", "--api", &address.to_string(), "--data"])
                    .arg(scratch.path().join("data"));
                command
            }
            Kind::Moto => {
                let mut command = Command::new(venv.join("bin/moto_server"));
                command.args(["-H", "127.0.0.1", "-p", &port]);
                command
            }
            Kind::Ministack => {
                let mut command = Command::new(venv.join("bin/ministack"));
                command
                    .env("GATEWAY_PORT", &port)
                    .env("BIND_HOST", "127.0.0.1")
                    .env("LOG_LEVEL", "ERROR");
                command
            }
        };
        let log = File::create(scratch.path().join("log"))?;
        command
            .current_dir(scratch.path())
            .env("TMPDIR", scratch.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let begin = Instant::now();
        let child = command
            .spawn()
            .with_context(|| format!("cannot run {command:?}"))?;
        let mut peer = Self {
            kind,
            ready: Duration::ZERO,
            address,
            child,
            number: 0,
            scratch,
        };
        loop {
            let number = peer.next_number();
            let request = peer.signer().request(Operation::Describe, number)?;
            if peer.status(&request).is_ok_and(|status| status == 200) {
                break;
            }
            let log = || tail(&peer.scratch.path().join("log"));
            ensure!(
                begin.elapsed() < STARTING,
                "{} gives no answer\n{}",
                kind.name(),
                log()
            );
            sleep(Duration::from_millis(2));
        }
        peer.ready = begin.elapsed();
        Ok(peer)
    }

    /// Where it answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What signs requests to it.
    #[must_use]
    pub fn signer(&self) -> Signer {
        Signer::new(self.address)
    }

    /// A number that it has not seen.
    pub fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// What it uses.
    ///
    /// # Errors
    /// If it has ended.
    pub fn usage(&self) -> Result<Usage> {
        Usage::of(self.child.id())
    }

    /// Has it forget everything.
    ///
    /// # Errors
    /// If it can't.
    pub fn reset(&self) -> Result<()> {
        let path = self.kind.reset_path();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            self.address
        );
        let status = self.status(request.as_bytes())?;
        ensure!(
            (200..300).contains(&status),
            "{} at its reset: {status}",
            self.kind.name()
        );
        Ok(())
    }

    /// The status that a request on a connection of its own is answered with.
    fn status(&self, request: &[u8]) -> Result<u16> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(STARTING))?;
        stream.write_all(request)?;
        let mut received = Vec::new();
        let mut chunk = [0; 4096];
        while !received.contains(&b'\n') {
            let octets = stream.read(&mut chunk)?;
            ensure!(octets > 0, "no answer");
            received.extend_from_slice(&chunk[..octets]);
        }
        let line = String::from_utf8_lossy(&received);
        let status = line.split(' ').nth(1).context("no status")?;
        Ok(status.parse()?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
