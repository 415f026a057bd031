//! SETATTR: every attribute that can be set, who may, and what is refused (RFC 8881 §18.30).

use localefs_integration::client::names::*;
use localefs_integration::client::{Credential, Fixture, Open, SharedServer};
use localefs_protocol::nfs4::ops::StableHow4;
use localefs_protocol::nfs4::{
    Attr, Attributes, Bitmap4, Nfsstat4, Nfstime4, SetTime4, Stateid4, StateidOther, Support,
};

static SERVER: SharedServer = SharedServer::new();

const ANONYMOUS: Stateid4 = Stateid4::ANONYMOUS;

fn times(seconds: i64, nseconds: u32) -> Attributes<'static> {
    let time = SetTime4::ClientTime(Nfstime4 { seconds, nseconds });
    Attributes {
        time_access_set: Some(time),
        time_modify_set: Some(time),
        ..Attributes::default()
    }
}

fn now() -> Attributes<'static> {
    Attributes {
        time_access_set: Some(SetTime4::ServerTime),
        time_modify_set: Some(SetTime4::ServerTime),
        ..Attributes::default()
    }
}

/// Sets by a user of a group of the same number, and returns the status.
fn set(fixture: &mut Fixture, uid: u32, file: &[u8], values: &Attributes<'_>) -> Nfsstat4 {
    set_as(fixture, Credential::user(uid, uid), file, values)
}

fn set_as(
    fixture: &mut Fixture,
    who: Credential,
    file: &[u8],
    values: &Attributes<'_>,
) -> Nfsstat4 {
    let compound = fixture.session.compound().credential(who).putfh(file);
    compound.setattr(ANONYMOUS, values).send().status()
}

fn get_mode(fixture: &mut Fixture, file: &[u8]) -> u32 {
    let reply = fixture
        .session
        .compound()
        .putfh(file)
        .getattr(&[FATTR4_MODE])
        .ok();
    reply.attributes().mode.unwrap()
}

/// A file of user 1, group 1.
fn file_of_1(fixture: &mut Fixture, name: &str, bits: u32) -> Vec<u8> {
    let open = Open::both(name).create().set(mode(0o600));
    let compound = fixture
        .here_as(1)
        .open(&open)
        .getfh()
        .close(Stateid4::CURRENT);
    let file = compound.ok().handle();
    fixture
        .session
        .compound()
        .putfh(&file)
        .setattr(ANONYMOUS, &mode(bits))
        .ok();
    file
}

#[test]
fn each_attribute_is_set_and_reported() {
    let mut fixture = SERVER.fixture("each");
    let file = fixture.file("f", b"12345");
    let rows = [
        size(3),
        size(0),
        size(1 << 30),
        mode(0o640),
        mode(0o7755),
        owner("12"),
        owner("4294967294"),
        group("34"),
        times(1_000_000_000, 123_456_789),
        times(-1, 999_999_999),
        times(0, 0),
        times(4_000_000_000, 1),
        Attributes {
            size: Some(7),
            mode: Some(0o600),
            ..times(5, 5)
        },
    ];
    for values in rows {
        let compound = fixture
            .session
            .compound()
            .putfh(&file)
            .setattr(ANONYMOUS, &values);
        let reply = compound.getattr(&[
            FATTR4_SIZE,
            FATTR4_MODE,
            FATTR4_OWNER,
            FATTR4_OWNER_GROUP,
            FATTR4_TIME_ACCESS,
            FATTR4_TIME_MODIFY,
        ]);
        let reply = reply.ok();
        assert_eq!(reply.setattr().attrsset, values.mask());
        let got = reply.attributes();
        let time = |set: Option<SetTime4>| match set {
            Some(SetTime4::ClientTime(time)) => Some(time),
            _ => None,
        };
        assert!(
            values.size.is_none() || got.size == values.size,
            "{values:?} {got:?}"
        );
        assert!(
            values.mode.is_none() || got.mode == values.mode,
            "{values:?} {got:?}"
        );
        assert!(
            values.owner.is_none() || got.owner == values.owner,
            "{values:?} {got:?}"
        );
        assert!(values.owner_group.is_none() || got.owner_group == values.owner_group);
        let accessed = time(values.time_access_set);
        assert!(
            accessed.is_none() || got.time_access == accessed,
            "{values:?} {got:?}"
        );
        let modified = time(values.time_modify_set);
        assert!(
            modified.is_none() || got.time_modify == modified,
            "{values:?} {got:?}"
        );
    }
    // Nothing at all is a success.
    let compound = fixture.session.compound().putfh(&file);
    let reply = compound.setattr(ANONYMOUS, &Attributes::default()).ok();
    assert!(reply.setattr().attrsset.is_empty());
}

#[test]
fn data_follows_the_size() {
    let mut fixture = SERVER.fixture("data");
    let file = fixture.file("f", b"0123456789");
    fixture
        .session
        .compound()
        .putfh(&file)
        .setattr(ANONYMOUS, &size(4))
        .ok();
    fixture
        .session
        .compound()
        .putfh(&file)
        .setattr(ANONYMOUS, &size(8))
        .ok();
    let reply = fixture
        .session
        .compound()
        .putfh(&file)
        .read(ANONYMOUS, 0, 100)
        .ok();
    assert_eq!(reply.read().data.as_slice(), b"0123\0\0\0\0");
    assert!(reply.read().eof);
    let compound = fixture.session.compound().putfh(&file);
    compound.setattr(ANONYMOUS, &size(1 << 43)).ok();
    for too_large in [52_673_613_135_873, 1 << 63, u64::MAX] {
        assert_eq!(set(&mut fixture, 0, &file, &size(too_large)), NFS4ERR_FBIG);
    }
}

#[test]
fn directories_and_links_take_attributes() {
    let mut fixture = SERVER.fixture("other_types");
    let directory = fixture.subdirectory("d");
    let link = fixture.symlink("nowhere", "l");
    assert_eq!(set(&mut fixture, 0, &directory, &mode(0o1770)), NFS4_OK);
    assert_eq!(get_mode(&mut fixture, &directory), 0o1770);
    for object in [&directory, &link] {
        for values in [owner("5"), group("6"), times(77, 88)] {
            assert_eq!(set(&mut fixture, 0, object, &values), NFS4_OK, "{values:?}");
        }
        let compound = fixture.session.compound().putfh(object);
        let reply = compound.getattr(&[FATTR4_OWNER, FATTR4_TIME_MODIFY]).ok();
        let got = reply.attributes();
        assert_eq!(got.owner.unwrap().as_slice(), b"5");
        assert_eq!(
            got.time_modify.unwrap(),
            Nfstime4 {
                seconds: 77,
                nseconds: 88
            }
        );
    }
}

#[test]
fn the_servers_time_is_taken_when_asked_for() {
    let mut fixture = SERVER.fixture("servers_time");
    let file = fixture.file("f", b"");
    set(&mut fixture, 0, &file, &times(1, 1));
    assert_eq!(set(&mut fixture, 0, &file, &now()), NFS4_OK);
    let ask = [FATTR4_TIME_ACCESS, FATTR4_TIME_MODIFY];
    let reply = fixture.session.compound().putfh(&file).getattr(&ask).ok();
    let got = reply.attributes();
    let clock = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    for time in [got.time_access.unwrap(), got.time_modify.unwrap()] {
        assert!(
            time.seconds
                .abs_diff(i64::try_from(clock.as_secs()).unwrap())
                < 60
        );
    }
    // That of access alone leaves the other. The other way round it is a change like any.
    let one = Attributes {
        time_access_set: times(9, 9).time_access_set,
        ..Attributes::default()
    };
    set(&mut fixture, 0, &file, &one);
    let reply = fixture.session.compound().putfh(&file).getattr(&ask).ok();
    assert_eq!(reply.attributes().time_modify, got.time_modify);
}

#[test]
fn what_can_only_be_read_is_invalid() {
    let mut fixture = SERVER.fixture("read_only");
    let file = fixture.file("f", b"12345");
    for attribute in Attributes::SUPPORTED.iter() {
        if attribute.support() != Some(Support::Read) {
            continue;
        }
        // With the value that it has: it is not the value that is wrong.
        let reply = fixture
            .session
            .compound()
            .putfh(&file)
            .getattr(&[attribute])
            .ok();
        let values = reply.attributes();
        let compound = fixture
            .session
            .compound()
            .putfh(&file)
            .setattr(ANONYMOUS, &values);
        let reply = compound.send();
        assert_eq!(reply.status(), NFS4ERR_INVAL, "{attribute:?}");
        assert!(reply.setattr().attrsset.is_empty());
    }
}

#[test]
fn what_is_not_there_is_not_supported() {
    let mut fixture = SERVER.fixture("unsupported");
    let file = fixture.file("f", b"12345");
    let unsupported = [
        FATTR4_ACL,
        FATTR4_ARCHIVE,
        FATTR4_HIDDEN,
        FATTR4_MIMETYPE,
        FATTR4_QUOTA_AVAIL_HARD,
        FATTR4_QUOTA_AVAIL_SOFT,
        FATTR4_QUOTA_USED,
        FATTR4_FILES_AVAIL,
        FATTR4_FILES_FREE,
        FATTR4_FILES_TOTAL,
        FATTR4_FS_LOCATIONS,
        FATTR4_SYSTEM,
        FATTR4_TIME_BACKUP,
        FATTR4_TIME_CREATE,
        FATTR4_MODE_SET_MASKED,
        Attr::FATTR4_DACL,
        Attr::FATTR4_SACL,
        Attr::FATTR4_RETENTION_SET,
        Attr::FATTR4_RETENTION_HOLD,
        Attr(82),
        Attr(95),
    ];
    for attribute in unsupported {
        let mask = Bitmap4::of(&[attribute]);
        let compound = fixture.session.compound().putfh(&file);
        let reply = compound.setattr_raw(ANONYMOUS, mask, &[0; 8]).send();
        assert_eq!(reply.status(), NFS4ERR_ATTRNOTSUPP, "{attribute:?}");
        assert!(reply.setattr().attrsset.is_empty());
        // Nor is what stands beside it set.
        let mask = mask.with(FATTR4_MODE);
        let compound = fixture.session.compound().putfh(&file);
        compound
            .setattr_raw(ANONYMOUS, mask, &[0; 12])
            .expect(NFS4ERR_ATTRNOTSUPP);
    }
    assert_eq!(get_mode(&mut fixture, &file), 0o666);
}

#[test]
fn malformed_values_are_not_decoded() {
    let mut fixture = SERVER.fixture("malformed");
    let file = fixture.file("f", b"12345");
    let rows: [(&[Attr], &[u8]); 8] = [
        (&[FATTR4_SIZE], &[0; 4]),
        (&[FATTR4_SIZE], &[0; 12]),
        (&[FATTR4_MODE], &[]),
        (&[], &[0; 4]),
        (&[FATTR4_SIZE, FATTR4_MODE], &[0; 8]),
        // A name said to be longer than the list.
        (&[FATTR4_OWNER], &[0, 0, 0, 8, b'1', b'2', b'3', b'4']),
        // How to set a time: 2 is neither the server's nor the client's.
        (&[FATTR4_TIME_MODIFY_SET], &[0, 0, 0, 2]),
        (&[FATTR4_TIME_MODIFY_SET], &[0, 0, 0, 1, 0, 0, 0, 0]),
    ];
    for (attributes, values) in rows {
        let compound = fixture.session.compound().putfh(&file);
        let mask = Bitmap4::of(attributes);
        let status = compound
            .setattr_raw(ANONYMOUS, mask, values)
            .send()
            .status();
        assert_eq!(status, NFS4ERR_BADXDR, "{attributes:?} {values:?}");
    }
    assert_eq!(get_mode(&mut fixture, &file), 0o666);
}

#[test]
fn values_have_ranges() {
    let mut fixture = SERVER.fixture("ranges");
    let file = fixture.file("f", b"12345");
    for nseconds in [1_000_000_000, u32::MAX] {
        assert_eq!(
            set(&mut fixture, 0, &file, &times(1, nseconds)),
            NFS4ERR_INVAL
        );
    }
    for bits in [0o10000, 0o100_644, u32::MAX] {
        assert_eq!(
            set(&mut fixture, 0, &file, &mode(bits)),
            NFS4ERR_INVAL,
            "{bits:o}"
        );
    }
    for name in [
        "root",
        "1000@example.com",
        "-1",
        "+1",
        " 1",
        "1 ",
        "0x10",
        "1.0",
        "4294967296",
    ] {
        assert_eq!(
            set(&mut fixture, 0, &file, &owner(name)),
            NFS4ERR_BADOWNER,
            "{name}"
        );
        assert_eq!(
            set(&mut fixture, 0, &file, &group(name)),
            NFS4ERR_BADOWNER,
            "{name}"
        );
    }
    // Nobody at all: -1 would leave the owner as it is.
    assert_eq!(
        set(&mut fixture, 0, &file, &owner("4294967295")),
        NFS4ERR_BADOWNER
    );
    let nobody = [NFS4ERR_INVAL, NFS4ERR_BADOWNER];
    assert!(nobody.contains(&set(&mut fixture, 0, &file, &owner(""))));
    assert!(nobody.contains(&set(&mut fixture, 0, &file, &group(""))));
    let reply = fixture
        .session
        .compound()
        .putfh(&file)
        .getattr(&[FATTR4_OWNER, FATTR4_MODE])
        .ok();
    assert_eq!(reply.attributes().owner.unwrap().as_slice(), b"0");
    assert_eq!(reply.attributes().mode, Some(0o666));
}

#[test]
fn the_mode_is_its_owners() {
    let mut fixture = SERVER.fixture("mode");
    let file = file_of_1(&mut fixture, "f", 0o777);
    assert_eq!(set(&mut fixture, 2, &file, &mode(0o700)), NFS4ERR_PERM);
    assert_eq!(get_mode(&mut fixture, &file), 0o777);
    assert_eq!(set(&mut fixture, 1, &file, &mode(0o000)), NFS4_OK);
    assert_eq!(set(&mut fixture, 1, &file, &mode(0o755)), NFS4_OK);
    assert_eq!(set(&mut fixture, 0, &file, &mode(0o700)), NFS4_OK);
    // A set-group-id bit is for members of the group.
    assert_eq!(set(&mut fixture, 0, &file, &group("50")), NFS4_OK);
    assert_eq!(set(&mut fixture, 1, &file, &mode(0o2755)), NFS4_OK);
    assert_eq!(get_mode(&mut fixture, &file), 0o755);
    let member = Credential::Sys {
        uid: 1,
        gid: 1,
        gids: vec![50],
    };
    assert_eq!(set_as(&mut fixture, member, &file, &mode(0o2755)), NFS4_OK);
    assert_eq!(get_mode(&mut fixture, &file), 0o2755);
}

#[test]
fn only_root_gives_files_away() {
    let mut fixture = SERVER.fixture("chown");
    let file = file_of_1(&mut fixture, "f", 0o666);
    assert_eq!(set(&mut fixture, 1, &file, &owner("2")), NFS4ERR_PERM);
    assert_eq!(set(&mut fixture, 2, &file, &owner("2")), NFS4ERR_PERM);
    // To whom it belongs already, the owner may (RFC 8881 §18.30.4).
    assert_eq!(set(&mut fixture, 1, &file, &owner("1")), NFS4_OK);
    assert_eq!(set(&mut fixture, 0, &file, &owner("2")), NFS4_OK);
    assert_eq!(set(&mut fixture, 0, &file, &owner("1")), NFS4_OK);
    // The group: by the owner, to a group of his.
    assert_eq!(set(&mut fixture, 1, &file, &group("60")), NFS4ERR_PERM);
    let member = Credential::Sys {
        uid: 1,
        gid: 1,
        gids: vec![60, 61],
    };
    assert_eq!(
        set_as(&mut fixture, member.clone(), &file, &group("60")),
        NFS4_OK
    );
    assert_eq!(
        set_as(&mut fixture, member, &file, &group("62")),
        NFS4ERR_PERM
    );
    let other = Credential::Sys {
        uid: 2,
        gid: 2,
        gids: vec![60],
    };
    assert_eq!(
        set_as(&mut fixture, other, &file, &group("60")),
        NFS4ERR_PERM
    );
}

#[test]
fn set_id_bits_go_with_a_new_owner_and_with_writing() {
    let mut fixture = SERVER.fixture("set_id");
    let file = file_of_1(&mut fixture, "f", 0o6777);
    let member = Credential::Sys {
        uid: 1,
        gid: 1,
        gids: vec![60],
    };
    assert_eq!(set_as(&mut fixture, member, &file, &group("60")), NFS4_OK);
    assert_eq!(get_mode(&mut fixture, &file), 0o777);
    set(&mut fixture, 0, &file, &mode(0o6777));
    let compound = fixture.session.as_user(2, 2).putfh(&file);
    compound
        .write(ANONYMOUS, 0, StableHow4::Unstable, b"x")
        .ok();
    assert_eq!(get_mode(&mut fixture, &file), 0o777);
    set(&mut fixture, 0, &file, &mode(0o6777));
    assert_eq!(set(&mut fixture, 2, &file, &size(0)), NFS4_OK);
    assert_eq!(get_mode(&mut fixture, &file), 0o777);
    // Root writes without that.
    set(&mut fixture, 0, &file, &mode(0o6777));
    let compound = fixture.session.compound().putfh(&file);
    compound
        .write(ANONYMOUS, 0, StableHow4::Unstable, b"x")
        .ok();
    assert_eq!(get_mode(&mut fixture, &file), 0o6777);
}

#[test]
fn times_are_the_owners_and_now_is_the_writers() {
    let mut fixture = SERVER.fixture("times");
    let file = file_of_1(&mut fixture, "f", 0o622);
    assert_eq!(set(&mut fixture, 1, &file, &times(5, 5)), NFS4_OK);
    assert_eq!(set(&mut fixture, 2, &file, &times(5, 5)), NFS4ERR_PERM);
    assert_eq!(set(&mut fixture, 2, &file, &now()), NFS4_OK);
    set(&mut fixture, 0, &file, &mode(0o644));
    assert_eq!(set(&mut fixture, 2, &file, &now()), NFS4ERR_ACCESS);
    set(&mut fixture, 0, &file, &mode(0o000));
    assert_eq!(set(&mut fixture, 1, &file, &now()), NFS4_OK);
}

#[test]
fn the_size_is_the_writers() {
    let mut fixture = SERVER.fixture("size");
    let file = file_of_1(&mut fixture, "f", 0o644);
    assert_eq!(set(&mut fixture, 2, &file, &size(0)), NFS4ERR_ACCESS);
    set(&mut fixture, 0, &file, &mode(0o602));
    assert_eq!(set(&mut fixture, 2, &file, &size(0)), NFS4_OK);
    set(&mut fixture, 0, &file, &mode(0o444));
    assert_eq!(set(&mut fixture, 0, &file, &size(9)), NFS4_OK);
}

#[test]
fn the_size_goes_by_a_stateid_that_may_write() {
    let mut fixture = SERVER.fixture("stateid");
    fixture.file("f", b"0123456789");
    let (reader, file) = fixture.open(&Open::read("f").owner("reader"));
    let (writer, _) = fixture.open(&Open::both("f").owner("writer"));
    let mut try_with = |stateid: Stateid4| {
        let compound = fixture.session.compound().putfh(&file);
        compound.setattr(stateid, &size(5)).send().status()
    };
    assert_eq!(try_with(writer), NFS4_OK);
    assert_eq!(try_with(Stateid4 { seqid: 0, ..writer }), NFS4_OK);
    assert_eq!(try_with(ANONYMOUS), NFS4_OK);
    assert_eq!(try_with(reader), NFS4ERR_OPENMODE);
    assert_eq!(
        try_with(Stateid4 {
            seqid: writer.seqid + 1,
            ..writer
        }),
        NFS4ERR_BAD_STATEID
    );
    let unknown = Stateid4 {
        seqid: 1,
        other: StateidOther([7; 12]),
    };
    assert_eq!(try_with(unknown), NFS4ERR_BAD_STATEID);
    assert_eq!(try_with(Stateid4::INVALID), NFS4ERR_BAD_STATEID);
    assert_eq!(
        try_with(Stateid4::CURRENT),
        NFS4ERR_BAD_STATEID,
        "there is none"
    );
    // Who was let in keeps the right, whatever becomes of the mode.
    fixture
        .session
        .compound()
        .putfh(&file)
        .setattr(ANONYMOUS, &mode(0))
        .ok();
    fixture
        .session
        .compound()
        .putfh(&file)
        .setattr(ANONYMOUS, &owner("1"))
        .ok();
    let open = Open::both("g").create().set(mode(0o600));
    let here = fixture.directory.clone();
    let reply = fixture
        .session
        .as_user(1, 1)
        .putfh(&here)
        .open(&open)
        .getfh()
        .ok();
    let (stateid, mine) = (reply.open().stateid, reply.handle());
    fixture
        .session
        .compound()
        .putfh(&mine)
        .setattr(ANONYMOUS, &mode(0o400))
        .ok();
    let compound = fixture.session.as_user(1, 1).putfh(&mine);
    compound.setattr(stateid, &size(3)).ok();
}

#[test]
fn an_open_of_another_file_is_no_stateid_for_this() {
    let mut fixture = SERVER.fixture("other_file");
    let file = fixture.file("f", b"");
    let (stateid, _) = fixture.open(&Open::both("g").create());
    let compound = fixture.session.compound().putfh(&file);
    compound
        .setattr(stateid, &size(3))
        .expect(NFS4ERR_BAD_STATEID);
}

/// "On inode write caused by file size or metadata change", and when a client sets it (EFS user
/// guide, "Unsupported NFSv4 features").
#[test]
fn the_time_of_access_stays_as_it_was_set_until_something_changes() {
    let mut fixture = SERVER.fixture("accessed");
    let old = Nfstime4 {
        seconds: 1_000_000_000,
        nseconds: 123_456_789,
    };
    let set = Attributes {
        time_access_set: Some(SetTime4::ClientTime(old)),
        ..Attributes::default()
    };
    let ask = [FATTR4_TIME_ACCESS, FATTR4_TIME_METADATA];
    let file = fixture.file("f", b"12345");
    let shown = |fixture: &mut Fixture| {
        let reply = fixture.session.compound().putfh(&file).getattr(&ask).ok();
        let got = reply.attributes();
        (got.time_access.unwrap(), got.time_metadata.unwrap())
    };
    let born = shown(&mut fixture);
    assert_eq!(born.0, born.1);
    // At once, in the same compound.
    let session = &mut fixture.session;
    let compound = session.compound().putfh(&file).setattr(ANONYMOUS, &set);
    let reply = compound.getattr(&ask).ok();
    assert_eq!(reply.setattr().attrsset, set.mask());
    assert_eq!(reply.attributes().time_access, Some(old));
    let compound = session.compound().putfh(&file).read(ANONYMOUS, 0, 5);
    compound.ok();
    let value = Attributes {
        time_access: Some(old),
        ..Attributes::default()
    };
    let compound = session.compound().putfh(&file);
    compound.nverify(&value).expect(NFS4ERR_SAME);
    assert_eq!(shown(&mut fixture).0, old);
    // What follows at once, in the same compound even.
    let compound = fixture.session.compound().putfh(&file);
    let reply = compound
        .setattr(ANONYMOUS, &set)
        .write(ANONYMOUS, 0, StableHow4::Unstable, b"x")
        .getattr(&ask)
        .ok();
    let got = reply.attributes();
    assert!(got.time_access > Some(old));
    assert_eq!(got.time_access, got.time_metadata);
    // Also of a file that is made with it.
    let open = Open::both("new").create().set(set);
    let reply = fixture.here().open(&open).getattr(&ask).ok();
    assert_eq!(reply.attributes().time_access, Some(old));
}
