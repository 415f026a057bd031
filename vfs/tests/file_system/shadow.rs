//! What only shadow ownership and the index of names have to do.

use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};

use localefs_vfs::{
    Error, Finding, Identity, Options, Owner, Ownership, SetAttributes, SpecialType,
};

use crate::{ALICE, SHADOW, Served, alice, mode, options, root};

fn in_shadow() -> Options {
    Options {
        ownership: SHADOW,
        ..options()
    }
}

fn by_index() -> Options {
    Options {
        finding: Finding::Index,
        ..in_shadow()
    }
}

#[test]
fn fifty_owners_of_every_type_come_back_after_restart_rename_and_link() {
    let mut served = Served::with(in_shadow());
    let top = served.root();
    let name = |kind: &str, n: u32| format!("{kind}{n}").into_bytes();
    for n in 0..50 {
        let who = Identity::new(2000 + n, 3000 + n, []);
        let fs = &served.fs;
        let none = SetAttributes::default();
        served.create(&who, &format!("f{n}"), 0o100 + n);
        served.mkdir(&who, &format!("d{n}"), 0o1000 + n);
        fs.make_symlink(&who, &top, &name("l", n), b"nowhere", &none)
            .unwrap();
        for (kind, special) in [("p", SpecialType::Fifo), ("s", SpecialType::Socket)] {
            fs.make_special(&who, &top, &name(kind, n), special, &mode(0o4000 + n))
                .unwrap();
        }
    }
    for kind in ["f", "d", "l", "p", "s"] {
        for n in 0..50 {
            let moved = format!("{kind}{n}.moved");
            let fs = &served.fs;
            fs.rename(&root(), &top, &name(kind, n), &top, moved.as_bytes())
                .unwrap();
            if kind != "d" {
                let node = served.lookup(&root(), &moved).unwrap();
                let link = format!("{kind}{n}.link");
                fs.link(&root(), &node, &top, link.as_bytes()).unwrap();
            }
        }
    }
    drop(top);
    for _ in 0..2 {
        for n in 0..50 {
            for (kind, bits) in [
                ("f", 0o100 + n),
                ("d", 0o1000 + n),
                ("l", 0o777),
                ("p", 0o4000 + n),
                ("s", 0o4000 + n),
            ] {
                for form in ["moved", "link"] {
                    if kind == "d" && form == "link" {
                        continue;
                    }
                    let name = format!("{kind}{n}.{form}");
                    let seen = served.attributes(&name);
                    let found = (seen.uid, seen.gid, seen.mode);
                    assert_eq!(found, (2000 + n, 3000 + n, bits), "{name}");
                }
            }
        }
        served.reopen();
    }
}

#[test]
fn mode_000_is_for_clients_only() {
    let mut served = Served::with(in_shadow());
    let made = served.create(&alice(), "a", 0);
    let dir = served.mkdir(&alice(), "d", 0);
    let fs = &served.fs;
    let refused = fs.open_file(&alice(), &made.node, localefs_vfs::OpenMode::READ);
    assert_eq!(refused.unwrap_err(), Error::Access);
    assert_eq!(fs.lookup(&alice(), &dir, b"x").unwrap_err(), Error::Access);
    assert_eq!(fs.lookup(&root(), &dir, b"x").unwrap_err(), Error::NoEnt);
    let host = |name| std::fs::metadata(served.host(name)).unwrap().mode() & 0o7777;
    assert_eq!((host("a"), host("d")), (0o600, 0o700));
    served.reopen();
    assert_eq!(served.attributes("a").mode, 0);
    assert_eq!(served.attributes("d").mode, 0);
}

#[test]
fn a_change_of_owner_moves_ctime() {
    let served = Served::with(in_shadow());
    served.create(&alice(), "f", 0o644);
    let top = served.root();
    served
        .fs
        .make_symlink(&alice(), &top, b"l", b"t", &SetAttributes::default())
        .unwrap();
    for name in ["f", "l"] {
        let before = served.attributes(name);
        std::thread::sleep(std::time::Duration::from_millis(20));
        let node = served.lookup(&root(), name).unwrap();
        let set = SetAttributes {
            uid: Some(5),
            ..SetAttributes::default()
        };
        served
            .fs
            .set_attributes(&root(), &node, None, &set)
            .unwrap();
        let after = served.attributes(name);
        assert!(after.changed > before.changed, "{name}");
        assert_eq!(after.modified, before.modified);
        assert_eq!(after.uid, 5);
    }
}

#[test]
fn what_the_host_puts_there_belongs_to_the_outside_owner() {
    let outside = Owner { uid: 77, gid: 78 };
    let mut served = Served::with(Options {
        ownership: Ownership::Shadow {
            outside,
            recorded: false,
        },
        ..options()
    });
    std::fs::write(served.host("file"), "data").unwrap();
    std::fs::create_dir(served.host("dir")).unwrap();
    let set = |name, bits| {
        std::fs::set_permissions(served.host(name), std::fs::Permissions::from_mode(bits)).unwrap();
    };
    set("file", 0o444);
    set("dir", 0o050);
    for _ in 0..2 {
        for (name, bits) in [("file", 0o444), ("dir", 0o050)] {
            let seen = served.attributes(name);
            assert_eq!((seen.uid, seen.gid, seen.mode), (77, 78, bits), "{name}");
        }
        served.reopen();
    }
    // The mode that clients see is no obstacle for the server.
    let who = Identity::new(77, 78, []);
    let node = served.lookup(&who, "file").unwrap();
    let fs = &served.fs;
    fs.set_attributes(&who, &node, None, &mode(0o600)).unwrap();
    fs.open_file(&who, &node, localefs_vfs::OpenMode::BOTH)
        .unwrap();
    assert_eq!(served.attributes("file").uid, 77);
    std::fs::rename(served.host("file"), served.host("renamed")).unwrap();
    assert_eq!(served.attributes("renamed").mode, 0o600);
}

#[test]
fn a_used_inode_number_brings_no_owner_with_it() {
    let served = Served::with(in_shadow());
    let mut numbers = std::collections::HashSet::new();
    let mut again = 0;
    for n in 0..200 {
        let name = format!("a{n}");
        let fileid = served.create(&alice(), &name, 0o604).node.fileid();
        numbers.insert(fileid);
        // The host removes it and makes another: the record stays behind.
        std::fs::remove_file(served.host(&name)).unwrap();
        served.lookup(&root(), &name).unwrap_err();
        let other = format!("b{n}");
        std::fs::write(served.host(&other), "").unwrap();
        let seen = served.attributes(&other);
        again += usize::from(numbers.contains(&seen.fileid));
        assert_eq!(seen.uid, 0, "inode {}", seen.fileid);
    }
    println!("{again} inode numbers were used again");
}

#[test]
fn removed_while_open_it_keeps_its_owner() {
    let served = Served::with(in_shadow());
    let made = served.create(&alice(), "a", 0o640);
    served.fs.remove(&root(), &served.root(), b"a").unwrap();
    for n in 0..50 {
        served.create(&root(), &n.to_string(), 0o600);
    }
    let seen = served.fs.attributes(&made.node).unwrap();
    assert_eq!((seen.uid, seen.mode, seen.links), (ALICE, 0o640, 0));
}

/// Changes every byte of a sparse file that was written, from an offset on.
fn spoil(file: &std::fs::File, from: u64, change: impl Fn(&mut u8)) {
    let mut at = from;
    while let Ok(data) = rustix::fs::seek(file, rustix::fs::SeekFrom::Data(at)) {
        let mut page = [0; 4096];
        let read = file.read_at(&mut page, data).unwrap();
        page[..read].iter_mut().for_each(&change);
        file.write_all_at(&page[..read], data).unwrap();
        at = data + 4096;
    }
}

#[test]
fn a_lost_index_is_made_anew() {
    let mut served = Served::with(by_index());
    let mut handles = Vec::new();
    let mut directory = served.root();
    for depth in 0..20 {
        let name = format!("dir{depth}");
        let set = mode(0o755);
        let made = served
            .fs
            .make_directory(&root(), &directory, name.as_bytes(), &set)
            .unwrap()
            .node;
        let create = localefs_vfs::Create::Guarded(&set);
        for n in 0..20 {
            let name = format!("file{n}");
            let open = localefs_vfs::OpenMode::READ;
            let file = served
                .fs
                .create_file(&root(), &made, name.as_bytes(), create, open)
                .unwrap();
            handles.push((file.node.handle().to_vec(), file.node.key()));
        }
        handles.push((made.handle().to_vec(), made.key()));
        directory = made;
    }
    let first = served.resolve(&handles[0].0).unwrap();
    let link = |name: &[u8], to| served.fs.link(&root(), &first, to, name).unwrap();
    link(b"link0", &directory);
    link(b"link1", &served.root());
    let removed = served.create(&root(), "gone", 0o644).node.handle().to_vec();
    served.fs.remove(&root(), &served.root(), b"gone").unwrap();
    drop((first, directory));

    let records = served.outside("served.records");
    let check = |served: &Served| {
        for (handle, key) in &handles {
            assert_eq!(served.resolve(handle).unwrap().key(), *key);
        }
        assert_eq!(served.resolve(&removed).unwrap_err(), Error::Stale);
    };
    check(&served);
    served.reopen();
    check(&served);
    for damage in ["removed", "cut", "garbage", "half"] {
        let path = records.join("names");
        let open = || {
            std::fs::File::options()
                .read(true)
                .write(true)
                .open(&path)
                .unwrap()
        };
        match damage {
            "removed" => std::fs::remove_file(&path).unwrap(),
            "cut" => open().set_len(10).unwrap(),
            "garbage" => spoil(&open(), 0, |byte| *byte = 0xa5),
            _ => {
                spoil(&open(), 4096, |byte| *byte ^= u8::from(*byte % 3 == 0));
                open().write_all_at(&[0], 0).unwrap();
            }
        }
        served.reopen();
        check(&served);
    }

    // One name after the other goes; the others lead to the file.
    let handle = handles[0].0.clone();
    let dir0 = served.lookup(&root(), "dir0").unwrap();
    served.fs.remove(&root(), &dir0, b"file0").unwrap();
    served.reopen();
    served.resolve(&handle).unwrap();
    served.fs.remove(&root(), &served.root(), b"link1").unwrap();
    served.reopen();
    served.resolve(&handle).unwrap();
}

#[test]
fn what_the_host_moves_is_found_again_and_what_it_removes_is_stale() {
    let mut served = Served::with(by_index());
    let dir = served.mkdir(&root(), "dir", 0o755);
    let file = served.create(&root(), "file", 0o644).node;
    let lost = served.create(&root(), "lost", 0o644).node;
    let handles = [&dir, &file, &lost].map(|node| node.handle().to_vec());
    let keys = [dir.key(), file.key()];
    drop((dir, file, lost));
    for round in 0..3 {
        let at = |name: &str, round: u32| served.host(&format!("{name}{round}"));
        if round == 0 {
            std::fs::rename(served.host("dir"), at("dir", 1)).unwrap();
            std::fs::rename(served.host("file"), at("dir", 1).join("file1")).unwrap();
            std::fs::remove_file(served.host("lost")).unwrap();
        } else {
            std::fs::rename(at("dir", round), at("dir", round + 1)).unwrap();
        }
        served.reopen();
        assert_eq!(served.resolve(&handles[0]).unwrap().key(), keys[0]);
        assert_eq!(served.resolve(&handles[1]).unwrap().key(), keys[1]);
        assert_eq!(served.resolve(&handles[2]).unwrap_err(), Error::Stale);
    }
}

#[test]
fn native_ownership_is_refused_where_it_can_not_work() {
    let scratch = tempfile::tempdir().unwrap();
    if localefs_vfs::can_own(scratch.path()).unwrap() {
        return;
    }
    let native = Options {
        ownership: Ownership::Native,
        ..options()
    };
    let refused = localefs_vfs::FileSystem::open(scratch.path(), native).unwrap_err();
    assert!(
        refused.to_string().contains("shadow ownership"),
        "{refused}"
    );
}
