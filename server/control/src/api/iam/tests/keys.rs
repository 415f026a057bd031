use crate::testing::World;

const ALLOW: &str = r#"{"Effect":"Allow","Action":"iam:GetUser","Resource":"*"}"#;

#[tokio::test]
async fn a_user_has_two_keys_and_the_secret_is_shown_once() {
    let world = World::new();
    let alice = world.user("alice", ALLOW).await;
    let root = world.root();
    let name = ("UserName", "alice");
    let second = root.iam("CreateAccessKey", &[name]).await.ok();
    let id = second.text("AccessKeyId");
    assert!(id.starts_with("AKIA") && id.len() == 20, "{id}");
    assert_eq!(second.text("SecretAccessKey").len(), 40);
    root.iam("CreateAccessKey", &[name]).await.fails(
        409,
        "LimitExceeded",
        "Cannot exceed quota for AccessKeysPerUser: 2",
    );
    let listed = root.iam("ListAccessKeys", &[name]).await.ok();
    assert_eq!(listed.texts("Status"), ["Active", "Active"]);
    assert!(!listed.body.contains("Secret"));
    let used = root
        .iam("GetAccessKeyLastUsed", &[("AccessKeyId", &id)])
        .await
        .ok();
    assert_eq!(used.text("UserName"), "alice");
    root.iam(
        "GetAccessKeyLastUsed",
        &[("AccessKeyId", "AKIA0000000000000000")],
    )
    .await
    .fails(403, "AccessDenied", "does not exist");
    alice.iam("GetUser", &[]).await.ok();
    let other = [
        ("UserName", "alice"),
        ("AccessKeyId", "AKIA0000000000000000"),
    ];
    root.iam("DeleteAccessKey", &other).await.fails(
        404,
        "NoSuchEntity",
        "The Access Key with id AKIA0000000000000000 cannot be found.",
    );
}

#[tokio::test]
async fn an_inactive_or_deleted_key_is_unknown() {
    let world = World::new();
    let alice = world.user("alice", ALLOW).await;
    let root = world.root();
    let id = root
        .iam("ListAccessKeys", &[("UserName", "alice")])
        .await
        .ok()
        .text("AccessKeyId");
    let key = [("UserName", "alice"), ("AccessKeyId", id.as_str())];
    let status = |status| [key[0], key[1], ("Status", status)];
    root.iam("UpdateAccessKey", &status("Inactive")).await.ok();
    alice.iam("GetUser", &[]).await.fails(
        403,
        "InvalidClientTokenId",
        "security token included in the request is invalid",
    );
    alice
        .efs("GET", "file-systems", &serde_json::Value::Null)
        .await
        .fails(403, "UnrecognizedClientException", "");
    alice
        .ec2("DescribeSubnets", &[])
        .await
        .fails(401, "AuthFailure", "");
    root.iam("UpdateAccessKey", &status("Active")).await.ok();
    alice.iam("GetUser", &[]).await.ok();
    root.iam("DeleteAccessKey", &key).await.ok();
    alice
        .iam("GetUser", &[])
        .await
        .fails(403, "InvalidClientTokenId", "");
}

#[tokio::test]
async fn a_key_outlives_its_users_name() {
    let world = World::new();
    let alice = world.user("alice", ALLOW).await;
    world
        .root()
        .iam(
            "UpdateUser",
            &[("UserName", "alice"), ("NewUserName", "alicia")],
        )
        .await
        .ok();
    assert_eq!(
        alice.iam("GetUser", &[]).await.ok().text("UserName"),
        "alicia"
    );
}

#[tokio::test]
async fn each_service_refuses_bad_signatures_in_its_own_words() {
    let world = World::new();
    let wrong = world.client(Some(("test", "wrong", None)));
    wrong.iam("ListUsers", &[]).await.fails(
        403,
        "SignatureDoesNotMatch",
        "does not match the signature you provided",
    );
    wrong
        .sts("GetCallerIdentity", &[])
        .await
        .fails(403, "SignatureDoesNotMatch", "");
    wrong
        .efs("GET", "file-systems", &serde_json::Value::Null)
        .await
        .fails(403, "InvalidSignatureException", "does not match");
    wrong
        .ec2("DescribeSubnets", &[])
        .await
        .fails(401, "AuthFailure", "");
    let unsigned = world.unsigned();
    unsigned.iam("ListUsers", &[]).await.fails(
        403,
        "MissingAuthenticationToken",
        "Missing Authentication Token",
    );
    unsigned
        .efs("GET", "file-systems", &serde_json::Value::Null)
        .await
        .fails(403, "MissingAuthenticationTokenException", "");
    let token = world.client(Some(("test", "test", Some("token"))));
    token
        .sts("GetCallerIdentity", &[])
        .await
        .fails(403, "InvalidClientTokenId", "");
}
