//! A server in this process, as its owner holds it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use localefs_control::control::Control;
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::admin::ClientStatus;
use crate::builder::Builder;
use crate::control_plane::{ControlState, Imported, StateError};
use crate::data_dir::DataDir;
use crate::data_plane::DataPlane;
use crate::error::{CreateError, StartError};
use crate::faults::{Fault, FaultError, Faults, Freeze};
use crate::file_system::{FileSystem, Operations};
use crate::mount::mount_command;
use crate::running::{Description, Running};
use crate::transport::{BLOCKING_THREADS, worker_threads};

/// How long stopping waits for threads in system calls, once connections are closed.
const THREADS_END: Duration = Duration::from_millis(200);

/// A running server. It stops when this is dropped.
#[derive(Debug)]
pub struct LocalEfs {
    builder: Builder,
    parts: Parts,
    pause: Mutex<Option<u64>>,
    stop: Option<oneshot::Sender<End>>,
    stopped: Option<oneshot::Receiver<()>>,
    thread: Option<JoinHandle<Option<DataDir>>>,
}

/// What the owner of a server gets of it.
#[derive(Debug)]
struct Parts {
    description: Arc<Description>,
    data_plane: DataPlane,
    control: Arc<Control>,
    faults: Faults,
    state: ControlState,
    runtime: Handle,
}

/// How a server ends.
#[derive(Debug)]
enum End {
    /// In order, and nothing is left of what is temporary.
    Stop,
    /// As by a kill, and the data stay.
    Kill,
}

impl LocalEfs {
    /// What a server is to be like. Unless told otherwise it is ephemeral, and listens on a free
    /// port of 127.0.0.1.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) async fn start(
        builder: Builder,
        temporary: Option<TempDir>,
    ) -> Result<Self, StartError> {
        let own = builder.clone();
        let (started, starts) = oneshot::channel();
        let (stop, stops) = oneshot::channel();
        let (ended, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("localefs".into())
            .spawn(move || {
                let left = run((builder, temporary), started, stops);
                // Nobody listens after a drop.
                let _ = ended.send(());
                left
            })
            .map_err(StartError::Threads)?;
        let vanished = |_| StartError::Threads(io::Error::other("the server's thread died"));
        let parts = starts.await.map_err(vanished)??;
        Ok(Self {
            builder: own,
            parts,
            pause: Mutex::default(),
            stop: Some(stop),
            stopped: Some(stopped),
            thread: Some(thread),
        })
    }

    /// Where it serves NFS, in the order in which the addresses were given.
    #[must_use]
    pub fn nfs_addresses(&self) -> &[SocketAddr] {
        &self.parts.description.nfs
    }

    /// Where it serves AWS's API.
    #[must_use]
    pub fn api_address(&self) -> SocketAddr {
        self.parts.description.api
    }

    /// Where it answers for names by DNS, if it does.
    #[must_use]
    pub fn dns_address(&self) -> Option<SocketAddr> {
        self.parts.description.dns
    }

    /// Its data directory, an absolute path.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.parts.description.data
    }

    /// Whether the data directory goes when the server stops.
    #[must_use]
    pub fn is_ephemeral(&self) -> bool {
        self.parts.description.ephemeral
    }

    /// Whether owners and modes are kept in a table beside the files.
    #[must_use]
    pub fn has_shadow_ownership(&self) -> bool {
        self.parts.description.shadow
    }

    /// The directory that clients see as the root, an absolute path.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.parts.description.root
    }

    /// The id of the file system that it has from the start: `fs-` and 17 hexadecimal digits.
    #[must_use]
    pub fn file_system_id(&self) -> &str {
        &self.parts.description.file_system
    }

    /// The file system that it has from the start.
    #[must_use]
    pub fn file_system(&self) -> FileSystem {
        self.handle(self.file_system_id().to_owned())
    }

    /// Creates a file system that is ready to be mounted: with a mount target at an address of
    /// its own, and a security group that lets NFS in from everywhere. AWS's API shows it.
    ///
    /// # Errors
    /// [`CreateError`]; then nothing is left of it.
    pub async fn create_file_system(&self) -> Result<FileSystem, CreateError> {
        let control = Arc::clone(&self.parts.control);
        let made = self.parts.runtime.spawn(async move {
            // To its end, even if the caller gives up.
            control.create_open().await
        });
        let (id, _) = made.await.map_err(|_| CreateError::Stopped)??;
        Ok(self.handle(id))
    }

    fn handle(&self, id: String) -> FileSystem {
        FileSystem {
            id,
            data_plane: self.data_plane(),
        }
    }

    /// The clients of all its file systems, with what they hold.
    #[must_use]
    pub fn clients(&self) -> Vec<ClientStatus> {
        let all = self.parts.data_plane.file_systems().into_iter();
        let targets = all.flat_map(|file_system| file_system.mount_targets);
        targets.flat_map(|target| target.clients).collect()
    }

    /// What the clients of all its file systems did since it started.
    #[must_use]
    pub fn operations(&self) -> Operations {
        Operations(self.parts.data_plane.operations(None))
    }

    /// Its file systems and mount targets, to add and remove some.
    #[must_use]
    pub fn data_plane(&self) -> DataPlane {
        self.parts.data_plane.clone()
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
        &self.parts.faults
    }

    /// Stops answering NFS, as a server that hangs: connections stay, new ones are accepted, and
    /// what clients ask for waits until [`LocalEfs::resume`]. Leases go on.
    ///
    /// # Errors
    /// [`FaultError`] if there are too many faults already, of which this is one.
    pub fn pause(&self) -> Result<(), FaultError> {
        let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        if pause.is_none() {
            *pause = Some(self.faults().add(Fault::Freeze(Freeze::default()))?);
        }
        Ok(())
    }

    /// Ends a pause.
    pub fn resume(&self) {
        let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fault) = pause.take() {
            self.faults().clear(fault);
        }
    }

    /// Ends it as `kill -9` ends the program, as far as that goes within a process: connections
    /// are reset, nobody is told, and what it knew of its clients is lost but for the records on
    /// the disk. [`Killed::start`] brings it back, with its data and at its addresses, also those
    /// of an ephemeral one.
    pub async fn kill(mut self) -> Killed {
        let mut builder = self.builder.clone();
        builder.listen.clone_from(&self.parts.description.nfs);
        builder.api = self.api_address();
        for file_system in self.parts.data_plane.file_systems() {
            let targets = file_system.mount_targets.into_iter();
            for address in targets.flat_map(|target| target.addresses) {
                builder.known_ports.insert(address.ip(), address.port());
            }
        }
        if let Some(stop) = self.stop.take() {
            // It has ended already if nobody listens.
            let _ = stop.send(End::Kill);
        }
        if let Some(stopped) = self.stopped.take() {
            let _ = stopped.await;
        }
        let left = self.thread.take().and_then(|thread| thread.join().ok());
        let left = left.flatten().map(DataDir::release);
        let temporary = left.and_then(|(path, temporary)| {
            builder.data = Some(path);
            temporary
        });
        Killed { builder, temporary }
    }

    /// The whole state of AWS's API as one JSON document, secrets too: file systems, mount
    /// targets, access points, users and policies, the network. It does not hold the contents of
    /// files. The same state is the same text.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn export(&self) -> Result<String, StateError> {
        self.parts.state.export().await
    }

    /// Makes the state that of a document of [`LocalEfs::export`]. What was created here before
    /// is only replaced with `replace`: then file systems that the document doesn't have go with
    /// their files.
    ///
    /// # Errors
    /// [`StateError`] says what is wrong with it; then nothing has changed.
    pub async fn import(&self, document: &str, replace: bool) -> Result<Imported, StateError> {
        self.parts.state.import(document, replace).await
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

/// A server that was killed, with its data. What is ephemeral is gone when this is dropped.
#[derive(Debug)]
#[must_use = "an ephemeral server's data go with this"]
pub struct Killed {
    builder: Builder,
    temporary: Option<TempDir>,
}

impl Killed {
    /// Starts it again on its data, at its addresses. Clients recover by themselves, within the
    /// grace period.
    ///
    /// # Errors
    /// [`StartError`]; an ephemeral one is gone then.
    pub async fn start(self) -> Result<LocalEfs, StartError> {
        LocalEfs::start(self.builder, self.temporary).await
    }
}

/// The life of a server, on a thread and a runtime of its own. Gives its data if it was killed.
fn run(
    (builder, temporary): (Builder, Option<TempDir>),
    started: oneshot::Sender<Result<Parts, StartError>>,
    stop: oneshot::Receiver<End>,
) -> Option<DataDir> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("localefs-worker")
        .worker_threads(worker_threads())
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            // Nobody listens if the caller gave up.
            let _ = started.send(Err(StartError::Threads(error)));
            return None;
        }
    };
    let (data, killed) = match runtime.block_on(Running::start(builder, temporary)) {
        Ok(running) => {
            let parts = Parts {
                description: running.description(),
                data_plane: running.data_plane(),
                control: running.control(),
                faults: running.faults(),
                state: running.state(),
                runtime: runtime.handle().clone(),
            };
            let listens = started.send(Ok(parts)).is_ok();
            runtime.block_on(async {
                // A dropped sender is the usual way to stop.
                let end = match listens {
                    true => stop.await.unwrap_or(End::Stop),
                    false => End::Stop,
                };
                match end {
                    End::Stop => (running.stop().await, false),
                    End::Kill => (running.kill().await, true),
                }
            })
        }
        Err(error) => {
            let _ = started.send(Err(error));
            return None;
        }
    };
    // Calls that hang in the kernel must not keep the caller.
    runtime.shutdown_timeout(THREADS_END);
    killed.then_some(data)
}
