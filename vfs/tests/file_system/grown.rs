//! Many files.

use localefs_vfs::{Create, Error, Finding, OpenMode, Options};

use crate::strategies::{again, strategy};
use crate::{SHADOW, Served, mode, options, root};

const FILES: usize = 100_000;
const ALONE: &str = "LOCALEFS_TEST_GROWN";

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let words = line.unwrap().split_whitespace();
    words.rev().nth(1).unwrap().parse().unwrap()
}

/// In a process of its own, where nothing else takes memory.
#[test]
fn alone() {
    if std::env::var_os(ALONE).is_none() {
        return;
    }
    let mut served = Served::with(Options {
        ownership: SHADOW,
        finding: Finding::Index,
        cached_nodes: 100,
        descriptors: 100,
        ..options()
    });
    let set = mode(0o640);
    let mut handles = Vec::new();
    let mut before = 0;
    for n in 0..FILES {
        let name = format!("file{n}");
        let create = Create::Guarded(&set);
        let top = served.root();
        let made = served
            .fs
            .create_file(&root(), &top, name.as_bytes(), create, OpenMode::READ)
            .unwrap();
        if n % 1000 == 0 {
            handles.push(made.node.handle().to_vec());
        }
        if n == 1000 {
            before = resident();
        }
    }
    for handle in &handles {
        served.resolve(handle).unwrap();
    }
    let names = served.outside("served.records").join("names");
    std::fs::remove_file(names).unwrap();
    served.reopen();
    assert_eq!(served.fs.resolve(&handles[50]).unwrap_err(), Error::Delay);
    for handle in &handles {
        served.resolve(handle).unwrap();
    }
    let more = resident().saturating_sub(before);
    assert!(more < 16 * 1024, "{more} KiB more");
}

#[test]
fn a_hundred_thousand_files_take_no_memory() {
    if !strategy().is_empty() {
        return;
    }
    let (mut command, _scratch) = again("shadow grown", 0);
    let run = command
        .env(ALONE, "1")
        .args(["--exact", "grown::alone"])
        .output();
    let output = run.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
}
