//! What a running server tells about itself.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The answer of a server that is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `ok`.
    pub status: String,
}

/// A picture of a running server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Version of localefs.
    pub version: String,
    /// Process id.
    pub pid: u32,
    /// Seconds since it started.
    pub uptime_seconds: u64,
    /// Where it serves NFS.
    pub nfs: Vec<SocketAddr>,
    /// Where it serves AWS's API.
    pub api: Option<SocketAddr>,
    /// Where it answers for names by DNS.
    #[serde(default)]
    pub dns: Option<SocketAddr>,
    /// Its data directory.
    pub data: PathBuf,
    /// Whether the data directory goes when the server stops.
    pub ephemeral: bool,
    /// How long a client may be silent before its state is at risk.
    pub lease_seconds: u64,
    /// How long clients may still reclaim what they had before a restart; nothing once that is
    /// over.
    pub grace_seconds: Option<u64>,
    /// Open TCP connections.
    pub connections: usize,
    /// Faults at work that somebody asked for.
    #[serde(default)]
    pub faults: usize,
    /// The file system behind the addresses where it serves NFS.
    pub file_system: FileSystemStatus,
    /// All file systems, in the order of their ids.
    pub file_systems: Vec<ServedFileSystem>,
    /// NFS clients of all file systems, in the order of their ids.
    pub clients: Vec<ClientStatus>,
}

/// A file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSystemStatus {
    /// `fs-` and 17 hexadecimal digits.
    pub id: String,
    /// The directory that clients see as the root.
    pub root: PathBuf,
}

/// A file system and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedFileSystem {
    /// `fs-` and 17 hexadecimal digits.
    pub id: String,
    /// The directory that clients see as the root.
    pub root: PathBuf,
    /// How long its clients may still reclaim what they had before a restart; nothing once that
    /// is over.
    pub grace_seconds: Option<u64>,
    /// Its mount targets, in the order of their ids.
    pub mount_targets: Vec<MountTargetStatus>,
}

/// A mount target of a file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountTargetStatus {
    /// `fsmt-` and 17 hexadecimal digits.
    pub id: String,
    /// Where it serves NFS.
    pub addresses: Vec<SocketAddr>,
    /// Its address in the VPC, as the API says it.
    #[serde(default)]
    pub ip_address: Option<Ipv4Addr>,
    /// Its security groups.
    #[serde(default)]
    pub security_groups: Vec<String>,
    /// Its clients, in the order of their ids.
    pub clients: Vec<ClientStatus>,
    /// Connections that hear nothing, those first that have been denied the longest. Where the
    /// kernel drops what is denied, new ones are not seen.
    #[serde(default)]
    pub denied: Vec<DeniedConnection>,
}

/// A connection whose packets security groups or network ACLs drop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeniedConnection {
    /// Where it comes from, as this machine sees it.
    pub address: SocketAddr,
    /// Whether it was served before.
    pub was_served: bool,
    /// Seconds since it is denied.
    pub seconds: u64,
    /// The layer that denies it, and why.
    pub because: String,
}

/// An NFS client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientStatus {
    /// The id that the server gave it, 16 hexadecimal digits.
    pub clientid: String,
    /// What it calls itself (`co_ownerid`).
    pub owner: String,
    /// The host's name in that, for clients that are known to put it there.
    pub hostname: Option<String>,
    /// Where it was last heard from.
    pub address: SocketAddr,
    /// Seconds since it renewed its lease.
    pub idle_seconds: u64,
    /// Whether its lease has run out; what it holds is kept until somebody needs it.
    pub expired: bool,
    /// Its sessions.
    pub sessions: usize,
    /// Files that it has open.
    pub opens: usize,
    /// Byte ranges that it has locked.
    pub locks: usize,
    /// Operations that were executed for it.
    #[serde(default)]
    pub operations: u64,
    /// Whom it says that it acts for: the 16 that came first, in that order.
    #[serde(default)]
    pub users: Vec<AssertedUser>,
    /// Requests for others than those.
    #[serde(default)]
    pub other_calls: u64,
}

/// A user whom a client says that it acts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssertedUser {
    /// The user id.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
    /// Requests made so.
    pub calls: u64,
}

impl ClientStatus {
    pub(crate) fn new(client: localefs_engine::ClientStatus) -> Self {
        Self {
            clientid: format!("{:016x}", client.clientid),
            hostname: hostname(&client.owner),
            owner: client.owner,
            address: client.peer,
            idle_seconds: client.idle.as_secs(),
            expired: client.expired,
            sessions: client.sessions,
            opens: client.opens,
            locks: client.locks,
            operations: client.operations,
            users: client.users.into_iter().map(asserted).collect(),
            other_calls: client.other_calls,
        }
    }
}

fn asserted(user: localefs_engine::AssertedUser) -> AssertedUser {
    let localefs_engine::AssertedUser { uid, gid, calls } = user;
    AssertedUser { uid, gid, calls }
}

/// Seconds of a grace period; one that is not over is never shown as 0.
pub(crate) fn seconds_left(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// The host name in the `co_ownerid` of Linux: `Linux NFSv4.1 HOST`, or `Linux NFSv4.1 ID/HOST`
/// where the client is told apart by an id of its own.
fn hostname(owner: &str) -> Option<String> {
    let (_, rest) = owner.strip_prefix("Linux NFSv")?.split_once(' ')?;
    let host = rest.rsplit_once('/').map_or(rest, |(_, host)| host);
    (!host.is_empty()).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_of_linux() {
        let host = |owner| hostname(owner).unwrap_or_default();
        assert_eq!(host("Linux NFSv4.1 web-1"), "web-1");
        assert_eq!(host("Linux NFSv4.1 5f9c/web-1.example"), "web-1.example");
        assert_eq!(host("Linux NFSv4.1 "), "");
        assert_eq!(host("pynfs 127.0.0.1"), "");
        assert_eq!(host(""), "");
    }
}
