//! Amazon EFS on your own machine: an NFSv4.1 server that an unmodified Linux kernel mounts.
//!
//! The program is `localefs`; this library starts the same server inside another process:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use localefs::LocalEfs;
//!
//! let efs = LocalEfs::builder().start().await?;
//! println!("sudo {}", efs.mount_command("/mnt/efs"));
//! efs.shutdown().await;
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
mod local_efs;
mod mount;
mod ownership;
mod running;
mod store;
mod transport;
mod tree;

pub use builder::Builder;
pub use control_plane::{Imported, StateError};
pub use data_dir::DataDirError;
pub use data_plane::{DataPlane, DataPlaneError};
pub use error::{ListenError, StartError};
pub use file_limit::raise_file_limit;
pub use local_efs::LocalEfs;
pub use localefs_vfs::{Durability, Owner};
pub use mount::mount_command;
pub use ownership::{Ownership, OwnershipError, OwnershipTool};
pub use store::StoreError;
pub use transport::Limits;
pub use tree::TreeError;
