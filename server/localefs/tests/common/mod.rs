//! The program as a process, and NFS's NULL procedure.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// Long enough for anything that should happen, short enough for a test that fails.
pub const SOON: Duration = Duration::from_secs(20);

/// The program with a clean environment.
pub fn localefs() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_localefs"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LOCALEFS_") {
            command.env_remove(name);
        }
    }
    // Several run at the same time.
    command
        .env("LOCALEFS_API", "127.0.0.1:0")
        .env("LOCALEFS_MOUNT_TARGET_PORT", "0");
    command.stdin(Stdio::null());
    command
}

/// Runs the program to its end, which has to come soon.
pub fn run(command: &mut Command) -> Output {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let end = Instant::now() + SOON;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > end {
            child.kill().unwrap();
            panic!(
                "{command:?} does not end: {:?}",
                child.wait_with_output().unwrap()
            );
        }
        sleep(Duration::from_millis(2));
    }
    child.wait_with_output().unwrap()
}

/// What the program writes to stderr when it fails, as it must.
pub fn failure(command: &mut Command) -> String {
    let output = run(command);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    stderr
}

/// A scratch directory that only its owner may enter.
pub fn scratch() -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    let scratch = tempfile::tempdir().unwrap();
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o700)).unwrap();
    scratch
}

/// A running server. Killed on drop.
pub struct Server {
    pub child: Child,
    pub ready: Value,
    scratch: TempDir,
}

impl Server {
    /// An ephemeral one on a free port.
    pub fn ephemeral() -> Self {
        Self::start(&["--ephemeral", "--listen", "127.0.0.1:0"])
    }

    /// One on this data directory and a free port.
    pub fn on(data: &Path) -> Self {
        Self::start(&["--data", data.to_str().unwrap(), "--listen", "127.0.0.1:0"])
    }

    /// One with these options, once it is ready.
    pub fn start(options: &[&str]) -> Self {
        let scratch = scratch();
        let ready = scratch.path().join("ready");
        let log = File::create(scratch.path().join("log")).unwrap();
        let out = File::create(scratch.path().join("out")).unwrap();
        let mut command = localefs();
        command
            .arg("serve")
            .args(options)
            .arg("--ready-file")
            .arg(&ready);
        command
            .env("TMPDIR", scratch.path())
            .stdout(out)
            .stderr(log);
        let child = command.spawn().unwrap();
        let mut server = Self {
            child,
            ready: Value::Null,
            scratch,
        };
        let end = Instant::now() + SOON;
        let text = loop {
            if let Ok(text) = fs::read(&ready) {
                break text;
            }
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", server.log());
            assert!(Instant::now() < end, "not ready: {}", server.log());
            sleep(Duration::from_millis(1));
        };
        server.ready = serde_json::from_slice(&text).unwrap();
        server
    }

    pub fn address(&self) -> SocketAddr {
        self.ready["nfs"][0].as_str().unwrap().parse().unwrap()
    }

    pub fn data(&self) -> PathBuf {
        self.ready["data"].as_str().unwrap().into()
    }

    pub fn ready_file(&self) -> PathBuf {
        self.scratch.path().join("ready")
    }

    /// What it has written to stdout.
    pub fn banner(&self) -> String {
        let end = Instant::now() + SOON;
        loop {
            let text = fs::read_to_string(self.scratch.path().join("out")).unwrap();
            if text.contains("mount -t nfs4") {
                return text;
            }
            assert!(Instant::now() < end, "no banner: {text}");
            sleep(Duration::from_millis(1));
        }
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.scratch.path().join("log")).unwrap()
    }

    pub fn connect(&self) -> TcpStream {
        connect(self.address())
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Sends a signal and waits for the end. Gives how it ended and how long it took.
    pub fn stop(&mut self, signal: Signal) -> (ExitStatus, Duration) {
        let began = Instant::now();
        self.signal(signal);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, began.elapsed());
            }
            assert!(began.elapsed() < SOON, "does not stop: {}", self.log());
            sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.set_write_timeout(Some(SOON)).unwrap();
    stream
}

/// A call of NFSv4's NULL procedure in a record of one fragment (RFC 5531 §9 and §11).
pub fn null_call(xid: u32) -> Vec<u8> {
    const CALL: u32 = 0;
    const RPC_VERSION: u32 = 2;
    const NFS: u32 = 100_003;
    let no_auth = [0, 0];
    let words = [xid, CALL, RPC_VERSION, NFS, 4, 0];
    let body = words.iter().chain(&no_auth).chain(&no_auth);
    let body: Vec<u8> = body.flat_map(|word| word.to_be_bytes()).collect();
    record(&body)
}

/// A record of one fragment.
pub fn record(body: &[u8]) -> Vec<u8> {
    let mark = 0x8000_0000 | u32::try_from(body.len()).unwrap();
    [&mark.to_be_bytes()[..], body].concat()
}

/// Takes one reply and asserts that it accepts the call `xid` of NULL.
pub fn expect_null_reply(stream: &mut TcpStream, xid: u32) {
    let mut reply = [0; 28];
    stream.read_exact(&mut reply).unwrap();
    let words: Vec<u32> = reply
        .chunks(4)
        .map(|word| u32::from_be_bytes(word.try_into().unwrap()))
        .collect();
    // Mark, xid, REPLY, MSG_ACCEPTED, AUTH_NONE verifier, SUCCESS.
    assert_eq!(words, [0x8000_0018, xid, 1, 0, 0, 0, 0]);
}

/// Calls NULL and takes the reply.
pub fn null(stream: &mut TcpStream, xid: u32) {
    stream.write_all(&null_call(xid)).unwrap();
    expect_null_reply(stream, xid);
}

/// Asserts that the server closes the connection.
pub fn expect_closed(stream: &mut TcpStream) {
    let read = stream.read(&mut [0; 16]);
    match read {
        Ok(0) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        other => panic!("not closed: {other:?}"),
    }
}
