//! The file systems and mount targets that are served: added and removed while the server runs.
//!
//! A file system is a directory of its own under one identity; its mount targets are addresses
//! that lead to it. What the engine shares between mount targets, it shares for each file system.
//! One of them, the first, is there from the start: its mount target is behind the front doors,
//! the addresses that the server was told to listen on.

mod change;
mod creation;
mod error;
mod explain;
mod front_doors;
mod removal;
mod reset;
mod served;
mod status;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use localefs_engine::OperationCount;
use localefs_vfs::MeteredSize;
use tokio::runtime::Handle;

pub use error::DataPlaneError;
pub(crate) use served::{Served, Settings};

use localefs_control::data_plane::{FileStep, FileWish};

use crate::admin::ServedFileSystem;
use crate::transport::Rules;

/// The file systems and mount targets of a running server. A handle: clones are of the same, and
/// it does not keep the server running.
///
/// Changes are durable when they return, and go on to their end if the caller gives up.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use localefs::LocalEfs;
///
/// let efs = LocalEfs::builder().start().await?;
/// let data_plane = efs.data_plane();
/// data_plane.create_file_system("fs-0123456789abcdef0").await?;
/// let address = data_plane
///     .create_mount_target(
///         "fs-0123456789abcdef0",
///         "fsmt-0123456789abcdef0",
///         ([127, 31, 0, 5], 0).into(),
///     )
///     .await?;
/// println!("sudo {}", localefs::mount_command(address, "/mnt/other"));
/// data_plane.delete_mount_target("fsmt-0123456789abcdef0").await?;
/// data_plane.delete_file_system("fs-0123456789abcdef0").await?;
/// # efs.shutdown().await;
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct DataPlane {
    served: Weak<Served>,
    runtime: Handle,
}

impl DataPlane {
    /// Within the server's runtime.
    pub(crate) fn new(served: &Arc<Served>) -> Self {
        Self {
            served: Arc::downgrade(served),
            runtime: Handle::current(),
        }
    }

    /// Serves the file system of this id (`fs-` and 17 hexadecimal digits), which is made if there
    /// is none. One that is served already stays as it is.
    ///
    /// After a restart, this and [`DataPlane::create_mount_target`] are to be called again for
    /// all that is to be there: it is the same as before then, and the clients on record may
    /// reclaim.
    ///
    /// # Errors
    /// [`DataPlaneError`]; then it is not served, and nothing is left of one that was new.
    pub async fn create_file_system(&self, id: &str) -> Result<(), DataPlaneError> {
        self.create_unsettled(id).await?;
        self.change(async move |served| change::settle(&served).await)
            .await
    }

    /// [`DataPlane::create_file_system`] of one whose mount targets are made later: its identity
    /// may be another after a power loss, but not once it has one.
    pub(crate) async fn create_unsettled(&self, id: &str) -> Result<(), DataPlaneError> {
        change::check_id(id, "fs-")?;
        let served = self.served.upgrade().ok_or(DataPlaneError::Stopped)?;
        let made = served.waiting.join(id);
        drop(served);
        self.change(async move |served| creation::make(&served).await)
            .await?;
        made.await.unwrap_or(Err(DataPlaneError::Stopped))
    }

    /// Deletes a file system without mount targets, with all that is in it. It is out of the way
    /// when this returns; its disk space is given back in the background, if need be after a
    /// restart. Of a directory that is served from elsewhere (`--root`) nothing is removed: it is
    /// not served any more until the next start.
    ///
    /// # Errors
    /// [`DataPlaneError::FileSystemInUse`] while it has mount targets, and others; then it is
    /// served as before.
    pub async fn delete_file_system(&self, id: &str) -> Result<(), DataPlaneError> {
        let id = id.to_owned();
        self.change(async move |served| change::delete_file_system(&served, &id).await)
            .await
    }

    /// Serves a file system at a further address, under a mount target of this id (`fsmt-` and 17
    /// hexadecimal digits); port 0 is any free one. Where the file system has this mount target
    /// already, it gets the address beside those that it has. The first mount target of the first
    /// file system is behind the front doors as well.
    ///
    /// # Errors
    /// [`DataPlaneError`]; then nothing has changed.
    pub async fn create_mount_target(
        &self,
        file_system: &str,
        id: &str,
        address: SocketAddr,
    ) -> Result<SocketAddr, DataPlaneError> {
        let (file_system, id) = (file_system.to_owned(), id.to_owned());
        self.change(async move |served| {
            change::create_mount_target(&served, &file_system, &id, address).await
        })
        .await
    }

    /// Takes a mount target away: nothing is accepted on its addresses any more, its connections
    /// are closed, and what its clients held is free for others. Mounts through it hang, as on
    /// EFS.
    ///
    /// # Errors
    /// [`DataPlaneError`]; then it goes on.
    pub async fn delete_mount_target(&self, id: &str) -> Result<(), DataPlaneError> {
        let id = id.to_owned();
        self.change(async move |served| change::delete_mount_target(&served, &id).await)
            .await
    }

    /// Guards mount targets by these rules, also those that come later. In force when this
    /// returns.
    pub(crate) fn guard(&self, rules: HashMap<String, Arc<dyn Rules>>) {
        if let Some(served) = self.served.upgrade() {
            served.guard(rules);
        }
    }

    /// Serves exactly these mount targets: by id, the file system and the address of each. Others
    /// are deleted, those that are there already stay as they are. Gives those that are not as
    /// they were to be, and why.
    pub async fn serve_mount_targets(
        &self,
        targets: BTreeMap<String, (String, SocketAddr)>,
    ) -> BTreeMap<String, DataPlaneError> {
        let ids: Vec<_> = targets.keys().cloned().collect();
        let served = self
            .change(async move |served| Ok(change::serve_mount_targets(&served, &targets).await));
        served.await.unwrap_or_else(|_| {
            let stopped = |id| (id, DataPlaneError::Stopped);
            ids.into_iter().map(stopped).collect()
        })
    }

    /// Ends the state and the connections of all clients, and empties these file systems. Their
    /// mount targets are there again when this returns; what is mounted finds an empty root. A
    /// directory that is served from elsewhere (`--root`) keeps its files.
    ///
    /// # Errors
    /// The first [`DataPlaneError`]; the rest is done nevertheless.
    pub async fn reset(&self, file_systems: &[String]) -> Result<(), DataPlaneError> {
        let file_systems = file_systems.to_vec();
        self.change(async move |served| reset::reset(&served, &file_systems).await)
            .await
    }

    /// Puts a file system behind the addresses that the server was told to listen on, with this
    /// mount target, which is made if there is none of this id; without one the addresses lead
    /// nowhere. So it stays after a restart.
    ///
    /// # Errors
    /// [`DataPlaneError`]; then nothing has changed. Where a directory from elsewhere is served
    /// (`--root`), that stays behind these addresses.
    pub(crate) async fn lead(
        &self,
        file_system: &str,
        mount_target: Option<&str>,
    ) -> Result<(), DataPlaneError> {
        let file_system = file_system.to_owned();
        let mount_target = mount_target.map(str::to_owned);
        self.change(async move |served| {
            front_doors::lead(&served, &file_system, mount_target.as_deref()).await
        })
        .await
    }

    /// A file system that is served, as the engine uses it.
    ///
    /// # Errors
    /// [`DataPlaneError::FileSystemNotFound`], [`DataPlaneError::Stopped`].
    pub(crate) fn files(&self, id: &str) -> Result<Arc<localefs_vfs::FileSystem>, DataPlaneError> {
        let served = self.served.upgrade().ok_or(DataPlaneError::Stopped)?;
        let known = served.table().file_systems.get(id).cloned();
        let known = known.ok_or_else(|| DataPlaneError::FileSystemNotFound(id.to_owned()))?;
        Ok(Arc::clone(&known.vfs))
    }

    /// Whether there is no file in a file system. May block.
    ///
    /// # Errors
    /// [`DataPlaneError::FileSystemNotFound`], [`DataPlaneError::Stopped`], or
    /// [`DataPlaneError::Read`].
    pub(crate) fn is_empty(&self, id: &str) -> Result<bool, DataPlaneError> {
        let served = self.served.upgrade().ok_or(DataPlaneError::Stopped)?;
        let known = served.table().file_systems.get(id).cloned();
        let known = known.ok_or_else(|| DataPlaneError::FileSystemNotFound(id.to_owned()))?;
        let mut entries = std::fs::read_dir(&known.root).map_err(|error| DataPlaneError::Read {
            path: known.root.clone(),
            error,
        })?;
        Ok(entries.next().is_none())
    }

    /// The file system that was there from the start, and its mount target behind the front
    /// doors, unless that was deleted; nothing once the server has stopped.
    #[must_use]
    pub fn behind_front_doors(&self) -> Option<(String, Option<String>)> {
        let served = self.served.upgrade()?;
        let table = served.table();
        Some((table.first.clone(), table.front_door.clone()))
    }

    /// The file systems with their mount targets and clients, in the order of their ids; none
    /// once the server has stopped.
    #[must_use]
    pub fn file_systems(&self) -> Vec<ServedFileSystem> {
        let served = self.served.upgrade();
        served.map_or_else(Vec::new, |served| status::of(&served))
    }

    /// How often each operation was executed by clients of a file system, or of all, in the order
    /// of their numbers. What came through mount targets that are gone is not in it.
    pub(crate) fn operations(&self, file_system: Option<&str>) -> Vec<OperationCount> {
        let served = self.served.upgrade();
        served.map_or_else(Vec::new, |served| status::operations(&served, file_system))
    }

    /// How much a file system holds, as Amazon EFS meters it.
    ///
    /// # Errors
    /// [`DataPlaneError::FileSystemNotFound`], [`DataPlaneError::Stopped`].
    pub(crate) fn metered_size(&self, id: &str) -> Result<MeteredSize, DataPlaneError> {
        Ok(self.files(id)?.metered_size())
    }

    /// What decides whether somebody may do something to a path. May block.
    ///
    /// # Errors
    /// [`DataPlaneError::FileSystemNotFound`], [`DataPlaneError::Stopped`].
    pub(crate) fn explain(
        &self,
        id: &str,
        wish: &FileWish,
    ) -> Result<Vec<FileStep>, DataPlaneError> {
        let served = self.served.upgrade().ok_or(DataPlaneError::Stopped)?;
        let known = served.table().file_systems.get(id).cloned();
        let known = known.ok_or_else(|| DataPlaneError::FileSystemNotFound(id.to_owned()))?;
        Ok(explain::explain(&known.vfs, wish))
    }

    /// Makes a change, one after the other, on the server's own threads.
    async fn change<T, F>(
        &self,
        change: impl FnOnce(Arc<Served>) -> F + Send + 'static,
    ) -> Result<T, DataPlaneError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, DataPlaneError>> + Send + 'static,
    {
        let served = self.served.upgrade().ok_or(DataPlaneError::Stopped)?;
        let made = self.runtime.spawn(async move {
            let turn = Arc::clone(&served.changes).lock_owned().await;
            let result = change(served).await;
            drop(turn);
            result
        });
        made.await.unwrap_or(Err(DataPlaneError::Stopped))
    }
}
