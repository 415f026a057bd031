//! Many clients with many open files.

use anyhow::{Context, Result, ensure};
use localefs_protocol::nfs4::ops::StableHow4;
use localefs_protocol::nfs4::{Nfsstat4, Stateid4};

use super::{Cost, Pump, measure};
use crate::client::names::*;
use crate::client::{ClientOptions, Compound, Open, Session, TestServer};

/// Clients with a session each, and open files of their own.
#[derive(Debug)]
pub struct Clients {
    sessions: Vec<Session>,
    opens: usize,
    /// Of each client, each of its files.
    held: Vec<Vec<(Stateid4, Vec<u8>)>>,
}

fn options(number: usize) -> ClientOptions {
    ClientOptions::new(format!("client {number}"))
}

fn name_of(client: usize, file: usize) -> String {
    format!("c{client}-{file}")
}

/// What the file holds: eight octets that no other has.
fn content(client: usize, file: usize) -> Vec<u8> {
    format!("{client:04}{file:04}").into_bytes()
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl Clients {
    /// So many clients, which are to open so many files each.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn connect(server: &TestServer, clients: usize, opens: usize) -> Result<(Self, Cost)> {
        let mut sessions = Vec::new();
        let cost = measure(server.pid(), "a client", clients as u64, || {
            for number in 0..clients {
                sessions.push(Session::establish(server.address(), &options(number))?);
            }
            Ok(())
        })?;
        let clients = Self {
            sessions,
            opens,
            held: vec![Vec::new(); clients],
        };
        Ok((clients, cost))
    }

    /// How many files are open, or are to be.
    #[must_use]
    pub fn count(&self) -> u64 {
        (self.sessions.len() * self.opens) as u64
    }

    /// Every client makes its files, and keeps them open to read and to write.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn open(&mut self, server: &TestServer) -> Result<Cost> {
        let first = self.sessions.first_mut().context("no client")?;
        let root = first.root();
        let directory = first.make_directory(&root, "opens");
        let opens = self.opens;
        measure(server.pid(), "create and keep open", self.count(), || {
            for (client, session) in self.sessions.iter_mut().enumerate() {
                let held = &mut self.held[client];
                Pump::new(8).run(
                    session,
                    opens as u64,
                    |number, compound| {
                        let file = index(number);
                        let open = Open::both(name_of(client, file))
                            .guarded()
                            .owner(format!("owner {file}"))
                            .set(mode(0o600));
                        compound.putfh(&directory).open(&open).getfh()
                    },
                    |_, reply| {
                        held.push((reply.open().stateid, reply.handle()));
                        Ok(())
                    },
                )?;
            }
            Ok(())
        })
    }

    /// Every client writes eight octets to each of its files, which stay in the server's memory.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn write(&mut self, server: &TestServer) -> Result<Cost> {
        measure(server.pid(), "write", self.count(), || {
            for (client, session) in self.sessions.iter_mut().enumerate() {
                let held = &self.held[client];
                let build = |number, compound: Compound<'static>| {
                    let (stateid, handle) = &held[index(number)];
                    let data = content(client, index(number));
                    let write = compound.putfh(handle);
                    write.write(*stateid, 0, StableHow4::Unstable, &data)
                };
                Pump::new(8).run(session, held.len() as u64, build, |_, _| Ok(()))?;
            }
            Ok(())
        })
    }

    /// COMMIT of every file.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn commit(&mut self, server: &TestServer) -> Result<Cost> {
        measure(server.pid(), "commit", self.count(), || {
            for (session, held) in self.sessions.iter_mut().zip(&self.held) {
                let build = |number, compound: Compound<'static>| {
                    compound.putfh(&held[index(number)].1).commit(0, 0)
                };
                Pump::new(8).run(session, held.len() as u64, build, |_, _| Ok(()))?;
            }
            Ok(())
        })
    }

    /// Every client reads each of its files, which must hold what was written.
    ///
    /// # Errors
    /// If the server refuses, or something else is read.
    pub fn read_all(&mut self, server: &TestServer, name: &str) -> Result<Cost> {
        measure(server.pid(), name, self.count(), || {
            (0..self.sessions.len()).try_for_each(|client| self.read_of(client, 1))
        })
    }

    /// The first client reads its files over and over again.
    ///
    /// # Errors
    /// As [`Clients::read_all`].
    pub fn read_some(&mut self, server: &TestServer, rounds: u64) -> Result<Cost> {
        let operations = self.opens as u64 * rounds;
        let name = "read, among the last used";
        measure(server.pid(), name, operations, || self.read_of(0, rounds))
    }

    fn read_of(&mut self, client: usize, rounds: u64) -> Result<()> {
        let held = &self.held[client];
        let file = |number| index(number) % held.len();
        Pump::new(8).run(
            &mut self.sessions[client],
            held.len() as u64 * rounds,
            |number, compound| {
                let (stateid, handle) = &held[file(number)];
                compound.putfh(handle).read(*stateid, 0, 100)
            },
            |number, reply| {
                let read = reply.read();
                let wanted = content(client, file(number));
                ensure!(*read.data == wanted[..], "{:?} is read", read.data);
                Ok(())
            },
        )
    }

    /// Every client comes back to a server that was restarted, and reclaims what it held.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn reclaim(&mut self, server: &TestServer) -> Result<Cost> {
        measure(server.pid(), "reclaim an open", self.count(), || {
            for (client, held) in self.held.iter_mut().enumerate() {
                let options = options(client).reclaiming();
                let mut session = Session::establish(server.address(), &options)?;
                let mut stateids = Vec::new();
                Pump::new(8).run(
                    &mut session,
                    held.len() as u64,
                    |number, compound| {
                        let file = index(number);
                        let open = Open::both("").previous().owner(format!("owner {file}"));
                        compound.putfh(&held[file].1).open(&open)
                    },
                    |_, reply| {
                        stateids.push(reply.open().stateid);
                        Ok(())
                    },
                )?;
                for ((stateid, _), new) in held.iter_mut().zip(stateids) {
                    *stateid = new;
                }
                let done = session.compound().reclaim_complete().try_send()?;
                ensure!(done.status() == Nfsstat4::NFS4_OK, "{done:?}");
                self.sessions[client] = session;
            }
            Ok(())
        })
    }

    /// Every client closes all.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn close(&mut self, server: &TestServer) -> Result<Cost> {
        measure(server.pid(), "close", self.count(), || {
            for (session, held) in self.sessions.iter_mut().zip(&self.held) {
                let build = |number, compound: Compound<'static>| {
                    let (stateid, handle) = &held[index(number)];
                    compound.putfh(handle).close(*stateid)
                };
                Pump::new(8).run(session, held.len() as u64, build, |_, _| Ok(()))?;
            }
            Ok(())
        })
    }
}
