//! A load generator: an NFSv4.1 client with as many clients, connections and slots as are wanted,
//! that does the same work on any server and measures what it costs.
//!
//! Whatever comes back is compared with what has to come back; anything else ends the run.
//! `localefs-load` is its command line; see docs/performance.md.

mod blocks;
mod compound;
mod content;
mod driver;
mod listing;
mod records;
mod report;
mod script;
mod shape;
mod site;
mod workload;

pub use report::Row;
pub use shape::Shape;
pub use site::Site;
pub use workload::Workload;

use std::time::Duration;

use anyhow::{Context, Result};

use compound::{Slot, Work};
use driver::{Done, Driver};

use crate::growth::Usage;

/// How often progress is told and the time is looked at.
const TURN: Duration = Duration::from_millis(100);

/// Runs a workload on a site. `pid` is the server's process, if it is on this machine; `progress`
/// is told which part of the time is over.
///
/// # Errors
/// If the server refuses something, or answers something else than it has to.
pub fn run(
    site: &mut Site,
    workload: Workload,
    pid: Option<u32>,
    progress: &mut dyn FnMut(f64),
) -> Result<Row> {
    let works = workload.prepare(site)?;
    let mut driver = connect(site, works)?;
    if !workload.is_finite() {
        driver.run(site.shape.warm, &mut |_| {})?;
        driver.reset();
    }
    let usage = || pid.map(Usage::of).transpose();
    let before = usage()?;
    let time = site.shape.time;
    let mut over = Duration::ZERO;
    while over < time {
        let turn = TURN.min(time - over);
        if !driver.run(turn, &mut |_| {})? {
            break;
        }
        over += turn;
        progress(over.as_secs_f64() / time.as_secs_f64());
    }
    let after = usage()?;
    let done = driver.done();
    let mut works = finish(site, driver)?;
    for (lane, work) in works.iter_mut().enumerate() {
        let client = lane / site.shape.depth;
        work.verify(&mut site.clients[client])
            .with_context(|| format!("lane {lane}, after the run"))?;
    }
    Ok(Row::new(workload, &site.shape, &done, before, after))
}

/// Does all that `works` have to do.
fn drive(
    site: &mut Site,
    works: Vec<Box<dyn Work>>,
    time: Duration,
    progress: &mut dyn FnMut(u64),
) -> Result<Done> {
    let mut driver = connect(site, works)?;
    while driver.run(TURN.min(time), progress)? {}
    let done = driver.done();
    finish(site, driver)?;
    Ok(done)
}

/// A driver with these works, one for each slot.
fn connect(site: &Site, works: Vec<Box<dyn Work>>) -> Result<Driver<Slot>> {
    let mut driver = Driver::new()?;
    let shape = &site.shape;
    let mut works = works.into_iter();
    for session in &site.clients {
        let links: Vec<usize> = (0..shape.connections)
            .map(|_| driver.connect(site.address))
            .collect::<Result<_>>()?;
        for (slot, work) in works.by_ref().take(shape.depth).enumerate() {
            let lane = Slot::new(session, u32::try_from(slot)?, work);
            driver.add(links[slot % links.len()], lane);
        }
    }
    Ok(driver)
}

/// Ends the driver; the sessions go on with the sequence ids that it came to.
fn finish(site: &mut Site, driver: Driver<Slot>) -> Result<Vec<Box<dyn Work>>> {
    let depth = site.shape.depth;
    let mut works = Vec::new();
    for (lane, slot) in driver.finish()?.into_iter().enumerate() {
        let (number, sequence) = slot.sequence();
        site.clients[lane / depth].slots[number as usize] = sequence;
        works.push(slot.work);
    }
    Ok(works)
}
