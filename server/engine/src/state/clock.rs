//! Time for leases: it doesn't run while the server itself is stopped.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Milliseconds since the server started, without those in which it was stopped.
pub type Millis = u64;

/// A clock that advances by at most `largest_step` between two looks at it.
///
/// A server that was suspended, with the machine or by SIGSTOP, heard no renewals meanwhile: the
/// clients must not lose their leases for that.
#[derive(Debug)]
pub struct Clock {
    largest_step: Duration,
    seen: Mutex<(Instant, Duration)>,
}

impl Clock {
    /// A clock that shows 0 at `now`. It must be looked at more often than every `largest_step`.
    #[must_use]
    pub fn new(now: Instant, largest_step: Duration) -> Self {
        Self {
            largest_step,
            seen: Mutex::new((now, Duration::ZERO)),
        }
    }

    /// The time at `now`.
    pub fn at(&self, now: Instant) -> Millis {
        let mut seen = self
            .seen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let (last, elapsed) = *seen;
        if let Some(step) = now.checked_duration_since(last) {
            *seen = (now, elapsed + step.min(self.largest_step));
        }
        u64::try_from(seen.1.as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_counts_as_one_step() {
        let start = Instant::now();
        let clock = Clock::new(start, Duration::from_secs(10));
        assert_eq!(clock.at(start + Duration::from_secs(3)), 3_000);
        assert_eq!(clock.at(start + Duration::from_secs(1_000)), 13_000);
        assert_eq!(clock.at(start + Duration::from_secs(1_001)), 14_000);
        // Threads may look in another order than they took their times.
        assert_eq!(clock.at(start), 14_000);
    }
}
