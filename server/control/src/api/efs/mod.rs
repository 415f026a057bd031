//! The EFS API, version 2015-02-01 (EFS API reference).

use http::Method;

use super::{ApiError, Operation, Result};

/// The operations, by name.
pub const OPERATIONS: &[Operation] = &[];

/// The operation of a method and a path, with the parts of the path that its template names.
pub(super) fn route(
    _method: &Method,
    _path: &str,
) -> Result<(&'static Operation, Vec<(&'static str, String)>)> {
    Err(ApiError::new(404, "UnknownOperationException", ""))
}
