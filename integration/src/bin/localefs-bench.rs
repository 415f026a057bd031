//! `localefs-bench`: localefs beside nfs-ganesha; `scripts/bench` installs what it needs.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use localefs_integration::comparison::{Plan, run};
use localefs_integration::load::Workload;

/// Compares localefs with nfs-ganesha and with what this machine can do.
#[derive(Debug, Parser)]
#[command(name = "localefs-bench", version)]
struct Line {
    /// A few minutes instead of less than half an hour, with wider spreads.
    #[arg(long)]
    quick: bool,
    /// Only this work with the load generator.
    #[arg(long, value_enum, value_delimiter = ',')]
    work: Vec<Workload>,
    /// Leaves out the virtual machine.
    #[arg(long)]
    no_kernel: bool,
    /// A directory on the disk to measure on; it is emptied.
    #[arg(long, default_value = "target/bench")]
    place: PathBuf,
    /// Where the page and its plots go.
    #[arg(long, default_value = "docs/performance")]
    out: PathBuf,
}

fn main() -> ExitCode {
    match compare(&Line::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("localefs-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn compare(line: &Line) -> Result<()> {
    let works = match line.work.as_slice() {
        [] => Workload::value_variants().to_vec(),
        some => some.to_vec(),
    };
    let plan = Plan {
        pairs: if line.quick { 2 } else { 5 },
        ceilings: if line.quick { 1 } else { 3 },
        seconds: if line.quick { 0.5 } else { 1.0 },
        warm: if line.quick { 0.1 } else { 0.2 },
        entries: if line.quick { 10_000 } else { 100_000 },
        small_files: if line.quick { 100 } else { 500 },
        works,
        place: line.place.clone(),
        kernel: !line.no_kernel,
    };
    let style = ProgressStyle::with_template("{elapsed_precise} {spinner} {msg}");
    let bar = ProgressBar::new_spinner();
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    let watched = std::io::stderr().is_terminal();
    let results = run(&plan, &mut |what| {
        if !watched {
            eprintln!("{what}");
        }
        bar.set_message(what.to_owned());
        bar.tick();
    })?;
    bar.finish_and_clear();
    results.write(&line.out)?;
    println!("{}", line.out.join("results.md").display());
    Ok(())
}
