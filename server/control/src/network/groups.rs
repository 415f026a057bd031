//! What the rules of security groups mean for NFS between a client and one mount target.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};

use super::NFS;
use super::because::RuleRef;
use super::first_of::FirstOf;
use crate::records::{Ports, PrefixList, Remote, SecurityGroup, SecurityGroupRule};

/// Prefix lists by id.
pub(super) type PrefixLists<'w> = BTreeMap<&'w str, &'w PrefixList>;

/// What a mount target is for rules that name it.
pub(super) struct Target<'w> {
    pub(super) address: Ipv4Addr,
    pub(super) groups: &'w [String],
    pub(super) prefix_lists: &'w PrefixLists<'w>,
}

impl Target<'_> {
    fn is_named_by(&self, remote: &Remote) -> bool {
        match remote {
            Remote::Ipv4(cidr) => cidr.contains(&self.address),
            Remote::Ipv6(_) => false,
            Remote::Group(id) => self.groups.contains(id),
            Remote::PrefixList(id) => {
                ranges(self.prefix_lists, id).any(|cidr| cidr.contains(&self.address))
            }
        }
    }
}

fn ranges<'w>(lists: &PrefixLists<'w>, id: &str) -> impl Iterator<Item = Ipv4Net> + use<'w> {
    let entries = lists.get(id).map(|list| list.entries.as_slice());
    let entries = entries.unwrap_or_default().iter();
    entries.filter_map(|entry| match entry.cidr {
        IpNet::V4(cidr) => Some(cidr),
        IpNet::V6(_) => None,
    })
}

/// The ports that a rule is for, if it is for TCP.
fn tcp_ports(rule: &SecurityGroupRule) -> Option<Ports> {
    let all = (0, u16::MAX);
    let meant = rule.protocol.covers_tcp();
    meant.then(|| rule.ports.unwrap_or(all))
}

fn has(ports: Ports, port: u16) -> bool {
    (ports.0..=ports.1).contains(&port)
}

fn is_for_nfs(rule: &SecurityGroupRule) -> bool {
    tcp_ports(rule).is_some_and(|ports| has(ports, NFS))
}

/// Whether a rule is for 0.0.0.0/0: what it allows may be untracked.
fn is_for_everybody(rule: &SecurityGroupRule) -> bool {
    rule.remote == Remote::Ipv4(Ipv4Net::default())
}

/// Whether a rule allows whatever answers what a rule of the other direction allowed.
fn allows_all_responses(rule: &SecurityGroupRule) -> bool {
    is_for_everybody(rule) && tcp_ports(rule) == Some((0, u16::MAX))
}

fn rule_ref(group: &Arc<str>, rule: &SecurityGroupRule) -> Arc<RuleRef> {
    Arc::new(RuleRef {
        group: Arc::clone(group),
        rule: rule.id.as_str().into(),
        remote: rule.remote.clone(),
    })
}

/// What a security group means for a client that has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outbound {
    /// The first rule that allows NFS to the mount target.
    pub(super) request: Option<Arc<RuleRef>>,
    /// Those that allow what the mount target answers, by the client's port.
    responses: Vec<(Ports, Arc<RuleRef>)>,
    /// Whether a rule allows NFS to everybody.
    is_open: bool,
    /// Whether a rule allows everything from everybody.
    takes_all: bool,
}

impl Outbound {
    pub(super) fn new(group: &SecurityGroup, target: &Target<'_>) -> Self {
        let mut outbound = Self::default();
        let id = group.id.as_str().into();
        for rule in &group.rules {
            let Some(ports) = tcp_ports(rule) else {
                continue;
            };
            let names_target = target.is_named_by(&rule.remote);
            if !rule.is_egress {
                outbound.takes_all |= allows_all_responses(rule);
                if names_target {
                    outbound.responses.push((ports, rule_ref(&id, rule)));
                }
            } else if has(ports, NFS) {
                outbound.is_open |= is_for_everybody(rule);
                if names_target && outbound.request.is_none() {
                    outbound.request = Some(rule_ref(&id, rule));
                }
            }
        }
        outbound
    }

    /// The first rule that allows what the mount target answers to this port.
    pub(super) fn response(&self, port: u16) -> Option<&Arc<RuleRef>> {
        let mut rules = self.responses.iter();
        rules.find(|(ports, _)| has(*ports, port)).map(|it| &it.1)
    }

    /// Whether a client with these groups tracks its connection (EC2 user guide, "Untracked
    /// connections"): not if one rule allows it to everybody, and one everything from everybody.
    pub(super) fn track<'o>(groups: impl Iterator<Item = &'o Self>) -> bool {
        let both = groups.fold((false, false), |both, group| {
            (both.0 || group.is_open, both.1 || group.takes_all)
        });
        both != (true, true)
    }
}

/// What a mount target's security groups mean for its clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Inbound {
    /// The groups' ids.
    pub(super) groups: Arc<[Arc<str>]>,
    /// Rules that allow NFS, in the order of groups and rules.
    rules: Vec<Arc<RuleRef>>,
    by_address: FirstOf,
    by_group: BTreeMap<Arc<str>, usize>,
    /// Whether a rule allows NFS from everybody.
    is_open: bool,
    /// Whether a rule allows everything to everybody.
    answers_all: bool,
}

impl Inbound {
    pub(super) fn new<'w>(
        groups: impl Iterator<Item = &'w SecurityGroup>,
        prefix_lists: &PrefixLists<'_>,
    ) -> Self {
        let mut inbound = Self::default();
        let mut ids: Vec<Arc<str>> = Vec::new();
        let mut addresses: Vec<(Ipv4Net, usize)> = Vec::new();
        for group in groups {
            let id: Arc<str> = group.id.as_str().into();
            for rule in &group.rules {
                if rule.is_egress {
                    inbound.answers_all |= allows_all_responses(rule);
                    continue;
                }
                if !is_for_nfs(rule) {
                    continue;
                }
                inbound.is_open |= is_for_everybody(rule);
                let place = inbound.rules.len();
                match &rule.remote {
                    Remote::Ipv4(cidr) => addresses.push((*cidr, place)),
                    Remote::Ipv6(_) => {}
                    Remote::Group(id) => {
                        let id = id.as_str().into();
                        inbound.by_group.entry(id).or_insert(place);
                    }
                    Remote::PrefixList(id) => {
                        addresses.extend(ranges(prefix_lists, id).map(|cidr| (cidr, place)));
                    }
                }
                inbound.rules.push(rule_ref(&id, rule));
            }
            ids.push(id);
        }
        inbound.groups = ids.into();
        inbound.by_address = FirstOf::new(addresses.into_iter());
        inbound
    }

    /// The first rule that allows NFS from an interface with this address and these groups.
    pub(super) fn allows(&self, address: Ipv4Addr, groups: &[Arc<str>]) -> Option<&Arc<RuleRef>> {
        let by_group = groups
            .iter()
            .filter_map(|id| self.by_group.get(id).copied());
        let first = by_group.chain(self.by_address.get(address)).min()?;
        self.rules.get(first)
    }

    /// Whether the mount target tracks its connections.
    pub(super) fn tracks(&self) -> bool {
        !(self.is_open && self.answers_all)
    }

    /// Addresses at which the answer may be another than before.
    pub(super) fn cuts(&self) -> impl Iterator<Item = u32> {
        self.by_address.cuts()
    }
}
