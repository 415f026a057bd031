//! The one table of operations: number, name, what the dispatcher must know, types.

use std::io::Write;

use xdr_codec::Pack;

use super::Nfsstat4;
use super::ops::*;
use crate::xdr::{Fault, Malformed, Parsed, Unpack, field, flags};

/// What a dispatcher must know of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpFlags {
    /// Works on the current filehandle: NFS4ERR_NOFILEHANDLE without one.
    pub needs_filehandle: bool,
    /// Changes something, so that its reply must be known to fit before it runs.
    pub modifies: bool,
    /// May be the first of a compound without SEQUENCE, and then must be the only one
    /// (RFC 8881 §2.10.5, §18.35.3); SEQUENCE itself must be first.
    pub without_session: bool,
    /// localefs has it. The others are answered NFS4ERR_NOTSUPP, as EFS lacks the feature or
    /// NFSv4.1 forbids them.
    pub supported: bool,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpInfo {
    /// Its number.
    pub number: OpNum,
    /// Its name in the RFC, without `OP_`.
    pub name: &'static str,
    /// How to treat it.
    pub flags: OpFlags,
    /// The longest result in octets, with its number and status. Of an operation whose result is
    /// as long as its arguments allow, the part that is always there.
    pub max_reply: usize,
}

/// What kind of operation a row is, in the notation of the table below.
const fn op_flags(code: &[u8]) -> OpFlags {
    let mut flags = OpFlags {
        needs_filehandle: false,
        modifies: false,
        without_session: false,
        supported: true,
    };
    let mut rest = code;
    while let [letter, others @ ..] = rest {
        match *letter {
            b'F' => flags.needs_filehandle = true,
            b'M' => flags.modifies = true,
            b'S' => flags.without_session = true,
            _ => flags.supported = false,
        }
        rest = others;
    }
    flags
}

/// The result of an operation that is only a status, or its data.
pub type OpResult<T> = Result<T, Nfsstat4>;

macro_rules! operations {
    ($( $number:literal $constant:ident $name:literal $code:literal $max:literal
        $variant:ident ($args:ty) -> $res:ty ),* $(,)?) => {
        flags! {
            /// `nfs_opnum4`.
            pub struct OpNum { $( $constant = $number, )* OP_ILLEGAL = 10044 }
        }

        impl OpInfo {
            /// All operations of NFSv4.1 by number, from 3 on.
            pub const TABLE: &[Self] = &[ $( Self {
                number: OpNum::$constant,
                name: $name,
                flags: op_flags($code),
                max_reply: 8 + $max,
            } ),* ];
        }

        /// An operation and its arguments (`nfs_argop4`).
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "a variant is the operation of that name")]
        pub enum NfsArgop4<'a> { $( $variant($args) ),* }

        impl<'a> NfsArgop4<'a> {
            /// Which operation.
            #[must_use]
            pub fn number(&self) -> OpNum {
                match self { $( Self::$variant(_) => OpNum::$constant ),* }
            }

            /// Decodes the arguments of operation `number`.
            ///
            /// # Errors
            /// As any parser; [`Fault::BadEnum`] if there is no such operation.
            pub fn unpack_args(number: OpNum, input: &'a [u8]) -> Parsed<'a, Self> {
                match number {
                    $( OpNum::$constant => {
                        field::<$args>($name, input)
                            .map(|(rest, args)| (rest, Self::$variant(args)))
                    } )*
                    OpNum(other) => Malformed::err(Fault::BadEnum(other), input),
                }
            }
        }

        impl<W: Write> Pack<W> for NfsArgop4<'_> {
            fn pack(&self, out: &mut W) -> xdr_codec::Result<usize> {
                let length = self.number().pack(out)?;
                match self { $( Self::$variant(args) => Ok(length + args.pack(out)?) ),* }
            }
        }

        /// An operation's result (`nfs_resop4`), for clients.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "a variant is the operation of that name")]
        pub enum NfsResop4<'a> {
            $( $variant($res), )*
            /// The answer to a number that is no operation.
            Illegal(OpResult<()>),
        }

        impl NfsResop4<'_> {
            /// Which operation.
            #[must_use]
            pub fn number(&self) -> OpNum {
                match self {
                    $( Self::$variant(_) => OpNum::$constant, )*
                    Self::Illegal(_) => OpNum::OP_ILLEGAL,
                }
            }

            /// How it ended.
            #[must_use]
            pub fn status(&self) -> Nfsstat4 {
                match self {
                    $( Self::$variant(result) => result.status(), )*
                    Self::Illegal(result) => result.status(),
                }
            }
        }

        impl<'a> Unpack<'a> for NfsResop4<'a> {
            fn unpack(input: &'a [u8]) -> Parsed<'a, Self> {
                let (rest, number) = field::<OpNum>("resop", input)?;
                match number {
                    $( OpNum::$constant => <$res>::unpack_result(rest)
                        .map(|(rest, result)| (rest, Self::$variant(result)))
                        .map_err(|error| error.map(|malformed| malformed.in_field($name))), )*
                    OpNum::OP_ILLEGAL => OpResult::<()>::unpack_result(rest)
                        .map(|(rest, result)| (rest, Self::Illegal(result))),
                    OpNum(other) => Malformed::err(Fault::BadEnum(other), input),
                }
            }
        }

        impl<W: Write> Pack<W> for NfsResop4<'_> {
            fn pack(&self, out: &mut W) -> xdr_codec::Result<usize> {
                let length = self.number().pack(out)?;
                match self {
                    $( Self::$variant(result) => Ok(length + result.pack_result(out)?), )*
                    Self::Illegal(result) => Ok(length + result.pack_result(out)?),
                }
            }
        }
    };
}

// F: needs a filehandle. M: modifies. S: stands without a session. -: not supported.
operations! {
    3 OP_ACCESS "ACCESS" b"F" 8 Access(AccessArgs) -> OpResult<AccessResOk>,
    4 OP_CLOSE "CLOSE" b"FM" 16 Close(CloseArgs) -> OpResult<StateidResOk>,
    5 OP_COMMIT "COMMIT" b"FM" 8 Commit(CommitArgs) -> OpResult<CommitResOk>,
    6 OP_CREATE "CREATE" b"FM" 36 Create(CreateArgs<'a>) -> OpResult<CreateResOk>,
    7 OP_DELEGPURGE "DELEGPURGE" b"-" 0 Delegpurge(DelegpurgeArgs) -> OpResult<()>,
    8 OP_DELEGRETURN "DELEGRETURN" b"F-" 0 Delegreturn(DelegreturnArgs) -> OpResult<()>,
    9 OP_GETATTR "GETATTR" b"F" 20 Getattr(GetattrArgs) -> OpResult<GetattrResOk<'a>>,
    10 OP_GETFH "GETFH" b"F" 132 Getfh(()) -> OpResult<GetfhResOk<'a>>,
    11 OP_LINK "LINK" b"FM" 20 Link(LinkArgs<'a>) -> OpResult<ChangeResOk>,
    12 OP_LOCK "LOCK" b"FM" 1056 Lock(LockArgs<'a>) -> LockRes<'a, LockResOk>,
    13 OP_LOCKT "LOCKT" b"F" 1056 Lockt(LocktArgs<'a>) -> LockRes<'a, ()>,
    14 OP_LOCKU "LOCKU" b"FM" 16 Locku(LockuArgs) -> OpResult<LockResOk>,
    15 OP_LOOKUP "LOOKUP" b"F" 0 Lookup(LookupArgs<'a>) -> OpResult<()>,
    16 OP_LOOKUPP "LOOKUPP" b"F" 0 Lookupp(()) -> OpResult<()>,
    17 OP_NVERIFY "NVERIFY" b"F" 0 Nverify(VerifyArgs<'a>) -> OpResult<()>,
    18 OP_OPEN "OPEN" b"FM" 68 Open(OpenArgs<'a>) -> OpResult<OpenResOk<'a>>,
    19 OP_OPENATTR "OPENATTR" b"F-" 0 Openattr(OpenattrArgs) -> OpResult<()>,
    20 OP_OPEN_CONFIRM "OPEN_CONFIRM" b"-" 0 OpenConfirm(()) -> OpResult<()>,
    21 OP_OPEN_DOWNGRADE "OPEN_DOWNGRADE" b"FM" 16
        OpenDowngrade(OpenDowngradeArgs) -> OpResult<StateidResOk>,
    22 OP_PUTFH "PUTFH" b"" 0 Putfh(PutfhArgs<'a>) -> OpResult<()>,
    23 OP_PUTPUBFH "PUTPUBFH" b"" 0 Putpubfh(()) -> OpResult<()>,
    24 OP_PUTROOTFH "PUTROOTFH" b"" 0 Putrootfh(()) -> OpResult<()>,
    25 OP_READ "READ" b"F" 8 Read(ReadArgs) -> OpResult<ReadResOk<'a>>,
    26 OP_READDIR "READDIR" b"F" 16 Readdir(ReaddirArgs) -> OpResult<ReaddirResOk<'a>>,
    27 OP_READLINK "READLINK" b"F" 4 Readlink(()) -> OpResult<ReadlinkResOk<'a>>,
    28 OP_REMOVE "REMOVE" b"FM" 20 Remove(RemoveArgs<'a>) -> OpResult<ChangeResOk>,
    29 OP_RENAME "RENAME" b"FM" 40 Rename(RenameArgs<'a>) -> OpResult<RenameResOk>,
    30 OP_RENEW "RENEW" b"-" 0 Renew(()) -> OpResult<()>,
    31 OP_RESTOREFH "RESTOREFH" b"" 0 Restorefh(()) -> OpResult<()>,
    32 OP_SAVEFH "SAVEFH" b"F" 0 Savefh(()) -> OpResult<()>,
    33 OP_SECINFO "SECINFO" b"F" 12 Secinfo(SecinfoArgs<'a>) -> OpResult<SecinfoResOk<'a>>,
    34 OP_SETATTR "SETATTR" b"FM" 16 Setattr(SetattrArgs<'a>) -> SetattrRes,
    35 OP_SETCLIENTID "SETCLIENTID" b"-" 0 Setclientid(()) -> OpResult<()>,
    36 OP_SETCLIENTID_CONFIRM "SETCLIENTID_CONFIRM" b"-" 0
        SetclientidConfirm(()) -> OpResult<()>,
    37 OP_VERIFY "VERIFY" b"F" 0 Verify(VerifyArgs<'a>) -> OpResult<()>,
    38 OP_WRITE "WRITE" b"FM" 16 Write(WriteArgs<'a>) -> OpResult<WriteResOk>,
    39 OP_RELEASE_LOCKOWNER "RELEASE_LOCKOWNER" b"-" 0 ReleaseLockowner(()) -> OpResult<()>,
    40 OP_BACKCHANNEL_CTL "BACKCHANNEL_CTL" b"M" 0
        BackchannelCtl(BackchannelCtlArgs<'a>) -> OpResult<()>,
    41 OP_BIND_CONN_TO_SESSION "BIND_CONN_TO_SESSION" b"MS" 24
        BindConnToSession(BindConnToSessionArgs) -> OpResult<BindConnToSessionResOk>,
    42 OP_EXCHANGE_ID "EXCHANGE_ID" b"MS" 400
        ExchangeId(ExchangeIdArgs<'a>) -> OpResult<ExchangeIdResOk<'a>>,
    43 OP_CREATE_SESSION "CREATE_SESSION" b"MS" 96
        CreateSession(CreateSessionArgs<'a>) -> OpResult<CreateSessionResOk>,
    44 OP_DESTROY_SESSION "DESTROY_SESSION" b"MS" 0
        DestroySession(DestroySessionArgs) -> OpResult<()>,
    45 OP_FREE_STATEID "FREE_STATEID" b"M" 0 FreeStateid(FreeStateidArgs) -> OpResult<()>,
    46 OP_GET_DIR_DELEGATION "GET_DIR_DELEGATION" b"F-" 0
        GetDirDelegation(GetDirDelegationArgs) -> OpResult<()>,
    47 OP_GETDEVICEINFO "GETDEVICEINFO" b"-" 0 Getdeviceinfo(GetdeviceinfoArgs) -> OpResult<()>,
    48 OP_GETDEVICELIST "GETDEVICELIST" b"F-" 0 Getdevicelist(GetdevicelistArgs) -> OpResult<()>,
    49 OP_LAYOUTCOMMIT "LAYOUTCOMMIT" b"F-" 0 Layoutcommit(LayoutcommitArgs<'a>) -> OpResult<()>,
    50 OP_LAYOUTGET "LAYOUTGET" b"F-" 0 Layoutget(LayoutgetArgs) -> OpResult<()>,
    51 OP_LAYOUTRETURN "LAYOUTRETURN" b"F-" 0 Layoutreturn(LayoutreturnArgs<'a>) -> OpResult<()>,
    52 OP_SECINFO_NO_NAME "SECINFO_NO_NAME" b"F" 12
        SecinfoNoName(SecinfoStyle4) -> OpResult<SecinfoResOk<'a>>,
    53 OP_SEQUENCE "SEQUENCE" b"" 36 Sequence(SequenceArgs) -> OpResult<SequenceResOk>,
    54 OP_SET_SSV "SET_SSV" b"-" 0 SetSsv(SetSsvArgs<'a>) -> OpResult<()>,
    55 OP_TEST_STATEID "TEST_STATEID" b"" 4
        TestStateid(TestStateidArgs) -> OpResult<TestStateidResOk>,
    56 OP_WANT_DELEGATION "WANT_DELEGATION" b"-" 0
        WantDelegation(WantDelegationArgs) -> OpResult<()>,
    57 OP_DESTROY_CLIENTID "DESTROY_CLIENTID" b"MS" 0
        DestroyClientid(DestroyClientidArgs) -> OpResult<()>,
    58 OP_RECLAIM_COMPLETE "RECLAIM_COMPLETE" b"M" 0
        ReclaimComplete(ReclaimCompleteArgs) -> OpResult<()>,
}

impl OpInfo {
    /// The row of operation `number`; `None` if NFSv4.1 has no such operation.
    #[must_use]
    pub fn of(number: OpNum) -> Option<&'static Self> {
        let index = number.0.checked_sub(OpNum::OP_ACCESS.0)?;
        Self::TABLE.get(index as usize)
    }
}

impl<'a> Unpack<'a> for NfsArgop4<'a> {
    fn unpack(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, number) = field::<OpNum>("argop", input)?;
        Self::unpack_args(number, rest)
    }
}

/// The two shapes of results: a status and data, or a union of its own.
trait ResultBody<'a>: Sized {
    fn status(&self) -> Nfsstat4;
    fn unpack_result(input: &'a [u8]) -> Parsed<'a, Self>;
}

trait PackResult<W: Write> {
    fn pack_result(&self, out: &mut W) -> xdr_codec::Result<usize>;
}

impl<'a, T: Unpack<'a>> ResultBody<'a> for OpResult<T> {
    fn status(&self) -> Nfsstat4 {
        self.as_ref().err().copied().unwrap_or(Nfsstat4::NFS4_OK)
    }

    fn unpack_result(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, status) = field::<Nfsstat4>("status", input)?;
        if status != Nfsstat4::NFS4_OK {
            return Ok((rest, Err(status)));
        }
        T::unpack(rest).map(|(rest, value)| (rest, Ok(value)))
    }
}

impl<T: Pack<W>, W: Write> PackResult<W> for OpResult<T> {
    fn pack_result(&self, out: &mut W) -> xdr_codec::Result<usize> {
        match self {
            Ok(value) => Ok(Nfsstat4::NFS4_OK.pack(out)? + value.pack(out)?),
            Err(status) => status.pack(out),
        }
    }
}

impl<'a> ResultBody<'a> for SetattrRes {
    fn status(&self) -> Nfsstat4 {
        self.status
    }

    fn unpack_result(input: &'a [u8]) -> Parsed<'a, Self> {
        Self::unpack(input)
    }
}

impl<W: Write> PackResult<W> for SetattrRes {
    fn pack_result(&self, out: &mut W) -> xdr_codec::Result<usize> {
        self.pack(out)
    }
}

impl<'a, T: Unpack<'a>> ResultBody<'a> for LockRes<'a, T> {
    fn status(&self) -> Nfsstat4 {
        match self {
            Self::Ok(_) => Nfsstat4::NFS4_OK,
            Self::Denied(_) => Nfsstat4::NFS4ERR_DENIED,
            Self::Err(status) => *status,
        }
    }

    fn unpack_result(input: &'a [u8]) -> Parsed<'a, Self> {
        Self::unpack(input)
    }
}

impl<T: Pack<W>, W: Write> PackResult<W> for LockRes<'_, T> {
    fn pack_result(&self, out: &mut W) -> xdr_codec::Result<usize> {
        self.pack(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xdr::{decode, packed_length};

    #[test]
    fn the_table_is_indexed_by_number() {
        for info in OpInfo::TABLE {
            assert_eq!(OpInfo::of(info.number), Some(info));
        }
        assert_eq!(OpInfo::TABLE.len(), 56);
        for number in [0, 2, 59, OpNum::OP_ILLEGAL.0, u32::MAX] {
            assert_eq!(OpInfo::of(OpNum(number)), None);
        }
    }

    #[test]
    fn an_operation_without_arguments_is_its_number() {
        assert_eq!(packed_length(&NfsArgop4::Getfh(())), 4);
        assert_eq!(
            decode::<NfsArgop4<'_>>(&[0, 0, 0, 24]),
            Ok((NfsArgop4::Putrootfh(()), &[][..]))
        );
    }
}
