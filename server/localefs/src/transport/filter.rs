//! Which packets a listening socket takes: a classic BPF program that looks up their source
//! address, so that the kernel drops what is denied before there is a connection.

use std::io;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use socket2::{SockFilter, SockRef};
use tokio::net::TcpListener;

/// The kernel's bound on instructions (BPF_MAXINSNS in linux/bpf_common.h).
const MAX_INSTRUCTIONS: usize = 4096;

// linux/bpf_common.h and linux/filter.h.
const LOAD_WORD: u16 = 0x20;
const JUMP: u16 = 0x05;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;
/// Where the IP header begins, whatever has been taken off the packet.
const NETWORK_HEADER: u32 = (-0x10_0000_i32).cast_unsigned();
const SOURCE_ADDRESS: u32 = 12;
const DESTINATION_ADDRESS: u32 = 16;

/// How much of a packet is taken.
const WHOLE: u32 = u32::MAX;
const NOTHING: u32 = 0;

/// An instruction of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Instruction {
    code: u16,
    /// Instructions to skip if a condition holds, and if not.
    then: u8,
    otherwise: u8,
    value: u32,
}

fn plain(code: u16, value: u32) -> Instruction {
    Instruction {
        code,
        then: 0,
        otherwise: 0,
        value,
    }
}

/// A program for IPv4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter(Vec<Instruction>);

/// Source addresses whose packets are dropped.
pub(super) type Dropped = Vec<RangeInclusive<Ipv4Addr>>;

impl Filter {
    /// Drops what comes from these addresses. `None` if nothing does, or if there are more ranges
    /// than a program has room for.
    pub(super) fn new(denied: Dropped) -> Option<Self> {
        Self::by_destination(Vec::new(), denied)
    }

    /// [`Filter::new`] where it depends on the destination: for those that `denied` does not name,
    /// drops what comes from `otherwise`.
    pub(super) fn by_destination(
        denied: Vec<(Ipv4Addr, Dropped)>,
        otherwise: Dropped,
    ) -> Option<Self> {
        let is_needed = |dropped: &Dropped| dropped.iter().any(|range| !range.is_empty());
        if !is_needed(&otherwise) && !denied.iter().any(|(_, dropped)| is_needed(dropped)) {
            return None;
        }
        let mut program = Vec::new();
        if !denied.is_empty() {
            program.push(load(DESTINATION_ADDRESS));
        }
        for (destination, dropped) in denied {
            let mut verdict = by_source(dropped)?;
            program.push(Instruction {
                then: 1,
                ..plain(JUMP_IF_EQUAL, destination.into())
            });
            program.push(plain(JUMP, u32::try_from(verdict.len()).ok()?));
            program.append(&mut verdict);
        }
        program.append(&mut by_source(otherwise)?);
        (program.len() <= MAX_INSTRUCTIONS).then_some(Self(program))
    }

    /// Has a socket use this program from now on.
    ///
    /// # Errors
    /// EPERM without CAP_NET_ADMIN; ENOMEM past the system's bound (net.core.optmem_max).
    pub(super) fn attach(&self, listener: &TcpListener) -> io::Result<()> {
        let program: Vec<_> = self
            .0
            .iter()
            .map(|step| SockFilter::new(step.code, step.then, step.otherwise, step.value))
            .collect();
        SockRef::from(listener).attach_filter(&program)
    }
}

/// Loads an address from the IP header.
fn load(offset: u32) -> Instruction {
    plain(LOAD_WORD, NETWORK_HEADER.wrapping_add(offset))
}

/// Ends with a verdict on the source address; `None` if that takes too long a program.
fn by_source(dropped: Dropped) -> Option<Vec<Instruction>> {
    let parts = parts(dropped);
    // Each part is an end, and all but one have a comparison.
    if 2 * parts.len() > MAX_INSTRUCTIONS {
        return None;
    }
    let mut program = vec![load(SOURCE_ADDRESS)];
    program.append(&mut search(&parts));
    Some(program)
}

/// A range of addresses, up to the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    first: u32,
    is_denied: bool,
}

/// All addresses, in as few parts as possible.
fn parts(denied: Dropped) -> Vec<Part> {
    let mut ranges: Vec<(u32, u32)> = denied
        .into_iter()
        .map(|range| (u32::from(*range.start()), u32::from(*range.end())))
        .filter(|(first, last)| first <= last)
        .collect();
    ranges.sort_unstable();
    let mut merged: Vec<(u32, u32)> = Vec::new();
    for (first, last) in ranges {
        match merged.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    let mut parts = Vec::new();
    if merged.first().is_none_or(|range| range.0 > 0) {
        parts.push(Part {
            first: 0,
            is_denied: false,
        });
    }
    for (first, last) in merged {
        parts.push(Part {
            first,
            is_denied: true,
        });
        if let Some(next) = last.checked_add(1) {
            parts.push(Part {
                first: next,
                is_denied: false,
            });
        }
    }
    parts
}

/// A binary search for the part that an address is in.
fn search(parts: &[Part]) -> Vec<Instruction> {
    let (below, from) = parts.split_at(parts.len() / 2);
    let (Some(middle), false) = (from.first(), below.is_empty()) else {
        let is_denied = parts.first().is_some_and(|part| part.is_denied);
        return vec![plain(RETURN, if is_denied { NOTHING } else { WHOLE })];
    };
    let mut below = search(below);
    let mut program = match u8::try_from(below.len()) {
        Ok(then) => vec![Instruction {
            then,
            ..plain(JUMP_IF_AT_LEAST, middle.first)
        }],
        // A condition can't skip more than 255; a jump can.
        Err(_) => vec![
            Instruction {
                otherwise: 1,
                ..plain(JUMP_IF_AT_LEAST, middle.first)
            },
            plain(JUMP, u32::try_from(below.len()).unwrap_or(u32::MAX)),
        ],
    };
    program.append(&mut below);
    program.append(&mut search(from));
    program
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Range = RangeInclusive<Ipv4Addr>;

    fn range(first: u32, last: u32) -> Range {
        Ipv4Addr::from(first)..=Ipv4Addr::from(last)
    }

    const SOMEWHERE: u32 = 0x7f00_0001;

    /// What the kernel does with a program: whether it takes the packet, and in how many steps.
    fn takes(filter: &Filter, source: u32) -> (bool, usize) {
        takes_to(filter, SOMEWHERE, source)
    }

    fn takes_to(filter: &Filter, destination: u32, source: u32) -> (bool, usize) {
        let (mut place, mut steps, mut loaded) = (0, 0, None);
        loop {
            let step = filter.0[place];
            place += 1;
            steps += 1;
            match step.code {
                LOAD_WORD => {
                    loaded = Some(match step.value {
                        0xfff0_000c => source,
                        0xfff0_0010 => destination,
                        other => panic!("{other:x}"),
                    });
                }
                JUMP => place += step.value as usize,
                JUMP_IF_EQUAL => {
                    let holds = loaded.unwrap() == step.value;
                    place += usize::from(if holds { step.then } else { step.otherwise });
                }
                JUMP_IF_AT_LEAST => {
                    let holds = loaded.unwrap() >= step.value;
                    place += usize::from(if holds { step.then } else { step.otherwise });
                }
                RETURN => return (step.value == WHOLE, steps),
                code => panic!("{code}"),
            }
        }
    }

    #[test]
    fn nothing_to_drop_needs_no_program() {
        assert_eq!(Filter::new(Vec::new()), None);
        #[allow(clippy::reversed_empty_ranges)]
        let reversed = range(9, 3);
        assert_eq!(Filter::new(vec![reversed]), None);
    }

    #[test]
    fn all_addresses_are_one_part() {
        let halves = vec![range(1 << 31, u32::MAX), range(0, (1 << 31) - 1)];
        let filter = Filter::new(halves).unwrap();
        assert_eq!(filter.0.len(), 2);
        for source in [0, 1 << 31, u32::MAX] {
            assert!(!takes(&filter, source).0);
        }
    }

    #[test]
    fn a_thousand_ranges_fit_and_ten_thousand_do_not() {
        let ranges = |count: u32| (0..count).map(|n| range(n * 1000, n * 1000 + 9)).collect();
        let filter = Filter::new(ranges(1000)).unwrap();
        assert!(filter.0.len() <= MAX_INSTRUCTIONS);
        for n in 0..1000 {
            for (offset, taken) in [(0, false), (9, false), (10, true), (999, true)] {
                let (takes, steps) = takes(&filter, n * 1000 + offset);
                assert_eq!(takes, taken, "{n} {offset}");
                assert!(steps < 30, "{steps}");
            }
        }
        assert_eq!(Filter::new(ranges(10_000)), None);
    }

    /// Ranges anywhere, of which some overlap.
    fn some_ranges() -> impl Strategy<Value = Vec<(u32, u32)>> {
        let ranges = prop::collection::vec((0..2000_u32, 0..300_u32), 0..200);
        let stretch = prop::sample::select(vec![1_u32, 1000, 2_000_000]);
        (ranges, stretch).prop_map(|(ranges, stretch)| {
            let stretched = |(first, length): (u32, u32)| {
                let first = first.saturating_mul(stretch);
                (
                    first,
                    first.saturating_add(length.saturating_mul(stretch / 3 + 1)),
                )
            };
            ranges.into_iter().map(stretched).collect()
        })
    }

    fn dropped(ranges: &[(u32, u32)]) -> Dropped {
        ranges.iter().map(|(a, b)| range(*a, *b)).collect()
    }

    fn edges(ranges: &[(u32, u32)]) -> impl Iterator<Item = u32> {
        ranges
            .iter()
            .flat_map(|(first, last)| [first.wrapping_sub(1), *first, *last, last.wrapping_add(1)])
    }

    proptest! {
        #[test]
        fn each_destination_has_ranges_of_its_own(
            claimed in prop::collection::btree_map(0..20_u32, some_ranges(), 0..6),
            otherwise in some_ranges(),
            sources in prop::collection::vec(any::<u32>(), 20),
        ) {
            let denied = claimed.iter().map(|(to, ranges)| ((*to).into(), dropped(ranges)));
            let filter = Filter::by_destination(denied.collect(), dropped(&otherwise));
            for destination in 0..20 {
                let ranges = claimed.get(&destination).unwrap_or(&otherwise);
                for source in edges(ranges).chain(sources.iter().copied()) {
                    let denied = ranges.iter().any(|(a, b)| (*a..=*b).contains(&source));
                    let takes = |filter| takes_to(filter, destination, source).0;
                    prop_assert_eq!(filter.as_ref().is_none_or(takes), !denied);
                }
            }
        }

        #[test]
        fn a_program_says_what_the_ranges_say(
            ranges in some_ranges(),
            sources in prop::collection::vec(any::<u32>(), 20),
        ) {
            let filter = Filter::new(dropped(&ranges));
            for source in edges(&ranges).chain(sources) {
                let denied = ranges.iter().any(|(a, b)| (*a..=*b).contains(&source));
                let takes = filter.as_ref().is_none_or(|filter| takes(filter, source).0);
                prop_assert_eq!(takes, !denied);
            }
        }
    }
}
