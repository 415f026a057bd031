//! Mounting: options, versions, connections, and what a mount shows.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use localefs_integration::bench::Bench;
use localefs_integration::guest::{EFS_OPTIONS, Guest, MOUNT_POINT};
use localefs_integration::server::ServerOptions;

/// The line of /proc/mounts.
fn shown(guest: &Guest) -> Result<String> {
    guest.succeed(&format!("grep ' {MOUNT_POINT} ' /proc/mounts"))
}

#[test]
fn the_options_that_efs_recommends_are_in_force() -> Result<()> {
    let bench = Bench::one()?;
    let mounts = shown(bench.guest())?;
    for option in [
        "10.77.0.1:/ ",
        " nfs4 ",
        " rw,",
        ",vers=4.1,",
        ",rsize=1048576,",
        ",wsize=1048576,",
        ",hard,",
        ",noresvport,",
        ",proto=tcp,",
        ",timeo=600,",
        ",retrans=2,",
        ",sec=sys,",
        ",namlen=255,",
    ] {
        ensure!(mounts.contains(option), "no {option:?} in {mounts}");
    }
    bench.guest().unmount()
}

#[test]
fn a_mount_that_would_have_4_2_falls_back_to_4_1() -> Result<()> {
    let bench = Bench::unmounted(ServerOptions::default(), 1)?;
    let guest = bench.guest();
    // mount.nfs tries 4.2 first when the minor version is left to it.
    guest.mount("vers=4,noresvport")?;
    ensure!(shown(guest)?.contains(",vers=4.1,"), "{}", shown(guest)?);
    guest.unmount()?;
    // Told a minor version, it tries no other: the refusal must be that of a version.
    for version in ["4.2", "4.0"] {
        let script = format!("mount.nfs4 10.77.0.1:/ {MOUNT_POINT} -o vers={version},retry=0");
        let refused = guest.run(&script)?;
        ensure!(refused.status == 32, "{version}: {refused:?}");
        ensure!(
            refused.stderr.contains("Protocol not supported"),
            "{version}: {refused:?}"
        );
    }
    guest.mount("vers=4.1,noresvport")
}

#[test]
fn a_directory_can_be_mounted_by_its_path() -> Result<()> {
    let bench = Bench::two()?;
    let maker = bench.guests[0].python()?;
    maker.run("os.makedirs('home/alice')")?;
    maker.run("write('home/alice/note', 'hello')")?;
    maker.run("write('outside', '')")?;
    // This one has never looked there.
    let guest = &bench.guests[1];
    guest.mount_at("/home/alice", "/mnt/alice", EFS_OPTIONS)?;
    let session = guest.python()?;
    assert_eq!(session.text("read('/mnt/alice/note')")?, "hello");
    assert_eq!(
        session.run("os.listdir('/mnt/alice')")?,
        serde_json::json!(["note"])
    );
    let refused = guest.run("mount.nfs4 10.77.0.1:/nowhere /mnt/alice -o vers=4.1")?;
    ensure!(
        refused.stderr.contains("No such file or directory"),
        "{refused:?}"
    );
    Ok(())
}

#[test]
fn sixteen_connections_carry_one_mount() -> Result<()> {
    let bench = Bench::unmounted(ServerOptions::default(), 1)?;
    let guest = bench.guest();
    guest.mount(&format!("{EFS_OPTIONS},nconnect=16"))?;
    let workers = (0..4)
        .map(|number| {
            let session = guest.python()?;
            session.begin(&format!(
                "
for i in range(40):
    name = f'{number}-{{i}}'
    data = content(i, 100_000 + i)
    write(name, data)
    assert hashlib.sha256(data).hexdigest() == digest(name)
    os.rename(name, name + '.done')
"
            ))?;
            Ok(session)
        })
        .collect::<Result<Vec<_>>>()?;
    for session in &workers {
        session.finish(Duration::from_secs(60))?;
    }
    let sockets = guest.succeed("grep -ci ':0801 01' /proc/net/tcp")?;
    assert_eq!(sockets.trim(), "16", "established connections to port 2049");
    assert_eq!(workers[0].number("len(os.listdir('.'))")?, 160);
    guest.drop_caches()?;
    let intact = "all(read_bytes(f'0-{i}.done') == content(i, 100_000 + i) for i in range(40))";
    workers[0].run("read_bytes = lambda name: open(name, 'rb').read()")?;
    assert_eq!(workers[0].run(intact)?, true);
    drop(workers);
    guest.unmount()
}

#[test]
fn df_shows_eight_exabytes_and_no_inodes() -> Result<()> {
    let bench = Bench::one()?;
    let guest = bench.guest();
    let sizes = guest.succeed("df -h . | tail -1")?;
    let words: Vec<&str> = sizes.split_whitespace().collect();
    assert_eq!((words[1], words[3]), ("8.0E", "8.0E"), "{sizes}");
    let inodes = guest.succeed("df -i . | tail -1")?;
    let words: Vec<&str> = inodes.split_whitespace().collect();
    assert_eq!(words[1..4], ["0", "0", "0"], "{inodes}");
    let exact = guest.succeed("df -k --output=size . | tail -1")?;
    assert_eq!(exact.trim(), "9007199254739968");
    assert_eq!(
        guest.succeed("stat -f -c '%T %l %i' .")?.split(' ').next(),
        Some("nfs")
    );
    Ok(())
}

/// In mebibytes, of which the client shows whole ones.
fn used(guest: &Guest) -> Result<[i64; 3]> {
    let sizes = guest.succeed("df -B 1M --output=size,used,avail . | tail -1")?;
    let words: Vec<&str> = sizes.split_whitespace().collect();
    Ok([words[0].parse()?, words[1].parse()?, words[2].parse()?])
}

#[test]
fn df_shows_what_is_metered_as_used() -> Result<()> {
    const TOTAL: i64 = (1 << 43) - 1;
    let bench = Bench::one()?;
    let guest = bench.guest();
    assert_eq!(used(guest)?, [TOTAL, 0, TOTAL], "of a new file system");
    // Metered later, as on EFS.
    let becomes = |expected: i64| -> Result<()> {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let now = used(guest)?;
            if now == [TOTAL, expected, TOTAL - expected] {
                return Ok(());
            }
            ensure!(Instant::now() < end, "{now:?}, not {expected} MiB used");
            thread::sleep(Duration::from_millis(200));
        }
    };
    guest.succeed("head -c 20M /dev/urandom > data; ln data link; truncate -s 1G sparse; sync")?;
    becomes(20)?;
    guest.succeed("rm data")?;
    guest.succeed("head -c 5M /dev/urandom > more; sync")?;
    becomes(25)?;
    guest.succeed("rm link more")?;
    becomes(0)
}

#[test]
fn stat_shows_what_efs_meters() -> Result<()> {
    let bench = Bench::one()?;
    let session = bench.guest().python()?;
    session.run("os.mkdir('directory'); write('empty', ''); write('small', 'x' * 5000)")?;
    session.run("os.symlink('empty', 'symlink'); os.mkfifo('fifo')")?;
    // For a file that it has just made, the client shows no space until it asks again.
    bench.guest().drop_caches()?;
    session.run("shown = lambda name: [os.lstat(name).st_size, os.lstat(name).st_blocks * 512]")?;
    for (name, size, metered) in [
        ("directory", 6144, 4096),
        ("empty", 0, 4096),
        ("small", 5000, 8192),
        ("symlink", 5, 4096),
        ("fifo", 0, 4096),
    ] {
        let shown = session.run(&format!("shown('{name}')"))?;
        assert_eq!(shown, serde_json::json!([size, metered]), "{name}");
    }
    let root = session.run("[os.stat('.').st_uid, os.stat('.').st_gid, mode('.')]")?;
    assert_eq!(root, serde_json::json!([0, 0, "755"]));
    assert_eq!(session.number("os.stat('.').st_nlink")?, 3);
    assert_eq!(session.number("os.pathconf('.', 'PC_NAME_MAX')")?, 255);
    Ok(())
}

#[test]
fn ten_mounts_and_unmounts_leave_no_client_behind() -> Result<()> {
    let bench = Bench::unmounted(ServerOptions::default(), 2)?;
    thread::scope(|scope| {
        let rounds = bench.guests.iter().map(|guest| {
            scope.spawn(move || -> Result<()> {
                for round in 0..10 {
                    guest.mount(EFS_OPTIONS)?;
                    let name = format!("{}-{round}", guest.name());
                    guest.succeed(&format!("cd {MOUNT_POINT} && echo {round} > {name}"))?;
                    guest.unmount()?;
                }
                Ok(())
            })
        });
        for round in rounds.collect::<Vec<_>>() {
            round.join().ok().context("a thread panicked")??;
        }
        Ok::<(), anyhow::Error>(())
    })?;
    let guest = bench.guest();
    guest.mount(EFS_OPTIONS)?;
    assert_eq!(guest.python()?.number("len(os.listdir('.'))")?, 20);
    Ok(())
}
