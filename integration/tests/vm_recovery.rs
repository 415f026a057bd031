//! Servers that are killed, restarted and paused under working clients.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use localefs_integration::bench::{Bench, amount};
use localefs_integration::guest::{EFS_OPTIONS, Guest};
use localefs_integration::server::ServerOptions;
use serde_json::json;

/// Lease and grace period of these servers, in seconds.
const LEASE: u32 = 8;

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

/// Work with a model of what was acknowledged.
///
/// A reply that the kill swallowed is the one thing that a client cannot know:
/// it asks again, and what has been done already then fails. That holds for
/// O_EXCL too: after an error of the grace period the kernel takes a new verifier.
const LOAD: &str = "
def once(operation, *done):
    try:
        operation()
    except OSError as error:
        if error.errno not in done:
            raise

def load(top, seconds, seed):
    chance = random.Random(seed)
    model, directories, count, slowest = {}, [top], 0, 0
    once(lambda: os.mkdir(top))
    end = time.time() + seconds
    while time.time() < end:
        begin = time.time()
        count += 1
        kind = chance.random()
        if kind < 0.45 or len(model) < 4:
            path = f'{chance.choice(directories)}/file-{count}'
            size = chance.choice((0, 10, 5_000, 300_000))
            once(lambda: os.close(os.open(path, os.O_CREAT | os.O_EXCL)), errno.EEXIST)
            file = os.open(path, os.O_WRONLY)
            os.write(file, content(count, size)) if size else None
            os.fsync(file) if chance.random() < 0.3 else None
            os.close(file)
            model[path] = (count, size)
        elif kind < 0.60:
            old = chance.choice(sorted(model))
            new = f'{chance.choice(directories)}/moved-{count}'
            once(lambda: os.rename(old, new), errno.ENOENT)
            model[new] = model.pop(old)
        elif kind < 0.75:
            path = chance.choice(sorted(model))
            once(lambda: os.unlink(path), errno.ENOENT)
            del model[path]
        elif kind < 0.85:
            path = f'{top}/directory-{count}'
            once(lambda: os.mkdir(path), errno.EEXIST)
            directories.append(path)
        else:
            path = chance.choice(sorted(model))
            seed, size = model[path]
            assert open(path, 'rb').read() == content(seed, size), path
        slowest = max(slowest, time.time() - begin)
    return model, directories, count, slowest

def check(top, model, directories):
    found = {}
    for place, inside, files in os.walk(top):
        assert place in directories, place
        found.update({f'{place}/{name}': None for name in files})
    assert sorted(found) == sorted(model), set(found) ^ set(model)
    for path, (seed, size) in model.items():
        assert open(path, 'rb').read() == content(seed, size), path
    assert len(list(os.walk(top))) == len(directories)
";

#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed_under_load() -> Result<()> {
    let mut bench = bench(2)?;
    let kills = amount(3, 20);
    let (guests, server) = (&bench.guests, &mut bench.server);
    let workers = [
        guests[0].python()?,
        guests[0].python()?,
        guests[1].python()?,
    ];
    let seconds = 3 * kills + 1;
    for (worker, number) in workers.iter().zip(0..) {
        worker.run(LOAD)?;
        worker.begin(&format!(
            "model, directories, count, slowest = load('tree-{number}', {seconds}, {number})"
        ))?;
    }
    for _ in 0..kills {
        thread::sleep(Duration::from_secs(2));
        server.kill()?;
        thread::sleep(Duration::from_millis(300));
        server.restart()?;
    }
    for worker in &workers {
        worker.finish(Duration::from_secs(u64::from(seconds)) + RECOVERY)?;
        let slowest = worker.run("slowest")?.as_f64().unwrap_or(f64::MAX);
        ensure!(
            slowest < 2.0 * f64::from(LEASE) + 10.0,
            "one operation took {slowest:.1} s"
        );
        ensure!(
            worker.number("count")? > i64::from(kills) * 20,
            "hardly any load"
        );
    }
    for guest in guests {
        guest.drop_caches()?;
    }
    for (worker, number) in workers.iter().zip(0..) {
        worker.run(&format!("check('tree-{number}', model, directories)"))?;
    }
    // Another client sees the same, and so does the next server.
    server.kill()?;
    server.restart()?;
    let model = workers[0].run("{path: list(value) for path, value in model.items()}")?;
    let directories = workers[0].run("directories")?;
    let other = guests[1].python()?;
    other.run(LOAD)?;
    let model = guests[1].share("model", serde_json::to_string(&model)?.as_bytes())?;
    other.run(&format!(
        "check('tree-0', json.load(open('{model}')), {directories})"
    ))?;
    Ok(())
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
