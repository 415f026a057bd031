//! EFS's throughput limits (EFS user guide, "Performance" and "Quotas").

use std::collections::HashMap;

use localefs_protocol::nfs4::Clientid4;
use serde::{Deserialize, Serialize};

use super::FaultError;
use super::bucket::{Bucket, Nanos};
use super::demand::Demand;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// Slowest and fastest limit of octets a second.
const RATES: std::ops::RangeInclusive<u64> = 4 * KIB..=TIB;

/// Largest balance of burst credits, in octets.
const MAX_CREDITS: u64 = 1 << 50;

/// Most operations a second.
const MAX_OPERATIONS: u64 = 1_000_000_000;

/// Clients that are remembered before those that have been idle are forgotten.
const CLIENTS: usize = 1024;

/// Limits of what a file system and its clients get. Who asks for more waits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Throughput {
    /// Metered octets a second of the file system; with burst credits what it gets once they are
    /// spent, and what it earns.
    #[serde(default)]
    pub bytes_per_second: Option<u64>,
    /// Burst credits on top of that.
    #[serde(default)]
    pub burst: Option<Burst>,
    /// Octets a second of one client, not metered but real.
    #[serde(default)]
    pub client_bytes_per_second: Option<u64>,
    /// Requests a second of the file system.
    #[serde(default)]
    pub operations: Option<OperationRate>,
}

/// Burst credits: metered octets that may be used faster than they are earned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// Metered octets a second while there are credits.
    pub bytes_per_second: u64,
    /// Octets of credit at the start.
    pub credits: u64,
    /// Most octets of credit.
    pub max_credits: u64,
}

/// Requests a second, if all of them read, and if all of them write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationRate {
    /// Requests that write nothing.
    pub read: u64,
    /// Requests that write data or metadata.
    pub write: u64,
}

impl OperationRate {
    /// So many that read, and a fifth of them that write: EFS counts a write as five.
    #[must_use]
    pub fn of_reads(read: u64) -> Self {
        Self {
            read,
            write: (read / 5).max(1),
        }
    }
}

impl Throughput {
    /// The Bursting mode of a file system that holds `stored` octets: 50 KiB/s for each GiB and
    /// 1 MiB/s at least, with credits 100 MiB/s for each TiB and 100 MiB/s at least; 2.1 TiB of
    /// credits at first and at most.
    #[must_use]
    pub fn bursting(stored: u64) -> Self {
        let share = |per_unit: u64, unit: u64| {
            let rate = u128::from(stored) * u128::from(per_unit) / u128::from(unit);
            u64::try_from(rate).unwrap_or(u64::MAX).min(*RATES.end())
        };
        let credits = 21 * TIB / 10;
        Self {
            bytes_per_second: Some(share(50 * KIB, GIB).max(MIB)),
            burst: Some(Burst {
                bytes_per_second: share(100 * MIB, TIB).max(100 * MIB),
                credits,
                max_credits: credits,
            }),
            client_bytes_per_second: Some(500 * MIB),
            operations: Some(OperationRate {
                read: 35_000,
                write: 7_000,
            }),
        }
    }

    /// The Provisioned mode.
    #[must_use]
    pub fn provisioned(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second: Some(bytes_per_second),
            burst: None,
            client_bytes_per_second: Some(500 * MIB),
            operations: Some(OperationRate {
                read: 55_000,
                write: 25_000,
            }),
        }
    }

    /// The Elastic mode, which limits single clients and operations only.
    #[must_use]
    pub fn elastic() -> Self {
        Self {
            client_bytes_per_second: Some(500 * MIB),
            operations: Some(OperationRate {
                read: 250_000,
                write: 50_000,
            }),
            ..Self::default()
        }
    }

    /// # Errors
    /// If a number is out of its range, or nothing is limited.
    pub(super) fn check(&self) -> Result<(), FaultError> {
        if *self == Self::default() {
            return Err(FaultError::NothingLimited);
        }
        if self.burst.is_some() && self.bytes_per_second.is_none() {
            return Err(FaultError::CreditsWithoutRate);
        }
        let burst = self.burst.map(|burst| burst.bytes_per_second);
        let rates = [self.bytes_per_second, self.client_bytes_per_second, burst];
        for rate in rates.into_iter().flatten() {
            if !RATES.contains(&rate) {
                return Err(FaultError::Rate(rate));
            }
        }
        if let (Some(burst), Some(rate)) = (self.burst, self.bytes_per_second) {
            let (slowest, credits) = (burst.bytes_per_second, burst.max_credits);
            if slowest < rate {
                return Err(FaultError::SlowBurst);
            }
            if burst.credits > credits || credits > MAX_CREDITS {
                return Err(FaultError::Credits(burst.credits.max(credits)));
            }
        }
        let operations = self.operations.map(|rate| [rate.read, rate.write]);
        for rate in operations.into_iter().flatten() {
            if !(1..=MAX_OPERATIONS).contains(&rate) {
                return Err(FaultError::OperationRate(rate));
            }
        }
        Ok(())
    }
}

/// The state of a limit: what has been used and earned.
#[derive(Debug)]
pub struct Limiter {
    /// How fast octets may go.
    pace: Option<Bucket>,
    /// Earned at the baseline rate, spent by every metered octet.
    credits: Option<Bucket>,
    /// Of these tokens, a request that reads costs as many as there may be writes in a second, and
    /// the other way round.
    operations: Option<(OperationRate, Bucket)>,
    client_rate: Option<u64>,
    clients: HashMap<Clientid4, Bucket>,
}

impl Limiter {
    /// The limits of `throughput`, which has been checked, from `now` on.
    pub fn new(throughput: &Throughput, now: Nanos) -> Self {
        let pace = throughput.burst.map(|burst| burst.bytes_per_second);
        Self {
            pace: pace
                .or(throughput.bytes_per_second)
                .map(|rate| paced(rate, now)),
            credits: throughput
                .bytes_per_second
                .zip(throughput.burst)
                .map(|(rate, burst)| Bucket::new(rate, burst.max_credits, burst.credits, now)),
            operations: throughput
                .operations
                .map(|rate| (rate, paced(rate.read.saturating_mul(rate.write), now))),
            client_rate: throughput.client_bytes_per_second,
            clients: HashMap::new(),
        }
    }

    /// Lets a request of `client` through; gives the nanoseconds that it has to wait.
    pub fn admit(&mut self, client: Clientid4, demand: &Demand, now: Nanos) -> Nanos {
        if demand.is_nothing() {
            return 0;
        }
        let mut wait = 0;
        for bucket in [&mut self.pace, &mut self.credits].into_iter().flatten() {
            wait = wait.max(bucket.take(demand.metered(), now));
        }
        if let Some((rate, bucket)) = &mut self.operations {
            let cost = if demand.writes() {
                rate.read
            } else {
                rate.write
            };
            wait = wait.max(bucket.take(cost, now));
        }
        if let Some(rate) = self.client_rate {
            if self.clients.len() >= CLIENTS {
                self.clients.retain(|_, bucket| !bucket.is_full(now));
            }
            let bucket = self
                .clients
                .entry(client)
                .or_insert_with(|| paced(rate, now));
            wait = wait.max(bucket.take(demand.octets(), now));
        }
        wait
    }

    /// Octets of burst credit that are left, if there are such.
    pub fn credits(&mut self, now: Nanos) -> Option<u64> {
        self.credits.as_mut().map(|bucket| bucket.balance(now))
    }
}

/// A bucket that evens out a tenth of a second.
fn paced(rate: u64, now: Nanos) -> Bucket {
    Bucket::new(rate, rate / 10, rate / 10, now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use localefs_protocol::nfs4::NfsArgop4;
    use localefs_protocol::nfs4::Stateid4;
    use localefs_protocol::nfs4::ops::{CommitArgs, ReadArgs};
    use proptest::prelude::*;

    const S: Nanos = 1_000_000_000;

    fn write(octets: u64) -> Demand {
        let commit = NfsArgop4::Commit(CommitArgs {
            offset: 0,
            count: 0,
        });
        Demand::new(usize::try_from(octets).unwrap(), [commit])
    }

    fn read(count: u32) -> Demand {
        let read = ReadArgs {
            stateid: Stateid4::ANONYMOUS,
            offset: 0,
            count,
        };
        Demand::new(0, [NfsArgop4::Read(read)])
    }

    /// Octets that a client which sends one request after the other gets in so many seconds.
    fn moved(limiter: &mut Limiter, demand: &Demand, from: Nanos, seconds: u64) -> u64 {
        let (mut now, mut octets) = (from, 0);
        while now < from + seconds * S {
            now += limiter.admit(1, demand, now).max(1000);
            octets += demand.octets();
        }
        octets
    }

    fn about(found: u64, expected: u64) {
        let tolerance = expected / 50 + 2 * MIB;
        assert!(
            found.abs_diff(expected) <= tolerance,
            "{found} is not about {expected}"
        );
    }

    #[test]
    fn the_modes_are_what_the_guide_says() {
        let small = Throughput::bursting(0);
        assert_eq!(small.bytes_per_second, Some(MIB));
        assert_eq!(small.burst.unwrap().bytes_per_second, 100 * MIB);
        let two = Throughput::bursting(2 * TIB);
        assert_eq!(two.bytes_per_second, Some(100 * MIB));
        assert_eq!(two.burst.unwrap().bytes_per_second, 200 * MIB);
        for mode in [
            small,
            two,
            Throughput::bursting(u64::MAX),
            Throughput::provisioned(10 * MIB),
            Throughput::elastic(),
        ] {
            mode.check().unwrap();
        }
    }

    #[test]
    fn a_rate_holds_and_reads_get_three_times_as_much() {
        let limits = Throughput {
            bytes_per_second: Some(10 * MIB),
            ..Throughput::default()
        };
        let mut limiter = Limiter::new(&limits, 0);
        about(moved(&mut limiter, &write(MIB), 0, 20), 201 * MIB);
        about(moved(&mut limiter, &read(1 << 20), 100 * S, 20), 603 * MIB);
        // The least is 4 KiB, however little is asked for.
        let small = moved(&mut limiter, &read(1), 200 * S, 10);
        about(small, 303 * MIB);
        assert_eq!(limiter.credits(300 * S), None);
    }

    #[test]
    fn credits_are_spent_then_the_baseline_is_left_and_earned_again() {
        let mut limits = Throughput::bursting(0);
        limits.burst = Some(Burst {
            bytes_per_second: 100 * MIB,
            credits: 495 * MIB,
            max_credits: 1000 * MIB,
        });
        let mut limiter = Limiter::new(&limits, 0);
        assert_eq!(limiter.credits(0), Some(495 * MIB));
        about(moved(&mut limiter, &write(MIB), 0, 4), 410 * MIB);
        about(moved(&mut limiter, &write(MIB), 4 * S, 10), 100 * MIB);
        let spent = limiter.credits(14 * S).unwrap();
        assert!(spent <= 2 * MIB, "{spent}");
        about(moved(&mut limiter, &write(MIB), 14 * S, 50), 50 * MIB);
        about(limiter.credits(164 * S).unwrap(), 100 * MIB);
        assert_eq!(limiter.credits(5000 * S), Some(1000 * MIB));
    }

    #[test]
    fn each_client_has_a_limit_of_its_own() {
        let limits = Throughput {
            client_bytes_per_second: Some(10 * MIB),
            ..Throughput::default()
        };
        let mut limiter = Limiter::new(&limits, 0);
        assert_eq!(limiter.admit(1, &write(11 * MIB), 0), S);
        assert_eq!(limiter.admit(2, &write(MIB), 0), 0);
        // Reads count in full.
        assert!(limiter.admit(2, &read(1 << 20), 0) > S / 11);
        for client in 0..10_000 {
            limiter.admit(client, &write(1), client * S);
        }
        assert!(limiter.clients.len() <= CLIENTS + 1);
    }

    #[test]
    fn writes_count_as_more_operations() {
        let limits = Throughput {
            operations: Some(OperationRate::of_reads(1000)),
            ..Throughput::default()
        };
        let count = |demand: &Demand| {
            let mut limiter = Limiter::new(&limits, 0);
            moved(&mut limiter, demand, 0, 10) / demand.octets()
        };
        let (reads, writes) = (count(&read(1)), count(&write(1)));
        assert!((10_000..10_200).contains(&reads), "{reads}");
        assert!((2000..2040).contains(&writes), "{writes}");
    }

    #[test]
    fn nonsense_is_refused() {
        let rate = |rate| Throughput {
            bytes_per_second: Some(rate),
            ..Throughput::default()
        };
        let burst = |bytes_per_second, credits, max_credits| Throughput {
            burst: Some(Burst {
                bytes_per_second,
                credits,
                max_credits,
            }),
            ..rate(MIB)
        };
        let operations = |read, write| Throughput {
            operations: Some(OperationRate { read, write }),
            ..Throughput::default()
        };
        for limits in [
            Throughput::default(),
            rate(0),
            rate(4095),
            rate(u64::MAX),
            burst(MIB - 1, 0, 0),
            burst(MIB, 2, 1),
            burst(MIB, 0, u64::MAX),
            Throughput {
                bytes_per_second: None,
                ..burst(MIB, 1, 1)
            },
            operations(0, 1),
            operations(1, 0),
            operations(u64::MAX, 1),
        ] {
            assert!(limits.check().is_err(), "{limits:?}");
        }
        burst(MIB, 0, 0).check().unwrap();
    }

    proptest! {
        /// However requests come, credits and baseline bound what is metered.
        #[test]
        fn never_more_than_credits_and_baseline(
            baseline in 4096u64..10 * MIB,
            credits in 0u64..100 * MIB,
            requests in prop::collection::vec((0u64..S, 0u64..2 * MIB, any::<bool>()), 1..100),
        ) {
            let limits = Throughput {
                bytes_per_second: Some(baseline),
                burst: Some(Burst {
                    bytes_per_second: 100 * MIB,
                    credits,
                    max_credits: credits,
                }),
                ..Throughput::default()
            };
            limits.check().unwrap();
            let mut limiter = Limiter::new(&limits, 0);
            let (mut now, mut metered) = (0, 0u128);
            for (pause, size, reads) in requests {
                now += pause;
                let size32 = u32::try_from(size).unwrap();
                let demand = if reads { read(size32) } else { write(size) };
                let at = now + limiter.admit(1, &demand, now);
                metered += u128::from(demand.metered());
                let time = u128::from(at);
                let slow = u128::from(credits) + u128::from(baseline) * time / u128::from(S) + 1;
                let fast = u128::from(10 * MIB) + u128::from(100 * MIB) * time / u128::from(S) + 1;
                prop_assert!(metered <= slow.min(fast), "{metered} at {at}");
            }
        }
    }
}
