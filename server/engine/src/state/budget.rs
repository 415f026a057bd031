//! A bound on what all sessions together may keep.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Octets that are shared out.
#[derive(Debug)]
pub struct Budget {
    left: AtomicUsize,
}

/// A share of a [`Budget`], given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    octets: usize,
}

impl Budget {
    /// A budget of which nothing is taken.
    #[must_use]
    pub fn new(octets: usize) -> Self {
        Self {
            left: AtomicUsize::new(octets),
        }
    }

    /// Takes `wanted` shares of `each` octets, or fewer, but never fewer than `least`: no share
    /// is more than a 32nd of what is left, so that many can have some.
    #[must_use]
    pub fn take(self: &Arc<Self>, wanted: u32, least: u32, each: usize) -> Option<(u32, Share)> {
        let mut left = self.left.load(Ordering::SeqCst);
        loop {
            let fair = u32::try_from(left / 32 / each.max(1)).unwrap_or(u32::MAX);
            let count = wanted.min(fair.max(least));
            let octets = each.checked_mul(count as usize)?;
            let rest = left.checked_sub(octets)?;
            match self
                .left
                .compare_exchange(left, rest, Ordering::SeqCst, Ordering::SeqCst)
            {
                Ok(_) => {
                    return Some((
                        count,
                        Share {
                            budget: Arc::clone(self),
                            octets,
                        },
                    ));
                }
                Err(now) => left = now,
            }
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.left.fetch_add(self.octets, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_gets_what_it_wants_and_the_last_a_little() {
        let budget = Arc::new(Budget::new(64_000));
        let (count, first) = budget.take(10, 4, 100).unwrap();
        assert_eq!(count, 10);
        let mut shares = Vec::new();
        while let Some((count, share)) = budget.take(1_000, 4, 100) {
            assert!((4..=20).contains(&count));
            shares.push(share);
        }
        assert!(shares.len() > 60);
        drop(first);
        assert!(budget.take(1, 1, 100).is_some());
        shares.clear();
        assert_eq!(budget.left.load(Ordering::SeqCst), 64_000);
    }
}
