//! How fast the API is: signed requests over many connections that are kept alive, to servers
//! that take turns.
//!
//! Requests are signed before the clock starts, each anew and never sent twice, so that what is
//! measured is the server and not this client.

mod connection;
mod peer;
mod report;
mod round;
mod signing;

pub(crate) use connection::Connection;
pub use peer::{Kind, Peer};
pub use report::{Report, Row};
pub use round::{Outcome, run};
pub use signing::{Operation, Signer};
