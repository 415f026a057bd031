//! Replies on their way to one client.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

/// Segments handed to one write. More gain nothing, and the array lives on the stack.
const SEGMENTS_PER_WRITE: usize = 64;

/// Segments that a client has not taken yet, in the order in which they go out.
#[derive(Debug)]
pub(super) struct Outbound {
    segments: VecDeque<Bytes>,
    octets: usize,
    /// Octets queued over all connections.
    all: Arc<AtomicUsize>,
}

impl Outbound {
    pub(super) fn new(all: Arc<AtomicUsize>) -> Self {
        Self {
            segments: VecDeque::new(),
            octets: 0,
            all,
        }
    }

    /// Queues a reply behind those already waiting.
    pub(super) fn push(&mut self, reply: Vec<Bytes>) {
        let octets = reply.iter().map(Bytes::len).sum();
        self.segments
            .extend(reply.into_iter().filter(|segment| !segment.is_empty()));
        self.octets += octets;
        self.all.fetch_add(octets, Ordering::Relaxed);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.octets == 0
    }

    pub(super) fn octets(&self) -> usize {
        self.octets
    }

    /// Octets queued over all connections.
    pub(super) fn all_octets(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    /// Writes what the socket takes. Ready once nothing is left, pending with `context` woken as
    /// soon as it takes more.
    pub(super) fn poll_flush(
        &mut self,
        mut stream: impl AsyncWrite + Unpin,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let mut slices = [IoSlice::new(&[]); SEGMENTS_PER_WRITE];
            let count = self.segments.len().min(SEGMENTS_PER_WRITE);
            for (slice, segment) in slices.iter_mut().zip(&self.segments) {
                *slice = IoSlice::new(segment);
            }
            match Pin::new(&mut stream).poll_write_vectored(context, &slices[..count]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => self.advance(written),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        // What a burst of replies needed is not kept for the quiet after it.
        if self.segments.capacity() > SEGMENTS_PER_WRITE {
            self.segments = VecDeque::new();
        }
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, written: usize) {
        self.octets -= written;
        self.all.fetch_sub(written, Ordering::Relaxed);
        let mut left = written;
        while let Some(first) = self.segments.front_mut() {
            if left < first.len() {
                first.advance(left);
                return;
            }
            left -= first.len();
            self.segments.pop_front();
        }
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        self.all.fetch_sub(self.octets, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a given number of octets at each call, then nothing.
    struct Trickle {
        taken: Vec<u8>,
        steps: Vec<usize>,
    }

    impl AsyncWrite for Trickle {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            data: &[u8],
        ) -> Poll<io::Result<usize>> {
            let Some(step) = self.steps.pop() else {
                return Poll::Pending;
            };
            let count = step.min(data.len());
            self.taken.extend_from_slice(&data[..count]);
            Poll::Ready(Ok(count))
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let Some(step) = self.steps.pop() else {
                return Poll::Pending;
            };
            let all: Vec<u8> = slices
                .iter()
                .flat_map(|slice| slice.iter().copied())
                .collect();
            let count = step.min(all.len());
            self.taken.extend_from_slice(&all[..count]);
            Poll::Ready(Ok(count))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn reply(parts: &[&'static str]) -> Vec<Bytes> {
        parts
            .iter()
            .map(|part| Bytes::from_static(part.as_bytes()))
            .collect()
    }

    #[test]
    fn order_survives_every_split() {
        let expected = b"mark-head-payload-second";
        for step in 1..=expected.len() {
            let all = Arc::new(AtomicUsize::new(0));
            let mut outbound = Outbound::new(Arc::clone(&all));
            outbound.push(reply(&["mark-", "", "head-", "payload-"]));
            outbound.push(reply(&["second"]));
            assert_eq!(all.load(Ordering::Relaxed), expected.len());
            let mut sink = Trickle {
                taken: Vec::new(),
                steps: vec![step; expected.len()],
            };
            let mut context = Context::from_waker(std::task::Waker::noop());
            let done = outbound.poll_flush(&mut sink, &mut context);
            assert!(matches!(done, Poll::Ready(Ok(()))));
            assert_eq!(sink.taken, expected);
            assert_eq!(all.load(Ordering::Relaxed), 0);
        }
    }

    #[test]
    fn many_small_segments_go_out() {
        let mut outbound = Outbound::new(Arc::default());
        let parts = ["x"; 3 * SEGMENTS_PER_WRITE + 1];
        outbound.push(reply(&parts));
        let mut sink = Trickle {
            taken: Vec::new(),
            steps: vec![usize::MAX; 4],
        };
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(outbound.poll_flush(&mut sink, &mut context).is_ready());
        assert_eq!(sink.taken.len(), parts.len());
    }

    #[test]
    fn what_is_left_is_counted_until_dropped() {
        let all = Arc::new(AtomicUsize::new(0));
        let mut outbound = Outbound::new(Arc::clone(&all));
        outbound.push(reply(&["hello"]));
        let mut sink = Trickle {
            taken: Vec::new(),
            steps: vec![2],
        };
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(outbound.poll_flush(&mut sink, &mut context).is_pending());
        assert_eq!((outbound.octets(), all.load(Ordering::Relaxed)), (3, 3));
        drop(outbound);
        assert_eq!(all.load(Ordering::Relaxed), 0);
    }
}
