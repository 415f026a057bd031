//! How connections end.

use std::io;

use localefs_protocol::record::RecordError;
use thiserror::Error;

/// Why a connection ended, other than in order.
#[derive(Debug, Error)]
pub(super) enum Ended {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the client took none of its replies for too long")]
    Unread,
    #[error("the rest of a record did not come")]
    Unfinished,
    #[error("no memory for its record came free")]
    NoMemory,
    #[error("the client left while nothing was read from it")]
    Gone,
    #[error("cut by the server")]
    Cut,
    #[error("reset, as somebody asked for")]
    Reset,
}

/// Why a connection takes no further record.
#[derive(Debug, Error)]
pub(super) enum Closing {
    #[error("the client has sent all that it will")]
    EndOfStream,
    #[error("what it sent has no answer")]
    Unanswerable,
    #[error("the server stops")]
    Stop,
    #[error(transparent)]
    Record(#[from] RecordError),
}
