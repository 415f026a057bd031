//! What a worker finds after a power cut, and what it thinks of that.

use std::collections::HashMap;
use std::fmt;
use std::ops::AddAssign;

use anyhow::{Context, Result, bail, ensure};
use localefs_protocol::nfs4::{Attr, Attributes, NfsFtype4, Stateid4, Verifier4};

use super::cells::{CELL, version};
use super::model::{Fault, History, Id, Name, Owner, State, Violation};
use super::worker::{Type, Worker, later};
use crate::client::Reply;
use crate::client::names::*;

/// How many handles of objects that are gone are tried again after every cut.
const GONE: usize = 200;

const ASKED: [Attr; 7] = [
    FATTR4_TYPE,
    FATTR4_CHANGE,
    FATTR4_SIZE,
    FATTR4_FILEHANDLE,
    FATTR4_MODE,
    FATTR4_NUMLINKS,
    FATTR4_OWNER,
];

/// How much was looked at, and how much was gone that may be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Findings {
    /// Power cuts.
    pub cuts: usize,
    /// Octets that were promised to stay, and are there.
    pub kept: usize,
    /// Names that are there.
    pub names: usize,
    /// Handles that name what they named before, or nothing any more.
    pub handles: usize,
    /// Changes of names and owners that are gone.
    pub lost_steps: usize,
    /// Octets that are gone, and were not promised to stay.
    pub lost: usize,
}

impl fmt::Display for Findings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} power cuts: {} octets, {} names and {} handles verified; lost, as they may be: {} \
             octets, {} changes of names and owners",
            self.cuts, self.kept, self.names, self.handles, self.lost, self.lost_steps
        )
    }
}

impl AddAssign for Findings {
    fn add_assign(&mut self, other: Self) {
        self.cuts += other.cuts;
        self.kept += other.kept;
        self.names += other.names;
        self.handles += other.handles;
        self.lost_steps += other.lost_steps;
        self.lost += other.lost;
    }
}

/// An object as it was found.
struct Found {
    change: u64,
    size: u64,
    links: u32,
}

impl Worker {
    /// Compares everything with what was promised, and goes on from there.
    ///
    /// # Errors
    /// A [`Violation`], among others.
    pub fn check(&mut self) -> Result<Findings> {
        let (state, found) = self.walk()?;
        let step = self.history.judge(&state, self.kind.owners)?;
        let mut findings = Findings {
            names: state.names.len(),
            lost_steps: self.history.len() - step,
            ..Findings::default()
        };
        for (id, object) in &found {
            match self.objects[*id].kind {
                Type::File => self.check_file(*id, object, &state, &mut findings)?,
                _ => self.objects[*id].cells.clear(),
            }
        }
        for (id, object) in &found {
            let digest = self.digest(&state, *id, |cell| cell.written);
            self.saw(*id, object.change, digest)?;
        }
        self.check_handles(&state, &mut findings)?;
        self.history = History::new(state.clone());
        self.state = state;
        Ok(findings)
    }

    /// Names, owners and attributes of all that can be reached from the top.
    fn walk(&mut self) -> Result<(State, HashMap<Id, Found>)> {
        let mut ids = HashMap::new();
        let mut expected = None;
        for (id, object) in self.objects.iter().enumerate() {
            if object.handle.is_empty() {
                expected = Some(id);
            } else {
                ids.insert(object.handle.clone(), id);
            }
        }
        let (mut state, mut found) = (State::default(), HashMap::new());
        let mut ahead = vec![0];
        while let Some(directory) = ahead.pop() {
            let handle = self.objects[directory].handle.clone();
            let reply = self.ask(directory, &handle)?;
            if directory == 0 {
                let top = reply.attributes();
                let change = top.change.context("no change")?;
                found.insert(
                    0,
                    Found {
                        change,
                        size: 0,
                        links: 0,
                    },
                );
            }
            let list = reply.readdir();
            ensure!(list.reply.eof, "a longer list than was expected");
            for entry in list.reply.iter() {
                let name = String::from_utf8_lossy(entry.name.as_slice()).into_owned();
                let attributes = Attributes::from_fattr4(&entry.attrs);
                let attributes = attributes.ok().context("attributes")?;
                let handle = attributes
                    .filehandle
                    .context("no handle")?
                    .as_slice()
                    .to_vec();
                let id = match ids.get(&handle) {
                    Some(id) => *id,
                    // What was being made when the power went: its reply is lost.
                    None => {
                        let Some(id) = expected.take() else {
                            let text = format!("nobody made {name} in object {directory}");
                            bail!(Violation::new(Fault::Names, text));
                        };
                        self.objects[id].handle.clone_from(&handle);
                        ids.insert(handle, id);
                        id
                    }
                };
                let at: Name = (directory, name);
                let owner = self.owner(id, &attributes)?;
                state.names.insert(at, id);
                state.owners.insert(id, owner);
                let object = Found {
                    change: attributes.change.context("no change")?,
                    size: attributes.size.context("no size")?,
                    links: attributes.numlinks.context("no links")?,
                };
                if found.insert(id, object).is_none() && self.objects[id].kind == Type::Directory {
                    ahead.push(id);
                }
            }
        }
        Ok((state, found))
    }

    /// The attributes and the entries of a directory.
    fn ask(&mut self, id: Id, handle: &[u8]) -> Result<Reply> {
        let session = &mut self.session;
        let reply = later(|| {
            let compound = session.compound().putfh(handle).getattr(&ASKED);
            let start = Verifier4([0; 8]);
            compound.readdir(0, start, 1 << 20, &ASKED).try_send()
        })?;
        let text = || format!("directory {id}: {reply:?}");
        ensure!(
            reply.status() == NFS4_OK,
            Violation::new(Fault::Handle, text())
        );
        Ok(reply)
    }

    fn owner(&self, id: Id, attributes: &Attributes<'_>) -> Result<Owner> {
        let kind = match attributes.file_type {
            Some(NfsFtype4::Reg) => Type::File,
            Some(NfsFtype4::Dir) => Type::Directory,
            _ => Type::Link,
        };
        let text = || format!("object {id} is a {kind:?}");
        ensure!(
            kind == self.objects[id].kind,
            Violation::new(Fault::Handle, text())
        );
        let owner = attributes.owner.context("no owner")?;
        let mode = attributes.mode.context("no mode")?;
        Ok(Owner {
            id: std::str::from_utf8(owner.as_slice())?.parse()?,
            mode: if kind == Type::Link { 0o777 } else { mode },
        })
    }

    fn check_file(
        &mut self,
        id: Id,
        found: &Found,
        state: &State,
        findings: &mut Findings,
    ) -> Result<()> {
        ensure!(
            found.links as usize == state.links(id),
            Violation::new(
                Fault::Names,
                format!("object {id} has {} links", found.links)
            )
        );
        let longest = self.objects[id].cells.len() * CELL;
        let size = usize::try_from(found.size)?;
        ensure!(
            size <= longest,
            Violation::new(
                Fault::Garbage,
                format!("object {id} has {size} of {longest} octets")
            )
        );
        let handle = self.objects[id].handle.clone();
        let session = &mut self.session;
        let reply = later(|| {
            let compound = session.compound().putfh(&handle);
            compound.read(Stateid4::ANONYMOUS, 0, 1 << 20).try_send()
        })?;
        ensure!(reply.status() == NFS4_OK, "READ of object {id}: {reply:?}");
        let data = reply.read().data;
        ensure!(data.as_slice().len() == size, "object {id}: {size} octets");
        let number = self.number << 32 | id as u64;
        let object = &mut self.objects[id];
        for (at, cell) in object.cells.iter_mut().enumerate() {
            let bytes = data.as_slice().get(at * CELL..).unwrap_or_default();
            let version = version(number, at, *cell, &bytes[..bytes.len().min(CELL)])?;
            if cell.kept > 0 {
                findings.kept += CELL;
            }
            if cell.written > version {
                findings.lost += CELL;
            }
            if version > cell.asked {
                // It was in the file since this grew; what was seen was taken for zeros.
                object.seen.clear();
            }
            *cell = cell.found(at, version, size);
        }
        Ok(())
    }

    /// Every handle must name what it named, or nothing.
    fn check_handles(&mut self, state: &State, findings: &mut Findings) -> Result<()> {
        for id in 0..self.objects.len() {
            let handle = self.objects[id].handle.clone();
            if handle.is_empty() {
                continue;
            }
            let there = id == 0 || state.owners.contains_key(&id);
            self.check_handle(&handle, there)
                .with_context(|| format!("object {id}"))?;
            findings.handles += 1;
            if !there {
                self.gone.push(handle);
                self.objects[id].handle.clear();
            }
        }
        let spare = self.gone.len().saturating_sub(GONE);
        self.gone.drain(..spare);
        for handle in self.gone.clone() {
            self.check_handle(&handle, false)?;
            findings.handles += 1;
        }
        Ok(())
    }

    fn check_handle(&mut self, handle: &[u8], there: bool) -> Result<()> {
        let session = &mut self.session;
        let reply = later(|| session.compound().putfh(handle).getfh().try_send())?;
        let right = match reply.status() {
            NFS4_OK => there && reply.handle() == handle,
            NFS4ERR_STALE => !there,
            _ => false,
        };
        let text = || format!("there: {there}; {reply:?}");
        ensure!(right, Violation::new(Fault::Handle, text()));
        Ok(())
    }
}
