//! CreateVpc, CreateDefaultVpc, DeleteVpc, DescribeVpcs.

use std::sync::Arc;

use super::describe::{described, describing};
use super::resource::{making, named, new_id, unknown};
use super::tagging::{tag_set, tag_specification};
use super::{
    Answer, Call, Element, Form, Result, arn, done, form, invalid_value, key, missing, quotas,
    refused, require, short, unless_dry_run,
};
use crate::records::{
    Cidr, NetworkAcl, NetworkInterface, PeeringState, SecurityGroup, Subnet, Vpc,
};
use crate::records::{Mirror, VpcPeering};
use crate::store::{Change, View};
use crate::topology::{put_default_vpc, put_vpc};

/// CreateVpc.
pub(super) async fn create(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let made = call
        .change_topology(move |call, change| make(call, change, &form))
        .await?;
    Ok(Answer::Xml(vec![show(&call, &made).renamed("vpc")]))
}

fn make(call: &Call, change: &mut Change, form: &Form) -> Result<Vpc> {
    let tags = tag_specification(form, "vpc")?;
    let tenancy = form.get("InstanceTenancy").unwrap_or("default");
    making(
        call,
        change,
        "vpc",
        &tags,
        vec![key("ec2:Tenancy", tenancy)],
    )?;
    unless_dry_run(form)?;
    let cidr = read_cidr(
        form.get("CidrBlock").ok_or_else(|| missing("cidrBlock"))?,
        "InvalidVpc.Range",
    )?;
    if tenancy == "host" {
        return Err(invalid_value(
            "instanceTenancy",
            tenancy,
            "It is not supported for VPCs.",
        ));
    }
    must_have_room(change)?;
    let vpc = Vpc {
        id: new_id::<Vpc>(),
        cidr,
        is_default: false,
        dns_support: true,
        dns_hostnames: false,
        address_metrics: false,
        is_dedicated: tenancy == "dedicated",
        tags,
    };
    put_vpc(change, &vpc)?;
    Ok(vpc)
}

fn must_have_room(view: &View) -> Result<()> {
    if view.count::<Vpc>()? >= quotas::VPCS {
        let message = "The maximum number of VPCs has been reached.";
        return Err(refused("VpcLimitExceeded", message));
    }
    Ok(())
}

/// Reads a range of addresses that a VPC or subnet may have: a /16 to a /28, and none that AWS
/// refuses (VPC user guide, "VPC CIDR blocks"). Bits of the host are cleared.
pub(super) fn read_cidr(text: &str, out_of_range: &'static str) -> Result<Cidr> {
    let read: Option<Cidr> = text.parse().ok();
    let cidr =
        read.ok_or_else(|| invalid_value("cidrBlock", text, "This is not a valid CIDR block."))?;
    let cidr = cidr.trunc();
    let first = cidr.network();
    let is_refused = first.octets().first() == Some(&0)
        || first.is_loopback()
        || first.is_link_local()
        || first.octets().first() >= Some(&224);
    if !(16..=28).contains(&cidr.prefix_len()) || is_refused {
        return Err(refused(
            out_of_range,
            format!("The CIDR '{}' is invalid.", short(text)),
        ));
    }
    Ok(cidr)
}

/// CreateDefaultVpc.
pub(super) async fn create_default(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let made = call
        .change_topology(move |call, change| {
            require(call, change, arn(call, "vpc", "*"), Vec::new())?;
            unless_dry_run(&form)?;
            if let Some(default) = default_vpc(change)? {
                let message = format!(
                    "A Default VPC already exists for this account in this region: {}",
                    default.id
                );
                return Err(refused("DefaultVpcAlreadyExists", message));
            }
            must_have_room(change)?;
            Ok(put_default_vpc(change, &call.control.settings.region)?)
        })
        .await?;
    Ok(Answer::Xml(vec![show(&call, &made).renamed("vpc")]))
}

/// The region's default VPC, if it wasn't deleted.
pub(super) fn default_vpc(view: &View) -> Result<Option<Vpc>> {
    Ok(view.all::<Vpc>()?.into_iter().find(|vpc| vpc.is_default))
}

/// DeleteVpc.
pub(super) async fn delete(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    call.change_topology(move |call, change| {
        let vpc = named::<Vpc>(call, change, form.require("VpcId")?)?;
        unless_dry_run(&form)?;
        if has_dependencies(change, &vpc)? {
            let message = format!(
                "The vpc '{}' has dependencies and cannot be deleted.",
                vpc.id
            );
            return Err(refused("DependencyViolation", message));
        }
        for group in change.all_by::<SecurityGroup>(("vpc", &vpc.id))? {
            change.remove::<SecurityGroup>(&group.id)?;
        }
        for acl in change.all_by::<NetworkAcl>(("vpc", &vpc.id))? {
            change.remove::<NetworkAcl>(&acl.id)?;
        }
        change.remove::<Mirror>(&vpc.id)?;
        change.remove::<Vpc>(&vpc.id)?;
        Ok(())
    })
    .await?;
    Ok(done())
}

/// Whether a VPC has more than what was made along with it.
fn has_dependencies(view: &View, vpc: &Vpc) -> Result<bool> {
    let of_vpc = ("vpc", vpc.id.as_str());
    let peers = view.all_by::<VpcPeering>(of_vpc)?;
    let is_joined = |peering: &VpcPeering| {
        peering.is_active()
            || (peering.state == PeeringState::PendingAcceptance && peering.requester == vpc.id)
    };
    let groups = view.all_by::<SecurityGroup>(of_vpc)?;
    let acls = view.all_by::<NetworkAcl>(of_vpc)?;
    Ok(!view.keys_by::<Subnet>(of_vpc, None, 1)?.is_empty()
        || !view
            .keys_by::<NetworkInterface>(of_vpc, None, 1)?
            .is_empty()
        || groups.iter().any(|group| !group.is_default())
        || acls.iter().any(|acl| !acl.is_default)
        || peers.iter().any(is_joined))
}

/// DescribeVpcs.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let (form, view, filters) = describing(&call)?;
    filters.check(&[
        "vpc-id",
        "cidr",
        "cidr-block",
        "cidrBlock",
        "cidr-block-association.cidr-block",
        "cidr-block-association.association-id",
        "cidr-block-association.state",
        "is-default",
        "isDefault",
        "state",
        "owner-id",
        "dhcp-options-id",
        "dhcpOptionsId",
        "ipv6-cidr-block-association.association-id",
        "ipv6-cidr-block-association.ipv6-cidr-block",
        "ipv6-cidr-block-association.ipv6-pool",
        "ipv6-cidr-block-association.state",
    ])?;
    let owner = &call.control.settings.account_id;
    let keep = |vpc: &Vpc| {
        filters.keep(&vpc.tags, |name| match name {
            "vpc-id" => vec![vpc.id.clone()],
            "cidr" | "cidr-block" | "cidrBlock" | "cidr-block-association.cidr-block" => {
                vec![vpc.cidr.to_string()]
            }
            "cidr-block-association.association-id" => vec![association(vpc)],
            "cidr-block-association.state" => vec!["associated".to_owned()],
            "is-default" | "isDefault" => vec![vpc.is_default.to_string()],
            "state" => vec!["available".to_owned()],
            "owner-id" => vec![owner.clone()],
            "dhcp-options-id" | "dhcpOptionsId" => vec!["default".to_owned()],
            _ => Vec::new(),
        })
    };
    described(
        &form,
        view.all()?,
        keep,
        |vpc| &vpc.id,
        ("VpcId", unknown::<Vpc>),
        "vpcSet",
        |vpc| show(&call, vpc),
    )
}

fn association(vpc: &Vpc) -> String {
    format!("vpc-cidr-assoc-{}", vpc.id.trim_start_matches("vpc-"))
}

fn show(call: &Call, vpc: &Vpc) -> Element {
    let cidr = Element::new("item")
        .text("cidrBlock", vpc.cidr)
        .text("associationId", association(vpc))
        .child(Element::new("cidrBlockState").text("state", "associated"));
    let tenancy = if vpc.is_dedicated {
        "dedicated"
    } else {
        "default"
    };
    let shown = Element::new("item")
        .text("vpcId", &vpc.id)
        .text("ownerId", &call.control.settings.account_id)
        .text("state", "available")
        .text("cidrBlock", vpc.cidr)
        .list("cidrBlockAssociationSet", "item", [cidr])
        .child(Element::new("ipv6CidrBlockAssociationSet"))
        .text("dhcpOptionsId", "default")
        .text("instanceTenancy", tenancy)
        .text("isDefault", vpc.is_default);
    tag_set(shown, &vpc.tags)
}
