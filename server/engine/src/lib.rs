//! The NFSv4.1 server without sockets (RFC 8881).
//!
//! A [`FileSystem`] has opens and locks; a [`Server`] is one of its mount targets, and has clients.
//! It takes records and gives replies. It knows no runtime and no connection but by name; whoever
//! feeds it says what time it is, and takes what is likely to block to a thread that may.
//!
//! - `state`: what is remembered of clients. Pure.
//! - `ops`: a file per operation family.
//! - `compound`: the value that goes through the operations of one request.
//! - [`faults`]: what users ask to go wrong.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)
)]

mod buffers;
mod compound;
mod config;
mod counts;
mod errors;
pub mod faults;
mod file_system;
mod in_place;
mod limits;
mod ops;
mod reply;
mod rpc;
mod server;
mod state;

pub use buffers::Buffers;
pub use config::{
    ClientRecords, Config, FileSystemConfig, RecordedClient, RecordsError, Resources,
};
pub use counts::OperationCount;
pub use file_system::{FileSystem, tick_interval};
pub use in_place::{InPlace, Look};
pub use reply::Reply;
pub use server::{ClientStatus, Connection, MAX_RECORD, Pending, Received, Server, StartError};
pub use state::AssertedUser;
