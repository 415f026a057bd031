use std::net::Ipv4Addr;

use super::tests::{assert_same, sow, state, world};
use crate::explain::{Explanation, Question};
use crate::testing::{Client, World};

/// The network of the documentation.
fn network() -> &'static str {
    let page = include_str!("../../../../docs/seed.md");
    let (_, rest) = page.split_once("## A network").unwrap();
    let (_, rest) = rest.split_once("```toml\n").unwrap();
    rest.split_once("```").unwrap().0
}

/// The id of what has this tag `Name`, as the API describes it.
async fn id_of(client: &Client, operation: &str, name: &str, element: &str) -> String {
    let filter = [("Filter.1.Name", "tag:Name"), ("Filter.1.Value.1", name)];
    let found = client.ec2(operation, &filter).await.ok().texts(element);
    assert!(!found.is_empty(), "{operation}: {name}");
    found[0].clone()
}

async fn mount_target(client: &Client) -> String {
    let null = &serde_json::Value::Null;
    let all = client.efs("GET", "file-systems", null).await.ok().json();
    let all = all["FileSystems"].as_array().unwrap().clone();
    let found = all.iter().find(|found| found["CreationToken"] == "office");
    let id = found.unwrap()["FileSystemId"].as_str().unwrap().to_owned();
    let path = format!("mount-targets?FileSystemId={id}");
    let targets = client.efs("GET", &path, null).await.ok().json();
    let target = &targets["MountTargets"][0];
    assert_eq!(target["IpAddress"], "10.1.0.20");
    assert_eq!(
        target["SubnetId"],
        id_of(client, "DescribeSubnets", "office-a", "subnetId")
            .await
            .as_str()
    );
    target["MountTargetId"].as_str().unwrap().to_owned()
}

/// What is said of a mount by this client; the layer that denies it.
fn explain(world: &World, client: [u8; 4], target: &str) -> (Explanation, Option<String>) {
    let question = Question {
        client: Some(Ipv4Addr::from(client)),
        mount_target: Some(target.to_owned()),
        ..Question::default()
    };
    let said = world.control.explain(&question).unwrap();
    let denies = said.layers.iter().find(|layer| !layer.allowed);
    let denies = denies.map(|layer| layer.layer.clone());
    (said, denies)
}

#[tokio::test]
async fn a_network_is_described_and_decides_and_a_second_start_changes_nothing() {
    let world = world().await;
    sow(&world, network()).await.unwrap();
    let root = world.root();
    let office = id_of(&root, "DescribeVpcs", "office", "vpcId").await;
    let lab = id_of(&root, "DescribeVpcs", "lab", "vpcId").await;
    assert_ne!(office, lab);
    let hostnames = [("VpcId", &*office), ("Attribute", "enableDnsHostnames")];
    let hostnames = root.ec2("DescribeVpcAttribute", &hostnames).await.ok();
    assert_eq!(hostnames.text("value"), "true");

    let of_office = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", &*office)];
    let subnets = root.ec2("DescribeSubnets", &of_office).await.ok();
    let mut zones = subnets.texts("availabilityZone");
    zones.sort_unstable();
    assert_eq!(zones, ["us-east-1a", "us-east-1b"]);
    let office_b = id_of(&root, "DescribeSubnets", "office-b", "subnetId").await;
    let acls = [
        ("Filter.1.Name", "association.subnet-id"),
        ("Filter.1.Value.1", &*office_b),
    ];
    let acls = root.ec2("DescribeNetworkAcls", &acls).await.ok();
    assert_eq!(acls.texts("default"), ["false"]);
    let numbers = acls.texts("ruleNumber");
    assert_eq!(numbers, ["90", "100", "32767", "100", "32767"]);
    assert_eq!(acls.texts("ruleAction")[0], "deny");

    let running = [
        ("Filter.1.Name", "tag:Name"),
        ("Filter.1.Value.1", "web"),
        ("Filter.2.Name", "vpc-id"),
        ("Filter.2.Value.1", &*office),
    ];
    let web = root.ec2("DescribeInstances", &running).await.ok();
    assert_eq!(web.texts("instanceType"), ["t3.micro"]);
    assert_eq!(web.texts("privateIpAddress")[0], "10.1.0.10");
    assert!(web.texts("groupName").contains(&"clients".to_owned()));

    let target = mount_target(&root).await;
    let (said, denies) = explain(&world, [10, 1, 0, 10], &target);
    assert_eq!(denies, None, "{said:?}");
    let (said, denies) = explain(&world, [10, 1, 1, 10], &target);
    let because = format!("{said:?}");
    assert!(denies.is_some() && because.contains("90"), "{because}");
    let (_, denies) = explain(&world, [10, 2, 0, 10], &target);
    assert!(denies.is_some(), "the VPCs are not peered");
    // An address that no instance has is in no group.
    let (_, denies) = explain(&world, [10, 1, 0, 11], &target);
    assert!(denies.is_some());

    let before = state(&world);
    sow(&world, network()).await.unwrap();
    assert_same(&state(&world), &before);
}

#[tokio::test]
async fn what_differs_in_a_network_is_changed() {
    let world = world().await;
    sow(&world, network()).await.unwrap();
    let changed = network()
        .replace("RuleAction = \"deny\"", "RuleAction = \"allow\"")
        .replace("EnableDnsHostnames = true", "EnableDnsHostnames = false")
        .replace("Value = \"batch\"", "Value = \"night\"")
        .replacen(
            "SecurityGroups = [\"clients\"]",
            "SecurityGroups = [\"default\"]",
            1,
        );
    sow(&world, &changed).await.unwrap();
    let root = world.root();
    let target = mount_target(&root).await;
    assert!(explain(&world, [10, 1, 0, 10], &target).1.is_some(), "web");
    assert_eq!(explain(&world, [10, 1, 1, 10], &target).1, None, "batch");
    let tags = [("Filter.1.Name", "tag:team"), ("Filter.1.Value.1", "night")];
    let tagged = root.ec2("DescribeSubnets", &tags).await.ok();
    assert_eq!(tagged.texts("cidrBlock"), ["10.1.1.0/24"]);
    let office = id_of(&root, "DescribeVpcs", "office", "vpcId").await;
    let hostnames = [("VpcId", &*office), ("Attribute", "enableDnsHostnames")];
    let hostnames = root.ec2("DescribeVpcAttribute", &hostnames).await.ok();
    assert_eq!(hostnames.text("value"), "false");

    // Back, but for the network ACL of the subnet.
    let moved = network().replace(
        "SubnetId = \"office-b\" }]\n\n",
        "SubnetId = \"office-a\" }]\n\n",
    );
    assert_ne!(moved, network());
    sow(&world, &moved).await.unwrap();
    let acl = id_of(&root, "DescribeNetworkAcls", "no-nfs", "networkAclId").await;
    let acl = root
        .ec2("DescribeNetworkAcls", &[("NetworkAclId.1", &*acl)])
        .await;
    let subnets = acl.ok().texts("subnetId");
    assert_eq!(subnets.len(), 2, "nothing is removed");

    // An instance that was terminated is launched again.
    let web = id_of(&root, "DescribeInstances", "web", "instanceId").await;
    root.ec2("TerminateInstances", &[("InstanceId.1", &*web)])
        .await
        .ok();
    sow(&world, &moved).await.unwrap();
    assert_eq!(explain(&world, [10, 1, 0, 10], &target).1, None);
}

#[tokio::test]
async fn what_cannot_be_changed_in_a_network_is_refused_by_name() {
    let world = world().await;
    sow(&world, network()).await.unwrap();
    for (from, to, expected) in [
        (
            "10.2.0.0/16",
            "10.3.0.0/16",
            "seed.toml: Vpcs[\"lab\"].CidrBlock: it is 10.2.0.0/16 on what is there, 10.3.0.0/16 \
             in the seed",
        ),
        (
            "10.1.1.0/24\"\nAvail",
            "10.1.2.0/24\"\nAvail",
            "Subnets[\"office-b\"].CidrBlock: ",
        ),
        (
            "us-east-1b",
            "us-east-1c",
            "Subnets[\"office-b\"].AvailabilityZone: ",
        ),
        (
            "10.1.0.20",
            "10.1.0.21",
            "FileSystems[\"office\"].MountTargets[\"office-a\"].IpAddress: ",
        ),
        ("t3.micro", "t3.large", "Instances[\"web\"].InstanceType: "),
        (
            "10.1.1.10",
            "10.1.1.11",
            "Instances[\"batch\"].PrivateIpAddress: ",
        ),
        (
            "10.2.0.10",
            "10.2.0.11",
            "Instances[\"bench\"].NetworkInterfaces[0].PrivateIpAddress: ",
        ),
        (
            "[{ DeviceIndex = 0",
            "[{ DeviceIndex = 1 }, { DeviceIndex = 0",
            "Instances[\"bench\"].NetworkInterfaces[0]: what is there has no such interface",
        ),
    ] {
        assert!(network().contains(from), "{from}");
        let before = state(&world);
        let wanted = network().replacen(from, to, 1);
        let error = sow(&world, &wanted).await.expect_err(to).to_string();
        assert!(error.contains(expected), "{error}");
        assert_same(&state(&world), &before);
    }
}

#[tokio::test]
async fn what_is_wrong_in_a_network_is_named() {
    let vpc = "[[Vpcs]]\nName = \"v\"\nCidrBlock = \"10.1.0.0/16\"\n";
    let subnet = "[[Subnets]]\nName = \"s\"\nVpcId = \"v\"\nCidrBlock = \"10.1.0.0/24\"\n";
    let acl = "[[NetworkAcls]]\nName = \"n\"\nVpcId = \"v\"\n";
    for (text, expected) in [
        (
            "[[Vpcs]]\nName = \"v\"\nCidr = \"10.1.0.0/16\"".to_owned(),
            "unknown field `Cidr`",
        ),
        (
            "[[Vpcs]]\nCidrBlock = \"10.1.0.0/16\"".to_owned(),
            "missing field `Name`",
        ),
        (
            vpc.replace("/16", "/8"),
            "Vpcs[\"v\"]: CreateVpc: InvalidVpc.Range: ",
        ),
        (
            format!("{vpc}Tags = [{{ Key = \"Name\", Value = \"w\" }}]"),
            "Vpcs[\"v\"].Tags: the member Name is the tag Name",
        ),
        (
            format!("{vpc}{}", vpc.replace("10.1", "10.2")),
            "Vpcs[\"v\"].CidrBlock: it is 10.1.0.0/16",
        ),
        (
            subnet.to_owned(),
            "Subnets[\"s\"].VpcId: no vpc has the tag Name \"v\"",
        ),
        (
            subnet.replace("\"v\"", "\"vpc-0123456789abcdef0\""),
            "Subnets[\"s\"].VpcId: there is no vpc-0123456789abcdef0",
        ),
        (
            format!("{vpc}{}", subnet.replace("10.1.0.0", "10.2.0.0")),
            "Subnets[\"s\"]: CreateSubnet: InvalidSubnet.Range: ",
        ),
        (
            format!("{vpc}{subnet}{}", subnet.replace("\"s\"", "\"t\"")),
            "Subnets[\"t\"]: CreateSubnet: InvalidSubnet.Conflict: ",
        ),
        (
            format!("{vpc}{subnet}AvailabilityZone = \"us-east-1z\""),
            "Subnets[\"s\"]: CreateSubnet: InvalidParameterValue: ",
        ),
        (
            format!("{vpc}{acl}Associations = [{{ SubnetId = \"s\" }}]"),
            "NetworkAcls[\"n\"].Associations[\"s\"]: no subnet has the tag Name \"s\"",
        ),
        (
            format!(
                "{vpc}{subnet}{acl}Associations = [{{ SubnetId = \"s\" }}]\n{}Associations = [{{ \
                 SubnetId = \"s\" }}]",
                acl.replace("\"n\"", "\"m\"")
            ),
            "NetworkAcls[\"m\"].Associations[\"s\"]: a subnet has one network ACL, and this one \
             has \"n\"",
        ),
        (
            format!(
                "{vpc}{acl}Entries = [{{ RuleNumber = 32767, Egress = true, Protocol = \"-1\", \
                 RuleAction = \"allow\", CidrBlock = \"0.0.0.0/0\" }}]"
            ),
            "NetworkAcls[\"n\"].Entries[0]: ReplaceNetworkAclEntry: InvalidParameterValue: ",
        ),
        (
            format!(
                "{vpc}{acl}Entries = [{{ RuleNumber = 1, Egress = true, Protocol = \"tcp\", \
                 RuleAction = \"block\", CidrBlock = \"0.0.0.0/0\", PortRange = {{ From = 1, To \
                 = 2 }} }}]"
            ),
            "NetworkAcls[\"n\"].Entries[0]: CreateNetworkAclEntry: InvalidParameterValue: ",
        ),
        (
            format!(
                "{vpc}{acl}Entries = [{{ RuleNumber = 1, Protocol = \"tcp\", RuleAction = \
                 \"deny\" }}]"
            ),
            "missing field `Egress`",
        ),
        (
            format!("{vpc}{subnet}[[Instances]]\nName = \"i\"\nSubnetId = \"none\""),
            "Instances[\"i\"].SubnetId: no subnet has the tag Name \"none\"",
        ),
        (
            format!(
                "{vpc}{subnet}[[Instances]]\nName = \"i\"\nSubnetId = \"s\"\nPrivateIpAddress = \
                 \"10.9.0.1\""
            ),
            "Instances[\"i\"]: RunInstances: InvalidParameterValue: ",
        ),
        (
            format!(
                "{vpc}{subnet}[[Instances]]\nName = \"i\"\nSubnetId = \"s\"\nSecurityGroups = \
                 [\"none\"]"
            ),
            "Instances[\"i\"].SecurityGroups: vpc-",
        ),
        (
            format!(
                "{vpc}{subnet}[[Instances]]\nName = \"i\"\nNetworkInterfaces = [{{ DeviceIndex = \
                 0, SubnetId = \"s\", Groups = [\"none\"] }}]"
            ),
            "Instances[\"i\"].NetworkInterfaces[0].Groups: vpc-",
        ),
        (
            "[[Instances]]\nName = \"i\"\nSubnetId = \"s\"\nNetworkInterfaces = [{ DeviceIndex = \
             0 }]"
                .to_owned(),
            "Instances[\"i\"]: an instance has either NetworkInterfaces, or",
        ),
        (
            "[[Instances]]\nName = \"i\"\nPlacement = { AvailabilityZone = \"us-east-1z\" }"
                .to_owned(),
            "Instances[\"i\"]: RunInstances: InvalidParameterValue: ",
        ),
        (
            format!(
                "{vpc}{subnet}{}{}[[Instances]]\nName = \"i\"\nSubnetId = \"s\"",
                vpc.replace("\"v\"", "\"w\""),
                subnet.replace("\"v\"", "\"w\"")
            ),
            "Instances[\"i\"].SubnetId: more than one subnet has the tag Name \"s\"",
        ),
    ] {
        let error = sow(&world().await, &text).await.expect_err(&text);
        let error = error.to_string();
        assert!(error.starts_with("seed.toml: "), "{error}");
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[tokio::test]
async fn the_default_vpc_is_meant_where_none_is_named() {
    let text = "[[Instances]]\nName = \"i\"\nPlacement = { AvailabilityZone = \"us-east-1b\" }\n\
                [[Subnets]]\nName = \"s\"\nCidrBlock = \"172.31.96.0/24\"\n\
                [[Policies]]\nPolicyName = \"p\"\nPolicyDocument = '{\"Version\":\"2012-10-17\",\
                \"Statement\":{\"Effect\":\"Allow\",\"Action\":\"ec2:*\",\"Resource\":\
                \"arn:aws:ec2:{{Region}}:{{AccountId}}:instance/{{Instances.i.InstanceId}}\"}}'\n";
    let world = world().await;
    sow(&world, text).await.unwrap();
    let root = world.root();
    let id = id_of(&root, "DescribeInstances", "i", "instanceId").await;
    let found = root
        .ec2("DescribeInstances", &[("InstanceId.1", &*id)])
        .await;
    assert_eq!(found.text("availabilityZone"), "us-east-1b");
    assert!(state(&world).contains(&format!("instance/{id}")));
    let before = state(&world);
    sow(&world, text).await.unwrap();
    assert_same(&state(&world), &before);
}
