//! What is served, and how it gets and loses a file system.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use localefs_engine as engine;
use localefs_vfs::{self as vfs, Durability, Finding, Options, Owner, Possible};

use tokio::sync::watch;

use super::creation::Waiting;
use super::removal::Remover;
use crate::data_dir::Layout;
use crate::error::StartError;
use crate::file_limit::Division;
use crate::ownership::{self, Ownership};
use crate::store::{Clients, Identity, Store, StoreError};
use crate::transport::{Everybody, Group, Names, Nfs, Rules, Transport, Unknown, Watcher};

/// The most nodes kept at hand, however many descriptors there are.
const MAX_NODES: usize = 16_384;

/// Nodes that a file system keeps at hand however many there are.
const LEAST_NODES: usize = 4;

/// How all file systems are served.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) lease: Duration,
    pub(crate) durability: Durability,
    pub(crate) ownership: Ownership,
    pub(crate) outside_owner: Owner,
    pub(crate) files: Division,
    /// Files that all clients together may have open.
    pub(crate) max_opens: usize,
}

/// A file system that is served.
pub(crate) struct FileSystem {
    pub(crate) identity: Identity,
    pub(crate) root: PathBuf,
    pub(crate) is_shadow: bool,
    pub(crate) engine: Arc<engine::FileSystem>,
    pub(super) vfs: Arc<vfs::FileSystem>,
    /// How many nodes it keeps at hand.
    cached_nodes: AtomicUsize,
}

impl FileSystem {
    /// What the connections are known by that come through one of its mount targets.
    pub(super) fn names(&self, mount_target: &str) -> Names {
        Names {
            mount_target: mount_target.into(),
            file_system: self.identity.id.as_str().into(),
        }
    }
}

/// A mount target that is served.
pub(super) struct MountTarget {
    pub(super) file_system: Arc<FileSystem>,
    pub(super) server: Arc<engine::Server>,
    /// Its connections.
    pub(super) group: Group,
}

/// All file systems and mount targets.
pub(crate) struct Served {
    pub(super) settings: Settings,
    pub(super) layout: Layout,
    pub(super) store: Arc<Store>,
    pub(super) remover: Remover,
    pub(crate) transport: Transport<Nfs>,
    /// Tells what waits that a fault is cleared.
    cleared: watch::Receiver<u64>,
    /// Held while something is created or deleted.
    pub(super) changes: Arc<tokio::sync::Mutex<()>>,
    /// Those that wait to be made.
    pub(super) waiting: Waiting,
    /// What can be done where trees are made, once one was.
    pub(super) possible: OnceLock<Possible>,
    resources: Arc<engine::Resources>,
    _watcher: Watcher,
    table: Mutex<Table>,
}

/// By id.
#[derive(Default)]
pub(super) struct Table {
    pub(super) file_systems: BTreeMap<String, Arc<FileSystem>>,
    pub(super) mount_targets: BTreeMap<String, MountTarget>,
    /// Whose mount target is behind the front doors.
    pub(super) first: String,
    pub(super) front_door: Option<String>,
    /// What guards mount targets, also those that are not there yet. Others are open to everybody.
    pub(super) rules: HashMap<String, Arc<dyn Rules>>,
    pub(super) stopped: bool,
}

impl Table {
    pub(super) fn mount_targets_of(&self, file_system: &str) -> Vec<String> {
        let of = |target: &MountTarget| target.file_system.identity.id == file_system;
        let ids = self.mount_targets.iter().filter(|(_, target)| of(target));
        ids.map(|(id, _)| id.clone()).collect()
    }
}

impl Served {
    /// Nothing yet, but what was deleted before is being removed.
    pub(crate) fn new(
        settings: Settings,
        layout: Layout,
        store: Arc<Store>,
        (transport, cleared): (Transport<Nfs>, watch::Receiver<u64>),
    ) -> Self {
        let watcher = Watcher::start();
        let in_place = Arc::clone(watcher.in_place());
        let resources = Arc::new(engine::Resources::new(settings.max_opens, in_place));
        Self {
            settings,
            remover: Remover::start(&layout, &store),
            layout,
            store,
            transport,
            cleared,
            changes: Arc::default(),
            waiting: Waiting::default(),
            possible: OnceLock::new(),
            resources,
            _watcher: watcher,
            table: Mutex::default(),
        }
    }

    /// Serves a file system. May block.
    ///
    /// # Errors
    /// [`StartError`] says what has to be different.
    pub(crate) fn serve(
        &self,
        identity: Identity,
        root: PathBuf,
    ) -> Result<Arc<FileSystem>, StartError> {
        let options = Options {
            fsid: identity.fsid,
            key: identity.handle_key,
            cached_nodes: self.nodes(),
            descriptors: self.descriptors(),
            durability: self.settings.durability,
            ownership: vfs::Ownership::Native,
            finding: Finding::Auto,
            records: None,
        };
        let choice = (self.settings.ownership, self.settings.outside_owner);
        let (store, layout, id) = (&self.store, &self.layout, &identity.id);
        let known = self.possible.get().copied();
        let opened = ownership::open(store, layout, id, &root, choice, (&options, known))?;
        if opened.is_new {
            // All that are made lie in the same directory.
            self.possible.get_or_init(|| opened.file_system.possible());
        }
        let vfs = Arc::new(opened.file_system);
        let engine = engine::FileSystem::start(
            engine::FileSystemConfig {
                lease: self.settings.lease,
                resources: Arc::clone(&self.resources),
            },
            Arc::clone(&vfs),
            Arc::new(Clients::new(Arc::clone(store), id)),
            Instant::now(),
        )?;
        let file_system = Arc::new(FileSystem {
            identity,
            root,
            is_shadow: opened.is_shadow,
            engine,
            vfs,
            cached_nodes: AtomicUsize::new(self.nodes()),
        });
        let mut table = self.table();
        let id = file_system.identity.id.clone();
        table.file_systems.insert(id, Arc::clone(&file_system));
        self.share_nodes(&table);
        Ok(file_system)
    }

    /// Serves no longer a file system that has no mount target. What still uses it tells when it
    /// has ended.
    pub(super) fn let_go(&self, id: &str) -> Weak<vfs::FileSystem> {
        let mut table = self.table();
        let gone = table.file_systems.remove(id);
        self.share_nodes(&table);
        drop(table);
        gone.map_or_else(Weak::new, |gone| Arc::downgrade(&gone.vfs))
    }

    /// Guards mount targets by these rules from now on, and those of them that come later. They
    /// are in force when this returns.
    pub(super) fn guard(&self, rules: HashMap<String, Arc<dyn Rules>>) {
        let changed = {
            let mut table = self.table();
            let mut changed = HashMap::new();
            for (id, rules) in rules {
                if let Some(target) = table.mount_targets.get(&id) {
                    changed.insert(target.group, Arc::clone(&rules));
                }
                table.rules.insert(id, rules);
            }
            changed
        };
        self.transport.judge(&changed);
    }

    /// Puts a mount target into the transport, with the rules that guard it. Nothing leads to it
    /// yet.
    pub(super) fn enter(
        &self,
        file_system: &FileSystem,
        id: &str,
        server: &Arc<engine::Server>,
    ) -> Group {
        let rules = self.table().rules.get(id).cloned();
        let rules = rules.unwrap_or_else(|| Arc::new(Everybody));
        self.transport
            .add(file_system.names(id), self.service(server), rules)
    }

    /// Makes the server of a mount target that nothing leads to yet. May block.
    ///
    /// # Errors
    /// Those of the database.
    pub(super) fn new_server(
        &self,
        file_system: &FileSystem,
        id: &str,
    ) -> Result<Arc<engine::Server>, StoreError> {
        let boot = self.store.take_start().map_err(|error| self.store(error))?;
        Ok(file_system.engine.mount_target(engine::Config {
            mount_target: id.to_owned(),
            server_owner: file_system.identity.server_owner(id),
            server_scope: file_system.identity.server_scope.clone(),
            boot,
        }))
    }

    /// Says which file system would be the first; it is not there.
    pub(crate) fn miss_first(&self, id: &str) {
        id.clone_into(&mut self.table().first);
    }

    /// Puts the first file system behind the front doors, with its mount target if it has one,
    /// which lets nobody in before its rules are known. May block.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) fn lead_in(
        &self,
        file_system: &Arc<FileSystem>,
        mount_target: Option<String>,
    ) -> Result<(), StoreError> {
        self.table().first.clone_from(&file_system.identity.id);
        if let Some(id) = mount_target {
            let server = self.new_server(file_system, &id)?;
            self.table().rules.insert(id.clone(), Arc::new(Unknown));
            let group = self.enter(file_system, &id, &server);
            self.transport.lead(Some(group));
            let target = MountTarget {
                file_system: Arc::clone(file_system),
                server,
                group,
            };
            let mut table = self.table();
            table.front_door = Some(id.clone());
            table.mount_targets.insert(id, target);
        }
        Ok(())
    }

    /// The faults that users asked for, the same for all mount targets.
    pub(crate) fn faults(&self) -> Arc<engine::faults::Faults> {
        Arc::clone(&self.resources.faults)
    }

    /// A server, as the transport serves it.
    pub(super) fn service(&self, server: &Arc<engine::Server>) -> Nfs {
        Nfs {
            server: Arc::clone(server),
            cleared: self.cleared.clone(),
        }
    }

    /// Ends grace periods and forgets clients in time. May block.
    pub(crate) fn tick(&self) {
        let engines: Vec<_> = {
            let table = self.table();
            let all = table.file_systems.values();
            all.map(|file_system| Arc::clone(&file_system.engine))
                .collect()
        };
        for engine in engines {
            engine.tick(Instant::now());
        }
    }

    /// Stops serving; calls that are under way may finish for at most `patience`. Tells whether
    /// all had finished.
    pub(crate) async fn stop(&self, patience: Duration) -> bool {
        self.table().stopped = true;
        let finished = self.transport.stop(patience).await;
        self.remover.stop();
        finished
    }

    /// Says which database an error is of.
    pub(super) fn store(&self, error: redb::Error) -> StoreError {
        StoreError::Unusable {
            path: self.layout.state(),
            error,
        }
    }

    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nodes kept at hand, of all file systems.
    fn nodes(&self) -> usize {
        self.settings.files.descriptors.min(MAX_NODES)
    }

    /// Descriptors that one more file system may keep: the first half of all, the others little.
    fn descriptors(&self) -> usize {
        let all = self.settings.files.descriptors;
        let is_first = self.table().file_systems.is_empty();
        (if is_first { all / 2 } else { all / 128 }).max(LEAST_NODES)
    }

    /// Divides the nodes kept at hand among the file systems.
    fn share_nodes(&self, table: &Table) {
        // Powers of two, so that creating many does not change all others each time.
        let parts = table.file_systems.len().max(1).next_power_of_two();
        let share = (self.nodes() / parts).max(LEAST_NODES);
        for file_system in table.file_systems.values() {
            if file_system.cached_nodes.swap(share, Ordering::Relaxed) != share {
                file_system.vfs.set_cached_nodes(share);
            }
        }
    }
}

impl std::fmt::Debug for Served {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Served")
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}
