//! Listing.

use std::collections::HashMap;
use std::ops::ControlFlow;

use localefs_vfs::{Error, FileType, Identity};

use crate::{Served, alice, root};

#[test]
fn cookies_start_at_three_and_every_page_goes_on() {
    let served = Served::new();
    let top = served.root();
    for n in 0..300 {
        served.create(&root(), &n.to_string(), 0o644);
    }
    for page in [1, 2, 7, 299, 300, 301] {
        let mut names = served.list(&top, page);
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 300, "pages of {page}");
    }
    let mut last = 0;
    let mut sink = |entry: localefs_vfs::Entry<'_>| {
        assert!(entry.cookie >= 3 && entry.cookie <= i64::MAX as u64);
        last = entry.cookie;
        ControlFlow::Continue(())
    };
    assert!(
        served
            .fs
            .read_directory(&root(), &top, 0, &mut sink)
            .unwrap()
    );
    for beyond in [last, i64::MAX as u64, u64::MAX] {
        let end = served
            .fs
            .read_directory(&root(), &top, beyond, &mut |_| panic!("an entry"));
        assert_eq!(end, Ok(true));
    }
}

#[test]
fn an_empty_directory_ends_at_once() {
    let served = Served::new();
    let end = served
        .fs
        .read_directory(&root(), &served.root(), 0, &mut |_| panic!("an entry"));
    assert_eq!(end, Ok(true));
}

#[test]
fn what_stays_is_listed_once_while_others_come_and_go() {
    let served = Served::new();
    let dir = served.mkdir(&root(), "dir", 0o755);
    for n in 0..10_000 {
        std::fs::write(served.host(&format!("dir/{n}")), "").unwrap();
    }
    let mut seen: HashMap<Vec<u8>, u32> = HashMap::new();
    let (mut cookie, mut removed, mut end) = (0, 0, false);
    while !end {
        let mut taken = 0;
        end = served
            .fs
            .read_directory(&root(), &dir, cookie, &mut |entry| {
                if taken == 100 {
                    return ControlFlow::Break(());
                }
                taken += 1;
                cookie = entry.cookie;
                *seen.entry(entry.name.to_vec()).or_default() += 1;
                ControlFlow::Continue(())
            })
            .unwrap();
        for _ in 0..60 {
            if removed < 5_000 {
                let name = (removed * 2 + 1).to_string();
                served.fs.remove(&root(), &dir, name.as_bytes()).unwrap();
                removed += 1;
                served
                    .fs
                    .make_directory(
                        &root(),
                        &dir,
                        format!("new{removed}").as_bytes(),
                        &crate::mode(0),
                    )
                    .unwrap();
            }
        }
    }
    for stable in (0..10_000).step_by(2) {
        assert_eq!(
            seen.get(stable.to_string().as_bytes()),
            Some(&1),
            "{stable}"
        );
    }
    assert!(seen.values().all(|count| *count == 1));
}

#[test]
fn entries_know_what_they_name() {
    let served = Served::new();
    let made = served.create(&alice(), "a", 0o600);
    served
        .fs
        .write(
            &alice(),
            &made.file,
            0,
            b"xyz",
            localefs_vfs::Stability::Unstable,
        )
        .unwrap();
    let mut count = 0;
    let mut sink = |entry: localefs_vfs::Entry<'_>| {
        count += 1;
        let attributes = entry.attributes().unwrap();
        assert_eq!(attributes, served.fs.attributes(&made.node).unwrap());
        assert_eq!(attributes.file_type, FileType::Regular);
        assert_eq!(entry.fileid, made.node.fileid());
        let (same, handle) = entry.attributes_and_handle().unwrap();
        assert_eq!((&same, &handle[..]), (&attributes, &made.node.handle()[..]));
        served.fs.remove(&root(), &served.root(), b"a").unwrap();
        assert_eq!(entry.attributes().unwrap_err(), Error::NoEnt);
        assert_eq!(entry.attributes_and_handle().unwrap_err(), Error::NoEnt);
        ControlFlow::Continue(())
    };
    served
        .fs
        .read_directory(&root(), &served.root(), 0, &mut sink)
        .unwrap();
    assert_eq!(count, 1);
}

#[test]
fn a_listing_tells_what_is_not_in_memory_as_a_lookup_does() {
    let mut served = Served::new();
    let top = served.root();
    let set = localefs_vfs::SetAttributes::default();
    served.create(&alice(), "file", 0o600);
    served.mkdir(&alice(), "directory", 0o750);
    let link = served.fs.make_symlink(&alice(), &top, b"link", b"x", &set);
    let time = localefs_vfs::SetTime::Client(localefs_vfs::Timestamp {
        seconds: 5,
        nanoseconds: 6,
    });
    let set = localefs_vfs::SetAttributes {
        accessed: Some(time),
        ..set
    };
    let link = link.unwrap().node;
    served
        .fs
        .set_attributes(&alice(), &link, None, &set)
        .unwrap();
    drop(link);
    let told = |served: &Served| {
        let mut told = HashMap::new();
        let top = served.root();
        let mut sink = |entry: localefs_vfs::Entry<'_>| {
            let (attributes, handle) = entry.attributes_and_handle().unwrap();
            told.insert(entry.name.to_vec(), (attributes, handle));
            ControlFlow::Continue(())
        };
        let end = served.fs.read_directory(&root(), &top, 0, &mut sink);
        assert_eq!(end, Ok(true));
        told
    };
    // A new start has nothing in memory, and what is settled keeps its change attribute.
    std::thread::sleep(std::time::Duration::from_millis(30));
    served.reopen();
    let strangers = told(&served);
    assert_eq!(strangers.len(), 3);
    for (name, (attributes, handle)) in &strangers {
        let top = served.root();
        let node = served.fs.lookup(&root(), &top, name).unwrap();
        assert_eq!(node.handle()[..], handle[..]);
        assert_eq!(&served.fs.attributes(&node).unwrap(), attributes);
        assert_eq!(served.fs.resolve(handle).unwrap(), node);
    }
    assert_eq!(told(&served), strangers, "also once they are in memory");
}

#[test]
fn listing_needs_to_read_and_looking_up_to_execute() {
    let served = Served::new();
    let dir = served.mkdir(&root(), "dir", 0o744);
    served
        .fs
        .make_directory(&root(), &dir, b"x", &crate::mode(0))
        .unwrap();
    let list = |who: &Identity| {
        served
            .fs
            .read_directory(who, &dir, 0, &mut |_| ControlFlow::Continue(()))
    };
    assert_eq!(list(&alice()), Ok(true));
    assert_eq!(
        served.fs.lookup(&alice(), &dir, b"x").unwrap_err(),
        Error::Access
    );
    assert_eq!(served.fs.parent(&alice(), &dir).unwrap_err(), Error::Access);
    served
        .fs
        .set_attributes(&root(), &dir, None, &crate::mode(0o711))
        .unwrap();
    assert_eq!(list(&alice()), Err(Error::Access));
    served.fs.lookup(&alice(), &dir, b"x").unwrap();
    let file = served.create(&root(), "f", 0o777).node;
    assert_eq!(
        served.fs.lookup(&root(), &file, b"x").unwrap_err(),
        Error::NotDir
    );
    let list = served
        .fs
        .read_directory(&root(), &file, 0, &mut |_| panic!("an entry"));
    assert_eq!(list, Err(Error::NotDir));
}

#[test]
fn reading_moves_no_access_time() {
    let served = Served::new();
    let dir = served.mkdir(&root(), "dir", 0o755);
    served
        .fs
        .make_directory(&root(), &dir, b"x", &crate::mode(0))
        .unwrap();
    let before = served.fs.attributes(&dir).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    served.list(&dir, 10);
    assert_eq!(served.fs.attributes(&dir).unwrap(), before);
}

/// The inode numbers of a directory's entries, and their handles.
fn listed(served: &Served) -> HashMap<Vec<u8>, (u64, Vec<u8>)> {
    let mut listed = HashMap::new();
    let end = served
        .fs
        .read_directory(&root(), &served.root(), 0, &mut |entry| {
            let (attributes, handle) = entry.attributes_and_handle().unwrap();
            assert_eq!(attributes.fileid, entry.fileid);
            listed.insert(entry.name.to_vec(), (entry.fileid, handle.to_vec()));
            ControlFlow::Continue(())
        });
    assert_eq!(end, Ok(true));
    listed
}

#[test]
fn who_gets_the_number_of_a_listed_file_does_not_get_its_handle() {
    let mut served = Served::new();
    for n in 0..20 {
        std::fs::write(served.host(&n.to_string()), "").unwrap();
    }
    // Handles are remembered of what was not just made.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let first = listed(&served);
    assert_eq!(listed(&served), first, "from memory");
    for n in 0..20 {
        std::fs::remove_file(served.host(&n.to_string())).unwrap();
    }
    for n in 0..200 {
        std::fs::write(served.host(&n.to_string()), "").unwrap();
    }
    let second = listed(&served);
    let again: Vec<_> = first
        .values()
        .filter(|old| second.values().any(|new| new.0 == old.0))
        .collect();
    for old in again {
        assert!(second.values().all(|new| new.1 != old.1), "{}", old.0);
    }
    for _ in 0..2 {
        for (name, (fileid, handle)) in listed(&served) {
            let node = served.resolve(&handle).unwrap();
            assert_eq!(node.fileid(), fileid, "{name:?}");
        }
        served.reopen();
    }
}
