//! NFS over TCP: connections, records, and the memory that they may take.
//!
//! Each connection is one task that owns its socket. It reads, cuts records, and has the service
//! answer what cannot block on the spot; a call that may block runs on a blocking thread and its
//! reply comes back to the task. Replies go out as they are finished, in any order, all that are
//! ready in one write.

mod budget;
mod calls;
mod complaint;
mod connection;
mod ending;
mod inbound;
mod limits;
mod listener;
mod outbound;
mod registry;
mod service;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};
use tracing::warn;

use budget::Budget;
use complaint::Complaint;
pub(crate) use limits::BLOCKING_THREADS;
pub use limits::Limits;
pub(crate) use listener::bind;
pub(crate) use registry::Frozen;
use registry::Registry;
pub(crate) use service::{Nfs, Service};

/// How often a shortage of memory is looked into.
const RELIEF_INTERVAL: Duration = Duration::from_millis(250);

/// Connections cut in one go while others wait for memory.
const CUT_AT_ONCE: usize = 64;

/// What all connections of a transport share.
struct Shared<S> {
    service: S,
    longest_record: usize,
    limits: Limits,
    requests: Budget,
    registry: Arc<Registry>,
    /// Octets of replies queued over all connections.
    unread: Arc<AtomicUsize>,
}

/// A running transport. Dropping it stops accepting.
pub(crate) struct Transport {
    registry: Arc<Registry>,
    tasks: JoinSet<()>,
}

impl Transport {
    /// Serves records of at most `longest_record` octets on `listeners`.
    pub(crate) fn start<S: Service>(
        listeners: Vec<TcpListener>,
        service: S,
        longest_record: usize,
        limits: Limits,
    ) -> Self {
        let registry = Arc::new(Registry::new(limits.connections));
        let shared = Arc::new(Shared {
            service,
            longest_record,
            // Whatever the limits, one record at a time fits.
            requests: Budget::new(limits.request_octets.max(2 * longest_record)),
            limits,
            registry: Arc::clone(&registry),
            unread: Arc::default(),
        });
        let mut tasks = JoinSet::new();
        for listener in listeners {
            tasks.spawn(listener::accept(listener, Arc::clone(&shared)));
        }
        tasks.spawn(relieve(shared));
        Self { registry, tasks }
    }

    /// Its connections.
    pub(crate) fn connections(&self) -> Connections {
        Connections(Arc::clone(&self.registry))
    }

    /// Stops accepting, lets the calls that are under way finish for at most `patience`, and
    /// closes all connections. Tells whether all had finished.
    pub(crate) async fn stop(mut self, patience: Duration) -> bool {
        self.tasks.shutdown().await;
        self.registry.finish();
        timeout(patience, self.registry.empty()).await.is_ok()
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

    /// Freezes those that came to one of these addresses, also later ones, and only those.
    pub(crate) fn freeze(&self, frozen: Frozen) {
        self.0.freeze(frozen);
    }

    /// Resets those that came to this address, or to any, and that `chosen` is true of; gives how
    /// many.
    pub(crate) fn reset(&self, address: Option<IpAddr>, chosen: impl FnMut() -> bool) -> usize {
        self.0.reset(address, chosen)
    }
}

/// While connections wait for memory, cuts those that have kept theirs for too long: a client
/// that starts records and never ends them must not keep the others out.
async fn relieve<S: Service>(shared: Arc<Shared<S>>) {
    let mut ticks = interval(RELIEF_INTERVAL);
    let mut cut = Complaint::default();
    loop {
        ticks.tick().await;
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
