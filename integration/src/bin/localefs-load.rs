//! `localefs-load`: does work on an NFSv4.1 server and measures it; see docs/performance.md.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use localefs_integration::client::{Launch, TestServer, TestServerOptions};
use localefs_integration::load::{
    Ground, Messages, Row, Shape, Site, Workload, run, run_bare, run_ceiling, serve_ceiling,
};

/// Does work on an NFSv4.1 server, checks all that it answers, and measures what it costs.
#[derive(Debug, Parser)]
#[command(name = "localefs-load", version)]
struct Line {
    /// What is done, one after the other; all that there is if none is named.
    #[arg(value_enum)]
    work: Vec<Workload>,
    /// Where the server is. Without, one of its own: the `localefs` built beside this program.
    #[arg(long)]
    server: Option<SocketAddr>,
    /// The server's process, whose processor time and memory are shown.
    #[arg(long, requires = "server")]
    pid: Option<u32>,
    /// Instead of a server, the bare system calls behind messages of the same length, in this
    /// directory.
    #[arg(long, conflicts_with_all = ["server", "bare"])]
    ceiling: Option<PathBuf>,
    /// Instead of a server, the bare system calls alone, in this directory.
    #[arg(long, conflicts_with = "server")]
    bare: Option<PathBuf>,
    /// Octets of a request to the ceiling.
    #[arg(long, default_value_t = 200)]
    request: usize,
    /// Octets of its reply.
    #[arg(long, default_value_t = 200)]
    reply: usize,
    /// Entries of a directory in a reply of the ceiling.
    #[arg(long, default_value_t = 4000)]
    page: u64,
    /// Is the ceiling.
    #[arg(long, hide = true)]
    serve_ceiling: Option<PathBuf>,
    /// Clients, each with a session.
    #[arg(long, default_value_t = 1)]
    clients: usize,
    /// Connections of each client.
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Compounds of each client under way.
    #[arg(long, default_value_t = 16)]
    depth: usize,
    /// The user, and the group, that it is done as.
    #[arg(long, default_value_t = 0)]
    user: u32,
    /// Seconds that each work is measured.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Seconds of work before.
    #[arg(long, default_value_t = 0.5)]
    warm: f64,
    /// Files that each slot creates, or removes.
    #[arg(long, default_value_t = 2000)]
    cycles: u64,
    /// Small files in a directory.
    #[arg(long, default_value_t = 1000)]
    files: u64,
    /// Entries in the directory that is listed.
    #[arg(long, default_value_t = 100_000)]
    entries: u64,
    /// MiB of a large file.
    #[arg(long, default_value_t = 128)]
    large: u64,
    /// The directory in the server's root that everything is made in.
    #[arg(long, default_value = "load")]
    directory: String,
    /// Prints the rows as JSON, one in a line, instead of a table.
    #[arg(long)]
    json: bool,
    /// Further arguments of the server of its own.
    #[arg(last = true)]
    arguments: Vec<String>,
}

fn main() -> ExitCode {
    match measure(&Line::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("localefs-load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What work is done on.
enum Target {
    Server {
        address: SocketAddr,
        pid: Option<u32>,
        /// Ends with this value.
        _own: Option<TestServer>,
    },
    Ceiling {
        address: SocketAddr,
        process: Child,
        ground: Ground,
    },
    Bare(Ground),
}

impl Target {
    fn new(line: &Line) -> Result<Self> {
        if let Some(directory) = &line.bare {
            return Ok(Self::Bare(ground(line, directory)));
        }
        if let Some(directory) = &line.ceiling {
            let ground = ground(line, directory);
            let mut process = Command::new(std::env::current_exe()?)
                .arg("--serve-ceiling")
                .arg(directory)
                .args(["--large", &line.large.to_string()])
                .args(["--entries", &ground.entries.to_string()])
                .stdout(Stdio::piped())
                .spawn()?;
            let mut said = String::new();
            let output = process.stdout.take().context("no output")?;
            BufReader::new(output).read_line(&mut said)?;
            let address = said.trim().parse()?;
            return Ok(Self::Ceiling {
                address,
                process,
                ground,
            });
        }
        let own = match line.server {
            Some(_) => None,
            None => Some(start(line)?),
        };
        let address = own.as_ref().map(TestServer::address).or(line.server);
        Ok(Self::Server {
            address: address.context("no server")?,
            pid: own.as_ref().map(TestServer::pid).or(line.pid),
            _own: own,
        })
    }

    fn run(
        &self,
        line: &Line,
        shape: &Shape,
        work: Workload,
        progress: &mut dyn FnMut(f64),
    ) -> Result<Option<Row>> {
        match self {
            Self::Server { address, pid, .. } => {
                let mut site = Site::new(*address, &line.directory, shape.clone())?;
                run(&mut site, work, *pid, progress).map(Some)
            }
            Self::Ceiling {
                address, process, ..
            } => run_ceiling(*address, shape, work, Some(process.id()), progress),
            Self::Bare(ground) => run_bare(ground, shape, work),
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Self::Ceiling {
            process, ground, ..
        } = self
        {
            // It would serve for ever.
            let _ = process.kill();
            let _ = process.wait();
            let _ = std::fs::remove_dir_all(ground.made_by(process.id()));
        }
    }
}

fn measure(line: &Line) -> Result<()> {
    if let Some(directory) = &line.serve_ceiling {
        return serve_ceiling(&Ground {
            path: directory.clone(),
            large: line.large << 20,
            entries: line.entries,
        });
    }
    let target = Target::new(line)?;
    let shape = Shape {
        clients: line.clients,
        connections: line.connections,
        depth: line.depth,
        user: line.user,
        time: Duration::from_secs_f64(line.seconds),
        warm: Duration::from_secs_f64(line.warm),
        cycles: line.cycles,
        files: line.files,
        entries: line.entries,
        large: line.large << 20,
        messages: Messages {
            request: line.request,
            reply: line.reply,
            page: line.page,
        },
    };
    let works = match line.work.as_slice() {
        [] => Workload::value_variants(),
        some => some,
    };
    if !line.json {
        println!("{}", Row::head());
    }
    for &work in works {
        let bar = bar(&work.name());
        let row = target.run(line, &shape, work, &mut |part| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 0 and 1000"
            )]
            bar.set_position((part * 1000.0) as u64);
        });
        bar.finish_and_clear();
        match row? {
            Some(row) if line.json => println!("{}", serde_json::to_string(&row)?),
            Some(row) => println!("{row}"),
            None => {}
        }
    }
    Ok(())
}

/// What bare calls are made on; entries only if they are to be listed.
fn ground(line: &Line, path: &Path) -> Ground {
    let lists = line.work.is_empty() || line.work.contains(&Workload::Readdir);
    Ground {
        path: path.to_owned(),
        large: line.large << 20,
        entries: if lists { line.entries } else { 0 },
    }
}

/// Shown on standard error, if that is a terminal.
fn bar(name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:12} {wide_bar} {percent}% {elapsed}");
    ProgressBar::new(1000)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(name.to_owned())
}

fn start(line: &Line) -> Result<TestServer> {
    let options = TestServerOptions {
        // A client is idle while another one works.
        lease: 3600,
        durable: true,
        ..TestServerOptions::default()
    };
    let mut arguments = line.arguments.clone();
    arguments.extend(["--log", "warn"].map(str::to_owned));
    TestServer::launch(
        options,
        Launch {
            arguments,
            ..Launch::default()
        },
    )
}
