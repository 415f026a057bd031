//! READ, WRITE, COMMIT, and which stateids they take (RFC 8881 §8.2, §18.3, §18.22, §18.32).

use localefs_integration::client::names::*;
use localefs_integration::client::{Fixture, Lock, Open, SharedServer};
use localefs_protocol::nfs4::ops::StableHow4;
use localefs_protocol::nfs4::{Nfsstat4, Stateid4, StateidOther};

static SERVER: SharedServer = SharedServer::new();

const ANONYMOUS: Stateid4 = Stateid4::ANONYMOUS;
const MIB: u32 = 1 << 20;

fn read(fixture: &mut Fixture, file: &[u8], stateid: Stateid4) -> Nfsstat4 {
    fixture
        .session
        .compound()
        .putfh(file)
        .read(stateid, 0, 10)
        .send()
        .status()
}

fn write(fixture: &mut Fixture, file: &[u8], stateid: Stateid4) -> Nfsstat4 {
    let compound = fixture.session.compound().putfh(file);
    compound
        .write(stateid, 0, StableHow4::Unstable, b"x")
        .send()
        .status()
}

/// Octets that tell where they are.
fn pattern(length: usize) -> Vec<u8> {
    (0..length)
        .map(|index| u8::try_from((index / 7 + index / 256) % 251).unwrap())
        .collect()
}

#[test]
fn reads_end_where_the_file_ends() {
    let mut fixture = SERVER.fixture("ends");
    let file = fixture.file("f", b"0123456789");
    for (offset, count, data, eof) in [
        (0, 10, &b"0123456789"[..], true),
        (0, 100, b"0123456789", true),
        (0, 9, b"012345678", false),
        (4, 3, b"456", false),
        (9, 1, b"9", true),
        (10, 1, b"", true),
        (11, 1, b"", true),
        (1 << 40, 100, b"", true),
        (0, 0, b"", false),
        (10, 0, b"", true),
    ] {
        let compound = fixture
            .session
            .compound()
            .putfh(&file)
            .read(ANONYMOUS, offset, count);
        let reply = compound.ok();
        let result = reply.read();
        assert_eq!(
            (result.data.as_slice(), result.eof),
            (data, eof),
            "{count} at {offset}"
        );
    }
    let empty = fixture.file("empty", b"");
    let reply = fixture
        .session
        .compound()
        .putfh(&empty)
        .read(ANONYMOUS, 0, 100)
        .ok();
    assert!(reply.read().eof && reply.read().data.is_empty());
}

#[test]
fn reads_at_the_end_of_all_offsets() {
    let mut fixture = SERVER.fixture("offsets");
    let file = fixture.file("f", b"0123456789");
    for offset in [
        52_673_613_135_872,
        i64::MAX as u64,
        1 << 63,
        u64::MAX - 1,
        u64::MAX,
    ] {
        let reply = fixture
            .session
            .compound()
            .putfh(&file)
            .read(ANONYMOUS, offset, 100)
            .send();
        // Beyond the file: nothing. Beyond what an offset can be, RFC 8881 also has INVAL.
        if reply.status() == NFS4_OK {
            assert!(reply.read().eof && reply.read().data.is_empty());
        } else {
            assert_eq!(reply.status(), NFS4ERR_INVAL);
            assert!(offset >= i64::MAX as u64 - 100, "{offset}");
        }
    }
}

#[test]
fn a_mebibyte_goes_in_one_piece() {
    let mut fixture = SERVER.fixture("mebibyte");
    let file = fixture.file("f", b"");
    let data = pattern(MIB as usize);
    for stable in [
        StableHow4::Unstable,
        StableHow4::DataSync,
        StableHow4::FileSync,
    ] {
        let compound = fixture.session.compound().putfh(&file);
        let reply = compound.write(ANONYMOUS, 0, stable, &data).ok();
        let result = reply.write();
        assert_eq!(result.count, MIB);
        assert!(result.committed >= stable);
        let reply = fixture
            .session
            .compound()
            .putfh(&file)
            .read(ANONYMOUS, 0, MIB)
            .ok();
        assert!(reply.read().data.as_slice() == data && reply.read().eof);
    }
    // More than it gives at once is given in part.
    let compound = fixture.session.compound().putfh(&file);
    let compound = compound.write(ANONYMOUS, MIB.into(), StableHow4::Unstable, &data);
    compound.ok();
    for count in [MIB + 1, 2 * MIB, u32::MAX] {
        let reply = fixture
            .session
            .compound()
            .putfh(&file)
            .read(ANONYMOUS, 0, count)
            .ok();
        let result = reply.read();
        assert!(!result.eof && (1..=MIB as usize).contains(&result.data.len()));
        assert!(result.data[..] == data[..result.data.len()]);
    }
}

#[test]
fn writes_go_where_they_should() {
    let mut fixture = SERVER.fixture("where");
    let file = fixture.file("f", b"");
    let mut model: Vec<u8> = Vec::new();
    let mut number = 12345_u64;
    for _ in 0..200 {
        number = number
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        let offset = usize::try_from(number >> 33).unwrap() % 100_000;
        let length = usize::try_from(number >> 50).unwrap() % 5000;
        let data: Vec<u8> = pattern(length)
            .iter()
            .map(|octet| octet ^ number.to_le_bytes()[3])
            .collect();
        if !data.is_empty() {
            model.resize(model.len().max(offset + length), 0);
            model[offset..offset + length].copy_from_slice(&data);
        }
        let compound = fixture.session.compound().putfh(&file);
        let reply = compound
            .write(ANONYMOUS, offset as u64, StableHow4::Unstable, &data)
            .ok();
        assert_eq!(reply.write().count as usize, length);
    }
    let reply = fixture
        .session
        .compound()
        .putfh(&file)
        .read(ANONYMOUS, 0, MIB)
        .ok();
    assert!(reply.read().data.as_slice() == model && reply.read().eof);
}

#[test]
fn the_verifier_is_the_same_everywhere() {
    let mut fixture = SERVER.fixture("verifier");
    let file = fixture.file("f", b"");
    let other = fixture.file("g", b"");
    let mut seen = Vec::new();
    for file in [&file, &other] {
        for stable in [
            StableHow4::Unstable,
            StableHow4::DataSync,
            StableHow4::FileSync,
        ] {
            let compound = fixture.session.compound().putfh(file);
            let reply = compound.write(ANONYMOUS, 0, stable, b"x").commit(0, 0).ok();
            seen.push(reply.write().writeverf);
            seen.push(reply.commit().writeverf);
        }
        for (offset, count) in [
            (0, 0),
            (0, 1),
            (1 << 40, 4096),
            (u64::MAX, 0),
            (0, u32::MAX),
        ] {
            let reply = fixture
                .session
                .compound()
                .putfh(file)
                .commit(offset, count)
                .ok();
            seen.push(reply.commit().writeverf);
        }
    }
    assert!(seen.iter().all(|verifier| *verifier == seen[0]), "{seen:?}");
    assert_ne!(seen[0].0, [0; 8]);
}

#[test]
fn nothing_is_written_by_nothing() {
    let mut fixture = SERVER.fixture("nothing");
    let file = fixture.file("f", b"abc");
    for offset in [0, 3, 1000] {
        let compound = fixture.session.compound().putfh(&file);
        let compound = compound.write(ANONYMOUS, offset, StableHow4::FileSync, b"");
        let reply = compound.getattr(&[FATTR4_SIZE]).ok();
        assert_eq!(reply.write().count, 0);
        assert_eq!(reply.attributes().size, Some(3));
    }
}

#[test]
fn files_have_a_largest_size() {
    let mut fixture = SERVER.fixture("largest");
    let file = fixture.file("f", b"");
    // Eight TiB, which every disk's file system can hold; EFS's own limit is 47.9 TiB.
    let much = 1 << 43;
    let compound = fixture.session.compound().putfh(&file);
    compound
        .write(ANONYMOUS, much - 4, StableHow4::Unstable, b"1234")
        .ok();
    let most = 52_673_613_135_872;
    for offset in [most, most + 1, 1 << 62] {
        let compound = fixture.session.compound().putfh(&file);
        compound
            .write(ANONYMOUS, offset, StableHow4::Unstable, b"x")
            .expect(NFS4ERR_FBIG);
    }
    // Past the last offset there is: of both errors Linux makes a failed write.
    for offset in [i64::MAX as u64, 1 << 63, u64::MAX - 1, u64::MAX] {
        let compound = fixture.session.compound().putfh(&file);
        let status = compound
            .write(ANONYMOUS, offset, StableHow4::Unstable, b"xyz")
            .send()
            .status();
        assert!(
            [NFS4ERR_FBIG, NFS4ERR_INVAL].contains(&status),
            "{offset}: {status:?}"
        );
    }
    let reply = fixture
        .session
        .compound()
        .putfh(&file)
        .getattr(&[FATTR4_SIZE])
        .ok();
    assert_eq!(reply.attributes().size, Some(much));
    // It is made of a hole.
    let reply = fixture
        .session
        .compound()
        .putfh(&file)
        .read(ANONYMOUS, 1 << 40, 4096)
        .ok();
    assert!(reply.read().data.iter().all(|octet| *octet == 0));
    fixture.here().remove("f").ok();
}

#[test]
fn a_stability_that_does_not_exist() {
    let mut fixture = SERVER.fixture("stability");
    let file = fixture.file("f", b"abc");
    let mut args = [0; 16].to_vec();
    args.extend_from_slice(&[0; 8]);
    args.extend_from_slice(&3_u32.to_be_bytes());
    args.extend_from_slice(&[0, 0, 0, 0]);
    fixture
        .session
        .compound()
        .putfh(&file)
        .raw(38, &args)
        .expect(NFS4ERR_BADXDR);
}

#[test]
fn special_stateids() {
    let mut fixture = SERVER.fixture("special");
    let file = fixture.file("f", b"abc");
    let rows = [
        (ANONYMOUS, NFS4_OK, NFS4_OK),
        // Around locks, for READ; WRITE takes it for the anonymous one (RFC 8881 §8.2.3).
        (Stateid4::BYPASS, NFS4_OK, NFS4_OK),
        (Stateid4::INVALID, NFS4ERR_BAD_STATEID, NFS4ERR_BAD_STATEID),
        (Stateid4::CURRENT, NFS4ERR_BAD_STATEID, NFS4ERR_BAD_STATEID),
        (
            Stateid4 {
                seqid: 2,
                ..ANONYMOUS
            },
            NFS4ERR_BAD_STATEID,
            NFS4ERR_BAD_STATEID,
        ),
        (
            Stateid4 {
                seqid: 0,
                ..Stateid4::BYPASS
            },
            NFS4ERR_BAD_STATEID,
            NFS4ERR_BAD_STATEID,
        ),
        (
            Stateid4 {
                seqid: 1,
                ..Stateid4::BYPASS
            },
            NFS4ERR_BAD_STATEID,
            NFS4ERR_BAD_STATEID,
        ),
    ];
    for (stateid, reading, writing) in rows {
        assert_eq!(
            read(&mut fixture, &file, stateid),
            reading,
            "READ by {stateid:?}"
        );
        assert_eq!(
            write(&mut fixture, &file, stateid),
            writing,
            "WRITE by {stateid:?}"
        );
    }
}

#[test]
fn modes_of_opens() {
    let mut fixture = SERVER.fixture("modes");
    fixture.file("f", b"abc");
    let (reader, file) = fixture.open(&Open::read("f").owner("r"));
    let (writer, _) = fixture.open(&Open::write("f").owner("w"));
    let (both, _) = fixture.open(&Open::both("f").owner("b"));
    assert_eq!(read(&mut fixture, &file, reader), NFS4_OK);
    assert_eq!(write(&mut fixture, &file, reader), NFS4ERR_OPENMODE);
    assert_eq!(write(&mut fixture, &file, writer), NFS4_OK);
    assert_eq!(read(&mut fixture, &file, both), NFS4_OK);
    assert_eq!(write(&mut fixture, &file, both), NFS4_OK);
    // RFC 8881 §9.1.2 allows it for clients that write whole pages, and Linux servers do.
    assert_eq!(read(&mut fixture, &file, writer), NFS4_OK);
}

#[test]
fn stateids_of_locks() {
    let mut fixture = SERVER.fixture("locks");
    fixture.file("f", b"abc");
    let (reader, file) = fixture.open(&Open::read("f").owner("r"));
    let (both, _) = fixture.open(&Open::both("f").owner("b"));
    let session = &mut fixture.session;
    let compound = session.compound().putfh(&file);
    let read_lock = compound
        .lock_new(&Lock::read(0, 1), reader, "r")
        .ok()
        .lock_stateid();
    let compound = session.compound().putfh(&file);
    let write_lock = compound
        .lock_new(&Lock::write(5, 1), both, "b")
        .ok()
        .lock_stateid();
    assert_eq!(read(&mut fixture, &file, read_lock), NFS4_OK);
    assert_eq!(write(&mut fixture, &file, read_lock), NFS4ERR_OPENMODE);
    assert_eq!(read(&mut fixture, &file, write_lock), NFS4_OK);
    assert_eq!(write(&mut fixture, &file, write_lock), NFS4_OK);
    let compound = fixture.session.compound().putfh(&file);
    let newer = compound
        .lock_more(&Lock::write(9, 1), write_lock)
        .ok()
        .lock_stateid();
    assert_eq!(
        newer,
        Stateid4 {
            seqid: 2,
            ..write_lock
        }
    );
    assert_eq!(write(&mut fixture, &file, write_lock), NFS4ERR_OLD_STATEID);
    assert_eq!(
        write(&mut fixture, &file, Stateid4 { seqid: 0, ..newer }),
        NFS4_OK
    );
    assert_eq!(
        write(&mut fixture, &file, Stateid4 { seqid: 3, ..newer }),
        NFS4ERR_BAD_STATEID
    );
}

#[test]
fn locks_are_advisory() {
    let mut fixture = SERVER.fixture("advisory");
    fixture.file("f", b"abc");
    let (stateid, file) = fixture.open(&Open::both("f"));
    let compound = fixture.session.compound().putfh(&file);
    compound
        .lock_new(&Lock::write(0, u64::MAX), stateid, "l")
        .ok();
    let mut other = fixture.another_client();
    let (theirs, _) = other.open(&fixture.directory, &Open::both("f"));
    for stateid in [theirs, ANONYMOUS] {
        let compound = other.compound().putfh(&file);
        compound
            .write(stateid, 0, StableHow4::Unstable, b"x")
            .read(stateid, 0, 3)
            .ok();
        other
            .compound()
            .putfh(&file)
            .setattr(stateid, &size(2))
            .ok();
    }
}

#[test]
fn stateids_that_are_somebody_elses_or_nobodys() {
    let mut fixture = SERVER.fixture("nobodys");
    fixture.file("f", b"abc");
    fixture.file("g", b"abc");
    let (stateid, file) = fixture.open(&Open::both("f"));
    let (of_g, _) = fixture.open(&Open::both("g"));
    let mut other = fixture.another_client();
    let (theirs, _) = other.open(&fixture.directory, &Open::both("f"));
    let mut bad = vec![
        of_g,
        theirs,
        Stateid4 {
            seqid: 1,
            other: StateidOther([1; 12]),
        },
    ];
    for index in 0..12 {
        let mut forged = stateid;
        forged.other.0[index] ^= 0x40;
        bad.push(forged);
    }
    for stateid in bad {
        assert_eq!(
            read(&mut fixture, &file, stateid),
            NFS4ERR_BAD_STATEID,
            "{stateid:?}"
        );
        assert_eq!(
            write(&mut fixture, &file, stateid),
            NFS4ERR_BAD_STATEID,
            "{stateid:?}"
        );
    }
    assert_eq!(write(&mut fixture, &file, stateid), NFS4_OK);
}

#[test]
fn an_owner_keeps_what_he_opened() {
    let mut fixture = SERVER.fixture("keeps");
    let open = Open::both("f").create().set(mode(0o600));
    let reply = fixture.here_as(5).open(&open).getfh().ok();
    let (stateid, file) = (reply.open().stateid, reply.handle());
    fixture
        .session
        .as_user(5, 5)
        .putfh(&file)
        .setattr(ANONYMOUS, &mode(0))
        .ok();
    let session = &mut fixture.session;
    let compound = session.as_user(5, 5).putfh(&file);
    compound
        .write(stateid, 0, StableHow4::FileSync, b"abc")
        .read(stateid, 0, 3)
        .commit(0, 0)
        .ok();
    // Another user with the same stateid has no such right.
    session
        .as_user(6, 6)
        .putfh(&file)
        .read(stateid, 0, 3)
        .expect(NFS4ERR_ACCESS);
    let compound = session.as_user(6, 6).putfh(&file);
    compound
        .write(stateid, 0, StableHow4::Unstable, b"x")
        .expect(NFS4ERR_ACCESS);
}

#[test]
fn another_client_sees_what_was_written() {
    let mut fixture = SERVER.fixture("sees");
    let file = fixture.file("f", b"");
    let mut other = fixture.another_client();
    for round in 0..100_u8 {
        let compound = fixture.session.compound().putfh(&file);
        compound
            .write(ANONYMOUS, 0, StableHow4::Unstable, &[round; 100])
            .ok();
        let reply = other.compound().putfh(&file).read(ANONYMOUS, 0, 1000).ok();
        assert_eq!(reply.read().data.as_slice(), [round; 100]);
    }
}
