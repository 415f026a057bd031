//! CREATE_SESSION: its reply cache, what is negotiated, what is refused (RFC 8881 §18.36).

use localefs_integration::client::names::*;
use localefs_integration::client::{
    ClientOptions, Connection, Credential, Session, SharedServer, channel,
};
use localefs_protocol::nfs4::ops::{ChannelAttrs4, CreateSessionArgs, CreateSessionFlags};
use localefs_protocol::nfs4::{Nfsstat4, OpNum};

static SERVER: SharedServer = SharedServer::new();

/// A change of a channel, with a name for its client.
type Change = (&'static str, fn(&mut ChannelAttrs4));

/// A client that did EXCHANGE_ID: its connection, id, and next sequence id.
fn unconfirmed(options: &ClientOptions) -> (Connection, u64, u32) {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    let credential = options.credential.clone();
    let reply = connection
        .compound()
        .credential(credential)
        .exchange_id(&options.exchange_id())
        .ok();
    let result = reply.exchange_id();
    (connection, result.eir_clientid, result.eir_sequenceid)
}

#[test]
fn a_session_is_created_once_and_its_reply_repeated() {
    let _server = SERVER.get();
    let options = ClientOptions::new("once");
    let (mut connection, id, sequence) = unconfirmed(&options);
    let args = options.create_session(id, sequence);
    let first = connection.compound().create_session(&args).ok();
    assert_eq!(first.create_session().csr_sequence, sequence);
    let again = connection.compound().create_session(&args).ok();
    assert_eq!(first.encoded(), again.encoded());
    // On another connection too.
    let mut other = Connection::open(SERVER.get().address()).unwrap();
    let again = other.compound().create_session(&args).ok();
    assert_eq!(first.encoded(), again.encoded());

    let next = options.create_session(id, sequence.wrapping_add(1));
    let second = connection.compound().create_session(&next).ok();
    assert_ne!(
        second.create_session().csr_sessionid,
        first.create_session().csr_sessionid
    );
    // Only the last reply is kept.
    connection
        .compound()
        .create_session(&args)
        .expect(NFS4ERR_SEQ_MISORDERED);
}

#[test]
fn sequence_ids_step_by_one() {
    let _server = SERVER.get();
    let options = ClientOptions::new("step");
    let (mut connection, id, sequence) = unconfirmed(&options);
    // Before the first there is a contrived reply (RFC 8881 §18.36.4).
    for wrong in [
        sequence.wrapping_sub(1),
        sequence.wrapping_add(1),
        sequence.wrapping_sub(2),
    ] {
        let args = options.create_session(id, wrong);
        connection
            .compound()
            .create_session(&args)
            .expect(NFS4ERR_SEQ_MISORDERED);
    }
    connection
        .compound()
        .create_session(&options.create_session(id, sequence))
        .ok();
    for wrong in [2, 3, 1000, u32::MAX] {
        let args = options.create_session(id, sequence.wrapping_add(wrong));
        connection
            .compound()
            .create_session(&args)
            .expect(NFS4ERR_SEQ_MISORDERED);
    }
    connection
        .compound()
        .create_session(&options.create_session(id, sequence + 1))
        .ok();
}

#[test]
fn unknown_clients_are_stale() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    for id in [0, 1, u64::MAX] {
        let args = ClientOptions::new("").create_session(id, 1);
        connection
            .compound()
            .create_session(&args)
            .expect(NFS4ERR_STALE_CLIENTID);
    }
}

#[test]
fn another_user_cannot_confirm() {
    let _server = SERVER.get();
    let options = ClientOptions::new("confirm");
    let (mut connection, id, sequence) = unconfirmed(&options);
    let args = options.create_session(id, sequence);
    let by_other = connection
        .compound()
        .credential(Credential::user(5, 5))
        .create_session(&args);
    by_other.expect(NFS4ERR_CLID_INUSE);
}

#[test]
fn flags_are_granted_only_if_true() {
    let _server = SERVER.get();
    let options = ClientOptions::new("flags");
    let (mut connection, id, mut sequence) = unconfirmed(&options);
    for flags in 0..8 {
        let args = CreateSessionArgs {
            csa_flags: CreateSessionFlags(flags),
            ..options.create_session(id, sequence)
        };
        let reply = connection.compound().create_session(&args).ok();
        // Neither a persistent reply cache, nor callbacks, nor RDMA.
        assert_eq!(
            reply.create_session().csr_flags,
            CreateSessionFlags(0),
            "asked for {flags}"
        );
        sequence = sequence.wrapping_add(1);
    }
}

/// What can never succeed is refused before the sequence id is looked at: it stays the next one.
fn fails_without_counting(
    name: &str,
    change: impl Fn(&mut CreateSessionArgs<'_>),
    status: Nfsstat4,
) {
    let _server = SERVER.get();
    let options = ClientOptions::new(name);
    let (mut connection, id, sequence) = unconfirmed(&options);
    let mut args = options.create_session(id, sequence);
    change(&mut args);
    connection.compound().create_session(&args).expect(status);
    connection.compound().create_session(&args).expect(status);
    let next = options.create_session(id, sequence);
    connection.compound().create_session(&next).ok();
}

#[test]
fn unknown_flags_are_invalid() {
    for bit in 3..32 {
        let change = |args: &mut CreateSessionArgs<'_>| {
            args.csa_flags = CreateSessionFlags(1 << bit);
        };
        fails_without_counting(&format!("unknown flag {bit}"), change, NFS4ERR_INVAL);
    }
}

#[test]
fn channels_without_room_are_too_small() {
    let set: [Change; 4] = [
        ("no request", |fore| fore.ca_maxrequestsize = 0),
        ("small request", |fore| fore.ca_maxrequestsize = 20),
        ("no response", |fore| fore.ca_maxresponsesize = 0),
        ("small response", |fore| fore.ca_maxresponsesize = 20),
    ];
    for (name, change) in set {
        fails_without_counting(
            name,
            |args| change(&mut args.csa_fore_chan_attrs),
            NFS4ERR_TOOSMALL,
        );
    }
}

#[test]
fn channels_of_nothing_are_refused_or_made_usable() {
    let _server = SERVER.get();
    let set: [Change; 2] = [
        ("no operations", |fore| fore.ca_maxoperations = 0),
        ("no slots", |fore| fore.ca_maxrequests = 0),
    ];
    for (name, change) in set {
        let options = ClientOptions::new(name);
        let (mut connection, id, sequence) = unconfirmed(&options);
        let mut args = options.create_session(id, sequence);
        change(&mut args.csa_fore_chan_attrs);
        let reply = connection.compound().create_session(&args).send();
        if reply.status() == NFS4_OK {
            // RFC 8881 §18.36.3 lets the server raise both.
            let fore = reply.create_session().csr_fore_chan_attrs;
            assert!(
                fore.ca_maxoperations >= 2 && fore.ca_maxrequests >= 1,
                "{fore:?}"
            );
        } else {
            assert!(
                [NFS4ERR_INVAL, NFS4ERR_TOOSMALL].contains(&reply.status()),
                "{reply:?}"
            );
        }
    }
}

#[test]
fn what_linux_asks_for_is_granted() {
    let server = SERVER.get();
    let mut fore = channel(64);
    fore.ca_maxresponsesize_cached = 7584;
    fore.ca_maxoperations = 8;
    let options = ClientOptions::new("linux").fore(fore.clone());
    let session = Session::establish(server.address(), &options).unwrap();
    // Linux fails to mount with fewer operations than it asked for, or with larger sizes.
    assert!(session.fore.ca_maxoperations >= fore.ca_maxoperations);
    assert_eq!(session.fore.ca_maxrequests, 64);
    assert_eq!(session.fore.ca_maxrequestsize, fore.ca_maxrequestsize);
    assert_eq!(session.fore.ca_maxresponsesize, fore.ca_maxresponsesize);
    assert!(session.fore.ca_maxresponsesize_cached <= fore.ca_maxresponsesize_cached);
    assert_eq!(session.fore.ca_headerpadsize, 0);
}

#[test]
fn nothing_is_raised_and_everything_is_bounded() {
    let server = SERVER.get();
    let greedy = ChannelAttrs4 {
        ca_headerpadsize: u32::MAX,
        ca_maxrequestsize: u32::MAX,
        ca_maxresponsesize: u32::MAX,
        ca_maxresponsesize_cached: u32::MAX,
        ca_maxoperations: u32::MAX,
        ca_maxrequests: u32::MAX,
        ca_rdma_ird: vec![u32::MAX].into(),
    };
    let session =
        Session::establish(server.address(), &ClientOptions::new("greedy").fore(greedy)).unwrap();
    assert!(
        (1..=65536).contains(&session.fore.ca_maxrequests),
        "{:?}",
        session.fore
    );
    assert!(session.fore.ca_maxrequestsize < 64 << 20);
    assert!(session.fore.ca_maxresponsesize < 64 << 20);
    assert!(session.fore.ca_maxresponsesize_cached <= 1 << 20);

    let mut modest = channel(3);
    modest.ca_maxrequestsize = 4096;
    modest.ca_maxresponsesize = 4096;
    modest.ca_maxresponsesize_cached = 1024;
    let options = ClientOptions::new("modest").fore(modest);
    let session = Session::establish(server.address(), &options).unwrap();
    assert!(session.fore.ca_maxrequestsize <= 4096);
    assert!(session.fore.ca_maxresponsesize <= 4096);
    assert!(session.fore.ca_maxresponsesize_cached <= 1024);
    assert_eq!(session.fore.ca_maxrequests, 3);
}

#[test]
fn a_thousand_slots_are_granted() {
    let server = SERVER.get();
    let options = ClientOptions::new("thousand").fore(channel(1024));
    let mut session = Session::establish(server.address(), &options).unwrap();
    assert_eq!(session.fore.ca_maxrequests, 1024);
    session.compound().slot(1023).putrootfh().ok();
}

#[test]
fn the_back_channel_is_left_as_offered() {
    let _server = SERVER.get();
    let options = ClientOptions::new("back");
    let (mut connection, id, sequence) = unconfirmed(&options);
    let args = options.create_session(id, sequence);
    let reply = connection.compound().create_session(&args).ok();
    let back = reply.create_session().csr_back_chan_attrs;
    // RFC 8881 §18.36.3: these two must not change.
    assert_eq!(
        back.ca_maxoperations,
        args.csa_back_chan_attrs.ca_maxoperations
    );
    assert_eq!(back.ca_maxrequests, args.csa_back_chan_attrs.ca_maxrequests);
}

#[test]
fn malformed_arguments_are_not_decoded() {
    let _server = SERVER.get();
    let options = ClientOptions::new("malformed");
    let (mut connection, id, sequence) = unconfirmed(&options);
    let mut args = options.create_session(id, sequence);
    args.csa_fore_chan_attrs.ca_rdma_ird = vec![1, 2].into();
    connection
        .compound()
        .create_session(&args)
        .expect(NFS4ERR_BADXDR);
    // A flavour for callbacks that doesn't exist: the last word but none of the arguments.
    let good = localefs_integration::client::Compound::detached()
        .create_session(&options.create_session(id, sequence));
    let mut octets = good.operations()[4..].to_vec();
    let last = octets.len() - 4;
    octets[last..].copy_from_slice(&99_u32.to_be_bytes());
    let compound = connection
        .compound()
        .raw(OpNum::OP_CREATE_SESSION.0, &octets);
    compound.expect(NFS4ERR_BADXDR);
    // Neither took the sequence id.
    connection
        .compound()
        .create_session(&options.create_session(id, sequence))
        .ok();
}

#[test]
fn create_session_stands_alone_or_after_sequence() {
    let mut fixture = SERVER.fixture("session_alone");
    let options = ClientOptions::new("session_alone client");
    let (mut connection, id, sequence) = unconfirmed(&options);
    let args = options.create_session(id, sequence);
    let compound = connection.compound().create_session(&args).putrootfh();
    compound.expect_status(0, NFS4ERR_NOT_ONLY_OP);
    // It wasn't executed: the sequence id is still good, here within another client's session.
    let reply = fixture
        .session
        .compound()
        .create_session(&args)
        .putrootfh()
        .ok();
    let again = connection.compound().create_session(&args).ok();
    let first = reply.create_session();
    assert_eq!(first.csr_sessionid, again.create_session().csr_sessionid);
}

#[test]
fn a_client_may_have_many_sessions() {
    let server = SERVER.get();
    let options = ClientOptions::new("many sessions");
    let mut session = Session::establish(server.address(), &options).unwrap();
    let mut sequence = session.next_create_session;
    let mut sessions = Vec::new();
    for _ in 0..16 {
        let args = options.create_session(session.clientid, sequence);
        let reply = session.connection.compound().create_session(&args).ok();
        sessions.push(reply.create_session().csr_sessionid);
        sequence = sequence.wrapping_add(1);
    }
    let first = session.id;
    for id in &sessions {
        session.id = *id;
        session.slots = vec![1; 16];
        session.compound().putrootfh().ok();
    }
    for id in sessions {
        session.connection.compound().destroy_session(id).ok();
    }
    session.id = first;
    session.slots = vec![2; 16];
    session.compound().putrootfh().ok();
}
