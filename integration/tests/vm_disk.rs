//! Disks that are full, over their quota, fail, or lose what was written: clients are told, what
//! was acknowledged stays, and work goes on afterwards.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use localefs_integration::bench::{Bench, amount};
use localefs_integration::disk::DiskKind;
use localefs_integration::disk_errors::{Rule, calls};
use localefs_integration::python::Python;
use localefs_integration::server::ServerOptions;
use localefs_integration::workload::{Plan, Workload, recovery, say, seed};
use rustix::io::Errno;

const LEASE: u32 = 6;

/// A user without any right on the machine.
const NOBODY: u32 = 65534;

/// Time for some hundred operations.
const WORK: Duration = Duration::from_secs(120);

fn options(disk: Option<DiskKind>) -> ServerOptions {
    ServerOptions {
        lease: LEASE,
        durable: true,
        disk,
        ..ServerOptions::default()
    }
}

/// Works before, while the disk is full, over a restart while it is full, and afterwards.
fn full(options: ServerOptions, owners: bool, what: &str) -> Result<()> {
    let mut bench = Bench::start(options, 1)?;
    let (guests, server) = (&bench.guests, &mut bench.server);
    let plan = Plan {
        workers: 2,
        seed: seed(),
        repeated: true,
        errors: &["ENOSPC"],
    };
    let (few, steps) = (amount(35, 1500), amount(70, 1500));
    let work = Workload::new(guests, plan)?;
    work.steps(few, WORK)?;
    let free = work.done()?;
    ensure!(free.failed == 0, "errors on a disk with room: {free}");
    let writer = guests[0].python()?;
    writer.run("file = os.open('acknowledged', os.O_CREAT | os.O_RDWR); os.write(file, content(1, 200_000)); os.fsync(file)")?;
    writer.run("big = os.open('big', os.O_CREAT | os.O_RDWR)")?;

    server.disk()?.fill(0)?;
    // An application hears it by its name, at the latest from fsync.
    writer.fails(
        "os.write(big, content(2, 4 << 20)); os.fsync(big)",
        "ENOSPC",
    )?;
    let made = created_or_refused(&writer, &server.tree()?)?;
    // What was removed before, and what the ballast has reserved for itself in vain, comes free when
    // the disk writes.
    for _ in 0..ROUNDS {
        server.disk()?.fill(0)?;
        work.steps(steps, WORK)?;
        if work.done()?.failed > 0 {
            break;
        }
    }
    let on_full = work.done()?.failed;
    ensure!(on_full > 0, "no operation failed on a full disk");
    // The server's own records are on the same disk.
    server.kill()?;
    server.restart().context("on a full disk")?;
    work.steps(few, WORK + recovery(LEASE))?;
    writer.run("assert os.pread(file, 1 << 20, 0) == content(1, 200_000)")?;

    server.disk()?.relieve()?;
    let before = work.done()?.failed;
    writer.run("os.unlink('big'); [os.unlink(name) for name in made]")?;
    work.steps(few, WORK)?;
    let after = work.done()?.failed - before;
    ensure!(after == 0, "{after} operations failed with room again");
    server.kill()?;
    server.restart()?;
    let compared = work.compare(Some(&server.tree()?), owners)?;
    writer.run("assert os.pread(file, 1 << 20, 0) == content(1, 200_000)")?;
    let done = work.done()?;
    say(&format!(
        "{what}: seed {}; {made} of {CREATIONS} files created; {done}; {compared}",
        plan.seed
    ));
    Ok(())
}

/// How often the disk is filled again, if there was room for all that was done.
const ROUNDS: usize = 5;

/// More files than the blocks of a directory have room for, with names of 200 octets.
const CREATIONS: usize = 60;

/// Creates files where the disk is full: each is there, or was refused and left no name, neither
/// for the client nor in the tree that is served. How many are there.
fn created_or_refused(hand: &Python<'_>, tree: &Path) -> Result<usize> {
    hand.run(&format!(
        r"
def create(name):
    try:
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o640))
        return True
    except OSError as error:
        assert error.errno == errno.ENOSPC, error
names = ['%03d' % number + 'n' * 197 for number in range({CREATIONS})]
made = [name for name in names if create(name)]
"
    ))?;
    hand.run("assert sorted(set(os.listdir('.')) & set(names)) == made")?;
    let made: Vec<String> = serde_json::from_value(hand.run("made")?)?;
    let mut served = Vec::new();
    for entry in std::fs::read_dir(tree)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(&"n".repeat(197)) {
            served.push(name);
        }
    }
    served.sort();
    ensure!(
        served == made,
        "{made:?} were created, there are {served:?}"
    );
    Ok(made.len())
}

#[test]
fn a_full_disk_is_told_and_loses_nothing() -> Result<()> {
    full(
        options(Some(DiskKind::Ext4(24))),
        true,
        "full ext4, native ownership",
    )
}

#[test]
fn a_full_disk_loses_nothing_of_a_server_without_privilege() -> Result<()> {
    let options = ServerOptions {
        user: Some(NOBODY),
        ..options(Some(DiskKind::Ext4(24)))
    };
    full(options, false, "full ext4, shadow ownership")
}

#[test]
fn a_full_tmpfs_is_told_and_loses_nothing() -> Result<()> {
    full(options(Some(DiskKind::Tmpfs(24))), true, "full tmpfs")
}

/// EDQUOT, not ENOSPC. On Btrfs, as quotas of ext4 and XFS are seldom in a kernel.
#[test]
fn a_quota_is_told() -> Result<()> {
    let bench = Bench::start(options(Some(DiskKind::BtrfsQuota(24))), 1)?;
    let writer = bench.guest().python()?;
    writer.run(
        "write('kept', content(1, 1 << 20)); file = os.open('file', os.O_CREAT | os.O_RDWR)",
    )?;
    writer.fails(
        "os.write(file, content(2, 40 << 20)); os.fsync(file)",
        "EDQUOT",
    )?;
    // Btrfs needs some of the quota to remove anything, too: somebody has to raise it.
    bench.server.disk()?.set_quota(128)?;
    writer.run("os.pwrite(file, content(3, 1 << 20), 0); os.fsync(file)")?;
    bench.guest().drop_caches()?;
    writer.run("assert open('kept', 'rb').read() == content(1, 1 << 20)")?;
    writer.run("assert os.pread(file, 1 << 20, 0) == content(3, 1 << 20)")?;
    Ok(())
}

/// Calls of every kind fail now and then, in the tree and in the server's own records.
fn failing(options: ServerOptions, owners: bool, what: &str) -> Result<()> {
    let options = ServerOptions {
        disk_errors: true,
        ..options
    };
    let mut bench = Bench::start(options, 1)?;
    let (guests, server) = (&bench.guests, &mut bench.server);
    let plan = Plan {
        workers: 2,
        seed: seed(),
        repeated: true,
        errors: &["EIO"],
    };
    let work = Workload::new(guests, plan)?;
    work.steps(100, WORK)?;
    ensure!(work.done()?.failed == 0, "errors before there were any");
    let kinds = [
        (calls::WRITE, 9),
        (calls::SYNC, 5),
        (calls::TRUNCATE, 3),
        (calls::CREATE, 7),
        (calls::OPEN, 23),
        (calls::LINK, 5),
        (calls::RENAME, 5),
        (calls::UNLINK, 5),
        (calls::SET, 9),
    ];
    let (mut calls_failed, mut seen) = (0, 0);
    // One kind after the other: what undoes a failure must not fail itself.
    for (kind, every) in kinds {
        let rule = Rule::new(kind, Errno::IO, "/data/").every(every);
        let before = work.done()?.failed;
        let mut failed = 0;
        // By chance there may be fewer calls of a kind than it takes for one to fail.
        for _ in 0..8 {
            server.disk_errors()?.set(std::slice::from_ref(&rule))?;
            work.steps(amount(45, 1000), WORK)?;
            failed = server.disk_errors()?.clear()?[0];
            if failed > 0 {
                break;
            }
        }
        let told = work.done()?.failed - before;
        ensure!(failed > 0, "no call of kind {kind} failed");
        calls_failed += failed;
        seen += told;
    }
    let during = work.done()?.failed;
    ensure!(during > 0 && seen == during, "no operation failed");
    work.steps(100, WORK)?;
    let after = work.done()?.failed - during;
    ensure!(
        after == 0,
        "{after} operations failed on a disk that works again"
    );
    server.kill()?;
    server.restart()?;
    let compared = work.compare(Some(&server.tree()?), owners)?;
    let done = work.done()?;
    say(&format!(
        "{what}: seed {}, {} calls of the server failed; {done}; {compared}",
        plan.seed, calls_failed
    ));
    Ok(())
}

#[test]
fn errors_of_the_disk_reach_the_application_and_lose_nothing_else() -> Result<()> {
    failing(options(None), true, "disk errors, native ownership")
}

#[test]
fn errors_of_the_disk_lose_nothing_of_a_server_without_privilege() -> Result<()> {
    let options = ServerOptions {
        user: Some(NOBODY),
        ..options(None)
    };
    failing(options, false, "disk errors, shadow ownership")
}

/// Nobody knows what was lost with it: who wrote is told, once, and can write again.
#[test]
fn a_failed_fsync_is_told_once() -> Result<()> {
    let options = ServerOptions {
        disk_errors: true,
        ..options(None)
    };
    let bench = Bench::start(options, 1)?;
    let hand = bench.guest().python()?;
    hand.run("file = os.open('file', os.O_CREAT | os.O_RDWR)")?;
    let errors = bench.server.disk_errors()?;
    errors.set(&[Rule::new(calls::SYNC, Errno::IO, "/data/fs/").once()])?;
    hand.fails("os.write(file, content(5, 3 << 20)); os.fsync(file)", "EIO")?;
    ensure!(errors.clear()?[0] == 1, "fsync did not fail");
    hand.run("os.pwrite(file, content(6, 3 << 20), 0); os.fsync(file)")?;
    bench.guest().drop_caches()?;
    hand.run("assert open('file', 'rb').read() == content(6, 3 << 20)")?;
    Ok(())
}

/// Linux asks once for what it had renamed behind the caller's back, whatever is answered: so such
/// names are left where the disk failed just then, and by the client alone.
#[test]
fn a_client_asks_once_to_remove_what_it_renamed_and_leaves_it_after_an_error() -> Result<()> {
    let options = ServerOptions {
        disk_errors: true,
        ..options(None)
    };
    let bench = Bench::start(options, 1)?;
    let hand = bench.guest().python()?;
    hand.run("file = os.open('file', os.O_CREAT | os.O_RDWR); os.write(file, b'content')")?;
    hand.run("os.fsync(file); os.unlink('file')")?;
    let left = hand.run("os.listdir('.')")?;
    let errors = bench.server.disk_errors()?;
    errors.set(&[Rule::new(calls::UNLINK, Errno::IO, "/data/fs/")])?;
    hand.run("os.close(file)")?;
    let end = Instant::now() + WORK;
    while errors.failed()?[0] == 0 {
        ensure!(Instant::now() < end, "the client does not remove {left}");
        thread::sleep(Duration::from_millis(20));
    }
    // More than it takes to send anything again.
    thread::sleep(Duration::from_secs(2));
    ensure!(errors.clear()?[0] == 1, "the client asked again");
    let name = left[0].as_str().unwrap_or_default();
    ensure!(name.starts_with(".nfs"), "{left}");
    hand.run(&format!(
        "assert os.listdir('.') == ['{name}']; assert read('{name}') == 'content'"
    ))?;
    hand.run(&format!(
        "os.unlink('{name}'); assert os.listdir('.') == []"
    ))?;
    Ok(())
}

/// A store that is smaller than the disk on it promises: data is lost on its way there, really.
#[test]
fn what_the_store_below_loses_was_never_acknowledged() -> Result<()> {
    let bench = Bench::start(options(Some(DiskKind::Thin(16))), 1)?;
    let hand = bench.guest().python()?;
    let disk = bench.server.disk()?;
    hand.run(
        "write('kept', content(1, 2 << 20)); kept = os.open('kept', os.O_RDWR); os.fsync(kept)",
    )?;
    hand.run("file = os.open('file', os.O_CREAT | os.O_RDWR)")?;
    disk.store(Some(2048))?;
    hand.fails(
        "os.write(file, content(2, 8 << 20)); os.fsync(file)",
        "ENOSPC",
    )?;
    disk.store(None)?;
    hand.run("os.ftruncate(file, 0); os.pwrite(file, content(3, 4 << 20), 0); os.fsync(file)")?;
    bench.guest().drop_caches()?;
    disk.run(&["sh", "-c", "echo 3 > /proc/sys/vm/drop_caches"])?;
    hand.run("assert os.pread(file, 64 << 20, 0) == content(3, 4 << 20)")?;
    hand.run("assert os.pread(kept, 64 << 20, 0) == content(1, 2 << 20)")?;
    Ok(())
}
