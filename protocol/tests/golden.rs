//! Messages of the Linux client and of the Linux kernel's server, decoded, compared with what
//! another dissector says of them, and encoded again. See `golden/README.md`.
//!
//! The first tests go over all pairs and their listings; the others spell out, operation by
//! operation, the values that the dissector showed.

#[path = "support/listing.rs"]
mod listing;
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;

use localefs_protocol::nfs4::ops::*;
use localefs_protocol::nfs4::*;
use localefs_protocol::rpc::{AuthFlavor, AuthSys, Call, ReplyHeader};
use localefs_protocol::xdr::{Encoder, decode, packed_length};

use support::{CompoundCall, CompoundReply, Pair};

const ROOT: &[u8] = &[1, 0, 1, 0, 0, 0, 0, 0];
const SESSION: Sessionid4 = Sessionid4([
    0xb0, 0xf5, 0x04, 0x6b, 0x7d, 0xc7, 0x34, 0x56, 1, 0, 0, 0, 0, 0, 0, 0,
]);
const SECOND_SESSION: Sessionid4 = Sessionid4([
    0xbc, 0xf5, 0x04, 0x6b, 0x7e, 0xc7, 0x34, 0x56, 2, 0, 0, 0, 0, 0, 0, 0,
]);
const CLIENT: Clientid4 = 0xb0f5_046b_7dc7_3456;
const SECOND_CLIENT: Clientid4 = 0xbcf5_046b_7ec7_3456;
const OPEN_OWNER: &[u8] =
    b"open id:\x00\x00\x00\x16\x00\x00\x00\x00\x00\x00\x00\x01\x24\x4e\x51\x80";
const WRITE_VERIFIER: Verifier4 = Verifier4([0xc1, 0x6f, 0xd5, 0x57, 0x5d, 0x2c, 0x28, 0xa3]);

/// A stateid of the first client: `number` tells its states apart.
fn state(seqid: u32, number: u16) -> Stateid4 {
    let [high, low] = number.to_be_bytes();
    let other = [
        0xb0, 0xf5, 0x04, 0x6b, 0x7d, 0xc7, 0x34, 0x56, high, low, 0, 0,
    ];
    Stateid4 {
        seqid,
        other: StateidOther(other),
    }
}

/// A stateid of the client after the server's restart.
fn second_state(seqid: u32, number: u8) -> Stateid4 {
    let other = [
        0xbc, 0xf5, 0x04, 0x6b, 0x7e, 0xc7, 0x34, 0x56, number, 0, 0, 0,
    ];
    Stateid4 {
        seqid,
        other: StateidOther(other),
    }
}

/// Runs `check` on the decoded call and reply of the pair `name`.
fn with(name: &str, check: impl FnOnce(&CompoundCall<'_>, &CompoundReply<'_>)) {
    let pair = support::pair(name);
    let call = CompoundCall::decode(&pair.call).expect("a call");
    let reply = CompoundReply::decode(&pair.reply).expect("a reply");
    check(&call, &reply);
}

fn names(call: &CompoundCall<'_>) -> Vec<&'static str> {
    let name = |op: &NfsArgop4<'_>| OpInfo::of(op.number()).expect("a row of the table").name;
    call.operations.iter().map(name).collect()
}

/// The values of attributes that the server sent.
fn attributes<'a>(result: &'a NfsResop4<'_>) -> Attributes<'a> {
    let NfsResop4::Getattr(Ok(GetattrResOk { obj_attributes })) = result else {
        panic!("{result:?} is no success of GETATTR");
    };
    Attributes::from_fattr4(obj_attributes).expect("attributes that the crate has")
}

fn listing(pair: &Pair) -> String {
    let file = support::directory().join(format!("{}.txt", pair.name));
    fs::read_to_string(file).expect("a listing")
}

/// The two halves of a pair's listing.
fn listings(pair: &Pair) -> (String, String) {
    let listing = listing::without_foreign_values(&listing(pair));
    let place = listing.find("reply rpc:").expect("a reply");
    (listing[..place].to_owned(), listing[place..].to_owned())
}

#[track_caller]
fn assert_same_lines(ours: &str, theirs: &str, name: &str) {
    for (ours, theirs) in ours.lines().zip(theirs.lines()) {
        assert_eq!(ours, theirs, "{name}");
    }
    assert_eq!(ours.lines().count(), theirs.lines().count(), "{name}");
}

#[test]
fn every_call_agrees_with_its_listing() {
    for pair in support::calls() {
        let call = CompoundCall::decode(&pair.call)
            .unwrap_or_else(|error| panic!("{}: {error:?}", pair.name));
        assert_eq!(call.rest, b"", "{}", pair.name);
        assert_eq!(call.rpc.program, NFS_PROGRAM);
        assert_eq!(call.rpc.procedure, NFSPROC4_COMPOUND);
        let (theirs, _) = listings(&pair);
        match &pair.name[3..] {
            // `layouts` checks these.
            "layoutget" | "getdeviceinfo" | "layoutreturn" => {}
            // The dissector takes the stateid of CLAIM_DELEG_CUR_FH for the next operation.
            "open-claim-deleg-cur-fh" => {
                let ours = listing::of_call(&call);
                let ours: Vec<_> = ours.lines().take(theirs.lines().count()).collect();
                assert_same_lines(&ours.join("\n"), &theirs, &pair.name);
            }
            _ => assert_same_lines(&listing::of_call(&call), &theirs, &pair.name),
        }
    }
}

#[test]
fn every_reply_agrees_with_its_listing() {
    for pair in support::replies() {
        let reply = CompoundReply::decode(&pair.reply)
            .unwrap_or_else(|error| panic!("{}: {error:?}", pair.name));
        assert_eq!(reply.rest, b"", "{}", pair.name);
        let (_, theirs) = listings(&pair);
        assert_same_lines(&listing::of_reply(&reply), &theirs, &pair.name);
    }
}

#[test]
fn every_message_encodes_to_the_same_octets() {
    for pair in support::calls() {
        let call = CompoundCall::decode(&pair.call).expect("a call");
        assert_eq!(call.encode(), pair.call, "{}", pair.name);
    }
    for pair in support::replies() {
        let reply = CompoundReply::decode(&pair.reply).expect("a reply");
        assert_eq!(reply.encode(), pair.reply, "{}", pair.name);
    }
}

/// Each operation takes as many octets as it announces, and no result more than the table allows
/// where the table sets a bound.
#[test]
fn every_length_is_as_announced() {
    // The longest results of these depend on their arguments or on what the server sends.
    let open_ended = [
        "EXCHANGE_ID",
        "GETATTR",
        "READ",
        "READDIR",
        "READLINK",
        "SECINFO",
        "SECINFO_NO_NAME",
        "TEST_STATEID",
    ];
    for pair in support::calls() {
        let call = CompoundCall::decode(&pair.call).expect("a call");
        let lengths: usize = call.operations.iter().map(packed_length).sum();
        let head = packed_length(&call.rpc) + packed_length(&call.header);
        assert_eq!(head + lengths, pair.call.len(), "{}", pair.name);
    }
    for pair in support::replies() {
        let reply = CompoundReply::decode(&pair.reply).expect("a reply");
        let lengths: usize = reply.results.iter().map(packed_length).sum();
        let head = 24 + packed_length(&reply.header);
        assert_eq!(head + lengths, pair.reply.len(), "{}", pair.name);
        for result in &reply.results {
            let row = OpInfo::of(result.number()).expect("a row of the table");
            let delegated = pair.name.ends_with("open-delegated") && row.name == "OPEN";
            if !open_ended.contains(&row.name) && !delegated {
                let length = packed_length(result);
                assert!(length <= row.max_reply, "{}: {}", pair.name, row.name);
            }
        }
    }
}

/// What an unmodified client uses is there, except callbacks and what NFSv4.1 dropped.
#[test]
fn the_operations_that_were_captured() {
    let mut seen = BTreeSet::new();
    for pair in support::calls() {
        seen.extend(names(&CompoundCall::decode(&pair.call).expect("a call")));
    }
    let missing: Vec<_> = OpInfo::TABLE
        .iter()
        .map(|info| info.name)
        .filter(|name| !seen.contains(name))
        .collect();
    assert_eq!(
        missing,
        [
            "DELEGPURGE",
            "NVERIFY",
            "OPENATTR",
            "OPEN_CONFIRM",
            "PUTPUBFH",
            "RENEW",
            "SETCLIENTID",
            "SETCLIENTID_CONFIRM",
            "VERIFY",
            "RELEASE_LOCKOWNER",
            "BACKCHANNEL_CTL",
            "GET_DIR_DELEGATION",
            "GETDEVICELIST",
            "LAYOUTCOMMIT",
            "SET_SSV",
            "WANT_DELEGATION",
        ]
    );
}

#[test]
fn null_and_other_programs() {
    for (name, program, procedure, version, outcome) in [
        (
            "01-null",
            "program NFS (100003)",
            "procedure NULL (0)",
            4,
            ReplyHeader::Success,
        ),
        (
            "02-prog-mismatch",
            "program NFS (100003)",
            "procedure NULL (0)",
            3,
            ReplyHeader::ProgramMismatch { low: 4, high: 4 },
        ),
        (
            "03-prog-unavail",
            "program Unknown RPC program 400122 (400122)",
            "procedure proc-0 (0)",
            1,
            ReplyHeader::ProgramUnavailable,
        ),
    ] {
        let pair = support::pair(name);
        let (call, arguments) = Call::decode(&pair.call).expect("a call");
        assert_eq!(
            (call.version, call.procedure, arguments),
            (version, NFSPROC4_NULL, &b""[..])
        );
        assert_eq!(call.credential.flavor, AuthFlavor::AUTH_NONE);
        let ((xid, header), results) = decode::<(u32, ReplyHeader)>(&pair.reply).expect("a reply");
        assert_eq!((xid, header, results), (call.xid, outcome, &b""[..]));
        assert_eq!(
            listing::call_header(&call, program, procedure) + &listing::reply_header(xid, &header),
            listing(&pair)
        );

        let mut encoder = Encoder::default();
        encoder.put(&call);
        assert_eq!(encoder.to_bytes(), pair.call);
        let mut encoder = Encoder::default();
        header.pack(xid, &mut encoder).expect("writing to memory");
        assert_eq!(encoder.to_bytes(), pair.reply);
    }
}

/// The kernel's server answers another minor version before it looks at the operations.
#[test]
fn minor_version_mismatch() {
    for (name, minor, operation) in [
        ("04-minor-version-2", 2, OpNum::OP_EXCHANGE_ID),
        ("05-minor-version-0", 0, OpNum::OP_SETCLIENTID),
    ] {
        let pair = support::pair(name);
        let (call, rest) = Call::decode(&pair.call).expect("a call");
        assert_eq!((call.program, call.version), (NFS_PROGRAM, NFS_V4));
        let (header, rest) = decode::<CompoundHeader<'_>>(rest).expect("a compound");
        assert_eq!((header.minorversion, header.numops), (minor, 1));
        assert_eq!(decode::<OpNum>(rest).expect("an operation").0, operation);

        let reply = CompoundReply::decode(&pair.reply).expect("a reply");
        assert_eq!(reply.header.status, Nfsstat4::NFS4ERR_MINOR_VERS_MISMATCH);
        assert_eq!((reply.header.numres, reply.rest), (0, &b""[..]));
        assert_eq!(reply.encode(), pair.reply);
    }
}

/// Calls of the server to the client: only their RPC headers are known here.
#[test]
fn callbacks_are_calls_of_another_program() {
    for name in ["91-cb-recall", "92-cb-notify-lock"] {
        let pair = support::pair(name);
        let (call, _) = Call::decode(&pair.call).expect("a call");
        assert_eq!(
            (call.program, call.version, call.procedure),
            (0x4000_0000, 1, 1)
        );
        let sys = AuthSys::from_body(&call.credential.body).expect("AUTH_SYS");
        assert_eq!(
            (&sys.machinename[..], sys.uid, sys.gid),
            (&b"nfsserver"[..], 0, 0)
        );
        assert_eq!(
            listing::call_header(
                &call,
                "program NFS CB (1073741824)",
                "procedure CB_COMPOUND (1)"
            ),
            format!("{}\n", listing(&pair).lines().next().expect("a line"))
        );
        // A server that reads its client's answer on the same connection must tell it from a call.
        assert!(Call::decode(&pair.reply).is_err());
        let ((xid, header), _) = decode::<(u32, ReplyHeader)>(&pair.reply).expect("a reply");
        assert_eq!((xid, header), (call.xid, ReplyHeader::Success));
    }
}

#[test]
fn credentials() {
    with("16-access-refused-groups", |call, _| {
        let sys = call.sys.as_ref().expect("AUTH_SYS");
        assert_eq!(call.rpc.credential.body.len(), 52);
        assert_eq!((sys.stamp, &sys.machinename[..]), (0, &b"nfsclient"[..]));
        assert_eq!(
            (sys.uid, sys.gid, &sys.gids[..]),
            (1000, 1000, &[1000, 2001, 2002, 2003, 2004][..])
        );
    });
    // The process was in twenty groups; sixteen is all that fits.
    with("17-access-16-groups", |call, _| {
        let sys = call.sys.as_ref().expect("AUTH_SYS");
        let groups: Vec<u32> = (3000..3016).collect();
        assert_eq!(call.rpc.credential.body.len(), 96);
        assert_eq!((sys.uid, sys.gid, &sys.gids[..]), (1001, 1001, &groups[..]));
    });
    with("94-access-other-group", |call, _| {
        let sys = call.sys.as_ref().expect("AUTH_SYS");
        assert_eq!(
            (sys.uid, sys.gid, &sys.gids[..]),
            (1000, 100, &[7, 1009][..])
        );
    });
}

#[test]
fn exchange_id() {
    with("06-exchange-id", |call, reply| {
        assert_eq!(call.rpc.xid, 0xef0e_632e);
        assert_eq!(call.header.tag.as_slice(), b"");
        assert_eq!((call.header.minorversion, call.header.numops), (1, 1));
        let [NfsArgop4::ExchangeId(args)] = &call.operations[..] else {
            panic!("{call:?}")
        };
        assert_eq!(
            args.eia_clientowner.co_verifier,
            Verifier4([0x18, 0xea, 0xda, 0x0d, 0x38, 0x52, 0x66, 0xf0])
        );
        assert_eq!(
            &args.eia_clientowner.co_ownerid[..],
            b"Linux NFSv4.1 nfsclient"
        );
        assert_eq!(
            args.eia_flags,
            ExchangeIdFlags::EXCHGID4_FLAG_SUPP_MOVED_REFER
                | ExchangeIdFlags::EXCHGID4_FLAG_BIND_PRINC_STATEID
        );
        assert_eq!(args.eia_state_protect, StateProtect4A::None);
        let [implementation] = &args.eia_client_impl_id[..] else {
            panic!("{args:?}")
        };
        assert_eq!(&implementation.nii_domain[..], b"kernel.org");
        assert_eq!(
            implementation.nii_date,
            Nfstime4 {
                seconds: 0,
                nseconds: 0
            }
        );

        assert_eq!(reply.header.status, Nfsstat4::NFS4_OK);
        let [NfsResop4::ExchangeId(Ok(ok))] = &reply.results[..] else {
            panic!("{reply:?}")
        };
        assert_eq!(
            (ok.eir_clientid, ok.eir_sequenceid),
            (0xb0f5_046b_7cc7_3456, 1)
        );
        assert_eq!(ok.eir_flags.0, 0x0002_0001);
        assert_eq!(ok.eir_state_protect, StateProtect4R::None);
        assert_eq!(ok.eir_server_owner.so_minor_id, 0);
        assert_eq!(&ok.eir_server_owner.so_major_id[..], b"nfsserver");
        assert_eq!(&ok.eir_server_scope[..], b"nfsserver");
        assert!(ok.eir_server_impl_id.is_empty());
    });
}

#[test]
fn sessions() {
    with("07-create-session", |call, reply| {
        let [NfsArgop4::CreateSession(args)] = &call.operations[..] else {
            panic!("{call:?}")
        };
        assert_eq!((args.csa_clientid, args.csa_sequence), (CLIENT, 1));
        assert_eq!(
            args.csa_flags,
            CreateSessionFlags::CREATE_SESSION4_FLAG_PERSIST
                | CreateSessionFlags::CREATE_SESSION4_FLAG_CONN_BACK_CHAN
        );
        let fore = ChannelAttrs4 {
            ca_headerpadsize: 0,
            ca_maxrequestsize: 1_049_620,
            ca_maxresponsesize: 1_049_480,
            ca_maxresponsesize_cached: 7584,
            ca_maxoperations: 8,
            ca_maxrequests: 64,
            ca_rdma_ird: Vec::new().into(),
        };
        let back = ChannelAttrs4 {
            ca_headerpadsize: 0,
            ca_maxrequestsize: 4096,
            ca_maxresponsesize: 4096,
            ca_maxresponsesize_cached: 0,
            ca_maxoperations: 2,
            ca_maxrequests: 16,
            ca_rdma_ird: Vec::new().into(),
        };
        assert_eq!(
            (&args.csa_fore_chan_attrs, &args.csa_back_chan_attrs),
            (&fore, &back)
        );
        assert_eq!(args.csa_cb_program, 0x4000_0000);
        let [CallbackSecParms4::Sys(sys)] = &args.csa_sec_parms[..] else {
            panic!("{args:?}")
        };
        assert_eq!(
            (sys.stamp, &sys.machinename[..]),
            (944_924_400, &b"nfsclient"[..])
        );
        assert_eq!((sys.uid, sys.gid, sys.gids.len()), (0, 0, 0));

        let [NfsResop4::CreateSession(Ok(ok))] = &reply.results[..] else {
            panic!("{reply:?}")
        };
        assert_eq!((ok.csr_sessionid, ok.csr_sequence), (SESSION, 1));
        assert_eq!(
            ok.csr_flags,
            CreateSessionFlags::CREATE_SESSION4_FLAG_CONN_BACK_CHAN
        );
        let granted = ChannelAttrs4 {
            ca_maxresponsesize_cached: 2128,
            ca_maxrequests: 30,
            ..fore
        };
        assert_eq!(
            (&ok.csr_fore_chan_attrs, &ok.csr_back_chan_attrs),
            (&granted, &back)
        );
    });
    with("79-create-session-stale", |call, reply| {
        let [NfsArgop4::CreateSession(args)] = &call.operations[..] else {
            panic!("{call:?}")
        };
        assert_eq!((args.csa_clientid, args.csa_sequence), (CLIENT, 2));
        assert_eq!(
            reply.results,
            [NfsResop4::CreateSession(Err(
                Nfsstat4::NFS4ERR_STALE_CLIENTID
            ))]
        );
    });
    with("88-bind-conn-to-session", |call, reply| {
        assert_eq!(
            call.operations,
            [NfsArgop4::BindConnToSession(BindConnToSessionArgs {
                bctsa_sessid: SECOND_SESSION,
                bctsa_dir: ChannelDirFromClient4::ForeOrBoth,
                bctsa_use_conn_in_rdma_mode: false,
            })]
        );
        assert_eq!(
            reply.results,
            [NfsResop4::BindConnToSession(Ok(BindConnToSessionResOk {
                bctsr_sessid: SECOND_SESSION,
                bctsr_dir: ChannelDirFromServer4::Both,
                bctsr_use_conn_in_rdma_mode: false,
            }))]
        );
    });
    for (name, session, outcome) in [
        (
            "78-destroy-session-badsession",
            SESSION,
            Err(Nfsstat4::NFS4ERR_BADSESSION),
        ),
        ("89-destroy-session", SECOND_SESSION, Ok(())),
    ] {
        with(name, |call, reply| {
            let args = DestroySessionArgs {
                dsa_sessionid: session,
            };
            assert_eq!(call.operations, [NfsArgop4::DestroySession(args)]);
            assert_eq!(reply.results, [NfsResop4::DestroySession(outcome)]);
        });
    }
    with("90-destroy-clientid", |call, reply| {
        let args = DestroyClientidArgs {
            dca_clientid: SECOND_CLIENT,
        };
        assert_eq!(call.operations, [NfsArgop4::DestroyClientid(args)]);
        assert_eq!(reply.results, [NfsResop4::DestroyClientid(Ok(()))]);
    });
}

#[test]
fn sequence() {
    with("85-sequence", |call, reply| {
        assert_eq!(
            call.operations,
            [NfsArgop4::Sequence(SequenceArgs {
                sa_sessionid: SECOND_SESSION,
                sa_sequenceid: 0x11,
                sa_slotid: 0,
                sa_highest_slotid: 0,
                sa_cachethis: false,
            })]
        );
        assert_eq!(
            reply.results,
            [NfsResop4::Sequence(Ok(SequenceResOk {
                sr_sessionid: SECOND_SESSION,
                sr_sequenceid: 0x11,
                sr_slotid: 0,
                sr_highest_slotid: 29,
                sr_target_highest_slotid: 29,
                sr_status_flags: SequenceStatusFlags(0),
            }))]
        );
    });
    with("77-sequence-badsession", |call, reply| {
        assert_eq!(names(call), ["SEQUENCE", "PUTFH", "READ"]);
        assert_eq!(reply.header.status, Nfsstat4::NFS4ERR_BADSESSION);
        assert_eq!(
            reply.results,
            [NfsResop4::Sequence(Err(Nfsstat4::NFS4ERR_BADSESSION))]
        );
    });
    with("08-reclaim-complete", |call, reply| {
        let NfsArgop4::Sequence(args) = &call.operations[0] else {
            panic!("{call:?}")
        };
        assert_eq!(
            (args.sa_sessionid, args.sa_sequenceid, args.sa_slotid),
            (SESSION, 1, 0)
        );
        let args = ReclaimCompleteArgs { rca_one_fs: false };
        assert_eq!(call.operations[1..], [NfsArgop4::ReclaimComplete(args)]);
        assert_eq!(reply.results[1..], [NfsResop4::ReclaimComplete(Ok(()))]);
    });
}

#[test]
fn sequence_with_two_slots_in_use() {
    with("93-remove-two-slots", |call, _| {
        let NfsArgop4::Sequence(args) = &call.operations[0] else {
            panic!("{call:?}")
        };
        assert_eq!((args.sa_slotid, args.sa_highest_slotid), (0, 1));
        assert!(args.sa_cachethis);
    });
}

#[test]
fn security() {
    with("09-secinfo-no-name", |call, reply| {
        assert_eq!(
            call.operations[1..],
            [
                NfsArgop4::Putrootfh(()),
                NfsArgop4::SecinfoNoName(SecinfoStyle4::CurrentFh)
            ]
        );
        let NfsResop4::SecinfoNoName(Ok(ok)) = &reply.results[2] else {
            panic!("{reply:?}")
        };
        assert_eq!(ok.flavors[..], [Secinfo4::Flavor(AuthFlavor::AUTH_SYS)]);
    });
    with("22-lookup-wrongsec", |_, reply| {
        assert_eq!(
            reply.results[2..],
            [NfsResop4::Lookup(Err(Nfsstat4::NFS4ERR_WRONGSEC))]
        );
    });
    with("23-secinfo", |call, reply| {
        let NfsArgop4::Secinfo(args) = &call.operations[2] else {
            panic!("{call:?}")
        };
        assert_eq!(&args.name[..], b"krb");
        let NfsResop4::Secinfo(Ok(ok)) = &reply.results[2] else {
            panic!("{reply:?}")
        };
        let [Secinfo4::Gss(info)] = &ok.flavors[..] else {
            panic!("{ok:?}")
        };
        // The object identifier of Kerberos 5, 1.2.840.113554.1.2.2.
        assert_eq!(info.oid.as_slice(), b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02");
        assert_eq!((info.qop, info.service), (0, 1));
    });
}

#[test]
fn filehandles_and_names() {
    with("10-putrootfh", |call, reply| {
        assert_eq!(names(call), ["SEQUENCE", "PUTROOTFH", "GETFH", "GETATTR"]);
        let NfsResop4::Getfh(Ok(ok)) = &reply.results[2] else {
            panic!("{reply:?}")
        };
        assert_eq!(ok.object.as_slice(), ROOT);
    });
    with("18-lookup", |call, reply| {
        assert_eq!(
            names(call),
            ["SEQUENCE", "PUTFH", "LOOKUP", "GETFH", "GETATTR"]
        );
        let [_, NfsArgop4::Putfh(handle), NfsArgop4::Lookup(args), ..] = &call.operations[..]
        else {
            panic!("{call:?}")
        };
        assert_eq!(
            (&handle.object[..], &args.objname[..]),
            (ROOT, &b"excl"[..])
        );
        let NfsResop4::Getfh(Ok(ok)) = &reply.results[3] else {
            panic!("{reply:?}")
        };
        assert_eq!(
            &ok.object[..],
            b"\x01\x00\x01\x01\0\0\0\0\x0e\0\0\0\x24\x1e\xfe\xb1"
        );
        assert_eq!(attributes(&reply.results[4]).fileid, Some(14));
    });
    with("19-lookup-noent", |call, reply| {
        assert_eq!((call.operations.len(), reply.results.len()), (5, 3));
        assert_eq!(reply.header.status, Nfsstat4::NFS4ERR_NOENT);
        assert_eq!(
            reply.results[2],
            NfsResop4::Lookup(Err(Nfsstat4::NFS4ERR_NOENT))
        );
    });
    with("20-lookupp", |call, reply| {
        assert_eq!(call.operations[2], NfsArgop4::Lookupp(()));
        assert_eq!(attributes(&reply.results[4]).fileid, Some(394));
    });
    with("21-lookup-other-fsid", |_, reply| {
        let attributes = attributes(&reply.results[4]);
        assert_eq!(attributes.fsid, Some(Fsid4 { major: 6, minor: 0 }));
        assert_eq!(
            (attributes.fileid, attributes.mounted_on_fileid),
            (Some(1), Some(0x188))
        );
        assert_eq!(attributes.mode, Some(0o1777));
    });
}

#[test]
fn getattr_of_everything_about_a_file() {
    with("10-putrootfh", |call, reply| {
        let NfsArgop4::Getattr(args) = &call.operations[3] else {
            panic!("{call:?}")
        };
        let wanted = Bitmap4::of(&[
            Attr::FATTR4_TYPE,
            Attr::FATTR4_CHANGE,
            Attr::FATTR4_SIZE,
            Attr::FATTR4_FSID,
            Attr::FATTR4_FILEID,
            Attr::FATTR4_MODE,
            Attr::FATTR4_NUMLINKS,
            Attr::FATTR4_OWNER,
            Attr::FATTR4_OWNER_GROUP,
            Attr::FATTR4_RAWDEV,
            Attr::FATTR4_SPACE_USED,
            Attr::FATTR4_TIME_ACCESS,
            Attr::FATTR4_TIME_METADATA,
            Attr::FATTR4_TIME_MODIFY,
            Attr::FATTR4_MOUNTED_ON_FILEID,
        ]);
        assert_eq!(args.attr_request, wanted);
        let time = Some(Nfstime4 {
            seconds: 1_795_487_149,
            nseconds: 0,
        });
        assert_eq!(
            attributes(&reply.results[3]),
            Attributes {
                file_type: Some(NfsFtype4::Dir),
                change: Some(1_927_889_646_335_819_776),
                size: Some(1024),
                fsid: Some(Fsid4 { major: 0, minor: 0 }),
                fileid: Some(2),
                mode: Some(0o755),
                numlinks: Some(3),
                owner: Some(b"0".into()),
                owner_group: Some(b"0".into()),
                rawdev: Some(Specdata4 {
                    specdata1: 0,
                    specdata2: 0
                }),
                space_used: Some(1024),
                time_access: time,
                time_metadata: time,
                time_modify: time,
                mounted_on_fileid: Some(2),
                ..Attributes::default()
            }
        );
    });
    with("13-getattr-pathconf", |call, reply| {
        let wanted = Bitmap4::of(&[Attr::FATTR4_MAXLINK, Attr::FATTR4_MAXNAME]);
        let args = GetattrArgs {
            attr_request: wanted,
        };
        assert_eq!(call.operations[2], NfsArgop4::Getattr(args));
        let attributes = attributes(&reply.results[2]);
        assert_eq!(
            (attributes.maxlink, attributes.maxname),
            (Some(255), Some(255))
        );
    });
    // Of another file system.
    with("95-getattr-pathconf-short", |_, reply| {
        let attributes = attributes(&reply.results[2]);
        assert_eq!(
            (attributes.maxlink, attributes.maxname),
            (Some(255), Some(72))
        );
    });
}

/// What a client asks at mount. The kernel's server has attributes that localefs lacks: the crate
/// says so instead of guessing at their length.
#[test]
fn getattr_of_attributes_that_are_not_served() {
    for (name, wanted, octets) in [
        (
            "11-getattr-supported",
            vec![0, 2, 5, 6, 13, 16, 17, 75],
            // SUPPORTED_ATTRS: three words.
            &[
                0, 0, 0, 3, 0xfd, 0xff, 0xbf, 0xff, 0x40, 0xfd, 0xbe, 0x3e, 0, 0, 8, 3,
            ][..],
        ),
        (
            "12-getattr-fsinfo",
            vec![10, 27, 30, 31, 51, 62, 65],
            &[0, 0, 0, 15],
        ),
        (
            "14-getattr-statfs",
            vec![21, 22, 23, 42, 43, 44],
            &[0, 0, 0, 0, 0, 0, 0x2f, 0xf4],
        ),
        ("66-getattr-acl", vec![12], &[0, 0, 0, 3, 0, 0, 0, 0]),
    ] {
        with(name, |call, reply| {
            let NfsArgop4::Getattr(args) = &call.operations[2] else {
                panic!("{call:?}")
            };
            let numbers: Vec<u32> = args
                .attr_request
                .iter()
                .map(|attribute| attribute.0)
                .collect();
            assert_eq!(numbers, wanted);
            let NfsResop4::Getattr(Ok(ok)) = &reply.results[2] else {
                panic!("{reply:?}")
            };
            assert_eq!(ok.obj_attributes.attrmask, args.attr_request);
            assert!(ok.obj_attributes.attr_vals.starts_with(octets));
            assert_eq!(
                Attributes::from_fattr4(&ok.obj_attributes),
                Err(Nfsstat4::NFS4ERR_ATTRNOTSUPP)
            );
        });
    }
}

/// The same, without the octets of those that the crate lacks.
#[test]
fn getattr_of_a_file_system() {
    let check = |name: &str, foreign: &[Attr], octets: Range<usize>, wanted: Attributes<'_>| {
        with(name, |_, reply| {
            let NfsResop4::Getattr(Ok(ok)) = &reply.results[2] else {
                panic!("{reply:?}")
            };
            let Fattr4 {
                mut attrmask,
                attr_vals,
            } = ok.obj_attributes;
            for attribute in foreign {
                attrmask = attrmask.without(*attribute);
            }
            let mut values = attr_vals.to_vec();
            values.drain(octets);
            let fattr = Fattr4 {
                attrmask,
                attr_vals: values[..].into(),
            };
            assert_eq!(Attributes::from_fattr4(&fattr), Ok(wanted));
        });
    };
    let words = |words: [u32; 3]| -> Bitmap4 {
        (0..96)
            .filter(|bit| words[*bit as usize / 32] >> (bit % 32) & 1 == 1)
            .map(Attr)
            .collect()
    };
    check(
        "11-getattr-supported",
        &[Attr::FATTR4_ACLSUPPORT],
        28..32,
        Attributes {
            supported_attrs: Some(words([0xfdff_bfff, 0x40fd_be3e, 0x0000_0803])),
            fh_expire_type: Some(0),
            link_support: Some(true),
            symlink_support: Some(true),
            case_insensitive: Some(false),
            case_preserving: Some(true),
            suppattr_exclcreat: Some(words([0x0000_1010, 0x0004_0032, 0])),
            ..Attributes::default()
        },
    );
    check(
        "12-getattr-fsinfo",
        &[Attr::FATTR4_FS_LAYOUT_TYPES, Attr::FATTR4_LAYOUT_BLKSIZE],
        40..48,
        Attributes {
            lease_time: Some(15),
            maxfilesize: Some(4_398_046_510_080),
            maxread: Some(1_048_576),
            maxwrite: Some(1_048_576),
            time_delta: Some(Nfstime4 {
                seconds: 0,
                nseconds: 10_000_000,
            }),
            ..Attributes::default()
        },
    );
    check(
        "14-getattr-statfs",
        &[
            Attr::FATTR4_FILES_AVAIL,
            Attr::FATTR4_FILES_FREE,
            Attr::FATTR4_FILES_TOTAL,
        ],
        0..24,
        Attributes {
            space_avail: Some(38_384_640),
            space_free: Some(41_907_200),
            space_total: Some(41_921_536),
            ..Attributes::default()
        },
    );
}

#[test]
fn access() {
    let all = Access4::ACCESS4_READ
        | Access4::ACCESS4_LOOKUP
        | Access4::ACCESS4_MODIFY
        | Access4::ACCESS4_EXTEND
        | Access4::ACCESS4_DELETE;
    let reading = Access4::ACCESS4_READ | Access4::ACCESS4_LOOKUP;
    for (name, granted) in [
        ("15-access", all),
        ("16-access-refused-groups", reading),
        ("17-access-16-groups", reading),
    ] {
        with(name, |call, reply| {
            assert_eq!(
                call.operations[2],
                NfsArgop4::Access(AccessArgs { access: all })
            );
            let ok = AccessResOk {
                supported: all,
                access: granted,
            };
            assert_eq!(reply.results[2], NfsResop4::Access(Ok(ok)));
        });
    }
}

#[test]
fn open_and_close() {
    with("24-open-create", |call, reply| {
        assert_eq!(
            names(call),
            ["SEQUENCE", "PUTFH", "OPEN", "GETFH", "ACCESS", "GETATTR"]
        );
        let NfsArgop4::Open(args) = &call.operations[2] else {
            panic!("{call:?}")
        };
        assert_eq!(args.seqid, 0);
        assert_eq!(args.share_access, ShareAccess::OPEN4_SHARE_ACCESS_BOTH);
        assert_eq!(args.share_deny, ShareDeny::OPEN4_SHARE_DENY_NONE);
        assert_eq!(
            args.owner,
            StateOwner4 {
                clientid: CLIENT,
                owner: OPEN_OWNER.into()
            }
        );
        let Openflag4::Create(Createhow4::Unchecked(fattr)) = &args.openhow else {
            panic!("{args:?}")
        };
        let mode = Attributes {
            mode: Some(0o644),
            ..Attributes::default()
        };
        assert_eq!(Attributes::from_fattr4(fattr), Ok(mode));
        assert_eq!(args.claim, OpenClaim4::Null(b"grace".into()));

        assert_eq!(
            reply.results[2],
            NfsResop4::Open(Ok(OpenResOk {
                stateid: state(1, 0x0100),
                cinfo: ChangeInfo4 {
                    atomic: true,
                    before: 1_927_889_646_335_819_776,
                    after: 1_927_889_651_953_143_230,
                },
                rflags: OpenRflags::OPEN4_RESULT_LOCKTYPE_POSIX
                    | OpenRflags::OPEN4_RESULT_MAY_NOTIFY_LOCK,
                attrset: Bitmap4::of(&[Attr::FATTR4_MODE]),
                delegation: OpenDelegation4::None,
            }))
        );
        let granted = AccessResOk {
            supported: Access4(0x2d),
            access: Access4(0x0d),
        };
        assert_eq!(reply.results[4], NfsResop4::Access(Ok(granted)));
    });
    with("31-close", |call, reply| {
        let args = CloseArgs {
            seqid: 0,
            open_stateid: state(1, 0x0100),
        };
        assert_eq!(call.operations[3], NfsArgop4::Close(args));
        let ok = StateidResOk {
            open_stateid: Stateid4::INVALID,
        };
        assert_eq!(reply.results[3], NfsResop4::Close(Ok(ok)));
    });
    with("30-open-nocreate", |call, reply| {
        let NfsArgop4::Open(args) = &call.operations[2] else {
            panic!("{call:?}")
        };
        assert_eq!(args.share_access, ShareAccess::OPEN4_SHARE_ACCESS_READ);
        assert_eq!(args.openhow, Openflag4::NoCreate);
        assert_eq!(args.claim, OpenClaim4::Null(b"file".into()));
        let NfsResop4::Open(Ok(ok)) = &reply.results[2] else {
            panic!("{reply:?}")
        };
        assert_eq!(ok.cinfo.before, ok.cinfo.after);
        assert!(ok.attrset.is_empty());
    });
    with("28-open-claim-fh", |call, reply| {
        assert_eq!(
            names(call),
            ["SEQUENCE", "PUTFH", "OPEN", "ACCESS", "GETATTR"]
        );
        let NfsArgop4::Open(args) = &call.operations[2] else {
            panic!("{call:?}")
        };
        assert_eq!(args.share_access, ShareAccess::OPEN4_SHARE_ACCESS_WRITE);
        assert_eq!(args.claim, OpenClaim4::Fh);
        let NfsResop4::Open(Ok(ok)) = &reply.results[2] else {
            panic!("{reply:?}")
        };
        assert_eq!(
            ok.cinfo,
            ChangeInfo4 {
                atomic: false,
                before: 0,
                after: 0
            }
        );
    });
    with("76-open-downgrade", |call, reply| {
        assert_eq!(
            call.operations[2],
            NfsArgop4::OpenDowngrade(OpenDowngradeArgs {
                open_stateid: state(2, 0x8901),
                seqid: 0,
                share_access: ShareAccess::OPEN4_SHARE_ACCESS_READ,
                share_deny: ShareDeny::OPEN4_SHARE_DENY_NONE,
            })
        );
        let ok = StateidResOk {
            open_stateid: state(3, 0x8901),
        };
        assert_eq!(reply.results[2], NfsResop4::OpenDowngrade(Ok(ok)));
    });
}

#[test]
fn open_exclusive_and_the_setattr_after_it() {
    with("25-open-exclusive", |call, reply| {
        let NfsArgop4::Open(args) = &call.operations[2] else {
            panic!("{call:?}")
        };
        let Openflag4::Create(Createhow4::Exclusive41(how)) = &args.openhow else {
            panic!("{args:?}")
        };
        assert_eq!(
            how.cva_verf,
            Verifier4([0xbb, 0x8c, 0xff, 0xff, 0xc7, 0x02, 0, 0])
        );
        let mode = Attributes {
            mode: Some(0o640),
            ..Attributes::default()
        };
        assert_eq!(Attributes::from_fattr4(&how.cva_attrs), Ok(mode));
        // The server kept the verifier in the times, and says that it set them.
        let NfsResop4::Open(Ok(ok)) = &reply.results[2] else {
            panic!("{reply:?}")
        };
        let set = [
            Attr::FATTR4_MODE,
            Attr::FATTR4_TIME_ACCESS,
            Attr::FATTR4_TIME_MODIFY,
        ];
        assert_eq!(ok.attrset, Bitmap4::of(&set));
    });
    with("26-setattr-after-exclusive", |call, reply| {
        let NfsArgop4::Setattr(args) = &call.operations[2] else {
            panic!("{call:?}")
        };
        let now = Attributes {
            time_access_set: Some(SetTime4::ServerTime),
            time_modify_set: Some(SetTime4::ServerTime),
            ..Attributes::default()
        };
        assert_eq!(Attributes::from_fattr4(&args.obj_attributes), Ok(now));
        let set = Bitmap4::of(&[Attr::FATTR4_TIME_ACCESS_SET, Attr::FATTR4_TIME_MODIFY_SET]);
        let result = SetattrRes {
            status: Nfsstat4::NFS4_OK,
            attrsset: set,
        };
        assert_eq!(reply.results[2], NfsResop4::Setattr(result));
    });
}

#[test]
fn open_and_delegations() {
    with("27-open-want-no-delegation", |call, reply| {
        let NfsArgop4::Open(args) = &call.operations[2] else {
            panic!("{call:?}")
        };
        assert_eq!(
            args.share_access,
            ShareAccess::OPEN4_SHARE_ACCESS_BOTH | ShareAccess::OPEN4_SHARE_ACCESS_WANT_NO_DELEG
        );
        let NfsResop4::Open(Ok(ok)) = &reply.results[2] else {
            panic!("{reply:?}")
        };
        assert_eq!(
            ok.delegation,
            OpenDelegation4::NoneExt(OpenNoneDelegation4::NotWanted)
        );
    });
    with("86-open-delegated", |_, reply| {
        let NfsResop4::Open(Ok(ok)) = &reply.results[2] else {
            panic!("{reply:?}")
        };
        assert_eq!(ok.stateid, second_state(1, 0x0f));
        assert_eq!(
            ok.delegation,
            OpenDelegation4::Read(OpenReadDelegation4 {
                stateid: second_state(1, 0x10),
                recall: false,
                permissions: Nfsace4 {
                    ace_type: 0,
                    flag: 0,
                    access_mask: 0,
                    who: b"".into()
                },
            })
        );
    });
    with("87-delegreturn", |call, reply| {
        assert_eq!(names(call), ["SEQUENCE", "PUTFH", "GETATTR", "DELEGRETURN"]);
        let args = DelegreturnArgs {
            deleg_stateid: second_state(1, 0x10),
        };
        assert_eq!(call.operations[3], NfsArgop4::Delegreturn(args));
        assert_eq!(reply.results[3], NfsResop4::Delegreturn(Ok(())));
    });
}

/// A client that opened a file under a delegation tells the server so when it is recalled. What
/// the stateid has to be was granted in the reply to an OPEN before.
#[test]
fn open_of_what_was_open_under_a_delegation() {
    with("96-open-claim-deleg-cur-fh", |call, reply| {
        assert_eq!(names(call), ["SEQUENCE", "PUTFH", "OPEN", "GETATTR"]);
        let NfsArgop4::Open(args) = &call.operations[2] else {
            panic!("{call:?}")
        };
        let other = [0x1b, 0xfe, 0x04, 0x6b, 0x16, 0xda, 0xa6, 0x8b, 6, 0, 0, 0];
        let granted = Stateid4 {
            seqid: 1,
            other: StateidOther(other),
        };
        assert_eq!(args.claim, OpenClaim4::DelegCurFh(granted));
        let wanted = Bitmap4::of(&[Attr::FATTR4_TYPE, Attr::FATTR4_FILEID]);
        assert_eq!(
            call.operations[3],
            NfsArgop4::Getattr(GetattrArgs {
                attr_request: wanted
            })
        );
        assert_eq!(attributes(&reply.results[3]).fileid, Some(14));
    });
}

/// Calls of pNFS, to a server that has it. They are decoded to be refused.
#[test]
fn layouts() {
    fn with_call(name: &str, check: impl FnOnce(&CompoundCall<'_>)) {
        let pair = support::pair(name);
        let call = CompoundCall::decode(&pair.call).expect("a call");
        assert_eq!((call.rest, call.encode()), (&b""[..], pair.call.clone()));
        check(&call);
    }
    let state = |seqid, number| {
        let other = [
            0xb7, 0xfd, 0x04, 0x6b, 0x95, 0x2b, 0xca, 0x40, number, 0, 0, 0,
        ];
        Stateid4 {
            seqid,
            other: StateidOther(other),
        }
    };
    // LAYOUT4_FLEX_FILES, LAYOUTIOMODE4_RW.
    let (layout_type, iomode) = (4, 2);
    with_call("97-layoutget", |call| {
        assert_eq!(
            call.operations[2],
            NfsArgop4::Layoutget(LayoutgetArgs {
                loga_signal_layout_avail: false,
                loga_layout_type: layout_type,
                loga_iomode: iomode,
                loga_offset: 0,
                loga_length: 4096,
                loga_minlength: 4096,
                loga_stateid: state(0, 0x11),
                loga_maxcount: 4096,
            })
        );
    });
    with_call("98-getdeviceinfo", |call| {
        assert_eq!(
            call.operations[1],
            NfsArgop4::Getdeviceinfo(GetdeviceinfoArgs {
                gdia_device_id: Deviceid4([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
                gdia_layout_type: layout_type,
                gdia_maxcount: 1_049_000,
                // NOTIFY_DEVICEID4_CHANGE and NOTIFY_DEVICEID4_DELETE.
                gdia_notify_types: [Attr(1), Attr(2)].into_iter().collect(),
            })
        );
    });
    with_call("99-layoutreturn", |call| {
        assert_eq!(
            names(call),
            ["SEQUENCE", "PUTFH", "LAYOUTRETURN", "GETATTR", "CLOSE"]
        );
        let NfsArgop4::Layoutreturn(args) = &call.operations[2] else {
            panic!("{call:?}")
        };
        assert!(!args.lora_reclaim);
        assert_eq!(
            (args.lora_layout_type, args.lora_iomode),
            (layout_type, iomode)
        );
        let Layoutreturn4::File(file) = &args.lora_layoutreturn else {
            panic!("{args:?}")
        };
        assert_eq!((file.lrf_offset, file.lrf_length), (0, u64::MAX));
        assert_eq!(file.lrf_stateid, state(1, 0x13));
        // No errors, and the statistics of one device.
        assert!(file.lrf_body.starts_with(&[0, 0, 0, 0, 0, 0, 0, 1]));
    });
}

#[test]
fn open_refused() {
    for (name, status) in [
        ("60-open-isdir", Nfsstat4::NFS4ERR_ISDIR),
        ("61-open-access", Nfsstat4::NFS4ERR_ACCESS),
        ("82-open-grace", Nfsstat4::NFS4ERR_GRACE),
        ("83-open-no-grace", Nfsstat4::NFS4ERR_NO_GRACE),
    ] {
        with(name, |_, reply| {
            assert_eq!(reply.header.status, status);
            assert_eq!(reply.results[2..], [NfsResop4::Open(Err(status))]);
        });
    }
}

#[test]
fn reclaim_after_a_restart() {
    with("80-open-reclaim", |call, reply| {
        let NfsArgop4::Open(args) = &call.operations[2] else {
            panic!("{call:?}")
        };
        assert_eq!(args.owner.clientid, SECOND_CLIENT);
        assert_eq!(args.claim, OpenClaim4::Previous(OpenDelegationType4::None));
        let NfsResop4::Open(Ok(ok)) = &reply.results[2] else {
            panic!("{reply:?}")
        };
        assert_eq!(ok.stateid, second_state(1, 1));
    });
    with("81-lock-reclaim", |call, reply| {
        let NfsArgop4::Lock(args) = &call.operations[2] else {
            panic!("{call:?}")
        };
        assert!(args.reclaim);
        assert_eq!((args.offset, args.length), (3, 7));
        let ok = LockResOk {
            lock_stateid: second_state(1, 2),
        };
        assert_eq!(reply.results[2], NfsResop4::Lock(LockRes::Ok(ok)));
    });
}

#[test]
fn reading_and_writing() {
    with("32-write", |call, reply| {
        assert_eq!(
            call.operations[2],
            NfsArgop4::Write(WriteArgs {
                stateid: state(0, 0x0300),
                offset: 0,
                stable: StableHow4::FileSync,
                data: b"hello exclusive\n".into(),
            })
        );
        let ok = WriteResOk {
            count: 16,
            committed: StableHow4::FileSync,
            writeverf: WRITE_VERIFIER,
        };
        assert_eq!(reply.results[2], NfsResop4::Write(Ok(ok)));
    });
    with("33-write-unstable", |call, reply| {
        let NfsArgop4::Write(args) = &call.operations[2] else {
            panic!("{call:?}")
        };
        // Thirty octets: two of padding.
        assert_eq!(&args.data[..], b"unstable data, to be committed");
        assert_eq!(args.stable, StableHow4::Unstable);
        let ok = WriteResOk {
            count: 30,
            committed: StableHow4::Unstable,
            writeverf: WRITE_VERIFIER,
        };
        assert_eq!(reply.results[2], NfsResop4::Write(Ok(ok)));
    });
    with("34-commit", |call, reply| {
        assert_eq!(
            call.operations[2],
            NfsArgop4::Commit(CommitArgs {
                offset: 0,
                count: 0
            })
        );
        let ok = CommitResOk {
            writeverf: WRITE_VERIFIER,
        };
        assert_eq!(reply.results[2], NfsResop4::Commit(Ok(ok)));
    });
    with("35-write-nospc", |call, reply| {
        let NfsArgop4::Write(args) = &call.operations[2] else {
            panic!("{call:?}")
        };
        assert_eq!(&args.data[..], &[0; 1000]);
        assert_eq!(
            reply.results[2..],
            [NfsResop4::Write(Err(Nfsstat4::NFS4ERR_NOSPC))]
        );
    });
    with("36-read", |call, reply| {
        let args = ReadArgs {
            stateid: state(0, 0x1000),
            offset: 0,
            count: 4096,
        };
        assert_eq!(call.operations[2], NfsArgop4::Read(args));
        let NfsResop4::Read(Ok(ok)) = &reply.results[2] else {
            panic!("{reply:?}")
        };
        assert!(ok.eof);
        assert_eq!(ok.data.len(), 147);
        assert!(ok.data.starts_with(b"The quick brown fox jumps over t"));
    });
    with("37-read-eof", |call, reply| {
        let args = ReadArgs {
            stateid: state(0, 0x1200),
            offset: 4_194_304,
            count: 1024,
        };
        assert_eq!(call.operations[2], NfsArgop4::Read(args));
        let ok = ReadResOk {
            eof: true,
            data: b"".into(),
        };
        assert_eq!(reply.results[2], NfsResop4::Read(Ok(ok)));
    });
}

#[test]
fn creating_things() {
    for (name, kind, object, mode) in [
        ("38-create-dir", Createtype4::Dir, &b"dir"[..], 0o755),
        (
            "39-create-symlink",
            Createtype4::Lnk(b"../some/target/path".into()),
            b"link",
            0o777,
        ),
        ("41-create-fifo", Createtype4::Fifo, b"fifo", 0o600),
        (
            "42-create-chr",
            Createtype4::Chr(Specdata4 {
                specdata1: 1,
                specdata2: 3,
            }),
            b"chr",
            0o600,
        ),
        ("43-create-exist", Createtype4::Dir, b"dir", 0o755),
        (
            "44-create-utf8",
            Createtype4::Dir,
            "dïr-☃-名".as_bytes(),
            0o755,
        ),
        ("63-create-access", Createtype4::Dir, b"newdir", 0o755),
    ] {
        with(name, |call, reply| {
            assert_eq!(
                names(call),
                ["SEQUENCE", "PUTFH", "CREATE", "GETFH", "GETATTR"]
            );
            let NfsArgop4::Create(args) = &call.operations[2] else {
                panic!("{call:?}")
            };
            assert_eq!((&args.objtype, &args.objname[..]), (&kind, object));
            let mode = Attributes {
                mode: Some(mode),
                ..Attributes::default()
            };
            assert_eq!(Attributes::from_fattr4(&args.createattrs), Ok(mode));
            match (name, &reply.results[2]) {
                ("43-create-exist", NfsResop4::Create(Err(Nfsstat4::NFS4ERR_EXIST)))
                | ("63-create-access", NfsResop4::Create(Err(Nfsstat4::NFS4ERR_ACCESS))) => {}
                (_, NfsResop4::Create(Ok(ok))) => {
                    assert!(ok.cinfo.atomic);
                    assert_eq!(ok.attrset, Bitmap4::of(&[Attr::FATTR4_MODE]));
                }
                (_, other) => panic!("{other:?}"),
            }
        });
    }
    with("40-readlink", |call, reply| {
        assert_eq!(call.operations[2], NfsArgop4::Readlink(()));
        let ok = ReadlinkResOk {
            link: b"../some/target/path".into(),
        };
        assert_eq!(reply.results[2], NfsResop4::Readlink(Ok(ok)));
    });
}

#[test]
fn linking_renaming_removing() {
    with("45-link", |call, reply| {
        assert_eq!(
            names(call),
            [
                "SEQUENCE",
                "PUTFH",
                "SAVEFH",
                "PUTFH",
                "LINK",
                "RESTOREFH",
                "GETATTR"
            ]
        );
        assert_eq!(
            call.operations[4],
            NfsArgop4::Link(LinkArgs {
                newname: b"hardlink".into()
            })
        );
        let cinfo = ChangeInfo4 {
            atomic: true,
            before: 1_927_889_652_273_147_339,
            after: 1_927_889_652_333_148_108,
        };
        assert_eq!(reply.results[4], NfsResop4::Link(Ok(ChangeResOk { cinfo })));
        assert_eq!(attributes(&reply.results[6]).numlinks, Some(2));
    });
    with("47-rename-over", |call, reply| {
        assert_eq!(
            call.operations[4],
            NfsArgop4::Rename(RenameArgs {
                oldname: b"renamed".into(),
                newname: b"victim".into(),
            })
        );
        let source_cinfo = ChangeInfo4 {
            atomic: true,
            before: 1_927_889_652_333_148_096,
            after: 1_927_889_652_333_148_097,
        };
        let target_cinfo = ChangeInfo4 {
            atomic: true,
            before: 1_927_889_652_333_148_112,
            after: 1_927_889_652_333_148_113,
        };
        let ok = RenameResOk {
            source_cinfo,
            target_cinfo,
        };
        assert_eq!(reply.results[4], NfsResop4::Rename(Ok(ok)));
    });
    with("48-rename-notempty", |_, reply| {
        assert_eq!(
            reply.results[4..],
            [NfsResop4::Rename(Err(Nfsstat4::NFS4ERR_NOTEMPTY))]
        );
    });
    with("49-remove", |call, reply| {
        assert_eq!(
            call.operations[2],
            NfsArgop4::Remove(RemoveArgs {
                target: b"emptydir".into()
            })
        );
        let NfsResop4::Remove(Ok(ok)) = &reply.results[2] else {
            panic!("{reply:?}")
        };
        assert_eq!(ok.cinfo.after, 1_927_889_652_403_149_011);
    });
    with("50-remove-notempty", |_, reply| {
        assert_eq!(
            reply.results[2..],
            [NfsResop4::Remove(Err(Nfsstat4::NFS4ERR_NOTEMPTY))]
        );
    });
}

#[test]
fn setattr() {
    let times = |access: (i64, u32), modify: (i64, u32)| Attributes {
        time_access_set: Some(SetTime4::ClientTime(Nfstime4 {
            seconds: access.0,
            nseconds: access.1,
        })),
        time_modify_set: Some(SetTime4::ClientTime(Nfstime4 {
            seconds: modify.0,
            nseconds: modify.1,
        })),
        ..Attributes::default()
    };
    let none = Attributes::default;
    let anonymous = Stateid4::ANONYMOUS;
    for (name, stateid, wanted) in [
        (
            "29-setattr-truncate-open",
            state(0, 0x0700),
            Attributes {
                size: Some(0),
                ..none()
            },
        ),
        (
            "51-setattr-mode",
            anonymous,
            Attributes {
                mode: Some(0o4751),
                ..none()
            },
        ),
        (
            "52-setattr-owner",
            anonymous,
            Attributes {
                owner: Some(b"1234".into()),
                owner_group: Some(b"5678".into()),
                ..none()
            },
        ),
        (
            "53-setattr-size",
            anonymous,
            Attributes {
                size: Some(20),
                ..none()
            },
        ),
        (
            "54-setattr-times",
            anonymous,
            times((1_000_000_000, 123_456_789), (1_500_000_000, 987_654_321)),
        ),
        (
            "55-setattr-times-now",
            anonymous,
            Attributes {
                time_access_set: Some(SetTime4::ServerTime),
                time_modify_set: Some(SetTime4::ServerTime),
                ..none()
            },
        ),
        (
            "56-setattr-times-before-epoch",
            anonymous,
            times((-5, 0), (-1, 999_999_999)),
        ),
    ] {
        with(name, |call, reply| {
            let NfsArgop4::Setattr(args) = &call.operations[2] else {
                panic!("{call:?}")
            };
            assert_eq!(args.stateid, stateid, "{name}");
            assert_eq!(
                Attributes::from_fattr4(&args.obj_attributes),
                Ok(wanted.clone()),
                "{name}"
            );
            let result = SetattrRes {
                status: Nfsstat4::NFS4_OK,
                attrsset: wanted.mask(),
            };
            assert_eq!(reply.results[2], NfsResop4::Setattr(result), "{name}");
        });
    }
    // A failure is followed by the attributes that were set: here none.
    with("64-setattr-perm", |_, reply| {
        let result = SetattrRes {
            status: Nfsstat4::NFS4ERR_PERM,
            attrsset: Bitmap4::EMPTY,
        };
        assert_eq!(reply.results[2..], [NfsResop4::Setattr(result)]);
    });
    with("67-setattr-acl", |call, _| {
        let NfsArgop4::Setattr(args) = &call.operations[2] else {
            panic!("{call:?}")
        };
        assert_eq!(
            args.obj_attributes.attrmask,
            Bitmap4::of(&[Attr::FATTR4_ACL])
        );
        assert_eq!(
            Attributes::from_fattr4(&args.obj_attributes),
            Err(Nfsstat4::NFS4ERR_ATTRNOTSUPP)
        );
    });
    with("56-setattr-times-before-epoch", |_, reply| {
        let attributes = attributes(&reply.results[3]);
        assert_eq!(
            attributes.time_access,
            Some(Nfstime4 {
                seconds: -5,
                nseconds: 0
            })
        );
        let modify = Nfstime4 {
            seconds: -1,
            nseconds: 999_999_999,
        };
        assert_eq!(attributes.time_modify, Some(modify));
    });
}

#[test]
fn readdir() {
    let wanted = Bitmap4::of(&[
        Attr::FATTR4_TYPE,
        Attr::FATTR4_CHANGE,
        Attr::FATTR4_SIZE,
        Attr::FATTR4_FSID,
        Attr::FATTR4_RDATTR_ERROR,
        Attr::FATTR4_FILEHANDLE,
        Attr::FATTR4_FILEID,
        Attr::FATTR4_MODE,
        Attr::FATTR4_NUMLINKS,
        Attr::FATTR4_OWNER,
        Attr::FATTR4_OWNER_GROUP,
        Attr::FATTR4_RAWDEV,
        Attr::FATTR4_SPACE_USED,
        Attr::FATTR4_TIME_ACCESS,
        Attr::FATTR4_TIME_METADATA,
        Attr::FATTR4_TIME_MODIFY,
        Attr::FATTR4_MOUNTED_ON_FILEID,
    ]);
    with("57-readdir-empty", |call, reply| {
        assert_eq!(
            call.operations[2],
            NfsArgop4::Readdir(ReaddirArgs {
                cookie: 0,
                cookieverf: Verifier4([0; 8]),
                dircount: 65_448,
                maxcount: 65_448,
                attr_request: wanted,
            })
        );
        let NfsResop4::Readdir(Ok(ok)) = &reply.results[2] else {
            panic!("{reply:?}")
        };
        assert_eq!(
            ok.reply,
            Dirlist4 {
                entries: b"",
                eof: true
            }
        );
    });
    with("58-readdir-kinds", |_, reply| {
        let NfsResop4::Readdir(Ok(ok)) = &reply.results[2] else {
            panic!("{reply:?}")
        };
        assert!(ok.reply.eof);
        let entries: Vec<_> = ok
            .reply
            .iter()
            .map(|entry| {
                let attributes = Attributes::from_fattr4(&entry.attrs).expect("attributes");
                assert_eq!(attributes.rdattr_error, Some(Nfsstat4::NFS4_OK));
                (
                    entry.cookie,
                    entry.name.as_slice(),
                    attributes.file_type,
                    attributes.fileid,
                )
            })
            .collect();
        let (reg, dir) = (Some(NfsFtype4::Reg), Some(NfsFtype4::Dir));
        assert_eq!(
            entries,
            [
                (4_760_175_699_194_848_571, &b"file3"[..], reg, Some(377)),
                (
                    5_017_030_021_784_456_298,
                    b"slink",
                    Some(NfsFtype4::Lnk),
                    Some(379)
                ),
                (5_650_263_227_734_795_114, b"file1", reg, Some(375)),
                (7_541_995_003_727_809_477, b"subdir", dir, Some(378)),
                (8_500_808_193_102_270_816, b"file0", reg, Some(374)),
                (
                    8_820_573_023_869_258_292,
                    b"pipe",
                    Some(NfsFtype4::Fifo),
                    Some(380)
                ),
                (
                    8_993_147_779_121_135_636,
                    "dïr-☃".as_bytes(),
                    dir,
                    Some(381)
                ),
                (9_223_372_036_854_775_807, b"file2", reg, Some(376)),
            ]
        );
        // The same list, made entry by entry.
        let mut again = Vec::new();
        for entry in ok.reply.iter() {
            Dirlist4::push(&mut again, &entry).expect("writing to memory");
        }
        assert_eq!(again, ok.reply.entries);
    });
    with("59-readdir-continued", |call, reply| {
        let NfsArgop4::Readdir(args) = &call.operations[2] else {
            panic!("{call:?}")
        };
        assert_eq!(
            (args.cookie, args.maxcount),
            (8_982_811_554_462_272_991, 131_072)
        );
        let NfsResop4::Readdir(Ok(ok)) = &reply.results[2] else {
            panic!("{reply:?}")
        };
        let first = ok.reply.iter().next().expect("an entry");
        assert_eq!(
            (first.cookie, &first.name[..]),
            (9_011_822_114_790_835_508, &b"entry-0053"[..])
        );
    });
    with("65-readdir-stale", |_, reply| {
        assert_eq!(reply.header.status, Nfsstat4::NFS4ERR_STALE);
        assert_eq!(
            reply.results[1..],
            [NfsResop4::Putfh(Err(Nfsstat4::NFS4ERR_STALE))]
        );
    });
}

#[test]
fn locks() {
    let lock_owner = StateOwner4 {
        clientid: CLIENT,
        owner: b"lock id:\x00\x00\x00\x16\x00\x00\x00\x00\x00\x00\x00\x00".into(),
    };
    let other_owner = StateOwner4 {
        owner: b"lock id:\x00\x00\x00\x16\x00\x00\x00\x00\x00\x00\x00\x01".into(),
        ..lock_owner
    };
    with("68-lock-new-owner", |call, reply| {
        assert_eq!(
            call.operations[2],
            NfsArgop4::Lock(LockArgs {
                locktype: NfsLockType4::Write,
                reclaim: false,
                offset: 0,
                length: 100,
                locker: Locker4::New(OpenToLockOwner4 {
                    open_seqid: 0,
                    open_stateid: state(1, 0x7601),
                    lock_seqid: 0,
                    lock_owner,
                }),
            })
        );
        let ok = LockResOk {
            lock_stateid: state(1, 0x7801),
        };
        assert_eq!(reply.results[2], NfsResop4::Lock(LockRes::Ok(ok)));
    });
    for (name, locktype, offset, length, seqid) in [
        ("69-lock-same-owner", NfsLockType4::Read, 200, 50, 1),
        ("70-lock-to-end", NfsLockType4::Write, 1000, u64::MAX, 2),
    ] {
        with(name, |call, reply| {
            assert_eq!(
                call.operations[2],
                NfsArgop4::Lock(LockArgs {
                    locktype,
                    reclaim: false,
                    offset,
                    length,
                    locker: Locker4::Existing(ExistLockOwner4 {
                        lock_stateid: state(seqid, 0x7801),
                        lock_seqid: 0,
                    }),
                })
            );
            let ok = LockResOk {
                lock_stateid: state(seqid + 1, 0x7801),
            };
            assert_eq!(reply.results[2], NfsResop4::Lock(LockRes::Ok(ok)));
        });
    }
    // A lock of somebody on the server's own machine.
    let denied = LockDenied {
        offset: 10,
        length: 20,
        locktype: NfsLockType4::Write,
        owner: StateOwner4 {
            clientid: 0,
            owner: b"".into(),
        },
    };
    with("71-lock-denied", |call, reply| {
        let NfsArgop4::Lock(args) = &call.operations[2] else {
            panic!("{call:?}")
        };
        let Locker4::New(new) = &args.locker else {
            panic!("{args:?}")
        };
        assert_eq!(new.lock_owner, other_owner);
        assert_eq!(
            reply.results[2],
            NfsResop4::Lock(LockRes::Denied(denied.clone()))
        );
    });
    with("72-lockt-denied", |call, reply| {
        assert_eq!(
            call.operations[2],
            NfsArgop4::Lockt(LocktArgs {
                locktype: NfsLockType4::Write,
                offset: 0,
                length: u64::MAX,
                owner: other_owner,
            })
        );
        assert_eq!(
            reply.results[2],
            NfsResop4::Lockt(LockRes::Denied(denied.clone()))
        );
    });
    with("73-lockt", |call, reply| {
        let NfsArgop4::Lockt(args) = &call.operations[2] else {
            panic!("{call:?}")
        };
        assert_eq!(
            (args.locktype, args.offset, args.length),
            (NfsLockType4::Read, 100, 5)
        );
        assert_eq!(reply.results[2], NfsResop4::Lockt(LockRes::Ok(())));
    });
    with("74-locku", |call, reply| {
        assert_eq!(
            call.operations[2],
            NfsArgop4::Locku(LockuArgs {
                locktype: NfsLockType4::Write,
                seqid: 0,
                lock_stateid: state(3, 0x7801),
                offset: 0,
                length: 100,
            })
        );
        let ok = LockResOk {
            lock_stateid: state(4, 0x7801),
        };
        assert_eq!(reply.results[2], NfsResop4::Locku(Ok(ok)));
    });
}

#[test]
fn stateids() {
    with("75-free-stateid", |call, reply| {
        let args = FreeStateidArgs {
            fsa_stateid: state(3, 0x8201),
        };
        assert_eq!(call.operations[1], NfsArgop4::FreeStateid(args));
        assert_eq!(reply.results[1], NfsResop4::FreeStateid(Ok(())));
    });
    with("84-test-stateid", |call, reply| {
        let other = [0xbc, 0xf5, 0x04, 0x6b, 0x80, 0xc7, 0x34, 0x56, 2, 0, 0, 0];
        let asked = Stateid4 {
            seqid: 1,
            other: StateidOther(other),
        };
        let args = TestStateidArgs {
            ts_stateids: vec![asked].into(),
        };
        assert_eq!(call.operations[1], NfsArgop4::TestStateid(args));
        let ok = TestStateidResOk {
            tsr_status_codes: vec![Nfsstat4::NFS4_OK].into(),
        };
        assert_eq!(reply.results[1], NfsResop4::TestStateid(Ok(ok)));
    });
}
