//! DescribeNetworkInterfaceAttribute, ModifyNetworkInterfaceAttribute.

use std::sync::Arc;

use super::network_interfaces::{attachment, group_names, group_set, not_theirs, read_description};
use super::resource::{named, named_with};
use super::security_groups::of_interface;
use super::vpc_attributes::several;
use super::{
    Answer, Call, Element, Form, Result, done, flag, form, invalid_value, key, missing, refused,
    short, unless_dry_run,
};
use crate::records::{NetworkInterface, SecurityGroup};
use crate::store::Change;

/// DescribeNetworkInterfaceAttribute.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let view = call.view()?;
    let id = form.require("NetworkInterfaceId")?;
    let attribute = form.require("Attribute")?;
    let asked = vec![key("ec2:Attribute", attribute)];
    let interface = named_with::<NetworkInterface>(&call, &view, id, asked)?;
    unless_dry_run(&form)?;
    let answer = Element::new("").text("networkInterfaceId", &interface.id);
    let answer = match attribute {
        "description" => {
            answer.child(Element::new("description").text("value", &interface.description))
        }
        "groupSet" => group_set(answer, &interface.groups, &group_names(&view)?),
        "sourceDestCheck" => {
            answer.child(Element::new("sourceDestCheck").text("value", interface.source_dest_check))
        }
        "attachment" => answer.children(
            interface
                .attachment
                .iter()
                .map(|one| attachment(&call, one)),
        ),
        other => {
            return Err(invalid_value(
                "attribute",
                other,
                "No interface has it here.",
            ));
        }
    };
    Ok(Answer::Xml(answer.into_children()))
}

/// ModifyNetworkInterfaceAttribute.
pub(super) async fn modify(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    call.change_topology(move |call, change| change_one(call, change, &form))
        .await?;
    Ok(done())
}

fn change_one(call: &Call, change: &mut Change, form: &Form) -> Result<()> {
    let id = form.require("NetworkInterfaceId")?;
    let mut interface = named::<NetworkInterface>(call, change, id)?;
    let groups = form.list("SecurityGroupId");
    let description = form.get("Description.Value");
    let check = flag(form, "SourceDestCheck.Value")?;
    let attachment = form.get("Attachment.AttachmentId");
    let given = [
        !groups.is_empty(),
        description.is_some(),
        check.is_some(),
        attachment.is_some(),
    ];
    for group in &groups {
        named::<SecurityGroup>(call, change, group)?;
    }
    unless_dry_run(form)?;
    if interface.requester.is_some() {
        return Err(not_theirs());
    }
    match given.iter().filter(|given| **given).count() {
        0 => return Err(missing("attribute")),
        1 => {}
        _ => return Err(several()),
    }
    if !groups.is_empty() {
        let missing = "InvalidSecurityGroupID.NotFound";
        interface.groups = of_interface(change, &interface.vpc, &groups, missing)?;
    }
    if description.is_some() {
        interface.description = read_description(description)?;
    }
    interface.source_dest_check = check.unwrap_or(interface.source_dest_check);
    if let Some(attachment) = attachment {
        let known = interface
            .attachment
            .as_mut()
            .filter(|known| known.id == attachment);
        let known = known.ok_or_else(|| {
            let message = format!("The attachment ID '{}' does not exist", short(attachment));
            refused("InvalidAttachmentID.NotFound", message)
        })?;
        let deletes = flag(form, "Attachment.DeleteOnTermination")?;
        known.delete_on_termination = deletes.ok_or_else(|| missing("deleteOnTermination"))?;
    }
    Ok(change.put(&interface)?)
}
