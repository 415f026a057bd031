//! What a server is to be like.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::Ipv4Net;
use localefs_control::control::Settings;
use localefs_vfs::{Durability, Owner};

use crate::error::StartError;
use crate::local_efs::LocalEfs;
use crate::ownership::Ownership;
use crate::transport::{Denied, Limits};

/// Files that all clients together may have open unless another number is set: four clients with
/// EFS's limit of 65,536 each.
pub(crate) const DEFAULT_MAX_OPENS: usize = 262_144;

/// Descriptors of files and directories that stay open unless another number is set.
pub(crate) const DEFAULT_MAX_DESCRIPTORS: usize = 65_536;

/// What a server is to be like. From [`LocalEfs::builder`].
#[derive(Clone, Debug)]
#[must_use = "nothing runs before start()"]
pub struct Builder {
    pub(crate) data: Option<PathBuf>,
    pub(crate) root: Option<PathBuf>,
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) lease: Duration,
    pub(crate) durability: Durability,
    pub(crate) ownership: Ownership,
    pub(crate) outside_owner: Owner,
    pub(crate) trust_local_users: bool,
    pub(crate) max_opens: usize,
    pub(crate) max_descriptors: usize,
    pub(crate) limits: Limits,
    pub(crate) api: SocketAddr,
    pub(crate) mount_target_port: u16,
    pub(crate) bind: Vec<Ipv4Net>,
    pub(crate) denied: Denied,
    pub(crate) dns: Option<SocketAddr>,
    /// Those of mount targets that were there before a kill, by their addresses.
    pub(crate) known_ports: BTreeMap<IpAddr, u16>,
    pub(crate) control: Settings,
    pub(crate) seed: Option<PathBuf>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            data: None,
            root: None,
            listen: Vec::new(),
            lease: Duration::from_secs(90),
            durability: Durability::Ordinary,
            ownership: Ownership::Auto,
            outside_owner: Owner::default(),
            trust_local_users: false,
            max_opens: DEFAULT_MAX_OPENS,
            max_descriptors: DEFAULT_MAX_DESCRIPTORS,
            limits: Limits::default(),
            api: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            mount_target_port: 0,
            bind: Vec::new(),
            denied: Denied::default(),
            dns: None,
            known_ports: BTreeMap::new(),
            control: Settings::default(),
            seed: None,
        }
    }
}

impl Builder {
    /// Keeps files and state in this directory, which is made if need be. Without, they are in a
    /// temporary directory and gone when the server stops.
    pub fn data(mut self, directory: impl Into<PathBuf>) -> Self {
        self.data = Some(directory.into());
        self
    }

    /// Keeps files and state in a temporary directory that is gone when the server stops, as it is
    /// unless told otherwise.
    pub fn ephemeral(mut self) -> Self {
        self.data = None;
        self
    }

    /// Serves this existing directory instead of one in the data directory. Nothing of the
    /// server's own goes into it.
    pub fn root(mut self, tree: impl Into<PathBuf>) -> Self {
        self.root = Some(tree.into());
        self
    }

    /// Listens on this address, and on those of further calls; port 0 is any free one. Without,
    /// on a free port of 127.0.0.1.
    pub fn listen(mut self, address: impl Into<SocketAddr>) -> Self {
        self.listen.push(address.into());
        self
    }

    /// How long a client may be silent before others get what it has open or locked; 90 seconds
    /// unless set, and at least one. A restarted server gives its clients as long to reclaim their state.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Whether changes of names reach the disk before they are answered.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Where owners and modes of files are kept.
    pub fn ownership(mut self, ownership: Ownership) -> Self {
        self.ownership = ownership;
        self
    }

    /// Whose files are that somebody on this machine puts into the tree, with shadow ownership;
    /// root's unless set.
    pub fn outside_owner(mut self, uid: u32, gid: u32) -> Self {
        self.outside_owner = Owner { uid, gid };
        self
    }

    /// Serves the directory of [`Builder::root`] even if other users of this machine can enter
    /// it and run what clients leave there.
    pub fn trust_local_users(mut self, trust: bool) -> Self {
        self.trust_local_users = trust;
        self
    }

    /// How many files all clients together may have open; 262,144 unless set. A single client may
    /// have 65,536, as on EFS.
    pub fn max_opens(mut self, opens: usize) -> Self {
        self.max_opens = opens;
        self
    }

    /// How many descriptors of files and directories stay open for the next use; 65,536 unless
    /// set, and no more than the process's limit of open files leaves. Files that clients have
    /// open beyond are opened again when they are used.
    pub fn max_descriptors(mut self, descriptors: usize) -> Self {
        self.max_descriptors = descriptors;
        self
    }

    /// Sets bounds on what clients can make the server hold.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Serves AWS's API at this address; on a free port of 127.0.0.1 unless set.
    pub fn api(mut self, address: impl Into<SocketAddr>) -> Self {
        self.api = address.into();
        self
    }

    /// The port of mount targets at their own addresses on this machine; any free one unless set.
    pub fn mount_target_port(mut self, port: u16) -> Self {
        self.mount_target_port = port;
        self
    }

    /// Serves mount targets whose address in the VPC lies in this network, or in those of further
    /// calls, at that address too, which this machine has to have. Without, they are only served
    /// at their mirrors, 127.n.c.d.
    pub fn bind(mut self, network: Ipv4Net) -> Self {
        self.bind.push(network);
        self
    }

    /// What clients find that security groups or network ACLs deny; silence unless set.
    pub fn denied(mut self, denied: Denied) -> Self {
        self.denied = denied;
        self
    }

    /// Answers for the names of file systems by DNS at this address, over UDP and TCP; nowhere
    /// unless set.
    pub fn dns(mut self, address: impl Into<SocketAddr>) -> Self {
        self.dns = Some(address.into());
        self
    }

    /// The account that the API is of: twelve digits, zeros unless set.
    pub fn account_id(mut self, account: impl Into<String>) -> Self {
        self.control.account_id = account.into();
        self
    }

    /// The region that the API is of; `us-east-1` unless set.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.control.region = region.into();
        self
    }

    /// Access key and secret of the account's root user; both `test` unless set.
    pub fn root_credentials(mut self, key: impl Into<String>, secret: impl Into<String>) -> Self {
        self.control.root_access_key = key.into();
        self.control.root_secret = secret.into();
        self
    }

    /// How long resources stay in `creating`, `updating` and `deleting`; not at all unless set.
    pub fn lifecycle_delay(mut self, delay: Duration) -> Self {
        self.control.lifecycle_delay = delay;
        self
    }

    /// Has everything be there that this file says, when the server has started: file systems,
    /// mount targets, users and policies in the words of AWS's API, as TOML or JSON. What is there
    /// already stays.
    pub fn seed(mut self, file: impl Into<PathBuf>) -> Self {
        self.seed = Some(file.into());
        self
    }

    /// Starts the server, on threads of its own: it serves also while the caller's runtime is
    /// blocked, for instance by a system call on the mounted file system.
    ///
    /// # Errors
    /// [`StartError`] says what has to be different.
    pub async fn start(mut self) -> Result<LocalEfs, StartError> {
        if self.listen.is_empty() {
            self.listen.push(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        }
        LocalEfs::start(self, None).await
    }
}
