//! How much is under way, and for how long.

use std::time::Duration;

/// How work is spread over clients, connections and slots, and how much of it there is.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Clients, each with a session.
    pub clients: usize,
    /// Connections of each.
    pub connections: usize,
    /// Compounds of each that are under way, over all its connections.
    pub depth: usize,
    /// The user and the group that it is done as.
    pub user: u32,
    /// How long is measured.
    pub time: Duration,
    /// How long is worked before.
    pub warm: Duration,
    /// How often at most each lane does what it does; what uses something up ends with it.
    pub cycles: u64,
    /// Small files in a directory.
    pub files: u64,
    /// Entries in the directory that is listed.
    pub entries: u64,
    /// Octets of a large file.
    pub large: u64,
    /// Messages of those that do the same without a server.
    pub messages: Messages,
}

/// Messages of a ceiling.
#[derive(Clone, Copy, Debug)]
pub struct Messages {
    /// Octets of a request.
    pub request: usize,
    /// Octets of a reply.
    pub reply: usize,
    /// Entries of a directory in a reply.
    pub page: u64,
}

impl Default for Messages {
    fn default() -> Self {
        Self {
            request: 200,
            reply: 200,
            page: 4000,
        }
    }
}

impl Shape {
    /// Lanes in all.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.clients * self.depth
    }
}
