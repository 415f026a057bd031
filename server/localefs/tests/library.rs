//! `LocalEfs` inside another program.

mod common;

use std::net::TcpStream;

use common::{connect, null, scratch};
use localefs::{DataDirError, LocalEfs, StartError};

// The calls below block the only thread of the test's runtime: the server has its own.
#[tokio::test]
async fn it_serves_while_its_owner_is_blocked() {
    let server = LocalEfs::builder().start().await.unwrap();
    assert!(server.is_ephemeral());
    assert!(server.file_system_id().starts_with("fs-"));
    assert!(server.root().starts_with(server.data()));
    let address = server.nfs_addresses()[0];
    assert!(
        server
            .mount_command("/mnt")
            .contains(&format!("port={}", address.port()))
    );
    null(&mut connect(address), 1);
    let data = server.data().to_owned();
    server.shutdown().await;
    assert!(TcpStream::connect(address).is_err());
    assert!(!data.exists());
}

#[tokio::test]
async fn dropping_stops_it() {
    let scratch = scratch();
    let data = scratch.path().join("data");
    let mut addresses = Vec::new();
    for _ in 0..2 {
        // The second finds the data directory free.
        let server = LocalEfs::builder().data(&data).start().await.unwrap();
        addresses.push(server.nfs_addresses()[0]);
    }
    for address in addresses {
        assert!(TcpStream::connect(address).is_err());
    }
}

#[tokio::test]
async fn several_in_one_process() {
    let one = LocalEfs::builder().start().await.unwrap();
    let other = LocalEfs::builder().start().await.unwrap();
    assert_ne!(one.nfs_addresses(), other.nfs_addresses());
    assert_ne!(one.file_system_id(), other.file_system_id());
    null(&mut connect(one.nfs_addresses()[0]), 1);
    null(&mut connect(other.nfs_addresses()[0]), 1);
    let second = LocalEfs::builder().data(one.data()).start().await;
    assert!(matches!(
        second,
        Err(StartError::Data(DataDirError::InUse { .. }))
    ));
}

#[tokio::test]
async fn status_over_the_library() {
    let server = LocalEfs::builder().start().await.unwrap();
    assert_eq!(
        localefs::admin::health(server.data()).await.unwrap().status,
        "ok"
    );
    let status = localefs::admin::status(server.data()).await.unwrap();
    assert_eq!(status.nfs, server.nfs_addresses());
    assert_eq!(status.file_system.id, server.file_system_id());
}
