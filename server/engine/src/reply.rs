//! A reply on its way out.

use bytes::Bytes;
use localefs_protocol::record::{MARK_LENGTH, single_fragment_mark};
use localefs_protocol::rpc::ReplyHeader;
use localefs_protocol::xdr::Encoder;

/// Octets of the header of a successful reply, without its mark (RFC 5531 §9).
pub const SUCCESS_HEADER: usize = 24;

/// Room that is made for a reply from the start: most are shorter.
const CAPACITY: usize = 512;

/// A reply: its record mark, headers and payloads, to be written in this order.
#[derive(Debug)]
pub struct Reply(Vec<Bytes>);

impl Reply {
    /// A reply of nothing but a header.
    pub(crate) fn header(xid: u32, header: ReplyHeader) -> Self {
        Self::finish(start(xid, header))
    }

    /// The successful reply to call `xid` whose results are `results`.
    pub(crate) fn of_results(xid: u32, results: Bytes) -> Self {
        let head = start(xid, ReplyHeader::Success);
        let mark = mark(head.len() + results.len() - MARK_LENGTH);
        let mut head = head;
        head.overwrite_u32(0, mark);
        let mut segments = head.into_segments();
        segments.push(results);
        Self(segments)
    }

    /// Closes what [`start`] began.
    pub(crate) fn finish(mut encoder: Encoder) -> Self {
        encoder.overwrite_u32(0, mark(encoder.len() - MARK_LENGTH));
        Self(encoder.into_segments())
    }

    /// The results of a successful reply, if they take at most `limit` octets. They are a copy: the
    /// reply's buffer has more room than most need, and there is one for each slot that was used.
    pub(crate) fn results(&self, limit: usize) -> Option<Bytes> {
        let header = MARK_LENGTH + SUCCESS_HEADER;
        if self.len() < header || self.len() - header > limit {
            return None;
        }
        match self.0.as_slice() {
            [only] => only.get(header..).map(Bytes::copy_from_slice),
            several => Some(Bytes::from(several.concat()).slice(header..)),
        }
    }

    /// The segments in order.
    #[must_use]
    pub fn into_segments(self) -> Vec<Bytes> {
        self.0
    }

    /// Octets in all.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Begins a reply: room for the record mark, then the header.
pub fn start(xid: u32, header: ReplyHeader) -> Encoder {
    let mut encoder = Encoder::with_capacity(CAPACITY);
    encoder.put(&0u32);
    let packed = header.pack(xid, &mut encoder);
    debug_assert!(packed.is_ok(), "writing to memory does not fail");
    encoder
}

fn mark(length: usize) -> u32 {
    // A reply is bounded by its session's channel, far below 2^31 octets.
    u32::from_be_bytes(single_fragment_mark(
        u32::try_from(length).unwrap_or(u32::MAX >> 1),
    ))
}
