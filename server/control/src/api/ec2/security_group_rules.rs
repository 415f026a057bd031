//! Rules of security groups: AuthorizeSecurityGroupIngress and Egress, RevokeSecurityGroupIngress
//! and Egress, ModifySecurityGroupRules, UpdateSecurityGroupRuleDescriptionsIngress and Egress,
//! DescribeSecurityGroupRules.

use std::sync::Arc;

use super::describe::{describing, paged};
use super::permissions::{
    Reading, bounds, check_description, peer_words, read_ipv4, read_ipv6, read_kind, shown,
};
use super::resource::{find, making, named, tag_keys};
use super::security_groups::id_of;
use super::tagging::{tag_set, tag_specification};
use super::vpcs::default_vpc;
use super::{
    Answer, ApiError, Call, Element, Form, Result, arn, done, form, invalid, missing, quotas,
    refused, require, short, unless_dry_run,
};
use crate::ids;
use crate::records::{PrefixList, Remote, SecurityGroup, SecurityGroupRule};
use crate::store::{Change, View};

/// The type of rules in ARNs and tags.
pub(super) const KIND: &str = "security-group-rule";

fn is_egress(call: &Call) -> bool {
    call.operation.ends_with("Egress")
}

/// AuthorizeSecurityGroupIngress, AuthorizeSecurityGroupEgress.
pub(super) async fn authorize(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let (group, made) = call
        .change_topology(move |call, change| add(call, change, &form))
        .await?;
    let items = made.iter().map(|rule| show(&call, &group, rule));
    let answer = Element::new("").text("return", true);
    let answer = answer.list("securityGroupRuleSet", "item", items);
    Ok(Answer::Xml(answer.into_children()))
}

fn add(
    call: &Call,
    change: &mut Change,
    form: &Form,
) -> Result<(SecurityGroup, Vec<SecurityGroupRule>)> {
    let tags = tag_specification(form, KIND)?;
    let mut group = named::<SecurityGroup>(call, change, &id_of(change, form)?)?;
    if !tags.is_empty() {
        making(call, change, KIND, &tags, Vec::new())?;
    }
    unless_dry_run(form)?;
    let reading = Reading {
        call,
        view: change,
        group: &group,
        is_egress: is_egress(call),
        must_exist: true,
    };
    let mut rules = reading.rules(form)?;
    if rules.is_empty() {
        return Err(missing("ipPermissions"));
    }
    for rule in &mut rules {
        if group.rules.iter().any(|known| known.is_same(rule)) {
            return Err(duplicate(rule));
        }
        rule.id = ids::random("sgr-");
        rule.tags.clone_from(&tags);
    }
    group.rules.extend(rules.iter().cloned());
    must_fit(change, &group)?;
    change.put(&group)?;
    Ok((group, rules))
}

fn duplicate(rule: &SecurityGroupRule) -> ApiError {
    let (cidr, ipv6, group, list) = peer_words(&rule.remote);
    let peer = cidr.or(ipv6).or(group).or(list).unwrap_or_default();
    let protocol = match rule.protocol {
        crate::records::Protocol::All => "ALL".to_owned(),
        other => other.to_string().to_uppercase(),
    };
    let ports = bounds(rule).map(|(from, to)| format!(", from port: {from}, to port: {to}"));
    let ports = ports.unwrap_or_default();
    let message =
        format!("the specified rule \"peer: {peer}, {protocol}{ports}, ALLOW\" already exists");
    refused("InvalidPermission.Duplicate", message)
}

/// Checks that a group has no more rules than it may, in each direction and for IPv4 and IPv6
/// each. Of a prefix list, the most entries that it may have count; a group counts for both.
pub(super) fn must_fit(view: &View, group: &SecurityGroup) -> Result<()> {
    for is_egress in [false, true] {
        let (mut four, mut six) = (0_usize, 0_usize);
        for rule in group
            .rules
            .iter()
            .filter(|rule| rule.is_egress == is_egress)
        {
            match &rule.remote {
                Remote::Ipv4(_) => four += 1,
                Remote::Ipv6(_) => six += 1,
                Remote::Group(_) => (four, six) = (four + 1, six + 1),
                Remote::PrefixList(id) => match view.get::<PrefixList>(id)? {
                    Some(list) if list.is_ipv6 => six += usize::from(list.max_entries),
                    Some(list) => four += usize::from(list.max_entries),
                    None => {}
                },
            }
        }
        if four.max(six) > quotas::RULES {
            let message = "The maximum number of rules per security group has been reached.";
            return Err(refused("RulesPerSecurityGroupLimitExceeded", message));
        }
    }
    Ok(())
}

/// RevokeSecurityGroupIngress, RevokeSecurityGroupEgress.
pub(super) async fn revoke(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let (group, gone, unknown) = call
        .change_topology(move |call, change| remove(call, change, &form))
        .await?;
    let owner = &call.control.settings.account_id;
    let revoked = gone.iter().map(|rule| revoked(&group, rule));
    let answer = Element::new("")
        .text("return", true)
        .list("unknownIpPermissionSet", "item", shown(&unknown, owner))
        .list("revokedSecurityGroupRuleSet", "item", revoked);
    Ok(Answer::Xml(answer.into_children()))
}

type Removed = (
    SecurityGroup,
    Vec<SecurityGroupRule>,
    Vec<SecurityGroupRule>,
);

/// Removes rules; gives those that are gone, and those that weren't there. In the default VPC that
/// is no error (EC2 API reference, RevokeSecurityGroupIngress).
fn remove(call: &Call, change: &mut Change, form: &Form) -> Result<Removed> {
    let mut group = named::<SecurityGroup>(call, change, &id_of(change, form)?)?;
    unless_dry_run(form)?;
    let ids = form.list("SecurityGroupRuleId");
    let reading = Reading {
        call,
        view: change,
        group: &group,
        is_egress: is_egress(call),
        must_exist: false,
    };
    let rules = reading.rules(form)?;
    match (rules.is_empty(), ids.is_empty()) {
        (true, true) => {
            let message = "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.";
            return Err(refused("MissingParameter", message));
        }
        (false, false) => {
            let message = "The parameter ipPermissions cannot be used with the parameter securityGroupRuleIds";
            return Err(refused("InvalidParameterCombination", message));
        }
        _ => {}
    }
    let mut gone = Vec::new();
    for id in ids {
        let place = group
            .rules
            .iter()
            .position(|known| known.id == id && known.is_egress == is_egress(call));
        let place = place.ok_or_else(|| no_such_rule(&id))?;
        gone.push(group.rules.remove(place));
    }
    let mut unknown = Vec::new();
    for rule in rules {
        match group.rules.iter().position(|known| known.is_same(&rule)) {
            Some(place) => gone.push(group.rules.remove(place)),
            None => unknown.push(rule),
        }
    }
    let is_in_default = default_vpc(change)?.is_some_and(|vpc| vpc.id == group.vpc);
    if !unknown.is_empty() && !is_in_default {
        return Err(no_such_permission());
    }
    change.put(&group)?;
    Ok((group, gone, unknown))
}

fn no_such_permission() -> ApiError {
    let message = "The specified rule does not exist in this security group.";
    refused("InvalidPermission.NotFound", message)
}

fn no_such_rule(id: &str) -> ApiError {
    let id = short(id);
    let digits = id.strip_prefix("sgr-").unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        let message = format!("Invalid id: \"{id}\" (expecting \"sgr-...\")");
        return refused("InvalidSecurityGroupRuleId.Malformed", message);
    }
    let message = format!("The security group rule ID '{id}' does not exist");
    refused("InvalidSecurityGroupRuleId.NotFound", message)
}

/// ModifySecurityGroupRules.
pub(super) async fn modify(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    call.change_topology(move |call, change| {
        let mut group = named::<SecurityGroup>(call, change, form.require("GroupId")?)?;
        let updates = form.members("SecurityGroupRule");
        for update in &updates {
            let id = form.require(&format!("{update}.SecurityGroupRuleId"))?;
            let known = group.rules.iter().find(|rule| rule.id == id);
            let keys = known.map(|rule| tag_keys(&rule.tags));
            let resource = arn(call, KIND, if known.is_some() { id } else { "*" });
            require(call, change, resource, keys.unwrap_or_default())?;
        }
        unless_dry_run(&form)?;
        if updates.is_empty() {
            return Err(missing("SecurityGroupRule"));
        }
        let before = group.clone();
        for update in &updates {
            let id = form.require(&format!("{update}.SecurityGroupRuleId"))?;
            let known = group.rules.iter_mut().find(|rule| rule.id == id);
            let known = known.ok_or_else(|| no_such_rule(id))?;
            let reading = Reading {
                call,
                view: change,
                group: &before,
                is_egress: known.is_egress,
                must_exist: true,
            };
            let new = read_rule(
                &reading,
                &form,
                &format!("{update}.SecurityGroupRule"),
                known,
            )?;
            *known = new;
        }
        for (number, rule) in group.rules.iter().enumerate() {
            if group
                .rules
                .iter()
                .take(number)
                .any(|other| other.is_same(rule))
            {
                return Err(duplicate(rule));
            }
        }
        must_fit(change, &group)?;
        Ok(change.put(&group)?)
    })
    .await?;
    Ok(done())
}

/// Reads what a rule is to become: all of it is given. Its source stays of the same type.
fn read_rule(
    reading: &Reading<'_>,
    form: &Form,
    at: &str,
    known: &SecurityGroupRule,
) -> Result<SecurityGroupRule> {
    let of = |name: &str| form.get(&format!("{at}.{name}"));
    let mut remotes = Vec::new();
    if let Some(cidr) = of("CidrIpv4") {
        remotes.push(Remote::Ipv4(read_ipv4(cidr)?));
    }
    if let Some(cidr) = of("CidrIpv6") {
        remotes.push(Remote::Ipv6(read_ipv6(cidr)?));
    }
    if let Some(id) = of("ReferencedGroupId") {
        reading.reachable(id)?;
        remotes.push(Remote::Group(id.to_owned()));
    }
    if let Some(id) = of("PrefixListId") {
        remotes.push(Remote::PrefixList(find::<PrefixList>(reading.view, id)?.id));
    }
    if remotes.len() > 1 {
        let message = "A rule has one of CidrIpv4, CidrIpv6, PrefixListId and ReferencedGroupId.";
        return Err(refused("InvalidParameterCombination", message));
    }
    let remote = remotes.pop().ok_or_else(|| missing("CidrIpv4"))?;
    if std::mem::discriminant(&remote) != std::mem::discriminant(&known.remote) {
        let message = "You may not modify the source or destination type of a security group rule.";
        return Err(invalid(message));
    }
    let (protocol, ports, icmp) = read_kind(form, &format!("{at}."))?;
    let description = of("Description").map(check_description).transpose()?;
    Ok(SecurityGroupRule {
        protocol,
        ports,
        icmp,
        remote,
        description: description.flatten(),
        ..known.clone()
    })
}

/// UpdateSecurityGroupRuleDescriptionsIngress, UpdateSecurityGroupRuleDescriptionsEgress.
pub(super) async fn describe_anew(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    call.change_topology(move |call, change| {
        let mut group = named::<SecurityGroup>(call, change, &id_of(change, &form)?)?;
        unless_dry_run(&form)?;
        let is_egress = is_egress(call);
        let before = group.clone();
        let reading = Reading {
            call,
            view: change,
            group: &before,
            is_egress,
            must_exist: false,
        };
        let rules = reading.rules(&form)?;
        let named = form.members("SecurityGroupRuleDescription");
        if rules.is_empty() == named.is_empty() {
            let message = "Either 'ipPermissions' or 'securityGroupRuleDescriptions' should be \
                           provided.";
            return Err(refused("MissingParameter", message));
        }
        for rule in rules {
            let known = group.rules.iter_mut().find(|known| known.is_same(&rule));
            known.ok_or_else(no_such_permission)?.description = rule.description;
        }
        for at in named {
            let id = form.require(&format!("{at}.SecurityGroupRuleId"))?;
            let mut known = group.rules.iter_mut();
            let known = known.find(|known| known.id == id && known.is_egress == is_egress);
            let text = form.get(&format!("{at}.Description")).unwrap_or_default();
            known.ok_or_else(|| no_such_rule(id))?.description = check_description(text)?;
        }
        Ok(change.put(&group)?)
    })
    .await?;
    Ok(done())
}

/// DescribeSecurityGroupRules.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let (form, view, filters) = describing(&call)?;
    filters.check(&["group-id", "security-group-rule-id"])?;
    let ids = form.list("SecurityGroupRuleId");
    if !ids.is_empty() && form.get("MaxResults").is_some() {
        let message =
            "The parameter SecurityGroupRuleIds cannot be used with the parameter MaxResults";
        return Err(refused("InvalidParameterCombination", message));
    }
    let mut all: Vec<(SecurityGroup, SecurityGroupRule)> = Vec::new();
    let mut take = |mut group: SecurityGroup, is_wanted: &dyn Fn(&SecurityGroupRule) -> bool| {
        for rule in std::mem::take(&mut group.rules) {
            let values = |name: &str| match name {
                "group-id" => vec![group.id.clone()],
                _ => vec![rule.id.clone()],
            };
            if is_wanted(&rule) && filters.keep(&rule.tags, values) {
                all.push((group.clone(), rule));
            }
        }
    };
    if ids.is_empty() {
        for group in view.all::<SecurityGroup>()? {
            take(group, &|_| true);
        }
    }
    for id in &ids {
        let group = view.page_by::<SecurityGroup>(("rule", id), None, 1)?.pop();
        take(group.ok_or_else(|| no_such_rule(id))?, &|rule| {
            rule.id == *id
        });
    }
    all.sort_by(|(_, one), (_, other)| one.id.cmp(&other.id));
    all.dedup_by(|(_, one), (_, other)| one.id == other.id);
    let set = "securityGroupRuleSet";
    paged(
        &form,
        all,
        |(_, rule)| &rule.id,
        set,
        |(group, rule)| show(&call, group, rule),
    )
}

fn show(call: &Call, group: &SecurityGroup, rule: &SecurityGroupRule) -> Element {
    let owner = &call.control.settings.account_id;
    let shown = Element::new("item")
        .text("securityGroupRuleId", &rule.id)
        .text("securityGroupRuleArn", arn(call, KIND, &rule.id))
        .text("groupId", &group.id)
        .text("groupOwnerId", owner);
    let (mut shown, referenced) = traffic(shown, rule);
    shown = shown.optional("description", rule.description.as_ref());
    if let Some(referenced) = referenced {
        let info = Element::new("referencedGroupInfo")
            .text("groupId", referenced)
            .text("userId", owner);
        shown = shown.child(info);
    }
    tag_set(shown, &rule.tags)
}

/// A rule that is gone.
fn revoked(group: &SecurityGroup, rule: &SecurityGroupRule) -> Element {
    let shown = Element::new("item")
        .text("securityGroupRuleId", &rule.id)
        .text("groupId", &group.id);
    let (shown, referenced) = traffic(shown, rule);
    shown
        .optional("referencedGroupId", referenced)
        .optional("description", rule.description.as_ref())
}

/// Adds which traffic a rule is about. Gives the group that it refers to, which every answer has
/// in a form of its own.
fn traffic(shown: Element, rule: &SecurityGroupRule) -> (Element, Option<String>) {
    let (from, to) = bounds(rule).unwrap_or((-1, -1));
    let (cidr, ipv6, referenced, list) = peer_words(&rule.remote);
    let shown = shown
        .text("isEgress", rule.is_egress)
        .text("ipProtocol", rule.protocol)
        .text("fromPort", from)
        .text("toPort", to)
        .optional("cidrIpv4", cidr)
        .optional("cidrIpv6", ipv6)
        .optional("prefixListId", list);
    (shown, referenced)
}
