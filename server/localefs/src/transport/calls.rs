//! The calls of one connection that run on threads that may block.

use std::future::pending;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::task::{JoinError, JoinSet, spawn_blocking};
use tracing::error;

use super::budget::Share;
use super::service::{BlockingCall, Pause};

/// Calls that are waiting or running.
#[derive(Debug, Default)]
pub(super) struct Calls {
    running: JoinSet<Vec<Bytes>>,
    octets: Arc<AtomicUsize>,
}

/// What a call holds until it ends, even by a panic.
struct Held {
    share: Share,
    octets: Arc<AtomicUsize>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.octets
            .fetch_sub(self.share.octets(), Ordering::Relaxed);
    }
}

impl Calls {
    /// Hands a call to a thread that may block. It keeps `share` until it has ended.
    pub(super) fn start(&mut self, call: BlockingCall, share: Share) {
        let held = self.hold(share);
        self.running.spawn_blocking(move || {
            let _held = held;
            call()
        });
    }

    /// The same, after a pause, during which no thread is taken.
    pub(super) fn start_after(&mut self, pause: Pause, call: BlockingCall, share: Share) {
        let held = self.hold(share);
        self.running.spawn(async move {
            let _held = held;
            pause.await;
            match spawn_blocking(call).await {
                Ok(reply) => reply,
                // As if it had run here.
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => resume_unwind(panic),
                    Err(_) => pending().await,
                },
            }
        });
    }

    fn hold(&self, share: Share) -> Held {
        self.octets.fetch_add(share.octets(), Ordering::Relaxed);
        Held {
            share,
            octets: Arc::clone(&self.octets),
        }
    }

    /// Waits for a call to end. Nothing if it gave no reply; never ready while there are no calls.
    pub(super) async fn ended(&mut self) -> Option<Vec<Bytes>> {
        match self.running.join_next().await {
            Some(ended) => reply(ended),
            None => pending().await,
        }
    }

    /// Takes a further call that has ended, if there is one.
    pub(super) fn try_ended(&mut self) -> Option<Option<Vec<Bytes>>> {
        self.running.try_join_next().map(reply)
    }

    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    /// Octets of their requests.
    pub(super) fn octets(&self) -> usize {
        self.octets.load(Ordering::Relaxed)
    }
}

impl Drop for Calls {
    // A call that is under way runs to its end whatever becomes of its connection: the client may
    // ask for its reply on another one (RFC 8881 §2.10.6.2).
    fn drop(&mut self) {
        self.running.detach_all();
    }
}

fn reply(ended: Result<Vec<Bytes>, JoinError>) -> Option<Vec<Bytes>> {
    ended
        .inspect_err(|error| error!(%error, "a call ended without a reply"))
        .ok()
}
