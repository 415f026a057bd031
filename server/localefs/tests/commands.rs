//! `localefs status` and `localefs health`.

mod common;

use common::{Server, localefs, null, run, scratch};
use serde_json::Value;

#[test]
fn status_for_people_and_programs() {
    let server = Server::ephemeral();
    let mut connection = server.connect();
    null(&mut connection, 1);

    let output = run(localefs().arg("status").arg("--data").arg(server.data()));
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        server.address().to_string().as_str(),
        "fs-",
        "gone at exit",
        "No clients",
    ] {
        assert!(text.contains(part), "{part:?} is missing in: {text}");
    }

    let output = run(localefs()
        .args(["status", "--json"])
        .env("LOCALEFS_DATA", server.data()));
    assert_eq!(output.status.code(), Some(0));
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status["pid"], server.child.id());
    assert_eq!(status["nfs"][0], server.address().to_string());
    assert_eq!(status["data"], server.data().to_str().unwrap());
    assert_eq!(status["connections"], 1);
    assert_eq!(status["lease_seconds"], 90);
    assert_eq!(status["clients"], Value::Array(Vec::new()));
    assert_eq!(
        status["grace_seconds"],
        Value::Null,
        "no client is on record"
    );
}

#[test]
fn health_in_one_line() {
    let server = Server::ephemeral();
    let output = run(localefs().arg("health").arg("--data").arg(server.data()));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, b"ok\n");
    assert!(output.stderr.is_empty());
}

#[test]
fn nobody_there() {
    let scratch = scratch();
    let data = scratch.path().join("data");
    let mut server = Server::on(&data);
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    // A socket without a server behind it, and none at all.
    for data in [data, scratch.path().join("never")] {
        let output = run(localefs().arg("status").arg("--data").arg(&data));
        assert_eq!(output.status.code(), Some(3));
        let output = run(localefs().arg("health").arg("--data").arg(&data));
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        let line = String::from_utf8(output.stderr).unwrap();
        assert!(line.contains("no localefs is running on"), "{line}");
        assert_eq!(line.lines().count(), 1);
    }
}

#[test]
fn however_deep_the_data_directory_is() {
    let scratch = scratch();
    let data = scratch.path().join("d".repeat(100)).join("e".repeat(100));
    let server = Server::on(&data);
    let output = run(localefs().arg("health").arg("--data").arg(&data));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    drop(server);
}
