//! Each operation is for those who have its permission, and condition keys have their values.

use std::collections::BTreeSet;

use super::scene::Scene;
use crate::api::ec2::OPERATIONS;

/// A call of each operation that succeeds.
const CALLS: &[(&str, &str)] = &[
    (
        "AcceptVpcPeeringConnection",
        "VpcPeeringConnectionId={peering}",
    ),
    (
        "AuthorizeSecurityGroupEgress",
        "GroupId={group}&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=1\
         &IpPermissions.1.ToPort=2&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8",
    ),
    (
        "AuthorizeSecurityGroupIngress",
        "GroupId={group}&IpProtocol=tcp&FromPort=2049&ToPort=2049&CidrIp=10.0.0.0/8",
    ),
    ("CreateDefaultVpc", ""),
    (
        "CreateManagedPrefixList",
        "PrefixListName=other&MaxEntries=5&AddressFamily=IPv4",
    ),
    ("CreateNetworkAcl", "VpcId={vpc}"),
    (
        "CreateNetworkAclEntry",
        "NetworkAclId={acl}&RuleNumber=60&Protocol=-1&RuleAction=deny&Egress=true\
         &CidrBlock=10.0.0.0/8",
    ),
    (
        "CreateNetworkInterface",
        "SubnetId={subnet}&SecurityGroupId.1={group}",
    ),
    (
        "CreateSecurityGroup",
        "VpcId={vpc}&GroupName=other&GroupDescription=d",
    ),
    (
        "CreateSubnet",
        "VpcId={vpc}&CidrBlock=10.1.9.0/24&AvailabilityZone=us-east-1b",
    ),
    ("CreateTags", "ResourceId.1={vpc}&Tag.1.Key=a&Tag.1.Value=b"),
    ("CreateVpc", "CidrBlock=10.3.0.0/16"),
    (
        "CreateVpcPeeringConnection",
        "VpcId={vpc}&PeerVpcId={empty}",
    ),
    ("DeleteManagedPrefixList", "PrefixListId={list}"),
    ("DeleteNetworkAcl", "NetworkAclId={acl}"),
    (
        "DeleteNetworkAclEntry",
        "NetworkAclId={acl}&RuleNumber=50&Egress=false",
    ),
    ("DeleteNetworkInterface", "NetworkInterfaceId={interface}"),
    ("DeleteSecurityGroup", "GroupId={unused}"),
    ("DeleteSubnet", "SubnetId={spare}"),
    ("DeleteTags", "ResourceId.1={vpc}&Tag.1.Key=team"),
    ("DeleteVpc", "VpcId={empty}"),
    (
        "DeleteVpcPeeringConnection",
        "VpcPeeringConnectionId={peering}",
    ),
    ("DescribeAccountAttributes", ""),
    ("DescribeAvailabilityZones", ""),
    (
        "DescribeInstanceAttribute",
        "InstanceId={instance}&Attribute=groupSet",
    ),
    ("DescribeInstances", ""),
    ("DescribeManagedPrefixLists", ""),
    ("DescribeNetworkAcls", ""),
    (
        "DescribeNetworkInterfaceAttribute",
        "NetworkInterfaceId={interface}&Attribute=groupSet",
    ),
    ("DescribeNetworkInterfaces", ""),
    ("DescribeRegions", ""),
    ("DescribeSecurityGroupReferences", "GroupId.1={group}"),
    ("DescribeSecurityGroupRules", ""),
    ("DescribeSecurityGroups", ""),
    ("DescribeStaleSecurityGroups", "VpcId={vpc}"),
    ("DescribeSubnets", ""),
    ("DescribeTags", ""),
    (
        "DescribeVpcAttribute",
        "VpcId={vpc}&Attribute=enableDnsSupport",
    ),
    ("DescribeVpcPeeringConnections", ""),
    ("DescribeVpcs", ""),
    ("GetManagedPrefixListAssociations", "PrefixListId={list}"),
    ("GetManagedPrefixListEntries", "PrefixListId={list}"),
    (
        "ModifyInstanceAttribute",
        "InstanceId={instance}&GroupId.1={group}",
    ),
    (
        "ModifyManagedPrefixList",
        "PrefixListId={list}&CurrentVersion=1&AddEntry.1.Cidr=10.9.0.0/16",
    ),
    (
        "ModifyNetworkInterfaceAttribute",
        "NetworkInterfaceId={interface}&SecurityGroupId.1={unused}",
    ),
    (
        "ModifySecurityGroupRules",
        "GroupId={group}&SecurityGroupRule.1.SecurityGroupRuleId={rule}\
         &SecurityGroupRule.1.SecurityGroupRule.IpProtocol=tcp\
         &SecurityGroupRule.1.SecurityGroupRule.FromPort=2049\
         &SecurityGroupRule.1.SecurityGroupRule.ToPort=2049\
         &SecurityGroupRule.1.SecurityGroupRule.CidrIpv4=10.0.0.0/8",
    ),
    (
        "ModifySubnetAttribute",
        "SubnetId={subnet}&MapPublicIpOnLaunch.Value=true",
    ),
    (
        "ModifyVpcAttribute",
        "VpcId={vpc}&EnableDnsHostnames.Value=true",
    ),
    (
        "RejectVpcPeeringConnection",
        "VpcPeeringConnectionId={peering}",
    ),
    (
        "ReplaceNetworkAclAssociation",
        "AssociationId={association}&NetworkAclId={acl}",
    ),
    (
        "ReplaceNetworkAclEntry",
        "NetworkAclId={acl}&RuleNumber=50&Protocol=-1&RuleAction=allow&Egress=false\
         &CidrBlock=10.0.0.0/8",
    ),
    (
        "RevokeSecurityGroupEgress",
        "GroupId={group}&IpPermissions.1.IpProtocol=-1\
         &IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0",
    ),
    (
        "RevokeSecurityGroupIngress",
        "GroupId={group}&SecurityGroupRuleId.1={rule}",
    ),
    (
        "RunInstances",
        "ImageId=ami-1&InstanceType=t3.micro&MinCount=1&MaxCount=1&SubnetId={subnet}\
         &SecurityGroupId.1={group}",
    ),
    ("TerminateInstances", "InstanceId.1={instance}"),
    (
        "UpdateSecurityGroupRuleDescriptionsEgress",
        "GroupId={group}&IpPermissions.1.IpProtocol=-1\
         &IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0\
         &IpPermissions.1.IpRanges.1.Description=other",
    ),
    (
        "UpdateSecurityGroupRuleDescriptionsIngress",
        "GroupId={group}&SecurityGroupRuleDescription.1.SecurityGroupRuleId={rule}\
         &SecurityGroupRuleDescription.1.Description=other",
    ),
];

#[tokio::test]
async fn every_operation_is_denied_without_its_permission_and_allowed_with_it() {
    let known: BTreeSet<_> = OPERATIONS.iter().map(|operation| operation.name).collect();
    let called: BTreeSet<_> = CALLS.iter().map(|(operation, _)| *operation).collect();
    assert_eq!(known, called);
    assert_eq!(CALLS.len(), called.len(), "one call of each");
    for (operation, parameters) in CALLS {
        let scene = Scene::new().await;
        if *operation == "CreateDefaultVpc" {
            scene.without_default_vpc().await;
        }
        let before = scene.described().await;
        let others =
            format!(r#"[{{"Effect": "Allow", "NotAction": "ec2:{operation}", "Resource": "*"}}]"#);
        let but_denied = format!(
            r#"[{{"Effect": "Allow", "Action": "*", "Resource": "*"}},
                {{"Effect": "Deny", "Action": "ec2:{operation}", "Resource": "*"}}]"#
        );
        for (name, statements) in [
            ("nobody", ""),
            ("others", &others),
            ("but-denied", &but_denied),
        ] {
            let user = scene.world.user(name, statements).await;
            let reply = scene.call(&user, operation, parameters).await;
            let found = reply.error();
            let denied = (403, "UnauthorizedOperation".to_owned());
            assert_eq!(found, denied, "{operation} by {name}: {reply:?}");
        }
        let after = scene.described().await;
        assert_eq!(
            before, after,
            "{operation} is denied, and changes something"
        );
        let only =
            format!(r#"[{{"Effect": "Allow", "Action": "ec2:{operation}", "Resource": "*"}}]"#);
        let user = scene.world.user("only", &only).await;
        let reply = scene.call(&user, operation, parameters).await;
        assert_eq!(reply.status, 200, "{operation}: {reply:?}");
    }
}

const VPC: &str = "arn:aws:ec2:us-east-1:123456789012:vpc/{vpc}";
const DEFAULT: &str = "arn:aws:ec2:us-east-1:123456789012:vpc/{default}";
const SUBNET: &str = "arn:aws:ec2:us-east-1:123456789012:subnet/{subnet}";

/// A condition key, an operation that has it, and the value that it has in the call of it above.
const KEYS: &[(&str, &str, &str)] = &[
    ("aws:ResourceTag/team", "ModifyVpcAttribute", "red"),
    ("ec2:ResourceTag/team", "CreateSubnet", "red"),
    ("aws:RequestTag/a", "CreateTags", "b"),
    ("aws:TagKeys", "CreateTags", "a"),
    ("aws:TagKeys", "DeleteTags", "team"),
    ("ec2:AccepterVpc", "AcceptVpcPeeringConnection", DEFAULT),
    ("ec2:RequesterVpc", "AcceptVpcPeeringConnection", VPC),
    ("ec2:RequesterVpc", "CreateVpcPeeringConnection", VPC),
    (
        "ec2:VpcPeeringConnectionID",
        "AcceptVpcPeeringConnection",
        "{peering}",
    ),
    ("ec2:Attribute", "DescribeVpcAttribute", "enableDnsSupport"),
    (
        "ec2:Attribute",
        "DescribeNetworkInterfaceAttribute",
        "groupSet",
    ),
    ("ec2:Attribute", "DescribeInstanceAttribute", "groupSet"),
    ("ec2:InstanceID", "DescribeInstanceAttribute", "{instance}"),
    ("ec2:AvailabilityZone", "CreateSubnet", "us-east-1b"),
    (
        "ec2:AvailabilityZone",
        "ModifySubnetAttribute",
        "us-east-1b",
    ),
    ("ec2:InstanceID", "TerminateInstances", "{instance}"),
    ("ec2:InstanceType", "RunInstances", "t3.micro"),
    ("ec2:InstanceType", "TerminateInstances", "t3.micro"),
    ("ec2:NetworkAclID", "CreateNetworkAclEntry", "{acl}"),
    (
        "ec2:NetworkInterfaceID",
        "ModifyNetworkInterfaceAttribute",
        "{interface}",
    ),
    (
        "ec2:SecurityGroupID",
        "AuthorizeSecurityGroupIngress",
        "{group}",
    ),
    ("ec2:SecurityGroupID", "RunInstances", "{group}"),
    ("ec2:Subnet", "CreateNetworkInterface", SUBNET),
    ("ec2:Subnet", "ModifyNetworkInterfaceAttribute", SUBNET),
    ("ec2:SubnetID", "ModifySubnetAttribute", "{subnet}"),
    ("ec2:Tenancy", "CreateVpc", "default"),
    ("ec2:Tenancy", "ModifyVpcAttribute", "default"),
    ("ec2:Vpc", "CreateSecurityGroup", VPC),
    ("ec2:Vpc", "AuthorizeSecurityGroupIngress", VPC),
    ("ec2:Vpc", "CreateNetworkAcl", VPC),
    ("ec2:VpcID", "ModifyVpcAttribute", "{vpc}"),
];

#[tokio::test]
async fn condition_keys_have_their_values() {
    for (key, operation, value) in KEYS {
        let scene = Scene::new().await;
        let call = CALLS.iter().find(|(known, _)| known == operation);
        let parameters = call.unwrap().1;
        let denied_if = |value: &str| {
            scene.fill(&format!(
                r#"[{{"Effect": "Allow", "Action": "*", "Resource": "*"}},
                    {{"Effect": "Deny", "Action": "ec2:{operation}", "Resource": "*",
                      "Condition": {{"ForAnyValue:StringEquals": {{"{key}": "{value}"}}}}}}]"#
            ))
        };
        let same = scene.world.user("same", &denied_if(value)).await;
        let reply = scene.call(&same, operation, parameters).await;
        let denied = (403, "UnauthorizedOperation".to_owned());
        assert_eq!(reply.error(), denied, "{key} of {operation}: {reply:?}");
        let other = scene.world.user("other", &denied_if("another")).await;
        let reply = scene.call(&other, operation, parameters).await;
        assert_eq!(reply.status, 200, "{key} of {operation}: {reply:?}");
    }
}

/// What a call makes with tags needs the permission to tag, which may be for these calls alone.
#[tokio::test]
async fn who_makes_something_with_tags_may_be_allowed_to_tag_only_that() {
    let scene = Scene::new().await;
    let tagged = "CidrBlock=10.3.0.0/16&TagSpecification.1.ResourceType=vpc\
                  &TagSpecification.1.Tag.1.Key=a&TagSpecification.1.Tag.1.Value=b";
    let make = r#"{"Effect": "Allow", "Action": "ec2:CreateVpc", "Resource": "*"}"#;
    let maker = scene.world.user("maker", &format!("[{make}]")).await;
    let reply = scene.call(&maker, "CreateVpc", tagged).await;
    reply.fails(403, "UnauthorizedOperation", "");
    let tag = r#"{"Effect": "Allow", "Action": "ec2:CreateTags", "Resource": "*",
                  "Condition": {"StringEquals": {"ec2:CreateAction": "CreateVpc"}}}"#;
    let tagger = scene
        .world
        .user("tagger", &format!("[{make}, {tag}]"))
        .await;
    scene.call(&tagger, "CreateVpc", tagged).await.ok();
    let alone = "ResourceId.1={vpc}&Tag.1.Key=a&Tag.1.Value=b";
    let reply = scene.call(&tagger, "CreateTags", alone).await;
    reply.fails(403, "UnauthorizedOperation", "");
}

/// Each resource that a call names has to be allowed.
#[tokio::test]
async fn a_permission_for_one_resource_is_none_for_another() {
    let scene = Scene::new().await;
    let user = async |name: &str, operation: &str, resources: &[&str]| {
        let statement = serde_json::json!([{
            "Effect": "Allow",
            "Action": format!("ec2:{operation}"),
            "Resource": resources
                .iter()
                .map(|resource| format!("arn:aws:ec2:*:*:{resource}"))
                .collect::<Vec<_>>(),
        }]);
        let statement = scene.fill(&statement.to_string());
        scene.world.user(name, &statement).await
    };
    for (operation, parameters, needed) in [
        (
            "CreateNetworkInterface",
            "SubnetId={subnet}&SecurityGroupId.1={group}",
            &[
                "network-interface/*",
                "subnet/{subnet}",
                "security-group/{group}",
            ][..],
        ),
        (
            "RunInstances",
            "ImageId=ami-1&MinCount=1&MaxCount=1&SubnetId={subnet}&SecurityGroupId.1={group}",
            &[
                "image/*",
                "instance/*",
                "network-interface/*",
                "volume/*",
                "subnet/{subnet}",
                "security-group/{group}",
            ],
        ),
        (
            "CreateSubnet",
            "VpcId={vpc}&CidrBlock=10.1.9.0/24",
            &["subnet/*", "vpc/{vpc}"],
        ),
        (
            "ReplaceNetworkAclAssociation",
            "AssociationId={association}&NetworkAclId={acl}",
            &["network-acl/*", "subnet/{subnet}"],
        ),
    ] {
        for missing in needed {
            let given: Vec<_> = needed
                .iter()
                .copied()
                .filter(|one| one != missing)
                .collect();
            let name = format!("{operation}-{}", missing.replace(['/', '{', '}', '*'], "-"));
            let user = user(&name, operation, &given).await;
            let reply = scene.call(&user, operation, parameters).await;
            let denied = (403, "UnauthorizedOperation".to_owned());
            assert_eq!(reply.error(), denied, "{operation} without {missing}");
        }
        let user = user(operation, operation, needed).await;
        scene.call(&user, operation, parameters).await.ok();
    }
}
