//! How much a transport takes on.

use std::time::Duration;

/// Bounds on what clients can make the server hold.
///
/// Octets are those of the requests and replies themselves; the memory for them is a small
/// multiple.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at a time. Further ones are accepted and closed at once. The process's limit
    /// of open files lowers this number at start.
    pub connections: usize,
    /// Further connections that are denied from the start and wait in silence until they are not.
    /// Those past it are reset.
    pub waiting: usize,
    /// Calls of one connection that wait for something that may block. While there are so many,
    /// nothing more is read from that connection. Half of what the server runs at once, so that
    /// no single connection keeps the others waiting.
    pub calls: usize,
    /// Octets of the requests of those calls. More keep no disk busier, but fall out of the
    /// processor's cache before they are written.
    pub call_octets: usize,
    /// Octets of replies that one client may leave unread before nothing more is read from its
    /// connection. The socket has its own besides, so that a reader never waits for them.
    pub unread_octets: usize,
    /// The same over all connections: past it, nothing is read from any connection that leaves
    /// replies unread.
    pub all_unread_octets: usize,
    /// Octets of requests that are received but not finished, over all connections.
    pub request_octets: usize,
    /// How long a record may stay unfinished, or a reply unread, without any progress before the
    /// connection is closed. Connections that wait between records stay open for ever.
    pub stall: Duration,
    /// How long a record may stay unfinished, whatever its progress, while other connections wait
    /// for the memory that it takes.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 12_000,
            waiting: 1024,
            calls: BLOCKING_THREADS / 2,
            call_octets: 4 << 20,
            unread_octets: 1 << 20,
            all_unread_octets: 512 << 20,
            request_octets: 256 << 20,
            stall: Duration::from_secs(60),
            patience: Duration::from_secs(5),
        }
    }
}

/// Threads for calls that may block.
///
/// They wait for a disk, so that there are more than processors: enough for a disk's queue, and
/// for the file system's journal to make one write of many syncs; few enough that their stacks and
/// their wake-ups cost nothing to speak of.
pub(crate) const BLOCKING_THREADS: usize = 64;

/// What a connection reads at once when it knows of no larger record.
pub(super) const READ_AT_ONCE: usize = 32 << 10;

/// A record up to this length is copied out of the memory that it was received in, which would
/// otherwise live as long as the call that it makes.
pub(super) const COPIED: usize = 8 << 10;

/// Records answered before the replies so far are written and other connections get their turn.
pub(super) const RECORDS_PER_TURN: usize = 64;

/// Time after which the same happens, as some operations wait for the disk a little.
pub(super) const TURN: Duration = Duration::from_millis(1);

/// After how many records the clock is looked at: it costs as much as a thirtieth of the shortest.
pub(super) const RECORDS_PER_LOOK: usize = 4;

/// Octets of replies in one turn after which the same happens: who reads much must not keep the
/// others waiting.
pub(super) const OCTETS_PER_TURN: usize = 256 << 10;

/// With no more than this of a record there, no room is kept for the rest while it does not come:
/// who only begins records takes no memory to speak of.
pub(super) const LITTLE: usize = 4 << 10;
