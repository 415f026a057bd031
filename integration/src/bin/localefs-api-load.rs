//! `localefs-api-load`: how fast AWS's API is, beside other emulators; see docs/performance.md.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use localefs_integration::api_load::{Kind, Operation, Peer, Report, Row, run};

/// Measures DescribeFileSystems and CreateFileSystem of the `localefs` built beside this program,
/// and of moto and ministack where they are installed, in rounds in which the servers take turns.
#[derive(Debug, Parser)]
#[command(name = "localefs-api-load", version)]
struct Line {
    /// The virtual environment with moto and ministack; without, localefs alone.
    #[arg(long, value_name = "DIR")]
    venv: Option<PathBuf>,
    /// Connections at the same time.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Rounds.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// File systems that DescribeFileSystems finds, beside those of a start.
    #[arg(long, default_value_t = 10)]
    file_systems: usize,
    /// How long a server describes in each round, about.
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0)]
    describe: f64,
    /// How many file systems a server creates in each round.
    #[arg(long, default_value_t = 900)]
    create: usize,
    /// Where to write the numbers as JSON as well.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// How long ext4 remembers what was deleted: until then, who makes a directory pays for the search
/// for an inode that was not just freed.
const REMEMBERED: Duration = Duration::from_secs(6);

fn main() -> ExitCode {
    match measure(&Line::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("localefs-api-load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(line: &Line) -> Result<()> {
    let kinds: &[Kind] = match line.venv {
        Some(_) => &Kind::ALL,
        None => &[Kind::Localefs],
    };
    let venv = line.venv.clone().unwrap_or_default();
    let mut report = Report {
        connections: line.connections,
        ..Report::default()
    };
    let mut peers = Vec::new();
    for kind in kinds {
        let peer = Peer::start(*kind, &venv)?;
        let ready = peer.ready.as_secs_f64() * 1e3;
        report.ready.push((kind.name().to_owned(), ready));
        peers.push(peer);
    }
    let mut outcomes: BTreeMap<(usize, usize), Vec<_>> = BTreeMap::new();
    for round in 0..line.rounds {
        for peer in &peers {
            peer.reset()?;
        }
        sleep(REMEMBERED);
        for (place, peer) in peers.iter_mut().enumerate() {
            run(peer, Operation::Create, 1, line.file_systems)?;
            // As many as it will answer in that time.
            let tried = run(
                peer,
                Operation::Describe,
                line.connections,
                line.connections * 16,
            )?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count of requests"
            )]
            let count = (tried.rate() * line.describe).max(100.0) as usize;
            let described = run(peer, Operation::Describe, line.connections, count)?;
            let created = run(peer, Operation::Create, line.connections, line.create)?;
            eprintln!(
                "round {}, {}: {:.0} described, {:.0} created in a second",
                round + 1,
                peer.kind.name(),
                described.rate(),
                created.rate()
            );
            outcomes.entry((0, place)).or_default().push(described);
            outcomes.entry((1, place)).or_default().push(created);
        }
    }
    for ((operation, place), rounds) in &outcomes {
        let operation = [Operation::Describe, Operation::Create][*operation];
        let row = Row::new(peers[*place].kind.name(), operation.name(), rounds);
        report.rows.push(row);
    }
    println!("{report}");
    if let Some(path) = &line.json {
        let text = serde_json::to_string_pretty(&report)?;
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
