//! AWS Signature Version 4: who signed a request, and whether it is as it was signed.
//!
//! Pure: the time is an argument, and the secret too. Source: AWS General Reference, "Create a
//! signed AWS API request", "Authenticating requests: using query parameters". S3's exceptions
//! (unsigned payloads, chunks, paths as they are) don't apply to the services here: the payload's
//! hash is always that of the payload.

mod canonical;
mod claim;
mod key;

pub use claim::{Claim, Parts, Scope};
pub use key::SigningKeys;

/// How far the clocks of client and server may differ, in seconds.
pub const SKEW: i64 = 15 * 60;

/// The longest that a presigned request may last, in seconds.
pub const LONGEST: i64 = 7 * 24 * 60 * 60;

/// Why a signature is refused. The texts are AWS's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The request isn't signed.
    #[error("Missing Authentication Token")]
    Missing,
    /// Parts of the signature are missing, or make no sense.
    #[error("{0}")]
    Incomplete(String),
    /// It is for another service, region or day.
    #[error("{0}")]
    Scope(String),
    /// It is too old, or from the future.
    #[error("{0}")]
    Expired(String),
    /// The request isn't what was signed, or another secret signed it.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
}

#[cfg(test)]
mod tests;
