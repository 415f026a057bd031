//! What a worker does until the power is cut.

use std::io;

use anyhow::{Result, ensure};
use localefs_protocol::nfs4::ops::StableHow4;
use localefs_protocol::nfs4::{Attributes, Stateid4};
use rand::Rng;
use rand::seq::IndexedRandom;

use super::cells::{CELL, Cell, content};
use super::model::{Id, Name, Owner, Step};
use super::worker::{HELD, Type, Worker, later};
use crate::client::Open;
use crate::client::names::*;

/// How many names a worker has at a time, about.
const NAMES: usize = 40;

/// How many cells a file has at most.
const CELLS: usize = 200;

impl Worker {
    /// Works until the connection ends, and says with what error.
    pub fn work(&mut self) -> anyhow::Error {
        // With few syncs much is lost; with many, what is left is new.
        self.syncs = *[0.01, 0.05, 0.3].choose(&mut self.chance).unwrap_or(&0.3);
        if let Err(error) = self.observe_all() {
            return error;
        }
        loop {
            if let Err(error) = self.act() {
                return error;
            }
        }
    }

    /// Whether an error is but the end of the connection.
    #[must_use]
    pub fn is_end(error: &anyhow::Error) -> bool {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        kind.is_some_and(|kind| kind != io::ErrorKind::InvalidData)
    }

    fn act(&mut self) -> Result<()> {
        let directory = self.any(Type::Directory);
        let name = (directory, format!("n{}", self.chance.random_range(0..30)));
        let free = !self.state.names.contains_key(&name);
        let many = self.state.names.len() > NAMES;
        let touched = match self.chance.random_range(0..100) {
            0..20 if free && !many => {
                let file = self.make_file(name.0, name.1)?;
                let end = self.chance.random_range(0..12);
                if end > 0 {
                    let stable = self.any_stability();
                    self.write(file, 0, end, stable)?;
                }
                file
            }
            20..27 if free && !many => self.make_directory(name)?,
            27..32 if free && !many => self.make_link(name)?,
            32..36 if free => self.link(name)?,
            36..46 => self.rename(name)?,
            46..56 => self.remove()?,
            56..62 => self.own()?,
            62..72 if self.chance.random_bool(self.syncs) => self.commit()?,
            _ => {
                let file = self.any(Type::File);
                let known = self.objects[file].cells.len();
                let first = self.chance.random_range(0..=known.min(CELLS - 20));
                let count = self.chance.random_range(1..20);
                let stable = self.any_stability();
                self.write(file, first, first + count, stable)?;
                file
            }
        };
        if self.chance.random_bool(0.5) {
            self.observe(touched)?;
            self.observe(directory)?;
        }
        Ok(())
    }

    /// Looks at the change attribute of everything.
    fn observe_all(&mut self) -> Result<()> {
        let mut all: Vec<Id> = self.state.names.values().copied().collect();
        all.push(0);
        all.into_iter().try_for_each(|id| self.observe(id))
    }

    fn observe(&mut self, id: Id) -> Result<()> {
        let exists = id == 0 || self.state.owners.contains_key(&id);
        if !exists {
            return Ok(());
        }
        let handle = self.objects[id].handle.clone();
        let session = &mut self.session;
        let reply = later(|| {
            session
                .compound()
                .putfh(&handle)
                .getattr(&[FATTR4_CHANGE])
                .try_send()
        })?;
        ensure!(
            reply.status() == NFS4_OK,
            "GETATTR of object {id}: {reply:?}"
        );
        let change = reply.attributes().change.unwrap_or(0);
        let digest = self.digest(&self.state, id, |cell| cell.written);
        self.saw(id, change, digest)
    }

    /// An object of a type that has a name; the top if there is none.
    fn any(&mut self, kind: Type) -> Id {
        let mut all: Vec<Id> = self.state.owners.keys().copied().collect();
        all.retain(|id| self.objects[*id].kind == kind);
        if kind == Type::Directory {
            all.push(0);
        }
        all.choose(&mut self.chance).copied().unwrap_or(0)
    }

    fn any_name(&mut self) -> Option<(Name, Id)> {
        let names: Vec<_> = self
            .state
            .names
            .iter()
            .filter(|(_, id)| **id != HELD)
            .collect();
        let chosen = names.choose(&mut self.chance);
        chosen.map(|(name, id)| ((*name).clone(), **id))
    }

    fn any_stability(&mut self) -> StableHow4 {
        match self.chance.random_bool(self.syncs) {
            false => StableHow4::Unstable,
            true if self.chance.random_bool(0.5) => StableHow4::DataSync,
            true => StableHow4::FileSync,
        }
    }

    pub(super) fn make_file(&mut self, directory: Id, name: String) -> Result<Id> {
        let (id, owner) = (self.expect(Type::File), self.any_owner());
        let parent = self.objects[directory].handle.clone();
        let text = owner.id.to_string();
        let set = attributes(&text, owner.mode);
        let open = Open::both(&name).guarded().set(set).owner("load");
        let at = (directory, name);
        let reply = self.step(&Step::Make { at, id, owner }, |session| {
            let compound = session.compound().putfh(&parent).open(&open).getfh();
            compound.close(Stateid4::CURRENT).try_send()
        })?;
        self.objects[id].handle = reply.handle();
        Ok(id)
    }

    fn make_directory(&mut self, at: Name) -> Result<Id> {
        let (id, owner) = (self.expect(Type::Directory), self.any_owner());
        let parent = self.objects[at.0].handle.clone();
        let (text, name) = (owner.id.to_string(), at.1.clone());
        let set = attributes(&text, owner.mode);
        let reply = self.step(&Step::Make { at, id, owner }, |session| {
            use localefs_protocol::nfs4::ops::Createtype4;
            let compound = session.compound().putfh(&parent);
            compound
                .create(Createtype4::Dir, &name, &set)
                .getfh()
                .try_send()
        })?;
        self.objects[id].handle = reply.handle();
        Ok(id)
    }

    fn make_link(&mut self, at: Name) -> Result<Id> {
        let id = self.expect(Type::Link);
        let owner = Owner { id: 0, mode: 0o777 };
        let parent = self.objects[at.0].handle.clone();
        let name = at.1.clone();
        let reply = self.step(&Step::Make { at, id, owner }, |session| {
            let compound = session.compound().putfh(&parent);
            compound.symlink("somewhere", &name).getfh().try_send()
        })?;
        self.objects[id].handle = reply.handle();
        Ok(id)
    }

    fn link(&mut self, at: Name) -> Result<Id> {
        let id = self.any(Type::File);
        let (object, parent) = (
            self.objects[id].handle.clone(),
            self.objects[at.0].handle.clone(),
        );
        let name = at.1.clone();
        self.step(&Step::Link { at, id }, |session| {
            let compound = session.compound().putfh(&object).savefh();
            compound.putfh(&parent).link(&name).try_send()
        })?;
        Ok(id)
    }

    fn rename(&mut self, to: Name) -> Result<Id> {
        let Some((from, id)) = self.any_name() else {
            return Ok(0);
        };
        let fits = match self.state.names.get(&to) {
            // Onto a file, as programs do that write a new version beside the old one.
            Some(other) => {
                let files = [id, *other].map(|id| self.objects[id].kind) == [Type::File; 2];
                files && *other != id && *other != HELD
            }
            None => !self.is_within(to.0, id),
        };
        if !fits {
            return Ok(0);
        }
        let parents = [from.0, to.0].map(|id| self.objects[id].handle.clone());
        let names = [from.1.clone(), to.1.clone()];
        self.step(&Step::Rename { from, to }, |session| {
            let compound = session.compound().putfh(&parents[0]).savefh();
            let compound = compound.putfh(&parents[1]);
            compound.rename(&names[0], &names[1]).try_send()
        })?;
        Ok(id)
    }

    /// Whether a directory is another or below it.
    fn is_within(&self, directory: Id, other: Id) -> bool {
        let mut at = directory;
        while at != other && at != 0 {
            let name = self.state.names.iter().find(|(_, id)| **id == at);
            at = name.map_or(0, |((parent, _), _)| *parent);
        }
        at == other
    }

    fn remove(&mut self) -> Result<Id> {
        let Some((at, id)) = self.any_name() else {
            return Ok(0);
        };
        let inside = self
            .state
            .names
            .keys()
            .any(|(directory, _)| *directory == id);
        if inside || self.state.names.len() < NAMES / 4 {
            return Ok(0);
        }
        let (parent, name) = (self.objects[at.0].handle.clone(), at.1.clone());
        self.step(&Step::Remove { at }, |session| {
            session.compound().putfh(&parent).remove(&name).try_send()
        })?;
        Ok(id)
    }

    fn own(&mut self) -> Result<Id> {
        let kind = *[Type::File, Type::Directory]
            .choose(&mut self.chance)
            .unwrap_or(&Type::File);
        let id = self.any(kind);
        if id == 0 {
            return Ok(0);
        }
        let (owner, object) = (self.any_owner(), self.objects[id].handle.clone());
        let text = owner.id.to_string();
        let set = attributes(&text, owner.mode);
        self.step(&Step::Own { id, owner }, |session| {
            let compound = session.compound().putfh(&object);
            compound.setattr(Stateid4::ANONYMOUS, &set).try_send()
        })?;
        Ok(id)
    }

    /// Writes cells up to `end` anew.
    pub(super) fn write(
        &mut self,
        id: Id,
        first: usize,
        end: usize,
        stable: StableHow4,
    ) -> Result<()> {
        self.versions += 1;
        let (version, object) = (self.versions, self.number << 32 | id as u64);
        let cells = &mut self.objects[id].cells;
        let length = cells.len().max(end);
        cells.resize(length, Cell::default());
        let touched = cells.get_mut(first..end).unwrap_or_default();
        touched.iter_mut().for_each(|cell| cell.asked = version);
        let data: Vec<u8> = (first..end)
            .flat_map(|cell| content(object, cell, version))
            .collect();
        let handle = self.objects[id].handle.clone();
        let session = &mut self.session;
        let reply = later(|| {
            let compound = session.compound().putfh(&handle);
            let offset = (first * CELL) as u64;
            compound
                .write(Stateid4::ANONYMOUS, offset, stable, &data)
                .try_send()
        })?;
        ensure!(reply.status() == NFS4_OK, "WRITE of object {id}: {reply:?}");
        let written = reply.write();
        ensure!(
            written.count as usize == data.len() && written.committed >= stable,
            "{reply:?}"
        );
        for cell in &mut self.objects[id].cells[first..end] {
            cell.written = version;
            if written.committed >= StableHow4::DataSync {
                cell.kept = version;
            }
        }
        self.verified(written.writeverf)?;
        match written.committed {
            StableHow4::Unstable => {}
            StableHow4::DataSync => self.history.keep_names(self.history.made(id)),
            StableHow4::FileSync => self.kept_whole(id),
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<Id> {
        let id = self.any(Type::File);
        let handle = self.objects[id].handle.clone();
        let session = &mut self.session;
        let reply = later(|| session.compound().putfh(&handle).commit(0, 0).try_send())?;
        ensure!(
            reply.status() == NFS4_OK,
            "COMMIT of object {id}: {reply:?}"
        );
        self.verified(reply.commit().writeverf)?;
        let cells = &mut self.objects[id].cells;
        cells.iter_mut().for_each(|cell| cell.kept = cell.written);
        if cells.iter().any(|cell| cell.kept > 0) {
            self.kept_whole(id);
        }
        Ok(id)
    }

    /// Notes that a file was promised to stay with all its attributes.
    fn kept_whole(&mut self, id: Id) {
        self.history.keep_names(self.history.owned(id));
        self.history.keep_owners();
    }
}

fn attributes(owner: &str, mode: u32) -> Attributes<'_> {
    Attributes {
        mode: Some(mode),
        owner: Some(owner.into()),
        owner_group: Some(owner.into()),
        ..Attributes::default()
    }
}
