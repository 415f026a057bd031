//! The API's socket: connections, requests within bounds, and an end in order.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::{Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::{ApiError, Request, Service, front, unsigned};
use crate::control::Control;
use crate::ids;

/// The longest body. The longest that a service takes, a managed policy in a form, has less.
const LONGEST_BODY: usize = 1 << 20;

/// What is read of a longer body, so that its sender gets to hear the answer.
const LONGEST_REFUSED: u64 = 256 << 20;

/// Octets of bodies that may be in memory, over all connections.
const BODIES: usize = 64 << 20;

/// Connections at the same time.
const CONNECTIONS: usize = 512;

/// How long a request may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(30);

/// A running API. Dropping it cuts its connections.
#[derive(Debug)]
pub struct Api {
    address: SocketAddr,
    stop: Option<oneshot::Sender<Duration>>,
    task: JoinHandle<()>,
}

/// Opens the API's socket; port 0 is a free one.
///
/// # Errors
/// Those of the system.
pub fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

impl Api {
    /// Serves on a socket of [`bind`]. Within a runtime.
    ///
    /// # Errors
    /// Those of the system.
    pub fn start(control: Arc<Control>, listener: std::net::TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let listener = TcpListener::from_std(listener)?;
        let (stop, stopped) = oneshot::channel();
        let server = Arc::new(Server {
            control,
            address,
            bodies: Arc::new(Semaphore::new(BODIES / 1024)),
        });
        let task = tokio::spawn(accept(server, listener, stopped));
        Ok(Self {
            address,
            stop: Some(stop),
            task,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, lets the calls that are under way finish for at most `patience`, and
    /// closes all connections.
    pub async fn stop(mut self, patience: Duration) {
        if let Some(stop) = self.stop.take() {
            // The task may have ended by a panic.
            let _ = stop.send(patience);
        }
        // As well.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Server {
    control: Arc<Control>,
    address: SocketAddr,
    /// In KiB.
    bodies: Arc<Semaphore>,
}

async fn accept(server: Arc<Server>, listener: TcpListener, mut stop: oneshot::Receiver<Duration>) {
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = tokio::task::JoinSet::new();
    let patience = loop {
        let accepted = tokio::select! {
            patience = &mut stop => break patience.unwrap_or_default(),
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "the API cannot accept connections");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // Who comes when it is full waits in the kernel no longer than others keep their place.
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            debug!(%peer, "too many connections to the API");
            continue;
        };
        connections.spawn(serve(
            Arc::clone(&server),
            stream,
            peer,
            place,
            graceful.watcher(),
        ));
    };
    drop(listener);
    // What does not end in time is cut when `connections` is dropped.
    let _ = timeout(patience, graceful.shutdown()).await;
}

async fn serve(
    server: Arc<Server>,
    stream: TcpStream,
    peer: SocketAddr,
    place: OwnedSemaphorePermit,
    watcher: hyper_util::server::graceful::Watcher,
) {
    // Without, answers wait for acknowledgements; a failure shows at the first read.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let server = Arc::clone(&server);
        async move { Ok::<_, Infallible>(handle(&server, request, peer).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ARRIVAL)
        .max_buf_size(64 << 10)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        debug!(%peer, %error, "a connection to the API ended early");
    }
    drop(place);
}

async fn handle(
    server: &Arc<Server>,
    request: hyper::Request<Incoming>,
    peer: SocketAddr,
) -> Response<Full<Bytes>> {
    let id = ids::uuid();
    let (parts, body) = request.into_parts();
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let (body, room) = match read(body, &server.bodies).await {
        Ok(read) => read,
        Err(error) => {
            let service = Service::of(&parts.headers, path, query, &[]);
            let mut response = error.into_response(service, &id);
            let close = http::HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
            return response;
        }
    };
    let request = Request {
        id,
        received: SystemTime::now(),
        peer,
        method: parts.method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers: parts.headers,
        body,
    };
    let control = &server.control;
    let response = if unsigned::is_unsigned(&request) {
        unsigned::answer(control, server.address, &request).await
    } else {
        front::answer(control, request).await
    };
    drop(room);
    response
}

/// Reads a body, with a share of the memory for all bodies.
async fn read(
    mut body: Incoming,
    bodies: &Arc<Semaphore>,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), ApiError> {
    let too_large = || {
        let message = format!("The request's body is longer than {LONGEST_BODY} bytes.");
        ApiError::new(413, "RequestEntityTooLargeException", message)
    };
    let late = |_| {
        ApiError::new(
            408,
            "RequestTimeoutException",
            "The request's body is late.",
        )
    };
    let announced = body.size_hint().upper();
    if announced == Some(0) {
        return Ok((Bytes::new(), None));
    }
    let expected = announced
        .and_then(|octets| usize::try_from(octets).ok())
        .unwrap_or(LONGEST_BODY);
    let room = if expected > LONGEST_BODY {
        None
    } else {
        let share = u32::try_from(expected.div_ceil(1024)).unwrap_or(u32::MAX);
        let acquired = timeout(ARRIVAL, Arc::clone(bodies).acquire_many_owned(share));
        acquired.await.map_err(late)?.ok()
    };
    let mut whole = BytesMut::new();
    let mut length = 0_u64;
    let arrive = async {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                ApiError::new(
                    400,
                    "BadRequest",
                    format!("The request's body ends early: {error}"),
                )
            })?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            length = length.saturating_add(data.len() as u64);
            if length > LONGEST_REFUSED {
                return Err(too_large());
            }
            if room.is_some() && length <= LONGEST_BODY as u64 {
                whole.extend_from_slice(&data);
            } else {
                whole = BytesMut::new();
            }
        }
        Ok(())
    };
    timeout(ARRIVAL, arrive).await.map_err(late)??;
    if length > LONGEST_BODY as u64 {
        return Err(too_large());
    }
    Ok((whole.freeze(), room))
}
