//! The image, in an engine that has no privilege to give, mounted from virtual machines.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use localefs_integration::bench::amount;
use localefs_integration::docker::{Docker, IMAGE};
use localefs_integration::guest::EFS_OPTIONS;
use localefs_integration::lab::Lab;
use serde_json::Value;

/// How long any one thing may take across a restart.
const RECOVERY: Duration = Duration::from_secs(60);

#[test]
fn the_image_is_small_and_runs_with_nothing() -> Result<()> {
    let lab = Lab::new()?;
    let docker = Docker::start(&lab)?;
    let image: Value = serde_json::from_str(&docker.run(&["image", "inspect", IMAGE])?)?;
    let size = image[0]["Size"].as_u64().context("no size")?;
    ensure!(size < 15_000_000, "{size} octets");
    let config = &image[0]["Config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["Volumes"], serde_json::json!({"/data": {}}));

    // On what the image says, and as another user.
    for (name, user) in [("own", "65532:65532"), ("other", "1234:4321")] {
        let begin = Instant::now();
        docker.serve(name, &["--user", user])?;
        eprintln!("{name}: healthy after {:?}", begin.elapsed());
        let status = docker.run(&["exec", name, "localefs", "status", "--json"])?;
        let status: Value = serde_json::from_str(&status)?;
        assert_eq!(status["nfs"][0], "0.0.0.0:2049");
        assert_eq!(status["api"], "0.0.0.0:4599");
        let used = docker.run(&["stats", "--no-stream", "--format", "{{.MemUsage}}", name])?;
        eprintln!("{name}: {used}");
        stops_in_order(&docker, name)?;
    }
    Ok(())
}

fn stops_in_order(docker: &Docker, name: &str) -> Result<()> {
    let begin = Instant::now();
    docker.run(&["stop", "--time", "30", name])?;
    let took = begin.elapsed();
    let code = docker.run(&["inspect", "--format", "{{.State.ExitCode}}", name])?;
    assert_eq!(code, "0");
    // What the engine adds is in it; killing would have come after 30 s.
    ensure!(took < Duration::from_secs(10), "{took:?}");
    eprintln!("{name}: stopped after {took:?}");
    let logs = docker.output(&["logs", name])?;
    let log = String::from_utf8(logs.stderr)?;
    let events: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
        .collect::<Result<_>>()?;
    let said = |level: &str, words: &str| {
        events.iter().any(|event| {
            let message = event["message"].as_str().unwrap_or_default();
            event["level"] == level && message.contains(words)
        })
    };
    ensure!(said("WARN", "whoever can reach it is root"), "{log}");
    ensure!(said("INFO", "stopped"), "{log}");
    let banner = String::from_utf8(logs.stdout)?;
    ensure!(banner.contains("whoever can connect is root"), "{banner}");
    docker.run(&["rm", "--volumes", name])?;
    Ok(())
}

#[test]
fn with_capabilities_owners_are_on_the_disk() -> Result<()> {
    let lab = Lab::new()?;
    let docker = Docker::start(&lab)?;
    for (name, options, shadow) in [
        ("native", &["--user", "0"][..], false),
        (
            "shadow",
            &["--user", "0", "--env", "LOCALEFS_OWNERSHIP=shadow"],
            true,
        ),
    ] {
        let mut words = Vec::new();
        for capability in [
            "CHOWN",
            "DAC_OVERRIDE",
            "DAC_READ_SEARCH",
            "FOWNER",
            "FSETID",
        ] {
            words.extend(["--cap-add", capability]);
        }
        words.extend(options);
        docker.serve(name, &words)?;
        let logs = docker.output(&["logs", name])?;
        let log = String::from_utf8(logs.stderr)?;
        ensure!(log.contains(&format!("\"shadow\":{shadow}")), "{log}");
        docker.run(&["rm", "--force", "--volumes", name])?;
    }
    Ok(())
}

/// Tells how far a client at an address in the container's network gets with a NULL call.
const CALL: &str = "
import socket, struct, sys
try:
    with socket.create_connection(('172.31.0.10', 2049), 2, (sys.argv[1], 0)) as connection:
        connection.sendall(struct.pack('>11I', 1 << 31 | 40, 7, 0, 2, 100003, 4, 0, 0, 0, 0, 0))
        print('answered' if connection.recv(4) else 'closed')
except TimeoutError:
    print('silence' if 'connection' in globals() else 'no connection')
";

/// The host is not let in, a neighbour is: without privilege the host connects and hears nothing.
#[test]
fn with_net_admin_the_kernel_drops_what_the_network_denies() -> Result<()> {
    let lab = Lab::new()?;
    let docker = Docker::start(&lab)?;
    let seed = lab.directory().join("seed.toml");
    let text = r#"
[[SecurityGroups]]
GroupName = "efs"
Description = "one neighbour"
IpPermissions = [
    { IpProtocol = "tcp", FromPort = 2049, ToPort = 2049, IpRanges = [{ CidrIp = "172.31.0.7/32" }] },
]
[[FileSystems]]
CreationToken = "one"
MountTargets = [{ AvailabilityZoneName = "us-east-1a", IpAddress = "172.31.0.10", SecurityGroups = ["efs"] }]
"#;
    std::fs::write(&seed, text)?;
    docker.run(&["network", "create", "--subnet", "172.31.0.0/20", "subnet"])?;
    let mut neighbour = lab.namespace().command("ip");
    let added = neighbour.args(["address", "add", "172.31.0.7/32", "dev", "lo"]);
    ensure!(added.status()?.success(), "{added:?}");
    let gets = |from: &str| -> Result<String> {
        let mut python = lab.namespace().command("/usr/bin/python3");
        let output = python.args(["-c", CALL, from]).output()?;
        ensure!(output.status.success(), "{output:?}");
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    let volume = format!("{}:/seed.toml:ro", seed.display());
    let network = ["--network", "subnet", "--ip", "172.31.0.10"];
    let bound = ["--env", "LOCALEFS_BIND=172.31.0.0/16"];
    let seeded = ["--volume", &volume, "--env", "LOCALEFS_SEED=/seed.toml"];
    let common = [&network[..], &bound, &seeded].concat();
    for (privilege, denied) in [
        (&[][..], "silence"),
        (&["--user", "0", "--cap-add", "NET_ADMIN"], "no connection"),
    ] {
        docker.serve("efs", &[&common[..], privilege].concat())?;
        assert_eq!(gets("172.31.0.1")?, denied, "{privilege:?}");
        assert_eq!(gets("172.31.0.7")?, "answered", "{privilege:?}");
        docker.run(&["rm", "--force", "--volumes", "efs"])?;
    }
    Ok(())
}

#[test]
fn on_a_terminal_its_log_is_for_people() -> Result<()> {
    let lab = Lab::new()?;
    let docker = Docker::start(&lab)?;
    docker.serve("people", &["--tty"])?;
    let log = docker.run(&["logs", "people"])?;
    ensure!(log.contains("INFO"), "{log}");
    ensure!(!log.contains("{\"timestamp\""), "{log}");
    Ok(())
}

/// The client's work goes on, its lock stays its own, whatever happens to the container.
#[test]
fn clients_recover_when_the_container_is_killed_under_load() -> Result<()> {
    let lab = Lab::new()?;
    let docker = Docker::start(&lab)?;
    docker.serve(
        "efs",
        &["--env", "LOCALEFS_LEASE=8", "--volume", "efs-data:/data"],
    )?;
    let guests = [lab.boot("guest1")?, lab.boot("guest2")?];
    for guest in &guests {
        guest.mount(EFS_OPTIONS)?;
    }
    let [holder, worker, other] = [
        guests[0].python()?,
        guests[0].python()?,
        guests[1].python()?,
    ];
    holder.run("file = open('lock', 'w+'); lock(file, 'write', 10, 20)")?;
    other.run("file = open('lock', 'r+'); lock(file, 'write', 100, 10)")?;
    for round in 0..amount(2, 10) {
        worker.begin(&format!(
            "
os.mkdir('round-{round}')
for i in range(60):
    name = f'round-{round}/{{i}}'
    write(name + '.new', content(i, 50_000))
    os.rename(name + '.new', name)
    time.sleep(0.02)
"
        ))?;
        thread::sleep(Duration::from_millis(700));
        docker.run(&["kill", "--signal", "KILL", "efs"])?;
        docker.run(&["start", "efs"])?;
        worker.finish(RECOVERY)?;
        other.run_within("os.stat('.'); os.listdir('.')", RECOVERY)?;
        other.fails("lock(file, 'write', 0, 11)", "EAGAIN")?;
        holder.fails("lock(file, 'write', 100, 1)", "EAGAIN")?;
        holder.run("os.pwrite(file.fileno(), b'held', 10); os.fsync(file)")?;
    }
    // A new container on the same volume is as good as a restart.
    docker.run(&["rm", "--force", "efs"])?;
    docker.serve(
        "efs",
        &["--env", "LOCALEFS_LEASE=8", "--volume", "efs-data:/data"],
    )?;
    other.run_within("os.stat('.')", RECOVERY)?;
    other.fails("lock(file, 'write', 0, 11)", "EAGAIN")?;
    holder.run("lock(file, 'none')")?;
    other.run("lock(file, 'write', 0, 11)")?;
    guests[1].drop_caches()?;
    other.run(&format!(
        "
for round in range({}):
    assert sorted(os.listdir(f'round-{{round}}'), key=int) == [str(i) for i in range(60)]
    for i in range(60):
        assert open(f'round-{{round}}/{{i}}', 'rb').read() == content(i, 50_000), (round, i)
",
        amount(2, 10)
    ))?;
    assert_eq!(
        other.text("os.pread(file.fileno(), 4, 10).decode()")?,
        "held"
    );
    // What the process can't do on the disk, clients see nevertheless.
    let root = guests[1].python()?;
    root.run("write('given', 'away'); os.chown('given', 1000, 1001); os.chmod('given', 0o600)")?;
    root.run("become(1000, 1001)")?;
    assert_eq!(root.text("read('given')")?, "away");
    root.fails("read('/mnt/efs/lock') and os.chown('given', 5, 5)", "EPERM")?;
    Ok(())
}

#[test]
fn a_volume_that_can_not_be_used_is_named_with_the_way_out() -> Result<()> {
    let lab = Lab::new()?;
    let docker = Docker::start(&lab)?;
    let says = |options: &[&str], parts: &[&str]| -> Result<()> {
        let complaint = docker.refusal(options)?;
        for part in parts {
            ensure!(complaint.contains(part), "no {part:?} in: {complaint}");
        }
        ensure!(complaint.contains("localefs: "), "{complaint}");
        Ok(())
    };
    // Without a volume there is one that goes with the container.
    docker.serve("efs", &[])?;
    docker.run(&["kill", "--signal", "KILL", "efs"])?;
    docker.run(&["start", "efs"])?;
    docker.await_healthy("efs")?;
    let of_it = ["--volumes-from", "efs"];
    let here = ["--network", "container:efs"];

    says(&here, &["0.0.0.0:2049 is taken", "--listen"])?;
    says(&of_it, &["in use by another localefs", "--data"])?;
    docker.run(&["stop", "efs"])?;
    says(
        &[&of_it[..], &["--user", "77"]].concat(),
        &["/data/localefs belongs to user 65532", "chown 77"],
    )?;
    let read_only = ["--volumes-from", "efs:ro"];
    says(&read_only, &["/data/localefs", "Read-only file system"])?;

    let owned = lab.directory().join("owned-by-root");
    std::fs::create_dir(&owned)?;
    let mount = format!("{}:/data", owned.display());
    says(
        &["--volume", &mount],
        &["/data/localefs", "Permission denied", "user 65532"],
    )?;

    let future = lab.directory().join("future");
    std::fs::create_dir_all(future.join("localefs"))?;
    std::fs::write(future.join("localefs/format"), "localefs data 99\n")?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(future.join("localefs"), mode)?;
    for path in [future.join("localefs/format"), future.join("localefs")] {
        std::os::unix::fs::chown(path, Some(65532), Some(65532))?;
    }
    let mount = format!("{}:/data", future.display());
    says(
        &["--volume", &mount],
        &["localefs data 99", "does not know"],
    )
}
