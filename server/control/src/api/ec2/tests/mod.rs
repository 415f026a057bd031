//! Tests of the operations.

mod authorization;
mod scene;

use crate::testing::World;

#[tokio::test]
async fn a_rule_by_group_is_added_described_and_removed() {
    let world = World::new();
    let root = world.root();
    let vpc = root
        .ec2("CreateVpc", &[("CidrBlock", "10.1.0.0/16")])
        .await
        .ok()
        .text("vpcId");
    let group = |name: &'static str| {
        let (root, vpc) = (root.clone(), vpc.clone());
        async move {
            let made = [
                ("GroupName", name),
                ("GroupDescription", "d"),
                ("VpcId", &vpc),
            ];
            root.ec2("CreateSecurityGroup", &made)
                .await
                .ok()
                .text("groupId")
        }
    };
    let (one, other) = (group("one").await, group("other").await);
    let nfs = [
        ("GroupId", one.as_str()),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", "2049"),
        ("IpPermissions.1.ToPort", "2049"),
        ("IpPermissions.1.Groups.1.GroupId", &other),
    ];
    let made = root.ec2("AuthorizeSecurityGroupIngress", &nfs).await.ok();
    let rule = made.text("securityGroupRuleId");
    root.ec2("AuthorizeSecurityGroupIngress", &nfs).await.fails(
        400,
        "InvalidPermission.Duplicate",
        &other,
    );
    let found = root
        .ec2(
            "DescribeSecurityGroupRules",
            &[("SecurityGroupRuleId.1", &rule)],
        )
        .await
        .ok();
    assert_eq!(found.text("fromPort"), "2049");
    root.ec2("DeleteSecurityGroup", &[("GroupId", &other)])
        .await
        .fails(400, "DependencyViolation", "dependent object");
    root.ec2("RevokeSecurityGroupIngress", &nfs).await.ok();
    root.ec2("RevokeSecurityGroupIngress", &nfs).await.fails(
        400,
        "InvalidPermission.NotFound",
        "does not exist",
    );
    root.ec2("DeleteSecurityGroup", &[("GroupId", &other)])
        .await
        .ok();
    root.ec2("DeleteVpc", &[("VpcId", &vpc)]).await.fails(
        400,
        "DependencyViolation",
        "dependencies",
    );
    root.ec2("DeleteSecurityGroup", &[("GroupId", &one)])
        .await
        .ok();
    root.ec2("DeleteVpc", &[("VpcId", &vpc)]).await.ok();
}
