//! Bounds of what a client may ask for or hold.

/// Longest RPC message in octets: a READ or WRITE of [`MAX_IO`], and room for what stands around
/// it in a compound.
pub const MAX_MESSAGE: u32 = 1024 * 1024 + 64 * 1024;

/// `maxread` and `maxwrite` in octets (EFS user guide, "Recommended NFS mount options").
pub const MAX_IO: u32 = 1024 * 1024;

/// Shortest `ca_maxrequestsize` that a session is made with: a compound of SEQUENCE and one small
/// operation.
pub const MIN_REQUEST: u32 = 256;

/// Shortest `ca_maxresponsesize`: the reply to SEQUENCE with some room.
pub const MIN_RESPONSE: u32 = 128;

/// Shortest sizes and fewest operations of a back channel: a callback of CB_SEQUENCE and one more
/// operation.
pub const MIN_BACK_CHANNEL: (u32, u32) = (128, 2);

/// Longest reply in octets that a slot keeps because the client asked for it.
pub const MAX_CACHED_REPLY: u32 = 8 * 1024;

/// Longest reply in octets that a slot keeps though the client did not ask for it.
pub const MAX_UNASKED_CACHED_REPLY: usize = 1024;

/// Most operations of a compound.
pub const MAX_OPERATIONS: u32 = 256;

/// Most slots of a session. Linux asks for 64, or with `max_session_slots` for up to 1,024.
pub const MAX_SLOTS: u32 = 1024;

/// Fewest slots that a session is made with.
pub const MIN_SLOTS: u32 = 4;

/// Octets of kept replies, of all sessions. Sessions get fewer slots as it runs short.
pub const CACHED_REPLIES: usize = 512 * 1024 * 1024;

/// Users of one client whose requests are counted each; those of others are counted together.
pub const MAX_COUNTED_USERS: usize = 16;

/// Most sessions of one client.
pub const MAX_SESSIONS: usize = 64;

/// Most connections that a session remembers; the least recently associated is forgotten first.
pub const MAX_CONNECTIONS: usize = 64;

/// Most clients that are confirmed. EFS takes 25,000 connections for each file system.
pub const MAX_CLIENTS: usize = 25_000;

/// Most clients that have not made a session yet; beyond, the oldest is forgotten.
pub const MAX_UNCONFIRMED: usize = 4_096;

/// Most files that a client may have open (EFS user guide, "Quotas for NFS clients"). Opens are
/// counted for each open-owner, so that no more users than that can have files open, either: the
/// guide's limit of users is the same number.
pub const MAX_OPENS: usize = 65_536;

/// Most lock-owners of one client on all its files.
pub const MAX_LOCK_OWNERS: usize = 65_536;

/// Expired clients that one request throws out at the most.
pub const MAX_EXPELLED: usize = 512;

/// How long a client is kept after its lease has run out though nobody needs what it holds, in
/// milliseconds: a day.
pub const COURTESY: u64 = 24 * 60 * 60 * 1000;

/// Most locks on one file, of all clients (EFS user guide, "Quotas for NFS clients").
pub const MAX_LOCKS_PER_FILE: usize = 512;

/// Most locks that a client may hold on all its files (EFS user guide, "Quotas for NFS clients":
/// "each unique mount").
pub const MAX_LOCKS_PER_CLIENT: usize = 65_536;
