//! What tells an object from all others, also from earlier ones with the same inode number.

use std::hash::Hasher;
use std::os::fd::BorrowedFd;

use arrayvec::ArrayVec;
use rustix::fs::Statx;
use rustix::io::{Errno, Result};
use siphasher::sip::SipHasher13;

use crate::owner_record::Mark;
use crate::sys::{self, HandleUse, KernelHandle};

/// The kind of a [`KernelHandle`] that is none, but a time of birth.
const BIRTH: i32 = -1;

/// How the objects of one disk are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identify {
    /// By the kernel's handles.
    Handle,
    /// By handles that nothing can be opened by: overlay file systems have only such.
    Telling,
    /// By inode number and time of birth.
    Birth,
}

impl Identify {
    /// The best way that this disk has.
    pub(crate) fn of_disk(root: BorrowedFd<'_>) -> Result<Self> {
        let mut missing = Errno::OPNOTSUPP;
        for way in [Self::Handle, Self::Telling, Self::Birth] {
            match sys::stat(root).and_then(|stat| way.handle(root, &stat)) {
                Ok(_) => return Ok(way),
                Err(errno) => missing = errno,
            }
        }
        Err(missing)
    }

    pub(crate) fn handle(self, object: BorrowedFd<'_>, stat: &Statx) -> Result<KernelHandle> {
        match self {
            Self::Handle => sys::handle_of(object, HandleUse::Opening),
            Self::Telling => sys::handle_of(object, HandleUse::Telling),
            Self::Birth => {
                if stat.stx_mask & rustix::fs::StatxFlags::BTIME.bits() == 0 {
                    return Err(Errno::OPNOTSUPP);
                }
                let mut bytes = ArrayVec::new();
                bytes.extend(stat.stx_btime.tv_sec.to_le_bytes());
                bytes.extend(stat.stx_btime.tv_nsec.to_le_bytes());
                Ok(KernelHandle { kind: BIRTH, bytes })
            }
        }
    }

    /// The handle of an object, and what records are kept under.
    pub(crate) fn mark(self, object: BorrowedFd<'_>, stat: &Statx) -> Result<(KernelHandle, Mark)> {
        let kernel = self.handle(object, stat)?;
        let mark = mark(stat.stx_ino, &kernel);
        Ok((kernel, mark))
    }
}

/// What the records of the object of a handle are kept under.
pub(crate) fn mark(fileid: u64, kernel: &KernelHandle) -> Mark {
    let mut hasher = SipHasher13::new();
    hasher.write(&kernel.kind.to_le_bytes());
    hasher.write(&kernel.bytes);
    Mark {
        fileid,
        stamp: hasher.finish(),
    }
}
