//! The errors that RFC 8881 §15.2 lists, operation by operation: every one that a client can
//! provoke here is provoked. Operations on clients and sessions have files of their own.
//!
//! Not provoked, as they can't come: what the file system or the disk would have to do (IO, NOSPC,
//! DQUOT, ROFS, XDEV, SERVERFAULT, DELAY), what the service lacks (MOVED, WRONGSEC, FHEXPIRED,
//! LOCKED, SHARE_DENIED, FILE_OPEN, BADCHAR and all of delegations, pNFS and state protection), and
//! what only other servers restrict (LOCK_RANGE, LOCK_NOTSUPP, BAD_RANGE, DEADLOCK). Those of every
//! operation are in `protocol_sequence`, `protocol_bad_input` (BADXDR, NOTSUPP, OP_ILLEGAL) and
//! `protocol_filehandles` (NOFILEHANDLE, STALE).

use std::collections::{BTreeMap, BTreeSet};

use localefs_integration::client::names::*;
use localefs_integration::client::{
    ClientOptions, Compound, Credential, Fixture, Lock, Open, Session, SharedServer,
};
use localefs_protocol::nfs4::ops::{Createtype4, SecinfoStyle4, StableHow4};
use localefs_protocol::nfs4::{
    Attr, Attributes, Bitmap4, Nfsstat4, Nfstime4, OpInfo, SetTime4, Stateid4, StateidOther,
    Verifier4,
};

static SERVER: SharedServer = SharedServer::new();

const ANONYMOUS: Stateid4 = Stateid4::ANONYMOUS;
const START: Verifier4 = Verifier4([0; 8]);
const LONG: [u8; 256] = [b'x'; 256];

/// Somebody who owns nothing.
const STRANGER: Credential = Credential::user(9, 9);

/// What RFC 8881 §15.2 lists and this file provokes.
const LISTED: [(&str, &[Nfsstat4]); 25] = [
    ("CLOSE", &[NFS4ERR_BAD_STATEID, NFS4ERR_OLD_STATEID]),
    (
        "COMMIT",
        &[NFS4ERR_ISDIR, NFS4ERR_SYMLINK, NFS4ERR_WRONG_TYPE],
    ),
    (
        "CREATE",
        &[
            NFS4ERR_ACCESS,
            NFS4ERR_ATTRNOTSUPP,
            NFS4ERR_BADNAME,
            NFS4ERR_BADOWNER,
            NFS4ERR_BADTYPE,
            NFS4ERR_EXIST,
            NFS4ERR_INVAL,
            NFS4ERR_NAMETOOLONG,
            NFS4ERR_NOTDIR,
            NFS4ERR_PERM,
        ],
    ),
    (
        "FREE_STATEID",
        &[NFS4ERR_BAD_STATEID, NFS4ERR_LOCKS_HELD, NFS4ERR_OLD_STATEID],
    ),
    ("GETATTR", &[NFS4ERR_INVAL]),
    (
        "LINK",
        &[
            NFS4ERR_ACCESS,
            NFS4ERR_BADNAME,
            NFS4ERR_EXIST,
            NFS4ERR_INVAL,
            NFS4ERR_ISDIR,
            NFS4ERR_MLINK,
            NFS4ERR_NAMETOOLONG,
            NFS4ERR_NOTDIR,
        ],
    ),
    (
        "LOCK",
        &[
            NFS4ERR_BAD_STATEID,
            NFS4ERR_DENIED,
            NFS4ERR_INVAL,
            NFS4ERR_ISDIR,
            NFS4ERR_NO_GRACE,
            NFS4ERR_OLD_STATEID,
            NFS4ERR_OPENMODE,
            NFS4ERR_SYMLINK,
            NFS4ERR_WRONG_TYPE,
        ],
    ),
    (
        "LOCKT",
        &[
            NFS4ERR_DENIED,
            NFS4ERR_INVAL,
            NFS4ERR_ISDIR,
            NFS4ERR_SYMLINK,
            NFS4ERR_WRONG_TYPE,
        ],
    ),
    (
        "LOCKU",
        &[NFS4ERR_BAD_STATEID, NFS4ERR_INVAL, NFS4ERR_OLD_STATEID],
    ),
    (
        "LOOKUP",
        &[
            NFS4ERR_ACCESS,
            NFS4ERR_BADNAME,
            NFS4ERR_INVAL,
            NFS4ERR_NAMETOOLONG,
            NFS4ERR_NOENT,
            NFS4ERR_NOTDIR,
            NFS4ERR_SYMLINK,
        ],
    ),
    ("LOOKUPP", &[NFS4ERR_ACCESS, NFS4ERR_NOENT, NFS4ERR_NOTDIR]),
    (
        "NVERIFY",
        &[NFS4ERR_ATTRNOTSUPP, NFS4ERR_INVAL, NFS4ERR_SAME],
    ),
    (
        "OPEN",
        &[
            NFS4ERR_ACCESS,
            NFS4ERR_ATTRNOTSUPP,
            NFS4ERR_BADNAME,
            NFS4ERR_BADOWNER,
            NFS4ERR_EXIST,
            NFS4ERR_FBIG,
            NFS4ERR_INVAL,
            NFS4ERR_ISDIR,
            NFS4ERR_NAMETOOLONG,
            NFS4ERR_NOENT,
            NFS4ERR_NOTDIR,
            NFS4ERR_NO_GRACE,
            NFS4ERR_PERM,
            NFS4ERR_SYMLINK,
            NFS4ERR_WRONG_TYPE,
        ],
    ),
    (
        "OPEN_DOWNGRADE",
        &[NFS4ERR_BAD_STATEID, NFS4ERR_INVAL, NFS4ERR_OLD_STATEID],
    ),
    ("PUTFH", &[NFS4ERR_BADHANDLE]),
    (
        "READ",
        &[
            NFS4ERR_ACCESS,
            NFS4ERR_BAD_STATEID,
            NFS4ERR_ISDIR,
            NFS4ERR_OLD_STATEID,
            NFS4ERR_SYMLINK,
            NFS4ERR_WRONG_TYPE,
        ],
    ),
    (
        "READDIR",
        &[
            NFS4ERR_ACCESS,
            NFS4ERR_BAD_COOKIE,
            NFS4ERR_INVAL,
            NFS4ERR_NOTDIR,
            NFS4ERR_NOT_SAME,
            NFS4ERR_TOOSMALL,
        ],
    ),
    ("RECLAIM_COMPLETE", &[NFS4ERR_COMPLETE_ALREADY]),
    (
        "REMOVE",
        &[
            NFS4ERR_ACCESS,
            NFS4ERR_BADNAME,
            NFS4ERR_INVAL,
            NFS4ERR_NAMETOOLONG,
            NFS4ERR_NOENT,
            NFS4ERR_NOTDIR,
            NFS4ERR_NOTEMPTY,
        ],
    ),
    (
        "RENAME",
        &[
            NFS4ERR_ACCESS,
            NFS4ERR_BADNAME,
            NFS4ERR_EXIST,
            NFS4ERR_INVAL,
            NFS4ERR_NAMETOOLONG,
            NFS4ERR_NOENT,
            NFS4ERR_NOTDIR,
        ],
    ),
    (
        "SECINFO",
        &[
            NFS4ERR_ACCESS,
            NFS4ERR_BADNAME,
            NFS4ERR_INVAL,
            NFS4ERR_NAMETOOLONG,
            NFS4ERR_NOENT,
            NFS4ERR_NOTDIR,
        ],
    ),
    (
        "SECINFO_NO_NAME",
        &[NFS4ERR_ACCESS, NFS4ERR_NOENT, NFS4ERR_NOTDIR],
    ),
    (
        "SETATTR",
        &[
            NFS4ERR_ACCESS,
            NFS4ERR_ATTRNOTSUPP,
            NFS4ERR_BADOWNER,
            NFS4ERR_BAD_STATEID,
            NFS4ERR_FBIG,
            NFS4ERR_INVAL,
            NFS4ERR_OLD_STATEID,
            NFS4ERR_OPENMODE,
            NFS4ERR_PERM,
        ],
    ),
    (
        "VERIFY",
        &[NFS4ERR_ATTRNOTSUPP, NFS4ERR_INVAL, NFS4ERR_NOT_SAME],
    ),
    (
        "WRITE",
        &[
            NFS4ERR_ACCESS,
            NFS4ERR_BAD_STATEID,
            NFS4ERR_FBIG,
            NFS4ERR_ISDIR,
            NFS4ERR_OLD_STATEID,
            NFS4ERR_OPENMODE,
            NFS4ERR_SYMLINK,
            NFS4ERR_WRONG_TYPE,
        ],
    ),
];

/// One of everything, and the statuses that were provoked.
struct World {
    fixture: Fixture,
    here: Vec<u8>,
    file: Vec<u8>,
    directory: Vec<u8>,
    link: Vec<u8>,
    fifo: Vec<u8>,
    /// A directory of root's that nobody else may enter, with `inside` in it.
    closed: Vec<u8>,
    /// An open for reading.
    reader: Stateid4,
    /// An open for both that was changed since, and what it is now.
    old: Stateid4,
    both: Stateid4,
    /// A lock of its owner on octets 0 to 9 that was changed since, and what it is now.
    old_lock: Stateid4,
    lock: Stateid4,
    provoked: BTreeMap<&'static str, BTreeSet<u32>>,
}

impl World {
    fn new() -> Self {
        let mut fixture = SERVER.fixture("errors");
        let here = fixture.directory.clone();
        let file = fixture.file("file", b"content");
        let directory = fixture.subdirectory("directory");
        let link = fixture.symlink("nowhere", "link");
        let fifo = fixture
            .here()
            .create(Createtype4::Fifo, "fifo", &mode(0o600))
            .getfh()
            .ok();
        let closed = fixture.subdirectory("closed");
        fixture.session.make_file(&directory, "inside", b"");
        fixture.session.make_file(&closed, "inside", b"");
        let session = &mut fixture.session;
        session
            .compound()
            .putfh(&closed)
            .setattr(ANONYMOUS, &mode(0o700))
            .ok();
        session
            .compound()
            .putfh(&file)
            .setattr(ANONYMOUS, &mode(0o644))
            .ok();
        let (reader, _) = fixture.open(&Open::read("file").owner("reader"));
        let (old, _) = fixture.open(&Open::both("file").owner("both"));
        let (both, _) = fixture.open(&Open::both("file").owner("both"));
        let session = &mut fixture.session;
        let compound = session.compound().putfh(&file);
        let compound = compound.lock_new(&Lock::write(0, 5), both, "holder");
        let old_lock = compound.ok().lock_stateid();
        let compound = session.compound().putfh(&file);
        let lock = compound
            .lock_more(&Lock::write(5, 5), old_lock)
            .ok()
            .lock_stateid();
        Self {
            fixture,
            here,
            file,
            directory,
            link,
            fifo: fifo.handle(),
            closed,
            reader,
            old,
            both,
            old_lock,
            lock,
            provoked: BTreeMap::new(),
        }
    }

    /// The last operation of `compound`, by this user, must end with `status`.
    #[track_caller]
    fn by(&mut self, who: Credential, compound: &Compound<'_>, status: Nfsstat4) {
        let session: &mut Session = &mut self.fixture.session;
        let whole = session.compound().credential(who).append(compound);
        let sent = whole.to_string();
        let reply = whole.send();
        let (number, _) = *reply.statuses().last().unwrap();
        let name = OpInfo::of(number).unwrap().name;
        assert_eq!(reply.status(), status, "{sent}: {reply:?}");
        assert!(
            sent.trim_end().ends_with(name),
            "{sent} ended earlier: {reply:?}"
        );
        self.provoked.entry(name).or_default().insert(status.0);
    }

    #[track_caller]
    fn gets(&mut self, compound: &Compound<'_>, status: Nfsstat4) {
        self.by(Credential::ROOT, compound, status);
    }
}

fn at(handle: &[u8]) -> Compound<'static> {
    Compound::detached().putfh(handle)
}

/// The errors of a name, for an operation that `build` makes of it.
fn names(world: &mut World, build: impl Fn(&[u8]) -> Compound<'static>) {
    for (name, status) in [
        (&b""[..], NFS4ERR_INVAL),
        (b".", NFS4ERR_BADNAME),
        (b"..", NFS4ERR_BADNAME),
        (b"a/b", NFS4ERR_BADNAME),
        (&LONG, NFS4ERR_NAMETOOLONG),
    ] {
        world.gets(&build(name), status);
    }
}

/// The errors of an operation on what is no regular file.
fn types(world: &mut World, build: impl Fn(Compound<'static>) -> Compound<'static>) {
    world.gets(&build(at(&world.directory.clone())), NFS4ERR_ISDIR);
    world.gets(&build(at(&world.link.clone())), NFS4ERR_SYMLINK);
    world.gets(&build(at(&world.fifo.clone())), NFS4ERR_WRONG_TYPE);
}

/// The errors of a stateid in an operation that needs one.
fn stateids(
    world: &mut World,
    [old, now]: [Stateid4; 2],
    build: impl Fn(Stateid4) -> Compound<'static>,
) {
    let future = Stateid4 {
        seqid: now.seqid + 1,
        ..now
    };
    let unknown = Stateid4 {
        seqid: 1,
        other: StateidOther([5; 12]),
    };
    for bad in [future, unknown, Stateid4::INVALID, Stateid4::CURRENT] {
        world.gets(&build(bad), NFS4ERR_BAD_STATEID);
    }
    world.gets(&build(old), NFS4ERR_OLD_STATEID);
}

fn directories(world: &mut World) {
    let (here, file, closed) = (world.here.clone(), world.file.clone(), world.closed.clone());
    let root_only = owner("7");
    world.by(STRANGER, &at(&closed).mkdir("x", 0o755), NFS4ERR_ACCESS);
    world.by(
        STRANGER,
        &at(&here).create(Createtype4::Dir, "x", &root_only),
        NFS4ERR_PERM,
    );
    world.gets(
        &at(&here).create(Createtype4::Reg, "x", &mode(0o600)),
        NFS4ERR_BADTYPE,
    );
    world.gets(
        &at(&here).create(Createtype4::Dir, "x", &owner("me")),
        NFS4ERR_BADOWNER,
    );
    world.gets(
        &at(&here).create(Createtype4::Dir, "x", &mode(0o10000)),
        NFS4ERR_INVAL,
    );
    world.gets(&at(&here).mkdir("file", 0o755), NFS4ERR_EXIST);
    world.gets(&at(&file).mkdir("x", 0o755), NFS4ERR_NOTDIR);
    let mut acl = vec![0, 0, 0, 2, 0, 0, 0, 1, b'x', 0, 0, 0];
    acl.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0x10, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
    world.gets(&at(&here).raw(6, &acl), NFS4ERR_ATTRNOTSUPP);
    names(world, |name| at(&here).mkdir(name, 0o755));

    let linked = |from: &[u8], to: &[u8]| at(from).savefh().putfh(to);
    world.by(STRANGER, &linked(&file, &closed).link("x"), NFS4ERR_ACCESS);
    world.gets(&linked(&file, &here).link("link"), NFS4ERR_EXIST);
    world.gets(
        &linked(&world.directory.clone(), &here).link("x"),
        NFS4ERR_ISDIR,
    );
    world.gets(&linked(&file, &file).link("x"), NFS4ERR_NOTDIR);
    names(world, |name| linked(&file, &here).link(name));
    let many = world.fixture.file("many", b"");
    for number in 2..=177 {
        let place = world.directory.clone();
        let compound = linked(&many, &place).link(format!("many{number}"));
        world.fixture.session.compound().append(&compound).ok();
    }
    world.gets(&linked(&many, &here).link("x"), NFS4ERR_MLINK);

    world.by(STRANGER, &at(&closed).lookup("inside"), NFS4ERR_ACCESS);
    world.gets(&at(&here).lookup("missing"), NFS4ERR_NOENT);
    world.gets(&at(&file).lookup("x"), NFS4ERR_NOTDIR);
    world.gets(&at(&world.link.clone()).lookup("x"), NFS4ERR_SYMLINK);
    names(world, |name| at(&here).lookup(name));

    world.by(STRANGER, &at(&closed).lookupp(), NFS4ERR_ACCESS);
    world.gets(&Compound::detached().putrootfh().lookupp(), NFS4ERR_NOENT);
    world.gets(&at(&file).lookupp(), NFS4ERR_NOTDIR);

    let list = |compound: Compound<'static>, ask: &[Attr]| compound.readdir(0, START, 4096, ask);
    world.by(STRANGER, &list(at(&closed), &[]), NFS4ERR_ACCESS);
    world.gets(&list(at(&here), &[FATTR4_TIME_MODIFY_SET]), NFS4ERR_INVAL);
    world.gets(&list(at(&file), &[]), NFS4ERR_NOTDIR);
    world.gets(&at(&here).readdir(1, START, 4096, &[]), NFS4ERR_BAD_COOKIE);
    world.gets(&at(&here).readdir(0, START, 8, &[]), NFS4ERR_TOOSMALL);
    let reply = world.fixture.here().readdir(0, START, 4096, &[]).ok();
    let cookie = reply.readdir().reply.iter().next().unwrap().cookie;
    let other = Verifier4(reply.readdir().cookieverf.0.map(|octet| !octet));
    world.gets(
        &at(&here).readdir(cookie, other, 4096, &[]),
        NFS4ERR_NOT_SAME,
    );

    world.by(STRANGER, &at(&closed).remove("inside"), NFS4ERR_ACCESS);
    world.gets(&at(&here).remove("missing"), NFS4ERR_NOENT);
    world.gets(&at(&here).remove("directory"), NFS4ERR_NOTEMPTY);
    world.gets(&at(&file).remove("x"), NFS4ERR_NOTDIR);
    names(world, |name| at(&here).remove(name));

    let renamed = |from: &[u8], to: &[u8]| at(from).savefh().putfh(to);
    world.by(
        STRANGER,
        &renamed(&closed, &closed).rename("inside", "x"),
        NFS4ERR_ACCESS,
    );
    world.gets(&renamed(&here, &here).rename("missing", "x"), NFS4ERR_NOENT);
    world.gets(
        &renamed(&here, &here).rename("file", "directory"),
        NFS4ERR_EXIST,
    );
    world.gets(&renamed(&file, &here).rename("x", "y"), NFS4ERR_NOTDIR);
    world.gets(&renamed(&here, &file).rename("link", "y"), NFS4ERR_NOTDIR);
    let into_itself = renamed(&here, &world.directory.clone());
    world.gets(&into_itself.rename("directory", "x"), NFS4ERR_INVAL);
    names(world, |name| renamed(&here, &here).rename(name, "x"));
    names(world, |name| renamed(&here, &here).rename("file", name));

    world.by(STRANGER, &at(&closed).secinfo("inside"), NFS4ERR_ACCESS);
    world.gets(&at(&here).secinfo("missing"), NFS4ERR_NOENT);
    world.gets(&at(&file).secinfo("x"), NFS4ERR_NOTDIR);
    names(world, |name| at(&here).secinfo(name));
    let parent = |compound: Compound<'static>| compound.secinfo_no_name(SecinfoStyle4::Parent);
    world.by(STRANGER, &parent(at(&closed)), NFS4ERR_ACCESS);
    world.gets(&parent(Compound::detached().putrootfh()), NFS4ERR_NOENT);
    world.gets(&parent(at(&file)), NFS4ERR_NOTDIR);
    world.gets(&Compound::detached().putfh(b"forged"), NFS4ERR_BADHANDLE);
}

fn attributes(world: &mut World) {
    let file = world.file.clone();
    let change = Attributes {
        change: Some(1),
        ..Attributes::default()
    };
    let late = SetTime4::ClientTime(Nfstime4 {
        seconds: 0,
        nseconds: 1_000_000_000,
    });
    let late = Attributes {
        time_modify_set: Some(late),
        ..Attributes::default()
    };
    let acl = Bitmap4::of(&[FATTR4_ACL]);
    world.gets(&at(&file).getattr(&[FATTR4_TIME_ACCESS_SET]), NFS4ERR_INVAL);
    world.gets(&at(&file).nverify(&size(7)), NFS4ERR_SAME);
    world.gets(&at(&file).nverify(&late), NFS4ERR_INVAL);
    world.gets(&at(&file).nverify_raw(acl, &[0; 4]), NFS4ERR_ATTRNOTSUPP);
    world.gets(&at(&file).verify(&size(8)), NFS4ERR_NOT_SAME);
    world.gets(&at(&file).verify(&late), NFS4ERR_INVAL);
    world.gets(&at(&file).verify_raw(acl, &[0; 4]), NFS4ERR_ATTRNOTSUPP);

    let set = |values: &Attributes<'_>| at(&file).setattr(ANONYMOUS, values);
    world.by(STRANGER, &set(&size(0)), NFS4ERR_ACCESS);
    world.by(STRANGER, &set(&mode(0o777)), NFS4ERR_PERM);
    world.by(STRANGER, &set(&owner("9")), NFS4ERR_PERM);
    world.gets(&set(&change), NFS4ERR_INVAL);
    world.gets(&set(&late), NFS4ERR_INVAL);
    world.gets(&set(&owner("root")), NFS4ERR_BADOWNER);
    world.gets(&set(&size(u64::MAX)), NFS4ERR_FBIG);
    world.gets(
        &at(&file).setattr_raw(ANONYMOUS, acl, &[0; 4]),
        NFS4ERR_ATTRNOTSUPP,
    );
    world.gets(&at(&file).setattr(world.reader, &size(0)), NFS4ERR_OPENMODE);
    let opens = [world.old, world.both];
    stateids(world, opens, |stateid| at(&file).setattr(stateid, &size(7)));
}

fn opens(world: &mut World) {
    let (here, file, closed) = (world.here.clone(), world.file.clone(), world.closed.clone());
    let open = |open: Open<'_>| at(&here).open(&open);
    world.by(STRANGER, &open(Open::write("file")), NFS4ERR_ACCESS);
    world.by(
        STRANGER,
        &at(&closed).open(&Open::read("inside")),
        NFS4ERR_ACCESS,
    );
    let given = Open::both("new").create().set(owner("7"));
    world.by(STRANGER, &open(given), NFS4ERR_PERM);
    world.gets(&open(Open::both("file").guarded()), NFS4ERR_EXIST);
    world.gets(&open(Open::read("missing")), NFS4ERR_NOENT);
    world.gets(&open(Open::read("file").access(0)), NFS4ERR_INVAL);
    world.gets(&open(Open::read("directory")), NFS4ERR_ISDIR);
    world.gets(&open(Open::read("link")), NFS4ERR_SYMLINK);
    world.gets(&open(Open::read("fifo")), NFS4ERR_WRONG_TYPE);
    world.gets(&at(&file).open(&Open::read("x")), NFS4ERR_NOTDIR);
    world.gets(
        &at(&file).open(&Open::read("").previous()),
        NFS4ERR_NO_GRACE,
    );
    world.gets(
        &open(Open::both("new").create().set(size(u64::MAX))),
        NFS4ERR_FBIG,
    );
    world.gets(
        &open(Open::both("new").create().set(owner("me"))),
        NFS4ERR_BADOWNER,
    );
    names(world, |name| at(&here).open(&Open::read(name)));
    names(world, |name| at(&here).open(&Open::both(name).create()));
    // seqid, access, deny, owner `o`, create unchecked with an ACL, by the name `x`
    let words = [
        0_u32,
        3,
        0,
        0,
        0,
        1,
        u32::from_be_bytes(*b"o\0\0\0"),
        1,
        0,
        1,
        0x1000,
        4,
        0,
        0,
        1,
    ];
    let mut acl: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    acl.extend_from_slice(b"x\0\0\0");
    world.gets(&at(&here).raw(18, &acl), NFS4ERR_ATTRNOTSUPP);

    let opens = [world.old, world.both];
    stateids(world, opens, |stateid| {
        at(&file).open_downgrade(stateid, 3, 0)
    });
    world.gets(&at(&file).open_downgrade(world.both, 4, 0), NFS4ERR_INVAL);
    world.gets(&at(&file).open_downgrade(world.reader, 3, 0), NFS4ERR_INVAL);
    stateids(world, opens, |stateid| at(&file).close(stateid));
    world.gets(
        &Compound::detached().reclaim_complete(),
        NFS4ERR_COMPLETE_ALREADY,
    );
}

fn data(world: &mut World) {
    let file = world.file.clone();
    let hidden = world.fixture.file("hidden", b"secret");
    let write = |compound: Compound<'static>, stateid| {
        compound.write(stateid, 0, StableHow4::Unstable, b"x")
    };
    world.gets(&at(&hidden).setattr(ANONYMOUS, &mode(0o600)), NFS4_OK);
    world.by(STRANGER, &at(&hidden).read(ANONYMOUS, 0, 1), NFS4ERR_ACCESS);
    world.by(STRANGER, &write(at(&hidden), ANONYMOUS), NFS4ERR_ACCESS);
    types(world, |compound| compound.read(ANONYMOUS, 0, 1));
    types(world, |compound| write(compound, ANONYMOUS));
    types(world, |compound| compound.commit(0, 0));
    let opens = [world.old, world.both];
    stateids(world, opens, |stateid| at(&file).read(stateid, 0, 1));
    stateids(world, opens, |stateid| write(at(&file), stateid));
    world.gets(&write(at(&file), world.reader), NFS4ERR_OPENMODE);
    let far = at(&file).write(ANONYMOUS, 1 << 62, StableHow4::Unstable, b"x");
    world.gets(&far, NFS4ERR_FBIG);
}

fn locks(world: &mut World) {
    let file = world.file.clone();
    let range = Lock::write(3, 1);
    let (both, reader, lock) = (world.both, world.reader, world.lock);
    world.gets(&at(&file).lock_new(&range, both, "other"), NFS4ERR_DENIED);
    world.gets(
        &at(&file).lock_new(&Lock::write(0, 0), both, "other"),
        NFS4ERR_INVAL,
    );
    world.gets(
        &at(&file).lock_new(&Lock::write(50, 1).reclaim(), both, "x"),
        NFS4ERR_NO_GRACE,
    );
    world.gets(
        &at(&file).lock_new(&Lock::write(50, 1), reader, "x"),
        NFS4ERR_OPENMODE,
    );
    types(world, |compound| compound.lock_new(&range, both, "other"));
    let opens = [world.old, both];
    stateids(world, opens, |stateid| {
        at(&file).lock_new(&Lock::write(50, 1), stateid, "x")
    });
    let locks = [world.old_lock, lock];
    stateids(world, locks, |stateid| at(&file).lock_more(&range, stateid));

    world.gets(&at(&file).lockt(&range, "other"), NFS4ERR_DENIED);
    world.gets(
        &at(&file).lockt(&Lock::write(u64::MAX, 2), "other"),
        NFS4ERR_INVAL,
    );
    types(world, |compound| compound.lockt(&range, "other"));

    stateids(world, locks, |stateid| at(&file).locku(stateid, 0, 1));
    world.gets(&at(&file).locku(lock, 0, 0), NFS4ERR_INVAL);

    stateids(world, locks, |stateid| {
        Compound::detached().free_stateid(stateid)
    });
    world.gets(&Compound::detached().free_stateid(lock), NFS4ERR_LOCKS_HELD);
    world.gets(&Compound::detached().free_stateid(both), NFS4ERR_LOCKS_HELD);
}

#[test]
fn every_error_that_can_come_comes() {
    let mut world = World::new();
    directories(&mut world);
    attributes(&mut world);
    opens(&mut world);
    data(&mut world);
    locks(&mut world);
    for (operation, errors) in LISTED {
        let mut provoked = world.provoked.remove(operation).unwrap_or_default();
        provoked.remove(&NFS4_OK.0);
        let listed: BTreeSet<u32> = errors.iter().map(|status| status.0).collect();
        assert_eq!(provoked, listed, "{operation}");
    }
    assert!(world.provoked.is_empty(), "{:?}", world.provoked);
}

#[test]
fn before_the_end_of_reclaiming_there_is_no_new_state() {
    let mut fixture = SERVER.fixture("errors_grace");
    let file = fixture.file("f", b"");
    let options = ClientOptions::new("errors, early").reclaiming();
    let mut early = Session::establish(fixture.server().address(), &options).unwrap();
    early
        .compound()
        .putfh(&file)
        .open(&Open::read("").claim_fh())
        .expect(NFS4ERR_GRACE);
    let here = fixture.directory.clone();
    early
        .compound()
        .putfh(&here)
        .open(&Open::both("g").create())
        .expect(NFS4ERR_GRACE);
    fixture.here().lookup("g").expect(NFS4ERR_NOENT);
}
