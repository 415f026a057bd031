//! The file system as its users see it, on a temporary directory. Needs root.

mod change;
mod create;
mod directory;
mod escape;
mod handles;
mod io;
mod names;
mod ownership;
mod rename;

use std::path::PathBuf;
use std::sync::Arc;

use localefs_vfs::{
    Attributes, Create, Created, Durability, Error, FileSystem, Identity, Node, OpenMode, Options,
    SetAttributes,
};

/// A served directory, next to which there is one that is not served.
pub(crate) struct Served {
    pub(crate) fs: Arc<FileSystem>,
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
        durability: Durability::Ordinary,
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

    pub(crate) fn with(options: Options) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let fs = FileSystem::create(&scratch.path().join("served"), options)
            .expect("these tests must run as root, on a disk with file handles");
        let served = Self {
            fs: Arc::new(fs),
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
        let fs = FileSystem::open(&self.host(""), options()).unwrap();
        self.fs = Arc::new(fs);
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
