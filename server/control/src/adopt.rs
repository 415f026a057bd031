//! The file system that is there from the start, as the API shows it; and the way back to that.

use std::sync::{Arc, PoisonError};

use serde::{Deserialize, Serialize};

use crate::api::efs;
use crate::boxed::BoxFuture;
use crate::control::{Control, now};
use crate::data_plane::{DataPlaneError, FaultRequest};
use crate::ids;
use crate::records::{FileSystem, LifeCycle, MountTarget, SecurityGroup, Subnet, Tag};
use crate::seed::SeedError;
use crate::store::{Change, Record, StoreError};
use crate::topology::{self, OPEN_GROUP};

/// A file system that its server has from the start, whatever the records say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    /// `fs-` and 17 hexadecimal digits.
    pub file_system: String,
    /// The mount target behind the addresses that the server was told to listen on; nothing if
    /// that was deleted.
    pub mount_target: Option<String>,
}

impl Record for Adopted {
    const TABLE: &'static str = "control/adopted";

    fn key(&self) -> &str {
        &self.file_system
    }
}

/// Why there is no file system.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The records can't be changed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its tree can't be made.
    #[error(transparent)]
    DataPlane(#[from] DataPlaneError),
    /// Its mount target is not served.
    #[error("its mount target is not served: {0}")]
    MountTarget(String),
}

/// Why the control plane is not back at its first start.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// The records can't be changed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The trees can't be emptied.
    #[error(transparent)]
    DataPlane(#[from] DataPlaneError),
    /// Mount targets don't come or go.
    #[error("mount targets are not served in time")]
    Late,
    /// What the server was told to start with is not there.
    #[error(transparent)]
    Seed(#[from] SeedError),
}

impl Control {
    /// Puts a file system on record that is there from the start, unless it is: with a mount
    /// target in the first zone whose security group lets NFS in from everywhere.
    ///
    /// # Errors
    /// Those of the store.
    pub fn adopt(&self, adopted: Adopted) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.reset_to(adopted.clone());
            let region = self.settings.region.clone();
            self.store
                .change(move |change| put(change, &adopted, &region))
                .await
        })
    }

    /// The file system that is there from the start.
    pub(crate) fn adopted(&self) -> Option<Adopted> {
        self.adopted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Says which file system is there after a reset: one that was deleted before this start.
    pub fn reset_to(&self, first: Adopted) {
        *self.adopted.lock().unwrap_or_else(PoisonError::into_inner) = Some(first);
    }

    /// Creates a file system like the one that is there from the start: with a mount target in the
    /// first zone whose security group lets NFS in from everywhere. Gives the ids of both, once it
    /// is served. Within a runtime.
    ///
    /// # Errors
    /// [`CreateError`]; then nothing is left of it.
    pub fn create_open(&self) -> BoxFuture<'_, Result<(String, String), CreateError>> {
        Box::pin(async move {
            let _call = self.calls.read().await;
            let made = (ids::random("fs-"), ids::random("fsmt-"));
            let id = made.0.clone();
            self.with_data_plane(move |plane| plane.create_tree(&id))
                .await?;
            let (ids, region) = (made.clone(), self.settings.region.clone());
            let recorded = self.store.change(move |change| {
                let file_system = put_file_system(change, &ids.0)?;
                put_mount_target(change, &file_system, &ids.1, &region)?;
                change.get::<MountTarget>(&ids.1)
            });
            let recorded = match recorded.await {
                Ok(recorded) => recorded,
                Err(error) => {
                    self.remove_tree(made.0).await;
                    return Err(StoreError::into(error));
                }
            };
            let failed = match (recorded, self.serve().await) {
                (None, _) => Some("there is no subnet".to_owned()),
                (Some(_), Some(settled)) => settled.failed.get(&made.1).cloned(),
                (Some(_), None) => Some("not in time".to_owned()),
            };
            let Some(why) = failed else {
                return Ok(made);
            };
            let ids = made.clone();
            self.store
                .change(move |change| -> Result<(), StoreError> {
                    efs::forget_mount_target(change, &ids.1)?;
                    efs::forget_file_system(change, &ids.0)
                })
                .await?;
            self.serve().await;
            self.remove_tree(made.0).await;
            Err(CreateError::MountTarget(why))
        })
    }

    /// Brings everything back to first start: what was created is gone, also users and policies;
    /// the file system that was there is empty, its clients start anew, and faults end. A tree that
    /// was there before localefs keeps its files. A seed is sown again.
    ///
    /// # Errors
    /// [`ResetError`]; to be repeated then.
    pub async fn reset(self: &Arc<Self>) -> Result<(), ResetError> {
        let _alone = self.calls.write().await;
        self.data_plane.fault(FaultRequest::Clear(None))?;
        let adopted = self.adopted();
        let file_systems: Vec<String> = {
            let all = self.store.view()?.all::<FileSystem>()?;
            all.into_iter().map(|file_system| file_system.id).collect()
        };
        let region = self.settings.region.clone();
        let first = adopted.as_ref().map(|adopted| adopted.file_system.clone());
        let others = file_systems.iter().filter(|id| Some(*id) != first.as_ref());
        let others: Vec<String> = others.cloned().collect();
        let doomed = others.clone();
        self.store
            .change(move |change| -> Result<(), StoreError> {
                change.clear()?;
                for id in &doomed {
                    efs::forget_file_system(change, id)?;
                }
                topology::first_topology(change, &region)
            })
            .await?;
        // All mounts end here, also those of the file system that stays.
        self.topology_changed();
        self.serve().await.ok_or(ResetError::Late)?;
        for id in others {
            self.remove_tree(id).await;
        }
        if let Some(id) = first {
            let name = id.clone();
            let there = self.with_data_plane(move |plane| plane.create_tree(&name));
            if there.await.is_err() {
                // A tree from elsewhere that was let go of is back at the next start.
                tracing::warn!(file_system = id, "not served until the next start");
                return Ok(());
            }
            self.with_data_plane(move |plane| plane.reset(&[id]))
                .await?;
        }
        if let Some(mut adopted) = adopted {
            adopted.mount_target = Some(ids::random("fsmt-"));
            self.adopt(adopted).await?;
        }
        self.topology_changed();
        self.serve().await.ok_or(ResetError::Late)?;
        Ok(self.sow_again().await?)
    }
}

fn put(change: &mut Change, adopted: &Adopted, region: &str) -> Result<(), StoreError> {
    let id = &adopted.file_system;
    let file_system = put_file_system(change, id)?;
    let before = change
        .get::<Adopted>(id)?
        .and_then(|before| before.mount_target);
    if let Some(gone) = before.filter(|before| Some(before) != adopted.mount_target.as_ref()) {
        // It was deleted without the API.
        efs::forget_mount_target(change, &gone)?;
    }
    change.put(adopted)?;
    match &adopted.mount_target {
        Some(mount_target) => put_mount_target(change, &file_system, mount_target, region),
        None => Ok(()),
    }
}

/// The file system of this id, which is put on record unless it is.
fn put_file_system(change: &mut Change, id: &str) -> Result<FileSystem, StoreError> {
    let now = now();
    let known = change.get::<FileSystem>(id)?;
    let file_system = known.unwrap_or_else(|| new(id, now));
    change.put(&file_system)?;
    Ok(file_system)
}

/// A mount target in the first zone whose security group lets NFS in from everywhere, unless it
/// is on record.
fn put_mount_target(
    change: &mut Change,
    file_system: &FileSystem,
    mount_target: &str,
    region: &str,
) -> Result<(), StoreError> {
    if change.get::<MountTarget>(mount_target)?.is_some() {
        return Ok(());
    }
    let subnets = change.all::<Subnet>()?;
    let zone = topology::zone(region, 'a').map(|zone| zone.name);
    let in_zone = |subnet: &&Subnet| subnet.is_default && Some(&subnet.zone) == zone.as_ref();
    // The zones on record are those of the region at first start.
    let subnet = subnets.iter().find(in_zone).or(subnets.first());
    let Some(subnet) = subnet else {
        return Ok(());
    };
    let groups = change.all_by::<SecurityGroup>(("vpc", &subnet.vpc))?;
    let open = groups.into_iter().find(|group| group.name == OPEN_GROUP);
    let groups = open.into_iter().map(|group| group.id).collect();
    efs::put_mount_target(change, (file_system, subnet), mount_target, groups, 0)
}

/// The record of such a file system, as it is at first.
pub(crate) fn new(id: &str, now: u64) -> FileSystem {
    FileSystem {
        id: id.to_owned(),
        creation_token: format!("localefs-{id}"),
        created: now,
        // It always was there, also where the clock goes back.
        life_cycle: LifeCycle::Creating { until: 0 },
        performance_mode: "generalPurpose".to_owned(),
        encrypted: false,
        kms_key_id: None,
        throughput_mode: "bursting".to_owned(),
        provisioned: None,
        throughput_changed: None,
        zone: None,
        tags: vec![Tag {
            key: "Name".to_owned(),
            value: "localefs".to_owned(),
        }],
        protection: "ENABLED".to_owned(),
        lifecycle_policies: Vec::new(),
        backup: None,
        policy: None,
    }
}
