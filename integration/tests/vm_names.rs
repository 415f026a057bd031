//! Names: large directories, renames, links, and what is unlinked while open.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use localefs_integration::bench::{Bench, amount};
use localefs_integration::server::ServerOptions;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::json;

#[test]
fn a_large_directory_is_listed_truly_while_it_changes() -> Result<()> {
    let bench = Bench::two()?;
    let [lister, changer] = [bench.guests[0].python()?, bench.guests[1].python()?];
    let make = "
os.mkdir('many')
for i in range(5_000):
    os.close(os.open(f'many/stable-{i}', os.O_CREAT | os.O_WRONLY))
    os.close(os.open(f'many/passing-{i}', os.O_CREAT | os.O_WRONLY))
";
    lister.run_within(make, Duration::from_secs(120))?;
    changer.begin(
        "
for i in range(5_000):
    os.unlink(f'many/passing-{i}')
    if i % 4 == 0:
        os.close(os.open(f'many/new-{i}', os.O_CREAT | os.O_WRONLY))
",
    )?;
    let list = "
from collections import Counter
open('/proc/sys/vm/drop_caches', 'w').write('3')
seen = Counter(entry.name for entry in os.scandir('many'))
stable = {f'stable-{i}' for i in range(5_000)}
missing = [name for name in stable if seen[name] == 0]
twice = [name for name, times in seen.items() if times > 1]
";
    let mut listed = 0;
    loop {
        let changing = changer.runs_for(Duration::ZERO);
        lister.run_within(list, Duration::from_secs(60))?;
        let wrong = lister.run("[missing, twice]")?;
        assert_eq!(
            wrong,
            json!([[], []]),
            "listing {listed}, while changing: {changing}"
        );
        listed += 1;
        if !changing {
            break;
        }
        ensure!(listed < 200, "the other client does not come to an end");
    }
    changer.finish(Duration::from_secs(120))?;
    ensure!(
        listed > 2,
        "only {listed} listings while the directory changed"
    );
    lister.run(list)?;
    assert_eq!(lister.number("len(seen)")?, 5_000 + 1_250);
    Ok(())
}

#[test]
fn who_deletes_what_he_lists_deletes_everything() -> Result<()> {
    let bench = Bench::one()?;
    let session = bench.guest().python()?;
    let count = amount(3_000, 100_000);
    let make = format!(
        "
os.mkdir('many')
for i in range({count}):
    os.close(os.open(f'many/{{i}}', os.O_CREAT | os.O_WRONLY))
"
    );
    session.run_within(&make, Duration::from_secs(600))?;
    bench.guest().drop_caches()?;
    let delete = "
seen = []
for entry in os.scandir('many'):
    os.unlink(entry.path)
    seen.append(entry.name)
";
    session.run_within(delete, Duration::from_secs(600))?;
    assert_eq!(
        session.run("[len(seen), len(set(seen))]")?,
        json!([count, count])
    );
    session.run("os.rmdir('many')")?;
    Ok(())
}

#[test]
fn names_may_hold_every_byte() -> Result<()> {
    let bench = Bench::one()?;
    let session = bench.guest().python()?;
    session.run(
        "
names = [bytes([b]) for b in range(1, 256) if b not in b'./'] + [b'n' * 255, b'\\xff' * 255]
for name in names:
    os.mkdir(b'd') if name == names[0] else None
    os.close(os.open(b'd/' + name, os.O_CREAT | os.O_WRONLY))
",
    )?;
    bench.guest().drop_caches()?;
    assert_eq!(
        session.run("sorted(os.listdir(b'd')) == sorted(names)")?,
        true
    );
    session.fails("os.mkdir(b'd/' + b'n' * 256)", "ENAMETOOLONG")?;
    session.run("[os.unlink(b'd/' + name) for name in names]; os.rmdir('d')")?;
    Ok(())
}

#[test]
fn rename_replaces_and_never_leaves_a_gap() -> Result<()> {
    let bench = Bench::two()?;
    let [writer, reader] = [bench.guests[0].python()?, bench.guests[1].python()?];
    writer.run("write('current', 'version 0')")?;
    reader.begin(
        "
seen = set()
end = time.time() + 4
while time.time() < end:
    seen.add(read('current'))
",
    )?;
    writer.run(
        "
end, number = time.time() + 3, 0
while time.time() < end:
    number += 1
    write('next', f'version {number}')
    os.rename('next', 'current')
",
    )?;
    reader.finish(Duration::from_secs(30))?;
    let strange = reader.run("[text for text in seen if not text.startswith('version ')]")?;
    assert_eq!(strange, json!([]));
    ensure!(reader.number("len(seen)")? > 1, "the reader saw no change");
    assert_eq!(
        reader.text("read('current')")?,
        writer.text("f'version {number}'")?
    );
    assert_eq!(writer.run("os.listdir('.')")?, json!(["current"]));
    Ok(())
}

#[test]
fn rename_has_the_errors_of_posix() -> Result<()> {
    let bench = Bench::one()?;
    let session = bench.guest().python()?;
    session
        .run("os.makedirs('a/b/c'); os.makedirs('full/x'); os.mkdir('empty'); write('f', '')")?;
    session.fails("os.rename('a', 'a/b/c/d')", "EINVAL")?;
    session.fails("os.rename('a', 'full')", "ENOTEMPTY")?;
    session.fails("os.rename('a', 'f')", "ENOTDIR")?;
    session.fails("os.rename('f', 'a')", "EISDIR")?;
    session.fails("os.rename('missing', 'f')", "ENOENT")?;
    session.run("os.rename('a', 'empty')")?;
    assert_eq!(session.run("os.path.isdir('empty/b/c')")?, true);
    session.run("os.link('f', 'g'); os.rename('f', 'g')")?;
    assert_eq!(
        session.run("sorted(os.listdir('.'))")?,
        json!(["empty", "f", "full", "g"])
    );
    session.run("os.rename('empty/b/c', 'c'); os.rename('c', 'full/x')")?;
    assert_eq!(session.number("os.stat('empty/b').st_nlink")?, 2);
    Ok(())
}

#[test]
fn links_are_counted_and_end_at_the_limit_of_efs() -> Result<()> {
    let bench = Bench::two()?;
    let [session, other] = [bench.guests[0].python()?, bench.guests[1].python()?];
    session.run("write('one', 'x'); os.mkdir('d'); os.link('one', 'd/two')")?;
    assert_eq!(other.number("os.stat('one').st_nlink")?, 2);
    assert_eq!(
        other.run("os.stat('one').st_ino == os.stat('d/two').st_ino")?,
        true
    );
    session.run("os.unlink('one')")?;
    assert_eq!(session.number("os.stat('d/two').st_nlink")?, 1);
    assert_eq!(session.text("read('d/two')")?, "x");
    session.run("[os.link('d/two', f'd/{i}') for i in range(176)]")?;
    session.fails("os.link('d/two', 'd/too many')", "EMLINK")?;
    assert_eq!(session.number("os.stat('d/two').st_nlink")?, 177);
    session.run("os.unlink('d/0'); os.link('d/two', 'd/again')")?;
    session.fails("os.link('d', 'e')", "EPERM")?;
    session.run("[os.mkdir(f'd/sub{i}') for i in range(200)]")?;
    assert_eq!(session.number("os.stat('d').st_nlink")?, 202);
    Ok(())
}

#[test]
fn directories_end_at_the_depth_of_efs() -> Result<()> {
    let bench = Bench::one()?;
    let session = bench.guest().python()?;
    session.run("os.makedirs('high/a')")?;
    let descend = "
for level in range(1000):
    os.mkdir('d')
    os.chdir('d')
";
    session.run_within(descend, Duration::from_secs(120))?;
    session.fails("os.mkdir('d')", "ENAMETOOLONG")?;
    session.run("write('file', 'content'); os.symlink('file', 'symlink')")?;
    assert_eq!(session.text("read('symlink')")?, "content");
    session.run("high = os.open('/mnt/efs', os.O_RDONLY)")?;
    session.run("deep = os.open('..', os.O_RDONLY)")?;
    let into = "os.rename('high', 'high', src_dir_fd=high, dst_dir_fd=deep)";
    session.fails(into, "ENAMETOOLONG")?;
    session.run("os.rmdir('/mnt/efs/high/a')")?;
    session.run(into)?;
    session.fails("os.mkdir('high/a', dir_fd=deep)", "ENAMETOOLONG")?;
    session.run("os.rename('high', 'high', src_dir_fd=deep, dst_dir_fd=high)")?;
    session.run("os.mkdir('/mnt/efs/high/a')")?;
    Ok(())
}

/// Acts on the host, on what clients hold.
#[test]
fn what_the_host_replaces_is_fresh_or_stale() -> Result<()> {
    let options = ServerOptions {
        durable: true,
        ..ServerOptions::default()
    };
    let bench = Bench::start(options, 1)?;
    let session = bench.guest().python()?;
    let data = bench.server.data();
    let tree = fs::read_dir(data.join("fs"))?
        .next()
        .context("no tree")??
        .path();
    fs::write(data.join("secret"), "secret")?;
    session.run("[write(f'file{i}', 'mine') for i in range(4)]; os.mkdir('directory')")?;
    session.run("write('directory/inner', 'inner'); os.mkdir('swapped'); os.mkdir('place')")?;
    session
        .run("kept = os.open('file0', os.O_RDWR); listed = os.open('directory', os.O_RDONLY)")?;

    // A file, for one of the same name and others.
    fs::remove_file(tree.join("file0"))?;
    fs::write(tree.join("file0"), "other")?;
    fs::remove_file(tree.join("file1"))?;
    std::os::unix::fs::symlink(data.join("secret"), tree.join("file1"))?;
    fs::remove_file(tree.join("file2"))?;
    mknodat(
        CWD,
        tree.join("file2"),
        FileType::Fifo,
        Mode::from_raw_mode(0o666),
        0,
    )?;
    fs::write(tree.join("file3"), "")?;
    fs::remove_dir(tree.join("swapped"))?;
    std::os::unix::fs::symlink(&data, tree.join("swapped"))?;
    bench.guest().drop_caches()?;
    assert_eq!(session.text("read('file0')")?, "other");
    assert_eq!(
        session.text("os.readlink('file1')")?,
        data.join("secret").to_string_lossy()
    );
    assert_eq!(
        session.text("os.readlink('swapped')")?,
        data.to_string_lossy()
    );
    assert_eq!(
        session.run("stat.S_ISFIFO(os.stat('file2').st_mode)")?,
        true
    );
    assert_eq!(session.number("os.stat('file3').st_size")?, 0);
    session.run("os.pwrite(kept, b'MINE', 0); os.fsync(kept)")?;
    assert_eq!(session.text("read('file0')")?, "other");

    // A directory, taken out of the tree.
    fs::rename(tree.join("directory"), data.join("taken"))?;
    bench.guest().drop_caches()?;
    let gone = "
end = time.time() + 30
while time.time() < end:
    try:
        os.listdir(listed)
        os.stat('inner', dir_fd=listed)
        time.sleep(0.05)
    except OSError as error:
        problem = error.errno
        break
";
    session.run_within(gone, Duration::from_secs(60))?;
    assert_eq!(session.run("problem == errno.ESTALE")?, true);
    session.fails("os.mkdir('new', dir_fd=listed)", "ESTALE")?;
    session.fails("os.stat('directory')", "ENOENT")?;
    assert_eq!(fs::read_dir(data.join("taken"))?.count(), 1);
    assert_eq!(fs::read(data.join("secret"))?, b"secret");
    Ok(())
}

#[test]
fn symlinks_are_data_of_the_client() -> Result<()> {
    let bench = Bench::one()?;
    let session = bench.guest().python()?;
    session.run("os.mkdir('d'); write('d/file', 'content')")?;
    for (target, name) in [
        ("d/file", "relative"),
        ("/etc/hostname", "absolute"),
        ("../../../../../../etc/shadow", "up"),
        ("nowhere", "dangling"),
        ("loop", "loop"),
        ("d", "directory"),
    ] {
        session.run(&format!("os.symlink('{target}', '{name}')"))?;
        assert_eq!(session.text(&format!("os.readlink('{name}')"))?, target);
    }
    assert_eq!(session.text("read('relative')")?, "content");
    assert_eq!(session.text("read('directory/file')")?, "content");
    session.fails("read('dangling')", "ENOENT")?;
    session.fails("read('loop')", "ELOOP")?;
    session.run("os.symlink('x' * 4080, 'long')")?;
    assert_eq!(session.number("len(os.readlink('long'))")?, 4080);
    session.fails("os.symlink('x' * 4081, 'longer')", "ENAMETOOLONG")?;
    assert_eq!(session.run("os.lstat('relative').st_size")?, 6);
    Ok(())
}

#[test]
fn an_open_file_outlives_its_name_as_nfs_file() -> Result<()> {
    let bench = Bench::one()?;
    let session = bench.guest().python()?;
    session.run("os.mkdir('d'); write('d/file', 'content')")?;
    session.run("file = os.open('d/file', os.O_RDWR); os.unlink('d/file')")?;
    let names = session.run("os.listdir('d')")?;
    let name = names[0]
        .as_str()
        .context("nothing is left of the open file")?;
    ensure!(name.starts_with(".nfs"), "{names}");
    session.fails("os.rmdir('d')", "ENOTEMPTY")?;
    session.run("os.pwrite(file, b'CON', 0); os.fsync(file)")?;
    bench.guest().drop_caches()?;
    assert_eq!(session.text("os.pread(file, 10, 0).decode()")?, "CONtent");
    session.run("os.close(file); os.rmdir('d')")?;
    Ok(())
}

#[test]
fn an_open_file_outlives_its_name_when_another_client_takes_it() -> Result<()> {
    let bench = Bench::two()?;
    let [holder, remover] = [bench.guests[0].python()?, bench.guests[1].python()?];
    holder.run("write('file', content(1, 300_000)); write('replaced', 'old')")?;
    holder.run("file, replaced = os.open('file', os.O_RDWR), os.open('replaced', os.O_RDONLY)")?;
    remover.run("os.unlink('file'); write('new', 'new'); os.rename('new', 'replaced')")?;
    bench.guests[0].drop_caches()?;
    assert_eq!(
        holder.run("os.pread(file, 300_000, 0) == content(1, 300_000)")?,
        true
    );
    assert_eq!(holder.text("os.pread(replaced, 10, 0).decode()")?, "old");
    holder.run("os.pwrite(file, b'still', 5); os.fsync(file)")?;
    assert_eq!(holder.text("os.pread(file, 5, 5).decode()")?, "still");
    assert_eq!(holder.text("read('replaced')")?, "new");
    holder.fails("os.stat('file')", "ENOENT")?;
    holder.run("os.close(file); os.close(replaced)")?;
    assert_eq!(holder.run("os.listdir('.')")?, json!(["replaced"]));
    Ok(())
}

#[test]
fn efs_has_fifos_and_sockets_and_no_devices() -> Result<()> {
    let bench = Bench::two()?;
    let [session, other] = [bench.guests[0].python()?, bench.guests[1].python()?];
    session.run("os.mkfifo('fifo'); os.mknod('socket', stat.S_IFSOCK | 0o640)")?;
    assert_eq!(other.run("stat.S_ISFIFO(os.stat('fifo').st_mode)")?, true);
    assert_eq!(other.run("stat.S_ISSOCK(os.stat('socket').st_mode)")?, true);
    for kind in ["S_IFCHR", "S_IFBLK"] {
        let made = format!("os.mknod('device', stat.{kind} | 0o600, os.makedev(1, 3))");
        // EBADTYPE, which the kernel keeps to itself elsewhere and which has no name outside.
        session.fails(&made, "527")?;
    }
    assert_eq!(
        other.run("sorted(os.listdir('.'))")?,
        json!(["fifo", "socket"])
    );
    Ok(())
}
