//! Resources: how they are named, looked up, and guarded.

use super::{ApiError, Call, Demand, Key, Result, arn, key, refused, require, short};
use crate::ids;
use crate::records::{
    Instance, NetworkAcl, NetworkInterface, PrefixList, SecurityGroup, Subnet, Tag, Vpc, VpcPeering,
};
use crate::store::{Record, View};

/// A resource of EC2 with a record of its own.
pub(crate) trait Resource: Record {
    /// Its type in ARNs and tags.
    const KIND: &'static str;
    /// What its ids begin with.
    const PREFIX: &'static str;
    /// The error for an id that no resource has.
    const MISSING: &'static str;
    /// The error for what is no id; nothing if that is answered as if it were one.
    const MALFORMED: Option<&'static str>;
    /// What messages call it.
    const NOUN: &'static str;

    /// Its tags.
    fn tags(&self) -> &[Tag];

    /// Its tags, to be changed.
    fn tags_mut(&mut self) -> &mut Vec<Tag>;

    /// Condition keys of its own (Service Authorization Reference, EC2).
    fn own_keys(&self, call: &Call) -> Vec<Key>;
}

macro_rules! resource {
    ($type:ty, $kind:literal, $prefix:literal, $missing:literal, $malformed:expr, $noun:literal,
     |$this:ident, $call:ident| $keys:expr) => {
        impl Resource for $type {
            const KIND: &'static str = $kind;
            const PREFIX: &'static str = $prefix;
            const MISSING: &'static str = $missing;
            const MALFORMED: Option<&'static str> = $malformed;
            const NOUN: &'static str = $noun;

            fn tags(&self) -> &[Tag] {
                &self.tags
            }

            fn tags_mut(&mut self) -> &mut Vec<Tag> {
                &mut self.tags
            }

            fn own_keys(&self, call: &Call) -> Vec<Key> {
                let ($this, $call) = (self, call);
                $keys
            }
        }
    };
}

fn of_vpc(call: &Call, vpc: &str) -> Key {
    key("ec2:Vpc", arn(call, "vpc", vpc))
}

resource!(
    Vpc,
    "vpc",
    "vpc-",
    "InvalidVpcID.NotFound",
    None,
    "vpc ID",
    |vpc, _call| vec![
        key("ec2:VpcID", &vpc.id),
        key(
            "ec2:Tenancy",
            if vpc.is_dedicated {
                "dedicated"
            } else {
                "default"
            }
        ),
    ]
);
resource!(
    Subnet,
    "subnet",
    "subnet-",
    "InvalidSubnetID.NotFound",
    None,
    "subnet ID",
    |subnet, call| vec![
        key("ec2:SubnetID", &subnet.id),
        key("ec2:AvailabilityZone", &subnet.zone),
        of_vpc(call, &subnet.vpc),
    ]
);
resource!(
    SecurityGroup,
    "security-group",
    "sg-",
    "InvalidGroup.NotFound",
    Some("InvalidGroupId.Malformed"),
    "security group",
    |group, call| vec![
        key("ec2:SecurityGroupID", &group.id),
        of_vpc(call, &group.vpc)
    ]
);
resource!(
    NetworkAcl,
    "network-acl",
    "acl-",
    "InvalidNetworkAclID.NotFound",
    Some("InvalidNetworkAclId.Malformed"),
    "networkAcl ID",
    |acl, call| vec![key("ec2:NetworkAclID", &acl.id), of_vpc(call, &acl.vpc)]
);
resource!(
    NetworkInterface,
    "network-interface",
    "eni-",
    "InvalidNetworkInterfaceID.NotFound",
    Some("InvalidNetworkInterfaceId.Malformed"),
    "networkInterface ID",
    |interface, call| vec![
        key("ec2:NetworkInterfaceID", &interface.id),
        key("ec2:AvailabilityZone", &interface.zone),
        key("ec2:Subnet", arn(call, "subnet", &interface.subnet)),
        of_vpc(call, &interface.vpc),
    ]
);
resource!(
    Instance,
    "instance",
    "i-",
    "InvalidInstanceID.NotFound",
    Some("InvalidInstanceID.Malformed"),
    "instance ID",
    |instance, _call| vec![
        key("ec2:InstanceID", &instance.id),
        key("ec2:InstanceType", &instance.instance_type),
        key("ec2:AvailabilityZone", &instance.zone),
    ]
);
resource!(
    PrefixList,
    "prefix-list",
    "pl-",
    "InvalidPrefixListID.NotFound",
    Some("InvalidPrefixListId.Malformed"),
    "prefix list ID",
    |_list, _call| Vec::new()
);
resource!(
    VpcPeering,
    "vpc-peering-connection",
    "pcx-",
    "InvalidVpcPeeringConnectionID.NotFound",
    Some("InvalidVpcPeeringConnectionId.Malformed"),
    "vpcPeeringConnection ID",
    |peering, call| vec![
        key("ec2:VpcPeeringConnectionID", &peering.id),
        key("ec2:RequesterVpc", arn(call, "vpc", &peering.requester)),
        key("ec2:AccepterVpc", arn(call, "vpc", &peering.accepter)),
    ]
);

/// The error for an id that no resource of a type has.
pub(super) fn not_found<R: Resource>(id: &str) -> ApiError {
    let id = short(id);
    refused(R::MISSING, format!("The {} '{id}' does not exist", R::NOUN))
}

fn is_id<R: Resource>(id: &str) -> bool {
    let digits = id.strip_prefix(R::PREFIX).unwrap_or_default();
    (1..=40).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// The error for what is no id of a resource of a type.
pub(super) fn unknown<R: Resource>(id: &str) -> ApiError {
    well_formed::<R>(id)
        .err()
        .unwrap_or_else(|| not_found::<R>(id))
}

/// Checks that something is an id.
///
/// # Errors
/// That of a malformed id, or as if none had it.
pub(super) fn well_formed<R: Resource>(id: &str) -> Result<()> {
    if is_id::<R>(id) {
        return Ok(());
    }
    Err(match R::MALFORMED {
        None => not_found::<R>(id),
        Some(code) => {
            let id = short(id);
            let message = format!("Invalid id: \"{id}\" (expecting \"{}...\")", R::PREFIX);
            refused(code, message)
        }
    })
}

/// The resource of an id, without asking for a permission.
///
/// # Errors
/// That of an id that none has.
pub(super) fn find<R: Resource>(view: &View, id: &str) -> Result<R> {
    well_formed::<R>(id)?;
    view.get::<R>(id)?.ok_or_else(|| not_found::<R>(id))
}

/// All condition keys of a resource.
pub(super) fn keys<R: Resource>(call: &Call, resource: &R) -> Vec<Key> {
    let mut keys = resource.own_keys(call);
    keys.extend(tag_keys(resource.tags()));
    keys
}

/// The condition keys that tags of a resource are.
pub(super) fn tag_keys(tags: &[Tag]) -> Vec<Key> {
    let both = |tag: &Tag| {
        ["aws", "ec2"].map(|of| key(&format!("{of}:ResourceTag/{}", tag.key), &tag.value))
    };
    tags.iter().flat_map(both).collect()
}

/// The resource of an id, once the caller may do with it what the call does.
///
/// # Errors
/// UnauthorizedOperation; then that of an id that none has.
pub(super) fn named<R: Resource>(call: &Call, view: &View, id: &str) -> Result<R> {
    named_with(call, view, id, Vec::new())
}

/// [`named`], with condition keys of the request.
pub(super) fn named_with<R: Resource>(
    call: &Call,
    view: &View,
    id: &str,
    more: Vec<Key>,
) -> Result<R> {
    let found = if is_id::<R>(id) {
        view.get::<R>(id)?
    } else {
        None
    };
    let Some(found) = found else {
        let id_or_any = if is_id::<R>(id) { id } else { "*" };
        require(call, view, arn(call, R::KIND, id_or_any), more)?;
        well_formed::<R>(id)?;
        return Err(not_found::<R>(id));
    };
    let keys = keys(call, &found).into_iter().chain(more).collect();
    require(call, view, arn(call, R::KIND, id), keys)?;
    Ok(found)
}

/// Asks whether the caller may make a resource, with these tags.
///
/// # Errors
/// UnauthorizedOperation.
pub(super) fn making(
    call: &Call,
    view: &View,
    kind: &str,
    tags: &[Tag],
    own: Vec<Key>,
) -> Result<()> {
    let mut keys = own;
    keys.extend(request_tags(tags));
    require(call, view, arn(call, kind, "*"), keys.clone())?;
    if tags.is_empty() {
        return Ok(());
    }
    keys.push(key("ec2:CreateAction", call.operation));
    call.require(
        view,
        Demand {
            action: "ec2:CreateTags".to_owned(),
            resource: arn(call, kind, "*"),
            keys,
            resource_policy: None,
        },
    )
}

/// The condition keys that tags in a request are.
pub(super) fn request_tags(tags: &[Tag]) -> Vec<Key> {
    if tags.is_empty() {
        return Vec::new();
    }
    let names = tags.iter().map(|tag| tag.key.clone()).collect();
    let mut keys = vec![("aws:TagKeys".to_owned(), names)];
    keys.extend(
        tags.iter()
            .map(|tag| key(&format!("aws:RequestTag/{}", tag.key), &tag.value)),
    );
    keys
}

/// A new id for a resource.
pub(super) fn new_id<R: Resource>() -> String {
    ids::random(R::PREFIX)
}
