//! How much state clients may have.

use std::sync::atomic::{AtomicUsize, Ordering};

use localefs_protocol::nfs4::Nfsstat4;

/// What the clients of a process share.
#[derive(Debug)]
pub struct Quotas {
    /// Opens.
    pub opens: Quota,
    /// Lock-owners, each on one file.
    pub lock_owners: Quota,
}

/// A bound for each client, and one for all of them together.
#[derive(Debug)]
pub struct Quota {
    each: usize,
    all: usize,
    taken: AtomicUsize,
}

impl Quota {
    /// Nothing is taken yet.
    #[must_use]
    pub fn new(each: usize, all: usize) -> Self {
        Self {
            each,
            all,
            taken: AtomicUsize::new(0),
        }
    }

    /// Whether a client that has so many may have one more.
    ///
    /// # Errors
    /// NFS4ERR_DQUOT if it has too many; NFS4ERR_DELAY if all clients together have.
    pub fn check(&self, own: usize) -> Result<(), Nfsstat4> {
        if own >= self.each {
            Err(Nfsstat4::NFS4ERR_DQUOT)
        } else if self.taken.load(Ordering::Relaxed) >= self.all {
            Err(Nfsstat4::NFS4ERR_DELAY)
        } else {
            Ok(())
        }
    }

    /// Counts one more.
    pub fn add(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts so many fewer.
    pub fn remove(&self, count: usize) {
        self.taken.fetch_sub(count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_own_bound_and_all_have_one() {
        let quota = Quota::new(2, 3);
        assert_eq!(quota.check(1), Ok(()));
        assert_eq!(quota.check(2), Err(Nfsstat4::NFS4ERR_DQUOT));
        for _ in 0..3 {
            quota.add();
        }
        assert_eq!(quota.check(0), Err(Nfsstat4::NFS4ERR_DELAY));
        assert_eq!(quota.check(2), Err(Nfsstat4::NFS4ERR_DQUOT));
        quota.remove(1);
        assert_eq!(quota.check(0), Ok(()));
    }
}
