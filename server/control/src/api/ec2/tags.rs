//! CreateTags, DeleteTags, DescribeTags.

use std::sync::Arc;

use super::describe::{describing, paged};
use super::resource::{Resource, named_with, request_tags, tag_keys};
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

/// A call that changes tags.
struct Retag<'a> {
    call: &'a Call,
    /// What policies may ask about it.
    asked: Vec<Key>,
    /// What it does with the tags of a resource.
    apply: &'a dyn Fn(&mut Vec<Tag>) -> Result<()>,
}

/// CreateTags.
pub(super) async fn create(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    call.change_topology(move |call, change| {
        let tags = read(&form, "Tag")?;
        if tags.is_empty() {
            return Err(missing("Tag"));
        }
        let asked = request_tags(&tags);
        let apply = |known: &mut Vec<Tag>| {
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
        };
        let apply = &apply;
        Retag { call, asked, apply }.all(change, &form)
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
        let asked = request_tags(&asked);
        let apply = |known: &mut Vec<Tag>| {
            known.retain(|tag| {
                let goes = named.iter().any(|(key, value)| {
                    tag.key == *key && value.as_ref().is_none_or(|value| tag.value == *value)
                });
                !(goes || named.is_empty())
            });
            Ok(())
        };
        let apply = &apply;
        Retag { call, asked, apply }.all(change, &form)
    })
    .await?;
    Ok(done())
}

impl Retag<'_> {
    fn all(&self, change: &mut Change, form: &Form) -> Result<()> {
        let ids = form.list("ResourceId");
        if ids.is_empty() {
            return Err(missing("resourceIdSet"));
        }
        if ids.len() > MOST_RESOURCES {
            let message = format!("One call names at most {MOST_RESOURCES} resources.");
            return Err(refused("InvalidParameterValue", message));
        }
        for id in &ids {
            self.any(change, id)?;
        }
        unless_dry_run(form)
    }

    /// Changes the tags of the resource of an id, of whatever type.
    fn any(&self, change: &mut Change, id: &str) -> Result<()> {
        let kind = id.rsplit_once('-').map(|(kind, _)| kind);
        match kind.unwrap_or_default() {
            "vpc" => self.one::<Vpc>(change, id),
            "subnet" => self.one::<Subnet>(change, id),
            "sg" => self.one::<SecurityGroup>(change, id),
            "sgr" => self.rule(change, id),
            "acl" => self.one::<NetworkAcl>(change, id),
            "eni" => self.one::<NetworkInterface>(change, id),
            "i" => self.one::<Instance>(change, id),
            "pl" => self.one::<PrefixList>(change, id),
            "pcx" => self.one::<VpcPeering>(change, id),
            _ => {
                require(self.call, change, "*".to_owned(), self.asked.clone())?;
                let message = format!("The ID '{}' is not valid", short(id));
                Err(refused("InvalidID", message))
            }
        }
    }

    fn one<R: Resource>(&self, change: &mut Change, id: &str) -> Result<()> {
        let mut found: R = named_with(self.call, change, id, self.asked.clone())?;
        (self.apply)(found.tags_mut())?;
        Ok(change.put(&found)?)
    }

    fn rule(&self, change: &mut Change, id: &str) -> Result<()> {
        let group = change
            .page_by::<SecurityGroup>(("rule", id), None, 1)?
            .pop();
        let mut keys = self.asked.clone();
        let known = group
            .iter()
            .flat_map(|group| &group.rules)
            .find(|rule| rule.id == id);
        keys.extend(known.map(|rule| tag_keys(&rule.tags)).unwrap_or_default());
        let of = arn(self.call, RULE, if known.is_some() { id } else { "*" });
        require(self.call, change, of, keys)?;
        let mut group = group.ok_or_else(|| no_such_rule(id))?;
        let rule = group.rules.iter_mut().find(|rule| rule.id == id);
        (self.apply)(&mut rule.ok_or_else(|| no_such_rule(id))?.tags)?;
        Ok(change.put(&group)?)
    }
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
