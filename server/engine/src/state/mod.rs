//! What the server remembers of its clients. Nothing here does I/O or reads a clock: time is an
//! argument, in milliseconds of [`Clock`].

mod activity;
mod budget;
mod client;
mod clients;
mod clock;
mod file;
mod grace;
mod holdings;
mod lock_table;
mod owner;
mod quota;
mod session;
mod share;
mod slot;
mod stateid;

pub use activity::AssertedUser;
pub use budget::Budget;
pub use client::{Client, Principal, State};
pub use clients::{Clients, Exchange};
pub use clock::{Clock, Millis};
pub use file::{Files, LockFailure, LockState, Open};
pub use grace::Grace;
pub use lock_table::{Held, LockKind, Range};
pub use owner::OwnerKey;
pub use quota::{Quota, Quotas};
pub use session::{Channel, Session, SlotHold, check_back_channel, negotiate, reserve};
pub use slot::{Begin, CachedReply};
pub use stateid::StateidSource;
