//! The file system as its users see it, on a temporary directory. Needs root, to run every test
//! with native ownership, with shadow ownership, and as an ordinary user (see `strategies`).

mod change;
mod create;
mod directory;
mod escape;
mod evicted;
mod grown;
mod handles;
mod io;
mod killed;
mod limits;
mod names;
mod ownership;
mod paths;
mod rename;
mod replaced;
mod shadow;
mod strategies;
mod times;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use localefs_vfs::{
    Attributes, Create, Created, Durability, Error, FileSystem, Identity, Node, OpenMode, Options,
    Owner, Ownership, SetAttributes,
};

/// A served directory, next to which there is one that is not served.
pub(crate) struct Served {
    pub(crate) fs: Arc<FileSystem>,
    options: Options,
    scratch: tempfile::TempDir,
}

pub(crate) const ALICE: u32 = 1001;
pub(crate) const BOB: u32 = 1002;

pub(crate) fn alice() -> Identity {
    Identity::new(ALICE, ALICE, [])
}

pub(crate) fn bob() -> Identity {
    Identity::new(BOB, BOB, [])
}

pub(crate) fn root() -> Identity {
    Identity::root()
}

pub(crate) fn options() -> Options {
    Options {
        fsid: 7,
        key: [3; 16],
        cached_nodes: 1000,
        descriptors: if strategies::few() { 4 } else { 1000 },
        durability: Durability::Ordinary,
        ownership: if strategies::shadow() {
            SHADOW
        } else {
            Ownership::Native
        },
        finding: strategies::finding(),
        records: None,
    }
}

/// Shadow ownership, where what the host has made is root's.
pub(crate) const SHADOW: Ownership = Ownership::Shadow {
    outside: Owner { uid: 0, gid: 0 },
    recorded: false,
};

/// `options`, with a place for records beside the served directory `root`.
pub(crate) fn beside(root: &Path, options: &Options) -> Options {
    Options {
        records: Some(root.with_extension("records")),
        ..options.clone()
    }
}

pub(crate) fn mode(mode: u32) -> SetAttributes {
    SetAttributes {
        mode: Some(mode),
        ..SetAttributes::default()
    }
}

impl Served {
    /// A root directory in which everybody may do everything.
    pub(crate) fn new() -> Self {
        Self::with(options())
    }

    pub(crate) fn with(mut options: Options) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("served");
        options.records = beside(&path, &options).records;
        let fs = FileSystem::create(&path, options.clone())
            .expect("these tests must run as root, on a disk with file handles");
        let served = Self {
            fs: Arc::new(fs),
            options,
            scratch,
        };
        served
            .fs
            .set_attributes(&root(), &served.root(), None, &mode(0o777))
            .unwrap();
        served
    }

    pub(crate) fn root(&self) -> Arc<Node> {
        self.fs.root()
    }

    /// A path below the served directory, for acting as the host.
    pub(crate) fn host(&self, path: &str) -> PathBuf {
        self.scratch.path().join("served").join(path)
    }

    /// A path outside of the served directory.
    pub(crate) fn outside(&self, path: &str) -> PathBuf {
        self.scratch.path().join(path)
    }

    /// The same directory, served anew.
    pub(crate) fn reopen(&mut self) {
        let same = Options {
            cached_nodes: options().cached_nodes,
            ..self.options.clone()
        };
        self.fs = Arc::new(FileSystem::open(&self.outside("served"), same).unwrap());
    }

    /// Another file system on the same directory.
    pub(crate) fn again(&self, options: &Options) -> FileSystem {
        let root = self.outside("served");
        FileSystem::open(&root, beside(&root, options)).unwrap()
    }

    /// Resolves a handle, however long that is put off.
    pub(crate) fn resolve(&self, handle: &[u8]) -> Result<Arc<Node>, Error> {
        loop {
            match self.fs.resolve(handle) {
                Err(Error::Delay) => std::thread::sleep(std::time::Duration::from_millis(1)),
                result => return result,
            }
        }
    }

    pub(crate) fn create(&self, who: &Identity, name: &str, bits: u32) -> Created {
        let set = mode(bits);
        let create = Create::Guarded(&set);
        self.fs
            .create_file(who, &self.root(), name.as_bytes(), create, OpenMode::BOTH)
            .unwrap()
    }

    pub(crate) fn mkdir(&self, who: &Identity, name: &str, bits: u32) -> Arc<Node> {
        let root = self.root();
        self.fs
            .make_directory(who, &root, name.as_bytes(), &mode(bits))
            .unwrap()
            .node
    }

    pub(crate) fn lookup(&self, who: &Identity, name: &str) -> Result<Arc<Node>, Error> {
        self.fs.lookup(who, &self.root(), name.as_bytes())
    }

    pub(crate) fn attributes(&self, name: &str) -> Attributes {
        self.fs
            .attributes(&self.lookup(&root(), name).unwrap())
            .unwrap()
    }

    pub(crate) fn change(&self, node: &Node) -> u64 {
        self.fs.attributes(node).unwrap().change
    }

    /// The names in a directory, in pages of `page` entries.
    pub(crate) fn list(&self, directory: &Node, page: usize) -> Vec<Vec<u8>> {
        let (mut names, mut cookie) = (Vec::new(), 0);
        loop {
            let mut taken = 0;
            let end = self
                .fs
                .read_directory(&root(), directory, cookie, &mut |entry| {
                    if taken == page {
                        return std::ops::ControlFlow::Break(());
                    }
                    taken += 1;
                    cookie = entry.cookie;
                    names.push(entry.name.to_vec());
                    std::ops::ControlFlow::Continue(())
                })
                .unwrap();
            if end {
                return names;
            }
        }
    }
}
