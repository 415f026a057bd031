//! PUTFH, PUTROOTFH, GETFH, SAVEFH, RESTOREFH (RFC 8881 §18.19 to §18.21, §18.8, §18.28, §18.27).

use localefs_protocol::nfs4::ops::{GetfhResOk, PutfhArgs};
use localefs_protocol::nfs4::{Nfsstat4, OpNum};

use crate::compound::Compound;
use crate::errors::Failure;

pub fn putfh(compound: &mut Compound, arguments: PutfhArgs<'_>) -> Result<(), Failure> {
    match compound.fs().resolve_and_see(&arguments.object)? {
        (node, Some(attributes)) => compound.go_to_observed(node, attributes),
        (node, None) => compound.go_to(node),
    }
    Ok(())
}

pub fn putrootfh(compound: &mut Compound) -> Result<(), Failure> {
    let root = compound.fs().root();
    compound.go_to(root);
    Ok(())
}

pub fn getfh(compound: &mut Compound) -> Result<(), Failure> {
    let handle = compound.node().map(|node| node.handle());
    let result = match &handle {
        Ok(handle) => Ok(GetfhResOk {
            object: handle.as_slice().into(),
        }),
        Err(status) => Err(Failure::Status(*status)),
    };
    compound.put_result(OpNum::OP_GETFH, result)
}

pub fn savefh(compound: &mut Compound) -> Result<(), Failure> {
    compound.saved = compound.current.clone();
    Ok(())
}

pub fn restorefh(compound: &mut Compound) -> Result<(), Failure> {
    if compound.saved.node.is_none() {
        return Err(Nfsstat4::NFS4ERR_NOFILEHANDLE.into());
    }
    compound.current = compound.saved.clone();
    Ok(())
}
