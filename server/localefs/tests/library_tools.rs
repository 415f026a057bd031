//! What the library offers to tests: file systems, what clients did, pauses and kills.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use common::{connect, null};
use localefs::LocalEfs;
use localefs::faults::OpNum;

/// A call of NULL, which a server that hangs does not answer.
fn is_silent(stream: &mut TcpStream) -> bool {
    let call = [0x8000_0028, 7, 0, 2, 100_003, 4, 0, 0, 0, 0, 0_u32];
    let octets: Vec<u8> = call.iter().flat_map(|word| word.to_be_bytes()).collect();
    stream.write_all(&octets).unwrap();
    let patience = Duration::from_millis(300);
    stream.set_read_timeout(Some(patience)).unwrap();
    let mut octet = [0];
    let read = stream.read(&mut octet);
    read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[tokio::test]
async fn file_systems_have_addresses_of_their_own() {
    let efs = LocalEfs::builder().ephemeral().start().await.unwrap();
    let first = efs.file_system();
    assert_eq!(first.id(), efs.file_system_id());
    assert_eq!(first.address(), Some(efs.nfs_addresses()[0]));
    assert_eq!(first.root().as_deref(), Some(efs.root()));
    let one = efs.create_file_system().await.unwrap();
    let other = efs.create_file_system().await.unwrap();
    let addresses = [first.address(), one.address(), other.address()].map(Option::unwrap);
    for (number, address) in addresses.iter().enumerate() {
        assert!(!addresses[..number].contains(address), "{addresses:?}");
        null(&mut connect(*address), 1);
    }
    assert!(
        one.mount_command("/mnt")
            .contains(&addresses[1].ip().to_string())
    );
    assert_ne!(one.root(), other.root());
    efs.shutdown().await;
    assert!(one.root().is_none() && one.address().is_none());
    assert!(one.clients().is_empty() && one.operations().iter().next().is_none());
}

#[tokio::test]
async fn nothing_was_done_without_clients() {
    let efs = LocalEfs::builder().start().await.unwrap();
    null(&mut connect(efs.nfs_addresses()[0]), 1);
    assert!(efs.clients().is_empty());
    assert_eq!(efs.operations().iter().count(), 0);
    assert_eq!(efs.operations().succeeded(OpNum::OP_WRITE), 0);
    assert_eq!(efs.operations().failed(OpNum::OP_ILLEGAL), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_silence_until_it_ends() {
    let efs = LocalEfs::builder().start().await.unwrap();
    let mut before = connect(efs.nfs_addresses()[0]);
    null(&mut before, 1);
    efs.pause().unwrap();
    efs.pause().unwrap();
    let mut during = connect(efs.nfs_addresses()[0]);
    assert!(is_silent(&mut during));
    assert!(is_silent(&mut before));
    efs.resume();
    efs.resume();
    null(&mut connect(efs.nfs_addresses()[0]), 2);
    assert!(efs.faults().list().is_empty());
}

#[tokio::test]
async fn who_is_killed_comes_back_with_files_and_addresses() {
    let efs = LocalEfs::builder().ephemeral().start().await.unwrap();
    let made = efs.create_file_system().await.unwrap();
    let (root, address) = (made.root().unwrap(), made.address().unwrap());
    std::fs::write(root.join("file"), "kept").unwrap();
    let (front, api, data) = (
        efs.nfs_addresses()[0],
        efs.api_address(),
        efs.data().to_owned(),
    );
    let mut open = connect(front);
    null(&mut open, 1);
    let killed = efs.kill().await;
    let error = open.read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(error, Err(ErrorKind::ConnectionReset));
    assert!(TcpStream::connect(front).is_err());
    assert!(data.exists());

    let efs = killed.start().await.unwrap();
    assert_eq!((efs.nfs_addresses()[0], efs.api_address()), (front, api));
    assert!(efs.is_ephemeral());
    null(&mut connect(front), 1);
    null(&mut connect(address), 1);
    assert_eq!(std::fs::read_to_string(root.join("file")).unwrap(), "kept");
    efs.shutdown().await;
    assert!(!data.exists());

    let killed = LocalEfs::builder().start().await.unwrap().kill().await;
    let text = format!("{killed:?}");
    drop(killed);
    let left = std::fs::read_dir(std::env::temp_dir()).unwrap();
    let mut left = left
        .flatten()
        .map(|entry| entry.path().display().to_string());
    assert!(!left.any(|path| path.contains("localefs-") && text.contains(&path)));
}
