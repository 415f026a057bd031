//! Starts that must fail, and say what to do.

mod common;

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::{Server, failure, localefs, run, scratch};

fn on(data: &Path) -> std::process::Command {
    let mut command = localefs();
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data);
    command
}

fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is missing in: {message}");
    }
}

#[test]
fn port_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let message = failure(localefs().args(["--ephemeral", "--listen", &address]));
    assert_says(&message, &[&address, "taken", "--listen 127.0.0.1:"]);
}

#[test]
fn address_of_another_machine() {
    let message = failure(localefs().args(["--ephemeral", "--listen", "192.0.2.1:0"]));
    assert_says(&message, &["192.0.2.1", "no such address"]);
}

#[test]
fn data_in_use() {
    let scratch = scratch();
    let data = scratch.path().join("data");
    let server = Server::on(&data);
    let message = failure(&mut on(&data));
    let process = format!("process {}", server.child.id());
    assert_says(&message, &["in use", &process, "--data"]);
    assert_eq!(server.ready["pid"], server.child.id());
}

#[test]
fn data_open_to_others() {
    let scratch = scratch();
    let data = scratch.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, Permissions::from_mode(0o750)).unwrap();
    let message = failure(&mut on(&data));
    assert_says(&message, &["0750", "chmod 700"]);
}

#[test]
fn data_of_a_future_version() {
    let scratch = scratch();
    let data = scratch.path().join("data");
    drop(Server::on(&data));
    fs::write(data.join("format"), "localefs data 99\n").unwrap();
    let message = failure(&mut on(&data));
    assert_says(&message, &["format", "localefs data 99"]);
}

#[test]
fn data_that_cannot_be_written() {
    let message = failure(&mut on(Path::new("/proc/localefs")));
    assert_says(&message, &["/proc/localefs", "--data"]);
}

#[test]
fn data_that_is_something_else() {
    let scratch = scratch();
    fs::write(scratch.path().join("letter"), "dear").unwrap();
    let message = failure(&mut on(scratch.path()));
    assert_says(&message, &["other files", "--data"]);
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
}

#[test]
fn damaged_state() {
    let scratch = scratch();
    let data = scratch.path().join("data");
    drop(Server::on(&data));
    let state = data.join("state.redb");
    let whole = fs::read(&state).unwrap();
    fs::write(&state, vec![b'x'; whole.len()]).unwrap();
    let message = failure(&mut on(&data));
    assert_says(&message, &["state.redb", "damaged", "move it away"]);

    // The way out that the message names.
    fs::rename(&state, scratch.path().join("aside")).unwrap();
    let trees = |data: &Path| fs::read_dir(data.join("fs")).unwrap().count();
    assert_eq!(trees(&data), 1);
    drop(Server::on(&data));
    assert_eq!(trees(&data), 1, "the files are still served");
}

#[test]
fn tree_that_others_can_enter() {
    let scratch = scratch();
    let tree = scratch.path().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::set_permissions(scratch.path(), Permissions::from_mode(0o755)).unwrap();
    let options = [
        "--ephemeral",
        "--listen",
        "127.0.0.1:0",
        "--root",
        tree.to_str().unwrap(),
    ];
    let data = common::scratch();
    let message = failure(localefs().args(options).env("TMPDIR", data.path()));
    assert_says(
        &message,
        &["other users", "chmod 700", "--trust-local-users"],
    );
    let trusting = [&options[..], &["--trust-local-users"]].concat();
    assert_ne!(Server::start(&trusting).address().port(), 0);
}

#[test]
fn data_within_the_tree() {
    let scratch = scratch();
    let data = scratch.path().join("data");
    let message = failure(on(&data).arg("--root").arg(scratch.path()));
    assert_says(&message, &["lie in one another", "--data"]);
}

#[test]
fn wrong_words() {
    for words in [
        &["--lease", "0"][..],
        &["--listen", "somewhere"],
        &["serve", "now"],
    ] {
        let output = run(localefs().args(words));
        assert_eq!(output.status.code(), Some(2), "{words:?}");
    }
}

#[test]
fn environment_gives_defaults() {
    let scratch = scratch();
    let ready = scratch.path().join("no/such/directory/ready");
    let mut command = localefs();
    command.env("LOCALEFS_DATA", scratch.path().join("data"));
    command.env("LOCALEFS_LISTEN", "127.0.0.1:0,127.0.0.1:0");
    command
        .env("LOCALEFS_LEASE", "20")
        .env("LOCALEFS_READY_FILE", &ready);
    // The command line wins over LOCALEFS_DATA.
    let message = failure(command.arg("--ephemeral").env("TMPDIR", scratch.path()));
    assert_says(&message, &[ready.to_str().unwrap()]);
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    let message = failure(command.env("LOCALEFS_EPHEMERAL", "0"));
    assert_says(&message, &[ready.to_str().unwrap()]);
}
