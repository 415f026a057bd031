//! The control plane: who may do what.
//!
//! It knows nothing of NFS and nothing of disks: what becomes of a file system that is created
//! here is the business of whoever embeds it, through [`data_plane`].

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)
)]

#[cfg(test)]
pub(crate) mod actions;
pub mod adopt;
pub mod api;
pub mod arn;
pub mod audit;
pub mod authorize;
mod blocking;
pub mod boxed;
pub mod control;
pub mod data_plane;
pub mod explain;
pub mod faults;
pub mod fixture;
pub mod iam;
pub mod identity;
pub mod ids;
pub mod metrics;
pub mod network;
pub mod overview;
pub mod places;
pub mod records;
pub mod seed;
pub mod sigv4;
pub mod store;
#[cfg(test)]
pub(crate) mod testing;
pub mod time;
pub mod topology;
