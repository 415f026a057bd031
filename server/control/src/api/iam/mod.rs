//! IAM, version 2010-05-08 (IAM API reference).

pub mod records;

use super::Operation;

/// The operations, by name.
pub const OPERATIONS: &[Operation] = &[];
