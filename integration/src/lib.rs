//! Tests of localefs with real clients.
//!
//! A [`lab::Lab`] is a network of its own, with a server in it and guests: user-mode
//! Linux kernels that mount the server as any Linux machine would.

pub mod agent;
pub mod api_load;
pub mod attempt;
pub mod aws;
pub mod bench;
pub mod beside;
pub mod client;
pub mod comparison;
pub mod data_plane;
pub mod disk;
pub mod disk_errors;
pub mod docker;
mod faults;
pub mod fidelity;
pub mod growth;
pub mod guest;
pub mod instructions;
pub mod job;
pub mod lab;
pub mod load;
pub mod namespace;
pub mod power;
pub mod proxy;
pub mod python;
mod reports;
pub mod server;
pub mod wire;
pub mod workload;
