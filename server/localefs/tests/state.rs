//! The state of one server as the start of another.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use common::{SOON, Server, connect, localefs, null, run, scratch};
use localefs::{LocalEfs, StateError};
use serde_json::Value;

const SECOND: &str = "fs-aaaaaaaaaaaaaaaaa";
const ITS_TARGET: &str = "fsmt-aaaaaaaaaaaaaaaaa";

/// What a new server exports, and a second file system with a mount target.
fn with_a_second(document: &str) -> String {
    let mut document: Value = serde_json::from_str(document).unwrap();
    let records = &mut document["records"];
    let clone = |records: &mut Value, table: &str, key: &str, change: &dyn Fn(&mut Value)| {
        let table = records[table].as_object_mut().unwrap();
        let mut record = table.values().next().unwrap().clone();
        record["id"] = key.into();
        change(&mut record);
        table.insert(key.to_owned(), record);
    };
    clone(records, "file-systems", SECOND, &|record| {
        record["creation_token"] = "second".into();
    });
    let subnet = records["network-interfaces"].as_object().unwrap();
    let subnet = subnet.values().next().unwrap()["subnet"].clone();
    let mut subnets = records["subnets"].as_object().unwrap().keys();
    let other = subnets.find(|id| **id != subnet).unwrap().clone();
    clone(
        records,
        "network-interfaces",
        "eni-aaaaaaaaaaaaaaaaa",
        &|record| {
            record["subnet"] = other.clone().into();
            record["address"] = "172.31.200.9".into();
            record["place"] = format!("{other}/172.31.200.9").into();
        },
    );
    clone(records, "mount-targets", ITS_TARGET, &|record| {
        record["file_system"] = SECOND.into();
        record["subnet"] = other.clone().into();
        record["ip_address"] = "172.31.200.9".into();
        record["mirror"] = "127.31.200.9".into();
        record["network_interface"] = "eni-aaaaaaaaaaaaaaaaa".into();
    });
    serde_json::to_string_pretty(&document).unwrap()
}

#[tokio::test]
async fn what_is_imported_is_served_at_once_and_after_a_restart() {
    let one = LocalEfs::builder().start().await.unwrap();
    let exported = with_a_second(&one.export().await.unwrap());
    let first = one.file_system_id().to_owned();
    one.shutdown().await;

    let data = scratch();
    let server = LocalEfs::builder().data(data.path()).start().await.unwrap();
    let before = server.root().to_owned();
    fs::write(before.join("file"), "x").unwrap();
    let unchanged = server.export().await.unwrap();
    let refused = server.import(&exported, false).await.unwrap_err();
    assert!(
        refused.to_string().contains("there are files in"),
        "{refused}"
    );
    assert_eq!(server.export().await.unwrap(), unchanged);
    null(&mut connect(server.nfs_addresses()[0]), 1);

    let imported = server.import(&exported, true).await.unwrap();
    assert!(imported.not_served.is_empty(), "{imported:?}");
    let text = server.export().await.unwrap();
    let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert!(value(&text) == value(&exported), "{text}");
    assert!(!before.exists(), "what is not in the document goes");
    let (led, door) = server.data_plane().behind_front_doors().unwrap();
    assert_eq!(led, first);
    null(&mut connect(server.nfs_addresses()[0]), 1);
    let served = server.data_plane().file_systems();
    let second = served.iter().find(|of| of.id == SECOND).unwrap();
    assert_eq!(second.mount_targets[0].id, ITS_TARGET);
    null(&mut connect(second.mount_targets[0].addresses[0]), 1);
    fs::write(second.root.join("kept"), "y").unwrap();
    let root = second.root.clone();

    server.import(&exported, true).await.unwrap();
    assert!(
        root.join("kept").exists(),
        "a file system that is in both keeps its files"
    );
    server.shutdown().await;

    let server = LocalEfs::builder().data(data.path()).start().await.unwrap();
    assert_eq!(server.export().await.unwrap(), text);
    let now = server.data_plane().behind_front_doors().unwrap();
    assert_eq!(now, (first.clone(), door));
    assert_eq!(server.file_system_id(), first);
    null(&mut connect(server.nfs_addresses()[0]), 1);
    assert!(root.join("kept").exists());
    server.shutdown().await;
}

#[tokio::test]
async fn a_mount_target_that_moves_is_opened_anew() {
    let server = LocalEfs::builder().start().await.unwrap();
    let exported = with_a_second(&server.export().await.unwrap());
    server.import(&exported, true).await.unwrap();
    let address = |server: &LocalEfs| {
        let served = server.data_plane().file_systems();
        let second = served.iter().find(|of| of.id == SECOND).unwrap();
        second.mount_targets[0].addresses[0]
    };
    let before = address(&server);
    let moved = exported.replace("31.200.9", "31.200.10");
    server.import(&moved, true).await.unwrap();
    let after = address(&server);
    assert_eq!(after.ip().to_string(), "127.31.200.10");
    null(&mut connect(after), 1);
    let end = Instant::now() + SOON;
    while std::net::TcpStream::connect(before).is_ok() {
        assert!(Instant::now() < end);
    }
    server.shutdown().await;
}

#[tokio::test]
async fn a_tree_from_elsewhere_stays_where_it_is() {
    let one = LocalEfs::builder().start().await.unwrap();
    let exported = one.export().await.unwrap();
    one.shutdown().await;
    let (tree, data) = (scratch(), scratch());
    fs::write(tree.path().join("file"), "x").unwrap();
    let server = LocalEfs::builder()
        .root(tree.path())
        .data(data.path())
        .start()
        .await
        .unwrap();
    let before = server.export().await.unwrap();
    let refused = server.import(&exported, true).await.unwrap_err();
    assert!(matches!(refused, StateError::Import(_)));
    assert!(refused.to_string().contains("--root"), "{refused}");
    assert_eq!(server.export().await.unwrap(), before);
    let trees = fs::read_dir(data.path().join("fs")).map_or(0, Iterator::count);
    assert_eq!(trees, 0, "what was made for the import is gone");
    assert!(tree.path().join("file").exists());
    null(&mut connect(server.nfs_addresses()[0]), 1);
    server.shutdown().await;
}

#[test]
fn the_commands_move_a_state_from_one_server_to_another() {
    let scratch = scratch();
    let file = scratch.path().join("state.json");
    let (one, other) = (Server::ephemeral(), Server::ephemeral());
    let command = |name: &str, server: &Server, words: &[&str]| {
        let mut command = localefs();
        command
            .arg(name)
            .arg("--data")
            .arg(server.data())
            .args(words);
        run(&mut command)
    };
    let name = file.to_str().unwrap();
    assert!(command("export", &one, &[name]).status.success());
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "secrets are in it");
    let exported = fs::read(&file).unwrap();
    assert_eq!(command("export", &one, &[]).stdout, exported);

    let done = command("import", &other, &[name]);
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(
        done.status.success() && said.starts_with("imported "),
        "{done:?}"
    );
    assert_eq!(command("export", &other, &["-"]).stdout, exported);

    fs::write(&file, "{}").unwrap();
    let refused = command("import", &other, &[name]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("no localefs_form"), "{said}");
    for name in ["export", "import"] {
        let mut nowhere = localefs();
        nowhere
            .arg(name)
            .arg("--data")
            .arg(scratch.path())
            .arg(&file);
        let nowhere = run(&mut nowhere);
        assert_eq!(nowhere.status.code(), Some(3), "{name}: {nowhere:?}");
    }
}
