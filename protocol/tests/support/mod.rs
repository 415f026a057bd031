//! The captured pairs, and whole messages decoded and encoded with the crate.

use std::fs;
use std::path::{Path, PathBuf};

use localefs_protocol::nfs4::{CompoundHeader, CompoundResult, NfsArgop4, NfsResop4};
use localefs_protocol::rpc::{AuthFlavor, AuthSys, Call, CallError, OpaqueAuth, ReplyHeader};
use localefs_protocol::xdr::{DecodeError, Encoder, decode};

/// A call and its reply, as captured, without record marks.
pub struct Pair {
    /// The file name without its endings.
    pub name: String,
    pub call: Vec<u8>,
    pub reply: Vec<u8>,
}

/// The directory of the captured pairs.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// All captured pairs, by name.
pub fn pairs() -> Vec<Pair> {
    let mut names: Vec<String> = fs::read_dir(directory())
        .expect("the directory of captured pairs")
        .map(|entry| {
            entry
                .expect("a directory entry")
                .file_name()
                .into_string()
                .expect("ASCII")
        })
        .filter_map(|file| file.strip_suffix(".call.bin").map(str::to_owned))
        .collect();
    names.sort();
    names.iter().map(|name| pair(name)).collect()
}

/// The captured pair `name`.
pub fn pair(name: &str) -> Pair {
    let read = |ending: &str| {
        let file = directory().join(format!("{name}.{ending}.bin"));
        fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    };
    Pair {
        name: name.to_owned(),
        call: read("call"),
        reply: read("reply"),
    }
}

/// Why a message is no COMPOUND.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MessageError {
    Call(CallError),
    Reply(DecodeError),
    Compound(DecodeError),
    Operation(usize, DecodeError),
}

/// A COMPOUND call, decoded to its end.
#[derive(Debug, PartialEq)]
pub struct CompoundCall<'a> {
    pub rpc: Call<'a>,
    /// If the credential is AUTH_SYS.
    pub sys: Option<AuthSys<'a>>,
    pub header: CompoundHeader<'a>,
    pub operations: Vec<NfsArgop4<'a>>,
    /// What follows the last operation.
    pub rest: &'a [u8],
}

impl<'a> CompoundCall<'a> {
    pub fn decode(record: &'a [u8]) -> Result<Self, MessageError> {
        let (rpc, rest) = Call::decode(record).map_err(MessageError::Call)?;
        let sys = match rpc.credential.flavor {
            AuthFlavor::AUTH_SYS => AuthSys::from_body(rpc.credential.body.as_slice()).ok(),
            _ => None,
        };
        let (header, mut rest) =
            decode::<CompoundHeader<'_>>(rest).map_err(MessageError::Compound)?;
        let mut operations = Vec::new();
        for index in 0..header.numops as usize {
            let (operation, after) =
                decode(rest).map_err(|error| MessageError::Operation(index, error))?;
            operations.push(operation);
            rest = after;
        }
        Ok(Self {
            rpc,
            sys,
            header,
            operations,
            rest,
        })
    }

    /// The whole call again. The credential's body comes from its decoded value, if there is one.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Encoder::default();
        let mut rpc = self.rpc.clone();
        if let Some(sys) = &self.sys {
            body.put(sys);
        }
        let body = body.to_bytes();
        if self.sys.is_some() {
            rpc.credential = OpaqueAuth {
                flavor: rpc.credential.flavor,
                body: body[..].into(),
            };
        }
        let mut encoder = Encoder::default();
        encoder.put(&rpc);
        encoder.put(&self.header);
        for operation in &self.operations {
            encoder.put(operation);
        }
        encoder.put_encoded(self.rest);
        encoder.to_bytes().to_vec()
    }
}

/// The reply to a COMPOUND, decoded to its end.
#[derive(Debug, PartialEq)]
pub struct CompoundReply<'a> {
    pub xid: u32,
    pub rpc: ReplyHeader,
    pub header: CompoundResult<'a>,
    pub results: Vec<NfsResop4<'a>>,
    /// What follows the last result.
    pub rest: &'a [u8],
}

impl<'a> CompoundReply<'a> {
    pub fn decode(record: &'a [u8]) -> Result<Self, MessageError> {
        let ((xid, rpc), rest) =
            decode::<(u32, ReplyHeader)>(record).map_err(MessageError::Reply)?;
        let (header, mut rest) =
            decode::<CompoundResult<'_>>(rest).map_err(MessageError::Compound)?;
        let mut results = Vec::new();
        for index in 0..header.numres as usize {
            let (result, after) =
                decode(rest).map_err(|error| MessageError::Operation(index, error))?;
            results.push(result);
            rest = after;
        }
        Ok(Self {
            xid,
            rpc,
            header,
            results,
            rest,
        })
    }

    /// The whole reply again.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::default();
        self.rpc
            .pack(self.xid, &mut encoder)
            .expect("writing to memory");
        encoder.put(&self.header);
        for result in &self.results {
            encoder.put(result);
        }
        encoder.put_encoded(self.rest);
        encoder.to_bytes().to_vec()
    }
}

/// All captured calls that the crate decodes.
pub fn calls() -> Vec<Pair> {
    pairs()
        .into_iter()
        .filter(|pair| !is_foreign_call(&pair.name))
        .collect()
}

/// All captured replies that the crate decodes.
pub fn replies() -> Vec<Pair> {
    pairs()
        .into_iter()
        .filter(|pair| !is_foreign_reply(&pair.name))
        .collect()
}

/// Calls that are not a COMPOUND of NFSv4.1 which the crate decodes: NULL, other programs and
/// versions, and SETCLIENTID, whose arguments nobody needs.
fn is_foreign_call(name: &str) -> bool {
    [
        "null",
        "prog-mismatch",
        "prog-unavail",
        "minor-version-0",
        "cb-recall",
        "cb-notify-lock",
    ]
    .contains(&&name[3..])
}

/// Replies to those, and those with data that only a server with pNFS sends.
fn is_foreign_reply(name: &str) -> bool {
    is_foreign_call(name) || ["layoutget", "getdeviceinfo", "layoutreturn"].contains(&&name[3..])
}
