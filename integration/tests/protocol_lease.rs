//! Leases: what renews them, and what becomes of state that nobody renews (RFC 8881 §8.3, §8.4.3).

use std::sync::Arc;
use std::sync::{Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use localefs_integration::client::names::*;
use localefs_integration::client::{
    ClientOptions, Connection, Fixture, Lock, Open, Session, TestServer, TestServerOptions,
};
use localefs_protocol::nfs4::ops::SequenceStatusFlags;
use localefs_protocol::nfs4::{Stateid4, StateidOther};

const LEASE: Duration = Duration::from_secs(2);

/// Long enough for any lease to be over, with the server's own ticks.
const EXPIRY: Duration = Duration::from_millis(3500);

/// One server with a short lease, for as long as a test uses it.
fn fixture(test: &str) -> Fixture {
    static SERVER: Mutex<Weak<TestServer>> = Mutex::new(Weak::new());
    let mut running = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    let server = running.upgrade().unwrap_or_else(|| {
        let options = TestServerOptions {
            lease: 2,
            durable: false,
            ..TestServerOptions::default()
        };
        Arc::new(TestServer::start(options).unwrap())
    });
    *running = Arc::downgrade(&server);
    drop(running);
    Fixture::new(server, test)
}

/// A client that holds `f` of the fixture's directory open and locked.
fn holder(fixture: &Fixture) -> (Session, Vec<u8>, Stateid4, Stateid4) {
    let mut session = fixture.another_client();
    session.make_file(&fixture.directory, "f", b"content");
    let (open, file) = session.open(&fixture.directory, &Open::both("f"));
    let compound = session.compound().putfh(&file);
    let lock = compound
        .lock_new(&Lock::write(0, 10), open, "holder")
        .ok()
        .lock_stateid();
    (session, file, open, lock)
}

#[test]
fn every_sequence_renews() {
    let mut fixture = fixture("renews");
    let (mut session, file, open, _) = holder(&fixture);
    let begin = Instant::now();
    while begin.elapsed() < EXPIRY {
        session.compound().ok();
        fixture.session.compound().ok();
        thread::sleep(LEASE / 5);
    }
    let (theirs, _) = fixture.open(&Open::both("f"));
    let compound = fixture.session.compound().putfh(&file);
    compound
        .lock_new(&Lock::write(0, 1), theirs, "taker")
        .expect(NFS4ERR_DENIED);
    session.compound().putfh(&file).close(open).ok();
}

#[test]
fn one_session_renews_for_all_of_a_client() {
    let mut fixture = fixture("one_session");
    let (mut session, file, _, _) = holder(&fixture);
    let options = ClientOptions::new("").reclaiming();
    let args = options.create_session(session.clientid, session.next_create_session);
    let reply = session.connection.compound().create_session(&args).ok();
    let first = session.id;
    session.id = reply.create_session().csr_sessionid;
    let slots = std::mem::replace(&mut session.slots, vec![1; 16]);
    let begin = Instant::now();
    while begin.elapsed() < EXPIRY {
        session.compound().ok();
        fixture.session.compound().ok();
        thread::sleep(LEASE / 5);
    }
    (session.id, session.slots) = (first, slots);
    session.compound().putfh(&file).getattr(&[FATTR4_SIZE]).ok();
    let (theirs, _) = fixture.open(&Open::both("f"));
    let compound = fixture.session.compound().putfh(&file);
    compound
        .lock_new(&Lock::write(0, 1), theirs, "taker")
        .expect(NFS4ERR_DENIED);
}

#[test]
fn what_fails_does_not_renew() {
    let mut fixture = fixture("fails");
    let (mut session, file, _, _) = holder(&fixture);
    let begin = Instant::now();
    while begin.elapsed() < EXPIRY {
        let mut args = session.sequence(0, false);
        args.sa_sequenceid += 10;
        let compound = session.connection.compound().sequence(args);
        compound.expect_status(0, NFS4ERR_SEQ_MISORDERED);
        fixture.session.compound().ok();
        thread::sleep(LEASE / 5);
    }
    let (theirs, _) = fixture.open(&Open::both("f"));
    let compound = fixture.session.compound().putfh(&file);
    compound.lock_new(&Lock::write(0, 1), theirs, "taker").ok();
}

#[test]
fn state_is_kept_until_somebody_needs_it() {
    let fixture = fixture("kept");
    let (mut session, file, open, lock) = holder(&fixture);
    thread::sleep(EXPIRY);
    // Nobody wanted it: the client may have been cut off, and goes on.
    let reply = session.compound().putfh(&file).read(open, 0, 7).ok();
    assert_eq!(reply.read().data.as_slice(), b"content");
    assert_eq!(reply.sequence().sr_status_flags, SequenceStatusFlags(0));
    session.compound().putfh(&file).locku(lock, 0, 10).ok();
    session.compound().putfh(&file).close(open).ok();
}

#[test]
fn a_test_of_a_lock_is_a_need() {
    let mut fixture = fixture("test_needs");
    let (_session, file, _, _) = holder(&fixture);
    fixture
        .session
        .compound()
        .putfh(&file)
        .lockt(&Lock::write(0, 1), "x")
        .expect(NFS4ERR_DENIED);
    thread::sleep(EXPIRY);
    // Linux asks with F_GETLK: it is told what LOCK would find.
    let mut other = fixture.another_client();
    other
        .compound()
        .putfh(&file)
        .lockt(&Lock::write(0, 1), "x")
        .ok();
}

#[test]
fn a_lock_that_nobody_renews_is_given_to_who_asks() {
    let fixture = fixture("given");
    let (mut session, file, open, lock) = holder(&fixture);
    let mut taker = fixture.another_client();
    let (theirs, _) = taker.open(&fixture.directory, &Open::both("f"));
    let wanted = Lock::write(5, 1);
    let compound = taker.compound().putfh(&file);
    compound
        .lock_new(&wanted, theirs, "taker")
        .expect(NFS4ERR_DENIED);
    let begin = Instant::now();
    let taken = loop {
        let reply = taker
            .compound()
            .putfh(&file)
            .lock_new(&wanted, theirs, "taker")
            .send();
        if reply.status() == NFS4_OK {
            break reply.lock_stateid();
        }
        reply.assert(NFS4ERR_DENIED);
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "the lock is never given"
        );
        thread::sleep(Duration::from_millis(100));
    };
    assert!(begin.elapsed() > LEASE * 3 / 4, "{:?}", begin.elapsed());

    // The one that was away learns it: RFC 8881 §8.4.3 lets the server keep the client or not.
    let reply = session.compound().putfh(&file).read(lock, 0, 1).send();
    if reply.statuses()[0].1 == NFS4ERR_BADSESSION {
        let args = ClientOptions::new("").create_session(session.clientid, 2);
        let compound = session.connection.compound().create_session(&args);
        compound.expect(NFS4ERR_STALE_CLIENTID);
    } else {
        let flags = reply.sequence().sr_status_flags.0;
        let all = SequenceStatusFlags::SEQ4_STATUS_EXPIRED_ALL_STATE_REVOKED.0;
        let some = SequenceStatusFlags::SEQ4_STATUS_EXPIRED_SOME_STATE_REVOKED.0;
        assert_ne!(flags & (all | some), 0, "{flags:#x}");
        assert!(
            [NFS4ERR_EXPIRED, NFS4ERR_BAD_STATEID].contains(&reply.status()),
            "{reply:?}"
        );
        session.compound().free_stateid(lock).ok();
        let _ = session.compound().free_stateid(open).send();
        assert_eq!(session.compound().ok().sequence().sr_status_flags.0, 0);
    }
    // What was taken stays taken.
    taker.compound().putfh(&file).locku(taken, 5, 1).ok();
}

#[test]
fn opens_of_who_is_away_are_in_nobodys_way() {
    let mut fixture = fixture("nobodys_way");
    let (_session, _, _, _) = holder(&fixture);
    thread::sleep(EXPIRY);
    let mut other = fixture.another_client();
    other.open(&fixture.directory, &Open::both("f"));
    other.compound().putfh(&fixture.directory).remove("f").ok();
    fixture.session = fixture.another_client();
    fixture.here().lookup("f").expect(NFS4ERR_NOENT);
}

#[test]
fn a_client_without_state_may_be_forgotten_or_kept() {
    let fixture = fixture("without_state");
    let mut session = fixture.another_client();
    thread::sleep(EXPIRY);
    // Linux makes a new session when this one is gone.
    let status = session.compound().putrootfh().send().status();
    assert!(
        [NFS4_OK, NFS4ERR_BADSESSION].contains(&status),
        "{status:?}"
    );
}

#[test]
fn what_was_never_confirmed_is_forgotten() {
    let fixture = fixture("never_confirmed");
    let options = ClientOptions::new("never confirmed");
    let mut connection = Connection::open(fixture.server().address()).unwrap();
    let reply = connection
        .compound()
        .exchange_id(&options.exchange_id())
        .ok();
    let (id, sequence) = (
        reply.exchange_id().eir_clientid,
        reply.exchange_id().eir_sequenceid,
    );
    thread::sleep(EXPIRY + LEASE);
    let args = options.create_session(id, sequence);
    connection
        .compound()
        .create_session(&args)
        .expect(NFS4ERR_STALE_CLIENTID);
}

#[test]
fn the_lease_time_is_told() {
    let mut fixture = fixture("told");
    let reply = fixture.here().getattr(&[FATTR4_LEASE_TIME]).ok();
    assert_eq!(reply.attributes().lease_time, Some(2));
}

#[test]
fn a_connection_without_requests_stays_open() {
    let fixture = fixture("stays_open");
    let mut session = fixture.another_client();
    assert!(session.connection.stays_silent(EXPIRY).unwrap());
    let unknown = Stateid4 {
        seqid: 1,
        other: StateidOther([1; 12]),
    };
    let reply = session.compound().test_stateid(&[unknown]).send();
    assert!([NFS4_OK, NFS4ERR_BADSESSION].contains(&reply.status()));
}
