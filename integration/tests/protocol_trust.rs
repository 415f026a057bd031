//! What is believed of a client, and what is not: ids, state of others, claims after a restart,
//! and how much one client may hold.

use std::thread::sleep;
use std::time::Duration;

use localefs_integration::client::names::*;
use localefs_integration::client::{
    ClientOptions, Connection, Credential, Fixture, Lock, Open, Session, SharedServer, TestServer,
    TestServerOptions,
};
use localefs_protocol::nfs4::{NFS_PROGRAM, NFS_V4, NFSPROC4_COMPOUND, NfsResop4, Stateid4};
use localefs_protocol::rpc::{AuthStat, ReplyHeader};
use rustix::process::Signal;

const ANONYMOUS: Stateid4 = Stateid4::ANONYMOUS;

static SERVER: SharedServer = SharedServer::new();

/// chown(2) takes 2^32 - 1 for "leave as it is": what such a user made would be the server's own.
#[test]
fn nobody_is_the_highest_id() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    let compound = Fixture::new(SERVER.get(), "ids").here().encode();
    for credential in [Credential::user(u32::MAX, 5), Credential::user(5, u32::MAX)] {
        let procedure = (NFS_PROGRAM, NFS_V4, NFSPROC4_COMPOUND);
        let reply = connection.call(procedure, &credential, &compound).unwrap();
        assert_eq!(reply.header, ReplyHeader::AuthError(AuthStat::AUTH_BADCRED));
    }
}

#[test]
fn another_users_stateid_gives_no_rights() {
    let mut fixture = SERVER.fixture("stateid");
    fixture.file("f", b"content");
    let (stateid, file) = fixture.open(&Open::both("f"));
    let session = &mut fixture.session;
    session
        .compound()
        .putfh(&file)
        .setattr(ANONYMOUS, &mode(0o600))
        .ok();
    let truncate = |session: &mut Session, stateid| {
        let compound = session.as_user(1234, 1234).putfh(&file);
        compound.setattr(stateid, &size(0)).send().status()
    };
    assert_eq!(truncate(session, stateid), NFS4ERR_ACCESS);
    assert_eq!(truncate(session, ANONYMOUS), NFS4ERR_ACCESS);
    session
        .compound()
        .putfh(&file)
        .setattr(ANONYMOUS, &mode(0o602))
        .ok();
    assert_eq!(truncate(session, stateid), NFS4_OK);
    // The owner keeps what it has open.
    session
        .compound()
        .putfh(&file)
        .setattr(ANONYMOUS, &owner("1234"))
        .ok();
    session
        .compound()
        .putfh(&file)
        .setattr(ANONYMOUS, &mode(0))
        .ok();
    assert_eq!(truncate(session, stateid), NFS4_OK);
    assert_eq!(truncate(session, ANONYMOUS), NFS4ERR_ACCESS);
}

/// A server that knows, from before a restart, clients of root and of user 1234.
fn restarted() -> (TestServer, ClientOptions, ClientOptions, Vec<u8>) {
    let options = TestServerOptions {
        lease: 10,
        durable: true,
    };
    let mut server = TestServer::start(options).unwrap();
    let root = ClientOptions::new("root's client");
    let user = ClientOptions::new("a user's client").credential(Credential::user(1234, 1234));
    let mut session = Session::establish(server.address(), &root).unwrap();
    Session::establish(server.address(), &user).unwrap();
    let top = session.root();
    let file = session.make_file(&top, "secret", b"content");
    session
        .compound()
        .putfh(&file)
        .setattr(ANONYMOUS, &mode(0o600))
        .ok();
    server.crash().unwrap();
    (server, root, user, file)
}

#[test]
fn a_reclaim_gives_no_rights_either() {
    let (server, root, user, file) = restarted();
    let mut session = Session::establish(server.address(), &user.reclaiming()).unwrap();
    let claim = Open::both("").previous();
    session
        .compound()
        .putfh(&file)
        .open(&claim)
        .expect(NFS4ERR_ACCESS);
    let mut session = Session::establish(server.address(), &root.reclaiming()).unwrap();
    session.compound().putfh(&file).open(&claim).ok();
}

#[test]
fn what_one_has_reclaimed_another_cannot() {
    let (server, root, user, file) = restarted();
    let mut first = Session::establish(server.address(), &root.reclaiming()).unwrap();
    let mut second = Session::establish(
        server.address(),
        &user.credential(Credential::ROOT).reclaiming(),
    )
    .unwrap();
    let reclaim = |session: &mut Session, owner: &str| {
        let opened = session
            .compound()
            .putfh(&file)
            .open(&Open::both("").previous())
            .ok();
        let lock = Lock::write(0, 10).reclaim();
        let stateid = opened.open().stateid;
        session
            .compound()
            .putfh(&file)
            .lock_new(&lock, stateid, owner)
            .send()
            .status()
    };
    assert_eq!(reclaim(&mut first, "a"), NFS4_OK);
    assert_eq!(reclaim(&mut second, "b"), NFS4ERR_RECLAIM_CONFLICT);
}

#[test]
fn unlocking_splits_only_so_often() {
    let mut fixture = SERVER.fixture("splits");
    fixture.file("f", b"");
    let (open, file) = fixture.open(&Open::both("f"));
    let session = &mut fixture.session;
    let locked = session
        .compound()
        .putfh(&file)
        .lock_new(&Lock::write(0, 10_000), open, "a")
        .ok();
    let stateid = Stateid4 {
        seqid: 0,
        ..locked.lock_stateid()
    };
    let unlock = |session: &mut Session, offset| {
        session
            .compound()
            .putfh(&file)
            .locku(stateid, offset, 1)
            .send()
            .status()
    };
    let splits = (0..2_000)
        .take_while(|n| unlock(session, 2 * n + 1) == NFS4_OK)
        .count();
    // 512 locks on a file (EFS user guide, "Quotas for NFS clients").
    assert_eq!(splits, 511);
    assert_eq!(unlock(session, 9_001), NFS4ERR_LOCK_RANGE);
    // What makes it no more pieces goes on.
    assert_eq!(unlock(session, 0), NFS4_OK);
    assert_eq!(unlock(session, 9_001), NFS4_OK);
    session
        .compound()
        .putfh(&file)
        .locku(stateid, 0, u64::MAX)
        .ok();
}

/// 512 locks on a file, and 65,536 of a client (EFS user guide, "Quotas for NFS clients").
#[test]
fn a_client_has_65536_locks_and_the_others_have_theirs() {
    const FILES: usize = 129;
    let mut fixture = SERVER.fixture("locks");
    let mut held = 0;
    let mut last = None;
    for number in 0..FILES {
        let name = format!("f{number}");
        fixture.file(&name, b"");
        let (open, file) = fixture.open(&Open::both(&name));
        let session = &mut fixture.session;
        let first = session.compound().putfh(&file);
        let first = first.lock_new(&Lock::write(0, 1), open, "a").send();
        if number == FILES - 1 {
            assert_eq!(held, 65_536);
            assert_eq!(
                first.status(),
                NFS4ERR_DQUOT,
                "the first lock on one more file"
            );
            break;
        }
        let stateid = Stateid4 {
            seqid: 0,
            ..first.lock_stateid()
        };
        held += 1;
        for begin in (1..512).step_by(60) {
            let mut compound = session.compound().putfh(&file);
            let end = 512.min(begin + 60);
            for at in begin..end {
                compound = compound.lock_more(&Lock::write(2 * at, 1), stateid);
            }
            compound.ok();
            held += usize::try_from(end - begin).unwrap();
        }
        // The file is full before the client is.
        let more = session.compound().putfh(&file);
        more.lock_more(&Lock::write(5_000, 1), stateid)
            .expect(NFS4ERR_DQUOT);
        last = Some((file, stateid));
    }
    let (file, stateid) = last.unwrap();
    let mut other = fixture.another_client();
    let top = other.root();
    let theirs = other.make_file(&top, "locks of another", b"");
    let (open, _) = other.open(&top, &Open::both("locks of another"));
    other
        .compound()
        .putfh(&theirs)
        .lock_new(&Lock::write(0, 1), open, "a")
        .ok();
    // What is given back can be taken elsewhere.
    let (open, one_more) = fixture.open(&Open::both(format!("f{}", FILES - 1)));
    let session = &mut fixture.session;
    session.compound().putfh(&file).locku(stateid, 0, 1).ok();
    let lock = |session: &mut Session, at| {
        let compound = session.compound().putfh(&one_more);
        compound
            .lock_new(&Lock::write(at, 1), open, "a")
            .send()
            .status()
    };
    assert_eq!(lock(session, 0), NFS4_OK);
    assert_eq!(lock(session, 2), NFS4ERR_DQUOT);
    session.compound().putfh(&file).locku(stateid, 2, 3).ok();
    assert_eq!(lock(session, 2), NFS4_OK);
    // A file that is closed takes its locks along.
    session.compound().putfh(&one_more).close(open).ok();
    let (open, one_more) = fixture.open(&Open::both(format!("f{}", FILES - 1)));
    let compound = fixture.session.compound().putfh(&one_more);
    compound.lock_new(&Lock::write(9, 1), open, "a").ok();
}

/// Files that one client has open (EFS user guide, "Quotas for NFS clients"): 65,536, and fewer
/// where the server's own descriptors end before.
#[test]
fn a_client_opens_so_many_files_and_the_others_open_theirs() {
    const LIMIT: usize = 65_536;
    let server = TestServer::start(TestServerOptions::default()).unwrap();
    let mut fixture = Fixture::new(server.into(), "opens");
    let file = fixture.file("f", b"");
    let mut stateids = Vec::new();
    let refused = loop {
        assert!(stateids.len() <= LIMIT, "{} opens", stateids.len());
        let mut compound = fixture.session.compound();
        for number in stateids.len()..stateids.len() + 30 {
            let open = Open::read("").claim_fh().owner(number.to_be_bytes());
            compound = compound.putfh(&file).open(&open);
        }
        let reply = compound.send();
        stateids.extend(reply.results().filter_map(|result| match result {
            NfsResop4::Open(Ok(open)) => Some(open.stateid),
            _ => None,
        }));
        if reply.status() != NFS4_OK {
            break reply.status();
        }
    };
    assert_eq!(refused, NFS4ERR_DQUOT, "after {} opens", stateids.len());
    assert!(stateids.len() >= 16);
    let mut other = fixture.another_client();
    let compound = other.compound().putfh(&file);
    compound.open(&Open::read("").claim_fh()).ok();
    let open = Open::read("").claim_fh().owner("one more");
    let compound = fixture.session.compound().putfh(&file);
    compound.open(&open).expect(NFS4ERR_DQUOT);
    let compound = fixture.session.compound().putfh(&file);
    compound.close(stateids[0]).putfh(&file).open(&open).ok();
}

/// A server that was stopped heard no renewals: nobody loses a lease for that.
#[test]
fn a_pause_of_the_server_costs_no_lease() {
    let server = TestServer::start(TestServerOptions {
        lease: 6,
        durable: false,
    })
    .unwrap();
    let mut fixture = Fixture::new(server.into(), "pause");
    fixture.file("f", b"");
    let (open, file) = fixture.open(&Open::both("f"));
    let lock = Lock::write(0, 1);
    fixture
        .session
        .compound()
        .putfh(&file)
        .lock_new(&lock, open, "a")
        .ok();
    let mut other = fixture.another_client();
    // Clients let two thirds of a lease pass.
    sleep(Duration::from_secs(4));
    fixture.server().signal(Signal::STOP).unwrap();
    sleep(Duration::from_secs(12));
    fixture.server().signal(Signal::CONT).unwrap();
    other
        .compound()
        .putfh(&file)
        .lockt(&lock, "b")
        .expect(NFS4ERR_DENIED);
    fixture
        .session
        .compound()
        .putfh(&file)
        .getattr(&[FATTR4_SIZE])
        .ok();
}
