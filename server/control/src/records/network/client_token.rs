//! Tokens that make calls of EC2 idempotent.

use serde::{Deserialize, Serialize};

use crate::records::life_cycle::Millis;
use crate::store::Record;

/// A token of a client (EC2 API reference, "Ensuring idempotency").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientToken {
    /// The operation and the token, with a slash between.
    pub key: String,
    /// The call's other parameters, digested.
    pub parameters: String,
    /// The id of what was made.
    pub made: String,
    /// When.
    pub created: Millis,
}

impl ClientToken {
    /// What [`ClientToken::key`] is.
    #[must_use]
    pub fn key(operation: &str, token: &str) -> String {
        format!("{operation}/{token}")
    }
}

impl Record for ClientToken {
    const TABLE: &'static str = "control/client-tokens";

    fn key(&self) -> &str {
        &self.key
    }
}
