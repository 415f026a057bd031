//! Which form the records have.

use redb::{Database, ReadableTable, TableDefinition};

use super::StoreError;

/// The form of records that this version reads and writes.
const KNOWN: u32 = 1;

/// By name, a number. The only entry is `records`.
const FORM: TableDefinition<'_, &str, u32> = TableDefinition::new("control-form");

/// Checks the form, and notes it in a new database.
pub(super) fn check(database: &Database) -> Result<(), StoreError> {
    let transaction = database.begin_write()?;
    {
        let mut table = transaction.open_table(FORM)?;
        let found = table.get("records")?.map(|found| found.value());
        match found {
            Some(KNOWN) => {}
            Some(found) => {
                return Err(StoreError::UnknownForm {
                    found,
                    known: KNOWN,
                });
            }
            None => {
                table.insert("records", KNOWN)?;
            }
        }
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
pub(super) fn set(database: &Database, form: u32) {
    let transaction = database.begin_write().unwrap();
    transaction
        .open_table(FORM)
        .unwrap()
        .insert("records", form)
        .unwrap();
    transaction.commit().unwrap();
}
