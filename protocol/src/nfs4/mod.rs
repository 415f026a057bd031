//! NFSv4.1 (RFC 8881): program 100003, version 4.

mod attributes;
mod bitmap;
mod compound;
mod operation;
pub mod ops;
mod status;
mod types;

pub use attributes::{Attr, Attributes, Fattr4, SetTime4, Support, TIME_DELTA};
pub use bitmap::Bitmap4;
pub use compound::{CompoundHeader, CompoundResult, MAX_TAG};
pub use operation::{NfsArgop4, NfsResop4, OpFlags, OpInfo, OpNum, OpResult};
pub use status::Nfsstat4;
pub use types::*;

/// RPC program number of NFS.
pub const NFS_PROGRAM: u32 = 100_003;

/// RPC version of NFSv4.
pub const NFS_V4: u32 = 4;

/// Procedure that does nothing.
pub const NFSPROC4_NULL: u32 = 0;

/// Procedure that carries operations.
pub const NFSPROC4_COMPOUND: u32 = 1;

/// The minor version that is served.
pub const MINOR_VERSION: u32 = 1;
