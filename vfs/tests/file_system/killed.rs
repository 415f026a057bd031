//! The end of the process at any moment: nothing is ever under a name without its owner.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use localefs_vfs::{
    Create, Error, FileSystem, Finding, Identity, OpenMode, Options, SetAttributes, SpecialType,
};

use crate::strategies::{again, strategy};
use crate::{SHADOW, beside, mode, options, root};

const OWNERS: u32 = 50;
const TREE: &str = "LOCALEFS_TEST_TREE";

fn shadowed(path: &std::path::Path, finding: Finding) -> Options {
    let options = Options {
        ownership: SHADOW,
        finding,
        ..options()
    };
    beside(path, &options)
}

/// The owner that everything with this number has.
fn owner(n: u32) -> Identity {
    Identity::new(10_000 + n % OWNERS, 20_000 + n % OWNERS, [])
}

/// What the process does that is going to be killed: it makes objects of every type, renames and
/// links some, and removes others, for ever.
#[test]
fn makes_objects_until_it_is_killed() {
    let Ok(tree) = std::env::var(TREE) else {
        return;
    };
    let path = std::path::Path::new(&tree);
    let fs = FileSystem::open(path, shadowed(path, Finding::Index)).unwrap();
    let top = fs.root();
    let (set, none) = (mode(0o640), SetAttributes::default());
    fs.set_attributes(&root(), &top, None, &mode(0o777))
        .unwrap();
    println!("ready");
    let start = std::process::id() % 4000 * 1_000_000;
    for n in start.. {
        let who = owner(n);
        let name = |kind: &str| format!("{kind}{n}").into_bytes();
        let create = Create::Guarded(&set);
        let made = fs
            .create_file(&who, &top, &name("f"), create, OpenMode::BOTH)
            .unwrap();
        fs.make_directory(&who, &top, &name("d"), &mode(0o750))
            .unwrap();
        fs.make_symlink(&who, &top, &name("l"), b"nowhere", &none)
            .unwrap();
        fs.make_special(&who, &top, &name("p"), SpecialType::Fifo, &set)
            .unwrap();
        if n % 3 == 0 {
            fs.rename(&root(), &top, &name("f"), &top, &name("g"))
                .unwrap();
        }
        if n % 5 == 0 {
            fs.link(&root(), &made.node, &top, &name("h")).unwrap();
        }
        if n % 7 == 0 {
            fs.remove(&root(), &top, &name("p")).unwrap();
            fs.remove(&root(), &top, &name("d")).unwrap();
        }
    }
}

fn check(fs: &FileSystem) -> usize {
    let mut count = 0;
    let mut handles = Vec::new();
    fs.read_directory(&root(), &fs.root(), 0, &mut |entry| {
        let name = std::str::from_utf8(entry.name).unwrap();
        let n: u32 = name[1..].parse().unwrap();
        let seen = entry.attributes().unwrap();
        let bits = match &name[..1] {
            "d" => 0o750,
            "l" => 0o777,
            _ => 0o640,
        };
        let who = owner(n);
        let found = (seen.uid, seen.gid, seen.mode);
        assert_eq!(found, (who.uid, who.gid, bits), "{name}");
        if n.is_multiple_of(50) {
            handles.push(entry.node().unwrap().handle().to_vec());
        }
        count += 1;
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    for handle in handles {
        while let Err(error) = fs.resolve(&handle) {
            assert_eq!(error, Error::Delay);
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    count
}

fn killed(user: u32) {
    if !strategy().is_empty() {
        return;
    }
    let (mut command, scratch) = again("shadow killed", user);
    let tree = scratch.path().join("tree");
    std::fs::create_dir(&tree).unwrap();
    std::os::unix::fs::chown(&tree, Some(user), Some(user)).unwrap();
    command
        .env(TREE, &tree)
        .args(["--exact", "--nocapture"])
        .arg("killed::makes_objects_until_it_is_killed")
        .stdout(Stdio::piped());
    let mut last = 0;
    for round in 0..12u64 {
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(output.any(|line| line.unwrap().contains("ready")));
        std::thread::sleep(Duration::from_micros(3_000 + round * 7_919 % 40_000));
        child.kill().unwrap();
        child.wait().unwrap();
        if user == 0 {
            let fs = FileSystem::open(&tree, shadowed(&tree, Finding::Index)).unwrap();
            last = check(&fs);
        }
    }
    if user != 0 {
        let fs = FileSystem::open(&tree, shadowed(&tree, Finding::Auto)).unwrap();
        last = check(&fs);
    }
    assert!(last > 100, "{last} objects were made");
}

#[test]
fn every_name_has_its_owner_after_kills() {
    killed(0);
}

#[test]
fn every_name_has_its_owner_after_kills_of_an_ordinary_user() {
    killed(65534);
}
