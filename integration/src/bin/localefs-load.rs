//! `localefs-load`: does work on an NFSv4.1 server and measures it; see docs/performance.md.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use localefs_integration::client::{Launch, TestServer, TestServerOptions};
use localefs_integration::load::{Row, Shape, Site, Workload, run};

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
    /// Clients, each with a session.
    #[arg(long, default_value_t = 1)]
    clients: usize,
    /// Connections of each client.
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Compounds of each client under way.
    #[arg(long, default_value_t = 16)]
    depth: usize,
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

fn measure(line: &Line) -> Result<()> {
    let own = match line.server {
        Some(_) => None,
        None => Some(start(line)?),
    };
    let address = own.as_ref().map(TestServer::address).or(line.server);
    let address = address.expect("one of both");
    let pid = own.as_ref().map(TestServer::pid).or(line.pid);
    let shape = Shape {
        clients: line.clients,
        connections: line.connections,
        depth: line.depth,
        time: Duration::from_secs_f64(line.seconds),
        warm: Duration::from_secs_f64(line.warm),
        cycles: line.cycles,
        files: line.files,
        entries: line.entries,
        large: line.large << 20,
    };
    let works = match line.work.as_slice() {
        [] => Workload::value_variants(),
        some => some,
    };
    if !line.json {
        println!("{}", Row::head());
    }
    for &work in works {
        let mut site = Site::new(address, &line.directory, shape.clone())?;
        let bar = bar(&work.name());
        let row = run(&mut site, work, pid, &mut |part| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 0 and 1000"
            )]
            bar.set_position((part * 1000.0) as u64);
        });
        bar.finish_and_clear();
        let row = row?;
        if line.json {
            println!("{}", serde_json::to_string(&row)?);
        } else {
            println!("{row}");
        }
    }
    Ok(())
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
