//! What EFS limits and meters of a whole tree.

use std::sync::Arc;
use std::time::{Duration, Instant};

use localefs_vfs::{
    Create, Error, FileSystem, Node, OpenMode, SetAttributes, Stability, Timestamp,
};

use crate::{Served, mode, root};

const DEPTH: u64 = localefs_vfs::limits::MAX_DEPTH;

/// Makes a chain of directories in `top`, and gives them from the highest to the deepest.
fn chain(served: &Served, top: &Arc<Node>, name: &str, levels: u64) -> Vec<Arc<Node>> {
    let mut made: Vec<Arc<Node>> = Vec::new();
    for _ in 0..levels {
        let above = made.last().unwrap_or(top);
        let directory = served
            .fs
            .make_directory(&root(), above, name.as_bytes(), &mode(0o755));
        let directory = directory.unwrap().node;
        made.push(directory);
    }
    made
}

fn make(served: &Served, directory: &Node, name: &str) -> Result<(), Error> {
    let made = served
        .fs
        .make_directory(&root(), directory, name.as_bytes(), &mode(0o755));
    made.map(|_| ())
}

fn rename(served: &Served, from: &Node, name: &str, to: &Node) -> Result<(), Error> {
    let (old, new) = (name.as_bytes(), name.as_bytes());
    served.fs.rename(&root(), from, old, to, new).map(|_| ())
}

#[test]
fn directories_lie_up_to_1000_levels_deep() {
    let served = Served::new();
    let made = chain(&served, &served.root(), "d", DEPTH);
    let deepest = made.last().unwrap();
    assert_eq!(make(&served, deepest, "d"), Err(Error::NameTooLong));
    // Beside it there is room, and in it for all but directories.
    make(&served, &made[998], "beside").unwrap();
    let set = mode(0o644);
    let create = Create::Guarded(&set);
    served
        .fs
        .create_file(&root(), deepest, b"file", create, OpenMode::READ)
        .unwrap();
    let found = served.fs.lookup(&root(), deepest, b"file").unwrap();
    assert_eq!(served.resolve(&found.handle()).unwrap(), found);
    assert_eq!(served.resolve(&deepest.handle()).unwrap(), *deepest);
    // What is renamed in its place stays as deep.
    served
        .fs
        .rename(&root(), &made[998], b"d", &made[998], b"e")
        .unwrap();
}

/// Paths beyond 4096 bytes, which the kernel doesn't tell.
#[test]
fn long_names_are_counted_too() {
    let served = Served::new();
    let made = chain(&served, &served.root(), &"n".repeat(200), DEPTH);
    let deepest = made.last().unwrap();
    assert_eq!(make(&served, deepest, "d"), Err(Error::NameTooLong));
    make(&served, &made[500], "beside").unwrap();
    assert_eq!(served.resolve(&deepest.handle()).unwrap(), *deepest);
}

#[test]
fn moving_directories_makes_none_too_deep() {
    let served = Served::new();
    let top = served.root();
    let deep = chain(&served, &top, "deep", 990);
    let high = chain(&served, &top, "high", 11);
    let file = served.create(&root(), "file", 0o644).node;
    // Itself, and what is below it.
    let to = &deep[989];
    let too_deep = Err(Error::NameTooLong);
    assert_eq!(rename(&served, &top, "high", to), too_deep, "one level");
    rename(&served, &high[0], "high", to).unwrap();
    assert_eq!(make(&served, &high[10], "d"), too_deep);
    assert_eq!(rename(&served, &top, "deep", &high[0]), too_deep);
    rename(&served, &top, "file", &high[10]).unwrap();
    // Up again, there is room again.
    rename(&served, to, "high", &high[0]).unwrap();
    make(&served, &high[10], "d").unwrap();
    rename(&served, &top, "deep", &high[0]).unwrap();
    make(&served, to, "d").unwrap();
    assert_eq!(served.fs.attributes(&file).unwrap().links, 1);
}

#[test]
fn the_host_moves_directories_too() {
    let served = Served::new();
    let deep = chain(&served, &served.root(), "deep", 999);
    let high = chain(&served, &served.root(), "high", 1);
    make(&served, &high[0], "a").unwrap();
    let mut parent = std::fs::File::open(served.host("")).unwrap();
    for _ in 0..999 {
        let next = rustix::fs::openat(
            &parent,
            "deep",
            rustix::fs::OFlags::DIRECTORY,
            rustix::fs::Mode::empty(),
        );
        parent = next.unwrap().into();
    }
    let here = std::fs::File::open(served.host("")).unwrap();
    rustix::fs::renameat(&here, "high", &parent, "high").unwrap();
    assert_eq!(make(&served, &high[0], "b"), Err(Error::NameTooLong));
    rustix::fs::renameat(&parent, "high", &here, "high").unwrap();
    make(&served, &high[0], "b").unwrap();
    make(&served, &deep[998], "last").unwrap();
}

/// Waits until the tree is metered so, at a later time than `after`.
fn metered(fs: &FileSystem, bytes: u64, after: Timestamp) -> Timestamp {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let size = fs.metered_size();
        if size.bytes == bytes && size.at > after {
            assert_eq!(fs.metered_bytes(), bytes);
            return size.at;
        }
        assert!(Instant::now() < end, "{size:?}, not {bytes}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_tree_is_metered_as_efs_meters_it() {
    let mut served = Served::new();
    let start = served.fs.metered_size();
    assert_eq!(start.bytes, 6144, "of a new file system");
    let fs = Arc::clone(&served.fs);
    let made = served.create(&root(), "file", 0o644);
    let at = metered(&fs, 2 * 6144, start.at);
    fs.write(&root(), &made.file, 0, &[1; 10_000], Stability::FileSync)
        .unwrap();
    let at = metered(&fs, 2 * 6144 + 8192, at);
    // Names cost nothing, objects do.
    let dir = served.mkdir(&root(), "dir", 0o755);
    fs.link(&root(), &made.node, &dir, b"one").unwrap();
    fs.link(&root(), &made.node, &dir, b"two").unwrap();
    fs.make_symlink(&root(), &dir, b"symlink", b"file", &mode(0))
        .unwrap();
    let at = metered(&fs, 4 * 6144 + 8192, at);
    let truncate = SetAttributes {
        size: Some(0),
        ..SetAttributes::default()
    };
    fs.set_attributes(&root(), &made.node, None, &truncate)
        .unwrap();
    fs.remove(&root(), &dir, b"symlink").unwrap();
    metered(&fs, 3 * 6144, at);
    // A restart goes on with what was known, and finds what the host has done meanwhile.
    drop((fs, made, dir));
    served.fs = Arc::new(served.again(&crate::options()));
    assert_eq!(served.fs.metered_size().bytes, 3 * 6144);
    std::fs::write(served.host("new"), [1; 5000]).unwrap();
    served.reopen();
    let at = served.fs.metered_size().at;
    metered(&served.fs, 3 * 6144 + 10_240, at);
}
