//! What a server needs from outside: its identity, and stable storage for client records.

use std::time::Duration;

use thiserror::Error;

/// What a server needs to know at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// How long a client's state lives without renewal (RFC 8881 §8.3). Also the longest that a
    /// grace period lasts. At least a second.
    pub lease: Duration,
    /// `so_major_id` and server scope: the same after every restart, another one for every mount
    /// target, so that Linux never takes two of them for one (RFC 8881 §2.10.4).
    pub server_owner: Vec<u8>,
    /// Most files that all clients together may have open; each takes some hundred octets of
    /// memory. For one client, EFS's limit of 65,536 holds as well.
    pub max_opens: usize,
    /// Another number at every start on the same data; what was given out before is then stale.
    pub boot: u32,
}

/// Client records could not be read from stable storage, or not be kept there.
#[derive(Debug, Error)]
#[error("client records: {0}")]
pub struct RecordsError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// The clients that may reclaim their state after a restart, on stable storage
/// (RFC 8881 §8.4.2.1).
pub trait ClientRecords: Send + Sync {
    /// `co_ownerid` of each client on record.
    ///
    /// # Errors
    /// Those of the storage.
    fn load(&self) -> Result<Vec<Vec<u8>>, RecordsError>;

    /// Puts a client on record; durable when this returns.
    ///
    /// # Errors
    /// Those of the storage; the client is then not on record.
    fn add(&self, co_ownerid: &[u8]) -> Result<(), RecordsError>;

    /// Takes a client off the record; durable when this returns. Unknown ones are ignored.
    ///
    /// # Errors
    /// Those of the storage; the client may then still be on record.
    fn remove(&self, co_ownerid: &[u8]) -> Result<(), RecordsError>;
}
