//! A load generator: an NFSv4.1 client with as many clients, connections and slots as are wanted,
//! that does the same work on any server and measures what it costs.
//!
//! Whatever comes back is compared with what has to come back; anything else ends the run.
//! `localefs-load` is its command line; see docs/performance.md.

mod bare;
mod blocks;
mod ceiling;
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

pub use bare::Ground;
pub use ceiling::serve as serve_ceiling;
pub use report::Row;
pub use shape::{Messages, Shape};
pub use site::Site;
pub use workload::Workload;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use bare::{Bare, Call};
use ceiling::{Asker, Task};
use compound::{Slot, Work};
use driver::{Done, Driver, Lane};

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
    let usages = measure(&mut driver, &site.shape, workload, pid, progress)?;
    let done = driver.done();
    let mut works = finish(site, driver)?;
    for (lane, work) in works.iter_mut().enumerate() {
        let client = lane / site.shape.depth;
        work.verify(&mut site.clients[client])
            .with_context(|| format!("lane {lane}, after the run"))?;
    }
    Ok(Row::new(workload, &site.shape, &done, usages))
}

/// The same work by the ceiling at `address`, whose process is `pid`. Nothing for a mix.
///
/// # Errors
/// If something is answered that has another length.
pub fn run_ceiling(
    address: SocketAddr,
    shape: &Shape,
    workload: Workload,
    pid: Option<u32>,
    progress: &mut dyn FnMut(f64),
) -> Result<Option<Row>> {
    let Some(task) = task(shape, workload) else {
        return Ok(None);
    };
    let making = Task {
        calls: &[Call::Create],
        ..task
    };
    let removes = workload == Workload::Remove;
    let first_task = if removes { making } else { task };
    let mut driver = Driver::new()?;
    for connection in 0..shape.connections * shape.clients {
        let link = driver.connect(address)?;
        for depth in 0..shape.depth / shape.connections {
            let first = (connection * shape.depth + depth) as u64 * 37;
            driver.add(link, Asker::new(first_task, first));
        }
    }
    if removes {
        while driver.run(TURN, &mut |_| {})? {}
        driver.lanes().for_each(|asker| asker.turn_to(task.calls));
        driver.reset();
    }
    let usages = measure(&mut driver, shape, workload, pid, progress)?;
    let done = driver.done();
    driver.finish()?;
    Ok(Some(Row::new(workload, shape, &done, usages)))
}

/// The bare system calls of a workload, made by this process. Nothing for a mix.
///
/// # Errors
/// Those of the system.
pub fn run_bare(ground: &Ground, shape: &Shape, workload: Workload) -> Result<Option<Row>> {
    let Some(mut task) = task(shape, workload) else {
        return Ok(None);
    };
    ground.prepare()?;
    let mut bare = Bare::new(ground)?;
    if workload.is_finite() {
        task.cycles *= shape.depth as u64;
    } else {
        ceiling::alone(&mut bare, &task, shape.warm)?;
    }
    if workload == Workload::Remove {
        let making = Task {
            calls: &[Call::Create],
            ..task
        };
        ceiling::alone(&mut bare, &making, Duration::MAX)?;
    }
    let before = Usage::of(std::process::id())?;
    let begin = Instant::now();
    let count = ceiling::alone(&mut bare, &task, shape.time)?;
    let wall = begin.elapsed();
    let after = Usage::of(std::process::id())?;
    std::fs::remove_dir_all(ground.made_by(std::process::id()))?;
    let done = Done::without_messages(count * task.ended, wall)?;
    Ok(Some(Row::new(
        workload,
        shape,
        &done,
        (Some(before), Some(after)),
    )))
}

/// What a workload comes down to; nothing for a mix.
fn task(shape: &Shape, workload: Workload) -> Option<Task> {
    let calls = bare::calls(workload, shape.user);
    let Messages {
        request,
        reply,
        page,
    } = shape.messages;
    (!calls.is_empty()).then_some(Task {
        calls,
        // COMMIT, which is shorter, is among those that were measured.
        request: match calls {
            [Call::Write, ..] => {
                ceiling::HEAD + usize::try_from(workload.octets()).unwrap_or(usize::MAX)
            }
            _ => request,
        },
        reply,
        block: workload.octets(),
        ended: match workload {
            Workload::Readdir => page,
            _ => 1,
        },
        cycles: match workload.is_finite() {
            true => shape.cycles,
            false => u64::MAX,
        },
        commit: workload.commits(shape),
    })
}

/// Works for a time, and gives what the server had used before and after.
fn measure<L: Lane>(
    driver: &mut Driver<L>,
    shape: &Shape,
    workload: Workload,
    pid: Option<u32>,
    progress: &mut dyn FnMut(f64),
) -> Result<(Option<Usage>, Option<Usage>)> {
    if !workload.is_finite() {
        driver.run(shape.warm, &mut |_| {})?;
        driver.reset();
    }
    let usage = || pid.map(Usage::of).transpose();
    let before = usage()?;
    let mut over = Duration::ZERO;
    while over < shape.time {
        let turn = TURN.min(shape.time - over);
        if !driver.run(turn, &mut |_| {})? {
            break;
        }
        over += turn;
        progress(over.as_secs_f64() / shape.time.as_secs_f64());
    }
    Ok((before, usage()?))
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
