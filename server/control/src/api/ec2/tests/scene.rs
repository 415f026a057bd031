//! An account with one of everything, for calls that name it.

use std::collections::BTreeMap;

use crate::testing::{Client, Reply, World};

/// A network, and the ids in it by name.
pub(super) struct Scene {
    pub(super) world: World,
    ids: BTreeMap<&'static str, String>,
}

impl Scene {
    pub(super) async fn new() -> Self {
        let mut scene = Self {
            world: World::new(),
            ids: BTreeMap::new(),
        };
        for (name, operation, parameters, element) in [
            (
                "default",
                "DescribeVpcs",
                "Filter.1.Name=is-default&Filter.1.Value.1=true",
                "vpcId",
            ),
            (
                "vpc",
                "CreateVpc",
                "CidrBlock=10.1.0.0/16&TagSpecification.1.ResourceType=vpc\
                 &TagSpecification.1.Tag.1.Key=team&TagSpecification.1.Tag.1.Value=red",
                "vpcId",
            ),
            ("empty", "CreateVpc", "CidrBlock=10.2.0.0/16", "vpcId"),
            (
                "subnet",
                "CreateSubnet",
                "VpcId={vpc}&CidrBlock=10.1.0.0/24&AvailabilityZone=us-east-1b",
                "subnetId",
            ),
            (
                "spare",
                "CreateSubnet",
                "VpcId={vpc}&CidrBlock=10.1.1.0/24",
                "subnetId",
            ),
            (
                "association",
                "DescribeNetworkAcls",
                "Filter.1.Name=association.subnet-id&Filter.1.Value.1={subnet}",
                "networkAclAssociationId",
            ),
            (
                "group",
                "CreateSecurityGroup",
                "VpcId={vpc}&GroupName=group&GroupDescription=d",
                "groupId",
            ),
            (
                "unused",
                "CreateSecurityGroup",
                "VpcId={vpc}&GroupName=unused&GroupDescription=d",
                "groupId",
            ),
            (
                "rule",
                "AuthorizeSecurityGroupIngress",
                "GroupId={group}&IpProtocol=tcp&FromPort=22&ToPort=22&CidrIp=10.0.0.0/8",
                "securityGroupRuleId",
            ),
            ("acl", "CreateNetworkAcl", "VpcId={vpc}", "networkAclId"),
            (
                "",
                "CreateNetworkAclEntry",
                "NetworkAclId={acl}&RuleNumber=50&Protocol=-1&RuleAction=deny&Egress=false\
                 &CidrBlock=10.0.0.0/8",
                "return",
            ),
            (
                "interface",
                "CreateNetworkInterface",
                "SubnetId={subnet}&SecurityGroupId.1={group}",
                "networkInterfaceId",
            ),
            (
                "instance",
                "RunInstances",
                "ImageId=ami-1&InstanceType=t3.micro&MinCount=1&MaxCount=1&SubnetId={subnet}",
                "instanceId",
            ),
            (
                "list",
                "CreateManagedPrefixList",
                "PrefixListName=list&MaxEntries=5&AddressFamily=IPv4&Entry.1.Cidr=10.0.0.0/8",
                "prefixListId",
            ),
            (
                "peering",
                "CreateVpcPeeringConnection",
                "VpcId={vpc}&PeerVpcId={default}",
                "vpcPeeringConnectionId",
            ),
        ] {
            let root = scene.world.root();
            let made = scene.call(&root, operation, parameters).await.ok();
            scene.ids.insert(name, made.text(element));
        }
        scene
    }

    /// The text with ids in place of their names in braces.
    pub(super) fn fill(&self, text: &str) -> String {
        let ids = self.ids.iter();
        ids.fold(text.to_owned(), |text, (name, id)| {
            text.replace(&format!("{{{name}}}"), id)
        })
    }

    /// Makes a call whose parameters are written as in a query, but not encoded.
    pub(super) async fn call(&self, who: &Client, operation: &str, parameters: &str) -> Reply {
        let parameters = self.fill(parameters);
        let pairs = parameters
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        who.ec2(operation, &pairs.collect::<Vec<_>>()).await
    }

    /// Takes the default VPC away, with its subnets and groups.
    pub(super) async fn without_default_vpc(&self) {
        let root = self.world.root();
        let own = "Filter.1.Name=vpc-id&Filter.1.Value.1={default}";
        for subnet in self
            .call(&root, "DescribeSubnets", own)
            .await
            .ok()
            .texts("subnetId")
        {
            root.ec2("DeleteSubnet", &[("SubnetId", &subnet)])
                .await
                .ok();
        }
        let name = "Filter.2.Name=group-name&Filter.2.Value.1=localefs-nfs-from-everywhere";
        let first = format!("{own}&{name}");
        let found = self.call(&root, "DescribeSecurityGroups", &first).await;
        let group = found.ok().text("groupId");
        let delete = [("GroupId", group.as_str())];
        root.ec2("DeleteSecurityGroup", &delete).await.ok();
        self.call(&root, "DeleteVpc", "VpcId={default}").await.ok();
    }

    /// What the network's verdicts depend on, and what is described of it, in words.
    pub(super) async fn described(&self) -> String {
        let root = self.world.root();
        let mut all = String::new();
        for operation in [
            "DescribeVpcs",
            "DescribeSubnets",
            "DescribeSecurityGroups",
            "DescribeNetworkAcls",
            "DescribeNetworkInterfaces",
            "DescribeInstances",
            "DescribeManagedPrefixLists",
            "DescribeVpcPeeringConnections",
            "DescribeTags",
        ] {
            all += &root.ec2(operation, &[]).await.ok().body;
        }
        all
    }
}
