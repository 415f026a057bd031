//! Whether state may be taken, or reclaimed, now (RFC 8881 §8.4.2.1, §18.51.3).

use localefs_protocol::nfs4::Nfsstat4;

use crate::compound::Compound;

/// # Errors
/// NFS4ERR_GRACE for something new while others may still reclaim, or before the client said
/// that it has reclaimed all; NFS4ERR_NO_GRACE for a reclaim that comes too late;
/// NFS4ERR_RECLAIM_BAD for one by a client that held nothing before the restart.
pub fn may_take(compound: &Compound, reclaim: bool) -> Result<(), Nfsstat4> {
    let client = compound.client()?;
    let server = &compound.server;
    match (reclaim, server.in_grace()) {
        (true, false) => Err(Nfsstat4::NFS4ERR_NO_GRACE),
        (true, true) if client.has_reclaimed() => Err(Nfsstat4::NFS4ERR_NO_GRACE),
        (true, true) if !server.may_reclaim(&client) => Err(Nfsstat4::NFS4ERR_RECLAIM_BAD),
        (true, true) => Ok(()),
        (false, true) => Err(Nfsstat4::NFS4ERR_GRACE),
        (false, false) if !client.has_reclaimed() => Err(Nfsstat4::NFS4ERR_GRACE),
        (false, false) => Ok(()),
    }
}
