//! What no client would send: each gets the error that RFC 8881 has for it, and nobody else
//! notices.

use std::collections::HashMap;
use std::time::Duration;

use localefs_integration::client::names::*;
use localefs_integration::client::{
    ClientOptions, Compound, Connection, Credential, Fixture, Lock, Open, Reply, Session,
    SharedServer, samples,
};
use localefs_protocol::nfs4::ops::{ChannelAttrs4, Createtype4, NfsLockType4, StableHow4};
use localefs_protocol::nfs4::{
    Attributes, NFS_PROGRAM, NFS_V4, NFSPROC4_COMPOUND, NfsArgop4, Nfsstat4, OpInfo, OpNum,
    Stateid4, Verifier4,
};
use localefs_protocol::rpc::ReplyHeader;
use localefs_protocol::xdr::Pack;

static SERVER: SharedServer = SharedServer::new();

const ANONYMOUS: Stateid4 = Stateid4::ANONYMOUS;

fn packed<T: Pack<Vec<u8>>>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    value.pack(&mut out).unwrap();
    out
}

fn alive(fixture: &mut Fixture) {
    fixture.here().getattr(&[FATTR4_TYPE]).ok();
}

/// Numbers that are no operation of NFSv4.1: below, above (those of 4.2 and RFC 8276), far above.
fn illegal_numbers() -> impl Iterator<Item = u32> {
    (0..=2)
        .chain(59..=100)
        .chain([255, 1000, 10_043, 10_045, 1 << 31, u32::MAX])
}

#[test]
fn numbers_that_are_no_operation_are_illegal() {
    let mut fixture = SERVER.fixture("illegal");
    for number in illegal_numbers().chain([OpNum::OP_ILLEGAL.0]) {
        let reply = fixture.here().raw(number, &[]).getfh().send();
        let expected = (OpNum::OP_ILLEGAL, NFS4ERR_OP_ILLEGAL);
        assert_eq!(
            (reply.len(), reply.statuses()[2]),
            (3, expected),
            "operation {number}"
        );
        // Its arguments, if it had any, are not looked at.
        let reply = fixture.here().raw(number, &[0xff; 40]).send();
        assert_eq!(
            (reply.len(), reply.statuses()[2]),
            (3, expected),
            "operation {number}"
        );
        // Alone, without a session.
        let reply = fixture
            .session
            .connection
            .compound()
            .raw(number, &[])
            .send();
        assert_eq!(reply.statuses(), [expected], "operation {number} first");
    }
}

/// The operations of delegations, pNFS, named attributes and SSV, and those that NFSv4.1 forbids.
/// For SET_SSV by a client without SP4_SSV, which EXCHANGE_ID never grants here, RFC 8881 §18.47.3
/// has NFS4ERR_INVAL; no client gets so far.
#[test]
fn what_the_service_lacks_is_not_supported() {
    let mut fixture = SERVER.fixture("lacks");
    let file = fixture.file("f", b"");
    let mut count = 0;
    for sample in samples() {
        let info = OpInfo::of(sample.number()).unwrap();
        if info.flags.supported {
            continue;
        }
        count += 1;
        for start in [fixture.directory.clone(), file.clone()] {
            let reply = fixture.session.compound().putfh(&start).op(&sample).send();
            assert_eq!(
                reply.statuses()[2],
                (sample.number(), NFS4ERR_NOTSUPP),
                "{}",
                info.name
            );
        }
        // What follows is not executed.
        let reply = fixture.here().op(&sample).mkdir("made", 0o755).send();
        assert_eq!(
            (reply.len(), reply.status()),
            (3, NFS4ERR_NOTSUPP),
            "{}",
            info.name
        );
    }
    assert_eq!(count, 16);
    fixture.here().lookup("made").expect(NFS4ERR_NOENT);
}

#[test]
fn every_operation_on_every_type_gets_an_error_of_its_own() {
    // RFC 8881 §15.2: the errors that each operation may have, of those that can come here.
    let mut fixture = SERVER.fixture("every_type");
    let file = fixture.file("file", b"");
    let directory = fixture.subdirectory("directory");
    let link = fixture.symlink("x", "link");
    let fifo = fixture
        .here()
        .create(Createtype4::Fifo, "fifo", &mode(0o600))
        .getfh()
        .ok()
        .handle();
    let objects = [
        ("file", file),
        ("directory", directory),
        ("link", link),
        ("fifo", fifo),
    ];
    let common = [NFS4_OK, NFS4ERR_INVAL, NFS4ERR_WRONG_TYPE];
    let own: HashMap<&str, &[Nfsstat4]> = HashMap::from([
        ("CLOSE", &[NFS4ERR_BAD_STATEID][..]),
        ("COMMIT", &[NFS4ERR_ISDIR, NFS4ERR_SYMLINK]),
        ("CREATE", &[NFS4ERR_NOTDIR]),
        (
            "LINK",
            &[NFS4ERR_NOFILEHANDLE, NFS4ERR_NOTDIR, NFS4ERR_SYMLINK],
        ),
        (
            "LOCK",
            &[NFS4ERR_BAD_STATEID, NFS4ERR_ISDIR, NFS4ERR_SYMLINK],
        ),
        ("LOCKT", &[NFS4ERR_ISDIR, NFS4ERR_SYMLINK]),
        // ISDIR and SYMLINK are those of §18.12.3.
        (
            "LOCKU",
            &[NFS4ERR_BAD_STATEID, NFS4ERR_ISDIR, NFS4ERR_SYMLINK],
        ),
        ("LOOKUP", &[NFS4ERR_NOENT, NFS4ERR_NOTDIR, NFS4ERR_SYMLINK]),
        ("LOOKUPP", &[NFS4ERR_NOTDIR, NFS4ERR_SYMLINK]),
        ("NVERIFY", &[NFS4ERR_SAME]),
        ("OPEN", &[NFS4ERR_NOTDIR, NFS4ERR_SYMLINK, NFS4ERR_ISDIR]),
        ("OPEN_DOWNGRADE", &[NFS4ERR_BAD_STATEID]),
        ("READ", &[NFS4ERR_ISDIR, NFS4ERR_SYMLINK]),
        ("READDIR", &[NFS4ERR_NOTDIR]),
        ("REMOVE", &[NFS4ERR_NOENT, NFS4ERR_NOTDIR]),
        (
            "RENAME",
            &[NFS4ERR_NOFILEHANDLE, NFS4ERR_NOTDIR, NFS4ERR_NOENT],
        ),
        ("RESTOREFH", &[NFS4ERR_NOFILEHANDLE]),
        ("SECINFO", &[NFS4ERR_NOENT, NFS4ERR_NOTDIR]),
        ("WRITE", &[NFS4ERR_ISDIR, NFS4ERR_SYMLINK]),
        ("PUTFH", &[NFS4ERR_BADHANDLE]),
        ("BIND_CONN_TO_SESSION", &[NFS4ERR_NOT_ONLY_OP]),
        ("CREATE_SESSION", &[NFS4ERR_STALE_CLIENTID]),
        ("DESTROY_SESSION", &[NFS4ERR_BADSESSION]),
        ("DESTROY_CLIENTID", &[NFS4ERR_STALE_CLIENTID]),
        ("FREE_STATEID", &[NFS4ERR_BAD_STATEID]),
        ("SEQUENCE", &[NFS4ERR_SEQUENCE_POS]),
        ("RECLAIM_COMPLETE", &[NFS4ERR_COMPLETE_ALREADY]),
    ]);
    for (object, handle) in &objects {
        for sample in samples() {
            let info = OpInfo::of(sample.number()).unwrap();
            let reply = fixture.session.compound().putfh(handle).op(&sample).send();
            let status = reply.status();
            let listed = own.get(info.name).is_some_and(|own| own.contains(&status));
            let allowed = if info.flags.supported {
                common.contains(&status) || listed
            } else {
                status == NFS4ERR_NOTSUPP
            };
            assert!(allowed, "{} on a {object}: {status:?}", info.name);
        }
    }
}

/// Sends a COMPOUND whose operations end early: the last one must be the one that can't be decoded.
fn cut(connection: &mut Connection, arguments: &[u8], length: usize) -> Option<Reply> {
    let procedure = (NFS_PROGRAM, NFS_V4, NFSPROC4_COMPOUND);
    let reply = connection
        .call(procedure, &Credential::ROOT, &arguments[..length])
        .unwrap();
    match reply.header {
        ReplyHeader::Success => {
            let reply = Reply::parse(&reply.body).unwrap();
            assert_eq!(reply.trailing(), 0);
            Some(reply)
        }
        ReplyHeader::GarbageArguments => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_compound_may_end_anywhere() {
    let mut fixture = SERVER.fixture("anywhere");
    let file = fixture.file("f", b"content");
    let here = fixture.directory.clone();
    let open = Open::both("new").create().set(mode(0o640));
    let whole = Compound::detached()
        .putfh(&file)
        .getattr(&[FATTR4_SIZE, FATTR4_MODE])
        .setattr(ANONYMOUS, &mode(0o600))
        .write(ANONYMOUS, 0, StableHow4::Unstable, b"written")
        .lockt(&Lock::read(0, 10), "owner")
        .putfh(&here)
        .savefh()
        .open(&open)
        .lock_new(&Lock::write(0, 1), Stateid4::CURRENT, "owner")
        .restorefh()
        .create(Createtype4::Lnk("target".into()), "link", &owner("1"))
        .restorefh()
        .rename("link", "moved")
        .readdir(0, Verifier4::default(), 1000, &[FATTR4_FILEID])
        .test_stateid(&[ANONYMOUS]);
    let mut session = fixture.another_client();
    for operations in 0..whole.operations().len() / 4 {
        let arguments = session.compound().append(&whole).encode();
        let all = arguments.len() - whole.operations().len();
        let length = all + operations * 4;
        // What could be decoded was executed, what couldn't says so.
        let reply = cut(&mut session.connection, &arguments, length);
        session.used(0);
        let reply = reply.unwrap_or_else(|| panic!("{length} octets are garbage"));
        let statuses = reply.statuses();
        let (last, before) = statuses.split_last().unwrap();
        assert_eq!(last.1, NFS4ERR_BADXDR, "{length} octets: {reply:?}");
        assert!(before.iter().all(|(_, status)| *status == NFS4_OK));
        assert_eq!(reply.status(), NFS4ERR_BADXDR);
        // For the next round; not all of them are there in each.
        for name in ["moved", "link", "new"] {
            let _ = session.compound().putfh(&here).remove(name).send();
        }
    }
    session.compound().append(&whole).ok();
}

#[test]
fn every_operation_may_end_anywhere() {
    let mut fixture = SERVER.fixture("each_ends");
    let file = fixture.file("f", b"content");
    let mut session = fixture.another_client();
    for sample in samples() {
        let whole = packed(&sample);
        // Those that NFSv4.1 forbids, and those that are not there, aren't decoded.
        let info = OpInfo::of(sample.number()).unwrap();
        let refused = if info.flags.supported {
            NFS4ERR_BADXDR
        } else {
            NFS4ERR_NOTSUPP
        };
        for length in (4..whole.len()).step_by(4) {
            let compound = session.compound().putfh(&file);
            let reply = compound.raw(sample.number().0, &whole[4..length]).send();
            let status = reply.status();
            let allowed = status == refused
                || status == NFS4ERR_BADXDR
                // Where it stands may be looked at first.
                || (matches!(sample, NfsArgop4::BindConnToSession(_))
                    && status == NFS4ERR_NOT_ONLY_OP)
                || (matches!(sample, NfsArgop4::Sequence(_)) && status == NFS4ERR_SEQUENCE_POS);
            assert!(allowed, "{} of {length} octets: {reply:?}", info.name);
            assert_eq!(reply.statuses()[2].0, sample.number());
        }
    }
    alive(&mut fixture);
}

#[test]
fn any_word_may_be_anything() {
    let mut fixture = SERVER.fixture("any_word");
    let file = fixture.file("f", b"content");
    let here = fixture.directory.clone();
    let mut session = fixture.another_client();
    for sample in samples() {
        let whole = packed(&sample);
        for place in (4..whole.len()).step_by(4) {
            for word in [0, 1, 2, 0x7f, 0xffff, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
                let mut args = whole[4..].to_vec();
                args[place - 4..place].copy_from_slice(&u32::to_be_bytes(word));
                for start in [&file, &here] {
                    let compound = session.compound().putfh(start).savefh();
                    let compound = compound.raw(sample.number().0, &args);
                    // Whatever the answer is: it is one, of this operation, and not an accident.
                    let reply = compound.send();
                    assert_ne!(
                        reply.status(),
                        NFS4ERR_SERVERFAULT,
                        "{sample:?} word {place}"
                    );
                    assert_ne!(reply.status(), NFS4ERR_DELAY, "{sample:?} word {place}");
                    assert_eq!(reply.trailing(), 0);
                    assert!(reply.len() >= 4);
                    assert_eq!(reply.statuses()[3].0, sample.number());
                }
            }
        }
    }
    alive(&mut fixture);
}

#[test]
fn random_octets_are_answered() {
    let mut fixture = SERVER.fixture("random");
    let mut session = fixture.another_client();
    let mut number = 2026_u64;
    let mut next = || {
        number = number
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        number >> 33
    };
    for _ in 0..3000 {
        let op = u32::try_from(next() % 60).unwrap();
        let length = next() % 40 * 4;
        let args: Vec<u8> = (0..length)
            .map(|_| next().to_le_bytes()[0] & next().to_le_bytes()[1])
            .collect();
        let reply = session.compound().putrootfh().raw(op, &args).send();
        assert_ne!(reply.status(), NFS4ERR_SERVERFAULT);
    }
    alive(&mut fixture);
}

#[test]
fn arguments_may_be_followed_by_anything() {
    let mut fixture = SERVER.fixture("followed");
    // RPC says nothing of octets after the arguments; refusing them is as good as ignoring them,
    // but they must not be taken for operations.
    let arguments = [fixture.here().encode(), vec![0xff; 64]].concat();
    let procedure = (NFS_PROGRAM, NFS_V4, NFSPROC4_COMPOUND);
    let connection = &mut fixture.session.connection;
    let reply = connection
        .call(procedure, &Credential::ROOT, &arguments)
        .unwrap();
    if reply.header == ReplyHeader::Success {
        let reply = Reply::parse(&reply.body).unwrap();
        assert!(
            [NFS4_OK, NFS4ERR_BADXDR].contains(&reply.status()),
            "{reply:?}"
        );
        assert!(reply.len() <= 2);
    } else {
        assert_eq!(reply.header, ReplyHeader::GarbageArguments);
    }
}

#[test]
fn more_operations_may_be_announced_than_sent() {
    let mut fixture = SERVER.fixture("announced");
    let most = fixture.session.fore.ca_maxoperations;
    let reply = fixture.here().count(most).send();
    let statuses = reply.statuses();
    // Past the end there is not even a number.
    assert_eq!(
        statuses[..2],
        [(OpNum::OP_SEQUENCE, NFS4_OK), (OpNum::OP_PUTFH, NFS4_OK)]
    );
    assert_eq!((reply.len(), reply.status()), (3, NFS4ERR_BADXDR));
    let here = fixture.directory.clone();
    for count in [most + 1, 10_000, u32::MAX] {
        let reply = fixture.session.compound().putfh(&here).count(count).send();
        assert_eq!(
            (reply.len(), reply.status()),
            (1, NFS4ERR_TOO_MANY_OPS),
            "{count}"
        );
    }
    // Fewer: the rest is not there.
    let reply = fixture.here().mkdir("made", 0o755).count(2).send();
    assert_eq!(reply.len(), 2);
    let without = fixture.session.connection.compound().count(5).send();
    assert!(
        without.status() != NFS4_OK && without.len() <= 1,
        "{without:?}"
    );
}

#[test]
fn ten_thousand_operations() {
    let mut fixture = SERVER.fixture("ten_thousand");
    let mut many = Compound::detached();
    for _ in 0..10_000 {
        many = many.putrootfh();
    }
    fixture
        .session
        .compound()
        .append(&many)
        .expect_status(0, NFS4ERR_TOO_MANY_OPS);
    let connection = &mut fixture.session.connection;
    let reply = connection.compound().append(&many).send();
    assert_eq!(
        reply.statuses(),
        [(OpNum::OP_PUTROOTFH, NFS4ERR_OP_NOT_IN_SESSION)]
    );
    // As many as it said that it takes.
    let greedy = ChannelAttrs4 {
        ca_maxoperations: u32::MAX,
        ..localefs_integration::client::channel(1)
    };
    let options = ClientOptions::new("ten thousand operations").fore(greedy);
    let mut session = Session::establish(fixture.server().address(), &options).unwrap();
    let most = session.fore.ca_maxoperations.min(10_000);
    let mut many = Compound::detached();
    for _ in 1..most {
        many = many.putrootfh();
    }
    session.compound().append(&many).ok();
}

#[test]
fn lengths_that_lie() {
    let mut fixture = SERVER.fixture("lie");
    let file = fixture.file("f", b"");
    for length in [5_u32, 1000, 0x7fff_fffc, 0xffff_fffc, u32::MAX] {
        let mut opaque = length.to_be_bytes().to_vec();
        opaque.extend_from_slice(b"four");
        for number in [
            OpNum::OP_LOOKUP,
            OpNum::OP_PUTFH,
            OpNum::OP_REMOVE,
            OpNum::OP_SECINFO,
        ] {
            fixture.here().raw(number.0, &opaque).expect(NFS4ERR_BADXDR);
        }
        let mut write = vec![0; 24];
        write.extend_from_slice(&[0, 0, 0, 0]);
        write.extend_from_slice(&opaque);
        fixture
            .session
            .compound()
            .putfh(&file)
            .raw(38, &write)
            .expect(NFS4ERR_BADXDR);
        let mut setattr = vec![0; 16];
        setattr.extend_from_slice(&opaque);
        fixture
            .here()
            .raw(OpNum::OP_SETATTR.0, &setattr)
            .expect(NFS4ERR_BADXDR);
    }
}

#[test]
fn enumerations_and_booleans_have_few_values() {
    let mut fixture = SERVER.fixture("values");
    let file = fixture.file("f", b"");
    let (open, _) = fixture.open(&Open::both("f"));
    let mut with = |sample: &NfsArgop4<'_>, place: usize, word: u32| {
        let mut args = packed(sample)[4..].to_vec();
        args[place..place + 4].copy_from_slice(&word.to_be_bytes());
        let compound = fixture.session.compound().putfh(&file);
        compound.raw(sample.number().0, &args).send().status()
    };
    let all = samples();
    let sample = |number: OpNum| all.iter().find(|sample| sample.number() == number).unwrap();
    let rows = [
        // Of a lock: its type, whether it is reclaimed, whether the owner is new.
        (OpNum::OP_LOCK, 0, 0),
        (OpNum::OP_LOCK, 0, 5),
        (OpNum::OP_LOCK, 4, 2),
        (OpNum::OP_LOCK, 24, 2),
        (OpNum::OP_LOCKT, 0, 0),
        (OpNum::OP_LOCKT, 0, 5),
        (OpNum::OP_LOCKU, 0, 0),
        (OpNum::OP_LOCKU, 0, 5),
        // Of an object: its type.
        (OpNum::OP_CREATE, 0, 0),
        (OpNum::OP_CREATE, 0, 10),
        // Of a security question, and of the end of reclaiming.
        (OpNum::OP_SECINFO_NO_NAME, 0, 2),
        (OpNum::OP_RECLAIM_COMPLETE, 0, 2),
        // Of an open: whether to create (seqid, access, deny, clientid, owner of 5), and how.
        (OpNum::OP_OPEN, 32, 2),
        (OpNum::OP_OPEN, 36, 4),
        // The claim follows mask and values.
        (OpNum::OP_OPEN, 48, 7),
    ];
    for (number, place, word) in rows {
        let status = with(sample(number), place, word);
        assert_eq!(status, NFS4ERR_BADXDR, "{number:?} {word} at {place}");
    }
    let compound = fixture.session.compound().putfh(&file);
    compound.lock_new(&Lock::write(0, 1), open, "l").ok();
    assert_eq!(NfsLockType4::WriteW as u32, 4);
}

#[test]
fn special_stateids_where_a_lock_is_needed() {
    let mut fixture = SERVER.fixture("where_needed");
    let file = fixture.file("f", b"");
    for stateid in [
        ANONYMOUS,
        Stateid4::BYPASS,
        Stateid4::INVALID,
        Stateid4::CURRENT,
    ] {
        for compound in [
            Compound::detached().putfh(&file).close(stateid),
            Compound::detached()
                .putfh(&file)
                .open_downgrade(stateid, 1, 0),
            Compound::detached().putfh(&file).locku(stateid, 0, 1),
            Compound::detached()
                .putfh(&file)
                .lock_more(&Lock::read(0, 1), stateid),
            Compound::detached()
                .putfh(&file)
                .lock_new(&Lock::read(0, 1), stateid, "o"),
            Compound::detached().putfh(&file).free_stateid(stateid),
        ] {
            let reply = fixture.session.compound().append(&compound).send();
            assert_eq!(reply.status(), NFS4ERR_BAD_STATEID, "{compound}{stateid:?}");
        }
    }
}

#[test]
fn a_broken_compound_leaves_its_slot_usable() {
    let mut fixture = SERVER.fixture("usable");
    for _ in 0..20 {
        fixture
            .here()
            .raw(OpNum::OP_LOOKUP.0, &[0xff; 4])
            .expect(NFS4ERR_BADXDR);
        fixture
            .here()
            .raw(99, &[])
            .send()
            .assert(NFS4ERR_OP_ILLEGAL);
        alive(&mut fixture);
    }
    // Its reply is kept as any.
    let compound = fixture.here().cached().raw(OpNum::OP_LOOKUP.0, &[0xff; 4]);
    let record = compound.record(5);
    let first = compound.expect(NFS4ERR_BADXDR);
    fixture.session.connection.send_record(&record).unwrap();
    let again = fixture.session.connection.compound_reply(5).unwrap();
    assert_eq!(first.encoded(), again.encoded());
}

#[test]
fn a_sequence_that_cannot_be_decoded() {
    let mut fixture = SERVER.fixture("sequence");
    let sample = NfsArgop4::Sequence(fixture.session.sequence(0, false));
    let whole = packed(&sample);
    let connection = &mut fixture.session.connection;
    for length in (4..whole.len()).step_by(4) {
        let compound = connection
            .compound()
            .raw(OpNum::OP_SEQUENCE.0, &whole[4..length]);
        let reply = compound.send();
        assert_eq!(
            reply.statuses(),
            [(OpNum::OP_SEQUENCE, NFS4ERR_BADXDR)],
            "{length} octets"
        );
    }
    // The last word is a boolean.
    let mut args = whole[4..].to_vec();
    let last = args.len() - 1;
    args[last] = 2;
    let compound = connection.compound().raw(OpNum::OP_SEQUENCE.0, &args);
    compound.expect(NFS4ERR_BADXDR);
    alive(&mut fixture);
}

#[test]
fn a_client_that_reads_nothing_stops_nobody() {
    let mut fixture = SERVER.fixture("reads_nothing");
    let file = fixture.file("f", &[1; 1 << 20]);
    let mut deaf = fixture.another_client();
    // Far more replies than any buffer of a socket holds. The server may stop taking requests.
    let briefly = Some(Duration::from_millis(200));
    deaf.connection.stream().set_write_timeout(briefly).unwrap();
    for round in 0..200 {
        let slot = round % 16;
        let compound = deaf.compound().slot(slot).putfh(&file);
        if compound.read(ANONYMOUS, 0, 1 << 20).post().is_err() {
            break;
        }
    }
    for _ in 0..50 {
        fixture
            .session
            .compound()
            .putfh(&file)
            .read(ANONYMOUS, 0, 1 << 20)
            .ok();
    }
    drop(deaf);
    alive(&mut fixture);
}

#[test]
fn nothing_that_was_refused_has_left_anything() {
    let mut fixture = SERVER.fixture("left");
    let bad = Attributes {
        owner: Some("nobody".into()),
        ..mode(0o600)
    };
    for compound in [
        Compound::detached().create(Createtype4::Dir, "d", &bad),
        Compound::detached().create(Createtype4::Fifo, "p", &bad),
        Compound::detached().create(Createtype4::Sock, "s", &bad),
        Compound::detached().create(Createtype4::Lnk("x".into()), "l", &bad),
        Compound::detached().open(&Open::both("f").create().set(bad.clone())),
        Compound::detached().open(&Open::both("f").guarded().set(bad.clone())),
    ] {
        fixture.here().append(&compound).expect(NFS4ERR_BADOWNER);
    }
    let reply = fixture
        .here()
        .readdir(0, Verifier4::default(), 4096, &[])
        .ok();
    assert_eq!(reply.readdir().reply.iter().count(), 0);
}
