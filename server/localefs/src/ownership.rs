//! Whether owners are kept on the disk or beside it.

use std::path::{Path, PathBuf};

use localefs_vfs::{self as vfs, FileSystem, Options, Owner, Possible};
use thiserror::Error;

use crate::data_dir::{DataDir, DataDirError, Layout, remedy};
use crate::error::StartError;
use crate::store::{Identity, Start, Store, StoreError};
use crate::tree;

/// Where owners and modes of files are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ownership {
    /// As they were for this tree before. For a new one native, if a try shows that this process
    /// can give files on its disk away and go on using them, else shadow.
    #[default]
    Auto,
    /// On the disk itself. Needs root, or its capabilities.
    Native,
    /// In a table beside the tree.
    Shadow,
}

/// Why a tree isn't served with the ownership that was asked for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OwnershipError {
    /// It has been served with the other one.
    #[error(
        "{} is served with {recorded} ownership; with --ownership {asked} its files would show \
         other owners. Leave the option away, or stop the server and run: localefs \
         convert-ownership --to {asked}",
        tree.display()
    )]
    Differs {
        /// The tree.
        tree: PathBuf,
        /// What was recorded.
        recorded: &'static str,
        /// What was asked for.
        asked: &'static str,
    },
    /// It has been served with native ownership, which this process can't go on with.
    #[error(
        "{} is served with native ownership, and this process can't give files there to other \
         users: run localefs as root with CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER and \
         CAP_FSETID, or have root run once: localefs convert-ownership --to shadow",
        tree.display()
    )]
    NativeImpossible {
        /// The tree.
        tree: PathBuf,
    },
}

/// What a tree is served with.
pub(crate) struct Served {
    pub(crate) file_system: FileSystem,
    pub(crate) is_shadow: bool,
    /// Whether its tree was made.
    pub(crate) is_new: bool,
}

fn name(shadow: bool) -> &'static str {
    if shadow { "shadow" } else { "native" }
}

/// What is known of the ownership of a tree from before.
fn recorded(store: &Store, records: &Path, id: &str) -> Result<Option<bool>, redb::Error> {
    // Without the database, the table itself says it.
    Ok(store
        .is_shadow(id)?
        .or_else(|| vfs::has_owners(records).then_some(true)))
}

/// Opens a tree with the ownership that it has, or gets now. What is known to be possible beside it
/// is not tried again for one that is made.
pub(crate) fn open(
    store: &Store,
    layout: &Layout,
    id: &str,
    tree: &Path,
    (asked, outside): (Ownership, Owner),
    (options, known): (&Options, Option<Possible>),
) -> Result<Served, StartError> {
    let unusable = |error| StoreError::Unusable {
        path: layout.state(),
        error,
    };
    let failed = |error| StartError::FileSystem {
        path: tree.to_owned(),
        error,
    };
    let records = layout.records(id);
    let before = recorded(store, &records, id).map_err(unusable)?;
    let exists = tree.exists();
    // What a start that was cut short has left is on no record.
    let is_unfinished = tree == layout.trees().join(id)
        && vfs::is_empty(tree)
        && store.is_shadow(id).map_err(unusable)?.is_none();
    let where_it_is = if exists {
        tree
    } else {
        tree.parent().unwrap_or(tree)
    };
    let can_own = || match known {
        Some(known) if !exists && known.owners => Ok(true),
        _ => vfs::can_own(where_it_is).map_err(failed),
    };
    let is_shadow = match (asked, before) {
        (Ownership::Native, Some(true)) | (Ownership::Shadow, Some(false)) => {
            let error = OwnershipError::Differs {
                tree: tree.to_owned(),
                recorded: name(asked == Ownership::Native),
                asked: name(asked == Ownership::Shadow),
            };
            return Err(error.into());
        }
        (Ownership::Auto, Some(false)) => {
            // A full disk doesn't tell, and is no reason not to serve what is there.
            let is_full = |error: &vfs::OpenError| error.io().and_then(remedy).is_some();
            if !vfs::can_own(where_it_is).or_else(|error| {
                if is_full(&error) {
                    Ok(true)
                } else {
                    Err(failed(error))
                }
            })? {
                let tree = tree.to_owned();
                return Err(OwnershipError::NativeImpossible { tree }.into());
            }
            false
        }
        (Ownership::Auto, Some(true)) | (Ownership::Shadow, _) => true,
        (Ownership::Native, _) => false,
        (Ownership::Auto, None) => !can_own()?,
    };
    let ownership = if is_shadow {
        vfs::Ownership::Shadow {
            outside,
            recorded: before == Some(true),
        }
    } else {
        vfs::Ownership::Native
    };
    let options = Options {
        ownership,
        records: Some(records),
        ..options.clone()
    };
    let is_new = is_unfinished || !exists;
    let file_system = if is_new {
        FileSystem::create_beside(tree, options, known)
    } else {
        FileSystem::open(tree, options)
    };
    let file_system = file_system.map_err(failed)?;
    // Of many that are made, the choices are recorded together.
    if before.is_none() && known.is_none() {
        store.set_shadow(&[(id, is_shadow)]).map_err(unusable)?;
        store.settle().map_err(unusable)?;
    }
    Ok(Served {
        file_system,
        is_shadow,
        is_new,
    })
}

/// What is served from a data directory that no server uses.
#[derive(Debug)]
pub struct OwnershipTool {
    data: DataDir,
    store: Store,
    /// Ids and trees.
    trees: Vec<(String, PathBuf)>,
}

impl OwnershipTool {
    /// Opens what is served from a data directory: this tree, or else all of the directory's own.
    ///
    /// # Errors
    /// [`StartError`] if that is in use, or not there.
    pub fn open(data: &Path, tree: Option<&Path>) -> Result<Self, StartError> {
        if !data.join("format").exists() {
            return Err(DataDirError::Unusable {
                path: data.to_owned(),
                error: std::io::ErrorKind::NotFound.into(),
            }
            .into());
        }
        let data = DataDir::open(data)?;
        let served = match tree {
            Some(tree) => Some(tree::check(tree, data.path(), true)?),
            None => None,
        };
        let layout = data.layout();
        let store = Store::open(&layout.state())?;
        let unusable = |error| StoreError::Unusable {
            path: layout.state(),
            error,
        };
        let Start { identity, .. } = store
            .start(served.as_deref(), only(&served, layout))
            .map_err(unusable)?;
        let trees = match served {
            Some(tree) => vec![(identity.id, tree)],
            None => {
                let own = store.own_file_systems().map_err(unusable)?;
                let tree = |own: Identity| Ok((own.id.clone(), layout.tree(&own.id)?));
                let trees: Result<_, DataDirError> = own.into_iter().map(tree).collect();
                trees?
            }
        };
        Ok(Self { data, store, trees })
    }

    /// Brings the owners of all files from the disk to the table (`shadow`) or back, and says how
    /// many files there are. It can be repeated if it was interrupted.
    ///
    /// # Errors
    /// [`StartError`] says what has to be different.
    pub fn convert(&self, shadow: bool, outside: Owner) -> Result<u64, StartError> {
        let mut count = 0;
        for (id, tree) in &self.trees {
            count += self.convert_tree(id, tree, shadow, outside)?;
        }
        Ok(count)
    }

    fn convert_tree(
        &self,
        id: &str,
        tree: &Path,
        shadow: bool,
        outside: Owner,
    ) -> Result<u64, StartError> {
        let records = self.data.layout().records(id);
        let failed = |error| StartError::FileSystem {
            path: tree.to_owned(),
            error,
        };
        let unusable = |error| StoreError::Unusable {
            path: self.data.layout().state(),
            error,
        };
        let is_shadow = recorded(&self.store, &records, id).map_err(unusable)?;
        let is_shadow = is_shadow.unwrap_or(false);
        if shadow {
            if !is_shadow {
                vfs::record_owners(tree, &records).map_err(failed)?;
                self.store.set_shadow(&[(id, true)]).map_err(unusable)?;
                self.store.settle().map_err(unusable)?;
            }
            return vfs::take_over(tree).map_err(failed);
        }
        if !is_shadow {
            return Ok(0);
        }
        let count = vfs::restore_owners(tree, &records, outside).map_err(failed)?;
        self.store.set_shadow(&[(id, false)]).map_err(unusable)?;
        self.store.settle().map_err(unusable)?;
        vfs::forget_owners(&records).map_err(|error| {
            failed(vfs::OpenError::Inaccessible {
                path: records.clone(),
                error,
            })
        })?;
        Ok(count)
    }

    /// Keeps all recorded owners that are whole, and gives what has none to the outside owner.
    /// How many were kept and dropped is returned.
    ///
    /// # Errors
    /// [`StartError`] if the table can't be read or written.
    pub fn repair(&self) -> Result<(u64, u64), StartError> {
        let (mut kept, mut dropped) = (0, 0);
        for (id, tree) in &self.trees {
            let records = self.data.layout().records(id);
            let is_shadow = recorded(&self.store, &records, id);
            let is_shadow = is_shadow.map_err(|error| StoreError::Unusable {
                path: self.data.layout().state(),
                error,
            })?;
            // Beside others, one whose owners are on the disk has nothing to repair.
            if self.trees.len() > 1 && is_shadow != Some(true) {
                continue;
            }
            let repaired =
                vfs::repair_owners(tree, &records).map_err(|error| StartError::FileSystem {
                    path: tree.clone(),
                    error,
                })?;
            kept += repaired.kept;
            dropped += repaired.dropped;
        }
        Ok((kept, dropped))
    }
}

/// The id of the only tree in a data directory, to be known again if its database was lost.
pub(crate) fn only(served: &Option<PathBuf>, layout: &Layout) -> Option<String> {
    match (served, layout.file_systems().as_slice()) {
        (None, [only]) => Some(only.clone()),
        _ => None,
    }
}
