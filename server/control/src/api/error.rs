//! Why an operation fails, as its caller is told.

use std::borrow::Cow;

use tracing::error;

use crate::store::StoreError;

/// Why an operation fails: a code of AWS, a text, and the HTTP status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The status of the answer.
    pub status: u16,
    /// The code that clients tell errors apart by.
    pub code: Cow<'static, str>,
    /// For people.
    pub message: String,
    /// Further members of the error, as `FileSystemId` of FileSystemAlreadyExists.
    pub members: Vec<(&'static str, String)>,
}

impl ApiError {
    /// An error without further members.
    pub fn new(
        status: u16,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            members: Vec::new(),
        }
    }

    /// The same with a further member.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.members.push((name, value.into()));
        self
    }

    /// Something failed in localefs itself; what, is in its log.
    #[must_use]
    pub fn internal(what: &dyn std::fmt::Display) -> Self {
        error!(%what, "an API call fails");
        Self::new(
            500,
            "InternalServerError",
            "An internal error occurred; the log of localefs says more.",
        )
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::internal(&error)
    }
}
