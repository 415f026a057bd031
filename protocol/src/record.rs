//! Record marking: how RPC messages are cut out of a TCP stream (RFC 5531 §11).
//!
//! A record is one or more fragments. Each fragment follows a 32-bit mark: the top bit says that
//! it is the record's last, the other 31 bits are its length.

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

/// Length of a fragment's mark in octets.
pub const MARK_LENGTH: usize = 4;

/// Top bit of a mark: this fragment ends its record (RFC 5531 §11).
pub const LAST_FRAGMENT: u32 = 0x8000_0000;

/// Fragments that one record may have. A client that sends a mebibyte in pieces of one octet
/// costs more in marks than in data; none is known to use more than a few thousand.
pub const MAX_FRAGMENTS: usize = 1 << 16;

/// The mark of a record sent as a single fragment of `length` octets.
#[must_use]
pub fn single_fragment_mark(length: u32) -> [u8; MARK_LENGTH] {
    (LAST_FRAGMENT | length).to_be_bytes()
}

/// A stream that cannot be cut into records; the connection is of no further use.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum RecordError {
    /// The fragments announced so far make a record longer than the receiver takes.
    #[error("record of at least {announced} octets, {limit} are taken")]
    TooLong {
        /// Octets announced by the marks seen so far.
        announced: usize,
        /// The most that is taken.
        limit: usize,
    },
    /// More than [`MAX_FRAGMENTS`] fragments.
    #[error("record of more than {MAX_FRAGMENTS} fragments")]
    TooManyFragments,
}

/// What [`RecordAssembler::next`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assembled {
    /// A whole record, without its marks. Of a single fragment, it shares the input's memory.
    Record(Bytes),
    /// No whole record yet. At least this many further octets are needed to go on.
    Need(usize),
}

/// Cuts records out of a stream, one connection each.
#[derive(Debug)]
pub struct RecordAssembler {
    limit: usize,
    parts: BytesMut,
    fragments: usize,
}

impl RecordAssembler {
    /// An assembler that takes records of at most `limit` octets.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            parts: BytesMut::new(),
            fragments: 0,
        }
    }

    /// Takes the next record from the front of `input`, which holds what has been received and
    /// not yet taken.
    ///
    /// # Errors
    /// [`RecordError`] as soon as a mark announces too much; nothing is allocated for it.
    pub fn next(&mut self, input: &mut BytesMut) -> Result<Assembled, RecordError> {
        loop {
            let Some(mark) = input.first_chunk::<MARK_LENGTH>() else {
                return Ok(Assembled::Need(MARK_LENGTH - input.len()));
            };
            let mark = u32::from_be_bytes(*mark);
            let length = (mark & !LAST_FRAGMENT) as usize;
            let last = mark & LAST_FRAGMENT != 0;
            let announced = self.parts.len().saturating_add(length);
            if announced > self.limit {
                return Err(RecordError::TooLong {
                    announced,
                    limit: self.limit,
                });
            }
            if self.fragments >= MAX_FRAGMENTS {
                return Err(RecordError::TooManyFragments);
            }
            let whole = MARK_LENGTH + length;
            if input.len() < whole {
                return Ok(Assembled::Need(whole - input.len()));
            }
            input.advance(MARK_LENGTH);
            let fragment = input.split_to(length);
            self.fragments += 1;
            if last && self.parts.is_empty() {
                self.fragments = 0;
                return Ok(Assembled::Record(fragment.freeze()));
            }
            self.parts.extend_from_slice(&fragment);
            if last {
                self.fragments = 0;
                return Ok(Assembled::Record(std::mem::take(&mut self.parts).freeze()));
            }
        }
    }

    /// Octets held of a record whose last fragment has not come yet.
    #[must_use]
    pub fn held(&self) -> usize {
        self.parts.len()
    }
}
