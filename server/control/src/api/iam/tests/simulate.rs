use crate::testing::{World, document};

#[tokio::test]
async fn what_a_user_may_do_is_told_without_doing_it() {
    let world = World::new();
    let root = world.root();
    world
        .user(
            "alice",
            r#"[{"Effect":"Allow","Action":"elasticfilesystem:Describe*","Resource":"*"},
                {"Effect":"Deny","Action":"elasticfilesystem:DescribeTags","Resource":"*"},
                {"Effect":"Allow","Action":"elasticfilesystem:DeleteAccessPoint","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/own":"yes"}}}]"#,
        )
        .await;
    let source = ("PolicySourceArn", "arn:aws:iam::123456789012:user/alice");
    let actions = [
        (
            "ActionNames.member.1",
            "elasticfilesystem:DescribeFileSystems",
        ),
        ("ActionNames.member.2", "elasticfilesystem:DescribeTags"),
        ("ActionNames.member.3", "elasticfilesystem:DeleteFileSystem"),
        (
            "ActionNames.member.4",
            "elasticfilesystem:DeleteAccessPoint",
        ),
    ];
    let mut parameters = vec![source];
    parameters.extend(actions);
    let answer = root.iam("SimulatePrincipalPolicy", &parameters).await.ok();
    assert_eq!(
        answer.texts("EvalDecision"),
        ["allowed", "explicitDeny", "implicitDeny", "implicitDeny"]
    );
    assert_eq!(
        answer.texts("SourcePolicyId"),
        ["user_alice_own", "user_alice_own"]
    );
    assert_eq!(answer.texts("SourcePolicyType"), ["user", "user"]);
    assert!(
        answer.body.contains(
            "<MissingContextValues><member>aws:ResourceTag/own</member></MissingContextValues>"
        ),
        "{}",
        answer.body
    );
    parameters.extend([
        (
            "ContextEntries.member.1.ContextKeyName",
            "aws:ResourceTag/own",
        ),
        ("ContextEntries.member.1.ContextKeyValues.member.1", "yes"),
        ("ContextEntries.member.1.ContextKeyType", "string"),
    ]);
    assert_eq!(
        root.iam("SimulatePrincipalPolicy", &parameters)
            .await
            .ok()
            .texts("EvalDecision")[3],
        "allowed"
    );
    parameters.extend([("MaxItems", "3")]);
    let page = root.iam("SimulatePrincipalPolicy", &parameters).await.ok();
    assert_eq!(
        (page.text("IsTruncated"), page.text("Marker")),
        ("true".into(), "3".into())
    );
    parameters.push(("Marker", "3"));
    assert_eq!(
        root.iam("SimulatePrincipalPolicy", &parameters)
            .await
            .ok()
            .texts("EvalActionName"),
        ["elasticfilesystem:DeleteAccessPoint"]
    );
    let unknown = [
        ("PolicySourceArn", "arn:aws:iam::123456789012:user/bob"),
        actions[0],
    ];
    root.iam("SimulatePrincipalPolicy", &unknown)
        .await
        .fails(404, "NoSuchEntity", "bob");
    root.iam("SimulatePrincipalPolicy", &[source]).await.fails(
        400,
        "ValidationError",
        "actionNames",
    );
    root.iam(
        "SimulatePrincipalPolicy",
        &[source, ("ActionNames.member.1", "x")],
    )
    .await
    .fails(400, "InvalidInput", "Invalid Action");
}

#[tokio::test]
async fn groups_boundaries_and_resource_policies_take_part() {
    let world = World::new();
    let root = world.root();
    root.iam("CreateUser", &[("UserName", "u")]).await.ok();
    root.iam("CreateGroup", &[("GroupName", "g")]).await.ok();
    root.iam("AddUserToGroup", &[("UserName", "u"), ("GroupName", "g")])
        .await
        .ok();
    root.iam(
        "AttachGroupPolicy",
        &[
            ("GroupName", "g"),
            (
                "PolicyArn",
                "arn:aws:iam::aws:policy/AmazonElasticFileSystemFullAccess",
            ),
        ],
    )
    .await
    .ok();
    let action = ("ActionNames.member.1", "elasticfilesystem:CreateFileSystem");
    for source in ["user/u", "group/g"] {
        let arn = format!("arn:aws:iam::123456789012:{source}");
        let answer = root
            .iam(
                "SimulatePrincipalPolicy",
                &[("PolicySourceArn", &arn), action],
            )
            .await
            .ok();
        assert_eq!(
            (answer.text("EvalDecision"), answer.text("SourcePolicyType")),
            ("allowed".into(), "aws-managed".into()),
            "{source}"
        );
    }
    let boundary = document(r#"{"Effect":"Allow","Action":"ec2:*","Resource":"*"}"#);
    let answer = root
        .iam(
            "SimulatePrincipalPolicy",
            &[
                ("PolicySourceArn", "arn:aws:iam::123456789012:user/u"),
                action,
                ("PermissionsBoundaryPolicyInputList.member.1", &boundary),
            ],
        )
        .await
        .ok();
    assert_eq!(
        (
            answer.text("EvalDecision"),
            answer.text("AllowedByPermissionsBoundary")
        ),
        ("implicitDeny".into(), "false".into())
    );
}

#[tokio::test]
async fn policies_are_tried_before_they_are_put() {
    let world = World::new();
    let root = world.root();
    let policy = document(
        r#"{"Effect":"Allow","Action":"elasticfilesystem:ClientMount","Resource":"arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-1"}"#,
    );
    let resources = [
        (
            "ResourceArns.member.1",
            "arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-1",
        ),
        (
            "ResourceArns.member.2",
            "arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-2",
        ),
    ];
    let action = ("ActionNames.member.1", "elasticfilesystem:ClientMount");
    let answer = root
        .iam(
            "SimulateCustomPolicy",
            &[
                ("PolicyInputList.member.1", &policy),
                action,
                resources[0],
                resources[1],
            ],
        )
        .await
        .ok();
    assert_eq!(answer.texts("EvalDecision"), ["allowed", "implicitDeny"]);
    let deny = document(r#"{"Effect":"Deny","Principal":"*","Action":"elasticfilesystem:*"}"#);
    let answer = root
        .iam(
            "SimulateCustomPolicy",
            &[
                ("PolicyInputList.member.1", &policy),
                action,
                resources[0],
                ("ResourcePolicy", &deny),
                ("CallerArn", "arn:aws:iam::123456789012:user/x"),
            ],
        )
        .await
        .ok();
    assert_eq!(
        (answer.text("EvalDecision"), answer.text("SourcePolicyType")),
        ("explicitDeny".into(), "resource".into())
    );
    root.iam(
        "SimulateCustomPolicy",
        &[("PolicyInputList.member.1", "{"), action],
    )
    .await
    .fails(400, "InvalidInput", "Syntax errors");
    root.iam("SimulateCustomPolicy", &[action]).await.fails(
        400,
        "ValidationError",
        "policyInputList",
    );
    root.iam(
        "SimulateCustomPolicy",
        &[
            ("PolicyInputList.member.1", &policy),
            action,
            ("CallerArn", "arn:aws:iam::123456789012:role/x"),
        ],
    )
    .await
    .fails(400, "InvalidInput", "CallerArn");
}

#[tokio::test]
async fn a_costly_simulation_is_refused_or_comes_in_small_pages() {
    let world = World::new();
    let root = world.root();
    let long = document(&format!(
        r#"{{"Effect":"Allow","Action":"a:b","Resource":"arn:aws:a:b:c:{}"}}"#,
        "*a?".repeat(30_000)
    ));
    let action = ("ActionNames.member.1", "a:b");
    let second = ("ActionNames.member.2", "a:c");
    root.iam(
        "SimulateCustomPolicy",
        &[
            ("PolicyInputList.member.1", &long),
            ("PolicyInputList.member.2", &long),
            action,
        ],
    )
    .await
    .fails(400, "InvalidInput", "at most 131072 characters");
    let names: Vec<String> = (1..=101)
        .map(|n| format!("ContextEntries.member.1.ContextKeyValues.member.{n}"))
        .collect();
    let mut parameters: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "v")).collect();
    parameters.extend([
        ("ContextEntries.member.1.ContextKeyName", "aws:x"),
        ("PolicyInputList.member.1", long.as_str()),
        action,
        second,
    ]);
    root.iam("SimulateCustomPolicy", &parameters).await.fails(
        400,
        "InvalidInput",
        "At most 100 context values",
    );
    parameters.remove(0);
    let page = root.iam("SimulateCustomPolicy", &parameters).await.ok();
    assert_eq!(
        (page.texts("EvalActionName").len(), page.text("IsTruncated")),
        (1, "true".into())
    );
}
