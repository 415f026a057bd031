//! What the asynchronous functions give that others call.

use std::pin::Pin;

/// A future behind a pointer. The code of an `async fn`, with all that it calls, is compiled where
/// it is awaited, and once more in every crate that does so; the code of this one is compiled here.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
