//! What the file system's errors are called in NFSv4.1.

use localefs_protocol::nfs4::Nfsstat4;
use localefs_vfs::{Blocking, Error};

/// Why an operation did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The client is told.
    Status(Nfsstat4),
    /// It may block, and must not here: to be done again where it may. Nothing has been changed.
    WouldBlock,
    /// There are no descriptors left. The client is told NFS4ERR_DELAY.
    TooManyFiles,
}

impl Failure {
    /// Of one more piece of state that does not fit: where all clients together have too much, it
    /// passes as descriptors come back, or expired clients are thrown out, which may block.
    pub fn of_state(status: Nfsstat4, blocking: Blocking) -> Self {
        match (status, blocking) {
            (Nfsstat4::NFS4ERR_DELAY, Blocking::Never) => Self::WouldBlock,
            (Nfsstat4::NFS4ERR_DELAY, Blocking::Allowed) => Self::TooManyFiles,
            (other, _) => other.into(),
        }
    }
}

impl From<Nfsstat4> for Failure {
    fn from(status: Nfsstat4) -> Self {
        Self::Status(status)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::WouldBlock => Self::WouldBlock,
            Error::TooManyFiles => Self::TooManyFiles,
            other => Self::Status(status(other)),
        }
    }
}

/// The `nfsstat4` of a file system's error.
pub fn status(error: Error) -> Nfsstat4 {
    match error {
        Error::Perm => Nfsstat4::NFS4ERR_PERM,
        Error::NoEnt => Nfsstat4::NFS4ERR_NOENT,
        Error::Io(errno) => {
            tracing::warn!(errno, "the disk answers with an error");
            Nfsstat4::NFS4ERR_IO
        }
        // Another file system is mounted on the host below the root: it is not served.
        Error::Access | Error::XDev => Nfsstat4::NFS4ERR_ACCESS,
        Error::Exist => Nfsstat4::NFS4ERR_EXIST,
        Error::NotDir => Nfsstat4::NFS4ERR_NOTDIR,
        Error::IsDir => Nfsstat4::NFS4ERR_ISDIR,
        Error::Inval => Nfsstat4::NFS4ERR_INVAL,
        Error::FBig => Nfsstat4::NFS4ERR_FBIG,
        Error::NoSpc => Nfsstat4::NFS4ERR_NOSPC,
        Error::Rofs => Nfsstat4::NFS4ERR_ROFS,
        Error::MLink => Nfsstat4::NFS4ERR_MLINK,
        Error::NameTooLong => Nfsstat4::NFS4ERR_NAMETOOLONG,
        Error::NotEmpty => Nfsstat4::NFS4ERR_NOTEMPTY,
        Error::DQuot => Nfsstat4::NFS4ERR_DQUOT,
        Error::Stale => Nfsstat4::NFS4ERR_STALE,
        Error::BadHandle => Nfsstat4::NFS4ERR_BADHANDLE,
        Error::BadName => Nfsstat4::NFS4ERR_BADNAME,
        Error::BadType => Nfsstat4::NFS4ERR_BADTYPE,
        Error::Symlink => Nfsstat4::NFS4ERR_SYMLINK,
        Error::WrongType => Nfsstat4::NFS4ERR_WRONG_TYPE,
        Error::NotSupp => Nfsstat4::NFS4ERR_NOTSUPP,
        // Descriptors come back as other requests end, or expired clients are thrown out.
        Error::TooManyFiles | Error::Delay | Error::WouldBlock => Nfsstat4::NFS4ERR_DELAY,
    }
}
