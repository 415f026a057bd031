//! Power cuts under applications on a kernel's mount: the machine of the server and that of the
//! applications lose it at the same time, so that what is found after it is what the disk had.

use std::fmt;
use std::ops::AddAssign;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Deserialize;

use super::site::{Kind, Site, Syncs, Writeback};
use crate::guest::{EFS_OPTIONS, Guest, MOUNT_POINT, ORDINARY};

/// What the applications run, and what judges them.
const SOURCE: &str = include_str!("../../guest/power.py");

/// How many of them work at a time.
const WORKERS: u32 = 2;

/// The fewest steps that each of them does before a cut.
const STEPS: u64 = 25;

/// How much was looked at, and how much was gone that may be.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Verified {
    /// Power cuts.
    #[serde(default)]
    pub cuts: u64,
    /// Steps that were acknowledged.
    pub steps: u64,
    /// Names that are there.
    pub names: u64,
    /// Octets that were synced, and are there.
    pub octets: u64,
    /// Steps that are gone, and were not promised to stay.
    pub lost: u64,
}

impl AddAssign for Verified {
    fn add_assign(&mut self, other: Self) {
        self.cuts += other.cuts;
        self.steps += other.steps;
        self.names += other.names;
        self.octets += other.octets;
        self.lost += other.lost;
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} power cuts, {} steps acknowledged; {} names and {} octets verified; lost, as they \
             may be: {} steps",
            self.cuts, self.steps, self.names, self.octets, self.lost
        )
    }
}

/// Linux asks for FILE_SYNC where one WRITE does for all that is dirty: with this, what is longer
/// than two pages is written UNSTABLE and brought to the disk by COMMIT.
const SMALL_WRITES: &str = ",wsize=8192";

/// Mounts the site's file system in a guest.
pub fn mount(site: &Site, guest: &Guest) -> Result<()> {
    mount_with(site, guest, "")
}

fn mount_with(site: &Site, guest: &Guest, more: &str) -> Result<()> {
    let address = site.address();
    let (ip, port) = (address.ip(), address.port());
    guest.succeed(&format!(
        "mkdir -p {MOUNT_POINT} && \
         exec mount.nfs4 {ip}:/ {MOUNT_POINT} -o {EFS_OPTIONS},port={port}{more}"
    ))?;
    Ok(())
}

/// A site, and the machine of the applications.
#[derive(Debug)]
pub struct Applications {
    /// Goes away before the network that it is in.
    client: Guest,
    site: Site,
    chance: StdRng,
    seed: u64,
    found: Verified,
}

impl Applications {
    /// Both machines are on, and the file system is mounted.
    ///
    /// # Errors
    /// Those of the lab and of the server.
    pub fn begin(kind: Kind, seed: u64) -> Result<Self> {
        let mut site = Site::new(kind)?;
        site.start(Syncs::Done, Writeback::Usual)?;
        let client = client(&site)?;
        Ok(Self {
            client,
            site,
            chance: StdRng::seed_from_u64(seed),
            seed,
            found: Verified::default(),
        })
    }

    /// Lets the applications work for a while, cuts the power, starts a server whose syncs are
    /// done or not and another machine for the applications, and looks at what is there.
    ///
    /// # Errors
    /// With what is lost and was promised, or is there and never was.
    pub fn cut(&mut self, next: Syncs) -> Result<()> {
        let outcome = self.cut_once(next);
        outcome.with_context(|| {
            let log = self.site.log();
            format!(
                "with LOCALEFS_TEST_SEED={}, after {}\n{log}",
                self.seed, self.found
            )
        })
    }

    fn cut_once(&mut self, next: Syncs) -> Result<()> {
        let round = self.found.cuts;
        let time = Duration::from_millis(self.chance.random_range(200..2500));
        let program = self.client.share("power.py", SOURCE.as_bytes())?;
        let words = |number: u32| format!("{MOUNT_POINT}/{round}-{number} {}-{round}", self.seed);
        let mut jobs = Vec::new();
        for number in 0..WORKERS {
            let script = format!("exec python3 -IB {program} work {}", words(number));
            jobs.push(self.client.start(&script)?);
        }
        let last = |output: String| -> u64 {
            let whole = output.rsplit_once('\n').map_or("", |(whole, _)| whole);
            let line = whole.lines().next_back().unwrap_or_default();
            line.parse().unwrap_or(0)
        };
        let begun = Instant::now();
        while jobs.iter().any(|job| last(job.output()) < STEPS) {
            ensure!(begun.elapsed() < ORDINARY, "the applications do not work");
            thread::sleep(Duration::from_millis(20));
        }
        thread::sleep(time);
        for job in &jobs {
            let said = job.output();
            ensure!(!job.ended(), "an application ended by itself: {said}");
        }
        self.site.cut()?;
        // Nothing can be acknowledged any more, but some of it is on its way to this process.
        let acknowledged: Vec<u64> = jobs.iter().map(|job| last(job.output())).collect();
        drop(jobs);
        self.client.cut_power()?;

        let writeback = match self.chance.random_bool(0.5) {
            true => Writeback::Eager,
            false => Writeback::Usual,
        };
        self.site.start(next, writeback)?;
        self.client = client(&self.site)?;
        self.found.cuts += 1;
        let program = self.client.share("power.py", SOURCE.as_bytes())?;
        let durability = if self.site.kind().strict {
            "strict"
        } else {
            "ordinary"
        };
        for (number, acknowledged) in (0..WORKERS).zip(acknowledged) {
            let script = format!(
                "exec python3 -IB {program} check {} {acknowledged} {durability}",
                words(number)
            );
            let found = self.client.succeed(&script)?;
            let found: Verified = serde_json::from_str(&found)?;
            self.found += found;
        }
        Ok(())
    }

    /// What was found so far.
    #[must_use]
    pub fn found(&self) -> Verified {
        self.found
    }
}

/// Always by the same name: the one before needs nobody's patience.
fn client(site: &Site) -> Result<Guest> {
    let client = site.lab.boot("client")?;
    mount_with(site, &client, SMALL_WRITES)?;
    Ok(client)
}
