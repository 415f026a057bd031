use crate::testing::{ACCOUNT, World, document};

const ALLOW: &str = r#"{"Effect":"Allow","Action":"elasticfilesystem:*","Resource":"*"}"#;

#[tokio::test]
async fn a_user_is_made_found_changed_and_deleted() {
    let world = World::new();
    let root = world.root();
    let made = root
        .iam(
            "CreateUser",
            &[
                ("UserName", "Alice"),
                ("Path", "/team/"),
                ("Tags.member.1.Key", "a"),
                ("Tags.member.1.Value", "b"),
            ],
        )
        .await
        .ok();
    assert_eq!(
        made.text("Arn"),
        format!("arn:aws:iam::{ACCOUNT}:user/team/Alice")
    );
    let id = made.text("UserId");
    assert!(id.starts_with("AIDA") && id.len() == 21, "{id}");
    assert_eq!(made.text("CreateDate"), "2026-11-28T00:00:00Z");

    let found = root.iam("GetUser", &[("UserName", "Alice")]).await.ok();
    assert_eq!(
        (found.text("UserId"), found.text("Key"), found.text("Value")),
        (id.clone(), "a".into(), "b".into())
    );
    let listed = root
        .iam("ListUsers", &[("PathPrefix", "/team/")])
        .await
        .ok();
    assert_eq!(listed.texts("UserName"), ["Alice"]);
    assert_eq!(listed.text("IsTruncated"), "false");
    assert!(
        root.iam("ListUsers", &[("PathPrefix", "/other/")])
            .await
            .ok()
            .texts("UserName")
            .is_empty()
    );

    root.iam(
        "UpdateUser",
        &[
            ("UserName", "Alice"),
            ("NewUserName", "alicia"),
            ("NewPath", "/"),
        ],
    )
    .await
    .ok();
    let renamed = root.iam("GetUser", &[("UserName", "alicia")]).await.ok();
    assert_eq!(
        (renamed.text("UserId"), renamed.text("Path")),
        (id, "/".into())
    );
    root.iam("GetUser", &[("UserName", "Alice")]).await.fails(
        404,
        "NoSuchEntity",
        "The user with name Alice cannot be found.",
    );

    root.iam("DeleteUser", &[("UserName", "alicia")]).await.ok();
    root.iam("DeleteUser", &[("UserName", "alicia")])
        .await
        .fails(404, "NoSuchEntity", "alicia");
}

#[tokio::test]
async fn names_are_unique_without_regard_to_case() {
    let world = World::new();
    let root = world.root();
    root.iam("CreateUser", &[("UserName", "bob")]).await.ok();
    root.iam("CreateUser", &[("UserName", "BOB")]).await.fails(
        409,
        "EntityAlreadyExists",
        "User with name BOB already exists.",
    );
    root.iam("CreateUser", &[("UserName", "eve")]).await.ok();
    root.iam("UpdateUser", &[("UserName", "eve"), ("NewUserName", "Bob")])
        .await
        .fails(409, "EntityAlreadyExists", "Bob");
    root.iam("CreateGroup", &[("GroupName", "g")]).await.ok();
    root.iam("CreateGroup", &[("GroupName", "G")]).await.fails(
        409,
        "EntityAlreadyExists",
        "Group with name G already exists.",
    );
}

#[tokio::test]
async fn input_is_checked_against_the_model() {
    let world = World::new();
    let root = world.root();
    for (action, parameters, words) in [
        ("CreateUser", &[][..], "Value null at 'userName'"),
        (
            "CreateUser",
            &[("UserName", "a b")],
            "regular expression pattern: [\\w+=,.@-]+",
        ),
        ("CreateUser", &[("UserName", "x"), ("Path", "a")], "'path'"),
        (
            "ListUsers",
            &[("MaxItems", "1001")],
            "less than or equal to 1000",
        ),
        ("ListUsers", &[("MaxItems", "many")], "number"),
        (
            "PutUserPolicy",
            &[("UserName", "x")],
            "2 validation errors detected",
        ),
        (
            "UpdateAccessKey",
            &[("AccessKeyId", "AKIA0123456789ABCDEF"), ("Status", "Off")],
            "enum value set",
        ),
    ] {
        root.iam(action, parameters)
            .await
            .fails(400, "ValidationError", words);
    }
    let long = "n".repeat(65);
    root.iam("CreateUser", &[("UserName", &long)]).await.fails(
        400,
        "ValidationError",
        "less than or equal to 64",
    );
    let twice = [
        ("UserName", "x"),
        ("Tags.member.1.Key", "k"),
        ("Tags.member.1.Value", "1"),
        ("Tags.member.2.Key", "K"),
        ("Tags.member.2.Value", "2"),
    ];
    root.iam("CreateUser", &twice).await.fails(
        400,
        "InvalidInput",
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    );
    root.iam("MakeCoffee", &[])
        .await
        .fails(400, "InvalidAction", "MakeCoffee");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let world = World::new();
    let root = world.root();
    for name in ["u1", "u2", "u3", "u4", "u5"] {
        root.iam("CreateUser", &[("UserName", name)]).await.ok();
    }
    let mut seen = Vec::new();
    let mut marker: Option<String> = None;
    for _ in 0..3 {
        let mut parameters = vec![("MaxItems", "2")];
        if let Some(marker) = &marker {
            parameters.push(("Marker", marker));
        }
        let page = root.iam("ListUsers", &parameters).await.ok();
        seen.extend(page.texts("UserName"));
        marker = page.texts("Marker").first().cloned();
        assert_eq!(page.text("IsTruncated"), marker.is_some().to_string());
    }
    assert_eq!(seen, ["u1", "u2", "u3", "u4", "u5"]);
    assert!(marker.is_none());
}

#[tokio::test]
async fn a_user_that_has_something_is_not_deleted() {
    let world = World::new();
    let root = world.root();
    let name = ("UserName", "alice");
    root.iam("CreateUser", &[name]).await.ok();
    root.iam("CreateGroup", &[("GroupName", "g")]).await.ok();
    root.iam("AddUserToGroup", &[name, ("GroupName", "g")])
        .await
        .ok();
    root.iam("DeleteUser", &[name]).await.fails(
        409,
        "DeleteConflict",
        "remove user from all groups",
    );
    root.iam("DeleteGroup", &[("GroupName", "g")]).await.fails(
        409,
        "DeleteConflict",
        "must remove users from group first",
    );
    root.iam(
        "PutUserPolicy",
        &[
            name,
            ("PolicyName", "p"),
            ("PolicyDocument", &document(ALLOW)),
        ],
    )
    .await
    .ok();
    root.iam("DeleteUser", &[name]).await.fails(
        409,
        "DeleteConflict",
        "must delete policies first",
    );
    let arn = (
        "PolicyArn",
        "arn:aws:iam::aws:policy/AmazonElasticFileSystemFullAccess",
    );
    root.iam("AttachUserPolicy", &[name, arn]).await.ok();
    root.iam("DeleteUser", &[name]).await.fails(
        409,
        "DeleteConflict",
        "must detach all policies first",
    );
    let key = root
        .iam("CreateAccessKey", &[name])
        .await
        .ok()
        .text("AccessKeyId");
    root.iam("DeleteUser", &[name]).await.fails(
        409,
        "DeleteConflict",
        "must delete access keys first",
    );
    root.iam("DeleteAccessKey", &[name, ("AccessKeyId", &key)])
        .await
        .ok();
    root.iam("DetachUserPolicy", &[name, arn]).await.ok();
    root.iam("DeleteUserPolicy", &[name, ("PolicyName", "p")])
        .await
        .ok();
    root.iam("RemoveUserFromGroup", &[name, ("GroupName", "g")])
        .await
        .ok();
    root.iam("DeleteUser", &[name]).await.ok();
    root.iam("DeleteGroup", &[("GroupName", "g")]).await.ok();
}

#[tokio::test]
async fn groups_hold_users_and_are_renamed_with_them() {
    let world = World::new();
    let root = world.root();
    let made = root
        .iam("CreateGroup", &[("GroupName", "admins"), ("Path", "/x/")])
        .await
        .ok();
    assert!(made.text("GroupId").starts_with("AGPA"));
    for name in ["a", "b"] {
        root.iam("CreateUser", &[("UserName", name)]).await.ok();
        root.iam(
            "AddUserToGroup",
            &[("UserName", name), ("GroupName", "admins")],
        )
        .await
        .ok();
    }
    assert_eq!(
        root.iam("GetGroup", &[("GroupName", "admins")])
            .await
            .ok()
            .texts("UserName"),
        ["a", "b"]
    );
    root.iam(
        "UpdateGroup",
        &[("GroupName", "admins"), ("NewGroupName", "operators")],
    )
    .await
    .ok();
    assert_eq!(
        root.iam("GetGroup", &[("GroupName", "operators")])
            .await
            .ok()
            .texts("UserName"),
        ["a", "b"]
    );
    let of = root
        .iam("ListGroupsForUser", &[("UserName", "a")])
        .await
        .ok();
    assert_eq!(of.texts("GroupName"), ["operators"]);
    assert_eq!(
        root.iam("ListGroups", &[]).await.ok().texts("Arn"),
        [format!("arn:aws:iam::{ACCOUNT}:group/x/operators")]
    );
    root.iam(
        "AddUserToGroup",
        &[("UserName", "nobody"), ("GroupName", "operators")],
    )
    .await
    .fails(404, "NoSuchEntity", "The user with name nobody");
    root.iam(
        "AddUserToGroup",
        &[("UserName", "a"), ("GroupName", "nothing")],
    )
    .await
    .fails(404, "NoSuchEntity", "The group with name nothing");
    for n in 1..10 {
        let name = format!("g{n}");
        root.iam("CreateGroup", &[("GroupName", &name)]).await.ok();
        root.iam("AddUserToGroup", &[("UserName", "a"), ("GroupName", &name)])
            .await
            .ok();
    }
    root.iam("CreateGroup", &[("GroupName", "more")]).await.ok();
    root.iam(
        "AddUserToGroup",
        &[("UserName", "a"), ("GroupName", "more")],
    )
    .await
    .fails(
        409,
        "LimitExceeded",
        "Cannot exceed quota for GroupsPerUser: 10",
    );
}

#[tokio::test]
async fn a_caller_without_a_name_means_itself() {
    let world = World::new();
    let alice = world.user("alice", r#"{"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam::*:user/${aws:username}"}"#).await;
    assert_eq!(
        alice.iam("GetUser", &[]).await.ok().text("UserName"),
        "alice"
    );
    assert_eq!(
        alice
            .iam("ListAccessKeys", &[])
            .await
            .ok()
            .texts("AccessKeyId")
            .len(),
        1
    );
    let own = world.root().iam("GetUser", &[]).await.ok();
    assert_eq!(own.text("Arn"), format!("arn:aws:iam::{ACCOUNT}:root"));
    world.root().iam("CreateAccessKey", &[]).await.fails(
        400,
        "ValidationError",
        "Must specify userName",
    );
}

#[tokio::test]
async fn tags_are_set_replaced_and_removed() {
    let world = World::new();
    let root = world.root();
    root.iam("CreateUser", &[("UserName", "u")]).await.ok();
    let policy = root
        .iam(
            "CreatePolicy",
            &[("PolicyName", "p"), ("PolicyDocument", &document(ALLOW))],
        )
        .await
        .ok()
        .text("Arn");
    root.iam("CreateInstanceProfile", &[("InstanceProfileName", "i")])
        .await
        .ok();
    let trust = document(
        r#"{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}"#,
    );
    root.iam(
        "CreateRole",
        &[("RoleName", "r"), ("AssumeRolePolicyDocument", &trust)],
    )
    .await
    .ok();
    for (kind, name, value) in [
        ("User", "UserName", "u"),
        ("Role", "RoleName", "r"),
        ("Policy", "PolicyArn", policy.as_str()),
        ("InstanceProfile", "InstanceProfileName", "i"),
    ] {
        let thing = (name, value);
        let tag = format!("Tag{kind}");
        root.iam(
            &tag,
            &[
                thing,
                ("Tags.member.1.Key", "Team"),
                ("Tags.member.1.Value", "x"),
                ("Tags.member.2.Key", "b"),
                ("Tags.member.2.Value", ""),
            ],
        )
        .await
        .ok();
        root.iam(
            &tag,
            &[
                thing,
                ("Tags.member.1.Key", "team"),
                ("Tags.member.1.Value", "y"),
            ],
        )
        .await
        .ok();
        let list = format!("List{kind}Tags");
        let tags = root.iam(&list, &[thing]).await.ok();
        assert_eq!(
            (tags.texts("Key"), tags.texts("Value")),
            (
                vec!["b".into(), "team".into()],
                vec![String::new(), "y".into()]
            ),
            "{kind}"
        );
        root.iam(
            &format!("Untag{kind}"),
            &[
                thing,
                ("TagKeys.member.1", "TEAM"),
                ("TagKeys.member.2", "none"),
            ],
        )
        .await
        .ok();
        assert_eq!(root.iam(&list, &[thing]).await.ok().texts("Key"), ["b"]);
        root.iam(&tag, &[thing])
            .await
            .fails(400, "ValidationError", "'tags'");
        let many: Vec<(String, String)> = (0..50)
            .flat_map(|n| {
                [
                    (format!("Tags.member.{}.Key", n + 1), format!("k{n}")),
                    (format!("Tags.member.{}.Value", n + 1), "v".into()),
                ]
            })
            .collect();
        let mut parameters: Vec<(&str, &str)> =
            many.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        parameters.push(thing);
        root.iam(&tag, &parameters).await.fails(
            409,
            "LimitExceeded",
            &format!("TagsPer{kind}: 50"),
        );
    }
}
