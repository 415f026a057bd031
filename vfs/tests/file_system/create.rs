//! Making objects.

use std::os::unix::fs::PermissionsExt;
use std::sync::Barrier;

use localefs_vfs::{
    Create, Error, Identity, OpenMode, SetAttributes, SetTime, SpecialType, Stability, Timestamp,
};

use crate::{ALICE, BOB, Served, alice, bob, mode, root};

#[test]
fn a_new_root_belongs_to_root() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("new");
    let options = || crate::beside(&path, &crate::options());
    let fs = localefs_vfs::FileSystem::create(&path, options()).unwrap();
    let attributes = fs.attributes(&fs.root()).unwrap();
    assert_eq!(
        (attributes.mode, attributes.uid, attributes.gid),
        (0o755, 0, 0)
    );
    assert_eq!(
        (attributes.size, attributes.space_used, attributes.links),
        (6144, 4096, 2)
    );
    std::fs::write(path.join("something"), "").unwrap();
    assert!(localefs_vfs::FileSystem::create(&path, options()).is_err());
    assert!(localefs_vfs::FileSystem::open(&path.join("x"), options()).is_err());
}

#[test]
fn objects_belong_to_who_makes_them() {
    let served = Served::new();
    let who = Identity::new(ALICE, 50, []);
    let top = served.root();
    served.create(&who, "f", 0o640);
    served.mkdir(&who, "d", 0o1750);
    served
        .fs
        .make_symlink(&who, &top, b"l", b"t", &SetAttributes::default())
        .unwrap();
    served
        .fs
        .make_special(&who, &top, b"p", SpecialType::Fifo, &mode(0o4711))
        .unwrap();
    for (name, bits) in [("f", 0o640), ("d", 0o1750), ("l", 0o777), ("p", 0o4711)] {
        let attributes = served.attributes(name);
        assert_eq!((attributes.uid, attributes.gid), (ALICE, 50), "{name}");
        assert_eq!(attributes.mode, bits, "{name}");
    }
}

#[test]
fn a_set_gid_directory_gives_its_group() {
    let served = Served::new();
    let dir = served.mkdir(&root(), "shared", 0o777);
    let set = SetAttributes {
        gid: Some(77),
        mode: Some(0o2777),
        ..SetAttributes::default()
    };
    served.fs.set_attributes(&root(), &dir, None, &set).unwrap();
    let sub = served
        .fs
        .make_directory(&alice(), &dir, b"sub", &mode(0o755))
        .unwrap()
        .node;
    let attributes = served.fs.attributes(&sub).unwrap();
    assert_eq!(
        (attributes.uid, attributes.gid, attributes.mode),
        (ALICE, 77, 0o2755)
    );
    let set = mode(0o2755);
    let create = Create::Guarded(&set);
    let file = served
        .fs
        .create_file(&alice(), &dir, b"f", create, OpenMode::READ)
        .unwrap()
        .node;
    let attributes = served.fs.attributes(&file).unwrap();
    assert_eq!(
        (attributes.uid, attributes.gid, attributes.mode),
        (ALICE, 77, 0o755)
    );
}

#[test]
fn the_opening_of_a_new_file_is_granted_whatever_its_mode() {
    let served = Served::new();
    let created = served.create(&alice(), "a", 0);
    assert!(created.created);
    served
        .fs
        .write(&alice(), &created.file, 0, b"x", Stability::Unstable)
        .unwrap();
    let node = created.node;
    assert_eq!(
        served
            .fs
            .open_file(&alice(), &node, OpenMode::READ)
            .unwrap_err(),
        Error::Access
    );
}

#[test]
fn attributes_asked_for_are_there_at_once() {
    let served = Served::new();
    let time = Timestamp {
        seconds: 1_000_000_000,
        nanoseconds: 5,
    };
    let set = SetAttributes {
        mode: Some(0o4755),
        uid: Some(BOB),
        gid: Some(88),
        size: Some(10_000),
        accessed: Some(SetTime::Client(time)),
        modified: Some(SetTime::Client(time)),
    };
    let top = served.root();
    for (name, create) in [
        ("a", Create::Unchecked(&set)),
        (
            "b",
            Create::Exclusive {
                verifier: [1; 8],
                set: &set,
            },
        ),
    ] {
        let made = served
            .fs
            .create_file(&root(), &top, name.as_bytes(), create, OpenMode::READ)
            .unwrap();
        let attributes = served.fs.attributes(&made.node).unwrap();
        assert_eq!(
            (attributes.uid, attributes.gid, attributes.mode),
            (BOB, 88, 0o4755)
        );
        assert_eq!(
            (attributes.size, attributes.accessed, attributes.modified),
            (10_000, time, time)
        );
    }
    let create = Create::Guarded(&set);
    let given = served
        .fs
        .create_file(&alice(), &top, b"c", create, OpenMode::READ);
    assert_eq!(given.unwrap_err(), Error::Perm);
    assert_eq!(served.lookup(&root(), "c").unwrap_err(), Error::NoEnt);
}

#[test]
fn unchecked_opens_what_exists() {
    let served = Served::new();
    let first = served.create(&alice(), "a", 0o644);
    served
        .fs
        .write(&alice(), &first.file, 0, b"data", Stability::Unstable)
        .unwrap();
    let top = served.root();
    let set = SetAttributes {
        uid: Some(0),
        ..mode(0o777)
    };
    let open = |who: &Identity, set: &SetAttributes, wanted| {
        served
            .fs
            .create_file(who, &top, b"a", Create::Unchecked(set), wanted)
    };
    let again = open(&bob(), &set, OpenMode::READ).unwrap();
    assert!(!again.created && again.node == first.node);
    assert_eq!(
        served.attributes("a").mode,
        0o644,
        "only a length of 0 counts"
    );
    assert_eq!(
        open(&bob(), &set, OpenMode::BOTH).unwrap_err(),
        Error::Access
    );
    let truncate = SetAttributes {
        size: Some(0),
        ..set.clone()
    };
    assert_eq!(
        open(&bob(), &truncate, OpenMode::READ).unwrap_err(),
        Error::Access
    );
    let longer = SetAttributes {
        size: Some(1),
        ..set
    };
    open(&alice(), &longer, OpenMode::READ).unwrap();
    assert_eq!(served.attributes("a").size, 4);
    open(&alice(), &truncate, OpenMode::READ).unwrap();
    assert_eq!(served.attributes("a").size, 0);
    served.mkdir(&root(), "d", 0o777);
    let set = SetAttributes::default();
    let open = served
        .fs
        .create_file(&root(), &top, b"d", Create::Unchecked(&set), OpenMode::READ);
    assert_eq!(open.unwrap_err(), Error::IsDir);
}

#[test]
fn exclusive_creation_can_be_repeated_by_its_maker() {
    let mut served = Served::new();
    let set = mode(0);
    let exclusive = |served: &Served, who: &Identity, verifier| {
        let create = Create::Exclusive {
            verifier,
            set: &set,
        };
        served
            .fs
            .create_file(who, &served.root(), b"a", create, OpenMode::BOTH)
    };
    let first = exclusive(&served, &alice(), [1; 8]).unwrap();
    let key = first.node.key();
    for _ in 0..2 {
        let again = exclusive(&served, &alice(), [1; 8]).unwrap();
        assert!(again.created);
        assert_eq!(again.node.key(), key);
        assert_eq!(again.directory.before, again.directory.after);
        assert_eq!(
            exclusive(&served, &alice(), [2; 8]).unwrap_err(),
            Error::Exist
        );
        assert_eq!(
            exclusive(&served, &bob(), [1; 8]).unwrap_err(),
            Error::Access
        );
        served.reopen();
    }
    served.create(&alice(), "plain", 0o644);
    let create = Create::Exclusive {
        verifier: [0; 8],
        set: &set,
    };
    let plain = served
        .fs
        .create_file(&alice(), &served.root(), b"plain", create, OpenMode::READ);
    assert_eq!(plain.unwrap_err(), Error::Exist);
}

#[test]
fn errors_come_in_the_order_of_linux() {
    let served = Served::new();
    let dir = served.mkdir(&root(), "dir", 0o755);
    let closed = served.mkdir(&root(), "closed", 0o700);
    served
        .fs
        .make_directory(&root(), &dir, b"there", &mode(0o755))
        .unwrap();
    let set = SetAttributes::default();
    let fs = &served.fs;
    let make = |dir, name: &[u8]| fs.make_directory(&alice(), dir, name, &set).unwrap_err();
    assert_eq!(
        make(&dir, b"there"),
        Error::Exist,
        "before the lack of permission"
    );
    assert_eq!(make(&dir, b"new"), Error::Access);
    assert_eq!(make(&closed, b"there"), Error::Access);
    let file = served.create(&root(), "f", 0o777).node;
    assert_eq!(make(&file, b"x"), Error::NotDir);
    for create in [
        Create::Guarded(&set),
        Create::Exclusive {
            verifier: [1; 8],
            set: &set,
        },
    ] {
        let create = |name| fs.create_file(&alice(), &dir, name, create, OpenMode::READ);
        assert_eq!(create(b"there").unwrap_err(), Error::Exist);
        assert_eq!(create(b"new").unwrap_err(), Error::Access);
    }
    let size = SetAttributes {
        size: Some(localefs_vfs::limits::MAX_FILE_SIZE + 1),
        ..set
    };
    let huge = fs
        .create_file(&root(), &dir, b"x", Create::Guarded(&size), OpenMode::READ)
        .unwrap_err();
    assert_eq!(huge, Error::FBig);
}

#[test]
fn a_new_file_is_never_seen_half_made() {
    let served = Served::new();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..500 {
                served.create(&alice(), &n.to_string(), 0o640);
            }
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        while !done.load(std::sync::atomic::Ordering::SeqCst) {
            for entry in std::fs::read_dir(served.host("")).unwrap() {
                use std::os::unix::fs::MetadataExt;
                let metadata = entry.unwrap().metadata().unwrap();
                let seen = (metadata.uid(), metadata.mode() & 0o7777);
                if crate::strategies::shadow() {
                    assert_eq!(seen.1, 0o600, "what the host sees");
                } else {
                    assert_eq!(seen, (ALICE, 0o640));
                }
            }
            let see = |entry: localefs_vfs::Entry<'_>| {
                let attributes = entry.attributes().unwrap();
                assert_eq!((attributes.uid, attributes.mode), (ALICE, 0o640));
                std::ops::ControlFlow::Continue(())
            };
            for _ in 0..3 {
                let top = served.root();
                let mut see = see;
                served
                    .fs
                    .read_directory(&root(), &top, 0, &mut see)
                    .unwrap();
            }
        }
    });
}

/// A default access control list of the host (`acl(5)`) that leaves nothing to group and others.
fn private_by_default(directory: &std::path::Path) {
    const NO_ID: u32 = u32::MAX;
    let mut list = 2u32.to_le_bytes().to_vec();
    for (tag, permissions) in [(0x01u16, 7u16), (0x04, 0), (0x20, 0)] {
        list.extend(tag.to_le_bytes());
        list.extend(permissions.to_le_bytes());
        list.extend(NO_ID.to_le_bytes());
    }
    let name = "system.posix_acl_default";
    rustix::fs::setxattr(directory, name, &list, rustix::fs::XattrFlags::empty()).unwrap();
}

#[test]
fn what_is_made_has_the_mode_asked_for_whatever_the_host_has_as_default() {
    let served = Served::new();
    private_by_default(&served.host(""));
    for n in 0..2 {
        let file = served.create(&root(), &format!("file{n}"), 0o644).node;
        let directory = served.mkdir(&root(), &format!("directory{n}"), 0o755);
        for (node, mode) in [(file, 0o644), (directory, 0o755)] {
            let attributes = served.fs.attributes(&node).unwrap();
            assert_eq!(
                (attributes.uid, attributes.gid, attributes.mode),
                (0, 0, mode)
            );
        }
    }
    // Directories first, in another life.
    let served = Served::new();
    private_by_default(&served.host(""));
    let directory = served.mkdir(&root(), "directory", 0o755);
    assert_eq!(served.fs.attributes(&directory).unwrap().mode, 0o755);
}

/// Whoever finds a new object by its name may change it at once, and is not overridden.
#[test]
fn what_the_host_changes_of_a_new_object_stays_changed() {
    if crate::strategies::shadow() {
        // Modes of the host's are none there.
        return;
    }
    let mut served = Served::new();
    for round in 0..60 {
        // What was learned of the disk once is learned anew.
        served.reopen();
        let is_directory = round % 2 == 0;
        let name = format!("new{round}");
        let path = served.host(&name);
        let begun = Barrier::new(2);
        let made = std::thread::scope(|scope| {
            let host = scope.spawn(|| {
                begun.wait();
                let private = || PermissionsExt::from_mode(0o700);
                while std::fs::set_permissions(&path, private()).is_err() {}
                if is_directory {
                    std::fs::write(path.join("inside"), "").unwrap();
                }
            });
            begun.wait();
            let made = match is_directory {
                true => served.mkdir(&root(), &name, 0o755),
                false => served.create(&root(), &name, 0o755).node,
            };
            host.join().unwrap();
            made
        });
        assert_eq!(served.lookup(&root(), &name).unwrap(), made, "{name}");
        assert_eq!(served.attributes(&name).mode, 0o700, "{name}");
    }
}

#[test]
fn in_a_directory_of_another_group_what_is_made_belongs_to_its_maker() {
    let served = Served::new();
    let dir = served.mkdir(&root(), "theirs", 0o777);
    let theirs = SetAttributes {
        gid: Some(77),
        ..SetAttributes::default()
    };
    served
        .fs
        .set_attributes(&root(), &dir, None, &theirs)
        .unwrap();
    for name in ["a", "b"] {
        let (name, set) = (name.as_bytes(), mode(0o640));
        let create = Create::Guarded(&set);
        let file = served
            .fs
            .create_file(&root(), &dir, name, create, OpenMode::BOTH)
            .unwrap();
        let attributes = served.fs.attributes(&file.node).unwrap();
        let seen = (attributes.uid, attributes.gid, attributes.mode);
        assert_eq!(seen, (0, 0, 0o640));
    }
}
