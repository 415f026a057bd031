//! ONC-RPC under NFSv4.1: programs, procedures, credentials, records (RFC 5531).

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use localefs_integration::client::names::*;
use localefs_integration::client::{
    ClientOptions, Compound, Connection, Credential, Session, SharedServer,
};
use localefs_protocol::nfs4::{NFS_PROGRAM, NFS_V4, NFSPROC4_COMPOUND, NFSPROC4_NULL};
use localefs_protocol::rpc::{AuthStat, ReplyHeader};
use localefs_protocol::xdr::decode;

static SERVER: SharedServer = SharedServer::new();

const NULL: (u32, u32, u32) = (NFS_PROGRAM, NFS_V4, NFSPROC4_NULL);
const COMPOUND: (u32, u32, u32) = (NFS_PROGRAM, NFS_V4, NFSPROC4_COMPOUND);

/// A call header with AUTH_NONE, and octets after it.
fn words(words: &[u32], rest: &[u8]) -> Vec<u8> {
    let mut record: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    record.extend_from_slice(rest);
    record
}

fn null_call(xid: u32) -> Vec<u8> {
    words(&[xid, 0, 2, NFS_PROGRAM, NFS_V4, 0, 0, 0, 0, 0], &[])
}

fn header_of(record: &[u8]) -> (u32, ReplyHeader) {
    decode(record).expect("a reply").0
}

#[test]
fn null_is_answered_whoever_asks() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    for credential in [
        Credential::None,
        Credential::ROOT,
        Credential::user(1000, 1000),
    ] {
        let reply = connection.call(NULL, &credential, &[]).unwrap();
        assert_eq!(reply.header, ReplyHeader::Success);
        assert!(reply.body.is_empty());
    }
}

#[test]
fn unknown_programs_are_unavailable() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    // Portmapper, MOUNT, NLM, and what only the real service has.
    for program in [0, 100_000, 100_005, 100_021, 100_227, 400_123, u32::MAX] {
        for version in [0, 3, 4] {
            let reply = connection
                .call((program, version, 0), &Credential::ROOT, &[])
                .unwrap();
            assert_eq!(
                reply.header,
                ReplyHeader::ProgramUnavailable,
                "program {program}"
            );
        }
    }
}

#[test]
fn only_version_4_is_served() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    for version in [0, 1, 2, 3, 5, u32::MAX] {
        for procedure in [0, 1, 22] {
            let call = (NFS_PROGRAM, version, procedure);
            let reply = connection.call(call, &Credential::ROOT, &[]).unwrap();
            let mismatch = ReplyHeader::ProgramMismatch { low: 4, high: 4 };
            assert_eq!(reply.header, mismatch, "version {version}");
        }
    }
}

#[test]
fn there_are_two_procedures() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    for procedure in [2, 3, 100, u32::MAX] {
        let call = (NFS_PROGRAM, NFS_V4, procedure);
        let reply = connection.call(call, &Credential::ROOT, &[]).unwrap();
        assert_eq!(
            reply.header,
            ReplyHeader::ProcedureUnavailable,
            "procedure {procedure}"
        );
    }
}

#[test]
fn another_version_of_rpc_is_refused_by_name() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    for version in [0, 1, 3, u32::MAX] {
        let call = words(&[7, 0, version, NFS_PROGRAM, NFS_V4, 0, 0, 0, 0, 0], &[]);
        connection.send_record(&call).unwrap();
        let reply = connection.receive().unwrap();
        let mismatch = ReplyHeader::RpcMismatch { low: 2, high: 2 };
        assert_eq!(header_of(&reply), (7, mismatch), "RPC version {version}");
    }
    assert_eq!(
        connection
            .call(NULL, &Credential::ROOT, &[])
            .unwrap()
            .header,
        ReplyHeader::Success
    );
}

#[test]
fn malformed_auth_sys_is_a_bad_credential() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    let gids = |count: u32| Credential::Sys {
        uid: 1,
        gid: 1,
        gids: (0..count).collect(),
    };
    let (_, good) = gids(16).encode();
    let mut long_name = words(&[0, 256], &[b'x'; 256]);
    long_name.extend_from_slice(&words(&[0, 0, 0], &[]));
    let bad = [
        // 17 groups: never truncated, which would change who somebody is.
        gids(17),
        gids(90),
        Credential::Raw(1, Vec::new()),
        Credential::Raw(1, good[..good.len() - 4].to_vec()),
        Credential::Raw(1, [good.as_slice(), &[0; 4]].concat()),
        Credential::Raw(1, long_name),
        // Longer than any credential may be (RFC 5531 §8.2).
        Credential::Raw(1, vec![0; 404]),
    ];
    let compound = Compound::detached().putrootfh().encode();
    for credential in bad {
        let reply = connection.call(COMPOUND, &credential, &compound).unwrap();
        let refused = ReplyHeader::AuthError(AuthStat::AUTH_BADCRED);
        assert_eq!(reply.header, refused, "{credential:?}");
    }
    let reply = connection.call(COMPOUND, &gids(16), &compound).unwrap();
    assert_eq!(reply.header, ReplyHeader::Success);
}

#[test]
fn other_flavours_are_refused() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    let compound = Compound::detached().putrootfh().encode();
    for flavor in [2, 3, 6, 390_003, u32::MAX] {
        let credential = Credential::Raw(flavor, vec![0; 8]);
        let reply = connection.call(COMPOUND, &credential, &compound).unwrap();
        // RFC 5531 leaves the choice of the reason; Linux gives up with EACCES on any.
        assert!(
            matches!(reply.header, ReplyHeader::AuthError(why) if why != AuthStat::AUTH_OK),
            "flavour {flavor}: {:?}",
            reply.header
        );
    }
    assert_eq!(
        connection
            .call(NULL, &Credential::ROOT, &[])
            .unwrap()
            .header,
        ReplyHeader::Success
    );
}

#[test]
fn auth_none_is_not_root() {
    let mut fixture = SERVER.fixture("auth_none");
    let open = fixture.subdirectory("private");
    fixture
        .session
        .as_user(0, 0)
        .putfh(&open)
        .setattr(Default::default(), &mode(0o700))
        .ok();
    fixture.session.credential = Credential::None;
    let attempt = fixture
        .session
        .compound()
        .putfh(&open)
        .mkdir("mine", 0o777)
        .try_send();
    // At RPC (no compound is executed), by WRONGSEC, or as nobody: never as root.
    match attempt {
        Ok(reply) => assert!(
            [NFS4ERR_ACCESS, NFS4ERR_PERM, NFS4ERR_WRONGSEC].contains(&reply.status()),
            "{reply:?}"
        ),
        Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidData),
    }
}

#[test]
fn a_header_that_ends_early_is_garbage() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    let call = null_call(9);
    for length in (12..24).step_by(4) {
        connection.send_record(&call[..length]).unwrap();
        let reply = connection.receive().unwrap();
        assert_eq!(
            header_of(&reply),
            (9, ReplyHeader::GarbageArguments),
            "{length} octets"
        );
    }
    for length in (24..40).step_by(4) {
        // Neither RFC 5531 nor clients care which: no call of a client ends there.
        connection.send_record(&call[..length]).unwrap();
        let (xid, header) = header_of(&connection.receive().unwrap());
        let refused = [
            ReplyHeader::GarbageArguments,
            ReplyHeader::AuthError(AuthStat::AUTH_BADCRED),
            ReplyHeader::AuthError(AuthStat::AUTH_BADVERF),
        ];
        assert!(
            xid == 9 && refused.contains(&header),
            "{length} octets: {header:?}"
        );
    }
}

#[test]
fn what_is_no_call_gets_no_reply() {
    let server = SERVER.get();
    for record in [
        &b""[..],
        b"abc",
        &words(&[1], &[]),
        &words(&[1, 1, 0, 0, 0, 0], &[]),
    ] {
        let mut connection = Connection::open(server.address()).unwrap();
        connection.send_record(record).unwrap();
        let silent = connection.stays_silent(Duration::from_millis(50)).unwrap();
        assert!(silent || connection.is_closed(), "{record:?} is answered");
    }
    let mut connection = Connection::open(server.address()).unwrap();
    assert_eq!(
        connection
            .call(NULL, &Credential::ROOT, &[])
            .unwrap()
            .header,
        ReplyHeader::Success
    );
}

#[test]
fn a_compound_without_a_header_is_garbage() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    let compound = Compound::detached().tag(b"abcd").encode();
    for length in (0..compound.len()).step_by(4) {
        let reply = connection
            .call(COMPOUND, &Credential::ROOT, &compound[..length])
            .unwrap();
        assert_eq!(
            reply.header,
            ReplyHeader::GarbageArguments,
            "{length} octets"
        );
    }
}

#[test]
fn records_may_come_in_any_fragments() {
    let fixture = SERVER.fixture("fragments");
    let mut connection = Connection::open(fixture.server().address()).unwrap();
    let record = Compound::detached()
        .exchange_id(&ClientOptions::new("fragments 2").exchange_id())
        .record(77);
    for size in 1..=record.len() {
        connection.send_fragments(&record, size).unwrap();
        connection.compound_reply(77).unwrap().assert(NFS4_OK);
    }
}

#[test]
fn empty_fragments_carry_nothing() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    let call = null_call(3);
    let (first, second) = call.split_at(11);
    let mut octets = Vec::new();
    for part in [&b""[..], first, b"", b"", second] {
        octets.extend_from_slice(&u32::try_from(part.len()).unwrap().to_be_bytes());
        octets.extend_from_slice(part);
    }
    octets.extend_from_slice(&0x8000_0000_u32.to_be_bytes());
    connection.send(&octets).unwrap();
    assert_eq!(
        header_of(&connection.receive().unwrap()),
        (3, ReplyHeader::Success)
    );
}

#[test]
fn records_may_come_slowly_and_together() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    let mut octets = Vec::new();
    for xid in 1..=3 {
        octets.extend_from_slice(&(0x8000_0000_u32 | 40).to_be_bytes());
        octets.extend_from_slice(&null_call(xid));
    }
    for piece in octets.chunks(7) {
        connection.send(piece).unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    for xid in 1..=3 {
        assert_eq!(
            connection.reply_to(xid).unwrap().header,
            ReplyHeader::Success
        );
    }
}

#[test]
fn thousands_of_calls_may_be_outstanding() {
    let server = SERVER.get();
    let mut connection = Connection::open(server.address()).unwrap();
    for xid in 1..=3000 {
        connection.send_record(&null_call(xid)).unwrap();
    }
    for xid in 1..=3000 {
        assert_eq!(
            connection.reply_to(xid).unwrap().header,
            ReplyHeader::Success
        );
    }
}

#[test]
fn a_record_that_is_too_long_ends_its_connection_alone() {
    let mut fixture = SERVER.fixture("too_long");
    for mark in [0xffff_ffff_u32, 0x7fff_ffff, 0x8000_0000 | (64 << 20)] {
        let mut connection = Connection::open(fixture.server().address()).unwrap();
        connection.send(&mark.to_be_bytes()).unwrap();
        // It may be closed before everything is sent.
        let _ = connection.send(&[0; 4096]);
        assert!(connection.is_closed(), "after the mark {mark:#x}");
    }
    // The same in pieces: fragments without an end.
    let mut connection = Connection::open(fixture.server().address()).unwrap();
    let mut fragment = (1_u32 << 20).to_be_bytes().to_vec();
    fragment.resize(4 + (1 << 20), 0);
    let refused = (0..64).any(|_| connection.send(&fragment).is_err());
    assert!(refused || connection.is_closed());
    fixture.here().getattr(&[FATTR4_TYPE]).ok();
}

#[test]
fn half_a_record_keeps_nobody_waiting() {
    let mut fixture = SERVER.fixture("half_open");
    let address = fixture.server().address();
    let mut halves: Vec<Connection> = (0..200)
        .map(|_| {
            let mut connection = Connection::open(address).unwrap();
            connection
                .send(&(0x8000_0000_u32 | 1_000_000).to_be_bytes())
                .unwrap();
            connection.send(&[0; 512]).unwrap();
            connection
        })
        .collect();
    fixture.here().getattr(&[FATTR4_TYPE]).ok();
    // Some go without a word, some go on.
    halves.truncate(100);
    fixture.here().getattr(&[FATTR4_TYPE]).ok();
    drop(halves);
    fixture.here().getattr(&[FATTR4_TYPE]).ok();
}

#[test]
fn a_client_may_leave_without_its_replies() {
    let mut fixture = SERVER.fixture("leaves");
    let address = fixture.server().address();
    for _ in 0..50 {
        let mut connection = Connection::open(address).unwrap();
        for xid in 0..20 {
            connection.send_record(&null_call(xid)).unwrap();
        }
    }
    fixture.here().getattr(&[FATTR4_TYPE]).ok();
}

#[test]
fn any_source_port_will_do() {
    let server = SERVER.get();
    let privileged = (1..20).map(|step| 1023 - step * 13);
    let mut tried = 0;
    for port in [0].into_iter().chain(privileged) {
        let source = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let Ok(mut connection) = Connection::open_from(source, server.address()) else {
            // In use by somebody else.
            continue;
        };
        tried += 1;
        let reply = connection.call(NULL, &Credential::ROOT, &[]).unwrap();
        assert_eq!(reply.header, ReplyHeader::Success, "port {port}");
    }
    assert!(tried > 1);
    // A client is the same from another address.
    let options = ClientOptions::new("any_source_port");
    let mut session = Session::establish(server.address(), &options).unwrap();
    let source = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 9), 0));
    session.connection = Connection::open_from(source, server.address()).unwrap();
    session.compound().putrootfh().getattr(&[FATTR4_TYPE]).ok();
}
