//! The operations of [`Compound`], one method each.

use localefs_protocol::nfs4::ops::{
    AccessArgs, BackchannelCtlArgs, BindConnToSessionArgs, CallbackSecParms4,
    ChannelDirFromClient4, CloseArgs, CommitArgs, CreateArgs, CreateSessionArgs, Createtype4,
    DestroyClientidArgs, DestroySessionArgs, ExchangeIdArgs, FreeStateidArgs, GetattrArgs,
    LinkArgs, LookupArgs, OpenDowngradeArgs, PutfhArgs, ReadArgs, ReaddirArgs, ReclaimCompleteArgs,
    RemoveArgs, RenameArgs, SecinfoArgs, SecinfoStyle4, SequenceArgs, SetattrArgs, ShareAccess,
    ShareDeny, StableHow4, TestStateidArgs, VerifyArgs, WriteArgs,
};
use localefs_protocol::nfs4::{
    Access4, Attr, Attributes, Bitmap4, Fattr4, NfsArgop4, Sessionid4, Stateid4, Verifier4,
};

use super::compound::Compound;
use super::connection::packed;

/// Appends operations; names and arguments are those of RFC 8881 §18.
impl Compound<'_> {
    /// ACCESS
    pub fn access(self, bits: u32) -> Self {
        self.op(&NfsArgop4::Access(AccessArgs {
            access: Access4(bits),
        }))
    }

    /// BACKCHANNEL_CTL with AUTH_NONE
    pub fn backchannel_ctl(self, program: u32) -> Self {
        self.op(&NfsArgop4::BackchannelCtl(BackchannelCtlArgs {
            bca_cb_program: program,
            bca_sec_parms: vec![CallbackSecParms4::None].into(),
        }))
    }

    /// BIND_CONN_TO_SESSION
    pub fn bind_conn_to_session(self, id: Sessionid4, direction: ChannelDirFromClient4) -> Self {
        self.op(&NfsArgop4::BindConnToSession(BindConnToSessionArgs {
            bctsa_sessid: id,
            bctsa_dir: direction,
            bctsa_use_conn_in_rdma_mode: false,
        }))
    }

    /// CLOSE
    pub fn close(self, stateid: Stateid4) -> Self {
        self.op(&NfsArgop4::Close(CloseArgs {
            seqid: 0,
            open_stateid: stateid,
        }))
    }

    /// COMMIT
    pub fn commit(self, offset: u64, count: u32) -> Self {
        self.op(&NfsArgop4::Commit(CommitArgs { offset, count }))
    }

    /// CREATE
    pub fn create(
        self,
        kind: Createtype4<'_>,
        name: impl AsRef<[u8]>,
        set: &Attributes<'_>,
    ) -> Self {
        let values = packed(set);
        self.op(&NfsArgop4::Create(CreateArgs {
            objtype: kind,
            objname: name.as_ref().into(),
            createattrs: Fattr4 {
                attrmask: set.mask(),
                attr_vals: values.as_slice().into(),
            },
        }))
    }

    /// CREATE of a directory
    pub fn mkdir(self, name: impl AsRef<[u8]>, mode: u32) -> Self {
        self.create(Createtype4::Dir, name, &super::names::mode(mode))
    }

    /// CREATE of a symbolic link
    pub fn symlink(self, target: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> Self {
        let kind = Createtype4::Lnk(target.as_ref().into());
        self.create(kind, name, &Attributes::default())
    }

    /// CREATE_SESSION
    pub fn create_session(self, args: &CreateSessionArgs<'_>) -> Self {
        self.op(&NfsArgop4::CreateSession(args.clone()))
    }

    /// DESTROY_CLIENTID
    pub fn destroy_clientid(self, clientid: u64) -> Self {
        self.op(&NfsArgop4::DestroyClientid(DestroyClientidArgs {
            dca_clientid: clientid,
        }))
    }

    /// DESTROY_SESSION
    pub fn destroy_session(self, id: Sessionid4) -> Self {
        self.op(&NfsArgop4::DestroySession(DestroySessionArgs {
            dsa_sessionid: id,
        }))
    }

    /// EXCHANGE_ID
    pub fn exchange_id(self, args: &ExchangeIdArgs<'_>) -> Self {
        self.op(&NfsArgop4::ExchangeId(args.clone()))
    }

    /// FREE_STATEID
    pub fn free_stateid(self, stateid: Stateid4) -> Self {
        self.op(&NfsArgop4::FreeStateid(FreeStateidArgs {
            fsa_stateid: stateid,
        }))
    }

    /// GETATTR
    pub fn getattr(self, attributes: &[Attr]) -> Self {
        self.op(&NfsArgop4::Getattr(GetattrArgs {
            attr_request: Bitmap4::of(attributes),
        }))
    }

    /// GETFH
    pub fn getfh(self) -> Self {
        self.op(&NfsArgop4::Getfh(()))
    }

    /// LINK
    pub fn link(self, name: impl AsRef<[u8]>) -> Self {
        self.op(&NfsArgop4::Link(LinkArgs {
            newname: name.as_ref().into(),
        }))
    }

    /// LOOKUP
    pub fn lookup(self, name: impl AsRef<[u8]>) -> Self {
        self.op(&NfsArgop4::Lookup(LookupArgs {
            objname: name.as_ref().into(),
        }))
    }

    /// LOOKUPP
    pub fn lookupp(self) -> Self {
        self.op(&NfsArgop4::Lookupp(()))
    }

    /// NVERIFY
    pub fn nverify(self, values: &Attributes<'_>) -> Self {
        self.nverify_raw(values.mask(), &packed(values))
    }

    /// NVERIFY with any mask and values
    pub fn nverify_raw(self, mask: Bitmap4, values: &[u8]) -> Self {
        let obj_attributes = Fattr4 {
            attrmask: mask,
            attr_vals: values.into(),
        };
        self.op(&NfsArgop4::Nverify(VerifyArgs { obj_attributes }))
    }

    /// OPEN_DOWNGRADE
    pub fn open_downgrade(self, stateid: Stateid4, access: u32, deny: u32) -> Self {
        self.op(&NfsArgop4::OpenDowngrade(OpenDowngradeArgs {
            open_stateid: stateid,
            seqid: 0,
            share_access: ShareAccess(access),
            share_deny: ShareDeny(deny),
        }))
    }

    /// PUTFH
    pub fn putfh(self, handle: &[u8]) -> Self {
        self.op(&NfsArgop4::Putfh(PutfhArgs {
            object: handle.into(),
        }))
    }

    /// PUTPUBFH
    pub fn putpubfh(self) -> Self {
        self.op(&NfsArgop4::Putpubfh(()))
    }

    /// PUTROOTFH
    pub fn putrootfh(self) -> Self {
        self.op(&NfsArgop4::Putrootfh(()))
    }

    /// READ
    pub fn read(self, stateid: Stateid4, offset: u64, count: u32) -> Self {
        self.op(&NfsArgop4::Read(ReadArgs {
            stateid,
            offset,
            count,
        }))
    }

    /// READDIR
    pub fn readdir(self, cookie: u64, verifier: Verifier4, maxcount: u32, ask: &[Attr]) -> Self {
        self.op(&NfsArgop4::Readdir(ReaddirArgs {
            cookie,
            cookieverf: verifier,
            dircount: maxcount,
            maxcount,
            attr_request: Bitmap4::of(ask),
        }))
    }

    /// READLINK
    pub fn readlink(self) -> Self {
        self.op(&NfsArgop4::Readlink(()))
    }

    /// RECLAIM_COMPLETE for all file systems
    pub fn reclaim_complete(self) -> Self {
        self.op(&NfsArgop4::ReclaimComplete(ReclaimCompleteArgs {
            rca_one_fs: false,
        }))
    }

    /// REMOVE
    pub fn remove(self, name: impl AsRef<[u8]>) -> Self {
        self.op(&NfsArgop4::Remove(RemoveArgs {
            target: name.as_ref().into(),
        }))
    }

    /// RENAME
    pub fn rename(self, old: impl AsRef<[u8]>, new: impl AsRef<[u8]>) -> Self {
        self.op(&NfsArgop4::Rename(RenameArgs {
            oldname: old.as_ref().into(),
            newname: new.as_ref().into(),
        }))
    }

    /// RESTOREFH
    pub fn restorefh(self) -> Self {
        self.op(&NfsArgop4::Restorefh(()))
    }

    /// SAVEFH
    pub fn savefh(self) -> Self {
        self.op(&NfsArgop4::Savefh(()))
    }

    /// SECINFO
    pub fn secinfo(self, name: impl AsRef<[u8]>) -> Self {
        self.op(&NfsArgop4::Secinfo(SecinfoArgs {
            name: name.as_ref().into(),
        }))
    }

    /// SECINFO_NO_NAME
    pub fn secinfo_no_name(self, style: SecinfoStyle4) -> Self {
        self.op(&NfsArgop4::SecinfoNoName(style))
    }

    /// SEQUENCE, for compounds that are no session's
    pub fn sequence(self, args: SequenceArgs) -> Self {
        self.op(&NfsArgop4::Sequence(args))
    }

    /// SETATTR
    pub fn setattr(self, stateid: Stateid4, set: &Attributes<'_>) -> Self {
        self.setattr_raw(stateid, set.mask(), &packed(set))
    }

    /// SETATTR with any mask and values
    pub fn setattr_raw(self, stateid: Stateid4, mask: Bitmap4, values: &[u8]) -> Self {
        let obj_attributes = Fattr4 {
            attrmask: mask,
            attr_vals: values.into(),
        };
        self.op(&NfsArgop4::Setattr(SetattrArgs {
            stateid,
            obj_attributes,
        }))
    }

    /// TEST_STATEID
    pub fn test_stateid(self, stateids: &[Stateid4]) -> Self {
        let ts_stateids = stateids.to_vec().into();
        self.op(&NfsArgop4::TestStateid(TestStateidArgs { ts_stateids }))
    }

    /// VERIFY
    pub fn verify(self, values: &Attributes<'_>) -> Self {
        self.verify_raw(values.mask(), &packed(values))
    }

    /// VERIFY with any mask and values
    pub fn verify_raw(self, mask: Bitmap4, values: &[u8]) -> Self {
        let obj_attributes = Fattr4 {
            attrmask: mask,
            attr_vals: values.into(),
        };
        self.op(&NfsArgop4::Verify(VerifyArgs { obj_attributes }))
    }

    /// WRITE
    pub fn write(self, stateid: Stateid4, offset: u64, stable: StableHow4, data: &[u8]) -> Self {
        let data = data.into();
        self.op(&NfsArgop4::Write(WriteArgs {
            stateid,
            offset,
            stable,
            data,
        }))
    }
}
