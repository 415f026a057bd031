//! The init of a guest: sets the guest up, then runs what the lab asks for.

mod inspect;
mod set_up;

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::system::{RebootCommand, reboot};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::guest::MOUNT_POINT;
use crate::reports::lock;
use crate::wire::{Event, Request, SHARED, script_name};

/// Runs the guest until it is powered off.
pub fn run() -> ! {
    let outcome = serve();
    if let Err(error) = &outcome {
        eprintln!("the guest's init failed: {error:#}");
    }
    rustix::fs::sync();
    let _ = reboot(RebootCommand::PowerOff);
    std::process::exit(1);
}

fn serve() -> Result<()> {
    let serial = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/ttyS0")?;
    let mut mode = tcgetattr(&serial)?;
    mode.make_raw();
    tcsetattr(&serial, OptionalActions::Now, &mode)?;
    let agent = Agent {
        serial: Mutex::new(serial.try_clone()?),
        jobs: Mutex::default(),
    };
    if let Err(error) = set_up::set_up() {
        agent.send(&Event::Failed {
            message: format!("{error:#}"),
        });
        return Err(error);
    }
    agent.send(&Event::Ready);
    Arc::new(agent).read(serial)
}

/// What the threads of the init share.
struct Agent {
    serial: Mutex<File>,
    jobs: Mutex<HashMap<u32, Running>>,
}

/// A job as long as it runs.
struct Running {
    /// Its process group, once it has one.
    group: Option<Pid>,
    /// A queue, so that a job which does not read holds up nobody else.
    input: mpsc::Sender<String>,
}

impl Agent {
    /// Serves requests until the lab closes its end.
    fn read(self: Arc<Self>, serial: File) -> Result<()> {
        for line in BufReader::new(serial).lines() {
            let Ok(line) = line else { break };
            if line.is_empty() {
                continue;
            }
            match serde_json::from_str(&line)? {
                Request::Run { id, input } => {
                    let queue = self.register(id);
                    let agent = Arc::clone(&self);
                    thread::spawn(move || agent.run_job(id, input.then_some(queue)));
                }
                Request::Shell { id } => {
                    self.register(id);
                    let agent = Arc::clone(&self);
                    thread::spawn(move || agent.run_shell(id));
                }
                Request::Input { id, text } => {
                    if let Some(job) = lock(&self.jobs).get(&id) {
                        // A job that is gone needs no input.
                        let _ = job.input.send(text);
                    }
                }
                Request::Signal { id, kill } => self.signal(id, kill),
                Request::Inspect { id } => {
                    self.send(&Event::Output {
                        id,
                        error: false,
                        text: inspect::processes(),
                    });
                    self.send(&Event::Exit { id, status: 0 });
                }
                Request::Halt => break,
            }
        }
        Ok(())
    }

    fn send(&self, event: &Event) {
        let Ok(mut line) = serde_json::to_vec(event) else {
            return;
        };
        line.push(b'\n');
        // Nobody is left to tell when the line itself is broken.
        let _ = lock(&self.serial).write_all(&line);
    }

    fn send_text(&self, id: u32, error: bool, text: &[u8]) {
        if !text.is_empty() {
            let text = String::from_utf8_lossy(text).into_owned();
            self.send(&Event::Output { id, error, text });
        }
    }

    fn signal(&self, id: u32, kill: bool) {
        if let Some(group) = lock(&self.jobs).get(&id).and_then(|job| job.group) {
            let signal = if kill { Signal::KILL } else { Signal::TERM };
            let _ = kill_process_group(group, signal);
        }
    }

    /// Makes a job known before it runs, so that no request comes too early.
    fn register(&self, id: u32) -> mpsc::Receiver<String> {
        let (input, queue) = mpsc::channel();
        lock(&self.jobs).insert(id, Running { group: None, input });
        queue
    }

    fn run_job(self: &Arc<Self>, id: u32, input: Option<mpsc::Receiver<String>>) {
        let mut command = Command::new(Path::new(SHARED).join(script_name(id)));
        let stdin = if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        };
        command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.process_group(0);
        self.supervise(id, command, input);
    }

    fn run_shell(self: &Arc<Self>, id: u32) {
        let Ok(terminal) = OpenOptions::new().read(true).write(true).open("/dev/tty0") else {
            return self.refuse(id, "no /dev/tty0");
        };
        let clones = (terminal.try_clone(), terminal.try_clone());
        let (Ok(input), Ok(output)) = clones else {
            return self.refuse(id, "no descriptors");
        };
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait", "bash", "--norc"]);
        command.stdin(input).stdout(output).stderr(terminal);
        self.supervise(id, command, None);
    }

    fn refuse(&self, id: u32, message: &str) {
        lock(&self.jobs).remove(&id);
        self.send(&Event::Output {
            id,
            error: true,
            text: format!("{message}\n"),
        });
        self.send(&Event::Exit { id, status: 127 });
    }

    fn supervise(
        self: &Arc<Self>,
        id: u32,
        mut command: Command,
        input: Option<mpsc::Receiver<String>>,
    ) {
        command.env_clear().envs(set_up::environment());
        command.current_dir(MOUNT_POINT);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => return self.refuse(id, &error.to_string()),
        };
        if let Some(job) = lock(&self.jobs).get_mut(&id) {
            job.group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        }
        if let (Some(mut pipe), Some(queue)) = (child.stdin.take(), input) {
            thread::spawn(move || {
                for text in queue {
                    if pipe.write_all(text.as_bytes()).is_err() {
                        break;
                    }
                }
            });
        }
        let drained = self.forward(id, &mut child);
        let status = child.wait();
        lock(&self.jobs).remove(&id);
        // A process that the job left behind may hold the pipes open for ever.
        for _ in 0..2 {
            let _ = drained.recv_timeout(Duration::from_secs(1));
        }
        self.send(&Event::Exit {
            id,
            status: status.map_or(127, exit_status),
        });
    }

    /// Sends on what a job writes; the channel gets a value at the end of each pipe.
    fn forward(self: &Arc<Self>, id: u32, child: &mut Child) -> mpsc::Receiver<()> {
        let (sender, receiver) = mpsc::channel();
        let output = child
            .stdout
            .take()
            .map(|pipe| Box::new(pipe) as Box<dyn Read + Send>);
        let errors = child
            .stderr
            .take()
            .map(|pipe| Box::new(pipe) as Box<dyn Read + Send>);
        for (pipe, error) in [(output, false), (errors, true)] {
            let Some(mut pipe) = pipe else {
                let _ = sender.send(());
                continue;
            };
            let (agent, sender) = (Arc::clone(self), sender.clone());
            thread::spawn(move || {
                let (mut buffer, mut text) = ([0; 4096], Vec::new());
                while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                    text.extend_from_slice(&buffer[..count]);
                    let whole = whole_characters(&text);
                    agent.send_text(id, error, text.drain(..whole).as_slice());
                }
                agent.send_text(id, error, &text);
                let _ = sender.send(());
            });
        }
        receiver
    }
}

/// How many bytes to send now, so that no character is cut in two.
fn whole_characters(text: &[u8]) -> usize {
    match std::str::from_utf8(text) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => text.len(),
    }
}

fn exit_status(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}
