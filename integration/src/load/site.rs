//! What there has to be on a server before work begins.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use localefs_protocol::nfs4::ops::StableHow4;
use localefs_protocol::nfs4::{Nfsstat4, Stateid4};

use super::blocks::Large;
use super::content::{Content, UNIT};
use super::script::Tree;
use super::shape::Shape;
use crate::client::names::mode;
use crate::client::{ClientOptions, Compound, Credential, Open, Session, channel};
use crate::growth::Pump;

/// Compounds under way while things are made.
const DEPTH: u32 = 16;

/// Units written at a time while a large file is made.
const PIECE: u64 = 64;

/// A server, and this load's clients on it.
pub struct Site {
    /// Where it is.
    pub address: SocketAddr,
    /// Clients, each with a session and a connection for what is not measured.
    pub clients: Vec<Session>,
    /// The directory that everything is made in.
    pub directory: Vec<u8>,
    /// A directory for each client, where it makes files.
    pub directories: Vec<Vec<u8>>,
    /// What files hold.
    pub content: Arc<Content>,
    /// How work is spread.
    pub shape: Shape,
}

impl Site {
    /// Connects the clients, and makes the directory `name` in the server's root unless it is
    /// there.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn new(address: SocketAddr, name: &str, shape: Shape) -> Result<Self> {
        let slots = u32::try_from(shape.depth)?.max(DEPTH);
        // Each site's clients are new ones.
        let verifier = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
        let verifier = u64::try_from(verifier)?.to_be_bytes();
        let mut clients = Vec::new();
        for number in 0..shape.clients {
            let options = ClientOptions::new(format!("{name} {number}")).verifier(verifier);
            let session = Session::establish(address, &options.fore(channel(slots)))?;
            ensure!(
                session.slots.len() >= shape.depth,
                "the server gives a session no more than {} slots",
                session.slots.len()
            );
            clients.push(session);
        }
        let first = clients.first_mut().context("no client")?;
        let root = first.root();
        let directory = ensure_directory(first, &root, name)?;
        let made = (0..shape.clients)
            .map(|number| ensure_directory(first, &directory, &format!("client-{number}")));
        let directories = made.collect::<Result<_>>()?;
        for session in &mut clients {
            session.credential = Credential::user(shape.user, shape.user);
        }
        Ok(Self {
            address,
            clients,
            directory,
            directories,
            content: Arc::new(Content::default()),
            shape,
        })
    }

    /// The handle of a directory with so many small files. They are only made if they are not
    /// there.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn files(&mut self, count: u64) -> Result<Vec<u8>> {
        let session = &mut self.clients[0];
        let directory = ensure_directory(session, &self.directory, &format!("tree-{count}"))?;
        let last = name_of(count - 1);
        let there = session.compound().putfh(&directory).lookup(&last);
        if there.try_send()?.status() != Nfsstat4::NFS4_OK {
            let set = mode(0o644);
            let content = &self.content;
            Pump::new(DEPTH).run(
                session,
                count,
                |number, compound: Compound<'static>| {
                    let open = Open::both(name_of(number)).create().set(set.clone());
                    compound
                        .putfh(&directory)
                        .open(&open)
                        .write(
                            Stateid4::CURRENT,
                            0,
                            StableHow4::Unstable,
                            content.unit(number, 0, 0),
                        )
                        .close(Stateid4::CURRENT)
                },
                |_, _| Ok(()),
            )?;
        }
        Ok(directory)
    }

    /// The same directory with the handles of its files.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn tree(&mut self, count: u64) -> Result<Tree> {
        let directory = self.files(count)?;
        let session = &mut self.clients[0];
        let mut files = Vec::new();
        Pump::new(DEPTH).run(
            session,
            count,
            |number, compound| compound.putfh(&directory).lookup(name_of(number)).getfh(),
            |number, reply| {
                files.push((name_of(number), reply.handle()));
                Ok(())
            },
        )?;
        Ok(Tree {
            directory,
            files,
            content: Arc::clone(&self.content),
        })
    }

    /// The names of a tree of so many files.
    #[must_use]
    pub fn names(count: u64) -> HashMap<String, usize> {
        (0..count).map(name_of).zip(0..).collect()
    }

    /// A large file of `units` units, open for client `client`, in generation 0.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn large(&mut self, client: usize, number: u64, units: u64) -> Result<Large> {
        let session = &mut self.clients[client];
        let name = format!("large-{number}");
        let open = Open::both(&name).create().set(mode(0o644)).owner(&name);
        let compound = session.compound().putfh(&self.directory);
        let reply = compound.open(&open).getfh().try_send()?;
        ensure!(reply.status() == Nfsstat4::NFS4_OK, "{reply:?}");
        let large = Large {
            number,
            handle: reply.handle(),
            stateid: reply.open().stateid,
            units,
            content: Arc::clone(&self.content),
        };
        let piece = |number: u64| (number * PIECE, PIECE.min(units - number * PIECE));
        Pump::new(DEPTH).run(
            session,
            units.div_ceil(PIECE),
            |number, compound| {
                let (first, count) = piece(number);
                let mut data = Vec::new();
                let length = usize::try_from(count).unwrap_or(0) * UNIT;
                large
                    .content
                    .append(&mut data, large.number, first, length, 0);
                compound.putfh(&large.handle).write(
                    large.stateid,
                    first * UNIT as u64,
                    StableHow4::Unstable,
                    &data,
                )
            },
            |_, _| Ok(()),
        )?;
        let commit = session.compound().putfh(&large.handle).commit(0, 0);
        let reply = commit.try_send()?;
        ensure!(reply.status() == Nfsstat4::NFS4_OK, "{reply:?}");
        Ok(large)
    }
}

fn name_of(number: u64) -> String {
    format!("file-{number}")
}

fn ensure_directory(session: &mut Session, parent: &[u8], name: &str) -> Result<Vec<u8>> {
    let made = session.compound().putfh(parent).mkdir(name, 0o777);
    let status = made.try_send()?.status();
    ensure!(
        matches!(status, Nfsstat4::NFS4_OK | Nfsstat4::NFS4ERR_EXIST),
        "{name}: {status:?}"
    );
    let reply = session.compound().putfh(parent).lookup(name).getfh();
    let reply = reply.try_send()?;
    ensure!(reply.status() == Nfsstat4::NFS4_OK, "{name}: {reply:?}");
    Ok(reply.handle())
}
