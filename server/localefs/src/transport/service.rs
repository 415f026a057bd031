//! What a transport serves: something that answers records.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use localefs_engine::faults::Delay;
use localefs_engine::{Connection, Pending, Received, Server};
use tokio::sync::watch;
use tokio::time::sleep_until;

/// A call that is likely to block, to be run on a thread that may. It gives the reply's segments.
pub(crate) type BlockingCall = Box<dyn FnOnce() -> Vec<Bytes> + Send>;

/// What a call waits for before it is run.
pub(crate) type Pause = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What became of a record.
pub(crate) enum Answer {
    /// The reply's segments, record mark first.
    Reply(Vec<Bytes>),
    /// The reply takes something that is likely to block.
    Later(BlockingCall),
    /// The same, after a pause.
    After(Pause, BlockingCall),
    /// Nothing can be answered, and the connection is of no further use.
    Close,
}

/// Answers records. The transport knows nothing else about what it carries.
pub(crate) trait Service: Clone + Send + Sync + 'static {
    /// Takes one record without its marks. Hardly ever blocks.
    fn receive(&self, record: Bytes, connection: &Arc<Connection>) -> Answer;
}

/// What the clock of the runtime counts in. It wakes up to one of these too late.
const TICK: Duration = Duration::from_millis(1);

/// An NFS server, as a transport serves it.
#[derive(Clone)]
pub(crate) struct Nfs {
    pub(crate) server: Arc<Server>,
    /// Follows [`localefs_engine::faults::Faults::cleared`].
    pub(crate) cleared: watch::Receiver<u64>,
}

impl Nfs {
    /// Divides a wait: a pause for the most of it, and at most a tick on the call's own thread, as
    /// latencies are shorter than what the runtime can tell apart.
    fn after(&self, call: Pending, delay: Delay) -> Answer {
        let end = Instant::now() + delay.wait;
        let mut cleared = self.cleared.clone();
        let pause = async move {
            let over = cleared.wait_for(|cleared| *cleared > delay.cleared);
            if let Some(most) = delay.wait.checked_sub(TICK) {
                let until = tokio::time::Instant::now() + most;
                tokio::select! {
                    // An error means that the server stops.
                    _ = over => {}
                    () = sleep_until(until) => {}
                }
            }
        };
        let cleared = self.cleared.clone();
        let finish = move || {
            let left = end.saturating_duration_since(Instant::now());
            if *cleared.borrow() <= delay.cleared {
                std::thread::sleep(left.min(TICK));
            }
            call.finish().into_segments()
        };
        Answer::After(Box::pin(pause), Box::new(finish))
    }
}

impl Service for Nfs {
    fn receive(&self, record: Bytes, connection: &Arc<Connection>) -> Answer {
        match Server::receive(&self.server, &record, connection, Instant::now()) {
            Received::Reply(reply) => Answer::Reply(reply.into_segments()),
            Received::Pending(call) => {
                Answer::Later(Box::new(move || call.finish().into_segments()))
            }
            Received::Delayed(call, delay) => self.after(call, delay),
            Received::Close => Answer::Close,
        }
    }
}
