//! Work by several processes on several clients, with a model of what was acknowledged, and the
//! comparison of the file system with it: from the same client, from another, and on the server's
//! disk.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use rand::{Rng, SeedableRng};
use serde::Deserialize;
use serde_json::Value;

use crate::guest::{Guest, MOUNT_POINT, ORDINARY};
use crate::python::Python;

/// What runs in the guests; each worker is an instance of its class `Workload`.
const SOURCE: &str = include_str!("../guest/workload.py");

/// A file that all workers add to, in the root.
const CONTENDED: &str = "contended";

/// A sequence of random numbers that can be had again.
pub use rand::rngs::StdRng;

/// Where all that is random in a test comes from: `LOCALEFS_TEST_SEED`, else another one each time.
/// It has to be told with every failure.
#[must_use]
pub fn seed() -> u64 {
    let given = std::env::var("LOCALEFS_TEST_SEED").ok();
    let given = given.and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| rand::rng().random_range(0..1_000_000_000))
}

/// The random numbers of a seed.
#[must_use]
pub fn chance(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

/// Says something about a run where everybody sees it, also if the test succeeds.
pub fn say(text: &str) {
    // The macros' output is kept back by the test harness.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// What is worked.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Processes in each guest.
    pub workers: usize,
    /// Of everything random in it.
    pub seed: u64,
    /// Whether a request may be executed twice, as where the server is killed before it replies.
    pub repeated: bool,
    /// Names of errors that an operation may end with, as on a full disk.
    pub errors: &'static [&'static str],
}

/// What was done. Times are in seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Done {
    /// Operations of all workers.
    pub operations: u64,
    /// Of those, how many were seen to have been executed by a request before.
    pub repeated: u64,
    /// How many ended with one of the allowed errors.
    pub failed: u64,
    /// How often the contended number was added to.
    pub added: u64,
    /// How often its lock was refused.
    pub refused: u64,
    /// The slowest operation's time.
    pub slowest: f64,
    /// The slowest operation.
    pub slowest_kind: String,
}

/// What was compared; each file counts once for each place that it was compared from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Files.
    pub files: u64,
    /// Their octets.
    pub octets: u64,
    /// Ranges of locks, held or free, tried from elsewhere.
    pub ranges: u64,
}

#[derive(Debug, Deserialize)]
struct Report {
    operations: u64,
    repeated: u64,
    failed: u64,
    added: u64,
    refused: u64,
    slowest: (f64, String),
}

/// The workers.
#[derive(Debug)]
pub struct Workload<'a> {
    guests: &'a [Guest],
    workers: Vec<(usize, Python<'a>)>,
    plan: Plan,
    rounds: std::cell::Cell<u32>,
}

impl<'a> Workload<'a> {
    /// Makes the workers and their directories, `tree-0` and so on.
    pub fn new(guests: &'a [Guest], plan: Plan) -> Result<Self> {
        let mut workers = Vec::new();
        for (index, guest) in guests.iter().enumerate() {
            for _ in 0..plan.workers {
                workers.push((index, prepared(guest)?));
            }
        }
        let workload = Self {
            guests,
            workers,
            plan,
            rounds: std::cell::Cell::new(0),
        };
        workload.workers[0]
            .1
            .run(&format!("write('{MOUNT_POINT}/{CONTENDED}', b'%020d' % 0)"))?;
        let Plan {
            seed,
            repeated,
            errors,
            ..
        } = plan;
        let repeated = if repeated { "True" } else { "False" };
        for (number, (_, worker)) in workload.workers.iter().enumerate() {
            let top = top(number);
            worker.run(&format!(
                "load = Workload('{top}', {number}, {seed} + {number}, {repeated}, {errors:?})"
            ))?;
        }
        Ok(workload)
    }

    /// Has all workers work.
    pub fn begin(&self) -> Result<()> {
        self.rounds.set(self.rounds.get() + 1);
        let stop = format!("stop-{}", self.rounds.get());
        for (_, worker) in &self.workers {
            worker.begin(&format!("load.work('/mnt/lab/{stop}')"))?;
        }
        Ok(())
    }

    /// Has the workers end, each with the operation that it is at.
    pub fn end(&self, patience: Duration) -> Result<()> {
        for guest in self.guests {
            guest.share(&format!("stop-{}", self.rounds.get()), b"")?;
        }
        self.finish(patience)
    }

    /// Has all workers do so many operations.
    pub fn steps(&self, count: u32, patience: Duration) -> Result<()> {
        for (_, worker) in &self.workers {
            worker.begin(&format!("load.steps({count})"))?;
        }
        self.finish(patience)
    }

    fn finish(&self, patience: Duration) -> Result<()> {
        let end = Instant::now() + patience;
        for (number, (_, worker)) in self.workers.iter().enumerate() {
            let left = end.saturating_duration_since(Instant::now());
            worker
                .finish(left.max(Duration::from_millis(1)))
                .with_context(|| {
                    format!("worker {number}, LOCALEFS_TEST_SEED={}", self.plan.seed)
                })?;
        }
        Ok(())
    }

    /// What was done until now.
    pub fn done(&self) -> Result<Done> {
        let mut done = Done::default();
        for (_, worker) in &self.workers {
            let report: Report = serde_json::from_value(worker.run("load.report()")?)?;
            done.operations += report.operations;
            done.repeated += report.repeated;
            done.failed += report.failed;
            done.added += report.added;
            done.refused += report.refused;
            if report.slowest.0 > done.slowest {
                (done.slowest, done.slowest_kind) = report.slowest;
            }
        }
        Ok(done)
    }

    /// Compares everything with the models: contents, attributes, link counts and what is there
    /// at all, from the same client without its cache, from another process on another client if
    /// there is one, and in the server's tree; locks from that other client.
    ///
    /// `owners`: whether the tree has the owners and modes that clients see.
    pub fn compare(&self, tree: Option<&Path>, owners: bool) -> Result<Compared> {
        self.try_compare(tree, owners)
            .with_context(|| format!("LOCALEFS_TEST_SEED={}", self.plan.seed))
    }

    fn try_compare(&self, tree: Option<&Path>, owners: bool) -> Result<Compared> {
        let mut compared = Compared::default();
        let mut models = Vec::new();
        for (_, worker) in &self.workers {
            models.push(worker.run("load.settle()")?);
        }
        for guest in self.guests {
            guest.drop_caches()?;
        }
        let others: Vec<Python<'_>> = self.guests.iter().map(prepared).collect::<Result<_>>()?;
        for (number, ((index, _), model)) in self.workers.iter().zip(&models).enumerate() {
            let other = (index + 1) % self.guests.len();
            let (place, top) = (format!("model-{number}"), top(number));
            let contents = serde_json::to_vec(model)?;
            // Not by the worker: to close a file that it has locked would end its locks.
            for guest in [*index, other] {
                let path = self.guests[guest].share(&place, &contents)?;
                let script = format!("compare('{top}', json.load(open('{path}')))");
                let found = others[guest].run(&script)?;
                compared.add(&found)?;
            }
            let held = &model["held"];
            let ranges = others[other].number(&format!("compare_locks('{top}/locks', {held})"))?;
            compared.ranges += u64::try_from(ranges)?;
        }
        if let Some(tree) = tree {
            for (number, model) in models.iter().enumerate() {
                compared.add(&outside(
                    &tree.join(format!("tree-{number}")),
                    model,
                    owners,
                )?)?;
            }
            let contended = fs::read_to_string(tree.join(CONTENDED))?;
            let sum: u64 = contended.get(..20).unwrap_or_default().parse()?;
            let added = self.done()?.added;
            ensure!(sum == added, "{added} were added, and the sum is {sum}");
        }
        Ok(compared)
    }
}

impl Compared {
    fn add(&mut self, found: &Value) -> Result<()> {
        let (files, octets): (u64, u64) = serde_json::from_value(found.clone())?;
        self.files += files;
        self.octets += octets;
        Ok(())
    }
}

impl std::ops::AddAssign for Compared {
    fn add_assign(&mut self, other: Self) {
        self.files += other.files;
        self.octets += other.octets;
        self.ranges += other.ranges;
    }
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} operations ({} seen to be repeated, {} failed), {} counted under a contended lock \
             ({} refused), slowest {:.1} s ({})",
            self.operations,
            self.repeated,
            self.failed,
            self.added,
            self.refused,
            self.slowest,
            self.slowest_kind
        )
    }
}

impl std::fmt::Display for Compared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mib = self.octets >> 20;
        let (files, ranges) = (self.files, self.ranges);
        write!(
            f,
            "{files} files ({mib} MiB) and {ranges} ranges of locks compared"
        )
    }
}

/// An interpreter that knows the workload.
fn prepared(guest: &Guest) -> Result<Python<'_>> {
    // Too much for a guest's serial line.
    let path = guest.share("workload.py", SOURCE.as_bytes())?;
    let python = guest.python()?;
    python.run(&format!("exec(open('{path}').read(), globals())"))?;
    Ok(python)
}

fn top(number: usize) -> String {
    format!("{MOUNT_POINT}/tree-{number}")
}

/// Compares on this machine.
fn outside(top: &Path, model: &Value, owners: bool) -> Result<Value> {
    let scratch = tempfile::NamedTempFile::new()?;
    serde_json::to_writer(scratch.as_file(), model)?;
    let owners = if owners { "True" } else { "False" };
    let source = format!(
        "{SOURCE}\nprint(json.dumps(compare({:?}, json.load(open({:?})), {owners})))\n",
        top.to_string_lossy(),
        scratch.path().to_string_lossy()
    );
    let mut python = Command::new("/usr/bin/python3")
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut input = python.stdin.take().ok_or_else(|| anyhow!("no pipe"))?;
    input.write_all(source.as_bytes())?;
    drop(input);
    let output = python.wait_with_output()?;
    ensure!(
        output.status.success(),
        "on the server's disk: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// As long as anything may take while a server comes back, for a lease of so many seconds.
#[must_use]
pub fn recovery(lease: u32) -> Duration {
    ORDINARY + Duration::from_secs(u64::from(4 * lease))
}
