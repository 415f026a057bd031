//! DESTROY_CLIENTID, RECLAIM_COMPLETE (RFC 8881 §18.50, §18.51).

use localefs_protocol::nfs4::Nfsstat4;
use localefs_protocol::nfs4::ops::{DestroyClientidArgs, ReclaimCompleteArgs};

use crate::compound::Compound;
use crate::errors::Failure;

pub fn destroy_clientid(
    compound: &mut Compound,
    arguments: DestroyClientidArgs,
) -> Result<(), Failure> {
    let server = &compound.server;
    let client = server
        .clients
        .get(arguments.dca_clientid)
        .ok_or(Nfsstat4::NFS4ERR_STALE_CLIENTID)?;
    if !client.is_idle() {
        return Err(Nfsstat4::NFS4ERR_CLIENTID_BUSY.into());
    }
    if !server.expel(&client) {
        return Err(Nfsstat4::NFS4ERR_DELAY.into());
    }
    Ok(())
}

pub fn reclaim_complete(
    compound: &mut Compound,
    arguments: ReclaimCompleteArgs,
) -> Result<(), Failure> {
    let client = compound.client()?;
    if arguments.rca_one_fs {
        // It speaks of a file system that has moved here. None does.
        compound.node()?;
        return Ok(());
    }
    if client.has_reclaimed() {
        return Err(Nfsstat4::NFS4ERR_COMPLETE_ALREADY.into());
    }
    if let Err(error) = compound.server.reclaimed(&client) {
        tracing::warn!(%error, "a client can't be put on record");
        return Err(Nfsstat4::NFS4ERR_DELAY.into());
    }
    Ok(())
}
