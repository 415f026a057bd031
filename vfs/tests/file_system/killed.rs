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
const RECORDS: &str = "LOCALEFS_TEST_RECORDS";

fn shadowed(path: &std::path::Path, finding: Finding) -> Options {
    let options = Options {
        ownership: SHADOW,
        finding,
        ..options()
    };
    let beside = beside(path, &options);
    match std::env::var_os(RECORDS) {
        Some(records) => Options {
            records: Some(records.into()),
            ..beside
        },
        None => beside,
    }
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
            handles.push(entry.attributes_and_handle().unwrap().1.to_vec());
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

fn killed(user: u32, records: Option<&std::path::Path>) {
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
    if let Some(records) = records {
        command.env(RECORDS, records);
    }
    let look = |finding| {
        let options = shadowed(&tree, finding);
        let records = records.map(Into::into).or(options.records.clone());
        let options = Options { records, ..options };
        check(&FileSystem::open(&tree, options).unwrap())
    };
    let mut last = 0;
    // A machine that is busy makes few in the time that they have.
    for round in 0..240u64 {
        if round >= 12 && last > 100 {
            break;
        }
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(output.any(|line| line.unwrap().contains("ready")));
        std::thread::sleep(Duration::from_micros(3_000 + round * 7_919 % 40_000));
        child.kill().unwrap();
        child.wait().unwrap();
        if user == 0 {
            last = look(Finding::Index);
        } else {
            last = std::fs::read_dir(&tree).unwrap().count();
        }
    }
    if user != 0 {
        last = look(Finding::Auto);
    }
    assert!(last > 100, "{last} objects were made");
}

#[test]
fn every_name_has_its_owner_after_kills() {
    killed(0, None);
}

#[test]
fn every_name_has_its_owner_after_kills_of_an_ordinary_user() {
    killed(65534, None);
}

#[test]
fn every_name_has_its_owner_after_kills_with_records_on_another_disk() {
    let records = tempfile::tempdir_in("/dev/shm").unwrap();
    killed(0, Some(records.path()));
}

#[test]
fn what_was_half_made_is_finished() {
    let records = tempfile::tempdir_in("/dev/shm").unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let tree = scratch.path().join("tree");
    let options = Options {
        records: Some(records.path().to_owned()),
        ..shadowed(&tree, Finding::Index)
    };
    let fs = FileSystem::create(&tree, options.clone()).unwrap();
    let dir = fs
        .make_directory(&root(), &fs.root(), b"dir", &mode(0o755))
        .unwrap()
        .node;
    let handle = dir.handle();
    // As if it was killed after mkdir.
    let mut intent = Vec::new();
    for number in [1001u32, 1002, 0o750] {
        intent.extend(number.to_le_bytes());
    }
    intent.push(handle.len().try_into().unwrap());
    intent.extend(handle);
    let intents = records.path().join("intents");
    std::fs::write(intents.join("0"), [&intent[..], b"half"].concat()).unwrap();
    std::fs::write(intents.join("1"), [&intent[..], b"never"].concat()).unwrap();
    std::fs::write(intents.join("2"), &intent[..5]).unwrap();
    std::fs::create_dir(tree.join("dir/half")).unwrap();
    drop((dir, fs));
    let fs = FileSystem::open(&tree, options).unwrap();
    let dir = fs.lookup(&root(), &fs.root(), b"dir").unwrap();
    let half = fs.lookup(&root(), &dir, b"half").unwrap();
    let seen = fs.attributes(&half).unwrap();
    assert_eq!((seen.uid, seen.gid, seen.mode), (1001, 1002, 0o750));
    assert_eq!(std::fs::read_dir(intents).unwrap().count(), 0);
}
