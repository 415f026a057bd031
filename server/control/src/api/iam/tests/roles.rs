use crate::testing::{ACCOUNT, World, document};

const TRUST: &str = r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}"#;

#[tokio::test]
async fn a_role_is_made_found_changed_and_deleted() {
    let world = World::new();
    let root = world.root();
    let trust = document(TRUST);
    let name = ("RoleName", "r");
    let made = root
        .iam(
            "CreateRole",
            &[
                name,
                ("AssumeRolePolicyDocument", &trust),
                ("Path", "/p/"),
                ("Description", "d"),
                ("MaxSessionDuration", "7200"),
            ],
        )
        .await
        .ok();
    assert_eq!(made.text("Arn"), format!("arn:aws:iam::{ACCOUNT}:role/p/r"));
    assert!(made.text("RoleId").starts_with("AROA"));
    root.iam(
        "CreateRole",
        &[("RoleName", "R"), ("AssumeRolePolicyDocument", &trust)],
    )
    .await
    .fails(
        409,
        "EntityAlreadyExists",
        "Role with name R already exists.",
    );
    root.iam(
        "UpdateRole",
        &[name, ("Description", "e"), ("MaxSessionDuration", "3600")],
    )
    .await
    .ok();
    let found = root.iam("GetRole", &[name]).await.ok();
    assert_eq!(
        (found.text("Description"), found.text("MaxSessionDuration")),
        ("e".into(), "3600".into())
    );
    assert_eq!(
        root.iam("ListRoles", &[("PathPrefix", "/p/")])
            .await
            .ok()
            .texts("RoleName"),
        ["r"]
    );
    let service = document(
        r#"{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}"#,
    );
    root.iam(
        "UpdateAssumeRolePolicy",
        &[name, ("PolicyDocument", &service)],
    )
    .await
    .ok();
    assert!(
        root.iam("GetRole", &[name])
            .await
            .ok()
            .text("AssumeRolePolicyDocument")
            .contains("ec2.amazonaws.com")
    );
    root.iam(
        "PutRolePolicy",
        &[
            name,
            ("PolicyName", "p"),
            (
                "PolicyDocument",
                &document(r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#),
            ),
        ],
    )
    .await
    .ok();
    root.iam("DeleteRole", &[name]).await.fails(
        409,
        "DeleteConflict",
        "must delete policies first",
    );
    root.iam("DeleteRolePolicy", &[name, ("PolicyName", "p")])
        .await
        .ok();
    root.iam("DeleteRole", &[name]).await.ok();
    for action in ["GetRole", "DeleteRole"] {
        root.iam(action, &[name]).await.fails(
            404,
            "NoSuchEntity",
            "The role with name r cannot be found.",
        );
    }
}

#[tokio::test]
async fn a_trust_policy_is_checked() {
    let world = World::new();
    let root = world.root();
    for (trust, words) in [
        ("{", "Syntax errors"),
        (
            &document(r#"{"Effect":"Allow","Action":"sts:AssumeRole"}"#),
            "Principal",
        ),
        (
            &document(r#"{"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}"#),
            "STS AssumeRole",
        ),
        (
            &document(
                r#"{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}"#,
            ),
            "Resource",
        ),
        (
            &document(
                r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/nobody"},"Action":"sts:AssumeRole"}"#,
            ),
            r#"Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:user/nobody""#,
        ),
    ] {
        root.iam(
            "CreateRole",
            &[("RoleName", "r"), ("AssumeRolePolicyDocument", trust)],
        )
        .await
        .fails(400, "MalformedPolicyDocument", words);
    }
    root.iam("CreateUser", &[("UserName", "somebody")])
        .await
        .ok();
    let trust = document(
        r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/somebody"},"Action":"sts:AssumeRole"}"#,
    );
    root.iam(
        "CreateRole",
        &[("RoleName", "r"), ("AssumeRolePolicyDocument", &trust)],
    )
    .await
    .ok();
    root.iam(
        "UpdateAssumeRolePolicy",
        &[("RoleName", "r"), ("PolicyDocument", "{}")],
    )
    .await
    .fails(400, "MalformedPolicyDocument", "");
    let large = document(&format!(
        r#"{{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Condition":{{"StringEquals":{{"aws:x":"{}"}}}}}}"#,
        "y".repeat(2048)
    ));
    root.iam(
        "UpdateAssumeRolePolicy",
        &[("RoleName", "r"), ("PolicyDocument", &large)],
    )
    .await
    .fails(409, "LimitExceeded", "ACLSizePerRole");
}

#[tokio::test]
async fn efs_has_a_service_linked_role_that_only_it_changes() {
    let world = World::new();
    let root = world.root();
    let service = ("AWSServiceName", "elasticfilesystem.amazonaws.com");
    let made = root.iam("CreateServiceLinkedRole", &[service]).await.ok();
    let name = "AWSServiceRoleForAmazonElasticFileSystem";
    assert_eq!(
        made.text("Arn"),
        format!(
            "arn:aws:iam::{ACCOUNT}:role/aws-service-role/elasticfilesystem.amazonaws.com/{name}"
        )
    );
    root.iam("CreateServiceLinkedRole", &[service]).await.fails(
        400,
        "InvalidInput",
        "has been taken in this account",
    );
    root.iam(
        "CreateServiceLinkedRole",
        &[("AWSServiceName", "x.amazonaws.com")],
    )
    .await
    .fails(400, "InvalidInput", "");
    root.iam("CreateServiceLinkedRole", &[service, ("CustomSuffix", "x")])
        .await
        .fails(400, "InvalidInput", "suffix");
    let role = ("RoleName", name);
    for action in ["DeleteRole", "UpdateRole"] {
        root.iam(action, &[role])
            .await
            .fails(400, "UnmodifiableEntity", "only modifiable by AWS");
    }
    let arn = ("PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess");
    root.iam("AttachRolePolicy", &[role, arn])
        .await
        .fails(400, "UnmodifiableEntity", "");
    let task = root
        .iam("DeleteServiceLinkedRole", &[role])
        .await
        .ok()
        .text("DeletionTaskId");
    assert_eq!(
        root.iam(
            "GetServiceLinkedRoleDeletionStatus",
            &[("DeletionTaskId", &task)]
        )
        .await
        .ok()
        .text("Status"),
        "SUCCEEDED"
    );
    root.iam(
        "GetServiceLinkedRoleDeletionStatus",
        &[("DeletionTaskId", "x")],
    )
    .await
    .fails(404, "NoSuchEntity", "");
    root.iam("GetRole", &[role])
        .await
        .fails(404, "NoSuchEntity", "");
    root.iam(
        "CreateRole",
        &[
            ("RoleName", "plain"),
            ("AssumeRolePolicyDocument", &document(TRUST)),
        ],
    )
    .await
    .ok();
    root.iam("DeleteServiceLinkedRole", &[("RoleName", "plain")])
        .await
        .fails(400, "InvalidInput", "");
    root.iam(
        "CreateRole",
        &[
            ("RoleName", "x"),
            ("Path", "/aws-service-role/x/"),
            ("AssumeRolePolicyDocument", &document(TRUST)),
        ],
    )
    .await
    .fails(400, "InvalidInput", "");
}

#[tokio::test]
async fn an_instance_profile_holds_one_role() {
    let world = World::new();
    let root = world.root();
    for name in ["r1", "r2"] {
        root.iam(
            "CreateRole",
            &[
                ("RoleName", name),
                ("AssumeRolePolicyDocument", &document(TRUST)),
            ],
        )
        .await
        .ok();
    }
    let name = ("InstanceProfileName", "p");
    let made = root.iam("CreateInstanceProfile", &[name]).await.ok();
    assert_eq!(
        made.text("Arn"),
        format!("arn:aws:iam::{ACCOUNT}:instance-profile/p")
    );
    root.iam("CreateInstanceProfile", &[name]).await.fails(
        409,
        "EntityAlreadyExists",
        "Instance Profile p already exists.",
    );
    root.iam("AddRoleToInstanceProfile", &[name, ("RoleName", "r1")])
        .await
        .ok();
    root.iam("AddRoleToInstanceProfile", &[name, ("RoleName", "r2")])
        .await
        .fails(
            409,
            "LimitExceeded",
            "InstanceSessionsPerInstanceProfile: 1",
        );
    root.iam("AddRoleToInstanceProfile", &[name, ("RoleName", "none")])
        .await
        .fails(404, "NoSuchEntity", "");
    assert_eq!(
        root.iam("GetInstanceProfile", &[name])
            .await
            .ok()
            .text("RoleName"),
        "r1"
    );
    assert_eq!(
        root.iam("ListInstanceProfilesForRole", &[("RoleName", "r1")])
            .await
            .ok()
            .texts("InstanceProfileName"),
        ["p"]
    );
    assert_eq!(
        root.iam("ListInstanceProfiles", &[])
            .await
            .ok()
            .texts("InstanceProfileName"),
        ["p"]
    );
    root.iam("DeleteInstanceProfile", &[name])
        .await
        .fails(409, "DeleteConflict", "");
    root.iam("DeleteRole", &[("RoleName", "r1")]).await.fails(
        409,
        "DeleteConflict",
        "instance profile",
    );
    root.iam("RemoveRoleFromInstanceProfile", &[name, ("RoleName", "r2")])
        .await
        .fails(404, "NoSuchEntity", "");
    root.iam("RemoveRoleFromInstanceProfile", &[name, ("RoleName", "r1")])
        .await
        .ok();
    root.iam("DeleteInstanceProfile", &[name]).await.ok();
    root.iam("GetInstanceProfile", &[name]).await.fails(
        404,
        "NoSuchEntity",
        "Instance Profile p cannot be found.",
    );
}
