//! Stateids: their making and the check of their sequence (RFC 8881 §8.2).

use std::sync::atomic::{AtomicU64, Ordering};

use localefs_protocol::nfs4::{Nfsstat4, StateidOther};

/// Makes `other` fields, none twice: four octets of the server's start, eight of a counter.
#[derive(Debug)]
pub struct StateidSource {
    boot: u32,
    next: AtomicU64,
}

impl StateidSource {
    /// `boot` differs at every start of the server.
    #[must_use]
    pub fn new(boot: u32) -> Self {
        // The counter starts at 1, so that none is all zeros, which is special.
        Self {
            boot,
            next: AtomicU64::new(1),
        }
    }

    /// A new `other` field.
    pub fn take(&self) -> StateidOther {
        let [b0, b1, b2, b3] = self.boot.to_be_bytes();
        let [c0, c1, c2, c3, c4, c5, c6, c7] =
            self.next.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        StateidOther([b0, b1, b2, b3, c0, c1, c2, c3, c4, c5, c6, c7])
    }
}

/// The sequence number after `seqid`: 0 is left out, as it means "the present one".
#[must_use]
pub fn next_seqid(seqid: u32) -> u32 {
    seqid.checked_add(1).unwrap_or(1)
}

/// Whether a request that names `given` may use state at `current` (RFC 8881 §8.2.4).
///
/// # Errors
/// NFS4ERR_OLD_STATEID or NFS4ERR_BAD_STATEID.
pub fn check_seqid(given: u32, current: u32) -> Result<(), Nfsstat4> {
    if given == 0 || given == current {
        return Ok(());
    }
    // Around the wrap, what is less than half the circle behind is old.
    if current.wrapping_sub(given) < u32::MAX / 2 {
        Err(Nfsstat4::NFS4ERR_OLD_STATEID)
    } else {
        Err(Nfsstat4::NFS4ERR_BAD_STATEID)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence() {
        assert_eq!(check_seqid(0, 7), Ok(()));
        assert_eq!(check_seqid(7, 7), Ok(()));
        assert_eq!(check_seqid(6, 7), Err(Nfsstat4::NFS4ERR_OLD_STATEID));
        assert_eq!(check_seqid(8, 7), Err(Nfsstat4::NFS4ERR_BAD_STATEID));
        assert_eq!(check_seqid(u32::MAX, 1), Err(Nfsstat4::NFS4ERR_OLD_STATEID));
        assert_eq!(next_seqid(u32::MAX), 1);
    }

    #[test]
    fn never_special() {
        let source = StateidSource::new(0);
        assert_ne!(source.take(), StateidOther([0; 12]));
        assert_ne!(source.take(), source.take());
    }
}
