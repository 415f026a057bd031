//! ACCESS, and permissions by the identity that AUTH_SYS asserts (RFC 8881 §18.1).

use localefs_integration::client::names::*;
use localefs_integration::client::{Credential, Fixture, Open, SharedServer};
use localefs_protocol::nfs4::ops::{Createtype4, StableHow4};
use localefs_protocol::nfs4::{Attributes, Nfsstat4, Stateid4, Verifier4};

static SERVER: SharedServer = SharedServer::new();

const READ: u32 = 0x01;
const LOOKUP: u32 = 0x02;
const MODIFY: u32 = 0x04;
const EXTEND: u32 = 0x08;
const DELETE: u32 = 0x10;
const EXECUTE: u32 = 0x20;
const ALL: u32 = 0x3f;

const ANONYMOUS: Stateid4 = Stateid4::ANONYMOUS;

/// Who stands how to an object of user 1, group 10.
fn people() -> [(&'static str, Credential, u32); 5] {
    let who = |uid, gid, gids: &[u32]| Credential::Sys {
        uid,
        gid,
        gids: gids.to_vec(),
    };
    [
        ("owner", who(1, 1, &[]), 6),
        ("member", who(2, 10, &[]), 3),
        ("supplementary member", who(2, 2, &[8, 9, 10]), 3),
        (
            "sixteenth group",
            who(
                2,
                2,
                &[
                    20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 10,
                ],
            ),
            3,
        ),
        ("stranger", who(3, 3, &[4, 5]), 0),
    ]
}

fn own(fixture: &mut Fixture, object: &[u8], bits: u32) {
    let set = Attributes {
        mode: Some(bits),
        owner: Some("1".into()),
        owner_group: Some("10".into()),
        ..Attributes::default()
    };
    fixture
        .session
        .compound()
        .putfh(object)
        .setattr(ANONYMOUS, &set)
        .ok();
}

fn ask(fixture: &mut Fixture, who: &Credential, object: &[u8], bits: u32) -> (u32, u32) {
    let compound = fixture
        .session
        .compound()
        .credential(who.clone())
        .putfh(object);
    let reply = compound.access(bits).ok();
    (reply.access().supported.0, reply.access().access.0)
}

#[test]
fn a_files_bits_for_everybody() {
    let mut fixture = SERVER.fixture("file");
    let file = fixture.file("f", b"");
    for mode in [
        0o000, 0o400, 0o200, 0o100, 0o040, 0o020, 0o010, 0o004, 0o002, 0o001, 0o754, 0o067,
    ] {
        own(&mut fixture, &file, mode);
        for (name, who, shift) in people() {
            let bits = mode >> shift & 7;
            let mut expected = 0;
            expected |= if bits & 4 != 0 { READ } else { 0 };
            expected |= if bits & 2 != 0 { MODIFY | EXTEND } else { 0 };
            expected |= if bits & 1 != 0 { EXECUTE } else { 0 };
            let (supported, granted) = ask(&mut fixture, &who, &file, ALL);
            let judged = READ | MODIFY | EXTEND | EXECUTE;
            assert_eq!(granted & judged, expected, "{name} with {mode:o}");
            assert_eq!(supported & judged, judged);
            assert_eq!(granted & !supported, 0);
        }
        let root = Credential::ROOT;
        let runs = if mode & 0o111 != 0 { EXECUTE } else { 0 };
        let (_, granted) = ask(&mut fixture, &root, &file, READ | MODIFY | EXTEND | EXECUTE);
        assert_eq!(granted, READ | MODIFY | EXTEND | runs, "root with {mode:o}");
    }
}

#[test]
fn a_directorys_bits_for_everybody() {
    let mut fixture = SERVER.fixture("directory");
    let directory = fixture.subdirectory("d");
    for mode in 0..8 {
        let mode = mode << 6 | (7 - mode) << 3 | mode;
        own(&mut fixture, &directory, mode);
        for (name, who, shift) in people() {
            let bits = mode >> shift & 7;
            let mut expected = 0;
            expected |= if bits & 4 != 0 { READ } else { 0 };
            expected |= if bits & 1 != 0 { LOOKUP } else { 0 };
            // Entries are changed by who may both write and search.
            let changes = MODIFY | EXTEND | DELETE;
            let (supported, granted) = ask(&mut fixture, &who, &directory, ALL);
            assert_eq!(granted & (READ | LOOKUP), expected, "{name} with {mode:o}");
            if bits & 3 == 3 {
                assert_eq!(granted & changes, changes, "{name} with {mode:o}");
            } else if bits & 2 == 0 {
                assert_eq!(granted & changes, 0, "{name} with {mode:o}");
            }
            let judged = READ | LOOKUP | MODIFY | EXTEND | DELETE;
            assert_eq!(supported & judged, judged);
        }
    }
}

#[test]
fn no_more_is_answered_than_was_asked() {
    let mut fixture = SERVER.fixture("asked");
    let file = fixture.file("f", b"");
    for bits in 0..=ALL {
        let (supported, granted) = ask(&mut fixture, &Credential::ROOT, &file, bits);
        assert_eq!(
            (supported & !bits, granted & !supported),
            (0, 0),
            "asked for {bits:#x}"
        );
    }
    // RFC 8881 §18.1 has these bits and no others; those of extended attributes are not known.
    for bits in [0x40, 0x1c0, 0x8000_0000, u32::MAX] {
        let reply = fixture.session.compound().putfh(&file).access(bits).send();
        if reply.status() == NFS4_OK {
            assert_eq!(reply.access().supported.0 & !(bits & ALL), 0);
        } else {
            assert_eq!(reply.status(), NFS4ERR_INVAL);
        }
    }
}

#[test]
fn links_and_special_files_have_bits() {
    let mut fixture = SERVER.fixture("special");
    let link = fixture.symlink("x", "l");
    let (_, granted) = ask(&mut fixture, &Credential::user(5, 5), &link, READ);
    assert_eq!(granted, READ);
    let compound = fixture.here().create(Createtype4::Fifo, "p", &mode(0o640));
    let fifo = compound.getfh().ok().handle();
    own(&mut fixture, &fifo, 0o640);
    for (name, who, shift) in people() {
        let expected = if 0o640 >> shift & 4 != 0 { READ } else { 0 };
        assert_eq!(ask(&mut fixture, &who, &fifo, READ).1, expected, "{name}");
    }
}

/// The example of the service's guide: /alice for Alice, /mark for Mark, /share for both to read.
#[test]
fn alice_and_mark() {
    let mut fixture = SERVER.fixture("alice_and_mark");
    let directories: Vec<Vec<u8>> = [
        ("alice", "1001", 0o700),
        ("mark", "1002", 0o700),
        ("share", "0", 0o755),
    ]
    .into_iter()
    .map(|(name, user, bits)| {
        let directory = fixture.subdirectory(name);
        let set = Attributes {
            mode: Some(bits),
            ..owner(user)
        };
        fixture
            .session
            .compound()
            .putfh(&directory)
            .setattr(ANONYMOUS, &set)
            .ok();
        directory
    })
    .collect();
    let [alice, mark, share] = directories.as_slice() else {
        unreachable!()
    };
    for (uid, own, other) in [(1001, alice, mark), (1002, mark, alice)] {
        fixture
            .session
            .as_user(uid, uid)
            .putfh(own)
            .mkdir("mine", 0o700)
            .ok();
        fixture
            .session
            .as_user(uid, uid)
            .putfh(own)
            .lookup("mine")
            .ok();
        let list = |c: localefs_integration::client::Compound<'_>, status| {
            c.readdir(0, Verifier4::default(), 4096, &[]).expect(status);
        };
        list(fixture.session.as_user(uid, uid).putfh(own), NFS4_OK);
        list(fixture.session.as_user(uid, uid).putfh(share), NFS4_OK);
        list(
            fixture.session.as_user(uid, uid).putfh(other),
            NFS4ERR_ACCESS,
        );
        fixture
            .session
            .as_user(uid, uid)
            .putfh(share)
            .mkdir("x", 0o755)
            .expect(NFS4ERR_ACCESS);
        fixture
            .session
            .as_user(uid, uid)
            .putfh(other)
            .mkdir("x", 0o755)
            .expect(NFS4ERR_ACCESS);
        fixture
            .session
            .as_user(uid, uid)
            .putfh(other)
            .lookup("mine")
            .expect(NFS4ERR_ACCESS);
        // Whoever says that he is root, is.
        fixture.session.as_user(0, 0).putfh(own).lookup("mine").ok();
    }
}

#[test]
fn a_group_of_zero_is_not_root() {
    let mut fixture = SERVER.fixture("group_zero");
    let closed = fixture.subdirectory("closed");
    fixture
        .session
        .compound()
        .putfh(&closed)
        .setattr(ANONYMOUS, &mode(0o700))
        .ok();
    let compound = fixture.session.as_user(1000, 0).putfh(&closed);
    compound.lookup("x").expect(NFS4ERR_ACCESS);
}

#[test]
fn every_change_of_a_directory_needs_writing_and_searching() {
    let mut fixture = SERVER.fixture("changes");
    let directory = fixture.subdirectory("d");
    fixture.session.make_file(&directory, "old", b"");
    let outside = fixture.file("outside", b"");
    let here = fixture.directory.clone();
    let target = &directory;
    for (bits, allowed) in [
        (0o777, true),
        (0o773, true),
        (0o775, false),
        (0o776, false),
        (0o771, false),
    ] {
        fixture
            .session
            .compound()
            .putfh(target)
            .setattr(ANONYMOUS, &mode(bits))
            .ok();
        let status = if allowed { NFS4_OK } else { NFS4ERR_ACCESS };
        let session = &mut fixture.session;
        session
            .as_user(9, 9)
            .putfh(target)
            .mkdir("new", 0o755)
            .expect(status);
        session
            .as_user(9, 9)
            .putfh(target)
            .symlink("t", "link")
            .expect(status);
        session
            .as_user(9, 9)
            .putfh(target)
            .open(&Open::both("file").guarded())
            .expect(status);
        session
            .as_user(9, 9)
            .putfh(&outside)
            .savefh()
            .putfh(target)
            .link("hard")
            .expect(status);
        session
            .as_user(9, 9)
            .putfh(target)
            .savefh()
            .rename("old", "older")
            .expect(status);
        // Who may search is told that it isn't there, as on Linux.
        let searchable = bits & 1 != 0;
        let back = match (allowed, searchable) {
            (true, _) => NFS4_OK,
            (false, true) => NFS4ERR_NOENT,
            (false, false) => NFS4ERR_ACCESS,
        };
        session
            .as_user(9, 9)
            .putfh(target)
            .savefh()
            .rename("older", "old")
            .expect(back);
        let out = session.as_user(9, 9).putfh(target).savefh().putfh(&here);
        out.rename("old", "moved").expect(status);
        let into = session.as_user(9, 9).putfh(&here).savefh().putfh(target);
        into.rename(if allowed { "moved" } else { "outside" }, "old")
            .expect(status);
        for name in ["new", "link", "file", "hard"] {
            session
                .as_user(9, 9)
                .putfh(target)
                .remove(name)
                .expect(back);
        }
    }
}

#[test]
fn a_sticky_directory_protects_others_entries() {
    let mut fixture = SERVER.fixture("sticky");
    let directory = fixture.subdirectory("tmp");
    let set = Attributes {
        mode: Some(0o1777),
        ..owner("5")
    };
    fixture
        .session
        .compound()
        .putfh(&directory)
        .setattr(ANONYMOUS, &set)
        .ok();
    let session = &mut fixture.session;
    for name in ["a", "b", "c", "d"] {
        session
            .as_user(1, 1)
            .putfh(&directory)
            .mkdir(name, 0o777)
            .ok();
    }
    // RFC 8881 §15.2 has no PERM for REMOVE and RENAME; Linux shows EACCES and EPERM alike, and
    // local file systems say EPERM.
    let refused = |status: Nfsstat4| [NFS4ERR_ACCESS, NFS4ERR_PERM].contains(&status);
    let status = session
        .as_user(2, 2)
        .putfh(&directory)
        .remove("a")
        .send()
        .status();
    assert!(refused(status), "REMOVE: {status:?}");
    let compound = session
        .as_user(2, 2)
        .putfh(&directory)
        .savefh()
        .rename("a", "x");
    let status = compound.send().status();
    assert!(refused(status), "RENAME: {status:?}");
    session
        .as_user(2, 2)
        .putfh(&directory)
        .mkdir("mine", 0o755)
        .ok();
    let compound = session
        .as_user(2, 2)
        .putfh(&directory)
        .savefh()
        .rename("mine", "a");
    let status = compound.send().status();
    assert!(refused(status), "RENAME over: {status:?}");
    session.as_user(1, 1).putfh(&directory).remove("a").ok();
    session.as_user(5, 5).putfh(&directory).remove("b").ok();
    session.as_user(0, 0).putfh(&directory).remove("c").ok();
    session.as_user(2, 2).putfh(&directory).remove("mine").ok();
}

#[test]
fn new_objects_belong_to_their_makers_and_setgid_directories_groups() {
    let mut fixture = SERVER.fixture("makers");
    let ask = [FATTR4_OWNER, FATTR4_OWNER_GROUP, FATTR4_MODE];
    let shared = fixture.subdirectory("shared");
    let set = Attributes {
        mode: Some(0o2777),
        ..group("70")
    };
    fixture
        .session
        .compound()
        .putfh(&shared)
        .setattr(ANONYMOUS, &set)
        .ok();
    let reply = fixture.here_as(8).mkdir("plain", 0o750).getattr(&ask).ok();
    let got = reply.attributes();
    assert_eq!(got.owner.unwrap().as_slice(), b"8");
    assert_eq!(got.owner_group.unwrap().as_slice(), b"8");
    assert_eq!(got.mode, Some(0o750));
    let reply = fixture
        .session
        .as_user(8, 8)
        .putfh(&shared)
        .mkdir("sub", 0o750)
        .getattr(&ask)
        .ok();
    let got = reply.attributes();
    assert_eq!(got.owner_group.unwrap().as_slice(), b"70");
    assert_eq!(got.mode, Some(0o2750));
    let compound = fixture.session.as_user(8, 8).putfh(&shared);
    let reply = compound
        .open(&Open::both("f").create().set(mode(0o640)))
        .getattr(&ask)
        .ok();
    let got = reply.attributes();
    assert_eq!(got.owner_group.unwrap().as_slice(), b"70");
    assert_eq!(got.mode, Some(0o640));
    let reply = fixture
        .session
        .as_user(8, 8)
        .putfh(&shared)
        .symlink("x", "l")
        .getattr(&ask)
        .ok();
    assert_eq!(reply.attributes().owner_group.unwrap().as_slice(), b"70");
}

#[test]
fn reading_and_writing_are_judged_at_each_operation() {
    let mut fixture = SERVER.fixture("judged");
    let file = fixture.file("f", b"secret");
    own(&mut fixture, &file, 0o640);
    let session = &mut fixture.session;
    for (name, who, shift) in people() {
        let bits = 0o640 >> shift & 7;
        let read = if bits & 4 != 0 {
            NFS4_OK
        } else {
            NFS4ERR_ACCESS
        };
        let write = if bits & 2 != 0 {
            NFS4_OK
        } else {
            NFS4ERR_ACCESS
        };
        let by = |session: &mut localefs_integration::client::Session| {
            let compound = session.compound().credential(who.clone()).putfh(&file);
            compound.read(ANONYMOUS, 0, 10).send().status()
        };
        assert_eq!(by(session), read, "READ by {name}");
        let compound = session.compound().credential(who.clone()).putfh(&file);
        let status = compound
            .write(ANONYMOUS, 0, StableHow4::Unstable, b"S")
            .send()
            .status();
        assert_eq!(status, write, "WRITE by {name}");
    }
}

#[test]
fn who_may_run_a_file_may_read_it() {
    let mut fixture = SERVER.fixture("run");
    let file = fixture.file("f", b"#!/bin/sh");
    own(&mut fixture, &file, 0o711);
    // The kernel of a client reads what a user runs.
    let here = fixture.directory.clone();
    let compound = fixture
        .session
        .as_user(3, 3)
        .putfh(&here)
        .open(&Open::read("f"));
    compound.read(Stateid4::CURRENT, 0, 100).ok();
    fixture
        .session
        .as_user(3, 3)
        .putfh(&here)
        .open(&Open::write("f"))
        .expect(NFS4ERR_ACCESS);
}

#[test]
fn listing_needs_the_right_to_read() {
    let mut fixture = SERVER.fixture("listing");
    let directory = fixture.subdirectory("d");
    fixture.session.make_file(&directory, "f", b"");
    for (bits, status) in [(0o755, NFS4_OK), (0o744, NFS4_OK), (0o711, NFS4ERR_ACCESS)] {
        fixture
            .session
            .compound()
            .putfh(&directory)
            .setattr(ANONYMOUS, &mode(bits))
            .ok();
        let compound = fixture.session.as_user(9, 9).putfh(&directory);
        compound
            .readdir(0, Verifier4::default(), 4096, &[])
            .expect(status);
    }
}
