//! What files hold: any four kibibytes of them can be told, and no two are likely to be alike.

/// Octets that are told at a time.
pub const UNIT: usize = 4096;

/// Where the units are cut out of.
const LENGTH: usize = 1 << 20;

/// Octets to write and to compare with.
#[derive(Debug)]
pub struct Content(Vec<u8>);

impl Default for Content {
    fn default() -> Self {
        // SplitMix64 (Steele, Lea, Flood 2014).
        let mut state = 1u64;
        let next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        let words = std::iter::repeat_with(next).take((LENGTH + UNIT) / 8);
        Self(words.flat_map(u64::to_le_bytes).collect())
    }
}

impl Content {
    /// Unit `unit` of file `file`, in its state after `generation` changes.
    #[must_use]
    pub fn unit(&self, file: u64, unit: u64, generation: u64) -> &[u8] {
        let mixed = file
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .wrapping_add(unit.wrapping_mul(0xd6e8_feb8_6659_fd93))
            .wrapping_add(generation.wrapping_mul(0xa076_1d64_78bd_642f));
        let place = usize::try_from(mixed >> 44).unwrap_or(0) % LENGTH;
        &self.0[place..place + UNIT]
    }

    /// Appends `length` octets from unit `unit` on.
    pub fn append(&self, out: &mut Vec<u8>, file: u64, unit: u64, length: usize, generation: u64) {
        for (number, at) in (0..length).step_by(UNIT).enumerate() {
            let piece = self.unit(file, unit + number as u64, generation);
            out.extend_from_slice(&piece[..UNIT.min(length - at)]);
        }
    }

    /// Whether `data` is what the file holds from unit `unit` on.
    #[must_use]
    pub fn is(&self, data: &[u8], file: u64, unit: u64, generation: u64) -> bool {
        data.chunks(UNIT).enumerate().all(|(number, piece)| {
            self.unit(file, unit + number as u64, generation)
                .starts_with(piece)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_octet_is_seen() {
        let content = Content::default();
        let mut data = Vec::new();
        content.append(&mut data, 3, 5, 10_000, 1);
        assert_eq!(data.len(), 10_000);
        assert!(content.is(&data, 3, 5, 1));
        assert!(!content.is(&data, 3, 5, 2));
        assert!(!content.is(&data, 3, 6, 1));
        assert!(!content.is(&data, 4, 5, 1));
        for at in [0, 4095, 4096, 9_999] {
            data[at] ^= 1;
            assert!(!content.is(&data, 3, 5, 1), "{at}");
            data[at] ^= 1;
        }
    }
}
