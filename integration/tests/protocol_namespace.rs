//! CREATE, REMOVE, RENAME, LINK, READLINK (RFC 8881 §18.4, §18.9, §18.24 to §18.26).

use localefs_integration::client::names::*;
use localefs_integration::client::{Fixture, Open, SharedServer};
use localefs_protocol::nfs4::ops::Createtype4;
use localefs_protocol::nfs4::{
    Attributes, Bitmap4, ChangeInfo4, NfsFtype4, Nfsstat4, Specdata4, Stateid4,
};

static SERVER: SharedServer = SharedServer::new();

const ANONYMOUS: Stateid4 = Stateid4::ANONYMOUS;

fn change(fixture: &mut Fixture, directory: &[u8]) -> u64 {
    let reply = fixture
        .session
        .compound()
        .putfh(directory)
        .getattr(&[FATTR4_CHANGE])
        .ok();
    reply.attributes().change.unwrap()
}

/// What an operation says of a directory must be what GETATTR says around it.
#[track_caller]
fn true_change(fixture: &mut Fixture, directory: &[u8], before: u64, info: ChangeInfo4) {
    assert!(info.atomic);
    assert_eq!(info.before, before);
    assert_eq!(info.after, change(fixture, directory));
    assert!(info.after > info.before);
}

fn exists(fixture: &mut Fixture, name: &str) -> bool {
    fixture.here().lookup(name).send().status() == NFS4_OK
}

fn links(fixture: &mut Fixture, handle: &[u8]) -> u32 {
    let reply = fixture
        .session
        .compound()
        .putfh(handle)
        .getattr(&[FATTR4_NUMLINKS])
        .ok();
    reply.attributes().numlinks.unwrap()
}

#[test]
fn every_type_is_created_with_its_attributes() {
    let mut fixture = SERVER.fixture("types");
    let here = fixture.directory.clone();
    let rows = [
        ("d", Createtype4::Dir, NfsFtype4::Dir),
        ("l", Createtype4::Lnk("target".into()), NfsFtype4::Lnk),
        ("p", Createtype4::Fifo, NfsFtype4::Fifo),
        ("s", Createtype4::Sock, NfsFtype4::Sock),
    ];
    for (name, kind, expected) in rows {
        let before = change(&mut fixture, &here);
        let set = Attributes {
            mode: Some(0o751),
            ..owner("12")
        };
        let set = if name == "l" { owner("12") } else { set };
        let ask = [FATTR4_TYPE, FATTR4_MODE, FATTR4_OWNER];
        let reply = fixture.here().create(kind, name, &set).getattr(&ask).ok();
        // CREATE makes the new object current.
        let got = reply.attributes();
        assert_eq!(got.file_type, Some(expected));
        assert!(name == "l" || got.mode == Some(0o751));
        assert_eq!(got.owner.unwrap().as_slice(), b"12");
        assert_eq!(reply.create().attrset, set.mask());
        true_change(&mut fixture, &here, before, reply.create().cinfo);
    }
    let reply = fixture
        .here()
        .create(Createtype4::Dir, "bare", &Attributes::default())
        .ok();
    assert_eq!(reply.create().attrset, Bitmap4::EMPTY);
}

#[test]
fn other_types_are_not_created() {
    let mut fixture = SERVER.fixture("not_types");
    let device = Specdata4 {
        specdata1: 1,
        specdata2: 3,
    };
    for kind in [
        Createtype4::Reg,
        Createtype4::Blk(device),
        Createtype4::Chr(device),
        Createtype4::AttrDir,
        Createtype4::NamedAttr,
    ] {
        fixture
            .here()
            .create(kind, "x", &mode(0o600))
            .expect(NFS4ERR_BADTYPE);
    }
    assert!(!exists(&mut fixture, "x"));
}

#[test]
fn creating_is_refused() {
    let mut fixture = SERVER.fixture("refused");
    fixture.file("file", b"");
    fixture.subdirectory("directory");
    fixture.symlink("nowhere", "link");
    for name in ["file", "directory", "link"] {
        for kind in [
            Createtype4::Dir,
            Createtype4::Fifo,
            Createtype4::Lnk("t".into()),
        ] {
            fixture
                .here()
                .create(kind, name, &Attributes::default())
                .expect(NFS4ERR_EXIST);
        }
    }
    let rows = [
        (owner("me"), NFS4ERR_BADOWNER),
        (group("1@x"), NFS4ERR_BADOWNER),
        (mode(0o10000), NFS4ERR_INVAL),
        (
            Attributes {
                fileid: Some(1),
                ..Attributes::default()
            },
            NFS4ERR_INVAL,
        ),
    ];
    for (set, status) in rows {
        fixture
            .here()
            .create(Createtype4::Dir, "x", &set)
            .expect(status);
        assert!(!exists(&mut fixture, "x"), "{set:?}");
    }
    fixture
        .here_as(8)
        .create(Createtype4::Dir, "x", &owner("7"))
        .expect(NFS4ERR_PERM);
    assert!(!exists(&mut fixture, "x"));
    // An attribute that isn't supported, by hand: type, name, mask with bit 12, values.
    let mut args = vec![0, 0, 0, 2, 0, 0, 0, 1, b'x', 0, 0, 0];
    args.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0x10, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
    fixture.here().raw(6, &args).expect(NFS4ERR_ATTRNOTSUPP);
    assert!(!exists(&mut fixture, "x"));
}

#[test]
fn symbolic_links_hold_anything() {
    let mut fixture = SERVER.fixture("links");
    for (index, target) in [
        &b"x"[..],
        b"/",
        b"../../../etc/passwd",
        b"a/b/./c",
        b"\xff\xfe",
        &[b't'; 4080],
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("l{index}");
        fixture.here().symlink(target, &name).ok();
        let reply = fixture
            .here()
            .lookup(&name)
            .readlink()
            .getattr(&[FATTR4_SIZE])
            .ok();
        assert_eq!(reply.readlink().link.as_slice(), target);
        assert_eq!(reply.attributes().size, Some(target.len() as u64));
    }
    fixture
        .here()
        .symlink([b't'; 4081], "long")
        .expect(NFS4ERR_NAMETOOLONG);
    fixture
        .here()
        .symlink([b't'; 60000], "long")
        .expect(NFS4ERR_NAMETOOLONG);
    fixture.here().symlink(b"", "empty").expect(NFS4ERR_INVAL);
    fixture.here().symlink(b"a\0b", "nul").expect(NFS4ERR_INVAL);
}

#[test]
fn anything_is_removed_by_one_operation() {
    let mut fixture = SERVER.fixture("removed");
    let here = fixture.directory.clone();
    fixture.file("f", b"");
    fixture.subdirectory("d");
    fixture.symlink("x", "l");
    fixture
        .here()
        .create(Createtype4::Fifo, "p", &mode(0o600))
        .ok();
    for name in ["f", "d", "l", "p"] {
        let before = change(&mut fixture, &here);
        // The directory stays current.
        let reply = fixture.here().remove(name).getfh().ok();
        assert_eq!(reply.handle(), here);
        true_change(&mut fixture, &here, before, reply.remove().cinfo);
        fixture.here().remove(name).expect(NFS4ERR_NOENT);
    }
    let full = fixture.subdirectory("full");
    fixture.session.make_file(&full, "x", b"");
    fixture.here().remove("full").expect(NFS4ERR_NOTEMPTY);
    fixture.session.compound().putfh(&full).remove("x").ok();
    fixture.here().remove("full").ok();
}

#[test]
fn an_open_file_can_be_removed_and_replaced() {
    let mut fixture = SERVER.fixture("open_removed");
    fixture.file("f", b"first");
    let (stateid, file) = fixture.open(&Open::both("f"));
    fixture.here().remove("f").ok();
    let second = fixture.file("f", b"second");
    assert_ne!(file, second);
    let reply = fixture
        .session
        .compound()
        .putfh(&file)
        .read(stateid, 0, 10)
        .ok();
    assert_eq!(reply.read().data.as_slice(), b"first");
    fixture.file("g", b"third");
    let (other, _) = fixture.open(&Open::both("f").owner("o"));
    fixture.here().savefh().rename("g", "f").ok();
    let reply = fixture
        .session
        .compound()
        .putfh(&second)
        .read(other, 0, 10)
        .ok();
    assert_eq!(reply.read().data.as_slice(), b"second");
}

#[test]
fn a_rename_within_and_between_directories() {
    let mut fixture = SERVER.fixture("rename");
    let here = fixture.directory.clone();
    let there = fixture.subdirectory("there");
    let file = fixture.file("f", b"");
    let before = change(&mut fixture, &here);
    let reply = fixture.here().savefh().rename("f", "g").ok();
    let result = reply.rename();
    assert_eq!(result.source_cinfo, result.target_cinfo);
    true_change(&mut fixture, &here, before, result.source_cinfo);
    let (before_here, before_there) = (change(&mut fixture, &here), change(&mut fixture, &there));
    let compound = fixture
        .session
        .compound()
        .putfh(&here)
        .savefh()
        .putfh(&there);
    // The target directory is current afterwards.
    let reply = compound.rename("g", "h").getfh().ok();
    assert_eq!(reply.handle(), there);
    true_change(
        &mut fixture,
        &here,
        before_here,
        reply.rename().source_cinfo,
    );
    true_change(
        &mut fixture,
        &there,
        before_there,
        reply.rename().target_cinfo,
    );
    let moved = fixture
        .session
        .compound()
        .putfh(&there)
        .lookup("h")
        .getfh()
        .ok()
        .handle();
    assert_eq!(moved, file);
    // A directory's links follow.
    let linked = links(&mut fixture, &here);
    fixture.subdirectory("d");
    assert_eq!(links(&mut fixture, &here), linked + 1);
    fixture
        .session
        .compound()
        .putfh(&here)
        .savefh()
        .putfh(&there)
        .rename("d", "d")
        .ok();
    assert_eq!(links(&mut fixture, &here), linked);
    assert_eq!(links(&mut fixture, &there), 3);
}

/// What is renamed over what, and with which status. Where RFC 8881 has two for one thing, Linux
/// shows the same to programs: its own checks come first.
#[test]
fn a_rename_over_something() {
    let mut fixture = SERVER.fixture("rename_over");
    let exist: &[Nfsstat4] = &[NFS4ERR_EXIST];
    let full: &[Nfsstat4] = &[NFS4ERR_EXIST, NFS4ERR_NOTEMPTY];
    let ok: &[Nfsstat4] = &[NFS4_OK];
    let rows = [
        ("file", "file2", ok),
        ("file", "link", ok),
        ("link", "file", ok),
        ("directory", "empty", ok),
        ("file", "empty", exist),
        ("directory", "file", exist),
        ("directory", "link", exist),
        ("link", "directory", exist),
        ("directory", "full", full),
        ("full", "directory", ok),
        ("file", "full", full),
    ];
    for (from, to, statuses) in rows {
        let place = format!("{from} {to}");
        let directory = fixture.subdirectory(&place);
        let session = &mut fixture.session;
        session.make_file(&directory, "file", b"1");
        session.make_file(&directory, "file2", b"2");
        session
            .compound()
            .putfh(&directory)
            .symlink("x", "link")
            .ok();
        session.make_directory(&directory, "directory");
        session.make_directory(&directory, "empty");
        let inner = session.make_directory(&directory, "full");
        session.make_file(&inner, "x", b"");
        let source = session
            .compound()
            .putfh(&directory)
            .lookup(from)
            .getfh()
            .ok()
            .handle();
        let target = session
            .compound()
            .putfh(&directory)
            .lookup(to)
            .getfh()
            .ok()
            .handle();
        let reply = session
            .compound()
            .putfh(&directory)
            .savefh()
            .rename(from, to)
            .send();
        assert!(statuses.contains(&reply.status()), "{place}: {reply:?}");
        let now = session
            .compound()
            .putfh(&directory)
            .lookup(to)
            .getfh()
            .ok()
            .handle();
        let done = reply.status() == NFS4_OK;
        assert_eq!(now, if done { source } else { target }, "{place}");
        let old = session
            .compound()
            .putfh(&directory)
            .lookup(from)
            .send()
            .status();
        assert_eq!(old, if done { NFS4ERR_NOENT } else { NFS4_OK }, "{place}");
    }
}

#[test]
fn a_rename_that_changes_nothing() {
    let mut fixture = SERVER.fixture("rename_nothing");
    let here = fixture.directory.clone();
    let file = fixture.file("f", b"");
    let subdirectory = fixture.subdirectory("d");
    fixture
        .session
        .compound()
        .putfh(&file)
        .savefh()
        .putfh(&here)
        .link("g")
        .ok();
    for (from, to) in [("f", "f"), ("f", "g"), ("d", "d")] {
        let before = change(&mut fixture, &here);
        let reply = fixture.here().savefh().rename(from, to).ok();
        let info = reply.rename().target_cinfo;
        assert_eq!(
            (info.before, info.after),
            (before, before),
            "{from} to {to}"
        );
    }
    assert!(exists(&mut fixture, "f") && exists(&mut fixture, "g"));
    assert_eq!(links(&mut fixture, &file), 2);
    assert_eq!(links(&mut fixture, &subdirectory), 2);
}

#[test]
fn a_rename_is_refused() {
    let mut fixture = SERVER.fixture("rename_refused");
    let outer = fixture.subdirectory("outer");
    let inner = fixture.session.make_directory(&outer, "inner");
    let here = fixture.directory.clone();
    fixture
        .here()
        .savefh()
        .rename("missing", "x")
        .expect(NFS4ERR_NOENT);
    let session = &mut fixture.session;
    // Into itself.
    for target in [&outer, &inner] {
        let compound = session.compound().putfh(&here).savefh().putfh(target);
        compound.rename("outer", "x").expect(NFS4ERR_INVAL);
    }
    // Over its own parent.
    let compound = session.compound().putfh(&outer).savefh().putfh(&here);
    let status = compound.rename("inner", "outer").send().status();
    assert!(
        [NFS4ERR_EXIST, NFS4ERR_NOTEMPTY].contains(&status),
        "{status:?}"
    );
}

#[test]
fn moving_a_directory_needs_the_right_to_write_it() {
    let mut fixture = SERVER.fixture("move_directory");
    let there = fixture.subdirectory("there");
    let moved = fixture.subdirectory("moved");
    fixture
        .session
        .compound()
        .putfh(&moved)
        .setattr(ANONYMOUS, &mode(0o755))
        .ok();
    let here = fixture.directory.clone();
    // Its `..` changes: POSIX asks for it, and Linux does so only then.
    let compound = fixture
        .session
        .as_user(9, 9)
        .putfh(&here)
        .savefh()
        .putfh(&there);
    compound.rename("moved", "m").expect(NFS4ERR_ACCESS);
    fixture.here_as(9).savefh().rename("moved", "m").ok();
}

#[test]
fn links_are_made_up_to_a_number() {
    let mut fixture = SERVER.fixture("hard_links");
    let here = fixture.directory.clone();
    let file = fixture.file("f", b"content");
    let before = change(&mut fixture, &here);
    let compound = fixture
        .session
        .compound()
        .putfh(&file)
        .savefh()
        .putfh(&here);
    let reply = compound.link("l2").getfh().ok();
    assert_eq!(reply.handle(), here, "the directory stays current");
    true_change(&mut fixture, &here, before, reply.link().cinfo);
    assert_eq!(links(&mut fixture, &file), 2);
    let mut link = |name: &str| {
        let compound = fixture
            .session
            .compound()
            .putfh(&file)
            .savefh()
            .putfh(&here);
        compound.link(name).send().status()
    };
    for number in 3..=177 {
        assert_eq!(link(&format!("l{number}")), NFS4_OK, "link {number}");
    }
    assert_eq!(link("l178"), NFS4ERR_MLINK);
    assert_eq!(link("l2"), NFS4ERR_EXIST);
    assert_eq!(links(&mut fixture, &file), 177);
    fixture.here().remove("f").ok();
    let reply = fixture.here().lookup("l100").read(ANONYMOUS, 0, 100).ok();
    assert_eq!(reply.read().data.as_slice(), b"content");
}

#[test]
fn links_of_other_types() {
    let mut fixture = SERVER.fixture("link_types");
    let here = fixture.directory.clone();
    let directory = fixture.subdirectory("d");
    let symlink = fixture.symlink("x", "l");
    let fifo = fixture
        .here()
        .create(Createtype4::Fifo, "p", &mode(0o600))
        .getfh()
        .ok()
        .handle();
    let session = &mut fixture.session;
    let compound = session.compound().putfh(&directory).savefh().putfh(&here);
    compound.link("d2").expect(NFS4ERR_ISDIR);
    session
        .compound()
        .putfh(&fifo)
        .savefh()
        .putfh(&here)
        .link("p2")
        .ok();
    // The link itself gets another name; it is not followed.
    session
        .compound()
        .putfh(&symlink)
        .savefh()
        .putfh(&here)
        .link("l2")
        .ok();
    let reply = fixture.here().lookup("l2").readlink().ok();
    assert_eq!(reply.readlink().link.as_slice(), b"x");
}

#[test]
fn a_file_without_a_name_gets_no_new_one() {
    let mut fixture = SERVER.fixture("nameless");
    let here = fixture.directory.clone();
    fixture.file("f", b"");
    let (_, file) = fixture.open(&Open::both("f"));
    fixture.here().remove("f").ok();
    let compound = fixture
        .session
        .compound()
        .putfh(&file)
        .savefh()
        .putfh(&here);
    let status = compound.link("again").send().status();
    // As link(2) has it for what has been unlinked.
    assert!(
        [NFS4ERR_NOENT, NFS4ERR_STALE].contains(&status),
        "{status:?}"
    );
}

#[test]
fn a_deep_tree() {
    let mut fixture = SERVER.fixture("deep");
    let mut directory = fixture.directory.clone();
    for depth in 0..200 {
        directory = fixture
            .session
            .make_directory(&directory, &format!("{depth}"));
    }
    fixture.session.make_file(&directory, "leaf", b"found");
    let reply = fixture.session.compound().putfh(&directory).lookup("leaf");
    assert_eq!(
        reply.read(ANONYMOUS, 0, 10).ok().read().data.as_slice(),
        b"found"
    );
}

#[test]
fn directories_end_at_a_depth_of_1000() {
    let mut fixture = SERVER.fixture("depth");
    // The fixture's directory is one.
    let mut directory = fixture.directory.clone();
    let mut last = directory.clone();
    for _ in 1..1000 {
        last = directory;
        directory = fixture.session.make_directory(&last, "d");
    }
    let session = &mut fixture.session;
    let deepest = |session: &mut localefs_integration::client::Session| {
        session
            .compound()
            .putfh(&directory)
            .mkdir("d", 0o755)
            .send()
    };
    assert_eq!(deepest(session).status(), NFS4ERR_NAMETOOLONG);
    session.make_file(&directory, "f", b"found");
    session.make_directory(&last, "beside");
    let high = fixture.subdirectory("high");
    fixture.session.make_directory(&high, "inner");
    let mut rename = |from: &[u8], to: &[u8], name: &str| {
        let compound = fixture.session.compound().putfh(from).savefh().putfh(to);
        compound.rename(name, name).send().status()
    };
    assert_eq!(
        rename(&fixture.directory, &last, "high"),
        NFS4ERR_NAMETOOLONG
    );
    assert_eq!(rename(&high, &last, "inner"), NFS4_OK);
    assert_eq!(rename(&fixture.directory, &last, "high"), NFS4_OK);
    assert_eq!(rename(&last, &high, "inner"), NFS4ERR_NAMETOOLONG);
    assert_eq!(rename(&last, &fixture.directory, "high"), NFS4_OK);
    assert_eq!(rename(&last, &high, "inner"), NFS4_OK);
}
