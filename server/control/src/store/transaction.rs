//! One look at the records, or one change of them.
//!
//! What is generic here only reads and writes the JSON of a type. What works on the database knows
//! no types, and so there is one of it in the program.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::ops::Deref;

use redb::{
    AccessGuard, Range, ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata,
    Table, TableDefinition, TableError, TableHandle, WriteTransaction,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::StoreError;
use super::index;

/// Every table of records begins so: others keep tables in the same database.
const PREFIX: &str = "control/";

/// Entries of [`index`].
const INDEX: &str = "control-index";

/// Something that is kept by itself, as JSON.
pub trait Record: Serialize + DeserializeOwned {
    /// The table: `control/` and a name.
    const TABLE: &'static str;

    /// What tells it from all others in its table.
    fn key(&self) -> &str;

    /// Under what else it is found: names of indexes, and values.
    fn indexes(&self) -> Vec<(&'static str, &str)> {
        Vec::new()
    }
}

enum Transaction {
    Read(ReadTransaction),
    Write(Box<WriteTransaction>),
}

/// The records at one moment.
pub struct View(Transaction);

/// A change under way: it sees what it has changed.
#[derive(Debug)]
pub struct Change(View);

impl Debug for View {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("View").finish_non_exhaustive()
    }
}

/// Is shown the key and the value of entries.
type See<'a> = dyn FnMut(&str, &[u8]) -> Result<(), StoreError> + 'a;

fn definition(name: &str) -> TableDefinition<'_, &'static str, &'static [u8]> {
    TableDefinition::new(name)
}

enum Opened<'a> {
    Read(ReadOnlyTable<&'static str, &'static [u8]>),
    Write(Table<'a, &'static str, &'static [u8]>),
    Missing,
}

impl Opened<'_> {
    fn get(&self, key: &str) -> Result<Option<AccessGuard<'_, &'static [u8]>>, StoreError> {
        Ok(match self {
            Self::Read(table) => table.get(key)?,
            Self::Write(table) => table.get(key)?,
            Self::Missing => None,
        })
    }

    fn from(
        &self,
        key: &str,
    ) -> Result<Option<Range<'_, &'static str, &'static [u8]>>, StoreError> {
        Ok(match self {
            Self::Read(table) => Some(table.range(key..)?),
            Self::Write(table) => Some(table.range(key..)?),
            Self::Missing => None,
        })
    }

    fn len(&self) -> Result<u64, StoreError> {
        Ok(match self {
            Self::Read(table) => table.len()?,
            Self::Write(table) => table.len()?,
            Self::Missing => 0,
        })
    }
}

impl View {
    pub(super) fn reading(transaction: ReadTransaction) -> Self {
        Self(Transaction::Read(transaction))
    }

    /// The record of a key.
    ///
    /// # Errors
    /// Those of the database.
    pub fn get<R: Record>(&self, key: &str) -> Result<Option<R>, StoreError> {
        let found = self.value(R::TABLE, key)?;
        found.map(|value| decode(R::TABLE, key, &value)).transpose()
    }

    /// Records in the order of their keys, those after `after`, `limit` at most.
    ///
    /// # Errors
    /// Those of the database.
    pub fn page<R: Record>(&self, after: Option<&str>, limit: usize) -> Result<Vec<R>, StoreError> {
        let mut records = Vec::new();
        self.each(R::TABLE, after, limit, &mut |key, value| {
            records.push(decode(R::TABLE, key, value)?);
            Ok(())
        })?;
        Ok(records)
    }

    /// All records of a type. For those of which there are few.
    ///
    /// # Errors
    /// Those of the database.
    pub fn all<R: Record>(&self) -> Result<Vec<R>, StoreError> {
        self.page(None, usize::MAX)
    }

    /// How many records of a type there are.
    ///
    /// # Errors
    /// Those of the database.
    pub fn count<R: Record>(&self) -> Result<usize, StoreError> {
        self.count_in(R::TABLE)
    }

    /// Keys of the records that have a value in an index, in order, those after `after`, `limit`
    /// at most.
    ///
    /// # Errors
    /// Those of the database.
    pub fn keys_by<R: Record>(
        &self,
        by: (&str, &str),
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        self.keys_in(R::TABLE, by, after, limit)
    }

    /// Records that have a value in an index, in the order of their keys, those after `after`,
    /// `limit` at most.
    ///
    /// # Errors
    /// Those of the database.
    pub fn page_by<R: Record>(
        &self,
        by: (&str, &str),
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<R>, StoreError> {
        let keys = self.keys_by::<R>(by, after, limit)?;
        let found = keys.iter().map(|key| self.get(key));
        found.filter_map(Result::transpose).collect()
    }

    /// All records that have a value in an index.
    ///
    /// # Errors
    /// Those of the database.
    pub fn all_by<R: Record>(&self, by: (&str, &str)) -> Result<Vec<R>, StoreError> {
        self.page_by(by, None, usize::MAX)
    }

    /// Every record, by table and key.
    ///
    /// # Errors
    /// Those of the database.
    pub fn export(&self) -> Result<BTreeMap<String, BTreeMap<String, Value>>, StoreError> {
        let mut tables = BTreeMap::new();
        for name in self.tables()? {
            let mut records = BTreeMap::new();
            let table = self.open(&name)?;
            for entry in table.from("")?.into_iter().flatten() {
                let (key, value) = entry?;
                let key = key.value();
                records.insert(key.to_owned(), decode("an export", key, value.value())?);
            }
            drop(table);
            tables.insert(name, records);
        }
        Ok(tables)
    }

    /// Every entry of every index.
    #[cfg(test)]
    pub(crate) fn index_entries(&self) -> Result<Vec<String>, StoreError> {
        let mut entries = Vec::new();
        let table = self.open(INDEX)?;
        for entry in table.from("")?.into_iter().flatten() {
            entries.push(entry?.0.value().to_owned());
        }
        Ok(entries)
    }

    fn value(&self, table: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let table = self.open(table)?;
        let found = table.get(key)?;
        Ok(found.map(|value| value.value().to_owned()))
    }

    /// Shows `see` entries in the order of their keys, those after `after`, `limit` at most.
    fn each(
        &self,
        table: &str,
        after: Option<&str>,
        limit: usize,
        see: &mut See<'_>,
    ) -> Result<(), StoreError> {
        let mut seen = 0;
        let table = self.open(table)?;
        for entry in table.from(after.unwrap_or_default())?.into_iter().flatten() {
            let (key, value) = entry?;
            if seen >= limit {
                break;
            }
            if Some(key.value()) != after {
                see(key.value(), value.value())?;
                seen += 1;
            }
        }
        Ok(())
    }

    fn keys_in(
        &self,
        table: &str,
        (name, value): (&str, &str),
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let mut keys = Vec::new();
        let prefix = index::prefix(table, name, value);
        let first = format!("{prefix}{}", after.unwrap_or_default());
        let table = self.open(INDEX)?;
        for entry in table.from(&first)?.into_iter().flatten() {
            let (entry, _) = entry?;
            let Some(key) = entry.value().strip_prefix(&prefix) else {
                break;
            };
            if keys.len() >= limit {
                break;
            }
            if Some(key) != after {
                keys.push(key.to_owned());
            }
        }
        Ok(keys)
    }

    fn count_in(&self, table: &str) -> Result<usize, StoreError> {
        let count = self.open(table)?.len()?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    fn tables(&self) -> Result<Vec<String>, StoreError> {
        let names: Vec<String> = match &self.0 {
            Transaction::Read(transaction) => {
                let tables = transaction.list_tables()?;
                tables.map(|table| table.name().to_owned()).collect()
            }
            Transaction::Write(transaction) => {
                let tables = transaction.list_tables()?;
                tables.map(|table| table.name().to_owned()).collect()
            }
        };
        let ours = names.into_iter().filter(|name| name.starts_with(PREFIX));
        Ok(ours.collect())
    }

    fn open(&self, name: &str) -> Result<Opened<'_>, StoreError> {
        match &self.0 {
            Transaction::Read(transaction) => match transaction.open_table(definition(name)) {
                Ok(table) => Ok(Opened::Read(table)),
                Err(TableError::TableDoesNotExist(_)) => Ok(Opened::Missing),
                Err(error) => Err(error.into()),
            },
            Transaction::Write(transaction) => {
                Ok(Opened::Write(transaction.open_table(definition(name))?))
            }
        }
    }
}

impl Change {
    pub(super) fn writing(transaction: WriteTransaction) -> Self {
        Self(View(Transaction::Write(Box::new(transaction))))
    }

    pub(super) fn commit(self) -> Result<(), StoreError> {
        match self.0.0 {
            Transaction::Write(transaction) => Ok(transaction.commit()?),
            Transaction::Read(_) => Ok(()),
        }
    }

    /// Keeps a record, in the place of one with its key.
    ///
    /// # Errors
    /// Those of the database.
    pub fn put<R: Record>(&mut self, record: &R) -> Result<(), StoreError> {
        let key = record.key();
        let value = serde_json::to_vec(record).map_err(|error| unreadable(R::TABLE, key, error))?;
        let old = self.get::<R>(key)?.map(|before| entries(&before));
        let new = entries(record);
        self.insert(R::TABLE, key, &value)?;
        self.reindex(&old.unwrap_or_default(), &new)
    }

    /// Removes a record, and gives what it was.
    ///
    /// # Errors
    /// Those of the database.
    pub fn remove<R: Record>(&mut self, key: &str) -> Result<Option<R>, StoreError> {
        let before = self.get::<R>(key)?;
        if let Some(before) = &before {
            self.delete(R::TABLE, key)?;
            self.reindex(&entries(before), &[])?;
        }
        Ok(before)
    }

    /// Removes every record of every type.
    ///
    /// # Errors
    /// Those of the database.
    pub fn clear(&mut self) -> Result<(), StoreError> {
        let mut names = self.tables()?;
        names.push(INDEX.to_owned());
        if let Transaction::Write(transaction) = &self.0.0 {
            for name in names {
                transaction.delete_table(definition(&name))?;
            }
        }
        Ok(())
    }

    fn insert(&mut self, table: &str, key: &str, value: &[u8]) -> Result<(), StoreError> {
        if let Opened::Write(mut table) = self.open(table)? {
            table.insert(key, value)?;
        }
        Ok(())
    }

    fn delete(&mut self, table: &str, key: &str) -> Result<(), StoreError> {
        if let Opened::Write(mut table) = self.open(table)? {
            table.remove(key)?;
        }
        Ok(())
    }

    fn reindex(&mut self, old: &[String], new: &[String]) -> Result<(), StoreError> {
        if old == new {
            return Ok(());
        }
        if let Opened::Write(mut table) = self.open(INDEX)? {
            for entry in old {
                table.remove(entry.as_str())?;
            }
            for entry in new {
                table.insert(entry.as_str(), &[][..])?;
            }
        }
        Ok(())
    }
}

impl Deref for Change {
    type Target = View;

    fn deref(&self) -> &View {
        &self.0
    }
}

/// The entries of the index under which a record is found.
fn entries<R: Record>(record: &R) -> Vec<String> {
    index::entries(R::TABLE, record.key(), &record.indexes())
}

/// Reads a record. All that read one come here: what serde makes of a type is long.
#[inline(never)]
pub(crate) fn read<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(json)
}

fn decode<T: DeserializeOwned>(
    table: &'static str,
    key: &str,
    value: &[u8],
) -> Result<T, StoreError> {
    read(value).map_err(|error| unreadable(table, key, error))
}

fn unreadable(table: &'static str, key: &str, error: serde_json::Error) -> StoreError {
    StoreError::Record {
        table,
        key: key.to_owned(),
        error,
    }
}
