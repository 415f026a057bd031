//! Reading and writing of large files.

use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use localefs_protocol::nfs4::ops::{CommitArgs, PutfhArgs, ReadArgs, StableHow4, WriteArgs};
use localefs_protocol::nfs4::{NfsArgop4, NfsResop4, OpNum, Stateid4, Verifier4};
use localefs_protocol::xdr::Pack;

use super::compound::{Operations, Results, Work};
use super::content::{Content, UNIT};
use crate::client::Session;

/// A file of whole blocks.
#[derive(Clone, Debug)]
pub struct Large {
    /// Its number, which its content goes by.
    pub number: u64,
    /// Its handle.
    pub handle: Vec<u8>,
    /// It is open to read and to write.
    pub stateid: Stateid4,
    /// Its length in units.
    pub units: u64,
    /// What it holds, at first in generation 0.
    pub content: Arc<Content>,
}

/// When COMMIT follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// After each block.
    Each,
    /// Each time when so many blocks are written.
    After(u64),
}

/// Which block is next.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    /// One in so many, beginning with this one.
    Every { first: u64, step: u64 },
    /// Any, by chance, from this seed.
    Random(u64),
}

impl Order {
    fn next(&mut self, blocks: u64) -> u64 {
        match self {
            Self::Every { first, step } => {
                let block = *first % blocks;
                *first = block + *step;
                block
            }
            Self::Random(state) => {
                // A linear congruential generator (Knuth's MMIX); its high bits are good enough.
                *state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (*state >> 33) % blocks
            }
        }
    }
}

/// A lane that reads.
pub struct Reader {
    file: Large,
    units: u64,
    order: Order,
    block: u64,
}

impl Reader {
    /// Reads `units` units at a time.
    #[must_use]
    pub fn new(file: Large, units: u64, order: Order) -> Self {
        Self {
            file,
            units,
            order,
            block: 0,
        }
    }
}

/// Octets in so many units: of one block, which fits in a message.
fn octets(units: u64) -> u32 {
    u32::try_from(units * UNIT as u64).unwrap_or(u32::MAX)
}

fn putfh(operations: &mut Operations<'_>, handle: &[u8]) {
    operations.put(&NfsArgop4::Putfh(PutfhArgs {
        object: handle.into(),
    }));
}

impl Work for Reader {
    fn ask(&mut self, operations: &mut Operations<'_>) -> bool {
        self.block = self.order.next(self.file.units / self.units);
        putfh(operations, &self.file.handle);
        operations.put(&NfsArgop4::Read(ReadArgs {
            stateid: self.file.stateid,
            offset: self.block * self.units * UNIT as u64,
            count: octets(self.units),
        }));
        true
    }

    fn take(&mut self, results: &mut Results<'_>) -> Result<u64> {
        results.ok(OpNum::OP_PUTFH)?;
        let NfsResop4::Read(Ok(read)) = results.ok(OpNum::OP_READ)? else {
            bail!("no READ");
        };
        let file = &self.file;
        let right = file
            .content
            .is(&read.data, file.number, self.block * self.units, 0);
        ensure!(
            read.data.len() == octets(self.units) as usize && right,
            "block {} holds something else",
            self.block
        );
        Ok(1)
    }
}

/// A lane that writes to a file of its own.
pub struct Writer {
    file: Large,
    units: u64,
    order: Order,
    commit: Commit,
    /// How often each block was written.
    generations: Vec<u64>,
    block: u64,
    written: u64,
    committing: bool,
    verifier: Option<Verifier4>,
}

impl Writer {
    /// Writes `units` units at a time, UNSTABLE4.
    #[must_use]
    pub fn new(file: Large, units: u64, order: Order, commit: Commit) -> Self {
        let blocks = usize::try_from(file.units / units).unwrap_or(0);
        Self {
            file,
            units,
            order,
            commit,
            generations: vec![0; blocks],
            block: 0,
            written: 0,
            committing: false,
            verifier: None,
        }
    }

    fn generation(&mut self) -> &mut u64 {
        &mut self.generations[usize::try_from(self.block).unwrap_or(0)]
    }

    /// The server must be the one that it was: otherwise what it was given may be gone.
    fn same_server(&mut self, verifier: Verifier4) -> Result<()> {
        let before = *self.verifier.get_or_insert(verifier);
        ensure!(before == verifier, "another write verifier");
        Ok(())
    }
}

impl Work for Writer {
    fn ask(&mut self, operations: &mut Operations<'_>) -> bool {
        putfh(operations, &self.file.handle);
        if self.committing {
            operations.put(&NfsArgop4::Commit(CommitArgs {
                offset: 0,
                count: 0,
            }));
            return true;
        }
        self.block = self.order.next(self.generations.len() as u64);
        *self.generation() += 1;
        let generation = *self.generation();
        let head = NfsArgop4::Write(WriteArgs {
            stateid: self.file.stateid,
            offset: self.block * self.units * UNIT as u64,
            stable: StableHow4::Unstable,
            data: b"".into(),
        });
        operations.put(&head);
        // The data, whose length was packed last, comes from several places.
        let message = operations.message();
        message.truncate(message.len() - 4);
        let length = octets(self.units);
        length.pack(message).expect("memory takes everything");
        self.file.content.append(
            message,
            self.file.number,
            self.block * self.units,
            length as usize,
            generation,
        );
        true
    }

    fn take(&mut self, results: &mut Results<'_>) -> Result<u64> {
        results.ok(OpNum::OP_PUTFH)?;
        if self.committing {
            let NfsResop4::Commit(Ok(done)) = results.ok(OpNum::OP_COMMIT)? else {
                bail!("no COMMIT");
            };
            self.same_server(done.writeverf)?;
            self.committing = false;
            return Ok(1);
        }
        let NfsResop4::Write(Ok(done)) = results.ok(OpNum::OP_WRITE)? else {
            bail!("no WRITE");
        };
        ensure!(done.count == octets(self.units), "{done:?}");
        self.same_server(done.writeverf)?;
        self.written += 1;
        self.committing = match self.commit {
            Commit::Each => true,
            Commit::After(blocks) => self.written.is_multiple_of(blocks),
        };
        // The last WRITE before a COMMIT ends with it.
        Ok(u64::from(!self.committing))
    }

    fn verify(&mut self, session: &mut Session) -> Result<()> {
        for (block, &generation) in self.generations.iter().enumerate() {
            let first = block as u64 * self.units;
            let reply = session
                .compound()
                .putfh(&self.file.handle)
                .read(self.file.stateid, first * UNIT as u64, octets(self.units))
                .try_send()?;
            let file = &self.file;
            let right = reply.status() == localefs_protocol::nfs4::Nfsstat4::NFS4_OK
                && reply.read().data.len() == octets(self.units) as usize
                && file
                    .content
                    .is(&reply.read().data, file.number, first, generation);
            ensure!(right, "block {block} is not what was written last");
        }
        Ok(())
    }
}
