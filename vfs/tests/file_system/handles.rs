//! Handles.

use std::sync::Arc;

use bytes::BytesMut;
use localefs_vfs::{Blocking, Error, Identity, Options, Stability};

use crate::{Served, options, root};

#[test]
fn they_stay_valid_over_renames_links_and_restarts() {
    let mut served = Served::new();
    let node = served.create(&root(), "a", 0o644).node;
    let dir = served.mkdir(&root(), "dir", 0o755);
    let link = served
        .fs
        .make_symlink(&root(), &dir, b"l", b"t", &crate::mode(0))
        .unwrap()
        .node;
    let handles: Vec<_> = [&node, &dir, &link, &served.root()]
        .map(|node| (node.handle().to_vec(), node.key(), node.file_type()))
        .into();
    served
        .fs
        .rename(&root(), &served.root(), b"a", &dir, b"b")
        .unwrap();
    served
        .fs
        .rename(&root(), &served.root(), b"dir", &served.root(), b"moved")
        .unwrap();
    for _ in 0..2 {
        for (handle, key, file_type) in &handles {
            assert!(handle.len() <= 128);
            let found = served.resolve(handle).unwrap();
            assert_eq!((found.key(), &found.handle()[..]), (*key, &handle[..]));
            assert_eq!(found.file_type(), *file_type);
        }
        served.reopen();
    }
}

#[test]
fn there_is_one_object_for_each_inode() {
    let served = Served::new();
    let node = served.create(&root(), "a", 0o644).node;
    served
        .fs
        .link(&root(), &node, &served.root(), b"b")
        .unwrap();
    assert!(Arc::ptr_eq(&node, &served.lookup(&root(), "a").unwrap()));
    assert!(Arc::ptr_eq(&node, &served.lookup(&root(), "b").unwrap()));
    assert!(Arc::ptr_eq(&node, &served.resolve(&node.handle()).unwrap()));
}

#[test]
fn forged_and_foreign_handles_are_bad() {
    let served = Served::new();
    let node = served.create(&root(), "a", 0o644).node;
    let handle = node.handle();
    for at in 0..handle.len() {
        let mut forged = handle.to_vec();
        forged[at] ^= 1;
        assert_eq!(served.resolve(&forged).unwrap_err(), Error::BadHandle);
        assert_eq!(served.resolve(&handle[..at]).unwrap_err(), Error::BadHandle);
    }
    assert_eq!(served.resolve(&[0; 200]).unwrap_err(), Error::BadHandle);
    for other in [
        Options {
            fsid: 8,
            ..options()
        },
        Options {
            key: [4; 16],
            ..options()
        },
    ] {
        let other = served.again(&other);
        assert_eq!(other.resolve(&handle).unwrap_err(), Error::BadHandle);
    }
}

#[test]
fn a_removed_object_is_stale_also_when_its_inode_is_used_again() {
    let mut served = Served::new();
    let mut handles = Vec::new();
    for round in 0..50 {
        let created = served.create(&root(), "a", 0o644);
        handles.push(created.node.handle().to_vec());
        drop(created);
        served.fs.remove(&root(), &served.root(), b"a").unwrap();
        let dir = served.mkdir(&root(), "d", 0o755).handle().to_vec();
        handles.push(dir);
        served.fs.remove(&root(), &served.root(), b"d").unwrap();
        if round == 25 {
            served.reopen();
        }
        for handle in &handles {
            assert_eq!(served.resolve(handle).unwrap_err(), Error::Stale);
        }
    }
}

#[test]
fn a_removed_file_that_only_the_host_has_open_is_stale() {
    let served = Served::new();
    let handle = served.create(&root(), "a", 0o644).node.handle().to_vec();
    let open = std::fs::File::open(served.host("a")).unwrap();
    served.fs.remove(&root(), &served.root(), b"a").unwrap();
    assert_eq!(served.resolve(&handle).unwrap_err(), Error::Stale);
    drop(open);
}

#[test]
fn an_open_file_outlives_its_last_name() {
    let served = Served::new();
    let file = served.create(&root(), "a", 0o644).file;
    let handle = file.node().handle();
    served
        .fs
        .write(&root(), &file, 0, b"data", Stability::Unstable)
        .unwrap();
    served.fs.remove(&root(), &served.root(), b"a").unwrap();
    let node = served.resolve(&handle).unwrap();
    assert_eq!(served.fs.attributes(&node).unwrap().links, 0);
    let mut data = BytesMut::new();
    served
        .fs
        .read(&root(), &file, 0, &mut data, 10, Blocking::Allowed)
        .unwrap();
    assert_eq!(&data[..], b"data");
    assert_eq!(
        served.fs.link(&root(), &node, &served.root(), b"b"),
        Err(Error::Stale)
    );
    let again = served
        .fs
        .reopen_file(&Identity::root(), &node, localefs_vfs::OpenMode::BOTH)
        .unwrap();
    drop((node, file, again));
    assert_eq!(served.resolve(&handle).unwrap_err(), Error::Stale);
}

#[test]
fn more_objects_than_are_cached_are_served() {
    let served = Served::with(Options {
        cached_nodes: 8,
        descriptors: 8,
        ..options()
    });
    let handles: Vec<_> = (0..500)
        .map(|n| {
            served
                .create(&root(), &n.to_string(), 0o644)
                .node
                .handle()
                .to_vec()
        })
        .collect();
    std::thread::sleep(std::time::Duration::from_millis(60));
    for (n, handle) in handles.iter().enumerate() {
        let node = served.resolve(handle).unwrap();
        assert_eq!(node, served.lookup(&root(), &n.to_string()).unwrap());
    }
    served.create(&root(), "last", 0o644);
    let here = served.host("").canonicalize().unwrap();
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    let mine = open
        .filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok())
        .filter(|path| path.starts_with(&here))
        .count();
    assert!(mine < 60, "{mine} descriptors are open");
}
