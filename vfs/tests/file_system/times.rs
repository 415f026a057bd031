//! The time of the last access, as EFS keeps it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use localefs_vfs::{
    Attributes, Blocking, Create, Node, OpenMode, SetAttributes, SetTime, SpecialType, Stability,
    Timestamp,
};

use crate::{Served, mode, root};

const OLD: Timestamp = Timestamp {
    seconds: 1_000_000_000,
    nanoseconds: 123_456_789,
};

fn accessed(time: Timestamp) -> SetAttributes {
    SetAttributes {
        accessed: Some(SetTime::Client(time)),
        ..SetAttributes::default()
    }
}

/// One object of every type, by name.
fn one_of_each(served: &Served) -> Vec<(&'static str, Arc<Node>)> {
    let (fs, top, set) = (&served.fs, served.root(), mode(0o600));
    let special = |name: &str, special| {
        fs.make_special(&root(), &top, name.as_bytes(), special, &set)
            .unwrap()
            .node
    };
    vec![
        ("file", served.create(&root(), "file", 0o600).node),
        ("directory", served.mkdir(&root(), "directory", 0o700)),
        (
            "symlink",
            fs.make_symlink(&root(), &top, b"symlink", b"target", &set)
                .unwrap()
                .node,
        ),
        ("fifo", special("fifo", SpecialType::Fifo)),
        ("socket", special("socket", SpecialType::Socket)),
    ]
}

/// As a listing shows it.
fn listed(served: &Served, name: &str) -> Attributes {
    let mut found = None;
    served
        .fs
        .read_directory(&root(), &served.root(), 0, &mut |entry| {
            if entry.name == name.as_bytes() {
                found = Some(entry.attributes().unwrap());
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    found.unwrap()
}

/// Long enough for the disk's clock to go on.
fn pause() {
    std::thread::sleep(Duration::from_millis(15));
}

#[test]
fn reading_leaves_it_and_every_change_moves_it() {
    let served = Served::new();
    let made = served.create(&root(), "file", 0o600);
    let fs = &served.fs;
    let dir = served.mkdir(&root(), "dir", 0o700);
    let get = || fs.attributes(&made.node).unwrap();
    let born = get();
    assert_eq!(born.accessed, born.changed);
    pause();
    let mut buffer = BytesMut::new();
    let open = fs.open_file(&root(), &made.node, OpenMode::READ).unwrap();
    fs.read(&root(), &open, 0, &mut buffer, 10, Blocking::Allowed)
        .unwrap();
    served.list(&dir, 10);
    assert_eq!(get().accessed, born.accessed, "reading");

    let size = SetAttributes {
        size: Some(100),
        ..SetAttributes::default()
    };
    let modified = SetAttributes {
        modified: Some(SetTime::Client(OLD)),
        ..SetAttributes::default()
    };
    let top = served.root();
    let set = |set: &SetAttributes| fs.set_attributes(&root(), &made.node, None, set).unwrap();
    let steps: [(&str, &dyn Fn()); 6] = [
        ("write", &|| {
            fs.write(&root(), &made.file, 0, b"data", Stability::Unstable)
                .unwrap();
        }),
        ("size", &|| set(&size)),
        ("mode", &|| set(&mode(0o640))),
        ("modified", &|| set(&modified)),
        ("link", &|| {
            fs.link(&root(), &made.node, &top, b"link").unwrap();
        }),
        ("rename", &|| {
            fs.rename(&root(), &top, b"link", &dir, b"link").unwrap();
        }),
    ];
    for (name, step) in steps {
        set(&accessed(OLD));
        assert_eq!(get().accessed, OLD, "before {name}");
        let before = get().changed;
        pause();
        step();
        let after = get();
        assert!(after.accessed > before, "{name}");
        assert_eq!(after.accessed, after.changed, "{name}");
    }
}

#[test]
fn what_a_client_sets_stays_until_the_next_change() {
    let mut served = Served::new();
    for round in 0..2 {
        let objects = if round == 0 {
            one_of_each(&served)
        } else {
            ["file", "directory", "symlink", "fifo", "socket"]
                .map(|name| (name, served.lookup(&root(), name).unwrap()))
                .into()
        };
        for (name, node) in &objects {
            if round == 0 {
                served
                    .fs
                    .set_attributes(&root(), node, None, &accessed(OLD))
                    .unwrap();
            }
            let shown = served.fs.attributes(node).unwrap();
            assert_eq!(shown.accessed, OLD, "{name}, round {round}");
            assert!(shown.changed > OLD);
        }
        drop(objects);
        // After a start nothing is in memory.
        served.reopen();
        for name in ["file", "directory", "symlink", "fifo", "socket"] {
            assert_eq!(listed(&served, name).accessed, OLD, "{name} in a listing");
        }
    }
    let own = SetAttributes {
        gid: Some(5),
        ..SetAttributes::default()
    };
    for name in ["file", "directory", "symlink", "fifo", "socket"] {
        let node = served.lookup(&root(), name).unwrap();
        served
            .fs
            .set_attributes(&root(), &node, None, &own)
            .unwrap();
        let shown = served.attributes(name);
        assert_eq!(shown.accessed, shown.changed, "{name}");
    }
}

/// The disk's clock stands still for some milliseconds.
#[test]
fn a_change_in_the_same_tick_counts() {
    let mut served = Served::new();
    let made = served.create(&root(), "file", 0o600);
    for round in 0..50 {
        let fs = &served.fs;
        fs.set_attributes(&root(), &made.node, None, &accessed(OLD))
            .unwrap();
        if round % 2 == 0 {
            fs.write(&root(), &made.file, 0, b"x", Stability::Unstable)
                .unwrap();
        } else {
            fs.set_attributes(&root(), &made.node, None, &mode(0o600))
                .unwrap();
        }
        let shown = fs.attributes(&made.node).unwrap();
        assert_eq!(shown.accessed, shown.changed);
    }
    drop(made);
    pause();
    served.reopen();
    let shown = served.attributes("file");
    assert_eq!(shown.accessed, shown.changed);
}

#[test]
fn it_can_be_set_at_creation() {
    let mut served = Served::new();
    let (fs, top, set) = (&served.fs, served.root(), accessed(OLD));
    fs.create_file(
        &root(),
        &top,
        b"file",
        Create::Guarded(&set),
        OpenMode::READ,
    )
    .unwrap();
    fs.make_directory(&root(), &top, b"directory", &set)
        .unwrap();
    fs.make_symlink(&root(), &top, b"symlink", b"t", &set)
        .unwrap();
    fs.make_special(&root(), &top, b"fifo", SpecialType::Fifo, &set)
        .unwrap();
    for _ in 0..2 {
        for name in ["file", "directory", "symlink", "fifo"] {
            assert_eq!(served.attributes(name).accessed, OLD, "{name}");
        }
        served.reopen();
    }
}

/// Whoever puts back what was shown before he read finds it again.
#[test]
fn the_time_of_birth_can_be_set_too() {
    let mut served = Served::new();
    let node = served.create(&root(), "file", 0o600).node;
    let born = served.attributes("file").accessed;
    pause();
    served
        .fs
        .set_attributes(&root(), &node, None, &mode(0o640))
        .unwrap();
    pause();
    served
        .fs
        .set_attributes(&root(), &node, None, &accessed(born))
        .unwrap();
    assert_eq!(served.attributes("file").accessed, born);
    drop(node);
    served.reopen();
    assert_eq!(served.attributes("file").accessed, born);
}

#[test]
fn the_host_reads_and_changes() {
    let served = Served::new();
    let node = served.create(&root(), "file", 0o600).node;
    let fs = &served.fs;
    let host = |accessed| {
        let times = std::fs::FileTimes::new().set_accessed(accessed);
        let file = std::fs::File::options()
            .write(true)
            .open(served.host("file"))
            .unwrap();
        file.set_times(times).unwrap();
    };
    fs.set_attributes(&root(), &node, None, &accessed(OLD))
        .unwrap();
    pause();
    std::fs::read(served.host("file")).unwrap();
    assert_eq!(fs.attributes(&node).unwrap().accessed, OLD);
    pause();
    std::fs::write(served.host("file"), "new").unwrap();
    let shown = fs.attributes(&node).unwrap();
    assert_eq!(shown.accessed, shown.changed);
    // By EFS's rule, which knows no host: a change like others.
    pause();
    host(std::time::UNIX_EPOCH);
    let shown = fs.attributes(&node).unwrap();
    assert_eq!(shown.accessed, shown.changed);
}

#[test]
fn the_next_object_of_an_inode_starts_anew() {
    let served = Served::new();
    for round in 0..20 {
        let node = served.create(&root(), "file", 0o600).node;
        let born = served.attributes("file");
        assert_eq!(born.accessed, born.changed, "{round}");
        served
            .fs
            .set_attributes(&root(), &node, None, &accessed(OLD))
            .unwrap();
        drop(node);
        served.fs.remove(&root(), &served.root(), b"file").unwrap();
    }
}
