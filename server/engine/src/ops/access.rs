//! ACCESS (RFC 8881 §18.1).

use localefs_protocol::nfs4::Access4;
use localefs_protocol::nfs4::ops::{AccessArgs, AccessResOk};
use localefs_vfs::{FileType, Permissions, check};

use crate::compound::Compound;
use crate::errors::Failure;

/// All bits that NFSv4.1 has.
const ALL: Access4 = Access4(0x3f);

pub fn access(compound: &mut Compound, arguments: AccessArgs) -> Result<AccessResOk, Failure> {
    let node = compound.node()?;
    let attributes = compound.attributes()?;
    let granted = check(compound.who(), &attributes, Permissions::empty()).granted;
    let supported = arguments.access & meaningful(node.file_type());
    let allowed = access_bits(node.file_type(), granted);
    Ok(AccessResOk {
        supported,
        access: supported & allowed,
    })
}

/// The bits that say something about an object of this type.
fn meaningful(file_type: FileType) -> Access4 {
    let not = |bits: Access4| Access4(ALL.0 & !bits.0);
    match file_type {
        FileType::Directory => not(Access4::ACCESS4_EXECUTE),
        // Deleting is decided by the directory.
        _ => not(Access4::ACCESS4_LOOKUP | Access4::ACCESS4_DELETE),
    }
}

fn access_bits(file_type: FileType, granted: Permissions) -> Access4 {
    let directory = file_type == FileType::Directory;
    let when = |permission: Permissions, bits: Access4| {
        if granted.contains(permission) {
            bits
        } else {
            Access4::default()
        }
    };
    let write = Access4::ACCESS4_MODIFY | Access4::ACCESS4_EXTEND | Access4::ACCESS4_DELETE;
    let execute = if directory {
        Access4::ACCESS4_LOOKUP
    } else {
        Access4::ACCESS4_EXECUTE
    };
    when(Permissions::READ, Access4::ACCESS4_READ)
        | when(Permissions::WRITE, write)
        | when(Permissions::EXECUTE, execute)
}
