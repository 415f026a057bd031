//! LOCK, LOCKT, LOCKU: ranges as POSIX has them (RFC 8881 §9.4 to §9.6, §18.10 to §18.12).

use localefs_integration::client::names::*;
use localefs_integration::client::{Fixture, Lock, Open, Session, SharedServer};
use localefs_protocol::nfs4::ops::NfsLockType4;
use localefs_protocol::nfs4::{Nfsstat4, Stateid4, StateidOther};

static SERVER: SharedServer = SharedServer::new();

const END: u64 = u64::MAX;

/// A file with the stateid of an open for both, and a lock stateid of lock-owner `a` on it whose
/// range has been unlocked.
fn locker(fixture: &mut Fixture, name: &str) -> (Vec<u8>, Stateid4, Stateid4) {
    fixture.file(name, b"content");
    let (open, file) = fixture.open(&Open::both(name));
    let compound = fixture.session.compound().putfh(&file);
    let stateid = compound
        .lock_new(&Lock::write(0, 1), open, "a")
        .ok()
        .lock_stateid();
    let compound = fixture.session.compound().putfh(&file);
    let stateid = compound.locku(stateid, 0, 1).ok().lock_stateid();
    (
        file,
        open,
        Stateid4 {
            seqid: 0,
            ..stateid
        },
    )
}

fn lock(fixture: &mut Fixture, file: &[u8], lock: &Lock, stateid: Stateid4) -> Nfsstat4 {
    fixture
        .session
        .compound()
        .putfh(file)
        .lock_more(lock, stateid)
        .send()
        .status()
}

fn unlock(fixture: &mut Fixture, file: &[u8], stateid: Stateid4, offset: u64, length: u64) {
    fixture
        .session
        .compound()
        .putfh(file)
        .locku(stateid, offset, length)
        .ok();
}

/// What another owner finds locked among the first `length` octets: `r`, `w`, or `.`.
fn map(session: &mut Session, file: &[u8], length: u64) -> String {
    (0..length)
        .map(|offset| {
            let free = |session: &mut Session, lock: &Lock| {
                session
                    .compound()
                    .putfh(file)
                    .lockt(lock, "onlooker")
                    .send()
                    .status()
                    == NFS4_OK
            };
            if !free(session, &Lock::read(offset, 1)) {
                'w'
            } else if !free(session, &Lock::write(offset, 1)) {
                'r'
            } else {
                '.'
            }
        })
        .collect()
}

#[test]
fn a_lock_is_taken_tested_and_released() {
    let mut fixture = SERVER.fixture("taken");
    fixture.file("f", b"");
    let (open, file) = fixture.open(&Open::both("f"));
    let session = &mut fixture.session;
    let reply = session
        .compound()
        .putfh(&file)
        .lock_new(&Lock::write(10, 20), open, "a")
        .ok();
    let first = reply.lock_stateid();
    assert_eq!(first.seqid, 1);
    assert_ne!(first.other, open.other);
    let reply = session
        .compound()
        .putfh(&file)
        .lock_more(&Lock::read(100, 5), first)
        .ok();
    let second = reply.lock_stateid();
    assert_eq!(second, Stateid4 { seqid: 2, ..first });
    let reply = session.compound().putfh(&file).locku(second, 10, 20).ok();
    let third = reply.lock_stateid();
    assert_eq!(third, Stateid4 { seqid: 3, ..first });
    session
        .compound()
        .putfh(&file)
        .lockt(&Lock::write(10, 20), "b")
        .ok();
    session
        .compound()
        .putfh(&file)
        .lockt(&Lock::write(100, 5), "b")
        .expect(NFS4ERR_DENIED);
    session
        .compound()
        .putfh(&file)
        .lockt(&Lock::read(100, 5), "b")
        .ok();
    session.compound().putfh(&file).locku(third, 0, END).ok();
    session
        .compound()
        .putfh(&file)
        .lockt(&Lock::write(0, END), "b")
        .ok();
}

#[test]
fn who_is_denied_learns_why() {
    let mut fixture = SERVER.fixture("denied");
    let (file, _, stateid) = locker(&mut fixture, "f");
    let holder = fixture.session.clientid;
    for (held, kind, offset, length) in [
        (Lock::write(10, 20), NfsLockType4::Write, 10, 20),
        (Lock::read(10, 20), NfsLockType4::Read, 10, 20),
        (Lock::write(10, END), NfsLockType4::Write, 10, END),
        (Lock::write(0, END), NfsLockType4::Write, 0, END),
        (Lock::write(END - 1, END), NfsLockType4::Write, END - 1, END),
        (Lock::write(END - 5, 5), NfsLockType4::Write, END - 5, 5),
    ] {
        assert_eq!(
            lock(&mut fixture, &file, &held, stateid),
            NFS4_OK,
            "{held:?}"
        );
        let mut other = fixture.another_client();
        let wanted = Lock::write(offset, 1);
        let (open, _) = other.open(&fixture.directory, &Open::both("f"));
        let compound = other.compound().putfh(&file).lock_new(&wanted, open, "b");
        let by_lock = compound.expect(NFS4ERR_DENIED);
        let by_test = other
            .compound()
            .putfh(&file)
            .lockt(&wanted, "b")
            .expect(NFS4ERR_DENIED);
        for denied in [by_lock.denied(), by_test.denied()] {
            assert_eq!(denied.locktype, kind);
            // A lock to the last octet and one to the end are the same range.
            let end = |length: u64| offset.saturating_add(length);
            assert_eq!(
                (denied.offset, end(denied.length)),
                (offset, end(length)),
                "{held:?}"
            );
            assert_eq!(denied.owner.clientid, holder);
            assert_eq!(denied.owner.owner.as_slice(), b"a");
        }
        unlock(&mut fixture, &file, stateid, 0, END);
    }
}

#[test]
fn conflicts_are_those_of_overlap_and_kind() {
    let mut fixture = SERVER.fixture("conflicts");
    let (file, open, stateid) = locker(&mut fixture, "f");
    let rows = [
        (Lock::read(10, 10), Lock::read(10, 10), true),
        (Lock::read(10, 10), Lock::write(10, 10), false),
        (Lock::write(10, 10), Lock::read(10, 10), false),
        (Lock::write(10, 10), Lock::write(10, 10), false),
        (Lock::write(10, 10), Lock::write(0, 10), true),
        (Lock::write(10, 10), Lock::write(0, 11), false),
        (Lock::write(10, 10), Lock::write(20, 1), true),
        (Lock::write(10, 10), Lock::write(19, 1), false),
        (Lock::write(10, 10), Lock::write(0, END), false),
        (Lock::write(10, 10), Lock::write(12, 2), false),
        (Lock::write(10, END), Lock::write(0, 10), true),
        (Lock::write(10, END), Lock::write(END - 1, 1), false),
        (Lock::write(0, 1), Lock::write(1, END), true),
    ];
    for (index, (held, wanted, granted)) in rows.iter().enumerate() {
        assert_eq!(lock(&mut fixture, &file, held, stateid), NFS4_OK);
        let status = if *granted { NFS4_OK } else { NFS4ERR_DENIED };
        let name = format!("b{index}");
        let session = &mut fixture.session;
        let test = session
            .compound()
            .putfh(&file)
            .lockt(wanted, &name)
            .send()
            .status();
        assert_eq!(test, status, "LOCKT {wanted:?} against {held:?}");
        // What waits in the client is told at once, as there are no callbacks.
        let compound = session.compound().putfh(&file);
        let reply = compound
            .lock_new(&wanted.clone().blocking(), open, &name)
            .send();
        assert_eq!(reply.status(), status, "LOCK {wanted:?} against {held:?}");
        if *granted {
            unlock(&mut fixture, &file, reply.lock_stateid(), 0, END);
        }
        unlock(&mut fixture, &file, stateid, 0, END);
    }
}

#[test]
fn ranges_are_split_merged_upgraded_and_downgraded() {
    let mut fixture = SERVER.fixture("ranges");
    let (file, _, stateid) = locker(&mut fixture, "f");
    let mut other = fixture.another_client();
    type Step = (char, u64, u64, &'static str);
    let steps: [Step; 19] = [
        ('w', 2, 4, "..wwww...."),
        ('u', 3, 2, "..w..w...."),
        ('r', 3, 1, "..wr.w...."),
        ('w', 4, 1, "..wrww...."),
        ('r', 0, 10, "rrrrrrrrrr"),
        ('w', 0, 1, "wrrrrrrrrr"),
        ('w', 9, 1, "wrrrrrrrrw"),
        ('u', 4, 2, "wrrr..rrrw"),
        ('w', 3, 4, "wrrwwwwrrw"),
        ('r', 4, 2, "wrrwrrwrrw"),
        ('u', 1, 8, "w........w"),
        ('u', 0, END, ".........."),
        ('r', 5, END, ".....rrrrr"),
        ('w', 7, END, ".....rrwww"),
        ('u', 8, 1, ".....rrw.w"),
        ('u', 0, 6, "......rw.w"),
        ('w', 6, 3, "......wwww"),
        ('u', 9, END, "......www."),
        ('u', 6, 3, ".........."),
    ];
    for (kind, offset, length, expected) in steps {
        let wanted = match kind {
            'r' => Lock::read(offset, length),
            _ => Lock::write(offset, length),
        };
        if kind == 'u' {
            unlock(&mut fixture, &file, stateid, offset, length);
        } else {
            assert_eq!(lock(&mut fixture, &file, &wanted, stateid), NFS4_OK);
        }
        let seen = map(&mut other, &file, 10);
        assert_eq!(seen, expected, "after {kind} {offset} {length}");
    }
}

#[test]
fn a_random_walk_is_as_the_model_says() {
    let mut fixture = SERVER.fixture("walk");
    let (file, open, first) = locker(&mut fixture, "f");
    let compound = fixture.session.compound().putfh(&file);
    let reply = compound.lock_new(&Lock::write(90, 1), open, "b").ok();
    let second = Stateid4 {
        seqid: 0,
        ..reply.lock_stateid()
    };
    unlock(&mut fixture, &file, second, 90, 1);
    let owners = [first, second];
    let mut model = [['.'; 12]; 2];
    let mut number = 99_u64;
    let mut next = |bound: u64| {
        number = number
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        usize::try_from((number >> 33) % bound).unwrap()
    };
    for round in 0..400 {
        let (who, kind) = (next(2), ['r', 'w', '.'][next(3)]);
        let offset = next(12);
        let length = 1 + next(12 - offset as u64);
        let range = offset..offset + length;
        let other = &model[1 - who][range.clone()];
        let free = match kind {
            '.' => true,
            'r' => !other.contains(&'w'),
            _ => other.iter().all(|held| *held == '.'),
        };
        let (at, long) = (offset as u64, length as u64);
        let status = match kind {
            '.' => {
                unlock(&mut fixture, &file, owners[who], at, long);
                NFS4_OK
            }
            'r' => lock(&mut fixture, &file, &Lock::read(at, long), owners[who]),
            _ => lock(&mut fixture, &file, &Lock::write(at, long), owners[who]),
        };
        let expected = if free { NFS4_OK } else { NFS4ERR_DENIED };
        assert_eq!(
            status, expected,
            "round {round}: {who} {kind} {range:?}, {model:?}"
        );
        if free {
            model[who][range].fill(kind);
        }
    }
    let mut other = fixture.another_client();
    let both: String = (0..12)
        .map(|index| match (model[0][index], model[1][index]) {
            ('w', _) | (_, 'w') => 'w',
            ('r', _) | (_, 'r') => 'r',
            _ => '.',
        })
        .collect();
    assert_eq!(map(&mut other, &file, 12), both);
}

#[test]
fn an_upgrade_waits_for_other_readers() {
    let mut fixture = SERVER.fixture("upgrade");
    let (file, _, stateid) = locker(&mut fixture, "f");
    assert_eq!(
        lock(&mut fixture, &file, &Lock::read(0, 10), stateid),
        NFS4_OK
    );
    let mut other = fixture.another_client();
    let (open, _) = other.open(&fixture.directory, &Open::both("f"));
    let compound = other.compound().putfh(&file);
    let theirs = compound
        .lock_new(&Lock::read(5, 1), open, "b")
        .ok()
        .lock_stateid();
    assert_eq!(
        lock(&mut fixture, &file, &Lock::write(0, 10), stateid),
        NFS4ERR_DENIED
    );
    // What is held stays, and a part without readers can be had.
    assert_eq!(map(&mut other, &file, 10), "rrrrrrrrrr");
    assert_eq!(
        lock(&mut fixture, &file, &Lock::write(0, 5), stateid),
        NFS4_OK
    );
    other.compound().putfh(&file).locku(theirs, 5, 1).ok();
    assert_eq!(
        lock(&mut fixture, &file, &Lock::write(0, 10), stateid),
        NFS4_OK
    );
}

#[test]
fn ranges_have_rules() {
    let mut fixture = SERVER.fixture("rules");
    let (file, open, stateid) = locker(&mut fixture, "f");
    for (offset, length) in [
        (0, 0),
        (100, 0),
        (END, 0),
        (2, END - 1),
        (END, 1),
        (1 << 63, 1 << 63),
    ] {
        let overflows = length != 0 && offset.checked_add(length).is_none();
        let status = if length == 0 || overflows {
            NFS4ERR_INVAL
        } else {
            NFS4_OK
        };
        let wanted = Lock::write(offset, length);
        let session = &mut fixture.session;
        let what = format!("{length} at {offset}");
        let new = session
            .compound()
            .putfh(&file)
            .lock_new(&wanted, open, "c")
            .send()
            .status();
        assert_eq!(new, status, "LOCK {what}");
        let test = session
            .compound()
            .putfh(&file)
            .lockt(&wanted, "d")
            .send()
            .status();
        assert_eq!(test, status, "LOCKT {what}");
        let unlock = session
            .compound()
            .putfh(&file)
            .locku(stateid, offset, length)
            .send()
            .status();
        assert_eq!(unlock, status, "LOCKU {what}");
        assert_eq!(
            lock(&mut fixture, &file, &wanted, stateid),
            status,
            "LOCK more {what}"
        );
    }
}

#[test]
fn a_lock_needs_an_open_of_its_kind() {
    let mut fixture = SERVER.fixture("kind");
    fixture.file("f", b"");
    let (reader, file) = fixture.open(&Open::read("f").owner("r"));
    let (writer, _) = fixture.open(&Open::write("f").owner("w"));
    let session = &mut fixture.session;
    let compound = session.compound().putfh(&file);
    compound
        .lock_new(&Lock::write(0, 1), reader, "r")
        .expect(NFS4ERR_OPENMODE);
    // As POSIX has it, which RFC 8881 §18.10.4 leaves to the file system.
    let compound = session.compound().putfh(&file);
    compound
        .lock_new(&Lock::read(0, 1), writer, "w")
        .expect(NFS4ERR_OPENMODE);
    let compound = session.compound().putfh(&file);
    let stateid = compound
        .lock_new(&Lock::read(0, 1), reader, "r")
        .ok()
        .lock_stateid();
    let compound = session.compound().putfh(&file);
    compound
        .lock_more(&Lock::write(0, 1), stateid)
        .expect(NFS4ERR_OPENMODE);
    session
        .compound()
        .putfh(&file)
        .lock_new(&Lock::write(5, 1), writer, "w")
        .ok();
    // After an upgrade of the open it can be had.
    let (both, _) = fixture.open(&Open::both("f").owner("r"));
    assert_eq!(both.other, reader.other);
    assert_eq!(
        lock(&mut fixture, &file, &Lock::write(0, 1), stateid),
        NFS4_OK
    );
}

#[test]
fn the_same_owner_is_the_same_owner() {
    let mut fixture = SERVER.fixture("owner");
    fixture.file("f", b"");
    let (open, file) = fixture.open(&Open::both("f").owner("one"));
    let session = &mut fixture.session;
    let compound = session.compound().putfh(&file);
    let first = compound
        .lock_new(&Lock::write(0, 10), open, "a")
        .ok()
        .lock_stateid();
    // Said to be new once more: RFC 8881 §18.10.3 allows it when the stateid is not at hand.
    let compound = session.compound().putfh(&file);
    let again = compound
        .lock_new(&Lock::write(5, 10), open, "a")
        .ok()
        .lock_stateid();
    assert_eq!(again, Stateid4 { seqid: 2, ..first });
    session
        .compound()
        .putfh(&file)
        .lockt(&Lock::write(0, END), "a")
        .ok();
    session
        .compound()
        .putfh(&file)
        .lockt(&Lock::write(14, 1), "b")
        .expect(NFS4ERR_DENIED);
    // Under another open of the same client it is still the same owner, by another stateid.
    let (second, _) = fixture.open(&Open::both("f").owner("two"));
    let session = &mut fixture.session;
    let compound = session.compound().putfh(&file);
    let reply = compound.lock_new(&Lock::write(0, 10), second, "a").ok();
    assert_ne!(reply.lock_stateid().other, first.other);
    // In another client, the same name is somebody else.
    let mut other = fixture.another_client();
    other
        .compound()
        .putfh(&file)
        .lockt(&Lock::write(0, 1), "a")
        .expect(NFS4ERR_DENIED);
}

#[test]
fn each_open_of_a_file_has_its_own_locks_of_an_owner() {
    let mut fixture = SERVER.fixture("through_opens");
    fixture.file("f", b"");
    let (reading, file) = fixture.open(&Open::read("f").owner("one"));
    let (both, _) = fixture.open(&Open::both("f").owner("two"));
    let session = &mut fixture.session;
    let lock = |session: &mut Session, lock: &Lock, open| {
        let compound = session.compound().putfh(&file).lock_new(lock, open, "a");
        compound.ok().lock_stateid()
    };
    let shared = lock(session, &Lock::read(0, 10), reading);
    let exclusive = lock(session, &Lock::write(20, 10), both);
    let more = |session: &mut Session, stateid| {
        let compound = session.compound().putfh(&file);
        compound
            .lock_more(&Lock::write(40, 10), stateid)
            .send()
            .status()
    };
    assert_eq!(more(session, shared), NFS4ERR_OPENMODE);
    assert_eq!(more(session, exclusive), NFS4_OK);
    // They go with what they came through.
    session.compound().putfh(&file).close(both).ok();
    let compound = session.compound().putfh(&file);
    compound
        .locku(exclusive, 20, 10)
        .expect(NFS4ERR_BAD_STATEID);
    let mut other = fixture.another_client();
    let free = other.compound().putfh(&file);
    free.lockt(&Lock::write(20, 30), "b").ok();
}

#[test]
fn stateids_of_locks_are_checked() {
    let mut fixture = SERVER.fixture("checked");
    let (file, open, any) = locker(&mut fixture, "f");
    let other_file = fixture.file("g", b"");
    let range = Lock::write(0, 1);
    let session = &mut fixture.session;
    let reply = session.compound().putfh(&file).lock_more(&range, any).ok();
    let stateid = reply.lock_stateid();
    let unknown = Stateid4 {
        seqid: 1,
        other: StateidOther([3; 12]),
    };
    let future = Stateid4 {
        seqid: stateid.seqid + 1,
        ..stateid
    };
    let old = Stateid4 {
        seqid: stateid.seqid - 1,
        ..stateid
    };
    let specials = [
        Stateid4::ANONYMOUS,
        Stateid4::BYPASS,
        Stateid4::INVALID,
        Stateid4::CURRENT,
    ];
    let mut rows = vec![
        (unknown, NFS4ERR_BAD_STATEID),
        (future, NFS4ERR_BAD_STATEID),
        (old, NFS4ERR_OLD_STATEID),
        // An open is no lock.
        (open, NFS4ERR_BAD_STATEID),
    ];
    rows.extend(specials.map(|special| (special, NFS4ERR_BAD_STATEID)));
    for (bad, status) in rows {
        let more = session
            .compound()
            .putfh(&file)
            .lock_more(&range, bad)
            .send()
            .status();
        assert_eq!(more, status, "LOCK by {bad:?}");
        let unlock = session
            .compound()
            .putfh(&file)
            .locku(bad, 0, 1)
            .send()
            .status();
        assert_eq!(unlock, status, "LOCKU by {bad:?}");
    }
    // Nor is a lock an open.
    let mut opens = vec![
        (stateid, NFS4ERR_BAD_STATEID),
        (unknown, NFS4ERR_BAD_STATEID),
    ];
    opens.push((
        Stateid4 {
            seqid: open.seqid + 1,
            ..open
        },
        NFS4ERR_BAD_STATEID,
    ));
    opens.extend(specials.map(|special| (special, NFS4ERR_BAD_STATEID)));
    for (bad, status) in opens {
        let new = session
            .compound()
            .putfh(&file)
            .lock_new(&range, bad, "new")
            .send()
            .status();
        assert_eq!(new, status, "LOCK by open {bad:?}");
    }
    let compound = session.compound().putfh(&other_file);
    compound
        .lock_new(&range, open, "x")
        .expect(NFS4ERR_BAD_STATEID);
    let compound = session.compound().putfh(&other_file);
    compound
        .lock_more(&range, stateid)
        .expect(NFS4ERR_BAD_STATEID);
    session
        .compound()
        .putfh(&other_file)
        .locku(stateid, 0, 1)
        .expect(NFS4ERR_BAD_STATEID);
    let mut stranger = fixture.another_client();
    stranger
        .compound()
        .putfh(&file)
        .locku(stateid, 0, 1)
        .expect(NFS4ERR_BAD_STATEID);
    let compound = stranger.compound().putfh(&file);
    compound
        .lock_more(&Lock::read(50, 1), stateid)
        .expect(NFS4ERR_BAD_STATEID);
}

#[test]
fn an_old_open_stateid_is_old() {
    let mut fixture = SERVER.fixture("old_open");
    fixture.file("f", b"");
    let (old, file) = fixture.open(&Open::read("f"));
    fixture.open(&Open::both("f"));
    let compound = fixture.session.compound().putfh(&file);
    compound
        .lock_new(&Lock::read(0, 1), old, "a")
        .expect(NFS4ERR_OLD_STATEID);
}

#[test]
fn nothing_is_reclaimed_without_a_restart() {
    let mut fixture = SERVER.fixture("reclaimed");
    let (file, open, stateid) = locker(&mut fixture, "f");
    let wanted = Lock::write(0, 1).reclaim();
    assert_eq!(
        lock(&mut fixture, &file, &wanted, stateid),
        NFS4ERR_NO_GRACE
    );
    let compound = fixture.session.compound().putfh(&file);
    compound
        .lock_new(&wanted, open, "b")
        .expect(NFS4ERR_NO_GRACE);
}

#[test]
fn unlocking_what_is_not_locked_succeeds() {
    let mut fixture = SERVER.fixture("not_locked");
    let (file, _, stateid) = locker(&mut fixture, "f");
    unlock(&mut fixture, &file, stateid, 1000, 10);
    unlock(&mut fixture, &file, stateid, 0, END);
    unlock(&mut fixture, &file, stateid, END - 1, 1);
}

#[test]
fn locks_go_with_close_and_with_the_client() {
    let fixture = SERVER.fixture("go");
    let mut first = fixture.another_client();
    let file = first.make_file(&fixture.directory, "f", b"");
    let (open, _) = first.open(&fixture.directory, &Open::both("f"));
    first
        .compound()
        .putfh(&file)
        .lock_new(&Lock::write(0, 1), open, "a")
        .ok();
    let mut second = fixture.another_client();
    second
        .compound()
        .putfh(&file)
        .lockt(&Lock::write(0, 1), "b")
        .expect(NFS4ERR_DENIED);
    first.compound().putfh(&file).close(open).ok();
    second
        .compound()
        .putfh(&file)
        .lockt(&Lock::write(0, 1), "b")
        .ok();
}

#[test]
fn the_current_stateid_is_that_of_the_lock() {
    let mut fixture = SERVER.fixture("current");
    let compound = fixture.here().open(&Open::both("f").create());
    let compound = compound.lock_new(&Lock::write(0, 10), Stateid4::CURRENT, "a");
    let compound = compound.lock_more(&Lock::write(20, 10), Stateid4::CURRENT);
    let compound = compound.locku(Stateid4::CURRENT, 0, 5);
    let reply = compound.getfh().ok();
    assert_eq!(reply.lock_stateid().seqid, 3);
    let mut other = fixture.another_client();
    assert_eq!(map(&mut other, &reply.handle(), 12), ".....wwwww..");
}

#[test]
fn two_clients_take_turns() {
    let fixture = SERVER.fixture("turns");
    let mut clients = [fixture.another_client(), fixture.another_client()];
    let file = clients[0].make_file(&fixture.directory, "f", b"");
    let mut stateids = Vec::new();
    for client in &mut clients {
        let (open, _) = client.open(&fixture.directory, &Open::both("f"));
        let compound = client.compound().putfh(&file);
        let stateid = compound
            .lock_new(&Lock::read(50, 1), open, "a")
            .ok()
            .lock_stateid();
        stateids.push(Stateid4 {
            seqid: 0,
            ..stateid
        });
    }
    for round in 0..200 {
        let (holder, waiter) = (round % 2, 1 - round % 2);
        let wanted = Lock::write(0, 10);
        let compound = clients[holder].compound().putfh(&file);
        compound.lock_more(&wanted, stateids[holder]).ok();
        let compound = clients[waiter].compound().putfh(&file);
        compound
            .lock_more(&wanted, stateids[waiter])
            .expect(NFS4ERR_DENIED);
        clients[holder]
            .compound()
            .putfh(&file)
            .locku(stateids[holder], 0, 10)
            .ok();
    }
}

#[test]
fn a_denied_first_lock_leaves_no_stateid() {
    let mut fixture = SERVER.fixture("no_stateid");
    let (file, open, stateid) = locker(&mut fixture, "f");
    assert_eq!(
        lock(&mut fixture, &file, &Lock::write(0, 10), stateid),
        NFS4_OK
    );
    let session = &mut fixture.session;
    let wanted = Lock::write(0, 1);
    for _ in 0..3 {
        let compound = session.compound().putfh(&file);
        compound.lock_new(&wanted, open, "b").expect(NFS4ERR_DENIED);
    }
    unlock(&mut fixture, &file, stateid, 0, END);
    let compound = fixture.session.compound().putfh(&file);
    assert_eq!(
        compound
            .lock_new(&wanted, open, "b")
            .ok()
            .lock_stateid()
            .seqid,
        1
    );
}

#[test]
fn the_longest_owner_is_shown_to_who_is_denied() {
    let mut fixture = SERVER.fixture("longest");
    fixture.file("f", b"");
    let (open, file) = fixture.open(&Open::both("f"));
    let session = &mut fixture.session;
    let compound = session.compound().putfh(&file);
    compound
        .lock_new(&Lock::write(0, 1), open, [b'o'; 1024])
        .ok();
    let reply = session
        .compound()
        .putfh(&file)
        .lockt(&Lock::write(0, 1), "b");
    assert_eq!(
        reply.expect(NFS4ERR_DENIED).denied().owner.owner.as_slice(),
        [b'o'; 1024]
    );
    let compound = session.compound().putfh(&file);
    compound
        .lock_new(&Lock::write(0, 1), open, [b'o'; 1025])
        .expect(NFS4ERR_BADXDR);
}
