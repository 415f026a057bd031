//! The commands' end of the socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::socket;
use super::status::{Health, Status};

/// How long a server may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

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

async fn get<T: DeserializeOwned>(data: &Path, path: &str) -> Result<T, ClientError> {
    let stream = connect(data).await?;
    let no_answer = |reason: String| ClientError::NoAnswer {
        path: data.to_owned(),
        reason,
    };
    let answer = timeout(ANSWER, exchange(stream, path)).await;
    let answer = answer.map_err(|_| no_answer(format!("none within {} s", ANSWER.as_secs())))?;
    let body = answer.map_err(|error| no_answer(error.to_string()))?;
    serde_json::from_slice(&body).map_err(|error| no_answer(error.to_string()))
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
    path: &str,
) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path)
        .header(header::HOST, "localefs")
        .body(Empty::<Bytes>::new())?;
    let talk = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        // Ends the connection, and with it the other half of this join.
        drop(sender);
        if !status.is_success() {
            return Err(format!("it answers {status}").into());
        }
        Ok(body)
    };
    let (answer, _) = tokio::join!(talk, connection);
    answer
}
