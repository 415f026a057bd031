//! A declarative start: what one file says is there when the server is ready.
//!
//! Everything goes through the operations of the API, with the root user's rights, so that what is
//! accepted and refused is what the API accepts and refuses. What is there already stays; what
//! differs is changed, or refused where the API has no way to change it. Nothing is removed. See
//! docs/seed.md.

mod access;
mod document;
mod efs;
mod error;
mod instances;
mod named;
mod network_acls;
mod security_groups;
mod sower;
mod vpcs;

use std::sync::Arc;

use crate::boxed::BoxFuture;
use crate::control::Control;

pub use error::SeedError;

use document::Document;
use sower::Sower;

/// A seed that was read.
#[derive(Clone, Debug)]
pub struct Seed {
    /// What people know it by: the name of its file.
    name: String,
    document: Document,
}

impl Seed {
    /// Reads a seed: JSON if it begins with a brace, else TOML.
    ///
    /// # Errors
    /// [`SeedError::Syntax`] says where in the file something is wrong.
    pub fn parse(name: &str, text: &str) -> Result<Self, SeedError> {
        let syntax = |error: String| SeedError::Syntax {
            file: name.to_owned(),
            error,
        };
        let document = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| syntax(error.to_string()))?
        } else {
            toml::from_str(text).map_err(|error| syntax(error.to_string()))?
        };
        Ok(Self {
            name: name.to_owned(),
            document,
        })
    }
}

impl Control {
    /// Has everything be there that a seed says; again after each reset.
    ///
    /// # Errors
    /// [`SeedError`] names the entry. What comes before it is there then.
    pub fn sow(self: &Arc<Self>, seed: Seed) -> BoxFuture<'_, Result<(), SeedError>> {
        Box::pin(async move {
            let seed = self.seed.get_or_init(|| seed);
            Sower::new(self)
                .sow(&seed.document)
                .await
                .map_err(|trouble| {
                    let file = seed.name.clone();
                    let (entry, why) = trouble.into_parts();
                    SeedError::Entry { file, entry, why }
                })
        })
    }

    pub(crate) async fn sow_again(self: &Arc<Self>) -> Result<(), SeedError> {
        match self.seed.get() {
            Some(seed) => self.sow(seed.clone()).await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod network_tests;
