//! Amazon EFS on your own machine: an NFSv4.1 server that an unmodified Linux kernel mounts.
//!
//! The program is `localefs`; this library starts the same server inside another process, for
//! tests: free ports, a temporary directory, gone when the value is dropped, as many at a time as
//! one likes.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use localefs::LocalEfs;
//! use localefs::faults::OpNum;
//!
//! let efs = LocalEfs::builder().ephemeral().start().await?;
//! println!("sudo {}", efs.mount_command("/mnt/efs"));
//! // For AWS's SDKs: AWS_ENDPOINT_URL, with the key and the secret "test".
//! println!("AWS_ENDPOINT_URL=http://{}", efs.api_address());
//!
//! // Another file system; AWS's API shows it too.
//! let share = efs.create_file_system().await?;
//! println!("sudo {}", share.mount_command("/mnt/share"));
//!
//! // … run what is to be tested, then ask what it did.
//! assert!(share.clients().is_empty(), "somebody forgot to unmount");
//! assert_eq!(share.operations().failed(OpNum::OP_WRITE), 0);
//! efs.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! What can go wrong on AWS can go wrong here: [`faults`] adds latency, errors and limits,
//! [`LocalEfs::pause`] hangs, and [`LocalEfs::kill`] dies:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use localefs::LocalEfs;
//!
//! let efs = LocalEfs::builder().start().await?;
//! let address = efs.nfs_addresses()[0];
//! efs.pause()?;
//! efs.resume();
//! let killed = efs.kill().await;
//! // Mounts hang meanwhile, and go on afterwards with what they had open and locked.
//! let efs = killed.start().await?;
//! assert_eq!(efs.nfs_addresses()[0], address);
//! # Ok(())
//! # }
//! ```
//!
//! Whoever can connect is root: the server believes the user ids that clients assert.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

pub mod admin;
mod builder;
mod control_plane;
mod data_dir;
mod data_plane;
mod error;
pub mod faults;
mod file_limit;
mod file_system;
mod local_efs;
mod mount;
mod names;
mod ownership;
mod running;
mod store;
mod transport;
mod tree;

pub use builder::Builder;
pub use control_plane::{Imported, StateError};
pub use data_dir::DataDirError;
pub use data_plane::{DataPlane, DataPlaneError};
pub use error::{CreateError, ListenError, StartError};
pub use file_limit::raise_file_limit;
pub use file_system::{FileSystem, Operations};
pub use ipnet::Ipv4Net;
pub use local_efs::{Killed, LocalEfs};
pub use localefs_engine::OperationCount;
pub use localefs_vfs::{Durability, Owner};
pub use mount::mount_command;
pub use ownership::{Ownership, OwnershipError, OwnershipTool};
pub use store::StoreError;
pub use transport::{Denied, Limits};
pub use tree::TreeError;
