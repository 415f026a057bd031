//! How many files clients may have open.

use std::sync::atomic::{AtomicUsize, Ordering};

use localefs_protocol::nfs4::Nfsstat4;

/// A bound for each client, and one for all of them together.
#[derive(Debug)]
pub struct Quota {
    each: usize,
    all: usize,
    open: AtomicUsize,
}

impl Quota {
    /// Nothing is open yet.
    #[must_use]
    pub fn new(each: usize, all: usize) -> Self {
        Self {
            each,
            all,
            open: AtomicUsize::new(0),
        }
    }

    /// Whether a client that has `opens` files open may open one more.
    ///
    /// # Errors
    /// NFS4ERR_DQUOT if it has too many; NFS4ERR_DELAY if all clients together have.
    pub fn check(&self, opens: usize) -> Result<(), Nfsstat4> {
        if opens >= self.each {
            Err(Nfsstat4::NFS4ERR_DQUOT)
        } else if self.open.load(Ordering::Relaxed) >= self.all {
            Err(Nfsstat4::NFS4ERR_DELAY)
        } else {
            Ok(())
        }
    }

    /// Counts one more open file.
    pub fn add(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts `opens` fewer.
    pub fn remove(&self, opens: usize) {
        self.open.fetch_sub(opens, Ordering::Relaxed);
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
