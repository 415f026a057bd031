//! GETATTR, VERIFY, NVERIFY: every attribute (RFC 8881 §5, §18.7, §18.15, §18.31).

use localefs_integration::client::names::*;
use localefs_integration::client::{Fixture, Open, SharedServer};
use localefs_protocol::nfs4::ops::{Createtype4, StableHow4};
use localefs_protocol::nfs4::{
    Attr, Attributes, Bitmap4, NfsFtype4, NfsResop4, Nfstime4, SetTime4, Stateid4, Support,
    TIME_DELTA,
};
use localefs_protocol::nfs4::{Nfsstat4, OpNum};
use localefs_protocol::xdr::{Pack, decode};

static SERVER: SharedServer = SharedServer::new();

const WRITE_ONLY: [Attr; 2] = [FATTR4_TIME_ACCESS_SET, FATTR4_TIME_MODIFY_SET];

/// What the service doesn't have (EFS user guide), and what it leaves out besides.
const UNSUPPORTED: [Attr; 28] = [
    FATTR4_ACL,
    FATTR4_ACLSUPPORT,
    FATTR4_ARCHIVE,
    FATTR4_FILES_AVAIL,
    FATTR4_FILES_FREE,
    FATTR4_FILES_TOTAL,
    FATTR4_FS_LOCATIONS,
    FATTR4_HIDDEN,
    FATTR4_MIMETYPE,
    FATTR4_QUOTA_AVAIL_HARD,
    FATTR4_QUOTA_AVAIL_SOFT,
    FATTR4_QUOTA_USED,
    FATTR4_SYSTEM,
    FATTR4_TIME_BACKUP,
    FATTR4_TIME_CREATE,
    FATTR4_MODE_SET_MASKED,
    FATTR4_FS_CHARSET_CAP,
    Attr::FATTR4_DIR_NOTIF_DELAY,
    Attr::FATTR4_DIRENT_NOTIF_DELAY,
    Attr::FATTR4_DACL,
    Attr::FATTR4_SACL,
    Attr::FATTR4_FS_STATUS,
    Attr::FATTR4_FS_LAYOUT_TYPES,
    Attr::FATTR4_LAYOUT_HINT,
    Attr::FATTR4_LAYOUT_BLKSIZE,
    Attr::FATTR4_FS_LOCATIONS_INFO,
    Attr::FATTR4_RETENTION_GET,
    Attr::FATTR4_RETENTION_SET,
];

fn readable() -> Vec<Attr> {
    Attributes::SUPPORTED
        .iter()
        .filter(|attribute| attribute.support() != Some(Support::Write))
        .collect()
}

fn packed<T: Pack<Vec<u8>>>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    value.pack(&mut out).unwrap();
    out
}

/// The mask of the last GETATTR's answer.
fn mask(reply: &localefs_integration::client::Reply) -> Bitmap4 {
    let NfsResop4::Getattr(Ok(ok)) = reply.result(reply.len() - 1) else {
        panic!("{reply:?}");
    };
    ok.obj_attributes.attrmask
}

#[test]
fn supported_attributes_are_those_that_are_answered() {
    let mut fixture = SERVER.fixture("supported");
    let reply = fixture.here().getattr(&[FATTR4_SUPPORTED_ATTRS]).ok();
    let supported = reply.attributes().supported_attrs.unwrap();
    assert_eq!(supported, Attributes::SUPPORTED);
    for attribute in UNSUPPORTED {
        assert!(!supported.contains(attribute), "{attribute:?}");
    }
    // RFC 8881 §5.6: what every server must have.
    for attribute in [
        FATTR4_SUPPORTED_ATTRS,
        FATTR4_TYPE,
        FATTR4_FH_EXPIRE_TYPE,
        FATTR4_CHANGE,
        FATTR4_SIZE,
        FATTR4_LINK_SUPPORT,
        FATTR4_SYMLINK_SUPPORT,
        FATTR4_NAMED_ATTR,
        FATTR4_FSID,
        FATTR4_UNIQUE_HANDLES,
        FATTR4_LEASE_TIME,
        FATTR4_RDATTR_ERROR,
        FATTR4_FILEHANDLE,
        FATTR4_SUPPATTR_EXCLCREAT,
    ] {
        assert!(supported.contains(attribute), "{attribute:?}");
    }
    // Linux doesn't set times unless these are there.
    assert!(
        WRITE_ONLY
            .iter()
            .all(|attribute| supported.contains(*attribute))
    );
}

#[test]
fn each_attribute_is_answered_alone_and_with_all_others() {
    let mut fixture = SERVER.fixture("each");
    let file = fixture.file("f", b"12345");
    let directory = fixture.subdirectory("d");
    let link = fixture.symlink("target", "l");
    let fifo = fixture
        .here()
        .create(Createtype4::Fifo, "p", &mode(0o600))
        .getfh()
        .ok()
        .handle();
    for handle in [file, directory, link, fifo] {
        for attribute in readable() {
            let compound = fixture.session.compound().putfh(&handle);
            let reply = compound.getattr(&[attribute]).ok();
            assert_eq!(mask(&reply), Bitmap4::of(&[attribute]));
            assert_eq!(reply.attributes().mask(), Bitmap4::of(&[attribute]));
        }
        let all = fixture
            .session
            .compound()
            .putfh(&handle)
            .getattr(&readable())
            .ok();
        assert_eq!(mask(&all), readable().into_iter().collect());
    }
}

#[test]
fn a_files_attributes() {
    let mut fixture = SERVER.fixture("file");
    let file = fixture.file("f", b"12345");
    let reply = fixture
        .session
        .compound()
        .putfh(&file)
        .getattr(&readable())
        .ok();
    let got = reply.attributes();
    assert_eq!(got.file_type, Some(NfsFtype4::Reg));
    assert_eq!(got.fh_expire_type, Some(0), "handles are persistent");
    assert_eq!(got.size, Some(5));
    assert_eq!(got.link_support, Some(true));
    assert_eq!(got.symlink_support, Some(true));
    assert_eq!(got.named_attr, Some(false));
    assert_eq!(got.unique_handles, Some(true));
    assert_eq!(got.lease_time, Some(90));
    assert_eq!(got.rdattr_error, Some(NFS4_OK));
    assert_eq!(got.cansettime, Some(true));
    assert_eq!(got.case_insensitive, Some(false));
    assert_eq!(got.case_preserving, Some(true));
    assert_eq!(got.chown_restricted, Some(true));
    assert_eq!(got.filehandle.unwrap().as_slice(), file);
    assert_eq!(got.homogeneous, Some(true));
    assert_eq!(got.maxfilesize, Some(52_673_613_135_872));
    assert_eq!(got.maxlink, Some(177));
    assert_eq!(got.maxname, Some(255));
    assert_eq!(got.maxread, Some(1 << 20));
    assert_eq!(got.maxwrite, Some(1 << 20));
    assert_eq!(got.mode, Some(0o666));
    assert_eq!(got.no_trunc, Some(true));
    assert_eq!(got.numlinks, Some(1));
    assert_eq!(got.owner.unwrap().as_slice(), b"0");
    assert_eq!(got.owner_group.unwrap().as_slice(), b"0");
    assert_eq!(got.space_used, Some(4096));
    assert_eq!(got.time_delta, Some(TIME_DELTA));
    assert_eq!(got.fileid, got.mounted_on_fileid);
    let rawdev = got.rawdev.unwrap();
    assert_eq!((rawdev.specdata1, rawdev.specdata2), (0, 0));
    // Nearly 8 EiB, of which as good as nothing is used.
    for space in [got.space_total, got.space_free, got.space_avail] {
        assert!(space.unwrap() > (1 << 62), "{space:?}");
    }
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    for time in [got.time_access, got.time_metadata, got.time_modify] {
        let apart = time
            .unwrap()
            .seconds
            .abs_diff(i64::try_from(now.as_secs()).unwrap());
        assert!(apart < 60, "{time:?}");
        assert!(time.unwrap().nseconds < 1_000_000_000);
    }
}

#[test]
fn attributes_of_the_exclusive_create_can_be_set() {
    let mut fixture = SERVER.fixture("exclusive");
    let reply = fixture.here().getattr(&[FATTR4_SUPPATTR_EXCLCREAT]).ok();
    let set = reply.attributes().suppattr_exclcreat.unwrap();
    assert!(set.contains(FATTR4_MODE));
    assert!(set.difference(&Attributes::SUPPORTED).is_empty());
    for attribute in set.iter() {
        assert_ne!(attribute.support(), Some(Support::Read), "{attribute:?}");
    }
}

#[test]
fn directories_and_links_have_their_sizes() {
    let mut fixture = SERVER.fixture("sizes");
    let ask = [FATTR4_SIZE, FATTR4_NUMLINKS, FATTR4_SPACE_USED, FATTR4_MODE];
    let directory = fixture.subdirectory("d");
    let read = |fixture: &mut Fixture, handle: &[u8]| {
        let reply = fixture.session.compound().putfh(handle).getattr(&ask).ok();
        let got = reply.attributes();
        (
            got.size.unwrap(),
            got.numlinks.unwrap(),
            got.space_used.unwrap(),
        )
    };
    assert_eq!(read(&mut fixture, &directory), (6144, 2, 4096));
    fixture.session.make_directory(&directory, "sub1");
    fixture.session.make_directory(&directory, "sub2");
    fixture.session.make_file(&directory, "file", b"");
    assert_eq!(read(&mut fixture, &directory).1, 4);
    let link = fixture.symlink("0123456789", "l");
    assert_eq!(read(&mut fixture, &link), (10, 1, 4096));
    let empty = fixture.file("empty", b"");
    assert_eq!(read(&mut fixture, &empty), (0, 1, 4096));
    let large = fixture.file("large", &[1; 5000]);
    assert_eq!(read(&mut fixture, &large), (5000, 1, 8192));
}

#[test]
fn all_objects_are_of_one_file_system() {
    let mut fixture = SERVER.fixture("fsid");
    let file = fixture.file("f", b"");
    let fsid = |fixture: &mut Fixture, handle: &[u8]| {
        fixture
            .session
            .compound()
            .putfh(handle)
            .getattr(&[FATTR4_FSID])
            .ok()
            .attributes()
            .fsid
    };
    let root = fixture.session.root();
    let here = fixture.directory.clone();
    assert_eq!(fsid(&mut fixture, &root), fsid(&mut fixture, &file));
    assert_eq!(fsid(&mut fixture, &root), fsid(&mut fixture, &here));
}

#[test]
fn write_only_attributes_cannot_be_read() {
    let mut fixture = SERVER.fixture("write_only");
    for attribute in WRITE_ONLY {
        fixture.here().getattr(&[attribute]).expect(NFS4ERR_INVAL);
        fixture
            .here()
            .getattr(&[FATTR4_SIZE, attribute])
            .expect(NFS4ERR_INVAL);
    }
}

#[test]
fn what_is_unknown_is_left_out() {
    let mut fixture = SERVER.fixture("unknown");
    let reply = fixture.here().getattr(&[]).ok();
    assert!(mask(&reply).is_empty());
    for attribute in UNSUPPORTED {
        assert!(
            mask(&fixture.here().getattr(&[attribute]).ok()).is_empty(),
            "{attribute:?}"
        );
    }
    let reply = fixture
        .here()
        .getattr(&[FATTR4_ACL, FATTR4_SIZE, FATTR4_QUOTA_USED])
        .ok();
    assert_eq!(mask(&reply), Bitmap4::of(&[FATTR4_SIZE]));
    // Bits and words of minor versions to come (new kernels ask for open_arguments, 86).
    for words in [4_u32, 8, 31] {
        let mut bitmap = words.to_be_bytes().to_vec();
        bitmap.extend_from_slice(&(1_u32 << FATTR4_SIZE.0).to_be_bytes());
        for _ in 1..words {
            bitmap.extend_from_slice(&0xffff_0000_u32.to_be_bytes());
        }
        // The second word's upper half has write-only attributes, which would be refused.
        bitmap[8..12].copy_from_slice(&[0; 4]);
        let reply = fixture.here().raw(OpNum::OP_GETATTR.0, &bitmap).ok();
        let NfsResop4::Getattr(Ok(ok)) = reply.result(2) else {
            panic!("{reply:?}")
        };
        assert_eq!(
            ok.obj_attributes.attrmask,
            Bitmap4::of(&[FATTR4_SIZE]),
            "{words} words"
        );
    }
    // A bitmap longer than what is sent.
    fixture
        .here()
        .raw(OpNum::OP_GETATTR.0, &u32::MAX.to_be_bytes())
        .expect(NFS4ERR_BADXDR);
}

fn change(fixture: &mut Fixture, handle: &[u8]) -> u64 {
    let reply = fixture
        .session
        .compound()
        .putfh(handle)
        .getattr(&[FATTR4_CHANGE])
        .ok();
    reply.attributes().change.unwrap()
}

#[test]
fn change_steps_with_every_change_and_no_other_operation() {
    let mut fixture = SERVER.fixture("change");
    let file = fixture.file("f", b"12345");
    let here = fixture.directory.clone();
    let mut last = change(&mut fixture, &file);
    let mut steps = |fixture: &mut Fixture, what: &str, compound: fn(&mut Fixture, &[u8])| {
        compound(fixture, &file);
        let now = change(fixture, &file);
        assert!(now > last, "{what}: {last} then {now}");
        last = now;
    };
    for _ in 0..20 {
        steps(&mut fixture, "WRITE", |fixture, file| {
            let compound = fixture.session.compound().putfh(file);
            compound
                .write(Stateid4::ANONYMOUS, 0, StableHow4::Unstable, b"x")
                .ok();
        });
        steps(&mut fixture, "SETATTR mode", |fixture, file| {
            fixture
                .session
                .compound()
                .putfh(file)
                .setattr(Stateid4::ANONYMOUS, &mode(0o644))
                .ok();
        });
    }
    steps(&mut fixture, "SETATTR size", |fixture, file| {
        fixture
            .session
            .compound()
            .putfh(file)
            .setattr(Stateid4::ANONYMOUS, &size(99))
            .ok();
    });
    steps(&mut fixture, "SETATTR owner", |fixture, file| {
        fixture
            .session
            .compound()
            .putfh(file)
            .setattr(Stateid4::ANONYMOUS, &owner("7"))
            .ok();
    });
    steps(&mut fixture, "LINK", |fixture, file| {
        let here = fixture.directory.clone();
        fixture
            .session
            .compound()
            .putfh(file)
            .savefh()
            .putfh(&here)
            .link("second")
            .ok();
    });
    steps(&mut fixture, "RENAME", |fixture, _| {
        fixture.here().savefh().rename("second", "third").ok();
    });
    steps(&mut fixture, "REMOVE of a link", |fixture, _| {
        fixture.here().remove("third").ok();
    });
    let unchanged = change(&mut fixture, &file);
    let compound = fixture
        .session
        .compound()
        .putfh(&file)
        .read(Stateid4::ANONYMOUS, 0, 10);
    compound.access(0x3f).commit(0, 0).ok();
    let (stateid, _) = fixture.open(&Open::read("f"));
    fixture.session.compound().putfh(&file).close(stateid).ok();
    assert_eq!(change(&mut fixture, &file), unchanged);

    let mut last = change(&mut fixture, &here);
    type Step = fn(&mut Fixture);
    let entries: [(&str, Step); 6] = [
        ("CREATE", |fixture| {
            drop(fixture.here().mkdir("d", 0o755).ok());
        }),
        ("OPEN", |fixture| {
            drop(fixture.here().open(&Open::both("new").guarded()).ok());
        }),
        ("LINK", |fixture| {
            let here = fixture.directory.clone();
            let file = fixture.here().lookup("f").savefh();
            file.putfh(&here).link("l").ok();
        }),
        ("RENAME", |fixture| {
            drop(fixture.here().savefh().rename("l", "m").ok());
        }),
        ("REMOVE", |fixture| drop(fixture.here().remove("m").ok())),
        ("rmdir", |fixture| drop(fixture.here().remove("d").ok())),
    ];
    for (what, step) in entries {
        step(&mut fixture);
        let now = change(&mut fixture, &here);
        assert!(now > last, "{what} in a directory: {last} then {now}");
        last = now;
    }
    fixture.here().lookup("f").ok();
    fixture.here().mkdir("f", 0o755).expect(NFS4ERR_EXIST);
    assert_eq!(change(&mut fixture, &here), last);
}

#[test]
fn attributes_are_those_of_the_moment_whatever_the_compound_has_read_before() {
    let mut fixture = SERVER.fixture("moment");
    let file = fixture.file("f", b"12345");
    fixture.file("longer", b"1234567");
    let here = fixture.directory.clone();
    let ask = [FATTR4_SIZE, FATTR4_MODE];
    let data = b"123456789";
    let reply = fixture
        .here()
        .lookup("f")
        .access(0x3f)
        .getattr(&ask)
        .setattr(Stateid4::ANONYMOUS, &mode(0o600))
        .getattr(&ask)
        .savefh()
        .write(Stateid4::ANONYMOUS, 0, StableHow4::Unstable, data)
        .getattr(&ask)
        .putfh(&here)
        .lookup("longer")
        .getattr(&ask)
        .restorefh()
        .setattr(Stateid4::ANONYMOUS, &mode(0o640))
        .getattr(&ask)
        .putfh(&file)
        .getattr(&ask)
        .ok();
    let seen: Vec<_> = reply
        .results()
        .filter_map(|result| match result {
            NfsResop4::Getattr(Ok(ok)) => Some(ok.obj_attributes),
            _ => None,
        })
        .map(|fattr| Attributes::from_fattr4(&fattr).unwrap())
        .map(|attributes| (attributes.size.unwrap(), attributes.mode.unwrap()))
        .collect();
    let expected = [
        (5, 0o666),
        (5, 0o600),
        (9, 0o600),
        (7, 0o666),
        (9, 0o640),
        (9, 0o640),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn an_opened_file_has_the_attributes_of_its_opening() {
    let mut fixture = SERVER.fixture("opening");
    fixture.file("f", b"12345");
    let empty = Attributes {
        size: Some(0),
        ..Attributes::default()
    };
    let opens = [
        (Open::read("f"), 5),
        (Open::both("f").create(), 5),
        (Open::both("f").create().set(empty), 0),
    ];
    for (open, size) in opens {
        let compound = fixture.here().open(&open).access(0x3f);
        let reply = compound.getattr(&[FATTR4_SIZE]).ok();
        assert_eq!(reply.attributes().size, Some(size));
    }
}

#[test]
fn times_follow_what_happens() {
    let mut fixture = SERVER.fixture("times");
    let file = fixture.file("f", b"12345");
    let ask = [FATTR4_TIME_ACCESS, FATTR4_TIME_MODIFY, FATTR4_TIME_METADATA];
    let read = |fixture: &mut Fixture| {
        let reply = fixture.session.compound().putfh(&file).getattr(&ask).ok();
        let got = reply.attributes();
        (
            got.time_access.unwrap(),
            got.time_modify.unwrap(),
            got.time_metadata.unwrap(),
        )
    };
    let before = read(&mut fixture);
    std::thread::sleep(std::time::Duration::from_millis(20));
    let compound = fixture.session.compound().putfh(&file);
    compound.read(Stateid4::ANONYMOUS, 0, 10).ok();
    // The service keeps no access times on reading.
    assert_eq!(read(&mut fixture), before);
    let compound = fixture.session.compound().putfh(&file);
    compound
        .write(Stateid4::ANONYMOUS, 0, StableHow4::Unstable, b"x")
        .ok();
    let written = read(&mut fixture);
    assert!(
        written.1 > before.1 && written.2 > before.2,
        "{before:?} then {written:?}"
    );
    std::thread::sleep(std::time::Duration::from_millis(20));
    fixture
        .session
        .compound()
        .putfh(&file)
        .setattr(Stateid4::ANONYMOUS, &mode(0o600))
        .ok();
    let changed = read(&mut fixture);
    assert!(changed.1 == written.1 && changed.2 > written.2);
}

#[test]
fn verify_compares() {
    let mut fixture = SERVER.fixture("verify");
    let file = fixture.file("f", b"12345");
    let reply = fixture
        .session
        .compound()
        .putfh(&file)
        .getattr(&readable())
        .ok();
    let got = reply.attributes();
    // Each attribute alone: the same passes VERIFY, and fails NVERIFY.
    for attribute in readable() {
        if attribute == FATTR4_RDATTR_ERROR {
            continue;
        }
        let reply = fixture
            .session
            .compound()
            .putfh(&file)
            .getattr(&[attribute])
            .ok();
        let NfsResop4::Getattr(Ok(ok)) = reply.result(2) else {
            panic!("{reply:?}")
        };
        let values = ok.obj_attributes.attr_vals.as_slice();
        let only = Bitmap4::of(&[attribute]);
        let compound = || localefs_integration::client::Compound::detached().putfh(&file);
        let verify = compound().verify_raw(only, values).getfh();
        let nverify = compound().nverify_raw(only, values).getfh();
        let verified = fixture.session.compound().append(&verify).send();
        assert_eq!(verified.status(), NFS4_OK, "VERIFY {attribute:?}");
        let verified = fixture.session.compound().append(&nverify).send();
        assert_eq!(verified.status(), NFS4ERR_SAME, "NVERIFY {attribute:?}");
    }
    let different = |fixture: &mut Fixture, values: &Attributes<'_>| {
        fixture
            .session
            .compound()
            .putfh(&file)
            .verify(values)
            .expect(NFS4ERR_NOT_SAME);
        fixture
            .session
            .compound()
            .putfh(&file)
            .nverify(values)
            .getfh()
            .ok();
    };
    different(&mut fixture, &size(6));
    different(&mut fixture, &mode(0o600));
    different(&mut fixture, &owner("1"));
    different(&mut fixture, &group("1"));
    different(
        &mut fixture,
        &Attributes {
            change: Some(got.change.unwrap() + 1),
            ..Attributes::default()
        },
    );
    different(
        &mut fixture,
        &Attributes {
            file_type: Some(NfsFtype4::Dir),
            ..Attributes::default()
        },
    );
    different(
        &mut fixture,
        &Attributes {
            size: Some(5),
            mode: Some(0),
            ..Attributes::default()
        },
    );
}

#[test]
fn verify_refuses_what_cannot_be_compared() {
    let mut fixture = SERVER.fixture("verify_refuses");
    let file = fixture.file("f", b"12345");
    let time = packed(&SetTime4::ClientTime(Nfstime4::default()));
    let zero = 0_u32.to_be_bytes();
    let rows: Vec<(Bitmap4, Vec<u8>, Nfsstat4)> = vec![
        (
            Bitmap4::of(&[FATTR4_TIME_ACCESS_SET]),
            time.clone(),
            NFS4ERR_INVAL,
        ),
        (Bitmap4::of(&[FATTR4_TIME_MODIFY_SET]), time, NFS4ERR_INVAL),
        (
            Bitmap4::of(&[FATTR4_RDATTR_ERROR]),
            zero.to_vec(),
            NFS4ERR_INVAL,
        ),
        (
            Bitmap4::of(&[FATTR4_ACL]),
            zero.to_vec(),
            NFS4ERR_ATTRNOTSUPP,
        ),
        (
            Bitmap4::of(&[FATTR4_QUOTA_USED]),
            vec![0; 8],
            NFS4ERR_ATTRNOTSUPP,
        ),
        (
            Bitmap4::of(&[FATTR4_FS_LOCATIONS]),
            vec![0; 8],
            NFS4ERR_ATTRNOTSUPP,
        ),
        (Bitmap4::of(&[FATTR4_SIZE]), vec![0; 4], NFS4ERR_BADXDR),
        (Bitmap4::of(&[FATTR4_SIZE]), vec![0; 12], NFS4ERR_BADXDR),
        (Bitmap4::of(&[FATTR4_SIZE]), vec![], NFS4ERR_BADXDR),
        (Bitmap4::EMPTY, vec![0; 4], NFS4ERR_BADXDR),
        (
            Bitmap4::of(&[FATTR4_TYPE]),
            77_u32.to_be_bytes().to_vec(),
            NFS4ERR_BADXDR,
        ),
    ];
    for (mask, values, status) in rows {
        let compound = fixture
            .session
            .compound()
            .putfh(&file)
            .verify_raw(mask, &values);
        assert_eq!(
            compound.send().status(),
            status,
            "VERIFY {mask:?} {values:?}"
        );
        let compound = fixture
            .session
            .compound()
            .putfh(&file)
            .nverify_raw(mask, &values);
        assert_eq!(
            compound.send().status(),
            status,
            "NVERIFY {mask:?} {values:?}"
        );
    }
    // Nothing differs from nothing.
    fixture
        .session
        .compound()
        .putfh(&file)
        .verify(&Attributes::default())
        .ok();
    fixture
        .session
        .compound()
        .putfh(&file)
        .nverify(&Attributes::default())
        .expect(NFS4ERR_SAME);
}

#[test]
fn a_guard_of_version_3_is_made_of_verify() {
    let mut fixture = SERVER.fixture("guard");
    let file = fixture.file("f", b"12345");
    let at = change(&mut fixture, &file);
    let guard = Attributes {
        change: Some(at),
        ..Attributes::default()
    };
    let compound = fixture.session.compound().putfh(&file).verify(&guard);
    compound.setattr(Stateid4::ANONYMOUS, &mode(0o600)).ok();
    let compound = fixture.session.compound().putfh(&file).verify(&guard);
    compound
        .setattr(Stateid4::ANONYMOUS, &mode(0o644))
        .expect_status(2, NFS4ERR_NOT_SAME);
}

#[test]
fn attributes_need_no_permission() {
    let mut fixture = SERVER.fixture("no_permission");
    let file = fixture.file("f", b"12345");
    fixture
        .session
        .compound()
        .putfh(&file)
        .setattr(Stateid4::ANONYMOUS, &mode(0))
        .ok();
    let reply = fixture
        .session
        .as_user(9, 9)
        .putfh(&file)
        .getattr(&readable())
        .ok();
    assert_eq!(reply.attributes().size, Some(5));
    fixture
        .session
        .as_user(9, 9)
        .putfh(&file)
        .verify(&size(5))
        .ok();
}

#[test]
fn a_mask_is_answered_without_empty_words() {
    let mut fixture = SERVER.fixture("trimmed");
    let reply = fixture.here().getattr(&[FATTR4_SIZE]).ok();
    let result = reply.result(2);
    let encoded = packed(&result);
    // Number, status, then a bitmap of a single word.
    let (words, _) = decode::<u32>(&encoded[8..]).unwrap();
    assert_eq!(words, 1);
}
