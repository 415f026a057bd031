use serde_json::json;

use super::*;
use crate::adopt::Adopted;
use crate::api::iam::records::{AccessKey, Role, User};
use crate::records::{
    FileSystem, MountTarget, NetworkInterface, Protocol, Remote, SecurityGroup, SecurityGroupRule,
};
use crate::testing::World;

/// The example of the documentation.
fn example() -> &'static str {
    let page = include_str!("../../../../docs/seed.md");
    let (_, rest) = page.split_once("```toml\n").unwrap();
    rest.split_once("```").unwrap().0
}

pub(super) async fn world() -> World {
    let world = World::new();
    let adopted = Adopted {
        file_system: "fs-11111111111111111".to_owned(),
        mount_target: Some("fsmt-11111111111111111".to_owned()),
    };
    world.control.adopt(adopted).await.unwrap();
    world
}

/// Sows a seed as a new start of the server would.
pub(super) async fn sow(world: &World, text: &str) -> Result<(), SeedError> {
    let seed = Seed::parse("seed.toml", text)?;
    Sower::new(&world.control)
        .sow(&seed.document)
        .await
        .map_err(|trouble| {
            let (entry, why) = trouble.into_parts();
            let file = seed.name;
            SeedError::Entry { file, entry, why }
        })
}

pub(super) fn state(world: &World) -> String {
    world.control.export().unwrap().text()
}

#[track_caller]
pub(super) fn assert_same(one: &str, other: &str) {
    let differ = one
        .lines()
        .zip(other.lines())
        .find(|(one, other)| one != other);
    assert_eq!(differ, None);
    assert_eq!(one.lines().count(), other.lines().count());
}

#[tokio::test]
async fn the_example_is_there_and_a_second_start_changes_nothing() {
    let world = world().await;
    sow(&world, example()).await.unwrap();
    let view = world.control.store.view().unwrap();
    let by = |token: &str| {
        let found = view.all_by::<FileSystem>(("creation-token", token));
        found.unwrap().remove(0)
    };
    let shared = by("shared");
    assert!(shared.encrypted && shared.throughput_mode == "elastic");
    assert_eq!(shared.name(), Some("shared"));
    assert_eq!(shared.backup.as_deref(), Some("ENABLED"));
    assert_eq!(shared.lifecycle_policies.len(), 1);
    let policy = shared.policy.unwrap();
    assert!(
        policy.contains("arn:aws:iam::123456789012:role/app"),
        "{policy}"
    );
    let targets = view
        .all_by::<MountTarget>(("file-system", &shared.id))
        .unwrap();
    let mut places: Vec<_> = targets.iter().map(|target| target.zone.as_str()).collect();
    places.sort_unstable();
    assert_eq!(places, ["us-east-1a", "us-east-1b"]);
    assert!(
        targets
            .iter()
            .any(|target| target.ip_address.to_string() == "172.31.16.20")
    );
    let groups = view.all::<SecurityGroup>().unwrap();
    let named = |name: &str| groups.iter().find(|group| group.name == name).unwrap();
    let (group, clients) = (named("efs"), named("clients"));
    assert_eq!(clients.tags[0].value, "web");
    let lets_in = |rule: &&SecurityGroupRule| !rule.is_egress;
    let rules: Vec<_> = group.rules.iter().filter(lets_in).collect();
    assert!(
        rules
            .iter()
            .all(|rule| rule.protocol == Protocol::TCP && rule.ports == Some((2049, 2049)))
    );
    let from: Vec<_> = rules.iter().map(|rule| rule.remote.clone()).collect();
    assert_eq!(
        from,
        [
            Remote::Group(clients.id.clone()),
            Remote::Ipv4("10.0.0.0/8".parse().unwrap()),
            Remote::Ipv4("127.0.0.0/8".parse().unwrap()),
        ]
    );
    assert_eq!(rules[0].description.as_deref(), Some("NFS"));
    for target in &targets {
        let interface = view
            .get::<NetworkInterface>(&target.network_interface)
            .unwrap();
        assert_eq!(interface.unwrap().groups, std::slice::from_ref(&group.id));
    }
    let alice = view.get::<User>("alice").unwrap().unwrap();
    assert_eq!(alice.groups, ["operators"]);
    let role = view.get::<Role>("app").unwrap().unwrap();
    assert!(role.trust.contains("ec2.amazonaws.com"));

    // The guide's example: Alice describes all, and manages the groups of one.
    let client = world.client(Some(("AKIAALICEALICEALICE0", "alice", None)));
    let all = client
        .efs("GET", "file-systems", &serde_json::Value::Null)
        .await;
    assert_eq!(all.ok().json()["FileSystems"].as_array().unwrap().len(), 3);
    let path = format!("mount-targets/{}/security-groups", targets[0].id);
    let groups = json!({"SecurityGroups": [group.id]});
    client.efs("PUT", &path, &groups).await.ok();
    let path = "mount-targets/fsmt-11111111111111111/security-groups";
    let denied = client.efs("PUT", path, &groups).await;
    assert_eq!(denied.error(), (403, "AccessDeniedException".to_owned()));

    let before = state(&world);
    sow(&world, example()).await.unwrap();
    assert_same(&state(&world), &before);
}

#[tokio::test]
async fn json_says_the_same() {
    let (one, other) = (world().await, world().await);
    sow(&one, example()).await.unwrap();
    let value: serde_json::Value = toml::from_str(example()).unwrap();
    sow(&one, &value.to_string()).await.unwrap();
    let before = state(&one);
    sow(&one, &value.to_string()).await.unwrap();
    assert_same(&state(&one), &before);
    sow(&other, &value.to_string()).await.unwrap();
    let count = |world: &World| world.control.export().unwrap().count();
    assert_eq!(count(&one), count(&other));
}

#[tokio::test]
async fn what_differs_is_changed() {
    let world = world().await;
    sow(&world, example()).await.unwrap();
    let changed = example()
        .replace("AFTER_30_DAYS", "AFTER_7_DAYS")
        .replace("Value = \"shared\"", "Value = \"renamed\"")
        .replace(
            "SecretAccessKey = \"alice\"",
            "SecretAccessKey = \"wonderland\"",
        )
        .replace("[\"efs\"]", "[\"default\"]")
        .replace("ec2.amazonaws.com", "ecs-tasks.amazonaws.com")
        .replace("Value = \"web\"", "Value = \"mobile\"")
        .replace("127.0.0.0/8", "192.168.1.0/24")
        .replace("ClientWrite", "ClientRootAccess")
        .replace("DescribeFileSystems", "DescribeMountTargets");
    sow(&world, &changed).await.unwrap();
    let view = world.control.store.view().unwrap();
    let shared = view
        .all_by::<FileSystem>(("creation-token", "shared"))
        .unwrap();
    assert_eq!(shared[0].name(), Some("renamed"));
    assert_eq!(
        shared[0].lifecycle_policies[0].to_ia.as_deref(),
        Some("AFTER_7_DAYS")
    );
    assert!(
        shared[0]
            .policy
            .as_ref()
            .unwrap()
            .contains("ClientRootAccess")
    );
    let key = view
        .get::<AccessKey>("AKIAALICEALICEALICE0")
        .unwrap()
        .unwrap();
    assert_eq!(key.secret, "wonderland");
    let role = view.get::<Role>("app").unwrap().unwrap();
    assert!(role.trust.contains("ecs-tasks"));
    let groups = view.all::<SecurityGroup>().unwrap();
    let named = |name: &str| groups.iter().find(|group| group.name == name).unwrap();
    assert_eq!(named("clients").tags[0].value, "mobile");
    let rules = named("efs").rules.iter();
    assert_eq!(rules.filter(|rule| !rule.is_egress).count(), 4, "one more");
    let default = named("default");
    for target in view
        .all_by::<MountTarget>(("file-system", &shared[0].id))
        .unwrap()
    {
        let interface = view
            .get::<NetworkInterface>(&target.network_interface)
            .unwrap();
        assert_eq!(interface.unwrap().groups, std::slice::from_ref(&default.id));
    }
    let client = world.client(Some(("AKIAALICEALICEALICE0", "wonderland", None)));
    let denied = client
        .efs("GET", "file-systems", &serde_json::Value::Null)
        .await;
    assert_eq!(
        denied.error().0,
        403,
        "the policy has another default version"
    );
}

#[tokio::test]
async fn what_cannot_be_changed_is_refused_by_name() {
    let world = world().await;
    sow(&world, example()).await.unwrap();
    for (from, to, expected) in [
        (
            "Encrypted = true",
            "Encrypted = false",
            "seed.toml: FileSystems[\"shared\"].Encrypted: it is true on what is there, false in \
             the seed",
        ),
        (
            "172.31.16.20",
            "172.31.16.21",
            "FileSystems[\"shared\"].MountTargets[\"us-east-1b\"].IpAddress: ",
        ),
        (
            "Uid = 1001, Gid = 1001, Sec",
            "Uid = 1002, Gid = 1001, Sec",
            "FileSystems[\"shared\"].AccessPoints[\"app\"].PosixUser: ",
        ),
        (
            "UserName = \"Alice\"",
            "UserName = \"alice\"",
            "Users[\"alice\"].UserName: ",
        ),
    ] {
        assert!(example().contains(from), "{from}");
        let before = state(&world);
        let error = sow(&world, &example().replacen(from, to, 1))
            .await
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_same(&state(&world), &before);
    }
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    for (text, expected) in [
        (
            "[[FileSystems]]\nCreationToke = \"x\"",
            "unknown field `CreationToke`",
        ),
        ("[[Users]]\nUserName = 5", "line 2"),
        ("{\"Users\": [{}]}", "missing field `UserName`"),
        ("{\"Users\": {}", "line 1"),
        (
            "[[FileSystems]]\nTags = []",
            "FileSystems[\"\"]: a file system has either a CreationToken",
        ),
        (
            "[[FileSystems]]\nName = \"x\"",
            "FileSystems[\"x\"]: no file system has this tag Name",
        ),
        (
            "[[FileSystems]]\nCreationToken = \"x\"\nPerformanceMode = \"fast\"",
            "FileSystems[\"x\"]: CreateFileSystem: BadRequest: ",
        ),
        (
            "[[FileSystems]]\nCreationToken = \"x\"\nMountTargets = [{ AvailabilityZone = \"us-east-1g\" }]",
            "FileSystems[\"x\"].MountTargets[\"us-east-1g\"]: this zone has no default subnet",
        ),
        (
            "[[FileSystems]]\nCreationToken = \"x\"\nMountTargets = [{}]",
            "FileSystems[\"x\"].MountTargets[0]: a mount target has either",
        ),
        (
            "[[FileSystems]]\nCreationToken = \"x\"\nMountTargets = [{ AvailabilityZoneName = \"us-east-1a\", SecurityGroups = [\"none\"] }]",
            "MountTargets[\"us-east-1a\"].SecurityGroups: vpc-",
        ),
        (
            "[[FileSystems]]\nCreationToken = \"x\"\nDirectories = [{ Path = \"/a\", OwnerUid = 1, OwnerGid = 1, Permissions = \"rwx\" }]",
            "FileSystems[\"x\"].Directories[\"/a\"].Permissions: three or four octal digits",
        ),
        (
            "[[FileSystems]]\nCreationToken = \"x\"\nDirectories = [{ Path = \"/file/a\", OwnerUid = 1, OwnerGid = 1, Permissions = \"0700\" }]",
            "Directories[\"/file/a\"]: /file is no directory",
        ),
        (
            "[[FileSystems]]\nCreationToken = \"x\"\nFileSystemPolicy = \"{}\"",
            "FileSystems[\"x\"].FileSystemPolicy: PutFileSystemPolicy: InvalidPolicyException",
        ),
        (
            "[[SecurityGroups]]\nGroupName = \"x\"\nIpPermissions = [{ IpProtocol = \"tcp\", FromPort = 9, ToPort = 8, IpRanges = [{ CidrIp = \"10.0.0.0/8\" }] }]",
            "SecurityGroups[\"x\"].IpPermissions[0]: AuthorizeSecurityGroupIngress: Invalid",
        ),
        (
            "[[Users]]\nUserName = \"x\"\nGroups = [\"none\"]",
            "Users[\"x\"].Groups[\"none\"]: AddUserToGroup: NoSuchEntity",
        ),
        (
            "[[Users]]\nUserName = \"x\"\nPolicies = [{ PolicyName = \"p\", PolicyDocument = \"{{FileSystems.y.FileSystemArn}}\" }]",
            "Users[\"x\"].Policies[\"p\"]: there is nothing that {{FileSystems.y.FileSystemArn}} could stand for",
        ),
        (
            "[[Users]]\nUserName = \"x\"\nAttachedPolicies = [{ PolicyName = \"none\" }]",
            "Users[\"x\"].AttachedPolicies[0]: there is nothing",
        ),
        (
            "[[Users]]\nUserName = \"x\"\nAccessKeys = [{ AccessKeyId = \"short\", SecretAccessKey = \"s\" }]",
            "Users[\"x\"].AccessKeys[\"short\"].AccessKeyId: 16 to 128",
        ),
        (
            "[[Roles]]\nRoleName = \"x\"\nAssumeRolePolicyDocument = \"{\"",
            "Roles[\"x\"]: CreateRole: MalformedPolicyDocument",
        ),
    ] {
        let error = sow(&world().await, text).await.expect_err(text).to_string();
        assert!(error.starts_with("seed.toml: "), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn keys_belong_to_one_user() {
    let world = world().await;
    let users = "[[Users]]\nUserName = \"one\"\nAccessKeys = [{ AccessKeyId = \"AKIA000000000000\", SecretAccessKey = \"s\" }]\n";
    sow(&world, users).await.unwrap();
    let error = sow(&world, &users.replace("one", "two")).await.unwrap_err();
    assert!(
        error.to_string().ends_with("it is another user's"),
        "{error}"
    );
    for key in ["AKIA000000000001", "AKIA000000000002"] {
        let more = users.replace("AKIA000000000000", key);
        let sown = sow(&world, &more).await;
        assert_eq!(sown.is_ok(), key.ends_with('1'), "{sown:?}");
    }
}

#[tokio::test]
async fn after_a_reset_it_is_there_again() {
    let world = world().await;
    let seed = Seed::parse("seed.toml", example()).unwrap();
    world.control.sow(seed).await.unwrap();
    let count = world.control.export().unwrap().count();
    let root = world.root();
    root.iam("CreateUser", &[("UserName", "Bob")]).await.ok();
    world.control.reset().await.unwrap();
    let view = world.control.store.view().unwrap();
    assert!(view.get::<User>("alice").unwrap().is_some());
    assert!(view.get::<User>("bob").unwrap().is_none());
    assert_eq!(world.control.export().unwrap().count(), count);
}
