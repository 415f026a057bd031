//! A TCP proxy between client and server that knows RPC records: it delays calls and replies,
//! cuts them short, and loses replies of calls that were executed.
//!
//! What it does to each call is decided by a function that sees the call's operations.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use bytes::{Bytes, BytesMut};
use localefs_protocol::nfs4::{CompoundHeader, NfsArgop4, OpInfo, OpNum};
use localefs_protocol::record::{Assembled, RecordAssembler, single_fragment_mark};
use localefs_protocol::rpc::Call;
use localefs_protocol::xdr::decode;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use socket2::SockRef;

use crate::namespace::Namespace;
use crate::reports::lock;

/// Connections at a time; a further one is closed at once.
const CONNECTIONS: usize = 64;

/// The longest record that passes.
const LONGEST_RECORD: usize = 32 << 20;

/// How long a peer may take nothing of what is sent to it.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a frozen proxy looks whether it still is.
const THAW: Duration = Duration::from_millis(10);

/// What becomes of a call and its reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Both pass.
    #[default]
    None,
    /// The call, and what follows it, comes to the server later.
    DelayCall(Duration),
    /// The reply, and what follows it, comes to the client later.
    DelayReply(Duration),
    /// The server gets so many octets of the call, mark included; then both connections are reset.
    CutCall(usize),
    /// The server executes the call; the client gets so many octets of the reply; then both
    /// connections are reset.
    CutReply(usize),
    /// The server executes the call; the client gets no reply, and the connections stay: until
    /// [`Proxy::reset`], usually.
    Swallow,
}

impl Fault {
    fn name(self) -> &'static str {
        match self {
            Self::None => "passed",
            Self::DelayCall(_) => "call delayed",
            Self::DelayReply(_) => "reply delayed",
            Self::CutCall(_) => "call cut",
            Self::CutReply(_) => "reply cut",
            Self::Swallow => "reply swallowed",
        }
    }
}

/// A call on its way to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passing {
    /// The operations of the COMPOUND; none if it is something else.
    pub operations: Vec<OpNum>,
    /// Octets of its record, with the mark.
    pub length: usize,
    /// Whether a call with its transaction id was cut, or its reply was lost.
    pub again: bool,
}

impl Passing {
    /// Whether an operation is in the call.
    #[must_use]
    pub fn has(&self, operation: OpNum) -> bool {
        self.operations.contains(&operation)
    }

    /// The operation that the others are there for.
    #[must_use]
    pub fn purpose(&self) -> &'static str {
        const AROUND: [OpNum; 8] = [
            OpNum::OP_SEQUENCE,
            OpNum::OP_PUTFH,
            OpNum::OP_PUTROOTFH,
            OpNum::OP_SAVEFH,
            OpNum::OP_RESTOREFH,
            OpNum::OP_GETFH,
            OpNum::OP_GETATTR,
            OpNum::OP_ACCESS,
        ];
        let mut operations = self.operations.iter();
        let purpose = operations.find(|operation| !AROUND.contains(operation));
        let purpose = purpose.or(self.operations.last());
        purpose
            .and_then(|number| OpInfo::of(*number))
            .map_or("other", |info| info.name)
    }

    fn decode(record: &[u8]) -> Option<(u32, Vec<OpNum>)> {
        let (call, rest) = Call::decode(record).ok()?;
        let mut operations = Vec::new();
        if let Ok((header, mut rest)) = decode::<CompoundHeader<'_>>(rest) {
            for _ in 0..header.numops {
                let Ok((number, arguments)) = decode::<OpNum>(rest) else {
                    break;
                };
                operations.push(number);
                let Ok((left, _)) = NfsArgop4::unpack_args(number, arguments) else {
                    break;
                };
                rest = left;
            }
        }
        Some((call.xid, operations))
    }
}

/// Decides about each call.
pub type Decide = Box<dyn FnMut(&Passing) -> Fault + Send>;

/// What a proxy has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How often, by what became of a call and what the call was for: `reply cut` and `RENAME`.
    pub faults: BTreeMap<(&'static str, &'static str), u64>,
    /// Replies that were swallowed: their calls have been executed.
    pub swallowed: u64,
    /// Calls that came again after they were cut, or their reply was lost.
    pub resent: u64,
    /// Connections of clients.
    pub connections: u64,
}

impl Report {
    /// How many calls became that, whatever they were for.
    #[must_use]
    pub fn count(&self, fault: &str) -> u64 {
        let all = self.faults.iter();
        all.filter(|((name, _), _)| *name == fault)
            .map(|(_, count)| count)
            .sum()
    }
}

/// What the threads share.
struct Shared {
    upstream: SocketAddr,
    decide: Mutex<Decide>,
    report: Mutex<Report>,
    /// Transaction ids of calls that were not answered.
    lost: Mutex<HashSet<u32>>,
    links: Mutex<Vec<Weak<Link>>>,
    frozen: AtomicBool,
    ended: AtomicBool,
}

/// A connection of a client, and the one to the server that belongs to it.
struct Link {
    client: TcpStream,
    server: TcpStream,
    /// What is to become of replies, by transaction id.
    replies: Mutex<HashMap<u32, Fault>>,
}

/// A proxy; its connections end with it.
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Proxy {
    /// Listens at an address, in a namespace if one is given, and lets everything pass.
    ///
    /// # Errors
    /// Those of the socket and the namespace.
    pub fn start(
        namespace: Option<&Namespace>,
        listen: SocketAddr,
        upstream: SocketAddr,
    ) -> Result<Self> {
        let shared = Arc::new(Shared {
            upstream,
            decide: Mutex::new(Box::new(|_| Fault::None)),
            report: Mutex::default(),
            lost: Mutex::default(),
            links: Mutex::default(),
            frozen: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        });
        let network = match namespace {
            Some(namespace) => Some(File::open(format!("/run/netns/{}", namespace.name()))?),
            None => None,
        };
        let (sender, receiver) = mpsc::channel();
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            let bound = (|| {
                if let Some(network) = network {
                    let kind = Some(LinkNameSpaceType::Network);
                    move_into_link_name_space(network.as_fd(), kind)?;
                }
                let listener = TcpListener::bind(listen)?;
                Ok((listener.local_addr()?, listener))
            })();
            match bound {
                Ok((address, listener)) => {
                    let _ = sender.send(Ok(address));
                    accepting.accept(&listener);
                }
                Err(error) => {
                    let _ = sender.send(Err(error));
                }
            }
        });
        let bound: io::Result<SocketAddr> = receiver.recv().context("the proxy ended")?;
        let address = bound.map_err(|error| anyhow!("{listen}: {error}"))?;
        Ok(Self { shared, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has a function decide about each call from now on.
    pub fn decide(&self, decide: impl FnMut(&Passing) -> Fault + Send + 'static) {
        *lock(&self.shared.decide) = Box::new(decide);
    }

    /// Does something to the next call with an operation, once.
    pub fn once(&self, operation: OpNum, fault: Fault) {
        let mut left = Some(fault);
        self.decide(move |call| match call.has(operation) {
            true => left.take().unwrap_or_default(),
            false => Fault::None,
        });
    }

    /// Waits until so many replies were swallowed; whether that came to be in time.
    #[must_use]
    pub fn wait_swallowed(&self, count: u64, time: Duration) -> bool {
        let end = Instant::now() + time;
        while self.report().swallowed < count {
            if Instant::now() > end {
                return false;
            }
            thread::sleep(THAW);
        }
        true
    }

    /// Lets nothing pass in either direction, and keeps all connections; or goes on.
    pub fn freeze(&self, frozen: bool) {
        self.shared.frozen.store(frozen, Ordering::SeqCst);
    }

    /// Resets every connection.
    pub fn reset(&self) {
        for link in lock(&self.shared.links).drain(..) {
            if let Some(link) = link.upgrade() {
                link.reset();
            }
        }
    }

    /// What it has done so far.
    #[must_use]
    pub fn report(&self) -> Report {
        lock(&self.shared.report).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.reset();
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        // Looked at between two tries, as nothing ends an accept.
        if listener.set_nonblocking(true).is_err() {
            return;
        }
        while !self.ended.load(Ordering::SeqCst) {
            match listener.accept() {
                Ok((client, _)) => {
                    // Without a server there is nobody to talk to: the client hears it at once.
                    let _ = self.connect(client);
                }
                Err(_) => thread::sleep(THAW),
            }
        }
    }

    fn connect(self: &Arc<Self>, client: TcpStream) -> io::Result<()> {
        client.set_nonblocking(false)?;
        let mut links = lock(&self.links);
        links.retain(|link| link.strong_count() > 0);
        if links.len() >= CONNECTIONS {
            return Ok(());
        }
        let server = TcpStream::connect_timeout(&self.upstream, PATIENCE)?;
        for stream in [&client, &server] {
            stream.set_nodelay(true)?;
            stream.set_write_timeout(Some(PATIENCE))?;
        }
        let link = Arc::new(Link {
            client,
            server,
            replies: Mutex::default(),
        });
        links.push(Arc::downgrade(&link));
        drop(links);
        lock(&self.report).connections += 1;
        let (calls, replies) = (Arc::clone(&link), link);
        let shared = Arc::clone(self);
        thread::spawn(move || {
            let _ = pump(&calls.client, |record| shared.call(&calls, record));
            calls.reset();
        });
        let shared = Arc::clone(self);
        thread::spawn(move || {
            let _ = pump(&replies.server, |record| shared.reply(&replies, record));
            replies.reset();
        });
        Ok(())
    }

    fn call(&self, link: &Link, record: &Bytes) -> io::Result<()> {
        self.thaw();
        let Some((xid, operations)) = Passing::decode(record) else {
            return send(&link.server, record);
        };
        let passing = Passing {
            operations,
            length: record.len() + 4,
            again: lock(&self.lost).remove(&xid),
        };
        let fault = lock(&self.decide)(&passing);
        let key = (fault.name(), passing.purpose());
        let mut report = lock(&self.report);
        report.resent += u64::from(passing.again);
        *report.faults.entry(key).or_default() += 1;
        drop(report);
        match fault {
            Fault::None => {}
            Fault::DelayCall(time) => thread::sleep(time),
            Fault::DelayReply(_) => {
                lock(&link.replies).insert(xid, fault);
            }
            Fault::CutReply(_) | Fault::Swallow => {
                lock(&self.lost).insert(xid);
                lock(&link.replies).insert(xid, fault);
            }
            Fault::CutCall(octets) => {
                lock(&self.lost).insert(xid);
                return cut(&link.server, record, octets);
            }
        }
        send(&link.server, record)
    }

    fn reply(&self, link: &Link, record: &Bytes) -> io::Result<()> {
        self.thaw();
        let xid = record.first_chunk().map(|xid| u32::from_be_bytes(*xid));
        let fault = xid.and_then(|xid| lock(&link.replies).remove(&xid));
        match fault {
            Some(Fault::DelayReply(time)) => thread::sleep(time),
            Some(Fault::CutReply(octets)) => return cut(&link.client, record, octets),
            Some(Fault::Swallow) => {
                lock(&self.report).swallowed += 1;
                return Ok(());
            }
            _ => {}
        }
        send(&link.client, record)
    }

    fn thaw(&self) {
        while self.frozen.load(Ordering::SeqCst) && !self.ended.load(Ordering::SeqCst) {
            thread::sleep(THAW);
        }
    }
}

impl Link {
    /// Has both ends see a reset as soon as both threads are done with the sockets.
    fn reset(&self) {
        for stream in [&self.client, &self.server] {
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            // Wakes whoever reads here; tells the peer nothing.
            let _ = stream.shutdown(std::net::Shutdown::Read);
        }
    }
}

/// Takes records from a stream to its end.
fn pump(mut from: &TcpStream, mut pass: impl FnMut(&Bytes) -> io::Result<()>) -> io::Result<()> {
    let mut assembler = RecordAssembler::new(LONGEST_RECORD);
    let (mut input, mut piece) = (BytesMut::new(), vec![0; 256 * 1024]);
    loop {
        match assembler.next(&mut input).map_err(io::Error::other)? {
            Assembled::Record(record) => pass(&record)?,
            Assembled::Need(_) => {
                let count = from.read(&mut piece)?;
                if count == 0 {
                    return Ok(());
                }
                input.extend_from_slice(&piece[..count]);
            }
        }
    }
}

fn marked(record: &Bytes) -> io::Result<Vec<u8>> {
    let length = u32::try_from(record.len()).map_err(io::Error::other)?;
    Ok([&single_fragment_mark(length), &record[..]].concat())
}

fn send(mut to: &TcpStream, record: &Bytes) -> io::Result<()> {
    to.write_all(&marked(record)?)
}

/// Sends the beginning of a record; the error ends the connection.
fn cut(mut to: &TcpStream, record: &Bytes, octets: usize) -> io::Result<()> {
    let octets = octets.min(record.len() + 3);
    to.write_all(&marked(record)?[..octets])?;
    Err(io::ErrorKind::ConnectionReset.into())
}
