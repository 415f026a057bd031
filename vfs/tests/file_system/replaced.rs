//! Somebody on the host replaces what clients hold: they find the same object or none, never
//! another one, never anything outside of the tree, and nothing that would make them wait.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use localefs_vfs::{
    Blocking, Create, Error, FileType, Node, OpenMode, Options, SetAttributes, Stability,
};
use rustix::fs::{CWD, FileType as Kind, Mode, mknodat};

use crate::{Served, mode, options, root};

/// What the host does: to the path, with something outside of the tree at hand.
type Act = fn(&Path, &Path);

/// What is under the name afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Now {
    Nothing,
    Same,
    Another(FileType),
}

fn make_node(path: &Path, kind: Kind, device: u64) {
    mknodat(CWD, path, kind, Mode::from_raw_mode(0o666), device).unwrap();
}

fn clear(path: &Path) {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else {
        fs::remove_file(path).unwrap();
    }
}

/// What can be done to files and directories alike.
fn acts() -> Vec<(&'static str, Act, Now)> {
    let mut acts: Vec<(&'static str, Act, Now)> = vec![
        ("removed", |path, _| clear(path), Now::Nothing),
        (
            "renamed",
            |path, _| fs::rename(path, path.with_file_name("renamed")).unwrap(),
            Now::Nothing,
        ),
        (
            "moved out",
            |path, outside| fs::rename(path, outside.join("taken")).unwrap(),
            Now::Nothing,
        ),
        (
            "replaced by a file",
            |path, _| {
                clear(path);
                fs::write(path, "other").unwrap();
            },
            Now::Another(FileType::Regular),
        ),
        (
            "replaced by a directory",
            |path, _| {
                clear(path);
                fs::create_dir(path).unwrap();
                fs::write(path.join("inner"), "other").unwrap();
            },
            Now::Another(FileType::Directory),
        ),
        (
            "replaced by a link to a file outside",
            |path, outside| {
                clear(path);
                symlink(outside.join("secret"), path).unwrap();
            },
            Now::Another(FileType::Symlink),
        ),
        (
            "replaced by a link to a directory outside",
            |path, outside| {
                clear(path);
                symlink(outside, path).unwrap();
            },
            Now::Another(FileType::Symlink),
        ),
        (
            "moved aside for a link to it",
            |path, _| {
                let aside = path.with_file_name("renamed");
                fs::rename(path, &aside).unwrap();
                symlink("renamed", path).unwrap();
            },
            Now::Another(FileType::Symlink),
        ),
        (
            "replaced by a FIFO",
            |path, _| {
                clear(path);
                make_node(path, Kind::Fifo, 0);
            },
            Now::Another(FileType::Fifo),
        ),
        (
            "replaced by a socket",
            |path, _| {
                clear(path);
                make_node(path, Kind::Socket, 0);
            },
            Now::Another(FileType::Socket),
        ),
    ];
    // An ordinary user can't make it.
    if rustix::process::geteuid().is_root() {
        acts.push((
            "replaced by a device",
            |path, _| {
                clear(path);
                make_node(path, Kind::CharacterDevice, rustix::fs::makedev(1, 3));
            },
            Now::Another(FileType::CharDevice),
        ));
    }
    acts
}

/// Fails if it takes longer than anything here can, instead of waiting for ever.
fn in_time(name: &str, test: impl FnOnce() + Send + 'static) {
    let (done, ends) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        test();
        let _ = done.send(());
    });
    let ended = ends.recv_timeout(Duration::from_secs(60));
    if ended == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("{name}: it hangs");
    }
    if let Err(panic) = thread.join() {
        eprintln!("{name}");
        std::panic::resume_unwind(panic);
    }
}

/// A tree with `dir/victim`, which the caller makes, and something outside of it.
fn served() -> Served {
    let served = Served::with(Options {
        cached_nodes: 2,
        ..options()
    });
    served.mkdir(&root(), "dir", 0o777);
    fs::create_dir(served.outside("outside")).unwrap();
    fs::write(served.outside("outside/secret"), "secret").unwrap();
    served
}

fn names(path: &Path) -> BTreeSet<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    fs::read_dir(path)
        .unwrap()
        .map(|entry| name(entry).into_string().unwrap())
        .collect()
}

/// Nothing outside has changed but for what the host has moved there.
fn outside_is_whole(served: &Served) {
    let outside = served.outside("outside");
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"secret");
    let mut expected = BTreeSet::from(["secret".to_owned()]);
    if outside.join("taken").exists() {
        expected.insert("taken".into());
    }
    assert_eq!(names(&outside), expected);
    let mode = |path| std::os::unix::fs::MetadataExt::mode(&fs::metadata(path).unwrap());
    assert_ne!(mode(outside.join("secret")) & 0o777, 0o751);
    assert_ne!(mode(outside) & 0o777, 0o751);
}

fn content(served: &Served, node: &std::sync::Arc<Node>) -> Result<Vec<u8>, Error> {
    let file = served.fs.open_file(&root(), node, OpenMode::READ)?;
    let mut buffer = BytesMut::new();
    served
        .fs
        .read(&root(), &file, 0, &mut buffer, 100, Blocking::Allowed)?;
    Ok(buffer.to_vec())
}

/// The name leads to what is there, which is opened only if it is a file.
fn by_name(served: &Served, directory: &Node, now: Now, former: localefs_vfs::NodeKey) {
    let fs = &served.fs;
    let found = fs.lookup(&root(), directory, b"victim");
    let empty = SetAttributes {
        size: Some(0),
        ..SetAttributes::default()
    };
    let create = Create::Unchecked(&empty);
    let expected = match now {
        Now::Nothing => {
            assert_eq!(found.unwrap_err(), Error::NoEnt);
            return;
        }
        Now::Same => {
            assert_eq!(found.unwrap().key(), former);
            return;
        }
        Now::Another(file_type) => file_type,
    };
    let found = found.unwrap();
    assert_eq!(found.file_type(), expected);
    assert_ne!(found.key(), former, "another object");
    let refused = match expected {
        FileType::Regular => {
            assert_eq!(content(served, &found).unwrap(), b"other");
            None
        }
        FileType::Directory => Some(Error::IsDir),
        FileType::Symlink => Some(Error::Symlink),
        _ => Some(Error::WrongType),
    };
    if let Some(refused) = refused {
        for wanted in [OpenMode::READ, OpenMode::WRITE] {
            assert_eq!(content(served, &found).unwrap_err(), refused);
            let created = fs.create_file(&root(), directory, b"victim", create, wanted);
            assert_eq!(created.unwrap_err(), refused);
        }
    }
    if expected == FileType::Symlink {
        for name in [&b"secret"[..], b"inner", b"a"] {
            let through = fs.lookup(&root(), &found, name);
            assert_eq!(through.unwrap_err(), Error::Symlink);
        }
    }
}

fn replace_a_file(act: Act, now: Now, keeps: bool, held: bool) {
    let mut served = served();
    let set = mode(0o666);
    let dir = served.lookup(&root(), "dir").unwrap();
    let create = Create::Guarded(&set);
    let made = served
        .fs
        .create_file(&root(), &dir, b"victim", create, OpenMode::BOTH)
        .unwrap();
    served
        .fs
        .write(&root(), &made.file, 0, b"mine", Stability::FileSync)
        .unwrap();
    let (handle, key) = (made.node.handle().to_vec(), made.node.key());
    let dir_handle = dir.handle().to_vec();
    let mut made = Some(made);
    drop(dir);
    if !held {
        made = None;
        served.reopen();
    }
    act(&served.host("dir/victim"), &served.outside("outside"));

    if let Some(made) = &made {
        // As an open file anywhere: it is the file that it was.
        let fs = &served.fs;
        fs.write(&root(), &made.file, 0, b"MINE", Stability::FileSync)
            .unwrap();
        assert_eq!(fs.attributes(&made.node).unwrap().size, 4);
        fs.set_attributes(&root(), &made.node, None, &mode(0o751))
            .unwrap();
        let again = fs.reopen_file(&root(), &made.node, OpenMode::BOTH).unwrap();
        assert_eq!(again.node().key(), key);
    }
    match served.resolve(&handle) {
        Ok(node) => {
            assert_eq!((node.key(), node.file_type()), (key, FileType::Regular));
            let expected: &[u8] = if held { b"MINE" } else { b"mine" };
            assert_eq!(content(&served, &node).unwrap(), expected);
        }
        Err(error) => {
            assert_eq!(error, Error::Stale);
            assert!(!keeps, "the file is still in the tree");
            assert!(!held, "somebody has it open");
        }
    }
    let dir = served.resolve(&dir_handle).unwrap();
    by_name(&served, &dir, now, key);
    outside_is_whole(&served);
    if now != Now::Nothing && now != Now::Another(FileType::Directory) {
        served.fs.remove(&root(), &dir, b"victim").unwrap();
        outside_is_whole(&served);
    }
}

#[test]
fn a_file() {
    for (name, act, now) in acts() {
        let keeps = ["renamed", "moved aside for a link to it"].contains(&name);
        for held in [true, false] {
            in_time(name, move || replace_a_file(act, now, keeps, held));
        }
    }
    let truncate: Act = |path, _| fs::write(path, "mine").unwrap();
    for held in [true, false] {
        in_time("truncated and written", move || {
            replace_a_file(truncate, Now::Same, true, held);
        });
    }
}

fn replace_a_directory(act: Act, now: Now, keeps: bool, held: bool) {
    let mut served = served();
    let dir = served.lookup(&root(), "dir").unwrap();
    let fs = &served.fs;
    let make = |directory: &Node, name: &str| {
        let made = fs.make_directory(&root(), directory, name.as_bytes(), &mode(0o777));
        made.unwrap().node
    };
    let victim = make(&dir, "victim");
    let children = ["a", "b", "c"]
        .map(|name| make(&victim, name))
        .map(|node| (node.fileid(), node.key()));
    let mut cookie = 0;
    fs.read_directory(&root(), &victim, 0, &mut |entry| {
        if cookie == 0 {
            cookie = entry.cookie;
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(())
    })
    .unwrap();
    let (handle, key) = (victim.handle().to_vec(), victim.key());
    let dir_handle = dir.handle().to_vec();
    let mut victim = Some(victim);
    drop(dir);
    if !held {
        victim = None;
        served.reopen();
    }
    let (path, outside) = (served.host("dir/victim"), served.outside("outside"));
    act(&path, &outside);
    let there = path
        .symlink_metadata()
        .is_ok_and(|metadata| metadata.is_dir())
        .then(|| names(&path));

    let moved_out = outside.join("taken").exists();
    let taken = moved_out.then(|| names(&outside.join("taken")));
    let end = Instant::now() + Duration::from_secs(30);
    let resolved = loop {
        let resolved = served.resolve(&handle);
        // It is noticed a little later.
        if !moved_out || resolved.is_err() || Instant::now() > end {
            break resolved;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    match &resolved {
        Ok(node) => {
            assert!(!moved_out, "it isn't in the tree any more");
            assert_eq!((node.key(), node.file_type()), (key, FileType::Directory));
        }
        Err(error) => {
            assert_eq!(*error, Error::Stale);
            assert!(!keeps, "the directory is still in the tree");
        }
    }
    if let Some(node) = victim.as_ref().or(resolved.as_ref().ok()) {
        let fs = &served.fs;
        let mut listed = Vec::new();
        let list = fs.read_directory(&root(), node, cookie, &mut |entry| {
            listed.push(entry.fileid);
            ControlFlow::Continue(())
        });
        assert!(list.is_ok() || list == Err(Error::Stale), "{list:?}");
        assert!(listed.len() <= 2 && (!keeps || listed.len() == 2));
        for fileid in listed {
            assert!(children.iter().any(|child| child.0 == fileid));
        }
        for name in [&b"a"[..], b"inner", b"secret"] {
            match fs.lookup(&root(), node, name) {
                Ok(child) => assert!(children.contains(&(child.fileid(), child.key()))),
                Err(error) => assert!(matches!(error, Error::NoEnt | Error::Stale), "{error:?}"),
            }
        }
        let made = [
            fs.make_directory(&root(), node, b"new", &mode(0o700))
                .map(|_| ()),
            fs.create_file(
                &root(),
                node,
                b"new file",
                Create::Unchecked(&mode(0o600)),
                OpenMode::READ,
            )
            .map(|_| ()),
            fs.rename(&root(), node, b"a", node, b"renamed").map(|_| ()),
        ];
        for made in made {
            assert!(keeps || made.is_err());
        }
    }
    if let Some(there) = there {
        assert_eq!(names(&path), there, "what has its place now");
    }
    if let Some(taken) = taken {
        assert_eq!(names(&outside.join("taken")), taken);
    }
    let dir = served.resolve(&dir_handle).unwrap();
    by_name(&served, &dir, now, key);
    outside_is_whole(&served);
}

#[test]
fn a_directory() {
    for (name, act, now) in acts() {
        let keeps = ["renamed", "moved aside for a link to it"].contains(&name);
        for held in [true, false] {
            in_time(name, move || replace_a_directory(act, now, keeps, held));
        }
    }
}

/// While clients use the names, a FIFO, a link that leads outside, a directory and a file come and
/// go in their place.
#[test]
fn again_and_again_under_load() {
    let served = std::sync::Arc::new(served());
    let path = served.host("dir/victim");
    fs::write(&path, "other").unwrap();
    let tests = std::sync::Arc::clone(&served);
    in_time("under load", move || {
        let served = tests;
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let outside = served.outside("outside");
                for _ in 0..10 {
                    for (_, act, now) in acts() {
                        if now != Now::Nothing {
                            act(&path, &outside);
                        }
                        let renamed = served.host("dir/renamed");
                        if renamed.symlink_metadata().is_ok() {
                            clear(&renamed);
                        }
                    }
                }
                stop.store(true, std::sync::atomic::Ordering::SeqCst);
            });
            while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                let dir = served.lookup(&root(), "dir").unwrap();
                let Ok(node) = served.fs.lookup(&root(), &dir, b"victim") else {
                    continue;
                };
                match content(&served, &node) {
                    Ok(content) => assert!(content.is_empty() || content == b"other"),
                    Err(error) => assert!(
                        matches!(
                            error,
                            Error::IsDir | Error::Symlink | Error::WrongType | Error::Stale
                        ),
                        "{error:?}"
                    ),
                }
                let _ = served.fs.set_attributes(&root(), &node, None, &mode(0o751));
                let inner = served.fs.lookup(&root(), &node, b"secret");
                assert!(inner.is_err());
            }
        });
        outside_is_whole(&served);
    });
}

/// Between the making of an object and the giving of it to its owner.
#[test]
fn what_takes_the_place_of_a_new_object_is_not_given_away() {
    use std::os::unix::fs::MetadataExt;
    use std::sync::atomic::{AtomicBool, Ordering};

    let served = served();
    let dir = served.lookup(&root(), "dir").unwrap();
    let (new, old) = (served.host("dir/new"), served.host("dir/old"));
    fs::create_dir(&old).unwrap();
    fs::write(old.join("inner"), "other").unwrap();
    let before = fs::metadata(&old).unwrap();
    let (stop, quiet) = (AtomicBool::new(false), std::sync::Mutex::new(()));
    let swap = || {
        let flags = rustix::fs::RenameFlags::EXCHANGE;
        rustix::fs::renameat_with(CWD, &new, CWD, &old, flags).is_ok()
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                let _guard = quiet.lock().unwrap();
                if swap() {
                    assert!(swap());
                }
            }
        });
        for _ in 0..2_000 {
            let made = served
                .fs
                .make_directory(&crate::alice(), &dir, b"new", &mode(0o751));
            let _guard = quiet.lock().unwrap();
            let after = fs::metadata(&old).unwrap();
            assert_eq!(after.ino(), before.ino());
            assert_eq!((after.uid(), after.mode()), (before.uid(), before.mode()));
            if let Ok(made) = made {
                assert_ne!(made.node.fileid(), before.ino());
            }
            let _ = fs::remove_dir(&new);
        }
        stop.store(true, Ordering::SeqCst);
    });
}

/// Files that are old enough to be looked up without being opened.
fn grown(count: usize) -> Served {
    let served = Served::new();
    for n in 0..count {
        fs::write(served.host(&n.to_string()), format!("old {n}")).unwrap();
    }
    std::thread::sleep(Duration::from_millis(1100));
    served
}

#[test]
fn a_file_that_gets_the_number_of_one_that_was_looked_up_is_another() {
    let served = grown(20);
    let look = |n: usize| served.lookup(&root(), &n.to_string()).unwrap();
    let old: Vec<_> = (0..20).map(look).collect();
    for (n, node) in old.iter().enumerate() {
        assert_eq!(look(n), *node, "from memory");
        let attributes = served.fs.attributes(node).unwrap();
        assert_eq!(attributes.fileid, node.fileid());
    }
    // Not looked at before it is replaced: nothing holds it.
    let served = grown(20);
    let look = |n: usize| served.lookup(&root(), &n.to_string()).unwrap();
    let old: Vec<_> = (0..20).map(look).collect();
    for n in 0..20 {
        fs::remove_file(served.host(&n.to_string())).unwrap();
    }
    for n in 0..20 {
        fs::write(served.host(&n.to_string()), format!("new {n}")).unwrap();
    }
    for (n, old) in old.iter().enumerate() {
        let new = look(n);
        assert_ne!(new.key(), old.key());
        assert_eq!(
            content(&served, &new).unwrap(),
            format!("new {n}").into_bytes()
        );
        // What was opened to be looked at is held, and outlives its name.
        match served.fs.attributes(old) {
            Ok(attributes) => assert_eq!((attributes.links, attributes.fileid), (0, old.fileid())),
            Err(error) => assert!(matches!(error, Error::Stale | Error::Delay), "{error:?}"),
        }
        match content(&served, old) {
            Ok(content) => assert_eq!(content, format!("old {n}").into_bytes()),
            Err(error) => assert!(matches!(error, Error::Stale | Error::Delay), "{error:?}"),
        }
    }
}

#[test]
fn a_file_that_was_looked_up_and_opened_outlives_its_name() {
    let served = grown(3);
    for (n, by_host) in [(0, true), (1, false)] {
        let name = n.to_string();
        let node = served.lookup(&root(), &name).unwrap();
        let file = served.fs.open_file(&root(), &node, OpenMode::BOTH).unwrap();
        if by_host {
            fs::remove_file(served.host(&name)).unwrap();
        } else {
            served
                .fs
                .remove(&root(), &served.root(), name.as_bytes())
                .unwrap();
        }
        assert_eq!(served.lookup(&root(), &name).unwrap_err(), Error::NoEnt);
        let mut buffer = BytesMut::new();
        served
            .fs
            .read(&root(), &file, 0, &mut buffer, 100, Blocking::Allowed)
            .unwrap();
        assert_eq!(buffer, format!("old {n}").as_bytes());
        assert_eq!(served.fs.attributes(&node).unwrap().links, 0);
    }
}

#[test]
fn what_is_just_moved_is_there_or_not() {
    let served = Served::new();
    let (one, two) = (
        served.mkdir(&root(), "one", 0o755),
        served.mkdir(&root(), "two", 0o755),
    );
    fs::write(served.host("one/file"), b"content").unwrap();
    let (here, there) = (served.host("one/file"), served.host("two/file"));
    std::thread::scope(|scope| {
        let host = scope.spawn(|| {
            for _ in 0..30_000 {
                fs::rename(&here, &there).unwrap();
                fs::rename(&there, &here).unwrap();
            }
        });
        let mut found = 0;
        while !host.is_finished() {
            for directory in [&one, &two] {
                match served.fs.lookup(&root(), directory, b"file") {
                    Ok(_) => found += 1,
                    Err(Error::NoEnt | Error::Delay) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        }
        assert!(found > 0, "it was never seen");
    });
}
