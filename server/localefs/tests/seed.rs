//! A server that starts with what a file says.

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use common::{Server, connect, failure, localefs, null, scratch};
use localefs::{LocalEfs, Ownership};
use serde_json::Value;

/// The example of the documentation, in a file.
fn example(directory: &Path) -> PathBuf {
    let page = include_str!("../../../docs/seed.md");
    let (_, rest) = page.split_once("```toml\n").unwrap();
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
