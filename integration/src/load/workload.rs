//! What can be done to a server, by name.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;

use super::blocks::{Commit, Order, Reader, Writer};
use super::compound::Work;
use super::content::UNIT;
use super::listing::Lister;
use super::script::{Script, Step, Tree};
use super::shape::Shape;
use super::site::Site;

/// Units in a mebibyte.
const MEBIBYTE: u64 = (1 << 20) / UNIT as u64;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// SEQUENCE alone
    Null,
    /// GETATTR by handle
    Getattr,
    /// LOOKUP, GETFH, GETATTR
    Lookup,
    /// ACCESS, GETATTR
    Access,
    /// OPEN, READ, CLOSE of small files, three compounds
    Small,
    /// OPEN that creates and CLOSE, in one compound
    Create,
    /// REMOVE
    Remove,
    /// RENAME in one directory
    Rename,
    /// READDIR with attributes; an operation is an entry
    Readdir,
    /// READ of 1 MiB, one after the other
    SeqRead,
    /// WRITE of 1 MiB, one after the other, COMMIT after a file
    SeqWrite,
    /// READ of 4 KiB anywhere
    RandRead,
    /// WRITE of 4 KiB anywhere
    RandWrite,
    /// WRITE of 4 KiB and COMMIT
    WriteCommit,
    /// like a compiler: reads, looks in vain, writes a file
    Compile,
    /// like a git status: attributes of all files
    GitStatus,
}

/// Works that are made one for each lane.
pub type Works = Vec<Box<dyn Work>>;

impl Workload {
    /// Its name on the command line and in results.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether it uses something up, so that it can't be begun before it is measured.
    #[must_use]
    pub fn is_finite(self) -> bool {
        matches!(self, Self::Create | Self::Remove)
    }

    /// Octets of data that an operation moves.
    #[must_use]
    pub fn octets(self) -> u64 {
        match self {
            Self::SeqRead | Self::SeqWrite => 1 << 20,
            Self::RandRead | Self::RandWrite | Self::WriteCommit | Self::Small => UNIT as u64,
            _ => 0,
        }
    }

    /// After how many blocks that a lane writes it commits them; nothing if each has its own
    /// COMMIT, or nothing is written.
    #[must_use]
    pub fn commits(self, shape: &Shape) -> Option<u64> {
        match self {
            Self::SeqWrite => Some(share(shape, MEBIBYTE) / MEBIBYTE),
            Self::RandWrite => Some(64),
            _ => None,
        }
    }

    /// Makes what is needed, and the works.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn prepare(self, site: &mut Site) -> Result<Works> {
        match self {
            Self::Null => script(site, &[Step::Null], u64::MAX),
            Self::Getattr => script(site, &[Step::Getattr], u64::MAX),
            Self::Lookup => script(site, &[Step::Lookup], u64::MAX),
            Self::Access => script(site, &[Step::Access], u64::MAX),
            Self::Small => script(site, &[Step::Open, Step::Read, Step::Close], u64::MAX),
            Self::Create => script(site, &[Step::CreateClose], site.shape.cycles),
            Self::Remove => {
                let cycles = site.shape.cycles;
                let made = script(site, &[Step::CreateClose], cycles)?;
                super::drive(site, made, Duration::MAX, &mut |_| {})?;
                script(site, &[Step::Remove], cycles)
            }
            Self::Rename => {
                let made = script(site, &[Step::CreateClose], 1)?;
                super::drive(site, made, Duration::MAX, &mut |_| {})?;
                script(site, &[Step::Rename], u64::MAX)
            }
            Self::Compile => script(site, COMPILE, u64::MAX),
            Self::GitStatus => script(site, GIT_STATUS, u64::MAX),
            Self::Readdir => list(site),
            Self::SeqRead => read(site, MEBIBYTE, true),
            Self::RandRead => read(site, 1, false),
            Self::SeqWrite => write(self, site, MEBIBYTE, true),
            Self::RandWrite | Self::WriteCommit => write(self, site, 1, false),
        }
    }
}

/// A compiler looks for headers where they are not, asks for those that are, reads some, and
/// writes an object file, which a linker takes away.
const COMPILE: &[Step] = {
    use Step::*;
    &[
        Lookup, Missing, Missing, Missing, Lookup, Access, Open, Read, Close, Missing, Missing,
        Access, Getattr, Open, Read, Close, Access, Getattr, Getattr, Open, Read, Close, Create,
        Write, Commit, Close, Remove,
    ]
};

/// All files are asked for their attributes, and some names are looked for in vain.
const GIT_STATUS: &[Step] = {
    use Step::*;
    &[
        Getattr, Getattr, Getattr, Getattr, Getattr, Getattr, Getattr, Lookup, Access, Missing,
    ]
};

fn script(site: &mut Site, steps: &[Step], cycles: u64) -> Result<Works> {
    let tree = match steps {
        // They need no files that are there already.
        [Step::Null | Step::CreateClose | Step::Remove | Step::Rename] => Tree {
            directory: Vec::new(),
            files: vec![(String::new(), Vec::new())],
            content: Arc::clone(&site.content),
        },
        _ => {
            let files = site.shape.files;
            site.tree(files)?
        }
    };
    let tree = Arc::new(tree);
    let lane = |lane: usize| {
        // A directory for each client.
        let directory = site.directories.get(lane / site.shape.depth);
        let directory = directory.map_or(&[][..], Vec::as_slice);
        Box::new(Script::new(&tree, (directory, lane), steps, cycles)) as Box<dyn Work>
    };
    Ok((0..site.shape.lanes()).map(lane).collect())
}

fn list(site: &mut Site) -> Result<Works> {
    let entries = site.shape.entries;
    let directory = site.files(entries)?;
    let names = Arc::new(Site::names(entries));
    let lister = |_| Box::new(Lister::new(&directory, &names)) as Box<dyn Work>;
    Ok((0..site.shape.lanes()).map(lister).collect())
}

fn read(site: &mut Site, units: u64, in_order: bool) -> Result<Works> {
    let whole = site.shape.large / UNIT as u64;
    let lanes = site.shape.lanes();
    let mut works: Works = Vec::new();
    for client in 0..site.shape.clients {
        // Each client opens the same file; only the first writes it.
        let file = site.large(client, 0, whole)?;
        for depth in 0..site.shape.depth {
            let lane = (client * site.shape.depth + depth) as u64;
            let order = if in_order {
                Order::Every {
                    first: lane,
                    step: lanes as u64,
                }
            } else {
                Order::Random(lane)
            };
            works.push(Box::new(Reader::new(file.clone(), units, order)));
        }
    }
    Ok(works)
}

/// Units of each lane's file in blocks of so many: all lanes together have one large file's worth.
fn share(shape: &Shape, units: u64) -> u64 {
    let whole = shape.large / UNIT as u64 / shape.lanes() as u64;
    whole.next_multiple_of(units)
}

fn write(work: Workload, site: &mut Site, units: u64, in_order: bool) -> Result<Works> {
    let lanes = site.shape.lanes() as u64;
    let whole = share(&site.shape, units);
    let commit = work.commits(&site.shape);
    let commit = commit.map_or(Commit::Each, Commit::After);
    let mut works: Works = Vec::new();
    for lane in 0..lanes {
        let client = usize::try_from(lane)? / site.shape.depth;
        let file = site.large(client, lane + 1, whole)?;
        let order = if in_order {
            Order::Every { first: 0, step: 1 }
        } else {
            Order::Random(lane)
        };
        works.push(Box::new(Writer::new(file, units, order, commit)));
    }
    Ok(works)
}
