//! What clients find after the server's restart (RFC 8881 §8.4.2, §8.4.3).

use std::thread;
use std::time::{Duration, Instant};

use localefs_integration::client::names::*;
use localefs_integration::client::{
    ClientOptions, Connection, Lock, Open, Session, TestServer, TestServerOptions,
};
use localefs_protocol::nfs4::ops::StableHow4;
use localefs_protocol::nfs4::{Nfsstat4, Stateid4};

const ANONYMOUS: Stateid4 = Stateid4::ANONYMOUS;

/// A server that can be restarted, with a grace period that no test sees the end of.
fn patient() -> TestServer {
    TestServer::start(TestServerOptions {
        lease: 60,
        durable: true,
        ..TestServerOptions::default()
    })
    .unwrap()
}

/// A server that can be restarted, with a short grace period.
fn hasty() -> TestServer {
    TestServer::start(TestServerOptions {
        lease: 2,
        durable: true,
        ..TestServerOptions::default()
    })
    .unwrap()
}

/// A client that holds a file open and locked.
struct Holder {
    options: ClientOptions,
    session: Session,
    root: Vec<u8>,
    file: Vec<u8>,
    open: Stateid4,
    lock: Stateid4,
}

impl Holder {
    fn new(server: &TestServer, name: &str) -> Self {
        let options = ClientOptions::new(name);
        let mut session = Session::establish(server.address(), &options).unwrap();
        let root = session.root();
        session.make_file(&root, name, b"content");
        let (open, file) = session.open(&root, &Open::both(name));
        let compound = session.compound().putfh(&file);
        let lock = compound
            .lock_new(&Lock::write(0, 10), open, "locker")
            .ok()
            .lock_stateid();
        Self {
            options,
            session,
            root,
            file,
            open,
            lock,
        }
    }

    /// Comes back after a restart, and has something to reclaim.
    fn come_back(&mut self, server: &TestServer) {
        let options = self.options.clone().reclaiming();
        self.session = Session::establish(server.address(), &options).unwrap();
    }

    fn reclaim_open(&mut self) -> Nfsstat4 {
        let open = Open::both("").previous();
        let reply = self.session.compound().putfh(&self.file).open(&open).send();
        if reply.status() == NFS4_OK {
            self.open = reply.open().stateid;
        }
        reply.status()
    }

    fn reclaim_lock(&mut self) -> Nfsstat4 {
        let lock = Lock::write(0, 10).reclaim();
        let compound = self.session.compound().putfh(&self.file);
        let reply = compound.lock_new(&lock, self.open, "locker").send();
        if reply.status() == NFS4_OK {
            self.lock = reply.lock_stateid();
        }
        reply.status()
    }
}

#[test]
fn without_clients_on_record_there_is_no_grace_period() {
    let mut server = patient();
    server.crash().unwrap();
    let mut session = Session::establish(server.address(), &ClientOptions::new("new")).unwrap();
    let root = session.root();
    session.open(&root, &Open::both("f").create());
    server.crash().unwrap();
    // One that goes in order is off the record.
    let mut session = Session::establish(server.address(), &ClientOptions::new("new")).unwrap();
    let (id, clientid) = (session.id, session.clientid);
    session.connection.compound().destroy_session(id).ok();
    session
        .connection
        .compound()
        .destroy_clientid(clientid)
        .ok();
    server.crash().unwrap();
    let mut session = Session::establish(server.address(), &ClientOptions::new("other")).unwrap();
    session.open(&root, &Open::both("g").create());
}

#[test]
fn sessions_clients_and_stateids_of_before_are_unknown() {
    let mut server = patient();
    let mut holder = Holder::new(&server, "holder");
    server.crash().unwrap();
    // As Linux goes on: SEQUENCE, CREATE_SESSION, EXCHANGE_ID, CREATE_SESSION.
    holder.session.connection = Connection::open(server.address()).unwrap();
    holder
        .session
        .compound()
        .putrootfh()
        .expect_status(0, NFS4ERR_BADSESSION);
    let id = holder.session.id;
    let connection = &mut holder.session.connection;
    connection
        .compound()
        .destroy_session(id)
        .expect(NFS4ERR_BADSESSION);
    let sequence = holder.session.next_create_session;
    let args = holder
        .options
        .create_session(holder.session.clientid, sequence);
    connection
        .compound()
        .create_session(&args)
        .expect(NFS4ERR_STALE_CLIENTID);
    let clientid = holder.session.clientid;
    connection
        .compound()
        .destroy_clientid(clientid)
        .expect(NFS4ERR_STALE_CLIENTID);
    let reply = connection
        .compound()
        .exchange_id(&holder.options.exchange_id())
        .ok();
    assert_ne!(reply.exchange_id().eir_clientid, clientid);
    assert_eq!(reply.exchange_id().eir_flags.0, 0x1_0000, "not confirmed");

    holder.come_back(&server);
    let (open, lock) = (holder.open, holder.lock);
    let session = &mut holder.session;
    let reply = session.compound().test_stateid(&[open, lock]).ok();
    // STALE_STATEID hung Linux clients for good; in 4.1 it is not for this.
    assert_eq!(
        reply.test_stateid().tsr_status_codes[..],
        [NFS4ERR_BAD_STATEID; 2]
    );
    for stateid in [open, lock] {
        session
            .compound()
            .putfh(&holder.file)
            .read(stateid, 0, 1)
            .expect(NFS4ERR_BAD_STATEID);
        session
            .compound()
            .free_stateid(stateid)
            .expect(NFS4ERR_BAD_STATEID);
    }
    session
        .compound()
        .putfh(&holder.file)
        .close(open)
        .expect(NFS4ERR_BAD_STATEID);
    session
        .compound()
        .putfh(&holder.file)
        .locku(lock, 0, 1)
        .expect(NFS4ERR_BAD_STATEID);
}

#[test]
fn opens_and_locks_are_reclaimed() {
    for in_order in [false, true] {
        let mut server = patient();
        let mut holder = Holder::new(&server, "holder");
        if in_order {
            server.stop().unwrap();
            server.restart().unwrap();
        } else {
            server.crash().unwrap();
        }
        holder.come_back(&server);
        assert_eq!(holder.reclaim_open(), NFS4_OK);
        assert_eq!(holder.open.seqid, 1);
        assert_eq!(holder.reclaim_lock(), NFS4_OK);
        let (open, lock) = (holder.open, holder.lock);
        let compound = holder.session.compound().putfh(&holder.file);
        let compound = compound
            .write(open, 0, StableHow4::Unstable, b"C")
            .read(lock, 0, 100);
        assert_eq!(compound.ok().read().data.as_slice(), b"Content");
        // New ones have to wait until all is reclaimed.
        let open = Open::read("holder").owner("new");
        holder
            .session
            .compound()
            .putfh(&holder.root)
            .open(&open)
            .expect(NFS4ERR_GRACE);
        let compound = holder.session.compound().putfh(&holder.file);
        compound
            .lock_more(&Lock::write(50, 1), lock)
            .expect(NFS4ERR_GRACE);

        let newcomer = ClientOptions::new("newcomer");
        let mut other = Session::establish(server.address(), &newcomer).unwrap();
        let root = holder.root.clone();
        let theirs = Open::both("holder");
        other
            .compound()
            .putfh(&root)
            .open(&theirs)
            .expect(NFS4ERR_GRACE);
        // The only one on record is back: the period ends at once, not after a lease.
        holder.session.compound().reclaim_complete().ok();
        let (theirs, _) = other.open(&root, &theirs);
        let compound = other.compound().putfh(&holder.file);
        compound
            .lock_new(&Lock::write(0, 1), theirs, "x")
            .expect(NFS4ERR_DENIED);
        holder.session.compound().putfh(&root).open(&open).ok();
        // What is done is done.
        assert_eq!(holder.reclaim_open(), NFS4ERR_NO_GRACE);
        assert_eq!(holder.reclaim_lock(), NFS4ERR_NO_GRACE);
        holder
            .session
            .compound()
            .reclaim_complete()
            .expect(NFS4ERR_COMPLETE_ALREADY);
        let lock = holder.lock;
        holder
            .session
            .compound()
            .putfh(&holder.file)
            .locku(lock, 0, 10)
            .ok();
        let compound = other.compound().putfh(&holder.file);
        compound.lock_new(&Lock::write(0, 1), theirs, "x").ok();
    }
}

#[test]
fn who_has_completed_waits_for_the_others() {
    let mut server = patient();
    let mut first = Holder::new(&server, "first");
    let mut second = Holder::new(&server, "second");
    server.crash().unwrap();
    first.come_back(&server);
    assert_eq!(first.reclaim_open(), NFS4_OK);
    first.session.compound().reclaim_complete().ok();
    let open = Open::both("first").owner("new");
    first
        .session
        .compound()
        .putfh(&first.root)
        .open(&open)
        .expect(NFS4ERR_GRACE);
    assert_eq!(first.reclaim_open(), NFS4ERR_NO_GRACE);
    second.come_back(&server);
    assert_eq!(second.reclaim_open(), NFS4_OK);
    assert_eq!(second.reclaim_lock(), NFS4_OK);
    second.session.compound().reclaim_complete().ok();
    first.session.compound().putfh(&first.root).open(&open).ok();
}

#[test]
fn a_client_that_completes_and_leaves_is_not_waited_for() {
    let mut server = patient();
    let mut first = Holder::new(&server, "first");
    let mut second = Holder::new(&server, "second");
    server.crash().unwrap();
    first.come_back(&server);
    second.come_back(&server);
    first.session.compound().reclaim_complete().ok();
    second.session.compound().reclaim_complete().ok();
    let (id, clientid) = (second.session.id, second.session.clientid);
    second
        .session
        .connection
        .compound()
        .destroy_session(id)
        .ok();
    second
        .session
        .connection
        .compound()
        .destroy_clientid(clientid)
        .ok();
    let open = Open::both("first");
    first.session.compound().putfh(&first.root).open(&open).ok();
}

#[test]
fn strangers_reclaim_nothing() {
    let mut server = patient();
    let holder = Holder::new(&server, "holder");
    server.crash().unwrap();
    let options = ClientOptions::new("stranger").reclaiming();
    let mut stranger = Session::establish(server.address(), &options).unwrap();
    let open = Open::read("").previous();
    let reply = stranger.compound().putfh(&holder.file).open(&open).send();
    // RFC 8881 §8.4.2.1 has both; Linux gives the file up with either.
    assert!(
        [NFS4ERR_NO_GRACE, NFS4ERR_RECLAIM_BAD].contains(&reply.status()),
        "{reply:?}"
    );
    // That is all that is kept from it.
    stranger
        .compound()
        .putfh(&holder.root)
        .lookup("holder")
        .getattr(&[FATTR4_SIZE])
        .ok();
}

#[test]
fn everything_but_new_state_works_in_grace() {
    let mut server = patient();
    let holder = Holder::new(&server, "holder");
    server.crash().unwrap();
    let mut session = Session::establish(server.address(), &ClientOptions::new("another")).unwrap();
    let root = holder.root;
    session
        .compound()
        .putfh(&root)
        .lookup("holder")
        .getattr(&[FATTR4_SIZE])
        .access(0x3f)
        .ok();
    session.compound().putfh(&root).mkdir("made", 0o755).ok();
    session
        .compound()
        .putfh(&root)
        .savefh()
        .rename("made", "moved")
        .ok();
    session.compound().putfh(&root).remove("moved").ok();
    session
        .compound()
        .putfh(&root)
        .readdir(0, Default::default(), 4096, &[])
        .ok();
    // Locks are advisory: reading and writing can't conflict with what is not reclaimed yet.
    let compound = session
        .compound()
        .putfh(&holder.file)
        .read(ANONYMOUS, 0, 10);
    compound
        .write(ANONYMOUS, 0, StableHow4::Unstable, b"c")
        .commit(0, 0)
        .ok();
    session
        .compound()
        .putfh(&root)
        .open(&Open::both("new").create())
        .expect(NFS4ERR_GRACE);
    session
        .compound()
        .putfh(&root)
        .lookup("new")
        .expect(NFS4ERR_NOENT);
    let open = Open::both("").claim_fh();
    session
        .compound()
        .putfh(&holder.file)
        .open(&open)
        .expect(NFS4ERR_GRACE);
    let test = session
        .compound()
        .putfh(&holder.file)
        .lockt(&Lock::write(0, 1), "x");
    test.expect(NFS4ERR_GRACE);
}

#[test]
fn the_grace_period_ends_without_those_who_stay_away() {
    let mut server = hasty();
    let mut holder = Holder::new(&server, "holder");
    let other = Holder::new(&server, "other");
    server.crash().unwrap();
    let begin = Instant::now();
    let options = ClientOptions::new("newcomer");
    let mut newcomer = Session::establish(server.address(), &options).unwrap();
    let open = Open::both("holder");
    loop {
        let reply = newcomer.compound().putfh(&holder.root).open(&open).send();
        if reply.status() == NFS4_OK {
            break;
        }
        assert_eq!(reply.status(), NFS4ERR_GRACE);
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "the grace period does not end"
        );
        thread::sleep(Duration::from_millis(100));
    }
    assert!(
        begin.elapsed() > Duration::from_millis(1500),
        "{:?}",
        begin.elapsed()
    );
    holder.come_back(&server);
    assert_eq!(holder.reclaim_open(), NFS4ERR_NO_GRACE);
    holder.session.compound().reclaim_complete().ok();
    // Who came too late has lost the right for good, also over the next restart (RFC 8881
    // §8.4.3): somebody may have been given what he held.
    let late = other.options.clone().reclaiming();
    server.crash().unwrap();
    let mut late = Session::establish(server.address(), &late).unwrap();
    let reply = late
        .compound()
        .putfh(&other.file)
        .open(&Open::both("").previous())
        .send();
    assert!(
        [NFS4ERR_NO_GRACE, NFS4ERR_RECLAIM_BAD].contains(&reply.status()),
        "{reply:?}"
    );
}

#[test]
fn two_restarts_in_a_row_lose_nothing() {
    let mut server = patient();
    let mut holder = Holder::new(&server, "holder");
    server.crash().unwrap();
    server.crash().unwrap();
    holder.come_back(&server);
    assert_eq!(holder.reclaim_open(), NFS4_OK);
    // In the middle of reclaiming, once more.
    server.crash().unwrap();
    holder.come_back(&server);
    assert_eq!(holder.reclaim_open(), NFS4_OK);
    assert_eq!(holder.reclaim_lock(), NFS4_OK);
    holder.session.compound().reclaim_complete().ok();
}

#[test]
fn what_was_lost_to_another_cannot_be_reclaimed() {
    let mut server = hasty();
    let mut holder = Holder::new(&server, "holder");
    thread::sleep(Duration::from_millis(4500));
    // The lease is over, and somebody takes the lock.
    let options = ClientOptions::new("taker");
    let mut taker = Session::establish(server.address(), &options).unwrap();
    let (open, _) = taker.open(&holder.root, &Open::both("holder"));
    let compound = taker.compound().putfh(&holder.file);
    compound.lock_new(&Lock::write(0, 10), open, "taker").ok();
    taker.compound().putfh(&holder.file).close(open).ok();
    server.crash().unwrap();
    holder.come_back(&server);
    let status = holder.reclaim_open();
    if status == NFS4_OK {
        assert_ne!(holder.reclaim_lock(), NFS4_OK, "another had it meanwhile");
    } else {
        assert!(
            [NFS4ERR_NO_GRACE, NFS4ERR_RECLAIM_BAD].contains(&status),
            "{status:?}"
        );
    }
}

#[test]
fn conflicting_reclaims() {
    let mut server = patient();
    let mut first = Holder::new(&server, "first");
    let mut second = Holder::new(&server, "second");
    server.crash().unwrap();
    first.come_back(&server);
    second.come_back(&server);
    assert_eq!(first.reclaim_open(), NFS4_OK);
    assert_eq!(first.reclaim_lock(), NFS4_OK);
    // A client that is mistaken, or lies.
    second.file.clone_from(&first.file);
    assert_eq!(second.reclaim_open(), NFS4_OK);
    assert_eq!(second.reclaim_lock(), NFS4ERR_RECLAIM_CONFLICT);
}

#[test]
fn files_are_as_they_were() {
    let mut server = patient();
    let mut holder = Holder::new(&server, "holder");
    let session = &mut holder.session;
    let ask = [
        FATTR4_CHANGE,
        FATTR4_SIZE,
        FATTR4_FILEID,
        FATTR4_FSID,
        FATTR4_TIME_MODIFY,
        FATTR4_TIME_METADATA,
        FATTR4_MODE,
        FATTR4_FILEHANDLE,
    ];
    let compound = session.compound().putfh(&holder.file);
    let written = compound
        .write(ANONYMOUS, 0, StableHow4::Unstable, b"unstable")
        .ok();
    let compound = session.compound().putfh(&holder.root);
    compound
        .mkdir("directory", 0o1750)
        .savefh()
        .putfh(&holder.root)
        .symlink("x", "link")
        .ok();
    session.compound().putfh(&holder.root).remove("link").ok();
    let before = session.compound().putfh(&holder.file).getattr(&ask).ok();
    let reply = session
        .connection
        .compound()
        .exchange_id(&holder.options.exchange_id())
        .ok();
    let owner = reply.exchange_id().eir_server_owner;
    let scope = reply.exchange_id().eir_server_scope;
    server.crash().unwrap();
    holder.come_back(&server);
    let session = &mut holder.session;
    let after = session.compound().putfh(&holder.file).getattr(&ask).ok();
    // A change that a client knows must not come again for another content, so that it may grow.
    let (mut old, new) = (before.attributes(), after.attributes());
    assert!(new.change >= old.change, "{old:?} then {new:?}");
    old.change = new.change;
    assert_eq!(old, new);
    let reply = session
        .compound()
        .putfh(&holder.file)
        .read(ANONYMOUS, 0, 100)
        .ok();
    assert_eq!(reply.read().data.as_slice(), b"unstable");
    let reply = session
        .compound()
        .putfh(&holder.root)
        .lookup("directory")
        .getattr(&ask)
        .ok();
    assert_eq!(reply.attributes().mode, Some(0o1750));
    session
        .compound()
        .putfh(&holder.root)
        .lookup("link")
        .expect(NFS4ERR_NOENT);
    // Unstable data may have been lost, for all the client knows: it has to write it again.
    let reply = session.compound().putfh(&holder.file).commit(0, 0).ok();
    assert_ne!(reply.commit().writeverf, written.write().writeverf);
    // Another server would give no reason to reclaim anything.
    let reply = session
        .connection
        .compound()
        .exchange_id(&holder.options.exchange_id())
        .ok();
    assert_eq!(reply.exchange_id().eir_server_owner, owner);
    assert_eq!(reply.exchange_id().eir_server_scope, scope);
}

#[test]
fn an_exclusive_create_is_told_from_its_retry_over_a_restart() {
    let mut server = patient();
    let options = ClientOptions::new("creator");
    let mut session = Session::establish(server.address(), &options).unwrap();
    let root = session.root();
    let verifier = localefs_protocol::nfs4::Verifier4(*b"exclusiv");
    let open = Open::both("f").exclusive41(verifier).set(mode(0o600));
    session.compound().putfh(&root).open(&open).ok();
    server.crash().unwrap();
    let mut session = Session::establish(server.address(), &options).unwrap();
    session.compound().putfh(&root).open(&open).ok();
    let other = localefs_protocol::nfs4::Verifier4(*b"another1");
    let open = Open::both("f").exclusive41(other).set(mode(0o600));
    session
        .compound()
        .putfh(&root)
        .open(&open)
        .expect(NFS4ERR_EXIST);
}

#[test]
fn a_listing_goes_on_over_a_restart() {
    let mut server = patient();
    let options = ClientOptions::new("lister");
    let mut session = Session::establish(server.address(), &options).unwrap();
    let root = session.root();
    for number in 0..50 {
        session
            .compound()
            .putfh(&root)
            .mkdir(format!("d{number}"), 0o755)
            .ok();
    }
    let all = |session: &mut Session, cookie, verifier| -> Vec<(Vec<u8>, u64)> {
        let reply = session
            .compound()
            .putfh(&root)
            .readdir(cookie, verifier, 1 << 16, &[])
            .ok();
        reply
            .readdir()
            .reply
            .iter()
            .map(|entry| (entry.name.to_vec(), entry.cookie))
            .collect()
    };
    let before = all(&mut session, 0, Default::default());
    let reply = session
        .compound()
        .putfh(&root)
        .readdir(0, Default::default(), 512, &[])
        .ok();
    let verifier = reply.readdir().cookieverf;
    server.crash().unwrap();
    let mut session = Session::establish(server.address(), &options).unwrap();
    let after = all(&mut session, before[20].1, verifier);
    assert_eq!(after[..], before[21..]);
}
