//! A Linux client with several file systems, and one file system through several mount targets.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use localefs_integration::data_plane::{DataPlaneOptions, DataPlaneServer};
use localefs_integration::guest::{EFS_OPTIONS, Guest};
use localefs_integration::lab::Lab;

const PROGRAM: &str = env!("CARGO_BIN_EXE_localefs-data-plane");

/// How long any one thing may take across a restart or a mount target's return.
const RECOVERY: Duration = Duration::from_secs(90);

const ONE: &str = "fsmt-00000000000000001";
const TWO: &str = "fsmt-00000000000000002";
const OTHER: &str = "fs-fffffffffffffffff";
const OF_OTHER: &str = "fsmt-fffffffffffffffff";

/// The first file system through two mount targets, and another one. The fields go away in this
/// order.
struct Bench {
    guest: Guest,
    server: DataPlaneServer,
    first: String,
    _lab: Lab,
}

/// An address of the lab on which no other server listens.
fn address(host: u8) -> SocketAddr {
    ([10, 77, 0, host], 2049).into()
}

impl Bench {
    fn new() -> Result<Self> {
        let lab = Lab::new()?;
        for host in [2, 3, 4] {
            let address = format!("{}/32", address(host).ip());
            lab.namespace()
                .ip(&["addr", "add", &address, "dev", "lo"])?;
        }
        let directory = lab.directory().join("data-plane");
        fs::create_dir_all(&directory)?;
        let options = DataPlaneOptions {
            namespace: Some(lab.namespace().clone()),
            listen: vec![address(1)],
            lease: 8,
            max_opens: None,
        };
        let server = DataPlaneServer::start(PROGRAM, &directory, options)?;
        let mut bench = Self {
            guest: lab.boot("guest1")?,
            first: server.file_system.clone(),
            server,
            _lab: lab,
        };
        create(&mut bench.server, &bench.first)?;
        for (host, directory) in [(2, "one"), (3, "two"), (4, "other")] {
            let host = address(host).ip();
            bench.guest.succeed(&format!(
                "mkdir -p /mnt/{directory} && \
                 exec mount.nfs4 {host}:/ /mnt/{directory} -o {EFS_OPTIONS}"
            ))?;
        }
        Ok(bench)
    }
}

/// Creates what is served beside the front door, or serves it again after a restart.
fn create(server: &mut DataPlaneServer, first: &str) -> Result<()> {
    server.create_file_system(OTHER)?;
    server.create_mount_target(first, ONE, address(2))?;
    server.create_mount_target(first, TWO, address(3))?;
    server.create_mount_target(OTHER, OF_OTHER, address(4))?;
    Ok(())
}

#[test]
fn data_and_locks_are_one_through_two_mount_targets_and_apart_in_two_file_systems() -> Result<()> {
    let mut bench = Bench::new()?;
    let guest = &bench.guest;
    let [one, two, other] = [guest.python()?, guest.python()?, guest.python()?];
    one.run("os.chdir('/mnt/one')")?;
    two.run("os.chdir('/mnt/two')")?;
    other.run("os.chdir('/mnt/other')")?;
    // Three servers to the kernel, and three file systems.
    let devices = "len({os.stat(f'/mnt/{name}').st_dev for name in ('one', 'two', 'other')})";
    assert_eq!(one.number(devices)?, 3);
    for round in 0..10 {
        one.run(&format!("write('file', 'round {round}')"))?;
        assert_eq!(two.text("read('file')")?, format!("round {round}"));
        two.run(&format!("write('file', 'ROUND {round}', 'r+b')"))?;
        assert_eq!(one.text("read('file')")?, format!("ROUND {round}"));
    }
    assert_eq!(other.number("len(os.listdir('.'))")?, 0);
    other.run("write('file', 'another')")?;
    assert_eq!(one.text("read('file')")?, "ROUND 9");

    one.run("file = open('file', 'r+'); lock(file, 'write', 0, 10)")?;
    two.run("file = open('file', 'r+')")?;
    two.fails("lock(file, 'read', 5, 10)", "EAGAIN")?;
    two.run("lock(file, 'write', 10, 10)")?;
    one.fails("lock(file, 'read', 10, 1)", "EAGAIN")?;
    other.run("file = open('file', 'r+'); lock(file, 'write', 0, 20)")?;
    one.run("file.close()")?;
    two.run("lock(file, 'write', 0, 20)")?;

    // Removed by one kernel mount under the other, which still has it open.
    one.run("os.unlink('file')")?;
    assert_eq!(two.text("file.read()")?, "ROUND 9");
    let status = bench.server.status()?;
    let clients = |file_system: &str, id: &str| {
        let file_system = status.iter().find(|of| of.id == file_system);
        let targets = file_system.map(|of| of.mount_targets.as_slice());
        let target = targets.unwrap_or_default().iter().find(|of| of.id == id);
        target.map(|target| target.clients.clone())
    };
    for (file_system, id) in [
        (bench.first.as_str(), ONE),
        (&bench.first, TWO),
        (OTHER, OF_OTHER),
    ] {
        let clients = clients(file_system, id).unwrap_or_default();
        ensure!(clients.len() == 1, "{id}: {clients:?}");
        assert_eq!(clients[0].hostname.as_deref(), Some("guest1"));
    }
    Ok(())
}

#[test]
fn a_deleted_mount_target_hangs_its_mount_and_goes_on_when_it_is_back() -> Result<()> {
    let mut bench = Bench::new()?;
    let first = bench.first.clone();
    let (guest, server) = (&bench.guest, &mut bench.server);
    let [one, two, other] = [guest.python()?, guest.python()?, guest.python()?];
    one.run("os.chdir('/mnt/one'); file = open('file', 'w+'); file.write('before')")?;
    one.run("file.flush(); os.fsync(file.fileno())")?;
    server.delete_mount_target(ONE)?;
    one.begin("file.write(' after'); file.flush(); os.fsync(file.fileno())")?;
    ensure!(one.runs_for(Duration::from_secs(5)), "it does not hang");
    two.run("os.chdir('/mnt/two')")?;
    assert_eq!(two.text("read('file')")?, "before");
    two.run("file = open('file', 'r+'); lock(file, 'write'); write('new', 'x')")?;
    other.run("os.chdir('/mnt/other'); write('file', 'x')")?;
    ensure!(one.runs_for(Duration::from_secs(5)), "it does not hang");
    server.create_mount_target(&first, ONE, address(2))?;
    one.finish(RECOVERY)?;
    two.run("lock(file, 'none')")?;
    assert_eq!(two.text("read('file')")?, "before after");
    assert_eq!(one.text("read('new')")?, "x");
    Ok(())
}

#[test]
fn a_restart_with_everything_in_use_loses_nothing() -> Result<()> {
    let mut bench = Bench::new()?;
    let guest = &bench.guest;
    let workers = [guest.python()?, guest.python()?, guest.python()?];
    for (number, (worker, place)) in workers.iter().zip(["one", "two", "other"]).enumerate() {
        worker.run(&format!(
            "
os.chdir('/mnt/{place}')
held = open('held-{number}', 'w+')
lock(held, 'write', 0, 10)
"
        ))?;
        worker.begin(&format!(
            "
count, end = 0, time.time() + 12
while time.time() < end:
    count += 1
    path = f'{number}-{{count}}'
    write(path, content(count, 5000))
    held.seek(0); held.write(str(count)); held.flush()
    if count % 3 == 0:
        os.rename(path, path + '-moved')
    time.sleep(0.01)
os.fsync(held.fileno())
"
        ))?;
    }
    std::thread::sleep(Duration::from_secs(3));
    bench.server.crash()?;
    create(&mut bench.server, &bench.first)?;
    for (number, worker) in workers.iter().enumerate() {
        worker.finish(RECOVERY)?;
        ensure!(worker.number("count")? > 20, "hardly any load");
        worker.run(&format!(
            "
for done in range(1, count + 1):
    name = f'{number}-{{done}}' + ('-moved' if done % 3 == 0 else '')
    assert open(name, 'rb').read() == content(done, 5000), name
held.seek(0)
assert int(held.read()) == count
"
        ))?;
    }
    // The locks were reclaimed, and still exclude through the other mount target.
    workers[1].run("theirs = open('held-0', 'r+')")?;
    workers[1].fails("lock(theirs, 'write', 0, 10)", "EAGAIN")?;
    workers[0].run("held.close()")?;
    workers[1].run("lock(theirs, 'write', 0, 10)")?;
    ensure!(
        !bench.server.log().contains("did not come back"),
        "{}",
        bench.server.log()
    );
    Ok(())
}
