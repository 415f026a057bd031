//! Addresses in a subnet, and their mirrors.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// The number that the addresses of a /16 get in 127.n/16: its second octet, if that is free and
/// not 0, else the lowest free from 64 up. `None` if all are taken.
#[must_use]
pub fn mirror(address: Ipv4Addr, taken: &[u8]) -> Option<u8> {
    let [_, second, ..] = address.octets();
    let free = |number: &u8| *number != 0 && !taken.contains(number);
    free(&second)
        .then_some(second)
        .or_else(|| (64..=255).chain(1..64).find(free))
}

/// Whether an address of a subnet may be given to an interface: EC2 keeps the first four and the
/// last (VPC user guide, "Subnet CIDR blocks").
#[must_use]
pub fn is_usable(subnet: Ipv4Net, address: Ipv4Addr) -> bool {
    let first = u32::from(subnet.network()).saturating_add(4);
    let last = u32::from(subnet.broadcast());
    (first..last).contains(&address.into())
}

/// A free address of a subnet: the first that is free from a place given by `random` on.
/// `None` if all are taken.
#[must_use]
pub fn choose_address(
    subnet: Ipv4Net,
    random: u32,
    is_taken: impl Fn(Ipv4Addr) -> bool,
) -> Option<Ipv4Addr> {
    let first = u32::from(subnet.network()).saturating_add(4);
    let size = u32::from(subnet.broadcast()).checked_sub(first)?;
    let start = random.checked_rem(size)?;
    let all = (0..size).map(|step| {
        let place = (u64::from(start) + u64::from(step)) % u64::from(size);
        Ipv4Addr::from(first + u32::try_from(place).unwrap_or_default())
    });
    all.into_iter().find(|address| !is_taken(*address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_keeps_the_second_octet_if_it_can() {
        let address = Ipv4Addr::new(172, 31, 1, 2);
        assert_eq!(mirror(address, &[]), Some(31));
        assert_eq!(mirror(address, &[31]), Some(64));
        assert_eq!(mirror(address, &[31, 64, 65]), Some(66));
        assert_eq!(mirror(Ipv4Addr::new(10, 0, 1, 2), &[]), Some(64));
        let all: Vec<u8> = (1..=255).collect();
        assert_eq!(mirror(address, &all), None);
    }

    #[test]
    fn ec2_keeps_five_addresses_of_a_subnet() {
        let subnet: Ipv4Net = "10.0.0.0/28".parse().unwrap();
        let usable: Vec<u8> = (0..16)
            .filter(|last| is_usable(subnet, Ipv4Addr::new(10, 0, 0, *last)))
            .collect();
        assert_eq!(usable, (4..15).collect::<Vec<u8>>());
        for random in [0, 1, 10, 11, u32::MAX] {
            let mut taken = Vec::new();
            while let Some(address) =
                choose_address(subnet, random, |address| taken.contains(&address))
            {
                assert!(is_usable(subnet, address));
                taken.push(address);
            }
            assert_eq!(taken.len(), 11);
        }
    }
}
