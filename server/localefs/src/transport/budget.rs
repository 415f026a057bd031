//! Octets of requests that all connections share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Octets to be handed out, first come, first served.
#[derive(Debug)]
pub(super) struct Budget {
    octets: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// Octets taken from a budget, returned on drop.
#[derive(Debug, Default)]
pub(super) struct Share(Option<OwnedSemaphorePermit>);

impl Budget {
    pub(super) fn new(octets: usize) -> Self {
        Self {
            octets: Arc::new(Semaphore::new(octets.min(Semaphore::MAX_PERMITS))),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Adds `octets` to a share if they are there.
    pub(super) fn try_extend(&self, share: &mut Share, octets: usize) -> bool {
        let permit = Arc::clone(&self.octets).try_acquire_many_owned(permits(octets));
        permit.map(|permit| share.add(permit)).is_ok()
    }

    /// Waits for `octets`. They count as waited for until this returns or is dropped.
    pub(super) async fn take(&self, octets: usize) -> Share {
        let _waiting = Waiting::new(&self.waiting);
        Share(
            Arc::clone(&self.octets)
                .acquire_many_owned(permits(octets))
                .await
                .ok(),
        )
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

impl Share {
    pub(super) fn octets(&self) -> usize {
        self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }

    /// Takes `octets` out of this share, or what it has.
    pub(super) fn split(&mut self, octets: usize) -> Self {
        let octets = octets.min(self.octets());
        Self(self.0.as_mut().and_then(|permit| permit.split(octets)))
    }

    pub(super) fn merge(&mut self, other: Self) {
        if let Some(permit) = other.0 {
            self.add(permit);
        }
    }

    fn add(&mut self, permit: OwnedSemaphorePermit) {
        match &mut self.0 {
            Some(own) => own.merge(permit),
            None => self.0 = Some(permit),
        }
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

// A semaphore counts its permits in 32 bits; no record is nearly that long.
fn permits(octets: usize) -> u32 {
    u32::try_from(octets).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_come_back() {
        let budget = Budget::new(100);
        let mut share = Share::default();
        assert!(budget.try_extend(&mut share, 60));
        assert!(budget.try_extend(&mut share, 40));
        assert!(!budget.try_extend(&mut Share::default(), 1));
        let part = share.split(30);
        assert_eq!((share.octets(), part.octets()), (70, 30));
        drop(part);
        assert!(budget.try_extend(&mut Share::default(), 30));
        drop(share);
        assert!(budget.try_extend(&mut Share::default(), 100));
    }

    #[test]
    fn a_share_gives_no_more_than_it_has() {
        let budget = Budget::new(100);
        let mut share = Share::default();
        assert_eq!(share.split(5).octets(), 0);
        assert!(budget.try_extend(&mut share, 10));
        let all = share.split(50);
        assert_eq!((share.octets(), all.octets()), (0, 10));
        share.merge(all);
        assert_eq!(share.octets(), 10);
    }

    #[tokio::test]
    async fn a_wait_is_seen_and_ends() {
        let budget = Arc::new(Budget::new(10));
        let held = budget.take(10).await;
        let waiter = tokio::spawn({
            let budget = Arc::clone(&budget);
            async move { budget.take(10).await.octets() }
        });
        while budget.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        drop(held);
        assert_eq!(waiter.await.unwrap(), 10);
        assert_eq!(budget.waiting(), 0);
    }
}
