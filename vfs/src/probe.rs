//! What this process can do on a disk, found out by trying.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::error::OpenError;
use crate::sys::{self, HandleUse};

/// An id that nothing else has. Where a user namespace maps only some ids, it is not among them,
/// and clients may assert any.
const SOMEBODY: u32 = 4_000_000_011;

/// Whether files in this directory can be given away and used nevertheless, so that native
/// ownership works. An unnamed file is tried, which nobody sees.
///
/// # Errors
/// [`OpenError::Inaccessible`] if the directory can't be opened, or its disk is full.
pub fn can_own(directory: &Path) -> Result<bool, OpenError> {
    let inaccessible = |errno: Errno| OpenError::Inaccessible {
        path: directory.to_owned(),
        error: errno.into(),
    };
    let opened = sys::open_root(directory).map_err(inaccessible)?;
    let descriptors = sys::open_descriptors().map_err(inaccessible)?;
    match give_away(opened.as_fd(), descriptors.as_fd()) {
        Err(full @ (Errno::NOSPC | Errno::DQUOT)) => Err(inaccessible(full)),
        tried => Ok(tried.is_ok()),
    }
}

/// Tries everything that native ownership needs.
pub(crate) fn give_away(
    directory: BorrowedFd<'_>,
    descriptors: BorrowedFd<'_>,
) -> Result<(), Errno> {
    const SET_ID: u32 = 0o6000;
    let file = match sys::create_unnamed(directory, 0) {
        Ok(file) => file,
        // Nothing can be given away, or tried.
        Err(Errno::ROFS) => return Ok(()),
        Err(Errno::OPNOTSUPP) => create_and_unlink(directory)?,
        Err(errno) => return Err(errno),
    };
    sys::change_owner(file.as_fd(), Some(SOMEBODY), Some(SOMEBODY))?;
    sys::change_mode(descriptors, file.as_fd(), SET_ID)?;
    let stat = sys::stat(file.as_fd())?;
    let kept = (
        stat.stx_uid,
        stat.stx_gid,
        u32::from(stat.stx_mode) & 0o7777,
    );
    if kept != (SOMEBODY, SOMEBODY, SET_ID) {
        return Err(Errno::PERM);
    }
    sys::reopen(descriptors, file.as_fd(), OFlags::RDWR).map(|_| ())
}

/// Whether files are opened by handle, and not just directories, which user namespaces may.
pub(crate) fn opens_handles(directory: BorrowedFd<'_>, records: Option<&Path>) -> bool {
    let opens = |file: &OwnedFd, mount: BorrowedFd<'_>| {
        let handle = sys::handle_of(file.as_fd(), HandleUse::Opening)?;
        sys::open_handle(mount, &handle, OFlags::PATH)
    };
    let unnamed = sys::create_unnamed(directory, 0).and_then(|file| opens(&file, directory));
    match (unnamed, records) {
        (Ok(_), _) => true,
        (Err(Errno::PERM), _) => false,
        // Not every disk has unnamed files, or opens them by handle; and this is also the answer
        // to who may open directories only.
        (Err(_), Some(records)) => opens_named(records, &opens).is_ok(),
        (Err(_), None) => sys::handle_of(directory, HandleUse::Opening)
            .and_then(|handle| sys::open_handle(directory, &handle, OFlags::PATH))
            .is_ok(),
    }
}

fn opens_named(
    records: &Path,
    opens: &dyn Fn(&OwnedFd, BorrowedFd<'_>) -> Result<OwnedFd, Errno>,
) -> Result<(), Errno> {
    let name = b"probe";
    let records = sys::open_root(records)?;
    let _ = sys::remove(records.as_fd(), name, false);
    let file = sys::create_named(records.as_fd(), name, 0o600)?;
    let opened = opens(&file, records.as_fd());
    sys::remove(records.as_fd(), name, false)?;
    opened.map(|_| ())
}

/// For disks without unnamed files. The name is there for a moment only.
fn create_and_unlink(directory: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let name = format!(".localefs-probe-{}", std::process::id());
    let file = sys::create_named(directory, name.as_bytes(), 0)?;
    sys::remove(directory, name.as_bytes(), false)?;
    Ok(file)
}
