//! The system calls that an operation can't do without, and nothing else.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use rustix::fs::{AtFlags, Mode, OFlags, RawDir, StatxFlags};

use super::content::UNIT;
use super::workload::Workload;

/// Small files in the directory.
const FILES: u64 = 1000;

/// One message's worth of system calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// None.
    Nothing,
    /// statx of a descriptor.
    Stat,
    /// statx of a name.
    StatName,
    /// openat.
    Open,
    /// pread of what was opened.
    ReadOpened,
    /// close of what was opened.
    Close,
    /// openat with `O_CREAT` and `O_EXCL`, and close.
    Create,
    /// unlinkat of what was created last.
    Remove,
    /// renameat, back and forth.
    Rename,
    /// getdents, and statx of each name.
    List,
    /// pread of the large file.
    Read,
    /// pwrite to it.
    Write,
    /// fdatasync of it.
    Commit,
}

/// All of them; their places are their numbers in messages.
pub const CALLS: [Call; 13] = [
    Call::Nothing,
    Call::Stat,
    Call::StatName,
    Call::Open,
    Call::ReadOpened,
    Call::Close,
    Call::Create,
    Call::Remove,
    Call::Rename,
    Call::List,
    Call::Read,
    Call::Write,
    Call::Commit,
];

/// What an operation of a workload comes down to, a message each; nothing for those that are a
/// mix. Removing takes making first.
#[must_use]
pub fn calls(workload: Workload) -> &'static [Call] {
    match workload {
        Workload::Null => &[Call::Nothing],
        Workload::Getattr | Workload::Access => &[Call::Stat],
        Workload::Lookup => &[Call::StatName],
        Workload::Small => &[Call::Open, Call::ReadOpened, Call::Close],
        Workload::Create => &[Call::Create],
        Workload::Remove => &[Call::Create, Call::Remove],
        Workload::Rename => &[Call::Rename],
        Workload::Readdir => &[Call::List],
        Workload::SeqRead | Workload::RandRead => &[Call::Read],
        Workload::SeqWrite | Workload::RandWrite => &[Call::Write],
        Workload::WriteCommit => &[Call::Write, Call::Commit],
        Workload::Compile | Workload::GitStatus => &[],
    }
}

/// A directory with small files and a large one, and what is open of it.
#[derive(Debug)]
pub struct Bare {
    directory: OwnedFd,
    large: File,
    octets: u64,
    opened: Option<File>,
    stat: File,
    prefix: u64,
    made: u64,
    renamed: bool,
    listing: Vec<u8>,
    next: u64,
}

impl Bare {
    /// Works in `path`, where everything is made that is not there.
    ///
    /// # Errors
    /// Those of the system.
    pub fn new(path: &Path, octets: u64) -> Result<Self> {
        static PREFIX: AtomicU64 = AtomicU64::new(0);
        fs::create_dir_all(path).with_context(|| path.display().to_string())?;
        for number in 0..FILES {
            let file = path.join(format!("file-{number}"));
            if !file.exists() {
                fs::write(file, [7; UNIT])?;
            }
        }
        let prefix = PREFIX.fetch_add(1, Ordering::Relaxed);
        let mut open = OpenOptions::new();
        open.read(true).write(true).create(true).truncate(false);
        let large = open.open(path.join(format!("large-{prefix}")))?;
        if large.metadata()?.len() != octets {
            large.set_len(0)?;
            let piece = vec![7; 1 << 20];
            for at in (0..octets).step_by(piece.len()) {
                large.write_all_at(&piece, at)?;
            }
            large.sync_all()?;
        }
        let directory = File::open(path)?.into();
        fs::write(path.join(format!("rename-{prefix}")), b"")?;
        Ok(Self {
            stat: File::open(path.join("file-0"))?,
            directory,
            large,
            octets,
            opened: None,
            prefix,
            made: 0,
            renamed: false,
            listing: Vec::with_capacity(32 << 10),
            next: prefix * 31,
        })
    }

    /// Makes one call at `offset` of the large file: `data` is what is written, or read to.
    ///
    /// # Errors
    /// Those of the system.
    pub fn execute(&mut self, call: Call, offset: u64, data: &mut [u8]) -> io::Result<()> {
        let directory = self.directory.as_fd();
        let name = |kind: &str, number: u64| format!("{kind}-{number}");
        // One that was killed may have left its own behind.
        let made = format!("made-{}-{}", std::process::id(), self.prefix);
        let room = self.octets - data.len() as u64;
        let offset = offset % (room + 1);
        match call {
            Call::Nothing => {}
            Call::Stat => {
                let stat = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
                rustix::fs::statx(&self.stat, c"", AtFlags::EMPTY_PATH, stat)?;
            }
            Call::StatName => {
                self.next = (self.next + 7) % FILES;
                let stat = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
                let flags = AtFlags::SYMLINK_NOFOLLOW;
                rustix::fs::statx(directory, name("file", self.next), flags, stat)?;
            }
            Call::Open => {
                self.next = (self.next + 7) % FILES;
                let flags = OFlags::RDONLY | OFlags::CLOEXEC;
                let name = name("file", self.next);
                let opened = rustix::fs::openat(directory, name, flags, Mode::empty())?;
                self.opened = Some(opened.into());
            }
            Call::ReadOpened => {
                if let Some(opened) = &self.opened {
                    opened.read_at(data, 0)?;
                }
            }
            Call::Close => self.opened = None,
            Call::Create => {
                self.made += 1;
                let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
                let name = name(&made, self.made);
                rustix::fs::openat(directory, name, flags, Mode::from_raw_mode(0o644))?;
            }
            Call::Remove => {
                rustix::fs::unlinkat(directory, name(&made, self.made), AtFlags::empty())?;
                self.made -= 1;
            }
            Call::Rename => {
                let (old, new) = (name("rename", self.prefix), name("renamed", self.prefix));
                let (old, new) = if self.renamed { (new, old) } else { (old, new) };
                rustix::fs::renameat(directory, old, directory, new)?;
                self.renamed = !self.renamed;
            }
            Call::List => self.list()?,
            Call::Read => self.large.read_exact_at(data, offset)?,
            Call::Write => self.large.write_all_at(data, offset)?,
            Call::Commit => self.large.sync_data()?,
        }
        Ok(())
    }

    fn list(&mut self) -> io::Result<()> {
        rustix::fs::seek(&self.directory, rustix::fs::SeekFrom::Start(0))?;
        let mut names = RawDir::new(&self.directory, self.listing.spare_capacity_mut());
        while let Some(entry) = names.next() {
            let entry = entry?;
            let stat = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            rustix::fs::statx(&self.directory, entry.file_name(), flags, stat)?;
        }
        Ok(())
    }

    /// Takes away what was created and left.
    ///
    /// # Errors
    /// Those of the system.
    pub fn clean(&mut self) -> io::Result<()> {
        while self.made > 0 {
            self.execute(Call::Remove, 0, &mut [])?;
        }
        Ok(())
    }

    /// Entries that [`Call::List`] lists.
    #[must_use]
    pub fn entries() -> u64 {
        FILES
    }
}
