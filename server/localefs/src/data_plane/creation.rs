//! File systems are made many at a time: those that wait share one transaction.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tracing::{info, warn};

use super::change::blocking;
use super::error::DataPlaneError;
use super::removal::set_aside;
use super::served::Served;
use crate::store::Identity;

type Result<T> = std::result::Result<T, DataPlaneError>;

/// Made together at most, so that the first of them is not kept too long.
const TOGETHER: usize = 64;

/// One that waits.
struct Wanted {
    id: String,
    made: oneshot::Sender<Result<()>>,
}

/// File systems that wait to be made.
#[derive(Default)]
pub(super) struct Waiting(Mutex<Vec<Wanted>>);

impl Waiting {
    /// Has a file system be made by the next [`make`], and gives where that says what became of it.
    pub(super) fn join(&self, id: &str) -> oneshot::Receiver<Result<()>> {
        let (made, result) = oneshot::channel();
        let id = id.to_owned();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(Wanted { id, made });
        result
    }

    fn take(&self) -> Vec<Wanted> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.len().min(TOGETHER);
        all.drain(..count).collect()
    }
}

/// Makes those that wait the longest. Each of them calls this once.
pub(super) async fn make(served: &Arc<Served>) -> Result<()> {
    let all = served.waiting.take();
    if all.is_empty() {
        // Others have taken it along.
        return Ok(());
    }
    blocking(served, move |served| {
        make_all(served, all);
        Ok(())
    })
    .await
}

fn make_all(served: &Served, all: Vec<Wanted>) {
    let missing: Vec<&str> = {
        let table = served.table();
        let ids = all.iter().map(|wanted| wanted.id.as_str());
        ids.filter(|id| !table.file_systems.contains_key(*id))
            .collect()
    };
    // What fails for all may go well for one; else each has an error of its own.
    let mut new = identify(served, &missing).unwrap_or_default();
    let mut chosen = Vec::new();
    let mut results = Vec::new();
    for Wanted { id, made } in all {
        let new = new.remove(&id);
        let opened = open(served, &id, new);
        if let Ok(Some(is_shadow)) = opened {
            chosen.push((id, is_shadow));
        }
        results.push((made, opened.map(drop)));
    }
    // An empty tree without a choice on record is one that was not finished.
    let chosen: Vec<_> = chosen.iter().map(|(id, is)| (id.as_str(), *is)).collect();
    if !chosen.is_empty()
        && let Err(error) = served.store.set_shadow(&chosen)
    {
        warn!(%error, "how the owners of new file systems are kept is not on record");
    }
    for (made, result) in results {
        // Nobody listens if the caller gave up.
        let _ = made.send(result);
    }
}

/// Gives those an identity that have none: durable once the database is settled, which comes
/// before any client gets to see it.
fn identify(served: &Served, ids: &[&str]) -> Result<BTreeMap<String, Identity>> {
    let unusable = |error| served.store(error);
    let mut new = Vec::new();
    for id in ids {
        if !new.contains(id) && served.store.file_system(id).map_err(unusable)?.is_none() {
            // What is left of one before must not come back.
            finish_removal(served, id)?;
            new.push(*id);
        }
    }
    if new.is_empty() {
        return Ok(BTreeMap::new());
    }
    let first = served.table().first.clone();
    let added = served.store.add_file_systems(&new, &first);
    let added = added.map_err(unusable)?.into_iter();
    Ok(added.map(|new| (new.id.clone(), new)).collect())
}

/// Serves a file system, with the identity that it has got now or before; gives whether one that
/// is new has shadow ownership.
fn open(served: &Served, id: &str, new: Option<Identity>) -> Result<Option<bool>> {
    let unusable = |error| served.store(error);
    {
        let table = served.table();
        if table.stopped {
            return Err(DataPlaneError::Stopped);
        }
        if table.file_systems.contains_key(id) {
            return Ok(None);
        }
    }
    let (identity, is_new) = match new {
        Some(new) => (new, true),
        None => match served.store.file_system(id).map_err(unusable)? {
            Some(known) => (known, false),
            None => match identify(served, &[id])?.remove(id) {
                Some(new) => (new, true),
                None => return Err(DataPlaneError::FileSystemNotFound(id.to_owned())),
            },
        },
    };
    if let Some(tree) = identity.tree {
        let id = id.to_owned();
        return Err(DataPlaneError::ServedElsewhere { id, tree });
    }
    let opened = served
        .layout
        .tree(id)
        .map_err(|error| DataPlaneError::Serve(error.into()))
        .and_then(|root| Ok(served.serve(identity, root)?));
    match opened {
        Ok(file_system) => {
            info!(file_system = id, root = %file_system.root.display(), is_new, "file system");
            Ok(is_new.then_some(file_system.is_shadow))
        }
        Err(error) if is_new => {
            let removed = served.store.remove_file_system(id).map_err(unusable);
            if let Err(error) = removed.map_err(DataPlaneError::from).and_then(|()| {
                set_aside(&served.layout, &served.store, id)?;
                served.remover.remove_all();
                Ok(())
            }) {
                warn!(%error, file_system = id, "what could not be created stays behind");
            }
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// Moves what is left of a deleted file system out of the way, if one had this id.
fn finish_removal(served: &Served, id: &str) -> Result<()> {
    let removed = served.store.is_removed(id);
    if removed.map_err(|error| served.store(error))? {
        set_aside(&served.layout, &served.store, id)?;
        served.remover.remove_all();
    }
    Ok(())
}
