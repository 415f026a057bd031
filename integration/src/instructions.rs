//! How many instructions an operation takes, which no other work on the machine changes.
//!
//! The server runs under valgrind once without operations and once with many, one at a time; the
//! difference is theirs. The numbers hold for one compiler, C library and processor, which libraries
//! choose their code by.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::client::{Launch, TestServer, TestServerOptions, binary};
use crate::load::{Messages, Shape, Site, Workload, run};

/// What is counted.
pub const WORKS: [Workload; 6] = [
    Workload::Null,
    Workload::Getattr,
    Workload::Lookup,
    Workload::Small,
    Workload::Create,
    Workload::RandRead,
];

/// Where numbers hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// `rustc --version`
    pub compiler: String,
    /// The C library's version.
    pub libc: String,
    /// The processor's name.
    pub processor: String,
    /// `image`, `release` or `debug`.
    pub build: String,
}

impl Place {
    /// This machine, with the server that is tested.
    ///
    /// # Errors
    /// If the machine does not say.
    pub fn here() -> Result<Self> {
        let first_line = |program: &str| -> Result<String> {
            let output = Command::new(program).arg("--version").output()?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            Ok(text.lines().next().context("nothing said")?.to_owned())
        };
        let processors = fs::read_to_string("/proc/cpuinfo")?;
        let processor = processors
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .context("no name of a processor")?;
        let binary = binary()?;
        let names = binary.ancestors().filter_map(Path::file_name);
        let build = names
            .filter_map(OsStr::to_str)
            .find(|name| ["debug", "release", "image"].contains(name));
        Ok(Self {
            compiler: first_line("rustc")?,
            libc: first_line("ldd")?,
            processor: processor.trim_start_matches([' ', '\t', ':']).to_owned(),
            build: build.context("no build")?.to_owned(),
        })
    }
}

/// Instructions for an operation, by the work's name.
pub type Counts = BTreeMap<String, u64>;

/// What is on file for a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Where it holds.
    pub place: Place,
    /// The instructions.
    pub counts: Counts,
}

/// The file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// An entry for each place that somebody has measured at.
    #[serde(default)]
    pub known: Vec<Known>,
}

impl Record {
    /// What is known of a place.
    #[must_use]
    pub fn of(&self, place: &Place) -> Option<&Counts> {
        let known = self.known.iter().find(|known| known.place == *place);
        known.map(|known| &known.counts)
    }

    /// Replaces what is known of a place.
    pub fn set(&mut self, place: Place, counts: Counts) {
        self.known.retain(|known| known.place != place);
        self.known.push(Known { place, counts });
    }
}

/// Works that take more than a tenth more instructions than they took.
#[must_use]
pub fn grown(known: &Counts, now: &Counts) -> Vec<String> {
    let grown = |work: &String, now: u64| {
        let before = *known.get(work)?;
        (now * 10 > before * 11).then(|| format!("{work}: {now} instead of {before}"))
    };
    now.iter()
        .filter_map(|(work, now)| grown(work, *now))
        .collect()
}

/// Counts the instructions of every work.
///
/// # Errors
/// If valgrind is not there, or the server answers something wrong.
pub fn count() -> Result<Counts> {
    let mut counts = Counts::new();
    for work in WORKS {
        let (idle, _) = total(work, Duration::ZERO)?;
        let (busy, operations) = total(work, Duration::from_secs(3))?;
        ensure!(operations > 100, "only {operations} operations of {work:?}");
        counts.insert(work.name(), busy.saturating_sub(idle) / operations);
    }
    Ok(counts)
}

/// The instructions of a server's whole life, and how many operations it did in it.
fn total(work: Workload, time: Duration) -> Result<(u64, u64)> {
    let directory = TempDir::with_prefix("localefs-instructions-")?;
    let output = directory.path().join("count");
    let under = [
        "valgrind",
        "--tool=cachegrind",
        "--cache-sim=no",
        &format!("--cachegrind-out-file={}", output.display()),
    ];
    let mut server = TestServer::launch(
        TestServerOptions {
            durable: true,
            lease: 3600,
            ..TestServerOptions::default()
        },
        Launch {
            arguments: ["--log", "warn"].map(str::to_owned).to_vec(),
            under: under.map(str::to_owned).to_vec(),
            ..Launch::default()
        },
    )?;
    let shape = Shape {
        clients: 1,
        connections: 1,
        depth: 1,
        user: 0,
        time,
        warm: Duration::ZERO,
        cycles: 2000,
        files: 100,
        entries: 100,
        large: 1 << 20,
        messages: Messages::default(),
    };
    let mut site = Site::new(server.address(), "load", shape)?;
    let row = run(&mut site, work, None, &mut |_| {})?;
    server.stop()?;
    let text = fs::read_to_string(&output).context("valgrind has written nothing")?;
    let summary = text.lines().find_map(|line| line.strip_prefix("summary:"));
    let summary = summary.context("no summary")?.split_whitespace().next();
    let instructions = summary.context("an empty summary")?.parse()?;
    Ok((instructions, row.operations))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_is_let_pass_and_more_is_not() {
        let counts = |count| Counts::from([("null".to_owned(), count)]);
        assert!(grown(&counts(1000), &counts(1100)).is_empty());
        assert_eq!(
            grown(&counts(1000), &counts(1101)),
            ["null: 1101 instead of 1000"]
        );
        assert!(grown(&Counts::new(), &counts(1)).is_empty());
    }
}
