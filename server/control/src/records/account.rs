//! What concerns the account, and what is left to be done.

use serde::{Deserialize, Serialize};

use crate::store::Record;

/// The account's preferences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountPreferences {
    /// The account.
    pub account: String,
    /// `LONG_ID` or `SHORT_ID`.
    pub resource_id_type: String,
}

impl Record for AccountPreferences {
    const TABLE: &'static str = "control/account-preferences";

    fn key(&self) -> &str {
        &self.account
    }
}

/// A tree whose file system is deleted: it is to be removed, also after a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoomedTree {
    /// The id that the file system had.
    pub file_system: String,
}

impl Record for DoomedTree {
    const TABLE: &'static str = "control/doomed-trees";

    fn key(&self) -> &str {
        &self.file_system
    }
}
