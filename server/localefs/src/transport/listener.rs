//! Sockets that clients connect to.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::complaint::Complaint;
use super::connection::Connection;
use super::registry::{Group, Refusal};
use super::service::Service;
use super::{Denied, Shared};

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

/// Accepts connections for ever, each for what `route` says of its local address. What leads
/// nowhere is closed at once.
pub(super) async fn accept<S: Service>(
    listener: Arc<TcpListener>,
    shared: Arc<Shared>,
    route: impl Fn(SocketAddr) -> Option<(Group, S)> + Send,
) {
    let mut refused = Complaint::default();
    let mut denied = Complaint::default();
    let mut crowded = Complaint::default();
    let mut failed = Complaint::default();
    let mut pause = Duration::ZERO;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                pause = Duration::ZERO;
                let Ok(local) = stream.local_addr() else {
                    debug!(%peer, "lost at once");
                    continue;
                };
                let Some((group, service)) = route(local) else {
                    debug!(%peer, "there is no mount target");
                    continue;
                };
                let resets = shared.denied == Denied::Reset;
                let entered = shared.registry.enter(group, peer, local.ip());
                if let Ok((_, Some(because))) | Err(Refusal::Silent(because)) = &entered {
                    denied.say(1, |count| {
                        info!(%peer, %local, %because, count, "denied");
                    });
                }
                match entered {
                    Ok((_, Some(_))) if resets => reset(&stream),
                    Ok((entry, _)) => {
                        if let Err(error) = prepare(&stream) {
                            // The client is gone already.
                            debug!(%peer, %error, "lost at once");
                            continue;
                        }
                        let shared = Arc::clone(&shared);
                        let mut connection = Connection::new(shared, service, stream, entry);
                        // Borrowed: if it were given away, the task would have room for two.
                        tokio::spawn(async move { connection.run().await });
                    }
                    Err(Refusal::Silent(_)) => {
                        reset(&stream);
                        crowded.say(1, |count| {
                            warn!(
                                count,
                                limit = shared.limits.waiting,
                                "too many denied connections; the last ones are reset"
                            );
                        });
                    }
                    Err(Refusal::Full) => refused.say(1, |count| {
                        warn!(
                            count,
                            limit = shared.limits.connections,
                            "too many connections"
                        );
                    }),
                    Err(Refusal::Gone) => debug!(%peer, "the mount target is gone"),
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

/// Has a connection end with RST (tcp(7)) once it is dropped, which leaves nothing behind.
pub(super) fn reset(stream: &TcpStream) {
    // It fails for those that have ended already.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    // It has inherited the filter of its listener, if that has one; later changes are the gate's.
    let _ = SockRef::from(stream).detach_filter();
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
