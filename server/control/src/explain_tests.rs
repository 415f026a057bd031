use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::Question;
use crate::testing::World;

const CALLS: [(&str, &str, &str); 4] = [
    ("DescribeFileSystems", "GET", "file-systems?FileSystemId="),
    ("DeleteFileSystem", "DELETE", "file-systems/"),
    ("DescribeLifecycleConfiguration", "GET", "file-systems/"),
    ("DescribeBackupPolicy", "GET", "file-systems/"),
];

/// A statement about a file system or another one, with or without a condition.
fn statement(random: &mut StdRng, id: &str) -> String {
    let effect = if random.random_bool(0.7) {
        "Allow"
    } else {
        "Deny"
    };
    let (name, ..) = CALLS.choose(random).unwrap();
    let action = match random.random_range(0..4) {
        0 => "elasticfilesystem:*".to_owned(),
        1 => "elasticfilesystem:Describe*".to_owned(),
        _ => format!("elasticfilesystem:{name}"),
    };
    let arn = "arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/";
    let resource = match random.random_range(0..4) {
        0 => "*".to_owned(),
        1 => format!("{arn}fs-00000000000000000"),
        _ => format!("{arn}{id}"),
    };
    let conditions = [
        json!({}),
        json!({}),
        json!({"StringEquals": {"aws:ResourceTag/team": "red"}}),
        json!({"StringEquals": {"aws:ResourceTag/team": "blue"}}),
        json!({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}),
        json!({"StringEquals": {"aws:username": "mark"}}),
    ];
    let condition = conditions.choose(random).unwrap();
    json!({"Effect": effect, "Action": action, "Resource": resource, "Condition": condition})
        .to_string()
}

#[tokio::test]
async fn what_it_says_of_the_api_is_what_calls_meet() {
    let mut random = StdRng::seed_from_u64(6);
    let (mut allowed, mut denied) = (0, 0);
    let world = World::new();
    let root = world.root();
    for number in 0..100 {
        let tags = json!([{"Key": "team", "Value": "red"}]);
        let body = json!({"CreationToken": format!("t{number}"), "Tags": tags});
        let made = root.efs("POST", "file-systems", &body).await.ok().json();
        let id = made["FileSystemId"].as_str().unwrap().to_owned();
        let name = format!("user{number}");
        let count = random.random_range(1..4);
        let statements: Vec<_> = (0..count).map(|_| statement(&mut random, &id)).collect();
        let user = world
            .user(&name, &format!("[{}]", statements.join(",")))
            .await;
        // The deletion last: it may succeed.
        for place in [0, 2, 3, 1] {
            let (action, method, path) = CALLS[place];
            let question = Question {
                principal: Some(name.clone()),
                api: Some(format!("efs:{action}")),
                resource: Some(id.clone()),
                ..Question::default()
            };
            let said = world.control.explain(&question).unwrap();
            let path = match action {
                "DescribeLifecycleConfiguration" => format!("{path}{id}/lifecycle-configuration"),
                "DescribeBackupPolicy" => format!("{path}{id}/backup-policy"),
                _ => format!("{path}{id}"),
            };
            let reply = user.efs(method, &path, &Value::Null).await;
            let is_denied = reply.status == 403;
            assert_eq!(
                said.allowed, !is_denied,
                "{statements:?} {said:?} {reply:?}"
            );
            allowed += usize::from(said.allowed);
            denied += usize::from(!said.allowed);
        }
    }
    assert!(allowed > 50 && denied > 50, "{allowed} {denied}");
}

#[tokio::test]
async fn a_question_that_makes_no_sense_says_why() {
    let world = World::new();
    let question = |edit: fn(&mut Question)| {
        let mut question = Question::default();
        edit(&mut question);
        world.control.explain(&question).unwrap_err().to_string()
    };
    for (edit, why) in [
        ((|_| {}) as fn(&mut Question), "ask for a client"),
        (
            |it| it.client = Some([10, 0, 0, 1].into()),
            "which mount target?",
        ),
        (
            |it| it.mount_target = Some("fsmt-1".into()),
            "no mount target fsmt-1",
        ),
        (|it| it.principal = Some("alice".into()), "needs an action"),
        (
            |it| {
                it.principal = Some("alice".into());
                it.api = Some("efs:X".into());
            },
            "no user or role alice",
        ),
        (
            |it| {
                it.principal = Some("root".into());
                it.api = Some("x".into());
            },
            "SERVICE:ACTION",
        ),
    ] {
        let said = question(edit);
        assert!(said.contains(why), "{said}");
    }
}

#[tokio::test]
async fn everybody_may_mount_what_has_no_policy_of_its_own() {
    let world = World::new();
    let root = world.root();
    let nothing = r#"{"Effect":"Deny","Action":"s3:*","Resource":"*"}"#;
    world.user("alice", nothing).await;
    let made = root
        .efs("POST", "file-systems", &json!({"CreationToken": "t"}))
        .await
        .ok()
        .json();
    let id = made["FileSystemId"].as_str().unwrap().to_owned();
    let may = |action: &str| {
        let asked = Question {
            principal: Some("alice".to_owned()),
            api: Some(format!("efs:{action}")),
            resource: Some(id.clone()),
            ..Question::default()
        };
        world.control.explain(&asked).unwrap().allowed
    };
    assert!(may("ClientMount") && may("ClientWrite") && may("ClientRootAccess"));
    assert!(!may("DeleteFileSystem"));
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": "elasticfilesystem:ClientMount",
        }],
    });
    let put = json!({"Policy": policy.to_string()});
    root.efs("PUT", &format!("file-systems/{id}/policy"), &put)
        .await
        .ok();
    assert!(may("ClientMount") && !may("ClientWrite"));
}
