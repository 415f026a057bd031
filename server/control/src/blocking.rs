//! Work on a thread that may block.

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

/// Runs `work` where it keeps nothing else waiting. Its type ends here: tokio has all the code of
/// a task once more for every type of work.
///
/// # Errors
/// What is to be said if it panics, or the runtime stops first.
pub(crate) async fn blocking<T: Send + 'static>(
    work: Box<dyn FnOnce() -> T + Send>,
) -> Result<T, String> {
    let (give, given) = oneshot::channel();
    let work: Box<dyn FnOnce() + Send> = Box::new(move || {
        // Nobody listens if the caller gave up.
        let _ = give.send(work());
    });
    match spawn_blocking(work).await {
        Ok(()) => given.await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}
