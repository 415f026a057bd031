//! Servers that are killed, restarted and paused under working clients.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use localefs_integration::bench::{Bench, amount};
use localefs_integration::guest::{EFS_OPTIONS, Guest};
use localefs_integration::server::ServerOptions;
use serde_json::json;

/// Lease and grace period of these servers, in seconds.
const LEASE: u32 = 6;

/// How long any one thing may take across a restart.
const RECOVERY: Duration = Duration::from_secs(60);

fn bench(guests: usize) -> Result<Bench> {
    Bench::start(
        ServerOptions {
            lease: LEASE,
            durable: true,
            ..ServerOptions::default()
        },
        guests,
    )
}

/// Alone, a client meets no grace period after its own reclaim, and its second
/// try carries the verifier of the first.
#[test]
fn exclusive_creation_survives_a_kill() -> Result<()> {
    let mut bench = bench(1)?;
    let creator = bench.guests[0].python()?;
    let kills = amount(4, 40);
    creator.begin(&format!(
        "
end, count = time.time() + {kills}, 0
while time.time() < end:
    os.close(os.open(f'{{count}}', os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640))
    count += 1
"
    ))?;
    for _ in 0..kills {
        thread::sleep(Duration::from_millis(600));
        bench.server.kill()?;
        bench.server.restart()?;
    }
    creator.finish(RECOVERY + Duration::from_secs(kills.into()))?;
    let wrong = creator.run("[name for name in os.listdir('.') if mode(name) != '640']")?;
    assert_eq!(wrong, json!([]));
    assert_eq!(creator.run("len(os.listdir('.')) == count")?, true);
    Ok(())
}

#[test]
fn data_that_was_not_yet_committed_is_sent_again() -> Result<()> {
    let mut bench = bench(1)?;
    let (guest, server) = (&bench.guests[0], &mut bench.server);
    let writer = guest.python()?;
    let rounds = amount(2, 10);
    for round in 0..rounds {
        writer.begin(&format!(
            "
file = os.open('large-{round}', os.O_CREAT | os.O_RDWR)
for part in range(24):
    os.pwrite(file, content(part, 1 << 20), part << 20)
    time.sleep(0.05)
os.fsync(file)
os.close(file)
"
        ))?;
        thread::sleep(Duration::from_millis(700));
        server.kill()?;
        server.restart()?;
        writer.finish(RECOVERY)?;
    }
    guest.drop_caches()?;
    for round in 0..rounds {
        writer.run(&format!(
            "
file = os.open('large-{round}', os.O_RDONLY)
for part in range(24):
    assert os.pread(file, 1 << 20, part << 20) == content(part, 1 << 20), part
os.close(file)
"
        ))?;
    }
    Ok(())
}

#[test]
fn locks_and_open_files_survive_a_kill() -> Result<()> {
    let mut bench = bench(2)?;
    let (guests, server) = (&bench.guests, &mut bench.server);
    let [holder, other] = [guests[0].python()?, guests[1].python()?];
    holder.run("file = open('posix', 'w+'); lock(file, 'write', 10, 20)")?;
    holder.run("flocked = open('flock', 'w+'); fcntl.flock(flocked, fcntl.LOCK_EX)")?;
    holder.run("gone = os.open('gone', os.O_CREAT | os.O_RDWR); os.write(gone, b'content')")?;
    holder.run("os.fsync(gone); os.unlink('gone')")?;
    holder.run("secret = os.open('secret', os.O_CREAT | os.O_RDWR); os.fchmod(secret, 0)")?;
    other.run("file, flocked = open('posix', 'r+'), open('flock', 'r+')")?;
    other.run("lock(file, 'read', 100, 10)")?;
    for round in 0..amount(2, 20) {
        server.kill()?;
        server.restart()?;
        // Whoever comes first meets the grace period; both must come through it.
        let sessions = if round % 2 == 0 {
            [&holder, &other]
        } else {
            [&other, &holder]
        };
        for session in sessions {
            session.run_within("os.stat('.'); os.listdir('.')", RECOVERY)?;
        }
        other.fails("lock(file, 'write', 0, 11)", "EAGAIN")?;
        other.run("lock(file, 'write', 30, 5); lock(file, 'none', 30, 5)")?;
        other.fails(
            "fcntl.flock(flocked, fcntl.LOCK_SH | fcntl.LOCK_NB)",
            "EAGAIN",
        )?;
        holder.fails("lock(file, 'write', 100, 1)", "EAGAIN")?;
        holder.run("os.pwrite(file.fileno(), b'written', 10); os.fsync(file)")?;
        assert_eq!(holder.text("os.pread(gone, 10, 0).decode()")?, "content");
        holder.run(&format!(
            "os.pwrite(secret, b'{round:04}', 0); os.fsync(secret)"
        ))?;
    }
    holder.run("lock(file, 'none'); flocked.close(); os.close(gone)")?;
    other.run("lock(file, 'write', 0, 50); fcntl.flock(flocked, fcntl.LOCK_EX)")?;
    assert_eq!(
        other.run("sorted(os.listdir('.'))")?,
        json!(["flock", "posix", "secret"])
    );
    Ok(())
}

#[test]
fn a_stop_in_order_is_as_good_as_a_kill() -> Result<()> {
    let mut bench = bench(1)?;
    let session = bench.guests[0].python()?;
    session.run("file = open('file', 'w+'); lock(file, 'write')")?;
    session.run("file.write('content'); file.flush()")?;
    let begin = Instant::now();
    let status = bench.server.stop()?;
    ensure!(status.success(), "{status}");
    ensure!(
        begin.elapsed() < Duration::from_secs(3),
        "stopping took {:?}",
        begin.elapsed()
    );
    bench.server.restart()?;
    session.run_within("os.fsync(file); lock(file, 'none')", RECOVERY)?;
    bench.guests[0].drop_caches()?;
    assert_eq!(session.text("read('file')")?, "content");
    Ok(())
}

#[test]
fn the_grace_period_ends_when_all_have_come_back() -> Result<()> {
    let lease = 40;
    let options = ServerOptions {
        lease,
        durable: true,
        ..ServerOptions::default()
    };
    let mut bench = Bench::start(options, 2)?;
    let sessions = [bench.guests[0].python()?, bench.guests[1].python()?];
    for session in &sessions {
        session.run("file = open(os.uname().nodename, 'w+'); lock(file, 'write')")?;
    }
    bench.server.kill()?;
    bench.server.restart()?;
    let begin = Instant::now();
    for session in &sessions {
        session.begin("os.stat('.'); open(f'new-{os.uname().nodename}', 'w')")?;
    }
    for session in &sessions {
        session.finish(RECOVERY)?;
    }
    let taken = begin.elapsed();
    ensure!(
        taken < Duration::from_secs(u64::from(lease) / 2),
        "new opens took {taken:?}"
    );
    Ok(())
}

#[test]
fn without_clients_on_record_there_is_no_grace_period() -> Result<()> {
    let lease = 40;
    let options = ServerOptions {
        lease,
        durable: true,
        ..ServerOptions::default()
    };
    let mut bench = Bench::start(options, 1)?;
    let guest = &bench.guests[0];
    guest.succeed("echo content > file")?;
    guest.unmount()?;
    bench.server.kill()?;
    bench.server.restart()?;
    let begin = Instant::now();
    guest.mount(EFS_OPTIONS)?;
    let session = guest.python()?;
    session.run("file = open('/mnt/efs/file', 'r+'); lock(file, 'write')")?;
    assert_eq!(session.text("file.read()")?, "content\n");
    let taken = begin.elapsed();
    ensure!(
        taken < Duration::from_secs(8),
        "mount, open and lock took {taken:?}"
    );
    Ok(())
}

#[test]
fn a_server_that_was_paused_for_two_leases_expires_nobody() -> Result<()> {
    let bench = bench(2)?;
    let [holder, other] = [bench.guests[0].python()?, bench.guests[1].python()?];
    holder.run("file = open('lock', 'w+'); lock(file, 'write')")?;
    other.run("file = open('lock', 'r+')")?;
    other.fails("lock(file, 'write')", "EAGAIN")?;
    bench.server.pause()?;
    holder.begin("file.write('through'); file.flush(); os.fsync(file)")?;
    other.begin("write('waited', 'content')")?;
    thread::sleep(2 * bench.server.lease());
    bench.server.resume()?;
    other.finish(RECOVERY)?;
    holder.finish(RECOVERY)?;
    for _ in 0..5 {
        other.fails("lock(file, 'write')", "EAGAIN")?;
        thread::sleep(Duration::from_millis(500));
    }
    holder.run("file.write(' all'); file.flush(); os.fsync(file); lock(file, 'none')")?;
    other.run("lock(file, 'write')")?;
    assert_eq!(other.text("read('lock')")?, "through all");
    assert_eq!(holder.text("read('waited')")?, "content");
    Ok(())
}

#[test]
fn handles_stay_valid_over_restarts_while_names_change() -> Result<()> {
    let mut bench = bench(2)?;
    let [holder, other] = [bench.guests[0].python()?, bench.guests[1].python()?];
    holder.run("os.makedirs('a/b/c'); write('a/b/c/file', 'content'); os.chdir('a/b/c')")?;
    holder.run("file = os.open('file', os.O_RDONLY)")?;
    other.run("os.rename('a/b', 'moved'); os.rename('moved/c/file', 'moved/renamed')")?;
    bench.server.kill()?;
    bench.server.restart()?;
    holder.run_within("write('new', 'from inside')", RECOVERY)?;
    assert_eq!(holder.text("os.pread(file, 10, 0).decode()")?, "content");
    assert_eq!(other.text("read('moved/c/new')")?, "from inside");
    assert_eq!(other.run("os.listdir('a')")?, json!([]));
    other.run("os.unlink('moved/renamed'); os.unlink('moved/c/new'); os.rmdir('moved/c')")?;
    bench.server.kill()?;
    bench.server.restart()?;
    holder.begin("os.listdir('.')")?;
    let Err(error) = holder.finish(RECOVERY) else {
        anyhow::bail!("a directory that was removed can still be listed");
    };
    let text = error.to_string();
    ensure!(text == "ESTALE" || text == "ENOENT", "{text}");
    Ok(())
}

/// A client that knows nothing of a restart, seen from a client that does.
#[test]
fn a_client_that_sleeps_through_a_restart_comes_back() -> Result<()> {
    let mut bench = bench(2)?;
    let sleeper: &Guest = &bench.guests[0];
    let session = sleeper.python()?;
    session.run("file = open('file', 'w+'); lock(file, 'write')")?;
    sleeper.cut()?;
    bench.server.kill()?;
    bench.server.restart()?;
    thread::sleep(bench.server.lease() + Duration::from_secs(2));
    let other = bench.guests[1].python()?;
    other.run_within("file = open('file', 'r+')", RECOVERY)?;
    other.run_within("lock(file, 'write', wait=True)", RECOVERY)?;
    sleeper.rejoin()?;
    session.run_within("os.listdir('.')", Duration::from_secs(90))?;
    session.fails("lock(open('file', 'r+'), 'write')", "EAGAIN")?;
    session.run("write('after', 'content')")?;
    assert_eq!(other.text("read('after')")?, "content");
    Ok(())
}
