//! What one client has sent and the server has not taken yet.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use localefs_engine::Buffers;
use localefs_protocol::record::{Assembled, RecordAssembler, RecordError};
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

use super::budget::{Budget, Share};
use super::limits::{COPIED, LITTLE, READ_AT_ONCE};

/// Octets received, and the records in them.
///
/// Between records it holds neither a buffer nor a share of the budget.
#[derive(Debug)]
pub(super) struct Inbound {
    /// Where long records are received.
    buffers: Arc<Buffers>,
    assembler: RecordAssembler,
    input: BytesMut,
    /// Covers `input`, what the assembler holds, and the room to read into.
    share: Share,
    /// Octets that the assembler misses at least.
    missing: usize,
}

impl Inbound {
    /// Takes records of at most `longest` octets.
    pub(super) fn new(longest: usize, buffers: Arc<Buffers>) -> Self {
        Self {
            buffers,
            assembler: RecordAssembler::new(longest),
            input: BytesMut::new(),
            share: Share::default(),
            missing: 0,
        }
    }

    /// The next record that is there, with the share that it takes along.
    ///
    /// # Errors
    /// The stream cannot be cut into records any further.
    pub(super) fn next(&mut self) -> Result<Option<(Bytes, Share)>, RecordError> {
        if self.input.is_empty() {
            return Ok(None);
        }
        let record = match self.assembler.next(&mut self.input)? {
            Assembled::Record(record) => record,
            Assembled::Need(missing) => {
                self.missing = missing;
                return Ok(None);
            }
        };
        self.missing = 0;
        let share = self.share.split(record.len());
        if record.len() <= COPIED {
            return Ok(Some((Bytes::copy_from_slice(&record), share)));
        }
        self.buffers.keep(&record);
        Ok(Some((record, share)))
    }

    /// Whether a record has begun that has not ended.
    pub(super) fn unfinished(&self) -> bool {
        !self.input.is_empty() || self.assembler.held() > 0
    }

    /// Gives back what is not needed while nothing comes: all of it between records, and the room
    /// for the rest of a record of which little more than its announcement has come.
    pub(super) fn rest(&mut self) {
        if self.input.len() <= LITTLE && self.input.capacity() > self.input.len() {
            self.input = BytesMut::from(&self.input[..]);
            self.share = self.share.split(self.assembler.held() + self.input.len());
        }
    }

    /// Octets that the share lacks before anything more can be read.
    pub(super) fn lacking(&self) -> usize {
        let wanted = self.assembler.held() + self.input.len() + self.room();
        wanted.saturating_sub(self.share.octets())
    }

    /// Takes what is lacking from the budget if it is there.
    pub(super) fn try_extend(&mut self, budget: &Budget) -> bool {
        match self.lacking() {
            0 => true,
            lacking => budget.try_extend(&mut self.share, lacking),
        }
    }

    /// Adds what was lacking.
    pub(super) fn extend(&mut self, share: Share) {
        self.share.merge(share);
    }

    /// Reads once. Gives the number of octets, 0 at the stream's end. Only after
    /// [`Inbound::try_extend`] or [`Inbound::extend`].
    pub(super) fn poll_read(
        &mut self,
        stream: Pin<&mut impl AsyncRead>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let room = self.room();
        if self.input.capacity() - self.input.len() < room && !self.input.try_reclaim(room) {
            // What the share covers, where growing in place may double.
            let mut input = self.buffers.take(self.input.len() + room);
            input.extend_from_slice(&self.input);
            self.input = input;
        }
        poll_read_buf(stream, context, &mut (&mut self.input).limit(room))
    }

    /// Octets to read at once: exactly to the end of a long record, so that it ends with its
    /// buffer, else as many as come.
    fn room(&self) -> usize {
        self.missing
            .max(READ_AT_ONCE.saturating_sub(self.input.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use localefs_protocol::record::single_fragment_mark;

    const LONGEST: usize = 1 << 20;

    fn record(length: usize) -> Vec<u8> {
        let mut record = single_fragment_mark(u32::try_from(length).unwrap()).to_vec();
        record.extend((0..=250).cycle().take(length));
        record
    }

    /// Reads `stream` in steps of `step` octets and gives the records found.
    fn records(stream: &[u8], step: usize, budget: &Budget) -> Vec<Vec<u8>> {
        let mut inbound = Inbound::new(LONGEST, Arc::default());
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut found = Vec::new();
        for mut piece in stream.chunks(step) {
            while !piece.is_empty() {
                assert!(inbound.try_extend(budget));
                let read = inbound.poll_read(Pin::new(&mut piece), &mut context);
                assert!(matches!(read, Poll::Ready(Ok(1..))));
                while let Some((record, _)) = inbound.next().unwrap() {
                    found.push(record.to_vec());
                }
                inbound.rest();
            }
        }
        assert!(!inbound.unfinished());
        assert_eq!(inbound.share.octets(), 0);
        assert_eq!(inbound.input.capacity(), 0);
        found
    }

    #[test]
    fn records_of_all_lengths_in_all_pieces() {
        let lengths = [
            0,
            1,
            40,
            COPIED,
            COPIED + 1,
            READ_AT_ONCE - 4,
            READ_AT_ONCE,
            200_000,
            8,
        ];
        let stream: Vec<u8> = lengths.iter().flat_map(|&length| record(length)).collect();
        for step in [1, 3, 1000, READ_AT_ONCE, stream.len()] {
            let budget = Budget::new(LONGEST);
            let found = records(&stream, step, &budget);
            let expected: Vec<_> = lengths
                .iter()
                .map(|&length| record(length)[4..].to_vec())
                .collect();
            assert_eq!(found, expected);
            assert!(
                budget.try_extend(&mut Share::default(), LONGEST),
                "all shares are back"
            );
        }
    }

    #[test]
    fn a_long_record_ends_with_its_buffer() {
        let stream = [record(100_000), record(10)].concat();
        let budget = Budget::new(LONGEST);
        let mut inbound = Inbound::new(LONGEST, Arc::default());
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut source = &stream[..];
        for _ in 0..2 {
            assert!(inbound.try_extend(&budget));
            let read = inbound.poll_read(Pin::new(&mut source), &mut context);
            assert!(matches!(read, Poll::Ready(Ok(1..))));
            if let Some((record, share)) = inbound.next().unwrap() {
                assert_eq!((record.len(), share.octets()), (100_000, 100_000));
            }
        }
        assert!(!inbound.unfinished());
        assert_eq!(source.len(), 14);
    }

    #[test]
    fn nothing_is_taken_for_a_record_that_is_too_long() {
        let mut inbound = Inbound::new(LONGEST, Arc::default());
        let budget = Budget::new(LONGEST);
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(inbound.try_extend(&budget));
        let mark = single_fragment_mark(u32::try_from(LONGEST + 1).unwrap());
        assert!(
            inbound
                .poll_read(Pin::new(&mut &mark[..]), &mut context)
                .is_ready()
        );
        assert!(inbound.next().is_err());
        assert_eq!(inbound.input.capacity(), READ_AT_ONCE);
    }

    #[test]
    fn an_announcement_keeps_no_memory() {
        let budget = Budget::new(2 * LONGEST);
        let mut inbound = Inbound::new(LONGEST, Arc::default());
        let mut context = Context::from_waker(std::task::Waker::noop());
        let stream = record(LONGEST);
        for mut piece in [&stream[..10], &stream[10..1000], &stream[1000..]] {
            while !piece.is_empty() {
                assert!(inbound.try_extend(&budget));
                assert!(
                    inbound
                        .poll_read(Pin::new(&mut piece), &mut context)
                        .is_ready()
                );
                if inbound.input.len() < 1004 {
                    assert!(inbound.next().unwrap().is_none());
                }
            }
            inbound.rest();
            if inbound.input.len() <= LITTLE {
                assert_eq!(inbound.share.octets(), inbound.input.len());
                assert_eq!(inbound.input.capacity(), inbound.input.len());
            }
        }
        assert_eq!(inbound.next().unwrap().unwrap().0, &stream[4..]);
    }

    #[test]
    fn a_record_waits_for_its_memory() {
        let budget = Budget::new(READ_AT_ONCE);
        let mut inbound = Inbound::new(LONGEST, Arc::default());
        let mut context = Context::from_waker(std::task::Waker::noop());
        let stream = record(READ_AT_ONCE * 2);
        assert!(inbound.try_extend(&budget));
        assert!(
            inbound
                .poll_read(Pin::new(&mut &stream[..]), &mut context)
                .is_ready()
        );
        assert!(inbound.next().unwrap().is_none());
        assert!(!inbound.try_extend(&budget));
        assert_eq!(inbound.lacking(), READ_AT_ONCE + 4);
    }
}
