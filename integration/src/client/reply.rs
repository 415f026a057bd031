//! What a COMPOUND was answered.

use bytes::Bytes;
use localefs_protocol::nfs4::ops::{
    AccessResOk, BindConnToSessionResOk, ChangeResOk, CommitResOk, CreateResOk, CreateSessionResOk,
    ExchangeIdResOk, GetfhResOk, LockDenied, LockRes, LockResOk, OpenResOk, ReadResOk,
    ReaddirResOk, ReadlinkResOk, RenameResOk, SecinfoResOk, SequenceResOk, SetattrRes,
    StateidResOk, TestStateidResOk, WriteResOk,
};
use localefs_protocol::nfs4::{Attributes, CompoundResult, NfsResop4, Nfsstat4, OpNum, Stateid4};
use localefs_protocol::xdr::{DecodeError, decode};

/// The results of a COMPOUND. They borrow from the reply as it came.
#[derive(Clone)]
pub struct Reply {
    status: Nfsstat4,
    tag: Vec<u8>,
    results: Vec<Bytes>,
    trailing: usize,
}

impl Reply {
    /// Decodes `COMPOUND4res`.
    ///
    /// # Errors
    /// [`DecodeError`] if it is none.
    pub fn parse(body: &Bytes) -> Result<Self, DecodeError> {
        let (header, mut rest) = decode::<CompoundResult<'_>>(body)?;
        let mut results = Vec::new();
        for _ in 0..header.numres {
            let (_, after) = decode::<NfsResop4<'_>>(rest)?;
            results.push(body.slice_ref(&rest[..rest.len() - after.len()]));
            rest = after;
        }
        Ok(Self {
            status: header.status,
            tag: header.tag.to_vec(),
            results,
            trailing: rest.len(),
        })
    }

    /// Of the compound.
    #[must_use]
    pub fn status(&self) -> Nfsstat4 {
        self.status
    }

    /// The tag.
    #[must_use]
    pub fn tag(&self) -> &[u8] {
        &self.tag
    }

    /// How many results there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.results.len()
    }

    /// Whether there is no result at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.results.is_empty()
    }

    /// Octets after the last result, of which there must be none.
    #[must_use]
    pub fn trailing(&self) -> usize {
        self.trailing
    }

    /// Result `index`.
    #[must_use]
    #[track_caller]
    pub fn result(&self, index: usize) -> NfsResop4<'_> {
        decode(&self.results[index])
            .expect("it was decoded before")
            .0
    }

    /// The results in order.
    pub fn results(&self) -> impl DoubleEndedIterator<Item = NfsResop4<'_>> {
        (0..self.len()).map(|index| self.result(index))
    }

    /// Which operations were answered, and how.
    #[must_use]
    pub fn statuses(&self) -> Vec<(OpNum, Nfsstat4)> {
        self.results()
            .map(|result| (result.number(), result.status()))
            .collect()
    }

    /// The encoded results: the same for a reply and its replay.
    #[must_use]
    pub fn encoded(&self) -> Vec<u8> {
        self.results.concat()
    }

    /// The compound must have ended with `status`.
    #[track_caller]
    pub fn assert(self, status: Nfsstat4) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// The values of the last GETATTR.
    #[must_use]
    #[track_caller]
    pub fn attributes(&self) -> Attributes<'_> {
        let found = self.results().rev().find_map(|result| match result {
            NfsResop4::Getattr(Ok(ok)) => Some(ok.obj_attributes),
            _ => None,
        });
        let fattr = found.unwrap_or_else(|| panic!("no GETATTR in {self:?}"));
        Attributes::from_fattr4(&fattr).expect("attributes")
    }

    /// The last filehandle.
    #[must_use]
    #[track_caller]
    pub fn handle(&self) -> Vec<u8> {
        self.getfh().object.to_vec()
    }

    /// Why the last LOCK or LOCKT was denied.
    #[must_use]
    #[track_caller]
    pub fn denied(&self) -> LockDenied<'_> {
        let found = self.results().rev().find_map(|result| match result {
            NfsResop4::Lock(LockRes::Denied(denied))
            | NfsResop4::Lockt(LockRes::Denied(denied)) => Some(denied),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no denied lock in {self:?}"))
    }

    /// The stateid of the last LOCK or LOCKU.
    #[must_use]
    #[track_caller]
    pub fn lock_stateid(&self) -> Stateid4 {
        let found = self.results().rev().find_map(|result| match result {
            NfsResop4::Lock(LockRes::Ok(LockResOk { lock_stateid }))
            | NfsResop4::Locku(Ok(LockResOk { lock_stateid })) => Some(lock_stateid),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no lock in {self:?}"))
    }

    /// The answer to the last SETATTR, also when it failed.
    #[must_use]
    #[track_caller]
    pub fn setattr(&self) -> SetattrRes {
        let found = self.results().rev().find_map(|result| match result {
            NfsResop4::Setattr(answer) => Some(answer),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no SETATTR in {self:?}"))
    }
}

macro_rules! results {
    ($( $name:ident: $variant:ident -> $ty:ty ),* $(,)?) => {
        impl Reply {
            $(
                #[doc = concat!("The result of the last ", stringify!($variant), ", which must be there.")]
                #[must_use]
                #[track_caller]
                pub fn $name(&self) -> $ty {
                    let found = self.results().rev().find_map(|result| match result {
                        NfsResop4::$variant(Ok(ok)) => Some(ok),
                        _ => None,
                    });
                    found.unwrap_or_else(|| {
                        panic!(concat!("no ", stringify!($variant), " in {:?}"), self)
                    })
                }
            )*
        }
    };
}

results! {
    access: Access -> AccessResOk,
    bind_conn_to_session: BindConnToSession -> BindConnToSessionResOk,
    close: Close -> StateidResOk,
    commit: Commit -> CommitResOk,
    create: Create -> CreateResOk,
    create_session: CreateSession -> CreateSessionResOk,
    exchange_id: ExchangeId -> ExchangeIdResOk<'_>,
    getfh: Getfh -> GetfhResOk<'_>,
    link: Link -> ChangeResOk,
    open: Open -> OpenResOk<'_>,
    open_downgrade: OpenDowngrade -> StateidResOk,
    read: Read -> ReadResOk<'_>,
    readdir: Readdir -> ReaddirResOk<'_>,
    readlink: Readlink -> ReadlinkResOk<'_>,
    remove: Remove -> ChangeResOk,
    rename: Rename -> RenameResOk,
    secinfo: Secinfo -> SecinfoResOk<'_>,
    secinfo_no_name: SecinfoNoName -> SecinfoResOk<'_>,
    sequence: Sequence -> SequenceResOk,
    test_stateid: TestStateid -> TestStateidResOk,
    write: Write -> WriteResOk,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} of {} results:", self.status, self.len())?;
        for (number, status) in self.statuses() {
            write!(f, " {number:?}={status:?}")?;
        }
        Ok(())
    }
}
