//! DescribeVpcs.

use std::sync::Arc;

use super::{Answer, Call, Element, Result, described, describing, tag_set};
use crate::records::Vpc;

/// DescribeVpcs.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let (form, view, filters) = describing(&call)?;
    let owner = &call.control.settings.account_id;
    let known = [
        "vpc-id",
        "cidr",
        "cidr-block",
        "is-default",
        "isDefault",
        "state",
        "owner-id",
    ];
    let values = |vpc: &Vpc, name: &str| {
        Some(vec![match name {
            "vpc-id" => vpc.id.clone(),
            "cidr" | "cidr-block" => vpc.cidr.to_string(),
            "is-default" | "isDefault" => vpc.is_default.to_string(),
            "state" => "available".to_owned(),
            "owner-id" => owner.clone(),
            _ => return None,
        }])
    };
    let kept = filters.keep(view.all()?, |vpc: &Vpc| &vpc.tags, values, &known)?;
    let show = |vpc: &Vpc| {
        let association = Element::new("item")
            .text("cidrBlock", vpc.cidr)
            .text(
                "associationId",
                format!("vpc-cidr-assoc-{}", vpc.id.trim_start_matches("vpc-")),
            )
            .child(Element::new("cidrBlockState").text("state", "associated"));
        let shown = Element::new("item")
            .text("vpcId", &vpc.id)
            .text("ownerId", owner)
            .text("state", "available")
            .text("cidrBlock", vpc.cidr)
            .list("cidrBlockAssociationSet", "item", [association])
            .text("dhcpOptionsId", "default")
            .text("instanceTenancy", "default")
            .text("isDefault", vpc.is_default);
        tag_set(shown, &vpc.tags)
    };
    described(
        &form,
        kept,
        |vpc| &vpc.id,
        ("VpcId", "InvalidVpcID.NotFound"),
        "vpcSet",
        show,
    )
}
