//! The parts of a running server, put together and taken apart.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use localefs_control::adopt::Adopted;
use localefs_control::api::Api;
use localefs_control::control::Control;
use localefs_engine as engine;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info};

use crate::admin;
use crate::builder::Builder;
use crate::control_plane::{self, ControlState};
use crate::data_dir::DataDir;
use crate::data_plane::{DataPlane, Served, Settings};
use crate::error::{ListenError, StartError};
use crate::faults::Faults;
use crate::file_limit::divide;
use crate::names::{Dns, Names};
use crate::ownership::{self, Ownership};
use crate::store::{Store, StoreError};
use crate::transport::{self, Transport};
use crate::tree;

/// How long calls that are under way may take to finish when the server stops.
const CALLS_END: Duration = Duration::from_millis(500);

/// The shortest lease that the engine takes, and that its ticks keep up with.
const SHORTEST_LEASE: Duration = Duration::from_secs(1);

/// What does not change while a server runs.
#[derive(Debug)]
pub(crate) struct Description {
    pub(crate) nfs: Vec<SocketAddr>,
    pub(crate) api: SocketAddr,
    pub(crate) dns: Option<SocketAddr>,
    pub(crate) data: PathBuf,
    pub(crate) ephemeral: bool,
    pub(crate) shadow: bool,
    pub(crate) root: PathBuf,
    pub(crate) file_system: String,
    pub(crate) lease: Duration,
    pub(crate) began: Instant,
}

/// A server that serves.
pub(crate) struct Running {
    description: Arc<Description>,
    served: Arc<Served>,
    data_plane: DataPlane,
    api: Api,
    control: Arc<Control>,
    faults: Faults,
    state: ControlState,
    /// Dropped to end them.
    background: JoinSet<()>,
    admin: admin::Socket,
    data: DataDir,
}

impl Running {
    /// Puts a server together. Within a runtime; once this returns, connections are accepted.
    ///
    /// `temporary` is the data directory to be gone when the server is.
    pub(crate) async fn start(
        builder: Builder,
        temporary: Option<TempDir>,
    ) -> Result<Self, StartError> {
        let seed = builder.seed.as_deref().map(control_plane::read_seed);
        let seed = seed.transpose()?;
        let mut data = match &builder.data {
            Some(path) => DataDir::open(path)?,
            None => DataDir::temporary()?,
        };
        if let Some(temporary) = temporary {
            data.make_temporary(temporary);
        }
        let mut listeners = Vec::new();
        let mut nfs = Vec::new();
        for &address in &builder.listen {
            let bound = transport::bind(address)
                .and_then(|listener| Ok((listener.local_addr()?, listener)));
            let (address, listener) = bound.map_err(|error| ListenError::new(address, error))?;
            nfs.push(address);
            listeners.push(listener);
        }
        let api = control_plane::bind(builder.api).map_err(StartError::Api)?;
        let dns = match builder.dns {
            Some(address) => Some(Dns::bind(address).await.map_err(StartError::Dns)?),
            None => None,
        };

        let served = match &builder.root {
            Some(root) => {
                // Only root can leave programs there that run as somebody else.
                let harmless =
                    builder.ownership == Ownership::Shadow || !rustix::process::geteuid().is_root();
                let trusting = builder.trust_local_users || harmless;
                Some(tree::check(root, data.path(), trusting)?)
            }
            None => None,
        };
        let layout = data.layout();
        let store = Arc::new(Store::open(&layout.state())?);
        let known = ownership::only(&served, layout);
        let start =
            store
                .start(served.as_deref(), known)
                .map_err(|error| StoreError::Unusable {
                    path: layout.state(),
                    error,
                })?;
        let root = match served {
            Some(root) => root,
            None => layout.tree(&start.identity.id)?,
        };

        let lease = builder.lease.max(SHORTEST_LEASE);
        let files = divide(&builder.limits, builder.max_descriptors);
        let mut limits = builder.limits;
        limits.connections = files.connections;
        limits.waiting = files.waiting;
        let settings = Settings {
            lease,
            durability: builder.durability,
            ownership: builder.ownership,
            outside_owner: builder.outside_owner,
            files,
            max_opens: builder.max_opens,
        };
        let (clearing, cleared) = watch::channel(0);
        let transport = Transport::start(engine::MAX_RECORD, limits, builder.denied);
        let database = store.database();
        let served = Arc::new(Served::new(
            settings,
            layout.clone(),
            store,
            (transport, cleared),
        ));
        let file_system = start.identity.id.clone();
        let shadow = if start.is_deleted {
            served.miss_first(&file_system);
            info!(?nfs, data = %data.path().display(), "the first file system was deleted");
            false
        } else {
            let first = served.serve(start.identity, root.clone())?;
            served.lead_in(&first, start.mount_target.clone())?;
            info!(?nfs, root = %root.display(), data = %data.path().display(),
                file_system, shadow = first.is_shadow, "serving");
            first.is_shadow
        };
        let transport = &served.transport;
        for (address, listener) in nfs.iter().zip(listeners) {
            let opened = transport.open_front_door(listener);
            opened.map_err(|error| ListenError::new(*address, error))?;
        }
        let data_plane = DataPlane::new(&served);
        let faults = Faults::new(
            served.faults(),
            transport.connections(),
            (data_plane.clone(), nfs.clone()),
            clearing,
        );
        let adopted = Adopted {
            file_system: file_system.clone(),
            mount_target: start.mount_target,
        };
        let first = (!start.is_deleted, adopted);
        let mut background = JoinSet::new();
        let control = localefs_control::control::Settings {
            audit: Some(data.path().join("audit.jsonl")),
            ..builder.control
        };
        let bind: Arc<[_]> = builder.bind.into();
        let addresses = control_plane::Addresses {
            port: builder.mount_target_port,
            known: builder.known_ports,
            bind: Arc::clone(&bind),
        };
        let (api, control) = control_plane::start(
            (control, addresses, seed),
            database,
            (data_plane.clone(), faults.clone(), first),
            api,
            &mut background,
        )
        .await
        .map_err(|error| in_database(error, layout.state()))?;
        let names = Names {
            control: Arc::clone(&control),
            bind,
        };
        let dns = dns.map(|dns| {
            let address = dns.address();
            dns.serve(names.clone(), &mut background);
            address
        });
        let description = Arc::new(Description {
            nfs,
            api: api.address(),
            dns,
            data: data.path().to_owned(),
            ephemeral: data.is_temporary(),
            shadow,
            root,
            file_system,
            lease,
            began: Instant::now(),
        });
        let state = ControlState::new(&control);
        let source = admin::Source {
            description: Arc::clone(&description),
            data_plane: data_plane.clone(),
            connections: transport.connections(),
            faults: faults.clone(),
            names,
            control: Arc::clone(&control),
            state: state.clone(),
        };
        let admin = admin::Socket::start(data.path(), source, &mut background)?;
        background.spawn(tick(Arc::clone(&served), engine::tick_interval(lease)));
        Ok(Self {
            description,
            served,
            data_plane,
            api,
            control,
            faults,
            state,
            background,
            admin,
            data,
        })
    }

    pub(crate) fn description(&self) -> Arc<Description> {
        Arc::clone(&self.description)
    }

    pub(crate) fn data_plane(&self) -> DataPlane {
        self.data_plane.clone()
    }

    pub(crate) fn control(&self) -> Arc<Control> {
        Arc::clone(&self.control)
    }

    pub(crate) fn faults(&self) -> Faults {
        self.faults.clone()
    }

    pub(crate) fn state(&self) -> ControlState {
        self.state.clone()
    }

    /// Ends it as far as a process can be killed from inside: connections are reset, calls are not
    /// waited for.
    pub(crate) async fn kill(self) -> DataDir {
        self.served.transport.connections().reset(None, || true);
        self.end(Duration::ZERO).await
    }

    /// Stops it. What is left to be dropped is the data directory, once no thread uses it.
    pub(crate) async fn stop(self) -> DataDir {
        self.end(CALLS_END).await
    }

    async fn end(mut self, patience: Duration) -> DataDir {
        self.api.stop(patience).await;
        // What waits by a fault would not finish.
        self.faults.clear_all();
        if !self.served.stop(patience).await {
            info!("some calls did not finish in time");
        }
        self.background.shutdown().await;
        drop(self.admin);
        drop(self.control);
        info!("stopped");
        self.data
    }
}

/// The control plane's records are in the one database, whose path helps who has to mend it.
fn in_database(error: StartError, path: PathBuf) -> StartError {
    match error {
        StartError::Control(localefs_control::store::StoreError::Database(error)) => {
            StoreError::Unusable { path, error }.into()
        }
        other => other,
    }
}

async fn tick(served: Arc<Served>, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let served = Arc::clone(&served);
        if let Err(error) = tokio::task::spawn_blocking(move || served.tick()).await {
            error!(%error, "the server's clock missed a beat");
        }
    }
}
