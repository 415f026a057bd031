//! A Unix file system under asserted numeric identities, on one local directory.
//!
//! Every operation names the [`Identity`] it is done for, and is judged by the rules of POSIX as
//! Linux has them, in user space. Where the process isn't root, or the disk has no owners, it keeps them itself. Objects are [`Node`]s, found by
//! name or by a handle that stays valid over renames and restarts. The crate knows no protocol,
//! but promises what an NFSv4.1 server (RFC 8881) needs: a change attribute that never shows one
//! value for two states, atomic change information, stable directory cookies, exclusive creation
//! that can be repeated, and data on disk when it says so.

mod access;
mod accessed;
mod attributes;
mod births;
mod change;
mod convert;
mod create;
mod create_file;
mod descriptors;
mod directory;
mod draft;
mod error;
mod explain;
mod file;
mod file_system;
#[cfg(test)]
mod fixture;
mod handle;
mod identify;
mod identity;
mod intent;
mod io;
mod kept_handle;
mod late;
pub mod limits;
mod link;
mod lookup;
mod meter;
mod metering;
mod name;
mod names;
mod node;
mod node_cache;
mod objects;
mod opening;
mod options;
mod owner_record;
mod owners;
mod ownership;
mod path;
mod place;
mod probe;
mod reach;
mod recent;
mod removals;
mod remove;
mod rename;
mod seek_object;
mod set_attributes;
mod shadow;
mod stat;
mod syncs;
mod sys;
mod table;
mod walk;

pub use access::{Class, Denial, Permissions, Verdict, check, may_delete};
pub use attributes::{Attributes, FileType, SetAttributes, SetTime, Timestamp};
pub use convert::{
    forget_owners, has_owners, record_owners, repair_owners, restore_owners, take_over,
};
pub use create::{Made, SpecialType};
pub use create_file::{Create, Created};
pub use directory::Entry;
pub use error::{Error, OpenError};
pub use explain::{Judged, Wish};
pub use file::{File, OpenMode};
pub use file_system::FileSystem;
pub use handle::WireHandle;
pub use identity::Identity;
pub use io::{Blocking, ReadOutcome, Stability, Waiting};
pub use lookup::Found;
pub use meter::MeteredSize;
pub use node::{Node, NodeKey};
pub use opening::is_empty;
pub use options::{ChangeInfo, Durability, Finding, Options, Owner, Ownership, Possible, Usage};
pub use owners::Repaired;
pub use probe::can_own;
pub use sys::waits_of_this_thread;
