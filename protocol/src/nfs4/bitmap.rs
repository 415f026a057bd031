//! `bitmap4` (RFC 8881 §3.3.7).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::io::Write;

use xdr_codec::Pack;

use super::attributes::Attr;
use crate::xdr::{Fault, Malformed, Parsed, Unpack};

/// Words that are kept: attributes 0 to 95, all that NFSv4.1 has.
const KEPT_WORDS: usize = 3;

/// Words that are accepted. New minor versions add some; what is in them is unknown here.
const MAX_WORDS: usize = 32;

/// A set of attribute numbers, or of operation numbers.
///
/// Of bits beyond the third word only that there are some is kept when decoding: RFC 8881 §5.6 lets
/// a server ignore requests for attributes that it doesn't know, but not attempts to set them.
#[derive(Clone, Copy, Default)]
pub struct Bitmap4 {
    words: [u32; KEPT_WORDS],
    /// Words on the wire. A sender may append empty ones; they mean nothing, but are sent again.
    length: usize,
    unknown: bool,
}

impl Bitmap4 {
    /// No bits.
    pub const EMPTY: Self = Self {
        words: [0; KEPT_WORDS],
        length: 0,
        unknown: false,
    };

    /// The set of `attributes`.
    #[must_use]
    pub const fn of(attributes: &[Attr]) -> Self {
        let mut set = Self::EMPTY;
        let mut rest = attributes;
        while let [first, others @ ..] = rest {
            set = set.with(*first);
            rest = others;
        }
        set
    }

    /// This set and `attribute`.
    #[must_use]
    pub const fn with(mut self, attribute: Attr) -> Self {
        let word = (attribute.0 / 32) as usize;
        let bit = 1 << (attribute.0 % 32);
        let mut words = self.words.as_mut_slice();
        let mut index = 0;
        while let [first, rest @ ..] = words {
            if index == word {
                *first |= bit;
                if self.length < word + 1 {
                    self.length = word + 1;
                }
            }
            index += 1;
            words = rest;
        }
        self
    }

    /// This set without `attribute`.
    #[must_use]
    pub const fn without(&self, attribute: Attr) -> Self {
        self.difference(&Self::EMPTY.with(attribute))
    }

    /// Whether `attribute` is in the set.
    #[must_use]
    pub fn contains(&self, attribute: Attr) -> bool {
        let word = self.words.get((attribute.0 / 32) as usize);
        word.is_some_and(|word| word & (1 << (attribute.0 % 32)) != 0)
    }

    /// Whether bits were decoded that are no attribute of NFSv4.1, and so are not in the set.
    #[must_use]
    pub fn has_unknown(&self) -> bool {
        self.unknown
    }

    /// Whether no bit is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words == [0; KEPT_WORDS]
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(&self, other: &Self) -> Self {
        let ([a, b, c], [x, y, z]) = (self.words, other.words);
        Self::of_words([a & x, b & y, c & z])
    }

    /// What is in this one only.
    #[must_use]
    pub const fn difference(&self, other: &Self) -> Self {
        let ([a, b, c], [x, y, z]) = (self.words, other.words);
        Self::of_words([a & !x, b & !y, c & !z])
    }

    /// What is in either.
    #[must_use]
    pub const fn union(&self, other: &Self) -> Self {
        let ([a, b, c], [x, y, z]) = (self.words, other.words);
        Self::of_words([a | x, b | y, c | z])
    }

    /// The numbers in the set, rising.
    pub fn iter(&self) -> impl Iterator<Item = Attr> + '_ {
        (0..)
            .zip(&self.words)
            .flat_map(|(index, &word): (u32, &u32)| {
                let first = (word != 0).then_some(word);
                std::iter::successors(first, |left| {
                    let without_lowest = left & (left - 1);
                    (without_lowest != 0).then_some(without_lowest)
                })
                .map(move |left| Attr(index * 32 + left.trailing_zeros()))
            })
    }

    /// Without empty words at the end.
    const fn of_words(words: [u32; KEPT_WORDS]) -> Self {
        let length = match words {
            [0, 0, 0] => 0,
            [_, 0, 0] => 1,
            [_, _, 0] => 2,
            _ => 3,
        };
        Self {
            words,
            length,
            unknown: false,
        }
    }
}

impl FromIterator<Attr> for Bitmap4 {
    fn from_iter<I: IntoIterator<Item = Attr>>(attributes: I) -> Self {
        attributes.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl PartialEq for Bitmap4 {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words
    }
}

impl Eq for Bitmap4 {}

impl Hash for Bitmap4 {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.words.hash(state);
    }
}

impl fmt::Debug for Bitmap4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<'a> Unpack<'a> for Bitmap4 {
    fn unpack(input: &'a [u8]) -> Parsed<'a, Self> {
        let (mut rest, length) = u32::unpack(input)?;
        if length as usize > MAX_WORDS {
            return Malformed::err(
                Fault::TooLong {
                    length,
                    limit: MAX_WORDS,
                },
                input,
            );
        }
        let mut words = [0; KEPT_WORDS];
        let mut unknown = false;
        for index in 0..length as usize {
            let (after, word) = u32::unpack(rest)?;
            rest = after;
            match words.get_mut(index) {
                Some(kept) => *kept = word,
                None => unknown |= word != 0,
            }
        }
        Ok((
            rest,
            Self {
                words,
                length: (length as usize).min(KEPT_WORDS),
                unknown,
            },
        ))
    }
}

impl<W: Write> Pack<W> for Bitmap4 {
    fn pack(&self, out: &mut W) -> xdr_codec::Result<usize> {
        #[expect(clippy::cast_possible_truncation, reason = "at most three")]
        let mut length = (self.length as u32).pack(out)?;
        for word in self.words.iter().take(self.length) {
            length += word.pack(out)?;
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xdr::{Encoder, decode};

    #[test]
    fn keeps_trailing_empty_words_and_drops_unknown_ones() {
        let wire = [0, 0, 0, 2, 0, 0, 0, 0x10, 0, 0, 0, 0];
        let (set, rest) = decode::<Bitmap4>(&wire).unwrap();
        assert_eq!((set, rest), (Bitmap4::of(&[Attr::FATTR4_SIZE]), &[][..]));
        let mut encoder = Encoder::default();
        encoder.put(&set);
        assert_eq!(&encoder.to_bytes()[..], &wire[..]);

        let five = [
            0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 1,
        ];
        let (set, _) = decode::<Bitmap4>(&five).unwrap();
        assert_eq!(set, Bitmap4::of(&[Attr::FATTR4_SUPPORTED_ATTRS]));
        assert!(set.has_unknown());
    }

    #[test]
    fn set_operations() {
        let a = Bitmap4::of(&[Attr::FATTR4_SIZE, Attr::FATTR4_MODE]);
        let b = Bitmap4::of(&[Attr::FATTR4_MODE, Attr::FATTR4_SUPPATTR_EXCLCREAT]);
        assert_eq!(a.intersection(&b), Bitmap4::of(&[Attr::FATTR4_MODE]));
        assert_eq!(a.difference(&b), Bitmap4::of(&[Attr::FATTR4_SIZE]));
        assert_eq!(a.union(&b).iter().count(), 3);
        assert_eq!(a.without(Attr::FATTR4_MODE).length, 1);
    }
}
