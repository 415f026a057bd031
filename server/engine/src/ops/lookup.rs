//! LOOKUP, LOOKUPP, READLINK (RFC 8881 §18.13, §18.14, §18.24).

use localefs_protocol::nfs4::ops::{LookupArgs, ReadlinkResOk};
use localefs_protocol::nfs4::{Nfsstat4, OpNum};
use localefs_vfs::{FileType, Node};

use crate::compound::Compound;
use crate::errors::Failure;

/// # Errors
/// NFS4ERR_SYMLINK for a symbolic link, which the client is to follow itself; NFS4ERR_NOTDIR for
/// anything else that is no directory.
pub fn must_be_directory(node: &Node) -> Result<(), Nfsstat4> {
    match node.file_type() {
        FileType::Directory => Ok(()),
        FileType::Symlink => Err(Nfsstat4::NFS4ERR_SYMLINK),
        _ => Err(Nfsstat4::NFS4ERR_NOTDIR),
    }
}

pub fn lookup(compound: &mut Compound, arguments: LookupArgs<'_>) -> Result<(), Failure> {
    let directory = compound.node()?;
    must_be_directory(&directory)?;
    let found = compound
        .fs()
        .find(compound.who(), &directory, &arguments.objname)?;
    compound.go_to_observed(found.node, found.attributes);
    Ok(())
}

pub fn lookupp(compound: &mut Compound) -> Result<(), Failure> {
    let directory = compound.node()?;
    must_be_directory(&directory)?;
    let parent = compound.fs().parent(compound.who(), &directory)?;
    compound.go_to(parent);
    Ok(())
}

pub fn readlink(compound: &mut Compound) -> Result<(), Failure> {
    let target = compound
        .node()
        .map_err(Failure::from)
        .and_then(|node| match node.file_type() {
            FileType::Symlink => Ok(compound.fs().read_link(&node)?),
            FileType::Directory => Err(Nfsstat4::NFS4ERR_INVAL.into()),
            _ => Err(Nfsstat4::NFS4ERR_WRONG_TYPE.into()),
        });
    let result = target.as_ref().map(|target| ReadlinkResOk {
        link: target.as_slice().into(),
    });
    compound.put_result(OpNum::OP_READLINK, result.map_err(|failure| *failure))
}
