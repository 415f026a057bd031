//! A token bucket that may be overdrawn: who overdraws it waits.

/// Nanoseconds since some moment.
pub type Nanos = u64;

const SECOND: i128 = 1_000_000_000;

/// Tokens that come at a constant rate, up to a capacity.
///
/// Whoever takes more than there is leaves a debt and waits until it is paid; who comes next waits
/// behind. So between any two moments no more is let through than the rate allows for that time,
/// and the capacity once.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// Tokens a second; at least one.
    rate: u64,
    capacity: u64,
    /// In billionths of a token; below zero: debt.
    level: i128,
    at: Nanos,
}

impl Bucket {
    /// A bucket that holds `level` tokens at `now`, at most its capacity.
    pub fn new(rate: u64, capacity: u64, level: u64, now: Nanos) -> Self {
        Self {
            rate: rate.max(1),
            capacity,
            level: i128::from(level.min(capacity)) * SECOND,
            at: now,
        }
    }

    /// Takes `cost` tokens; gives the nanoseconds to wait. A clock that goes backwards stands still.
    pub fn take(&mut self, cost: u64, now: Nanos) -> Nanos {
        self.fill(now);
        self.level = self.level.saturating_sub(i128::from(cost) * SECOND);
        let debt = self.level.min(0).unsigned_abs();
        Nanos::try_from(debt.div_ceil(self.rate.into())).unwrap_or(Nanos::MAX)
    }

    /// Tokens that are there; none while there is debt.
    pub fn balance(&mut self, now: Nanos) -> u64 {
        self.fill(now);
        u64::try_from(self.level.max(0) / SECOND).unwrap_or(u64::MAX)
    }

    /// Whether it holds all that it can.
    pub fn is_full(&mut self, now: Nanos) -> bool {
        self.balance(now) >= self.capacity
    }

    fn fill(&mut self, now: Nanos) {
        let earned = i128::from(now.saturating_sub(self.at)).saturating_mul(self.rate.into());
        let full = i128::from(self.capacity) * SECOND;
        self.level = self.level.saturating_add(earned).min(full);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: Nanos = 1_000_000_000;

    #[test]
    fn what_is_there_is_free_and_the_rest_takes_time() {
        let mut bucket = Bucket::new(100, 50, 50, 0);
        assert_eq!(bucket.take(50, 0), 0);
        assert_eq!(bucket.take(100, 0), S);
        assert_eq!(bucket.take(100, 0), 2 * S);
        assert_eq!(bucket.balance(2 * S), 0);
        assert_eq!(bucket.take(0, 2 * S), 0);
        assert_eq!(bucket.balance(3 * S), 50);
        assert!(bucket.is_full(3 * S));
    }

    #[test]
    fn a_clock_that_goes_backwards_earns_nothing() {
        let mut bucket = Bucket::new(10, 10, 0, 5 * S);
        assert_eq!(bucket.balance(0), 0);
        assert_eq!(bucket.balance(5 * S), 0);
        assert_eq!(bucket.balance(6 * S), 10);
    }

    #[test]
    fn the_largest_numbers_do_no_harm() {
        let mut bucket = Bucket::new(u64::MAX, u64::MAX, u64::MAX, 0);
        for _ in 0..10 {
            bucket.take(u64::MAX, 0);
        }
        assert!(bucket.take(u64::MAX, 1) > 0);
        assert_eq!(bucket.balance(u64::MAX), u64::MAX);
        let mut slow = Bucket::new(1, 0, 0, 0);
        for _ in 0..100 {
            slow.take(u64::MAX, 0);
        }
        assert_eq!(slow.take(1, 0), Nanos::MAX);
    }

    proptest! {
        #[test]
        fn never_more_than_the_rate_and_one_burst(
            rate in 1u64..1_000_000_000,
            capacity in 0u64..10_000_000_000,
            first in 0u64..10_000_000_000,
            requests in prop::collection::vec((0u64..3 * S, 0u64..2_000_000), 1..60),
        ) {
            let mut bucket = Bucket::new(rate, capacity, first, 0);
            let mut now = 0;
            let mut let_through: Vec<(Nanos, u64)> = Vec::new();
            for (pause, cost) in requests {
                now += pause;
                let at = now + bucket.take(cost, now);
                prop_assert!(let_through.last().is_none_or(|(before, _)| *before <= at));
                let_through.push((at, cost));
            }
            for from in 0..let_through.len() {
                let mut sum = 0u128;
                for until in from + 1..let_through.len() {
                    sum += u128::from(let_through[until].1);
                    let time = u128::from(let_through[until].0 - let_through[from].0);
                    let allowed = u128::from(capacity) + u128::from(rate) * time / 1_000_000_000 + 1;
                    prop_assert!(sum <= allowed, "{sum} of {allowed} in {time} ns");
                }
            }
        }

        #[test]
        fn nobody_waits_longer_than_the_debt_takes(
            rate in 1u64..1_000_000, cost in 0u64..1_000_000_000, level in 0u64..1_000_000,
        ) {
            let mut bucket = Bucket::new(rate, level, level, 0);
            let wait = bucket.take(cost, 0);
            let debt = u128::from(cost.saturating_sub(level)) * u128::from(S);
            prop_assert_eq!(u128::from(wait), debt.div_ceil(u128::from(rate)));
        }

        #[test]
        fn credits_come_at_the_rate_and_end_at_the_capacity(
            rate in 1u64..1_000_000, capacity in 1u64..1_000_000_000, seconds in 0u64..100_000,
        ) {
            let mut bucket = Bucket::new(rate, capacity, 0, 0);
            prop_assert_eq!(bucket.balance(seconds * S), (rate * seconds).min(capacity));
        }
    }
}
