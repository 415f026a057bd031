//! From the start to the end of a server's process.

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use common::{Server, connect, expect_closed, null, scratch};
use rustix::process::Signal;

const A_SECOND: Duration = Duration::from_secs(1);

#[test]
fn ready_file_and_banner_say_where_it_is() {
    let server = Server::ephemeral();
    let text = fs::read_to_string(server.ready_file()).unwrap();
    assert!(text.ends_with("}\n") && text.lines().count() == 1, "{text}");
    assert_eq!(server.ready["nfs"].as_array().unwrap().len(), 1);
    let api = server.ready["api"].as_str().unwrap();
    api.parse::<std::net::SocketAddr>().unwrap();
    assert_eq!(server.ready["pid"], server.child.id());
    assert!(server.data().is_absolute());
    null(&mut server.connect(), 1);

    let banner = server.banner();
    let port = server.address().port();
    let mount = format!(
        "sudo mount -t nfs4 -o nfsvers=4.1,port={port},rsize=1048576,wsize=1048576,hard,\
         timeo=600,retrans=2,noresvport 127.0.0.1:/ /mnt/efs"
    );
    for part in [
        server.address().to_string().as_str(),
        server.data().to_str().unwrap(),
        "gone at exit",
        "whoever can connect is root here",
        &mount,
    ] {
        assert!(banner.contains(part), "{part:?} is missing in: {banner}");
    }
}

#[test]
fn several_addresses() {
    let server = Server::start(&[
        "--ephemeral",
        "--listen",
        "127.0.0.1:0",
        "--listen",
        "127.9.8.7:0",
    ]);
    let addresses: Vec<std::net::SocketAddr> =
        serde_json::from_value(server.ready["nfs"].clone()).unwrap();
    assert_eq!(addresses.len(), 2);
    for address in addresses {
        null(&mut connect(address), 3);
    }
}

#[test]
fn signals_stop_it_in_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let scratch = scratch();
        let data = scratch.path().join("data");
        let mut server = Server::on(&data);
        let mut idle: Vec<_> = (0..50).map(|_| server.connect()).collect();
        null(&mut idle[0], 1);
        assert!(data.join("admin.sock").exists());
        let (status, time) = server.stop(signal);
        assert!(status.success(), "{status}: {}", server.log());
        assert!(time < A_SECOND, "{time:?}: {}", server.log());
        idle.iter_mut().for_each(expect_closed);
        assert!(!data.join("admin.sock").exists());
        assert!(!server.ready_file().exists());
        assert!(data.join("fs").exists(), "data stays");
    }
}

#[test]
fn ephemeral_data_goes() {
    let mut server = Server::ephemeral();
    let data = server.data();
    let directory = fs::metadata(&data).unwrap();
    assert_eq!(directory.mode() & 0o7777, 0o700);
    let tree = fs::read_dir(data.join("fs"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let root = fs::metadata(&tree).unwrap();
    assert_eq!(
        (root.mode() & 0o7777, root.uid(), root.gid()),
        (0o755, 0, 0)
    );
    fs::create_dir_all(tree.join("some/thing")).unwrap();
    let (status, _) = server.stop(Signal::TERM);
    assert!(status.success());
    assert!(!data.exists());
}

#[test]
fn data_outlives_stops_and_kills() {
    let scratch = scratch();
    let data = scratch.path().join("data");
    let mut seen = Vec::new();
    for signal in [Signal::TERM, Signal::KILL, Signal::KILL, Signal::INT] {
        let mut server = Server::on(&data);
        null(&mut server.connect(), 1);
        let trees: Vec<_> = fs::read_dir(data.join("fs"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        seen.push(trees);
        server.stop(signal);
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "one file system, always the same");
    assert_eq!(seen[0].len(), 1);
}

#[test]
fn a_served_tree_holds_nothing_of_the_server() {
    let scratch = scratch();
    let tree = scratch.path().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("file"), "kept").unwrap();
    let mut server = Server::start(&[
        "--ephemeral",
        "--listen",
        "127.0.0.1:0",
        "--root",
        tree.to_str().unwrap(),
    ]);
    null(&mut server.connect(), 1);
    assert!(!server.data().join("fs").exists());
    server.stop(Signal::TERM);
    let names: Vec<_> = fs::read_dir(&tree)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["file"]);
    assert_eq!(fs::read_to_string(tree.join("file")).unwrap(), "kept");
}

#[test]
fn an_empty_tree_on_no_record_is_removed_and_one_with_files_stays() {
    let scratch = scratch();
    let data = scratch.path().join("data");
    let mut server = Server::on(&data);
    server.stop(Signal::KILL);
    let trees = data.join("fs");
    let before = fs::read_dir(&trees).unwrap().count();
    let unfinished = trees.join("fs-0123456789abcdef0");
    let unknown = trees.join("fs-0123456789abcdef1");
    let records = data.join("records/fs-0123456789abcdef0");
    for directory in [&unfinished, &unknown, &records] {
        fs::create_dir_all(directory).unwrap();
    }
    fs::write(unknown.join("file"), "somebody's").unwrap();
    let _server = Server::on(&data);
    assert!(!unfinished.exists() && !records.exists());
    assert_eq!(fs::read(unknown.join("file")).unwrap(), b"somebody's");
    assert_eq!(fs::read_dir(&trees).unwrap().count(), before + 1);
}
