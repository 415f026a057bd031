//! What a transport serves: something that answers records.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use localefs_engine::{Connection, Received, Server};

/// A call that may block, to be run on a thread that may. It gives the reply's segments.
pub(crate) type BlockingCall = Box<dyn FnOnce() -> Vec<Bytes> + Send>;

/// What became of a record.
pub(crate) enum Answer {
    /// The reply's segments, record mark first.
    Reply(Vec<Bytes>),
    /// The reply takes something that may block.
    Later(BlockingCall),
    /// Nothing can be answered, and the connection is of no further use.
    Close,
}

/// Answers records. The transport knows nothing else about what it carries.
pub(crate) trait Service: Clone + Send + Sync + 'static {
    /// Takes one record without its marks. Does not block.
    fn receive(&self, record: Bytes, connection: &Arc<Connection>) -> Answer;
}

impl Service for Arc<Server> {
    fn receive(&self, record: Bytes, connection: &Arc<Connection>) -> Answer {
        match Server::receive(self, &record, connection, Instant::now()) {
            Received::Reply(reply) => Answer::Reply(reply.into_segments()),
            Received::Pending(call) => {
                Answer::Later(Box::new(move || call.finish().into_segments()))
            }
            Received::Close => Answer::Close,
        }
    }
}
