//! Ownership: chosen, kept, converted, repaired; and all of it as an ordinary user.

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Server, failure, localefs, null, run, scratch};

const NOBODY: u32 = 65534;

fn tree(data: &Path) -> PathBuf {
    let mut trees = fs::read_dir(data.join("fs")).unwrap();
    trees.next().unwrap().unwrap().path()
}

fn tool(command: &str, data: &Path, more: &[&str]) -> Command {
    let mut tool = localefs();
    tool.arg(command).arg("--data").arg(data).args(more);
    tool
}

fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is missing in: {message}");
    }
}

fn succeeds(mut command: Command) -> String {
    let output = run(&mut command);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).unwrap()
}

/// A server with this ownership.
fn serve(data: &Path, ownership: &str) -> Server {
    let data = data.to_str().unwrap();
    let listen = "127.0.0.1:0";
    Server::start(&["--data", data, "--listen", listen, "--ownership", ownership])
}

fn refused(data: &Path, ownership: &str) -> String {
    let mut command = localefs();
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--ownership", ownership])
        .arg("--data")
        .arg(data);
    failure(&mut command)
}

#[test]
fn an_ordinary_user_serves() {
    let scratch = scratch();
    fs::set_permissions(scratch.path(), Permissions::from_mode(0o755)).unwrap();
    let program = scratch.path().join("localefs");
    fs::copy(env!("CARGO_BIN_EXE_localefs"), &program).unwrap();
    let home = scratch.path().join("home");
    fs::create_dir(&home).unwrap();
    chown(&home, Some(NOBODY), Some(NOBODY)).unwrap();
    let data = home.join("data");
    for _ in 0..2 {
        let mut command = Command::new(&program);
        command
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--ready-file",
                "ready",
                "--data",
            ])
            .arg(&data)
            .current_dir(&home)
            .uid(NOBODY)
            .gid(NOBODY);
        let mut child = command.spawn().unwrap();
        let ready = home.join("ready");
        while !ready.exists() {
            assert!(child.try_wait().unwrap().is_none(), "it ended");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let text = fs::read(&ready).unwrap();
        let ready: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let address = ready["nfs"][0].as_str().unwrap().parse().unwrap();
        null(&mut common::connect(address), 1);
        child.kill().unwrap();
        child.wait().unwrap();
        fs::remove_file(home.join("ready")).unwrap();
    }
    let records = data.join("records").join(tree(&data).file_name().unwrap());
    assert!(records.join("owners").exists() && records.join("names").exists());
}

#[test]
fn the_choice_is_kept() {
    let scratch = scratch();
    for (first, other) in [("native", "shadow"), ("shadow", "native")] {
        let data = scratch.path().join(first);
        drop(serve(&data, first));
        let message = refused(&data, other);
        says(
            &message,
            &[
                first,
                other,
                "convert-ownership --to",
                tree(&data).to_str().unwrap(),
            ],
        );
        drop(serve(&data, "auto"));
        drop(serve(&data, first));
    }
}

#[test]
fn owners_go_to_the_table_and_back() {
    let scratch = scratch();
    let data = scratch.path().join("data");
    drop(serve(&data, "native"));
    let tree = tree(&data);
    let file = |n: u32| tree.join(format!("d/{n}"));
    fs::create_dir(tree.join("d")).unwrap();
    for n in 0..50 {
        fs::write(file(n), "").unwrap();
        chown(file(n), Some(1000 + n), Some(2000 + n)).unwrap();
        fs::set_permissions(file(n), Permissions::from_mode(0o4000 + n)).unwrap();
    }
    std::os::unix::fs::symlink("nowhere", tree.join("l")).unwrap();
    std::os::unix::fs::lchown(tree.join("l"), Some(77), Some(78)).unwrap();

    let text = succeeds(tool("convert-ownership", &data, &["--to", "shadow"]));
    assert_eq!(text, "converted 53 files and directories\n");
    for n in 0..50 {
        let host = fs::metadata(file(n)).unwrap();
        assert_eq!((host.uid(), host.mode() & 0o7777), (0, 0o600));
    }
    says(&refused(&data, "native"), &["shadow ownership"]);
    let server = serve(&data, "shadow");
    says(
        &failure(&mut tool("convert-ownership", &data, &["--to", "native"])),
        &["in use"],
    );
    assert!(server.banner().contains("shadow ownership"));
    drop(server);

    for _ in 0..2 {
        succeeds(tool("convert-ownership", &data, &["--to", "native"]));
    }
    for n in 0..50 {
        let host = fs::metadata(file(n)).unwrap();
        let seen = (host.uid(), host.gid(), host.mode() & 0o7777);
        assert_eq!(seen, (1000 + n, 2000 + n, 0o4000 + n));
    }
    let link = fs::symlink_metadata(tree.join("l")).unwrap();
    assert_eq!((link.uid(), link.gid()), (77, 78));
    drop(serve(&data, "native"));
}

#[test]
fn damaged_owners_are_refused_and_can_be_repaired() {
    use std::os::unix::fs::FileExt;
    let scratch = scratch();
    let data = scratch.path().join("data");
    drop(serve(&data, "shadow"));
    let records = data.join("records").join(tree(&data).file_name().unwrap());
    let owners = records.join("owners");
    let path = owners.to_str().unwrap();
    let open = || {
        fs::File::options()
            .read(true)
            .write(true)
            .open(&owners)
            .unwrap()
    };
    let parts = [path, "repair-ownership"];

    let mut first = [0];
    open().read_at(&mut first, 0).unwrap();
    open().write_all_at(b"?", 0).unwrap();
    says(&refused(&data, "auto"), &parts);
    open().write_all_at(&first, 0).unwrap();
    let server = serve(&data, "auto");
    drop(server);

    fs::rename(&owners, records.join("aside")).unwrap();
    says(
        &refused(&data, "auto"),
        &[path, "missing", "repair-ownership"],
    );
    assert!(!owners.exists(), "nothing is reset");
    succeeds(tool("repair-ownership", &data, &[]));
    drop(serve(&data, "auto"));

    // A database that was lost doesn't lose the owners.
    fs::rename(data.join("state.redb"), scratch.path().join("aside")).unwrap();
    says(&refused(&data, "native"), &["shadow ownership"]);
    drop(serve(&data, "auto"));
}

#[test]
fn a_served_directory_stays_free_of_records() {
    let scratch = scratch();
    let tree = scratch.path().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("file"), "data").unwrap();
    fs::set_permissions(tree.join("file"), Permissions::from_mode(0o644)).unwrap();
    let data = scratch.path().join("data");
    for _ in 0..2 {
        let server = Server::start(&[
            "--data",
            data.to_str().unwrap(),
            "--root",
            tree.to_str().unwrap(),
            "--listen",
            "127.0.0.1:0",
            "--ownership",
            "shadow",
            "--outside-owner",
            "1000:1000",
        ]);
        assert!(server.banner().contains("shadow ownership"));
    }
    assert_eq!(fs::read_dir(&tree).unwrap().count(), 1);
    let host = fs::metadata(tree.join("file")).unwrap();
    assert_eq!((host.uid(), host.mode() & 0o7777), (0, 0o644));
    assert!(data.join("records").exists());
}

#[test]
fn there_is_nothing_to_convert_where_no_data_is() {
    let scratch = scratch();
    let data = scratch.path().join("none");
    let message = failure(&mut tool("convert-ownership", &data, &["--to", "shadow"]));
    says(&message, &["none", "--data"]);
    assert!(!data.exists());
}
