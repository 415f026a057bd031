//! DescribeInstanceAttribute, ModifyInstanceAttribute.

use std::sync::Arc;

use super::instances::{ROOT_DEVICE, interfaces, is_seen};
use super::network_interfaces::{group_names, group_set};
use super::resource::{named, named_with, not_found};
use super::security_groups::of_interface;
use super::vpc_attributes::several;
use super::{
    Answer, Call, Element, Form, Result, done, flag, form, invalid_value, key, missing, refused,
    unless_dry_run,
};
use crate::records::{Instance, InstanceState, SecurityGroup};
use crate::store::Change;

/// DescribeInstanceAttribute. What nothing runs for has EC2's value of an instance that was
/// launched without it.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let view = call.view()?;
    let id = form.require("InstanceId")?;
    let attribute = form.require("Attribute")?;
    let asked = vec![key("ec2:Attribute", attribute)];
    let instance = named_with::<Instance>(&call, &view, id, asked)?;
    unless_dry_run(&form)?;
    if !is_seen(&call, &instance) {
        return Err(not_found::<Instance>(id));
    }
    let answer = Element::new("").text("instanceId", &instance.id);
    let value = |name: &'static str, value: &str| Element::new(name).text("value", value);
    let answer = match attribute {
        "instanceType" => answer.child(value("instanceType", &instance.instance_type)),
        "disableApiTermination" => answer.child(value(
            "disableApiTermination",
            &instance.is_protected.to_string(),
        )),
        "sourceDestCheck" => {
            let check = instance.source_dest_check.to_string();
            answer.child(value("sourceDestCheck", &check))
        }
        "groupSet" => {
            let first = interfaces(&view, &instance)?.into_iter().next();
            let groups = first.map(|first| first.groups).unwrap_or_default();
            group_set(answer, &groups, &group_names(&view)?)
        }
        "rootDeviceName" => answer.child(value("rootDeviceName", ROOT_DEVICE)),
        "instanceInitiatedShutdownBehavior" => {
            answer.child(value("instanceInitiatedShutdownBehavior", "stop"))
        }
        "ebsOptimized" => answer.child(value("ebsOptimized", "false")),
        "enaSupport" => answer.child(value("enaSupport", "true")),
        "disableApiStop" => answer.child(value("disableApiStop", "false")),
        "enclaveOptions" => answer.child(Element::new("enclaveOptions").text("enabled", "false")),
        "kernel" => answer.child(Element::new("kernel")),
        "ramdisk" => answer.child(Element::new("ramdisk")),
        "userData" => answer.child(Element::new("userData")),
        "sriovNetSupport" => answer.child(Element::new("sriovNetSupport")),
        "blockDeviceMapping" => answer.child(Element::new("blockDeviceMapping")),
        "productCodes" => answer.child(Element::new("productCodes")),
        other => {
            let why = "No instance has it.";
            return Err(invalid_value("attribute", other, why));
        }
    };
    Ok(Answer::Xml(answer.into_children()))
}

/// ModifyInstanceAttribute.
pub(super) async fn modify(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    call.change_topology(move |call, change| change_one(call, change, &form))
        .await?;
    Ok(done())
}

fn change_one(call: &Call, change: &mut Change, form: &Form) -> Result<()> {
    let id = form.require("InstanceId")?;
    let mut instance = named::<Instance>(call, change, id)?;
    let groups = form.list("GroupId");
    for group in &groups {
        named::<SecurityGroup>(call, change, group)?;
    }
    unless_dry_run(form)?;
    let (attribute, value) = (form.get("Attribute"), form.get("Value"));
    let worded = |name: &str| -> Result<Option<bool>> {
        match value.filter(|_| attribute == Some(name)) {
            None => Ok(None),
            Some(value) => match value.parse() {
                Ok(value) => Ok(Some(value)),
                Err(_) => Err(invalid_value("value", value, "It is true or false.")),
            },
        }
    };
    let protected = flag(form, "DisableApiTermination.Value")?.or(worded("disableApiTermination")?);
    let check = flag(form, "SourceDestCheck.Value")?.or(worded("sourceDestCheck")?);
    let instance_type = form
        .get("InstanceType.Value")
        .or(value.filter(|_| attribute == Some("instanceType")));
    let given = [
        !groups.is_empty(),
        protected.is_some(),
        check.is_some(),
        instance_type.is_some(),
    ];
    match given.iter().filter(|given| **given).count() {
        0 => match attribute.filter(|name| {
            ![
                "disableApiTermination",
                "sourceDestCheck",
                "instanceType",
                "groupSet",
            ]
            .contains(name)
        }) {
            Some(other) => {
                let message = format!("localefs does not have the attribute {other}");
                return Err(refused("UnsupportedOperation", message));
            }
            None => return Err(missing("attribute")),
        },
        1 => {}
        _ => return Err(several()),
    }
    if instance.state == InstanceState::Terminated {
        // Its interfaces are gone.
        return Err(not_found::<Instance>(id));
    }
    if instance_type.is_some() {
        let message = format!("The instance '{id}' is not in the 'stopped' state.");
        return Err(refused("IncorrectInstanceState", message));
    }
    instance.is_protected = protected.unwrap_or(instance.is_protected);
    let mut all = interfaces(change, &instance)?;
    if (check.is_some() || !groups.is_empty()) && all.len() > 1 {
        let message = format!(
            "There are multiple interfaces attached to instance '{id}'. Please specify an interface ID for the operation instead."
        );
        return Err(refused("InvalidInstanceID", message));
    }
    if let Some(mut first) = all.pop() {
        if let Some(check) = check {
            first.source_dest_check = check;
            instance.source_dest_check = check;
        }
        if !groups.is_empty() {
            first.groups = of_interface(change, &first.vpc, &groups, "InvalidGroup.NotFound")?;
        }
        change.put(&first)?;
    }
    Ok(change.put(&instance)?)
}
