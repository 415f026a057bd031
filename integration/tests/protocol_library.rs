//! What `LocalEfs` tells a test about the clients of its program.

use localefs::LocalEfs;
use localefs::faults::OpNum;
use localefs_integration::client::names::*;
use localefs_integration::client::{ClientOptions, Open, Session};

fn session(address: std::net::SocketAddr, owner: &str) -> Session {
    Session::establish(address, &ClientOptions::new(owner)).unwrap()
}

#[tokio::test]
async fn clients_and_operations_are_those_of_each_file_system() {
    let efs = LocalEfs::builder().ephemeral().start().await.unwrap();
    let [one, other] = [
        efs.create_file_system().await.unwrap(),
        efs.create_file_system().await.unwrap(),
    ];
    let mut client = session(one.address().unwrap(), "Linux NFSv4.1 web-1");
    client
        .compound()
        .putrootfh()
        .lookup("missing")
        .expect(NFS4ERR_NOENT);
    let compound = client.compound().putrootfh();
    compound.open(&Open::both("file").create()).ok();

    let clients = one.clients();
    assert_eq!(clients.len(), 1);
    assert_eq!(clients[0].hostname.as_deref(), Some("web-1"));
    assert_eq!((clients[0].sessions, clients[0].opens), (1, 1));
    let did = one.operations();
    assert_eq!(
        (
            did.succeeded(OpNum::OP_LOOKUP),
            did.failed(OpNum::OP_LOOKUP)
        ),
        (0, 1)
    );
    assert_eq!(
        (did.succeeded(OpNum::OP_OPEN), did.failed(OpNum::OP_OPEN)),
        (1, 0)
    );
    assert_eq!(did.succeeded(OpNum::OP_EXCHANGE_ID), 1);
    assert!(
        did.iter()
            .any(|count| count.name == "PUTROOTFH" && count.succeeded == 2)
    );
    assert!(other.clients().is_empty());
    assert_eq!(other.operations().iter().count(), 0);
    assert_eq!(efs.clients().len(), 1);
    assert_eq!(efs.operations(), did);
}

#[tokio::test]
async fn who_had_something_open_reclaims_it_after_a_kill() {
    let efs = LocalEfs::builder().start().await.unwrap();
    let file_system = efs.create_file_system().await.unwrap();
    let address = file_system.address().unwrap();
    let mut client = session(address, "reclaims");
    let opened = client.compound().putrootfh();
    opened.open(&Open::both("file").create()).ok();
    let efs = efs.kill().await.start().await.unwrap();
    assert!(efs.clients().is_empty());
    // It is in grace for who was there: nobody else takes anything new.
    let mut stranger = session(address, "stranger");
    let compound = stranger.compound().putrootfh();
    compound.open(&Open::both("file")).expect(NFS4ERR_GRACE);
    let again = ClientOptions::new("reclaims").reclaiming();
    let mut again = Session::establish(address, &again).unwrap();
    again.compound().putrootfh().ok();
    assert_eq!(efs.clients().len(), 2);
}
