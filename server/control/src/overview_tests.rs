use serde_json::{Value, json};

use super::{PAIRS, shorten};
use crate::explain::Question;
use crate::testing::{Client, World};

/// An interface in a subnet, with these groups or its VPC's default group; its address.
async fn interface(root: &Client, subnet: &str, more: &[(&str, &str)]) -> String {
    let own = [&[("SubnetId", subnet)], more].concat();
    let made = root.ec2("CreateNetworkInterface", &own).await.ok();
    made.text("privateIpAddress")
}

async fn subnet(root: &Client, vpc: &str, cidr: &str) -> String {
    let asked = [("VpcId", vpc), ("CidrBlock", cidr)];
    root.ec2("CreateSubnet", &asked).await.ok().text("subnetId")
}

fn overview(world: &World) -> Value {
    json!(world.control.overview().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_pair_is_judged_as_explain_says_also_where_vpcs_have_the_same_addresses() {
    let world = World::new();
    let root = world.root();
    let known = root.ec2("DescribeSubnets", &[]).await.ok();
    let (first, second) = (&known.texts("subnetId")[0], &known.texts("subnetId")[1]);
    let asked = json!({"CreationToken": "t"});
    let made = root.efs("POST", "file-systems", &asked).await.ok();
    let fs = made.json()["FileSystemId"].clone();
    for subnet in [first, second] {
        let asked = json!({"FileSystemId": fs, "SubnetId": subnet});
        root.efs("POST", "mount-targets", &asked).await.ok();
    }
    interface(&root, second, &[]).await;
    let twin = [("CidrBlock", "172.31.0.0/16")];
    let twin = root.ec2("CreateVpc", &twin).await.ok().text("vpcId");
    let inside = subnet(&root, &twin, "172.31.0.0/20").await;
    let foreign = interface(&root, &inside, &[]).await;

    let overview = overview(&world);
    let targets = overview["mount_targets"].as_array().unwrap();
    let sources = overview["sources"].as_array().unwrap();
    assert_eq!((targets.len(), sources.len()), (2, 3), "{overview}");
    let mut allowed = 0;
    for (target, row) in targets.iter().zip(overview["reach"].as_array().unwrap()) {
        for (source, place) in sources.iter().zip(row.as_array().unwrap()) {
            let place = usize::try_from(place.as_u64().unwrap()).unwrap();
            let verdict = &overview["verdicts"][place];
            let question = Question {
                client: Some(source["source"].as_str().unwrap().parse().unwrap()),
                mount_target: Some(target["id"].as_str().unwrap().to_owned()),
                ..Question::default()
            };
            let said = world.control.explain(&question).unwrap();
            assert_eq!(
                verdict["allowed"], said.allowed,
                "{source} {verdict} {said:?}"
            );
            let decides = said.layers.iter().find(|layer| !layer.allowed);
            let decides = decides.unwrap_or_else(|| said.layers.last().unwrap());
            assert_eq!(verdict["layer"], decides.layer.as_str());
            assert_eq!(verdict["because"], decides.because.as_str());
            allowed += usize::from(said.allowed);
            if source["address"] == foreign.as_str() && source["vpc"] == twin.as_str() {
                assert_eq!(verdict["layer"], "VPC isolation");
            }
        }
    }
    // The interface with the default group, to both.
    assert_eq!(allowed, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_groups_and_states_are_told() {
    let world = World::new();
    let root = world.root();
    let subnets = root.ec2("DescribeSubnets", &[]).await.ok();
    let subnet = subnets.texts("subnetId")[0].clone();
    let launch = [
        ("ImageId", "ami-12345678"),
        ("MinCount", "1"),
        ("MaxCount", "1"),
        ("SubnetId", subnet.as_str()),
        ("TagSpecification.1.ResourceType", "instance"),
        ("TagSpecification.1.Tag.1.Key", "Name"),
        ("TagSpecification.1.Tag.1.Value", "<b>web</b>"),
    ];
    let instance = root.ec2("RunInstances", &launch).await.ok();
    let overview = overview(&world);
    let sources = overview["sources"].as_array().unwrap();
    assert_eq!(sources[0]["source"], "127.0.0.1");
    assert_eq!(sources[0]["interface"], Value::Null);
    assert_eq!(sources[1]["name"], "<b>web</b>");
    assert_eq!(sources[1]["instance"], instance.text("instanceId").as_str());
    assert_eq!(sources[1]["subnet"], subnet.as_str());
    let group = &overview["security_groups"][0];
    assert_eq!(group["id"], sources[1]["security_groups"][0]);
    assert_eq!(group["name"], "default");
    assert_eq!(overview["vpcs"][0]["mirror"], "127.31.0.0/16");
    assert_eq!(overview["subnets"].as_array().unwrap().len(), 6);
}

#[test]
fn lists_are_cut_and_what_went_is_counted() {
    let mut list: Vec<_> = (0..PAIRS + 3).collect();
    assert_eq!(shorten(&mut list, PAIRS), 3);
    assert_eq!(list.len(), PAIRS);
    assert_eq!(shorten(&mut list, PAIRS), 0);
}
