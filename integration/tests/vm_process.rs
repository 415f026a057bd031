//! A server that is killed at random moments, also twice in a row and within the grace period,
//! and stopped for longer than a lease, under clients whose work is compared with a model.

use std::ops::Range;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use localefs_integration::bench::{Bench, amount};
use localefs_integration::server::{Server, ServerOptions};
use localefs_integration::workload::{Plan, StdRng, Workload, chance, recovery, say, seed};
use rand::Rng;

/// Lease and grace period of these servers, in seconds.
const LEASE: u32 = 8;

/// A user without any right on the machine.
const NOBODY: u32 = 65534;

fn options() -> ServerOptions {
    ServerOptions {
        lease: LEASE,
        durable: true,
        ..ServerOptions::default()
    }
}

/// What is done to the server at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    /// Killed, and started again.
    Kill,
    /// Killed again as soon as it is ready.
    Twice,
    /// Killed again while clients reclaim.
    InGrace,
    /// Stopped for longer than a lease, and continued.
    Pause,
}

fn strike(server: &mut Server, blow: Blow, chance: &mut StdRng) -> Result<u32> {
    let mut nap = |from, to| thread::sleep(Duration::from_millis(chance.random_range(from..to)));
    let mut kills = 0;
    let mut kill = |server: &mut Server, down: u64| -> Result<()> {
        server.kill()?;
        kills += 1;
        thread::sleep(Duration::from_millis(down));
        server.restart()
    };
    match blow {
        Blow::Kill => {
            server.kill()?;
            nap(0, 500);
            server.restart()?;
            return Ok(1);
        }
        Blow::Twice => {
            kill(server, 0)?;
            kill(server, 0)?;
        }
        Blow::InGrace => {
            kill(server, 0)?;
            nap(0, 3000);
            kill(server, 100)?;
        }
        Blow::Pause => {
            server.pause()?;
            thread::sleep(server.lease() + Duration::from_secs(1));
            server.resume()?;
        }
    }
    Ok(kills)
}

/// These blows, and so many more by chance, so many milliseconds apart; then a last kill, and
/// everything is compared.
fn survives(
    options: ServerOptions,
    owners: bool,
    (first, more, apart): (&[Blow], u32, Range<u64>),
    what: &str,
) -> Result<()> {
    let mut bench = Bench::start(options, 2)?;
    let plan = Plan {
        workers: 2,
        seed: seed(),
        repeated: true,
        errors: &[],
    };
    let (guests, server) = (&bench.guests, &mut bench.server);
    let work = Workload::new(guests, plan)?;
    let mut chance = chance(plan.seed);
    let (mut kills, mut pauses) = (0, 0);
    // Also where the machine is slow there has to be something to lose.
    work.steps(30, recovery(LEASE))?;
    work.begin()?;
    let more = (0..more).map(|_| None);
    let blows: Vec<_> = first.iter().copied().map(Some).chain(more).collect();
    for planned in &blows {
        thread::sleep(Duration::from_millis(chance.random_range(apart.clone())));
        let blow = planned.unwrap_or_else(|| match chance.random_range(0..20) {
            0..3 => Blow::Twice,
            3..6 => Blow::InGrace,
            6 => Blow::Pause,
            _ => Blow::Kill,
        });
        let struck = strike(server, blow, &mut chance);
        kills += struck.with_context(|| format!("LOCALEFS_TEST_SEED={}, {blow:?}", plan.seed))?;
        pauses += u32::from(blow == Blow::Pause);
    }
    work.end(recovery(LEASE))?;
    work.steps(30, recovery(LEASE))?;
    server.kill()?;
    server.restart()?;
    let compared = work.compare(Some(&server.tree()?), owners)?;
    let done = work.done()?;
    say(&format!(
        "{what}: seed {}, {} kills, {pauses} pauses of more than a lease; {done}; {compared}",
        plan.seed,
        kills + 1
    ));
    ensure!(
        done.operations > blows.len() as u64 * 10,
        "hardly any load: {done}"
    );
    ensure!(done.added > 0 && compared.ranges > 0, "no locks: {done}");
    // Where there is hardly time to come back between two kills, nobody knows how long it takes;
    // but that it ends after the last one, `end` has seen. Linux asks for a lock that somebody else
    // has after ever longer times, up to 30 s, and may come at a bad moment twice.
    ensure!(
        apart.end < 2000 || done.slowest < f64::from(4 * LEASE) + 60.0,
        "one operation took too long: {done}"
    );
    Ok(())
}

#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed_at_random_moments() -> Result<()> {
    survives(
        options(),
        true,
        (&[Blow::InGrace, Blow::Twice], amount(0, 80), 200..3000),
        "killed, native ownership",
    )
}

#[test]
fn nothing_acknowledged_is_lost_when_a_server_without_privilege_is_killed() -> Result<()> {
    let options = ServerOptions {
        user: Some(NOBODY),
        ..options()
    };
    survives(
        options,
        false,
        (&[Blow::Kill], amount(0, 120), 200..1500),
        "killed, shadow ownership",
    )
}

/// Its locks are for others to have once the grace period is over, and nobody else notices.
#[test]
fn a_client_that_never_comes_back_after_a_kill_holds_nobody_up() -> Result<()> {
    let options = ServerOptions {
        lease: 3,
        ..options()
    };
    let mut bench = Bench::start(options, 2)?;
    let plan = Plan {
        workers: 2,
        seed: seed(),
        repeated: true,
        errors: &[],
    };
    let (guests, server) = (&bench.guests, &mut bench.server);
    let gone = guests[1].python()?;
    gone.run("file = open('lock', 'w+'); lock(file, 'write', 0, 10)")?;
    let other = guests[0].python()?;
    other.run("file = open('lock', 'r+')")?;
    other.fails("lock(file, 'write', 0, 10)", "EAGAIN")?;
    let work = Workload::new(&guests[..1], plan)?;
    work.begin()?;
    guests[1].cut()?;
    thread::sleep(Duration::from_secs(1));
    for _ in 0..2 {
        server.kill()?;
        server.restart()?;
        thread::sleep(Duration::from_millis(500));
    }
    let before = work_after(&work, server.lease())?;
    ensure!(before > 0, "no work was done after the grace period");
    other.run_within("lock(file, 'write', 0, 10, wait=True)", recovery(LEASE))?;
    work.compare(Some(&server.tree()?), true)?;
    Ok(())
}

/// How many operations are done once a grace period must be over.
fn work_after(work: &Workload<'_>, lease: Duration) -> Result<u64> {
    thread::sleep(2 * lease);
    work.end(recovery(LEASE))?;
    let before = work.done()?.operations;
    work.steps(100, recovery(LEASE))?;
    Ok(work.done()?.operations - before)
}
