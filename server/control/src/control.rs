//! The control plane as a whole.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;
use std::time::Duration;

use crate::api::Gate;
use crate::data_plane::{DataPlane, Publisher};
use crate::store::Store;

/// What the control plane is to be like.
#[derive(Clone)]
pub struct Settings {
    /// The account, twelve digits.
    pub account_id: String,
    /// The region, as `us-east-1`.
    pub region: String,
    /// The root user's access key.
    pub root_access_key: String,
    /// The secret of that.
    pub root_secret: String,
    /// How long things stay in `creating`, `updating` and `deleting`. At zero they never show
    /// these states.
    pub lifecycle_delay: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            account_id: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            root_access_key: "test".to_owned(),
            root_secret: "test".to_owned(),
            lifecycle_delay: Duration::ZERO,
        }
    }
}

// The secret must not get into a log.
impl Debug for Settings {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("account_id", &self.account_id)
            .field("region", &self.region)
            .field("root_access_key", &self.root_access_key)
            .field("lifecycle_delay", &self.lifecycle_delay)
            .finish_non_exhaustive()
    }
}

/// The control plane.
pub struct Control {
    /// What it is to be like.
    pub settings: Settings,
    /// The records.
    pub store: Store,
    /// Who serves the files.
    pub data_plane: Arc<dyn DataPlane>,
    /// What is to be served.
    pub publisher: Publisher,
    /// The permission rules.
    pub gate: Arc<dyn Gate>,
}

impl Debug for Control {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Control")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
