//! The control plane: who may do what.
//!
//! It knows nothing of NFS and nothing of disks: what becomes of a file system that is created
//! here is the business of whoever embeds it.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)
)]

pub mod arn;
pub mod iam;
pub mod time;
