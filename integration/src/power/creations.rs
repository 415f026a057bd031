//! File systems that AWS's API makes while the power is cut.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use tokio::task::JoinSet;

use super::site::{DATA, Kind, Site, Syncs, Writeback, enter};
use crate::api_load::{Connection, Operation, Signer};

/// Connections that create at the same time.
const CONNECTIONS: usize = 8;

/// How many file systems one of them makes between two cuts at most: an account has a thousand.
const EACH: usize = 12;

/// A server, and the file systems that it has acknowledged.
#[derive(Debug)]
pub struct Creations {
    site: Site,
    acknowledged: BTreeSet<String>,
    number: Arc<AtomicU64>,
    chance: StdRng,
}

impl Creations {
    /// A site. Its machine is on.
    pub fn begin(kind: Kind, seed: u64) -> Result<Self> {
        let mut site = Site::new(kind)?;
        site.start(Syncs::Done, Writeback::Usual)?;
        Ok(Self {
            site,
            acknowledged: BTreeSet::new(),
            number: Arc::default(),
            chance: StdRng::seed_from_u64(seed),
        })
    }

    /// Has file systems be made for a while, cuts the power, starts a server whose syncs are done
    /// or not, and looks at what is there; gives how many it acknowledged so far.
    ///
    /// # Errors
    /// If one is gone that was acknowledged, or one is there in part.
    pub fn cut(&mut self, next: Syncs) -> Result<usize> {
        let time = Duration::from_millis(self.chance.random_range(400..1500));
        let (site, number) = (&mut self.site, Arc::clone(&self.number));
        let (namespace, api) = (site.lab.namespace().clone(), site.api());
        let made = thread::scope(|scope| {
            let makers = scope.spawn(move || {
                enter(&namespace)?;
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?
                    .block_on(create(api, time, &number))
            });
            thread::sleep(time);
            site.cut()?;
            makers.join().map_err(|_| anyhow!("a thread panicked"))?
        })?;
        self.acknowledged.extend(made);
        self.site.start(next, Writeback::Usual)?;
        self.check().with_context(|| self.site.log())?;
        Ok(self.acknowledged.len())
    }

    fn check(&self) -> Result<()> {
        let guest = self.site.guest()?;
        let told = guest.succeed(&format!("cd /; /run/localefs export --data {DATA}"))?;
        let told: Value = serde_json::from_str(&told)?;
        let recorded = told["records"]["file-systems"].as_object();
        let recorded = recorded.context("no file systems in the export")?;
        let recorded: BTreeSet<_> = recorded.keys().cloned().collect();
        let lost: Vec<_> = self.acknowledged.difference(&recorded).collect();
        ensure!(lost.is_empty(), "LOST: {lost:?}");
        let there = guest.succeed(&format!("ls {DATA}/fs"))?;
        let there: BTreeSet<_> = there.split_whitespace().map(str::to_owned).collect();
        let in_part: Vec<_> = recorded.symmetric_difference(&there).collect();
        ensure!(in_part.is_empty(), "IN PART: {in_part:?}");
        Ok(())
    }
}

/// Makes file systems until nobody answers, or for so long and a while; gives which were
/// acknowledged.
async fn create(api: SocketAddr, time: Duration, number: &Arc<AtomicU64>) -> Result<Vec<String>> {
    let mut makers = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (signer, number) = (Signer::new(api), Arc::clone(number));
        makers.spawn(async move {
            let (mut connection, mut made) = (Connection::new(api), Vec::new());
            for _ in 0..EACH {
                let number = number.fetch_add(1, Ordering::Relaxed);
                let request = signer.request(Operation::Create, number)?;
                let exchange = connection.exchange(&request);
                // A machine without power says nothing at all.
                let within = tokio::time::timeout(time + Duration::from_secs(1), exchange);
                let Ok(Ok((status, body))) = within.await else {
                    break;
                };
                let body = String::from_utf8(body)?;
                ensure!(status == 201, "{status}: {body}");
                let described: Value = serde_json::from_str(&body)?;
                let id = described["FileSystemId"].as_str().context("no id")?;
                made.push(id.to_owned());
            }
            Ok::<_, anyhow::Error>(made)
        });
    }
    let mut all = Vec::new();
    while let Some(made) = makers.join_next().await {
        all.extend(made??);
    }
    Ok(all)
}
