//! A network ACL, for TCP over IPv4.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};

use super::because::Because;
use crate::records::{NetworkAcl, NetworkAclEntry, Ports};

/// An entry that TCP over IPv4 can meet.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    number: u16,
    allow: bool,
    cidr: Ipv4Net,
    ports: Ports,
}

/// A network ACL. One without entries denies everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Acl {
    /// Empty if the subnet has none.
    id: Arc<str>,
    /// In the order of their numbers.
    inbound: Vec<Entry>,
    outbound: Vec<Entry>,
}

impl Acl {
    pub(super) fn new(acl: &NetworkAcl) -> Self {
        let entries = |is_egress| {
            let met = acl.entries.iter().filter_map(|entry| met(entry, is_egress));
            let mut entries: Vec<Entry> = met.collect();
            entries.sort_by_key(|entry| entry.number);
            entries
        };
        Self {
            id: acl.id.as_str().into(),
            inbound: entries(false),
            outbound: entries(true),
        }
    }

    fn entries(&self, is_egress: bool) -> &[Entry] {
        if is_egress {
            &self.outbound
        } else {
            &self.inbound
        }
    }

    /// Whether packets of TCP pass, in one direction: the address of the other side, and the port
    /// that they go to.
    pub(super) fn judge(&self, is_egress: bool, other: Ipv4Addr, port: u16) -> (bool, Because) {
        let fits = |entry: &&Entry| {
            entry.cidr.contains(&other) && (entry.ports.0..=entry.ports.1).contains(&port)
        };
        let acl = Arc::clone(&self.id);
        match self.entries(is_egress).iter().find(fits) {
            Some(entry) => {
                let because = Because::Entry {
                    acl,
                    number: entry.number,
                    is_egress,
                    cidr: IpNet::V4(entry.cidr),
                    allow: entry.allow,
                };
                (entry.allow, because)
            }
            None => (false, Because::NoEntry { acl, is_egress }),
        }
    }

    /// Ports at which the answer may be another than for the port before.
    pub(super) fn port_cuts(&self, is_egress: bool) -> impl Iterator<Item = u16> {
        self.entries(is_egress)
            .iter()
            .flat_map(|entry| [Some(entry.ports.0), entry.ports.1.checked_add(1)])
            .flatten()
    }

    /// The ranges of addresses that its entries name.
    pub(super) fn cidrs(&self) -> impl Iterator<Item = Ipv4Net> {
        let all = self.inbound.iter().chain(&self.outbound);
        all.map(|entry| entry.cidr)
    }
}

fn met(entry: &NetworkAclEntry, is_egress: bool) -> Option<Entry> {
    let IpNet::V4(cidr) = entry.cidr else {
        return None;
    };
    let meant = entry.is_egress == is_egress && entry.protocol.covers_tcp();
    meant.then(|| Entry {
        number: entry.number,
        allow: entry.allow,
        cidr,
        ports: entry.ports.unwrap_or((0, u16::MAX)),
    })
}
