//! The system calls that an operation can't do without, and nothing else.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use rustix::fs::{AtFlags, Gid, Mode, OFlags, RawDir, StatxFlags, Uid};

use super::content::UNIT;
use super::workload::Workload;

/// Small files in the directory.
const FILES: u64 = 1000;

/// Whose files are made, and of which group, where they are not root's.
const USER: u32 = 1000;

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
    /// The same, and fchown: a server that is root makes a file of somebody else.
    CreateForUser,
    /// unlinkat of what was created last.
    Remove,
    /// renameat, back and forth.
    Rename,
    /// getdents from where the last one ended, and statx of each name.
    List,
    /// pread of the large file.
    Read,
    /// pwrite to it.
    Write,
    /// fdatasync of it.
    Commit,
}

/// All of them; their places are their numbers in messages.
pub const CALLS: [Call; 14] = [
    Call::Nothing,
    Call::Stat,
    Call::StatName,
    Call::Open,
    Call::ReadOpened,
    Call::Close,
    Call::Create,
    Call::CreateForUser,
    Call::Remove,
    Call::Rename,
    Call::List,
    Call::Read,
    Call::Write,
    Call::Commit,
];

/// What an operation of a workload, done as `user`, comes down to, a message each; nothing for
/// those that are a mix. Removing takes making first, which is not counted.
#[must_use]
pub fn calls(workload: Workload, user: u32) -> &'static [Call] {
    match workload {
        Workload::Null => &[Call::Nothing],
        Workload::Getattr | Workload::Access => &[Call::Stat],
        Workload::Lookup => &[Call::StatName],
        Workload::Small => &[Call::Open, Call::ReadOpened, Call::Close],
        Workload::Create if user == 0 => &[Call::Create],
        Workload::Create => &[Call::CreateForUser],
        Workload::Remove => &[Call::Remove],
        Workload::Rename => &[Call::Rename],
        Workload::Readdir => &[Call::List],
        Workload::SeqRead | Workload::RandRead => &[Call::Read],
        Workload::SeqWrite | Workload::RandWrite => &[Call::Write],
        Workload::WriteCommit => &[Call::Write, Call::Commit],
        Workload::Compile | Workload::GitStatus => &[],
    }
}

/// Where bare calls are made, and what there is.
#[derive(Clone, Debug)]
pub struct Ground {
    /// The directory that everything is in.
    pub path: PathBuf,
    /// Octets of each large file.
    pub large: u64,
    /// Entries of the directory that is listed.
    pub entries: u64,
}

impl Ground {
    /// Makes what is not there, but for large files.
    ///
    /// # Errors
    /// Those of the system.
    pub fn prepare(&self) -> Result<()> {
        make_files(&self.files(), FILES, &[7; UNIT])?;
        make_files(&self.listed(), self.entries, b"")
    }

    /// The directory with the small files.
    fn files(&self) -> PathBuf {
        self.path.join("files")
    }

    /// The directory that is listed.
    fn listed(&self) -> PathBuf {
        self.path.join(format!("entries-{}", self.entries))
    }

    /// What process `pid` makes and renames. Whoever has ended that process removes it.
    #[must_use]
    pub fn made_by(&self, pid: u32) -> PathBuf {
        self.path.join(format!("made-{pid}"))
    }
}

fn make_files(directory: &Path, count: u64, content: &[u8]) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    // The last one is made last.
    let last = directory.join(format!("file-{}", count.saturating_sub(1)));
    for number in 0..count {
        if number == 0 && last.exists() {
            break;
        }
        fs::write(directory.join(format!("file-{number}")), content)?;
    }
    Ok(())
}

/// Small files, a large one and a directory of what is made; and what is open of them.
#[derive(Debug)]
pub struct Bare {
    files: OwnedFd,
    made: OwnedFd,
    listed: OwnedFd,
    large: File,
    octets: u64,
    opened: Option<File>,
    stat: File,
    prefix: u64,
    count: u64,
    renamed: bool,
    listing: Vec<u8>,
    /// Where the listing goes on.
    cookie: u64,
    next: u64,
}

impl Bare {
    /// Works on ground that is prepared.
    ///
    /// # Errors
    /// Those of the system.
    pub fn new(ground: &Ground) -> Result<Self> {
        static PREFIX: AtomicU64 = AtomicU64::new(0);
        let octets = ground.large;
        let prefix = PREFIX.fetch_add(1, Ordering::Relaxed);
        let mut open = OpenOptions::new();
        open.read(true).write(true).create(true).truncate(false);
        let large = open.open(ground.path.join(format!("large-{prefix}")))?;
        if large.metadata()?.len() != octets {
            large.set_len(0)?;
            let piece = vec![7; 1 << 20];
            for at in (0..octets).step_by(piece.len()) {
                large.write_all_at(&piece, at)?;
            }
            large.sync_all()?;
        }
        let made = ground.made_by(std::process::id());
        fs::create_dir_all(&made)?;
        fs::write(made.join(format!("rename-{prefix}")), b"")?;
        Ok(Self {
            stat: File::open(ground.files().join("file-0"))?,
            files: File::open(ground.files())?.into(),
            made: File::open(made)?.into(),
            listed: File::open(ground.listed())?.into(),
            large,
            octets,
            opened: None,
            prefix,
            count: 0,
            renamed: false,
            listing: Vec::with_capacity(32 << 10),
            cookie: 0,
            next: prefix * 31,
        })
    }

    /// Makes one call at `offset` of the large file: `data` is what is written, or read to.
    /// [`Call::List`] lists so many entries instead.
    ///
    /// # Errors
    /// Those of the system.
    pub fn execute(&mut self, call: Call, offset: u64, data: &mut [u8]) -> io::Result<()> {
        let (files, made) = (self.files.as_fd(), self.made.as_fd());
        let name = |kind: &str, number: u64| format!("{kind}-{number}");
        let room = self.octets - data.len() as u64;
        let place = offset % (room + 1);
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
                rustix::fs::statx(files, name("file", self.next), flags, stat)?;
            }
            Call::Open => {
                self.next = (self.next + 7) % FILES;
                let flags = OFlags::RDONLY | OFlags::CLOEXEC;
                let name = name("file", self.next);
                let opened = rustix::fs::openat(files, name, flags, Mode::empty())?;
                self.opened = Some(opened.into());
            }
            Call::ReadOpened => {
                if let Some(opened) = &self.opened {
                    opened.read_at(data, 0)?;
                }
            }
            Call::Close => self.opened = None,
            Call::Create | Call::CreateForUser => {
                self.count += 1;
                let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
                let name = format!("{}-{}", self.prefix, self.count);
                let file = rustix::fs::openat(made, name, flags, Mode::from_raw_mode(0o644))?;
                if call == Call::CreateForUser {
                    let (user, group) = (Uid::from_raw(USER), Gid::from_raw(USER));
                    rustix::fs::fchown(&file, Some(user), Some(group))?;
                }
            }
            Call::Remove => {
                let name = format!("{}-{}", self.prefix, self.count);
                rustix::fs::unlinkat(made, name, AtFlags::empty())?;
                self.count -= 1;
            }
            Call::Rename => {
                let (old, new) = (name("rename", self.prefix), name("renamed", self.prefix));
                let (old, new) = if self.renamed { (new, old) } else { (old, new) };
                rustix::fs::renameat(made, old, made, new)?;
                self.renamed = !self.renamed;
            }
            Call::List => self.list(offset)?,
            Call::Read => self.large.read_exact_at(data, place)?,
            Call::Write => self.large.write_all_at(data, place)?,
            Call::Commit => self.large.sync_data()?,
        }
        Ok(())
    }

    /// Lists so many entries, from the first one on again after the last one.
    fn list(&mut self, count: u64) -> io::Result<()> {
        let mut left = count;
        while left > 0 {
            let start = rustix::fs::SeekFrom::Start(self.cookie);
            rustix::fs::seek(&self.listed, start)?;
            let mut names = RawDir::new(&self.listed, self.listing.spare_capacity_mut());
            let mut ended = true;
            while let Some(entry) = names.next() {
                let entry = entry?;
                self.cookie = entry.next_entry_cookie();
                if entry.file_name().to_bytes().starts_with(b".") {
                    continue;
                }
                let stat = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
                let flags = AtFlags::SYMLINK_NOFOLLOW;
                rustix::fs::statx(&self.listed, entry.file_name(), flags, stat)?;
                left -= 1;
                if left == 0 {
                    ended = false;
                    break;
                }
            }
            if ended {
                self.cookie = 0;
            }
        }
        Ok(())
    }
}
