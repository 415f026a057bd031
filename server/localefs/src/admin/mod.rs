//! How the commands reach a running server: HTTP and JSON on a socket in its data directory.
//!
//! Whoever may enter that directory may ask; nobody but its owner may (mode 0700).
//!
//! | request | answer |
//! |---|---|
//! | `GET /health` | [`Health`] |
//! | `GET /status` | [`Status`] |
//! | `GET /network` | [`Network`] |
//! | `POST /explain` with a [`Question`] | [`Explanation`] |
//! | `GET /faults` | a list of [`FaultStatus`] |
//! | `POST /faults` with a [`Fault`] | [`Added`] |
//! | `DELETE /faults`, `DELETE /faults/ID` | [`Cleared`] |
//! | `POST /faults/reset` with a [`Target`] | [`ResetNow`] |
//! | `GET /export` | the state, a document of [`LocalEfs::export`](crate::LocalEfs::export) |
//! | `POST /import?replace=BOOL` with such a document | [`ImportAnswer`] |
//!
//! What is refused is answered with a status of 400 or 404, and [`Refusal`].
//!
//! [`Fault`]: crate::faults::Fault
//! [`FaultStatus`]: crate::faults::FaultStatus

mod client;
mod faults;
mod network;
mod server;
mod socket;
mod state;
mod status;

pub use client::{
    ClientError, add_fault, clear_fault, clear_faults, explain, export, faults, health, import,
    network, reset_connections, status,
};
pub use faults::{Added, Cleared, Refusal, ResetNow, Target};
pub use localefs_control::data_plane::FileOperation;
pub use localefs_control::explain::{Explanation, Question, Said};
pub use network::{InstanceAddress, MountTargetAddress, Network};
pub(crate) use server::{Socket, Source};
pub use state::{Import, ImportAnswer};
pub(crate) use status::seconds_left;
pub use status::{
    AssertedUser, ClientStatus, DeniedConnection, FileSystemStatus, Health, MountTargetStatus,
    ServedFileSystem, Status,
};
