//! A server that starts with what a file says.

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use common::{Server, connect, failure, localefs, null, scratch};
use localefs::{LocalEfs, Ownership};
use rustix::process::Signal;
use serde_json::Value;

/// The example of the documentation, in a file.
fn example(directory: &Path) -> PathBuf {
    example_after(directory, "## An example")
}

/// The example below a heading of the documentation, in a file.
fn example_after(directory: &Path, heading: &str) -> PathBuf {
    let page = include_str!("../../../docs/seed.md");
    let (_, rest) = page.split_once(heading).unwrap();
    let (_, rest) = rest.split_once("```toml\n").unwrap();
    let file = directory.join("seed.toml");
    fs::write(&file, rest.split_once("```").unwrap().0).unwrap();
    file
}

fn parse(document: &str) -> Value {
    serde_json::from_str(document).unwrap()
}

#[tokio::test]
async fn the_example_is_served_and_a_second_start_changes_nothing() {
    let scratch = scratch();
    let file = example(scratch.path());
    let start = || {
        LocalEfs::builder()
            .data(scratch.path().join("data"))
            .seed(&file)
            .start()
    };
    let server = start().await.unwrap();
    let first = server.export().await.unwrap();
    let records = &parse(&first)["records"];
    let all = records["file-systems"].as_object().unwrap();
    let shared = all
        .values()
        .find(|found| found["creation_token"] == "shared")
        .unwrap();
    let served = server.data_plane().file_systems();
    let served = served
        .into_iter()
        .find(|found| shared["id"] == found.id.as_str())
        .unwrap();
    assert_eq!(served.mount_targets.len(), 2);
    for target in &served.mount_targets {
        null(&mut connect(target.addresses[0]), 1);
    }
    let mark = fs::metadata(served.root.join("mark")).unwrap();
    let share = fs::metadata(served.root.join("share")).unwrap();
    if !server.has_shadow_ownership() {
        let of = |found: &fs::Metadata| (found.uid(), found.gid(), found.mode() & 0o7777);
        assert_eq!(of(&mark), (2001, 2001, 0o700));
        assert_eq!(of(&share), (0, 100, 0o2775));
    }
    assert!(
        server.root().join("home").is_dir(),
        "the first file system, by its name"
    );
    server.shutdown().await;

    let server = start().await.unwrap();
    let second = server.export().await.unwrap();
    assert!(parse(&second) == parse(&first), "{second}");
    assert_eq!(second, first);
    server.shutdown().await;
}

#[tokio::test]
async fn directories_are_made_with_shadow_ownership_or_named() {
    let scratch = scratch();
    let file = example(scratch.path());
    let server = LocalEfs::builder()
        .seed(&file)
        .ownership(Ownership::Shadow)
        .start()
        .await
        .unwrap();
    assert!(server.root().join("home").is_dir());
    server.shutdown().await;
    fs::write(
        &file,
        "[[FileSystems]]\nName = \"localefs\"\nDirectories = [{ Path = \"a/b\", OwnerUid = 1, \
         OwnerGid = 1, Permissions = \"0700\" }]",
    )
    .unwrap();
    let refused = LocalEfs::builder().seed(&file).start().await.unwrap_err();
    let expected = "FileSystems[\"localefs\"].Directories[\"a/b\"]: cannot make a/b";
    assert!(refused.to_string().contains(expected), "{refused}");
}

#[test]
fn a_server_with_a_bad_seed_says_where_and_does_not_start() {
    let scratch = scratch();
    let file = scratch.path().join("seed.toml");
    let name = file.to_str().unwrap();
    let mut command = localefs();
    command.args(["--ephemeral", "--listen", "127.0.0.1:0"]);
    command.args(["--log", "error", "--seed", name]);
    let missing = failure(&mut command);
    assert!(
        missing.starts_with(&format!("localefs: cannot read {name}: ")),
        "{missing}"
    );
    fs::write(&file, "[[FileSystems]]\nCreationTokens = 1\n").unwrap();
    let syntax = failure(&mut command);
    assert!(
        syntax.contains("line 2") && syntax.contains("CreationTokens"),
        "{syntax}"
    );
    fs::write(&file, "[[Users]]\nUserName = \"a b\"\n").unwrap();
    let refused = failure(&mut command);
    let expected = format!("localefs: {name}: Users[\"a b\"]: CreateUser: ValidationError: ");
    assert!(refused.starts_with(&expected), "{refused}");
}

#[test]
fn the_option_has_the_seed_be_there() {
    let scratch = scratch();
    let file = example(scratch.path());
    let server = Server::start(&[
        "--ephemeral",
        "--listen",
        "127.0.0.1:0",
        "--seed",
        file.to_str().unwrap(),
    ]);
    let count = |data: &Path| {
        let mut command = localefs();
        let out = common::run(command.arg("export").arg("--data").arg(data));
        parse(std::str::from_utf8(&out.stdout).unwrap())["records"]["file-systems"]
            .as_object()
            .unwrap()
            .len()
    };
    assert_eq!(count(&server.data()), 3);
}

#[test]
fn a_network_of_a_seed_decides_who_may_mount() {
    let scratch = scratch();
    let file = example_after(scratch.path(), "## A network");
    let data = scratch.path().join("data");
    let options = ["--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()];
    let options = [&options[..], &["--seed", file.to_str().unwrap()]].concat();
    let export = || {
        let mut command = localefs();
        let out = common::run(command.arg("export").arg("--data").arg(&data));
        String::from_utf8(out.stdout).unwrap()
    };
    let mut server = Server::start(&options);
    let first = export();
    let targets = &parse(&first)["records"]["mount-targets"];
    let mut targets = targets.as_object().unwrap().values();
    let target = targets.find(|target| target["ip_address"] == "10.1.0.20");
    let target = target.unwrap()["id"].as_str().unwrap().to_owned();
    let explain = |client: &str| {
        let mut command = localefs();
        command.args(["explain", "--json", "--client", client]);
        command
            .args(["--mount-target", &target])
            .arg("--data")
            .arg(&data);
        let out = common::run(&mut command);
        let said = parse(std::str::from_utf8(&out.stdout).unwrap());
        assert_eq!(said["allowed"] == true, out.status.success(), "{said}");
        said
    };
    let verdicts = || {
        [
            explain("10.1.0.10"),
            explain("10.1.1.10"),
            explain("10.2.0.10"),
        ]
    };
    let [web, batch, bench] = verdicts();
    assert_eq!(web["allowed"], true, "{web}");
    assert_eq!(batch["allowed"], false, "{batch}");
    let denies = |said: &Value| {
        let layers = said["layers"].as_array().unwrap().iter();
        let denies = layers.filter(|layer| layer["allowed"] == false);
        denies.map(Value::to_string).collect::<String>()
    };
    assert!(denies(&batch).contains("90"), "{batch}");
    assert_eq!(bench["allowed"], false, "{bench}");
    assert!(denies(&bench).contains("isolation"), "{bench}");

    server.stop(Signal::TERM);
    let _server = Server::start(&options);
    assert_eq!(export(), first, "a second start changes nothing");
    assert_eq!(verdicts(), [web, batch, bench]);
}
