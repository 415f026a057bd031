//! A data directory of which one file is damaged: everything is served as before, or nothing is
//! served and nothing is changed, and the error names the file and a way out.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use localefs_integration::attempt::{self, Running};
use localefs_integration::client::names::*;
use localefs_integration::client::{ClientOptions, PATIENCE, Session, binary};
use localefs_protocol::nfs4::{Attributes, Stateid4};
use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;
use tempfile::TempDir;

const CONTENT: &[u8] = b"what must not be lost";
const OWNER: &str = "1234";
const MODE: u32 = 0o640;

/// What a message may offer.
const WAYS_OUT: [&str; 6] = [
    "repair-ownership",
    "move it away",
    "put back a copy",
    "use the version",
    "--data",
    "start again",
];

struct Site {
    scratch: TempDir,
    file: Vec<u8>,
    directory: Vec<u8>,
}

impl Site {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let mut site = Self {
            scratch,
            file: Vec::new(),
            directory: Vec::new(),
        };
        let running = site.start().unwrap_or_else(|error| panic!("{error}"));
        let mut session =
            Session::establish(running.address, &ClientOptions::new("maker")).unwrap();
        let root = session.root();
        site.directory = session.make_directory(&root, "directory");
        site.file = session.make_file(&site.directory, "file", CONTENT);
        let set = Attributes {
            mode: Some(MODE),
            owner: Some(OWNER.into()),
            ..Attributes::default()
        };
        let compound = session.compound().putfh(&site.file);
        compound.setattr(Stateid4::ANONYMOUS, &set).ok();
        let compound = session.compound().putfh(&site.file).savefh();
        compound.putfh(&site.directory).link("second").ok();
        site
    }

    fn data(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    fn records(&self) -> PathBuf {
        let mut all = fs::read_dir(self.data().join("records")).unwrap();
        all.next().unwrap().unwrap().path()
    }

    /// Starts a server without any privilege, also if this process has them all: with shadow
    /// ownership and an index of names. Or gives what it said when it ended.
    fn start(&self) -> Result<Running, String> {
        let binary = binary().unwrap();
        let command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("setpriv");
            command.arg("--bounding-set=-all").arg(binary);
            command
        } else {
            Command::new(binary)
        };
        let arguments = ["--data".as_ref(), &*self.data()];
        attempt::start(command, &arguments, self.scratch.path()).unwrap()
    }

    /// Whether a client sees all that it saw before, by the handles that it has.
    fn serves_all(&self, running: &Running) {
        let mut session =
            Session::establish(running.address, &ClientOptions::new("reader")).unwrap();
        let end = Instant::now() + PATIENCE;
        let ask = [FATTR4_MODE, FATTR4_OWNER, FATTR4_SIZE, FATTR4_NUMLINKS];
        let reply = loop {
            let compound = session.compound().putfh(&self.file).getattr(&ask);
            let reply = compound.read(Stateid4::ANONYMOUS, 0, 100).send();
            let later = [NFS4ERR_DELAY, NFS4ERR_GRACE].contains(&reply.status());
            if !later || Instant::now() > end {
                break reply.assert(NFS4_OK);
            }
            sleep(Duration::from_millis(5));
        };
        let found = reply.attributes();
        assert_eq!(found.owner.unwrap().as_slice(), OWNER.as_bytes());
        assert_eq!((found.mode, found.numlinks), (Some(MODE), Some(2)));
        assert_eq!(reply.read().data.as_slice(), CONTENT);
        for name in ["file", "second"] {
            let compound = session.compound().putfh(&self.directory);
            assert_eq!(compound.lookup(name).getfh().ok().handle(), self.file);
        }
    }

    /// Starts a server with what is at `path` damaged by `damage`; puts it back afterwards.
    /// Whether it was served is returned.
    fn try_damage(&self, path: &Path, what: &str, damage: impl FnOnce(&Path)) -> bool {
        let aside = self.scratch.path().join("aside");
        copy(path, &aside);
        damage(path);
        let damaged = contents(path);
        let served = match self.start() {
            Ok(running) => {
                self.serves_all(&running);
                true
            }
            Err(message) => {
                let name = path.file_name().unwrap().to_str().unwrap();
                let told =
                    message.contains(name) && WAYS_OUT.iter().any(|way| message.contains(way));
                assert!(told, "{} {what}: {message}", path.display());
                assert!(
                    contents(path) == damaged,
                    "{} {what} was changed",
                    path.display()
                );
                false
            }
        };
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else if path.exists() {
            fs::remove_file(path).unwrap();
        }
        copy(&aside, path);
        served
    }

    /// Every kind of damage; how many of them were served nevertheless, of how many.
    fn damage(&self, path: &Path, flips: usize) -> (usize, usize) {
        let length = fs::metadata(path).unwrap().len();
        for left in [0, 1, length / 3, length.saturating_sub(1)] {
            self.try_damage(path, "cut", |path| {
                File::options()
                    .write(true)
                    .open(path)
                    .unwrap()
                    .set_len(left)
                    .unwrap();
            });
        }
        self.try_damage(path, "zeroed", |path| overwrite(path, 0));
        self.damage_visibly(path, flips)
    }

    /// The kinds of damage that leave something wrong behind instead of nothing.
    fn damage_visibly(&self, path: &Path, flips: usize) -> (usize, usize) {
        let mut served = Vec::new();
        let mut try_damage = |what: &str, damage: &dyn Fn(&Path)| {
            served.push(self.try_damage(path, what, damage));
        };
        let open = |path: &Path| File::options().read(true).write(true).open(path).unwrap();
        let extents = contents(path).unwrap_or_default();
        try_damage("overwritten", &|path| overwrite(path, b'x'));
        // What is all zeros is hardly ever looked at.
        let places = extents.iter().flat_map(|(at, bytes)| (*at..).zip(bytes));
        let places: Vec<_> = places.filter(|(_, byte)| **byte != 0).collect();
        for (at, byte) in places.iter().step_by((places.len() / flips).max(1)) {
            let at = *at;
            try_damage(&format!("byte {at} flipped"), &|path| {
                open(path).write_all_at(&[!**byte], at).unwrap();
            });
        }
        try_damage("a directory", &|path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        });
        try_damage("unreadable", &|path| {
            fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
        });
        (
            served.iter().filter(|served| **served).count(),
            served.len(),
        )
    }
}

/// Replaces all that a file holds.
fn overwrite(path: &Path, byte: u8) {
    for (at, bytes) in contents(path).unwrap() {
        let file = File::options().write(true).open(path).unwrap();
        file.write_all_at(&vec![byte; bytes.len()], at).unwrap();
    }
}

/// Copies a file with its holes, and its mode.
fn copy(from: &Path, to: &Path) {
    if to.is_dir() {
        fs::remove_dir_all(to).unwrap();
    } else if to.exists() {
        fs::remove_file(to).unwrap();
    }
    let status = Command::new("cp")
        .args(["-a", "--sparse=always"])
        .arg(from)
        .arg(to)
        .status();
    assert!(status.unwrap().success());
}

/// The parts of a file that are no holes; `None` for what is no file that can be read.
fn contents(path: &Path) -> Option<Vec<(u64, Vec<u8>)>> {
    let file = File::open(path).ok().filter(|_| path.is_file())?;
    let (mut extents, mut at) = (Vec::new(), 0);
    loop {
        let start = match seek(&file, SeekFrom::Data(at)) {
            Ok(start) => start,
            Err(Errno::NXIO) => return Some(extents),
            Err(errno) => panic!("{errno}"),
        };
        at = seek(&file, SeekFrom::Hole(start)).unwrap();
        let mut bytes = vec![0; usize::try_from(at - start).unwrap()];
        file.read_exact_at(&mut bytes, start).unwrap();
        extents.push((start, bytes));
    }
}

#[test]
fn a_damaged_format_is_refused() {
    let site = Site::new();
    let (served, of) = site.damage(&site.data().join("format"), 16);
    assert_eq!(served, 0, "of {of}");
    // Nothing else says which layout it is.
    site.try_damage(&site.data().join("format"), "removed", |path| {
        fs::remove_file(path).unwrap();
    });
}

#[test]
fn a_damaged_database_is_refused_or_whole() {
    let site = Site::new();
    let (served, of) = site.damage(&site.data().join("state.redb"), 60);
    println!("{served} of {of} kinds of damage don't matter");
    // Most of it are pages that are free, of an earlier state, or made anew. Not so what is around
    // the names of its tables and its rows.
    let state = site.data().join("state.redb");
    let id = site.records().file_name().unwrap().to_owned();
    let mut refused = 0;
    for wanted in [id.as_encoded_bytes(), b"file-systems", b"shadow"] {
        let bytes = fs::read(&state).unwrap();
        let mut windows = bytes.windows(wanted.len()).enumerate();
        let places: Vec<_> = windows
            .by_ref()
            .filter(|(_, window)| *window == wanted)
            .collect();
        assert!(!places.is_empty(), "{wanted:?} is not in there");
        for (at, window) in places {
            let served = site.try_damage(&state, &format!("name at {at} flipped"), |path| {
                let file = File::options().write(true).open(path).unwrap();
                file.write_all_at(&[!window[1]], at as u64 + 1).unwrap();
            });
            refused += usize::from(!served);
        }
    }
    assert!(refused > 0, "nothing of the database is looked at");
}

#[test]
fn damaged_owners_are_refused_or_whole() {
    let site = Site::new();
    let owners = site.records().join("owners");
    let (served, of) = site.damage(&owners, 150);
    println!("{served} of {of} kinds of damage don't matter");
    let refused = !site.try_damage(&owners, "removed", |path| fs::remove_file(path).unwrap());
    assert!(refused, "whose files are these?");
}

#[test]
fn a_damaged_index_of_names_is_made_anew() {
    let site = Site::new();
    let names = site.records().join("names");
    // Zeros look like what was never written.
    let (served, of) = site.damage_visibly(&names, 40);
    assert!(
        served + 2 >= of,
        "{served} of {of}: only what is no file can't be replaced"
    );
    assert!(site.try_damage(&names, "removed", |path| fs::remove_file(path).unwrap()));
    let links = site.records().join("links");
    let linked = fs::read_dir(&links)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    site.damage(&linked, 20);
    assert!(site.try_damage(&links, "removed", |path| fs::remove_dir_all(path).unwrap()));
    site.try_damage(&links, "a file", |path| {
        fs::remove_dir_all(path).unwrap();
        fs::write(path, "?").unwrap();
    });
}

#[test]
fn what_is_about_to_be_made_and_can_not_be_read_is_told() {
    let site = Site::new();
    let intents = site.records().join("intents");
    for (what, bytes) in [
        ("cut", vec![0; 5]),
        ("garbage", vec![b'x'; 100]),
        ("empty", vec![]),
    ] {
        site.try_damage(&intents, what, |path| {
            fs::write(path.join("7"), bytes).unwrap();
        });
    }
    for name in ["intents", "staging"] {
        let path = site.records().join(name);
        site.try_damage(&path, "a file", |path| {
            fs::remove_dir_all(path).unwrap();
            fs::write(path, "?").unwrap();
        });
        assert!(site.try_damage(&path, "removed", |path| fs::remove_dir_all(path).unwrap()));
    }
}
