//! How the commands reach a running server: HTTP and JSON on a socket in its data directory.
//!
//! Whoever may enter that directory may ask; nobody but its owner may (mode 0700).
//!
//! | request | answer |
//! |---|---|
//! | `GET /health` | [`Health`] |
//! | `GET /status` | [`Status`] |

mod client;
mod server;
mod socket;
mod status;

pub use client::{ClientError, health, status};
pub(crate) use server::{Socket, Source};
pub(crate) use status::seconds_left;
pub use status::{
    ClientStatus, FileSystemStatus, Health, MountTargetStatus, ServedFileSystem, Status,
};
