//! The state of the control plane as one document: out of a running server, and into it.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use localefs_control::control::Control;
use localefs_control::fixture::{Fixture, ImportError};
use thiserror::Error;
use tokio::runtime::Handle;

/// Why the state was not exported or imported; then nothing has changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StateError {
    /// The server does not run any more.
    #[error("the server has stopped")]
    Stopped,
    /// The records can't be read.
    #[error(transparent)]
    Store(#[from] localefs_control::store::StoreError),
    /// The document is not imported.
    #[error(transparent)]
    Import(#[from] ImportError),
}

/// What an import brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// How many records.
    pub records: usize,
    /// Mount targets that can't be listened on at their own addresses, by id, and why.
    pub not_served: BTreeMap<String, String>,
}

/// The way to a running server's state. It does not keep the server running.
#[derive(Clone, Debug)]
pub(crate) struct ControlState {
    control: Weak<Control>,
    runtime: Handle,
}

impl ControlState {
    /// Within the server's runtime.
    pub(crate) fn new(control: &Arc<Control>) -> Self {
        Self {
            control: Arc::downgrade(control),
            runtime: Handle::current(),
        }
    }

    fn control(&self) -> Result<Arc<Control>, StateError> {
        self.control.upgrade().ok_or(StateError::Stopped)
    }

    pub(crate) async fn export(&self) -> Result<String, StateError> {
        let control = self.control()?;
        let exported = self
            .runtime
            .spawn_blocking(move || Ok(control.export()?.text()));
        exported.await.unwrap_or(Err(StateError::Stopped))
    }

    /// Goes on to its end if the caller gives up.
    pub(crate) async fn import(&self, text: &str, replace: bool) -> Result<Imported, StateError> {
        let fixture = Fixture::parse(text).map_err(ImportError::from)?;
        let control = self.control()?;
        let imported = self
            .runtime
            .spawn(async move { control.import(fixture, replace).await });
        let imported = imported.await.map_err(|_| StateError::Stopped)??;
        Ok(Imported {
            records: imported.records,
            not_served: imported.not_served,
        })
    }
}
