//! Variable-length data with its bound in the type (RFC 4506 §4.10, §4.13).

use std::fmt;
use std::io::Write;
use std::ops::Deref;

use nom::Parser;
use nom::bytes::complete::take;
use xdr_codec::Pack;

use super::encoder::padding;
use super::{Fault, Malformed, Parsed, Unpack};

/// Variable-length opaque data of at most `MAX` octets, borrowed. Strings are opaque too: names
/// in a Unix file system have no encoding.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Opaque<'a, const MAX: usize>(&'a [u8]);

impl<'a, const MAX: usize> Opaque<'a, MAX> {
    /// No octets.
    pub const EMPTY: Self = Self(&[]);

    /// The octets themselves, with the lifetime of what they were decoded from.
    #[must_use]
    pub fn as_slice(&self) -> &'a [u8] {
        self.0
    }
}

impl<'a, const MAX: usize> From<&'a [u8]> for Opaque<'a, MAX> {
    /// Data to be encoded; what is longer than `MAX` is the peer's to refuse.
    fn from(octets: &'a [u8]) -> Self {
        Self(octets)
    }
}

impl<'a, const MAX: usize, const N: usize> From<&'a [u8; N]> for Opaque<'a, MAX> {
    fn from(octets: &'a [u8; N]) -> Self {
        Self(octets)
    }
}

impl<'a, const MAX: usize> From<&'a str> for Opaque<'a, MAX> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

impl<const MAX: usize> Deref for Opaque<'_, MAX> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0
    }
}

impl<const MAX: usize> fmt::Debug for Opaque<'_, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl<'a, const MAX: usize> Unpack<'a> for Opaque<'a, MAX> {
    fn unpack(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, length) = u32::unpack(input)?;
        let octets = length as usize;
        if octets > MAX {
            return Malformed::err(Fault::TooLong { length, limit: MAX }, input);
        }
        // Padding is skipped unread: RFC 4506 wants zeros, and servers accept anything.
        let (rest, (data, _)) = (take(octets), take(padding(octets))).parse(rest)?;
        Ok((rest, Self(data)))
    }
}

impl<const MAX: usize, W: Write> Pack<W> for Opaque<'_, MAX> {
    fn pack(&self, out: &mut W) -> xdr_codec::Result<usize> {
        pack_opaque(self.0, out)
    }
}

/// Writes variable-length opaque data.
pub(crate) fn pack_opaque<W: Write>(octets: &[u8], out: &mut W) -> xdr_codec::Result<usize> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is encoded fits a record"
    )]
    let length = (octets.len() as u32).pack(out)?;
    out.write_all(octets)?;
    let padding = padding(octets.len());
    out.write_all([0; 3].get(..padding).unwrap_or_default())?;
    Ok(length + octets.len() + padding)
}

/// A list of at most `MAX` elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundedVec<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> Default for BoundedVec<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> From<Vec<T>> for BoundedVec<T, MAX> {
    /// A list to be encoded; what is longer than `MAX` is the peer's to refuse.
    fn from(elements: Vec<T>) -> Self {
        Self(elements)
    }
}

impl<T, const MAX: usize> Deref for BoundedVec<T, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T: Unpack<'a>, const MAX: usize> Unpack<'a> for BoundedVec<T, MAX> {
    fn unpack(input: &'a [u8]) -> Parsed<'a, Self> {
        let (mut rest, length) = u32::unpack(input)?;
        if length as usize > MAX {
            return Malformed::err(Fault::TooLong { length, limit: MAX }, input);
        }
        // No element takes less than four octets: a list longer than the input is not allocated.
        let mut elements = Vec::with_capacity((length as usize).min(rest.len() / 4));
        for _ in 0..length {
            let (after, element) = T::unpack(rest)?;
            rest = after;
            elements.push(element);
        }
        Ok((rest, Self(elements)))
    }
}

impl<T: Pack<W>, const MAX: usize, W: Write> Pack<W> for BoundedVec<T, MAX> {
    fn pack(&self, out: &mut W) -> xdr_codec::Result<usize> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "what is encoded fits a record"
        )]
        let mut length = (self.0.len() as u32).pack(out)?;
        for element in &self.0 {
            length += element.pack(out)?;
        }
        Ok(length)
    }
}
