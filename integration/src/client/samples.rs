//! Every operation once, with arguments that can be decoded.

use localefs_protocol::nfs4::ops::*;
use localefs_protocol::nfs4::{
    Access4, Attr, Bitmap4, Fattr4, NfsArgop4, Nfstime4, Sessionid4, StateOwner4, Stateid4,
    Verifier4,
};

use super::session::{ClientOptions, channel};

const NO_ATTRIBUTES: Fattr4<'_> = Fattr4 {
    attrmask: Bitmap4::EMPTY,
    attr_vals: localefs_protocol::xdr::Opaque::EMPTY,
};

/// All 56 operations of NFSv4.1 in the order of their numbers. Names are `name` and `other`,
/// stateids anonymous, ids such as nobody has. Of the operations that NFSv4.1 forbids, the
/// arguments are left out.
#[must_use]
pub fn samples() -> Vec<NfsArgop4<'static>> {
    let owner = || StateOwner4 {
        clientid: 0,
        owner: "owner".into(),
    };
    let session = ClientOptions::new("sample").create_session(u64::MAX, 1);
    vec![
        NfsArgop4::Access(AccessArgs {
            access: Access4(0x3f),
        }),
        NfsArgop4::Close(CloseArgs {
            seqid: 0,
            open_stateid: Stateid4::ANONYMOUS,
        }),
        NfsArgop4::Commit(CommitArgs {
            offset: 0,
            count: 0,
        }),
        NfsArgop4::Create(CreateArgs {
            objtype: Createtype4::Dir,
            objname: "name".into(),
            createattrs: NO_ATTRIBUTES,
        }),
        NfsArgop4::Delegpurge(DelegpurgeArgs { clientid: 0 }),
        NfsArgop4::Delegreturn(DelegreturnArgs {
            deleg_stateid: Stateid4::ANONYMOUS,
        }),
        NfsArgop4::Getattr(GetattrArgs {
            attr_request: Bitmap4::of(&[Attr::FATTR4_SIZE, Attr::FATTR4_MODE]),
        }),
        NfsArgop4::Getfh(()),
        NfsArgop4::Link(LinkArgs {
            newname: "name".into(),
        }),
        NfsArgop4::Lock(LockArgs {
            locktype: NfsLockType4::Read,
            reclaim: false,
            offset: 0,
            length: 1,
            locker: Locker4::New(OpenToLockOwner4 {
                open_seqid: 0,
                open_stateid: Stateid4::ANONYMOUS,
                lock_seqid: 0,
                lock_owner: owner(),
            }),
        }),
        NfsArgop4::Lockt(LocktArgs {
            locktype: NfsLockType4::Read,
            offset: 0,
            length: 1,
            owner: owner(),
        }),
        NfsArgop4::Locku(LockuArgs {
            locktype: NfsLockType4::Read,
            seqid: 0,
            lock_stateid: Stateid4::ANONYMOUS,
            offset: 0,
            length: 1,
        }),
        NfsArgop4::Lookup(LookupArgs {
            objname: "name".into(),
        }),
        NfsArgop4::Lookupp(()),
        NfsArgop4::Nverify(VerifyArgs {
            obj_attributes: NO_ATTRIBUTES,
        }),
        NfsArgop4::Open(OpenArgs {
            seqid: 0,
            share_access: ShareAccess::OPEN4_SHARE_ACCESS_READ,
            share_deny: ShareDeny::OPEN4_SHARE_DENY_NONE,
            owner: owner(),
            openhow: Openflag4::Create(Createhow4::Unchecked(NO_ATTRIBUTES)),
            claim: OpenClaim4::Null("name".into()),
        }),
        NfsArgop4::Openattr(OpenattrArgs { createdir: false }),
        NfsArgop4::OpenConfirm(()),
        NfsArgop4::OpenDowngrade(OpenDowngradeArgs {
            open_stateid: Stateid4::ANONYMOUS,
            seqid: 0,
            share_access: ShareAccess::OPEN4_SHARE_ACCESS_READ,
            share_deny: ShareDeny::OPEN4_SHARE_DENY_NONE,
        }),
        NfsArgop4::Putfh(PutfhArgs {
            object: "handle".into(),
        }),
        NfsArgop4::Putpubfh(()),
        NfsArgop4::Putrootfh(()),
        NfsArgop4::Read(ReadArgs {
            stateid: Stateid4::ANONYMOUS,
            offset: 0,
            count: 1,
        }),
        NfsArgop4::Readdir(ReaddirArgs {
            cookie: 0,
            cookieverf: Verifier4::default(),
            dircount: 1024,
            maxcount: 1024,
            attr_request: Bitmap4::of(&[Attr::FATTR4_FILEID]),
        }),
        NfsArgop4::Readlink(()),
        NfsArgop4::Remove(RemoveArgs {
            target: "name".into(),
        }),
        NfsArgop4::Rename(RenameArgs {
            oldname: "name".into(),
            newname: "other".into(),
        }),
        NfsArgop4::Renew(()),
        NfsArgop4::Restorefh(()),
        NfsArgop4::Savefh(()),
        NfsArgop4::Secinfo(SecinfoArgs {
            name: "name".into(),
        }),
        NfsArgop4::Setattr(SetattrArgs {
            stateid: Stateid4::ANONYMOUS,
            obj_attributes: NO_ATTRIBUTES,
        }),
        NfsArgop4::Setclientid(()),
        NfsArgop4::SetclientidConfirm(()),
        NfsArgop4::Verify(VerifyArgs {
            obj_attributes: NO_ATTRIBUTES,
        }),
        NfsArgop4::Write(WriteArgs {
            stateid: Stateid4::ANONYMOUS,
            offset: 0,
            stable: StableHow4::Unstable,
            data: "data".into(),
        }),
        NfsArgop4::ReleaseLockowner(()),
        NfsArgop4::BackchannelCtl(BackchannelCtlArgs {
            bca_cb_program: 1,
            bca_sec_parms: vec![CallbackSecParms4::None].into(),
        }),
        NfsArgop4::BindConnToSession(BindConnToSessionArgs {
            bctsa_sessid: Sessionid4([9; 16]),
            bctsa_dir: ChannelDirFromClient4::Fore,
            bctsa_use_conn_in_rdma_mode: false,
        }),
        NfsArgop4::ExchangeId(ExchangeIdArgs {
            eia_clientowner: ClientOwner4 {
                co_verifier: Verifier4::default(),
                co_ownerid: "sample".into(),
            },
            eia_flags: ExchangeIdFlags(0),
            eia_state_protect: StateProtect4A::None,
            eia_client_impl_id: Vec::new().into(),
        }),
        NfsArgop4::CreateSession(CreateSessionArgs {
            csa_back_chan_attrs: channel(1),
            ..session
        }),
        NfsArgop4::DestroySession(DestroySessionArgs {
            dsa_sessionid: Sessionid4([9; 16]),
        }),
        NfsArgop4::FreeStateid(FreeStateidArgs {
            fsa_stateid: Stateid4::ANONYMOUS,
        }),
        NfsArgop4::GetDirDelegation(GetDirDelegationArgs {
            gdda_signal_deleg_avail: false,
            gdda_notification_types: Bitmap4::EMPTY,
            gdda_child_attr_delay: Nfstime4::default(),
            gdda_dir_attr_delay: Nfstime4::default(),
            gdda_child_attributes: Bitmap4::EMPTY,
            gdda_dir_attributes: Bitmap4::EMPTY,
        }),
        NfsArgop4::Getdeviceinfo(GetdeviceinfoArgs {
            gdia_device_id: Deviceid4::default(),
            gdia_layout_type: 1,
            gdia_maxcount: 1024,
            gdia_notify_types: Bitmap4::EMPTY,
        }),
        NfsArgop4::Getdevicelist(GetdevicelistArgs {
            gdla_layout_type: 1,
            gdla_maxdevices: 1,
            gdla_cookie: 0,
            gdla_cookieverf: Verifier4::default(),
        }),
        NfsArgop4::Layoutcommit(LayoutcommitArgs {
            loca_offset: 0,
            loca_length: 1,
            loca_reclaim: false,
            loca_stateid: Stateid4::ANONYMOUS,
            loca_last_write_offset: Maybe(None),
            loca_time_modify: Maybe(None),
            loca_layoutupdate: Layoutupdate4 {
                lou_type: 1,
                lou_body: "".into(),
            },
        }),
        NfsArgop4::Layoutget(LayoutgetArgs {
            loga_signal_layout_avail: false,
            loga_layout_type: 1,
            loga_iomode: 1,
            loga_offset: 0,
            loga_length: 1,
            loga_minlength: 0,
            loga_stateid: Stateid4::ANONYMOUS,
            loga_maxcount: 1024,
        }),
        NfsArgop4::Layoutreturn(LayoutreturnArgs {
            lora_reclaim: false,
            lora_layout_type: 1,
            lora_iomode: 1,
            lora_layoutreturn: Layoutreturn4::All,
        }),
        NfsArgop4::SecinfoNoName(SecinfoStyle4::CurrentFh),
        NfsArgop4::Sequence(SequenceArgs {
            sa_sessionid: Sessionid4([9; 16]),
            sa_sequenceid: 1,
            sa_slotid: 0,
            sa_highest_slotid: 0,
            sa_cachethis: false,
        }),
        NfsArgop4::SetSsv(SetSsvArgs {
            ssa_ssv: "ssv".into(),
            ssa_digest: "digest".into(),
        }),
        NfsArgop4::TestStateid(TestStateidArgs {
            ts_stateids: vec![Stateid4::ANONYMOUS].into(),
        }),
        NfsArgop4::WantDelegation(WantDelegationArgs {
            wda_want: 0,
            wda_claim: DelegClaim4::Fh,
        }),
        NfsArgop4::DestroyClientid(DestroyClientidArgs {
            dca_clientid: u64::MAX,
        }),
        NfsArgop4::ReclaimComplete(ReclaimCompleteArgs { rca_one_fs: false }),
    ]
}

#[cfg(test)]
mod tests {
    use localefs_protocol::nfs4::OpInfo;

    #[test]
    fn every_operation_has_a_sample() {
        let numbers = super::samples().into_iter().map(|sample| sample.number());
        assert!(numbers.eq(OpInfo::TABLE.iter().map(|info| info.number)));
    }
}
