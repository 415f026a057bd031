//! One directory with many files.

use anyhow::{Result, ensure};
use localefs_protocol::nfs4::{Attributes, Stateid4, Verifier4};

use super::{Cost, Pump, measure};
use crate::client::names::*;
use crate::client::{ClientOptions, Compound, Open, Session, TestServer};

/// Octets of a READDIR's reply.
const PAGE: u32 = 256 * 1024;

/// A directory with files `f0`, `f1`, and so on.
#[derive(Debug)]
pub struct Directory<'a> {
    server: &'a TestServer,
    session: Session,
    directory: Vec<u8>,
    files: u64,
    pump: Pump,
    samples: u64,
}

/// What a directory listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Names that are there.
    pub names: u64,
    /// Names that came twice, or that nobody made.
    pub wrong: u64,
}

impl<'a> Directory<'a> {
    /// An empty directory that is to have `files` files. Of operations that don't need all of
    /// them `samples` are done.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn new(server: &'a TestServer, name: &str, files: u64, samples: u64) -> Result<Self> {
        let mut session = Session::establish(server.address(), &ClientOptions::new(name))?;
        let root = session.root();
        let directory = session.make_directory(&root, name);
        Ok(Self {
            server,
            session,
            directory,
            files,
            pump: Pump::new(8),
            samples,
        })
    }

    /// Everything in order: what each step has cost.
    ///
    /// # Errors
    /// If the server refuses something, or lists anything else than what is there.
    pub fn measure(&mut self) -> Result<Vec<Cost>> {
        let mut costs = vec![self.create()?];
        let mut listing = Listing::default();
        costs.push(self.list(&mut listing)?);
        let whole = Listing {
            names: self.files,
            wrong: 0,
        };
        ensure!(listing == whole, "{listing:?} instead of {whole:?}");
        let mut handles = Vec::new();
        costs.push(self.lookup(&mut handles)?);
        costs.push(self.getattr(&handles)?);
        costs.push(self.open_close()?);
        costs.push(self.remove()?);
        let mut listing = Listing::default();
        self.list(&mut listing)?;
        ensure!(listing == Listing::default(), "{listing:?} is left");
        Ok(costs)
    }

    /// Makes all files: OPEN and CLOSE.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn create(&mut self) -> Result<Cost> {
        let set = mode(0o644);
        let Self { pump, session, .. } = self;
        measure(self.server.pid(), "create", self.files, || {
            let build = |number, compound: Compound<'static>| {
                let open = Open::both(name_of(number)).guarded().set(set.clone());
                compound
                    .putfh(&self.directory)
                    .open(&open)
                    .close(Stateid4::CURRENT)
            };
            pump.run(session, self.files, build, |_, _| Ok(()))
        })
    }

    /// Lists the directory with the attributes that Linux asks for; the cost is that of an entry.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn list(&mut self, listing: &mut Listing) -> Result<Cost> {
        let attributes = [
            FATTR4_TYPE,
            FATTR4_CHANGE,
            FATTR4_SIZE,
            FATTR4_FSID,
            FATTR4_RDATTR_ERROR,
            FATTR4_FILEHANDLE,
            FATTR4_FILEID,
            FATTR4_MODE,
            FATTR4_NUMLINKS,
            FATTR4_OWNER,
            FATTR4_OWNER_GROUP,
        ];
        let mut seen = vec![false; usize::try_from(self.files)?];
        measure(self.server.pid(), "list, an entry", self.files, || {
            let (mut cookie, mut verifier) = (0, Verifier4::default());
            loop {
                let compound = self.session.compound().putfh(&self.directory);
                let reply = compound
                    .readdir(cookie, verifier, PAGE, &attributes)
                    .try_send()?;
                ensure!(reply.status() == NFS4_OK, "{reply:?}");
                let page = reply.readdir();
                verifier = page.cookieverf;
                for entry in page.reply.iter() {
                    cookie = entry.cookie;
                    let place = number_of(&entry.name).and_then(|number| seen.get_mut(number));
                    match place {
                        Some(seen) if !*seen => {
                            *seen = true;
                            listing.names += 1;
                        }
                        _ => listing.wrong += 1,
                    }
                    let attributes = Attributes::from_fattr4(&entry.attrs);
                    ensure!(
                        attributes.is_ok_and(|a| a.fileid.is_some()),
                        "no attributes"
                    );
                }
                if page.reply.eof {
                    return Ok(());
                }
            }
        })
    }

    /// LOOKUP, GETFH and GETATTR of some files, far from one another.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn lookup(&mut self, handles: &mut Vec<Vec<u8>>) -> Result<Cost> {
        let Self { pump, session, .. } = self;
        measure(self.server.pid(), "lookup", self.samples, || {
            pump.run(
                session,
                self.samples,
                |number, compound| {
                    compound
                        .putfh(&self.directory)
                        .lookup(name_of(scatter(number, self.files)))
                        .getfh()
                        .getattr(&[FATTR4_SIZE, FATTR4_CHANGE])
                },
                |_, reply| {
                    handles.push(reply.handle());
                    Ok(())
                },
            )
        })
    }

    /// GETATTR by handle.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn getattr(&mut self, handles: &[Vec<u8>]) -> Result<Cost> {
        let Self { pump, session, .. } = self;
        let count = handles.len() as u64;
        measure(self.server.pid(), "getattr by handle", count, || {
            let build = |number, compound: Compound<'static>| {
                let handle = usize::try_from(number).map_or(&[][..], |number| &handles[number]);
                compound
                    .putfh(handle)
                    .getattr(&[FATTR4_SIZE, FATTR4_CHANGE])
            };
            pump.run(session, count, build, |_, _| Ok(()))
        })
    }

    /// OPEN by name and CLOSE.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn open_close(&mut self) -> Result<Cost> {
        let Self { pump, session, .. } = self;
        measure(self.server.pid(), "open, close", self.samples, || {
            let build = |number, compound: Compound<'static>| {
                let open = Open::read(name_of(scatter(number, self.files)));
                compound
                    .putfh(&self.directory)
                    .open(&open)
                    .close(Stateid4::CURRENT)
            };
            pump.run(session, self.samples, build, |_, _| Ok(()))
        })
    }

    /// REMOVE of all files, in another order than they were made in.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn remove(&mut self) -> Result<Cost> {
        let Self { pump, session, .. } = self;
        measure(self.server.pid(), "remove", self.files, || {
            let build = |number, compound: Compound<'static>| {
                let name = name_of(scatter(number, self.files));
                compound.putfh(&self.directory).remove(name)
            };
            pump.run(session, self.files, build, |_, _| Ok(()))
        })
    }
}

fn name_of(number: u64) -> String {
    format!("f{number}")
}

fn number_of(name: &[u8]) -> Option<usize> {
    std::str::from_utf8(name)
        .ok()?
        .strip_prefix('f')?
        .parse()
        .ok()
}

/// Every number below `count` once for every `count` numbers, far from one another.
fn scatter(number: u64, count: u64) -> u64 {
    // A prime that divides none of the counts in use.
    const STEP: u64 = 999_983;
    number.wrapping_mul(STEP) % count.max(1)
}
