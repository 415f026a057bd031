use serde_json::json;

use super::OPERATIONS;
use crate::testing::{ACCOUNT, Client, Reply, World, document};

const ROLE: &str = "arn:aws:iam::123456789012:role/app/worker";

/// A role that the account trusts, with these statements as its policy.
async fn role(world: &World, trust: &str, statements: &str) {
    let root = world.root();
    let (trust, policy) = (document(trust), document(statements));
    let name = ("RoleName", "worker");
    root.iam(
        "CreateRole",
        &[
            name,
            ("Path", "/app/"),
            ("AssumeRolePolicyDocument", &trust),
            ("MaxSessionDuration", "7200"),
        ],
    )
    .await
    .ok();
    root.iam(
        "PutRolePolicy",
        &[name, ("PolicyName", "own"), ("PolicyDocument", &policy)],
    )
    .await
    .ok();
}

const TRUST_ACCOUNT: &str = r#"{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":["sts:AssumeRole","sts:TagSession"]}"#;
const MAY_ASSUME: &str =
    r#"{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],"Resource":"*"}"#;
const DESCRIBE: &str = r#"{"Effect":"Allow","Action":["elasticfilesystem:DescribeFileSystems","iam:ListUsers","sts:AssumeRole"],"Resource":"*"}"#;

async fn assume(client: &Client, more: &[(&str, &str)]) -> Reply {
    let mut parameters = vec![("RoleArn", ROLE), ("RoleSessionName", "s1")];
    parameters.extend(more);
    client.sts("AssumeRole", &parameters).await
}

#[tokio::test]
async fn everybody_may_ask_who_they_are() {
    let world = World::new();
    let root = world.root().sts("GetCallerIdentity", &[]).await.ok();
    assert_eq!(
        (root.text("Arn"), root.text("UserId"), root.text("Account")),
        (
            format!("arn:aws:iam::{ACCOUNT}:root"),
            ACCOUNT.into(),
            ACCOUNT.into()
        )
    );
    let alice = world
        .user("alice", r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#)
        .await;
    let own = alice.sts("GetCallerIdentity", &[]).await.ok();
    assert_eq!(
        own.text("Arn"),
        format!("arn:aws:iam::{ACCOUNT}:user/alice")
    );
    assert!(own.text("UserId").starts_with("AIDA"));
    world.unsigned().sts("GetCallerIdentity", &[]).await.fails(
        403,
        "MissingAuthenticationToken",
        "",
    );
}

#[tokio::test]
async fn a_session_has_the_permissions_of_its_role_until_it_ends() {
    let world = World::new();
    role(&world, TRUST_ACCOUNT, DESCRIBE).await;
    let alice = world.user("alice", MAY_ASSUME).await;
    let reply = assume(&alice, &[("DurationSeconds", "900")]).await.ok();
    assert!(reply.text("AccessKeyId").starts_with("ASIA"));
    assert_eq!(reply.text("Expiration"), "2026-11-28T00:15:00Z");
    assert_eq!(
        reply.text("Arn"),
        format!("arn:aws:sts::{ACCOUNT}:assumed-role/worker/s1")
    );
    let session = world.session(&reply);
    let identity = session.sts("GetCallerIdentity", &[]).await.ok();
    assert_eq!(identity.text("UserId"), reply.text("AssumedRoleId"));
    assert!(
        identity.text("UserId").starts_with("AROA") && identity.text("UserId").ends_with(":s1")
    );
    session.efs("GET", "file-systems", &json!(null)).await.ok();
    session.iam("ListUsers", &[]).await.ok();
    session.iam("ListRoles", &[]).await.fails(403, "AccessDenied", "User: arn:aws:sts::123456789012:assumed-role/worker/s1 is not authorized to perform: iam:ListRoles");
    alice
        .efs("GET", "file-systems", &json!(null))
        .await
        .fails(403, "AccessDeniedException", "");

    session.later(899).sts("GetCallerIdentity", &[]).await.ok();
    session
        .later(900)
        .sts("GetCallerIdentity", &[])
        .await
        .fails(403, "ExpiredToken", "expired");
    session
        .later(900)
        .efs("GET", "file-systems", &json!(null))
        .await
        .fails(403, "ExpiredTokenException", "expired");
    session
        .later(900)
        .ec2("DescribeSubnets", &[])
        .await
        .fails(400, "RequestExpired", "");

    let (id, secret) = (reply.text("AccessKeyId"), reply.text("SecretAccessKey"));
    for token in [None, Some("forged")] {
        world
            .client(Some((&id, &secret, token)))
            .sts("GetCallerIdentity", &[])
            .await
            .fails(403, "InvalidClientTokenId", "");
    }
    let root = world.root();
    root.iam(
        "DeleteRolePolicy",
        &[("RoleName", "worker"), ("PolicyName", "own")],
    )
    .await
    .ok();
    session
        .iam("ListUsers", &[])
        .await
        .fails(403, "AccessDenied", "");
    root.iam("DeleteRole", &[("RoleName", "worker")]).await.ok();
    session
        .sts("GetCallerIdentity", &[])
        .await
        .fails(403, "InvalidClientTokenId", "");
    role(&world, TRUST_ACCOUNT, DESCRIBE).await;
    session
        .sts("GetCallerIdentity", &[])
        .await
        .fails(403, "InvalidClientTokenId", "");
}

#[tokio::test]
async fn a_role_is_assumed_by_whom_it_trusts_and_who_may() {
    let world = World::new();
    let alice = world.user("alice", MAY_ASSUME).await;
    let bob = world.user("bob", "").await;
    role(&world, TRUST_ACCOUNT, DESCRIBE).await;
    assume(&alice, &[]).await.ok();
    let words = format!(
        "User: arn:aws:iam::{ACCOUNT}:user/bob is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
    );
    assume(&bob, &[]).await.fails(403, "AccessDenied", &words);
    let root = world.root();
    let trust = |statement: &str| {
        vec![
            ("RoleName".to_owned(), "worker".to_owned()),
            ("PolicyDocument".to_owned(), document(statement)),
        ]
    };
    for (statement, alice_may, bob_may) in [
        (
            r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/bob"},"Action":"sts:AssumeRole"}"#,
            false,
            true,
        ),
        (
            r#"{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}"#,
            false,
            false,
        ),
        (
            r#"[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"},{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::123456789012:user/alice"},"Action":"sts:AssumeRole"}]"#,
            false,
            true,
        ),
        (
            r#"{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"secret"}}}"#,
            false,
            false,
        ),
        (
            r#"{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole","Condition":{"StringLike":{"sts:RoleSessionName":"s?"}}}"#,
            true,
            false,
        ),
    ] {
        let parameters = trust(statement);
        let parameters: Vec<(&str, &str)> = parameters
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        root.iam("UpdateAssumeRolePolicy", &parameters).await.ok();
        assert_eq!(
            assume(&alice, &[]).await.status == 200,
            alice_may,
            "{statement}"
        );
        assert_eq!(
            assume(&bob, &[]).await.status == 200,
            bob_may,
            "{statement}"
        );
    }
    let parameters = trust(
        r#"{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"secret"}}}"#,
    );
    let parameters: Vec<(&str, &str)> = parameters
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    root.iam("UpdateAssumeRolePolicy", &parameters).await.ok();
    assume(&alice, &[("ExternalId", "secret")]).await.ok();
    assume(&root, &[]).await.fails(
        403,
        "AccessDenied",
        "Roles may not be assumed by root accounts.",
    );
    let gone = [
        ("RoleArn", "arn:aws:iam::123456789012:role/gone"),
        ("RoleSessionName", "s1"),
    ];
    alice.sts("AssumeRole", &gone).await.fails(
        403,
        "AccessDenied",
        "sts:AssumeRole on resource: arn:aws:iam::123456789012:role/gone",
    );
    world
        .user("admin", r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#)
        .await
        .sts("AssumeRole", &gone)
        .await
        .fails(403, "AccessDenied", "");
}

#[tokio::test]
async fn session_policies_and_tags_limit_a_session() {
    let world = World::new();
    role(
        &world,
        TRUST_ACCOUNT,
        r#"{"Effect":"Allow","Action":"iam:*","Resource":"*"}"#,
    )
    .await;
    let alice = world.user("alice", MAY_ASSUME).await;
    let policy = document(
        r#"{"Effect":"Allow","Action":["iam:ListUsers","elasticfilesystem:*"],"Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue"}}}"#,
    );
    let limited = assume(
        &alice,
        &[
            ("Policy", &policy),
            ("Tags.member.1.Key", "team"),
            ("Tags.member.1.Value", "blue"),
        ],
    )
    .await
    .ok();
    assert!(!limited.text("PackedPolicySize").is_empty());
    let session = world.session(&limited);
    session.iam("ListUsers", &[]).await.ok();
    session.iam("ListRoles", &[]).await.fails(
        403,
        "AccessDenied",
        "because no session policy allows the iam:ListRoles action",
    );
    session
        .efs("GET", "file-systems", &json!(null))
        .await
        .fails(
            403,
            "AccessDeniedException",
            "because no identity-based policy allows",
        );
    let other = assume(&alice, &[("Policy", &policy)]).await.ok();
    world
        .session(&other)
        .iam("ListUsers", &[])
        .await
        .fails(403, "AccessDenied", "session policy");

    let arn = "arn:aws:iam::aws:policy/IAMReadOnlyAccess";
    let managed = world.session(
        &assume(&alice, &[("PolicyArns.member.1.arn", arn)])
            .await
            .ok(),
    );
    managed.iam("ListRoles", &[]).await.ok();
    managed.iam("CreateUser", &[("UserName", "x")]).await.fails(
        403,
        "AccessDenied",
        "session policy",
    );
    assume(
        &alice,
        &[("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/Nothing")],
    )
    .await
    .fails(400, "ValidationError", "was not found");
    assume(&alice, &[("Policy", "{}")]).await.fails(
        400,
        "MalformedPolicyDocument",
        "Syntax errors",
    );
    let large = document(&format!(
        r#"{{"Effect":"Allow","Action":"a:{}","Resource":"*"}}"#,
        "b".repeat(2048)
    ));
    assume(&alice, &[("Policy", &large)]).await.fails(
        400,
        "PackedPolicyTooLarge",
        "allotted space",
    );
}

#[tokio::test]
async fn who_may_not_tag_a_session_may_not_assume_with_tags() {
    let world = World::new();
    role(
        &world,
        r#"{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}"#,
        DESCRIBE,
    )
    .await;
    let alice = world.user("alice", MAY_ASSUME).await;
    assume(&alice, &[]).await.ok();
    assume(
        &alice,
        &[("Tags.member.1.Key", "a"), ("Tags.member.1.Value", "b")],
    )
    .await
    .fails(403, "AccessDenied", "sts:TagSession");
    assume(&alice, &[("SourceIdentity", "someone")])
        .await
        .fails(403, "AccessDenied", "sts:SetSourceIdentity");
}

#[tokio::test]
async fn durations_are_bounded() {
    let world = World::new();
    role(&world, TRUST_ACCOUNT, DESCRIBE).await;
    let alice = world.user("alice", MAY_ASSUME).await;
    for (seconds, words) in [
        ("899", "greater than or equal to 900"),
        ("43201", "less than or equal to 43200"),
        ("7201", "exceeds the MaxSessionDuration set for this role"),
    ] {
        assume(&alice, &[("DurationSeconds", seconds)])
            .await
            .fails(400, "ValidationError", words);
    }
    let session = world.session(&assume(&alice, &[("DurationSeconds", "7200")]).await.ok());
    assume(&session, &[("DurationSeconds", "3601")])
        .await
        .fails(400, "ValidationError", "role chaining");
    assume(&session, &[]).await.ok();
    alice
        .sts("AssumeRole", &[])
        .await
        .fails(400, "ValidationError", "2 validation errors");
    let bad = [
        ("RoleArn", "not an arn at all, is it"),
        ("RoleSessionName", "s1"),
    ];
    alice
        .sts("AssumeRole", &bad)
        .await
        .fails(400, "ValidationError", "is invalid");
}

#[tokio::test]
async fn a_user_gets_temporary_keys_of_its_own() {
    let world = World::new();
    let alice = world.user("alice", r#"{"Effect":"Allow","Action":["elasticfilesystem:*","iam:*"],"Resource":"*","Condition":{"Null":{"aws:TokenIssueTime":"false"}}}"#).await;
    alice
        .efs("GET", "file-systems", &json!(null))
        .await
        .fails(403, "AccessDeniedException", "");
    let session = world.session(&alice.sts("GetSessionToken", &[]).await.ok());
    assert_eq!(
        session.sts("GetCallerIdentity", &[]).await.ok().text("Arn"),
        format!("arn:aws:iam::{ACCOUNT}:user/alice")
    );
    session.efs("GET", "file-systems", &json!(null)).await.ok();
    session
        .iam("ListUsers", &[])
        .await
        .fails(403, "InvalidClientTokenId", "");
    session.sts("GetSessionToken", &[]).await.fails(
        403,
        "AccessDenied",
        "Cannot call GetSessionToken with session credentials",
    );
    session
        .later(43_200)
        .sts("GetCallerIdentity", &[])
        .await
        .fails(403, "ExpiredToken", "");
    let root = world.session(
        &world
            .root()
            .sts("GetSessionToken", &[("DurationSeconds", "7200")])
            .await
            .ok(),
    );
    assert_eq!(
        root.sts("GetCallerIdentity", &[]).await.ok().text("Arn"),
        format!("arn:aws:iam::{ACCOUNT}:root")
    );
    root.later(3600)
        .sts("GetCallerIdentity", &[])
        .await
        .fails(403, "ExpiredToken", "");
    alice
        .sts("GetSessionToken", &[("DurationSeconds", "1")])
        .await
        .fails(400, "ValidationError", "durationSeconds");
    alice
        .sts("GetSessionToken", &[("TokenCode", "123456")])
        .await
        .fails(403, "AccessDenied", "MultiFactor");
}

#[tokio::test]
async fn a_key_tells_its_account() {
    let world = World::new();
    let alice = world
        .user(
            "alice",
            r#"{"Effect":"Allow","Action":"sts:GetAccessKeyInfo","Resource":"*"}"#,
        )
        .await;
    let id = world
        .root()
        .iam("ListAccessKeys", &[("UserName", "alice")])
        .await
        .ok()
        .text("AccessKeyId");
    assert_eq!(
        alice
            .sts("GetAccessKeyInfo", &[("AccessKeyId", &id)])
            .await
            .ok()
            .text("Account"),
        ACCOUNT
    );
    alice
        .sts(
            "GetAccessKeyInfo",
            &[("AccessKeyId", "AKIA0000000000000000")],
        )
        .await
        .fails(404, "NoSuchEntity", "");
    let nobody = world.user("nobody", "").await;
    nobody
        .sts("GetAccessKeyInfo", &[("AccessKeyId", &id)])
        .await
        .fails(403, "AccessDenied", "sts:GetAccessKeyInfo");
    assert_eq!(OPERATIONS.len(), 4, "each operation has its tests here");
}

#[tokio::test]
async fn sessions_that_are_over_are_forgotten() {
    let world = World::new();
    let alice = world.user("alice", "").await;
    for _ in 0..256 {
        alice
            .sts("GetSessionToken", &[("DurationSeconds", "900")])
            .await
            .ok();
    }
    alice.later(900).sts("GetSessionToken", &[]).await.ok();
    let view = world.control.store.view().unwrap();
    let left = view.count::<crate::api::iam::records::Session>().unwrap();
    assert_eq!(left, 1);
}

/// The EFS user guide's example, through the APIs.
#[tokio::test]
async fn alice_manages_the_security_groups_of_one_file_system() {
    let world = World::new();
    let root = world.root();
    let mut targets = Vec::new();
    for token in ["one", "two"] {
        let made = root
            .efs("POST", "file-systems", &json!({"CreationToken": token}))
            .await
            .ok();
        let id = made.json()["FileSystemId"].as_str().unwrap().to_owned();
        let subnet = root.ec2("DescribeSubnets", &[]).await.ok().text("subnetId");
        let target = root
            .efs(
                "POST",
                "mount-targets",
                &json!({"FileSystemId": id, "SubnetId": subnet}),
            )
            .await
            .ok();
        targets.push((
            id,
            target.json()["MountTargetId"].as_str().unwrap().to_owned(),
        ));
    }
    let [(one, first), (_, second)] = targets.as_slice() else {
        panic!()
    };
    let alice = world
        .user(
            "alice",
            &format!(
                r#"[{{"Effect":"Allow","Action":"elasticfilesystem:DescribeFileSystems","Resource":"*"}},
                    {{"Effect":"Allow","Action":["elasticfilesystem:ModifyMountTargetSecurityGroups","elasticfilesystem:DescribeMountTargetSecurityGroups"],"Resource":"arn:aws:elasticfilesystem:us-east-1:{ACCOUNT}:file-system/{one}"}},
                    {{"Effect":"Allow","Action":["ec2:ModifyNetworkInterfaceAttribute","ec2:DescribeNetworkInterfaceAttribute"],"Resource":"*"}}]"#
            ),
        )
        .await;
    let all = alice.efs("GET", "file-systems", &json!(null)).await.ok();
    assert_eq!(all.json()["FileSystems"].as_array().unwrap().len(), 2);
    let groups = |target: &str| format!("mount-targets/{target}/security-groups");
    let own = alice
        .efs("GET", &groups(first), &json!(null))
        .await
        .ok()
        .json();
    alice.efs("PUT", &groups(first), &own).await.ok();
    alice.efs("GET", &groups(second), &json!(null)).await.fails(
        403,
        "AccessDeniedException",
        "elasticfilesystem:DescribeMountTargetSecurityGroups",
    );
    alice.efs("PUT", &groups(second), &own).await.fails(
        403,
        "AccessDeniedException",
        "elasticfilesystem:ModifyMountTargetSecurityGroups",
    );
    alice
        .efs(
            "GET",
            &format!("mount-targets?FileSystemId={one}"),
            &json!(null),
        )
        .await
        .fails(
            403,
            "AccessDeniedException",
            "elasticfilesystem:DescribeMountTargets",
        );
    alice
        .efs("DELETE", &format!("file-systems/{one}"), &json!(null))
        .await
        .fails(403, "AccessDeniedException", "");
    root.efs("PUT", &groups(second), &own).await.ok();

    // A policy on the file system grants to Alice alone, and denies even root.
    let arn = format!("arn:aws:elasticfilesystem:us-east-1:{ACCOUNT}:file-system/{one}");
    let policy = document(&format!(
        r#"[{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{ACCOUNT}:user/alice"}},"Action":"elasticfilesystem:DescribeMountTargets","Resource":"{arn}"}},
            {{"Effect":"Deny","Principal":"*","Action":"elasticfilesystem:DeleteFileSystem","Resource":"{arn}"}}]"#
    ));
    root.efs(
        "PUT",
        &format!("file-systems/{one}/policy"),
        &json!({"Policy": policy}),
    )
    .await
    .ok();
    alice
        .efs(
            "GET",
            &format!("mount-targets?FileSystemId={one}"),
            &json!(null),
        )
        .await
        .ok();
    root.efs("DELETE", &format!("file-systems/{one}"), &json!(null))
        .await
        .fails(
            403,
            "AccessDeniedException",
            "with an explicit deny in a resource-based policy",
        );
    let unknown = document(
        r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/ghost"},"Action":"*"}"#,
    );
    root.efs(
        "PUT",
        &format!("file-systems/{one}/policy"),
        &json!({"Policy": unknown}),
    )
    .await
    .fails(
        400,
        "InvalidPolicyException",
        "Policy contains invalid Principal block",
    );
    let locked = document(r#"{"Effect":"Deny","Principal":"*","Action":"*"}"#);
    root.efs(
        "PUT",
        &format!("file-systems/{one}/policy"),
        &json!({"Policy": locked}),
    )
    .await
    .fails(400, "InvalidPolicyException", "");
}
