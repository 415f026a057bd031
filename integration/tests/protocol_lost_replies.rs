//! Replies that are lost on the way, and disks that fail, as a client that counts sees them.

use localefs_integration::client::names::*;
use localefs_integration::client::{
    ClientOptions, Connection, Open, Session, TestServer, TestServerOptions,
};
use localefs_integration::disk_errors::{Rule, calls};
use localefs_integration::proxy::{Fault, Proxy};
use localefs_protocol::nfs4::ops::StableHow4;
use localefs_protocol::nfs4::{OpNum, Stateid4};
use rustix::io::Errno;

/// The client sends it again over another connection, and gets the reply of the first time; the
/// directory has changed once.
#[test]
fn a_request_whose_reply_was_lost_is_executed_once() {
    let server = TestServer::start(TestServerOptions::default()).unwrap();
    let listen = "127.0.0.1:0".parse().unwrap();
    let proxy = Proxy::start(None, listen, server.address()).unwrap();
    let options = ClientOptions::new("lost replies");
    let mut session = Session::establish(proxy.address(), &options).unwrap();
    let root = session.root();
    let here = session.make_directory(&root, "d");
    session.make_file(&here, "old", b"0123456789");
    let change = |session: &mut Session| {
        let reply = session.compound().putfh(&here).getattr(&[FATTR4_CHANGE]);
        reply.ok().attributes().change.expect("it was asked for")
    };
    for (number, operation) in [
        OpNum::OP_CREATE,
        OpNum::OP_LINK,
        OpNum::OP_RENAME,
        OpNum::OP_REMOVE,
        OpNum::OP_OPEN,
    ]
    .into_iter()
    .enumerate()
    {
        let before = change(&mut session);
        for fault in [Fault::CutReply(number * 3), Fault::CutCall(20)] {
            proxy.once(operation, fault);
            let open = Open::both("opened").guarded();
            let compound = session.compound().cached().putfh(&here);
            let compound = match operation {
                OpNum::OP_CREATE => compound.mkdir("new", 0o755),
                OpNum::OP_LINK => compound.lookup("old").savefh().putfh(&here).link("linked"),
                OpNum::OP_RENAME => compound.savefh().rename("old", "moved"),
                OpNum::OP_REMOVE => compound.remove("linked"),
                _ => compound.open(&open),
            };
            let record = compound.record(700);
            // The reply, or the end of the call, never comes.
            assert!(compound.try_send().is_err(), "{operation:?}");
            session.connection = Connection::open(proxy.address()).unwrap();
            session.connection.send_record(&record).unwrap();
            let reply = session.connection.compound_reply(700).unwrap();
            assert_eq!(
                reply.status(),
                NFS4_OK,
                "{operation:?} {fault:?}: {reply:?}"
            );
            session.used(0);
            // What is done once can't be done again: undone for the second way to lose it.
            let undo = session.compound().putfh(&here);
            match operation {
                OpNum::OP_CREATE => drop(undo.remove("new").ok()),
                OpNum::OP_LINK if fault != Fault::CutCall(20) => drop(undo.remove("linked").ok()),
                OpNum::OP_RENAME => drop(undo.savefh().rename("moved", "old").ok()),
                OpNum::OP_REMOVE if fault != Fault::CutCall(20) => {
                    let again = undo.lookup("old").savefh().putfh(&here).link("linked");
                    drop(again.ok());
                }
                OpNum::OP_OPEN => drop(undo.remove("opened").ok()),
                _ => {}
            }
        }
        assert!(change(&mut session) > before, "{operation:?}");
    }
}

#[test]
fn a_failed_sync_changes_the_write_verifier() {
    let server = TestServer::start(TestServerOptions {
        disk_errors: true,
        ..TestServerOptions::default()
    })
    .unwrap();
    let errors = server.disk_errors().unwrap();
    let options = ClientOptions::new("failed sync");
    let mut session = Session::establish(server.address(), &options).unwrap();
    let root = session.root();
    let (stateid, file) = session.open(&root, &Open::both("file").create());
    let (other_id, other) = session.open(&root, &Open::both("other").create());
    let mut write = |file: &[u8], stateid: Stateid4, how: StableHow4| {
        let compound = session.compound().putfh(file);
        compound.write(stateid, 0, how, b"data").send()
    };
    let first = write(&other, other_id, StableHow4::Unstable)
        .write()
        .writeverf;
    errors
        .set(&[Rule::new(calls::SYNC, Errno::IO, "/fs/").once()])
        .unwrap();
    let failed = write(&file, stateid, StableHow4::FileSync);
    assert_eq!(failed.status(), NFS4ERR_IO);
    assert_eq!(errors.clear().unwrap()[0], 1);
    // The other's data may be among what was lost: its writer sees that from COMMIT.
    let reply = session.compound().putfh(&other).commit(0, 0).ok();
    assert_ne!(reply.commit().writeverf, first);
    let reply = session.compound().putfh(&file);
    let again = reply.write(stateid, 0, StableHow4::FileSync, b"data").ok();
    assert_ne!(again.write().writeverf, first);
}
