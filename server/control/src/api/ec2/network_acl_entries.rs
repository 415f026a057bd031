//! CreateNetworkAclEntry, ReplaceNetworkAclEntry, DeleteNetworkAclEntry.

use std::sync::Arc;

use ipnet::IpNet;

use super::permissions::{read_ipv4, read_ipv6};
use super::resource::named;
use super::{
    Answer, ApiError, Call, Form, Result, done, form, invalid, missing, number, quotas, refused,
    short, unless_dry_run,
};
use crate::records::{Icmp, NetworkAcl, NetworkAclEntry, Ports, Protocol};

/// CreateNetworkAclEntry.
pub(super) async fn create(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    call.change_topology(move |call, change| {
        let mut acl = named::<NetworkAcl>(call, change, form.require("NetworkAclId")?)?;
        unless_dry_run(&form)?;
        let entry = read(&form)?;
        if place(&acl, entry.number, entry.is_egress).is_some() {
            let message = format!(
                "The network acl entry identified by {} already exists.",
                entry.number
            );
            return Err(refused("NetworkAclEntryAlreadyExists", message));
        }
        let same_way = acl.entries.iter().filter(|known| {
            known.is_egress == entry.is_egress && known.number != NetworkAclEntry::LAST
        });
        if same_way.count() >= quotas::ACL_ENTRIES {
            let message = "The maximum number of network ACL entries has been reached.";
            return Err(refused("NetworkAclEntryLimitExceeded", message));
        }
        acl.entries.push(entry);
        // As EC2 shows them: those out first, each way by number.
        acl.entries
            .sort_by_key(|entry| (!entry.is_egress, entry.number));
        Ok(change.put(&acl)?)
    })
    .await?;
    Ok(done())
}

/// ReplaceNetworkAclEntry.
pub(super) async fn replace(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    call.change_topology(move |call, change| {
        let mut acl = named::<NetworkAcl>(call, change, form.require("NetworkAclId")?)?;
        unless_dry_run(&form)?;
        let new = read(&form)?;
        let number = new.number;
        let known = place(&acl, number, new.is_egress);
        let known = known.and_then(|place| acl.entries.get_mut(place));
        *known.ok_or_else(|| no_entry(number))? = new;
        Ok(change.put(&acl)?)
    })
    .await?;
    Ok(done())
}

/// DeleteNetworkAclEntry.
pub(super) async fn delete(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    call.change_topology(move |call, change| {
        let mut acl = named::<NetworkAcl>(call, change, form.require("NetworkAclId")?)?;
        unless_dry_run(&form)?;
        let (number, is_egress) = name(&form)?;
        let place = place(&acl, number, is_egress).ok_or_else(|| no_entry(number))?;
        acl.entries.remove(place);
        Ok(change.put(&acl)?)
    })
    .await?;
    Ok(done())
}

fn place(acl: &NetworkAcl, number: u16, is_egress: bool) -> Option<usize> {
    let mut entries = acl.entries.iter();
    entries.position(|known| known.number == number && known.is_egress == is_egress)
}

fn no_entry(number: u16) -> ApiError {
    let message = format!("The network acl entry identified by {number} does not exist");
    refused("InvalidNetworkAclEntry.NotFound", message)
}

/// What tells an entry from others: its number, and its direction.
fn name(form: &Form) -> Result<(u16, bool)> {
    let given = form.require("RuleNumber")?;
    let number = given.parse().ok();
    let number = number.filter(|number| (1..NetworkAclEntry::LAST).contains(number));
    let number = number.ok_or_else(|| {
        let given = short(given);
        invalid(format!(
            "Value ({given}) for parameter ruleNumber is invalid. It must be between 1 and 32766."
        ))
    })?;
    form.require("Egress")?;
    Ok((number, form.flag("Egress")?))
}

fn read(form: &Form) -> Result<NetworkAclEntry> {
    let (number, is_egress) = name(form)?;
    let given = form.require("Protocol")?;
    let protocol: Protocol = given.parse().map_err(|_| {
        let given = short(given);
        invalid(format!(
            "Value ({given}) for parameter protocol is invalid. Unknown protocol."
        ))
    })?;
    let allow = form.require("RuleAction")? == "allow";
    let cidr = match (form.get("CidrBlock"), form.get("Ipv6CidrBlock")) {
        (Some(cidr), None) => IpNet::V4(read_ipv4(cidr)?),
        (None, Some(cidr)) => IpNet::V6(read_ipv6(cidr)?),
        (Some(_), Some(_)) => {
            let message = "The parameter cidrBlock cannot be used with the parameter ipv6CidrBlock";
            return Err(refused("InvalidParameterCombination", message));
        }
        (None, None) => return Err(missing("cidrBlock")),
    };
    Ok(NetworkAclEntry {
        number,
        is_egress,
        protocol,
        allow,
        cidr,
        ports: ports(form, protocol)?,
        icmp: icmp(form, protocol)?,
    })
}

fn ports(form: &Form, protocol: Protocol) -> Result<Option<Ports>> {
    if !matches!(protocol, Protocol::TCP | Protocol::UDP) {
        return Ok(None);
    }
    let from: i64 = number(form, "PortRange.From")?.ok_or_else(|| missing("portRange"))?;
    let to: i64 = number(form, "PortRange.To")?.ok_or_else(|| missing("portRange"))?;
    let wrong = || invalid(format!("Invalid value '{from}-{to}' for portRange."));
    let read = (u16::try_from(from), u16::try_from(to));
    match read {
        (Ok(from), Ok(to)) if from <= to => Ok(Some((from, to))),
        _ => Err(wrong()),
    }
}

fn icmp(form: &Form, protocol: Protocol) -> Result<Option<Icmp>> {
    if !matches!(protocol, Protocol::ICMP | Protocol::ICMPV6) {
        return Ok(None);
    }
    let part = |name: &str| {
        let part: i16 = number(form, name)?.ok_or_else(|| missing("icmpTypeCode"))?;
        if (-1..=255).contains(&part) {
            return Ok(part);
        }
        Err(invalid(format!("Invalid value '{part}' for icmpTypeCode.")))
    };
    Ok(Some((part("Icmp.Type")?, part("Icmp.Code")?)))
}
