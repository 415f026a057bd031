//! A server in this process, as its owner holds it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::builder::Builder;
use crate::control_plane::{ControlState, Imported, StateError};
use crate::data_plane::DataPlane;
use crate::error::StartError;
use crate::faults::Faults;
use crate::mount::mount_command;
use crate::running::{Description, Running};
use crate::transport::BLOCKING_THREADS;

/// How long stopping waits for threads in system calls, once connections are closed.
const THREADS_END: Duration = Duration::from_millis(200);

/// A running server. It stops when this is dropped.
#[derive(Debug)]
pub struct LocalEfs {
    description: Arc<Description>,
    data_plane: DataPlane,
    faults: Faults,
    state: ControlState,
    stop: Option<oneshot::Sender<()>>,
    stopped: Option<oneshot::Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

impl LocalEfs {
    /// What a server is to be like. Unless told otherwise it is ephemeral, and listens on a free
    /// port of 127.0.0.1.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) async fn start(builder: Builder) -> Result<Self, StartError> {
        let (started, starts) = oneshot::channel();
        let (stop, stops) = oneshot::channel();
        let (ended, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("localefs".into())
            .spawn(move || {
                run(builder, started, stops);
                // Nobody listens after a drop.
                let _ = ended.send(());
            })
            .map_err(StartError::Threads)?;
        let vanished = |_| StartError::Threads(io::Error::other("the server's thread died"));
        let (description, data_plane, faults, state) = starts.await.map_err(vanished)??;
        Ok(Self {
            description,
            data_plane,
            faults,
            state,
            stop: Some(stop),
            stopped: Some(stopped),
            thread: Some(thread),
        })
    }

    /// Where it serves NFS, in the order in which the addresses were given.
    #[must_use]
    pub fn nfs_addresses(&self) -> &[SocketAddr] {
        &self.description.nfs
    }

    /// Where it serves AWS's API.
    #[must_use]
    pub fn api_address(&self) -> SocketAddr {
        self.description.api
    }

    /// Its data directory, an absolute path.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.description.data
    }

    /// Whether the data directory goes when the server stops.
    #[must_use]
    pub fn is_ephemeral(&self) -> bool {
        self.description.ephemeral
    }

    /// Whether owners and modes are kept in a table beside the files.
    #[must_use]
    pub fn has_shadow_ownership(&self) -> bool {
        self.description.shadow
    }

    /// The directory that clients see as the root, an absolute path.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.description.root
    }

    /// The id of the file system that it has from the start: `fs-` and 17 hexadecimal digits.
    #[must_use]
    pub fn file_system_id(&self) -> &str {
        &self.description.file_system
    }

    /// Its file systems and mount targets, to add and remove some.
    #[must_use]
    pub fn data_plane(&self) -> DataPlane {
        self.data_plane.clone()
    }

    /// The command, to be run as root, that mounts it on this machine.
    #[must_use]
    pub fn mount_command(&self, directory: &str) -> String {
        self.nfs_addresses()
            .first()
            .map(|address| mount_command(*address, directory))
            .unwrap_or_default()
    }

    /// What is to go wrong; nothing at first.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The whole state of AWS's API as one JSON document, secrets too: file systems, mount
    /// targets, access points, users and policies, the network. It does not hold the contents of
    /// files. The same state is the same text.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn export(&self) -> Result<String, StateError> {
        self.state.export().await
    }

    /// Makes the state that of a document of [`LocalEfs::export`]. What was created here before
    /// is only replaced with `replace`: then file systems that the document doesn't have go with
    /// their files.
    ///
    /// # Errors
    /// [`StateError`] says what is wrong with it; then nothing has changed.
    pub async fn import(&self, document: &str, replace: bool) -> Result<Imported, StateError> {
        self.state.import(document, replace).await
    }

    /// Stops it: calls that are under way may finish, for half a second at most. Then the
    /// connections are closed, and the data directory is free for others or gone.
    ///
    /// Dropping does the same, but blocks the thread meanwhile.
    pub async fn shutdown(mut self) {
        self.stop.take();
        if let Some(stopped) = self.stopped.take() {
            // It ends in either way when the thread does.
            let _ = stopped.await;
        }
    }
}

impl Drop for LocalEfs {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported where it happened.
            let _ = thread.join();
        }
    }
}

/// What the owner of a server gets of it.
type Started = (Arc<Description>, DataPlane, Faults, ControlState);

/// The life of a server, on a thread and a runtime of its own.
fn run(
    builder: Builder,
    started: oneshot::Sender<Result<Started, StartError>>,
    stop: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("localefs-worker")
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            // Nobody listens if the caller gave up.
            let _ = started.send(Err(StartError::Threads(error)));
            return;
        }
    };
    let data = match runtime.block_on(Running::start(builder)) {
        Ok(running) => {
            let listens = started
                .send(Ok((
                    running.description(),
                    running.data_plane(),
                    running.faults(),
                    running.state(),
                )))
                .is_ok();
            runtime.block_on(async {
                if listens {
                    // A dropped sender is the usual way to stop.
                    let _ = stop.await;
                }
                running.stop().await
            })
        }
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    // Calls that hang in the kernel must not keep the caller.
    runtime.shutdown_timeout(THREADS_END);
    drop(data);
}
