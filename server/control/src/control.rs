//! The control plane as a whole.

use std::fmt::{self, Debug, Formatter};
use std::future::pending;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{Notify, RwLock, watch};
use tokio::time::sleep;
use tracing::{error, warn};

use crate::adopt::Adopted;
use crate::api::{Gate, efs};
use crate::audit::Audit;
use crate::blocking::blocking;
use crate::boxed::BoxFuture;
use crate::data_plane::{DataPlane, DataPlaneError, Publisher, ServedMountTarget, Settled};
use crate::faults::Faults;
use crate::metrics::Metrics;
use crate::network::{Compiler, World};
use crate::records::{AccessPoint, DoomedTree, FileSystem, LifeCycle, MountTarget};
use crate::seed::Seed;
use crate::store::{Change, Store, StoreError};
use crate::topology;

/// What the control plane is to be like.
#[derive(Clone)]
pub struct Settings {
    /// The account, twelve digits.
    pub account_id: String,
    /// The region, as `us-east-1`.
    pub region: String,
    /// The root user's access key.
    pub root_access_key: String,
    /// The secret of that.
    pub root_secret: String,
    /// How long things stay in `creating`, `updating` and `deleting`. At zero they never show
    /// these states.
    pub lifecycle_delay: Duration,
    /// Where the audit log is; nothing for none.
    pub audit: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            account_id: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            root_access_key: "test".to_owned(),
            root_secret: "test".to_owned(),
            lifecycle_delay: Duration::ZERO,
            audit: None,
        }
    }
}

// The secret must not get into a log.
impl Debug for Settings {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("account_id", &self.account_id)
            .field("region", &self.region)
            .field("root_access_key", &self.root_access_key)
            .field("lifecycle_delay", &self.lifecycle_delay)
            .finish_non_exhaustive()
    }
}

/// The control plane.
pub struct Control {
    /// What it is to be like.
    pub settings: Settings,
    /// The records.
    pub store: Store,
    /// Who serves the files.
    pub data_plane: Arc<dyn DataPlane>,
    /// What is to be served.
    pub publisher: Publisher,
    /// The permission rules.
    pub gate: Arc<dyn Gate>,
    /// Calls that are to fail.
    pub faults: Faults,
    /// The audit log, if there is one.
    pub audit: Option<Audit>,
    /// What is counted.
    pub metrics: Metrics,
    /// Held for reading by each call, and for writing by a reset.
    pub(crate) calls: RwLock<()>,
    pub(crate) adopted: Mutex<Option<Adopted>>,
    pub(crate) seed: OnceLock<Seed>,
    publishing: Mutex<()>,
    changed: Notify,
    topology: watch::Sender<u64>,
}

impl Debug for Control {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Control")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Control {
    /// Puts it together. At first start the records of the network are made.
    ///
    /// # Errors
    /// Those of the store.
    pub fn start(
        settings: Settings,
        store: Store,
        data_plane: Arc<dyn DataPlane>,
        publisher: Publisher,
        gate: Arc<dyn Gate>,
        faults: Faults,
    ) -> BoxFuture<'static, Result<Arc<Self>, StoreError>> {
        Box::pin(async move {
            let region = settings.region.clone();
            store
                .change(move |change| topology::first_topology(change, &region))
                .await?;
            let audit = settings.audit.as_deref().and_then(|path| {
                let opened = Audit::open(path);
                if let Err(error) = &opened {
                    warn!(path = %path.display(), %error, "there is no audit log");
                }
                opened.ok()
            });
            Ok(Arc::new(Self {
                audit,
                metrics: Metrics::default(),
                settings,
                store,
                data_plane,
                publisher,
                gate,
                faults,
                calls: RwLock::default(),
                adopted: Mutex::default(),
                seed: OnceLock::new(),
                publishing: Mutex::default(),
                changed: Notify::new(),
                topology: watch::Sender::new(0),
            }))
        })
    }

    /// When something that begins now is over, in milliseconds since 1970. Without a delay it
    /// always was, also for a call that was read earlier and runs later.
    #[must_use]
    pub fn later(&self, now: u64) -> u64 {
        if self.settings.lifecycle_delay.is_zero() {
            return 0;
        }
        let delay = self.settings.lifecycle_delay.as_millis();
        now.saturating_add(u64::try_from(delay).unwrap_or(u64::MAX))
    }

    /// Publishes what is to be served, and waits until it is. `None` if that takes too long.
    pub fn serve(&self) -> BoxFuture<'_, Option<Settled>> {
        Box::pin(async move {
            let version = match self.publish() {
                Ok(version) => version,
                Err(error) => {
                    error!(%error, "what is to be served is not known");
                    return None;
                }
            };
            self.publisher.settled(version).await
        })
    }

    /// Publishes the mount targets that are available.
    fn publish(&self) -> Result<u64, StoreError> {
        // Else an older picture could follow a newer one.
        let _order = self
            .publishing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let now = now();
        let world = World::read(&self.store.view()?)?;
        let compiler = Compiler::new(&world);
        let available = world
            .mount_targets
            .iter()
            .filter(|target| target.life_cycle.is_available(now));
        let served = available.map(|target| {
            let served = ServedMountTarget {
                id: target.id.clone(),
                file_system: target.file_system.clone(),
                ip_address: target.ip_address,
                mirror: target.mirror,
                reachability: Arc::new(compiler.reachability(target)),
            };
            (target.id.clone(), served)
        });
        Ok(self.publisher.publish(served.collect()))
    }

    /// Says that what the network's verdicts rest on has changed, and is in the records.
    pub fn topology_changed(&self) {
        self.topology.send_modify(|version| *version += 1);
    }

    /// A number that grows whenever [`Control::topology_changed`] was said.
    #[must_use]
    pub fn topology(&self) -> watch::Receiver<u64> {
        self.topology.subscribe()
    }

    /// Has the keeper look whether something is over, and when it has to look again.
    pub fn look_again(&self) {
        self.changed.notify_one();
    }

    /// [`Control::look_again`], if what was made is not available yet.
    pub fn look_when_over(&self, made: LifeCycle, now: u64) {
        if made.changes(now).is_some() {
            self.look_again();
        }
    }

    /// Has the data plane do something, on a thread that may block.
    ///
    /// # Errors
    /// Those of `act`, and that it panicked.
    pub fn with_data_plane<T: Send + 'static>(
        &self,
        act: impl FnOnce(&dyn DataPlane) -> Result<T, DataPlaneError> + Send + 'static,
    ) -> impl Future<Output = Result<T, DataPlaneError>> + Send {
        let plane = Arc::clone(&self.data_plane);
        let done = blocking(Box::new(move || act(plane.as_ref())));
        async {
            done.await
                .unwrap_or_else(|error| Err(DataPlaneError(error)))
        }
    }

    /// Removes the tree of a file system that is deleted. If that fails, it is tried again at the
    /// next start.
    pub async fn remove_tree(&self, file_system: String) {
        let id = file_system.clone();
        let removed = self.with_data_plane(move |plane| plane.remove_tree(&id));
        if let Err(error) = removed.await {
            warn!(file_system, %error, "its tree stays for now");
            return;
        }
        let id = file_system.clone();
        let done = self
            .store
            .change(move |change| change.remove::<DoomedTree>(&id).map(drop))
            .await;
        if let Err(error) = done {
            warn!(file_system, %error, "its tree is gone, and that can't be noted");
        }
    }

    /// Ends what is over: deletes what was being deleted, opens what has become available. Gives
    /// when there is something to do again.
    async fn sweep(self: &Arc<Self>) -> Result<Option<u64>, StoreError> {
        let now = now();
        let view = self.store.view()?;
        let mut next: Option<u64> = None;
        let mut over = Over::default();
        let mut see = |life: LifeCycle| {
            if let Some(at) = life.changes(now) {
                next = Some(next.map_or(at, |next| next.min(at)));
            }
            life.state(now).is_none()
        };
        for target in view.all::<MountTarget>()? {
            if see(target.life_cycle) {
                over.mount_targets.push(target.id);
            }
        }
        let mut after: Option<String> = None;
        loop {
            let page = view.page::<AccessPoint>(after.as_deref(), 1000)?;
            let Some(last) = page.last() else {
                break;
            };
            after = Some(last.id.clone());
            for point in page {
                if see(point.life_cycle) {
                    over.access_points.push(point.id);
                }
            }
        }
        for file_system in view.all::<FileSystem>()? {
            if see(file_system.life_cycle) {
                over.file_systems.push(file_system.id);
            }
        }
        drop(view);
        if !over.is_empty() {
            self.store.change(move |change| over.forget(change)).await?;
            self.topology_changed();
        }
        let doomed = self.store.view()?.all::<DoomedTree>()?;
        for tree in doomed {
            self.remove_tree(tree.file_system).await;
        }
        // Nobody waits for this.
        self.publish()?;
        Ok(next)
    }

    /// Keeps up with time, for ever.
    pub fn keep(self: Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            loop {
                let next = self.sweep().await.unwrap_or_else(|error| {
                    error!(%error, "the records can't be kept up");
                    Some(now() + 10_000)
                });
                let time = async {
                    match next {
                        Some(at) => sleep(Duration::from_millis(at.saturating_sub(now()))).await,
                        None => pending().await,
                    }
                };
                tokio::select! {
                    () = time => {}
                    () = self.changed.notified() => {}
                }
            }
        })
    }
}

/// What is over.
#[derive(Debug, Default)]
struct Over {
    mount_targets: Vec<String>,
    access_points: Vec<String>,
    file_systems: Vec<String>,
}

impl Over {
    fn is_empty(&self) -> bool {
        self.mount_targets.is_empty()
            && self.access_points.is_empty()
            && self.file_systems.is_empty()
    }

    fn forget(&self, change: &mut Change) -> Result<(), StoreError> {
        for id in &self.mount_targets {
            efs::forget_mount_target(change, id)?;
        }
        for id in &self.access_points {
            change.remove::<AccessPoint>(id)?;
        }
        for id in &self.file_systems {
            efs::forget_file_system(change, id)?;
        }
        Ok(())
    }
}

/// Milliseconds since 1970.
#[must_use]
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
