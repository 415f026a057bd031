//! REMOVE (RFC 8881 §18.25).

use localefs_protocol::nfs4::Nfsstat4;
use localefs_protocol::nfs4::ops::{ChangeResOk, RemoveArgs};
use localefs_vfs::Blocking;

use super::create::change_info;
use super::lookup::must_be_directory;
use crate::compound::Compound;
use crate::errors::Failure;

pub fn remove(
    compound: &mut Compound,
    arguments: RemoveArgs<'_>,
    blocking: Blocking,
) -> Result<ChangeResOk, Failure> {
    let directory = compound.node()?;
    must_be_directory(&directory).map_err(|_| Nfsstat4::NFS4ERR_NOTDIR)?;
    let change =
        compound
            .fs()
            .remove_with(compound.who(), &directory, &arguments.target, blocking)?;
    Ok(ChangeResOk {
        cinfo: change_info(change),
    })
}
