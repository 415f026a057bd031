//! NFS over TCP: connections, records, and the memory that they may take.
//!
//! Each connection is one task that owns its socket. It reads, cuts records, and has the service
//! answer on the spot what hardly ever blocks; a call that is likely to runs on a blocking thread
//! and its reply comes back to the task. Replies go out as they are finished, in any order, all
//! that are ready in one write.
//!
//! What a connection is served by is settled when it is accepted, by its local address. Whether it
//! is served at all, its gate says, which is judged again at each change of the rules.

mod budget;
mod calls;
mod complaint;
mod connection;
mod control;
mod door;
mod ending;
mod filter;
mod gate;
mod inbound;
mod limits;
mod listener;
mod listeners;
mod outbound;
mod registry;
mod service;
#[cfg(test)]
mod tests;
mod workers;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use localefs_engine::Buffers;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio::time::{interval, timeout};
use tracing::{info, warn};

use budget::Budget;
use complaint::Complaint;
use control::Order;
pub(crate) use door::Names;
pub use door::{MountTargets, NoMountTargets};
pub(crate) use gate::{Everybody, Rules, Ruling, State, Tracking, Unknown};
pub(crate) use limits::BLOCKING_THREADS;
pub use limits::Limits;
pub(crate) use listener::bind;
use listeners::Listeners;
pub(crate) use registry::{Frozen, Group, Shut};
use registry::{Judged, Registry};
pub(crate) use service::{Nfs, Service};
pub(crate) use workers::{Watcher, worker_threads};

/// How often a shortage of memory is looked into.
const RELIEF_INTERVAL: Duration = Duration::from_millis(250);

/// Connections cut in one go while others wait for memory.
const CUT_AT_ONCE: usize = 64;

/// What clients find whom the rules deny.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Denied {
    /// Nothing, as on AWS: they wait until they are let in, or give up.
    #[default]
    Silence,
    /// Their connections are reset, for people in a hurry.
    Reset,
}

/// What all connections of a transport share.
struct Shared {
    longest_record: usize,
    denied: Denied,
    limits: Limits,
    requests: Budget,
    registry: Arc<Registry>,
    /// Where long records are received.
    buffers: Arc<Buffers>,
    /// Octets of replies queued over all connections.
    unread: Arc<AtomicUsize>,
}

/// A running transport. Dropping it stops accepting.
pub(crate) struct Transport<S> {
    shared: Arc<Shared>,
    listeners: Arc<Listeners<S>>,
    relief: AbortHandle,
}

impl<S: Service> Transport<S> {
    /// Will serve records of at most `longest_record` octets. Within a runtime.
    pub(crate) fn start(longest_record: usize, limits: Limits, denied: Denied) -> Self {
        let shared = Arc::new(Shared {
            longest_record,
            denied,
            // Whatever the limits, one record at a time fits.
            requests: Budget::new(limits.request_octets.max(2 * longest_record)),
            registry: Arc::new(Registry::new(limits.connections, limits.waiting)),
            limits,
            buffers: Arc::default(),
            unread: Arc::default(),
        });
        let relief = tokio::spawn(relieve(Arc::clone(&shared))).abort_handle();
        Self {
            shared,
            listeners: Arc::default(),
            relief,
        }
    }

    /// Adds a service, which nothing leads to yet, with the rules that guard it.
    pub(crate) fn add(&self, names: Names, service: S, rules: Arc<dyn Rules>) -> Group {
        let group = self.shared.registry.add_group(names, rules);
        self.listeners.add(group, service);
        group
    }

    /// Accepts connections on `listener` until the transport stops. They go where
    /// [`Transport::lead`] says, but for those to an address of another service.
    pub(crate) fn open_front_door(&self, listener: TcpListener) -> io::Result<()> {
        Listeners::open_front_door(&self.listeners, listener, &self.shared)
    }

    /// Says which service is behind the front doors; `None`: connections are closed at once.
    pub(crate) fn lead(&self, group: Option<Group>) {
        self.listeners.lead(group, &self.shared);
    }

    /// Guards services by other rules. They are in force when this returns: on connections that
    /// are open, on those that wait, and on later ones.
    pub(crate) fn judge(&self, changed: &HashMap<Group, Arc<dyn Rules>>) {
        if changed.is_empty() {
            return;
        }
        let judged = self.shared.registry.judge(changed, self.shared.denied);
        self.listeners.filter(changed, &self.shared);
        if judged != Judged::default() {
            info!(
                opened = judged.opened,
                shut = judged.shut,
                "rules changed for connections"
            );
        }
    }

    /// Connections to a service whose gate is shut, those first that have been waiting the
    /// longest.
    pub(crate) fn shut(&self, group: Group) -> Vec<Shut> {
        self.shared.registry.shut(group)
    }

    /// Accepts connections for a service on a further address; port 0 is a free one.
    ///
    /// # Errors
    /// Those of the system; EADDRINUSE also if the address leads somewhere else already.
    pub(crate) fn listen(&self, group: Group, address: SocketAddr) -> io::Result<SocketAddr> {
        Listeners::listen(&self.listeners, group, address, &self.shared)
    }

    /// Where a service can be reached, first through the front doors if it is behind them.
    pub(crate) fn addresses(&self, group: Group) -> Vec<SocketAddr> {
        self.listeners.addresses(group)
    }

    /// The addresses that lead to a service alone.
    pub(crate) fn own_addresses(&self, group: Group) -> Vec<SocketAddr> {
        self.listeners.own_addresses(group)
    }

    /// Takes a service away: its addresses are free when this returns, and its connections are
    /// closed, those first that have nothing under way, after `patience` all.
    pub(crate) async fn remove(&self, group: Group, patience: Duration) {
        let registry = &self.shared.registry;
        self.listeners.remove(group, &self.shared).await;
        registry.end_group(group, Order::Finish);
        if timeout(patience, registry.group_empty(group))
            .await
            .is_err()
        {
            registry.end_group(group, Order::Cut);
            // One that waits for a disk that stands still hears of it when that goes on.
            if timeout(patience, registry.group_empty(group))
                .await
                .is_err()
            {
                warn!("connections of a mount target that is gone wait for the disk");
            }
        }
    }

    /// Its connections.
    pub(crate) fn connections(&self) -> Connections {
        Connections(Arc::clone(&self.shared.registry))
    }

    /// Stops accepting, lets the calls that are under way finish for at most `patience`, and
    /// closes all connections. Tells whether all had finished.
    pub(crate) async fn stop(&self, patience: Duration) -> bool {
        self.relief.abort();
        self.listeners.close().await;
        self.shared.registry.finish();
        timeout(patience, self.shared.registry.empty())
            .await
            .is_ok()
    }
}

impl<S> Drop for Transport<S> {
    fn drop(&mut self) {
        self.relief.abort();
        self.listeners.abort();
    }
}

/// The connections of a transport.
#[derive(Clone, Debug)]
pub(crate) struct Connections(Arc<Registry>);

impl Connections {
    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Freezes these, also later ones, and only these.
    pub(crate) fn freeze(&self, frozen: Frozen) {
        self.0.freeze(frozen);
    }

    /// Resets those of some mount targets, or of all, that `chosen` is true of; gives how many.
    pub(crate) fn reset(
        &self,
        targets: Option<&MountTargets>,
        chosen: impl FnMut() -> bool,
    ) -> usize {
        self.0.reset(targets, chosen)
    }
}

/// While connections wait for memory, cuts those that have kept theirs for too long: a client
/// that starts records and never ends them must not keep the others out.
async fn relieve(shared: Arc<Shared>) {
    let mut ticks = interval(RELIEF_INTERVAL);
    let mut cut = Complaint::default();
    loop {
        ticks.tick().await;
        shared.buffers.trim();
        let waiting = shared.requests.waiting().min(CUT_AT_ONCE);
        if waiting == 0 {
            continue;
        }
        let count = shared.registry.cut_slowest(waiting, shared.limits.patience);
        if count > 0 {
            cut.say(count, |count| {
                warn!(
                    count,
                    "cut connections that left records unfinished while memory was short"
                );
            });
        }
    }
}
