//! What crosses between the control plane and whoever serves the files.
//!
//! Calls go through the trait [`DataPlane`]; what is to be served at any moment goes through a
//! channel that always holds the latest picture: a reader that was busy misses nothing.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::network::Reachability;

/// Why the data plane did not do what it was told; the text is for people.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct DataPlaneError(pub String);

/// How much a file system holds, as Amazon EFS meters it (EFS user guide, "Metering").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metered {
    /// Bytes; 6144 for an empty file system.
    pub bytes: u64,
    /// When that was found out.
    pub at: SystemTime,
}

/// What goes on at a mount target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountTargetActivity {
    /// Its id.
    pub id: String,
    /// Where it is served on this machine.
    pub addresses: Vec<SocketAddr>,
    /// Its clients.
    pub clients: Vec<ConnectedClient>,
    /// Connections that hear nothing.
    pub denied: Vec<DeniedConnection>,
}

/// An NFS client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConnectedClient {
    /// The id that it was given, 16 hexadecimal digits.
    pub clientid: String,
    /// What it calls itself.
    pub owner: String,
    /// Its host's name, as it says it itself.
    pub hostname: Option<String>,
    /// Where it comes from, as this machine sees it.
    pub address: SocketAddr,
    /// Whom it says that it acts for, those who came first.
    pub users: Vec<AssertedUser>,
    /// Calls for others than those.
    pub other_calls: u64,
    /// Operations that were executed for it.
    pub operations: u64,
    /// Seconds since it renewed its lease.
    pub idle_seconds: u64,
    /// Whether its lease has run out.
    pub expired: bool,
    /// Files that it has open.
    pub opens: usize,
    /// Byte ranges that it has locked.
    pub locks: usize,
}

/// A user whom a client says that it acts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AssertedUser {
    /// The user id.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
    /// How many calls were made so.
    pub calls: u64,
}

/// A connection whose packets security groups or network ACLs drop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

/// What somebody may want to do to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileOperation {
    /// Read a file.
    Read,
    /// Write to a file.
    Write,
    /// Make something that is not there.
    Create,
    /// Take a name away.
    Delete,
    /// Run a file, or search a directory.
    Execute,
    /// List a directory.
    List,
    /// Set the mode.
    Chmod,
    /// Give to another user.
    Chown,
    /// Give to the group of the caller.
    Chgrp,
}

/// Somebody, and what they want to do to a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileWish {
    /// As the client asserts it.
    pub uid: u32,
    /// As the client asserts it.
    pub gid: u32,
    /// Supplementary groups; AUTH_SYS has room for 16.
    pub groups: Vec<u32>,
    /// What.
    pub operation: FileOperation,
    /// From the root of the file system, `/mark/diary`.
    pub path: String,
}

/// What one object on the way to a path says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStep {
    /// Whether one gets on.
    pub allowed: bool,
    /// Why, for people.
    pub because: String,
}

/// What somebody wants done about faults; see docs/faults.md for the forms of JSON.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultRequest {
    /// List those at work.
    List,
    /// Put one to work.
    Add(Value),
    /// End one, or all.
    Clear(Option<u64>),
    /// Reset connections once.
    ResetConnections(Value),
}

/// Who serves the files. File systems are named by their ids (`fs-` and 17 digits).
///
/// Calls may block, and are made on threads that may, but for [`DataPlane::metered`].
pub trait DataPlane: Send + Sync + 'static {
    /// Makes the tree of a new file system, durably. One that is there already is fine: after a
    /// crash the call is repeated.
    ///
    /// # Errors
    /// [`DataPlaneError`]; then there is no tree.
    fn create_tree(&self, file_system: &str) -> Result<(), DataPlaneError>;

    /// Removes the tree of a file system that has no mount target, with everything in it. One
    /// that was there before localefs (`--root`) is only let go of. One that is gone already is
    /// fine.
    ///
    /// # Errors
    /// [`DataPlaneError`]; the call will be repeated at the next start.
    fn remove_tree(&self, file_system: &str) -> Result<(), DataPlaneError>;

    /// How much a file system holds. May be some time old for a large one; [`Metered::at`] says.
    ///
    /// # Errors
    /// [`DataPlaneError`] if its tree can't be read.
    fn metered(&self, file_system: &str) -> Result<Metered, DataPlaneError>;

    /// What goes on at all mount targets.
    fn activity(&self) -> Vec<MountTargetActivity>;

    /// What decides whether somebody may do something to a path: what is asked on the way, in its
    /// order, up to what refuses.
    ///
    /// # Errors
    /// [`DataPlaneError`] if there is no such file system.
    fn explain(&self, file_system: &str, wish: &FileWish) -> Result<Vec<FileStep>, DataPlaneError>;

    /// Whether there is no file in a file system.
    ///
    /// # Errors
    /// [`DataPlaneError`] if its tree can't be read.
    fn is_empty(&self, file_system: &str) -> Result<bool, DataPlaneError>;

    /// Makes a directory of this path (`/a/b`), owner, group and mode; those above it that are
    /// missing are root's, with mode 0755. One that is there already gets owner, group and mode.
    ///
    /// # Errors
    /// [`DataPlaneError`], for instance if a part of the path is no directory.
    fn make_directory(
        &self,
        file_system: &str,
        path: &str,
        owner: (u32, u32),
        mode: u32,
    ) -> Result<(), DataPlaneError>;

    /// Puts a file system behind the addresses that the server was told to listen on, with this
    /// mount target, which is made if there is none of this id; without one the addresses lead
    /// nowhere. So it stays after a restart.
    ///
    /// # Errors
    /// [`DataPlaneError`]; then nothing has changed. A tree that was there before localefs
    /// (`--root`) stays behind these addresses.
    fn lead(&self, file_system: &str, mount_target: Option<&str>) -> Result<(), DataPlaneError>;

    /// Does what somebody wants done about faults, of connections, files and the API alike, and
    /// gives the answer.
    ///
    /// # Errors
    /// [`DataPlaneError`] says why that makes no sense.
    fn fault(&self, request: FaultRequest) -> Result<Value, DataPlaneError>;

    /// Empties the trees of file systems that have no mount target, as they were when they were
    /// made. Never touches one that was there before localefs (`--root`).
    ///
    /// # Errors
    /// [`DataPlaneError`] names what could not be emptied.
    fn reset(&self, file_systems: &[String]) -> Result<(), DataPlaneError>;
}

/// A mount target that is to accept connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedMountTarget {
    /// `fsmt-` and 17 hexadecimal digits.
    pub id: String,
    /// The file system's id.
    pub file_system: String,
    /// Its address in the VPC, as the API says it.
    pub ip_address: Ipv4Addr,
    /// Where it listens on this machine: 127.n.c.d for a.b.c.d, n being the number of a.b/16.
    pub mirror: Ipv4Addr,
    /// Whom the network lets reach it.
    pub reachability: Arc<Reachability>,
}

/// All mount targets that are to accept connections, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountTargets {
    /// Grows with every change.
    pub version: u64,
    /// By id.
    pub targets: BTreeMap<String, ServedMountTarget>,
}

/// How far the data plane has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// The version of [`MountTargets`] that is served; `None` before the first.
    pub version: Option<u64>,
    /// Mount targets that could not be opened, by id, and why, for people.
    pub failed: BTreeMap<String, String>,
}

/// The control plane's end.
#[derive(Debug)]
pub struct Publisher {
    targets: watch::Sender<Arc<MountTargets>>,
    settled: watch::Receiver<Settled>,
}

/// The data plane's end.
#[derive(Debug)]
pub struct Subscription {
    /// What is to be served; the first value is empty and of version 0.
    pub targets: watch::Receiver<Arc<MountTargets>>,
    /// To be told once a version is served: its listeners are open, those that went are closed
    /// with their connections.
    pub settled: watch::Sender<Settled>,
}

/// How long a caller of the API waits for the data plane.
const PATIENCE: Duration = Duration::from_secs(10);

/// A channel from the control plane to the data plane.
#[must_use]
pub fn channel() -> (Publisher, Subscription) {
    let (targets, to_serve) = watch::channel(Arc::default());
    let (settled, progress) = watch::channel(Settled::default());
    let publisher = Publisher {
        targets,
        settled: progress,
    };
    let subscription = Subscription {
        targets: to_serve,
        settled,
    };
    (publisher, subscription)
}

impl Publisher {
    /// Says what is to be served from now on, unless that is what is served, and gives the
    /// version.
    pub fn publish(&self, targets: BTreeMap<String, ServedMountTarget>) -> u64 {
        self.targets.send_if_modified(|current| {
            let is_new = current.version == 0 || current.targets != targets;
            if is_new {
                let version = current.version + 1;
                *current = Arc::new(MountTargets { version, targets });
            }
            is_new
        });
        self.targets.borrow().version
    }

    /// What is to be served at this moment.
    #[must_use]
    pub fn latest(&self) -> Arc<MountTargets> {
        Arc::clone(&self.targets.borrow())
    }

    /// Waits until `version` is served, and says what could not be; `None` if that takes too
    /// long, or nobody serves.
    pub async fn settled(&self, version: u64) -> Option<Settled> {
        let mut settled = self.settled.clone();
        let reached = settled.wait_for(|settled| settled.version >= Some(version));
        let settled = timeout(PATIENCE, reached).await.ok()?.ok()?;
        Some(settled.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nobody() -> Reachability {
        let target = crate::records::MountTarget {
            id: "fsmt-a".to_owned(),
            file_system: "fs-0123456789abcdef0".to_owned(),
            life_cycle: crate::records::LifeCycle::Creating { until: 0 },
            subnet: "subnet-a".to_owned(),
            vpc: "vpc-a".to_owned(),
            zone: "us-east-1a".to_owned(),
            ip_address: Ipv4Addr::new(172, 31, 0, 4),
            mirror: Ipv4Addr::new(127, 31, 0, 4),
            network_interface: "eni-a".to_owned(),
        };
        crate::network::Compiler::new(&crate::network::World::default()).reachability(&target)
    }

    fn one(id: &str) -> BTreeMap<String, ServedMountTarget> {
        let target = ServedMountTarget {
            id: id.to_owned(),
            file_system: "fs-0123456789abcdef0".to_owned(),
            ip_address: Ipv4Addr::new(172, 31, 0, 4),
            mirror: Ipv4Addr::new(127, 31, 0, 4),
            reachability: Arc::new(nobody()),
        };
        BTreeMap::from([(id.to_owned(), target)])
    }

    #[tokio::test]
    async fn a_change_is_waited_for_and_its_failures_told() {
        let (publisher, subscription) = channel();
        let version = publisher.publish(one("fsmt-a"));
        assert_eq!(version, 1);
        assert_eq!(publisher.publish(one("fsmt-a")), 1, "nothing new");
        let serve = async {
            let mut targets = subscription.targets;
            targets.changed().await.unwrap();
            let served = targets.borrow().version;
            let failed = BTreeMap::from([("fsmt-a".to_owned(), "taken".to_owned())]);
            subscription.settled.send_replace(Settled {
                version: Some(served),
                failed,
            });
        };
        let (settled, ()) = tokio::join!(publisher.settled(version), serve);
        assert_eq!(settled.unwrap().failed["fsmt-a"], "taken");
    }

    #[tokio::test]
    async fn nothing_to_serve_is_said_too() {
        let (publisher, _subscription) = channel();
        assert_eq!(publisher.publish(BTreeMap::new()), 1);
    }

    #[tokio::test]
    async fn nobody_serves() {
        let (publisher, subscription) = channel();
        drop(subscription);
        let version = publisher.publish(one("fsmt-a"));
        assert!(publisher.settled(version).await.is_none());
    }
}
