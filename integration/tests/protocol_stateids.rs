//! TEST_STATEID, FREE_STATEID, RECLAIM_COMPLETE (RFC 8881 §8.2, §18.38, §18.48, §18.51).

use localefs_integration::client::names::*;
use localefs_integration::client::{ClientOptions, Lock, Open, Session, SharedServer};
use localefs_protocol::nfs4::ops::ReclaimCompleteArgs;
use localefs_protocol::nfs4::{NfsArgop4, Nfsstat4, OpNum, Stateid4, StateidOther};

static SERVER: SharedServer = SharedServer::new();

const UNKNOWN: Stateid4 = Stateid4 {
    seqid: 1,
    other: StateidOther([0x42; 12]),
};

fn test(session: &mut Session, stateids: &[Stateid4]) -> Vec<Nfsstat4> {
    let reply = session.compound().test_stateid(stateids).ok();
    reply.test_stateid().tsr_status_codes.to_vec()
}

#[test]
fn each_stateid_gets_its_status() {
    let mut fixture = SERVER.fixture("each");
    fixture.file("f", b"");
    let (open, file) = fixture.open(&Open::read("f"));
    let (open, _) = (fixture.open(&Open::both("f")).0, open);
    let session = &mut fixture.session;
    let compound = session.compound().putfh(&file);
    let lock = compound
        .lock_new(&Lock::write(0, 1), open, "l")
        .ok()
        .lock_stateid();
    let rows = [
        (open, NFS4_OK),
        (lock, NFS4_OK),
        // In 4.1, zero stands for the present one (RFC 8881 §8.2.2).
        (Stateid4 { seqid: 0, ..open }, NFS4_OK),
        (Stateid4 { seqid: 0, ..lock }, NFS4_OK),
        (Stateid4 { seqid: 1, ..open }, NFS4ERR_OLD_STATEID),
        (Stateid4 { seqid: 3, ..open }, NFS4ERR_BAD_STATEID),
        (Stateid4 { seqid: 2, ..lock }, NFS4ERR_BAD_STATEID),
        (UNKNOWN, NFS4ERR_BAD_STATEID),
        (Stateid4::ANONYMOUS, NFS4ERR_BAD_STATEID),
        (Stateid4::BYPASS, NFS4ERR_BAD_STATEID),
        (Stateid4::CURRENT, NFS4ERR_BAD_STATEID),
        (Stateid4::INVALID, NFS4ERR_BAD_STATEID),
    ];
    for (stateid, status) in rows {
        assert_eq!(test(session, &[stateid]), [status], "{stateid:?}");
    }
    let all: Vec<Stateid4> = rows.iter().map(|row| row.0).collect();
    let statuses: Vec<Nfsstat4> = rows.iter().map(|row| row.1).collect();
    assert_eq!(test(session, &all), statuses);
    assert!(test(session, &[]).is_empty());
    // To somebody else they are nothing.
    let mut other = fixture.another_client();
    assert_eq!(test(&mut other, &[open, lock]), [NFS4ERR_BAD_STATEID; 2]);
    fixture.session.compound().putfh(&file).close(open).ok();
    assert_eq!(
        test(&mut fixture.session, &[open, lock]),
        [NFS4ERR_BAD_STATEID; 2]
    );
}

#[test]
fn a_thousand_stateids_at_once() {
    let mut fixture = SERVER.fixture("thousand");
    let many = vec![UNKNOWN; 1000];
    assert_eq!(
        test(&mut fixture.session, &many),
        vec![NFS4ERR_BAD_STATEID; 1000]
    );
    // Said to be more than are sent, or than could be.
    for count in [2_u32, 100_000, u32::MAX] {
        let mut args = count.to_be_bytes().to_vec();
        args.extend_from_slice(&[0; 16]);
        let compound = fixture.session.compound();
        compound
            .raw(OpNum::OP_TEST_STATEID.0, &args)
            .expect(NFS4ERR_BADXDR);
    }
}

#[test]
fn a_locks_stateid_is_freed_when_nothing_is_locked() {
    let mut fixture = SERVER.fixture("freed");
    fixture.file("f", b"");
    let (open, file) = fixture.open(&Open::both("f"));
    let session = &mut fixture.session;
    let compound = session.compound().putfh(&file);
    let lock = compound
        .lock_new(&Lock::write(0, 1), open, "l")
        .ok()
        .lock_stateid();
    session
        .compound()
        .free_stateid(lock)
        .expect(NFS4ERR_LOCKS_HELD);
    let unlocked = session
        .compound()
        .putfh(&file)
        .locku(lock, 0, 1)
        .ok()
        .lock_stateid();
    // It outlives its last lock (RFC 8881 §8.2.4).
    assert_eq!(test(session, &[unlocked]), [NFS4_OK]);
    session
        .compound()
        .free_stateid(lock)
        .expect(NFS4ERR_OLD_STATEID);
    let future = Stateid4 {
        seqid: unlocked.seqid + 1,
        ..unlocked
    };
    session
        .compound()
        .free_stateid(future)
        .expect(NFS4ERR_BAD_STATEID);
    session.compound().free_stateid(unlocked).ok();
    session
        .compound()
        .free_stateid(unlocked)
        .expect(NFS4ERR_BAD_STATEID);
    session
        .compound()
        .putfh(&file)
        .locku(unlocked, 0, 1)
        .expect(NFS4ERR_BAD_STATEID);
    let compound = session.compound().putfh(&file);
    compound
        .lock_more(&Lock::write(0, 1), unlocked)
        .expect(NFS4ERR_BAD_STATEID);
    // The owner begins anew, with another.
    let compound = session.compound().putfh(&file);
    let again = compound
        .lock_new(&Lock::write(0, 1), open, "l")
        .ok()
        .lock_stateid();
    assert_eq!(again.seqid, 1);
    assert_ne!(again.other, lock.other);
    // The present one may be called zero.
    session.compound().putfh(&file).locku(again, 0, 1).ok();
    session
        .compound()
        .free_stateid(Stateid4 { seqid: 0, ..again })
        .ok();
}

#[test]
fn what_else_cannot_be_freed() {
    let mut fixture = SERVER.fixture("not_freed");
    fixture.file("f", b"");
    let (open, file) = fixture.open(&Open::both("f"));
    fixture
        .session
        .compound()
        .free_stateid(open)
        .expect(NFS4ERR_LOCKS_HELD);
    let specials = [
        Stateid4::ANONYMOUS,
        Stateid4::BYPASS,
        Stateid4::INVALID,
        Stateid4::CURRENT,
        UNKNOWN,
    ];
    for stateid in specials {
        fixture
            .session
            .compound()
            .free_stateid(stateid)
            .expect(NFS4ERR_BAD_STATEID);
    }
    let mut other = fixture.another_client();
    other
        .compound()
        .free_stateid(open)
        .expect(NFS4ERR_BAD_STATEID);
    fixture.session.compound().putfh(&file).close(open).ok();
    fixture
        .session
        .compound()
        .free_stateid(open)
        .expect(NFS4ERR_BAD_STATEID);
}

#[test]
fn reclaiming_is_completed_once() {
    let server = SERVER.get();
    let options = ClientOptions::new("completed").reclaiming();
    let mut session = Session::establish(server.address(), &options).unwrap();
    let root = session.root();
    // RFC 8881 §18.51.3: what obtains a lock must wait for it; all else goes on.
    session
        .compound()
        .putfh(&root)
        .open(&Open::both("early").create())
        .expect(NFS4ERR_GRACE);
    session.compound().putfh(&root).getattr(&[FATTR4_TYPE]).ok();
    session
        .compound()
        .putfh(&root)
        .mkdir("early directory", 0o755)
        .ok();
    // Of one file system, with a filehandle; it is not the same as of all.
    let one = NfsArgop4::ReclaimComplete(ReclaimCompleteArgs { rca_one_fs: true });
    session.compound().op(&one).expect(NFS4ERR_NOFILEHANDLE);
    session.compound().putfh(&root).op(&one).ok();
    session
        .compound()
        .putfh(&root)
        .open(&Open::both("early").create())
        .expect(NFS4ERR_GRACE);
    session.compound().reclaim_complete().ok();
    session
        .compound()
        .reclaim_complete()
        .expect(NFS4ERR_COMPLETE_ALREADY);
    session
        .compound()
        .putfh(&root)
        .open(&Open::both("early").create())
        .ok();
    session
        .compound()
        .reclaim_complete()
        .expect(NFS4ERR_COMPLETE_ALREADY);
}

#[test]
fn it_is_completed_for_the_client_not_the_session() {
    let server = SERVER.get();
    let options = ClientOptions::new("for the client").reclaiming();
    let mut session = Session::establish(server.address(), &options).unwrap();
    let args = options.create_session(session.clientid, session.next_create_session);
    let reply = session.connection.compound().create_session(&args).ok();
    session.compound().reclaim_complete().ok();
    session.id = reply.create_session().csr_sessionid;
    session.slots = vec![1; 16];
    session
        .compound()
        .reclaim_complete()
        .expect(NFS4ERR_COMPLETE_ALREADY);
    // A new incarnation begins anew.
    let options = options.verifier(*b"started2");
    let mut session = Session::establish(server.address(), &options).unwrap();
    session.compound().reclaim_complete().ok();
}
