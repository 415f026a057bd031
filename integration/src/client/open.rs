//! OPEN and LOCK have many arguments: values with defaults, changed one at a time.

use localefs_protocol::nfs4::ops::{
    Createhow4, Creatverfattr, ExistLockOwner4, LockArgs, Locker4, LocktArgs, LockuArgs,
    NfsLockType4, OpenArgs, OpenClaim4, OpenClaimDelegateCur4, OpenDelegationType4,
    OpenToLockOwner4, Openflag4, ShareAccess, ShareDeny,
};
use localefs_protocol::nfs4::{Attributes, Fattr4, NfsArgop4, StateOwner4, Stateid4, Verifier4};

use super::compound::Compound;
use super::connection::packed;

#[derive(Clone, Copy, Debug)]
enum How {
    NoCreate,
    Unchecked,
    Guarded,
    Exclusive(Verifier4),
    Exclusive41(Verifier4),
}

#[derive(Clone, Copy, Debug)]
enum Claim {
    Null,
    Previous(OpenDelegationType4),
    DelegateCur,
    DelegatePrev,
    Fh,
    DelegCurFh,
    DelegPrevFh,
}

/// The arguments of OPEN.
#[derive(Clone, Debug)]
pub struct Open<'a> {
    name: Vec<u8>,
    access: u32,
    deny: u32,
    owner: Vec<u8>,
    how: How,
    set: Attributes<'a>,
    claim: Claim,
}

impl<'a> Open<'a> {
    fn new(name: impl AsRef<[u8]>, access: u32) -> Self {
        Self {
            name: name.as_ref().to_vec(),
            access,
            deny: 0,
            owner: b"owner".to_vec(),
            how: How::NoCreate,
            set: Attributes::default(),
            claim: Claim::Null,
        }
    }

    /// For reading, by name.
    #[must_use]
    pub fn read(name: impl AsRef<[u8]>) -> Self {
        Self::new(name, 1)
    }

    /// For writing, by name.
    #[must_use]
    pub fn write(name: impl AsRef<[u8]>) -> Self {
        Self::new(name, 2)
    }

    /// For both, by name.
    #[must_use]
    pub fn both(name: impl AsRef<[u8]>) -> Self {
        Self::new(name, 3)
    }

    /// Any `share_access`.
    #[must_use]
    pub fn access(self, access: u32) -> Self {
        Self { access, ..self }
    }

    /// Any `share_deny`.
    #[must_use]
    pub fn deny(self, deny: u32) -> Self {
        Self { deny, ..self }
    }

    /// Another open-owner.
    #[must_use]
    pub fn owner(self, owner: impl AsRef<[u8]>) -> Self {
        let owner = owner.as_ref().to_vec();
        Self { owner, ..self }
    }

    /// UNCHECKED4
    #[must_use]
    pub fn create(self) -> Self {
        Self {
            how: How::Unchecked,
            ..self
        }
    }

    /// GUARDED4
    #[must_use]
    pub fn guarded(self) -> Self {
        Self {
            how: How::Guarded,
            ..self
        }
    }

    /// EXCLUSIVE4
    #[must_use]
    pub fn exclusive(self, verifier: Verifier4) -> Self {
        Self {
            how: How::Exclusive(verifier),
            ..self
        }
    }

    /// EXCLUSIVE4_1
    #[must_use]
    pub fn exclusive41(self, verifier: Verifier4) -> Self {
        Self {
            how: How::Exclusive41(verifier),
            ..self
        }
    }

    /// Attributes of a file that is created.
    #[must_use]
    pub fn set(self, set: Attributes<'a>) -> Self {
        Self { set, ..self }
    }

    /// CLAIM_FH: the current filehandle is the file.
    #[must_use]
    pub fn claim_fh(self) -> Self {
        Self {
            claim: Claim::Fh,
            ..self
        }
    }

    /// CLAIM_PREVIOUS: reclaims an open of before the server's restart.
    #[must_use]
    pub fn previous(self) -> Self {
        self.previous_delegation(OpenDelegationType4::None)
    }

    /// CLAIM_PREVIOUS with a delegation.
    #[must_use]
    pub fn previous_delegation(self, delegation: OpenDelegationType4) -> Self {
        Self {
            claim: Claim::Previous(delegation),
            ..self
        }
    }

    /// CLAIM_DELEGATE_CUR
    #[must_use]
    pub fn delegate_cur(self) -> Self {
        Self {
            claim: Claim::DelegateCur,
            ..self
        }
    }

    /// CLAIM_DELEGATE_PREV
    #[must_use]
    pub fn delegate_prev(self) -> Self {
        Self {
            claim: Claim::DelegatePrev,
            ..self
        }
    }

    /// CLAIM_DELEG_CUR_FH
    #[must_use]
    pub fn deleg_cur_fh(self) -> Self {
        Self {
            claim: Claim::DelegCurFh,
            ..self
        }
    }

    /// CLAIM_DELEG_PREV_FH
    #[must_use]
    pub fn deleg_prev_fh(self) -> Self {
        Self {
            claim: Claim::DelegPrevFh,
            ..self
        }
    }
}

/// The arguments of LOCK.
#[derive(Clone, Debug)]
pub struct Lock {
    kind: NfsLockType4,
    offset: u64,
    length: u64,
    reclaim: bool,
}

impl Lock {
    /// A lock for reading.
    #[must_use]
    pub fn read(offset: u64, length: u64) -> Self {
        Self {
            kind: NfsLockType4::Read,
            offset,
            length,
            reclaim: false,
        }
    }

    /// A lock for writing.
    #[must_use]
    pub fn write(offset: u64, length: u64) -> Self {
        Self {
            kind: NfsLockType4::Write,
            ..Self::read(offset, length)
        }
    }

    /// The same, said to be waited for.
    #[must_use]
    pub fn blocking(self) -> Self {
        let kind = match self.kind {
            NfsLockType4::Read | NfsLockType4::ReadW => NfsLockType4::ReadW,
            NfsLockType4::Write | NfsLockType4::WriteW => NfsLockType4::WriteW,
        };
        Self { kind, ..self }
    }

    /// Reclaims a lock of before the server's restart.
    #[must_use]
    pub fn reclaim(self) -> Self {
        Self {
            reclaim: true,
            ..self
        }
    }
}

impl Compound<'_> {
    /// OPEN
    pub fn open(self, open: &Open<'_>) -> Self {
        let values = packed(&open.set);
        let fattr = Fattr4 {
            attrmask: open.set.mask(),
            attr_vals: values.as_slice().into(),
        };
        let openhow = match open.how {
            How::NoCreate => Openflag4::NoCreate,
            How::Unchecked => Openflag4::Create(Createhow4::Unchecked(fattr)),
            How::Guarded => Openflag4::Create(Createhow4::Guarded(fattr)),
            How::Exclusive(verifier) => Openflag4::Create(Createhow4::Exclusive(verifier)),
            How::Exclusive41(cva_verf) => {
                let creation = Creatverfattr {
                    cva_verf,
                    cva_attrs: fattr,
                };
                Openflag4::Create(Createhow4::Exclusive41(creation))
            }
        };
        let file = open.name.as_slice().into();
        let claim = match open.claim {
            Claim::Null => OpenClaim4::Null(file),
            Claim::Previous(delegation) => OpenClaim4::Previous(delegation),
            Claim::DelegateCur => OpenClaim4::DelegateCur(OpenClaimDelegateCur4 {
                delegate_stateid: Stateid4::ANONYMOUS,
                file,
            }),
            Claim::DelegatePrev => OpenClaim4::DelegatePrev(file),
            Claim::Fh => OpenClaim4::Fh,
            Claim::DelegCurFh => OpenClaim4::DelegCurFh(Stateid4::ANONYMOUS),
            Claim::DelegPrevFh => OpenClaim4::DelegPrevFh,
        };
        self.op(&NfsArgop4::Open(OpenArgs {
            seqid: 0,
            share_access: ShareAccess(open.access),
            share_deny: ShareDeny(open.deny),
            owner: owner(&open.owner),
            openhow,
            claim,
        }))
    }

    /// LOCK, the first of a lock-owner on an open file
    pub fn lock_new(self, lock: &Lock, open: Stateid4, name: impl AsRef<[u8]>) -> Self {
        self.lock(
            lock,
            Locker4::New(OpenToLockOwner4 {
                open_seqid: 0,
                open_stateid: open,
                lock_seqid: 0,
                lock_owner: owner(name.as_ref()),
            }),
        )
    }

    /// LOCK, a further one
    pub fn lock_more(self, lock: &Lock, lock_stateid: Stateid4) -> Self {
        self.lock(
            lock,
            Locker4::Existing(ExistLockOwner4 {
                lock_stateid,
                lock_seqid: 0,
            }),
        )
    }

    /// LOCK by any locker
    pub fn lock(self, lock: &Lock, locker: Locker4<'_>) -> Self {
        self.op(&NfsArgop4::Lock(LockArgs {
            locktype: lock.kind,
            reclaim: lock.reclaim,
            offset: lock.offset,
            length: lock.length,
            locker,
        }))
    }

    /// LOCKT
    pub fn lockt(self, lock: &Lock, name: impl AsRef<[u8]>) -> Self {
        self.op(&NfsArgop4::Lockt(LocktArgs {
            locktype: lock.kind,
            offset: lock.offset,
            length: lock.length,
            owner: owner(name.as_ref()),
        }))
    }

    /// LOCKU
    pub fn locku(self, stateid: Stateid4, offset: u64, length: u64) -> Self {
        self.op(&NfsArgop4::Locku(LockuArgs {
            locktype: NfsLockType4::Write,
            seqid: 0,
            lock_stateid: stateid,
            offset,
            length,
        }))
    }
}

/// In a session the clientid of an owner is ignored, so that it may be 0 (RFC 8881 §2.4).
fn owner(name: &[u8]) -> StateOwner4<'_> {
    StateOwner4 {
        clientid: 0,
        owner: name.into(),
    }
}
