//! A small disk of the server's own, in a mount namespace that nobody else sees.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::namespace::Namespace;

/// What is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskKind {
    /// ext4 of so many MiB.
    Ext4(u32),
    /// tmpfs of so many MiB.
    Tmpfs(u32),
    /// ext4 of four times so many MiB, on a store that has only these: past them, data that was
    /// written is lost on its way there, and fsync says so.
    Thin(u32),
    /// Btrfs whose quota group has so many MiB. (ext4 and XFS have quotas only in kernels with
    /// CONFIG_QFMT_V2 and CONFIG_XFS_QUOTA.)
    BtrfsQuota(u32),
}

impl DiskKind {
    /// A shell script that mounts it on `$1`, with `$2` for a file that holds it.
    fn script(self) -> String {
        let ext4 = "mkfs.ext4 -q -m 0 -O ^has_journal -E lazy_itable_init=0 -F \"$2\"";
        match self {
            Self::Ext4(mib) => format!(
                "truncate -s {mib}M \"$2\"; mkfs.ext4 -q -m 0 -F \"$2\"; mount -o loop \"$2\" \"$1\""
            ),
            Self::Tmpfs(mib) => format!("mount -t tmpfs -o size={mib}M,mode=755 tmpfs \"$1\""),
            Self::Thin(mib) => format!(
                "mkdir \"$2\"; mount -t tmpfs -o size={mib}M tmpfs \"$2\"; set -- \"$1\" \"$2/image\"
                truncate -s {}M \"$2\"; {ext4}; mount -o loop \"$2\" \"$1\"",
                4 * mib
            ),
            Self::BtrfsQuota(mib) => format!(
                "truncate -s 256M \"$2\"; mkfs.btrfs -q \"$2\" > /dev/null; mount -o loop \"$2\" \"$1\"
                btrfs quota enable \"$1\"; btrfs qgroup limit {mib}M \"$1\""
            ),
        }
    }
}

/// A mounted disk. It goes away with this value.
#[derive(Debug)]
pub struct Disk {
    /// Lives in the mount namespace, and so keeps it.
    holder: Child,
    path: PathBuf,
}

impl Disk {
    /// Mounts a disk on a directory, which is made.
    ///
    /// # Errors
    /// If the kernel or a tool that makes file systems does not; with what it said.
    pub fn mount(namespace: &Namespace, path: &Path, kind: DiskKind) -> Result<Self> {
        std::fs::create_dir_all(path)?;
        let script = format!("set -e\n{}\necho mounted\nread -r _\n", kind.script());
        let mut command = namespace.command("unshare");
        command.args(["--mount", "--propagation", "private", "bash", "-c", &script]);
        command.args([Path::new("disk"), path, &path.with_extension("image")]);
        let mut holder = command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run unshare (Debian: util-linux)")?;
        let mut line = String::new();
        if let Some(output) = holder.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        if line != "mounted\n" {
            holder.kill()?;
            let said = holder.wait_with_output()?.stderr;
            bail!("{kind:?}: {}", String::from_utf8_lossy(&said));
        }
        Ok(Self {
            holder,
            path: path.to_owned(),
        })
    }

    /// Makes a command run where the disk is mounted.
    #[must_use]
    pub fn namespace(&self) -> String {
        format!("--mount=/proc/{}/ns/mnt", self.holder.id())
    }

    /// How this process reaches a path on the disk.
    #[must_use]
    pub fn outside(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Leaves no more than so many KiB free.
    ///
    /// # Errors
    /// Those of the disk, other than that it is full.
    pub fn fill(&self, left: u64) -> Result<()> {
        let ballast = self.outside(&self.path).join("ballast");
        let free = |of: &Path| -> Result<u64> {
            let found = rustix::fs::statvfs(of)?;
            Ok(found.f_bavail * found.f_frsize / 1024)
        };
        let top = self.outside(&self.path);
        let mut file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&ballast)?;
        loop {
            let excess = free(&top)?.saturating_sub(left).min(1024);
            if excess == 0 {
                return Ok(());
            }
            let size = usize::try_from(excess)? * 1024;
            match std::io::Write::write_all(&mut file, &vec![0xa5; size]) {
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return Ok(()),
                written => written?,
            }
        }
    }

    /// Frees what [`Disk::fill`] took.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn relieve(&self) -> Result<()> {
        std::fs::remove_file(self.outside(&self.path).join("ballast"))?;
        Ok(())
    }

    /// Takes the store below a [`DiskKind::Thin`] away but for so many KiB, or gives it back.
    ///
    /// # Errors
    /// Those of the tools.
    pub fn store(&self, kib: Option<u64>) -> Result<()> {
        let store = self.outside(&self.path.with_extension("image"));
        let ballast = store.join("ballast");
        let Some(left) = kib else {
            std::fs::remove_file(ballast)?;
            return Ok(());
        };
        let found = rustix::fs::statvfs(&store)?;
        let free = found.f_bavail * found.f_frsize;
        std::fs::write(
            ballast,
            vec![0; usize::try_from(free.saturating_sub(left * 1024))?],
        )?;
        Ok(())
    }

    /// Gives the whole disk to a user.
    pub(crate) fn give_to(&self, user: u32) -> Result<()> {
        std::os::unix::fs::chown(self.outside(&self.path), Some(user), Some(user))?;
        Ok(())
    }

    /// Sets the quota of a [`DiskKind::BtrfsQuota`] to so many MiB.
    ///
    /// # Errors
    /// With what the tool said.
    pub fn set_quota(&self, mib: u32) -> Result<()> {
        let path = self.path.to_string_lossy();
        self.run(&["btrfs", "qgroup", "limit", &format!("{mib}M"), &path])
    }

    /// Runs a command where the disk is mounted; it must succeed.
    ///
    /// # Errors
    /// With what it said.
    pub fn run(&self, words: &[&str]) -> Result<()> {
        let output = Command::new("nsenter")
            .arg(self.namespace())
            .arg("--")
            .args(words)
            .stdin(Stdio::null())
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{words:?}: {said}");
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
