//! A request, whole and within bounds.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, Method};

/// A request, whole and within bounds.
#[derive(Clone, Debug)]
pub struct Request {
    /// `x-amzn-RequestId` of its answer: a random UUID.
    pub id: String,
    /// When it was read.
    pub received: SystemTime,
    /// Where from.
    pub peer: SocketAddr,
    /// The method.
    pub method: Method,
    /// The path as it was sent, percent-encoded.
    pub path: String,
    /// The query as it was sent, without the question mark; empty if there is none.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Request {
    /// A header as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Milliseconds since 1970 at which it was read.
    #[must_use]
    pub fn millis(&self) -> u64 {
        let since = self.received.duration_since(UNIX_EPOCH);
        u64::try_from(since.unwrap_or(Duration::ZERO).as_millis()).unwrap_or(u64::MAX)
    }
}
