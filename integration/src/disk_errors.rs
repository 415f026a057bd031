//! A disk that fails when a test says so: system calls of the server end with an errno.
//!
//! A small library in C, compiled here with the linker's own compiler, is preloaded into the
//! server. The rules are in a file that both sides see, so that a test changes them at any time.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::io::Errno;

const SOURCE: &str = include_str!("../preload/disk_errors.c");

/// How many rules there can be, and how long each is in the file.
const RULES: usize = 8;
const LENGTH: usize = 128;

/// Calls that a rule is about: one of these, or several added by `|`.
pub mod calls {
    /// Data is written.
    pub const WRITE: u32 = 1 << 0;
    /// fsync, fdatasync and syncfs.
    pub const SYNC: u32 = 1 << 1;
    /// Data is read.
    pub const READ: u32 = 1 << 2;
    /// A length is set.
    pub const TRUNCATE: u32 = 1 << 3;
    /// Files, directories, symbolic links and FIFOs are made.
    pub const CREATE: u32 = 1 << 4;
    /// What exists is opened.
    pub const OPEN: u32 = 1 << 5;
    /// A name is given to what exists.
    pub const LINK: u32 = 1 << 6;
    /// A name is moved.
    pub const RENAME: u32 = 1 << 7;
    /// A name is taken away.
    pub const UNLINK: u32 = 1 << 8;
    /// Owners, modes, times and extended attributes are set.
    pub const SET: u32 = 1 << 9;
}

/// Which calls fail, and how.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Of [`calls`].
    pub calls: u32,
    /// What they answer.
    pub errno: Errno,
    /// A part of the path that the call is about, at most 95 octets; empty: any path.
    pub path: String,
    /// How many pass before the first that fails.
    pub skip: u32,
    /// 1: all that follow fail; n: each nth.
    pub every: u32,
    /// How many fail at most.
    pub limit: u32,
}

impl Rule {
    /// All such calls about paths with `path` in them fail.
    #[must_use]
    pub fn new(calls: u32, errno: Errno, path: &str) -> Self {
        Self {
            calls,
            errno,
            path: path.to_owned(),
            skip: 0,
            every: 1,
            limit: u32::MAX,
        }
    }

    /// Only the first of them fails.
    #[must_use]
    pub fn once(self) -> Self {
        Self { limit: 1, ..self }
    }

    /// Each nth of them fails.
    #[must_use]
    pub fn every(self, every: u32) -> Self {
        Self {
            every: every.max(1),
            ..self
        }
    }

    /// Not before so many have passed.
    #[must_use]
    pub fn skip(self, skip: u32) -> Self {
        Self { skip, ..self }
    }

    fn encoded(&self) -> Result<[u8; LENGTH]> {
        ensure!(self.path.len() < LENGTH - 32, "{} is too long", self.path);
        let errno = u32::try_from(self.errno.raw_os_error())?;
        let numbers = [self.calls, errno, self.skip, self.every, self.limit];
        let mut bytes = [0; LENGTH];
        for (place, number) in bytes.chunks_mut(4).zip(numbers) {
            place.copy_from_slice(&number.to_ne_bytes());
        }
        bytes[32..32 + self.path.len()].copy_from_slice(self.path.as_bytes());
        Ok(bytes)
    }
}

/// The rules for one server.
#[derive(Debug)]
pub struct DiskErrors {
    library: PathBuf,
    path: PathBuf,
    control: File,
}

impl DiskErrors {
    /// Compiles the library into a directory, with no rule yet.
    ///
    /// # Errors
    /// If there is no `cc`, or no file can be made.
    pub fn install(directory: &Path) -> Result<Self> {
        let source = directory.join("disk_errors.c");
        let library = directory.join("disk_errors.so");
        fs::write(&source, SOURCE)?;
        let compiled = Command::new("cc")
            .args(["-O2", "-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .output()
            .context("cannot run cc, which links Rust programs too")?;
        ensure!(
            compiled.status.success(),
            "{}",
            String::from_utf8_lossy(&compiled.stderr)
        );
        let path = directory.join("disk_errors");
        let control = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)?;
        control.set_len((RULES * LENGTH) as u64)?;
        // The server may run as another user.
        fs::set_permissions(&path, Permissions::from_mode(0o666))?;
        Ok(Self {
            library,
            path,
            control,
        })
    }

    /// What the server needs in its environment.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, &Path); 2] {
        [
            ("LD_PRELOAD", &self.library),
            ("LOCALEFS_DISK_ERRORS", &self.path),
        ]
    }

    /// Replaces all rules.
    ///
    /// # Errors
    /// If there are more than eight, or the file can't be written.
    pub fn set(&self, rules: &[Rule]) -> Result<()> {
        ensure!(rules.len() <= RULES, "too many rules");
        self.control.write_all_at(&[0; RULES * LENGTH], 0)?;
        for (index, rule) in rules.iter().enumerate() {
            let bytes = rule.encoded()?;
            let at = (index * LENGTH) as u64;
            // Last what makes it a rule.
            self.control.write_all_at(&bytes[4..], at + 4)?;
            self.control.write_all_at(&bytes[..4], at)?;
        }
        Ok(())
    }

    /// The disk works again; how many calls each rule made fail.
    ///
    /// # Errors
    /// Those of the file.
    pub fn clear(&self) -> Result<[u32; RULES]> {
        let failed = self.failed()?;
        self.set(&[])?;
        Ok(failed)
    }

    /// How many calls each rule made fail so far.
    ///
    /// # Errors
    /// Those of the file.
    pub fn failed(&self) -> Result<[u32; RULES]> {
        let mut failed = [0; RULES];
        for (index, count) in failed.iter_mut().enumerate() {
            let mut bytes = [0; 4];
            self.control
                .read_exact_at(&mut bytes, (index * LENGTH + 24) as u64)?;
            *count = u32::from_ne_bytes(bytes);
        }
        Ok(failed)
    }
}
