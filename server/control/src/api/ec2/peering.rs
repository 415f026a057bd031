//! VPC peering connections: CreateVpcPeeringConnection, AcceptVpcPeeringConnection,
//! RejectVpcPeeringConnection, DeleteVpcPeeringConnection, DescribeVpcPeeringConnections.

use std::sync::Arc;

use super::describe::{described, describing};
use super::network_interfaces::moment;
use super::resource::{find, making, named, new_id, not_found, unknown};
use super::tagging::{tag_set, tag_specification};
use super::{
    Answer, ApiError, Call, Element, Form, Result, arn, done, form, key, missing, quotas, refused,
    short, unless_dry_run,
};
use crate::records::{Cidr, PeeringState, Vpc, VpcPeering};
use crate::store::{Change, View};

/// How long a request waits, in milliseconds (VPC peering guide, "VPC peering connection
/// lifecycle").
const WAITS: u64 = 7 * 24 * 60 * 60 * 1000;

/// How long a connection that is over is seen, in milliseconds.
const SEEN: u64 = 2 * 60 * 60 * 1000;

/// What a connection is said to be: its code and message.
fn status(call: &Call, peering: &VpcPeering) -> (&'static str, String) {
    let account = &call.control.settings.account_id;
    match peering.state {
        PeeringState::PendingAcceptance if has_expired(call, peering) => {
            ("expired", "Expired".to_owned())
        }
        PeeringState::PendingAcceptance => (
            "pending-acceptance",
            format!("Pending Acceptance by {account}"),
        ),
        PeeringState::Active => ("active", "Active".to_owned()),
        PeeringState::Rejected => ("rejected", format!("Rejected by {account}")),
        PeeringState::Deleted => ("deleted", format!("Deleted by {account}")),
        PeeringState::Failed => {
            let message = "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range";
            ("failed", message.to_owned())
        }
    }
}

fn has_expired(call: &Call, peering: &VpcPeering) -> bool {
    call.request.millis() > peering.created.saturating_add(WAITS)
}

fn is_seen(call: &Call, peering: &VpcPeering) -> bool {
    let since = call.request.millis().saturating_sub(SEEN);
    peering.ended.is_none_or(|ended| ended >= since)
}

/// CreateVpcPeeringConnection.
pub(super) async fn create(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let made = call
        .change_topology(move |call, change| make(call, change, &form))
        .await?;
    let shown = show(&call, &made).renamed("vpcPeeringConnection");
    Ok(Answer::Xml(vec![shown]))
}

fn make(call: &Call, change: &mut Change, form: &Form) -> Result<VpcPeering> {
    let tags = tag_specification(form, "vpc-peering-connection")?;
    let settings = &call.control.settings;
    let requester = form.require("VpcId")?;
    let accepter = form.get("PeerVpcId").ok_or_else(|| missing("peerVpcId"))?;
    let own = vec![
        key("ec2:RequesterVpc", arn(call, "vpc", &short(requester))),
        key("ec2:AccepterVpc", arn(call, "vpc", &short(accepter))),
    ];
    making(call, change, "vpc-peering-connection", &tags, own)?;
    let requester = named::<Vpc>(call, change, requester)?;
    unless_dry_run(form)?;
    let is_here = form
        .get("PeerOwnerId")
        .is_none_or(|owner| owner == settings.account_id)
        && form
            .get("PeerRegion")
            .is_none_or(|region| region == settings.region);
    if !is_here {
        // Other accounts and regions have no VPCs here.
        return Err(not_found::<Vpc>(accepter));
    }
    let accepter = find::<Vpc>(change, accepter)?;
    forget_old(call, change)?;
    let known = change.all_by::<VpcPeering>(("vpc", &requester.id))?;
    let is_waiting =
        |one: &VpcPeering| one.state == PeeringState::PendingAcceptance && !has_expired(call, one);
    let is_there = |one: &VpcPeering| one.is_active() || is_waiting(one);
    if known
        .iter()
        .any(|one| one.joins(&requester.id, &accepter.id) && is_there(one))
    {
        let message = "A VPC peering connection between the VPCs already exists.";
        return Err(refused("VpcPeeringConnectionAlreadyExists", message));
    }
    if known.iter().filter(|one| is_waiting(one)).count() >= quotas::WAITING_PEERINGS {
        let message = "You've reached the limit on the number of outstanding VPC peering connection requests.";
        return Err(refused(
            "OutstandingVpcPeeringConnectionLimitExceeded",
            message,
        ));
    }
    let (ours, theirs) = (requester.cidr, accepter.cidr);
    let overlaps = ours.contains(&theirs) || theirs.contains(&ours);
    let now = call.request.millis();
    let made = VpcPeering {
        id: new_id::<VpcPeering>(),
        requester: requester.id,
        requester_cidr: ours,
        accepter: accepter.id,
        accepter_cidr: theirs,
        state: if overlaps {
            PeeringState::Failed
        } else {
            PeeringState::PendingAcceptance
        },
        created: now,
        ended: overlaps.then_some(now),
        tags,
    };
    change.put(&made)?;
    Ok(made)
}

fn forget_old(call: &Call, change: &mut Change) -> Result<()> {
    for peering in change.all::<VpcPeering>()? {
        if !is_seen(call, &peering) {
            change.remove::<VpcPeering>(&peering.id)?;
        }
    }
    Ok(())
}

fn no_transition(call: &Call, peering: &VpcPeering, to: &str) -> ApiError {
    let (from, _) = status(call, peering);
    let message = format!(
        "Invalid state transition for {}, attempted to transition from {from} to {to}",
        peering.id
    );
    refused("InvalidStateTransition", message)
}

/// AcceptVpcPeeringConnection.
pub(super) async fn accept(call: Arc<Call>) -> Result<Answer> {
    let form = form(&call)?;
    let made = call
        .change_topology(move |call, change| {
            let mut peering = found(call, change, &form)?;
            named::<Vpc>(call, change, &peering.accepter)?;
            unless_dry_run(&form)?;
            if status(call, &peering).0 != "pending-acceptance" {
                return Err(no_transition(call, &peering, "active"));
            }
            for vpc in [&peering.requester, &peering.accepter] {
                let all = change.all_by::<VpcPeering>(("vpc", vpc))?;
                if all.iter().filter(|one| one.is_active()).count() >= quotas::PEERINGS {
                    let message = format!("The maximum number of active peering connections of {vpc} has been reached.");
                    return Err(refused("ActiveVpcPeeringConnectionPerVpcLimitExceeded", message));
                }
            }
            peering.state = PeeringState::Active;
            change.put(&peering)?;
            Ok(peering)
        })
        .await?;
    let shown = show(&call, &made).renamed("vpcPeeringConnection");
    Ok(Answer::Xml(vec![shown]))
}

fn found(call: &Call, view: &View, form: &Form) -> Result<VpcPeering> {
    let id = form.require("VpcPeeringConnectionId")?;
    let peering = named::<VpcPeering>(call, view, id)?;
    if is_seen(call, &peering) {
        return Ok(peering);
    }
    Err(not_found::<VpcPeering>(id))
}

/// RejectVpcPeeringConnection.
pub(super) async fn reject(call: Arc<Call>) -> Result<Answer> {
    finish(
        call,
        PeeringState::Rejected,
        "rejected",
        &["pending-acceptance"],
    )
    .await
}

/// DeleteVpcPeeringConnection.
pub(super) async fn delete(call: Arc<Call>) -> Result<Answer> {
    let from = &["pending-acceptance", "active", "failed", "expired"];
    finish(call, PeeringState::Deleted, "deleted", from).await
}

async fn finish(
    call: Arc<Call>,
    to: PeeringState,
    name: &'static str,
    from: &'static [&'static str],
) -> Result<Answer> {
    let form = form(&call)?;
    call.change_topology(move |call, change| {
        let mut peering = found(call, change, &form)?;
        unless_dry_run(&form)?;
        if !from.contains(&status(call, &peering).0) {
            return Err(no_transition(call, &peering, name));
        }
        peering.state = to;
        peering.ended = Some(call.request.millis());
        Ok(change.put(&peering)?)
    })
    .await?;
    Ok(done())
}

/// DescribeVpcPeeringConnections.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let (form, view, filters) = describing(&call)?;
    filters.check(&[
        "accepter-vpc-info.cidr-block",
        "accepter-vpc-info.owner-id",
        "accepter-vpc-info.vpc-id",
        "expiration-time",
        "requester-vpc-info.cidr-block",
        "requester-vpc-info.owner-id",
        "requester-vpc-info.vpc-id",
        "status-code",
        "status-message",
        "vpc-peering-connection-id",
    ])?;
    let owner = &call.control.settings.account_id;
    let mut all = view.all::<VpcPeering>()?;
    all.retain(|peering| is_seen(&call, peering));
    let keep = |peering: &VpcPeering| {
        let (code, message) = status(&call, peering);
        filters.keep(&peering.tags, |name| {
            vec![match name {
                "accepter-vpc-info.cidr-block" => peering.accepter_cidr.to_string(),
                "accepter-vpc-info.vpc-id" => peering.accepter.clone(),
                "requester-vpc-info.cidr-block" => peering.requester_cidr.to_string(),
                "requester-vpc-info.vpc-id" => peering.requester.clone(),
                "accepter-vpc-info.owner-id" | "requester-vpc-info.owner-id" => owner.clone(),
                "expiration-time" => moment(peering.created.saturating_add(WAITS)),
                "status-code" => code.to_owned(),
                "status-message" => message.clone(),
                _ => peering.id.clone(),
            }]
        })
    };
    described(
        &form,
        all,
        keep,
        |peering| &peering.id,
        ("VpcPeeringConnectionId", unknown::<VpcPeering>),
        "vpcPeeringConnectionSet",
        |peering| show(&call, peering),
    )
}

fn show(call: &Call, peering: &VpcPeering) -> Element {
    let settings = &call.control.settings;
    let side = |name: &'static str, vpc: &str, cidr: Cidr| {
        let block = Element::new("item").text("cidrBlock", cidr);
        let options = Element::new("peeringOptions")
            .text("allowDnsResolutionFromRemoteVpc", false)
            .text("allowEgressFromLocalClassicLinkToRemoteVpc", false)
            .text("allowEgressFromLocalVpcToRemoteClassicLink", false);
        Element::new(name)
            .text("cidrBlock", cidr)
            .list("cidrBlockSet", "item", [block])
            .text("ownerId", &settings.account_id)
            .text("vpcId", vpc)
            .text("region", &settings.region)
            .child(options)
    };
    let (code, message) = status(call, peering);
    let expires = (peering.state == PeeringState::PendingAcceptance)
        .then(|| moment(peering.created.saturating_add(WAITS)));
    let shown = Element::new("item")
        .text("vpcPeeringConnectionId", &peering.id)
        .child(side(
            "requesterVpcInfo",
            &peering.requester,
            peering.requester_cidr,
        ))
        .child(side(
            "accepterVpcInfo",
            &peering.accepter,
            peering.accepter_cidr,
        ))
        .child(
            Element::new("status")
                .text("code", code)
                .text("message", message),
        )
        .optional("expirationTime", expires);
    tag_set(shown, &peering.tags)
}
