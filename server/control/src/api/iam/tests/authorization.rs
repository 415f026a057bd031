use serde_json::json;

use super::super::OPERATIONS;
use crate::testing::{ACCOUNT, World, document};

/// Parameters with which each operation gets as far as its permission.
fn parameters(name: &str) -> Vec<(&'static str, &'static str)> {
    let mut all = vec![
        ("UserName", "target"),
        ("GroupName", "target"),
        ("RoleName", "target"),
        ("InstanceProfileName", "target"),
        ("PolicyName", "target"),
        (
            "PolicyArn",
            "arn:aws:iam::aws:policy/AmazonElasticFileSystemFullAccess",
        ),
        (
            "PermissionsBoundary",
            "arn:aws:iam::aws:policy/AmazonElasticFileSystemFullAccess",
        ),
        ("PolicySourceArn", "arn:aws:iam::123456789012:user/target"),
        (
            "PolicyDocument",
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"a:b","Resource":"*"}}"#,
        ),
        (
            "PolicyInputList.member.1",
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"a:b","Resource":"*"}}"#,
        ),
        (
            "AssumeRolePolicyDocument",
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}"#,
        ),
        ("ActionNames.member.1", "a:b"),
        ("AccessKeyId", "AKIA0123456789ABCDEF"),
        ("Status", "Active"),
        ("VersionId", "v1"),
        ("AWSServiceName", "elasticfilesystem.amazonaws.com"),
        ("DeletionTaskId", "task/aws-service-role/x/y/z"),
        ("TagKeys.member.1", "k"),
    ];
    if name.starts_with("Tag") {
        all.extend([("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "v")]);
    }
    all
}

#[tokio::test]
async fn every_operation_is_denied_to_whom_nothing_allows_it() {
    let world = World::new();
    let nobody = world.user("nobody", "").await;
    let before = world.control.store.view().unwrap().export().unwrap();
    for operation in OPERATIONS {
        let reply = nobody
            .iam(operation.name, &parameters(operation.name))
            .await;
        let words = format!(
            "User: arn:aws:iam::{ACCOUNT}:user/nobody is not authorized to perform: iam:{}",
            operation.name
        );
        reply.fails(403, "AccessDenied", &words);
        reply.fails(
            403,
            "AccessDenied",
            "because no identity-based policy allows the iam:",
        );
    }
    assert_eq!(
        world.control.store.view().unwrap().export().unwrap(),
        before,
        "nothing is changed"
    );
}

#[tokio::test]
async fn an_explicit_deny_beats_administrator_access_in_every_operation() {
    let world = World::new();
    let admin = world
        .user(
            "admin",
            r#"{"Effect":"Deny","Action":"iam:*","Resource":"*"}"#,
        )
        .await;
    world
        .root()
        .iam(
            "AttachUserPolicy",
            &[
                ("UserName", "admin"),
                ("PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess"),
            ],
        )
        .await
        .ok();
    for operation in OPERATIONS {
        let reply = admin.iam(operation.name, &parameters(operation.name)).await;
        reply.fails(
            403,
            "AccessDenied",
            "with an explicit deny in an identity-based policy",
        );
    }
}

#[tokio::test]
async fn a_permission_on_one_user_is_none_on_another() {
    let world = World::new();
    let alice = world
        .user("alice", r#"{"Effect":"Allow","Action":["iam:GetUser","iam:CreateAccessKey"],"Resource":"arn:aws:iam::*:user/${aws:username}"}"#)
        .await;
    world
        .root()
        .iam("CreateUser", &[("UserName", "bob")])
        .await
        .ok();
    alice.iam("CreateAccessKey", &[]).await.ok();
    alice.iam("GetUser", &[("UserName", "alice")]).await.ok();
    alice.iam("GetUser", &[("UserName", "bob")]).await.fails(403, "AccessDenied", "on resource: arn:aws:iam::123456789012:user/bob because no identity-based policy allows the iam:GetUser action");
    alice
        .iam("CreateAccessKey", &[("UserName", "bob")])
        .await
        .fails(403, "AccessDenied", "user/bob");
    alice
        .iam("GetUser", &[("UserName", "ghost")])
        .await
        .fails(403, "AccessDenied", "user/ghost");
}

#[tokio::test]
async fn groups_give_permissions_as_long_as_one_is_a_member() {
    let world = World::new();
    let alice = world.user("alice", "").await;
    let root = world.root();
    root.iam("CreateGroup", &[("GroupName", "readers")])
        .await
        .ok();
    root.iam(
        "PutGroupPolicy",
        &[
            ("GroupName", "readers"),
            ("PolicyName", "p"),
            (
                "PolicyDocument",
                &document(r#"{"Effect":"Allow","Action":"iam:List*","Resource":"*"}"#),
            ),
        ],
    )
    .await
    .ok();
    alice
        .iam("ListUsers", &[])
        .await
        .fails(403, "AccessDenied", "");
    root.iam(
        "AddUserToGroup",
        &[("GroupName", "readers"), ("UserName", "alice")],
    )
    .await
    .ok();
    alice.iam("ListUsers", &[]).await.ok();
    root.iam(
        "RemoveUserFromGroup",
        &[("GroupName", "readers"), ("UserName", "alice")],
    )
    .await
    .ok();
    alice
        .iam("ListUsers", &[])
        .await
        .fails(403, "AccessDenied", "");
}

#[tokio::test]
async fn a_boundary_limits_and_its_version_counts_at_once() {
    let world = World::new();
    let alice = world
        .user("alice", r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#)
        .await;
    let root = world.root();
    let arn = root
        .iam(
            "CreatePolicy",
            &[
                ("PolicyName", "limit"),
                (
                    "PolicyDocument",
                    &document(
                        r#"{"Effect":"Allow","Action":"elasticfilesystem:*","Resource":"*"}"#,
                    ),
                ),
            ],
        )
        .await
        .ok()
        .text("Arn");
    alice.iam("ListUsers", &[]).await.ok();
    root.iam(
        "PutUserPermissionsBoundary",
        &[("UserName", "alice"), ("PermissionsBoundary", &arn)],
    )
    .await
    .ok();
    alice.iam("ListUsers", &[]).await.fails(
        403,
        "AccessDenied",
        "because no permissions boundary allows the iam:ListUsers action",
    );
    alice.efs("GET", "file-systems", &json!(null)).await.ok();
    let found = root.iam("GetUser", &[("UserName", "alice")]).await.ok();
    assert_eq!(found.text("PermissionsBoundaryArn"), arn);
    root.iam("DeletePolicy", &[("PolicyArn", &arn)])
        .await
        .fails(409, "DeleteConflict", "");
    root.iam(
        "CreatePolicyVersion",
        &[
            ("PolicyArn", &arn),
            ("SetAsDefault", "true"),
            (
                "PolicyDocument",
                &document(r#"{"Effect":"Allow","Action":"iam:*","Resource":"*"}"#),
            ),
        ],
    )
    .await
    .ok();
    alice.iam("ListUsers", &[]).await.ok();
    alice.efs("GET", "file-systems", &json!(null)).await.fails(
        403,
        "AccessDeniedException",
        "because no permissions boundary allows",
    );
    root.iam("DeleteUserPermissionsBoundary", &[("UserName", "alice")])
        .await
        .ok();
    alice.efs("GET", "file-systems", &json!(null)).await.ok();
    root.iam("DeleteUserPermissionsBoundary", &[("UserName", "alice")])
        .await
        .fails(404, "NoSuchEntity", "");
    root.iam(
        "PutUserPermissionsBoundary",
        &[
            ("UserName", "alice"),
            ("PermissionsBoundary", "arn:aws:iam::aws:policy/Nothing"),
        ],
    )
    .await
    .fails(404, "NoSuchEntity", "");
}

#[tokio::test]
async fn tags_in_the_request_and_on_the_target_are_conditions() {
    let world = World::new();
    let alice = world
        .user(
            "alice",
            r#"[{"Effect":"Allow","Action":["iam:CreateUser","iam:TagUser"],"Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/team":"blue"},"ForAllValues:StringEquals":{"aws:TagKeys":"team"}}},
                {"Effect":"Allow","Action":"iam:DeleteUser","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"blue"}}}]"#,
        )
        .await;
    let tag = |value| {
        [
            ("UserName", "bob"),
            ("Tags.member.1.Key", "team"),
            ("Tags.member.1.Value", value),
        ]
    };
    alice
        .iam("CreateUser", &[("UserName", "bob")])
        .await
        .fails(403, "AccessDenied", "");
    alice
        .iam("CreateUser", &tag("red"))
        .await
        .fails(403, "AccessDenied", "");
    alice.iam("CreateUser", &tag("blue")).await.ok();
    world
        .root()
        .iam("CreateUser", &[("UserName", "carol")])
        .await
        .ok();
    alice
        .iam("DeleteUser", &[("UserName", "carol")])
        .await
        .fails(403, "AccessDenied", "");
    alice.iam("DeleteUser", &[("UserName", "bob")]).await.ok();
}

#[tokio::test]
async fn who_may_not_tag_may_not_create_with_tags() {
    let world = World::new();
    let alice = world
        .user(
            "alice",
            r#"{"Effect":"Allow","Action":"iam:Create*","Resource":"*"}"#,
        )
        .await;
    let tags = [("Tags.member.1.Key", "a"), ("Tags.member.1.Value", "b")];
    for (action, name, document) in [
        ("CreateUser", "UserName", ("Path", "/")),
        (
            "CreateRole",
            "RoleName",
            (
                "AssumeRolePolicyDocument",
                r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}"#,
            ),
        ),
        (
            "CreatePolicy",
            "PolicyName",
            (
                "PolicyDocument",
                r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"a:b","Resource":"*"}}"#,
            ),
        ),
        (
            "CreateInstanceProfile",
            "InstanceProfileName",
            ("Path", "/"),
        ),
    ] {
        alice
            .iam(action, &[(name, "x"), document, tags[0], tags[1]])
            .await
            .fails(403, "AccessDenied", "iam:Tag");
        alice.iam(action, &[(name, "x"), document]).await.ok();
    }
}
