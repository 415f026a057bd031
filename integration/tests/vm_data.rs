//! What is written is what is read: sizes, holes, appends, truncation, maps.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use anyhow::{Result, ensure};
use localefs_integration::bench::Bench;
use localefs_integration::server::ServerOptions;
use serde_json::json;

const MIB: u64 = 1 << 20;

#[test]
fn files_of_all_sizes_survive_a_dropped_cache() -> Result<()> {
    let bench = Bench::one()?;
    let session = bench.guest().python()?;
    let sizes = [
        0,
        1,
        4095,
        4096,
        4097,
        65_537,
        MIB - 1,
        MIB,
        MIB + 1,
        3 * MIB + 7,
        16 * MIB,
        64 * MIB,
    ];
    for size in sizes {
        session.run(&format!("write('{size}', content({size}, {size}))"))?;
    }
    bench.guest().drop_caches()?;
    for size in sizes {
        let expected = session.text(&format!(
            "hashlib.sha256(content({size}, {size})).hexdigest()"
        ))?;
        assert_eq!(
            session.text(&format!("digest('{size}')"))?,
            expected,
            "{size} bytes"
        );
        assert_eq!(
            session.number(&format!("os.stat('{size}').st_size"))?,
            i64::try_from(size)?
        );
    }
    Ok(())
}

#[test]
fn two_writers_of_one_large_file_each_keep_their_half() -> Result<()> {
    let bench = Bench::two()?;
    let sessions = [bench.guests[0].python()?, bench.guests[1].python()?];
    sessions[0].run("open('shared', 'wb').close()")?;
    for (session, half) in sessions.iter().zip(0..) {
        session.begin(&format!(
            "
file = os.open('shared', os.O_RDWR)
data = content({half}, 16 << 20)
for at in range(0, len(data), 1 << 18):
    os.pwrite(file, data[at:at + (1 << 18)], ({half} << 24) + at)
os.fsync(file)
os.close(file)
"
        ))?;
    }
    for session in &sessions {
        session.finish(Duration::from_secs(60))?;
    }
    bench.guests[0].drop_caches()?;
    let whole = "hashlib.sha256(content(0, 16 << 20) + content(1, 16 << 20)).hexdigest()";
    assert_eq!(
        sessions[0].text("digest('shared')")?,
        sessions[0].text(whole)?
    );
    Ok(())
}

#[test]
fn holes_read_as_zeros_and_cost_nothing() -> Result<()> {
    let bench = Bench::one()?;
    let session = bench.guest().python()?;
    session.run(
        "
with open('sparse', 'wb') as file:
    for at in (5, 3 << 20, (40 << 20) + 11):
        file.seek(at)
        file.write(b'island')
    file.truncate(64 << 20)
model = bytearray(64 << 20)
for at in (5, 3 << 20, (40 << 20) + 11):
    model[at:at + 6] = b'island'
",
    )?;
    bench.guest().drop_caches()?;
    let expected = session.text("hashlib.sha256(model).hexdigest()")?;
    assert_eq!(session.text("digest('sparse')")?, expected);
    let used = session.number("os.stat('sparse').st_blocks * 512")?;
    ensure!(used < 1 << 20, "a file of three islands uses {used} bytes");
    session.run("open('far', 'wb').truncate(1 << 42)")?;
    session.run("far = os.open('far', os.O_RDWR); os.pwrite(far, b'end', (1 << 42) - 3)")?;
    session.run("os.fsync(far)")?;
    bench.guest().drop_caches()?;
    assert_eq!(
        session.text("os.pread(far, 8, (1 << 42) - 5).decode()")?,
        "\0\0end"
    );
    assert_eq!(
        session.text("os.pread(far, 4, 1 << 41).decode()")?,
        "\0\0\0\0"
    );
    Ok(())
}

#[test]
fn a_file_larger_than_efs_allows_is_refused() -> Result<()> {
    // A disk whose own limit is beyond that of EFS.
    let private = std::fs::Permissions::from_mode(0o700);
    let tree = tempfile::Builder::new()
        .permissions(private)
        .tempdir_in("/dev/shm")?;
    let arguments = ["--root", &tree.path().to_string_lossy()].map(str::to_owned);
    let bench = Bench::start(
        ServerOptions {
            arguments: arguments.into(),
            ..ServerOptions::default()
        },
        1,
    )?;
    let session = bench.guest().python()?;
    session.run("file = os.open('file', os.O_RDWR | os.O_CREAT)")?;
    session.run("os.ftruncate(file, 52673613135872)")?;
    session.fails("os.ftruncate(file, 52673613135873)", "EFBIG")?;
    session.fails(
        "os.pwrite(file, b'x', 52673613135872) and os.fsync(file)",
        "EFBIG",
    )?;
    session.run("os.pwrite(file, b'x', 52673613135871) and os.fsync(file)")?;
    assert_eq!(session.number("os.fstat(file).st_size")?, 52673613135872);
    Ok(())
}

#[test]
fn appends_and_truncations_follow_a_model() -> Result<()> {
    let bench = Bench::one()?;
    let session = bench.guest().python()?;
    session.run(
        "
chance = random.Random(7)
model = bytearray()
file = os.open('file', os.O_RDWR | os.O_CREAT | os.O_APPEND)
for step in range(600):
    if chance.random() < 0.7:
        data = content(step, chance.randrange(1, 20_000))
        assert os.write(file, data) == len(data)
        model += data
    else:
        size = chance.randrange(0, len(model) + 5_000)
        os.ftruncate(file, size)
        model = model[:size] + bytes(max(0, size - len(model)))
    assert os.fstat(file).st_size == len(model), step
os.close(file)
",
    )?;
    bench.guest().drop_caches()?;
    assert_eq!(session.run("open('file', 'rb').read() == model")?, true);
    Ok(())
}

#[test]
fn a_shared_map_and_a_descriptor_see_each_other() -> Result<()> {
    let bench = Bench::two()?;
    let [writer, reader] = [bench.guests[0].python()?, bench.guests[1].python()?];
    writer.run(
        "
file = os.open('mapped', os.O_RDWR | os.O_CREAT)
os.ftruncate(file, 1 << 20)
map = mmap.mmap(file, 1 << 20)
map[4090:4100] = b'across two'
map[-3:] = b'end'
os.pwrite(file, b'by write', 100_000)
",
    )?;
    assert_eq!(writer.text("map[100_000:100_008].decode()")?, "by write");
    assert_eq!(
        writer.text("os.pread(file, 10, 4090).decode()")?,
        "across two"
    );
    writer.run("map.flush(); map.close(); os.close(file)")?;
    reader.run("data = open('mapped', 'rb').read()")?;
    let seen = reader.run(
        "[len(data), data[4090:4100].decode(), data[-3:].decode(), data[100_000:100_008].decode()]",
    )?;
    assert_eq!(seen, json!([1 << 20, "across two", "end", "by write"]));
    Ok(())
}

#[test]
fn direct_and_synchronous_writes_are_there_at_once() -> Result<()> {
    let bench = Bench::two()?;
    let [writer, reader] = [bench.guests[0].python()?, bench.guests[1].python()?];
    writer.run("file = os.open('file', os.O_RDWR | os.O_CREAT | os.O_SYNC)")?;
    writer.run("os.write(file, b'first')")?;
    assert_eq!(reader.text("read('file')")?, "first");
    writer.run(
        "
direct = os.open('file', os.O_RDWR | os.O_DIRECT)
page = mmap.mmap(-1, 1 << 16)
page[:] = content(1, 1 << 16)
assert os.pwritev(direct, [page], 1 << 16) == 1 << 16
page[:] = bytes(1 << 16)
assert os.preadv(direct, [page], 1 << 16) == 1 << 16
assert page[:] == content(1, 1 << 16)
",
    )?;
    reader.run("file = os.open('file', os.O_RDONLY)")?;
    let seen = reader.run("os.pread(file, 1 << 16, 1 << 16) == content(1, 1 << 16)")?;
    assert_eq!(seen, true);
    Ok(())
}

#[test]
fn times_are_kept_to_the_nanosecond_and_move_with_changes() -> Result<()> {
    let bench = Bench::one()?;
    let session = bench.guest().python()?;
    session.run("write('file', 'x'); os.utime('file', ns=(1_234_567_891, 2_345_678_912))")?;
    bench.guest().drop_caches()?;
    let times = session.run("[os.stat('file').st_atime_ns, os.stat('file').st_mtime_ns]")?;
    assert_eq!(times, json!([1_234_567_891, 2_345_678_912_u64]));
    session.run("os.utime('file', ns=(-5_000_000_001, 1 << 62))")?;
    bench.guest().drop_caches()?;
    let times = session.run("[os.stat('file').st_atime_ns, os.stat('file').st_mtime_ns]")?;
    assert_eq!(times[0], json!(-5_000_000_001_i64));
    session.run("before = os.stat('file'); time.sleep(0.02); write('file', 'y', 'ab')")?;
    session.run("after = os.stat('file')")?;
    let later = session.run(
        "after.st_ctime_ns > before.st_ctime_ns and after.st_mtime_ns > time.time_ns() - 10**10",
    )?;
    assert_eq!(later, true);
    session.run("before = os.stat('.').st_mtime_ns; time.sleep(0.02); os.mkdir('new')")?;
    assert_eq!(session.run("os.stat('.').st_mtime_ns > before")?, true);
    Ok(())
}

/// The times of access and of the last change, in nanoseconds since 1970, asked of the server.
fn accessed(bench: &Bench, name: &str) -> Result<[i64; 2]> {
    bench.guest().drop_caches()?;
    let times = bench
        .guest()
        .succeed(&format!("cd /mnt/efs && stat -c '%.9X %.9Z' {name}"))?;
    let nanoseconds = |word: &str| -> Result<i64> { Ok(word.replace('.', "").parse()?) };
    let words: Vec<&str> = times.split_whitespace().collect();
    Ok([nanoseconds(words[0])?, nanoseconds(words[1])?])
}

#[test]
fn the_time_of_access_follows_changes_and_not_reads() -> Result<()> {
    let bench = Bench::one()?;
    let guest = bench.guest();
    guest.succeed("cd /mnt/efs && echo content > file && mkdir directory")?;
    for name in ["file", "directory"] {
        let born = accessed(&bench, name)?;
        assert_eq!(born[0], born[1], "{name} shows the time of its last change");
        guest.succeed("sleep 0.05; cd /mnt/efs && cat file && ls directory")?;
        assert_eq!(accessed(&bench, name)?, born, "reading moves nothing");
    }
    let changes = [
        "chmod 600 file",
        "echo more >> file",
        "truncate -s 3 file",
        "ln file link",
        "rm link",
        "mv file moved; mv moved file",
    ];
    for change in changes {
        let before = accessed(&bench, "file")?;
        guest.succeed(&format!("sleep 0.05; cd /mnt/efs && {change}"))?;
        let after = accessed(&bench, "file")?;
        ensure!(after[0] > before[0], "{change}: {before:?} {after:?}");
        assert_eq!(after[0], after[1], "{change}");
    }
    Ok(())
}

#[test]
fn a_time_of_access_that_was_set_stays_until_the_next_change() -> Result<()> {
    let options = ServerOptions {
        durable: true,
        ..ServerOptions::default()
    };
    let mut bench = Bench::start(options, 1)?;
    let old = 1_000_000_000_123_456_789;
    let set = "touch -h -a -d @1000000000.123456789";
    let script = format!(
        "cd /mnt/efs && echo content > file && mkdir directory && ln -s file symlink && \
         {set} file directory symlink && stat -c %.9X file directory symlink"
    );
    let shown = bench.guest().succeed(&script)?;
    assert_eq!(shown, "1000000000.123456789\n".repeat(3), "at once");
    for _ in 0..2 {
        for name in ["file", "directory", "symlink"] {
            let [time, changed] = accessed(&bench, name)?;
            assert_eq!(time, old, "{name}");
            ensure!(changed > old);
        }
        bench.server.kill()?;
        bench.server.restart()?;
    }
    bench
        .guest()
        .succeed("cat /mnt/efs/file; ls /mnt/efs/directory")?;
    assert_eq!(accessed(&bench, "file")?[0], old, "reading moves nothing");
    bench
        .guest()
        .succeed("cd /mnt/efs && echo more >> file && touch directory/new && chown -h 5 symlink")?;
    for name in ["file", "directory", "symlink"] {
        let [time, changed] = accessed(&bench, name)?;
        assert_eq!(time, changed, "{name}");
    }
    Ok(())
}
