//! What the control plane remembers: records by type and key, in the embedder's database.
//!
//! A change is one transaction. It is answered once it is on the disk: a thread runs the changes
//! that wait, each in a transaction of its own that is not synced, and makes all of them durable
//! by one that is. Records are JSON; a database in a form that this version does not know is
//! refused.

mod error;
mod form;
mod index;
mod transaction;
mod writer;

use std::sync::Arc;

use redb::{Database, ReadableDatabase};

pub use error::StoreError;
pub(crate) use transaction::read;
pub use transaction::{Change, Record, View};

use writer::{Task, Writer};

/// The records. Dropping it waits for the changes that were begun.
#[derive(Debug)]
pub struct Store {
    database: Arc<Database>,
    writer: Writer,
}

impl Store {
    /// Takes its place in `database`, beside what others keep there.
    ///
    /// # Errors
    /// [`StoreError::UnknownForm`] if a later version wrote it; otherwise those of the database.
    pub fn open(database: Arc<Database>) -> Result<Self, StoreError> {
        form::check(&database)?;
        let writer = Writer::start(Arc::clone(&database))?;
        Ok(Self { database, writer })
    }

    /// The records as they are at this moment.
    ///
    /// # Errors
    /// Those of the database.
    pub fn view(&self) -> Result<View, StoreError> {
        Ok(View::reading(self.database.begin_read()?))
    }

    /// Runs `change` alone, in one transaction, and gives its result once that is durable. If it
    /// fails, nothing is changed.
    ///
    /// # Errors
    /// Those of `change`, and [`StoreError`] if the transaction can't be made durable.
    pub fn change<T, E>(
        &self,
        change: impl FnOnce(&mut Change) -> Result<T, E> + Send + 'static,
    ) -> impl Future<Output = Result<T, E>> + Send
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.run(Box::new(change))
    }

    /// [`Store::change`], once for all changes with the same result.
    async fn run<T, E>(&self, change: Task<T, E>) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (job, answer) = writer::job(change);
        self.writer.send(job).await?;
        answer
            .await
            .unwrap_or_else(|_| Err(StoreError::Gone.into()))
    }

    /// [`Store::change`] for threads that may block.
    ///
    /// # Errors
    /// As [`Store::change`].
    pub fn change_blocking<T, E>(
        &self,
        change: impl FnOnce(&mut Change) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (job, answer) = writer::job(Box::new(change));
        self.writer.send_blocking(job)?;
        answer
            .blocking_recv()
            .unwrap_or_else(|_| Err(StoreError::Gone.into()))
    }
}

#[cfg(test)]
mod tests;
