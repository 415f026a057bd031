//! Connections that are cut, delayed and stalled, and replies that are lost after the request was
//! executed: the client sends it again, and nothing happens twice.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use localefs_integration::bench::{Bench, amount};
use localefs_integration::guest::EFS_OPTIONS;
use localefs_integration::lab::PROXY;
use localefs_integration::proxy::{Fault, Passing, Proxy};
use localefs_integration::server::ServerOptions;
use localefs_integration::workload::{Plan, StdRng, Workload, chance, recovery, say, seed};
use localefs_protocol::nfs4::OpNum;
use rand::Rng;

const LEASE: u32 = 15;

/// A server, and guests that reach it through a proxy.
fn bench(guests: usize) -> Result<(Bench, Proxy)> {
    let options = ServerOptions {
        lease: LEASE,
        durable: true,
        ..ServerOptions::default()
    };
    let bench = Bench::unmounted(options, guests)?;
    let proxy = bench.lab.proxy()?;
    for guest in &bench.guests {
        guest.mount(&format!("{EFS_OPTIONS},port={PROXY}"))?;
    }
    Ok((bench, proxy))
}

/// What cannot be done twice: the operation, what has to be there, how it is done, and what must
/// hold afterwards. Each in a directory and a process of its own.
const ONCE: [(OpNum, &str, &str, &str); 13] = [
    (
        OpNum::OP_OPEN,
        "",
        "os.close(os.open('new', os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640))",
        "mode('new') == '640'",
    ),
    (
        OpNum::OP_CREATE,
        "",
        "os.mkdir('new', 0o750)",
        "mode('new') == '750' and os.stat('.').st_nlink == 3",
    ),
    (
        OpNum::OP_CREATE,
        "",
        "os.symlink('target', 'new')",
        "os.readlink('new') == 'target'",
    ),
    (
        OpNum::OP_CREATE,
        "",
        "os.mkfifo('new')",
        "os.listdir('.') == ['new']",
    ),
    (
        OpNum::OP_LINK,
        "write('old', 'content')",
        "os.link('old', 'new')",
        "os.stat('old').st_nlink == 2 and read('new') == 'content'",
    ),
    (
        OpNum::OP_RENAME,
        "write('old', 'content')",
        "os.rename('old', 'new')",
        "os.listdir('.') == ['new'] and read('new') == 'content'",
    ),
    (
        OpNum::OP_RENAME,
        "write('old', 'content'); write('new', 'other'); os.link('new', 'kept')",
        "os.rename('old', 'new')",
        "read('new') == 'content' and os.stat('kept').st_nlink == 1",
    ),
    (
        OpNum::OP_REMOVE,
        "write('old', 'content')",
        "os.unlink('old')",
        "os.listdir('.') == []",
    ),
    (
        OpNum::OP_REMOVE,
        "os.mkdir('old')",
        "os.rmdir('old')",
        "os.stat('.').st_nlink == 2",
    ),
    (
        OpNum::OP_LOCK,
        "file = open('old', 'w+')",
        "lock(file, 'write', 5, 10)",
        "lock(file, 'none') is None",
    ),
    (
        OpNum::OP_LOCKU,
        "file = open('old', 'w+'); lock(file, 'write', 5, 10)",
        "lock(file, 'none', 5, 10)",
        "lock(file, 'write', 0, 100) is None",
    ),
    (
        OpNum::OP_WRITE,
        "write('old', '0123456789')",
        "write('old', 'abc', 'ab')",
        "read('old') == '0123456789abc'",
    ),
    (
        OpNum::OP_SETATTR,
        "write('old', '0123456789')",
        "os.truncate('old', 4)",
        "read('old') == '0123'",
    ),
];

#[test]
fn what_was_executed_and_not_answered_is_sent_again_and_not_done_twice() -> Result<()> {
    let (bench, proxy) = bench(1)?;
    let guest = bench.guest();
    for round in 0..amount(1, 20) {
        let mut hands = Vec::new();
        for (number, (operation, before, ..)) in ONCE.iter().enumerate() {
            let hand = guest.python()?;
            let name = format!("{round}-{number}-{}", operation.0);
            hand.run(&format!("os.mkdir('{name}'); os.chdir('{name}')"))?;
            hand.run(if before.is_empty() { "pass" } else { before })?;
            hands.push(hand);
        }
        let before = proxy.report();
        // All at once: a client waits seconds before it connects again.
        let operations: Vec<OpNum> = ONCE.iter().map(|once| once.0).collect();
        proxy.decide(move |call: &Passing| {
            let meant = operations.iter().any(|operation| call.has(*operation));
            match meant && !call.again {
                true => Fault::Swallow,
                false => Fault::None,
            }
        });
        for (hand, (_, _, act, _)) in hands.iter().zip(&ONCE) {
            hand.begin(act)?;
        }
        let all = before.swallowed + ONCE.len() as u64;
        let swallowed = proxy.wait_swallowed(all, Duration::from_secs(30));
        ensure!(swallowed, "not all came: {:?}", proxy.report());
        proxy.decide(|_| Fault::None);
        proxy.reset();
        for (hand, (_, _, act, after)) in hands.iter().zip(&ONCE) {
            let done = hand.finish(Duration::from_secs(60));
            ensure!(done.is_ok(), "{act}: {done:?}");
            let found = hand.run(after)?;
            ensure!(found == true, "after {act}, {after} is {found}");
        }
        let resent = proxy.report().resent - before.resent;
        ensure!(
            resent >= ONCE.len() as u64,
            "the client sent only {resent} again: {:?}",
            proxy.report()
        );
    }
    Ok(())
}

/// Every so often something befalls a call: more often one that must not happen twice.
fn trouble(mut chance: StdRng) -> impl FnMut(&Passing) -> Fault {
    let mut next = Instant::now();
    let mut chosen = false;
    move |call| {
        if Instant::now() < next {
            return Fault::None;
        }
        let changes = [
            OpNum::OP_OPEN,
            OpNum::OP_CREATE,
            OpNum::OP_LINK,
            OpNum::OP_RENAME,
            OpNum::OP_REMOVE,
            OpNum::OP_LOCK,
            OpNum::OP_LOCKU,
            OpNum::OP_SETATTR,
        ];
        if chosen && !changes.iter().any(|operation| call.has(*operation)) {
            return Fault::None;
        }
        next = Instant::now() + Duration::from_millis(chance.random_range(100..1500));
        chosen = chance.random_range(0..4) > 0;
        let delay = Duration::from_millis(chance.random_range(1..400));
        match chance.random_range(0..10) {
            0..4 => Fault::CutReply(0),
            4 => Fault::CutReply(chance.random_range(1..200)),
            5..7 => Fault::CutCall(chance.random_range(0..call.length)),
            7 => Fault::DelayCall(delay),
            _ => Fault::DelayReply(delay),
        }
    }
}

#[test]
fn cut_delayed_and_stalled_connections_lose_and_repeat_nothing() -> Result<()> {
    let (bench, proxy) = bench(2)?;
    let plan = Plan {
        workers: 2,
        seed: seed(),
        repeated: false,
        errors: &[],
    };
    let work = Workload::new(&bench.guests, plan)?;
    proxy.decide(trouble(chance(plan.seed)));
    work.begin()?;
    let mut chance = chance(plan.seed + 1);
    for _ in 0..amount(2, 60) {
        thread::sleep(Duration::from_millis(chance.random_range(1000..3000)));
        match chance.random_range(0..3) {
            0 => proxy.reset(),
            1 => {
                proxy.freeze(true);
                thread::sleep(Duration::from_millis(chance.random_range(100..3000)));
                proxy.freeze(false);
            }
            _ => {}
        }
    }
    // Where the machine is slow, something has to befall it, too.
    let end = Instant::now() + recovery(LEASE);
    while proxy.report().resent < 3 && Instant::now() < end {
        thread::sleep(Duration::from_millis(100));
    }
    work.end(recovery(LEASE))?;
    proxy.decide(|_| Fault::None);
    let compared = work.compare(Some(&bench.server.tree()?), true)?;
    let (done, report) = (work.done()?, proxy.report());
    say(&format!(
        "connections: seed {}, {} connections, {} replies and {} calls cut, {} delayed, {} calls \
         sent again; {done}; {compared}",
        plan.seed,
        report.connections,
        report.count("reply cut"),
        report.count("call cut"),
        report.count("call delayed") + report.count("reply delayed"),
        report.resent
    ));
    ensure!(report.resent > 0, "nothing was sent again: {report:?}");
    ensure!(done.operations > 100, "hardly any load: {done}");
    Ok(())
}

/// There is no reply cache that outlives the server, as on EFS: a rename that was done and not
/// answered is refused when it is sent to the next server. What was done stays done, once; but
/// Linux goes on with the file that was replaced until it hears of a change in the directory,
/// which the workload has to know.
#[test]
fn a_rename_that_is_sent_again_after_a_kill_is_refused_and_done_once() -> Result<()> {
    let (mut bench, proxy) = bench(1)?;
    let hand = bench.guests[0].python()?;
    hand.run("write('old', 'content'); write('new', 'replaced'); os.link('new', 'kept')")?;
    proxy.decide(
        |call: &Passing| match call.has(OpNum::OP_RENAME) && !call.again {
            true => Fault::Swallow,
            false => Fault::None,
        },
    );
    hand.begin("os.rename('old', 'new')")?;
    let swallowed = proxy.wait_swallowed(1, Duration::from_secs(30));
    ensure!(swallowed, "it did not come: {:?}", proxy.report());
    bench.server.kill()?;
    proxy.decide(|_| Fault::None);
    proxy.reset();
    bench.server.restart()?;
    let refused = hand.finish(recovery(LEASE));
    let error = refused.err().map(|error| error.to_string());
    ensure!(error.as_deref() == Some("ENOENT"), "{error:?}");
    let tree = bench.server.tree()?;
    let found = |name: &str| std::fs::read_to_string(tree.join(name));
    ensure!(found("new")? == "content" && found("kept")? == "replaced");
    hand.run("os.mkdir('again'); os.rmdir('again')")?;
    hand.run("assert read('new') == 'content'; os.truncate('new', 4)")?;
    ensure!(found("new")? == "cont" && found("kept")? == "replaced");
    hand.run("assert os.stat('new').st_nlink == os.stat('kept').st_nlink == 1")?;
    hand.run("assert sorted(os.listdir('.')) == ['kept', 'new']")?;
    Ok(())
}
