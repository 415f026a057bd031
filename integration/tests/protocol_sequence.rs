//! SEQUENCE: slots, replays, limits, and the order of operations (RFC 8881 §2.10.6, §18.46).

use std::time::Duration;

use localefs_integration::client::names::*;
use localefs_integration::client::{
    ClientOptions, Compound, Connection, Credential, Fixture, Reply, Session, SharedServer,
    channel, samples,
};
use localefs_protocol::nfs4::ops::{SequenceStatusFlags, StableHow4};
use localefs_protocol::nfs4::{Attr, NfsArgop4, OpInfo, OpNum, Sessionid4, Stateid4, Verifier4};

static SERVER: SharedServer = SharedServer::new();

/// Sends `record` over a new connection.
fn elsewhere(fixture: &Fixture, record: &[u8], xid: u32) -> Reply {
    let mut connection = Connection::open(fixture.server().address()).unwrap();
    connection.send_record(record).unwrap();
    connection.compound_reply(xid).unwrap()
}

#[test]
fn sequence_answers_with_its_arguments() {
    let mut fixture = SERVER.fixture("arguments");
    for slot in [0, 3, 15] {
        for round in 0..3 {
            let sent = fixture.session.sequence(slot, false);
            let reply = fixture.session.compound().slot(slot).ok();
            let result = reply.sequence();
            assert_eq!(result.sr_sessionid, sent.sa_sessionid);
            assert_eq!(result.sr_sequenceid, sent.sa_sequenceid, "round {round}");
            assert_eq!(result.sr_slotid, slot);
            assert!(result.sr_highest_slotid >= 15);
            assert!(result.sr_target_highest_slotid >= 1);
            // Any bit would send Linux into recovery.
            assert_eq!(result.sr_status_flags, SequenceStatusFlags(0));
        }
    }
}

#[test]
fn a_cached_reply_is_repeated_and_the_request_executed_once() {
    let mut fixture = SERVER.fixture("repeated");
    let compound = fixture
        .here()
        .cached()
        .mkdir("d", 0o755)
        .getfh()
        .getattr(&[FATTR4_FILEID]);
    let record = compound.record(500);
    let first = compound.ok();
    for _ in 0..3 {
        fixture.session.connection.send_record(&record).unwrap();
        let again = fixture.session.connection.compound_reply(500).unwrap();
        assert_eq!(first.encoded(), again.encoded());
        assert_eq!(first.encoded(), elsewhere(&fixture, &record, 500).encoded());
    }
    // Without the cache the second would have been EXIST.
    fixture.here().remove("d").ok();
    // The slot went on: the old request is no retry any more.
    let late = elsewhere(&fixture, &record, 500);
    assert_eq!(
        late.statuses(),
        [(OpNum::OP_SEQUENCE, NFS4ERR_SEQ_MISORDERED)]
    );
}

/// Linux encodes a request anew when it sends it again, with the highest slot that it uses by then.
#[test]
fn a_retransmission_may_name_another_highest_slot() {
    let mut fixture = SERVER.fixture("highest");
    let directory = fixture.directory.clone();
    let mut sequence = fixture.session.sequence(0, true);
    let mut replies = Vec::new();
    for highest in [5, 0, 15] {
        sequence.sa_highest_slotid = highest;
        let connection = &mut fixture.session.connection;
        let compound = connection.compound().sequence(sequence);
        let reply = compound.putfh(&directory).mkdir("d", 0o755).getfh().ok();
        replies.push(reply.encoded().to_vec());
    }
    assert!(replies.iter().all(|reply| *reply == replies[0]));
    // Another request is still told from it.
    let connection = &mut fixture.session.connection;
    let compound = connection.compound().sequence(sequence);
    let other = compound.putfh(&directory).mkdir("e", 0o755).getfh();
    other.expect_status(0, NFS4ERR_SEQ_FALSE_RETRY);
    fixture.session.used(0);
}

#[test]
fn every_kind_of_change_is_repeated_after_a_reconnect() {
    let mut fixture = SERVER.fixture("changes");
    fixture.file("old", b"0123456789");
    let file = fixture.file("file", b"0123456789");
    let here = fixture.directory.clone();
    let open = localefs_integration::client::Open::both("opened").guarded();
    let changes: Vec<Compound<'static>> = vec![
        Compound::detached().putfh(&here).rename_in("old", "new"),
        Compound::detached()
            .putfh(&file)
            .savefh()
            .putfh(&here)
            .link("linked"),
        Compound::detached().putfh(&here).remove("linked"),
        Compound::detached()
            .putfh(&here)
            .symlink("target", "symlink"),
        Compound::detached().putfh(&here).open(&open).getfh(),
        Compound::detached()
            .putfh(&file)
            .setattr(Stateid4::ANONYMOUS, &size(5)),
        Compound::detached()
            .putfh(&file)
            .write(Stateid4::ANONYMOUS, 0, StableHow4::FileSync, b"x"),
    ];
    for change in changes {
        let compound = fixture.session.compound().cached().append(&change);
        let record = compound.record(900);
        let first = compound.ok();
        fixture.session.reconnect().unwrap();
        fixture.session.connection.send_record(&record).unwrap();
        let again = fixture.session.connection.compound_reply(900).unwrap();
        assert_eq!(first.encoded(), again.encoded(), "{change}");
    }
}

/// RENAME within one directory, as a chain.
trait RenameIn {
    fn rename_in(self, old: &str, new: &str) -> Self;
}

impl RenameIn for Compound<'static> {
    fn rename_in(self, old: &str, new: &str) -> Self {
        self.savefh().rename(old, new)
    }
}

#[test]
fn a_failure_is_repeated_too() {
    let mut fixture = SERVER.fixture("failure");
    let compound = fixture.here().cached().lookup("later");
    let record = compound.record(600);
    let first = compound.expect(NFS4ERR_NOENT);
    let mut other = fixture.another_client();
    other
        .compound()
        .putfh(&fixture.directory)
        .mkdir("later", 0o755)
        .ok();
    assert_eq!(first.encoded(), elsewhere(&fixture, &record, 600).encoded());
}

#[test]
fn an_uncached_request_is_not_executed_twice() {
    let mut fixture = SERVER.fixture("uncached");
    let compound = fixture.here().mkdir("d", 0o755);
    let record = compound.record(700);
    let first = compound.ok();
    let again = elsewhere(&fixture, &record, 700);
    // The server may keep the reply all the same (RFC 8881 §2.10.6.1.3).
    if again.status() != NFS4_OK {
        let expected = [
            (OpNum::OP_SEQUENCE, NFS4_OK),
            (OpNum::OP_PUTFH, NFS4ERR_RETRY_UNCACHED_REP),
        ];
        assert_eq!(again.statuses(), expected);
    } else {
        assert_eq!(first.encoded(), again.encoded());
    }
}

#[test]
fn large_replies_are_not_kept_unasked() {
    let mut fixture = SERVER.fixture("large");
    let file = fixture.file("f", &[7; 200_000]);
    let compound = fixture
        .session
        .compound()
        .putfh(&file)
        .read(Stateid4::ANONYMOUS, 0, 200_000);
    let record = compound.record(800);
    compound.ok();
    let again = elsewhere(&fixture, &record, 800);
    let expected = [
        (OpNum::OP_SEQUENCE, NFS4_OK),
        (OpNum::OP_PUTFH, NFS4ERR_RETRY_UNCACHED_REP),
    ];
    assert_eq!(again.statuses(), expected);
    fixture.here().ok();
}

#[test]
fn another_request_under_the_same_sequence_id_is_a_false_retry() {
    let mut fixture = SERVER.fixture("false_retry");
    let used = fixture.session.sequence(0, true);
    fixture.here().cached().mkdir("one", 0o755).ok();
    let here = fixture.directory.clone();
    let mut connection = Connection::open(fixture.server().address()).unwrap();
    let mut again = |compound: &Compound<'_>, credential| {
        connection
            .compound()
            .credential(credential)
            .sequence(used)
            .append(compound)
            .send()
    };
    let others = [
        Compound::detached().putfh(&here).mkdir("two", 0o755),
        Compound::detached().putfh(&here).mkdir("one", 0o700),
        Compound::detached().putfh(&here).remove("one"),
        Compound::detached()
            .putfh(&here)
            .mkdir("one", 0o755)
            .getfh(),
        Compound::detached().putfh(&here),
        Compound::detached(),
    ];
    for other in &others {
        let reply = again(other, Credential::ROOT);
        let expected = [(OpNum::OP_SEQUENCE, NFS4ERR_SEQ_FALSE_RETRY)];
        assert_eq!(reply.statuses(), expected, "{other}");
    }
    // Another user must not see somebody else's reply.
    let same = Compound::detached().putfh(&here).mkdir("one", 0o755);
    for user in [Credential::user(1000, 1000), Credential::user(0, 1)] {
        let reply = again(&same, user);
        assert_eq!(
            reply.statuses(),
            [(OpNum::OP_SEQUENCE, NFS4ERR_SEQ_FALSE_RETRY)]
        );
    }
    again(&same, Credential::ROOT).assert(NFS4_OK);
    fixture.here().lookup("two").expect(NFS4ERR_NOENT);
}

#[test]
fn sequence_ids_step_by_one() {
    let mut fixture = SERVER.fixture("misordered");
    for slot in [0, 5] {
        // Slot 5 is new: its first request has number 1 (RFC 8881 §18.36.3).
        let next = fixture.session.sequence(slot, false);
        for wrong in [1, 2, 100, u32::MAX - 5, 0_u32.wrapping_sub(2)] {
            let mut args = next;
            args.sa_sequenceid = next.sa_sequenceid.wrapping_add(wrong);
            let compound = fixture
                .session
                .connection
                .compound()
                .sequence(args)
                .putrootfh();
            compound.expect_status(0, NFS4ERR_SEQ_MISORDERED);
        }
        // None of them moved the slot.
        fixture.session.compound().slot(slot).putrootfh().ok();
    }
    let mut first = fixture.session.sequence(9, false);
    first.sa_sequenceid = 0;
    let compound = fixture.session.connection.compound().sequence(first);
    compound.expect_status(0, NFS4ERR_SEQ_MISORDERED);
}

#[test]
fn an_error_of_sequence_leaves_slot_and_cache_alone() {
    let mut fixture = SERVER.fixture("left_alone");
    let compound = fixture.here().cached().mkdir("d", 0o755);
    let record = compound.record(42);
    let first = compound.ok();
    let next = fixture.session.sequence(0, true);
    let mut misordered = next;
    misordered.sa_sequenceid += 7;
    let mut high = next;
    high.sa_highest_slotid = 10_000;
    let connection = &mut fixture.session.connection;
    connection
        .compound()
        .sequence(misordered)
        .expect_status(0, NFS4ERR_SEQ_MISORDERED);
    connection
        .compound()
        .sequence(high)
        .expect_status(0, NFS4ERR_BAD_HIGH_SLOT);
    assert_eq!(first.encoded(), elsewhere(&fixture, &record, 42).encoded());
    fixture.here().remove("d").ok();
}

#[test]
fn slots_have_an_end() {
    let mut fixture = SERVER.fixture("slots");
    let count = fixture.session.fore.ca_maxrequests;
    for slot in [count, count + 1, u32::MAX] {
        let mut args = fixture.session.sequence(0, false);
        args.sa_slotid = slot;
        args.sa_sequenceid = 1;
        let connection = &mut fixture.session.connection;
        connection
            .compound()
            .sequence(args)
            .expect_status(0, NFS4ERR_BADSLOT);
        let mut args = fixture.session.sequence(0, false);
        args.sa_highest_slotid = slot;
        let connection = &mut fixture.session.connection;
        connection
            .compound()
            .sequence(args)
            .expect_status(0, NFS4ERR_BAD_HIGH_SLOT);
    }
    fixture.session.compound().slot(count - 1).putrootfh().ok();
}

#[test]
fn unknown_sessions_are_bad() {
    let mut fixture = SERVER.fixture("unknown_session");
    let mut args = fixture.session.sequence(0, false);
    let known = args.sa_sessionid.0;
    let forged = (0..16).map(|index| {
        let mut id = known;
        id[index] ^= 1;
        id
    });
    for id in [[0; 16], [0xff; 16]].into_iter().chain(forged) {
        args.sa_sessionid = Sessionid4(id);
        let connection = &mut fixture.session.connection;
        connection
            .compound()
            .sequence(args)
            .expect_status(0, NFS4ERR_BADSESSION);
    }
    fixture.here().ok();
}

#[test]
fn sequence_comes_first_and_once() {
    let mut fixture = SERVER.fixture("first_and_once");
    let again = fixture.session.sequence(1, false);
    fixture
        .session
        .compound()
        .sequence(again)
        .expect(NFS4ERR_SEQUENCE_POS);
    let again = fixture.session.sequence(1, false);
    fixture.here().sequence(again).expect(NFS4ERR_SEQUENCE_POS);
    // Slot 1 was not used by it.
    fixture.session.compound().slot(1).putrootfh().ok();
}

#[test]
fn most_operations_need_a_session() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    for sample in samples() {
        let info = OpInfo::of(sample.number()).unwrap();
        let forbidden = matches!(
            sample,
            NfsArgop4::OpenConfirm(())
                | NfsArgop4::Renew(())
                | NfsArgop4::Setclientid(())
                | NfsArgop4::SetclientidConfirm(())
                | NfsArgop4::ReleaseLockowner(())
        );
        if info.flags.without_session || forbidden || matches!(sample, NfsArgop4::Sequence(_)) {
            continue;
        }
        let reply = connection.compound().op(&sample).send();
        let expected = [(sample.number(), NFS4ERR_OP_NOT_IN_SESSION)];
        assert_eq!(reply.statuses(), expected, "{}", info.name);
        // What follows is not looked at.
        let reply = connection.compound().op(&sample).putrootfh().send();
        assert_eq!(reply.statuses(), expected, "{}", info.name);
    }
}

#[test]
fn an_empty_compound_is_legal() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    let reply = connection.compound().tag(b"nothing").send();
    assert_eq!(
        (reply.status(), reply.len(), reply.tag()),
        (NFS4_OK, 0, &b"nothing"[..])
    );
}

#[test]
fn tags_are_repeated() {
    let mut fixture = SERVER.fixture("tags");
    for tag in [&b""[..], b"t", b"tag4", "schön".as_bytes(), &[b'x'; 1024]] {
        assert_eq!(fixture.here().tag(tag).ok().tag(), tag);
        assert_eq!(
            fixture
                .here()
                .tag(tag)
                .lookup("no")
                .expect(NFS4ERR_NOENT)
                .tag(),
            tag
        );
    }
}

#[test]
fn other_minor_versions_are_refused_without_results() {
    let mut fixture = SERVER.fixture("minor");
    for version in [0, 2, 3, u32::MAX] {
        let reply = fixture.here().minor_version(version).tag(b"minor").send();
        assert_eq!(reply.status(), NFS4ERR_MINOR_VERS_MISMATCH);
        assert!(reply.is_empty() && reply.trailing() == 0);
        assert_eq!(reply.tag(), b"minor");
        let reply = fixture
            .session
            .connection
            .compound()
            .minor_version(version)
            .send();
        assert_eq!(
            (reply.status(), reply.len()),
            (NFS4ERR_MINOR_VERS_MISMATCH, 0)
        );
    }
    fixture.here().ok();
}

/// A session with a small fore channel.
fn small(name: &str, change: impl Fn(&mut localefs_protocol::nfs4::ops::ChannelAttrs4)) -> Fixture {
    let mut fixture = SERVER.fixture(name);
    let mut fore = channel(4);
    change(&mut fore);
    let options = ClientOptions::new(format!("{name} small")).fore(fore);
    fixture.session = Session::establish(fixture.server().address(), &options).unwrap();
    fixture
}

#[test]
fn operations_are_counted() {
    let mut fixture = small("counted", |fore| fore.ca_maxoperations = 8);
    let most = fixture.session.fore.ca_maxoperations;
    assert!(most >= 8);
    let mut compound = Compound::detached();
    // With SEQUENCE and PUTFH.
    for _ in 2..most {
        compound = compound.getattr(&[FATTR4_TYPE]);
    }
    fixture.here().append(&compound).ok();
    let more = compound.getattr(&[FATTR4_TYPE]);
    fixture
        .here()
        .append(&more)
        .expect_status(0, NFS4ERR_TOO_MANY_OPS);
    // The slot is as it was.
    fixture.here().ok();
}

#[test]
fn requests_have_a_largest_size() {
    let mut fixture = small("largest_request", |fore| fore.ca_maxrequestsize = 8192);
    let file = fixture.file("f", b"");
    let largest = fixture.session.fore.ca_maxrequestsize as usize;
    assert!(largest <= 8192);
    let write = |fixture: &mut Fixture, length: usize| {
        let data = vec![1; length];
        let compound = fixture.session.compound().putfh(&file);
        let compound = compound.write(Stateid4::ANONYMOUS, 0, StableHow4::Unstable, &data);
        let size = compound.record(0).len();
        (size, compound.send())
    };
    let (overhead, _) = write(&mut fixture, 0);
    let (exact, reply) = write(&mut fixture, largest - overhead);
    assert_eq!(exact, largest);
    reply.assert(NFS4_OK);
    // Never longer than what a record may be: the connection goes on.
    for more in [4, 4096, 500_000] {
        let (_, reply) = write(&mut fixture, largest - overhead + more);
        reply.assert(NFS4ERR_REQ_TOO_BIG);
    }
    fixture.here().ok();
}

#[test]
fn replies_have_a_largest_size() {
    let mut fixture = small("largest_reply", |fore| fore.ca_maxresponsesize = 4096);
    let mut other = fixture.another_client();
    let file = other.make_file(&fixture.directory, "f", &[3; 100_000]);
    let read = fixture
        .session
        .compound()
        .putfh(&file)
        .read(Stateid4::ANONYMOUS, 0, 50_000)
        .send();
    // RFC 8881 §2.10.6.4 leaves open which operation says so; a short READ is within §18.22.
    if read.status() == NFS4_OK {
        assert!(!read.read().eof && !read.read().data.is_empty());
    } else {
        read.assert(NFS4ERR_REP_TOO_BIG);
    }
    let mut compound = fixture.here();
    for _ in 0..50 {
        compound = compound.getattr(&[FATTR4_FILEHANDLE, FATTR4_OWNER, FATTR4_OWNER_GROUP]);
    }
    compound.send().assert(NFS4ERR_REP_TOO_BIG);
    fixture.here().ok();
}

#[test]
fn an_operation_whose_reply_does_not_fit_changes_nothing() {
    let mut fixture = small("no_room", |fore| fore.ca_maxresponsesize = 1024);
    let mut compound = fixture.here();
    // Makes the reply nearly full, whatever a handle's length is.
    for _ in 0..60 {
        compound = compound.getattr(&[FATTR4_SIZE]);
    }
    let reply = compound
        .mkdir("d", 0o755)
        .send()
        .assert(NFS4ERR_REP_TOO_BIG);
    let made = reply.statuses().contains(&(OpNum::OP_CREATE, NFS4_OK));
    assert!(!made);
    fixture.here().lookup("d").expect(NFS4ERR_NOENT);
}

#[test]
fn cached_replies_have_a_largest_size() {
    let mut fixture = small("largest_cached", |fore| {
        fore.ca_maxresponsesize_cached = 1024;
    });
    let mut other = fixture.another_client();
    let file = other.make_file(&fixture.directory, "f", &[3; 100_000]);
    let here = fixture.directory.clone();
    let compound = fixture
        .session
        .compound()
        .cached()
        .putfh(&here)
        .mkdir("made", 0o755);
    let compound = compound.putfh(&file).read(Stateid4::ANONYMOUS, 0, 10_000);
    let record = compound.record(77);
    let reply = compound.send().assert(NFS4ERR_REP_TOO_BIG_TO_CACHE);
    if reply.len() > 1 {
        // What was executed must be repeated, with its error (RFC 8881 §2.10.6.4).
        assert_eq!(reply.encoded(), elsewhere(&fixture, &record, 77).encoded());
        fixture.here().lookup("made").ok();
    }
    // Without being kept, it fits.
    fixture
        .session
        .compound()
        .putfh(&file)
        .read(Stateid4::ANONYMOUS, 0, 10_000)
        .ok();
}

#[test]
fn an_entry_that_is_too_long_to_be_kept_is_told_so() {
    let mut fixture = small("long_entry", |fore| {
        fore.ca_maxresponsesize_cached = 256;
    });
    let name = "n".repeat(200);
    let here = fixture.directory.clone();
    fixture.here().mkdir(&name, 0o755).ok();
    let ask = [Attr::FATTR4_OWNER, Attr::FATTR4_SIZE];
    let list = |compound: Compound<'_>| {
        compound
            .putfh(&here)
            .readdir(0, Verifier4::default(), 8192, &ask)
            .send()
            .status()
    };
    let kept = list(fixture.session.compound().cached());
    assert_eq!(kept, NFS4ERR_REP_TOO_BIG_TO_CACHE);
    assert_eq!(list(fixture.session.compound()), NFS4_OK);
}

#[test]
fn a_repeated_request_binds_its_connection_too() {
    let mut fixture = SERVER.fixture("repeated_elsewhere");
    let id = fixture.session.id;
    let compound = fixture.session.compound().cached().putrootfh();
    let record = compound.record(77);
    compound.ok();
    let mut connection = Connection::open(fixture.server().address()).unwrap();
    let destroyed = |connection: &mut Connection| {
        let reply = connection.compound().destroy_session(id).send();
        reply.status()
    };
    assert_eq!(
        destroyed(&mut connection),
        NFS4ERR_CONN_NOT_BOUND_TO_SESSION
    );
    connection.send_record(&record).unwrap();
    assert_eq!(connection.compound_reply(77).unwrap().status(), NFS4_OK);
    assert_eq!(destroyed(&mut connection), NFS4_OK);
}

#[test]
fn slots_run_beside_each_other() {
    let mut fixture = SERVER.fixture("beside");
    let file = fixture.file("f", &[1; 300_000]);
    let mut posted = Vec::new();
    for slot in 0..16 {
        let compound = fixture.session.compound().slot(slot).putfh(&file);
        posted.push(
            compound
                .read(Stateid4::ANONYMOUS, u64::from(slot), 100_000)
                .post()
                .unwrap(),
        );
    }
    for xid in posted.into_iter().rev() {
        let reply = fixture
            .session
            .connection
            .compound_reply(xid)
            .unwrap()
            .assert(NFS4_OK);
        assert_eq!(reply.read().data.len(), 100_000);
    }
}

#[test]
fn a_retry_that_overtakes_its_original_is_not_executed() {
    let mut fixture = SERVER.fixture("overtakes");
    let mut other = Connection::open(fixture.server().address()).unwrap();
    for round in 0..100 {
        let name = format!("d{round}");
        let compound = fixture.here().cached().mkdir(&name, 0o755).getfh();
        let record = compound.record(round + 1);
        let sent = compound.post().unwrap();
        other.send_record(&record).unwrap();
        let first = fixture.session.connection.compound_reply(sent).unwrap();
        let second = other.compound_reply(round + 1).unwrap();
        // Whichever came first was executed; the other is told so, or to wait.
        let delayed = |reply: &Reply| reply.statuses() == [(OpNum::OP_SEQUENCE, NFS4ERR_DELAY)];
        assert!(!(delayed(&first) && delayed(&second)));
        for reply in [&first, &second] {
            assert!(
                delayed(reply) || reply.status() == NFS4_OK,
                "{first:?}, {second:?}"
            );
        }
        if !delayed(&first) && !delayed(&second) {
            assert_eq!(first.encoded(), second.encoded());
        }
    }
}

#[test]
fn slots_and_sequences_belong_to_their_session() {
    let mut fixture = SERVER.fixture("belongs");
    let mut other = fixture.another_client();
    fixture.here().cached().mkdir("mine", 0o755).ok();
    // The same slot and sequence id in another session are another request.
    let here = fixture.directory.clone();
    let compound = other.compound().cached().putfh(&here).mkdir("mine", 0o755);
    compound.expect(NFS4ERR_EXIST);
}

#[test]
fn a_session_serves_every_user() {
    let mut fixture = SERVER.fixture("every_user");
    for uid in [0, 1, 1000, u32::MAX - 1] {
        fixture.here_as(uid).mkdir(format!("d{uid}"), 0o755).ok();
        let reply = fixture
            .here()
            .lookup(format!("d{uid}"))
            .getattr(&[FATTR4_OWNER])
            .ok();
        let owner = reply.attributes().owner.unwrap();
        assert_eq!(&owner[..], uid.to_string().as_bytes());
    }
}

#[test]
fn many_requests_on_one_slot() {
    let mut fixture = SERVER.fixture("many_requests");
    for _ in 0..2000 {
        fixture.session.compound().putrootfh().ok();
    }
    let silent = fixture
        .session
        .connection
        .stays_silent(Duration::from_millis(20))
        .unwrap();
    assert!(silent, "a reply too many");
}
