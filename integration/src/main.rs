//! `localefs-lab`: boots a virtual machine that mounts localefs.
//!
//! The same binary is the init of the guests and the reaper of the labs.

use std::io::IsTerminal;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use clap::{Args, Parser, Subcommand};
use localefs_integration::agent;
use localefs_integration::beside;
use localefs_integration::fidelity::prove;
use localefs_integration::guest::{EFS_OPTIONS, Guest, MOUNT_POINT};
use localefs_integration::lab::{self, Lab};
use localefs_integration::server::ServerOptions;
use rustix::termios::OptionalActions;

#[derive(Debug, Parser)]
#[command(
    name = "scripts/vm",
    about = "Boot a virtual machine that mounts localefs"
)]
struct Line {
    #[command(subcommand)]
    command: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Run a script in the guest, in the mounted file system; exit with its status.
    Run {
        /// A program or a script that names its interpreter; the guest sees the machine's files.
        guest_script: PathBuf,
        #[command(flatten)]
        options: Options,
        /// How many guests run it at once; their host names are guest1, guest2, and so on.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=8))]
        guests: u32,
        /// Give up after so many seconds.
        #[arg(long, default_value_t = 3600)]
        timeout: u64,
    },
    /// Give a prompt in the guest, with the file system mounted at /mnt/efs.
    Shell {
        #[command(flatten)]
        options: Options,
    },
    /// Run a script on this machine, beside guests that have mounted nothing; exit with its status.
    ///
    /// It runs in the lab's network, with the AWS CLI and `localefs` in its path and settings for
    /// them in its environment. All addresses of the default VPC lead to the server.
    Beside {
        /// A program or a script that names its interpreter.
        host_script: PathBuf,
        /// How many guests; their names are guest1, guest2, and so on.
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=8))]
        guests: u32,
        /// Give up after so many seconds.
        #[arg(long, default_value_t = 600)]
        timeout: u64,
    },
    /// In a script of `beside`: run a command (bash) in a guest; exit with its status.
    #[command(hide = true)]
    In {
        /// The guest's name.
        guest: String,
        /// The command.
        command: String,
    },
    /// In a script of `beside`: have a guest be at an address of the default VPC.
    #[command(hide = true)]
    Play {
        /// The guest's name.
        guest: String,
        /// The address.
        address: Ipv4Addr,
    },
    /// Prove that the tests of docs/fidelity.md fail where a behaviour is missing.
    #[command(hide = true)]
    Fidelity {
        /// Only the tests with this in their names.
        #[arg(default_value = "")]
        filter: String,
    },
    /// Clean up behind a lab.
    #[command(hide = true)]
    Reap {
        /// The lab's name.
        name: String,
    },
}

#[derive(Debug, Args)]
struct Options {
    /// The options of the mount.
    #[arg(long, default_value = EFS_OPTIONS)]
    mount_options: String,
    /// The server's lease time in seconds.
    #[arg(long, default_value_t = 15)]
    lease: u32,
}

fn main() -> ExitCode {
    let name = std::env::args_os()
        .next()
        .map(PathBuf::from)
        .unwrap_or_default();
    if name.file_name().is_some_and(|name| name == "init") {
        agent::run();
    }
    let outcome = match Line::parse().command {
        Action::Run {
            guest_script,
            options,
            guests,
            timeout,
        } => run(
            &guest_script,
            &options,
            guests,
            Duration::from_secs(timeout),
        ),
        Action::Shell { options } => shell(&options),
        Action::Beside {
            host_script,
            guests,
            timeout,
        } => beside::beside(&host_script, guests, Duration::from_secs(timeout)),
        Action::In { guest, command } => beside::run_in(&guest, &command),
        Action::Play { guest, address } => beside::play(&guest, address),
        Action::Fidelity { filter } => fidelity(&filter),
        Action::Reap { name } => lab::reap(&name).map(|()| 0),
    };
    match outcome {
        Ok(status) => ExitCode::from(u8::try_from(status).unwrap_or(1)),
        Err(error) => {
            eprintln!("scripts/vm: {error:#}");
            ExitCode::from(125)
        }
    }
}

fn run(script: &Path, options: &Options, guests: u32, timeout: Duration) -> Result<i32> {
    let script = script
        .canonicalize()
        .with_context(|| script.display().to_string())?;
    let script = script.to_str().context("the script's path is not UTF-8")?;
    let command = format!("exec '{}'", script.replace('\'', r"'\''"));
    let lab = Lab::new()?;
    let _server = lab.serve(server_options(options))?;
    let guests: Vec<Guest> = (1..=guests)
        .map(|number| {
            let guest = lab.boot(&format!("guest{number}"))?;
            guest.mount(&options.mount_options)?;
            Ok(guest)
        })
        .collect::<Result<_>>()?;
    let statuses = thread::scope(|scope| {
        let run = |guest: &Guest| guest.start(&command)?.stream(timeout);
        let threads: Vec<_> = guests
            .iter()
            .map(|guest| scope.spawn(move || run(guest)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
            .collect::<Result<Vec<i32>>>()
    })?;
    Ok(statuses
        .into_iter()
        .find(|status| *status != 0)
        .unwrap_or(0))
}

fn shell(options: &Options) -> Result<i32> {
    ensure!(
        std::io::stdin().is_terminal(),
        "a shell needs a terminal; see `run`"
    );
    let terminal = std::fs::read_link("/proc/self/fd/0")?;
    let mode = rustix::termios::tcgetattr(std::io::stdin())?;
    let lab = Lab::new()?;
    let _server = lab.serve(server_options(options))?;
    let guest = lab.boot_at("guest1", Some(&terminal))?;
    guest.mount(&options.mount_options)?;
    // The guest's kernel has taken the terminal over: lines do not return by themselves.
    print!("localefs is mounted at {MOUNT_POINT}; exit ends the machine.\r\n");
    let status = guest.shell();
    drop(guest);
    rustix::termios::tcsetattr(std::io::stdin(), OptionalActions::Drain, &mode)?;
    status
}

fn fidelity(filter: &str) -> Result<i32> {
    let blind = prove(filter)?;
    for test in &blind {
        println!("{test} passes without what it tests");
    }
    Ok(i32::from(!blind.is_empty()))
}

fn server_options(options: &Options) -> ServerOptions {
    ServerOptions {
        lease: options.lease,
        ..ServerOptions::default()
    }
}
