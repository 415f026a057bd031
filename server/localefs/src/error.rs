//! Why a server does not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use rustix::io::Errno;
use thiserror::Error;

use crate::data_dir::{DataDirError, remedy};
use crate::ownership::OwnershipError;
use crate::store::StoreError;
use crate::tree::TreeError;

/// Why a server does not start. Messages say what can be done about it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Data(#[from] DataDirError),
    /// The database in it cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The directory to be served cannot be.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The file system cannot be opened.
    #[error("cannot serve {}: {error}{}", path.display(), hint(error.io()))]
    FileSystem {
        /// The tree that clients see.
        path: PathBuf,
        /// What is wrong with it.
        error: localefs_vfs::OpenError,
    },
    /// It has another ownership than was asked for, or one that this process cannot go on with.
    #[error(transparent)]
    Ownership(#[from] OwnershipError),
    /// The NFS server did not start.
    #[error(transparent)]
    Engine(#[from] localefs_engine::StartError),
    /// The records of the control plane cannot be used.
    #[error(transparent)]
    Control(#[from] localefs_control::store::StoreError),
    /// What the server is told to start with is not there.
    #[error(transparent)]
    Seed(#[from] localefs_control::seed::SeedError),
    /// The address of the API cannot be listened on.
    #[error("AWS's API: {0} (for the API, the option is --api)")]
    Api(ListenError),
    /// The address of the DNS server cannot be listened on.
    #[error("DNS: {0}")]
    Dns(ListenError),
    /// The socket for the commands cannot be opened.
    #[error("cannot listen on {}: {error}{}", path.display(), hint(Some(error)))]
    Admin {
        /// The socket.
        path: PathBuf,
        /// What the system answered.
        error: io::Error,
    },
    /// The system gives no threads.
    #[error("cannot start the server's threads: {0}")]
    Threads(io::Error),
}

/// Why a file system is not created.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The control plane can't.
    #[error(transparent)]
    Control(#[from] localefs_control::adopt::CreateError),
    /// The server has stopped.
    #[error("the server has stopped")]
    Stopped,
}

/// Why an address cannot be listened on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ListenError {
    /// Something listens there already.
    #[error(
        "{0} is taken: another program listens there (ss -ltnp shows which); stop it, or choose \
         another port with --listen {ip}:PORT, where 0 is any free one", ip = in_brackets(.0)
    )]
    Taken(SocketAddr),
    /// The port is one of those that need a privilege.
    #[error(
        "{0}: ports below 1024 need root or CAP_NET_BIND_SERVICE; choose a higher one with \
         --listen {ip}:PORT", ip = in_brackets(.0)
    )]
    Privileged(SocketAddr),
    /// It is no address of this machine.
    #[error("{0}: this machine has no such address; ip address shows those that it has")]
    NoSuchAddress(SocketAddr),
    /// The system refuses for another reason.
    #[error("cannot listen on {address}: {error}")]
    Other {
        /// The address.
        address: SocketAddr,
        /// What the system answered.
        error: io::Error,
    },
}

impl ListenError {
    pub(crate) fn new(address: SocketAddr, error: io::Error) -> Self {
        match Errno::from_io_error(&error) {
            Some(Errno::ADDRINUSE) => Self::Taken(address),
            Some(Errno::ACCESS | Errno::PERM) if (1..1024).contains(&address.port()) => {
                Self::Privileged(address)
            }
            Some(Errno::ADDRNOTAVAIL) => Self::NoSuchAddress(address),
            _ => Self::Other { address, error },
        }
    }
}

/// What to do about an error of the disk, if that is what it is.
fn hint(error: Option<&io::Error>) -> String {
    let remedy = error.and_then(remedy);
    remedy.map_or_else(String::new, |remedy| format!("; {remedy}"))
}

fn in_brackets(address: &SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(address: &str, errno: Errno) -> String {
        ListenError::new(address.parse().unwrap(), errno.into()).to_string()
    }

    #[test]
    fn messages_name_the_way_out() {
        let taken = message("127.0.0.1:2049", Errno::ADDRINUSE);
        assert!(taken.contains("127.0.0.1:2049 is taken"), "{taken}");
        assert!(taken.contains("--listen 127.0.0.1:PORT"), "{taken}");
        let privileged = message("[::1]:111", Errno::ACCESS);
        assert!(privileged.contains("CAP_NET_BIND_SERVICE"), "{privileged}");
        assert!(privileged.contains("--listen [::1]:PORT"), "{privileged}");
        let foreign = message("192.0.2.1:2049", Errno::ADDRNOTAVAIL);
        assert!(foreign.contains("no such address"), "{foreign}");
        let other = message("127.0.0.1:2049", Errno::ACCESS);
        assert!(other.contains("cannot listen on 127.0.0.1:2049"), "{other}");
    }
}
