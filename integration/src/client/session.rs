//! A client with a session.

use std::io;
use std::net::SocketAddr;

use localefs_protocol::nfs4::ops::{
    CallbackSecParms4, ChannelAttrs4, ClientOwner4, CreateSessionArgs, CreateSessionFlags,
    ExchangeIdArgs, ExchangeIdFlags, SequenceArgs, StateProtect4A,
};
use localefs_protocol::nfs4::{Clientid4, Nfsstat4, Sessionid4, Stateid4, Verifier4};

use super::compound::{Compound, Target};
use super::connection::{Connection, Credential};
use super::names::mode;
use super::open::Open;
use super::reply::Reply;

/// Who a client says that it is, and the session that it asks for.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// `co_ownerid`
    pub owner: Vec<u8>,
    /// `co_verifier`: which incarnation.
    pub verifier: Verifier4,
    /// `eia_flags`
    pub flags: ExchangeIdFlags,
    /// Of every call, unless a compound says otherwise.
    pub credential: Credential,
    /// `csa_flags`
    pub session_flags: CreateSessionFlags,
    /// `csa_fore_chan_attrs`
    pub fore: ChannelAttrs4,
    /// Whether RECLAIM_COMPLETE follows.
    pub reclaim_complete: bool,
}

impl ClientOptions {
    /// Client `owner`, as root, with 16 slots and room for 1 MiB of data.
    #[must_use]
    pub fn new(owner: impl AsRef<[u8]>) -> Self {
        Self {
            owner: owner.as_ref().to_vec(),
            verifier: Verifier4(*b"started1"),
            flags: ExchangeIdFlags(0),
            credential: Credential::ROOT,
            session_flags: CreateSessionFlags(0),
            fore: channel(16),
            reclaim_complete: true,
        }
    }

    /// Another incarnation of the same client.
    #[must_use]
    pub fn verifier(self, verifier: [u8; 8]) -> Self {
        Self {
            verifier: Verifier4(verifier),
            ..self
        }
    }

    /// Another user.
    #[must_use]
    pub fn credential(self, credential: Credential) -> Self {
        Self { credential, ..self }
    }

    /// Other sizes.
    #[must_use]
    pub fn fore(self, fore: ChannelAttrs4) -> Self {
        Self { fore, ..self }
    }

    /// Leaves out RECLAIM_COMPLETE, because something is to be reclaimed.
    #[must_use]
    pub fn reclaiming(self) -> Self {
        Self {
            reclaim_complete: false,
            ..self
        }
    }

    /// The arguments of EXCHANGE_ID.
    #[must_use]
    pub fn exchange_id(&self) -> ExchangeIdArgs<'_> {
        ExchangeIdArgs {
            eia_clientowner: ClientOwner4 {
                co_verifier: self.verifier,
                co_ownerid: self.owner.as_slice().into(),
            },
            eia_flags: self.flags,
            eia_state_protect: StateProtect4A::None,
            eia_client_impl_id: Vec::new().into(),
        }
    }

    /// The arguments of CREATE_SESSION.
    #[must_use]
    pub fn create_session(&self, clientid: Clientid4, sequence: u32) -> CreateSessionArgs<'static> {
        CreateSessionArgs {
            csa_clientid: clientid,
            csa_sequence: sequence,
            csa_flags: self.session_flags,
            csa_fore_chan_attrs: self.fore.clone(),
            csa_back_chan_attrs: channel(1),
            csa_cb_program: 0x4000_0000,
            csa_sec_parms: vec![CallbackSecParms4::None].into(),
        }
    }
}

/// A channel with so many slots: room for 1 MiB of data, 8 KiB of cached reply, 64 operations.
#[must_use]
pub fn channel(slots: u32) -> ChannelAttrs4 {
    ChannelAttrs4 {
        ca_headerpadsize: 0,
        ca_maxrequestsize: 1_049_620,
        ca_maxresponsesize: 1_049_480,
        ca_maxresponsesize_cached: 8192,
        ca_maxoperations: 64,
        ca_maxrequests: slots,
        ca_rdma_ird: Vec::new().into(),
    }
}

/// A session, and the connection that its compounds go over.
#[derive(Debug)]
pub struct Session {
    /// What compounds are sent over; may be replaced by another.
    pub connection: Connection,
    /// Of this session.
    pub id: Sessionid4,
    /// Of the client.
    pub clientid: Clientid4,
    /// Of every compound, unless it says otherwise.
    pub credential: Credential,
    /// What the server made of the fore channel.
    pub fore: ChannelAttrs4,
    /// `csa_sequence` of the client's next CREATE_SESSION.
    pub next_create_session: u32,
    /// Sequence id of each slot's next request.
    pub slots: Vec<u32>,
    /// Where the server is.
    pub address: SocketAddr,
}

impl Session {
    /// EXCHANGE_ID, CREATE_SESSION, and RECLAIM_COMPLETE unless the options leave it out.
    ///
    /// # Errors
    /// Those of the socket, and `InvalidData` if the server refuses.
    pub fn establish(address: SocketAddr, options: &ClientOptions) -> io::Result<Self> {
        let mut connection = Connection::open(address)?;
        let credential = options.credential.clone();
        let reply = connection
            .compound()
            .credential(credential)
            .exchange_id(&options.exchange_id());
        let reply = succeeded(reply.try_send()?)?;
        let client = reply.exchange_id();
        Self::create(
            connection,
            address,
            options,
            client.eir_clientid,
            client.eir_sequenceid,
        )
    }

    /// CREATE_SESSION for a client that did EXCHANGE_ID, and what follows it.
    ///
    /// # Errors
    /// As [`Session::establish`].
    pub fn create(
        mut connection: Connection,
        address: SocketAddr,
        options: &ClientOptions,
        clientid: Clientid4,
        sequence: u32,
    ) -> io::Result<Self> {
        let args = options.create_session(clientid, sequence);
        let credential = options.credential.clone();
        let reply = connection
            .compound()
            .credential(credential.clone())
            .create_session(&args);
        let reply = succeeded(reply.try_send()?)?;
        let created = reply.create_session();
        let slots = created.csr_fore_chan_attrs.ca_maxrequests as usize;
        let mut session = Self {
            connection,
            id: created.csr_sessionid,
            clientid,
            credential,
            fore: created.csr_fore_chan_attrs,
            next_create_session: sequence.wrapping_add(1),
            slots: vec![1; slots],
            address,
        };
        if options.reclaim_complete {
            succeeded(session.compound().reclaim_complete().try_send()?)?;
        }
        Ok(session)
    }

    /// A compound of this session; SEQUENCE comes by itself.
    pub fn compound(&mut self) -> Compound<'_> {
        let credential = self.credential.clone();
        Compound::new(Target::Session(self), credential)
    }

    /// A compound by somebody else.
    pub fn as_user(&mut self, uid: u32, gid: u32) -> Compound<'_> {
        self.compound().credential(Credential::user(uid, gid))
    }

    /// The arguments of the next SEQUENCE on `slot`.
    #[must_use]
    pub fn sequence(&self, slot: u32, cached: bool) -> SequenceArgs {
        let highest = u32::try_from(self.slots.len())
            .unwrap_or(u32::MAX)
            .saturating_sub(1);
        SequenceArgs {
            sa_sessionid: self.id,
            sa_sequenceid: self.slots.get(slot as usize).copied().unwrap_or(1),
            sa_slotid: slot,
            sa_highest_slotid: highest,
            sa_cachethis: cached,
        }
    }

    /// Counts a request on `slot`.
    pub fn used(&mut self, slot: u32) {
        if let Some(next) = self.slots.get_mut(slot as usize) {
            *next = next.wrapping_add(1);
        }
    }

    /// Goes on over a new connection.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn reconnect(&mut self) -> io::Result<()> {
        self.connection = Connection::open(self.address)?;
        Ok(())
    }

    /// The handle of the root directory.
    #[track_caller]
    pub fn root(&mut self) -> Vec<u8> {
        self.compound().putrootfh().getfh().ok().handle()
    }

    /// Makes a directory with every permission.
    #[track_caller]
    pub fn make_directory(&mut self, parent: &[u8], name: &str) -> Vec<u8> {
        // CREATE's mode is not masked, but the server may keep set-id bits back.
        self.compound()
            .putfh(parent)
            .mkdir(name, 0o777)
            .getfh()
            .ok()
            .handle()
    }

    /// Makes a regular file with this content and mode 0666, and leaves it closed.
    #[track_caller]
    pub fn make_file(&mut self, parent: &[u8], name: &str, content: &[u8]) -> Vec<u8> {
        let open = Open::both(name)
            .create()
            .set(mode(0o666))
            .owner("make_file");
        let reply = self
            .compound()
            .putfh(parent)
            .open(&open)
            .getfh()
            .write(
                Stateid4::CURRENT,
                0,
                localefs_protocol::nfs4::ops::StableHow4::Unstable,
                content,
            )
            .close(Stateid4::CURRENT)
            .ok();
        reply.handle()
    }

    /// Opens, and returns the stateid and the file's handle.
    #[track_caller]
    pub fn open(&mut self, parent: &[u8], open: &Open<'_>) -> (Stateid4, Vec<u8>) {
        let reply = self.compound().putfh(parent).open(open).getfh().ok();
        (reply.open().stateid, reply.handle())
    }
}

fn succeeded(reply: Reply) -> io::Result<Reply> {
    if reply.status() == Nfsstat4::NFS4_OK {
        Ok(reply)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{reply:?}"),
        ))
    }
}
