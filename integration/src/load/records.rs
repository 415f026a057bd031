//! Records out of a stream, in place.

use anyhow::{Result, ensure};

/// The longest record that is taken.
const LONGEST: usize = 4 << 20;

/// Room to begin with.
const ROOM: usize = 64 << 10;

/// What has come, and how far it is taken.
#[derive(Debug, Default)]
pub struct Records {
    octets: Vec<u8>,
    taken: usize,
    filled: usize,
    /// A record that came in several fragments.
    joined: Vec<u8>,
}

impl Records {
    /// Where more is to be read to.
    pub fn room(&mut self) -> &mut [u8] {
        if self.taken == self.filled {
            (self.taken, self.filled) = (0, 0);
        }
        let missing = self.missing();
        if self.octets.len() - self.filled < missing {
            self.octets.copy_within(self.taken..self.filled, 0);
            self.filled -= self.taken;
            self.taken = 0;
            let wanted = (self.filled + missing).max(ROOM);
            if self.octets.len() < wanted {
                self.octets.resize(wanted, 0);
            }
        }
        &mut self.octets[self.filled..]
    }

    /// So much was read there.
    pub fn filled(&mut self, count: usize) {
        self.filled += count;
    }

    /// The next record's message, if all of it is there.
    ///
    /// # Errors
    /// If it is longer than any reply.
    pub fn next(&mut self) -> Result<Option<&[u8]>> {
        let Some((begin, end, last)) = self.fragment(self.taken)? else {
            return Ok(None);
        };
        if last {
            self.taken = end;
            return Ok(Some(&self.octets[begin..end]));
        }
        // Nothing is taken before all of it is there.
        let mut next = self.taken;
        loop {
            let Some((_, end, last)) = self.fragment(next)? else {
                return Ok(None);
            };
            next = end;
            if last {
                break;
            }
        }
        self.joined.clear();
        while self.taken < next {
            let Some((begin, end, _)) = self.fragment(self.taken)? else {
                return Ok(None);
            };
            self.joined.extend_from_slice(&self.octets[begin..end]);
            self.taken = end;
        }
        Ok(Some(&self.joined))
    }

    /// The fragment whose mark is at `at`: where its octets are, and whether it is its record's
    /// last.
    fn fragment(&self, at: usize) -> Result<Option<(usize, usize, bool)>> {
        let Some(mark) = self.octets[at..self.filled].first_chunk() else {
            return Ok(None);
        };
        let mark = u32::from_be_bytes(*mark);
        let length = (mark & (u32::MAX >> 1)) as usize;
        ensure!(length <= LONGEST, "a fragment of {length} octets");
        let (begin, end) = (at + 4, at + 4 + length);
        Ok((end <= self.filled).then_some((begin, end, mark >> 31 == 1)))
    }

    /// Octets to be read at least before there can be another record.
    fn missing(&self) -> usize {
        let held = self.filled - self.taken;
        let announced = self.octets[self.taken..self.filled]
            .first_chunk()
            .map_or(4, |mark| {
                (u32::from_be_bytes(*mark) & (u32::MAX >> 1)) as usize + 4
            });
        match announced.min(LONGEST + 4).checked_sub(held) {
            Some(missing @ 1..) => missing,
            // In several fragments, of which the first is there.
            _ => ROOM / 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment(octets: &[u8], last: bool) -> Vec<u8> {
        let mark = u32::try_from(octets.len()).unwrap() | u32::from(last) << 31;
        [&mark.to_be_bytes(), octets].concat()
    }

    #[test]
    fn records_come_in_any_pieces() {
        let long = vec![7; 200_000];
        let stream = [
            fragment(b"first", true),
            fragment(&long[..90_000], false),
            fragment(&long[90_000..], true),
            fragment(b"", true),
            fragment(&long, true),
            fragment(b"last", true),
        ]
        .concat();
        for step in [1, 3, 1000, stream.len()] {
            let mut records = Records::default();
            let mut found: Vec<Vec<u8>> = Vec::new();
            for mut piece in stream.chunks(step) {
                while !piece.is_empty() {
                    let room = records.room();
                    let count = room.len().min(piece.len());
                    room[..count].copy_from_slice(&piece[..count]);
                    records.filled(count);
                    piece = &piece[count..];
                    while let Some(record) = records.next().unwrap() {
                        found.push(record.to_vec());
                    }
                }
            }
            assert_eq!(
                found,
                [&b"first"[..], &long, b"", &long, b"last"].map(<[u8]>::to_vec)
            );
        }
    }

    #[test]
    fn no_record_is_longer_than_any_reply() {
        let mut records = Records::default();
        records.room()[..4].copy_from_slice(&[0xff; 4]);
        records.filled(4);
        assert!(records.next().is_err());
    }
}
