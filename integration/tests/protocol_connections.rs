//! BIND_CONN_TO_SESSION, DESTROY_SESSION, BACKCHANNEL_CTL, and many connections
//! (RFC 8881 §2.10.3, §18.33, §18.34, §18.37).

use localefs_integration::client::names::*;
use localefs_integration::client::{ClientOptions, Connection, Credential, Session, SharedServer};
use localefs_protocol::nfs4::ops::{
    ChannelDirFromClient4, ChannelDirFromServer4, CreateSessionFlags,
};
use localefs_protocol::nfs4::{OpNum, Sessionid4};

static SERVER: SharedServer = SharedServer::new();

#[test]
fn a_connection_is_bound_to_the_fore_channel() {
    let mut fixture = SERVER.fixture("bound");
    let id = fixture.session.id;
    let mut connection = Connection::open(fixture.server().address()).unwrap();
    for _ in 0..2 {
        let compound = connection.compound();
        let reply = compound
            .bind_conn_to_session(id, ChannelDirFromClient4::Fore)
            .ok();
        let bound = reply.bind_conn_to_session();
        assert_eq!(bound.bctsr_sessid, id);
        assert_eq!(bound.bctsr_dir, ChannelDirFromServer4::Fore);
        assert!(!bound.bctsr_use_conn_in_rdma_mode);
    }
    fixture.session.connection = connection;
    fixture.session.compound().putrootfh().ok();
}

#[test]
fn a_wish_for_both_channels_gets_the_fore_channel() {
    let fixture = SERVER.fixture("both_channels");
    let mut connection = Connection::open(fixture.server().address()).unwrap();
    let compound = connection.compound();
    let id = fixture.session.id;
    let reply = compound
        .bind_conn_to_session(id, ChannelDirFromClient4::ForeOrBoth)
        .ok();
    // There are no callbacks, and RFC 8881 §18.34.3 allows to say so.
    assert_eq!(
        reply.bind_conn_to_session().bctsr_dir,
        ChannelDirFromServer4::Fore
    );
}

#[test]
fn any_user_binds() {
    let fixture = SERVER.fixture("any_user");
    let mut connection = Connection::open(fixture.server().address()).unwrap();
    let compound = connection.compound().credential(Credential::user(77, 77));
    compound
        .bind_conn_to_session(fixture.session.id, ChannelDirFromClient4::Fore)
        .ok();
}

#[test]
fn only_known_sessions_can_be_bound_and_only_alone() {
    let mut fixture = SERVER.fixture("bind_alone");
    let id = fixture.session.id;
    let fore = ChannelDirFromClient4::Fore;
    let mut connection = Connection::open(fixture.server().address()).unwrap();
    let unknown = connection
        .compound()
        .bind_conn_to_session(Sessionid4([5; 16]), fore);
    unknown.expect(NFS4ERR_BADSESSION);
    let more = connection
        .compound()
        .bind_conn_to_session(id, fore)
        .putrootfh();
    more.expect_status(0, NFS4ERR_NOT_ONLY_OP);
    // Not even after SEQUENCE (RFC 8881 §18.34.3).
    fixture
        .session
        .compound()
        .bind_conn_to_session(id, fore)
        .expect(NFS4ERR_NOT_ONLY_OP);
    // A direction that doesn't exist.
    let mut args = id.0.to_vec();
    args.extend_from_slice(&[0, 0, 0, 4, 0, 0, 0, 0]);
    let compound = connection
        .compound()
        .raw(OpNum::OP_BIND_CONN_TO_SESSION.0, &args);
    compound.expect(NFS4ERR_BADXDR);
}

#[test]
fn sequence_binds_by_itself() {
    let mut fixture = SERVER.fixture("by_itself");
    let address = fixture.server().address();
    for round in 0..50 {
        let mut connection = Connection::open(address).unwrap();
        let args = fixture.session.sequence(0, false);
        connection.compound().sequence(args).putrootfh().ok();
        fixture.session.used(0);
        if round % 2 == 0 {
            // The session outlives its connections.
            fixture.session.connection = connection;
        }
    }
}

#[test]
fn one_session_over_many_connections() {
    let mut fixture = SERVER.fixture("many_connections");
    let address = fixture.server().address();
    let mut connections: Vec<Connection> = (0..300)
        .map(|_| Connection::open(address).unwrap())
        .collect();
    for (index, connection) in connections.iter_mut().enumerate() {
        let slot = u32::try_from(index % 16).unwrap();
        let args = fixture.session.sequence(slot, false);
        connection
            .compound()
            .sequence(args)
            .putrootfh()
            .getattr(&[FATTR4_FSID])
            .ok();
        fixture.session.used(slot);
    }
}

#[test]
fn a_destroyed_session_is_gone() {
    let server = SERVER.get();
    let options = ClientOptions::new("destroyed");
    let mut session = Session::establish(server.address(), &options).unwrap();
    let id = session.id;
    session.connection.compound().destroy_session(id).ok();
    session
        .compound()
        .putrootfh()
        .expect_status(0, NFS4ERR_BADSESSION);
    session
        .connection
        .compound()
        .destroy_session(id)
        .expect(NFS4ERR_BADSESSION);
    let compound = session.connection.compound();
    compound
        .bind_conn_to_session(id, ChannelDirFromClient4::Fore)
        .expect(NFS4ERR_BADSESSION);
    // The client is left, and may make another.
    let args = options.create_session(session.clientid, session.next_create_session);
    session.connection.compound().create_session(&args).ok();
}

#[test]
fn unknown_sessions_cannot_be_destroyed() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    for id in [[0; 16], [0xff; 16]] {
        connection
            .compound()
            .destroy_session(Sessionid4(id))
            .expect(NFS4ERR_BADSESSION);
    }
}

#[test]
fn a_session_is_destroyed_over_its_own_connection() {
    let fixture = SERVER.fixture("own_connection");
    let mut session = fixture.another_client();
    let id = session.id;
    let mut stranger = Connection::open(fixture.server().address()).unwrap();
    let attempt = stranger.compound().destroy_session(id);
    attempt.expect(NFS4ERR_CONN_NOT_BOUND_TO_SESSION);
    session.compound().putrootfh().ok();
    stranger
        .compound()
        .bind_conn_to_session(id, ChannelDirFromClient4::Fore)
        .ok();
    stranger.compound().destroy_session(id).ok();
    session
        .compound()
        .putrootfh()
        .expect_status(0, NFS4ERR_BADSESSION);
}

#[test]
fn a_session_destroys_itself_only_at_the_end() {
    let fixture = SERVER.fixture("itself");
    let mut session = fixture.another_client();
    let id = session.id;
    let reply = session.compound().destroy_session(id).putrootfh().send();
    // RFC 8881 §18.37.3 says that it must be last, and §15.2 has this error for it.
    assert_eq!(
        reply.statuses()[1],
        (OpNum::OP_DESTROY_SESSION, NFS4ERR_NOT_ONLY_OP)
    );
    session.compound().putrootfh().destroy_session(id).ok();
    session
        .compound()
        .putrootfh()
        .expect_status(0, NFS4ERR_BADSESSION);
}

#[test]
fn another_session_is_destroyed_anywhere() {
    let fixture = SERVER.fixture("anywhere");
    let server = fixture.server();
    let options = ClientOptions::new("anywhere client");
    let mut session = Session::establish(server.address(), &options).unwrap();
    let args = options.create_session(session.clientid, session.next_create_session);
    let reply = session.connection.compound().create_session(&args).ok();
    let second = reply.create_session().csr_sessionid;
    session.compound().destroy_session(second).putrootfh().ok();
    let mut args = session.sequence(0, false);
    args.sa_sessionid = second;
    args.sa_sequenceid = 1;
    session
        .connection
        .compound()
        .sequence(args)
        .expect_status(0, NFS4ERR_BADSESSION);
}

#[test]
fn destroy_session_stands_alone_or_after_sequence() {
    let fixture = SERVER.fixture("destroy_alone");
    let mut session = fixture.another_client();
    let id = session.id;
    let compound = session
        .connection
        .compound()
        .destroy_session(id)
        .putrootfh();
    compound.expect_status(0, NFS4ERR_NOT_ONLY_OP);
    session.compound().putrootfh().ok();
}

#[test]
fn state_outlives_its_session() {
    let fixture = SERVER.fixture("outlives");
    let options = ClientOptions::new("outlives client");
    let address = fixture.server().address();
    let mut session = Session::establish(address, &options).unwrap();
    let open = localefs_integration::client::Open::both("f").create();
    let (stateid, file) = session.open(&fixture.directory, &open);
    let id = session.id;
    session.connection.compound().destroy_session(id).ok();
    let (clientid, sequence) = (session.clientid, session.next_create_session);
    let options = options.reclaiming();
    let mut session =
        Session::create(session.connection, address, &options, clientid, sequence).unwrap();
    session.compound().putfh(&file).read(stateid, 0, 1).ok();
    session.compound().putfh(&file).close(stateid).ok();
}

#[test]
fn callbacks_may_be_arranged_though_there_are_none() {
    let mut fixture = SERVER.fixture("callbacks");
    fixture.session.compound().backchannel_ctl(0x4000_0001).ok();
    let server = fixture.server();
    let mut options = ClientOptions::new("callbacks client");
    options.session_flags = CreateSessionFlags::CREATE_SESSION4_FLAG_CONN_BACK_CHAN;
    let mut session = Session::establish(server.address(), &options).unwrap();
    let reply = session.compound().backchannel_ctl(0x4000_0001).ok();
    assert_eq!(reply.sequence().sr_status_flags.0, 0);
}
