//! The parts of a running server, put together and taken apart.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use localefs_engine as engine;
use localefs_vfs::{Finding, Options};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info};

use crate::admin;
use crate::builder::Builder;
use crate::data_dir::DataDir;
use crate::error::{ListenError, StartError};
use crate::faults::Faults;
use crate::file_limit::divide;
use crate::ownership::{self, Ownership};
use crate::store::{Clients, Store, StoreError};
use crate::transport::{self, Nfs, Transport};
use crate::tree;

/// How long calls that are under way may take to finish when the server stops.
const CALLS_END: Duration = Duration::from_millis(500);

/// The shortest lease that the engine takes, and that its ticks keep up with.
const SHORTEST_LEASE: Duration = Duration::from_secs(1);

/// Objects that stay in memory though nobody uses them, a few hundred octets each.
const MAX_NODES: usize = 16_384;

/// What does not change while a server runs.
#[derive(Debug)]
pub(crate) struct Description {
    pub(crate) nfs: Vec<SocketAddr>,
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
    faults: Faults,
    transport: Transport,
    /// Dropped to end them.
    background: JoinSet<()>,
    admin: admin::Socket,
    data: DataDir,
}

impl Running {
    /// Puts a server together. Within a runtime; once this returns, connections are accepted.
    pub(crate) fn start(builder: Builder) -> Result<Self, StartError> {
        let data = match &builder.data {
            Some(path) => DataDir::open(path)?,
            None => DataDir::temporary()?,
        };
        let mut listeners = Vec::new();
        let mut nfs = Vec::new();
        for &address in &builder.listen {
            let bound = transport::bind(address)
                .and_then(|listener| Ok((listener.local_addr()?, listener)));
            let (address, listener) = bound.map_err(|error| ListenError::new(address, error))?;
            nfs.push(address);
            listeners.push(listener);
        }

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
        let store = Arc::new(Store::open(&data.state())?);
        let known = ownership::only(&served, &data);
        let (identity, boot) =
            store
                .start(served.as_deref(), known)
                .map_err(|error| StoreError::Unusable {
                    path: data.state(),
                    error,
                })?;
        let root = match served {
            Some(root) => root,
            None => data.tree(&identity.id)?,
        };

        let lease = builder.lease.max(SHORTEST_LEASE);
        let files = divide(builder.limits.connections, builder.max_descriptors);
        let options = Options {
            fsid: identity.fsid,
            key: identity.handle_key,
            cached_nodes: files.descriptors.min(MAX_NODES),
            descriptors: files.descriptors,
            durability: builder.durability,
            ownership: localefs_vfs::Ownership::Native,
            finding: Finding::Auto,
            records: None,
        };
        let choice = (builder.ownership, builder.outside_owner);
        let served = ownership::open(&store, &data, &identity.id, &root, choice, &options)?;
        let server = engine::Server::start(
            engine::Config {
                lease,
                server_owner: identity.server_owner,
                max_opens: builder.max_opens,
                boot,
            },
            Arc::new(served.file_system),
            Arc::new(Clients::new(store, &identity.id)),
            Instant::now(),
        )?;

        let mut limits = builder.limits;
        limits.connections = files.connections;
        info!(?nfs, root = %root.display(), data = %data.path().display(),
            file_system = identity.id, shadow = served.is_shadow, connections = limits.connections, descriptors = options.descriptors, opens = builder.max_opens, "serving");
        let (clearing, cleared) = watch::channel(0);
        let service = Nfs {
            server: Arc::clone(&server),
            cleared,
        };
        let transport = Transport::start(listeners, service, engine::MAX_RECORD, limits);
        let faults = Faults::new(
            Arc::clone(server.faults()),
            transport.connections(),
            nfs.clone(),
            clearing,
        );
        let description = Arc::new(Description {
            nfs,
            data: data.path().to_owned(),
            ephemeral: data.is_temporary(),
            shadow: served.is_shadow,
            root,
            file_system: identity.id,
            lease,
            began: Instant::now(),
        });
        let source = admin::Source {
            description: Arc::clone(&description),
            server: Arc::clone(&server),
            connections: transport.connections(),
            faults: faults.clone(),
        };
        let mut background = JoinSet::new();
        let admin = admin::Socket::start(data.path(), source, &mut background)?;
        background.spawn(tick(server));
        Ok(Self {
            description,
            faults,
            transport,
            background,
            admin,
            data,
        })
    }

    pub(crate) fn description(&self) -> Arc<Description> {
        Arc::clone(&self.description)
    }

    pub(crate) fn faults(&self) -> Faults {
        self.faults.clone()
    }

    /// Stops it. What is left to be dropped is the data directory, once no thread uses it.
    pub(crate) async fn stop(mut self) -> DataDir {
        // What waits by a fault would not finish.
        self.faults.clear_all();
        if !self.transport.stop(CALLS_END).await {
            info!("some calls did not finish in time");
        }
        self.background.shutdown().await;
        drop(self.admin);
        info!("stopped");
        self.data
    }
}

async fn tick(server: Arc<engine::Server>) {
    let mut ticks = interval(server.tick_interval());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let server = Arc::clone(&server);
        let ticked = tokio::task::spawn_blocking(move || server.tick(Instant::now()));
        if let Err(error) = ticked.await {
            error!(%error, "the server's clock missed a beat");
        }
    }
}
