//! LOCK, LOCKT, LOCKU (RFC 8881 §18.10 to §18.12).

use std::sync::Arc;

use localefs_protocol::nfs4::ops::{
    LockArgs, LockDenied, LockRes, LockResOk, Locker4, LocktArgs, LockuArgs, NfsLockType4,
    ShareAccess,
};
use localefs_protocol::nfs4::{Nfsstat4, OpNum, StateOwner4, Stateid4};
use localefs_vfs::Blocking;

use super::reclaim;
use super::stateid::{meant, must_be_regular, open_state, state};
use crate::compound::Compound;
use crate::errors::Failure;
use crate::limits;
use crate::state::{Held, LockFailure, LockKind, LockState, Open, OwnerKey, Range, State};

/// How a lock is asked for, and through what.
enum Through {
    Open { open: Arc<Open>, owner: OwnerKey },
    Lock { state: Arc<LockState>, seqid: u32 },
}

/// Why a lock was not given, or not tried.
enum Refusal {
    /// This lock is in the way.
    Denied(Held<OwnerKey>),
    Failed(Failure),
}

impl From<Nfsstat4> for Refusal {
    fn from(status: Nfsstat4) -> Self {
        Self::Failed(status.into())
    }
}

pub fn lock(
    compound: &mut Compound,
    arguments: &LockArgs<'_>,
    blocking: Blocking,
) -> Result<(), Failure> {
    let result = try_lock(compound, arguments, blocking);
    if let Ok(stateid) = &result {
        compound.current.stateid = Some(*stateid);
    }
    let result = result.map(|lock_stateid| LockResOk { lock_stateid });
    put_lock_result(compound, OpNum::OP_LOCK, result)
}

fn try_lock(
    compound: &Compound,
    arguments: &LockArgs<'_>,
    blocking: Blocking,
) -> Result<Stateid4, Refusal> {
    must_be_regular(compound.node()?.as_ref())?;
    let range = Range::new(arguments.offset, arguments.length)?;
    let kind = kind(arguments.locktype);
    let client = compound.client()?;
    let through = through(compound, arguments)?;
    let open = match &through {
        Through::Open { open, .. } => open,
        Through::Lock { state, .. } => &state.open,
    };
    let needed = match kind {
        LockKind::Read => ShareAccess::OPEN4_SHARE_ACCESS_READ,
        LockKind::Write => ShareAccess::OPEN4_SHARE_ACCESS_WRITE,
    };
    if !open.check(0)?.contains(needed) {
        return Err(Nfsstat4::NFS4ERR_OPENMODE.into());
    }
    reclaim::may_take(compound, arguments.reclaim)?;
    let attempt = || match &through {
        Through::Open { open, owner } => {
            let wanted = (range, kind);
            let stateids = &compound.server.stateids;
            open.file()
                .lock_through_open(open, owner.clone(), wanted, &client, stateids)
        }
        Through::Lock { state, seqid } => {
            let file = state.open.file();
            file.lock(state, *seqid, (range, kind), &client)
        }
    };
    if !arguments.reclaim {
        return retry_without_the_dead(compound, blocking, attempt);
    }
    attempt().map_err(|failure| match failure {
        // Somebody reclaimed it before (RFC 8881 §18.10.3).
        LockFailure::Denied(_) => Nfsstat4::NFS4ERR_RECLAIM_CONFLICT.into(),
        LockFailure::Status(status) => status.into(),
    })
}

fn through(compound: &Compound, arguments: &LockArgs<'_>) -> Result<Through, Nfsstat4> {
    match &arguments.locker {
        Locker4::New(new) => {
            let stateid = meant(compound, new.open_stateid)?;
            let open = open_state(compound, stateid)?;
            open.check(stateid.seqid)?;
            Ok(Through::Open {
                open,
                owner: owner(compound, &new.lock_owner)?,
            })
        }
        Locker4::Existing(existing) => {
            let stateid = meant(compound, existing.lock_stateid)?;
            Ok(Through::Lock {
                state: lock_state(compound, stateid)?,
                seqid: stateid.seqid,
            })
        }
    }
}

pub fn lockt(
    compound: &mut Compound,
    arguments: &LocktArgs<'_>,
    blocking: Blocking,
) -> Result<(), Failure> {
    let result = test_lock(compound, arguments, blocking);
    put_lock_result(compound, OpNum::OP_LOCKT, result)
}

fn test_lock(
    compound: &Compound,
    arguments: &LocktArgs<'_>,
    blocking: Blocking,
) -> Result<(), Refusal> {
    let node = compound.node()?;
    must_be_regular(&node)?;
    let range = Range::new(arguments.offset, arguments.length)?;
    let kind = kind(arguments.locktype);
    let owner = owner(compound, &arguments.owner)?;
    if compound.server.in_grace() {
        return Err(Nfsstat4::NFS4ERR_GRACE.into());
    }
    retry_without_the_dead(compound, blocking, || {
        let file = compound.server.files.get(node.key());
        match file.and_then(|file| file.conflict(&owner, range, kind)) {
            Some(held) => Err(LockFailure::Denied(held)),
            None => Ok(()),
        }
    })
}

pub fn locku(compound: &mut Compound, arguments: LockuArgs) -> Result<LockResOk, Failure> {
    must_be_regular(compound.node()?.as_ref())?;
    let range = Range::new(arguments.offset, arguments.length)?;
    let stateid = meant(compound, arguments.lock_stateid)?;
    let state = lock_state(compound, stateid)?;
    let client = compound.client()?;
    let lock_stateid = state
        .open
        .file()
        .unlock(&state, stateid.seqid, range, &client)?;
    compound.current.stateid = Some(lock_stateid);
    Ok(LockResOk { lock_stateid })
}

/// Tries again as long as what is in the way belongs to a client whose lease has expired. To end
/// such a client takes stable storage.
fn retry_without_the_dead<T>(
    compound: &Compound,
    blocking: Blocking,
    attempt: impl Fn() -> Result<T, LockFailure>,
) -> Result<T, Refusal> {
    let (server, now) = (&compound.server, compound.now);
    let mut result = attempt();
    for _ in 0..limits::MAX_EXPELLED {
        let Err(LockFailure::Denied(held)) = &result else {
            break;
        };
        let holder = held.owner.clientid;
        if blocking == Blocking::Never && server.may_be_expelled(holder, now) {
            return Err(Refusal::Failed(Failure::WouldBlock));
        }
        if !server.expel_if_expired(holder, now) {
            break;
        }
        result = attempt();
    }
    result.map_err(|failure| match failure {
        LockFailure::Denied(held) => Refusal::Denied(held),
        LockFailure::Status(status) => Refusal::Failed(Failure::of_state(status, blocking)),
    })
}

fn lock_state(compound: &Compound, stateid: Stateid4) -> Result<Arc<LockState>, Nfsstat4> {
    match state(compound, stateid)? {
        State::Lock(lock) => Ok(lock),
        State::Open(_) => Err(Nfsstat4::NFS4ERR_BAD_STATEID),
    }
}

fn owner(compound: &Compound, owner: &StateOwner4<'_>) -> Result<OwnerKey, Nfsstat4> {
    let clientid = compound.client()?.id;
    Ok(OwnerKey::new(clientid, &owner.owner))
}

/// Locks that would wait are tried at once: the client asks again by itself.
fn kind(locktype: NfsLockType4) -> LockKind {
    match locktype {
        NfsLockType4::Read | NfsLockType4::ReadW => LockKind::Read,
        NfsLockType4::Write | NfsLockType4::WriteW => LockKind::Write,
    }
}

fn put_lock_result<T>(
    compound: &mut Compound,
    number: OpNum,
    result: Result<T, Refusal>,
) -> Result<(), Failure>
where
    T: localefs_protocol::xdr::Pack<localefs_protocol::xdr::Encoder>,
{
    let failure = match result {
        Ok(value) => {
            compound.reply.put(&number);
            compound.reply.put(&LockRes::Ok(value));
            return Ok(());
        }
        Err(Refusal::Denied(held)) => {
            compound.reply.put(&number);
            compound.reply.put(&LockRes::<T>::Denied(denied(&held)));
            return Err(Nfsstat4::NFS4ERR_DENIED.into());
        }
        Err(Refusal::Failed(failure)) => failure,
    };
    compound.put_result::<()>(number, Err(failure))
}

fn denied(held: &Held<OwnerKey>) -> LockDenied<'_> {
    LockDenied {
        offset: held.range.first,
        length: held.range.length(),
        locktype: match held.kind {
            LockKind::Read => NfsLockType4::Read,
            LockKind::Write => NfsLockType4::Write,
        },
        owner: StateOwner4 {
            clientid: held.owner.clientid,
            owner: held.owner.name().into(),
        },
    }
}
