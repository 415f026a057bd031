//! Power cuts: a server and its data in a guest with a disk of its own, whose processes are
//! killed while clients work.
//!
//! What the guest's kernel had not yet given to the disk is lost with it; what was flushed is in
//! the disk's file. Of a real disk's volatile cache nothing is lost here: a server that leaves a
//! flush out, but lets the kernel write, is found out only by chance.
//!
//! - [`Site`]: the machine, switched on and off.
//! - [`Worker`]: a client that keeps a [`model::History`] of what it did and how that was
//!   answered, and judges by it what it finds after a cut.
//! - [`Cuts`]: cut after cut, and what became of it all.
//! - [`Creations`]: the same with file systems that AWS's API makes.
//! - [`Applications`]: the same with a Linux kernel for a client, and programs on its mount.

mod applications;
pub mod cells;
mod check;
mod creations;
mod cuts;
mod load;
pub mod model;
mod site;
mod worker;

pub use applications::{Applications, Verified, mount};
pub use check::Findings;
pub use creations::Creations;
pub use cuts::{Cuts, seed};
pub use site::{Kind, Site, Syncs, Writeback, enter};
pub use worker::Worker;
