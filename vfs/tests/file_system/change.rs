//! The change attribute.

use std::collections::HashSet;
use std::time::Duration;

use localefs_vfs::{Create, OpenMode, Options, SetAttributes, Stability};

use crate::{Served, mode, options, root};

#[test]
fn every_write_moves_it_and_nothing_else_does() {
    let served = Served::new();
    let created = served.create(&root(), "a", 0o644);
    let mut seen = HashSet::from([served.change(&created.node)]);
    for _ in 0..200 {
        served
            .fs
            .write(&root(), &created.file, 0, b"x", Stability::Unstable)
            .unwrap();
        let change = served.change(&created.node);
        assert!(seen.insert(change), "a value came back");
        assert_eq!(served.change(&created.node), change);
    }
    std::thread::sleep(Duration::from_millis(60));
    assert!(
        seen.contains(&served.change(&created.node)),
        "settling is no change"
    );
}

#[test]
fn no_value_comes_back_after_eviction_or_restart() {
    let mut served = Served::with(Options {
        cached_nodes: 1,
        descriptors: 4,
        ..options()
    });
    served.create(&root(), "a", 0o644);
    let mut seen = HashSet::new();
    for round in 0..20 {
        {
            let node = served.lookup(&root(), "a").unwrap();
            let file = served
                .fs
                .open_file(&root(), &node, OpenMode::WRITE)
                .unwrap();
            for _ in 0..3 {
                served
                    .fs
                    .write(&root(), &file, 0, b"x", Stability::Unstable)
                    .unwrap();
                assert!(seen.insert(served.change(&node)));
            }
        }
        for other in 0..50 {
            let name = format!("{round}-{other}");
            served.create(&root(), &name, 0o644);
        }
        if round % 4 == 0 {
            std::thread::sleep(Duration::from_millis(60));
        }
        if round % 5 == 4 {
            std::thread::sleep(Duration::from_millis(25));
            served.reopen();
        }
    }
}

#[test]
fn it_survives_a_restart_of_a_settled_file() {
    let mut served = Served::new();
    served.create(&root(), "a", 0o644);
    std::thread::sleep(Duration::from_millis(60));
    served.reopen();
    let first = served.attributes("a").change;
    served.reopen();
    assert_eq!(served.attributes("a").change, first);
}

#[test]
fn changes_by_the_host_show() {
    let served = Served::new();
    let node = served.create(&root(), "a", 0o644).node;
    std::thread::sleep(Duration::from_millis(30));
    let before = served.change(&node);
    std::fs::write(served.host("a"), "new").unwrap();
    assert!(served.change(&node) > before);
}

#[test]
fn every_operation_on_a_directory_moves_it_and_says_so() {
    let served = Served::new();
    let dir = served.mkdir(&root(), "dir", 0o755);
    let other = served.mkdir(&root(), "other", 0o755);
    let file = served.create(&root(), "file", 0o644).node;
    let fs = &served.fs;
    let set = mode(0o644);
    let create = Create::Guarded(&set);
    let mut last = served.change(&dir);
    let mut follow = |info: localefs_vfs::ChangeInfo| {
        assert_eq!(info.before, last);
        assert!(info.after > info.before);
        assert_eq!(served.change(&dir), info.after);
        last = info.after;
    };
    for _ in 0..20 {
        follow(
            fs.create_file(&root(), &dir, b"a", create, OpenMode::READ)
                .unwrap()
                .directory,
        );
        follow(
            fs.make_directory(&root(), &dir, b"d", &mode(0o700))
                .unwrap()
                .directory,
        );
        follow(
            fs.make_symlink(&root(), &dir, b"s", b"t", &set)
                .unwrap()
                .directory,
        );
        follow(fs.link(&root(), &file, &dir, b"l").unwrap());
        let (from, to) = fs.rename(&root(), &dir, b"a", &dir, b"b").unwrap();
        assert_eq!(from, to);
        follow(from);
        let (from, to) = fs.rename(&root(), &dir, b"b", &other, b"b").unwrap();
        assert_eq!(to.after, served.change(&other));
        follow(from);
        for name in [&b"d"[..], b"s", b"l"] {
            follow(fs.remove(&root(), &dir, name).unwrap());
        }
        fs.remove(&root(), &other, b"b").unwrap();
    }
    let unchanged = fs
        .create_file(
            &root(),
            &served.root(),
            b"file",
            Create::Unchecked(&set),
            OpenMode::READ,
        )
        .unwrap();
    assert_eq!(unchanged.directory.before, unchanged.directory.after);
}

#[test]
fn link_rename_and_unlink_move_the_file() {
    let served = Served::new();
    let node = served.create(&root(), "a", 0o644).node;
    let top = served.root();
    let mut last = served.change(&node);
    let mut moved = || {
        let now = served.change(&node);
        assert!(now > last);
        last = now;
    };
    served.fs.link(&root(), &node, &top, b"b").unwrap();
    moved();
    served.fs.rename(&root(), &top, b"a", &top, b"c").unwrap();
    moved();
    served.fs.remove(&root(), &top, b"c").unwrap();
    moved();
    let touch = SetAttributes {
        mode: Some(0o644),
        ..SetAttributes::default()
    };
    served
        .fs
        .set_attributes(&root(), &node, None, &touch)
        .unwrap();
    moved();
    served.create(&root(), "d", 0o644);
    served.fs.rename(&root(), &top, b"d", &top, b"b").unwrap();
    moved();
}

#[test]
fn a_listing_shows_the_value_of_the_object() {
    let served = Served::new();
    let created = served.create(&root(), "a", 0o644);
    for _ in 0..5 {
        served
            .fs
            .write(&root(), &created.file, 0, b"x", Stability::Unstable)
            .unwrap();
        let mut listed = None;
        served
            .fs
            .read_directory(&root(), &served.root(), 0, &mut |entry| {
                listed = Some(entry.attributes().unwrap().change);
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(listed, Some(served.change(&created.node)));
    }
}

#[test]
fn what_a_lookup_shows_is_what_is_shown_later() {
    let served = Served::new();
    for name in ["written", "moved"] {
        std::fs::write(served.host(name), "1").unwrap();
    }
    // Their births are long ago.
    std::thread::sleep(Duration::from_millis(1200));
    std::fs::write(served.host("written"), "22").unwrap();
    let top = served.root();
    served
        .fs
        .rename(&root(), &top, b"moved", &top, b"here")
        .unwrap();
    for name in [&b"written"[..], b"here"] {
        let find = || served.fs.find(&root(), &top, name).unwrap();
        let first = find();
        std::thread::sleep(Duration::from_millis(40));
        let later = find().attributes.change;
        let shown = first.attributes.change;
        assert_eq!((later, served.change(&first.node)), (shown, shown));
    }
}
