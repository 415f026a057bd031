//! Two clients of one file: what they see of each other, and their locks.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use localefs_integration::bench::{Bench, amount};
use localefs_integration::server::ServerOptions;
use serde_json::json;

/// How long the kernel may sleep between two tries for a lock.
const POLLING: Duration = Duration::from_secs(40);

#[test]
fn what_one_client_closed_the_other_opens() -> Result<()> {
    let bench = Bench::two()?;
    let sessions = [bench.guests[0].python()?, bench.guests[1].python()?];
    sessions[0].run("write('file', 'start')")?;
    for round in 0..amount(50, 1000) {
        let writer = &sessions[round as usize % 2];
        let reader = &sessions[(round as usize + 1) % 2];
        let text = format!("round {round} of many, {}", "x".repeat(round as usize % 60));
        writer.run(&format!("write('file', '{text}')"))?;
        assert_eq!(reader.text("read('file')")?, text);
        // The same length at the same time: only the change attribute tells.
        writer.run(&format!("write('file', '{}', 'r+b')", text.to_uppercase()))?;
        assert_eq!(reader.text("read('file')")?, text.to_uppercase());
        writer.run(&format!(
            "write('new-{round}', ''); os.rename('new-{round}', 'name')"
        ))?;
        reader.run("os.open('name', os.O_RDONLY)")?;
    }
    Ok(())
}

#[test]
fn exclusive_creation_has_one_winner() -> Result<()> {
    let bench = Bench::two()?;
    let sessions = [bench.guests[0].python()?, bench.guests[1].python()?];
    // The kernel tells one O_EXCL from another by its clock tick and the process's
    // number, and two machines that boot side by side can agree in both.
    sessions[1].run("while os.getpid() % 2 == 0: os.fork() and os._exit(os.wait()[1])")?;
    sessions[0].run("while os.getpid() % 2 == 1: os.fork() and os._exit(os.wait()[1])")?;
    for session in &sessions {
        session.begin(
            "
won = set()
for i in range(300):
    try:
        os.close(os.open(f'{i}', os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        won.add(i)
    except FileExistsError:
        pass
",
        )?;
    }
    let mut total = 0;
    for session in &sessions {
        session.finish(Duration::from_secs(60))?;
        total += session.number("len(won)")?;
    }
    assert_eq!(total, 300);
    assert_eq!(sessions[0].number("len(os.listdir('.'))")?, 300);
    Ok(())
}

#[test]
fn flock_excludes_the_other_client() -> Result<()> {
    let bench = Bench::two()?;
    let [one, two] = [bench.guests[0].python()?, bench.guests[1].python()?];
    one.run("file = open('lock', 'w+')")?;
    two.run("file = open('lock', 'r+')")?;
    one.run("fcntl.flock(file, fcntl.LOCK_EX)")?;
    two.fails("fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)", "EAGAIN")?;
    two.fails("fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)", "EAGAIN")?;
    one.run("fcntl.flock(file, fcntl.LOCK_SH)")?;
    two.run("fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)")?;
    one.fails("fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)", "EAGAIN")?;
    two.run("fcntl.flock(file, fcntl.LOCK_UN)")?;
    one.run("fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)")?;
    two.begin("fcntl.flock(file, fcntl.LOCK_EX)")?;
    ensure!(
        two.runs_for(Duration::from_secs(2)),
        "the lock is held and was granted"
    );
    one.run("file.close()")?;
    two.finish(POLLING)?;
    Ok(())
}

#[test]
fn fcntl_locks_exclude_by_range() -> Result<()> {
    let bench = Bench::two()?;
    let [one, two] = [bench.guests[0].python()?, bench.guests[1].python()?];
    one.run("file = open('lock', 'w+'); lock(file, 'write', 0, 10)")?;
    two.run("file = open('lock', 'r+'); lock(file, 'write', 10, 10)")?;
    two.fails("lock(file, 'write', 5, 10)", "EAGAIN")?;
    two.fails("lock(file, 'read', 0, 1)", "EAGAIN")?;
    one.fails("lock(file, 'read', 0, 0)", "EAGAIN")?;
    // The middle of a range unlocked, then one part made a read lock.
    one.run("lock(file, 'none', 4, 2); lock(file, 'read', 0, 4)")?;
    two.run("lock(file, 'write', 4, 2)")?;
    two.run("lock(file, 'read', 0, 4)")?;
    two.fails("lock(file, 'write', 0, 4)", "EAGAIN")?;
    two.fails("lock(file, 'read', 6, 1)", "EAGAIN")?;
    one.fails("lock(file, 'write', 0, 4)", "EAGAIN")?;
    two.run("lock(file, 'none', 0, 4)")?;
    one.run("lock(file, 'write', 0, 4)")?;
    // The end of the file and beyond.
    one.run("lock(file, 'write', 1 << 40, 0)")?;
    two.fails("lock(file, 'write', (1 << 62), 1)", "EAGAIN")?;
    two.begin("lock(file, 'write', 0, 10, wait=True)")?;
    ensure!(
        two.runs_for(Duration::from_secs(2)),
        "the lock is held and was granted"
    );
    one.run("lock(file, 'none')")?;
    two.finish(POLLING)?;
    Ok(())
}

#[test]
fn a_conflict_names_range_and_kind_of_the_lock() -> Result<()> {
    let bench = Bench::two()?;
    let [one, two] = [bench.guests[0].python()?, bench.guests[1].python()?];
    one.run("file = open('lock', 'w+'); lock(file, 'write', 100, 50)")?;
    two.run("file = open('lock', 'r+')")?;
    two.run(
        "
import struct
def conflict(kind, start, length):
    ask = struct.pack('hhqqi4x', kind, os.SEEK_SET, start, length, 0)
    found = struct.unpack('hhqqi4x', fcntl.fcntl(file, fcntl.F_GETLK, ask))
    return [found[0], found[2], found[3]]
",
    )?;
    let found = two.run("conflict(fcntl.F_RDLCK, 0, 1000) == [fcntl.F_WRLCK, 100, 50]")?;
    assert_eq!(found, true);
    assert_eq!(
        two.run("conflict(fcntl.F_WRLCK, 0, 100)[0] == fcntl.F_UNLCK")?,
        true
    );
    one.run("lock(file, 'read', 100, 50)")?;
    assert_eq!(
        two.run("conflict(fcntl.F_RDLCK, 0, 1000)[0] == fcntl.F_UNLCK")?,
        true
    );
    assert_eq!(
        two.run("conflict(fcntl.F_WRLCK, 149, 0) == [fcntl.F_RDLCK, 100, 50]")?,
        true
    );
    Ok(())
}

#[test]
fn counting_under_a_lock_loses_nothing() -> Result<()> {
    let bench = Bench::two()?;
    let sessions = [bench.guests[0].python()?, bench.guests[1].python()?];
    sessions[0].run("write('counter', '0')")?;
    let rounds = amount(40, 400);
    for session in &sessions {
        session.begin(&format!(
            "
file = os.open('counter', os.O_RDWR)
for i in range({rounds}):
    while True:
        try:
            lock(file, 'write')
            break
        except OSError:
            time.sleep(0.01)
    value = int(os.pread(file, 10, 0))
    os.pwrite(file, b'%d' % (value + 1), 0)
    lock(file, 'none')
    time.sleep(0.002)
"
        ))?;
    }
    for session in &sessions {
        session.finish(Duration::from_secs(300))?;
    }
    // A client that has a file open for writing trusts its cache, but for a lock.
    for session in &sessions {
        session.run("lock(file, 'write', wait=True)")?;
        let total = session.number("int(os.pread(file, 10, 0))")?;
        session.run("lock(file, 'none')")?;
        assert_eq!(total, i64::from(2 * rounds));
    }
    Ok(())
}

#[test]
fn a_closed_file_and_a_dead_process_leave_no_lock() -> Result<()> {
    let bench = Bench::two()?;
    let two = bench.guests[1].python()?;
    two.run("file = open('lock', 'w+')")?;
    for ending in ["file.close()", "os.kill(os.getpid(), 9)"] {
        let one = bench.guests[0].python()?;
        one.run("file = open('lock', 'r+'); lock(file, 'write')")?;
        two.fails("lock(file, 'write')", "EAGAIN")?;
        one.begin(ending)?;
        let end = Instant::now() + Duration::from_secs(10);
        while two.run("lock(file, 'write')").is_err() {
            ensure!(
                Instant::now() < end,
                "the lock is still there after {ending}"
            );
            thread::sleep(Duration::from_millis(50));
        }
        two.run("lock(file, 'none')")?;
    }
    Ok(())
}

#[test]
fn a_client_that_is_cut_off_loses_its_lock_when_the_lease_is_over() -> Result<()> {
    let lease = 6;
    let bench = Bench::start(
        ServerOptions {
            lease,
            ..ServerOptions::default()
        },
        2,
    )?;
    let [lost, other] = [bench.guests[0].python()?, bench.guests[1].python()?];
    lost.run("file = open('lock', 'w+'); lock(file, 'write'); held = open('held', 'w+')")?;
    lost.run("file.write('mine'); file.flush(); os.fsync(file)")?;
    lost.run("lock(held, 'write')")?;
    other.run("file = open('lock', 'r+')")?;
    other.fails("lock(file, 'write')", "EAGAIN")?;
    bench.guests[0].cut()?;
    let cut = Instant::now();
    while let Err(error) = other.run("lock(file, 'write')") {
        ensure!(format!("{error:#}").contains("EAGAIN"), "{error:#}");
        ensure!(
            cut.elapsed() < Duration::from_secs(60),
            "the lease never ends"
        );
        thread::sleep(Duration::from_millis(100));
    }
    // The last renewal may be as old as two thirds of the lease.
    let taken = cut.elapsed().as_secs_f64();
    ensure!(
        taken > f64::from(lease) / 4.0,
        "taken after {taken:.1} s of a {lease} s lease"
    );
    ensure!(
        taken < f64::from(lease) * 2.0 + 2.0,
        "taken only after {taken:.1} s"
    );
    other.run("file.seek(0); file.write('theirs'); file.flush(); os.fsync(file)")?;
    bench.guests[0].rejoin()?;
    // The client learns of its loss: the lock that was taken is gone for good,
    // and it goes on working.
    lost.begin("write('back', 'again')")?;
    lost.finish(Duration::from_secs(90))?;
    lost.fails("os.write(file.fileno(), b'x') and os.fsync(file)", "EIO")?;
    lost.run("fresh = open('lock', 'r+')")?;
    lost.fails("lock(fresh, 'write')", "EAGAIN")?;
    assert_eq!(other.text("read('lock')")?, "theirs");
    assert_eq!(other.text("read('back')")?, "again");
    other.run("lock(file, 'none')")?;
    lost.run("lock(fresh, 'write')")?;
    assert_eq!(
        lost.run("sorted(os.listdir('.'))")?,
        json!(["back", "held", "lock"])
    );
    Ok(())
}
