//! What a test works on: a server, a client and a directory of its own.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use localefs_protocol::nfs4::Stateid4;

use super::compound::Compound;
use super::open::Open;
use super::server::{TestServer, TestServerOptions};
use super::session::{ClientOptions, Session};

/// One server for the tests of a file: it starts with the first and ends with the last that
/// holds it, as nothing would end it in a `static`.
#[derive(Debug)]
pub struct SharedServer(Mutex<Weak<TestServer>>);

impl SharedServer {
    /// No server yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// The server, started if there is none.
    ///
    /// # Panics
    /// If it can't be started.
    pub fn get(&self) -> Arc<TestServer> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = running.upgrade() {
            return server;
        }
        let server = Arc::new(TestServer::start(TestServerOptions::default()).expect("a server"));
        *running = Arc::downgrade(&server);
        server
    }

    /// What a test works on. `test` names its client and its directory.
    pub fn fixture(&self, test: &str) -> Fixture {
        Fixture::new(self.get(), test)
    }
}

impl Default for SharedServer {
    fn default() -> Self {
        Self::new()
    }
}

/// A session of a client of its own, and a directory of its own with every permission.
#[derive(Debug)]
pub struct Fixture {
    /// The client's session.
    pub session: Session,
    /// The directory's handle.
    pub directory: Vec<u8>,
    /// The directory's name in the root, and the client's owner.
    pub name: String,
    server: Arc<TestServer>,
    clients: AtomicU32,
}

impl Fixture {
    /// Makes the client and the directory.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn new(server: Arc<TestServer>, test: &str) -> Self {
        let options = ClientOptions::new(test);
        let mut session = Session::establish(server.address(), &options).expect("a session");
        let root = session.root();
        let directory = session.make_directory(&root, test);
        Self {
            session,
            directory,
            name: test.to_owned(),
            server,
            clients: AtomicU32::new(0),
        }
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &TestServer {
        &self.server
    }

    /// A session of another client.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn another_client(&self) -> Session {
        let number = self.clients.fetch_add(1, Ordering::Relaxed);
        let options = ClientOptions::new(format!("{} another {number}", self.name));
        Session::establish(self.server.address(), &options).expect("a session")
    }

    /// A compound that begins in the directory.
    pub fn here(&mut self) -> Compound<'_> {
        self.session.compound().putfh(&self.directory)
    }

    /// A compound of user `uid`, group `uid`, that begins in the directory.
    pub fn here_as(&mut self, uid: u32) -> Compound<'_> {
        self.session.as_user(uid, uid).putfh(&self.directory)
    }

    /// Makes a file with this content in the directory.
    #[track_caller]
    pub fn file(&mut self, name: &str, content: &[u8]) -> Vec<u8> {
        let directory = self.directory.clone();
        self.session.make_file(&directory, name, content)
    }

    /// Makes a directory in the directory.
    #[track_caller]
    pub fn subdirectory(&mut self, name: &str) -> Vec<u8> {
        let directory = self.directory.clone();
        self.session.make_directory(&directory, name)
    }

    /// Makes a symbolic link in the directory, and returns its handle.
    #[track_caller]
    pub fn symlink(&mut self, target: &str, name: &str) -> Vec<u8> {
        self.here().symlink(target, name).getfh().ok().handle()
    }

    /// Opens something in the directory.
    #[track_caller]
    pub fn open(&mut self, open: &Open<'_>) -> (Stateid4, Vec<u8>) {
        let directory = self.directory.clone();
        self.session.open(&directory, open)
    }
}
