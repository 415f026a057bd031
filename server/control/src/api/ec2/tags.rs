//! CreateTags, DeleteTags, DescribeTags.

use std::sync::Arc;

use super::describe::{describing, paged};
use super::resource::{Resource, request_tags, tag_keys};
use super::security_group_rules::KIND as RULE;
use super::tagging::{MOST, check, read, too_many};
use super::{
    Answer, ApiError, Call, Element, Form, Key, Result, arn, done, form, missing, refused, require,
    short, unless_dry_run,
};
use crate::records::{
    Instance, NetworkAcl, NetworkInterface, PrefixList, SecurityGroup, Subnet, Tag, Vpc, VpcPeering,
};
use crate::store::{Change, View};

/// Resources of one call (EC2 API reference, CreateTags).
const MOST_RESOURCES: usize = 1000;

/// What a call does with the tags of a resource.
type Retag<'a> = &'a dyn Fn(&mut Vec<Tag>) -> Result<()>;

/// CreateTags.
pub(super) async fn create(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    call.change_topology(move |call, change| {
        let tags = read(&form, "Tag")?;
        if tags.is_empty() {
            return Err(missing("Tag"));
        }
        retag_all(call, change, &form, &request_tags(&tags), &|known| {
            for tag in &tags {
                match known.iter_mut().find(|known| known.key == tag.key) {
                    Some(known) => known.value.clone_from(&tag.value),
                    None => known.push(tag.clone()),
                }
            }
            if known.len() > MOST {
                return Err(too_many());
            }
            Ok(())
        })
    })
    .await?;
    Ok(done())
}

/// DeleteTags: those of these keys, and if a value is given, of that value. Without any, all.
pub(super) async fn delete(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    call.change_topology(move |call, change| {
        let mut named: Vec<(String, Option<String>)> = Vec::new();
        for at in form.members("Tag") {
            let key = form.require(&format!("{at}.Key"))?;
            let value = form.get(&format!("{at}.Value"));
            check(key, value.unwrap_or_default())?;
            named.push((key.to_owned(), value.map(str::to_owned)));
        }
        let asked: Vec<Tag> = named
            .iter()
            .map(|(key, value)| Tag {
                key: key.clone(),
                value: value.clone().unwrap_or_default(),
            })
            .collect();
        retag_all(call, change, &form, &request_tags(&asked), &|known| {
            known.retain(|tag| {
                let goes = named.iter().any(|(key, value)| {
                    tag.key == *key && value.as_ref().is_none_or(|value| tag.value == *value)
                });
                !(goes || named.is_empty())
            });
            Ok(())
        })
    })
    .await?;
    Ok(done())
}

fn retag_all(
    call: &Call,
    change: &mut Change,
    form: &Form,
    asked: &[Key],
    retag: Retag<'_>,
) -> Result<()> {
    let ids = form.list("ResourceId");
    if ids.is_empty() {
        return Err(missing("resourceIdSet"));
    }
    if ids.len() > MOST_RESOURCES {
        let message = format!("One call names at most {MOST_RESOURCES} resources.");
        return Err(refused("InvalidParameterValue", message));
    }
    for id in &ids {
        retag_any(call, change, id, asked, retag)?;
    }
    unless_dry_run(form)
}

/// Changes the tags of the resource of an id, of whatever type.
fn retag_any(
    call: &Call,
    change: &mut Change,
    id: &str,
    asked: &[Key],
    retag: Retag<'_>,
) -> Result<()> {
    let kind = id
        .rsplit_once('-')
        .map(|(kind, _)| kind)
        .unwrap_or_default();
    match kind {
        "vpc" => retag_one::<Vpc>(call, change, id, asked, retag),
        "subnet" => retag_one::<Subnet>(call, change, id, asked, retag),
        "sg" => retag_one::<SecurityGroup>(call, change, id, asked, retag),
        "sgr" => retag_rule(call, change, id, asked, retag),
        "acl" => retag_one::<NetworkAcl>(call, change, id, asked, retag),
        "eni" => retag_one::<NetworkInterface>(call, change, id, asked, retag),
        "i" => retag_one::<Instance>(call, change, id, asked, retag),
        "pl" => retag_one::<PrefixList>(call, change, id, asked, retag),
        "pcx" => retag_one::<VpcPeering>(call, change, id, asked, retag),
        _ => {
            require(call, change, "*".to_owned(), asked.to_vec())?;
            let message = format!("The ID '{}' is not valid", short(id));
            Err(refused("InvalidID", message))
        }
    }
}

fn retag_one<R: Resource>(
    call: &Call,
    change: &mut Change,
    id: &str,
    asked: &[Key],
    retag: Retag<'_>,
) -> Result<()> {
    let mut found: R = super::resource::named_with(call, change, id, asked.to_vec())?;
    retag(found.tags_mut())?;
    Ok(change.put(&found)?)
}

fn retag_rule(
    call: &Call,
    change: &mut Change,
    id: &str,
    asked: &[Key],
    retag: Retag<'_>,
) -> Result<()> {
    let group = change
        .page_by::<SecurityGroup>(("rule", id), None, 1)?
        .pop();
    let mut keys = asked.to_vec();
    let known = group
        .iter()
        .flat_map(|group| &group.rules)
        .find(|rule| rule.id == id);
    keys.extend(known.map(|rule| tag_keys(&rule.tags)).unwrap_or_default());
    let of = arn(call, RULE, if known.is_some() { id } else { "*" });
    require(call, change, of, keys)?;
    let mut group = group.ok_or_else(|| no_such_rule(id))?;
    let rule = group.rules.iter_mut().find(|rule| rule.id == id);
    retag(&mut rule.ok_or_else(|| no_such_rule(id))?.tags)?;
    Ok(change.put(&group)?)
}

fn no_such_rule(id: &str) -> ApiError {
    let message = format!("The security group rule ID '{}' does not exist", short(id));
    refused("InvalidSecurityGroupRuleId.NotFound", message)
}

/// A tag on a resource.
struct Tagged {
    /// The resource's id and the key, which tell it from others.
    place: String,
    resource: String,
    kind: &'static str,
    tag: Tag,
}

/// DescribeTags.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let (form, view, filters) = describing(&call)?;
    filters.check(&["key", "resource-id", "resource-type", "value"])?;
    let mut all = Vec::new();
    gather::<Vpc>(&view, &mut all)?;
    gather::<Subnet>(&view, &mut all)?;
    gather::<SecurityGroup>(&view, &mut all)?;
    gather::<NetworkAcl>(&view, &mut all)?;
    gather::<NetworkInterface>(&view, &mut all)?;
    gather::<Instance>(&view, &mut all)?;
    gather::<PrefixList>(&view, &mut all)?;
    gather::<VpcPeering>(&view, &mut all)?;
    for group in view.all::<SecurityGroup>()? {
        for rule in &group.rules {
            push(&rule.id, RULE, &rule.tags, &mut all);
        }
    }
    all.retain(|one| {
        filters.keep(std::slice::from_ref(&one.tag), |name| {
            vec![match name {
                "key" => one.tag.key.clone(),
                "resource-id" => one.resource.clone(),
                "resource-type" => one.kind.to_owned(),
                _ => one.tag.value.clone(),
            }]
        })
    });
    paged(
        &form,
        all,
        |one| &one.place,
        "tagSet",
        |one| {
            Element::new("item")
                .text("resourceId", &one.resource)
                .text("resourceType", one.kind)
                .text("key", &one.tag.key)
                .text("value", &one.tag.value)
        },
    )
}

fn gather<R: Resource>(view: &View, all: &mut Vec<Tagged>) -> Result<()> {
    for resource in view.all::<R>()? {
        push(resource.key(), R::KIND, resource.tags(), all);
    }
    Ok(())
}

fn push(id: &str, kind: &'static str, tags: &[Tag], all: &mut Vec<Tagged>) {
    all.extend(tags.iter().map(|tag| Tagged {
        place: format!("{id}/{}", tag.key),
        resource: id.to_owned(),
        kind,
        tag: tag.clone(),
    }));
}
