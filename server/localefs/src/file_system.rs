//! A file system of a server in this process, as a test holds it.

use std::net::SocketAddr;
use std::path::PathBuf;

use localefs_engine::OperationCount;
use localefs_protocol::nfs4::OpNum;

use crate::admin::{ClientStatus, ServedFileSystem};
use crate::data_plane::DataPlane;
use crate::mount::mount_command;

/// A file system that is served: from [`LocalEfs::file_system`] or
/// [`LocalEfs::create_file_system`]. A handle: it does not keep the server running.
///
/// [`LocalEfs::file_system`]: crate::LocalEfs::file_system
/// [`LocalEfs::create_file_system`]: crate::LocalEfs::create_file_system
#[derive(Clone, Debug)]
pub struct FileSystem {
    pub(crate) id: String,
    pub(crate) data_plane: DataPlane,
}

impl FileSystem {
    /// `fs-` and 17 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where it is served; nothing once it has no mount target, or the server has stopped.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        let targets = self.served()?.mount_targets;
        let mut addresses = targets.into_iter().flat_map(|target| target.addresses);
        addresses.next()
    }

    /// The command, to be run as root, that mounts it on this machine; empty if it is not served.
    #[must_use]
    pub fn mount_command(&self, directory: &str) -> String {
        let address = self.address();
        address.map_or_else(String::new, |address| mount_command(address, directory))
    }

    /// The directory on this machine that its clients see as the root; nothing once it is gone.
    #[must_use]
    pub fn root(&self) -> Option<PathBuf> {
        Some(self.served()?.root)
    }

    /// Its clients, with what they hold.
    #[must_use]
    pub fn clients(&self) -> Vec<ClientStatus> {
        let targets = self.served().map(|served| served.mount_targets);
        let clients = targets.into_iter().flatten();
        clients.flat_map(|target| target.clients).collect()
    }

    /// What its clients did since the server started.
    #[must_use]
    pub fn operations(&self) -> Operations {
        Operations(self.data_plane.operations(Some(&self.id)))
    }

    fn served(&self) -> Option<ServedFileSystem> {
        let all = self.data_plane.file_systems();
        all.into_iter().find(|served| served.id == self.id)
    }
}

/// How often clients had each operation executed. A reply that was sent again is no execution,
/// and what came through mount targets that are gone is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operations(pub(crate) Vec<OperationCount>);

impl Operations {
    /// How often this one succeeded.
    #[must_use]
    pub fn succeeded(&self, operation: OpNum) -> u64 {
        self.of(operation).map_or(0, |count| count.succeeded)
    }

    /// How often this one ended with an error.
    #[must_use]
    pub fn failed(&self, operation: OpNum) -> u64 {
        self.of(operation).map_or(0, |count| count.failed)
    }

    /// Those that were executed at all, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &OperationCount> {
        let counts = self.0.iter();
        counts.filter(|count| count.succeeded + count.failed > 0)
    }

    fn of(&self, operation: OpNum) -> Option<&OperationCount> {
        self.0.iter().find(|count| count.operation == operation)
    }
}
