//! Power cuts, one after the other.

use std::net::Shutdown;
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::check::Findings;
use super::site::{Kind, Site, Syncs, Writeback, enter};
use super::worker::Worker;

/// How many clients work at a time.
const WORKERS: u64 = 3;

pub use crate::workload::seed;

/// A site, clients that work there, and what they found.
#[derive(Debug)]
pub struct Cuts {
    site: Site,
    workers: Vec<Worker>,
    chance: StdRng,
    seed: u64,
    findings: Findings,
}

impl Cuts {
    /// A site with clients that have begun. Its machine is on.
    pub fn begin(kind: Kind, seed: u64) -> Result<Self> {
        let mut site = Site::new(kind)?;
        site.start(Syncs::Done, Writeback::Usual)?;
        let address = site.address();
        let workers = site.within(|| {
            (0..WORKERS)
                .map(|number| Worker::new(address, kind, number, seed))
                .collect::<Result<Vec<_>>>()
        })?;
        Ok(Self {
            site,
            workers,
            chance: StdRng::seed_from_u64(seed),
            seed,
            findings: Findings::default(),
        })
    }

    /// Lets the clients work for a while, cuts the power, starts a server whose syncs are done or
    /// not, and looks at what is there.
    ///
    /// # Errors
    /// A [`super::model::Violation`] if a promise was broken.
    pub fn cut(&mut self, next: Syncs) -> Result<()> {
        let outcome = self.cut_once(next);
        outcome.with_context(|| {
            let log = self.site.log();
            format!(
                "with LOCALEFS_TEST_SEED={}, after {:?}\n{log}",
                self.seed, self.findings
            )
        })
    }

    fn cut_once(&mut self, next: Syncs) -> Result<()> {
        let time = Duration::from_millis(self.chance.random_range(200..1800));
        let streams = self.workers.iter().map(Worker::stream);
        let streams = streams.collect::<std::io::Result<Vec<_>>>()?;
        let (site, workers) = (&mut self.site, &mut self.workers);
        let namespace = site.lab.namespace().clone();
        let ends = thread::scope(|scope| {
            let threads: Vec<_> = workers
                .iter_mut()
                .map(|worker| {
                    let namespace = namespace.clone();
                    scope.spawn(move || match enter(&namespace) {
                        Ok(()) => worker.work(),
                        Err(error) => error,
                    })
                })
                .collect();
            thread::sleep(time);
            let cut = site.cut();
            for stream in &streams {
                // It may have been reset already.
                let _ = stream.shutdown(Shutdown::Both);
            }
            let ends = threads.into_iter().map(ScopedJoinHandle::join);
            let ends: Vec<_> = ends.collect();
            cut.map(|()| ends)
        })?;
        for end in ends {
            let error = end.map_err(|_| anyhow!("a worker panicked"))?;
            if !Worker::is_end(&error) {
                bail!(error.context("while the power was on"));
            }
        }
        let eager = self.chance.random_bool(0.5);
        let writeback = if eager {
            Writeback::Eager
        } else {
            Writeback::Usual
        };
        self.site.start(next, writeback)?;
        self.findings.cuts += 1;
        let (address, workers) = (self.site.address(), &mut self.workers);
        let findings = self.site.within(|| {
            // The grace period ends when all are back.
            for worker in workers.iter_mut() {
                worker.come_back(address)?;
            }
            workers
                .iter_mut()
                .map(Worker::check)
                .collect::<Result<Vec<_>>>()
        })?;
        findings
            .into_iter()
            .for_each(|findings| self.findings += findings);
        Ok(())
    }

    /// What was found so far.
    #[must_use]
    pub fn findings(&self) -> Findings {
        self.findings
    }
}
