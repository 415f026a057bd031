//! The path of the socket, however deep the data directory is.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// The socket's name in the data directory.
pub(super) const NAME: &str = "admin.sock";

/// The longest path that a socket's address takes on Linux, less its final zero (unix(7)).
const LONGEST: usize = 107;

/// A path by which the socket in `data` can be bound or connected to, with what keeps it valid.
pub(super) fn path(data: &Path) -> io::Result<(PathBuf, Option<File>)> {
    let path = data.join(NAME);
    if path.as_os_str().len() <= LONGEST {
        return Ok((path, None));
    }
    let directory = File::open(data)?;
    let path = format!("/proc/self/fd/{}/{NAME}", directory.as_raw_fd());
    Ok((path.into(), Some(directory)))
}
