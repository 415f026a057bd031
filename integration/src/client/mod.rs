//! The one NFSv4.1 test client: small, blocking, and free to send what no kernel would.
//!
//! - [`Connection`]: one TCP connection; records of any octets in any fragments, RPC calls.
//! - [`Compound`]: COMPOUND as a chain of operations, and what it must answer.
//! - [`Reply`]: what came back, with the results by their types.
//! - [`Session`]: a client with a session; slots and sequence ids count by themselves, or are
//!   driven by hand.
//! - [`TestServer`]: a server process on the loopback interface; [`Fixture`]: a session and a
//!   directory of a test's own on it.
//!
//! ```no_run
//! use localefs_integration::client::names::*;
//! use localefs_integration::client::{ClientOptions, Session};
//!
//! let address = "127.0.0.1:2049".parse().unwrap();
//! let mut session = Session::establish(address, &ClientOptions::new("me")).unwrap();
//! let reply = session.compound().putrootfh().getattr(&[FATTR4_SIZE]).ok();
//! assert!(reply.attributes().size.is_some());
//! session.compound().putrootfh().lookup("missing").expect(NFS4ERR_NOENT);
//! ```
//!
//! Everything that waits gives up after [`PATIENCE`].

mod compound;
mod connection;
mod fixture;
pub mod names;
mod open;
mod operations;
mod reply;
mod samples;
mod server;
mod session;

pub use compound::Compound;
pub(crate) use connection::call_record;
pub use connection::{Connection, Credential, PATIENCE, RpcReply};
pub use fixture::{Fixture, SharedServer};
pub use open::{Lock, Open};
pub use reply::Reply;
pub use samples::samples;
pub use server::{Launch, TestServer, TestServerOptions, binary};
pub use session::{ClientOptions, Session, channel};
