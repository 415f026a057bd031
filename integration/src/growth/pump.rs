//! Many compounds of one session at a time.

use std::collections::VecDeque;

use anyhow::{Context, Result, bail};
use localefs_protocol::nfs4::Nfsstat4;

use crate::client::{Compound, Reply, Session};

/// How often a compound that is to wait is sent again, a hundredth of a second later each time.
const PATIENCE: usize = 3000;

/// Keeps some compounds of a session under way, each on a slot of its own.
#[derive(Debug)]
pub struct Pump {
    depth: u32,
}

impl Pump {
    /// So many at a time; no more than the session has slots.
    #[must_use]
    pub fn new(depth: u32) -> Self {
        Self { depth }
    }

    /// Sends `count` compounds, the n-th as `build` adds operations to it, and gives their replies to `take`,
    /// in order. Every one must succeed.
    ///
    /// # Errors
    /// Those of the socket and of `take`; a status other than NFS4_OK.
    pub fn run(
        &self,
        session: &mut Session,
        count: u64,
        mut build: impl FnMut(u64, Compound<'static>) -> Compound<'static>,
        mut take: impl FnMut(u64, &Reply) -> Result<()>,
    ) -> Result<()> {
        let mut free: Vec<u32> = (0..self.depth).collect();
        let mut sent: VecDeque<(u64, u32, u32)> = VecDeque::new();
        let mut next = 0;
        while next < count || !sent.is_empty() {
            while next < count
                && let Some(slot) = free.pop()
            {
                let operations = build(next, Compound::detached());
                let xid = session.compound().slot(slot).append(&operations).post()?;
                sent.push_back((next, slot, xid));
                next += 1;
            }
            let (number, slot, xid) = sent.pop_front().context("nothing is under way")?;
            let mut reply = session.connection.compound_reply(xid)?;
            let mut waits = 0;
            while reply.status() == Nfsstat4::NFS4ERR_DELAY && waits < PATIENCE {
                waits += 1;
                std::thread::sleep(std::time::Duration::from_millis(10));
                let operations = build(number, Compound::detached());
                let xid = session.compound().slot(slot).append(&operations).post()?;
                reply = session.connection.compound_reply(xid)?;
            }
            if reply.status() != Nfsstat4::NFS4_OK {
                bail!("compound {number}: {reply:?}");
            }
            take(number, &reply)?;
            free.push(slot);
        }
        Ok(())
    }
}
