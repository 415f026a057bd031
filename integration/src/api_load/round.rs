//! One server's turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::connection::Connection;
use super::peer::Peer;
use super::signing::Operation;

/// What came of a turn.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Requests that were answered.
    pub requests: usize,
    /// From the first to the last answer.
    pub elapsed: Duration,
    /// Of each request, in no order.
    pub latencies: Vec<Duration>,
    /// The server's processor time, in user and system mode.
    pub processor: Duration,
    /// The server's resident memory afterwards, in KiB.
    pub resident: u64,
}

impl Outcome {
    /// Requests in a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let requests = self.requests as f64;
        requests / self.elapsed.as_secs_f64()
    }
}

/// Sends requests over connections that are kept alive, each the next as soon as one is answered.
/// All of them must succeed.
///
/// # Errors
/// If one does not.
pub fn run(
    peer: &mut Peer,
    operation: Operation,
    connections: usize,
    requests: usize,
) -> Result<Outcome> {
    let signer = peer.signer();
    let signed: Result<Vec<_>> = (0..requests)
        .map(|_| signer.request(operation, peer.next_number()))
        .collect();
    let signed = Arc::new(signed?);
    let expected = match operation {
        Operation::Describe => 200,
        Operation::Create => 201,
    };
    let before = peer.usage()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (elapsed, latencies) = runtime
        .block_on(async {
            let next = Arc::new(AtomicUsize::new(0));
            let ready = Arc::new(Barrier::new(connections + 1));
            let mut tasks = JoinSet::new();
            for _ in 0..connections {
                let (signed, next, ready) =
                    (Arc::clone(&signed), Arc::clone(&next), Arc::clone(&ready));
                let mut connection = Connection::new(peer.address());
                tasks.spawn(async move {
                    let connected = connection.connect().await;
                    ready.wait().await;
                    connected?;
                    let mut latencies = Vec::new();
                    while let Some(request) = signed.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let begin = Instant::now();
                        let (status, body) = connection.exchange(request).await?;
                        latencies.push(begin.elapsed());
                        ensure!(
                            status == expected,
                            "{status}: {}",
                            String::from_utf8_lossy(&body)
                        );
                    }
                    Ok(latencies)
                });
            }
            ready.wait().await;
            let begin = Instant::now();
            let mut latencies = Vec::with_capacity(requests);
            while let Some(done) = tasks.join_next().await {
                latencies.extend(done??);
            }
            Ok::<_, anyhow::Error>((begin.elapsed(), latencies))
        })
        .with_context(|| format!("{} of {}", operation.name(), peer.kind.name()))?;
    let after = peer.usage()?;
    Ok(Outcome {
        requests,
        elapsed,
        latencies,
        processor: after.processor.saturating_sub(before.processor),
        resident: after.resident,
    })
}
