//! Where a connection comes from.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;

use super::acl::Acl;

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Side {
    pub(super) id: Arc<str>,
    pub(super) cidr: Ipv4Net,
    pub(super) acl: Arc<Acl>,
}

/// How a VPC stands to that of the mount target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is that.
    Same,
    /// Peered by this connection.
    Peered(Arc<str>),
    /// There is no way.
    Apart,
}

/// A VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Network {
    pub(super) vpc: Arc<str>,
    pub(super) cidr: Ipv4Net,
    /// The n of 127.n/16, where its addresses are on this machine.
    pub(super) mirror: Option<u8>,
    pub(super) standing: Standing,
    pub(super) subnets: Vec<Side>,
}

impl Network {
    pub(super) fn subnet(&self, address: Ipv4Addr) -> Option<&Side> {
        let mut subnets = self.subnets.iter();
        subnets.find(|subnet| subnet.cidr.contains(&address))
    }

    /// An address in 127.n/16, as the VPC's /16 has it.
    fn unmirrored(&self, address: Ipv4Addr) -> Option<Ipv4Addr> {
        let [loopback, number, c, d] = address.octets();
        let [a, b, ..] = self.cidr.network().octets();
        let is_mirror = loopback == 127 && Some(number) == self.mirror;
        is_mirror.then(|| Ipv4Addr::new(a, b, c, d))
    }

    /// Where an address of the VPC's /16 is on this machine.
    pub(super) fn mirrored(&self, address: Ipv4Addr) -> Option<Ipv4Addr> {
        let [_, _, c, d] = address.octets();
        Some(Ipv4Addr::new(127, self.mirror?, c, d))
    }
}

/// Where a connection comes from.
#[derive(Debug)]
pub(super) enum Place<'n> {
    /// From this address of a VPC.
    Vpc(&'n Network, Ipv4Addr),
    /// From a network that is connected to the VPC.
    OnPremises,
    /// From elsewhere.
    Internet,
}

impl<'n> Place<'n> {
    /// Where a source address leads, as this machine sees it. Networks are in the order in which
    /// they count where they overlap.
    pub(super) fn of(source: Ipv4Addr, networks: &'n [Network]) -> Self {
        let mirrored = networks
            .iter()
            .find_map(|network| Some(Self::Vpc(network, network.unmirrored(source)?)));
        if let Some(place) = mirrored {
            return place;
        }
        match networks.iter().find(|it| it.cidr.contains(&source)) {
            Some(network) => Self::Vpc(network, source),
            None if is_private(source) => Self::OnPremises,
            None => Self::Internet,
        }
    }
}

/// Ranges of addresses that are not routed in the Internet (RFC 1918, 6598, 3927, 1122).
pub(super) const PRIVATE: [(Ipv4Addr, u8); 6] = [
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
];

fn is_private(address: Ipv4Addr) -> bool {
    PRIVATE.iter().any(|(first, length)| {
        let network = Ipv4Net::new(*first, *length);
        network.is_ok_and(|network| network.contains(&address))
    })
}
