//! Whole requests, from random octets: the server answers, decodably, and never with
//! NFS4ERR_SERVERFAULT, which is what a panic becomes. Needs root, as all of native ownership.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use localefs_engine::{
    ClientRecords, Config, Connection, FileSystemConfig, InPlace, Received, RecordedClient,
    RecordsError, Resources, Server,
};
use localefs_protocol::nfs4::ops::*;
use localefs_protocol::nfs4::*;
use localefs_protocol::rpc::{AuthFlavor, Call, OpaqueAuth, ReplyHeader};
use localefs_protocol::xdr::{Encoder, Opaque, decode};
use localefs_vfs::{FileSystem, Options};

struct NoRecords;

impl ClientRecords for NoRecords {
    fn load(&self) -> Result<Vec<RecordedClient>, RecordsError> {
        Ok(Vec::new())
    }

    fn add(&self, _: &str, _: &[u8]) -> Result<(), RecordsError> {
        Ok(())
    }

    fn remove(&self, _: &str, _: &[u8]) -> Result<(), RecordsError> {
        Ok(())
    }

    fn remove_all(&self, _: &str) -> Result<(), RecordsError> {
        Ok(())
    }
}

/// A server, and a client with a session on it.
struct Fixture {
    server: Arc<Server>,
    connection: Arc<Connection>,
    session: Sessionid4,
    sequence: AtomicU32,
    _directory: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = Options {
            fsid: 1,
            key: [7; 16],
            cached_nodes: 64,
            descriptors: 64,
            ownership: localefs_vfs::Ownership::Native,
            finding: localefs_vfs::Finding::Auto,
            records: None,
            durability: Default::default(),
        };
        let fs = Arc::new(FileSystem::open(directory.path(), options).expect("to be run as root"));
        let config = FileSystemConfig {
            lease: Duration::from_secs(90),
            resources: Arc::new(Resources::new(1_000_000, Arc::new(InPlace::new(1, || {})))),
        };
        let started =
            localefs_engine::FileSystem::start(config, fs, Arc::new(NoRecords), Instant::now());
        let server = started.unwrap().mount_target(Config {
            mount_target: "fsmt-1".to_owned(),
            server_owner: b"fuzz/1".to_vec(),
            server_scope: b"fuzz".to_vec(),
            boot: 5,
        });
        let peer = ([127, 0, 0, 1], 1000).into();
        let mut fixture = Self {
            server,
            connection: Arc::new(Connection { id: 1, peer }),
            session: Sessionid4::default(),
            sequence: AtomicU32::new(0),
            _directory: directory,
        };
        fixture.session = fixture.create_session();
        fixture.in_session(&[NfsArgop4::ReclaimComplete(ReclaimCompleteArgs {
            rca_one_fs: false,
        })]);
        fixture
    }

    fn create_session(&self) -> Sessionid4 {
        let owner = ClientOwner4 {
            co_verifier: Verifier4([1; 8]),
            co_ownerid: "fuzzer".into(),
        };
        let reply = self.compound(&[NfsArgop4::ExchangeId(ExchangeIdArgs {
            eia_clientowner: owner,
            eia_flags: ExchangeIdFlags::default(),
            eia_state_protect: StateProtect4A::None,
            eia_client_impl_id: Vec::new().into(),
        })]);
        let results = results(&reply);
        let NfsResop4::ExchangeId(Ok(exchanged)) = &results[0] else {
            panic!("{results:?}")
        };
        let channel = ChannelAttrs4 {
            ca_headerpadsize: 0,
            ca_maxrequestsize: 1 << 20,
            ca_maxresponsesize: 1 << 20,
            ca_maxresponsesize_cached: 4096,
            ca_maxoperations: 64,
            ca_maxrequests: 4,
            ca_rdma_ird: Vec::new().into(),
        };
        let reply = self.compound(&[NfsArgop4::CreateSession(CreateSessionArgs {
            csa_clientid: exchanged.eir_clientid,
            csa_sequence: exchanged.eir_sequenceid,
            csa_flags: CreateSessionFlags::default(),
            csa_fore_chan_attrs: channel.clone(),
            csa_back_chan_attrs: channel,
            csa_cb_program: 0,
            csa_sec_parms: Vec::new().into(),
        })]);
        let results = results_of(&reply);
        let NfsResop4::CreateSession(Ok(created)) = &results[0] else {
            panic!("{results:?}")
        };
        created.csr_sessionid
    }

    fn sequence(&self) -> NfsArgop4<'static> {
        NfsArgop4::Sequence(SequenceArgs {
            sa_sessionid: self.session,
            sa_sequenceid: self.sequence.fetch_add(1, Ordering::Relaxed) + 1,
            sa_slotid: 0,
            sa_highest_slotid: 0,
            sa_cachethis: true,
        })
    }

    fn in_session(&self, operations: &[NfsArgop4<'_>]) -> Bytes {
        let mut all = vec![self.sequence()];
        all.extend_from_slice(operations);
        self.compound(&all)
    }

    fn compound(&self, operations: &[NfsArgop4<'_>]) -> Bytes {
        let count = u32::try_from(operations.len()).unwrap();
        let mut out = header(count);
        operations.iter().for_each(|operation| out.put(operation));
        self.send(&out.to_bytes()).expect("a reply")
    }

    /// Sends a record; the reply without its mark.
    fn send(&self, record: &Bytes) -> Option<Bytes> {
        let reply = match self
            .server
            .receive(record, &self.connection, Instant::now())
        {
            Received::Reply(reply) => reply,
            Received::Pending(pending) | Received::Delayed(pending, _) => pending.finish(),
            Received::Close => return None,
        };
        let whole = reply.into_segments().concat();
        let mark = u32::from_be_bytes(whole[..4].try_into().unwrap());
        assert_eq!(mark as usize & 0x7fff_ffff, whole.len() - 4);
        Some(Bytes::from(whole).slice(4..))
    }
}

/// A call by root with a compound of `count` operations to follow.
fn header(count: u32) -> Encoder {
    let mut body = Encoder::default();
    body.put(&0u32);
    body.put(&Opaque::<255>::from("fuzz"));
    (0..3).for_each(|_| body.put(&0u32));
    let body = body.to_bytes();
    let mut out = Encoder::default();
    out.put(&Call {
        xid: 9,
        program: NFS_PROGRAM,
        version: NFS_V4,
        procedure: NFSPROC4_COMPOUND,
        credential: OpaqueAuth {
            flavor: AuthFlavor::AUTH_SYS,
            body: (&body[..]).into(),
        },
        verifier: OpaqueAuth::NONE,
    });
    out.put(&CompoundHeader {
        tag: "".into(),
        minorversion: 1,
        numops: count,
    });
    out
}

fn results(reply: &Bytes) -> Vec<NfsResop4<'_>> {
    results_of(reply)
}

fn results_of(reply: &[u8]) -> Vec<NfsResop4<'_>> {
    let ((_, header), rest) = decode::<(u32, ReplyHeader)>(reply).unwrap();
    if header != ReplyHeader::Success {
        return Vec::new();
    }
    let (compound, mut rest) = decode::<CompoundResult<'_>>(rest).unwrap();
    let mut results = Vec::new();
    for _ in 0..compound.numres {
        let (result, after) = decode::<NfsResop4<'_>>(rest).unwrap();
        results.push(result);
        rest = after;
    }
    assert!(
        rest.is_empty(),
        "{} octets behind the last result",
        rest.len()
    );
    let last = results.last().map_or(Nfsstat4::NFS4_OK, NfsResop4::status);
    assert!(
        results.is_empty() || last == compound.status,
        "{last:?} {:?}",
        compound.status
    );
    for result in &results {
        assert_ne!(result.status(), Nfsstat4::NFS4ERR_SERVERFAULT, "{result:?}");
    }
    results
}

thread_local! {
    static FIXTURE: RefCell<Option<Fixture>> = const { RefCell::new(None) };
}

fn with_fixture(run: impl FnOnce(&Fixture)) {
    FIXTURE.with_borrow_mut(|fixture| run(fixture.get_or_insert_with(Fixture::new)));
}

#[test]
fn random_records() {
    bolero::check!().for_each(|octets: &[u8]| {
        with_fixture(|fixture| {
            if let Some(reply) = fixture.send(&Bytes::copy_from_slice(octets)) {
                results_of(&reply);
            }
        });
    });
}

#[test]
fn random_operations_in_a_session() {
    bolero::check!().for_each(|octets: &[u8]| {
        with_fixture(|fixture| {
            let mut out = header(50);
            out.put(&fixture.sequence());
            out.put(&NfsArgop4::Putrootfh(()));
            out.put_encoded(octets);
            let reply = fixture.send(&out.to_bytes()).unwrap();
            results_of(&reply);
        });
    });
}

/// Octets as a supply of choices.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn name(&mut self) -> Component4<'a> {
        const NAMES: [&str; 4] = ["a", "b", "c", "d"];
        const BAD: [&str; 3] = ["", "..", "e/f"];
        match usize::from(self.byte()) {
            byte @ 0..10 => BAD[byte % BAD.len()].into(),
            byte => NAMES[byte % NAMES.len()].into(),
        }
    }

    fn number(&mut self) -> u64 {
        const NUMBERS: [u64; 8] = [0, 1, 5, 4096, 70_000, 1 << 40, u64::MAX - 1, u64::MAX];
        NUMBERS[usize::from(self.byte()) % NUMBERS.len()]
    }

    fn stateid(&mut self) -> Stateid4 {
        match self.byte() % 10 {
            0 => Stateid4::ANONYMOUS,
            1 => Stateid4::BYPASS,
            2 => Stateid4 {
                seqid: 1,
                other: StateidOther([self.byte(); 12]),
            },
            _ => Stateid4::CURRENT,
        }
    }

    fn mask(&mut self) -> Bitmap4 {
        (0..4).map(|_| Attr(u32::from(self.byte()) % 96)).collect()
    }

    fn fattr(&mut self) -> Fattr4<'a> {
        let length = usize::from(self.byte() % 24).min(self.0.len());
        let (values, rest) = self.0.split_at(length);
        self.0 = rest;
        match self.byte() % 3 {
            0 => Fattr4 {
                attrmask: self.mask(),
                attr_vals: values.into(),
            },
            1 => Fattr4 {
                attrmask: Bitmap4::of(&[Attr::FATTR4_MODE]),
                attr_vals: (&[0, 0, 1, 0o244]).into(),
            },
            _ => Fattr4 {
                attrmask: Bitmap4::EMPTY,
                attr_vals: Opaque::EMPTY,
            },
        }
    }

    fn owner(&mut self) -> StateOwner4<'a> {
        StateOwner4 {
            clientid: 0,
            owner: if self.byte().is_multiple_of(2) {
                "x"
            } else {
                "y"
            }
            .into(),
        }
    }

    fn open(&mut self) -> OpenArgs<'a> {
        let openhow = match self.byte() % 5 {
            0 => Openflag4::NoCreate,
            1 => Openflag4::Create(Createhow4::Unchecked(self.fattr())),
            2 => Openflag4::Create(Createhow4::Guarded(self.fattr())),
            3 => Openflag4::Create(Createhow4::Exclusive(Verifier4([self.byte() % 2; 8]))),
            _ => Openflag4::Create(Createhow4::Exclusive41(Creatverfattr {
                cva_verf: Verifier4([self.byte() % 2; 8]),
                cva_attrs: self.fattr(),
            })),
        };
        let claim = match self.byte() % 20 {
            0 => OpenClaim4::Fh,
            1 => OpenClaim4::Previous(OpenDelegationType4::None),
            _ => OpenClaim4::Null(self.name()),
        };
        OpenArgs {
            seqid: 0,
            share_access: ShareAccess(u32::from(self.byte()).min(10) / 3),
            share_deny: ShareDeny(u32::from(self.byte() / 250)),
            owner: self.owner(),
            openhow,
            claim,
        }
    }

    fn lock(&mut self) -> LockArgs<'a> {
        LockArgs {
            locktype: [NfsLockType4::Read, NfsLockType4::WriteW][usize::from(self.byte() % 2)],
            reclaim: self.byte() == 7,
            offset: self.number(),
            length: self.number(),
            locker: if self.byte().is_multiple_of(2) {
                Locker4::New(OpenToLockOwner4 {
                    open_seqid: 0,
                    open_stateid: self.stateid(),
                    lock_seqid: 0,
                    lock_owner: self.owner(),
                })
            } else {
                Locker4::Existing(ExistLockOwner4 {
                    lock_stateid: self.stateid(),
                    lock_seqid: 0,
                })
            },
        }
    }

    fn operation(&mut self) -> NfsArgop4<'a> {
        match self.byte() % 26 {
            0 => NfsArgop4::Putrootfh(()),
            1 => NfsArgop4::Lookup(LookupArgs {
                objname: self.name(),
            }),
            2 => NfsArgop4::Lookupp(()),
            3..=7 => NfsArgop4::Open(self.open()),
            8 => NfsArgop4::Read(ReadArgs {
                stateid: self.stateid(),
                offset: self.number(),
                count: u32::try_from(self.number()).unwrap_or(u32::MAX),
            }),
            9 => NfsArgop4::Write(WriteArgs {
                stateid: self.stateid(),
                offset: self.number(),
                stable: [StableHow4::Unstable, StableHow4::DataSync][usize::from(self.byte() % 2)],
                data: self.0.into(),
            }),
            10 => NfsArgop4::Commit(CommitArgs {
                offset: self.number(),
                count: 0,
            }),
            11 => NfsArgop4::Close(CloseArgs {
                seqid: 0,
                open_stateid: self.stateid(),
            }),
            12 | 13 => NfsArgop4::Lock(self.lock()),
            14 => NfsArgop4::Locku(LockuArgs {
                locktype: NfsLockType4::Read,
                seqid: 0,
                lock_stateid: self.stateid(),
                offset: self.number(),
                length: self.number(),
            }),
            15 => NfsArgop4::Getattr(GetattrArgs {
                attr_request: self.mask(),
            }),
            16 => NfsArgop4::Setattr(SetattrArgs {
                stateid: self.stateid(),
                obj_attributes: self.fattr(),
            }),
            17 => NfsArgop4::Create(CreateArgs {
                objtype: match self.byte() % 4 {
                    0 => Createtype4::Dir,
                    1 => Createtype4::Fifo,
                    2 => Createtype4::Lnk("../../etc".into()),
                    _ => Createtype4::Blk(Specdata4 {
                        specdata1: 1,
                        specdata2: 2,
                    }),
                },
                objname: self.name(),
                createattrs: self.fattr(),
            }),
            18 => NfsArgop4::Remove(RemoveArgs {
                target: self.name(),
            }),
            19 => NfsArgop4::Rename(RenameArgs {
                oldname: self.name(),
                newname: self.name(),
            }),
            20 => NfsArgop4::Link(LinkArgs {
                newname: self.name(),
            }),
            21 => NfsArgop4::Savefh(()),
            22 => NfsArgop4::Restorefh(()),
            23 => NfsArgop4::Readdir(ReaddirArgs {
                cookie: self.number(),
                cookieverf: Verifier4(*b"localefs"),
                dircount: 0,
                maxcount: u32::from(self.byte()) * 8,
                attr_request: self.mask(),
            }),
            24 => NfsArgop4::OpenDowngrade(OpenDowngradeArgs {
                open_stateid: self.stateid(),
                seqid: 0,
                share_access: ShareAccess(u32::from(self.byte()) % 4),
                share_deny: ShareDeny::default(),
            }),
            _ => NfsArgop4::Readlink(()),
        }
    }
}

/// Operations that are well-formed, in an order that nobody would think of.
#[test]
fn nonsense_that_is_well_formed() {
    bolero::check!()
        .with_max_len(400)
        .for_each(|octets: &[u8]| {
            with_fixture(|fixture| {
                let mut choices = Choices(octets);
                let mut operations = vec![NfsArgop4::Putrootfh(())];
                // A compound ends with the first failure: without a file it would not get far.
                if choices.byte() % 8 > 1 {
                    operations.push(NfsArgop4::Open(choices.open()));
                }
                while !choices.0.is_empty() && operations.len() < 40 {
                    operations.push(choices.operation());
                }
                let reply = fixture.in_session(&operations);
                results_of(&reply);
            });
        });
}
