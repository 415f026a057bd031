//! GETATTR, SETATTR, VERIFY, NVERIFY (RFC 8881 §18.7, §18.30, §18.31, §18.15).

use localefs_protocol::nfs4::ops::{GetattrArgs, SetattrArgs, SetattrRes, VerifyArgs};
use localefs_protocol::nfs4::{Attr, Attributes, Bitmap4, Nfsstat4, OpNum};
use localefs_vfs::{FileType, SetAttributes};

use super::fattr::{self, Surroundings};
use super::stateid::{self, Designated};
use crate::compound::Compound;
use crate::errors::Failure;

impl Compound {
    /// What attributes depend on beside the object.
    pub(super) fn surroundings(&self) -> Surroundings {
        let lease = self.server.file_system.lease.as_secs();
        Surroundings {
            fsid: self.fs().fsid(),
            // Never 0: a client would renew without end.
            lease_time: u32::try_from(lease).unwrap_or(u32::MAX).max(1),
            metered: self.fs().metered_bytes(),
        }
    }
}

pub fn getattr(compound: &mut Compound, arguments: GetattrArgs) -> Result<(), Failure> {
    let number = OpNum::OP_GETATTR;
    let attributes = compound.node().map_err(Failure::from).and_then(|node| {
        fattr::readable(&arguments.attr_request)?;
        let attributes = compound.attributes()?;
        Ok((node, attributes))
    });
    let (node, attributes) = match attributes {
        Ok(found) => found,
        Err(failure) => return compound.put_result::<()>(number, Err(failure)),
    };
    let surroundings = compound.surroundings();
    compound.put_status(number, Nfsstat4::NFS4_OK);
    let wanted = &arguments.attr_request;
    let handle = wanted
        .contains(Attr::FATTR4_FILEHANDLE)
        .then(|| node.handle());
    fattr::put_fattr(
        &mut compound.reply,
        wanted,
        &attributes,
        handle.as_deref(),
        surroundings,
    );
    Ok(())
}

pub fn setattr(compound: &mut Compound, arguments: &SetattrArgs<'_>) -> Result<(), Failure> {
    let set = set_attributes(compound, arguments);
    let (result, status, attrsset) = match set {
        Ok(attrsset) => (Ok(()), Nfsstat4::NFS4_OK, attrsset),
        // All or nothing.
        Err(Failure::Status(status)) => (Err(status.into()), status, Bitmap4::EMPTY),
        Err(Failure::TooManyFiles) => {
            compound.server.file_system.expel_longest_expired();
            let delay = Nfsstat4::NFS4ERR_DELAY;
            (Err(delay.into()), delay, Bitmap4::EMPTY)
        }
        Err(Failure::WouldBlock) => return Err(Failure::WouldBlock),
    };
    compound.reply.put(&OpNum::OP_SETATTR);
    compound.reply.put(&SetattrRes { status, attrsset });
    result
}

fn set_attributes(
    compound: &mut Compound,
    arguments: &SetattrArgs<'_>,
) -> Result<Bitmap4, Failure> {
    let node = compound.node()?;
    let (set, attrsset) = fattr::to_set(&arguments.obj_attributes)?;
    let through = match set.size {
        // RFC 8881 §15.2 has neither ISDIR nor SYMLINK for SETATTR.
        Some(_) if node.file_type() != FileType::Regular => {
            return Err(Nfsstat4::NFS4ERR_INVAL.into());
        }
        // Where the stateid is anonymous, permission to write decides.
        Some(_) => stateid::designated(compound, arguments.stateid)?,
        None => Designated::Anonymous,
    };
    let writer = through.writer()?;
    if set == SetAttributes::default() {
        return Ok(attrsset);
    }
    compound
        .fs()
        .set_attributes(compound.who(), &node, writer, &set)?;
    Ok(attrsset)
}

pub fn verify(compound: &mut Compound, arguments: &VerifyArgs<'_>) -> Result<(), Failure> {
    if same(compound, arguments)? {
        Ok(())
    } else {
        Err(Nfsstat4::NFS4ERR_NOT_SAME.into())
    }
}

pub fn nverify(compound: &mut Compound, arguments: &VerifyArgs<'_>) -> Result<(), Failure> {
    if same(compound, arguments)? {
        Err(Nfsstat4::NFS4ERR_SAME.into())
    } else {
        Ok(())
    }
}

fn same(compound: &Compound, arguments: &VerifyArgs<'_>) -> Result<bool, Failure> {
    let node = compound.node()?;
    let fattr = &arguments.obj_attributes;
    let given = Attributes::from_fattr4(fattr)?;
    fattr::readable(&fattr.attrmask)?;
    // An error of reading directories is no attribute of an object (RFC 8881 §18.31.3).
    if fattr.attrmask.contains(Attr::FATTR4_RDATTR_ERROR) {
        return Err(Nfsstat4::NFS4ERR_INVAL.into());
    }
    let attributes = compound.fs().attributes(&node)?;
    Ok(fattr::equal(
        &given,
        &attributes,
        &node.handle(),
        compound.surroundings(),
    ))
}
