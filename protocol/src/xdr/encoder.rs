//! Where encoded values go.

use std::io::{self, Write};

use bytes::{BufMut, Bytes, BytesMut};
use xdr_codec::Pack;

/// A growable buffer of encoded values, with payloads that are passed on instead of copied.
///
/// The encoding is the concatenation of the segments of [`Encoder::into_segments`].
#[derive(Debug, Default)]
pub struct Encoder {
    /// Finished segments: everything before `tail`.
    segments: Vec<Bytes>,
    segments_length: usize,
    tail: BytesMut,
}

/// A place in an [`Encoder`] that it can be cut back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    segments: usize,
    segments_length: usize,
    tail: usize,
}

impl Encoder {
    /// An empty encoder with room for `capacity` octets.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            tail: BytesMut::with_capacity(capacity),
            ..Self::default()
        }
    }

    /// Appends `value`.
    pub fn put<T: Pack<Self>>(&mut self, value: &T) {
        let packed = value.pack(self);
        debug_assert!(packed.is_ok(), "writing to memory does not fail");
    }

    /// Appends octets that are encoded already.
    pub fn put_encoded(&mut self, encoded: &[u8]) {
        self.tail.put_slice(encoded);
    }

    /// Appends `payload` as variable-length opaque data: its length, itself, its padding. The
    /// payload is not copied.
    pub fn put_payload(&mut self, payload: Bytes) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "payloads are bounded by a record"
        )]
        self.put(&(payload.len() as u32));
        let padding = padding(payload.len());
        self.append(payload);
        self.tail.put_bytes(0, padding);
    }

    /// Appends what `fill` encodes, which must be no payload, as variable-length opaque data: after
    /// its length.
    pub fn put_counted(&mut self, fill: impl FnOnce(&mut Self)) {
        let at = self.tail.len();
        self.put(&0u32);
        fill(self);
        let length = self.tail.len().saturating_sub(at + 4);
        #[expect(clippy::cast_possible_truncation, reason = "replies are bounded")]
        let octets = (length as u32).to_be_bytes();
        if let Some(place) = self.tail.get_mut(at..at + 4) {
            place.copy_from_slice(&octets);
        }
        self.tail.put_bytes(0, padding(length));
    }

    /// Appends octets that are encoded already, without copying them.
    pub fn append(&mut self, encoded: Bytes) {
        if encoded.is_empty() {
            return;
        }
        let head = self.tail.split().freeze();
        self.segments_length += head.len() + encoded.len();
        self.segments.extend([head, encoded]);
    }

    /// Goes on in `buffer`, which is empty, with a copy of what is encoded since the last payload.
    pub fn move_to(&mut self, mut buffer: BytesMut) {
        buffer.put_slice(&self.tail);
        self.tail = buffer;
    }

    /// Octets encoded so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.segments_length + self.tail.len()
    }

    /// Whether nothing has been encoded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes `value` over the four octets at `offset`, which are in the first segment. Nothing
    /// happens if there is no such place.
    pub fn overwrite_u32(&mut self, offset: usize, value: u32) {
        let octets = value.to_be_bytes();
        match self.segments.first_mut() {
            None => {
                if let Some(place) = self.tail.get_mut(offset..offset + octets.len()) {
                    place.copy_from_slice(&octets);
                }
            }
            Some(first) => {
                let mut head = BytesMut::from(std::mem::take(first));
                if let Some(place) = head.get_mut(offset..offset + octets.len()) {
                    place.copy_from_slice(&octets);
                }
                *first = head.freeze();
            }
        }
    }

    /// The present end, to cut back to.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            segments: self.segments.len(),
            segments_length: self.segments_length,
            tail: self.tail.len(),
        }
    }

    /// Takes back what was appended since `mark`.
    pub fn cut_back(&mut self, mark: Mark) {
        if self.segments.len() > mark.segments {
            // The tail of that time became the first segment since.
            self.tail = self
                .segments
                .drain(mark.segments..)
                .next()
                .map(BytesMut::from)
                .unwrap_or_default();
            self.segments_length = mark.segments_length;
        }
        self.tail.truncate(mark.tail);
    }

    /// Everything as one piece, copied if it is in several.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut whole = BytesMut::with_capacity(self.len());
        for segment in &self.segments {
            whole.put_slice(segment);
        }
        whole.put_slice(&self.tail);
        whole.freeze()
    }

    /// Everything as one piece, copied only if it is in several.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self.segments.is_empty() {
            true => self.tail.freeze(),
            false => self.to_bytes(),
        }
    }

    /// The encoding in pieces, to be written one after the other.
    #[must_use]
    pub fn into_segments(mut self) -> Vec<Bytes> {
        if !self.tail.is_empty() {
            self.segments.push(self.tail.freeze());
        }
        self.segments
    }
}

impl Write for Encoder {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.tail.put_slice(octets);
        Ok(octets.len())
    }

    // A number is four or eight octets that are known to the compiler, if it sees all of this.
    #[inline(always)]
    fn write_all(&mut self, octets: &[u8]) -> io::Result<()> {
        self.tail.put_slice(octets);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts instead of keeping: the length of an encoding without the encoding.
#[derive(Debug, Default)]
pub struct Counter(usize);

impl Write for Counter {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0 += octets.len();
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Octets that `value` takes when encoded.
pub fn packed_length<T: Pack<Counter>>(value: &T) -> usize {
    let mut counter = Counter::default();
    let packed = value.pack(&mut counter);
    debug_assert!(packed.is_ok(), "counting does not fail");
    counter.0
}

/// Octets that follow `length` octets of opaque data, up to the next multiple of four.
pub(crate) fn padding(length: usize) -> usize {
    length.next_multiple_of(4) - length
}
