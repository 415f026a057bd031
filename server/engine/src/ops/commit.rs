//! COMMIT (RFC 8881 §18.3).

use localefs_protocol::nfs4::ops::{CommitArgs, CommitResOk};
use localefs_protocol::nfs4::{Nfsstat4, Verifier4};

use super::stateid::must_be_regular;
use crate::compound::Compound;
use crate::errors::Failure;

/// Commits the whole file, whatever range is asked for.
pub fn commit(compound: &mut Compound, arguments: CommitArgs) -> Result<CommitResOk, Failure> {
    let node = compound.node()?;
    must_be_regular(&node)?;
    if arguments
        .offset
        .checked_add(arguments.count.into())
        .is_none()
    {
        return Err(Nfsstat4::NFS4ERR_INVAL.into());
    }
    let fs = compound.fs();
    fs.commit(&node)?;
    // Read after: where another one's sync has heard of the error, the client must see another
    // verifier than WRITE gave it.
    Ok(CommitResOk {
        writeverf: Verifier4(fs.write_verifier()),
    })
}
