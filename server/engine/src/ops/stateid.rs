//! What a stateid stands for, and TEST_STATEID, FREE_STATEID (RFC 8881 §8.2, §18.48, §18.38).

use std::sync::Arc;

use localefs_protocol::nfs4::ops::{FreeStateidArgs, TestStateidArgs, TestStateidResOk};
use localefs_protocol::nfs4::{Nfsstat4, Stateid4};
use localefs_vfs::{File, FileType, Node};

use crate::compound::Compound;
use crate::errors::Failure;
use crate::state::{Open, State};

/// What READ, WRITE and SETATTR work through.
#[derive(Clone, Debug)]
pub enum Designated {
    /// Nothing: the caller's permission decides.
    Anonymous,
    /// An open file; also if the stateid is that of a lock on it.
    Open(Arc<Open>),
}

impl Designated {
    /// The file to read from, if it was opened for reading.
    pub fn reader(&self) -> Option<&File> {
        match self {
            Self::Anonymous => None,
            Self::Open(open) => open.reader(),
        }
    }

    /// The file to write to; `None` if permission decides.
    ///
    /// # Errors
    /// NFS4ERR_OPENMODE if it is not open for writing.
    pub fn writer(&self) -> Result<Option<&File>, Nfsstat4> {
        match self {
            Self::Anonymous => Ok(None),
            Self::Open(open) => open.writer().map(Some).ok_or(Nfsstat4::NFS4ERR_OPENMODE),
        }
    }
}

/// # Errors
/// NFS4ERR_ISDIR, NFS4ERR_SYMLINK or NFS4ERR_WRONG_TYPE.
pub fn must_be_regular(node: &Node) -> Result<(), Nfsstat4> {
    match node.file_type() {
        FileType::Regular => Ok(()),
        FileType::Directory => Err(Nfsstat4::NFS4ERR_ISDIR),
        FileType::Symlink => Err(Nfsstat4::NFS4ERR_SYMLINK),
        _ => Err(Nfsstat4::NFS4ERR_WRONG_TYPE),
    }
}

/// The stateid that is meant: the current one in place of its stand-in (RFC 8881 §16.2.3.1.2), in
/// whatever state it is by now (§8.2.3).
pub fn meant(compound: &Compound, stateid: Stateid4) -> Result<Stateid4, Nfsstat4> {
    let meant = meant_exactly(compound, stateid)?;
    Ok(match stateid {
        Stateid4::CURRENT => Stateid4 { seqid: 0, ..meant },
        _ => meant,
    })
}

/// The same for CLOSE and OPEN_DOWNGRADE, which ask for the current one as it was (RFC 8881
/// §8.2.3).
pub fn meant_exactly(compound: &Compound, stateid: Stateid4) -> Result<Stateid4, Nfsstat4> {
    if stateid != Stateid4::CURRENT {
        return Ok(stateid);
    }
    compound
        .current
        .stateid
        .ok_or(Nfsstat4::NFS4ERR_BAD_STATEID)
}

/// The state of a stateid on the current filehandle's object. Its sequence is not checked yet.
///
/// # Errors
/// NFS4ERR_BAD_STATEID if this client has no such state, or it is another object's.
pub fn state(compound: &Compound, stateid: Stateid4) -> Result<State, Nfsstat4> {
    let node = compound.node()?;
    let state = compound
        .client()?
        .state(&stateid.other)
        .ok_or(Nfsstat4::NFS4ERR_BAD_STATEID)?;
    let open = match &state {
        State::Open(open) => open,
        State::Lock(lock) => &lock.open,
    };
    if open.node().key() == node.key() {
        Ok(state)
    } else {
        Err(Nfsstat4::NFS4ERR_BAD_STATEID)
    }
}

/// The open state of a stateid on the current filehandle's object.
///
/// # Errors
/// As [`state`]; also if it is the stateid of a lock.
pub fn open_state(compound: &Compound, stateid: Stateid4) -> Result<Arc<Open>, Nfsstat4> {
    match state(compound, stateid)? {
        State::Open(open) => Ok(open),
        State::Lock(_) => Err(Nfsstat4::NFS4ERR_BAD_STATEID),
    }
}

/// What READ, WRITE or SETATTR is to work through.
///
/// # Errors
/// NFS4ERR_BAD_STATEID, NFS4ERR_OLD_STATEID.
pub fn designated(compound: &Compound, stateid: Stateid4) -> Result<Designated, Nfsstat4> {
    let stateid = meant(compound, stateid)?;
    if stateid == Stateid4::ANONYMOUS || stateid == Stateid4::BYPASS {
        return Ok(Designated::Anonymous);
    }
    match state(compound, stateid)? {
        State::Open(open) => {
            open.check(stateid.seqid)?;
            Ok(Designated::Open(open))
        }
        State::Lock(lock) => {
            lock.check(stateid.seqid)?;
            Ok(Designated::Open(Arc::clone(&lock.open)))
        }
    }
}

pub fn test_stateid(
    compound: &mut Compound,
    arguments: &TestStateidArgs,
) -> Result<TestStateidResOk, Failure> {
    let client = compound.client()?;
    let test = |stateid: &Stateid4| {
        let checked = match client.state(&stateid.other) {
            Some(State::Open(open)) => open.check(stateid.seqid).map(|_| ()),
            Some(State::Lock(lock)) => lock.check(stateid.seqid),
            None => Err(Nfsstat4::NFS4ERR_BAD_STATEID),
        };
        checked.err().unwrap_or(Nfsstat4::NFS4_OK)
    };
    let codes: Vec<_> = arguments.ts_stateids.iter().map(test).collect();
    Ok(TestStateidResOk {
        tsr_status_codes: codes.into(),
    })
}

pub fn free_stateid(compound: &mut Compound, arguments: FreeStateidArgs) -> Result<(), Failure> {
    let client = compound.client()?;
    let stateid = meant(compound, arguments.fsa_stateid)?;
    match client.state(&stateid.other) {
        // An open is given up by CLOSE only.
        Some(State::Open(open)) => {
            open.check(stateid.seqid)?;
            Err(Nfsstat4::NFS4ERR_LOCKS_HELD.into())
        }
        Some(State::Lock(lock)) => Ok(lock.open.file().free(&lock, stateid.seqid, &client)?),
        None => Err(Nfsstat4::NFS4ERR_BAD_STATEID.into()),
    }
}
