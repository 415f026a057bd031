//! EC2: the network around mount targets (EC2 API reference, version 2016-11-15).

mod availability_zones;
mod filter;
mod network_interfaces;
mod security_groups;
mod subnets;
mod vpcs;

use super::xml::Element;
use super::{Answer, ApiError, Call, Demand, Form, Operation, Result};
use crate::operation;
use crate::records::Tag;
use crate::store::View;

use filter::Filters;

/// The operations, by name.
pub const OPERATIONS: &[Operation] = &[
    operation!("CreateSecurityGroup", security_groups::create),
    operation!("DescribeAvailabilityZones", availability_zones::describe),
    operation!("DescribeNetworkInterfaces", network_interfaces::describe),
    operation!("DescribeSecurityGroups", security_groups::describe),
    operation!("DescribeSubnets", subnets::describe),
    operation!("DescribeVpcs", vpcs::describe),
];

fn form(call: &Call) -> Result<Form> {
    Form::read(&call.request.query, &call.request.body)
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidParameterValue", message)
}

/// The ARN of a resource of EC2.
fn arn(call: &Call, kind: &str, id: &str) -> String {
    let settings = &call.control.settings;
    let (region, account) = (&settings.region, &settings.account_id);
    format!("arn:aws:ec2:{region}:{account}:{kind}/{id}")
}

/// Asks for the call's own action on a resource.
fn require(
    call: &Call,
    view: &View,
    resource: String,
    keys: Vec<(String, Vec<String>)>,
) -> Result<()> {
    let demand = Demand {
        action: format!("ec2:{}", call.operation),
        resource,
        keys,
        resource_policy: None,
    };
    call.require(view, demand)
}

/// Ends a call that was only to try whether the caller may. To be asked after that.
///
/// # Errors
/// DryRunOperation.
fn unless_dry_run(form: &Form) -> Result<()> {
    if form.flag("DryRun")? {
        let message = "Request would have succeeded, but DryRun flag is set.";
        return Err(ApiError::new(412, "DryRunOperation", message));
    }
    Ok(())
}

/// What a call that describes works with, once its caller may: the records, and the filters.
fn describing(call: &Call) -> Result<(Form, View, Filters)> {
    let form = form(call)?;
    let view = call.view()?;
    require(call, &view, "*".to_owned(), Vec::new())?;
    unless_dry_run(&form)?;
    let filters = Filters::read(&form)?;
    Ok((form, view, filters))
}

/// The answer to a call that describes: those that the filters keep, a page of them.
///
/// `ids`: the parameter that names some, with the error for one that isn't there.
fn described<T>(
    form: &Form,
    mut all: Vec<T>,
    id: impl Fn(&T) -> &str,
    (parameter, missing): (&str, &'static str),
    set: &'static str,
    show: impl Fn(&T) -> Element,
) -> Result<Answer> {
    let named = form.list(parameter);
    for name in &named {
        if !all.iter().any(|one| id(one) == name) {
            let name = super::form::short(name);
            let message = format!("The ID '{name}' does not exist");
            return Err(ApiError::new(400, missing, message));
        }
    }
    if !named.is_empty() {
        all.retain(|one| named.iter().any(|name| id(one) == name));
    }
    paged(form, all, id, set, show)
}

/// A page of results.
fn paged<T>(
    form: &Form,
    mut all: Vec<T>,
    id: impl Fn(&T) -> &str,
    set: &'static str,
    show: impl Fn(&T) -> Element,
) -> Result<Answer> {
    all.sort_by(|one, other| id(one).cmp(id(other)));
    let after = form.get("NextToken").unwrap_or_default();
    let size: usize = match form.get("MaxResults") {
        None => usize::MAX,
        Some(size) => size
            .parse()
            .ok()
            .filter(|size| (5..=1000).contains(size))
            .ok_or_else(|| {
                invalid("Value for parameter maxResults is invalid. Expecting 5 to 1000.")
            })?,
    };
    let mut rest = all
        .iter()
        .skip_while(|one| id(one) <= after && !after.is_empty());
    let page: Vec<_> = rest.by_ref().take(size).collect();
    let next = rest.next().and(page.last()).map(|last| id(last).to_owned());
    let items = page.into_iter().map(show);
    let set = Element::new("").list(set, "item", items).into_children();
    let next = next.map(|next| Element::of("nextToken", next));
    Ok(Answer::Xml(set.into_iter().chain(next).collect()))
}

/// `tagSet`.
fn tag_set(element: Element, tags: &[Tag]) -> Element {
    let items = tags.iter().map(|tag| {
        Element::new("item")
            .text("key", &tag.key)
            .text("value", &tag.value)
    });
    element.list("tagSet", "item", items)
}

/// Tags that a call gives to what it creates: `TagSpecification.N`.
fn tag_specification(form: &Form, kind: &str) -> Result<Vec<Tag>> {
    let mut tags = Vec::new();
    for specification in form.members("TagSpecification") {
        if form.get(&format!("{specification}.ResourceType")) != Some(kind) {
            return Err(invalid(format!(
                "The resource type of a tag specification must be {kind}."
            )));
        }
        for tag in form.members(&format!("{specification}.Tag")) {
            let key = form.require(&format!("{tag}.Key"))?.to_owned();
            let value = form
                .get(&format!("{tag}.Value"))
                .unwrap_or_default()
                .to_owned();
            let is_reserved = key.to_ascii_lowercase().starts_with("aws:");
            if is_reserved || key.is_empty() || key.chars().count() > 127 {
                return Err(invalid(
                    "A tag's key has 1 to 127 characters and isn't aws:…",
                ));
            }
            if value.chars().count() > 255 {
                return Err(invalid("A tag's value has at most 255 characters."));
            }
            tags.push(Tag { key, value });
        }
    }
    if tags.len() > 50 {
        let message = "A resource has at most 50 tags.";
        return Err(ApiError::new(400, "TagLimitExceeded", message));
    }
    Ok(tags)
}
