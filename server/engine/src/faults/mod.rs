//! Faults that users ask for: latency, errors, throughput limits. Off, they cost one load a
//! request.
//!
//! - `rule`: what is asked for, and when it applies. Pure: time and chance are arguments.
//! - `demand`: what a request asks of the file system, as EFS meters it.
//! - `throughput`, `bucket`: limits.
//! - `allowed`: which operation may fail how.
//! - `hook`: where a compound meets them.

mod allowed;
mod bucket;
mod demand;
mod fault_error;
mod hook;
mod rule;
mod text;
mod throughput;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

pub use allowed::{operation_named, operations, status_named};
use bucket::Nanos;
pub use demand::OperationClass;
pub use fault_error::FaultError;
pub use hook::Delay;
pub(crate) use hook::{Plight, delay, error};
use rule::Rule;
pub use rule::{InjectedError, Latency, OperationFault};
pub use text::duration;
pub use throughput::{Burst, OperationRate, Throughput};

/// Most faults at a time.
pub const MAX_FAULTS: usize = 256;

/// The faults of one file system.
#[derive(Debug)]
pub struct Faults {
    began: Instant,
    /// Whether there are rules.
    armed: AtomicBool,
    /// How often rules have been taken away.
    cleared: AtomicU64,
    rules: Mutex<Arc<Vec<Arc<Rule>>>>,
}

/// A fault at work, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationFaultStatus {
    /// The number that it was added under.
    pub id: u64,
    /// What it is.
    pub fault: OperationFault,
    /// Requests that waited, or operations that failed.
    pub fired: u64,
    /// Octets of burst credit that are left, of a limit that has such.
    pub credits: Option<u64>,
}

impl Faults {
    /// None.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            began: now,
            armed: AtomicBool::new(false),
            cleared: AtomicU64::new(0),
            rules: Mutex::default(),
        }
    }

    /// Puts a fault to work from `now` on. The number is the caller's, and must be a new one.
    ///
    /// # Errors
    /// [`FaultError`] if it makes no sense, or there are too many.
    pub fn add(&self, id: u64, fault: OperationFault, now: Instant) -> Result<(), FaultError> {
        let rule = Rule::new(id, fault, self.at(now))?;
        let mut rules = self.rules();
        if rules.len() >= MAX_FAULTS {
            return Err(FaultError::TooMany);
        }
        let mut more = rules.to_vec();
        more.push(Arc::new(rule));
        self.replace(&mut rules, more);
        Ok(())
    }

    /// Takes away those faults whose number `gone` is true of; gives how many. What waits by any
    /// fault has waited long enough: see [`Delay::cleared`].
    pub fn clear(&self, mut gone: impl FnMut(u64) -> bool) -> usize {
        let mut rules = self.rules();
        let before = rules.len();
        let mut left = rules.to_vec();
        left.retain(|rule| !gone(rule.id));
        let count = before - left.len();
        if count > 0 {
            self.replace(&mut rules, left);
            self.cleared.fetch_add(1, Ordering::Relaxed);
        }
        count
    }

    /// How often faults have been taken away.
    #[must_use]
    pub fn cleared(&self) -> u64 {
        self.cleared.load(Ordering::Relaxed)
    }

    /// The faults at work, in the order in which they were added.
    #[must_use]
    pub fn list(&self, now: Instant) -> Vec<OperationFaultStatus> {
        let rules = Arc::clone(&self.rules());
        let now = self.at(now);
        let status = |rule: &Arc<Rule>| OperationFaultStatus {
            id: rule.id,
            fault: rule.fault.clone(),
            fired: rule.fired.load(Ordering::Relaxed),
            credits: rule.credits(now),
        };
        rules.iter().map(status).collect()
    }

    /// What a request that came at `now` has to reckon with; nothing where there are no faults.
    pub(crate) fn plight(&self, now: Instant) -> Option<Box<Plight>> {
        if !self.armed.load(Ordering::Relaxed) {
            return None;
        }
        let rules = self.rules();
        // Read under the lock: a request that knows a rule knows that it is not cleared yet.
        let cleared = self.cleared();
        Some(Box::new(Plight::new(
            Arc::clone(&rules),
            cleared,
            self.at(now),
        )))
    }

    fn at(&self, now: Instant) -> Nanos {
        let elapsed = now.saturating_duration_since(self.began);
        Nanos::try_from(elapsed.as_nanos()).unwrap_or(Nanos::MAX)
    }

    fn replace(&self, rules: &mut Arc<Vec<Arc<Rule>>>, by: Vec<Arc<Rule>>) {
        self.armed.store(!by.is_empty(), Ordering::Relaxed);
        *rules = Arc::new(by);
    }

    fn rules(&self) -> MutexGuard<'_, Arc<Vec<Arc<Rule>>>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn latency(milliseconds: u64) -> OperationFault {
        OperationFault::Latency(Latency::new(Duration::from_millis(milliseconds)))
    }

    #[test]
    fn they_come_and_go() {
        let now = Instant::now();
        let faults = Faults::new(now);
        assert!(faults.plight(now).is_none());
        faults.add(1, latency(1), now).unwrap();
        faults.add(2, latency(2), now).unwrap();
        assert!(faults.plight(now).is_some());
        let ids: Vec<_> = faults.list(now).iter().map(|status| status.id).collect();
        assert_eq!(ids, [1, 2]);
        assert_eq!(faults.clear(|id| id == 7), 0);
        assert_eq!(faults.cleared(), 0);
        assert_eq!(faults.clear(|id| id == 1), 1);
        assert_eq!(faults.cleared(), 1);
        assert!(faults.plight(now).is_some());
        assert_eq!(faults.clear(|_| true), 1);
        assert!(faults.plight(now).is_none() && faults.list(now).is_empty());
    }

    #[test]
    fn their_number_is_bounded() {
        let now = Instant::now();
        let faults = Faults::new(now);
        for id in 0..MAX_FAULTS as u64 {
            faults.add(id, latency(1), now).unwrap();
        }
        assert_eq!(faults.add(9999, latency(1), now), Err(FaultError::TooMany));
        faults.clear(|id| id == 0);
        faults.add(9999, latency(1), now).unwrap();
    }
}
