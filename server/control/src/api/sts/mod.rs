//! STS, version 2011-06-15 (STS API reference).

mod assume_role;
mod caller;
mod session;
#[cfg(test)]
mod tests;

use super::Operation;
use crate::operation;

/// The operations, by name.
pub const OPERATIONS: &[Operation] = &[
    operation!("AssumeRole", assume_role::assume_role),
    operation!("GetAccessKeyInfo", caller::key_info),
    operation!("GetCallerIdentity", caller::identity),
    operation!("GetSessionToken", session::session_token),
];
