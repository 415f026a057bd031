//! `localefs serve`.

use std::io::{Write, stdout};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use localefs::LocalEfs;
use tokio::select;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

use super::banner::Banner;
use super::fail;
use super::ready::ReadyFile;
use super::serve_arguments::{Denied, Durability, Ownership, ServeArguments};

/// Serves until told to stop.
pub(super) async fn serve(arguments: ServeArguments) -> ExitCode {
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(format_args!("{error:#}")),
    }
}

async fn run(arguments: ServeArguments) -> anyhow::Result<()> {
    localefs::raise_file_limit();
    // From here on they do not kill the process, which has a directory to remove.
    let mut signals = Signals::new().context("cannot handle signals")?;
    let ready_file = arguments.ready_file.clone();
    if let Some(path) = &ready_file {
        ReadyFile::clear(path)?;
    }
    let server = start(arguments).await?;
    warn_of_strangers(&server);
    let _ready = ready_file
        .map(|path| ReadyFile::write(&path, &server))
        .transpose()?;
    // Whoever closed stdout does not want to read it.
    let _ = write!(stdout(), "{}", Banner(&server)).and_then(|()| stdout().flush());
    let name = signals.next().await;
    info!(signal = name, "stopping");
    server.shutdown().await;
    Ok(())
}

/// Addresses beyond this machine's own loopback: also in a container, whose ports may be published.
fn warn_of_strangers(server: &LocalEfs) {
    let is_far = |address: &&SocketAddr| !address.ip().is_loopback();
    let far: Vec<_> = server.nfs_addresses().iter().filter(is_far).collect();
    if !far.is_empty() {
        warn!(nfs = ?far, "whoever can reach it is root on the files");
    }
    let api = server.api_address();
    if !api.ip().is_loopback() {
        warn!(%api, "whoever can reach it and knows the root credentials may do everything");
    }
}

async fn start(arguments: ServeArguments) -> anyhow::Result<LocalEfs> {
    let mut builder = LocalEfs::builder()
        .lease(Duration::from_secs(arguments.lease.into()))
        .trust_local_users(arguments.trust_local_users)
        .ownership(match arguments.ownership {
            Ownership::Auto => localefs::Ownership::Auto,
            Ownership::Native => localefs::Ownership::Native,
            Ownership::Shadow => localefs::Ownership::Shadow,
        })
        .max_opens(arguments.max_opens as usize)
        .max_descriptors(arguments.max_descriptors as usize)
        .outside_owner(arguments.outside_owner.0, arguments.outside_owner.1)
        .durability(match arguments.durability {
            Durability::Ordinary => localefs::Durability::Ordinary,
            Durability::Strict => localefs::Durability::Strict,
        });
    let (key, secret) = arguments.root_credentials;
    builder = builder
        .api(arguments.api)
        .mount_target_port(arguments.mount_target_port)
        .account_id(arguments.account_id)
        .region(arguments.region)
        .root_credentials(key, secret)
        .lifecycle_delay(arguments.lifecycle_delay)
        .denied(match arguments.denied {
            Denied::Silence => localefs::Denied::Silence,
            Denied::Reset => localefs::Denied::Reset,
        });
    for network in arguments.bind {
        builder = builder.bind(network);
    }
    if let Some(address) = arguments.dns {
        builder = builder.dns(address);
    }
    if !arguments.ephemeral {
        builder = builder.data(arguments.data);
    }
    if let Some(root) = arguments.root {
        builder = builder.root(root);
    }
    if let Some(seed) = arguments.seed {
        builder = builder.seed(seed);
    }
    for address in arguments.listen {
        builder = builder.listen(address);
    }
    Ok(builder.start().await?)
}

/// The signals that stop a server.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The name of the next one.
    async fn next(&mut self) -> &'static str {
        select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
