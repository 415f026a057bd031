//! Faults that users ask for: which operation fails how, and that slots stay true.

use std::thread;
use std::time::{Duration, Instant};

use localefs_integration::client::names::*;
use localefs_integration::client::{
    ClientOptions, Connection, Credential, Fixture, Open, Session, TestServer, TestServerOptions,
};
use localefs_protocol::nfs4::ops::StableHow4;
use localefs_protocol::nfs4::{Nfsstat4, Stateid4};

const ANONYMOUS: Stateid4 = Stateid4::ANONYMOUS;

/// Long enough to be told from no latency at all, on any machine.
const LONG: Duration = Duration::from_millis(700);

/// Each test has a server of its own: faults are of the whole server.
fn fixture() -> Fixture {
    let server = TestServer::start(TestServerOptions::default()).expect("a server");
    Fixture::new(server.into(), "dir")
}

fn fault(fixture: &Fixture, line: &str) -> String {
    let words: Vec<_> = line.split(' ').collect();
    fixture.server().fault(&words).expect("a fault")
}

fn refused(fixture: &Fixture, line: &str) -> String {
    let words: Vec<_> = line.split(' ').collect();
    let outcome = fixture.server().fault(&words);
    outcome.expect_err("it must be refused").to_string()
}

fn fired(fixture: &Fixture, id: &str) -> u64 {
    let status = fixture.server().fault_status(id).unwrap();
    status["fired"].as_u64().unwrap()
}

fn write(fixture: &mut Fixture, file: &[u8], data: &[u8]) -> Nfsstat4 {
    let compound = fixture.session.compound().putfh(file);
    let written = compound.write(ANONYMOUS, 0, StableHow4::Unstable, data);
    written.send().status()
}

fn content(fixture: &mut Fixture, file: &[u8]) -> Vec<u8> {
    let compound = fixture.session.compound().putfh(file);
    let reply = compound.read(ANONYMOUS, 0, 100).ok();
    reply.read().data.as_slice().to_vec()
}

#[test]
fn an_operation_fails_on_some_paths_and_nothing_of_it_is_done() {
    let mut fixture = fixture();
    let (one, other) = (fixture.file("one", b"old"), fixture.file("other", b"old"));
    let id = fault(
        &fixture,
        "error --operation WRITE --path /dir/one --status NOSPC",
    );
    assert_eq!(write(&mut fixture, &one, b"new"), NFS4ERR_NOSPC);
    assert_eq!(write(&mut fixture, &other, b"new"), NFS4_OK);
    assert_eq!(content(&mut fixture, &one), b"old");
    assert_eq!(content(&mut fixture, &other), b"new");
    assert_eq!(fired(&fixture, &id), 1);
    assert_eq!(
        fault(&fixture, &format!("clear {}", id.trim())),
        "1 cleared\n"
    );
    assert_eq!(write(&mut fixture, &one, b"new"), NFS4_OK);
    assert_eq!(fault(&fixture, "list"), "No faults.\n");
}

#[test]
fn every_operation_fails_with_the_errors_that_it_may_have() {
    let mut fixture = fixture();
    let file = fixture.file("f", b"x");
    let here = fixture.directory.clone();
    for (operation, status, expected) in [
        ("SETATTR", "DQUOT", NFS4ERR_DQUOT),
        ("OPEN", "ROFS", NFS4ERR_ROFS),
        ("CREATE", "NOSPC", NFS4ERR_NOSPC),
        ("READ", "IO", NFS4ERR_IO),
        ("GETATTR", "STALE", NFS4ERR_STALE),
        ("LOOKUP", "NOENT", NFS4ERR_NOENT),
        ("REMOVE", "NOTEMPTY", NFS4ERR_NOTEMPTY),
        ("RENAME", "XDEV", NFS4ERR_XDEV),
        ("LINK", "MLINK", NFS4ERR_MLINK),
        ("ACCESS", "ACCESS", NFS4ERR_ACCESS),
        ("COMMIT", "IO", NFS4ERR_IO),
        ("READDIR", "SERVERFAULT", NFS4ERR_SERVERFAULT),
        ("PUTFH", "STALE", NFS4ERR_STALE),
        ("CLOSE", "DELAY", NFS4ERR_DELAY),
    ] {
        let line = format!("error --operation {operation} --status {status} --count 1");
        fault(&fixture, &line);
        let compound = fixture.session.compound().putfh(&here);
        let reply = match operation {
            "SETATTR" => compound.putfh(&file).setattr(ANONYMOUS, &mode(0o600)),
            "OPEN" => compound.open(&Open::both("f")),
            "CREATE" => compound.mkdir("d", 0o755),
            "READ" => compound.putfh(&file).read(ANONYMOUS, 0, 1),
            "GETATTR" => compound.getattr(&[FATTR4_SIZE]),
            "LOOKUP" => compound.lookup("f"),
            "REMOVE" => compound.remove("f"),
            "RENAME" => compound.savefh().rename("f", "g"),
            "LINK" => compound.putfh(&file).savefh().putfh(&here).link("g"),
            "ACCESS" => compound.access(1),
            "COMMIT" => compound.putfh(&file).commit(0, 0),
            "READDIR" => compound.readdir(0, Default::default(), 1000, &[FATTR4_FILEID]),
            "CLOSE" => compound.open(&Open::both("f")).close(Stateid4::CURRENT),
            _ => compound,
        };
        let statuses = reply.send().statuses();
        let (number, status) = *statuses.last().unwrap();
        assert_eq!(status, expected, "{operation}: {statuses:?}");
        assert_eq!(number.name(), Some(format!("OP_{operation}").as_str()));
    }
    // Nothing was done, and nothing fails any more.
    fixture.here().lookup("f").ok();
    fixture.here().lookup("g").expect(NFS4ERR_NOENT);
    fixture.here().lookup("d").expect(NFS4ERR_NOENT);
    assert_eq!(write(&mut fixture, &file, b"y"), NFS4_OK);
}

#[test]
fn a_retransmission_gets_the_error_again_though_the_fault_is_over() {
    let mut fixture = fixture();
    let file = fixture.file("f", b"old");
    let id = fault(&fixture, "error --operation WRITE --status DQUOT --count 1");
    let compound = fixture.session.compound().putfh(&file);
    let compound = compound.write(ANONYMOUS, 0, StableHow4::FileSync, b"new");
    let record = compound.record(77);
    let ask = |connection: &mut Connection| {
        connection.send_record(&record).unwrap();
        connection.compound_reply(77).unwrap()
    };
    let first = ask(&mut fixture.session.connection);
    assert_eq!(first.status(), NFS4ERR_DQUOT);
    for _ in 0..2 {
        let mut another = Connection::open(fixture.server().address()).unwrap();
        let again = ask(&mut another);
        assert_eq!(again.statuses(), first.statuses());
    }
    fixture.session.used(0);
    assert_eq!(fired(&fixture, &id), 1);
    assert_eq!(content(&mut fixture, &file), b"old");
}

#[test]
fn a_delayed_request_holds_its_slot_and_nothing_else() {
    let mut fixture = fixture();
    let file = fixture.file("f", b"old");
    let id = fault(&fixture, "latency --class data-write --add 10m");
    let mut other = fixture.another_client();
    let compound = fixture.session.compound().putfh(&file);
    let compound = compound.write(ANONYMOUS, 0, StableHow4::FileSync, b"new");
    let record = compound.record(78);
    fixture.session.connection.send_record(&record).unwrap();
    fixture.session.used(0);
    while fired(&fixture, &id) == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    // A duplicate while it waits, other slots of the connection, other connections.
    let mut another = Connection::open(fixture.server().address()).unwrap();
    another.send_record(&record).unwrap();
    assert_eq!(another.compound_reply(78).unwrap().status(), NFS4ERR_DELAY);
    let slot = fixture.session.compound().slot(1);
    slot.putfh(&file).getattr(&[FATTR4_SIZE]).ok();
    let read = other.compound().putfh(&file).read(ANONYMOUS, 0, 10).ok();
    assert_eq!(read.read().data.as_slice(), b"old", "the write waits");
    // Once it is cleared, what waits goes on: both got one execution.
    fault(&fixture, "clear");
    let reply = fixture.session.connection.compound_reply(78).unwrap();
    assert_eq!(reply.status(), NFS4_OK);
    another.send_record(&record).unwrap();
    assert_eq!(
        another.compound_reply(78).unwrap().statuses(),
        reply.statuses()
    );
    assert_eq!(content(&mut fixture, &file), b"new");
}

#[test]
fn a_delayed_request_outlives_its_connection() {
    let mut fixture = fixture();
    let file = fixture.file("f", b"old");
    let id = fault(&fixture, "latency --class data-write --add 10m");
    let compound = fixture.session.compound().putfh(&file);
    let record = compound
        .write(ANONYMOUS, 0, StableHow4::FileSync, b"new")
        .record(79);
    fixture.session.connection.send_record(&record).unwrap();
    fixture.session.used(0);
    while fired(&fixture, &id) == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(fault(&fixture, "reset"), "1 connections reset\n");
    assert!(fixture.session.connection.is_closed());
    fault(&fixture, "clear");
    fixture.session.reconnect().unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let connection = &mut fixture.session.connection;
        connection.send_record(&record).unwrap();
        let reply = connection.compound_reply(79).unwrap();
        if reply.status() == NFS4_OK {
            break;
        }
        assert_eq!(reply.status(), NFS4ERR_DELAY);
        assert!(Instant::now() < end);
    }
    assert_eq!(content(&mut fixture, &file), b"new");
}

#[test]
fn latency_is_of_the_classes_that_it_is_for() {
    let mut fixture = fixture();
    let file = fixture.file("f", b"x");
    let add = format!("latency --class metadata-read --add {}ms", LONG.as_millis());
    let id = fault(&fixture, &add);
    let begin = Instant::now();
    let compound = fixture.session.compound().putfh(&file);
    compound.getattr(&[FATTR4_SIZE]).access(1).ok();
    assert!(begin.elapsed() >= LONG);
    assert_eq!(fired(&fixture, &id), 1, "one wait for all operations");
    assert_eq!(write(&mut fixture, &file, b"y"), NFS4_OK);
    fixture.session.compound().putrootfh().getfh().ok();
    assert_eq!(fired(&fixture, &id), 1, "it is for others");
}

#[test]
fn a_user_is_told_from_others() {
    let mut fixture = fixture();
    fault(
        &fixture,
        "error --operation GETATTR --status ACCESS --uid 7",
    );
    fixture
        .here_as(7)
        .getattr(&[FATTR4_SIZE])
        .expect(NFS4ERR_ACCESS);
    fixture.here_as(8).getattr(&[FATTR4_SIZE]).ok();
    fixture.here().getattr(&[FATTR4_SIZE]).ok();
}

#[test]
fn paths_follow_renames_and_are_one_of_many_names() {
    let mut fixture = fixture();
    let file = fixture.file("first", b"x");
    let (stateid, _) = fixture.open(&Open::both("first"));
    fault(
        &fixture,
        "error --operation WRITE --path /dir/second --status IO",
    );
    fault(
        &fixture,
        "error --operation REMOVE --path /dir/second --status ROFS",
    );
    assert_eq!(write(&mut fixture, &file, b"y"), NFS4_OK);
    fixture.here().savefh().rename("first", "second").ok();
    assert_eq!(write(&mut fixture, &file, b"y"), NFS4ERR_IO);
    fixture.here().remove("second").expect(NFS4ERR_ROFS);
    // Of two names either may be the one that the server knows, but a removal is of its name.
    fault(
        &fixture,
        "error --operation WRITE --path /dir/third --status IO",
    );
    let here = fixture.directory.clone();
    let compound = fixture.session.compound().putfh(&file).savefh();
    compound.putfh(&here).link("third").ok();
    assert_eq!(write(&mut fixture, &file, b"y"), NFS4ERR_IO);
    fixture.here().remove("third").ok();
    assert_eq!(write(&mut fixture, &file, b"y"), NFS4ERR_IO);
    // A directory above it.
    let root = fixture.session.root();
    let compound = fixture.session.compound().putfh(&root).savefh();
    compound.rename("dir", "elsewhere").ok();
    assert_eq!(write(&mut fixture, &file, b"y"), NFS4_OK);
    let compound = fixture.session.compound().putfh(&root).savefh();
    compound.rename("elsewhere", "dir").ok();
    assert_eq!(write(&mut fixture, &file, b"y"), NFS4ERR_IO);
    // Without a name there is no path.
    fault(&fixture, "clear");
    fault(&fixture, "error --operation WRITE --path /** --status IO");
    let by_open = |fixture: &mut Fixture| {
        let compound = fixture.session.compound().putfh(&file);
        let written = compound.write(stateid, 0, StableHow4::Unstable, b"y");
        written.send().status()
    };
    assert_eq!(by_open(&mut fixture), NFS4ERR_IO);
    fixture.here().remove("second").ok();
    assert_eq!(by_open(&mut fixture), NFS4_OK);
}

#[test]
fn paths_are_known_of_what_was_there_before_the_server() {
    let options = TestServerOptions {
        durable: true,
        ..TestServerOptions::default()
    };
    let mut server = TestServer::start(options).expect("a server");
    let options = ClientOptions::new("one");
    let mut session = Session::establish(server.address(), &options).unwrap();
    let root = session.root();
    let directory = session.make_directory(&root, "dir");
    session.make_file(&directory, "f", b"x");
    server.crash().unwrap();
    let path = [
        "error",
        "--operation",
        "WRITE",
        "--path",
        "/dir/f",
        "--status",
        "IO",
    ];
    server.fault(&path).unwrap();
    let options = ClientOptions::new("one").verifier(*b"started2");
    let mut session = Session::establish(server.address(), &options).unwrap();
    let compound = session.compound().putrootfh().lookup("dir").lookup("f");
    let compound = compound.write(ANONYMOUS, 0, StableHow4::Unstable, b"y");
    compound.expect(NFS4ERR_IO);
}

#[test]
fn names_of_what_does_not_exist_yet_match() {
    let mut fixture = fixture();
    fault(
        &fixture,
        "error --operation OPEN --path /dir/** --status DQUOT",
    );
    fault(
        &fixture,
        "error --operation CREATE --path /dir/d --status NOSPC",
    );
    fault(
        &fixture,
        "error --operation RENAME --path /dir/new --status EXIST",
    );
    fixture
        .here()
        .open(&Open::both("f").create())
        .expect(NFS4ERR_DQUOT);
    fixture.here().mkdir("d", 0o755).expect(NFS4ERR_NOSPC);
    fixture.here().mkdir("e", 0o755).ok();
    fixture
        .here()
        .savefh()
        .rename("e", "new")
        .expect(NFS4ERR_EXIST);
    fixture.here().savefh().rename("e", "other").ok();
    let root = fixture.session.root();
    let open = Open::both("f").create().set(mode(0o666));
    fixture.session.compound().putfh(&root).open(&open).ok();
}

#[test]
fn a_frozen_mount_target_is_silent_and_loses_nothing() {
    let mut fixture = fixture();
    let file = fixture.file("f", b"old");
    let silence = Duration::from_millis(300);
    fault(&fixture, "freeze --mount-target 127.0.0.1");
    let compound = fixture.session.compound().putfh(&file);
    let written = compound.write(ANONYMOUS, 0, StableHow4::Unstable, b"new");
    let xid = written.post().unwrap();
    assert!(fixture.session.connection.stays_silent(silence).unwrap());
    let mut late = Connection::open(fixture.server().address()).unwrap();
    let null = (100_003, 4, 0);
    late.send_record(&null_call()).unwrap();
    assert!(late.stays_silent(silence).unwrap());
    assert!(refused(&fixture, "unfreeze --mount-target 127.0.0.2").contains("127.0.0.2"));
    fault(&fixture, "unfreeze");
    let reply = fixture.session.connection.compound_reply(xid).unwrap();
    assert_eq!(reply.status(), NFS4_OK);
    late.reply_to(1).unwrap();
    assert!(late.call(null, &Credential::ROOT, &[]).is_ok());
    assert_eq!(content(&mut fixture, &file), b"new");
    assert!(refused(&fixture, "unfreeze").contains("no mount target is frozen"));
}

/// NULL with transaction id 1.
fn null_call() -> Vec<u8> {
    let words = [1u32, 0, 2, 100_003, 4, 0, 0, 0, 0, 0];
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

#[test]
fn a_frozen_server_stops_in_order() {
    let server = TestServer::start(TestServerOptions::default()).expect("a server");
    server.fault(&["freeze"]).unwrap();
    server.fault(&["latency", "--add", "5m"]).unwrap();
    let mut connection = Connection::open(server.address()).unwrap();
    connection.send_record(&null_call()).unwrap();
    let mut server = server;
    server.stop().unwrap();
}

#[test]
fn connections_are_reset_again_and_again() {
    let fixture = fixture();
    let id = fault(&fixture, "reset --every 20ms");
    for _ in 0..3 {
        let mut connection = Connection::open(fixture.server().address()).unwrap();
        assert!(connection.is_closed());
    }
    assert!(fired(&fixture, &id) >= 3);
    fault(&fixture, "clear");
    let mut connection = Connection::open(fixture.server().address()).unwrap();
    assert!(connection.stays_silent(Duration::from_millis(100)).unwrap());
}

#[test]
fn throughput_and_credits_are_limited() {
    let mut fixture = fixture();
    let file = fixture.file("f", b"");
    let id = fault(
        &fixture,
        "throughput --mib-per-second 1 --burst-credits 4MiB",
    );
    let credits = |fixture: &Fixture| {
        let status = fixture.server().fault_status(&id).unwrap();
        status["burst_credit_balance"].as_u64().unwrap()
    };
    assert_eq!(credits(&fixture), 4 << 20);
    let data = vec![7; 1 << 20];
    let begin = Instant::now();
    // Four are paid by credits, and two have to be earned, with what goes around them.
    for _ in 0..6 {
        assert_eq!(write(&mut fixture, &file, &data), NFS4_OK);
    }
    let elapsed = begin.elapsed();
    assert!(elapsed >= Duration::from_millis(1800), "{elapsed:?}");
    assert!(elapsed < Duration::from_secs(15), "{elapsed:?}");
    assert!(credits(&fixture) < 3 << 20);
    fault(&fixture, "clear");
    fault(&fixture, "throughput --operations-per-second 10");
    let begin = Instant::now();
    for _ in 0..6 {
        // Each counts as five.
        assert_eq!(write(&mut fixture, &file, b"x"), NFS4_OK);
    }
    let elapsed = begin.elapsed();
    assert!(elapsed >= Duration::from_millis(2500), "{elapsed:?}");
}

#[test]
fn nonsense_is_refused_in_words() {
    let fixture = fixture();
    for (line, part) in [
        ("error --operation FLY --status IO", "READDIR"),
        (
            "error --operation SEQUENCE --status DELAY",
            "can be made to fail",
        ),
        ("error --operation WRITE --status EIO", "NFS4ERR_IO"),
        ("error --operation READ --status NOSPC", "IO, ISDIR"),
        (
            "error --operation WRITE --status BAD_STATEID",
            "cannot fail with",
        ),
        (
            "error --operation WRITE --status IO --path mark",
            "must begin with /",
        ),
        ("error --operation WRITE --status IO --path /[", "/["),
        (
            "error --operation WRITE --status IO --count 0",
            "at least 1",
        ),
        ("error --operation WRITE --status IO --uid -1", "--uid"),
        (
            "error --operation WRITE --status IO --probability 2",
            "probability",
        ),
        (
            "error --operation WRITE --status IO --probability NaN",
            "refused",
        ),
        ("latency --add 3", "time unit"),
        ("latency --add 0s", "above 0"),
        ("latency --add 1year", "at most 600 s"),
        ("latency --add 999999999999999999999y", "--add"),
        ("latency", "--add"),
        ("latency --class slow --add 1ms", "data-read"),
        ("throughput", "nothing is limited"),
        ("throughput --mib-per-second 0", "MiB a second"),
        ("throughput --mib-per-second inf", "MiB a second"),
        (
            "throughput --mib-per-second 999999999",
            "from 4 KiB/s to 1 TiB/s",
        ),
        (
            "throughput --mib-per-second 1 --burst-credits 9EiB",
            "burst credits",
        ),
        (
            "throughput --operations-per-second 0",
            "operations a second",
        ),
        ("throughput --mode provisioned", "--mib-per-second"),
        ("throughput --burst-credits 1GiB", "rate"),
        (
            "freeze --mount-target 192.0.2.1",
            "no mount target 192.0.2.1",
        ),
        (
            "freeze --mount-target fsmt-0123456789abcdef0",
            "no mount target fsmt-0123456789abcdef0",
        ),
        (
            "reset --mount-target fs-0123456789abcdef0",
            "no mount target fs-0123456789abcdef0",
        ),
        (
            "api --operation DeleteMountTarget --error FileSystemInUse",
            "DependencyTimeout",
        ),
        ("api --operation Explode --error BadRequest", "Explode"),
        ("freeze --mount-target here", "--mount-target"),
        ("reset --every 1us", "10 ms"),
        ("reset --probability 0.5", "--every"),
        ("clear 77", "no fault"),
        ("clear all", "all"),
    ] {
        let complaint = refused(&fixture, line);
        if part != "refused" {
            assert!(complaint.contains(part), "{line}: {complaint}");
        }
    }
    assert_eq!(fault(&fixture, "list"), "No faults.\n");
}
