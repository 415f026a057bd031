//! Generators of whatever the crate encodes. What they borrow is leaked: tests are short.

use std::fmt::Debug;

use localefs_protocol::nfs4::ops::*;
use localefs_protocol::nfs4::*;
use localefs_protocol::rpc::{AuthFlavor, AuthStat, AuthSys, Call, OpaqueAuth, ReplyHeader};
use localefs_protocol::xdr::{BoundedVec, Opaque};
use proptest::collection::vec;
use proptest::prelude::*;

/// Octets of every padding, up to `most`.
fn octets(most: usize) -> impl Strategy<Value = &'static [u8]> {
    vec(any::<u8>(), 0..=most).prop_map(|octets| &*octets.leak())
}

/// Data within its bound.
fn opaque<const MAX: usize>() -> impl Strategy<Value = Opaque<'static, MAX>> {
    octets(MAX.min(40)).prop_map(Opaque::from)
}

fn list<T: Debug, const MAX: usize>(
    element: impl Strategy<Value = T>,
) -> impl Strategy<Value = BoundedVec<T, MAX>> {
    vec(element, 0..=MAX.min(5)).prop_map(BoundedVec::from)
}

fn verifier() -> impl Strategy<Value = Verifier4> {
    any::<[u8; 8]>().prop_map(Verifier4)
}

fn sessionid() -> impl Strategy<Value = Sessionid4> {
    any::<[u8; 16]>().prop_map(Sessionid4)
}

fn stateid() -> impl Strategy<Value = Stateid4> {
    (any::<u32>(), any::<[u8; 12]>()).prop_map(|(seqid, other)| Stateid4 {
        seqid,
        other: StateidOther(other),
    })
}

pub fn bitmap() -> impl Strategy<Value = Bitmap4> {
    vec(0_u32..96, 0..12).prop_map(|numbers| numbers.into_iter().map(Attr).collect())
}

pub fn time() -> impl Strategy<Value = Nfstime4> {
    (any::<i64>(), any::<u32>()).prop_map(|(seconds, nseconds)| Nfstime4 { seconds, nseconds })
}

fn set_time() -> impl Strategy<Value = SetTime4> {
    prop_oneof![
        Just(SetTime4::ServerTime),
        time().prop_map(SetTime4::ClientTime)
    ]
}

/// `fattr4` with values that fit no attribute: a compound passes them on unread.
fn fattr() -> impl Strategy<Value = Fattr4<'static>> {
    (bitmap(), opaque()).prop_map(|(attrmask, attr_vals)| Fattr4 {
        attrmask,
        attr_vals,
    })
}

fn file_type() -> impl Strategy<Value = NfsFtype4> {
    prop::sample::select(vec![
        NfsFtype4::Reg,
        NfsFtype4::Dir,
        NfsFtype4::Blk,
        NfsFtype4::Chr,
        NfsFtype4::Lnk,
        NfsFtype4::Sock,
        NfsFtype4::Fifo,
        NfsFtype4::AttrDir,
        NfsFtype4::NamedAttr,
    ])
}

fn device() -> impl Strategy<Value = Specdata4> {
    any::<(u32, u32)>().prop_map(|(specdata1, specdata2)| Specdata4 {
        specdata1,
        specdata2,
    })
}

fn fsid() -> impl Strategy<Value = Fsid4> {
    any::<(u64, u64)>().prop_map(|(major, minor)| Fsid4 { major, minor })
}

fn change_info() -> impl Strategy<Value = ChangeInfo4> {
    any::<(bool, u64, u64)>().prop_map(|(atomic, before, after)| ChangeInfo4 {
        atomic,
        before,
        after,
    })
}

fn state_owner() -> impl Strategy<Value = StateOwner4<'static>> {
    (any::<u64>(), opaque()).prop_map(|(clientid, owner)| StateOwner4 { clientid, owner })
}

fn status() -> impl Strategy<Value = Nfsstat4> {
    prop_oneof![
        Just(Nfsstat4::NFS4ERR_NOENT),
        Just(Nfsstat4::NFS4ERR_DELAY),
        (1_u32..=10_087).prop_map(Nfsstat4)
    ]
}

/// Any error except the one that has data in the answer to LOCK.
fn lock_status() -> impl Strategy<Value = Nfsstat4> {
    status().prop_filter("has data", |status| *status != Nfsstat4::NFS4ERR_DENIED)
}

fn ok_or_error<T: Debug + Clone + 'static>(
    ok: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<OpResult<T>> {
    prop_oneof![3 => ok.prop_map(Ok), 1 => status().prop_map(Err)].boxed()
}

/// Each of the attributes that the crate has, or not.
pub fn attributes() -> impl Strategy<Value = Attributes<'static>> {
    fn may<T: Debug + Clone + 'static>(
        value: impl Strategy<Value = T> + 'static,
    ) -> BoxedStrategy<Option<T>> {
        prop::option::of(value).boxed()
    }
    let booleans = vec(prop::option::of(any::<bool>()), 10);
    let words = vec(prop::option::of(any::<u32>()), 6);
    let longs = vec(prop::option::of(any::<u64>()), 11);
    let times = vec(prop::option::of(time()), 4);
    let set_times = vec(prop::option::of(set_time()), 2);
    let owners = (may(opaque()), may(opaque()), may(opaque()));
    let sets = (may(bitmap()), may(bitmap()));
    let rest = (may(file_type()), may(fsid()), may(device()), may(status()));
    (booleans, words, longs, times, set_times, owners, sets, rest).prop_map(
        |(booleans, words, longs, times, set_times, owners, sets, rest)| Attributes {
            supported_attrs: sets.0,
            file_type: rest.0,
            fh_expire_type: words[0],
            change: longs[0],
            size: longs[1],
            link_support: booleans[0],
            symlink_support: booleans[1],
            named_attr: booleans[2],
            fsid: rest.1,
            unique_handles: booleans[3],
            lease_time: words[1],
            rdattr_error: rest.3,
            cansettime: booleans[4],
            case_insensitive: booleans[5],
            case_preserving: booleans[6],
            chown_restricted: booleans[7],
            filehandle: owners.0,
            fileid: longs[2],
            homogeneous: booleans[8],
            maxfilesize: longs[3],
            maxlink: words[2],
            maxname: words[3],
            maxread: longs[4],
            maxwrite: longs[5],
            mode: words[4],
            no_trunc: booleans[9],
            numlinks: words[5],
            owner: owners.1,
            owner_group: owners.2,
            rawdev: rest.2,
            space_avail: longs[6],
            space_free: longs[7],
            space_total: longs[8],
            space_used: longs[9],
            time_access: times[0],
            time_access_set: set_times[0],
            time_delta: times[1],
            time_metadata: times[2],
            time_modify: times[3],
            time_modify_set: set_times[1],
            mounted_on_fileid: longs[10],
            suppattr_exclcreat: sets.1,
        },
    )
}

pub fn auth_sys() -> impl Strategy<Value = AuthSys<'static>> {
    (
        any::<u32>(),
        octets(255),
        any::<u32>(),
        any::<u32>(),
        vec(any::<u32>(), 0..=16),
    )
        .prop_map(|(stamp, machinename, uid, gid, gids)| AuthSys {
            stamp,
            machinename: machinename.into(),
            uid,
            gid,
            gids: gids.into(),
        })
}

fn opaque_auth() -> impl Strategy<Value = OpaqueAuth<'static>> {
    (any::<u32>(), octets(400)).prop_map(|(flavor, body)| OpaqueAuth {
        flavor: AuthFlavor(flavor),
        body: body.into(),
    })
}

pub fn rpc_call() -> impl Strategy<Value = Call<'static>> {
    (any::<(u32, u32, u32, u32)>(), opaque_auth(), opaque_auth()).prop_map(
        |((xid, program, version, procedure), credential, verifier)| Call {
            xid,
            program,
            version,
            procedure,
            credential,
            verifier,
        },
    )
}

pub fn reply_header() -> impl Strategy<Value = ReplyHeader> {
    prop_oneof![
        Just(ReplyHeader::Success),
        Just(ReplyHeader::ProgramUnavailable),
        any::<(u32, u32)>().prop_map(|(low, high)| ReplyHeader::ProgramMismatch { low, high }),
        Just(ReplyHeader::ProcedureUnavailable),
        Just(ReplyHeader::GarbageArguments),
        Just(ReplyHeader::SystemError),
        any::<(u32, u32)>().prop_map(|(low, high)| ReplyHeader::RpcMismatch { low, high }),
        any::<u32>().prop_map(|why| ReplyHeader::AuthError(AuthStat(why))),
    ]
}

pub fn compound_header() -> impl Strategy<Value = CompoundHeader<'static>> {
    (opaque(), any::<u32>(), any::<u32>()).prop_map(|(tag, minorversion, numops)| CompoundHeader {
        tag,
        minorversion,
        numops,
    })
}

pub fn compound_result() -> impl Strategy<Value = CompoundResult<'static>> {
    (status(), opaque(), any::<u32>()).prop_map(|(status, tag, numres)| CompoundResult {
        status,
        tag,
        numres,
    })
}

fn state_protect_ops() -> impl Strategy<Value = StateProtectOps4> {
    (bitmap(), bitmap()).prop_map(|(spo_must_enforce, spo_must_allow)| StateProtectOps4 {
        spo_must_enforce,
        spo_must_allow,
    })
}

fn implementation() -> impl Strategy<Value = NfsImplId4<'static>> {
    (opaque(), opaque(), time()).prop_map(|(nii_domain, nii_name, nii_date)| NfsImplId4 {
        nii_domain,
        nii_name,
        nii_date,
    })
}

fn exchange_id_args() -> impl Strategy<Value = ExchangeIdArgs<'static>> {
    let ssv = (
        state_protect_ops(),
        list(opaque()),
        list(opaque()),
        any::<(u32, u32)>(),
    )
        .prop_map(
            |(ssp_ops, ssp_hash_algs, ssp_encr_algs, (ssp_window, ssp_num_gss_handles))| {
                SsvSpParms4 {
                    ssp_ops,
                    ssp_hash_algs,
                    ssp_encr_algs,
                    ssp_window,
                    ssp_num_gss_handles,
                }
            },
        );
    let protect = prop_oneof![
        Just(StateProtect4A::None),
        state_protect_ops().prop_map(StateProtect4A::MachCred),
        ssv.prop_map(StateProtect4A::Ssv),
    ];
    (
        verifier(),
        opaque(),
        any::<u32>(),
        protect,
        list(implementation()),
    )
        .prop_map(
            |(co_verifier, co_ownerid, flags, eia_state_protect, eia_client_impl_id)| {
                ExchangeIdArgs {
                    eia_clientowner: ClientOwner4 {
                        co_verifier,
                        co_ownerid,
                    },
                    eia_flags: ExchangeIdFlags(flags),
                    eia_state_protect,
                    eia_client_impl_id,
                }
            },
        )
}

fn exchange_id_ok() -> impl Strategy<Value = ExchangeIdResOk<'static>> {
    let ssv = (
        state_protect_ops(),
        any::<(u32, u32, u32, u32)>(),
        list(opaque()),
    )
        .prop_map(
            |(spi_ops, (spi_hash_alg, spi_encr_alg, spi_ssv_len, spi_window), spi_handles)| {
                SsvProtInfo4 {
                    spi_ops,
                    spi_hash_alg,
                    spi_encr_alg,
                    spi_ssv_len,
                    spi_window,
                    spi_handles,
                }
            },
        );
    let protect = prop_oneof![
        Just(StateProtect4R::None),
        state_protect_ops().prop_map(StateProtect4R::MachCred),
        ssv.prop_map(StateProtect4R::Ssv),
    ];
    let owner = (any::<u64>(), opaque()).prop_map(|(so_minor_id, so_major_id)| ServerOwner4 {
        so_minor_id,
        so_major_id,
    });
    (
        any::<(u64, u32, u32)>(),
        protect,
        owner,
        opaque(),
        list(implementation()),
    )
        .prop_map(
            |(
                numbers,
                eir_state_protect,
                eir_server_owner,
                eir_server_scope,
                eir_server_impl_id,
            )| {
                ExchangeIdResOk {
                    eir_clientid: numbers.0,
                    eir_sequenceid: numbers.1,
                    eir_flags: ExchangeIdFlags(numbers.2),
                    eir_state_protect,
                    eir_server_owner,
                    eir_server_scope,
                    eir_server_impl_id,
                }
            },
        )
}

fn channel() -> impl Strategy<Value = ChannelAttrs4> {
    (any::<[u32; 6]>(), list(any::<u32>())).prop_map(|(numbers, ca_rdma_ird)| ChannelAttrs4 {
        ca_headerpadsize: numbers[0],
        ca_maxrequestsize: numbers[1],
        ca_maxresponsesize: numbers[2],
        ca_maxresponsesize_cached: numbers[3],
        ca_maxoperations: numbers[4],
        ca_maxrequests: numbers[5],
        ca_rdma_ird,
    })
}

fn callback_security() -> impl Strategy<Value = CallbackSecParms4<'static>> {
    let gss = (any::<u32>(), opaque(), opaque()).prop_map(|(service, server, client)| {
        CallbackSecParms4::Gss(GssCbHandles4 {
            gcbp_service: service,
            gcbp_handle_from_server: server,
            gcbp_handle_from_client: client,
        })
    });
    prop_oneof![
        Just(CallbackSecParms4::None),
        auth_sys().prop_map(CallbackSecParms4::Sys),
        gss
    ]
}

fn create_session_args() -> impl Strategy<Value = CreateSessionArgs<'static>> {
    (
        any::<(u64, u32, u32, u32)>(),
        channel(),
        channel(),
        list(callback_security()),
    )
        .prop_map(
            |(numbers, csa_fore_chan_attrs, csa_back_chan_attrs, csa_sec_parms)| {
                CreateSessionArgs {
                    csa_clientid: numbers.0,
                    csa_sequence: numbers.1,
                    csa_flags: CreateSessionFlags(numbers.2),
                    csa_fore_chan_attrs,
                    csa_back_chan_attrs,
                    csa_cb_program: numbers.3,
                    csa_sec_parms,
                }
            },
        )
}

fn create_session_ok() -> impl Strategy<Value = CreateSessionResOk> {
    (sessionid(), any::<(u32, u32)>(), channel(), channel()).prop_map(
        |(csr_sessionid, numbers, csr_fore_chan_attrs, csr_back_chan_attrs)| CreateSessionResOk {
            csr_sessionid,
            csr_sequence: numbers.0,
            csr_flags: CreateSessionFlags(numbers.1),
            csr_fore_chan_attrs,
            csr_back_chan_attrs,
        },
    )
}

fn create_type() -> impl Strategy<Value = Createtype4<'static>> {
    prop_oneof![
        Just(Createtype4::Reg),
        Just(Createtype4::Dir),
        device().prop_map(Createtype4::Blk),
        device().prop_map(Createtype4::Chr),
        opaque().prop_map(Createtype4::Lnk),
        Just(Createtype4::Sock),
        Just(Createtype4::Fifo),
        Just(Createtype4::AttrDir),
        Just(Createtype4::NamedAttr),
    ]
}

fn open_how() -> impl Strategy<Value = Openflag4<'static>> {
    let exclusive = (verifier(), fattr()).prop_map(|(cva_verf, cva_attrs)| {
        Openflag4::Create(Createhow4::Exclusive41(Creatverfattr {
            cva_verf,
            cva_attrs,
        }))
    });
    prop_oneof![
        Just(Openflag4::NoCreate),
        fattr().prop_map(|attributes| Openflag4::Create(Createhow4::Unchecked(attributes))),
        fattr().prop_map(|attributes| Openflag4::Create(Createhow4::Guarded(attributes))),
        verifier().prop_map(|verifier| Openflag4::Create(Createhow4::Exclusive(verifier))),
        exclusive,
    ]
}

fn claim() -> impl Strategy<Value = OpenClaim4<'static>> {
    let kinds = vec![
        OpenDelegationType4::None,
        OpenDelegationType4::Read,
        OpenDelegationType4::Write,
        OpenDelegationType4::NoneExt,
    ];
    let current = (stateid(), opaque()).prop_map(|(delegate_stateid, file)| {
        OpenClaim4::DelegateCur(OpenClaimDelegateCur4 {
            delegate_stateid,
            file,
        })
    });
    prop_oneof![
        opaque().prop_map(OpenClaim4::Null),
        prop::sample::select(kinds).prop_map(OpenClaim4::Previous),
        current,
        opaque().prop_map(OpenClaim4::DelegatePrev),
        Just(OpenClaim4::Fh),
        stateid().prop_map(OpenClaim4::DelegCurFh),
        Just(OpenClaim4::DelegPrevFh),
    ]
}

fn open_args() -> impl Strategy<Value = OpenArgs<'static>> {
    (any::<(u32, u32, u32)>(), state_owner(), open_how(), claim()).prop_map(
        |((seqid, access, deny), owner, openhow, claim)| OpenArgs {
            seqid,
            share_access: ShareAccess(access),
            share_deny: ShareDeny(deny),
            owner,
            openhow,
            claim,
        },
    )
}

fn ace() -> impl Strategy<Value = Nfsace4<'static>> {
    (any::<(u32, u32, u32)>(), opaque()).prop_map(|((ace_type, flag, access_mask), who)| Nfsace4 {
        ace_type,
        flag,
        access_mask,
        who,
    })
}

/// Why no delegation was given, or that none was given: what localefs itself answers.
fn no_delegation() -> impl Strategy<Value = OpenDelegation4<'static>> {
    prop_oneof![
        Just(OpenDelegation4::None),
        any::<bool>()
            .prop_map(|push| { OpenDelegation4::NoneExt(OpenNoneDelegation4::Contention(push)) }),
        any::<bool>()
            .prop_map(|signal| { OpenDelegation4::NoneExt(OpenNoneDelegation4::Resource(signal)) }),
        prop::sample::select(vec![
            OpenNoneDelegation4::NotWanted,
            OpenNoneDelegation4::NotSuppFtype,
            OpenNoneDelegation4::WriteDelegNotSuppFtype,
            OpenNoneDelegation4::NotSuppUpgrade,
            OpenNoneDelegation4::NotSuppDowngrade,
            OpenNoneDelegation4::Cancelled,
            OpenNoneDelegation4::IsDir,
        ])
        .prop_map(OpenDelegation4::NoneExt),
    ]
}

fn delegation() -> impl Strategy<Value = OpenDelegation4<'static>> {
    let read = (stateid(), any::<bool>(), ace()).prop_map(|(stateid, recall, permissions)| {
        OpenDelegation4::Read(OpenReadDelegation4 {
            stateid,
            recall,
            permissions,
        })
    });
    let limit = prop_oneof![
        any::<u64>().prop_map(NfsSpaceLimit4::Size),
        any::<(u32, u32)>().prop_map(|(num_blocks, bytes_per_block)| {
            NfsSpaceLimit4::Blocks(NfsModifiedLimit4 {
                num_blocks,
                bytes_per_block,
            })
        }),
    ];
    let write = (stateid(), any::<bool>(), limit, ace()).prop_map(
        |(stateid, recall, space_limit, permissions)| {
            OpenDelegation4::Write(OpenWriteDelegation4 {
                stateid,
                recall,
                space_limit,
                permissions,
            })
        },
    );
    prop_oneof![3 => no_delegation(), 1 => read, 1 => write]
}

fn open_ok(
    delegation: impl Strategy<Value = OpenDelegation4<'static>>,
) -> impl Strategy<Value = OpenResOk<'static>> {
    (stateid(), change_info(), any::<u32>(), bitmap(), delegation).prop_map(
        |(stateid, cinfo, rflags, attrset, delegation)| OpenResOk {
            stateid,
            cinfo,
            rflags: OpenRflags(rflags),
            attrset,
            delegation,
        },
    )
}

fn lock_type() -> impl Strategy<Value = NfsLockType4> {
    prop::sample::select(vec![
        NfsLockType4::Read,
        NfsLockType4::Write,
        NfsLockType4::ReadW,
        NfsLockType4::WriteW,
    ])
}

fn locker() -> impl Strategy<Value = Locker4<'static>> {
    let new = (any::<(u32, u32)>(), stateid(), state_owner()).prop_map(
        |((open_seqid, lock_seqid), open_stateid, lock_owner)| {
            Locker4::New(OpenToLockOwner4 {
                open_seqid,
                open_stateid,
                lock_seqid,
                lock_owner,
            })
        },
    );
    let existing = (stateid(), any::<u32>()).prop_map(|(lock_stateid, lock_seqid)| {
        Locker4::Existing(ExistLockOwner4 {
            lock_stateid,
            lock_seqid,
        })
    });
    prop_oneof![new, existing]
}

fn lock_result<T: Debug + Clone + 'static>(
    ok: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<LockRes<'static, T>> {
    let owner = (any::<u64>(), octets(1024)).prop_map(|(clientid, owner)| StateOwner4 {
        clientid,
        owner: owner.into(),
    });
    let denied = (any::<(u64, u64)>(), lock_type(), owner).prop_map(
        |((offset, length), locktype, owner)| {
            LockRes::Denied(LockDenied {
                offset,
                length,
                locktype,
                owner,
            })
        },
    );
    prop_oneof![
        ok.prop_map(LockRes::Ok),
        denied,
        lock_status().prop_map(LockRes::Err)
    ]
    .boxed()
}

fn secinfo() -> impl Strategy<Value = Secinfo4<'static>> {
    let flavor = any::<u32>()
        .prop_map(AuthFlavor)
        .prop_filter("has parameters", |flavor| *flavor != AuthFlavor::RPCSEC_GSS)
        .prop_map(Secinfo4::Flavor);
    let gss = (opaque(), any::<(u32, u32)>())
        .prop_map(|(oid, (qop, service))| Secinfo4::Gss(RpcsecGssInfo { oid, qop, service }));
    prop_oneof![flavor, gss]
}

fn secinfo_ok() -> impl Strategy<Value = SecinfoResOk<'static>> {
    list(secinfo()).prop_map(|flavors| SecinfoResOk { flavors })
}

pub fn entry() -> impl Strategy<Value = Entry4<'static>> {
    (any::<u64>(), opaque(), fattr()).prop_map(|(cookie, name, attrs)| Entry4 {
        cookie,
        name,
        attrs,
    })
}

fn readdir_ok() -> impl Strategy<Value = ReaddirResOk<'static>> {
    (verifier(), vec(entry(), 0..4), any::<bool>()).prop_map(|(cookieverf, list, eof)| {
        let mut entries = Vec::new();
        for entry in &list {
            Dirlist4::push(&mut entries, entry).expect("writing to memory");
        }
        ReaddirResOk {
            cookieverf,
            reply: Dirlist4 {
                entries: entries.leak(),
                eof,
            },
        }
    })
}

fn layout_return() -> impl Strategy<Value = Layoutreturn4<'static>> {
    let file = (any::<(u64, u64)>(), stateid(), opaque()).prop_map(
        |((lrf_offset, lrf_length), lrf_stateid, lrf_body)| {
            Layoutreturn4::File(LayoutreturnFile4 {
                lrf_offset,
                lrf_length,
                lrf_stateid,
                lrf_body,
            })
        },
    );
    prop_oneof![file, Just(Layoutreturn4::Fsid), Just(Layoutreturn4::All)]
}

fn stable() -> impl Strategy<Value = StableHow4> {
    prop::sample::select(vec![
        StableHow4::Unstable,
        StableHow4::DataSync,
        StableHow4::FileSync,
    ])
}

/// The arguments of any operation, in the table's order.
pub fn argop() -> impl Strategy<Value = NfsArgop4<'static>> {
    prop::sample::select(OpInfo::TABLE).prop_flat_map(|info| argop_of(info.number))
}

/// The arguments of operation `number`.
#[expect(clippy::too_many_lines, reason = "one arm an operation")]
pub fn argop_of(number: OpNum) -> BoxedStrategy<NfsArgop4<'static>> {
    use NfsArgop4::*;
    match number {
        OpNum::OP_ACCESS => any::<u32>()
            .prop_map(|bits| {
                Access(AccessArgs {
                    access: Access4(bits),
                })
            })
            .boxed(),
        OpNum::OP_CLOSE => (any::<u32>(), stateid())
            .prop_map(|(seqid, open_stateid)| {
                Close(CloseArgs {
                    seqid,
                    open_stateid,
                })
            })
            .boxed(),
        OpNum::OP_COMMIT => any::<(u64, u32)>()
            .prop_map(|(offset, count)| Commit(CommitArgs { offset, count }))
            .boxed(),
        OpNum::OP_CREATE => (create_type(), opaque(), fattr())
            .prop_map(|(objtype, objname, createattrs)| {
                Create(CreateArgs {
                    objtype,
                    objname,
                    createattrs,
                })
            })
            .boxed(),
        OpNum::OP_DELEGPURGE => any::<u64>()
            .prop_map(|clientid| Delegpurge(DelegpurgeArgs { clientid }))
            .boxed(),
        OpNum::OP_DELEGRETURN => stateid()
            .prop_map(|deleg_stateid| Delegreturn(DelegreturnArgs { deleg_stateid }))
            .boxed(),
        OpNum::OP_GETATTR => bitmap()
            .prop_map(|attr_request| Getattr(GetattrArgs { attr_request }))
            .boxed(),
        OpNum::OP_GETFH => Just(Getfh(())).boxed(),
        OpNum::OP_LINK => opaque()
            .prop_map(|newname| Link(LinkArgs { newname }))
            .boxed(),
        OpNum::OP_LOCK => (lock_type(), any::<(bool, u64, u64)>(), locker())
            .prop_map(|(locktype, (reclaim, offset, length), locker)| {
                Lock(LockArgs {
                    locktype,
                    reclaim,
                    offset,
                    length,
                    locker,
                })
            })
            .boxed(),
        OpNum::OP_LOCKT => (lock_type(), any::<(u64, u64)>(), state_owner())
            .prop_map(|(locktype, (offset, length), owner)| {
                Lockt(LocktArgs {
                    locktype,
                    offset,
                    length,
                    owner,
                })
            })
            .boxed(),
        OpNum::OP_LOCKU => (lock_type(), any::<(u32, u64, u64)>(), stateid())
            .prop_map(|(locktype, (seqid, offset, length), lock_stateid)| {
                Locku(LockuArgs {
                    locktype,
                    seqid,
                    lock_stateid,
                    offset,
                    length,
                })
            })
            .boxed(),
        OpNum::OP_LOOKUP => opaque()
            .prop_map(|objname| Lookup(LookupArgs { objname }))
            .boxed(),
        OpNum::OP_LOOKUPP => Just(Lookupp(())).boxed(),
        OpNum::OP_NVERIFY => fattr()
            .prop_map(|obj_attributes| Nverify(VerifyArgs { obj_attributes }))
            .boxed(),
        OpNum::OP_OPEN => open_args().prop_map(Open).boxed(),
        OpNum::OP_OPENATTR => any::<bool>()
            .prop_map(|createdir| Openattr(OpenattrArgs { createdir }))
            .boxed(),
        OpNum::OP_OPEN_CONFIRM => Just(OpenConfirm(())).boxed(),
        OpNum::OP_OPEN_DOWNGRADE => (stateid(), any::<(u32, u32, u32)>())
            .prop_map(|(open_stateid, (seqid, access, deny))| {
                OpenDowngrade(OpenDowngradeArgs {
                    open_stateid,
                    seqid,
                    share_access: ShareAccess(access),
                    share_deny: ShareDeny(deny),
                })
            })
            .boxed(),
        OpNum::OP_PUTFH => octets(128)
            .prop_map(|object| {
                Putfh(PutfhArgs {
                    object: object.into(),
                })
            })
            .boxed(),
        OpNum::OP_PUTPUBFH => Just(Putpubfh(())).boxed(),
        OpNum::OP_PUTROOTFH => Just(Putrootfh(())).boxed(),
        OpNum::OP_READ => (stateid(), any::<(u64, u32)>())
            .prop_map(|(stateid, (offset, count))| {
                Read(ReadArgs {
                    stateid,
                    offset,
                    count,
                })
            })
            .boxed(),
        OpNum::OP_READDIR => (any::<(u64, u32, u32)>(), verifier(), bitmap())
            .prop_map(|((cookie, dircount, maxcount), cookieverf, attr_request)| {
                Readdir(ReaddirArgs {
                    cookie,
                    cookieverf,
                    dircount,
                    maxcount,
                    attr_request,
                })
            })
            .boxed(),
        OpNum::OP_READLINK => Just(Readlink(())).boxed(),
        OpNum::OP_REMOVE => opaque()
            .prop_map(|target| Remove(RemoveArgs { target }))
            .boxed(),
        OpNum::OP_RENAME => (opaque(), opaque())
            .prop_map(|(oldname, newname)| Rename(RenameArgs { oldname, newname }))
            .boxed(),
        OpNum::OP_RENEW => Just(Renew(())).boxed(),
        OpNum::OP_RESTOREFH => Just(Restorefh(())).boxed(),
        OpNum::OP_SAVEFH => Just(Savefh(())).boxed(),
        OpNum::OP_SECINFO => opaque()
            .prop_map(|name| Secinfo(SecinfoArgs { name }))
            .boxed(),
        OpNum::OP_SETATTR => (stateid(), fattr())
            .prop_map(|(stateid, obj_attributes)| {
                Setattr(SetattrArgs {
                    stateid,
                    obj_attributes,
                })
            })
            .boxed(),
        OpNum::OP_SETCLIENTID => Just(Setclientid(())).boxed(),
        OpNum::OP_SETCLIENTID_CONFIRM => Just(SetclientidConfirm(())).boxed(),
        OpNum::OP_VERIFY => fattr()
            .prop_map(|obj_attributes| Verify(VerifyArgs { obj_attributes }))
            .boxed(),
        OpNum::OP_WRITE => (stateid(), any::<u64>(), stable(), octets(300))
            .prop_map(|(stateid, offset, stable, data)| {
                Write(WriteArgs {
                    stateid,
                    offset,
                    stable,
                    data: data.into(),
                })
            })
            .boxed(),
        OpNum::OP_RELEASE_LOCKOWNER => Just(ReleaseLockowner(())).boxed(),
        OpNum::OP_BACKCHANNEL_CTL => (any::<u32>(), list(callback_security()))
            .prop_map(|(bca_cb_program, bca_sec_parms)| {
                BackchannelCtl(BackchannelCtlArgs {
                    bca_cb_program,
                    bca_sec_parms,
                })
            })
            .boxed(),
        OpNum::OP_BIND_CONN_TO_SESSION => {
            let directions = vec![
                ChannelDirFromClient4::Fore,
                ChannelDirFromClient4::Back,
                ChannelDirFromClient4::ForeOrBoth,
                ChannelDirFromClient4::BackOrBoth,
            ];
            (sessionid(), prop::sample::select(directions), any::<bool>())
                .prop_map(|(bctsa_sessid, bctsa_dir, bctsa_use_conn_in_rdma_mode)| {
                    BindConnToSession(BindConnToSessionArgs {
                        bctsa_sessid,
                        bctsa_dir,
                        bctsa_use_conn_in_rdma_mode,
                    })
                })
                .boxed()
        }
        OpNum::OP_EXCHANGE_ID => exchange_id_args().prop_map(ExchangeId).boxed(),
        OpNum::OP_CREATE_SESSION => create_session_args().prop_map(CreateSession).boxed(),
        OpNum::OP_DESTROY_SESSION => sessionid()
            .prop_map(|dsa_sessionid| DestroySession(DestroySessionArgs { dsa_sessionid }))
            .boxed(),
        OpNum::OP_FREE_STATEID => stateid()
            .prop_map(|fsa_stateid| FreeStateid(FreeStateidArgs { fsa_stateid }))
            .boxed(),
        OpNum::OP_GET_DIR_DELEGATION => {
            (any::<bool>(), bitmap(), time(), time(), bitmap(), bitmap())
                .prop_map(
                    |(signal, notifications, child, directory, of_child, of_directory)| {
                        GetDirDelegation(GetDirDelegationArgs {
                            gdda_signal_deleg_avail: signal,
                            gdda_notification_types: notifications,
                            gdda_child_attr_delay: child,
                            gdda_dir_attr_delay: directory,
                            gdda_child_attributes: of_child,
                            gdda_dir_attributes: of_directory,
                        })
                    },
                )
                .boxed()
        }
        OpNum::OP_GETDEVICEINFO => (any::<[u8; 16]>(), any::<(u32, u32)>(), bitmap())
            .prop_map(
                |(id, (gdia_layout_type, gdia_maxcount), gdia_notify_types)| {
                    Getdeviceinfo(GetdeviceinfoArgs {
                        gdia_device_id: Deviceid4(id),
                        gdia_layout_type,
                        gdia_maxcount,
                        gdia_notify_types,
                    })
                },
            )
            .boxed(),
        OpNum::OP_GETDEVICELIST => (any::<(u32, u32, u64)>(), verifier())
            .prop_map(
                |((gdla_layout_type, gdla_maxdevices, gdla_cookie), gdla_cookieverf)| {
                    Getdevicelist(GetdevicelistArgs {
                        gdla_layout_type,
                        gdla_maxdevices,
                        gdla_cookie,
                        gdla_cookieverf,
                    })
                },
            )
            .boxed(),
        OpNum::OP_LAYOUTCOMMIT => {
            let update = (any::<u32>(), opaque())
                .prop_map(|(lou_type, lou_body)| Layoutupdate4 { lou_type, lou_body });
            let maybe_time = prop::option::of(time());
            (
                any::<(u64, u64, bool, Option<u64>)>(),
                stateid(),
                maybe_time,
                update,
            )
                .prop_map(|(numbers, loca_stateid, modified, loca_layoutupdate)| {
                    Layoutcommit(LayoutcommitArgs {
                        loca_offset: numbers.0,
                        loca_length: numbers.1,
                        loca_reclaim: numbers.2,
                        loca_stateid,
                        loca_last_write_offset: Maybe(numbers.3),
                        loca_time_modify: Maybe(modified),
                        loca_layoutupdate,
                    })
                })
                .boxed()
        }
        OpNum::OP_LAYOUTGET => (any::<(bool, u32, u32, u64, u64, u64, u32)>(), stateid())
            .prop_map(|(numbers, loga_stateid)| {
                Layoutget(LayoutgetArgs {
                    loga_signal_layout_avail: numbers.0,
                    loga_layout_type: numbers.1,
                    loga_iomode: numbers.2,
                    loga_offset: numbers.3,
                    loga_length: numbers.4,
                    loga_minlength: numbers.5,
                    loga_stateid,
                    loga_maxcount: numbers.6,
                })
            })
            .boxed(),
        OpNum::OP_LAYOUTRETURN => (any::<(bool, u32, u32)>(), layout_return())
            .prop_map(
                |((lora_reclaim, lora_layout_type, lora_iomode), lora_layoutreturn)| {
                    Layoutreturn(LayoutreturnArgs {
                        lora_reclaim,
                        lora_layout_type,
                        lora_iomode,
                        lora_layoutreturn,
                    })
                },
            )
            .boxed(),
        OpNum::OP_SECINFO_NO_NAME => {
            prop::sample::select(vec![SecinfoStyle4::CurrentFh, SecinfoStyle4::Parent])
                .prop_map(SecinfoNoName)
                .boxed()
        }
        OpNum::OP_SEQUENCE => (sessionid(), any::<(u32, u32, u32, bool)>())
            .prop_map(|(sa_sessionid, numbers)| {
                Sequence(SequenceArgs {
                    sa_sessionid,
                    sa_sequenceid: numbers.0,
                    sa_slotid: numbers.1,
                    sa_highest_slotid: numbers.2,
                    sa_cachethis: numbers.3,
                })
            })
            .boxed(),
        OpNum::OP_SET_SSV => (opaque(), opaque())
            .prop_map(|(ssa_ssv, ssa_digest)| {
                SetSsv(SetSsvArgs {
                    ssa_ssv,
                    ssa_digest,
                })
            })
            .boxed(),
        OpNum::OP_TEST_STATEID => list(stateid())
            .prop_map(|ts_stateids| TestStateid(TestStateidArgs { ts_stateids }))
            .boxed(),
        OpNum::OP_WANT_DELEGATION => {
            let claim = prop_oneof![
                any::<u32>().prop_map(DelegClaim4::Previous),
                Just(DelegClaim4::Fh),
                Just(DelegClaim4::DelegPrevFh),
            ];
            (any::<u32>(), claim)
                .prop_map(|(wda_want, wda_claim)| {
                    WantDelegation(WantDelegationArgs {
                        wda_want,
                        wda_claim,
                    })
                })
                .boxed()
        }
        OpNum::OP_DESTROY_CLIENTID => any::<u64>()
            .prop_map(|dca_clientid| DestroyClientid(DestroyClientidArgs { dca_clientid }))
            .boxed(),
        OpNum::OP_RECLAIM_COMPLETE => any::<bool>()
            .prop_map(|rca_one_fs| ReclaimComplete(ReclaimCompleteArgs { rca_one_fs }))
            .boxed(),
        other => panic!("no generator for {other:?}"),
    }
}

/// The result of any operation.
pub fn resop() -> impl Strategy<Value = NfsResop4<'static>> {
    prop_oneof![
        50 => prop::sample::select(OpInfo::TABLE)
            .prop_flat_map(|info| resop_of(info.number, delegation())),
        1 => status().prop_map(|status| NfsResop4::Illegal(Err(status))),
    ]
}

/// The result of any operation as localefs itself may answer: without delegations.
pub fn own_resop() -> impl Strategy<Value = NfsResop4<'static>> {
    prop::sample::select(OpInfo::TABLE).prop_flat_map(|info| resop_of(info.number, no_delegation()))
}

/// The result of operation `number`; one of OPEN with a `delegation`.
#[expect(clippy::too_many_lines, reason = "one arm an operation")]
fn resop_of(
    number: OpNum,
    delegation: impl Strategy<Value = OpenDelegation4<'static>> + 'static,
) -> BoxedStrategy<NfsResop4<'static>> {
    use NfsResop4::*;
    /// A result that is only a status.
    fn bare(variant: fn(OpResult<()>) -> NfsResop4<'static>) -> BoxedStrategy<NfsResop4<'static>> {
        ok_or_error(Just(())).prop_map(variant).boxed()
    }
    let stateid_ok = || stateid().prop_map(|open_stateid| StateidResOk { open_stateid });
    let lock_ok = || stateid().prop_map(|lock_stateid| LockResOk { lock_stateid });
    let change_ok = || change_info().prop_map(|cinfo| ChangeResOk { cinfo });
    match number {
        OpNum::OP_ACCESS => {
            ok_or_error(
                any::<(u32, u32)>().prop_map(|(supported, access)| AccessResOk {
                    supported: Access4(supported),
                    access: Access4(access),
                }),
            )
            .prop_map(Access)
            .boxed()
        }
        OpNum::OP_CLOSE => ok_or_error(stateid_ok()).prop_map(Close).boxed(),
        OpNum::OP_COMMIT => ok_or_error(verifier().prop_map(|writeverf| CommitResOk { writeverf }))
            .prop_map(Commit)
            .boxed(),
        OpNum::OP_CREATE => ok_or_error(
            (change_info(), bitmap()).prop_map(|(cinfo, attrset)| CreateResOk { cinfo, attrset }),
        )
        .prop_map(Create)
        .boxed(),
        OpNum::OP_DELEGPURGE => bare(Delegpurge),
        OpNum::OP_DELEGRETURN => bare(Delegreturn),
        OpNum::OP_GETATTR => {
            ok_or_error(fattr().prop_map(|obj_attributes| GetattrResOk { obj_attributes }))
                .prop_map(Getattr)
                .boxed()
        }
        OpNum::OP_GETFH => ok_or_error(octets(128).prop_map(|object| GetfhResOk {
            object: object.into(),
        }))
        .prop_map(Getfh)
        .boxed(),
        OpNum::OP_LINK => ok_or_error(change_ok()).prop_map(Link).boxed(),
        OpNum::OP_LOCK => lock_result(lock_ok()).prop_map(Lock).boxed(),
        OpNum::OP_LOCKT => lock_result(Just(())).prop_map(Lockt).boxed(),
        OpNum::OP_LOCKU => ok_or_error(lock_ok()).prop_map(Locku).boxed(),
        OpNum::OP_LOOKUP => bare(Lookup),
        OpNum::OP_LOOKUPP => bare(Lookupp),
        OpNum::OP_NVERIFY => bare(Nverify),
        OpNum::OP_OPEN => ok_or_error(open_ok(delegation)).prop_map(Open).boxed(),
        OpNum::OP_OPENATTR => bare(Openattr),
        OpNum::OP_OPEN_CONFIRM => bare(OpenConfirm),
        OpNum::OP_OPEN_DOWNGRADE => ok_or_error(stateid_ok()).prop_map(OpenDowngrade).boxed(),
        OpNum::OP_PUTFH => bare(Putfh),
        OpNum::OP_PUTPUBFH => bare(Putpubfh),
        OpNum::OP_PUTROOTFH => bare(Putrootfh),
        OpNum::OP_READ => {
            ok_or_error(
                (any::<bool>(), octets(300)).prop_map(|(eof, data)| ReadResOk {
                    eof,
                    data: data.into(),
                }),
            )
            .prop_map(Read)
            .boxed()
        }
        OpNum::OP_READDIR => ok_or_error(readdir_ok()).prop_map(Readdir).boxed(),
        OpNum::OP_READLINK => ok_or_error(opaque().prop_map(|link| ReadlinkResOk { link }))
            .prop_map(Readlink)
            .boxed(),
        OpNum::OP_REMOVE => ok_or_error(change_ok()).prop_map(Remove).boxed(),
        OpNum::OP_RENAME => ok_or_error((change_info(), change_info()).prop_map(
            |(source_cinfo, target_cinfo)| RenameResOk {
                source_cinfo,
                target_cinfo,
            },
        ))
        .prop_map(Rename)
        .boxed(),
        OpNum::OP_RENEW => bare(Renew),
        OpNum::OP_RESTOREFH => bare(Restorefh),
        OpNum::OP_SAVEFH => bare(Savefh),
        OpNum::OP_SECINFO => ok_or_error(secinfo_ok()).prop_map(Secinfo).boxed(),
        OpNum::OP_SETATTR => (prop_oneof![Just(Nfsstat4::NFS4_OK), status()], bitmap())
            .prop_map(|(status, attrsset)| Setattr(SetattrRes { status, attrsset }))
            .boxed(),
        OpNum::OP_SETCLIENTID => bare(Setclientid),
        OpNum::OP_SETCLIENTID_CONFIRM => bare(SetclientidConfirm),
        OpNum::OP_VERIFY => bare(Verify),
        OpNum::OP_WRITE => ok_or_error((any::<u32>(), stable(), verifier()).prop_map(
            |(count, committed, writeverf)| WriteResOk {
                count,
                committed,
                writeverf,
            },
        ))
        .prop_map(Write)
        .boxed(),
        OpNum::OP_RELEASE_LOCKOWNER => bare(ReleaseLockowner),
        OpNum::OP_BACKCHANNEL_CTL => bare(BackchannelCtl),
        OpNum::OP_BIND_CONN_TO_SESSION => {
            let directions = vec![
                ChannelDirFromServer4::Fore,
                ChannelDirFromServer4::Back,
                ChannelDirFromServer4::Both,
            ];
            ok_or_error(
                (sessionid(), prop::sample::select(directions), any::<bool>()).prop_map(
                    |(bctsr_sessid, bctsr_dir, bctsr_use_conn_in_rdma_mode)| {
                        BindConnToSessionResOk {
                            bctsr_sessid,
                            bctsr_dir,
                            bctsr_use_conn_in_rdma_mode,
                        }
                    },
                ),
            )
            .prop_map(BindConnToSession)
            .boxed()
        }
        OpNum::OP_EXCHANGE_ID => ok_or_error(exchange_id_ok()).prop_map(ExchangeId).boxed(),
        OpNum::OP_CREATE_SESSION => ok_or_error(create_session_ok())
            .prop_map(CreateSession)
            .boxed(),
        OpNum::OP_DESTROY_SESSION => bare(DestroySession),
        OpNum::OP_FREE_STATEID => bare(FreeStateid),
        OpNum::OP_GET_DIR_DELEGATION => bare(GetDirDelegation),
        OpNum::OP_GETDEVICEINFO => bare(Getdeviceinfo),
        OpNum::OP_GETDEVICELIST => bare(Getdevicelist),
        OpNum::OP_LAYOUTCOMMIT => bare(Layoutcommit),
        OpNum::OP_LAYOUTGET => bare(Layoutget),
        OpNum::OP_LAYOUTRETURN => bare(Layoutreturn),
        OpNum::OP_SECINFO_NO_NAME => ok_or_error(secinfo_ok()).prop_map(SecinfoNoName).boxed(),
        OpNum::OP_SEQUENCE => ok_or_error((sessionid(), any::<[u32; 5]>()).prop_map(
            |(sr_sessionid, numbers)| SequenceResOk {
                sr_sessionid,
                sr_sequenceid: numbers[0],
                sr_slotid: numbers[1],
                sr_highest_slotid: numbers[2],
                sr_target_highest_slotid: numbers[3],
                sr_status_flags: SequenceStatusFlags(numbers[4]),
            },
        ))
        .prop_map(Sequence)
        .boxed(),
        OpNum::OP_SET_SSV => bare(SetSsv),
        OpNum::OP_TEST_STATEID => ok_or_error(
            list(status()).prop_map(|tsr_status_codes| TestStateidResOk { tsr_status_codes }),
        )
        .prop_map(TestStateid)
        .boxed(),
        OpNum::OP_WANT_DELEGATION => bare(WantDelegation),
        OpNum::OP_DESTROY_CLIENTID => bare(DestroyClientid),
        OpNum::OP_RECLAIM_COMPLETE => bare(ReclaimComplete),
        other => panic!("no generator for {other:?}"),
    }
}
