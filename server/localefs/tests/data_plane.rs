//! File systems and mount targets that are created and deleted in this process.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Instant;

use common::{SOON, connect, expect_closed, null, scratch};
use localefs::{DataPlaneError, LocalEfs, Owner, Ownership, OwnershipTool};

const FILE_SYSTEM: &str = "fs-fffffffffffffffff";
const ONE: &str = "fsmt-00000000000000001";
const TWO: &str = "fsmt-00000000000000002";

fn at(host: u8) -> SocketAddr {
    ([127, 31, 0, host], 0).into()
}

fn until(what: impl Fn() -> bool) {
    let end = Instant::now() + SOON;
    while !what() {
        assert!(Instant::now() < end);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

/// Does what test suites do between tests.
async fn reset_everything(server: &LocalEfs) {
    let api = server.api_address();
    let asking = tokio::task::spawn_blocking(move || {
        let mut stream = connect(api);
        let request =
            format!("POST /_localefs/reset HTTP/1.1\r\nHost: {api}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = asking.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none())
}

#[tokio::test]
async fn they_come_and_go() {
    let server = LocalEfs::builder().start().await.unwrap();
    let data_plane = server.data_plane();
    data_plane.create_file_system(FILE_SYSTEM).await.unwrap();
    data_plane.create_file_system(FILE_SYSTEM).await.unwrap();
    let address = data_plane
        .create_mount_target(FILE_SYSTEM, ONE, at(1))
        .await;
    let address = address.unwrap();
    null(&mut connect(address), 1);
    let further = data_plane
        .create_mount_target(FILE_SYSTEM, ONE, at(2))
        .await;
    null(&mut connect(further.unwrap()), 1);
    let again = data_plane
        .create_mount_target(FILE_SYSTEM, ONE, address)
        .await;
    assert_eq!(again.unwrap(), address);
    let served = data_plane.file_systems();
    let served = served.iter().find(|of| of.id == FILE_SYSTEM).unwrap();
    assert_eq!(served.mount_targets[0].addresses.len(), 2);
    fs::write(served.root.join("file"), "x").unwrap();

    let in_use = data_plane.delete_file_system(FILE_SYSTEM).await;
    assert!(matches!(
        in_use,
        Err(DataPlaneError::FileSystemInUse { mount_targets, .. }) if mount_targets == [ONE]
    ));
    data_plane.delete_mount_target(ONE).await.unwrap();
    assert!(TcpStream::connect(address).is_err());
    data_plane.delete_file_system(FILE_SYSTEM).await.unwrap();
    assert!(!served.root.exists());
    until(|| is_empty(&server.data().join("removed")));
    null(&mut connect(server.nfs_addresses()[0]), 1);
    server.shutdown().await;
    let stopped = data_plane.create_file_system(FILE_SYSTEM).await;
    assert!(matches!(stopped, Err(DataPlaneError::Stopped)));
    assert!(data_plane.file_systems().is_empty());
}

#[tokio::test]
async fn many_are_made_at_once() {
    let data = scratch();
    let server = || LocalEfs::builder().data(data.path().join("data")).start();
    // More than are made together, and each is asked for three times.
    let ids: Vec<_> = (0..100).map(|number| format!("fs-{number:017x}")).collect();
    let running = server().await.unwrap();
    let mut asked = tokio::task::JoinSet::new();
    for id in ids.iter().cycle().take(3 * ids.len()) {
        let (data_plane, id) = (running.data_plane(), id.clone());
        asked.spawn(async move { data_plane.create_file_system(&id).await });
    }
    while let Some(made) = asked.join_next().await {
        made.unwrap().unwrap();
    }
    let served = running.data_plane().file_systems();
    for id in &ids {
        let of: Vec<_> = served.iter().filter(|of| of.id == *id).collect();
        assert_eq!(of.len(), 1, "{id}");
        assert!(is_empty(&of[0].root), "{id}");
    }
    let (first, last) = (&ids[0], &ids[99]);
    fs::write(running.data().join("fs").join(last).join("file"), "x").unwrap();
    running.shutdown().await;

    let running = server().await.unwrap();
    let data_plane = running.data_plane();
    for (id, mount_target, host) in [(first, ONE, 11), (last, TWO, 12)] {
        data_plane.create_file_system(id).await.unwrap();
        let address = data_plane.create_mount_target(id, mount_target, at(host));
        null(&mut connect(address.await.unwrap()), 1);
    }
    let served = data_plane.file_systems();
    let of = served.iter().find(|of| of.id == *last).unwrap();
    assert!(of.root.join("file").exists());
    running.shutdown().await;
}

#[tokio::test]
async fn nonsense_is_refused_and_leaves_nothing() {
    let server = LocalEfs::builder().start().await.unwrap();
    let data_plane = server.data_plane();
    for id in ["", "fs-1", "../../../../etc/passwd", "fs-FFFFFFFFFFFFFFFFF"] {
        let refused = data_plane.create_file_system(id).await;
        assert!(matches!(refused, Err(DataPlaneError::InvalidId { .. })));
    }
    let unknown = data_plane
        .create_mount_target(FILE_SYSTEM, ONE, at(1))
        .await;
    assert!(matches!(
        unknown,
        Err(DataPlaneError::FileSystemNotFound(_))
    ));
    data_plane.create_file_system(FILE_SYSTEM).await.unwrap();
    let refused = data_plane
        .create_mount_target(FILE_SYSTEM, "fsmt-1", at(1))
        .await;
    assert!(matches!(refused, Err(DataPlaneError::InvalidId { .. })));
    let address = data_plane
        .create_mount_target(FILE_SYSTEM, ONE, at(1))
        .await;
    let address = address.unwrap();
    let first = server.file_system_id();
    let taken = data_plane.create_mount_target(first, ONE, at(2)).await;
    assert!(matches!(
        taken,
        Err(DataPlaneError::MountTargetExists { .. })
    ));
    let front_door = server.nfs_addresses()[0];
    for taken in [address, front_door] {
        let refused = data_plane
            .create_mount_target(FILE_SYSTEM, TWO, taken)
            .await;
        assert!(matches!(refused, Err(DataPlaneError::Listen(_))));
    }
    let served = data_plane.file_systems();
    let targets = served.iter().flat_map(|of| &of.mount_targets);
    assert_eq!(targets.count(), 2);
    let unknown = data_plane.delete_mount_target(TWO).await;
    assert!(matches!(
        unknown,
        Err(DataPlaneError::MountTargetNotFound(_))
    ));
}

#[tokio::test]
async fn they_are_the_same_on_the_same_data() {
    let scratch = scratch();
    let data = scratch.path().join("data");
    let server = LocalEfs::builder().data(&data).start().await.unwrap();
    let data_plane = server.data_plane();
    let (first, target) = data_plane.behind_front_doors().unwrap();
    assert_eq!(first, server.file_system_id());
    data_plane.create_file_system(FILE_SYSTEM).await.unwrap();
    let roots = |server: &LocalEfs| {
        let served = server.data_plane().file_systems();
        served.into_iter().map(|of| of.root).collect::<Vec<_>>()
    };
    let before = roots(&server);
    fs::write(before[1].join("file"), "kept").unwrap();
    server.shutdown().await;

    let server = LocalEfs::builder().data(&data).start().await.unwrap();
    let data_plane = server.data_plane();
    assert_eq!(
        data_plane.behind_front_doors(),
        Some((first.clone(), target))
    );
    assert_eq!(roots(&server).len(), 1);
    data_plane.create_file_system(FILE_SYSTEM).await.unwrap();
    assert_eq!(roots(&server), before);
    assert_eq!(fs::read_to_string(before[1].join("file")).unwrap(), "kept");
    // One that is not served at the moment can be deleted as well.
    server.shutdown().await;
    let server = LocalEfs::builder().data(&data).start().await.unwrap();
    let data_plane = server.data_plane();
    data_plane.delete_file_system(FILE_SYSTEM).await.unwrap();
    assert!(!before[1].exists());
    // And so can the first; the next start makes no other one.
    let target = data_plane.behind_front_doors().unwrap().1.unwrap();
    data_plane.delete_mount_target(&target).await.unwrap();
    data_plane.delete_file_system(&first).await.unwrap();
    server.shutdown().await;
    let server = LocalEfs::builder().data(&data).start().await.unwrap();
    let data_plane = server.data_plane();
    expect_closed(&mut connect(server.nfs_addresses()[0]));
    // What would be in its place is there again after a reset, and behind the front doors.
    let id = server.file_system_id().to_owned();
    assert!(id != first && !server.root().exists());
    reset_everything(&server).await;
    let served = data_plane.file_systems();
    assert!(served.len() == 1 && served[0].id == id, "{served:?}");
    null(&mut connect(server.nfs_addresses()[0]), 1);
    server.shutdown().await;
    let server = LocalEfs::builder().data(&data).start().await.unwrap();
    assert_eq!(server.file_system_id(), id);
    null(&mut connect(server.nfs_addresses()[0]), 1);
}

#[tokio::test]
async fn a_served_directory_is_only_let_go_of() {
    let scratch = scratch();
    let (data, tree) = (scratch.path().join("data"), scratch.path().join("tree"));
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("file"), "kept").unwrap();
    let builder = LocalEfs::builder().data(&data).root(&tree);
    let server = builder.clone().start().await.unwrap();
    let data_plane = server.data_plane();
    let (id, target) = data_plane.behind_front_doors().unwrap();
    data_plane.reset(std::slice::from_ref(&id)).await.unwrap();
    null(&mut connect(server.nfs_addresses()[0]), 1);
    data_plane
        .delete_mount_target(&target.unwrap())
        .await
        .unwrap();
    data_plane.delete_file_system(&id).await.unwrap();
    assert!(data_plane.file_systems().is_empty());
    let elsewhere = data_plane.create_file_system(&id).await;
    assert!(matches!(
        elsewhere,
        Err(DataPlaneError::ServedElsewhere { .. })
    ));
    server.shutdown().await;
    assert_eq!(fs::read_to_string(tree.join("file")).unwrap(), "kept");
    assert_eq!(builder.start().await.unwrap().file_system_id(), id);
}

#[tokio::test]
async fn exactly_what_is_listed_is_served() {
    let server = LocalEfs::builder().start().await.unwrap();
    let data_plane = server.data_plane();
    data_plane.create_file_system(FILE_SYSTEM).await.unwrap();
    let taken = std::net::TcpListener::bind(at(3)).unwrap();
    let list = |targets: &[(&str, SocketAddr)]| -> BTreeMap<_, _> {
        let listed = |(id, address): &(&str, SocketAddr)| {
            ((*id).to_owned(), (FILE_SYSTEM.to_owned(), *address))
        };
        targets.iter().map(listed).collect()
    };
    let taken = taken.local_addr().unwrap();
    let failed = data_plane
        .serve_mount_targets(list(&[(ONE, at(1)), (TWO, taken)]))
        .await;
    assert_eq!(failed.keys().collect::<Vec<_>>(), [TWO]);
    let served = || {
        let served = data_plane.file_systems();
        let targets = served.into_iter().flat_map(|of| of.mount_targets);
        targets.collect::<Vec<_>>()
    };
    let one = served();
    assert_eq!(one.len(), 1, "the front door is not listed");
    assert_eq!(one[0].id, ONE);
    let address = one[0].addresses[0];
    assert!(
        data_plane
            .serve_mount_targets(list(&[(ONE, address)]))
            .await
            .is_empty()
    );
    assert_eq!(served(), one);
    assert!(
        data_plane
            .serve_mount_targets(list(&[(TWO, at(2))]))
            .await
            .is_empty()
    );
    assert!(TcpStream::connect(address).is_err());
    null(&mut connect(served()[0].addresses[0]), 1);
}

#[tokio::test]
async fn many_at_once_are_all_there() {
    let server = LocalEfs::builder().start().await.unwrap();
    let data_plane = server.data_plane();
    let mut creations = tokio::task::JoinSet::new();
    for number in 0..32 {
        let data_plane = data_plane.clone();
        creations.spawn(async move {
            let id = format!("fs-{number:017x}");
            data_plane.create_file_system(&id).await.unwrap();
            let target = format!("fsmt-{number:017x}");
            let address = data_plane.create_mount_target(&id, &target, at(1)).await;
            address.unwrap()
        });
    }
    for address in creations.join_all().await {
        null(&mut connect(address), 1);
    }
    assert_eq!(data_plane.file_systems().len(), 33);
}

#[tokio::test]
async fn owners_of_all_are_converted_together() {
    let scratch = scratch();
    let data = scratch.path().join("data");
    let server = LocalEfs::builder().data(&data).start().await.unwrap();
    let data_plane = server.data_plane();
    data_plane.create_file_system(FILE_SYSTEM).await.unwrap();
    assert!(!server.has_shadow_ownership(), "this test runs as root");
    server.shutdown().await;
    let tool = OwnershipTool::open(&data, None).unwrap();
    tool.convert(true, Owner::default()).unwrap();
    drop(tool);
    let builder = LocalEfs::builder().data(&data).ownership(Ownership::Shadow);
    let server = builder.start().await.unwrap();
    let data_plane = server.data_plane();
    data_plane.create_file_system(FILE_SYSTEM).await.unwrap();
}
