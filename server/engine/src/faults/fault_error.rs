//! Why a fault is not put to work.

use thiserror::Error;

use super::MAX_FAULTS;
use super::allowed::operations;
use super::rule::MAX_LATENCY;

/// Why a fault is not put to work.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FaultError {
    /// There are too many.
    #[error("there are {MAX_FAULTS} faults, and no more at a time; clear some")]
    TooMany,
    /// No operation of the name can be made to fail.
    #[error("no operation {name:?} can be made to fail; those are {}", list())]
    Operation {
        /// What was asked for.
        name: String,
    },
    /// No error has the name.
    #[error("NFSv4.1 has no error {name:?} (RFC 8881 §15.1); NFS4ERR_IO is one")]
    Status {
        /// What was asked for.
        name: String,
    },
    /// The operation never has that error, or it would confuse clients.
    #[error("{operation} cannot fail with {status}, but with {allowed}")]
    NotThatError {
        /// The operation.
        operation: String,
        /// The error.
        status: String,
        /// Those that it may have.
        allowed: String,
    },
    /// A pattern cannot be used.
    #[error("path {pattern:?}: {reason}")]
    Path {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A probability is out of its range.
    #[error("a probability is above 0, and at most 1")]
    Probability,
    /// A latency is out of its range.
    #[error("a latency is above 0, and with its jitter at most {} s", MAX_LATENCY.as_secs())]
    Latency,
    /// A count is zero.
    #[error("a count is at least 1")]
    Count,
    /// A limit limits nothing.
    #[error("nothing is limited: give a rate, or operations a second")]
    NothingLimited,
    /// Burst credits without what earns them.
    #[error("burst credits need a rate at which they are earned")]
    CreditsWithoutRate,
    /// Bursting is slower than without credits.
    #[error("the burst rate is below the rate without credits")]
    SlowBurst,
    /// A rate is out of its range.
    #[error("{0} octets a second: a rate is from 4 KiB/s to 1 TiB/s")]
    Rate(u64),
    /// Burst credits are out of their range.
    #[error("{0} octets of burst credits: at most 1 PiB, and not more at first than at most")]
    Credits(u64),
    /// A rate of operations is out of its range.
    #[error("{0} operations a second: from 1 to 1,000,000,000 are possible")]
    OperationRate(u64),
}

fn list() -> String {
    operations().collect::<Vec<_>>().join(", ")
}
