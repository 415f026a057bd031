//! The runtime's threads that serve connections, and what becomes of the others while one of them
//! waits for the disk.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread, available_parallelism};
use std::time::{Duration, Instant};

use localefs_engine::{InPlace, Look};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tracing::warn;

/// How often somebody looks after operations that run where they arrived.
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

/// Threads that serve connections: one for each processor, but not only one, as that may have to
/// wait for the disk. More of them would take the processors from each other.
pub(crate) fn worker_threads() -> usize {
    available_parallelism().map_or(2, |processors| processors.get().max(2))
}

/// A thread that looks after those which serve connections. It ends when this is dropped.
///
/// The thread that looked at the sockets last runs what it found there. Nobody looks at them again
/// before it is done, or before another one wakes up, which then has nothing else to do: a thread
/// that waits for the disk would keep everybody waiting, were it not for this one.
#[derive(Debug)]
pub(crate) struct Watcher {
    in_place: Arc<InPlace>,
    /// Empty if no thread could be had.
    thread: Arc<OnceLock<Thread>>,
    over: Arc<AtomicBool>,
}

impl Watcher {
    /// Starts it, within the runtime whose threads these are. Without it no operation that may
    /// wait runs on them.
    pub(crate) fn start() -> Self {
        let runtime = Handle::current();
        let over = Arc::new(AtomicBool::new(false));
        let thread = Arc::new(OnceLock::<Thread>::new());
        let called = Arc::clone(&thread);
        // The others look up what the disk has to be asked for, and serve those who want nothing
        // of the disk.
        let most = runtime.metrics().num_workers() / 2;
        let in_place = Arc::new(InPlace::new(most, move || {
            if let Some(thread) = called.get() {
                thread.unpark();
            }
        }));
        let looked_after = Arc::clone(&in_place);
        let ends = Arc::clone(&over);
        let started = thread::Builder::new()
            .name("localefs-watch".to_owned())
            .spawn(move || watch(&looked_after, &runtime, &ends));
        let in_place = match started {
            Ok(started) => {
                thread.get_or_init(|| started.thread().clone());
                in_place
            }
            Err(error) => {
                warn!(%error, "no thread can be had: all that may wait for the disk is handed over");
                Arc::new(InPlace::new(0, || {}))
            }
        };
        Self {
            in_place,
            thread,
            over,
        }
    }

    /// What is looked after.
    pub(crate) fn in_place(&self) -> &Arc<InPlace> {
        &self.in_place
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

fn watch(in_place: &InPlace, runtime: &Handle, over: &AtomicBool) {
    let mut woken: Option<JoinHandle<()>> = None;
    while !over.load(Ordering::SeqCst) {
        match in_place.look(Instant::now()) {
            Look::Quiet => thread::park(),
            Look::Well => thread::sleep(BETWEEN_LOOKS),
            Look::Waiting => {
                // Nobody else looks at the sockets while that thread waits.
                if woken.as_ref().is_none_or(JoinHandle::is_finished) {
                    woken = Some(runtime.spawn(async {}));
                }
                thread::sleep(BETWEEN_LOOKS);
            }
        }
    }
}
