//! Which trees are served with which ownership.

use std::sync::atomic::Ordering;

use redb::{Durability, ReadableDatabase, TableDefinition};

use super::Store;

/// By file system id, whether its owners are kept in a table (shadow) or on the disk (native).
pub(super) const SHADOW: TableDefinition<'_, &str, bool> = TableDefinition::new("shadow");

impl Store {
    /// Whether a file system has shadow ownership; `None` if that was never chosen.
    pub(crate) fn is_shadow(&self, file_system: &str) -> Result<Option<bool>, redb::Error> {
        let transaction = self.database.begin_read()?;
        let table = match transaction.open_table(SHADOW) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(table.get(file_system)?.map(|shadow| shadow.value()))
    }

    /// Records the choices for file systems, durably after [`Store::settle`].
    pub(crate) fn set_shadow(&self, choices: &[(&str, bool)]) -> Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::None)?;
        {
            let mut table = transaction.open_table(SHADOW)?;
            for (file_system, shadow) in choices {
                table.insert(file_system, shadow)?;
            }
        }
        transaction.commit()?;
        self.unsettled.store(true, Ordering::SeqCst);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_stays() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("state.redb");
        let store = Store::open(&path).unwrap();
        assert_eq!(store.is_shadow("fs-1").unwrap(), None);
        store.set_shadow(&[("fs-1", false)]).unwrap();
        store
            .set_shadow(&[("fs-1", true), ("fs-2", false)])
            .unwrap();
        store.settle().unwrap();
        drop(store);
        let store = Store::open(&path).unwrap();
        assert_eq!(store.is_shadow("fs-1").unwrap(), Some(true));
        assert_eq!(store.is_shadow("fs-2").unwrap(), Some(false));
        assert_eq!(store.is_shadow("fs-3").unwrap(), None);
    }
}
