//! Moving and removing.

use localefs_vfs::{Error, Identity};

use crate::{ALICE, Served, alice, bob, mode, root};

fn rename(served: &Served, who: &Identity, from: &str, to: &str) -> Result<(), Error> {
    let top = served.root();
    served
        .fs
        .rename(who, &top, from.as_bytes(), &top, to.as_bytes())
        .map(|_| ())
}

#[test]
fn onto_itself_or_another_name_of_it_nothing_happens() {
    let served = Served::new();
    let node = served.create(&root(), "a", 0o644).node;
    served
        .fs
        .link(&root(), &node, &served.root(), b"b")
        .unwrap();
    let before = (served.change(&served.root()), served.attributes("a"));
    rename(&served, &root(), "a", "a").unwrap();
    rename(&served, &root(), "a", "b").unwrap();
    assert_eq!(
        (served.change(&served.root()), served.attributes("a")),
        before
    );
    served.lookup(&root(), "b").unwrap();
}

#[test]
fn types_must_agree() {
    let served = Served::new();
    let full = served.mkdir(&root(), "full", 0o755);
    served
        .fs
        .make_directory(&root(), &full, b"x", &mode(0o755))
        .unwrap();
    served.mkdir(&root(), "empty", 0o755);
    served.mkdir(&root(), "dir", 0o755);
    served.create(&root(), "file", 0o644);
    assert_eq!(rename(&served, &root(), "none", "file"), Err(Error::NoEnt));
    assert_eq!(rename(&served, &root(), "dir", "file"), Err(Error::NotDir));
    assert_eq!(rename(&served, &root(), "file", "dir"), Err(Error::IsDir));
    assert_eq!(
        rename(&served, &root(), "dir", "full"),
        Err(Error::NotEmpty)
    );
    assert_eq!(rename(&served, &root(), "dir", "empty"), Ok(()));
    let into = served
        .fs
        .rename(&root(), &served.root(), b"full", &full, b"y");
    assert_eq!(into.unwrap_err(), Error::Inval);
    let over = served
        .fs
        .rename(&root(), &full, b"x", &served.root(), b"full");
    assert_eq!(over.unwrap_err(), Error::NotEmpty);
}

#[test]
fn what_is_replaced_is_gone() {
    let served = Served::new();
    let old = served.create(&root(), "old", 0o644).node.handle().to_vec();
    let new = served.create(&root(), "new", 0o644).node;
    rename(&served, &root(), "new", "old").unwrap();
    assert_eq!(served.lookup(&root(), "old").unwrap(), new);
    assert_eq!(served.fs.resolve(&old).unwrap_err(), Error::Stale);
}

#[test]
fn a_sticky_directory_protects_its_entries() {
    let served = Served::new();
    let sticky = served.mkdir(&root(), "sticky", 0o1777);
    let make = |name: &[u8], who: &Identity| {
        served
            .fs
            .make_directory(who, &sticky, name, &mode(0o777))
            .unwrap();
    };
    make(b"alices", &alice());
    make(b"bobs", &bob());
    let top = served.root();
    let fs = &served.fs;
    assert_eq!(fs.remove(&bob(), &sticky, b"alices"), Err(Error::Perm));
    let away = fs.rename(&bob(), &sticky, b"alices", &top, b"x");
    assert_eq!(away.unwrap_err(), Error::Perm);
    let over = fs.rename(&bob(), &sticky, b"bobs", &sticky, b"alices");
    assert_eq!(over.unwrap_err(), Error::Perm);
    fs.rename(&bob(), &sticky, b"bobs", &top, b"bobs").unwrap();
    fs.remove(&alice(), &sticky, b"alices").unwrap();
    make(b"bobs", &bob());
    let set = localefs_vfs::SetAttributes {
        uid: Some(ALICE),
        ..mode(0o1777)
    };
    fs.set_attributes(&root(), &sticky, None, &set).unwrap();
    fs.remove(&alice(), &sticky, b"bobs").unwrap();
}

#[test]
fn a_directory_that_gets_another_parent_must_be_writable() {
    let served = Served::new();
    let other = served.mkdir(&root(), "other", 0o777);
    served.mkdir(&bob(), "bobs", 0o755);
    rename(&served, &alice(), "bobs", "same-parent").unwrap();
    let moved = served
        .fs
        .rename(&alice(), &served.root(), b"same-parent", &other, b"x");
    assert_eq!(moved.unwrap_err(), Error::Access);
    served
        .fs
        .rename(&bob(), &served.root(), b"same-parent", &other, b"x")
        .unwrap();
}

#[test]
fn removal_needs_permission_on_the_directory_only() {
    let served = Served::new();
    let dir = served.mkdir(&root(), "dir", 0o755);
    served
        .fs
        .make_directory(&alice(), &served.root(), b"alices", &mode(0))
        .unwrap();
    served
        .fs
        .make_directory(&root(), &dir, b"x", &mode(0o777))
        .unwrap();
    assert_eq!(served.fs.remove(&alice(), &dir, b"x"), Err(Error::Access));
    assert_eq!(served.fs.remove(&alice(), &dir, b"none"), Err(Error::NoEnt));
    assert_eq!(
        served.fs.remove(&root(), &served.root(), b"dir"),
        Err(Error::NotEmpty)
    );
    served.fs.remove(&bob(), &served.root(), b"alices").unwrap();
    let file = served.create(&root(), "f", 0o644).node;
    assert_eq!(served.fs.remove(&root(), &file, b"x"), Err(Error::NotDir));
}

#[test]
fn opposite_moves_between_directories_never_deadlock() {
    let served = Served::new();
    let dirs: Vec<_> = (0..4)
        .map(|n| served.mkdir(&root(), &format!("d{n}"), 0o777))
        .collect();
    std::thread::scope(|scope| {
        for thread in 0..4usize {
            let (served, dirs) = (&served, &dirs);
            scope.spawn(move || {
                let name = format!("mine{thread}");
                let name = name.as_bytes();
                let mut at = thread;
                served
                    .fs
                    .make_directory(&root(), &dirs[at], name, &mode(0o777))
                    .unwrap();
                for round in 0..500 {
                    let next = (at + 1 + (round + thread) % 3) % 4;
                    served
                        .fs
                        .rename(&root(), &dirs[at], name, &dirs[next], name)
                        .unwrap();
                    at = next;
                }
            });
        }
        // Directories into one another, which must fail on one side at least.
        for (from, to) in [(0, 1), (1, 0)] {
            let (served, dirs) = (&served, &dirs);
            scope.spawn(move || {
                let top = served.root();
                for _ in 0..500 {
                    let name = format!("d{from}");
                    let moved = served
                        .fs
                        .rename(&root(), &top, name.as_bytes(), &dirs[to], b"in");
                    if moved.is_ok() {
                        served
                            .fs
                            .rename(&root(), &dirs[to], b"in", &top, name.as_bytes())
                            .unwrap();
                    }
                }
            });
        }
    });
    let found: usize = dirs.iter().map(|dir| served.list(dir, 10).len()).sum();
    assert_eq!(found, 4);
}
