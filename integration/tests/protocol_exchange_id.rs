//! EXCHANGE_ID in all its cases (RFC 8881 §18.35.4), and DESTROY_CLIENTID.

use std::thread;
use std::time::Duration;

use localefs_integration::client::names::*;
use localefs_integration::client::{
    ClientOptions, Connection, Credential, Lock, Open, Reply, Session, SharedServer, TestServer,
    TestServerOptions,
};
use localefs_protocol::nfs4::ops::{
    ExchangeIdFlags, StateProtect4A, StateProtect4R, StateProtectOps4,
};
use localefs_protocol::nfs4::{Bitmap4, NfsImplId4, Nfstime4};

static SERVER: SharedServer = SharedServer::new();

const UPDATE: ExchangeIdFlags = ExchangeIdFlags::EXCHGID4_FLAG_UPD_CONFIRMED_REC_A;
const CONFIRMED: ExchangeIdFlags = ExchangeIdFlags::EXCHGID4_FLAG_CONFIRMED_R;
const NON_PNFS: ExchangeIdFlags = ExchangeIdFlags::EXCHGID4_FLAG_USE_NON_PNFS;

fn exchange(connection: &mut Connection, options: &ClientOptions) -> Reply {
    let credential = options.credential.clone();
    connection
        .compound()
        .credential(credential)
        .exchange_id(&options.exchange_id())
        .send()
}

fn clientid(reply: &Reply) -> u64 {
    reply.exchange_id().eir_clientid
}

#[test]
fn a_new_owner_gets_an_unconfirmed_id() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    let reply = exchange(&mut connection, &ClientOptions::new("new owner"));
    let result = reply.exchange_id();
    // Linux refuses flags that it doesn't know, and a reply without a pNFS role.
    assert_eq!(result.eir_flags, NON_PNFS);
    assert_eq!(result.eir_state_protect, StateProtect4R::None);
    assert!(!result.eir_server_owner.so_major_id.is_empty());
    assert!(!result.eir_server_scope.is_empty());
}

#[test]
fn request_flags_are_not_echoed() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    for bit in [0x1, 0x2, 0x100, 0x1_0000, 0x2_0000, 0x4_0000, 0x103] {
        let mut options = ClientOptions::new("echo");
        options.flags = ExchangeIdFlags(bit);
        let reply = exchange(&mut connection, &options).assert(NFS4_OK);
        assert_eq!(
            reply.exchange_id().eir_flags,
            NON_PNFS,
            "request flags {bit:#x}"
        );
    }
}

#[test]
fn unknown_flags_are_invalid() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    let known = ExchangeIdFlags::REQUEST_MASK.0;
    for bit in (0..32)
        .map(|bit| 1_u32 << bit)
        .filter(|bit| known & bit == 0)
    {
        let mut options = ClientOptions::new("unknown flags");
        options.flags = ExchangeIdFlags(bit);
        exchange(&mut connection, &options).assert(NFS4ERR_INVAL);
    }
    // CONFIRMED_R, among them, is the server's to set.
    assert_eq!(known & CONFIRMED.0, 0);
}

#[test]
fn different_owners_are_different_clients() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    let ids: std::collections::HashSet<u64> = (0..50)
        .map(|number| {
            let options = ClientOptions::new(format!("different {number}"));
            clientid(&exchange(&mut connection, &options))
        })
        .collect();
    assert_eq!(ids.len(), 50);
}

#[test]
fn an_unconfirmed_record_is_replaced() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    let options = ClientOptions::new("replaced");
    let first = clientid(&exchange(&mut connection, &options));
    let second = exchange(&mut connection, &options);
    let (second, sequence) = (clientid(&second), second.exchange_id().eir_sequenceid);
    assert_ne!(first, second);
    // Whoever asks, as nothing is confirmed.
    let other = options.clone().credential(Credential::user(7, 7));
    let third = clientid(&exchange(&mut connection, &other));
    assert_ne!(second, third);
    for stale in [first, second] {
        let args = options.create_session(stale, sequence);
        connection
            .compound()
            .create_session(&args)
            .expect(NFS4ERR_STALE_CLIENTID);
    }
}

#[test]
fn a_confirmed_client_is_recognised() {
    let server = SERVER.get();
    let options = ClientOptions::new("recognised");
    let mut session = Session::establish(server.address(), &options).unwrap();
    for _ in 0..3 {
        let reply = exchange(&mut session.connection, &options);
        assert_eq!(clientid(&reply), session.clientid);
        assert_eq!(reply.exchange_id().eir_flags, NON_PNFS | CONFIRMED);
    }
    // From another connection too: the client looks whether it may trunk.
    let mut other = Connection::open(server.address()).unwrap();
    let reply = exchange(&mut other, &options);
    assert_eq!(clientid(&reply), session.clientid);
    session.compound().putrootfh().ok();
}

#[test]
fn the_server_is_the_same_for_everybody() {
    let server = SERVER.get();
    let who = |name: &str| {
        let mut connection = Connection::open(server.address()).unwrap();
        let reply = exchange(&mut connection, &ClientOptions::new(name));
        let result = reply.exchange_id();
        (
            result.eir_server_owner.so_major_id.to_vec(),
            result.eir_server_owner.so_minor_id,
            result.eir_server_scope.to_vec(),
        )
    };
    assert_eq!(who("same 1"), who("same 2"));
    // Another file system must be another server, or Linux takes them for one.
    let other = TestServer::start(TestServerOptions::default()).unwrap();
    let mut connection = Connection::open(other.address()).unwrap();
    let reply = exchange(&mut connection, &ClientOptions::new("same 1"));
    let (major, _, scope) = who("same 1");
    assert_ne!(
        reply.exchange_id().eir_server_owner.so_major_id.to_vec(),
        major
    );
    assert_ne!(reply.exchange_id().eir_server_scope.to_vec(), scope);
}

#[test]
fn a_restarted_client_replaces_itself_when_it_confirms() {
    let fixture = SERVER.fixture("restarted");
    let address = fixture.server().address();
    let options = ClientOptions::new("restarted client");
    let mut old = Session::establish(address, &options).unwrap();
    let (stateid, _) = old.open(&fixture.directory, &Open::both("f").create());
    let file = old
        .compound()
        .putfh(&fixture.directory)
        .lookup("f")
        .getfh()
        .ok()
        .handle();
    old.compound()
        .putfh(&file)
        .lock_new(&Lock::write(0, 10), stateid, "locker")
        .ok();

    let again = options.verifier(*b"started2");
    let mut connection = Connection::open(address).unwrap();
    let reply = exchange(&mut connection, &again);
    let (id, sequence) = (clientid(&reply), reply.exchange_id().eir_sequenceid);
    assert_ne!(id, old.clientid);
    assert_eq!(reply.exchange_id().eir_flags, NON_PNFS);
    // Not confirmed: the old incarnation goes on.
    old.compound().putfh(&file).read(stateid, 0, 1).ok();

    let mut new = Session::create(connection, address, &again, id, sequence).unwrap();
    old.compound()
        .putrootfh()
        .expect_status(0, NFS4ERR_BADSESSION);
    let args = options_for(old.clientid, old.next_create_session);
    old.connection
        .compound()
        .create_session(&args)
        .expect(NFS4ERR_STALE_CLIENTID);
    // Its state went with it at once.
    new.compound()
        .putfh(&file)
        .lockt(&Lock::write(0, 10), "anybody")
        .ok();
    new.compound()
        .putfh(&file)
        .read(stateid, 0, 1)
        .expect(NFS4ERR_BAD_STATEID);
}

fn options_for(
    clientid: u64,
    sequence: u32,
) -> localefs_protocol::nfs4::ops::CreateSessionArgs<'static> {
    ClientOptions::new("").create_session(clientid, sequence)
}

#[test]
fn a_second_restart_before_confirmation_starts_over() {
    let server = SERVER.get();
    let options = ClientOptions::new("twice");
    let mut session = Session::establish(server.address(), &options).unwrap();
    let mut connection = Connection::open(server.address()).unwrap();
    let second = options.clone().verifier(*b"started2");
    let third = options.clone().verifier(*b"started3");
    let abandoned = clientid(&exchange(&mut connection, &second));
    let reply = exchange(&mut connection, &third);
    let (id, sequence) = (clientid(&reply), reply.exchange_id().eir_sequenceid);
    let args = second.create_session(abandoned, sequence);
    connection
        .compound()
        .create_session(&args)
        .expect(NFS4ERR_STALE_CLIENTID);
    session.compound().putrootfh().ok();
    connection
        .compound()
        .create_session(&third.create_session(id, sequence))
        .ok();
    session
        .compound()
        .putrootfh()
        .expect_status(0, NFS4ERR_BADSESSION);
}

#[test]
fn the_old_incarnation_may_come_back_instead() {
    let server = SERVER.get();
    let options = ClientOptions::new("comes back");
    let mut session = Session::establish(server.address(), &options).unwrap();
    let mut connection = Connection::open(server.address()).unwrap();
    exchange(&mut connection, &options.clone().verifier(*b"started2")).assert(NFS4_OK);
    let reply = exchange(&mut connection, &options);
    assert_eq!(clientid(&reply), session.clientid);
    assert!(reply.exchange_id().eir_flags.contains(CONFIRMED));
    session.compound().putrootfh().ok();
}

#[test]
fn another_user_takes_an_owner_over_only_without_state_and_session() {
    let mut fixture = SERVER.fixture("collision");
    let address = fixture.server().address();
    let options = ClientOptions::new("collision client");
    let mut session = Session::establish(address, &options).unwrap();
    session.make_file(&fixture.directory, "f", b"");
    let (stateid, _) = session.open(&fixture.directory, &Open::read("f"));
    let other = options.clone().credential(Credential::user(4242, 4242));
    let mut connection = Connection::open(address).unwrap();
    exchange(&mut connection, &other).assert(NFS4ERR_CLID_INUSE);
    // Also as another incarnation.
    let restarted = other.clone().verifier(*b"started2");
    exchange(&mut connection, &restarted).assert(NFS4ERR_CLID_INUSE);
    let file = fixture.here().lookup("f").getfh().ok().handle();
    session.compound().putfh(&file).close(stateid).ok();

    // A session is a mount that works: Linux's server spares it, too.
    exchange(&mut connection, &other).assert(NFS4ERR_CLID_INUSE);
    let id = session.id;
    session.connection.compound().destroy_session(id).ok();
    let reply = exchange(&mut connection, &other).assert(NFS4_OK);
    assert_ne!(clientid(&reply), session.clientid);
    assert_eq!(reply.exchange_id().eir_flags, NON_PNFS);
}

#[test]
fn another_user_takes_an_expired_owner_over() {
    let server = TestServer::start(TestServerOptions {
        lease: 1,
        durable: false,
        ..TestServerOptions::default()
    })
    .unwrap();
    let options = ClientOptions::new("expired collision");
    let mut session = Session::establish(server.address(), &options).unwrap();
    let root = session.root();
    session.open(&root, &Open::both("f").create());
    thread::sleep(Duration::from_millis(2500));
    let other = options.credential(Credential::user(4242, 4242));
    let mut connection = Connection::open(server.address()).unwrap();
    let reply = exchange(&mut connection, &other).assert(NFS4_OK);
    assert_ne!(clientid(&reply), session.clientid);
    session
        .compound()
        .putrootfh()
        .expect_status(0, NFS4ERR_BADSESSION);
}

#[test]
fn updates_need_the_confirmed_record_its_verifier_and_its_user() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    let mut update = ClientOptions::new("update");
    update.flags = UPDATE;
    exchange(&mut connection, &update).assert(NFS4ERR_NOENT);
    let plain = ClientOptions::new("update");
    let unconfirmed = exchange(&mut connection, &plain);
    exchange(&mut connection, &update).assert(NFS4ERR_NOENT);
    // What was not confirmed was left alone.
    let sequence = unconfirmed.exchange_id().eir_sequenceid;
    let id = clientid(&unconfirmed);
    let mut session = Session::create(connection, server.address(), &plain, id, sequence).unwrap();

    let reply = exchange(&mut session.connection, &update).assert(NFS4_OK);
    assert_eq!(clientid(&reply), session.clientid);
    assert_eq!(reply.exchange_id().eir_flags, NON_PNFS | CONFIRMED);
    let wrong_verifier = update.clone().verifier(*b"another1");
    let somebody = Credential::user(99, 99);
    let rows = [
        (wrong_verifier.clone(), NFS4ERR_NOT_SAME),
        (
            wrong_verifier.credential(somebody.clone()),
            NFS4ERR_NOT_SAME,
        ),
        (update.credential(somebody), NFS4ERR_PERM),
    ];
    for (options, status) in rows {
        exchange(&mut session.connection, &options).assert(status);
    }
    session.compound().putrootfh().ok();
}

#[test]
fn an_implementation_may_name_itself_once() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    let options = ClientOptions::new("implementation");
    let name = NfsImplId4 {
        nii_domain: "kernel.example".into(),
        nii_name: "Linux".into(),
        nii_date: Nfstime4 {
            seconds: 0,
            nseconds: 0,
        },
    };
    let mut args = options.exchange_id();
    args.eia_client_impl_id = vec![name.clone()].into();
    connection.compound().exchange_id(&args).ok();
    args.eia_client_impl_id = vec![name.clone(), name].into();
    connection
        .compound()
        .exchange_id(&args)
        .expect(NFS4ERR_BADXDR);
}

#[test]
fn owners_have_a_longest_length() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    exchange(&mut connection, &ClientOptions::new([7; 1024])).assert(NFS4_OK);
    exchange(&mut connection, &ClientOptions::new([7; 1025])).assert(NFS4ERR_BADXDR);
    // Compared to their end.
    let first = clientid(&exchange(&mut connection, &ClientOptions::new([7; 1023])));
    let second = clientid(&exchange(&mut connection, &ClientOptions::new([7; 1022])));
    assert_ne!(first, second);
}

#[test]
fn state_protection_needs_more_than_auth_sys() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    let options = ClientOptions::new("protection");
    let nothing = StateProtectOps4 {
        spo_must_enforce: Bitmap4::EMPTY,
        spo_must_allow: Bitmap4::EMPTY,
    };
    let mut args = options.exchange_id();
    args.eia_state_protect = StateProtect4A::MachCred(nothing.clone());
    // RFC 8881 §18.35.3: without RPCSEC_GSS both are INVAL. Linux then mounts without.
    connection
        .compound()
        .exchange_id(&args)
        .expect(NFS4ERR_INVAL);
    args.eia_state_protect = StateProtect4A::Ssv(localefs_protocol::nfs4::ops::SsvSpParms4 {
        ssp_ops: nothing,
        ssp_hash_algs: vec![(&b"\x60\x86"[..]).into()].into(),
        ssp_encr_algs: vec![(&b"\x60\x86"[..]).into()].into(),
        ssp_window: 8,
        ssp_num_gss_handles: 1,
    });
    let reply = connection.compound().exchange_id(&args).send();
    let refused = [
        NFS4ERR_INVAL,
        NFS4ERR_ENCR_ALG_UNSUPP,
        NFS4ERR_HASH_ALG_UNSUPP,
    ];
    assert!(refused.contains(&reply.status()), "{reply:?}");
}

#[test]
fn exchange_id_stands_alone_or_after_sequence() {
    let mut fixture = SERVER.fixture("alone");
    let options = ClientOptions::new("alone client");
    let mut connection = Connection::open(fixture.server().address()).unwrap();
    let alone = connection.compound().exchange_id(&options.exchange_id());
    alone.putrootfh().expect_status(0, NFS4ERR_NOT_ONLY_OP);
    let twice = connection.compound().exchange_id(&options.exchange_id());
    twice
        .exchange_id(&options.exchange_id())
        .expect_status(0, NFS4ERR_NOT_ONLY_OP);
    fixture
        .session
        .compound()
        .exchange_id(&options.exchange_id())
        .putrootfh()
        .ok();
}

#[test]
fn a_client_goes_when_its_sessions_are_gone() {
    let server = SERVER.get();
    let options = ClientOptions::new("goes");
    let mut session = Session::establish(server.address(), &options).unwrap();
    let id = session.clientid;
    let mut other = Connection::open(server.address()).unwrap();
    other
        .compound()
        .destroy_clientid(id)
        .expect(NFS4ERR_CLIENTID_BUSY);
    session
        .compound()
        .destroy_clientid(id)
        .expect(NFS4ERR_CLIENTID_BUSY);
    let sessionid = session.id;
    session
        .connection
        .compound()
        .destroy_session(sessionid)
        .ok();
    other.compound().destroy_clientid(id).ok();
    other
        .compound()
        .destroy_clientid(id)
        .expect(NFS4ERR_STALE_CLIENTID);
    other
        .compound()
        .destroy_clientid(0)
        .expect(NFS4ERR_STALE_CLIENTID);
    other
        .compound()
        .destroy_clientid(u64::MAX)
        .expect(NFS4ERR_STALE_CLIENTID);
    let args = options.create_session(id, session.next_create_session);
    other
        .compound()
        .create_session(&args)
        .expect(NFS4ERR_STALE_CLIENTID);
    // Its name is free: new, not confirmed.
    let reply = exchange(&mut other, &options).assert(NFS4_OK);
    assert_eq!(reply.exchange_id().eir_flags, NON_PNFS);
}

#[test]
fn a_client_that_was_never_confirmed_goes_too() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    let options = ClientOptions::new("never confirmed");
    let id = clientid(&exchange(&mut connection, &options));
    connection.compound().destroy_clientid(id).ok();
    connection
        .compound()
        .destroy_clientid(id)
        .expect(NFS4ERR_STALE_CLIENTID);
}

#[test]
fn a_client_with_state_but_no_session_is_busy() {
    let fixture = SERVER.fixture("state_no_session");
    let mut session = fixture.another_client();
    session.open(&fixture.directory, &Open::both("f").create());
    let (id, sessionid) = (session.clientid, session.id);
    session
        .connection
        .compound()
        .destroy_session(sessionid)
        .ok();
    // RFC 8881 §18.50.3 names opens, locks and delegations beside sessions.
    let mut connection = Connection::open(fixture.server().address()).unwrap();
    connection
        .compound()
        .destroy_clientid(id)
        .expect(NFS4ERR_CLIENTID_BUSY);
}

#[test]
fn destroy_clientid_stands_alone_or_after_another_clients_sequence() {
    let mut fixture = SERVER.fixture("destroy_alone");
    let mut connection = Connection::open(fixture.server().address()).unwrap();
    let options = ClientOptions::new("destroy alone client");
    let id = clientid(&exchange(&mut connection, &options));
    let alone = connection.compound().destroy_clientid(id).putrootfh();
    alone.expect_status(0, NFS4ERR_NOT_ONLY_OP);
    fixture
        .session
        .compound()
        .destroy_clientid(id)
        .putrootfh()
        .ok();
    connection
        .compound()
        .destroy_clientid(id)
        .expect(NFS4ERR_STALE_CLIENTID);
}
