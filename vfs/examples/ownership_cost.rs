//! What shadow ownership and the index of names cost: run as root on the disk in question.
//!
//!     TMPDIR=/some/disk cargo run --release -p localefs-vfs --example ownership_cost [COUNT [WAY]]

use std::time::{Duration, Instant};

use localefs_vfs::{
    Create, Durability, Error, FileSystem, Finding, Identity, OpenMode, Options, Owner, Ownership,
    SetAttributes,
};

const SHADOW: Ownership = Ownership::Shadow {
    outside: Owner { uid: 0, gid: 0 },
    recorded: false,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count = std::env::args().nth(1).map_or(Ok(20_000), |n| n.parse())?;
    let only = std::env::args().nth(2);
    println!("{count} files in 100 directories; microseconds each, or as said");
    for (name, ownership, finding) in [
        ("native", Ownership::Native, Finding::Auto),
        ("shadow", SHADOW, Finding::Auto),
        ("shadow-index", SHADOW, Finding::Index),
    ] {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        match measure(count, ownership, finding) {
            Ok(line) => println!("{name:14} {line}"),
            Err(error) => println!("{name:14} {error}"),
        }
    }
    Ok(())
}

fn measure(
    count: usize,
    ownership: Ownership,
    finding: Finding,
) -> Result<String, Box<dyn std::error::Error>> {
    let scratch = tempfile::tempdir()?;
    let path = scratch.path().join("tree");
    let options = Options {
        fsid: 1,
        key: [1; 16],
        cached_nodes: 1000,
        descriptors: 1000,
        durability: Durability::Ordinary,
        ownership,
        finding,
        records: Some(scratch.path().join("records")),
    };
    let fs = FileSystem::create(&path, options.clone())?;
    let who = Identity::root();
    let set = SetAttributes {
        mode: Some(0o644),
        ..SetAttributes::default()
    };
    let each = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
    let mut directories = Vec::new();
    for n in 0..100 {
        let name = format!("d{n}");
        directories.push(
            fs.make_directory(&who, &fs.root(), name.as_bytes(), &set)?
                .node,
        );
    }

    let mut handles = Vec::with_capacity(count);
    let began = Instant::now();
    for n in 0..count {
        let name = format!("file{n}");
        let create = Create::Guarded(&set);
        let directory = &directories[n % 100];
        let made = fs.create_file(&who, directory, name.as_bytes(), create, OpenMode::BOTH)?;
        handles.push(made.node.handle().to_vec());
    }
    let create = each(began.elapsed());

    let node = fs.resolve(handles.last().ok_or("no files")?)?;
    let began = Instant::now();
    for _ in 0..count {
        fs.attributes(&node)?;
    }
    let getattr = each(began.elapsed());

    let began = Instant::now();
    for handle in &handles {
        fs.resolve(handle)?;
    }
    let resolve = each(began.elapsed());

    let began = Instant::now();
    for n in 0..count {
        let name = format!("file{n}");
        fs.rename(
            &who,
            &directories[n % 100],
            name.as_bytes(),
            &directories[(n + 1) % 100],
            name.as_bytes(),
        )?;
    }
    let rename = each(began.elapsed());
    drop((node, directories, fs));

    let began = Instant::now();
    let fs = FileSystem::open(&path, options.clone())?;
    let open = began.elapsed();
    drop(fs);
    let _ = std::fs::remove_file(scratch.path().join("records/names"));
    let fs = FileSystem::open(&path, options)?;
    let began = Instant::now();
    while let Err(error) = fs.resolve(handles.last().ok_or("no files")?) {
        if error != Error::Delay {
            return Err(error.into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let found = began.elapsed();

    let began = Instant::now();
    for n in 0..count {
        let name = format!("file{n}");
        let directory = fs.lookup(&who, &fs.root(), format!("d{}", (n + 1) % 100).as_bytes())?;
        fs.remove(&who, &directory, name.as_bytes())?;
    }
    let remove = each(began.elapsed());
    let status = std::fs::read_to_string("/proc/self/status")?;
    let memory = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap_or_default()
        .trim();
    Ok(format!(
        "create {create:6.2}  getattr {getattr:5.2}  resolve, cold {resolve:6.2}  rename \
         {rename:6.2}  remove {remove:6.2}  start {open:?}  index anew {found:?}  memory at most \
         {memory}"
    ))
}
