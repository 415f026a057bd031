//! Which of many ranges comes first for an address.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// For every address, the lowest number among the ranges that have it. One number may be that of
/// several ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FirstOf {
    /// From this address on it is this number, up to the next one.
    parts: Vec<(u32, Option<usize>)>,
}

impl FirstOf {
    pub(super) fn new(ranges: impl Iterator<Item = (Ipv4Net, usize)>) -> Self {
        // Beginnings and ends; an end is one past the last address.
        let mut events: Vec<(u64, bool, usize)> = Vec::new();
        for (cidr, number) in ranges {
            events.push((u32::from(cidr.network()).into(), true, number));
            let last = u64::from(u32::from(cidr.broadcast()));
            events.push((last + 1, false, number));
        }
        events.sort_unstable();
        let mut open: BTreeMap<usize, usize> = BTreeMap::new();
        let mut parts: Vec<(u32, Option<usize>)> = Vec::new();
        for group in events.chunk_by(|one, other| one.0 == other.0) {
            for (_, begins, number) in group {
                let count = open.entry(*number).or_default();
                if *begins {
                    *count += 1;
                } else if *count > 1 {
                    *count -= 1;
                } else {
                    open.remove(number);
                }
            }
            let Some(at) = group.first().and_then(|it| u32::try_from(it.0).ok()) else {
                continue;
            };
            let first = open.keys().next().copied();
            if parts.last().and_then(|part| part.1) != first {
                parts.push((at, first));
            }
        }
        Self { parts }
    }

    pub(super) fn get(&self, address: Ipv4Addr) -> Option<usize> {
        let address = u32::from(address);
        let after = self.parts.partition_point(|part| part.0 <= address);
        self.parts.get(after.checked_sub(1)?)?.1
    }

    /// Addresses at which the answer may be another than before.
    pub(super) fn cuts(&self) -> impl Iterator<Item = u32> {
        self.parts.iter().map(|part| part.0)
    }
}
