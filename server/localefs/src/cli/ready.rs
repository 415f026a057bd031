//! The file that says where a server is.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use localefs::LocalEfs;
use serde::Serialize;
use tempfile::NamedTempFile;

/// Its contents.
#[derive(Serialize)]
struct Ready<'a> {
    nfs: &'a [SocketAddr],
    /// Where AWS's API is served.
    api: Option<SocketAddr>,
    /// Where names are answered by DNS.
    dns: Option<SocketAddr>,
    data: &'a Path,
    pid: u32,
}

/// The file while it stands; it goes when the server does.
pub(super) struct ReadyFile(PathBuf);

impl ReadyFile {
    /// Removes what an earlier server left, so that nobody takes it for this one's.
    pub(super) fn clear(path: &Path) -> anyhow::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot replace {}", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Writes it. Whoever sees it sees all of it.
    pub(super) fn write(path: &Path, server: &LocalEfs) -> anyhow::Result<Self> {
        let ready = Ready {
            nfs: server.nfs_addresses(),
            api: Some(server.api_address()),
            dns: server.dns_address(),
            data: server.data(),
            pid: std::process::id(),
        };
        write(path, &ready).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        // Somebody else may have taken it away.
        let _ = fs::remove_file(&self.0);
    }
}

fn write(path: &Path, ready: &Ready<'_>) -> anyhow::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    let mut line = serde_json::to_vec(ready)?;
    line.push(b'\n');
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let mut file = NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))?;
    file.write_all(&line)?;
    file.as_file()
        .set_permissions(fs::Permissions::from_mode(0o644))?;
    file.persist(path)?;
    Ok(())
}
