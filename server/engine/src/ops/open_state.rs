//! CLOSE, OPEN_DOWNGRADE (RFC 8881 §18.2, §18.18).

use localefs_protocol::nfs4::ops::{
    CloseArgs, OpenDowngradeArgs, ShareAccess, ShareDeny, StateidResOk,
};
use localefs_protocol::nfs4::{Nfsstat4, Stateid4};
use localefs_vfs::Blocking;

use super::stateid::{meant_exactly, open_state};
use crate::compound::Compound;
use crate::errors::Failure;

pub fn close(
    compound: &mut Compound,
    arguments: CloseArgs,
    blocking: Blocking,
) -> Result<StateidResOk, Failure> {
    let stateid = meant_exactly(compound, arguments.open_stateid)?;
    let open = open_state(compound, stateid)?;
    // The last one to close a file that has no name frees all its blocks.
    if blocking == Blocking::Never && compound.fs().is_nameless(open.node()) {
        return Err(Failure::WouldBlock);
    }
    let client = compound.client()?;
    open.file().close(&open, stateid.seqid, &client)?;
    compound.server.files.retire_if_unused(open.node().key());
    // Nobody is to use it again (RFC 8881 §18.2.4).
    compound.current.stateid = None;
    Ok(StateidResOk {
        open_stateid: Stateid4::INVALID,
    })
}

pub fn open_downgrade(
    compound: &mut Compound,
    arguments: OpenDowngradeArgs,
) -> Result<StateidResOk, Failure> {
    let stateid = meant_exactly(compound, arguments.open_stateid)?;
    let open = open_state(compound, stateid)?;
    let access = ShareAccess(arguments.share_access.0 & !ShareAccess::WANT_DELEG_MASK.0);
    // Nothing was ever opened with a deny mode, so that none can be left.
    if access.0 > 3 || arguments.share_deny != ShareDeny::OPEN4_SHARE_DENY_NONE {
        return Err(Nfsstat4::NFS4ERR_INVAL.into());
    }
    let open_stateid = open.file().downgrade(&open, stateid.seqid, access)?;
    compound.current.stateid = Some(open_stateid);
    Ok(StateidResOk { open_stateid })
}
