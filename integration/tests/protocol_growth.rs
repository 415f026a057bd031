//! Much of everything: memory and descriptors stay bounded, and nothing is lost or confused.
//! Needs root, to become an ordinary user. What it costs is in docs/performance.md.

use std::fs;
use std::time::Duration;

use localefs_integration::bench::amount;
use localefs_integration::client::names::*;
use localefs_integration::client::{
    ClientOptions, Compound, Launch, Lock, Open, Session, TestServer, TestServerOptions, channel,
};
use localefs_integration::growth::{Clients, Directory, Pump, Usage};
use localefs_protocol::nfs4::Stateid4;
use localefs_protocol::nfs4::ops::StableHow4;

const ORDINARY: u32 = 65534;
const ANONYMOUS: Stateid4 = Stateid4::ANONYMOUS;

fn server(arguments: &[&str], files: Option<u32>, user: Option<u32>) -> TestServer {
    let options = TestServerOptions {
        lease: 600,
        durable: true,
        ..TestServerOptions::default()
    };
    let arguments = arguments.iter().map(|argument| (*argument).to_owned());
    let launch = Launch {
        arguments: arguments.chain(["--log".into(), "warn".into()]).collect(),
        files,
        user,
        ..Launch::default()
    };
    TestServer::launch(options, launch).unwrap()
}

/// What a server has become larger by, in KiB.
fn grown(server: &TestServer, before: Usage) -> u64 {
    let now = Usage::of(server.pid()).unwrap();
    now.resident.saturating_sub(before.resident)
}

fn a_large_directory(user: Option<u32>) {
    let files = u64::from(amount(20_000, 1_000_000));
    let server = server(&[], None, user);
    let before = Usage::of(server.pid()).unwrap();
    let mut directory = Directory::new(&server, "many", files, 5_000).unwrap();
    // It checks what is listed, and that nothing is left.
    directory.measure().unwrap();
    let more = grown(&server, before);
    assert!(more < 48 * 1024, "{more} KiB more");
}

#[test]
fn a_large_directory_takes_no_memory() {
    a_large_directory(None);
}

#[test]
fn a_large_directory_takes_an_ordinary_user_no_memory() {
    a_large_directory(Some(ORDINARY));
}

/// Clients with more open files than the server may have, over a kill.
fn more_opens_than_descriptors(user: Option<u32>, files: u32, clients: usize, opens: usize) {
    let mut server = server(&[], Some(files), user);
    let before = Usage::of(server.pid()).unwrap();
    let (mut clients, _) = Clients::connect(&server, clients, opens).unwrap();
    clients.open(&server).unwrap();
    clients.write(&server).unwrap();
    let all = clients.count();
    let usage = Usage::of(server.pid()).unwrap();
    assert!(usage.files < files as usize, "{usage:?}");
    assert!(all > 2 * u64::from(files));
    let more = grown(&server, before);
    // About 780 octets for an open, and 6 KiB for a client.
    assert!(more < all + 24 * 1024, "{more} KiB more with {all} opens");
    clients.read_all(&server, "read").unwrap();
    clients.commit(&server).unwrap();
    server.crash().unwrap();
    clients.reclaim(&server).unwrap();
    clients.read_all(&server, "read").unwrap();
    clients.close(&server).unwrap();
    let usage = Usage::of(server.pid()).unwrap();
    assert!(usage.files < files as usize, "{usage:?}");
}

#[test]
fn a_thousand_clients_have_more_open_than_the_process_may() {
    more_opens_than_descriptors(None, 3_000, 1_000, amount(10, 100) as usize);
}

#[test]
fn an_ordinary_users_clients_have_more_open_than_the_process_may() {
    more_opens_than_descriptors(Some(ORDINARY), 1_200, 100, amount(40, 400) as usize);
}

/// Opens so many files of a new directory that only the last of them have descriptors.
struct Evicted {
    server: TestServer,
    session: Session,
    directory: Vec<u8>,
    opens: Vec<(Stateid4, Vec<u8>)>,
}

impl Evicted {
    const FILES: usize = 300;

    fn new(user: Option<u32>) -> Self {
        let server = server(&["--max-descriptors", "64"], None, user);
        let mut session =
            Session::establish(server.address(), &ClientOptions::new("evicted")).unwrap();
        let root = session.root();
        let directory = session.make_directory(&root, "d");
        let opens = (0..Self::FILES).map(|number| {
            let open = Open::both(format!("f{number}"))
                .create()
                .owner(format!("{number}"))
                .set(mode(0o644));
            let (stateid, handle) = session.open(&directory, &open);
            let data = format!("content {number}");
            session
                .compound()
                .putfh(&handle)
                .write(stateid, 0, StableHow4::FileSync, data.as_bytes())
                .ok();
            (stateid, handle)
        });
        let opens = opens.collect();
        Self {
            server,
            session,
            directory,
            opens,
        }
    }

    fn read(&mut self, number: usize) -> String {
        let (stateid, handle) = &self.opens[number];
        let reply = self.session.compound().putfh(handle);
        let reply = reply.read(*stateid, 0, 100).ok();
        String::from_utf8(reply.read().data.to_vec()).unwrap()
    }

    /// Uses so many others that this one loses what it has got.
    fn evict(&mut self) {
        for number in Self::FILES - 100..Self::FILES {
            self.read(number);
        }
    }
}

const USERS: [Option<u32>; 2] = [None, Some(ORDINARY)];

#[test]
fn an_open_file_works_after_its_last_name_is_gone_whether_it_had_a_descriptor_or_not() {
    for user in USERS {
        let mut evicted = Evicted::new(user);
        let directory = evicted.directory.clone();
        let here = |session: &mut Session, old: &str, new: &str| {
            let compound = session.compound().putfh(&directory).savefh();
            compound.rename(old, new).ok();
        };
        let another = ClientOptions::new("another");
        let mut another = Session::establish(evicted.server.address(), &another).unwrap();
        another.compound().putfh(&directory).remove("f0").ok();
        // Replaced by another file, which is open itself.
        here(&mut another, "f1", "f2");
        // One of two names.
        let compound = another.compound().putfh(&evicted.opens[3].1).savefh();
        compound.putfh(&directory).link("second").ok();
        another.compound().putfh(&directory).remove("f3").ok();
        here(&mut another, "second", "third");
        for _ in 0..2 {
            evicted.evict();
            for number in 0..4 {
                assert_eq!(evicted.read(number), format!("content {number}"));
            }
        }
        let (stateid, handle) = evicted.opens[0].clone();
        evicted
            .session
            .compound()
            .putfh(&handle)
            .write(stateid, 8, StableHow4::Unstable, b"again")
            .commit(0, 0)
            .ok();
        evicted.evict();
        assert_eq!(evicted.read(0), "content again");
        let close = evicted.session.compound().putfh(&handle);
        close.close(stateid).ok();
        let gone = evicted.session.compound().putfh(&handle);
        let status = gone.getattr(&[FATTR4_SIZE]).send().status();
        // By the index of names it takes a walk to be sure.
        assert!(
            [NFS4ERR_STALE, NFS4ERR_DELAY].contains(&status),
            "{status:?}"
        );
    }
}

#[test]
fn what_others_do_to_an_open_file_without_a_descriptor_shows() {
    for user in USERS {
        let mut evicted = Evicted::new(user);
        let handle = evicted.opens[0].1.clone();
        let another = ClientOptions::new("another");
        let mut another = Session::establish(evicted.server.address(), &another).unwrap();
        let set = another.compound().putfh(&handle);
        set.setattr(ANONYMOUS, &size(4)).ok();
        assert_eq!(evicted.read(0), "cont");
        evicted.evict();
        // Whoever has it open as its owner keeps what he may do.
        let set = another.compound().putfh(&handle);
        set.setattr(ANONYMOUS, &mode(0)).ok();
        assert_eq!(evicted.read(0), "cont");
        evicted.evict();
        // A directory above it is moved.
        let root = another.root();
        another
            .compound()
            .putfh(&root)
            .savefh()
            .rename("d", "moved")
            .ok();
        assert_eq!(evicted.read(0), "cont");
        assert_eq!(evicted.read(7), "content 7");
    }
}

#[test]
fn a_file_that_the_host_takes_away_is_stale_unless_it_had_a_descriptor() {
    let mut evicted = Evicted::new(None);
    let tree = evicted.server.tree().unwrap();
    evicted.evict();
    fs::remove_file(tree.join("d/f0")).unwrap();
    // The disk likes to give the inode's number to the next one.
    for number in 0..20 {
        fs::write(tree.join(format!("d/other{number}")), "other").unwrap();
    }
    let (stateid, handle) = evicted.opens[0].clone();
    let read = evicted.session.compound().putfh(&handle);
    assert_eq!(read.read(stateid, 0, 10).send().status(), NFS4ERR_STALE);
    let read = evicted.session.compound().putfh(&handle);
    assert_eq!(read.getattr(&[FATTR4_SIZE]).send().status(), NFS4ERR_STALE);
    // And is closed as any other.
    let close = evicted.session.compound().putfh(&handle);
    close.close(stateid).ok();
    fs::rename(tree.join("d/f1"), tree.join("moved")).unwrap();
    assert_eq!(evicted.read(1), "content 1");
}

#[test]
fn open_files_without_a_name_are_bounded_and_spare_the_others() {
    let mut evicted = Evicted::new(None);
    let directory = evicted.directory.clone();
    let mut statuses = Vec::new();
    for number in 0..40 {
        let remove = evicted.session.compound().putfh(&directory);
        statuses.push(remove.remove(format!("f{number}")).send().status());
    }
    // A quarter of what the first file system has, which is half of all descriptors.
    let removed = statuses.iter().filter(|status| **status == NFS4_OK).count();
    assert_eq!(removed, 8, "{statuses:?}");
    assert!(
        statuses[removed..]
            .iter()
            .all(|status| *status == NFS4ERR_DELAY)
    );
    for number in 0..40 {
        assert_eq!(evicted.read(number), format!("content {number}"));
    }
    // What is not open can be removed, and closing makes room.
    let (stateid, handle) = evicted.opens[39].clone();
    let close = evicted.session.compound().putfh(&handle);
    close.close(stateid).ok();
    let remove = evicted.session.compound().putfh(&directory);
    remove.remove("f39").ok();
    let (stateid, handle) = evicted.opens[0].clone();
    let close = evicted.session.compound().putfh(&handle);
    close.close(stateid).ok();
    let remove = evicted.session.compound().putfh(&directory);
    remove.remove("f38").ok();
}

#[test]
fn opens_of_one_client_end_at_the_limit_of_efs_and_of_all_at_the_servers() {
    const LIMIT: usize = 65_536;
    const ALL: usize = 70_000;
    let server = server(&["--max-opens", &ALL.to_string()], None, None);
    let client = |name| Session::establish(server.address(), &ClientOptions::new(name)).unwrap();
    let mut session = client("one");
    let root = session.root();
    let file = session.make_file(&root, "f", b"");
    let build = |number: u64, compound: Compound<'static>| {
        let open = Open::read("").claim_fh().owner(format!("{number}"));
        compound.putfh(&file).open(&open)
    };
    let one_more = |session: &mut Session| {
        let operations = build(u64::MAX, Compound::detached());
        session.compound().append(&operations).send().status()
    };
    let open = |session: &mut Session, count: usize| {
        Pump::new(8)
            .run(session, count as u64, build, |_, _| Ok(()))
            .unwrap();
    };
    open(&mut session, LIMIT);
    assert_eq!(one_more(&mut session), NFS4ERR_DQUOT);
    let mut session = client("another");
    open(&mut session, ALL - LIMIT);
    assert_eq!(one_more(&mut session), NFS4ERR_DELAY);
    // They are opens of one file, which needs one descriptor.
    let used = Usage::of(server.pid()).unwrap();
    assert!(used.files < 200, "{used:?}");
}

#[test]
fn lock_owners_of_all_clients_end_at_the_servers_limit() {
    let server = server(&["--max-opens", "100"], None, None);
    let client = |name| Session::establish(server.address(), &ClientOptions::new(name)).unwrap();
    let mut one = client("one");
    let root = one.root();
    let file = one.make_file(&root, "f", b"content");
    // What is unlocked again keeps its stateid.
    let lock = |session: &mut Session, open, number: u32| {
        let owner = number.to_string();
        let compound = session.compound().putfh(&file);
        let compound = compound.lock_new(&Lock::read(0, 1), open, &owner);
        compound.locku(Stateid4::CURRENT, 0, 1).send().status()
    };
    let open = |session: &mut Session| {
        let reply = session.compound().putfh(&root).open(&Open::both("f")).ok();
        reply.open().stateid
    };
    let of_one = open(&mut one);
    for number in 0..60 {
        assert_eq!(lock(&mut one, of_one, number), NFS4_OK);
    }
    let mut two = client("two");
    let of_two = open(&mut two);
    for number in 0..40 {
        assert_eq!(lock(&mut two, of_two, number), NFS4_OK);
    }
    assert_eq!(lock(&mut two, of_two, 40), NFS4ERR_DELAY);
    one.compound().putfh(&file).close(of_one).ok();
    assert_eq!(lock(&mut two, of_two, 40), NFS4_OK);
}

#[test]
fn dead_clients_give_way_to_new_ones_where_sessions_take_all_memory() {
    const LEASE: u32 = 12;
    let options = TestServerOptions {
        lease: LEASE,
        ..TestServerOptions::default()
    };
    let server = TestServer::start(options).unwrap();
    let mut clients = Vec::new();
    let establish = |number: usize| {
        let options = ClientOptions::new(format!("client {number}")).fore(channel(1024));
        Session::establish(server.address(), &options)
    };
    // What is open keeps an expired client, with its session, until somebody needs it.
    let refused = (0..500).find_map(|number| match establish(number) {
        Ok(mut session) => {
            let root = session.root();
            session.make_file(&root, &format!("f{number}"), b"");
            let open = Open::both(format!("f{number}"));
            session.compound().putfh(&root).open(&open).ok();
            clients.push(session);
            None
        }
        Err(error) => Some(error),
    });
    assert!(refused.is_some(), "{} clients", clients.len());
    drop(clients);
    std::thread::sleep(Duration::from_secs(u64::from(LEASE) + 2));
    establish(1000).unwrap();
}
