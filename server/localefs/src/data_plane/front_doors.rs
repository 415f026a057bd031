//! Which file system is behind the addresses that the server was told to listen on.

use std::sync::Arc;

use super::change::{blocking, delete_mount_target};
use super::error::DataPlaneError;
use super::served::{MountTarget, Served};
use crate::transport::Unknown;

/// Puts a file system there, with this mount target.
pub(super) async fn lead(
    served: &Arc<Served>,
    file_system: &str,
    mount_target: Option<&str>,
) -> Result<(), DataPlaneError> {
    let (of, first) = {
        let table = served.table();
        let of = table.file_systems.get(file_system).cloned();
        (of, table.first.clone())
    };
    let of = of.ok_or_else(|| DataPlaneError::FileSystemNotFound(file_system.to_owned()))?;
    if first != file_system {
        let id = first.clone();
        let known = blocking(served, move |served| {
            let known = served.store.file_system(&id);
            Ok(known.map_err(|error| served.store(error))?)
        })
        .await?;
        if let Some(tree) = known.and_then(|known| known.tree) {
            return Err(DataPlaneError::ServesRoot { id: first, tree });
        }
    }
    if of.identity.tree.is_none() {
        let (id, door) = (file_system.to_owned(), mount_target.map(str::to_owned));
        blocking(served, move |served| {
            let set = served.store.set_first(&id, door.as_deref());
            Ok(set.map_err(|error| served.store(error))?)
        })
        .await?;
    }
    let group = match mount_target {
        None => None,
        Some(id) => {
            let existing = {
                let table = served.table();
                let existing = table.mount_targets.get(id);
                existing.map(|target| (target.group, Arc::ptr_eq(&target.file_system, &of)))
            };
            match existing {
                Some((group, true)) => Some(group),
                other => {
                    let rules = served.table().rules.get(id).cloned();
                    if other.is_some() {
                        delete_mount_target(served, id).await?;
                    }
                    // Nobody is let in before its rules are known.
                    let rules = rules.unwrap_or_else(|| Arc::new(Unknown));
                    served.table().rules.insert(id.to_owned(), rules);
                    let (name, file_system) = (id.to_owned(), Arc::clone(&of));
                    let server = blocking(served, move |served| {
                        Ok(served.new_server(&file_system, &name)?)
                    })
                    .await?;
                    let group = served.enter(&of, id, &server);
                    let target = MountTarget {
                        file_system: of,
                        server,
                        group,
                    };
                    served.table().mount_targets.insert(id.to_owned(), target);
                    Some(group)
                }
            }
        }
    };
    let mut table = served.table();
    file_system.clone_into(&mut table.first);
    table.front_door = mount_target.map(str::to_owned);
    served.transport.lead(group);
    Ok(())
}
