//! EC2: what EFS needs of it, and what its clients ask.

use super::Operation;

/// The operations, by name.
pub const OPERATIONS: &[Operation] = &[];
