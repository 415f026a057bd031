//! RENAME, LINK (RFC 8881 §18.26, §18.9): from the saved filehandle to the current one.

use localefs_protocol::nfs4::Nfsstat4;
use localefs_protocol::nfs4::ops::{ChangeResOk, LinkArgs, RenameArgs, RenameResOk};
use localefs_vfs::{Blocking, Error, FileType};

use super::create::change_info;
use super::lookup::must_be_directory;
use crate::compound::Compound;
use crate::errors::Failure;

pub fn rename(
    compound: &mut Compound,
    arguments: RenameArgs<'_>,
    blocking: Blocking,
) -> Result<RenameResOk, Failure> {
    let to = compound.node()?;
    let from = compound
        .saved
        .node
        .clone()
        .ok_or(Nfsstat4::NFS4ERR_NOFILEHANDLE)?;
    for directory in [&from, &to] {
        must_be_directory(directory).map_err(|_| Nfsstat4::NFS4ERR_NOTDIR)?;
    }
    let RenameArgs { oldname, newname } = arguments;
    let (old, new) = ((&*from, &*oldname), (&*to, &*newname));
    let renamed = compound
        .fs()
        .rename_with(compound.who(), old, new, blocking);
    let (source, target) = renamed.map_err(|error| match error {
        // A directory over something else, or the other way round (RFC 8881 §18.26.3).
        Error::IsDir | Error::NotDir => Nfsstat4::NFS4ERR_EXIST.into(),
        other => Failure::from(other),
    })?;
    Ok(RenameResOk {
        source_cinfo: change_info(source),
        target_cinfo: change_info(target),
    })
}

pub fn link(compound: &mut Compound, arguments: LinkArgs<'_>) -> Result<ChangeResOk, Failure> {
    let directory = compound.node()?;
    let object = compound
        .saved
        .node
        .clone()
        .ok_or(Nfsstat4::NFS4ERR_NOFILEHANDLE)?;
    must_be_directory(&directory)?;
    if object.file_type() == FileType::Directory {
        return Err(Nfsstat4::NFS4ERR_ISDIR.into());
    }
    let change = compound
        .fs()
        .link(compound.who(), &object, &directory, &arguments.newname)?;
    Ok(ChangeResOk {
        cinfo: change_info(change),
    })
}
