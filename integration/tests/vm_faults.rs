//! Faults that users ask for, as an application on a Linux client meets them.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use localefs_integration::bench::Bench;
use localefs_integration::server::{Server, ServerOptions};

/// How long anything may take once nothing is in its way.
const PATIENCE: Duration = Duration::from_secs(60);

fn fault(bench: &Bench, line: &str) -> Result<String> {
    bench.server.fault(&line.split(' ').collect::<Vec<_>>())
}

fn fired(server: &Server, id: &str) -> Result<u64> {
    Ok(server.fault_status(id)?["fired"]
        .as_u64()
        .unwrap_or_default())
}

#[test]
fn applications_get_the_error_of_the_write_and_other_files_are_fine() -> Result<()> {
    let bench = Bench::one()?;
    let session = bench.guest().python()?;
    session.run("os.mkdir('mark'); write('mark/old', 'kept'); write('free', '')")?;
    session.run(
        "
def store(path, data):
    file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.write(file, data)
        os.fsync(file)
    finally:
        os.close(file)
",
    )?;
    for (status, errno) in [("IO", "EIO"), ("NOSPC", "ENOSPC"), ("DQUOT", "EDQUOT")] {
        let line = format!("error --operation WRITE --path /mark/** --status {status}");
        let id = fault(&bench, &line)?;
        session.fails("store('mark/new', b'lost')", errno)?;
        session.fails("store('mark/old', b'LOST')", errno)?;
        session.run(&format!("store('free', b'{status}')"))?;
        assert_eq!(session.text("read('free')")?, status);
        ensure!(fired(&bench.server, &id)? >= 2, "{status} did not strike");
        fault(&bench, &format!("clear {}", id.trim()))?;
        session.run("os.unlink('mark/new'); os.truncate('free', 0)")?;
    }
    bench.guest().drop_caches()?;
    assert_eq!(session.text("read('mark/old')")?, "kept");
    session.run("store('mark/new', b'found')")?;
    assert_eq!(session.text("read('mark/new')")?, "found");
    Ok(())
}

#[test]
fn errors_of_names_and_reads_reach_applications() -> Result<()> {
    let bench = Bench::one()?;
    let session = bench.guest().python()?;
    session.run("os.mkdir('d'); write('d/f', 'content')")?;
    for (operation, path, status, statement, errno) in [
        ("OPEN", "/d/new", "DQUOT", "write('d/new', '')", "EDQUOT"),
        ("CREATE", "/d/**", "NOSPC", "os.mkdir('d/e')", "ENOSPC"),
        ("REMOVE", "/d/f", "ACCESS", "os.unlink('d/f')", "EACCES"),
        ("RENAME", "/d/f", "ROFS", "os.rename('d/f', 'g')", "EROFS"),
        ("READ", "/d/*", "IO", "read('d/f')", "EIO"),
        ("SETATTR", "/d/f", "PERM", "os.chmod('d/f', 0o600)", "EPERM"),
    ] {
        bench.guest().drop_caches()?;
        let line = format!("error --operation {operation} --path {path} --status {status}");
        fault(&bench, &line)?;
        session.fails(statement, errno)?;
        fault(&bench, "clear")?;
    }
    bench.guest().drop_caches()?;
    assert_eq!(session.text("read('d/f')")?, "content");
    assert_eq!(session.text("' '.join(os.listdir('d'))")?, "f");
    // A client that is told to come again does, until it succeeds.
    let id = fault(&bench, "error --operation OPEN --status DELAY --count 2")?;
    session.run_within("write('d/new', 'patience')", PATIENCE)?;
    assert_eq!(fired(&bench.server, &id)?, 2);
    Ok(())
}

#[test]
fn latency_is_felt_and_ends() -> Result<()> {
    const ADDED: Duration = Duration::from_millis(300);
    let bench = Bench::one()?;
    let session = bench.guest().python()?;
    session.run("file = os.open('f', os.O_RDWR | os.O_CREAT)")?;
    let id = fault(&bench, "latency --class data-write --add 300ms")?;
    let begin = Instant::now();
    session.run("for n in range(3): os.pwrite(file, b'x', n); os.fsync(file)")?;
    let slow = begin.elapsed();
    ensure!(slow >= 3 * ADDED, "three writes take {slow:?}");
    ensure!(
        fired(&bench.server, &id)? >= 3,
        "it struck less than three times"
    );
    // What waits when it is cleared goes on.
    fault(&bench, "clear")?;
    fault(&bench, "latency --add 10m")?;
    session.begin("os.pwrite(file, b'y', 9); os.fsync(file)")?;
    ensure!(session.runs_for(Duration::from_secs(1)), "it does not wait");
    fault(&bench, "clear")?;
    session.finish(PATIENCE)?;
    // The latencies of EFS are short, and all works with them.
    fault(&bench, "latency --preset efs")?;
    session.run("for n in range(20): write(f'n{n}', 'x')")?;
    assert_eq!(session.number("len(os.listdir())")?, 21);
    Ok(())
}

#[test]
fn a_frozen_mount_target_hangs_and_then_goes_on_without_loss() -> Result<()> {
    let bench = Bench::two()?;
    let sessions = [bench.guests[0].python()?, bench.guests[1].python()?];
    for (session, name) in sessions.iter().zip(["a", "b"]) {
        session.run(&format!("file = os.open('{name}', os.O_RDWR | os.O_CREAT)"))?;
    }
    fault(&bench, "freeze")?;
    for session in &sessions {
        session.begin("os.pwrite(file, content(1, 200_000), 0); os.fsync(file)")?;
    }
    for session in &sessions {
        ensure!(session.runs_for(Duration::from_secs(3)), "it does not hang");
    }
    fault(&bench, "unfreeze")?;
    for session in &sessions {
        session.finish(PATIENCE)?;
    }
    bench.guests[0].drop_caches()?;
    for name in ["a", "b"] {
        let same = sessions[0].run(&format!(
            "digest('{name}') == hashlib.sha256(content(1, 200_000)).hexdigest()"
        ))?;
        assert_eq!(same, true, "{name}");
    }
    Ok(())
}

/// Every operation here fails if it is done twice, and what it made is there if it was done.
#[test]
fn resets_lose_and_double_nothing() -> Result<()> {
    let bench = Bench::start(
        ServerOptions {
            lease: 30,
            ..ServerOptions::default()
        },
        1,
    )?;
    let session = bench.guest().python()?;
    session.run(
        "
def work(seconds):
    count, end = 0, time.time() + seconds
    while time.time() < end:
        count += 1
        os.mkdir(f'd{count}')
        file = os.open(f'd{count}/f', os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND)
        os.write(file, b'one')
        os.fsync(file)
        os.write(file, b'two')
        os.close(file)
        os.rename(f'd{count}/f', f'd{count}/g')
        os.link(f'd{count}/g', f'd{count}/h')
        os.unlink(f'd{count}/g')
    return count
",
    )?;
    // Linux waits for some seconds before it connects again.
    let id = fault(&bench, "reset --every 1500ms")?;
    fault(&bench, "latency --add 2ms --jitter 5ms --probability 0.3")?;
    session.begin("count = work(12)")?;
    session.finish(PATIENCE)?;
    let resets = fired(&bench.server, &id)?;
    ensure!(resets >= 2, "only {resets} connections were reset");
    fault(&bench, "clear")?;
    bench.guest().drop_caches()?;
    session.run_within(
        "
assert sorted(os.listdir()) == sorted(f'd{n}' for n in range(1, count + 1)), os.listdir()
for n in range(1, count + 1):
    assert os.listdir(f'd{n}') == ['h'], os.listdir(f'd{n}')
    assert read(f'd{n}/h') == 'onetwo', (n, read(f'd{n}/h'))
    assert os.stat(f'd{n}/h').st_nlink == 1
",
        PATIENCE,
    )?;
    ensure!(session.number("count")? > 5, "next to nothing was done");
    Ok(())
}

/// Bounds are wide: what is limited can't be faster, and a loaded machine may be slower.
#[test]
fn throughput_is_limited_and_credits_run_out() -> Result<()> {
    let bench = Bench::one()?;
    let session = bench.guest().python()?;
    session.run(
        "
data = content(1, 1 << 20)
file = os.open('f', os.O_RDWR | os.O_CREAT)
def store(mib):
    begin = time.time()
    for at in range(mib):
        os.pwrite(file, data, at << 20)
        os.fsync(file)
    return int((time.time() - begin) * 1000)
",
    )?;
    let id = fault(
        &bench,
        "throughput --mib-per-second 2 --burst-credits 8MiB --burst-mib-per-second 50",
    )?;
    let credits = |server: &Server| -> Result<u64> {
        let status = server.fault_status(&id)?;
        Ok(status["burst_credit_balance"].as_u64().unwrap_or(u64::MAX))
    };
    assert_eq!(credits(&bench.server)?, 8 << 20);
    let begin = Instant::now();
    session.run_within("store(7)", PATIENCE)?;
    let burst = begin.elapsed();
    ensure!(credits(&bench.server)? < 8 << 20, "nothing was spent");
    // 8 MiB of credit at first, less than 1 left by now but for what was earned meanwhile.
    let begin = Instant::now();
    session.run_within("store(12)", PATIENCE)?;
    let slow = begin.elapsed();
    let earned = Duration::from_millis(1500) + burst;
    ensure!(
        slow + earned >= Duration::from_secs(6),
        "12 MiB in {slow:?} after {burst:?}"
    );
    ensure!(slow < Duration::from_secs(30), "12 MiB take {slow:?}");
    ensure!(credits(&bench.server)? < 2 << 20, "credits are left");
    // Reads are metered at a third.
    bench.guest().drop_caches()?;
    let begin = Instant::now();
    session.run_within("len(os.pread(file, 12 << 20, 0))", PATIENCE)?;
    let read = begin.elapsed();
    ensure!(
        read >= Duration::from_millis(1200),
        "12 MiB are read in {read:?}"
    );
    fault(&bench, "clear")?;
    let begin = Instant::now();
    session.run_within("store(12)", PATIENCE)?;
    let free = begin.elapsed();
    ensure!(free < slow, "as slow without limits: {free:?}, {slow:?}");
    Ok(())
}
