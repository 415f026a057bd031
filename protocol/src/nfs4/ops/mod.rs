//! Arguments and results of every operation, by family (RFC 8881 §18).
//!
//! A result type is what follows NFS4_OK; operations whose errors carry data have a type of
//! their own for the whole.

mod attributes;
mod clients;
mod delegation;
mod directory;
mod filehandle;
mod io;
mod layout;
mod lock;
mod namespace;
mod open;
mod security;
mod sessions;
mod stateid;

pub use attributes::*;
pub use clients::*;
pub use delegation::*;
pub use directory::*;
pub use filehandle::*;
pub use io::*;
pub use layout::*;
pub use lock::*;
pub use namespace::*;
pub use open::*;
pub use security::*;
pub use sessions::*;
pub use stateid::*;
