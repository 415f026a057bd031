//! Sockets that clients connect to.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tracing::{debug, warn};

use super::Shared;
use super::complaint::Complaint;
use super::connection::Connection;
use super::service::Service;

/// Connections that the kernel completes before they are accepted; it lowers this to its own
/// bound.
const BACKLOG: i32 = 4096;

/// The longest pause after an accept that failed for want of files or memory.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Opens a socket that accepts on `address`; port 0 is a free one.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restarted server must not wait for the connections of the one before to be forgotten.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // So that [::] and 0.0.0.0 can both be listened on.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Accepts connections for ever.
pub(super) async fn accept<S: Service>(listener: TcpListener, shared: Arc<Shared<S>>) {
    let mut refused = Complaint::default();
    let mut failed = Complaint::default();
    let mut pause = Duration::ZERO;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                pause = Duration::ZERO;
                let local = stream
                    .local_addr()
                    .map_or(IpAddr::from([0; 4]), |local| local.ip());
                match shared.registry.enter(peer, local) {
                    Some(entry) => {
                        if let Err(error) = prepare(&stream) {
                            // The client is gone already.
                            debug!(%peer, %error, "lost at once");
                            continue;
                        }
                        tokio::spawn(Connection::new(Arc::clone(&shared), stream, entry).run());
                    }
                    None => refused.say(1, |count| {
                        warn!(
                            count,
                            limit = shared.limits.connections,
                            "too many connections"
                        );
                    }),
                }
            }
            Err(error) if concerns_one_connection(&error) => debug!(%error, "lost before accept"),
            Err(error) => {
                failed.say(1, |count| warn!(%error, count, "cannot accept connections"));
                pause = (pause * 2).clamp(Duration::from_millis(10), LONGEST_PAUSE);
                sleep(pause).await;
            }
        }
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    // Finds out about clients that vanished without a word; living ones answer, however idle.
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(15))
        .with_retries(4);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

// accept also reports errors of the network that a new connection met (accept(2)).
fn concerns_one_connection(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::CONNABORTED
                | Errno::INTR
                | Errno::PROTO
                | Errno::NETDOWN
                | Errno::NOPROTOOPT
                | Errno::HOSTDOWN
                | Errno::NONET
                | Errno::HOSTUNREACH
                | Errno::OPNOTSUPP
                | Errno::NETUNREACH
                | Errno::PERM
        )
    )
}
