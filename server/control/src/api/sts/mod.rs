//! STS, version 2011-06-15 (STS API reference).

use super::Operation;

/// The operations, by name.
pub const OPERATIONS: &[Operation] = &[];
