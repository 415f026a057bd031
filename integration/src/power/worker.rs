//! A client whose work is checked after a power cut.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use localefs_protocol::nfs4::ops::StableHow4;
use localefs_protocol::nfs4::{Stateid4, Verifier4};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::cells::Cell;
use super::model::{Fault, History, Id, Owner, State, Step, Violation};
use super::site::Kind;
use crate::client::names::*;
use crate::client::{ClientOptions, Compound, Lock, Open, Reply, Session};

/// How long a server may ask to come again later.
const LATER: Duration = Duration::from_secs(60);

/// The file that stays open and locked over all cuts.
pub(super) const HELD: Id = 1;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Type {
    File,
    Directory,
    Link,
}

/// What is known of an object.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub kind: Type,
    /// Empty if the reply that says it is missing.
    pub handle: Vec<u8>,
    pub cells: Vec<Cell>,
    /// Change attributes, and of which state.
    pub seen: Vec<(u64, u64)>,
}

/// A client of the server at the site, with a tree of its own.
#[derive(Debug)]
pub struct Worker {
    pub(super) number: u64,
    options: ClientOptions,
    pub(super) kind: Kind,
    pub(super) session: Session,
    pub(super) chance: StdRng,
    pub(super) history: History,
    /// As far as it was answered.
    pub(super) state: State,
    pub(super) objects: Vec<Object>,
    /// Handles of objects that are gone.
    pub(super) gone: Vec<Vec<u8>>,
    pub(super) verifier: Option<Verifier4>,
    earlier_verifiers: Vec<Verifier4>,
    pub(super) versions: u32,
    /// How often it asks for something to be kept.
    pub(super) syncs: f64,
}

impl Worker {
    /// Makes the tree, and a file that is opened, locked and written in it. All of that is on the
    /// disk.
    pub fn new(address: SocketAddr, kind: Kind, number: u64, seed: u64) -> Result<Self> {
        let name = format!("worker-{number}");
        let options = ClientOptions::new(&name);
        let mut session = Session::establish(address, &options)?;
        let made = sent(session.compound().putrootfh().mkdir(&name, 0o777).getfh())?;
        let mut worker = Self {
            number,
            options,
            kind,
            session,
            chance: StdRng::seed_from_u64(seed ^ number << 48),
            history: History::default(),
            state: State::default(),
            objects: vec![Object {
                kind: Type::Directory,
                handle: made.handle(),
                cells: Vec::new(),
                seen: Vec::new(),
            }],
            gone: Vec::new(),
            verifier: None,
            earlier_verifiers: Vec::new(),
            versions: 0,
            syncs: 0.0,
        };
        worker.make_file(0, "held".to_owned())?;
        for _ in 0..3 {
            worker.write(HELD, 0, 4, StableHow4::FileSync)?;
        }
        worker.hold(false)?;
        Ok(worker)
    }

    /// Ends what the worker waits for, from another thread.
    pub fn stream(&self) -> io::Result<std::net::TcpStream> {
        self.session.connection.stream().try_clone()
    }

    /// Opens and locks the file that is held, or reclaims that.
    fn hold(&mut self, reclaim: bool) -> Result<()> {
        let handle = self.objects[HELD].handle.clone();
        let (open, lock) = if reclaim {
            (Open::both("").previous(), Lock::write(0, 10).reclaim())
        } else {
            (Open::both("").claim_fh(), Lock::write(0, 10))
        };
        let compound = self.session.compound().putfh(&handle).open(&open);
        let reply = compound.try_send()?;
        let refused = |reply: &Reply| {
            let text = format!("reclaim {reclaim}: {reply:?}");
            Violation::new(Fault::Reclaim, text)
        };
        ensure!(reply.status() == NFS4_OK, refused(&reply));
        let stateid: Stateid4 = reply.open().stateid;
        let compound = self.session.compound().putfh(&handle);
        let reply = compound.lock_new(&lock, stateid, "holder").try_send()?;
        ensure!(reply.status() == NFS4_OK, refused(&reply));
        Ok(())
    }

    /// Comes back after a cut, and reclaims what it held.
    pub fn come_back(&mut self, address: SocketAddr) -> Result<()> {
        let options = self.options.clone().reclaiming();
        self.session = Session::establish(address, &options)?;
        self.earlier_verifiers.extend(self.verifier.take());
        self.hold(true)?;
        sent(self.session.compound().reclaim_complete())?;
        Ok(())
    }

    /// Notes the verifier of a WRITE or a COMMIT.
    pub(super) fn verified(&mut self, verifier: Verifier4) -> Result<()> {
        let wrong = match self.verifier {
            Some(known) => known != verifier,
            None => self.earlier_verifiers.contains(&verifier),
        };
        ensure!(
            !wrong,
            Violation::new(
                Fault::Verifier,
                format!("{verifier:?} after {:?}", self.verifier)
            )
        );
        self.verifier = Some(verifier);
        Ok(())
    }

    /// What tells two states of an object apart for a client.
    pub(super) fn digest(&self, state: &State, id: Id, version: impl Fn(&Cell) -> u32) -> u64 {
        let mut hasher = DefaultHasher::new();
        let object = &self.objects[id];
        (object.kind, state.owners.get(&id)).hash(&mut hasher);
        match object.kind {
            Type::Directory => {
                let entries = state
                    .names
                    .iter()
                    .filter(|((directory, _), _)| *directory == id);
                entries.for_each(|entry| entry.hash(&mut hasher));
            }
            _ => state.links(id).hash(&mut hasher),
        }
        let mut versions: Vec<u32> = object.cells.iter().map(version).collect();
        let length = versions.iter().rposition(|version| *version > 0);
        versions.truncate(length.map_or(0, |last| last + 1));
        versions.hash(&mut hasher);
        hasher.finish()
    }

    /// Notes that a change attribute was shown for a state.
    pub(super) fn saw(&mut self, id: Id, change: u64, digest: u64) -> Result<()> {
        let seen = &mut self.objects[id].seen;
        let other = seen
            .iter()
            .find(|(old, of)| *old == change && *of != digest);
        if other.is_some() {
            let text = format!("object {id} shows {change} for a second state; {seen:?}");
            bail!(Violation::new(Fault::Change, text));
        }
        if !seen.contains(&(change, digest)) {
            seen.push((change, digest));
        }
        Ok(())
    }

    /// Does a step, which `send` asks for. The reply is the server's.
    pub(super) fn step(
        &mut self,
        step: &Step,
        send: impl Fn(&mut Session) -> io::Result<Reply>,
    ) -> Result<Reply> {
        self.history.push(step.clone());
        let reply = later(|| send(&mut self.session))?;
        ensure!(reply.status() == NFS4_OK, "{step:?}: {reply:?}");
        self.state.apply(step);
        if self.kind.strict {
            self.history.keep_names(self.history.len());
            self.history.keep_owners();
        }
        Ok(reply)
    }

    /// Makes a place for a new object.
    pub(super) fn expect(&mut self, kind: Type) -> Id {
        self.objects.push(Object {
            kind,
            handle: Vec::new(),
            cells: Vec::new(),
            seen: Vec::new(),
        });
        self.objects.len() - 1
    }

    /// Any owner.
    pub(super) fn any_owner(&mut self) -> Owner {
        use rand::Rng;
        Owner {
            id: self.chance.random_range(1..50_000),
            mode: self.chance.random_range(0..0o1000),
        }
    }
}

/// Sends until the server has time, or is out of grace.
pub(super) fn later(mut send: impl FnMut() -> io::Result<Reply>) -> Result<Reply> {
    let end = Instant::now() + LATER;
    loop {
        let reply = send()?;
        if ![NFS4ERR_DELAY, NFS4ERR_GRACE].contains(&reply.status()) {
            return Ok(reply);
        }
        ensure!(Instant::now() < end, "{reply:?} for {LATER:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Sends what must succeed.
pub(super) fn sent(compound: Compound<'_>) -> Result<Reply> {
    let text = compound.to_string();
    let reply = compound.try_send().context(text.clone())?;
    ensure!(reply.status() == NFS4_OK, "{text}: {reply:?}");
    Ok(reply)
}
