//! A DNS server for the names of file systems.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::proto::op::{Edns, MessageType, Metadata, OpCode, ResponseCode};
use hickory_server::proto::rr::rdata::A;
use hickory_server::proto::rr::{DNSClass, Name, RData, Record, RecordType};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use super::resolve::{Answer, resolve};
use super::{Names, domain};
use crate::error::ListenError;

/// How long others may keep an answer, in seconds. What there is not may not be kept at all, as no
/// SOA record comes with it (RFC 2308 §5): a mount target has its name once it is there.
const TTL: u32 = 60;

/// How long a connection may be silent.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers that may wait for one connection to take them.
const UNREAD_ANSWERS: usize = 16;

/// What may be sent over UDP to those who say how much they take (RFC 6891 §6.2.5).
const LONGEST_DATAGRAM: u16 = 1232;

/// Ports tried where any will do: it has to be free for UDP and TCP.
const ATTEMPTS: usize = 16;

/// Sockets for UDP and TCP.
#[derive(Debug)]
pub(crate) struct Dns {
    udp: UdpSocket,
    tcp: TcpListener,
    address: SocketAddr,
}

impl Dns {
    /// Opens the sockets; port 0 is a free one. Within a runtime.
    ///
    /// # Errors
    /// [`ListenError`] says what can be done.
    pub(crate) async fn bind(wanted: SocketAddr) -> Result<Self, ListenError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match Self::open(wanted).await {
                Err(error)
                    if wanted.port() == 0
                        && error.kind() == io::ErrorKind::AddrInUse
                        && attempts < ATTEMPTS => {}
                opened => return opened.map_err(|error| ListenError::new(wanted, error)),
            }
        }
    }

    async fn open(wanted: SocketAddr) -> io::Result<Self> {
        let tcp = TcpListener::bind(wanted).await?;
        let address = tcp.local_addr()?;
        let udp = UdpSocket::bind(address).await?;
        Ok(Self { udp, tcp, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers, in tasks among `tasks`.
    pub(crate) fn serve(self, names: Names, tasks: &mut JoinSet<()>) {
        info!(address = %self.address, domain = domain(&names.control.settings.region), "DNS");
        let mut server = Server::new(Handler(names));
        server.register_socket(self.udp);
        server.register_listener(self.tcp, PATIENCE, UNREAD_ANSWERS);
        tasks.spawn(async move {
            if let Err(error) = server.block_until_done().await {
                error!(%error, "names are not answered any more");
            }
        });
    }
}

struct Handler(Names);

impl Handler {
    /// The code and the address that a question is answered with.
    fn answer(&self, request: &Request) -> (ResponseCode, Option<(Name, A)>) {
        if request.metadata.message_type != MessageType::Query {
            return (ResponseCode::FormErr, None);
        }
        if request.metadata.op_code != OpCode::Query {
            return (ResponseCode::NotImp, None);
        }
        let Ok(info) = request.request_info() else {
            return (ResponseCode::FormErr, None);
        };
        let query = info.query;
        if query.query_class() != DNSClass::IN {
            return (ResponseCode::Refused, None);
        }
        let is_for_addresses = matches!(query.query_type(), RecordType::A | RecordType::ANY);
        match self.address(&query.name().to_string(), request.src().ip()) {
            Ok(found) => {
                let address = found.filter(|_| is_for_addresses);
                let record = address.map(|address| (query.original().name().clone(), address));
                (ResponseCode::NoError, record)
            }
            Err(code) => (code, None),
        }
    }

    /// The address of a name, if it has one.
    fn address(&self, name: &str, source: IpAddr) -> Result<Option<A>, ResponseCode> {
        let places = self.0.places().map_err(|error| {
            warn!(%error, "names can't be looked up");
            ResponseCode::ServFail
        })?;
        let domain = domain(&self.0.control.settings.region);
        match resolve(&places, &domain, name.trim_end_matches('.'), source) {
            Answer::MountTarget(target) => Ok(Some(A(self.0.address(target)))),
            Answer::NoData => Ok(None),
            Answer::NoName => Err(ResponseCode::NXDomain),
            Answer::NotHere => Err(ResponseCode::Refused),
        }
    }
}

#[async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut response: R,
    ) -> ResponseInfo {
        let (mut code, mut found) = self.answer(request);
        let edns = request.edns.as_ref().map(|_| {
            let mut edns = Edns::new();
            edns.set_max_payload(LONGEST_DATAGRAM);
            edns
        });
        if request.version() > 0 {
            (code, found) = (ResponseCode::BADVERS, None);
        }
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.response_code = code;
        metadata.authoritative = matches!(code, ResponseCode::NoError | ResponseCode::NXDomain);
        let record = found.map(|(name, address)| Record::from_rdata(name, TTL, RData::A(address)));
        let mut message = MessageResponseBuilder::from_message_request(request);
        if let Some(edns) = &edns {
            message.edns(edns);
        }
        let message = message.build(metadata, record.iter(), [], [], []);
        match response.send_response(message).await {
            Ok(sent) => sent,
            Err(error) => {
                warn!(%error, "an answer was not sent");
                hickory_server::proto::op::Header {
                    metadata,
                    counts: hickory_server::proto::op::HeaderCounts::default(),
                }
                .into()
            }
        }
    }
}
