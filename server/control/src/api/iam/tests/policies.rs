use crate::testing::{ACCOUNT, World, document};

const ALLOW: &str = r#"{"Effect":"Allow","Action":"elasticfilesystem:*","Resource":"*"}"#;

#[tokio::test]
async fn inline_policies_of_users_groups_and_roles_are_kept_as_they_came() {
    let world = World::new();
    let root = world.root();
    let trust = document(
        r#"{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}"#,
    );
    root.iam("CreateUser", &[("UserName", "x")]).await.ok();
    root.iam("CreateGroup", &[("GroupName", "x")]).await.ok();
    root.iam(
        "CreateRole",
        &[("RoleName", "x"), ("AssumeRolePolicyDocument", &trust)],
    )
    .await
    .ok();
    let policy = document(ALLOW);
    for kind in ["User", "Group", "Role"] {
        let param = format!("{kind}Name");
        let name = (param.as_str(), "x");
        let call = |verb: &str, rest: &str| format!("{verb}{kind}{rest}");
        root.iam(
            &call("Put", "Policy"),
            &[name, ("PolicyName", "p"), ("PolicyDocument", &policy)],
        )
        .await
        .ok();
        let got = root
            .iam(&call("Get", "Policy"), &[name, ("PolicyName", "p")])
            .await
            .ok();
        assert_eq!(got.text(&param), "x");
        let document = got.text("PolicyDocument");
        assert!(
            document.starts_with("%7B%22Version%22%3A%222012-10-17%22"),
            "{document}"
        );
        assert_eq!(
            percent_encoding::percent_decode_str(&document)
                .decode_utf8()
                .unwrap(),
            policy
        );
        assert_eq!(
            root.iam(&call("List", "Policies"), &[name])
                .await
                .ok()
                .texts("member"),
            ["p"]
        );
        root.iam(
            &call("Put", "Policy"),
            &[name, ("PolicyName", "bad"), ("PolicyDocument", "{}")],
        )
        .await
        .fails(400, "MalformedPolicyDocument", "Syntax errors in policy.");
        let large = crate::testing::document(&format!(
            r#"{{"Effect":"Allow","Action":"a:{}","Resource":"*"}}"#,
            "b".repeat(10_300)
        ));
        root.iam(
            &call("Put", "Policy"),
            &[name, ("PolicyName", "large"), ("PolicyDocument", &large)],
        )
        .await
        .fails(409, "LimitExceeded", "Maximum policy size of");
        root.iam(&call("Get", "Policy"), &[name, ("PolicyName", "large")])
            .await
            .fails(
                404,
                "NoSuchEntity",
                "policy with name large cannot be found",
            );
        root.iam(&call("Delete", "Policy"), &[name, ("PolicyName", "p")])
            .await
            .ok();
        root.iam(&call("Delete", "Policy"), &[name, ("PolicyName", "p")])
            .await
            .fails(404, "NoSuchEntity", "");
        root.iam(
            &call("Put", "Policy"),
            &[
                (param.as_str(), "nobody"),
                ("PolicyName", "p"),
                ("PolicyDocument", &policy),
            ],
        )
        .await
        .fails(404, "NoSuchEntity", "nobody");
    }
}

#[tokio::test]
async fn managed_policies_are_attached_and_detached() {
    let world = World::new();
    let root = world.root();
    let trust = document(
        r#"{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}"#,
    );
    root.iam("CreateUser", &[("UserName", "x")]).await.ok();
    root.iam("CreateGroup", &[("GroupName", "x")]).await.ok();
    root.iam(
        "CreateRole",
        &[("RoleName", "x"), ("AssumeRolePolicyDocument", &trust)],
    )
    .await
    .ok();
    let made = root
        .iam(
            "CreatePolicy",
            &[
                ("PolicyName", "own"),
                ("Path", "/p/"),
                ("PolicyDocument", &document(ALLOW)),
                ("Description", "d"),
            ],
        )
        .await
        .ok();
    let own = made.text("Arn");
    assert_eq!(own, format!("arn:aws:iam::{ACCOUNT}:policy/p/own"));
    assert!(made.text("PolicyId").starts_with("ANPA"));
    let full = "arn:aws:iam::aws:policy/AmazonElasticFileSystemFullAccess";
    for kind in ["User", "Group", "Role"] {
        let param = format!("{kind}Name");
        let name = (param.as_str(), "x");
        let (attach, detach, list) = (
            format!("Attach{kind}Policy"),
            format!("Detach{kind}Policy"),
            format!("ListAttached{kind}Policies"),
        );
        for arn in [&own, full, full] {
            root.iam(&attach, &[name, ("PolicyArn", arn)]).await.ok();
        }
        let listed = root.iam(&list, &[name]).await.ok();
        assert_eq!(
            listed.texts("PolicyName"),
            ["AmazonElasticFileSystemFullAccess", "own"]
        );
        assert_eq!(
            root.iam(&list, &[name, ("PathPrefix", "/p/")])
                .await
                .ok()
                .texts("PolicyArn"),
            [own.as_str()]
        );
        root.iam(&detach, &[name, ("PolicyArn", full)]).await.ok();
        root.iam(&detach, &[name, ("PolicyArn", full)]).await.fails(
            404,
            "NoSuchEntity",
            "was not found",
        );
        root.iam(
            &attach,
            &[name, ("PolicyArn", "arn:aws:iam::aws:policy/Nothing")],
        )
        .await
        .fails(404, "NoSuchEntity", "does not exist or is not attachable");
        root.iam(&attach, &[name, ("PolicyArn", "arn:aws:iam::aws:policy/aws-service-role/AmazonElasticFileSystemServiceRolePolicy")]).await.fails(400, "PolicyNotAttachable", "");
    }
    assert_eq!(
        root.iam("GetPolicy", &[("PolicyArn", &own)])
            .await
            .ok()
            .text("AttachmentCount"),
        "3"
    );
    let entities = root
        .iam("ListEntitiesForPolicy", &[("PolicyArn", &own)])
        .await
        .ok();
    assert_eq!(
        (
            entities.text("UserName"),
            entities.text("GroupName"),
            entities.text("RoleName")
        ),
        ("x".into(), "x".into(), "x".into())
    );
    assert!(
        root.iam(
            "ListEntitiesForPolicy",
            &[("PolicyArn", &own), ("EntityFilter", "Role")]
        )
        .await
        .ok()
        .texts("UserName")
        .is_empty()
    );
    root.iam("DeletePolicy", &[("PolicyArn", &own)])
        .await
        .fails(
            409,
            "DeleteConflict",
            "Cannot delete a policy attached to entities.",
        );
    for n in 1..10 {
        let name = format!("p{n}");
        let arn = root
            .iam(
                "CreatePolicy",
                &[("PolicyName", &name), ("PolicyDocument", &document(ALLOW))],
            )
            .await
            .ok()
            .text("Arn");
        root.iam(
            "AttachUserPolicy",
            &[("UserName", "x"), ("PolicyArn", &arn)],
        )
        .await
        .ok();
    }
    root.iam(
        "AttachUserPolicy",
        &[("UserName", "x"), ("PolicyArn", full)],
    )
    .await
    .fails(
        409,
        "LimitExceeded",
        "Cannot exceed quota for PoliciesPerUser: 10",
    );
}

#[tokio::test]
async fn a_managed_policy_has_versions_and_one_counts() {
    let world = World::new();
    let root = world.root();
    let arn = root
        .iam(
            "CreatePolicy",
            &[("PolicyName", "p"), ("PolicyDocument", &document(ALLOW))],
        )
        .await
        .ok()
        .text("Arn");
    let policy = ("PolicyArn", arn.as_str());
    root.iam(
        "CreatePolicy",
        &[
            ("PolicyName", "P"),
            ("Path", "/x/"),
            ("PolicyDocument", &document(ALLOW)),
        ],
    )
    .await
    .fails(
        409,
        "EntityAlreadyExists",
        "A policy called P already exists. Duplicate names are not allowed.",
    );
    let deny = document(r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#);
    let second = root
        .iam("CreatePolicyVersion", &[policy, ("PolicyDocument", &deny)])
        .await
        .ok();
    assert_eq!(
        (second.text("VersionId"), second.text("IsDefaultVersion")),
        ("v2".into(), "false".into())
    );
    let third = root
        .iam(
            "CreatePolicyVersion",
            &[policy, ("PolicyDocument", &deny), ("SetAsDefault", "true")],
        )
        .await
        .ok();
    assert_eq!(
        (third.text("VersionId"), third.text("IsDefaultVersion")),
        ("v3".into(), "true".into())
    );
    assert_eq!(
        root.iam("GetPolicy", &[policy])
            .await
            .ok()
            .text("DefaultVersionId"),
        "v3"
    );
    root.iam("SetDefaultPolicyVersion", &[policy, ("VersionId", "v1")])
        .await
        .ok();
    let first = root
        .iam("GetPolicyVersion", &[policy, ("VersionId", "v1")])
        .await
        .ok();
    assert_eq!(
        percent_encoding::percent_decode_str(&first.text("Document"))
            .decode_utf8()
            .unwrap(),
        document(ALLOW)
    );
    assert_eq!(
        root.iam("ListPolicyVersions", &[policy])
            .await
            .ok()
            .texts("VersionId"),
        ["v3", "v2", "v1"]
    );
    root.iam("DeletePolicyVersion", &[policy, ("VersionId", "v1")])
        .await
        .fails(409, "DeleteConflict", "default version");
    root.iam("DeletePolicy", &[policy])
        .await
        .fails(409, "DeleteConflict", "more than one version");
    for _ in 0..2 {
        root.iam("CreatePolicyVersion", &[policy, ("PolicyDocument", &deny)])
            .await
            .ok();
    }
    root.iam("CreatePolicyVersion", &[policy, ("PolicyDocument", &deny)])
        .await
        .fails(409, "LimitExceeded", "up to 5 versions");
    root.iam("GetPolicyVersion", &[policy, ("VersionId", "v9")])
        .await
        .fails(404, "NoSuchEntity", "version v9");
    root.iam("SetDefaultPolicyVersion", &[policy, ("VersionId", "v9")])
        .await
        .fails(404, "NoSuchEntity", "");
    root.iam("DeletePolicyVersion", &[policy, ("VersionId", "v9")])
        .await
        .fails(404, "NoSuchEntity", "");
    root.iam("GetPolicyVersion", &[policy, ("VersionId", "latest")])
        .await
        .fails(400, "ValidationError", "versionId");
    for version in ["v2", "v3", "v4", "v5"] {
        root.iam("DeletePolicyVersion", &[policy, ("VersionId", version)])
            .await
            .ok();
    }
    let next = root
        .iam("CreatePolicyVersion", &[policy, ("PolicyDocument", &deny)])
        .await
        .ok();
    assert_eq!(next.text("VersionId"), "v6", "no number is used twice");
    root.iam("DeletePolicyVersion", &[policy, ("VersionId", "v6")])
        .await
        .ok();
    root.iam("DeletePolicy", &[policy]).await.ok();
    root.iam("GetPolicy", &[policy]).await.fails(
        404,
        "NoSuchEntity",
        &format!("Policy {arn} was not found."),
    );
}

#[tokio::test]
async fn awss_policies_are_there_and_cannot_be_changed() {
    let world = World::new();
    let root = world.root();
    let policy = (
        "PolicyArn",
        "arn:aws:iam::aws:policy/AmazonElasticFileSystemClientFullAccess",
    );
    let found = root.iam("GetPolicy", &[policy]).await.ok();
    assert_eq!(
        (found.text("PolicyName"), found.text("DefaultVersionId")),
        (
            "AmazonElasticFileSystemClientFullAccess".into(),
            "v1".into()
        )
    );
    assert!(
        root.iam("GetPolicyVersion", &[policy, ("VersionId", "v1")])
            .await
            .ok()
            .text("Document")
            .contains("ClientRootAccess")
    );
    root.iam("DeletePolicy", &[policy])
        .await
        .fails(400, "InvalidInput", "policy of AWS");
    root.iam(
        "CreatePolicyVersion",
        &[policy, ("PolicyDocument", &document(ALLOW))],
    )
    .await
    .fails(400, "InvalidInput", "");
    root.iam("GetPolicy", &[("PolicyArn", "arn:aws:s3:::bucket/policy")])
        .await
        .fails(400, "ValidationError", "is not valid");
    let all = root
        .iam("ListPolicies", &[("Scope", "AWS")])
        .await
        .ok()
        .texts("PolicyName");
    assert!(
        all.contains(&"AdministratorAccess".to_owned()) && all.len() > 10,
        "{all:?}"
    );
    assert!(
        root.iam("ListPolicies", &[("Scope", "Local")])
            .await
            .ok()
            .texts("PolicyName")
            .is_empty()
    );
    root.iam("CreateUser", &[("UserName", "u")]).await.ok();
    root.iam("AttachUserPolicy", &[("UserName", "u"), policy])
        .await
        .ok();
    let attached = root
        .iam("ListPolicies", &[("OnlyAttached", "true")])
        .await
        .ok();
    assert_eq!(
        attached.texts("PolicyName"),
        ["AmazonElasticFileSystemClientFullAccess"]
    );
    let details = root.iam("GetAccountAuthorizationDetails", &[]).await.ok();
    assert_eq!(details.texts("UserName"), ["u"]);
    assert_eq!(
        root.iam("GetAccountSummary", &[])
            .await
            .ok()
            .body
            .matches("<key>Users</key><value>1</value>")
            .count(),
        1
    );
    root.iam("ListAccountAliases", &[]).await.ok();
    root.iam(
        "GetAccountAuthorizationDetails",
        &[("Filter.member.1", "Robot")],
    )
    .await
    .fails(400, "ValidationError", "enum");
}

#[tokio::test]
async fn too_large_a_policy_is_refused() {
    let world = World::new();
    let large = document(&format!(
        r#"{{"Effect":"Allow","Action":"a:{}","Resource":"*"}}"#,
        "b".repeat(6144)
    ));
    world
        .root()
        .iam(
            "CreatePolicy",
            &[("PolicyName", "p"), ("PolicyDocument", &large)],
        )
        .await
        .fails(
            409,
            "LimitExceeded",
            "Cannot exceed quota for PolicySize: 6144",
        );
    let spaced = document(&format!(
        r#"{{"Effect":"Allow","Action":"a:b","Resource":"*"{}}}"#,
        " ".repeat(7000)
    ));
    world
        .root()
        .iam(
            "CreatePolicy",
            &[("PolicyName", "p"), ("PolicyDocument", &spaced)],
        )
        .await
        .ok();
    world
        .root()
        .iam(
            "CreatePolicy",
            &[("PolicyName", "q"), ("PolicyDocument", "\u{263a}")],
        )
        .await
        .fails(400, "ValidationError", "policyDocument");
}
