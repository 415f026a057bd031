//! Managed prefix lists: CreateManagedPrefixList, ModifyManagedPrefixList, DeleteManagedPrefixList,
//! DescribeManagedPrefixLists, GetManagedPrefixListEntries, GetManagedPrefixListAssociations.

use std::sync::Arc;

use ipnet::IpNet;

use super::describe::{described, describing, paged};
use super::idempotency::{made_before, remember};
use super::permissions::malformed;
use super::resource::{find, making, named, new_id, unknown};
use super::security_group_rules::must_fit;
use super::tagging::{tag_set, tag_specification};
use super::{
    Answer, Call, Element, Form, Result, arn, form, invalid, invalid_value, missing, number,
    quotas, refused, unless_dry_run,
};
use crate::records::{PrefixList, PrefixListEntry, SecurityGroup};
use crate::store::Change;

/// CreateManagedPrefixList.
pub(super) async fn create(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let made = call
        .change_topology(move |call, change| make(call, change, &form))
        .await?;
    let shown = show(&call, &made, "create-complete").renamed("prefixList");
    Ok(Answer::Xml(vec![shown]))
}

fn make(call: &Call, change: &mut Change, form: &Form) -> Result<PrefixList> {
    let tags = tag_specification(form, "prefix-list")?;
    making(call, change, "prefix-list", &tags, Vec::new())?;
    unless_dry_run(form)?;
    if let Some(made) = made_before(call, change, form)? {
        return find::<PrefixList>(change, &made);
    }
    let name = check_name(form.require("PrefixListName")?)?;
    let family = form.require("AddressFamily")?;
    let is_ipv6 = match family {
        "IPv4" => false,
        "IPv6" => true,
        other => return Err(invalid_value("AddressFamily", other, "It is IPv4 or IPv6.")),
    };
    let max_entries = max_entries(form)?.ok_or_else(|| missing("MaxEntries"))?;
    let mut list = PrefixList {
        id: new_id::<PrefixList>(),
        name,
        is_ipv6,
        max_entries,
        version: 1,
        entries: Vec::new(),
        tags,
    };
    add(form, "Entry", &mut list)?;
    must_have_room(&list)?;
    if change.count::<PrefixList>()? >= quotas::PREFIX_LISTS {
        let message = "The maximum number of prefix lists has been reached.";
        return Err(refused("PrefixListLimitExceeded", message));
    }
    change.put(&list)?;
    remember(call, change, form, &list.id)?;
    Ok(list)
}

fn check_name(name: &str) -> Result<String> {
    let length = name.chars().count();
    if length == 0 || length > 255 || name.starts_with("com.amazonaws") {
        let why = "It has 1 to 255 characters and doesn't begin with com.amazonaws.";
        return Err(invalid_value("PrefixListName", name, why));
    }
    Ok(name.to_owned())
}

fn max_entries(form: &Form) -> Result<Option<u16>> {
    let most = quotas::PREFIX_LIST_ENTRIES;
    let given: Option<u16> = number(form, "MaxEntries")?;
    if given.is_some_and(|given| !(1..=most).contains(&given)) {
        let message = format!("MaxEntries is 1 to {most}.");
        return Err(invalid(message));
    }
    Ok(given)
}

/// Reads the range of an entry; its bits of the host are cleared.
fn read_cidr(form: &Form, at: &str, list: &PrefixList) -> Result<IpNet> {
    let text = form.require(&format!("{at}.Cidr"))?;
    let cidr: IpNet = text.parse().map_err(|_| malformed(text))?;
    if matches!(cidr, IpNet::V6(_)) != list.is_ipv6 {
        let message = format!("The CIDR ({text}) is not of the prefix list's address family.");
        return Err(invalid(message));
    }
    Ok(cidr.trunc())
}

/// Adds the entries of a parameter. One that is there gets the description.
fn add(form: &Form, parameter: &str, list: &mut PrefixList) -> Result<usize> {
    let members = form.members(parameter);
    must_be_few(members.len())?;
    let mut seen = Vec::new();
    for at in &members {
        let cidr = read_cidr(form, at, list)?;
        if seen.contains(&cidr) {
            return Err(invalid(format!("The CIDR {cidr} comes twice.")));
        }
        seen.push(cidr);
        let description = form.get(&format!("{at}.Description")).map(str::to_owned);
        if description
            .as_ref()
            .is_some_and(|text| text.chars().count() > 255)
        {
            return Err(invalid(
                "The description of an entry has at most 255 characters.",
            ));
        }
        let entry = PrefixListEntry { cidr, description };
        match list.entries.iter_mut().find(|known| known.cidr == cidr) {
            Some(known) => *known = entry,
            None => list.entries.push(entry),
        }
    }
    list.entries.sort_by_key(|entry| entry.cidr);
    Ok(members.len())
}

fn must_be_few(count: usize) -> Result<()> {
    let most = quotas::PREFIX_LIST_CHANGES;
    if count > most {
        let message = format!("One call adds or removes at most {most} entries.");
        return Err(invalid(message));
    }
    Ok(())
}

fn must_have_room(list: &PrefixList) -> Result<()> {
    if list.entries.len() > usize::from(list.max_entries) {
        let message = "You've reached the maximum number of entries for the prefix list.";
        return Err(refused("PrefixListMaxEntriesExceeded", message));
    }
    Ok(())
}

/// ModifyManagedPrefixList.
pub(super) async fn modify(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let made = call
        .change_topology(move |call, change| alter(call, change, &form))
        .await?;
    let shown = show(&call, &made, "modify-complete").renamed("prefixList");
    Ok(Answer::Xml(vec![shown]))
}

fn alter(call: &Call, change: &mut Change, form: &Form) -> Result<PrefixList> {
    let mut list = named::<PrefixList>(call, change, form.require("PrefixListId")?)?;
    unless_dry_run(form)?;
    let current: Option<u64> = number(form, "CurrentVersion")?;
    if let Some(name) = form.get("PrefixListName") {
        list.name = check_name(name)?;
    }
    let max_entries = max_entries(form)?;
    let removed = form.members("RemoveEntry");
    must_be_few(removed.len())?;
    let has_entries = !removed.is_empty() || !form.members("AddEntry").is_empty();
    if max_entries.is_some() && has_entries {
        let message = "You cannot modify the maximum number of entries and modify the entries of a prefix list in the same request.";
        return Err(refused("InvalidParameterCombination", message));
    }
    if has_entries {
        match current {
            None => return Err(missing("CurrentVersion")),
            Some(current) if current != list.version => {
                let message = format!(
                    "The prefix list has the incorrect version number: it is {}.",
                    list.version
                );
                return Err(refused("PrefixListVersionMismatch", message));
            }
            Some(_) => {}
        }
        for at in &removed {
            let cidr = read_cidr(form, at, &list)?;
            let place = list.entries.iter().position(|entry| entry.cidr == cidr);
            let place = place
                .ok_or_else(|| invalid(format!("The CIDR {cidr} is not in the prefix list.")))?;
            list.entries.remove(place);
        }
        add(form, "AddEntry", &mut list)?;
        list.version += 1;
    }
    list.max_entries = max_entries.unwrap_or(list.max_entries);
    must_have_room(&list)?;
    change.put(&list)?;
    if max_entries.is_some() {
        // A rule counts as many as its list may have.
        for group in change.all_by::<SecurityGroup>(("prefix-list", &list.id))? {
            must_fit(change, &group)?;
        }
    }
    Ok(list)
}

/// DeleteManagedPrefixList.
pub(super) async fn delete(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let gone = call
        .change_topology(move |call, change| {
            let list = named::<PrefixList>(call, change, form.require("PrefixListId")?)?;
            unless_dry_run(&form)?;
            let of_list = ("prefix-list", list.id.as_str());
            if !change
                .keys_by::<SecurityGroup>(of_list, None, 1)?
                .is_empty()
            {
                let message = format!(
                    "The prefix list '{}' is in use and cannot be deleted.",
                    list.id
                );
                return Err(refused("DependencyViolation", message));
            }
            change.remove::<PrefixList>(&list.id)?;
            Ok(list)
        })
        .await?;
    let shown = show(&call, &gone, "delete-complete").renamed("prefixList");
    Ok(Answer::Xml(vec![shown]))
}

/// DescribeManagedPrefixLists.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let (form, view, filters) = describing(&call)?;
    filters.check(&["owner-id", "prefix-list-id", "prefix-list-name"])?;
    let owner = &call.control.settings.account_id;
    let keep = |list: &PrefixList| {
        filters.keep(&list.tags, |name| {
            vec![match name {
                "owner-id" => owner.clone(),
                "prefix-list-id" => list.id.clone(),
                _ => list.name.clone(),
            }]
        })
    };
    described(
        &form,
        view.all()?,
        keep,
        |list| &list.id,
        ("PrefixListId", unknown::<PrefixList>),
        "prefixListSet",
        |list| show(&call, list, "create-complete"),
    )
}

/// GetManagedPrefixListEntries, of the version that there is.
pub(super) async fn entries(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let view = call.view()?;
    let list = named::<PrefixList>(&call, &view, form.require("PrefixListId")?)?;
    unless_dry_run(&form)?;
    let version: Option<u64> = number(&form, "TargetVersion")?;
    if version.is_some_and(|version| version != list.version) {
        let message = format!(
            "localefs has only the version {} of the prefix list.",
            list.version
        );
        return Err(invalid(message));
    }
    let all = list
        .entries
        .iter()
        .map(|entry| (entry.cidr.to_string(), &entry.description));
    paged(
        &form,
        all.collect(),
        |(cidr, _)| cidr,
        "entrySet",
        |(cidr, description)| {
            Element::new("item")
                .text("cidr", cidr)
                .optional("description", description.as_ref())
        },
    )
}

/// GetManagedPrefixListAssociations: the groups whose rules name a prefix list.
pub(super) async fn associations(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let view = call.view()?;
    let list = named::<PrefixList>(&call, &view, form.require("PrefixListId")?)?;
    unless_dry_run(&form)?;
    let groups = view.keys_by::<SecurityGroup>(("prefix-list", &list.id), None, usize::MAX)?;
    let owner = &call.control.settings.account_id;
    paged(
        &form,
        groups,
        |id| id,
        "prefixListAssociationSet",
        |id| {
            Element::new("item")
                .text("resourceId", id)
                .text("resourceOwner", owner)
        },
    )
}

fn show(call: &Call, list: &PrefixList, state: &str) -> Element {
    let account = &call.control.settings.account_id;
    let shown = Element::new("item")
        .text("prefixListId", &list.id)
        .text("addressFamily", if list.is_ipv6 { "IPv6" } else { "IPv4" })
        .text("state", state)
        .text("prefixListArn", arn(call, "prefix-list", &list.id))
        .text("prefixListName", &list.name)
        .text("maxEntries", list.max_entries)
        .text("version", list.version)
        .text("ownerId", account);
    tag_set(shown, &list.tags)
}
