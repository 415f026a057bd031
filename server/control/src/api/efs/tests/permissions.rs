//! What a caller needs beside the permission for the operation itself.

use serde_json::json;

use super::{file_system, mount_target, subnets};
use crate::testing::{ACCOUNT, Client, World, document};

const EFS: &str = r#"{"Effect":"Allow","Action":["elasticfilesystem:*","ec2:*"],"Resource":"*"}"#;

/// Gives a user these statements, and nothing else.
async fn allow(world: &World, user: &str, statements: &str) {
    let policy = document(statements);
    let put = [
        ("UserName", user),
        ("PolicyName", "own"),
        ("PolicyDocument", policy.as_str()),
    ];
    world.root().iam("PutUserPolicy", &put).await.ok();
}

async fn denied(client: &Client, method: &str, path: &str, body: &serde_json::Value) {
    client
        .efs(method, path, body)
        .await
        .fails(403, "AccessDeniedException", "not authorized");
}

#[tokio::test]
async fn the_first_mount_target_makes_the_service_linked_role() {
    let world = World::new();
    let root = world.root();
    let all = subnets(&world);
    let of = file_system(&root, "one").await;
    let alice = world.user("alice", EFS).await;
    let first = mount_target(&of, &all[0].id);
    let path = "mount-targets";
    denied(&alice, "POST", path, &first).await;
    let role = [("RoleName", "AWSServiceRoleForAmazonElasticFileSystem")];
    root.iam("GetRole", &role)
        .await
        .fails(404, "NoSuchEntity", "");

    let may_make = |service: &str| {
        format!(
            r#"[{EFS},{{"Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":"arn:aws:iam::{ACCOUNT}:role/aws-service-role/*","Condition":{{"StringEquals":{{"iam:AWSServiceName":"{service}"}}}}}}]"#
        )
    };
    allow(&world, "alice", &may_make("spot.amazonaws.com")).await;
    denied(&alice, "POST", path, &first).await;
    allow(
        &world,
        "alice",
        &may_make("elasticfilesystem.amazonaws.com"),
    )
    .await;
    alice.efs("POST", path, &first).await.ok();
    let made = root.iam("GetRole", &role).await.ok();
    assert!(
        made.text("Arn")
            .contains("/aws-service-role/elasticfilesystem")
    );

    // The second finds it there.
    allow(&world, "alice", EFS).await;
    let second = mount_target(&of, &all[1].id);
    alice.efs("POST", path, &second).await.ok();

    // It can't go while there are mount targets.
    let task = root.iam("DeleteServiceLinkedRole", &role).await.ok();
    let task = task.text("DeletionTaskId");
    let status = [("DeletionTaskId", task.as_str())];
    let told = root
        .iam("GetServiceLinkedRoleDeletionStatus", &status)
        .await
        .ok();
    assert_eq!(told.text("Status"), "FAILED");
    assert!(told.body.contains(&of), "{told:?}");
    let left = format!("mount-targets?FileSystemId={of}");
    let left = root.efs("GET", &left, &json!(null)).await.ok().json();
    for target in left["MountTargets"].as_array().unwrap() {
        let id = target["MountTargetId"].as_str().unwrap();
        root.efs("DELETE", &format!("mount-targets/{id}"), &json!(null))
            .await
            .ok();
    }
    root.iam("DeleteServiceLinkedRole", &role).await.ok();
    let told = root
        .iam("GetServiceLinkedRoleDeletionStatus", &status)
        .await
        .ok();
    assert_eq!(told.text("Status"), "SUCCEEDED");
    denied(&alice, "POST", path, &first).await;
}

#[tokio::test]
async fn a_replication_needs_the_role_of_efs_and_the_right_to_pass_another() {
    let world = World::new();
    let root = world.root();
    let of = file_system(&root, "one").await;
    let alice = world.user("alice", EFS).await;
    let path = format!("file-systems/{of}/replication-configuration");
    let role = format!("arn:aws:iam::{ACCOUNT}:role/replication");
    let plain = json!({"Destinations": [{"Region": "eu-west-1"}]});
    let with_role = json!({"Destinations": [{"Region": "eu-west-1", "RoleArn": role}]});
    denied(&alice, "POST", &path, &plain).await;
    let linked = r#"{"Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":"*"}"#;
    allow(&world, "alice", &format!("[{EFS},{linked}]")).await;
    denied(&alice, "POST", &path, &with_role).await;
    let pass = |to: &str| {
        format!(
            r#"[{EFS},{linked},{{"Effect":"Allow","Action":"iam:PassRole","Resource":"{role}","Condition":{{"StringEquals":{{"iam:PassedToService":"{to}"}}}}}}]"#
        )
    };
    allow(&world, "alice", &pass("ec2.amazonaws.com")).await;
    denied(&alice, "POST", &path, &with_role).await;
    allow(&world, "alice", &pass("elasticfilesystem.amazonaws.com")).await;
    let made = alice.efs("POST", &path, &with_role).await.ok().json();
    assert_eq!(made["Destinations"][0]["RoleArn"], json!(role));
    alice.efs("DELETE", &path, &json!(null)).await.ok();
    allow(&world, "alice", EFS).await;
    alice.efs("POST", &path, &plain).await.ok();
}

#[tokio::test]
async fn a_customers_key_is_used_with_the_callers_permissions() {
    let world = World::new();
    let alice = world.user("alice", EFS).await;
    let key = format!("arn:aws:kms:us-east-1:{ACCOUNT}:key/01234567-89ab-cdef-0123-456789abcdef");
    let create = |token: &str, key: Option<&str>| {
        let mut body = json!({"CreationToken": token, "Encrypted": true});
        if let Some(key) = key {
            body["KmsKeyId"] = json!(key);
        }
        body
    };
    // The key of EFS itself is everybody's in the account.
    let own = alice
        .efs("POST", "file-systems", &create("own", None))
        .await
        .ok()
        .json();
    let own = own["KmsKeyId"].as_str().unwrap().to_owned();
    assert!(own.contains(":key/"), "{own}");
    for (token, named) in [
        ("alias", "alias/aws/elasticfilesystem"),
        ("arn", own.as_str()),
    ] {
        let body = create(token, Some(named));
        let made = alice.efs("POST", "file-systems", &body).await.ok().json();
        assert_eq!(made["KmsKeyId"], json!(own));
    }
    let theirs = create("theirs", Some(&key));
    let by_id = create("by-id", key.rsplit('/').next());
    denied(&alice, "POST", "file-systems", &theirs).await;
    let with = |actions: &str, service: &str| {
        format!(
            r#"[{EFS},{{"Effect":"Allow","Action":{actions},"Resource":"{key}","Condition":{{"StringEquals":{{"kms:ViaService":"{service}.us-east-1.amazonaws.com"}}}}}}]"#
        )
    };
    let all = r#"["kms:DescribeKey","kms:GenerateDataKeyWithoutPlaintext","kms:CreateGrant"]"#;
    for (actions, service) in [
        (
            r#"["kms:DescribeKey","kms:CreateGrant"]"#,
            "elasticfilesystem",
        ),
        (
            r#"["kms:DescribeKey","kms:Generate*"]"#,
            "elasticfilesystem",
        ),
        (all, "s3"),
    ] {
        allow(&world, "alice", &with(actions, service)).await;
        denied(&alice, "POST", "file-systems", &theirs).await;
    }
    allow(&world, "alice", &with(all, "elasticfilesystem")).await;
    for body in [theirs, by_id] {
        let made = alice.efs("POST", "file-systems", &body).await.ok().json();
        assert_eq!(made["KmsKeyId"], json!(key));
    }
    let other = create("other", Some("alias/other"));
    denied(&alice, "POST", "file-systems", &other).await;
}

#[tokio::test]
async fn the_policy_that_the_csi_driver_recommends_is_enough() {
    let world = World::new();
    let root = world.root();
    let of = file_system(&root, "one").await;
    let alice = world.user("alice", EFS).await;
    let statements = |tag: &str| {
        let tagged = |action: &str, key: &str| {
            let tag = format!("aws:{key}/efs.csi.aws.com/cluster");
            json!({
                "Effect": "Allow",
                "Action": format!("elasticfilesystem:{action}"),
                "Resource": "*",
                "Condition": {"StringLike": {tag: "true"}},
            })
        };
        json!([
            tagged("CreateAccessPoint", "RequestTag"),
            tagged("TagResource", tag),
            tagged("DeleteAccessPoint", "ResourceTag"),
        ])
        .to_string()
    };
    let create = |key: &str| {
        json!({
            "ClientToken": "t",
            "FileSystemId": of,
            "Tags": [{"Key": key, "Value": "true"}],
        })
    };
    for tag in ["ResourceTag", "RequestTag"] {
        allow(&world, "alice", &statements(tag)).await;
        denied(&alice, "POST", "access-points", &create("other")).await;
        let ours = create("efs.csi.aws.com/cluster");
        let made = alice.efs("POST", "access-points", &ours).await.ok().json();
        let path = format!("access-points/{}", made["AccessPointId"].as_str().unwrap());
        alice.efs("DELETE", &path, &json!(null)).await.ok();
    }
}

#[tokio::test]
async fn what_is_absent_is_judged_by_the_arn_that_is_named() {
    let world = World::new();
    let alice = world.user("alice", EFS).await;
    let arn = format!(
        "arn:aws:elasticfilesystem:us-east-1:{ACCOUNT}:access-point/fsap-0123456789abcdef0"
    );
    let statement = json!({
        "Effect": "Allow",
        "Action": "elasticfilesystem:DeleteAccessPoint",
        "Resource": arn,
    });
    allow(&world, "alice", &statement.to_string()).await;
    let named = arn.replace(':', "%3A").replace('/', "%2F");
    for named in ["fsap-0123456789abcdef0", &named] {
        let path = format!("access-points/{named}");
        let answer = alice.efs("DELETE", &path, &json!(null)).await;
        answer.fails(404, "AccessPointNotFound", "");
    }
}

#[tokio::test]
async fn everything_belongs_to_the_account_of_its_callers() {
    let world = World::new();
    let alice = world.user("alice", EFS).await;
    let of = file_system(&alice, "one").await;
    let path = format!("file-systems?FileSystemId={of}");
    for (key, value, allowed) in [
        ("aws:ResourceAccount", "${aws:PrincipalAccount}", true),
        ("aws:ResourceAccount", "999999999999", false),
        ("aws:PrincipalIsAWSService", "false", true),
    ] {
        let statement = json!({
            "Effect": "Allow",
            "Action": "elasticfilesystem:*",
            "Resource": "*",
            "Condition": {"StringEquals": {key: value}},
        });
        allow(&world, "alice", &statement.to_string()).await;
        match allowed {
            true => drop(alice.efs("GET", &path, &json!(null)).await.ok()),
            false => denied(&alice, "GET", &path, &json!(null)).await,
        }
    }
}
