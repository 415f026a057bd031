//! OPEN, OPEN_DOWNGRADE, CLOSE (RFC 8881 §9, §18.2, §18.16, §18.18).

use std::sync::Arc;

use localefs_integration::client::names::*;
use localefs_integration::client::{
    ClientOptions, Fixture, Lock, Open, Session, SharedServer, TestServer, TestServerOptions,
};
use localefs_protocol::nfs4::ops::{
    Createtype4, OpenDelegation4, OpenDelegationType4, OpenNoneDelegation4, OpenRflags, StableHow4,
};
use localefs_protocol::nfs4::{Attributes, Bitmap4, Stateid4, StateidOther, Verifier4};

static SERVER: SharedServer = SharedServer::new();

const ANONYMOUS: Stateid4 = Stateid4::ANONYMOUS;
const VERIFIER: Verifier4 = Verifier4(*b"verifier");

fn stat(fixture: &mut Fixture, name: &str) -> (u64, u32) {
    let reply = fixture
        .here()
        .lookup(name)
        .getattr(&[FATTR4_SIZE, FATTR4_MODE])
        .ok();
    let got = reply.attributes();
    (got.size.unwrap(), got.mode.unwrap())
}

#[test]
fn a_file_is_opened_read_and_closed() {
    let mut fixture = SERVER.fixture("opened");
    let file = fixture.file("f", b"content");
    let reply = fixture
        .here()
        .open(&Open::read("f"))
        .getfh()
        .access(0x3f)
        .ok();
    let open = reply.open();
    assert_eq!(reply.handle(), file, "OPEN makes the file current");
    assert_eq!(open.stateid.seqid, 1);
    assert!(!open.stateid.is_special());
    assert!(matches!(open.delegation, OpenDelegation4::None));
    // Neither CONFIRM nor PRESERVE_UNLINKED nor MAY_NOTIFY_LOCK.
    assert_eq!(open.rflags & OpenRflags(!4), OpenRflags(0));
    assert!(
        open.rflags
            .contains(OpenRflags::OPEN4_RESULT_LOCKTYPE_POSIX)
    );
    assert!(open.attrset.is_empty());
    let stateid = open.stateid;
    let reply = fixture
        .session
        .compound()
        .putfh(&file)
        .read(stateid, 0, 100)
        .ok();
    assert_eq!(reply.read().data.as_slice(), b"content");
    let reply = fixture.session.compound().putfh(&file).close(stateid).ok();
    // RFC 8881 §18.2.4 asks for this value.
    assert_eq!(reply.close().open_stateid, Stateid4::INVALID);
    let compound = fixture.session.compound().putfh(&file);
    compound.read(stateid, 0, 1).expect(NFS4ERR_BAD_STATEID);
    fixture
        .session
        .compound()
        .putfh(&file)
        .close(stateid)
        .expect(NFS4ERR_BAD_STATEID);
}

#[test]
fn what_is_not_there_cannot_be_opened() {
    let mut fixture = SERVER.fixture("missing");
    fixture
        .here()
        .open(&Open::read("missing"))
        .expect(NFS4ERR_NOENT);
    fixture
        .here()
        .open(&Open::both("missing"))
        .expect(NFS4ERR_NOENT);
}

#[test]
fn unchecked_create() {
    let mut fixture = SERVER.fixture("unchecked");
    let set = Attributes {
        mode: Some(0o640),
        size: Some(10),
        ..Attributes::default()
    };
    let reply = fixture
        .here()
        .open(&Open::both("f").create().set(set.clone()))
        .ok();
    let open = reply.open();
    assert_eq!(open.attrset, Bitmap4::of(&[FATTR4_MODE, FATTR4_SIZE]));
    assert!(open.cinfo.atomic && open.cinfo.before < open.cinfo.after);
    assert_eq!(stat(&mut fixture, "f"), (10, 0o640));
    // An existing file keeps its attributes and content.
    let other = Attributes {
        mode: Some(0o777),
        size: Some(5),
        ..Attributes::default()
    };
    let reply = fixture
        .here()
        .open(&Open::both("f").create().set(other))
        .ok();
    assert_eq!(stat(&mut fixture, "f"), (10, 0o640));
    let open = reply.open();
    assert!(open.attrset.is_empty());
    assert_eq!(open.cinfo.before, open.cinfo.after);
    // Save that a size of zero truncates it.
    let empty = Attributes {
        mode: Some(0o777),
        size: Some(0),
        ..Attributes::default()
    };
    let reply = fixture
        .here()
        .open(&Open::both("f").create().set(empty))
        .ok();
    assert_eq!(stat(&mut fixture, "f"), (0, 0o640));
    assert!(!reply.open().attrset.contains(FATTR4_MODE));
}

#[test]
fn guarded_create() {
    let mut fixture = SERVER.fixture("guarded");
    let reply = fixture
        .here()
        .open(&Open::both("f").guarded().set(mode(0o600)))
        .ok();
    assert_eq!(reply.open().attrset, Bitmap4::of(&[FATTR4_MODE]));
    assert_eq!(stat(&mut fixture, "f"), (0, 0o600));
    fixture
        .here()
        .open(&Open::both("f").guarded().set(mode(0o600)))
        .expect(NFS4ERR_EXIST);
    let change = |fixture: &mut Fixture| {
        fixture
            .here()
            .getattr(&[FATTR4_CHANGE])
            .ok()
            .attributes()
            .change
            .unwrap()
    };
    let before = change(&mut fixture);
    for name in ["f", "d", "l"] {
        if name == "d" {
            fixture.subdirectory(name);
        } else if name == "l" {
            fixture.symlink("f", name);
        }
        fixture
            .here()
            .open(&Open::both(name).guarded())
            .expect(NFS4ERR_EXIST);
    }
    assert!(change(&mut fixture) > before);
}

#[test]
fn exclusive_create_is_told_from_its_retry() {
    let mut fixture = SERVER.fixture("exclusive");
    let open = Open::both("f").exclusive41(VERIFIER).set(mode(0o640));
    let first = fixture.here().open(&open).getfh().ok();
    assert!(first.open().attrset.contains(FATTR4_MODE));
    assert_eq!(stat(&mut fixture, "f"), (0, 0o640));
    // The same verifier: it is the reply that was lost. From another session too, as after a
    // restart of neither.
    let again = fixture.here().open(&open).getfh().ok();
    assert_eq!(first.handle(), again.handle());
    let other = Open::both("f")
        .exclusive41(Verifier4(*b"another1"))
        .set(mode(0o640));
    fixture.here().open(&other).expect(NFS4ERR_EXIST);
    fixture
        .here()
        .open(&Open::both("f").guarded())
        .expect(NFS4ERR_EXIST);
    fixture.here().open(&Open::both("f").create()).ok();
    // A file that wasn't made so has no verifier.
    fixture.file("plain", b"");
    let plain = Open::both("plain").exclusive41(Verifier4::default());
    fixture.here().open(&plain).expect(NFS4ERR_EXIST);
    fixture.subdirectory("d");
    fixture
        .here()
        .open(&Open::both("d").exclusive41(VERIFIER))
        .expect(NFS4ERR_EXIST);
}

#[test]
fn the_old_exclusive_create() {
    let mut fixture = SERVER.fixture("exclusive4");
    let open = Open::both("f").exclusive(VERIFIER);
    let first = fixture.here_as(9).open(&open).getfh().ok();
    // RFC 8881 §18.16.4: until the client sets a mode, only for the owner.
    assert_eq!(stat(&mut fixture, "f").1 & 0o077, 0);
    let again = fixture.here_as(9).open(&open).getfh().ok();
    assert_eq!(first.handle(), again.handle());
    let other = Open::both("f").exclusive(Verifier4(*b"another1"));
    fixture.here_as(9).open(&other).expect(NFS4ERR_EXIST);
    // The SETATTR that must follow; times, if they kept the verifier, are no matter any more.
    let file = first.handle();
    fixture
        .session
        .as_user(9, 9)
        .putfh(&file)
        .setattr(ANONYMOUS, &mode(0o644))
        .ok();
    assert_eq!(stat(&mut fixture, "f").1, 0o644);
}

#[test]
fn exclusive_create_refuses_what_it_cannot_set() {
    let mut fixture = SERVER.fixture("exclusive_refuses");
    let reply = fixture.here().getattr(&[FATTR4_SUPPATTR_EXCLCREAT]).ok();
    let allowed = reply.attributes().suppattr_exclcreat.unwrap();
    let settable = [
        FATTR4_SIZE,
        FATTR4_MODE,
        FATTR4_TIME_ACCESS_SET,
        FATTR4_TIME_MODIFY_SET,
    ];
    let time = Some(localefs_protocol::nfs4::SetTime4::ServerTime);
    for attribute in settable {
        let mut set = Attributes::default();
        match attribute {
            FATTR4_SIZE => set.size = Some(3),
            FATTR4_MODE => set.mode = Some(0o600),
            FATTR4_TIME_ACCESS_SET => set.time_access_set = time,
            _ => set.time_modify_set = time,
        }
        let name = format!("f{}", attribute.0);
        let status = if allowed.contains(attribute) {
            NFS4_OK
        } else {
            NFS4ERR_INVAL
        };
        fixture
            .here()
            .open(&Open::both(&name).exclusive41(VERIFIER).set(set))
            .expect(status);
    }
}

#[test]
fn attributes_of_a_new_file_are_checked() {
    let mut fixture = SERVER.fixture("new_attributes");
    let rows = [
        (owner("somebody"), NFS4ERR_BADOWNER),
        (group("1@x"), NFS4ERR_BADOWNER),
        (mode(0o20000), NFS4ERR_INVAL),
        (size(u64::MAX), NFS4ERR_FBIG),
        (
            Attributes {
                change: Some(1),
                ..Attributes::default()
            },
            NFS4ERR_INVAL,
        ),
    ];
    for (set, status) in rows {
        for open in [Open::both("f").create(), Open::both("f").guarded()] {
            fixture.here().open(&open.set(set.clone())).expect(status);
        }
        fixture.here().lookup("f").expect(NFS4ERR_NOENT);
    }
    // Only root makes files of others.
    let given = Open::both("f").create().set(owner("7"));
    fixture.here_as(8).open(&given).expect(NFS4ERR_PERM);
    fixture.here().lookup("f").expect(NFS4ERR_NOENT);
    fixture.here().open(&given).ok();
}

#[test]
fn a_new_file_is_open_whatever_its_mode() {
    let mut fixture = SERVER.fixture("any_mode");
    for bits in [0o000, 0o444, 0o222] {
        let name = format!("f{bits:o}");
        let open = Open::both(&name).guarded().set(mode(bits));
        let compound = fixture.here_as(9).open(&open);
        let compound = compound.write(Stateid4::CURRENT, 0, StableHow4::Unstable, b"written");
        let reply = compound.read(Stateid4::CURRENT, 0, 10).getfh().ok();
        assert_eq!(reply.read().data.as_slice(), b"written");
        let file = reply.handle();
        let stateid = reply.open().stateid;
        // And later, by its owner.
        fixture
            .session
            .as_user(9, 9)
            .putfh(&file)
            .read(stateid, 0, 1)
            .ok();
        // But not opened again.
        let again = if bits == 0o444 {
            NFS4_OK
        } else {
            NFS4ERR_ACCESS
        };
        fixture
            .here_as(9)
            .open(&Open::read(&name).owner("again"))
            .expect(again);
    }
}

#[test]
fn the_rights_to_open() {
    let mut fixture = SERVER.fixture("rights");
    fixture.file("f", b"x");
    for (bits, read, write) in [
        (0o666, NFS4_OK, NFS4_OK),
        (0o664, NFS4_OK, NFS4ERR_ACCESS),
        (0o662, NFS4ERR_ACCESS, NFS4_OK),
        (0o660, NFS4ERR_ACCESS, NFS4ERR_ACCESS),
    ] {
        fixture
            .here()
            .lookup("f")
            .setattr(ANONYMOUS, &mode(bits))
            .ok();
        let both = if (read, write) == (NFS4_OK, NFS4_OK) {
            NFS4_OK
        } else {
            NFS4ERR_ACCESS
        };
        for (open, status) in [
            (Open::read("f"), read),
            (Open::write("f"), write),
            (Open::both("f"), both),
        ] {
            fixture
                .here_as(9)
                .open(&open.clone().owner(format!("{bits}")))
                .expect(status);
            fixture
                .here_as(9)
                .open(&open.clone().owner("c").create())
                .expect(status);
            let file = fixture.here().lookup("f").getfh().ok().handle();
            let compound = fixture.session.as_user(9, 9).putfh(&file);
            compound.open(&open.owner("fh").claim_fh()).expect(status);
        }
    }
    // Truncation is writing, whatever the file is opened for.
    fixture
        .here()
        .lookup("f")
        .setattr(ANONYMOUS, &mode(0o664))
        .ok();
    let truncate = Open::read("f").create().set(size(0));
    fixture.here_as(9).open(&truncate).expect(NFS4ERR_ACCESS);
    assert_eq!(stat(&mut fixture, "f").0, 1);
}

#[test]
fn access_and_deny_have_few_values() {
    let mut fixture = SERVER.fixture("values");
    fixture.file("f", b"");
    for access in [0, 4, 8, 0xff, 0x10] {
        fixture
            .here()
            .open(&Open::read("f").access(access))
            .expect(NFS4ERR_INVAL);
    }
    // The service has no deny modes (EFS user guide).
    for deny in [1, 2, 3] {
        fixture
            .here()
            .open(&Open::read("f").deny(deny))
            .expect(NFS4ERR_NOTSUPP);
        let create = Open::both("g").guarded().deny(deny);
        fixture.here().open(&create).expect(NFS4ERR_NOTSUPP);
    }
    for deny in [4, 100, u32::MAX] {
        fixture
            .here()
            .open(&Open::read("f").deny(deny))
            .expect(NFS4ERR_INVAL);
    }
    fixture.here().lookup("g").expect(NFS4ERR_NOENT);
}

#[test]
fn no_delegation_is_given_and_who_wants_one_is_told() {
    let mut fixture = SERVER.fixture("delegation");
    fixture.file("f", b"");
    for (want, why) in [
        (0x100, OpenNoneDelegation4::NotSuppFtype),
        (0x200, OpenNoneDelegation4::NotSuppFtype),
        (0x300, OpenNoneDelegation4::NotSuppFtype),
        (0x400, OpenNoneDelegation4::NotWanted),
        (0x500, OpenNoneDelegation4::Cancelled),
        (0x1_0100, OpenNoneDelegation4::NotSuppFtype),
        (0x2_0100, OpenNoneDelegation4::NotSuppFtype),
        (0x3_0300, OpenNoneDelegation4::NotSuppFtype),
    ] {
        let reply = fixture.here().open(&Open::read("f").access(1 | want)).ok();
        let told = OpenDelegation4::NoneExt(why);
        assert_eq!(reply.open().delegation, told, "{want:#x}");
    }
    let reply = fixture.here().open(&Open::read("f").access(1)).ok();
    assert_eq!(reply.open().delegation, OpenDelegation4::None);
    // The wish is no part of the mode: an open for reading stays one.
    let (stateid, file) = fixture.open(&Open::read("f").access(0x401).owner("w"));
    let compound = fixture.session.compound().putfh(&file);
    compound
        .write(stateid, 0, StableHow4::Unstable, b"x")
        .expect(NFS4ERR_OPENMODE);
}

#[test]
fn claims_by_delegation_are_not_supported() {
    let mut fixture = SERVER.fixture("claims");
    let file = fixture.file("f", b"");
    fixture
        .here()
        .open(&Open::read("f").delegate_cur())
        .expect(NFS4ERR_NOTSUPP);
    fixture
        .here()
        .open(&Open::read("f").delegate_prev())
        .expect(NFS4ERR_NOTSUPP);
    let session = &mut fixture.session;
    let open = Open::read("f").deleg_cur_fh();
    session
        .compound()
        .putfh(&file)
        .open(&open)
        .expect(NFS4ERR_NOTSUPP);
    let open = Open::read("f").deleg_prev_fh();
    session
        .compound()
        .putfh(&file)
        .open(&open)
        .expect(NFS4ERR_NOTSUPP);
}

#[test]
fn a_file_is_opened_by_its_handle() {
    let mut fixture = SERVER.fixture("by_handle");
    let file = fixture.file("f", b"content");
    let open = Open::both("").claim_fh();
    let reply = fixture
        .session
        .compound()
        .putfh(&file)
        .open(&open)
        .getfh()
        .ok();
    assert_eq!(reply.handle(), file);
    let stateid = reply.open().stateid;
    let compound = fixture.session.compound().putfh(&file);
    let reply = compound
        .write(stateid, 0, StableHow4::Unstable, b"C")
        .read(stateid, 0, 7)
        .ok();
    assert_eq!(reply.read().data.as_slice(), b"Content");
    // A claim without a name makes no file (RFC 8881 §18.16.3).
    for create in [
        open.clone().create(),
        open.clone().guarded(),
        open.exclusive41(VERIFIER),
    ] {
        let compound = fixture.session.compound().putfh(&file).open(&create);
        assert_eq!(compound.send().status(), NFS4ERR_INVAL, "{create:?}");
    }
}

#[test]
fn nothing_is_reclaimed_without_a_restart() {
    let mut fixture = SERVER.fixture("reclaimed");
    let file = fixture.file("f", b"");
    for delegation in [OpenDelegationType4::None, OpenDelegationType4::Read] {
        let open = Open::read("").previous_delegation(delegation);
        let compound = fixture.session.compound().putfh(&file);
        compound.open(&open).expect(NFS4ERR_NO_GRACE);
    }
    let options = ClientOptions::new("reclaimed too early").reclaiming();
    let mut early = Session::establish(fixture.server().address(), &options).unwrap();
    early
        .compound()
        .putfh(&file)
        .open(&Open::read("").previous())
        .expect(NFS4ERR_NO_GRACE);
    // RFC 8881 §18.51.3: no new state before RECLAIM_COMPLETE.
    early
        .compound()
        .putfh(&file)
        .open(&Open::read("").claim_fh())
        .expect(NFS4ERR_GRACE);
    early.compound().reclaim_complete().ok();
    early
        .compound()
        .putfh(&file)
        .open(&Open::read("").claim_fh())
        .ok();
}

#[test]
fn a_second_open_upgrades_the_first() {
    let mut fixture = SERVER.fixture("upgrade");
    let file = fixture.file("f", b"x");
    let (first, _) = fixture.open(&Open::read("f"));
    let write = |fixture: &mut Fixture, stateid| {
        let compound = fixture.session.compound().putfh(&file);
        compound
            .write(stateid, 0, StableHow4::Unstable, b"y")
            .send()
            .status()
    };
    assert_eq!(write(&mut fixture, first), NFS4ERR_OPENMODE);
    let (second, _) = fixture.open(&Open::write("f"));
    assert_eq!(second, Stateid4 { seqid: 2, ..first });
    assert_eq!(write(&mut fixture, second), NFS4_OK);
    fixture
        .session
        .compound()
        .putfh(&file)
        .read(second, 0, 1)
        .ok();
    // The same again steps too.
    let (third, _) = fixture.open(&Open::write("f"));
    assert_eq!(third, Stateid4 { seqid: 3, ..first });
    let compound = fixture.session.compound().putfh(&file);
    compound.open(&Open::read("").claim_fh()).ok();
    // Old ones are old; zero is the present one; future ones don't exist.
    assert_eq!(write(&mut fixture, first), NFS4ERR_OLD_STATEID);
    assert_eq!(write(&mut fixture, third), NFS4ERR_OLD_STATEID);
    assert_eq!(write(&mut fixture, Stateid4 { seqid: 0, ..first }), NFS4_OK);
    assert_eq!(write(&mut fixture, Stateid4 { seqid: 4, ..first }), NFS4_OK);
    assert_eq!(
        write(&mut fixture, Stateid4 { seqid: 5, ..first }),
        NFS4ERR_BAD_STATEID
    );
    // One CLOSE ends them all.
    let compound = fixture.session.compound().putfh(&file);
    compound.close(third).expect(NFS4ERR_OLD_STATEID);
    let compound = fixture.session.compound().putfh(&file);
    compound.close(Stateid4 { seqid: 4, ..first }).ok();
    assert_eq!(
        write(&mut fixture, Stateid4 { seqid: 0, ..first }),
        NFS4ERR_BAD_STATEID
    );
}

#[test]
fn other_owners_and_files_have_other_stateids() {
    let mut fixture = SERVER.fixture("owners");
    fixture.file("f", b"");
    fixture.file("g", b"");
    let mut seen = Vec::new();
    for name in ["f", "g"] {
        for owner in ["a", "b", "a much longer name of an owner", ""] {
            let (stateid, _) = fixture.open(&Open::read(name).owner(owner));
            assert_eq!(stateid.seqid, 1);
            assert!(!seen.contains(&stateid.other));
            seen.push(stateid.other);
        }
    }
    // Of another client, the same owner is another.
    let mut other = fixture.another_client();
    let (stateid, _) = other.open(&fixture.directory, &Open::read("f").owner("a"));
    assert!(!seen.contains(&stateid.other));
    // Hard links are one file.
    let here = fixture.directory.clone();
    let file = fixture.here().lookup("f").savefh();
    file.putfh(&here).link("h").ok();
    let (stateid, _) = fixture.open(&Open::read("h").owner("a"));
    assert_eq!(
        stateid,
        Stateid4 {
            seqid: 2,
            other: seen[0]
        }
    );
    fixture
        .here()
        .open(&Open::read("f").owner([b'o'; 1024]))
        .ok();
    fixture
        .here()
        .open(&Open::read("f").owner([b'o'; 1025]))
        .expect(NFS4ERR_BADXDR);
}

#[test]
fn a_downgrade_goes_to_what_was_opened() {
    let mut fixture = SERVER.fixture("downgrade");
    let file = fixture.file("f", b"x");
    fixture.open(&Open::read("f"));
    let (both, _) = fixture.open(&Open::both("f"));
    let session = &mut fixture.session;
    let reply = session
        .compound()
        .putfh(&file)
        .open_downgrade(both, 1, 0)
        .ok();
    let down = reply.open_downgrade().open_stateid;
    assert_eq!(
        down,
        Stateid4 {
            seqid: both.seqid + 1,
            ..both
        }
    );
    let compound = session.compound().putfh(&file);
    compound
        .write(down, 0, StableHow4::Unstable, b"y")
        .expect(NFS4ERR_OPENMODE);
    session.compound().putfh(&file).read(down, 0, 1).ok();
    session
        .compound()
        .putfh(&file)
        .open_downgrade(both, 1, 0)
        .expect(NFS4ERR_OLD_STATEID);
    // Up is no way down.
    session
        .compound()
        .putfh(&file)
        .open_downgrade(down, 3, 0)
        .expect(NFS4ERR_INVAL);
    session
        .compound()
        .putfh(&file)
        .open_downgrade(down, 2, 0)
        .expect(NFS4ERR_INVAL);
    session.compound().putfh(&file).close(down).ok();
}

#[test]
fn a_downgrade_is_checked() {
    let mut fixture = SERVER.fixture("downgrade_checked");
    let file = fixture.file("f", b"x");
    // Only for both at once: neither alone was opened.
    let (both, _) = fixture.open(&Open::both("f"));
    let session = &mut fixture.session;
    for (access, deny) in [
        (1, 0),
        (2, 0),
        (0, 0),
        (4, 0),
        (0xff, 0),
        (3, 4),
        (3, 1),
        (3, 2),
    ] {
        let reply = session
            .compound()
            .putfh(&file)
            .open_downgrade(both, access, deny)
            .send();
        assert_eq!(reply.status(), NFS4ERR_INVAL, "access {access} deny {deny}");
    }
    // To what it is, with a wish of the kind that OPEN takes.
    let reply = session
        .compound()
        .putfh(&file)
        .open_downgrade(both, 0x403, 0)
        .ok();
    let stateid = reply.open_downgrade().open_stateid;
    let unknown = Stateid4 {
        seqid: 1,
        other: StateidOther([3; 12]),
    };
    for bad in [unknown, ANONYMOUS, Stateid4::BYPASS, Stateid4::INVALID] {
        let compound = session.compound().putfh(&file);
        compound
            .open_downgrade(bad, 1, 0)
            .expect(NFS4ERR_BAD_STATEID);
    }
    let here = fixture.directory.clone();
    let session = &mut fixture.session;
    let other = session.make_file(&here, "other", b"");
    let compound = session.compound().putfh(&other);
    compound
        .open_downgrade(stateid, 3, 0)
        .expect(NFS4ERR_BAD_STATEID);
}

#[test]
fn close_is_checked() {
    let mut fixture = SERVER.fixture("close_checked");
    let file = fixture.file("f", b"x");
    let other = fixture.file("other", b"");
    let (stateid, _) = fixture.open(&Open::read("f"));
    let mut stranger = fixture.another_client();
    stranger
        .compound()
        .putfh(&file)
        .close(stateid)
        .expect(NFS4ERR_BAD_STATEID);
    let session = &mut fixture.session;
    session
        .compound()
        .putfh(&other)
        .close(stateid)
        .expect(NFS4ERR_BAD_STATEID);
    let unknown = Stateid4 {
        seqid: 1,
        other: StateidOther([3; 12]),
    };
    for bad in [
        unknown,
        ANONYMOUS,
        Stateid4::BYPASS,
        Stateid4::INVALID,
        Stateid4::CURRENT,
    ] {
        session
            .compound()
            .putfh(&file)
            .close(bad)
            .expect(NFS4ERR_BAD_STATEID);
    }
    let future = Stateid4 {
        seqid: stateid.seqid + 1,
        ..stateid
    };
    session
        .compound()
        .putfh(&file)
        .close(future)
        .expect(NFS4ERR_BAD_STATEID);
    session
        .compound()
        .putfh(&file)
        .close(Stateid4 {
            seqid: 0,
            ..stateid
        })
        .ok();
}

#[test]
fn close_takes_locks_along() {
    let mut fixture = SERVER.fixture("close_locks");
    fixture.file("f", b"x");
    let (stateid, file) = fixture.open(&Open::both("f"));
    let session = &mut fixture.session;
    let compound = session.compound().putfh(&file);
    let lock = compound
        .lock_new(&Lock::write(0, 10), stateid, "l")
        .ok()
        .lock_stateid();
    // RFC 8881 §18.2.3 lets a server refuse; Linux has unlocked before, or wants it done.
    session.compound().putfh(&file).close(stateid).ok();
    session
        .compound()
        .putfh(&file)
        .lockt(&Lock::write(0, 10), "somebody")
        .ok();
    session
        .compound()
        .putfh(&file)
        .read(lock, 0, 1)
        .expect(NFS4ERR_BAD_STATEID);
}

#[test]
fn the_current_stateid_is_that_of_open() {
    let mut fixture = SERVER.fixture("current");
    let compound = fixture.here().open(&Open::both("f").create());
    let compound = compound.write(Stateid4::CURRENT, 0, StableHow4::FileSync, b"abc");
    let compound = compound.read(Stateid4::CURRENT, 1, 10);
    let compound = compound.setattr(Stateid4::CURRENT, &size(2));
    let reply = compound
        .open_downgrade(Stateid4::CURRENT, 3, 0)
        .close(Stateid4::CURRENT)
        .ok();
    assert_eq!(reply.read().data.as_slice(), b"bc");
    let compound = fixture
        .here()
        .open(&Open::both("f"))
        .close(Stateid4::CURRENT);
    // After CLOSE there is none (RFC 8881 §16.2.3.1.2).
    compound
        .read(Stateid4::CURRENT, 0, 1)
        .expect(NFS4ERR_BAD_STATEID);
}

#[test]
fn special_files_are_not_opened() {
    let mut fixture = SERVER.fixture("special");
    fixture.subdirectory("d");
    fixture.symlink("d", "l");
    for (name, kind) in [("p", Createtype4::Fifo), ("s", Createtype4::Sock)] {
        fixture.here().create(kind, name, &mode(0o666)).ok();
    }
    for (name, status) in [
        ("d", NFS4ERR_ISDIR),
        ("l", NFS4ERR_SYMLINK),
        ("p", NFS4ERR_WRONG_TYPE),
        ("s", NFS4ERR_WRONG_TYPE),
    ] {
        fixture.here().open(&Open::read(name)).expect(status);
        fixture.here().open(&Open::both(name)).expect(status);
        fixture
            .here()
            .open(&Open::both(name).create())
            .expect(status);
    }
}

#[test]
fn creating_needs_the_right_in_the_directory() {
    let mut fixture = SERVER.fixture("creating");
    let directory = fixture.subdirectory("d");
    fixture.session.make_file(&directory, "old", b"");
    fixture
        .session
        .compound()
        .putfh(&directory)
        .setattr(ANONYMOUS, &mode(0o755))
        .ok();
    let session = &mut fixture.session;
    for open in [
        Open::both("new").create(),
        Open::both("new").guarded(),
        Open::both("new").exclusive41(VERIFIER),
        Open::both("new").exclusive(VERIFIER),
    ] {
        session
            .as_user(9, 9)
            .putfh(&directory)
            .open(&open)
            .expect(NFS4ERR_ACCESS);
    }
    // What is there needs none.
    session
        .as_user(9, 9)
        .putfh(&directory)
        .open(&Open::both("old").create())
        .ok();
    session
        .as_user(9, 9)
        .putfh(&directory)
        .open(&Open::both("old").guarded())
        .expect(NFS4ERR_EXIST);
}

#[test]
fn many_files_are_open_at_once() {
    let mut fixture = SERVER.fixture("many");
    let mut opened = Vec::new();
    for number in 0..2000 {
        opened.push(fixture.open(&Open::both(format!("f{number}")).create()));
    }
    for (stateid, file) in &opened {
        let compound = fixture.session.compound().putfh(file);
        compound
            .write(*stateid, 0, StableHow4::Unstable, b"x")
            .close(*stateid)
            .ok();
    }
}

#[test]
fn a_name_that_is_always_there_is_always_opened() {
    const REPLACEMENTS: usize = 2000;
    let options = TestServerOptions {
        durable: true,
        ..TestServerOptions::default()
    };
    let server = Arc::new(TestServer::start(options).unwrap());
    let mut fixture = Fixture::new(server, "replaced");
    let place = fixture.server().tree().unwrap().join("replaced");
    let next = |number| place.join(format!("next{number}"));
    for number in 0..REPLACEMENTS {
        std::fs::write(next(number), "content").unwrap();
    }
    fixture.file("config", b"content");
    std::thread::scope(|scope| {
        let host = scope.spawn(|| {
            for number in 0..REPLACEMENTS {
                std::fs::rename(next(number), place.join("config")).unwrap();
            }
        });
        while !host.is_finished() {
            fixture.here().open(&Open::read("config")).ok();
            fixture.here().open(&Open::both("config").create()).ok();
        }
    });
}
