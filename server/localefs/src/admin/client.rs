//! The commands' end of the socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use localefs_control::explain::{Explanation, Question};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::faults::{Added, Cleared, Refusal, ResetNow, Target};
use super::network::Network;
use super::socket;
use super::state::{Import, ImportAnswer};
use super::status::{Health, Status};
use crate::faults::{Fault, FaultStatus};

/// How long a server may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// How long it may take to move a whole state.
const WORK: Duration = Duration::from_secs(300);

/// Why a server did not answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// None runs on this data directory.
    #[error("no localefs is running on {}", path.display())]
    NotRunning {
        /// The data directory.
        path: PathBuf,
    },
    /// It may not be asked by this user.
    #[error(
        "only its owner may ask the localefs on {}: run this as root (sudo)",
        path.display()
    )]
    Forbidden {
        /// The data directory.
        path: PathBuf,
    },
    /// The connection failed.
    #[error("cannot reach the localefs on {}: {error}", path.display())]
    Unreachable {
        /// The data directory.
        path: PathBuf,
        /// What the system answered.
        error: io::Error,
    },
    /// It refuses what it was asked for.
    #[error("{reason}")]
    Refused {
        /// Why.
        reason: String,
    },
    /// It accepted but gave no answer in time, or none that can be read.
    #[error("the localefs on {} gives no proper answer: {reason}", path.display())]
    NoAnswer {
        /// The data directory.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
}

/// Asks the server on the data directory `data` whether it is well.
///
/// # Errors
/// [`ClientError`] if it is not.
pub async fn health(data: &Path) -> Result<Health, ClientError> {
    get(data, "/health").await
}

/// Asks the server on the data directory `data` for a picture of itself.
///
/// # Errors
/// [`ClientError`] if none comes.
pub async fn status(data: &Path) -> Result<Status, ClientError> {
    get(data, "/status").await
}

/// Asks the server on the data directory `data` for names and addresses.
///
/// # Errors
/// [`ClientError`] if none come.
pub async fn network(data: &Path) -> Result<Network, ClientError> {
    get(data, "/network").await
}

/// Asks the server on the data directory `data` whether something is allowed, and why.
///
/// # Errors
/// [`ClientError`]; [`ClientError::Refused`] if the question makes no sense.
pub async fn explain(data: &Path, question: &Question) -> Result<Explanation, ClientError> {
    ask(data, Method::POST, "/explain", json(question)).await
}

/// Asks the server on the data directory `data` which faults are at work.
///
/// # Errors
/// [`ClientError`] if no answer comes.
pub async fn faults(data: &Path) -> Result<Vec<FaultStatus>, ClientError> {
    get(data, "/faults").await
}

/// Puts a fault to work in the server on the data directory `data`.
///
/// # Errors
/// [`ClientError`]; [`ClientError::Refused`] if it makes no sense.
pub async fn add_fault(data: &Path, fault: &Fault) -> Result<u64, ClientError> {
    let added: Added = ask(data, Method::POST, "/faults", json(fault)).await?;
    Ok(added.id)
}

/// Ends a fault.
///
/// # Errors
/// [`ClientError`]; [`ClientError::Refused`] if there is no such fault.
pub async fn clear_fault(data: &Path, id: u64) -> Result<(), ClientError> {
    let path = format!("/faults/{id}");
    let _: Cleared = ask(data, Method::DELETE, &path, Bytes::new()).await?;
    Ok(())
}

/// Ends all faults; gives how many there were.
///
/// # Errors
/// [`ClientError`].
pub async fn clear_faults(data: &Path) -> Result<usize, ClientError> {
    let cleared: Cleared = ask(data, Method::DELETE, "/faults", Bytes::new()).await?;
    Ok(cleared.cleared)
}

/// Resets connections once; gives how many.
///
/// # Errors
/// [`ClientError`]; [`ClientError::Refused`] if there is no such mount target.
pub async fn reset_connections(data: &Path, target: &Target) -> Result<usize, ClientError> {
    let reset: ResetNow = ask(data, Method::POST, "/faults/reset", json(target)).await?;
    Ok(reset.connections)
}

/// The state of the server on the data directory `data`, as one JSON document with all secrets.
///
/// # Errors
/// [`ClientError`].
pub async fn export(data: &Path) -> Result<Bytes, ClientError> {
    raw(data, Method::GET, "/export", Bytes::new(), WORK).await
}

/// Makes the state of the server on the data directory `data` that of a document.
///
/// # Errors
/// [`ClientError`]; [`ClientError::Refused`] if the document can't be used, or would replace
/// something without being told so.
pub async fn import(
    data: &Path,
    document: Bytes,
    how: Import,
) -> Result<ImportAnswer, ClientError> {
    let path = format!("/import?replace={}", how.replace);
    let answer = raw(data, Method::POST, &path, document, WORK).await?;
    read(data, &answer)
}

fn json(value: &impl Serialize) -> Bytes {
    // What has no form in JSON is refused as what it then is: nothing.
    serde_json::to_vec(value).unwrap_or_default().into()
}

async fn get<T: DeserializeOwned>(data: &Path, path: &str) -> Result<T, ClientError> {
    ask(data, Method::GET, path, Bytes::new()).await
}

async fn ask<T: DeserializeOwned>(
    data: &Path,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<T, ClientError> {
    let answer = raw(data, method, path, body, ANSWER).await?;
    read(data, &answer)
}

fn read<T: DeserializeOwned>(data: &Path, answer: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(answer).map_err(|error| ClientError::NoAnswer {
        path: data.to_owned(),
        reason: error.to_string(),
    })
}

/// The body of an answer.
async fn raw(
    data: &Path,
    method: Method,
    path: &str,
    body: Bytes,
    patience: Duration,
) -> Result<Bytes, ClientError> {
    let stream = connect(data).await?;
    let no_answer = |reason: String| ClientError::NoAnswer {
        path: data.to_owned(),
        reason,
    };
    let answer = timeout(patience, exchange(stream, method, path, body)).await;
    let answer = answer.map_err(|_| no_answer(format!("none within {} s", patience.as_secs())))?;
    let (status, body) = answer.map_err(|error| no_answer(error.to_string()))?;
    if !status.is_success() {
        return Err(match serde_json::from_slice::<Refusal>(&body) {
            Ok(refusal) => ClientError::Refused {
                reason: refusal.error,
            },
            Err(_) => no_answer(format!("it answers {status}")),
        });
    }
    Ok(body)
}

async fn connect(data: &Path) -> Result<UnixStream, ClientError> {
    let connected = match socket::path(data) {
        Ok((socket, _directory)) => UnixStream::connect(socket).await,
        Err(error) => Err(error),
    };
    let path = data.to_owned();
    connected.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            ClientError::NotRunning { path }
        }
        io::ErrorKind::PermissionDenied => ClientError::Forbidden { path },
        _ => ClientError::Unreachable { path, error },
    })
}

async fn exchange(
    stream: UnixStream,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "localefs")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(body))?;
    let talk = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        // Ends the connection, and with it the other half of this join.
        drop(sender);
        Ok((status, body))
    };
    let (answer, _) = tokio::join!(talk, connection);
    answer
}
