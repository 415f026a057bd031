//! `IpPermissions`: rules of security groups as calls give and get them.

use ipnet::{Ipv4Net, Ipv6Net};

use super::resource::{find, not_found, well_formed};
use super::security_groups::by_name;
use super::{Call, Element, Form, Result, invalid, number, refused, short};
use crate::records::{
    Icmp, Ports, PrefixList, Protocol, Remote, SecurityGroup, SecurityGroupRule, VpcPeering,
};
use crate::store::View;

/// What a rule's description may have beside letters and digits (EC2 API reference, IpRange).
const DESCRIPTION: &str = ". _-:/()#,@[]+=&;{}!$*";

/// What rules of a call are read with.
pub(super) struct Reading<'a> {
    pub(super) call: &'a Call,
    pub(super) view: &'a View,
    pub(super) group: &'a SecurityGroup,
    pub(super) is_egress: bool,
    /// Whether what rules name has to exist: not if they are to be removed.
    pub(super) must_exist: bool,
}

impl Reading<'_> {
    /// The rules that a call gives: `IpPermissions.N`, or the short form. They have no ids yet.
    ///
    /// # Errors
    /// InvalidParameterValue, MissingParameter, InvalidGroup.NotFound and such.
    pub(super) fn rules(&self, form: &Form) -> Result<Vec<SecurityGroupRule>> {
        let permissions = form.members("IpPermissions");
        let short_form = [
            "IpProtocol",
            "FromPort",
            "ToPort",
            "CidrIp",
            "SourceSecurityGroupName",
            "SourceSecurityGroupOwnerId",
        ];
        let has_short = short_form.iter().any(|name| form.get(name).is_some());
        if has_short && !permissions.is_empty() {
            let message =
                "The parameter ipPermissions cannot be used with the parameter ipProtocol";
            return Err(refused("InvalidParameterCombination", message));
        }
        let mut rules = Vec::new();
        if has_short {
            self.short_form(form, &mut rules)?;
        }
        for permission in &permissions {
            self.permission(form, permission, &mut rules)?;
        }
        for (number, rule) in rules.iter().enumerate() {
            if rules.iter().take(number).any(|other| other.is_same(rule)) {
                let message = "The same permission must not appear multiple times";
                return Err(invalid(message));
            }
        }
        Ok(rules)
    }

    fn short_form(&self, form: &Form, rules: &mut Vec<SecurityGroupRule>) -> Result<()> {
        if self.is_egress {
            let message =
                "The short form of a rule is not supported for egress. Use ipPermissions.";
            return Err(refused("InvalidParameterCombination", message));
        }
        if let Some(name) = form.get("SourceSecurityGroupName") {
            if form.get("CidrIp").or(form.get("IpProtocol")).is_some() {
                let message = "SourceSecurityGroupName cannot be used with CidrIp or IpProtocol";
                return Err(refused("InvalidParameterCombination", message));
            }
            self.own_account(form.get("SourceSecurityGroupOwnerId"))?;
            let source = Remote::Group(by_name(self.view, &self.group.vpc, name)?.id);
            let all = Some((0, u16::MAX));
            for (protocol, ports, icmp) in [
                (Protocol::TCP, all, None),
                (Protocol::UDP, all, None),
                (Protocol::ICMP, None, Some((-1, -1))),
            ] {
                rules.push(self.rule((protocol, ports, icmp), source.clone(), None));
            }
            return Ok(());
        }
        let kind = read_kind(form, "")?;
        let cidr = form.require("CidrIp")?;
        rules.push(self.rule(kind, Remote::Ipv4(read_ipv4(cidr)?), None));
        Ok(())
    }

    fn permission(&self, form: &Form, at: &str, rules: &mut Vec<SecurityGroupRule>) -> Result<()> {
        let kind = read_kind(form, &format!("{at}."))?;
        let before = rules.len();
        for range in form.members(&format!("{at}.IpRanges")) {
            let cidr = form.require(&format!("{range}.CidrIp"))?;
            let remote = Remote::Ipv4(read_ipv4(cidr)?);
            rules.push(self.rule(kind, remote, description(form, &range)?));
        }
        for range in form.members(&format!("{at}.Ipv6Ranges")) {
            let cidr = form.require(&format!("{range}.CidrIpv6"))?;
            let remote = Remote::Ipv6(read_ipv6(cidr)?);
            rules.push(self.rule(kind, remote, description(form, &range)?));
        }
        for pair in form.members(&format!("{at}.Groups")) {
            let group = self.group(form, &pair)?;
            rules.push(self.rule(kind, Remote::Group(group), description(form, &pair)?));
        }
        for list in form.members(&format!("{at}.PrefixListIds")) {
            let id = form.require(&format!("{list}.PrefixListId"))?;
            well_formed::<PrefixList>(id)?;
            if self.must_exist {
                find::<PrefixList>(self.view, id)?;
            }
            let remote = Remote::PrefixList(id.to_owned());
            rules.push(self.rule(kind, remote, description(form, &list)?));
        }
        if rules.len() == before {
            let message = "Invalid value for ipPermissions: a rule needs an IP range, a group or a \
                           prefix list.";
            return Err(refused("MissingParameter", message));
        }
        Ok(())
    }

    fn group(&self, form: &Form, pair: &str) -> Result<String> {
        self.own_account(form.get(&format!("{pair}.UserId")))?;
        let id = form.get(&format!("{pair}.GroupId"));
        let name = form.get(&format!("{pair}.GroupName"));
        match (id, name) {
            (Some(id), _) => {
                self.reachable(id)?;
                Ok(id.to_owned())
            }
            (None, Some(name)) => {
                let vpc = form
                    .get(&format!("{pair}.VpcId"))
                    .unwrap_or(&self.group.vpc);
                Ok(by_name(self.view, vpc, name)?.id)
            }
            (None, None) => Err(super::missing("GroupId")),
        }
    }

    /// Checks that a rule may name a group: it is in the group's VPC, or in one that is peered
    /// with that.
    pub(super) fn reachable(&self, id: &str) -> Result<()> {
        well_formed::<SecurityGroup>(id)?;
        if !self.must_exist {
            return Ok(());
        }
        let found = self.view.get::<SecurityGroup>(id)?;
        let found = found.ok_or_else(|| not_found::<SecurityGroup>(id))?;
        let ours = &self.group.vpc;
        if found.vpc == *ours {
            return Ok(());
        }
        let peerings = self.view.all_by::<VpcPeering>(("vpc", ours))?;
        let is_joined =
            |peering: &VpcPeering| peering.is_active() && peering.joins(ours, &found.vpc);
        if !peerings.iter().any(is_joined) {
            let message = "You have specified two resources that belong to different networks.";
            return Err(refused("InvalidGroup.NotFound", message));
        }
        Ok(())
    }

    fn own_account(&self, given: Option<&str>) -> Result<()> {
        let ours = self.call.control.settings.account_id.as_str();
        match given {
            Some(given) if given != ours => {
                let message = format!("There is no account {} here", short(given));
                Err(refused("InvalidGroup.NotFound", message))
            }
            _ => Ok(()),
        }
    }

    fn rule(
        &self,
        (protocol, ports, icmp): What,
        remote: Remote,
        description: Option<String>,
    ) -> SecurityGroupRule {
        SecurityGroupRule {
            id: String::new(),
            is_egress: self.is_egress,
            protocol,
            ports,
            icmp,
            remote,
            description,
            tags: Vec::new(),
        }
    }
}

/// A protocol with its ports, or its types and codes.
pub(super) type What = (Protocol, Option<Ports>, Option<Icmp>);

/// Reads `IpProtocol`, `FromPort` and `ToPort` below a prefix.
///
/// # Errors
/// InvalidParameterValue, MissingParameter.
pub(super) fn read_kind(form: &Form, at: &str) -> Result<What> {
    let given = form.require(&format!("{at}IpProtocol"))?;
    let protocol: Protocol = given.parse().map_err(|_| {
        let given = short(given);
        invalid(format!(
            "Invalid value '{given}' for IP protocol. Unknown protocol."
        ))
    })?;
    let from: Option<i64> = number(form, &format!("{at}FromPort"))?;
    let to: Option<i64> = number(form, &format!("{at}ToPort"))?;
    match protocol {
        Protocol::TCP | Protocol::UDP => {
            let (Some(from), Some(to)) = (from, to) else {
                return Err(invalid(
                    "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.",
                ));
            };
            let port = |which: &str, number: i64| {
                let wrong = || invalid(format!("TCP/UDP ({which}) port ({number}) out of range"));
                u16::try_from(number).map_err(|_| wrong())
            };
            let (from, to) = (port("from", from)?, port("to", to)?);
            if from > to {
                let message = format!("Invalid TCP/UDP port range ({from}:{to})");
                return Err(invalid(message));
            }
            Ok((protocol, Some((from, to)), None))
        }
        Protocol::ICMP | Protocol::ICMPV6 => {
            let part = |which: &str, number: Option<i64>| {
                let number = number.unwrap_or(-1);
                let part = i16::try_from(number)
                    .ok()
                    .filter(|part| (-1..=255).contains(part));
                part.ok_or_else(|| invalid(format!("ICMP {which} ({number}) out of range")))
            };
            let (kind, code) = (part("type", from)?, part("code", to)?);
            if kind == -1 && code != -1 {
                let message = format!("ICMP code ({code}) with ICMP type (-1) is invalid");
                return Err(invalid(message));
            }
            Ok((protocol, None, Some((kind, code))))
        }
        _ => Ok((protocol, None, None)),
    }
}

/// Reads a range of IPv4 addresses; bits of the host are cleared, as EC2 does.
pub(super) fn read_ipv4(text: &str) -> Result<Ipv4Net> {
    let net: Option<Ipv4Net> = text.parse().ok();
    net.map(|net| net.trunc()).ok_or_else(|| malformed(text))
}

/// Reads a range of IPv6 addresses.
pub(super) fn read_ipv6(text: &str) -> Result<Ipv6Net> {
    let net: Option<Ipv6Net> = text.parse().ok();
    net.map(|net| net.trunc()).ok_or_else(|| malformed(text))
}

pub(super) fn malformed(text: &str) -> super::ApiError {
    invalid(format!("CIDR block {} is malformed", short(text)))
}

/// Reads the description beside a rule's other side.
fn description(form: &Form, at: &str) -> Result<Option<String>> {
    let text = form.get(&format!("{at}.Description"));
    text.map(check_description).transpose().map(Option::flatten)
}

/// Checks the description of a rule. An empty one is none.
pub(super) fn check_description(text: &str) -> Result<Option<String>> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || DESCRIPTION.contains(letter);
    if text.chars().count() > 255 || !text.chars().all(allowed) {
        return Err(invalid(format!(
            "Invalid rule description. Valid descriptions are strings less than 256 characters \
             from the following set:  a-zA-Z0-9{DESCRIPTION}"
        )));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// The ports of a rule, or its type and code, as answers have them.
pub(super) fn bounds(rule: &SecurityGroupRule) -> Option<(i32, i32)> {
    let ports = rule.ports.map(|(from, to)| (from.into(), to.into()));
    ports.or(rule.icmp.map(|(kind, code)| (kind.into(), code.into())))
}

/// The other side of a rule: IPv4 range, IPv6 range, group, prefix list. One is there.
pub(super) fn peer_words(
    remote: &Remote,
) -> (
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
) {
    match remote {
        Remote::Ipv4(net) => (Some(net.to_string()), None, None, None),
        Remote::Ipv6(net) => (None, Some(net.to_string()), None, None),
        Remote::Group(id) => (None, None, Some(id.clone()), None),
        Remote::PrefixList(id) => (None, None, None, Some(id.clone())),
    }
}

/// `IpPermission`s: rules of the same protocol and ports are one.
pub(super) fn shown<'r>(
    rules: impl IntoIterator<Item = &'r SecurityGroupRule>,
    owner: &str,
) -> Vec<Element> {
    let mut kinds: Vec<(&SecurityGroupRule, Vec<&SecurityGroupRule>)> = Vec::new();
    for rule in rules {
        let is_same = |kind: &SecurityGroupRule| {
            kind.protocol == rule.protocol && kind.ports == rule.ports && kind.icmp == rule.icmp
        };
        match kinds.iter_mut().find(|(kind, _)| is_same(kind)) {
            Some((_, all)) => all.push(rule),
            None => kinds.push((rule, vec![rule])),
        }
    }
    let shown = kinds.into_iter().map(|(kind, all)| {
        let mut lists = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
        let [groups, ranges, ranges6, prefix_lists] = &mut lists;
        for rule in all {
            let item = Element::new("item");
            let (list, item) = match &rule.remote {
                Remote::Group(id) => (&mut *groups, item.text("userId", owner).text("groupId", id)),
                Remote::Ipv4(net) => (&mut *ranges, item.text("cidrIp", net)),
                Remote::Ipv6(net) => (&mut *ranges6, item.text("cidrIpv6", net)),
                Remote::PrefixList(id) => (&mut *prefix_lists, item.text("prefixListId", id)),
            };
            list.push(item.optional("description", rule.description.as_ref()));
        }
        let bounds = bounds(kind);
        let [groups, ranges, ranges6, prefix_lists] = lists;
        Element::new("item")
            .text("ipProtocol", kind.protocol)
            .optional("fromPort", bounds.map(|(from, _)| from))
            .optional("toPort", bounds.map(|(_, to)| to))
            .list("groups", "item", groups)
            .list("ipRanges", "item", ranges)
            .list("ipv6Ranges", "item", ranges6)
            .list("prefixListIds", "item", prefix_lists)
    });
    shown.collect()
}
