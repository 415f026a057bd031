//! LOOKUP, LOOKUPP, names, and operations on objects of the wrong type
//! (RFC 8881 §14.5, §18.13, §18.14).

use std::collections::HashMap;

use localefs_integration::client::names::*;
use localefs_integration::client::{Compound, Fixture, Lock, Open, SharedServer};
use localefs_protocol::nfs4::ops::{Createtype4, SecinfoStyle4, StableHow4};
use localefs_protocol::nfs4::{Attributes, NfsFtype4, Nfsstat4, Stateid4, Verifier4};

static SERVER: SharedServer = SharedServer::new();

const ANONYMOUS: Stateid4 = Stateid4::ANONYMOUS;

/// One object of each type.
fn one_of_each(fixture: &mut Fixture) -> HashMap<&'static str, Vec<u8>> {
    let file = fixture.file("file", b"content");
    let directory = fixture.subdirectory("directory");
    let symlink = fixture.symlink("file", "symlink");
    let mut special = |kind, name| {
        fixture
            .here()
            .create(kind, name, &mode(0o666))
            .getfh()
            .ok()
            .handle()
    };
    let fifo = special(Createtype4::Fifo, "fifo");
    let socket = special(Createtype4::Sock, "socket");
    HashMap::from([
        ("file", file),
        ("directory", directory),
        ("symlink", symlink),
        ("fifo", fifo),
        ("socket", socket),
    ])
}

#[test]
fn every_type_is_found() {
    let mut fixture = SERVER.fixture("every_type");
    one_of_each(&mut fixture);
    for (name, kind) in [
        ("file", NfsFtype4::Reg),
        ("directory", NfsFtype4::Dir),
        ("symlink", NfsFtype4::Lnk),
        ("fifo", NfsFtype4::Fifo),
        ("socket", NfsFtype4::Sock),
    ] {
        let reply = fixture.here().lookup(name).getattr(&[FATTR4_TYPE]).ok();
        assert_eq!(reply.attributes().file_type, Some(kind));
    }
    fixture.here().lookup("nothing").expect(NFS4ERR_NOENT);
}

/// Operations that need a directory, on what is none. `link` says what a symbolic link gets:
/// RFC 8881 §15.2 has NFS4ERR_SYMLINK only for some of them.
#[test]
fn what_needs_a_directory_refuses_others() {
    let mut fixture = SERVER.fixture("needs_directory");
    let objects = one_of_each(&mut fixture);
    let here = fixture.directory.clone();
    let file = objects["file"].clone();
    let both = [NFS4ERR_NOTDIR, NFS4ERR_SYMLINK];
    let notdir = [NFS4ERR_NOTDIR, NFS4ERR_NOTDIR];
    type Build<'a> = Box<dyn Fn(Compound<'static>) -> Compound<'static> + 'a>;
    let start = |handle: &[u8]| Compound::detached().putfh(handle);
    let rows: Vec<(&str, Build<'_>, [Nfsstat4; 2])> = vec![
        ("LOOKUP", Box::new(|c| c.lookup("x")), [NFS4ERR_SYMLINK; 2]),
        ("LOOKUPP", Box::new(Compound::lookupp), both),
        ("CREATE", Box::new(|c| c.mkdir("x", 0o755)), notdir),
        ("REMOVE", Box::new(|c| c.remove("x")), notdir),
        (
            "READDIR",
            Box::new(|c| c.readdir(0, Verifier4::default(), 4096, &[])),
            notdir,
        ),
        ("SECINFO", Box::new(|c| c.secinfo("x")), notdir),
        (
            "SECINFO_NO_NAME",
            Box::new(|c| c.secinfo_no_name(SecinfoStyle4::Parent)),
            notdir,
        ),
        ("OPEN", Box::new(|c| c.open(&Open::read("x"))), both),
        (
            "OPEN create",
            Box::new(|c| c.open(&Open::both("x").create())),
            both,
        ),
        (
            "RENAME from",
            Box::new(|c| c.savefh().putfh(&here).rename("x", "y")),
            notdir,
        ),
    ];
    for (object, handle) in &objects {
        if *object == "directory" {
            continue;
        }
        for (name, build, link) in &rows {
            let reply = fixture
                .session
                .compound()
                .append(&build(start(handle)))
                .send();
            let allowed = if *object == "symlink" {
                *link
            } else {
                [NFS4ERR_NOTDIR; 2]
            };
            assert!(
                allowed.contains(&reply.status()),
                "{name} on {object}: {reply:?}"
            );
        }
        let to = fixture
            .session
            .compound()
            .putfh(&here)
            .savefh()
            .putfh(handle);
        let status = to.rename("file", "y").send().status();
        assert_eq!(status, NFS4ERR_NOTDIR, "RENAME to {object}");
        let to = fixture
            .session
            .compound()
            .putfh(&file)
            .savefh()
            .putfh(handle);
        let status = to.link("y").send().status();
        let allowed = if *object == "symlink" { both } else { notdir };
        assert!(allowed.contains(&status), "LINK to {object}: {status:?}");
    }
    fixture.here().lookup("file").ok();
}

/// Operations that need a regular file, on what is none.
#[test]
fn what_needs_a_file_refuses_others() {
    let mut fixture = SERVER.fixture("needs_file");
    let objects = one_of_each(&mut fixture);
    type Build = fn(Compound<'static>) -> Compound<'static>;
    let rows: Vec<(&str, Build)> = vec![
        ("READ", |c| c.read(ANONYMOUS, 0, 1)),
        ("WRITE", |c| {
            c.write(ANONYMOUS, 0, StableHow4::Unstable, b"x")
        }),
        ("COMMIT", |c| c.commit(0, 0)),
        ("LOCKT", |c| c.lockt(&Lock::read(0, 1), "x")),
        ("LOCK", |c| c.lock_new(&Lock::read(0, 1), ANONYMOUS, "x")),
        ("OPEN by handle", |c| c.open(&Open::read("").claim_fh())),
    ];
    let types = [
        ("directory", NFS4ERR_ISDIR),
        ("symlink", NFS4ERR_SYMLINK),
        ("fifo", NFS4ERR_WRONG_TYPE),
        ("socket", NFS4ERR_WRONG_TYPE),
    ];
    for (object, status) in types {
        for (name, build) in &rows {
            let compound = build(Compound::detached().putfh(&objects[object]));
            let reply = fixture.session.compound().append(&compound).send();
            assert_eq!(reply.status(), status, "{name} on {object}");
        }
        // By name, the same.
        fixture.here().open(&Open::read(object)).expect(status);
        fixture
            .here()
            .open(&Open::both(object).create())
            .expect(status);
        // RFC 8881 §15.2 has neither ISDIR nor SYMLINK for SETATTR.
        let compound = fixture.session.compound().putfh(&objects[object]);
        let reply = compound.setattr(ANONYMOUS, &size(0)).send();
        let allowed = [NFS4ERR_INVAL, NFS4ERR_WRONG_TYPE];
        assert!(
            allowed.contains(&reply.status()),
            "SETATTR size of {object}: {reply:?}"
        );
    }
}

#[test]
fn only_links_are_read_as_links() {
    let mut fixture = SERVER.fixture("links_only");
    let objects = one_of_each(&mut fixture);
    for object in ["file", "directory", "fifo", "socket"] {
        let reply = fixture
            .session
            .compound()
            .putfh(&objects[object])
            .readlink()
            .send();
        // RFC 8881 §15.2 has both; Linux makes EINVAL of either, as readlink(2) has it.
        let allowed = [NFS4ERR_INVAL, NFS4ERR_WRONG_TYPE];
        assert!(allowed.contains(&reply.status()), "{object}: {reply:?}");
    }
    let reply = fixture
        .session
        .compound()
        .putfh(&objects["symlink"])
        .readlink()
        .ok();
    assert_eq!(reply.readlink().link.as_slice(), b"file");
}

/// The errors of names, for every operation that takes one.
#[test]
fn names_are_checked_by_every_operation() {
    let mut fixture = SERVER.fixture("names");
    fixture.file("f", b"");
    let long = [b'x'; 256];
    let names: [(&[u8], Nfsstat4); 8] = [
        (b"", NFS4ERR_INVAL),
        (b".", NFS4ERR_BADNAME),
        (b"..", NFS4ERR_BADNAME),
        (b"/", NFS4ERR_BADNAME),
        (b"a/b", NFS4ERR_BADNAME),
        (b"a/", NFS4ERR_BADNAME),
        (b"a\0b", NFS4ERR_BADNAME),
        (&long, NFS4ERR_NAMETOOLONG),
    ];
    type Build = fn(Compound<'_>, &[u8]) -> Compound<'static>;
    fn owned(compound: &Compound<'_>) -> Compound<'static> {
        Compound::detached().append(compound)
    }
    let rows: Vec<(&str, Build)> = vec![
        ("LOOKUP", |c, name| owned(&c.lookup(name))),
        ("CREATE", |c, name| owned(&c.mkdir(name, 0o755))),
        ("symlink", |c, name| owned(&c.symlink("t", name))),
        ("REMOVE", |c, name| owned(&c.remove(name))),
        ("RENAME from", |c, name| {
            owned(&c.savefh().rename(name, "y"))
        }),
        ("RENAME to", |c, name| owned(&c.savefh().rename("f", name))),
        ("OPEN", |c, name| owned(&c.open(&Open::read(name)))),
        ("OPEN create", |c, name| {
            owned(&c.open(&Open::both(name).create()))
        }),
        ("OPEN guarded", |c, name| {
            owned(&c.open(&Open::both(name).guarded()))
        }),
        ("SECINFO", |c, name| owned(&c.secinfo(name))),
    ];
    let here = fixture.directory.clone();
    for (name, status) in names {
        for (operation, build) in &rows {
            let compound = build(Compound::detached().putfh(&here), name);
            let reply = fixture.session.compound().append(&compound).send();
            assert_eq!(
                reply.status(),
                status,
                "{operation} {:?}",
                name.escape_ascii().to_string()
            );
        }
        let compound = fixture.here().lookup("f").savefh().putfh(&here);
        compound.link(name).expect(status);
    }
}

#[test]
fn names_are_any_octets() {
    let mut fixture = SERVER.fixture("octets");
    for octet in (1..=255_u8).filter(|octet| ![b'/', b'.'].contains(octet)) {
        for name in [vec![octet], vec![b'a', octet, b'z']] {
            let made = fixture.here().mkdir(&name, 0o755).getfh().ok().handle();
            assert_eq!(fixture.here().lookup(&name).getfh().ok().handle(), made);
            fixture.here().remove(&name).ok();
        }
    }
    // Neither case nor Unicode makes two names one.
    for name in [
        "name", "Name", "NAME", "e\u{301}", "\u{e9}", " name", "name ", "...",
    ] {
        fixture.here().mkdir(name, 0o755).ok();
    }
    fixture.here().mkdir([b'y'; 255], 0o755).ok();
    fixture.here().lookup([b'y'; 255]).ok();
    fixture.here().lookup([b'y'; 254]).expect(NFS4ERR_NOENT);
}

#[test]
fn lookup_needs_the_right_to_search() {
    let mut fixture = SERVER.fixture("search");
    let closed = fixture.subdirectory("closed");
    fixture.session.make_file(&closed, "inside", b"");
    for (bits, status) in [
        (0o777, NFS4_OK),
        (0o711, NFS4_OK),
        (0o766, NFS4ERR_ACCESS),
        (0o770, NFS4ERR_ACCESS),
        (0o000, NFS4ERR_ACCESS),
    ] {
        fixture
            .session
            .compound()
            .putfh(&closed)
            .setattr(ANONYMOUS, &mode(bits))
            .ok();
        fixture
            .session
            .as_user(7, 7)
            .putfh(&closed)
            .lookup("inside")
            .expect(status);
        let missing = if status == NFS4_OK {
            NFS4ERR_NOENT
        } else {
            status
        };
        fixture
            .session
            .as_user(7, 7)
            .putfh(&closed)
            .lookup("missing")
            .expect(missing);
        // Root passes.
        fixture
            .session
            .compound()
            .putfh(&closed)
            .lookup("inside")
            .ok();
        // Who can't search can't go up either.
        fixture
            .session
            .as_user(7, 7)
            .putfh(&closed)
            .lookupp()
            .expect(status);
    }
}

#[test]
fn lookupp_goes_up_to_the_root() {
    let mut fixture = SERVER.fixture("up");
    let mut directory = fixture.directory.clone();
    for depth in 0..20 {
        directory = fixture
            .session
            .make_directory(&directory, &format!("d{depth}"));
    }
    let mut compound = fixture.session.compound().putfh(&directory);
    for _ in 0..21 {
        compound = compound.lookupp();
    }
    let top = compound.getfh().ok().handle();
    assert_eq!(top, fixture.session.root());
    fixture
        .session
        .compound()
        .putrootfh()
        .lookupp()
        .expect(NFS4ERR_NOENT);
    // After a move the parent is the new one.
    let target = fixture.subdirectory("target");
    let here = fixture.directory.clone();
    let moved = fixture.here().lookup("d0").getfh().ok().handle();
    let compound = fixture
        .session
        .compound()
        .putfh(&here)
        .savefh()
        .putfh(&target);
    compound.rename("d0", "moved").ok();
    let parent = fixture
        .session
        .compound()
        .putfh(&moved)
        .lookupp()
        .getfh()
        .ok()
        .handle();
    assert_eq!(parent, target);
}

#[test]
fn a_removed_directory_has_neither_children_nor_parent() {
    let mut fixture = SERVER.fixture("removed");
    let gone = fixture.subdirectory("gone");
    fixture.here().remove("gone").ok();
    for compound in [
        Compound::detached().putfh(&gone).lookup("x"),
        Compound::detached().putfh(&gone).lookupp(),
        Compound::detached().putfh(&gone).mkdir("x", 0o755),
        Compound::detached()
            .putfh(&gone)
            .open(&Open::both("x").create()),
        Compound::detached()
            .putfh(&gone)
            .readdir(0, Verifier4::default(), 4096, &[]),
        Compound::detached()
            .putfh(&gone)
            .setattr(ANONYMOUS, &Attributes::default()),
        Compound::detached().putfh(&gone).access(0x3f),
        Compound::detached().putfh(&gone).remove("x"),
    ] {
        let reply = fixture.session.compound().append(&compound).send();
        assert_eq!(reply.status(), NFS4ERR_STALE, "{compound}");
    }
}
