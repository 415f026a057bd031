//! Several mount targets of one file system, and several file systems, on one server.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use localefs_integration::client::names::*;
use localefs_integration::client::{ClientOptions, Connection, Lock, Open, Session};
use localefs_integration::data_plane::{DataPlaneOptions, DataPlaneServer};
use localefs_protocol::nfs4::{Attr, Nfsstat4, Stateid4};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_localefs-data-plane");

/// Long enough for anything that should happen, short enough for a test that fails.
const SOON: Duration = Duration::from_secs(30);

const ONE: &str = "fsmt-00000000000000001";
const TWO: &str = "fsmt-00000000000000002";
const OTHER: &str = "fs-fffffffffffffffff";
const OF_OTHER: &str = "fsmt-fffffffffffffffff";

/// Any free port of an address of its own.
fn at(host: u8) -> SocketAddr {
    ([127, 31, 0, host], 0).into()
}

struct Bench {
    server: DataPlaneServer,
    /// Of two mount targets of the first file system.
    one: SocketAddr,
    two: SocketAddr,
    first: String,
    _directory: TempDir,
}

impl Bench {
    fn new(lease: u32) -> Self {
        Self::limited(lease, None)
    }

    fn limited(lease: u32, max_opens: Option<usize>) -> Self {
        let directory = TempDir::with_prefix("localefs-mount-targets-").unwrap();
        let options = DataPlaneOptions {
            namespace: None,
            listen: vec![([127, 0, 0, 1], 0).into()],
            lease,
            max_opens,
        };
        let mut server = DataPlaneServer::start(PROGRAM, directory.path(), options).unwrap();
        let first = server.file_system.clone();
        let one = server.create_mount_target(&first, ONE, at(1)).unwrap();
        let two = server.create_mount_target(&first, TWO, at(2)).unwrap();
        Self {
            server,
            one,
            two,
            first,
            _directory: directory,
        }
    }

    /// A mount target of another file system.
    fn other(&mut self) -> SocketAddr {
        self.server.create_file_system(OTHER).unwrap();
        self.server
            .create_mount_target(OTHER, OF_OTHER, at(9))
            .unwrap()
    }

    fn tree(&self, file_system: &str) -> std::path::PathBuf {
        self.server.data().join("fs").join(file_system)
    }
}

fn session(address: SocketAddr, name: &str) -> Session {
    Session::establish(address, &ClientOptions::new(name)).unwrap()
}

fn locked(session: &mut Session, file: &[u8], open: Stateid4) -> Stateid4 {
    let compound = session.compound().putfh(file);
    let lock = Lock::write(0, 10);
    compound.lock_new(&lock, open, "owner").ok().lock_stateid()
}

fn try_lock(session: &mut Session, file: &[u8], open: Stateid4) -> Nfsstat4 {
    let compound = session.compound().putfh(file);
    let lock = Lock::write(5, 10);
    compound.lock_new(&lock, open, "owner").send().status()
}

fn until(what: &str, reached: impl Fn() -> bool) {
    let end = Instant::now() + SOON;
    while !reached() {
        assert!(Instant::now() < end, "not within {SOON:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn is_empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none())
}

/// Whether nothing is accepted there, or closed at once.
fn is_closed(address: SocketAddr) -> bool {
    Connection::open(address).is_err() || {
        let reply = Session::establish(address, &ClientOptions::new("anybody"));
        reply.is_err_and(|error| error.kind() != io::ErrorKind::InvalidData)
    }
}

#[test]
fn locks_exclude_clients_of_another_mount_target() {
    let bench = Bench::new(90);
    let mut one = session(bench.one, "client");
    // The same name: Linux has one for all its mounts.
    let mut two = session(bench.two, "client");
    let root = one.root();
    one.make_file(&root, "f", b"content");
    let (open, file) = one.open(&root, &Open::both("f"));
    let (theirs, same) = two.open(&root, &Open::both("f"));
    assert_eq!(file, same, "a handle is the same on both");
    let lock = locked(&mut one, &file, open);
    assert_eq!(try_lock(&mut two, &file, theirs), NFS4ERR_DENIED);
    let test = two.compound().putfh(&file).lockt(&Lock::read(9, 1), "x");
    test.expect(NFS4ERR_DENIED);
    one.compound().putfh(&file).locku(lock, 0, 10).ok();
    assert_eq!(try_lock(&mut two, &file, theirs), NFS4_OK);
    assert_eq!(try_lock(&mut one, &file, open), NFS4ERR_DENIED);
}

/// The bound is the process's, and so is the memory: a file system more doesn't double it.
#[test]
fn open_files_of_all_file_systems_count_together() {
    const ALL: usize = 20;
    let mut bench = Bench::limited(90, Some(ALL));
    let other = bench.other();
    let mut sessions = [bench.one, bench.two, other].map(|address| session(address, "client"));
    let mut number = 0;
    let mut open = |session: &mut Session| {
        number += 1;
        let root = session.root();
        let owner = format!("owner {number}");
        let open = Open::both("f").create().owner(owner);
        session.compound().putfh(&root).open(&open).send().status()
    };
    for turn in 0..ALL {
        assert_eq!(open(&mut sessions[turn % 3]), NFS4_OK, "open {turn}");
    }
    for session in &mut sessions {
        assert_eq!(open(session), NFS4ERR_DELAY);
    }
    // What goes with a mount target is free for the others.
    let [one, two, _] = &mut sessions;
    bench.server.delete_mount_target(OF_OTHER).unwrap();
    for turn in 0..ALL / 3 {
        assert_eq!(open(one), NFS4_OK, "open {turn} after a deletion");
    }
    assert_eq!(open(two), NFS4ERR_DELAY);
    // And what goes with clients that end.
    bench.server.reset(&[&bench.first]).unwrap();
    let mut again = session(bench.one, "client");
    for turn in 0..ALL {
        assert_eq!(open(&mut again), NFS4_OK, "open {turn} after a reset");
    }
    assert_eq!(open(&mut again), NFS4ERR_DELAY);
}

#[test]
fn an_expired_client_gives_way_to_one_of_another_mount_target() {
    let bench = Bench::new(2);
    let mut one = session(bench.one, "silent");
    let mut two = session(bench.two, "needs it");
    let root = one.root();
    one.make_file(&root, "f", b"content");
    let (open, file) = one.open(&root, &Open::both("f"));
    locked(&mut one, &file, open);
    let (theirs, _) = two.open(&root, &Open::both("f"));
    assert_eq!(try_lock(&mut two, &file, theirs), NFS4ERR_DENIED);
    let end = Instant::now() + SOON;
    while try_lock(&mut two, &file, theirs) != NFS4_OK {
        assert!(Instant::now() < end);
        thread::sleep(Duration::from_millis(200));
    }
    one.compound().expect(NFS4ERR_BADSESSION);
}

#[test]
fn what_is_removed_through_one_stays_open_through_the_other() {
    let bench = Bench::new(90);
    let mut one = session(bench.one, "one");
    let mut two = session(bench.two, "two");
    let root = one.root();
    one.make_file(&root, "f", b"content");
    let (open, file) = one.open(&root, &Open::both("f"));
    two.compound().putfh(&root).remove("f").ok();
    let reply = one.compound().putfh(&file).read(open, 0, 100).ok();
    assert_eq!(reply.read().data.as_slice(), b"content");
    // The handle is good on the other as well, as long as somebody has it open.
    two.compound().putfh(&file).ok();
    one.compound().putfh(&file).close(open).ok();
    two.compound().putfh(&file).expect(NFS4ERR_STALE);
}

#[test]
fn state_of_one_mount_target_means_nothing_to_another() {
    let mut bench = Bench::new(90);
    let other = bench.other();
    let mut one = session(bench.one, "client");
    let root = one.root();
    one.make_file(&root, "f", b"content");
    let (open, file) = one.open(&root, &Open::both("f"));
    let lock = locked(&mut one, &file, open);
    let mut two = session(bench.two, "client");
    let (theirs, _) = two.open(&root, &Open::both("f"));
    assert_ne!(theirs.other, open.other);
    for stateid in [open, lock] {
        let read = two.compound().putfh(&file).read(stateid, 0, 1);
        read.expect(NFS4ERR_BAD_STATEID);
    }
    for address in [bench.two, other] {
        let mut session = session(address, "somebody");
        assert_ne!(session.clientid, one.clientid);
        let reply = session.compound().test_stateid(&[open, lock]).ok();
        let codes = reply.test_stateid().tsr_status_codes;
        assert_eq!(*codes, [NFS4ERR_BAD_STATEID; 2]);
        let free = session.compound().free_stateid(lock);
        free.expect(NFS4ERR_BAD_STATEID);
        let args = ClientOptions::new("client").create_session(one.clientid, 2);
        let create = session.connection.compound().create_session(&args);
        create.expect(NFS4ERR_STALE_CLIENTID);
        session.id = one.id;
        session.compound().expect(NFS4ERR_BADSESSION);
    }
}

#[test]
fn no_two_are_taken_for_one() {
    let mut bench = Bench::new(90);
    let other = bench.other();
    let exchange = |address| {
        let mut connection = Connection::open(address).unwrap();
        let options = ClientOptions::new("client");
        let exchange = connection.compound();
        let reply = exchange.exchange_id(&options.exchange_id()).ok();
        let result = reply.exchange_id();
        let owner = result.eir_server_owner.so_major_id.as_slice().to_vec();
        let scope = result.eir_server_scope.as_slice().to_vec();
        (owner, scope)
    };
    let front = exchange(bench.server.addresses[0]);
    let [one, two, third] = [bench.one, bench.two, other].map(exchange);
    let owners = [&front.0, &one.0, &two.0, &third.0];
    for (number, owner) in owners.iter().enumerate() {
        assert!(owners[..number].iter().all(|before| before != owner));
    }
    assert!(front.1 == one.1 && one.1 == two.1);
    assert_ne!(one.1, third.1, "another file system is another scope");
    bench.server.crash().unwrap();
    assert_eq!(exchange(bench.server.addresses[0]), front);
    let first = bench.first.clone();
    let again = bench.server.create_mount_target(&first, TWO, at(2));
    assert_eq!(exchange(again.unwrap()), two);
    assert_eq!(exchange(bench.other()), third);
}

#[test]
fn handles_of_another_file_system_are_bad_and_its_names_its_own() {
    let mut bench = Bench::new(90);
    let other = bench.other();
    let mut one = session(bench.one, "client");
    let mut third = session(other, "client");
    let (root, theirs) = (one.root(), third.root());
    let file = one.make_file(&root, "f", b"ours");
    for handle in [&root, &file] {
        third.compound().putfh(handle).expect(NFS4ERR_BADHANDLE);
    }
    one.compound().putfh(&theirs).expect(NFS4ERR_BADHANDLE);
    let lookup = third.compound().putrootfh().lookup("f");
    lookup.expect(NFS4ERR_NOENT);
    third.make_file(&theirs, "f", b"theirs");
    let tree = bench.tree(&bench.first);
    assert_eq!(std::fs::read(tree.join("f")).unwrap(), b"ours");
    assert_eq!(
        std::fs::read(bench.tree(OTHER).join("f")).unwrap(),
        b"theirs"
    );
}

#[test]
fn nobody_takes_what_clients_of_another_mount_target_may_reclaim() {
    let mut bench = Bench::new(60);
    let options = ClientOptions::new("client");
    let mut one = session(bench.one, "client");
    let root = one.root();
    one.make_file(&root, "f", b"content");
    let (open, file) = one.open(&root, &Open::both("f"));
    locked(&mut one, &file, open);
    bench.server.crash().unwrap();
    let first = bench.first.clone();
    let two = bench.server.create_mount_target(&first, TWO, at(2));
    let mut two = session(two.unwrap(), "client");
    // Not even while the mount target of those clients is not there yet.
    let new = |two: &mut Session| two.compound().putfh(&root).open(&Open::both("f")).send();
    assert_eq!(new(&mut two).status(), NFS4ERR_GRACE);
    let reclaim = two.compound().putfh(&file);
    let reclaim = reclaim.open(&Open::both("").previous());
    reclaim.expect(NFS4ERR_NO_GRACE);
    let address = bench.server.create_mount_target(&first, ONE, at(1));
    let mut one = Session::establish(address.unwrap(), &options.reclaiming()).unwrap();
    let status = bench.server.status().unwrap();
    assert!(status[0].grace_seconds.is_some());
    let compound = one.compound().putfh(&file);
    let open = compound.open(&Open::both("").previous()).ok();
    let open = open.open().stateid;
    let compound = one.compound().putfh(&file);
    let lock = Lock::write(0, 10).reclaim();
    compound.lock_new(&lock, open, "owner").ok();
    assert_eq!(new(&mut two).status(), NFS4ERR_GRACE);
    one.compound().reclaim_complete().ok();
    let theirs = new(&mut two).assert(NFS4_OK).open().stateid;
    assert_eq!(try_lock(&mut two, &file, theirs), NFS4ERR_DENIED);
}

#[test]
fn a_deleted_mount_target_takes_its_clients_with_it_and_leaves_the_others() {
    let mut bench = Bench::new(90);
    let mut one = session(bench.one, "client");
    let mut two = session(bench.two, "client");
    let root = one.root();
    one.make_file(&root, "f", b"content");
    let (open, file) = one.open(&root, &Open::both("f"));
    locked(&mut one, &file, open);
    let (theirs, _) = two.open(&root, &Open::both("f"));
    bench.server.delete_mount_target(ONE).unwrap();
    assert!(TcpStream::connect(bench.one).is_err());
    assert!(one.compound().try_send().is_err());
    assert_eq!(try_lock(&mut two, &file, theirs), NFS4_OK);
    let error = bench.server.delete_mount_target(ONE).unwrap_err();
    assert!(error.to_string().contains("no mount target"), "{error}");

    // Its address is free for it again, or for another one.
    let first = bench.first.clone();
    let again = bench.server.create_mount_target(&first, ONE, bench.one);
    assert_eq!(again.unwrap(), bench.one);
    one.connection = Connection::open(bench.one).unwrap();
    one.compound().expect(NFS4ERR_BADSESSION);
    let args = ClientOptions::new("client").create_session(one.clientid, 2);
    let create = one.connection.compound().create_session(&args);
    create.expect(NFS4ERR_STALE_CLIENTID);
    let options = ClientOptions::new("client").reclaiming();
    let mut one = Session::establish(bench.one, &options).unwrap();
    let reclaim = one.compound().putfh(&file);
    let reclaim = reclaim.open(&Open::both("").previous());
    reclaim.expect(NFS4ERR_NO_GRACE);
    one.compound().reclaim_complete().ok();
    let (open, _) = one.open(&root, &Open::both("f"));
    assert_eq!(try_lock(&mut one, &file, open), NFS4ERR_DENIED);

    // What was deleted may not reclaim after a restart.
    bench.server.delete_mount_target(ONE).unwrap();
    drop(two);
    bench.server.delete_mount_target(TWO).unwrap();
    bench.server.crash().unwrap();
    let status = bench.server.status().unwrap();
    assert_eq!(status[0].grace_seconds, None);
}

#[test]
fn front_doors_belong_to_a_mount_target_that_can_go_and_come() {
    let mut bench = Bench::new(90);
    let front = bench.server.addresses[0];
    let status = bench.server.status().unwrap();
    let targets = &status[0].mount_targets;
    let door = targets
        .iter()
        .find(|target| target.addresses.contains(&front));
    let door = door.unwrap().id.clone();
    let mut through = session(front, "client");
    let root = through.root();
    // A further address of the same mount target: state is the same.
    let first = bench.first.clone();
    let further = bench.server.create_mount_target(&first, &door, at(7));
    through.connection = Connection::open(further.unwrap()).unwrap();
    through.make_file(&root, "f", b"content");
    bench.server.delete_mount_target(&door).unwrap();
    assert!(is_closed(front));
    bench.server.crash().unwrap();
    let front = bench.server.addresses[0];
    assert!(is_closed(front), "also after a restart");
    let new = "fsmt-00000000000000003";
    bench
        .server
        .create_mount_target(&first, new, at(8))
        .unwrap();
    let mut through = session(front, "client");
    through.compound().putfh(&root).lookup("f").ok();
    bench.server.crash().unwrap();
    let mut through = session(bench.server.addresses[0], "another");
    through.compound().putfh(&root).lookup("f").ok();
}

#[test]
fn a_wildcard_front_door_serves_all_mount_targets_on_its_port() {
    let directory = TempDir::with_prefix("localefs-mount-targets-").unwrap();
    let options = DataPlaneOptions {
        namespace: None,
        listen: vec![([0, 0, 0, 0], 0).into()],
        lease: 90,
        max_opens: None,
    };
    let mut server = DataPlaneServer::start(PROGRAM, directory.path(), options).unwrap();
    let port = server.addresses[0].port();
    server.create_file_system(OTHER).unwrap();
    let address = SocketAddr::from(([127, 31, 0, 9], port));
    let target = server.create_mount_target(OTHER, OF_OTHER, address);
    assert_eq!(target.unwrap(), address);
    let taken = server.create_mount_target(OTHER, ONE, address).unwrap_err();
    assert!(taken.to_string().contains("taken"), "{taken}");
    let root = |host: [u8; 4], name| session((host, port).into(), name).root();
    let first = root([127, 0, 0, 1], "one");
    assert_eq!(root([127, 31, 0, 8], "two"), first);
    let other = root([127, 31, 0, 9], "three");
    assert_ne!(other, first);
    server.delete_mount_target(OF_OTHER).unwrap();
    // Without a claim it is a front door like all the others.
    assert_eq!(root([127, 31, 0, 9], "four"), first);
}

#[test]
fn a_deleted_file_system_is_gone_with_its_handles() {
    let mut bench = Bench::new(90);
    let other = bench.other();
    let mut third = session(other, "client");
    let root = third.root();
    let file = third.make_file(&root, "f", b"content");
    let (open, _) = third.open(&root, &Open::both("f"));
    let error = bench.server.delete_file_system(OTHER).unwrap_err();
    assert!(error.to_string().contains(OF_OTHER), "{error}");
    third.compound().putfh(&file).read(open, 0, 1).ok();
    bench.server.delete_mount_target(OF_OTHER).unwrap();
    bench.server.delete_file_system(OTHER).unwrap();
    assert!(!bench.tree(OTHER).exists());
    let removed = bench.server.data().join("removed");
    until("the tree is gone", || is_empty(&removed));
    let descriptors = format!("/proc/{}/fd", bench.server.pid());
    let held = std::fs::read_dir(descriptors).unwrap().flatten();
    let held = held.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let deleted = |path: &std::path::PathBuf| path.to_string_lossy().contains(OTHER);
    assert_eq!(held.filter(deleted).count(), 0);
    let error = bench.server.delete_file_system(OTHER).unwrap_err();
    assert!(error.to_string().contains("no file system"), "{error}");

    // Another one of the same id is another one.
    let mut third = session(bench.other(), "client");
    for handle in [&root, &file] {
        third.compound().putfh(handle).expect(NFS4ERR_BADHANDLE);
    }
    let new = third.root();
    let lookup = third.compound().putfh(&new).lookup("f");
    lookup.expect(NFS4ERR_NOENT);
    let mut one = session(bench.one, "client");
    let root = one.root();
    one.make_file(&root, "still there", b"");
}

#[test]
fn everything_is_the_same_after_a_restart() {
    let mut bench = Bench::new(60);
    let other = bench.other();
    let mut third = session(other, "client");
    let root = third.root();
    let file = third.make_file(&root, "f", b"content");
    let (open, _) = third.open(&root, &Open::both("f"));
    locked(&mut third, &file, open);
    bench.server.crash().unwrap();
    let options = ClientOptions::new("client").reclaiming();
    let mut again = Session::establish(bench.other(), &options).unwrap();
    assert_ne!(again.clientid, third.clientid);
    let compound = again.compound().putfh(&file);
    let open = compound.open(&Open::both("").previous()).ok();
    let open = open.open().stateid;
    let compound = again.compound().putfh(&file);
    let lock = Lock::write(0, 10).reclaim();
    compound.lock_new(&lock, open, "owner").ok();
    again.compound().reclaim_complete().ok();
    // The other file system had no clients, and so no grace period.
    let mut one = session(bench.server.addresses[0], "client");
    let root = one.root();
    one.open(&root, &Open::both("new").create());
}

#[test]
fn after_a_reset_a_mount_finds_an_empty_root_at_once() {
    let mut bench = Bench::new(90);
    let other = bench.other();
    let mut one = session(bench.one, "client");
    let mut third = session(other, "client");
    let (root, theirs) = (one.root(), third.root());
    let directory = one.make_directory(&root, "d");
    let file = one.make_file(&directory, "f", b"content");
    one.compound()
        .putfh(&root)
        .setattr(Stateid4::ANONYMOUS, &mode(0o700))
        .ok();
    third.make_file(&theirs, "f", b"content");
    let (open, _) = one.open(&directory, &Open::both("f"));
    locked(&mut one, &file, open);
    let first = bench.first.clone();
    bench.server.reset(&[&first]).unwrap();

    assert!(one.compound().try_send().is_err(), "it is cut off");
    one.connection = Connection::open(bench.one).unwrap();
    one.compound().expect(NFS4ERR_BADSESSION);
    let mut one = session(bench.one, "client");
    let lookup = one.compound().putfh(&root).lookup("d");
    lookup.expect(NFS4ERR_NOENT);
    let mode = one
        .compound()
        .putfh(&root)
        .getattr(&[Attr::FATTR4_MODE])
        .ok();
    assert_eq!(mode.attributes().mode, Some(0o755));
    let file = one.make_file(&root, "f", b"new");
    let (open, _) = one.open(&root, &Open::both("f"));
    locked(&mut one, &file, open);
    // Of the others only the clients were ended.
    let mut third = session(other, "client");
    third.compound().putfh(&theirs).lookup("f").ok();
    // The front door is the same mount target as before.
    let mut through = session(bench.server.addresses[0], "client");
    through.compound().putfh(&root).lookup("f").ok();
    let removed = bench.server.data().join("removed");
    until("what was in it is gone", || is_empty(&removed));
    bench.server.crash().unwrap();
    let mut through = session(bench.server.addresses[0], "new");
    through.compound().putfh(&root).lookup("f").ok();
}
