//! Rules that calls change are in force when the call is answered.

use std::net::SocketAddrV4;

use serde_json::json;

use super::{Layer, Verdict};
use crate::explain::Question;
use crate::testing::{Client, World};

struct Bench {
    world: World,
    root: Client,
    mount_target: String,
    group: String,
}

impl Bench {
    /// A mount target with a new group.
    async fn new() -> Self {
        let world = World::new();
        let root = world.root();
        let made = root
            .efs("POST", "file-systems", &json!({"CreationToken": "t"}))
            .await;
        let file_system = made.ok().json()["FileSystemId"]
            .as_str()
            .unwrap()
            .to_owned();
        let subnet = root.ec2("DescribeSubnets", &[]).await.ok();
        let subnet = subnet.text("subnetId");
        let group = [("GroupName", "nfs"), ("GroupDescription", "nfs")];
        let group = root.ec2("CreateSecurityGroup", &group).await.ok();
        let group = group.text("groupId");
        let body = json!({
            "FileSystemId": file_system,
            "SubnetId": subnet,
            "SecurityGroups": [group],
        });
        let target = root.efs("POST", "mount-targets", &body).await.ok().json();
        let mount_target = target["MountTargetId"].as_str().unwrap().to_owned();
        Self {
            world,
            root,
            mount_target,
            group,
        }
    }

    /// What is published and what explain says, which is the same.
    fn verdict(&self, client: &str) -> Verdict {
        let source = SocketAddrV4::new(client.parse().unwrap(), 40_000);
        let published = self.world.published();
        let target = &published.targets[&self.mount_target];
        let verdict = target.reachability.connect(source);
        let question = Question {
            client: Some(*source.ip()),
            mount_target: Some(self.mount_target.clone()),
            ..Question::default()
        };
        let said = self.world.control.explain(&question).unwrap();
        assert_eq!(said.allowed, verdict.allowed, "{said:?}");
        verdict
    }

    async fn ingress(&self, action: &str) {
        let rule = [
            ("GroupId", self.group.as_str()),
            ("IpPermissions.1.IpProtocol", "tcp"),
            ("IpPermissions.1.FromPort", "2049"),
            ("IpPermissions.1.ToPort", "2049"),
            ("IpPermissions.1.IpRanges.1.CidrIp", "192.168.0.0/16"),
        ];
        let action = format!("{action}SecurityGroupIngress");
        self.root.ec2(&action, &rule).await.ok();
    }
}

#[tokio::test]
async fn a_rule_is_in_force_when_the_call_that_makes_it_is_answered() {
    let bench = Bench::new().await;
    let before = bench.verdict("192.168.1.7");
    assert_eq!(before.layer, Layer::MountTargetGroups);
    assert!(!before.allowed);
    bench.ingress("Authorize").await;
    let connected = bench.verdict("192.168.1.7");
    assert!(connected.allowed);
    bench.ingress("Revoke").await;
    assert!(!bench.verdict("192.168.1.7").allowed);
    let source = "192.168.1.7:40000".parse().unwrap();
    let published = bench.world.published();
    let rules = &published.targets[&bench.mount_target].reachability;
    assert!(rules.carry(source, connected.tracking).allowed);
}

#[tokio::test]
async fn other_groups_of_a_mount_target_are_in_force_at_once() {
    let bench = Bench::new().await;
    bench.ingress("Authorize").await;
    assert!(bench.verdict("192.168.1.7").allowed);
    let group = [("GroupName", "none"), ("GroupDescription", "none")];
    let group = bench.root.ec2("CreateSecurityGroup", &group).await.ok();
    let path = format!("mount-targets/{}/security-groups", bench.mount_target);
    let body = json!({"SecurityGroups": [group.text("groupId")]});
    bench.root.efs("PUT", &path, &body).await.ok();
    assert!(!bench.verdict("192.168.1.7").allowed);
}

#[tokio::test]
async fn what_changes_nothing_is_not_published_again() {
    let bench = Bench::new().await;
    let before = bench.world.published().version;
    let key = [("GroupName", "unused"), ("GroupDescription", "unused")];
    bench.root.ec2("DescribeSecurityGroups", &[]).await.ok();
    assert_eq!(bench.world.published().version, before);
    bench.ingress("Authorize").await;
    assert!(bench.world.published().version > before);
    bench.root.ec2("CreateSecurityGroup", &key).await.ok();
}
