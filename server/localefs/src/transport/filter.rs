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
const JUMP_IF_AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;
/// Where the IP header begins, whatever has been taken off the packet.
const NETWORK_HEADER: u32 = (-0x10_0000_i32).cast_unsigned();
const SOURCE_ADDRESS: u32 = 12;

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

impl Filter {
    /// Drops what comes from these addresses. `None` if nothing does, or if there are more ranges
    /// than a program has room for.
    pub(super) fn new(denied: Vec<RangeInclusive<Ipv4Addr>>) -> Option<Self> {
        let parts = parts(denied);
        let is_needed = parts.iter().any(|part| part.is_denied);
        // Each part is an end, and all but one have a comparison.
        if !is_needed || 2 * parts.len() > MAX_INSTRUCTIONS {
            return None;
        }
        let mut program = vec![plain(
            LOAD_WORD,
            NETWORK_HEADER.wrapping_add(SOURCE_ADDRESS),
        )];
        program.append(&mut search(&parts));
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

/// A range of addresses, up to the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    first: u32,
    is_denied: bool,
}

/// All addresses, in as few parts as possible.
fn parts(denied: Vec<RangeInclusive<Ipv4Addr>>) -> Vec<Part> {
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

    /// What the kernel does with a program: whether it takes the packet, and in how many steps.
    fn takes(filter: &Filter, source: u32) -> (bool, usize) {
        let (mut place, mut steps, mut loaded) = (0, 0, None);
        loop {
            let step = filter.0[place];
            place += 1;
            steps += 1;
            match step.code {
                LOAD_WORD => {
                    assert_eq!(step.value, 0xfff0_000c);
                    loaded = Some(source);
                }
                JUMP => place += step.value as usize,
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

    proptest! {
        #[test]
        fn a_program_says_what_the_ranges_say(
            ranges in prop::collection::vec((0..2000_u32, 0..300_u32), 0..200),
            stretch in prop::sample::select(vec![1_u32, 1000, 2_000_000]),
            sources in prop::collection::vec(any::<u32>(), 20),
        ) {
            let ranges: Vec<_> = ranges
                .into_iter()
                .map(|(first, length)| {
                    let first = first.saturating_mul(stretch);
                    (first, first.saturating_add(length.saturating_mul(stretch / 3 + 1)))
                })
                .collect();
            let filter = Filter::new(ranges.iter().map(|(a, b)| range(*a, *b)).collect());
            let edges = ranges.iter().flat_map(|(first, last)| {
                [first.wrapping_sub(1), *first, *last, last.wrapping_add(1)]
            });
            for source in edges.chain(sources) {
                let denied = ranges.iter().any(|(a, b)| (*a..=*b).contains(&source));
                let takes = filter.as_ref().is_none_or(|filter| takes(filter, source).0);
                prop_assert_eq!(takes, !denied);
            }
        }
    }
}
