//! localefs beside nfs-ganesha, and both beside what the machine can do: `scripts/bench`.
//!
//! The servers run at the same time in a network of their own and take turns, A B A B, with the
//! same work on the same disk, so that whatever else the machine does falls on both.

mod contestant;
mod kernel;
mod plot;
mod results;
mod statistics;

pub use contestant::{Contestant, Kind};
pub use results::Results;
pub use statistics::Samples;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::client::{ClientOptions, Session, TestServer, TestServerOptions};
use crate::growth::Usage;
use crate::lab::Lab;
use crate::load::{Row, Workload};

/// How much is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How often the servers take turns.
    pub pairs: usize,
    /// In how many of these turns the ceiling and the bare calls have theirs.
    pub ceilings: usize,
    /// Seconds of each turn.
    pub seconds: f64,
    /// Seconds of work before each.
    pub warm: f64,
    /// Entries of the directory that is listed.
    pub entries: u64,
    /// Files of each kind in a guest.
    pub small_files: u32,
    /// Work that is done on one processor.
    pub works: Vec<Workload>,
    /// The directory on the disk; everything in it is of this program, and removed.
    pub place: PathBuf,
    /// Whether a Linux kernel in a virtual machine is a client, too.
    pub kernel: bool,
}

/// Where servers and load run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Processors {
    /// Both on the first: then rate and processor time say the same, whatever wakes what.
    One,
    /// On all.
    All,
}

/// What was measured under these circumstances.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting {
    /// The kind of file system that the disk has.
    pub disk: String,
    /// Where servers and load run.
    pub processors: Processors,
    /// The work, with what is special about it.
    pub work: String,
}

/// What of a row is compared.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Operations in a second.
    pub rate: Samples,
    /// Microseconds of processor time for an operation.
    pub processor: Samples,
    /// Microseconds of the middle operation.
    pub p50: Samples,
    /// Of 99 in 100.
    pub p99: Samples,
    /// KiB of resident memory afterwards.
    pub resident: Samples,
}

impl Measured {
    fn add(&mut self, row: &Row) {
        self.rate.add(row.rate);
        if let (Some(user), Some(system)) = (row.user, row.system) {
            self.processor.add(user + system);
        }
        self.p50.add(row.p50);
        self.p99.add(row.p99);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        if let Some(resident) = row.resident {
            self.resident.add(resident as f64);
        }
    }
}

/// Who did it: a server, the ceiling, or the bare system calls.
pub type Who = &'static str;

/// The ceiling.
pub const CEILING: Who = "ceiling";
/// The bare system calls.
pub const BARE: Who = "bare calls";

/// All that was measured of whom.
pub type Table = BTreeMap<Setting, BTreeMap<Who, Measured>>;

/// Measures everything. `say` is told what is done.
///
/// # Errors
/// If a server does not start, or answers something wrong.
pub fn run(plan: &Plan, say: &mut dyn FnMut(&str)) -> Result<Results> {
    let lab = Lab::new()?;
    let mut table = Table::new();
    let mut idle = BTreeMap::new();
    let mut kernel = kernel::Table::new();
    let tmpfs = PathBuf::from(format!("/dev/shm/localefs-bench-{}", std::process::id()));
    for (number, place) in [&plan.place, &tmpfs].into_iter().enumerate() {
        let cleared = Cleared::new(place)?;
        let disk = disk_of(&cleared.0)?;
        let contestants = start(&lab, &cleared.0, u16::try_from(number)?)?;
        if number == 0 {
            for one in &contestants {
                idle.insert(one.kind.name(), Usage::of(one.pid())?.resident);
            }
        }
        let bench = Bench {
            lab: &lab,
            plan,
            disk: &disk,
            first: number == 0,
            place: &cleared.0,
            contestants: &contestants,
        };
        bench.compare(&mut table, say)?;
        if plan.kernel {
            kernel::compare(&lab, plan, &disk, &contestants, &mut kernel, say)?;
        }
    }
    say("start");
    let starts = starts(plan.pairs)?;
    Ok(Results {
        plan: plan.clone(),
        table,
        kernel,
        idle,
        starts,
    })
}

/// An empty directory, which is removed again.
struct Cleared(PathBuf);

impl Cleared {
    fn new(path: &Path) -> Result<Self> {
        let _ = fs::remove_dir_all(path);
        fs::create_dir_all(path).with_context(|| path.display().to_string())?;
        Ok(Self(path.canonicalize()?))
    }
}

impl Drop for Cleared {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn start(lab: &Lab, place: &Path, number: u16) -> Result<Vec<Contestant>> {
    let start = |kind| Contestant::start(lab.namespace(), kind, place, number);
    Kind::ALL.into_iter().map(start).collect()
}

/// The kind of the file system that a directory is on.
fn disk_of(path: &Path) -> Result<String> {
    let mut findmnt = std::process::Command::new("findmnt");
    let findmnt = findmnt.args(["--noheadings", "--output", "FSTYPE", "--target"]);
    let output = findmnt.arg(path).output()?;
    // One line for each mount there, the last one on top.
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().last().unwrap_or("unknown").trim().to_owned())
}

/// How long it takes from the start of a process until it has answered a client, in milliseconds.
fn starts(times: usize) -> Result<Samples> {
    let mut samples = Samples::default();
    for _ in 0..times.max(3) {
        let begin = Instant::now();
        let server = TestServer::start(TestServerOptions {
            durable: true,
            ..TestServerOptions::default()
        })?;
        Session::establish(server.address(), &ClientOptions::new("first"))?;
        samples.add(begin.elapsed().as_secs_f64() * 1e3);
    }
    Ok(samples)
}

/// Work beside what the load generator does by itself: more of it at a time, many clients, or
/// another user.
struct Variant {
    work: Workload,
    suffix: &'static str,
    clients: usize,
    connections: usize,
    depth: usize,
    user: u32,
    flooded: bool,
}

impl Variant {
    const fn plain(work: Workload) -> Self {
        Self {
            work,
            suffix: "",
            clients: 1,
            connections: 1,
            depth: 16,
            user: 0,
            flooded: false,
        }
    }

    const fn clients(clients: usize, suffix: &'static str) -> Self {
        Self {
            suffix,
            clients,
            depth: 1,
            ..Self::plain(Workload::Getattr)
        }
    }
}

struct Bench<'a> {
    lab: &'a Lab,
    plan: &'a Plan,
    disk: &'a str,
    first: bool,
    place: &'a Path,
    contestants: &'a [Contestant],
}

impl Bench<'_> {
    fn compare(&self, table: &mut Table, say: &mut dyn FnMut(&str)) -> Result<()> {
        self.pin("0")?;
        for &work in &self.plan.works {
            self.row(table, Processors::One, &Variant::plain(work), say)?;
        }
        let user = Variant {
            suffix: ", by a user",
            user: 1000,
            ..Variant::plain(Workload::Create)
        };
        let latency = Variant {
            suffix: ", one at a time",
            depth: 1,
            ..Variant::plain(Workload::Getattr)
        };
        for variant in [user, latency] {
            if self.plan.works.contains(&variant.work) {
                self.row(table, Processors::One, &variant, say)?;
            }
        }
        let all = std::thread::available_parallelism()?.get();
        self.pin(&format!("0-{}", all - 1))?;
        let spread = |work| Variant {
            connections: 4,
            depth: 32,
            ..Variant::plain(work)
        };
        for work in [
            Workload::Null,
            Workload::Getattr,
            Workload::Small,
            Workload::SeqRead,
            Workload::SeqWrite,
            Workload::RandRead,
        ] {
            if self.plan.works.contains(&work) {
                self.row(table, Processors::All, &spread(work), say)?;
            }
        }
        // What many clients cost does not depend on the disk.
        if !self.first {
            return Ok(());
        }
        for variant in [
            Variant::clients(1, ", 1 client"),
            Variant::clients(10, ", 10 clients"),
            Variant::clients(100, ", 100 clients"),
            Variant::clients(1000, ", 1000 clients"),
            Variant {
                suffix: ", beside a flood",
                depth: 1,
                flooded: true,
                ..Variant::plain(Workload::Getattr)
            },
        ] {
            self.row(table, Processors::All, &variant, say)?;
        }
        Ok(())
    }

    fn pin(&self, processors: &str) -> Result<()> {
        self.contestants
            .iter()
            .try_for_each(|one| one.pin(processors))
    }

    /// One row of a table: the servers in turn, then the ceiling and the bare calls.
    fn row(
        &self,
        table: &mut Table,
        processors: Processors,
        variant: &Variant,
        say: &mut dyn FnMut(&str),
    ) -> Result<()> {
        let setting = Setting {
            disk: self.disk.to_owned(),
            processors,
            work: format!("{}{}", variant.work.name(), variant.suffix),
        };
        say(&format!(
            "{}, {processors:?} processor(s): {}",
            setting.disk, setting.work
        ));
        let row = table.entry(setting).or_default();
        for pair in 0..self.plan.pairs {
            let mut messages = None;
            for one in self.contestants {
                let flood = match variant.flooded {
                    true => Some(self.flood(one)?),
                    false => None,
                };
                let server = ["--server".to_owned(), one.address()];
                let pid = ["--pid".to_owned(), one.pid().to_string()];
                let done = self.load(processors, variant, &[server, pid].concat());
                drop(flood);
                let done = done
                    .with_context(|| one.kind.name())?
                    .context("no result")?;
                if one.kind == Kind::Localefs {
                    messages = Some((done.request, done.reply, 1.0 / done.messages));
                }
                row.entry(one.kind.name()).or_default().add(&done);
            }
            if variant.flooded || variant.clients > 1 || pair >= self.plan.ceilings {
                continue;
            }
            let (request, reply, page) = messages.context("nothing was measured")?;
            let text = |name: &str, value: String| [format!("--{name}"), value];
            let bare = self.place.join("bare").display().to_string();
            let ceiling = [
                text("ceiling", bare.clone()),
                text("request", format!("{request:.0}")),
                text("reply", format!("{reply:.0}")),
                text("page", format!("{page:.0}")),
            ];
            if let Some(done) = self.load(processors, variant, &ceiling.concat())? {
                row.entry(CEILING).or_default().add(&done);
            }
            let bare = [text("bare", bare), text("page", format!("{page:.0}"))];
            if let Some(done) = self.load(processors, variant, &bare.concat())? {
                row.entry(BARE).or_default().add(&done);
            }
        }
        Ok(())
    }

    /// Runs `localefs-load` in the lab's network.
    fn load(
        &self,
        processors: Processors,
        variant: &Variant,
        target: &[String],
    ) -> Result<Option<Row>> {
        let program = beside("localefs-load")?;
        let mut command = match processors {
            Processors::One => {
                let mut command = self.lab.namespace().command("taskset");
                command.args(["--cpu-list", "0"]).arg(program);
                command
            }
            Processors::All => self.lab.namespace().command(program),
        };
        let number = |value: usize| value.to_string();
        command
            .arg("--json")
            .arg(variant.work.name())
            .args(["--seconds", &self.plan.seconds.to_string()])
            .args(["--warm", &self.plan.warm.to_string()])
            .args(["--clients", &number(variant.clients)])
            .args(["--connections", &number(variant.connections)])
            .args(["--depth", &number(variant.depth)])
            .args(["--user", &variant.user.to_string()])
            .args(["--entries", &self.plan.entries.to_string()])
            .args(target);
        let output = command.stderr(Stdio::inherit()).output()?;
        ensure!(output.status.success(), "localefs-load: {}", output.status);
        let text = String::from_utf8(output.stdout)?;
        match text.lines().next() {
            Some(line) => Ok(Some(serde_json::from_str(line)?)),
            None => Ok(None),
        }
    }

    /// Another client that asks for as much as it gets.
    fn flood(&self, one: &Contestant) -> Result<Flood> {
        let child = self
            .lab
            .namespace()
            .command(beside("localefs-load")?)
            .arg(Workload::SeqRead.name())
            .args(["--server", &one.address(), "--directory", "flood"])
            .args(["--connections", "4", "--depth", "64"])
            .args(["--seconds", "600"])
            .stdout(Stdio::null())
            .spawn()?;
        // Until it has written what it reads.
        std::thread::sleep(Duration::from_secs(2));
        Ok(Flood(child))
    }
}

struct Flood(std::process::Child);

impl Drop for Flood {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program that was built beside this one.
fn beside(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    ensure!(path.exists(), "{} is not there", path.display());
    Ok(path)
}
