//! One TCP connection, records and RPC calls.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use localefs_protocol::record::{Assembled, LAST_FRAGMENT, RecordAssembler, single_fragment_mark};
use localefs_protocol::rpc::{AuthFlavor, AuthSys, Call, OpaqueAuth, ReplyHeader};
use localefs_protocol::xdr::{Pack, decode};
use socket2::{Domain, Protocol, Socket, Type};

use super::compound::{Compound, Target};
use super::reply::Reply;

/// How long a reply, or anything else from the server, may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The longest reply that is taken.
const LONGEST_REPLY: usize = 32 << 20;

/// Who makes a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// AUTH_NONE
    None,
    /// AUTH_SYS
    Sys {
        /// User.
        uid: u32,
        /// Group.
        gid: u32,
        /// Supplementary groups; more than 16 are sent if there are more.
        gids: Vec<u32>,
    },
    /// Any flavour with any body.
    Raw(u32, Vec<u8>),
}

impl Credential {
    /// User 0 and group 0 by AUTH_SYS.
    pub const ROOT: Self = Self::user(0, 0);

    /// A user with one group.
    #[must_use]
    pub const fn user(uid: u32, gid: u32) -> Self {
        Self::Sys {
            uid,
            gid,
            gids: Vec::new(),
        }
    }

    /// The flavour, and the body as it is sent.
    #[must_use]
    pub fn encode(&self) -> (AuthFlavor, Vec<u8>) {
        match self {
            Self::None => (AuthFlavor::AUTH_NONE, Vec::new()),
            Self::Sys { uid, gid, gids } => {
                let parameters = AuthSys {
                    stamp: 0x1357,
                    machinename: "client.example".into(),
                    uid: *uid,
                    gid: *gid,
                    gids: gids.clone().into(),
                };
                (AuthFlavor::AUTH_SYS, packed(&parameters))
            }
            Self::Raw(flavor, body) => (AuthFlavor(*flavor), body.clone()),
        }
    }
}

/// The encoding of `value`.
pub(super) fn packed<T: Pack<Vec<u8>>>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    value.pack(&mut out).expect("memory takes everything");
    out
}

/// The reply to an RPC call.
#[derive(Clone, Debug)]
pub struct RpcReply {
    /// Of the call.
    pub xid: u32,
    /// How RPC answered.
    pub header: ReplyHeader,
    /// The results, after `SUCCESS`.
    pub body: Bytes,
}

/// One TCP connection to a server.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    assembler: RecordAssembler,
    input: BytesMut,
    next_xid: u32,
    /// Replies that came before the one that was waited for.
    early: HashMap<u32, RpcReply>,
}

impl Connection {
    /// Connects from any port.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        Self::over(TcpStream::connect_timeout(&address, PATIENCE)?)
    }

    /// Connects from `source`; port 0 leaves the choice of a port.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn open_from(source: SocketAddr, address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_reuse_address(true)?;
        socket.bind(&source.into())?;
        socket.connect_timeout(&address.into(), PATIENCE)?;
        Self::over(socket.into())
    }

    fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            assembler: RecordAssembler::new(LONGEST_REPLY),
            input: BytesMut::new(),
            next_xid: 0x1000,
            early: HashMap::new(),
        })
    }

    /// The socket, for what it alone can do.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends octets as they are.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.write_all(octets)
    }

    /// Sends a record as a single fragment.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn send_record(&mut self, record: &[u8]) -> io::Result<()> {
        let length = u32::try_from(record.len()).map_err(io::Error::other)?;
        self.send(&[&single_fragment_mark(length), record].concat())
    }

    /// Sends a record in fragments of at most `size` octets.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn send_fragments(&mut self, record: &[u8], size: usize) -> io::Result<()> {
        let mut octets = Vec::new();
        let count = record.len().div_ceil(size);
        for (index, fragment) in record.chunks(size).enumerate() {
            let last = if index + 1 == count { LAST_FRAGMENT } else { 0 };
            let length = u32::try_from(fragment.len()).map_err(io::Error::other)?;
            octets.extend_from_slice(&(length | last).to_be_bytes());
            octets.extend_from_slice(fragment);
        }
        self.send(&octets)
    }

    /// The next record that the server sends.
    ///
    /// # Errors
    /// `UnexpectedEof` if the server closed the connection, `WouldBlock` if it says nothing.
    pub fn receive(&mut self) -> io::Result<Bytes> {
        loop {
            match self
                .assembler
                .next(&mut self.input)
                .map_err(io::Error::other)?
            {
                Assembled::Record(record) => return Ok(record),
                Assembled::Need(_) => {
                    let mut piece = [0; 64 * 1024];
                    match self.stream.read(&mut piece) {
                        Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                        Ok(count) => self.input.extend_from_slice(&piece[..count]),
                        // A socket with a timeout says so when this process was stopped.
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }

    /// Whether nothing comes within `time`, neither a record nor the end.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn stays_silent(&mut self, time: Duration) -> io::Result<bool> {
        self.stream.set_read_timeout(Some(time))?;
        let outcome = self.receive();
        self.stream.set_read_timeout(Some(PATIENCE))?;
        Ok(outcome.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock))
    }

    /// Whether the server closes the connection, whatever it sends before.
    #[must_use]
    pub fn is_closed(&mut self) -> bool {
        loop {
            match self.receive() {
                Ok(_) => {}
                Err(error) => {
                    return !matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    );
                }
            }
        }
    }

    /// A transaction id that was not used on this connection.
    pub fn xid(&mut self) -> u32 {
        self.next_xid += 1;
        self.next_xid
    }

    /// What [`Connection::xid`] returns next.
    pub(super) fn next_xid(&self) -> u32 {
        self.next_xid + 1
    }

    /// Makes a call and waits for its reply.
    ///
    /// # Errors
    /// Those of the socket, and `InvalidData` if the reply is none.
    pub fn call(
        &mut self,
        (program, version, procedure): (u32, u32, u32),
        credential: &Credential,
        arguments: &[u8],
    ) -> io::Result<RpcReply> {
        let xid = self.xid();
        let record = call_record(xid, (program, version, procedure), credential, arguments);
        self.send_record(&record)?;
        self.reply_to(xid)
    }

    /// Waits for the reply to call `xid`; those to others are kept.
    ///
    /// # Errors
    /// Those of the socket, and `InvalidData` if something else than a reply comes.
    pub fn reply_to(&mut self, xid: u32) -> io::Result<RpcReply> {
        loop {
            if let Some(reply) = self.early.remove(&xid) {
                return Ok(reply);
            }
            let record = self.receive()?;
            let ((xid, header), rest) = decode::<(u32, ReplyHeader)>(&record)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            let body = record.slice_ref(rest);
            self.early.insert(xid, RpcReply { xid, header, body });
        }
    }

    /// Waits for the reply to COMPOUND `xid`.
    ///
    /// # Errors
    /// As [`Connection::reply_to`], and `InvalidData` if it holds no results.
    pub fn compound_reply(&mut self, xid: u32) -> io::Result<Reply> {
        let reply = self.reply_to(xid)?;
        if reply.header != ReplyHeader::Success {
            let message = format!("COMPOUND is answered {:?}", reply.header);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Reply::parse(&reply.body).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// A compound without SEQUENCE, by user 0.
    pub fn compound(&mut self) -> Compound<'_> {
        Compound::new(Target::Connection(self), Credential::ROOT)
    }
}

/// The record of a call.
pub(crate) fn call_record(
    xid: u32,
    (program, version, procedure): (u32, u32, u32),
    credential: &Credential,
    arguments: &[u8],
) -> Vec<u8> {
    let (flavor, body) = credential.encode();
    let mut record = packed(&Call {
        xid,
        program,
        version,
        procedure,
        credential: OpaqueAuth {
            flavor,
            body: body.as_slice().into(),
        },
        verifier: OpaqueAuth::NONE,
    });
    record.extend_from_slice(arguments);
    record
}
