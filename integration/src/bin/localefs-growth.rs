//! `localefs-growth`: what it costs to have much; see docs/performance.md.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use localefs_integration::client::{Launch, TestServer, TestServerOptions};
use localefs_integration::growth::{Clients, Cost, Directory, Usage};

/// Measures what many files, clients and open files cost a server of its own, which is the
/// `localefs` built beside this program.
#[derive(Debug, Parser)]
#[command(name = "localefs-growth", version)]
struct Line {
    /// Files in one directory: a row for each number.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1000,10000,100000,1000000"
    )]
    files: Vec<u64>,
    /// How many files are looked up, asked for their attributes, opened and closed.
    #[arg(long, default_value_t = 50_000)]
    samples: u64,
    /// Clients.
    #[arg(long, default_value_t = 1000)]
    clients: usize,
    /// Files that each client has open; 0 leaves the clients out.
    #[arg(long, default_value_t = 100)]
    opens: usize,
    /// As an ordinary user: with shadow ownership, objects found by the index of names. Needs root
    /// to become one.
    #[arg(long)]
    ordinary: bool,
    /// Further arguments of the server.
    #[arg(last = true)]
    server: Vec<String>,
}

/// Nobody.
const ORDINARY: u32 = 65534;

fn main() -> ExitCode {
    match run(&Line::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("localefs-growth: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(line: &Line) -> Result<()> {
    println!("| | operation | µs each | processor, µs each | resident, MiB |");
    println!("|---|---|---|---|---|");
    for &files in &line.files {
        let server = start(line)?;
        let row = format!("{files} files");
        show(&row, &at_rest(&server)?);
        let mut directory = Directory::new(&server, "many", files, line.samples)?;
        for cost in directory.measure()? {
            show(&row, &cost);
        }
    }
    if line.opens > 0 {
        opens(line)?;
    }
    Ok(())
}

fn opens(line: &Line) -> Result<()> {
    let mut server = start(line)?;
    let row = format!("{} clients, {} opens each", line.clients, line.opens);
    show(&row, &at_rest(&server)?);
    let (mut clients, cost) = Clients::connect(&server, line.clients, line.opens)?;
    show(&row, &cost);
    show(&row, &clients.open(&server)?);
    show(&row, &clients.write(&server)?);
    show(&row, &clients.commit(&server)?);
    show(&row, &clients.read_all(&server, "read, all in turn")?);
    show(&row, &clients.read_some(&server, 200)?);
    server.crash()?;
    show(&row, &at_rest(&server)?);
    show(&row, &clients.reclaim(&server)?);
    show(&row, &clients.read_all(&server, "read, all in turn")?);
    println!(
        "| {row} | descriptors that are open | {} | | |",
        Usage::of(server.pid())?.files
    );
    show(&row, &clients.close(&server)?);
    Ok(())
}

fn start(line: &Line) -> Result<TestServer> {
    let options = TestServerOptions {
        // A client is idle while it waits for its turn.
        lease: 3600,
        durable: true,
    };
    let mut arguments = line.server.clone();
    arguments.extend(["--log", "warn"].map(str::to_owned));
    TestServer::launch(
        options,
        Launch {
            arguments,
            user: line.ordinary.then_some(ORDINARY),
            ..Launch::default()
        },
    )
}

fn at_rest(server: &TestServer) -> Result<Cost> {
    localefs_integration::growth::measure(server.pid(), "at rest", 0, || Ok(()))
}

fn show(row: &str, cost: &Cost) {
    let Cost {
        name,
        operations,
        wall,
        processor,
        resident,
    } = cost;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let resident = *resident as f64 / 1024.0;
    if *operations == 0 {
        println!("| {row} | {name} | | | {resident:.1} |");
    } else {
        println!("| {row} | {name} | {wall:.1} | {processor:.1} | {resident:.1} |");
    }
}
