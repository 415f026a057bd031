//! SECINFO, SECINFO_NO_NAME (RFC 8881 §18.29, §18.45). AUTH_SYS is all that there is.

use localefs_protocol::nfs4::Nfsstat4;
use localefs_protocol::nfs4::ops::{Secinfo4, SecinfoArgs, SecinfoResOk, SecinfoStyle4};
use localefs_protocol::rpc::AuthFlavor;

use super::lookup::must_be_directory;
use crate::compound::{Compound, Place};
use crate::errors::Failure;

pub fn secinfo(
    compound: &mut Compound,
    arguments: SecinfoArgs<'_>,
) -> Result<SecinfoResOk<'static>, Failure> {
    let directory = compound.node()?;
    must_be_directory(&directory).map_err(|_| Nfsstat4::NFS4ERR_NOTDIR)?;
    compound
        .fs()
        .lookup(compound.who(), &directory, &arguments.name)?;
    Ok(flavors(compound))
}

pub fn secinfo_no_name(
    compound: &mut Compound,
    style: SecinfoStyle4,
) -> Result<SecinfoResOk<'static>, Failure> {
    let node = compound.node()?;
    if style == SecinfoStyle4::Parent {
        must_be_directory(&node).map_err(|_| Nfsstat4::NFS4ERR_NOTDIR)?;
        compound.fs().parent(compound.who(), &node)?;
    }
    Ok(flavors(compound))
}

/// The answer, which uses up the filehandle (RFC 8881 §2.6.3.1.1.8).
fn flavors(compound: &mut Compound) -> SecinfoResOk<'static> {
    compound.current = Place::default();
    SecinfoResOk {
        flavors: vec![Secinfo4::Flavor(AuthFlavor::AUTH_SYS)].into(),
    }
}
