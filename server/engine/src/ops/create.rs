//! CREATE (RFC 8881 §18.4): everything but regular files.

use localefs_protocol::nfs4::ops::{CreateArgs, CreateResOk, Createtype4};
use localefs_protocol::nfs4::{ChangeInfo4, Nfsstat4};
use localefs_vfs::{ChangeInfo, SpecialType};

use super::fattr;
use super::lookup::must_be_directory;
use crate::compound::Compound;
use crate::errors::Failure;

/// A directory's change around an operation: always atomic.
pub fn change_info(change: ChangeInfo) -> ChangeInfo4 {
    ChangeInfo4 {
        atomic: true,
        before: change.before,
        after: change.after,
    }
}

pub fn create(compound: &mut Compound, arguments: &CreateArgs<'_>) -> Result<CreateResOk, Failure> {
    let directory = compound.node()?;
    must_be_directory(&directory).map_err(|_| Nfsstat4::NFS4ERR_NOTDIR)?;
    let (fs, who, name) = (compound.fs(), compound.who(), &*arguments.objname);
    let set = || fattr::to_set(&arguments.createattrs);
    let (made, attrset) = match &arguments.objtype {
        Createtype4::Dir => {
            let (set, attrset) = set()?;
            (fs.make_directory(who, &directory, name, &set)?, attrset)
        }
        Createtype4::Lnk(target) => {
            let (set, attrset) = set()?;
            (
                fs.make_symlink(who, &directory, name, target, &set)?,
                attrset,
            )
        }
        Createtype4::Fifo => {
            let (set, attrset) = set()?;
            (
                fs.make_special(who, &directory, name, SpecialType::Fifo, &set)?,
                attrset,
            )
        }
        Createtype4::Sock => {
            let (set, attrset) = set()?;
            (
                fs.make_special(who, &directory, name, SpecialType::Socket, &set)?,
                attrset,
            )
        }
        // EFS has neither devices nor named attributes; regular files are for OPEN.
        Createtype4::Blk(_)
        | Createtype4::Chr(_)
        | Createtype4::Reg
        | Createtype4::AttrDir
        | Createtype4::NamedAttr => return Err(Nfsstat4::NFS4ERR_BADTYPE.into()),
    };
    compound.go_to(made.node);
    Ok(CreateResOk {
        cinfo: change_info(made.directory),
        attrset,
    })
}
