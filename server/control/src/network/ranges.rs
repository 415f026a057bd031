//! Addresses from which nobody comes through.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::RangeInclusive;

use ipnet::Ipv4Net;

use super::place::{PRIVATE, Place};
use super::reachability::Reachability;
use super::verdict::Layer;

impl Reachability {
    /// The addresses from which no new connection comes through, whatever its port: as this
    /// machine sees them, in order, as few ranges as possible.
    #[must_use]
    pub fn denied(&self) -> Vec<RangeInclusive<Ipv4Addr>> {
        let mut cuts = self.cuts();
        cuts.sort_unstable();
        cuts.dedup();
        let mut denied: Vec<(u32, u32)> = Vec::new();
        for (place, first) in cuts.iter().enumerate() {
            if !self.denies_all_ports((*first).into()) {
                continue;
            }
            let next = cuts.get(place.saturating_add(1));
            let last = next.map_or(u32::MAX, |next| next.saturating_sub(1));
            match denied.last_mut() {
                Some(before) if before.1.checked_add(1) == Some(*first) => before.1 = last,
                _ => denied.push((*first, last)),
            }
        }
        let ranges = denied.into_iter();
        ranges
            .map(|(first, last)| first.into()..=last.into())
            .collect()
    }

    /// Addresses at which the answer may be another than for the one before.
    fn cuts(&self) -> Vec<u32> {
        let mut cuts = vec![0];
        let private = PRIVATE.iter().filter_map(|(first, length)| {
            let network = Ipv4Net::new(*first, *length);
            network.ok()
        });
        let vpcs = self.networks.iter();
        let vpcs = vpcs.flat_map(|network| {
            let subnets = network.subnets.iter().map(|subnet| subnet.cidr);
            subnets.chain([network.cidr])
        });
        for cidr in private.chain(vpcs).chain(self.acl.cidrs()) {
            cuts.extend(ends(cidr));
        }
        cuts.extend(self.inbound.cuts());
        for (_, address) in self.interfaces.keys() {
            let address = u32::from(*address);
            cuts.extend(
                [Some(address), address.checked_add(1)]
                    .into_iter()
                    .flatten(),
            );
        }
        let mut mirrored = Vec::new();
        for network in &self.networks {
            let sixteen = Ipv4Net::new(network.cidr.network(), 16).map(|net| net.trunc());
            let Ok(sixteen) = sixteen else { continue };
            let inside = cuts.iter().map(|cut| Ipv4Addr::from(*cut));
            let inside = inside.filter(|cut| sixteen.contains(cut));
            let inside = inside.filter_map(|cut| network.mirrored(cut));
            mirrored.extend(inside.map(u32::from));
            if let Some(first) = network.mirrored(sixteen.network())
                && let Ok(mirror) = Ipv4Net::new(first, 16)
            {
                mirrored.extend(ends(mirror));
            }
        }
        cuts.append(&mut mirrored);
        cuts
    }

    fn denies_all_ports(&self, source: Ipv4Addr) -> bool {
        let (steps, _) = self.ask(SocketAddrV4::new(source, 0), None);
        let mut denied = steps.iter().filter(|step| !step.allowed).peekable();
        if denied.peek().is_none() {
            return false;
        }
        let by_port = |layer| {
            matches!(
                layer,
                Layer::MountTargetAclOutbound | Layer::ClientAclInbound
            )
        };
        if denied.any(|step| !by_port(step.layer)) {
            return true;
        }
        let own = match Place::of(source, &self.networks) {
            Place::Vpc(network, address) => network.subnet(address),
            _ => None,
        };
        let of_client = own.into_iter().flat_map(|side| side.acl.port_cuts(false));
        self.acl
            .port_cuts(true)
            .chain(of_client)
            .all(|port| !self.connect(SocketAddrV4::new(source, port)).allowed)
    }
}

/// Where a range begins, and where what is behind it does.
fn ends(cidr: Ipv4Net) -> impl Iterator<Item = u32> {
    let after = u32::from(cidr.broadcast()).checked_add(1);
    [Some(u32::from(cidr.network())), after]
        .into_iter()
        .flatten()
}
