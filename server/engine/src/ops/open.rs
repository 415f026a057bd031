//! OPEN (RFC 8881 §18.16).

use std::sync::Arc;

use localefs_protocol::nfs4::ops::{
    Createhow4, OpenArgs, OpenClaim4, OpenDelegation4, OpenNoneDelegation4, OpenResOk, OpenRflags,
    Openflag4, ShareAccess, ShareDeny,
};
use localefs_protocol::nfs4::{Attr, Attributes, Bitmap4, ChangeInfo4, Fattr4, Nfsstat4};
use localefs_vfs::{Blocking, Create, Error, File, Node, OpenMode, SetAttributes};

use super::create::change_info;
use super::fattr;
use super::lookup::must_be_directory;
use super::reclaim;
use super::stateid::must_be_regular;
use crate::compound::Compound;
use crate::errors::Failure;
use crate::state::OwnerKey;

/// How often a name may be given to another file while it is opened.
const ATTEMPTS: usize = 8;

/// An open file, and what the reply says of how it came about.
struct Opened {
    file: File,
    /// The file's attributes, if they were read and nothing was changed.
    attributes: Option<localefs_vfs::Attributes>,
    cinfo: ChangeInfo4,
    attrset: Bitmap4,
}

pub fn open(
    compound: &mut Compound,
    arguments: &OpenArgs<'_>,
    blocking: Blocking,
) -> Result<OpenResOk<'static>, Failure> {
    let current = compound.node()?;
    let client = compound.client()?;
    let access = share_access(arguments)?;
    reclaim::may_take(compound, matches!(arguments.claim, OpenClaim4::Previous(_)))?;
    client
        .may_open()
        .map_err(|status| Failure::of_state(status, blocking))?;
    let wanted = OpenMode {
        read: access.contains(ShareAccess::OPEN4_SHARE_ACCESS_READ),
        write: access.contains(ShareAccess::OPEN4_SHARE_ACCESS_WRITE),
    };
    let opened = match (&arguments.claim, &arguments.openhow) {
        (OpenClaim4::Null(name), Openflag4::NoCreate) => {
            open_by_name(compound, &current, name, wanted)?
        }
        (OpenClaim4::Null(name), Openflag4::Create(how)) => {
            create(compound, &current, name, how, wanted)?
        }
        // Without a name there is nothing to create.
        (OpenClaim4::Fh | OpenClaim4::Previous(_), Openflag4::Create(_)) => {
            return Err(Nfsstat4::NFS4ERR_INVAL.into());
        }
        (OpenClaim4::Fh, Openflag4::NoCreate) => {
            must_be_regular(&current)?;
            let file = compound.fs().open_file(compound.who(), &current, wanted)?;
            Opened::existing(file, compound.fs().attributes(&current)?.change)
        }
        (OpenClaim4::Previous(_), Openflag4::NoCreate) => {
            must_be_regular(&current)?;
            let file = compound
                .fs()
                .reopen_file(compound.who(), &current, wanted)?;
            Opened::existing(file, compound.fs().attributes(&current)?.change)
        }
        // EFS grants no delegations (EFS user guide, "Unsupported NFSv4 features").
        (
            OpenClaim4::DelegateCur(_)
            | OpenClaim4::DelegatePrev(_)
            | OpenClaim4::DelegCurFh(_)
            | OpenClaim4::DelegPrevFh,
            _,
        ) => return Err(Nfsstat4::NFS4ERR_NOTSUPP.into()),
    };
    let owner = OwnerKey::new(client.id, &arguments.owner.owner);
    let node = Arc::clone(opened.file.node());
    let (files, stateids) = (&compound.server.files, &compound.server.stateids);
    let stateid = files.open(&client, owner, opened.file, access, stateids)?;
    match opened.attributes {
        Some(attributes) => compound.go_to_observed(node, attributes),
        None => compound.go_to(node),
    }
    compound.current.stateid = Some(stateid);
    Ok(OpenResOk {
        stateid,
        cinfo: opened.cinfo,
        // Without PRESERVE_UNLINKED, as EFS: a client that removes what it has open renames it
        // to .nfs….
        rflags: OpenRflags::OPEN4_RESULT_LOCKTYPE_POSIX,
        attrset: opened.attrset,
        delegation: no_delegation(arguments.share_access),
    })
}

/// The access asked for, without what is wished of delegations.
fn share_access(arguments: &OpenArgs<'_>) -> Result<ShareAccess, Nfsstat4> {
    let wishes = ShareAccess::WANT_DELEG_MASK
        | ShareAccess::OPEN4_SHARE_ACCESS_WANT_SIGNAL_DELEG_WHEN_RESRC_AVAIL
        | ShareAccess::OPEN4_SHARE_ACCESS_WANT_PUSH_DELEG_WHEN_UNCONTENDED;
    let access = ShareAccess(arguments.share_access.0 & !wishes.0);
    if access.0 == 0 || access.0 > ShareAccess::OPEN4_SHARE_ACCESS_BOTH.0 {
        return Err(Nfsstat4::NFS4ERR_INVAL);
    }
    match arguments.share_deny {
        ShareDeny::OPEN4_SHARE_DENY_NONE => Ok(access),
        // EFS has no deny modes (EFS user guide, "Unsupported NFSv4 features").
        ShareDeny(deny) if deny <= ShareDeny::OPEN4_SHARE_DENY_BOTH.0 => {
            Err(Nfsstat4::NFS4ERR_NOTSUPP)
        }
        _ => Err(Nfsstat4::NFS4ERR_INVAL),
    }
}

/// There are no delegations; who says what he would like is told why not (RFC 8881 §18.16.3).
fn no_delegation(asked: ShareAccess) -> OpenDelegation4<'static> {
    match asked & ShareAccess::WANT_DELEG_MASK {
        ShareAccess(0) => OpenDelegation4::None,
        ShareAccess::OPEN4_SHARE_ACCESS_WANT_NO_DELEG => {
            OpenDelegation4::NoneExt(OpenNoneDelegation4::NotWanted)
        }
        ShareAccess::OPEN4_SHARE_ACCESS_WANT_CANCEL => {
            OpenDelegation4::NoneExt(OpenNoneDelegation4::Cancelled)
        }
        _ => OpenDelegation4::NoneExt(OpenNoneDelegation4::NotSuppFtype),
    }
}

fn open_by_name(
    compound: &Compound,
    directory: &Arc<Node>,
    name: &[u8],
    wanted: OpenMode,
) -> Result<Opened, Failure> {
    must_be_directory(directory)?;
    let mut attempts = 0;
    let (found, file) = loop {
        let found = compound.fs().find(compound.who(), directory, name)?;
        must_be_regular(&found.node)?;
        attempts += 1;
        match compound.fs().open_found(compound.who(), &found, wanted) {
            // Something else has its name by now.
            Err(Error::Stale) if attempts < ATTEMPTS => {}
            file => break (found, file?),
        }
    };
    Ok(Opened {
        attributes: Some(found.attributes),
        ..Opened::existing(file, found.directory.change)
    })
}

impl Opened {
    /// A file that was there before: its directory has not changed.
    fn existing(file: File, change: u64) -> Self {
        Self {
            file,
            attributes: None,
            cinfo: ChangeInfo4 {
                atomic: true,
                before: change,
                after: change,
            },
            attrset: Bitmap4::EMPTY,
        }
    }
}

fn create(
    compound: &Compound,
    directory: &Node,
    name: &[u8],
    how: &Createhow4<'_>,
    wanted: OpenMode,
) -> Result<Opened, Failure> {
    must_be_directory(directory)?;
    let (set, attrset) = match how {
        Createhow4::Unchecked(fattr) | Createhow4::Guarded(fattr) => fattr::to_set(fattr)?,
        Createhow4::Exclusive(_) => (SetAttributes::default(), Bitmap4::EMPTY),
        Createhow4::Exclusive41(exclusive) => exclusive_attributes(&exclusive.cva_attrs)?,
    };
    let how = match how {
        Createhow4::Unchecked(_) => Create::Unchecked(&set),
        Createhow4::Guarded(_) => Create::Guarded(&set),
        Createhow4::Exclusive(verifier) => Create::Exclusive {
            verifier: verifier.0,
            set: &set,
        },
        Createhow4::Exclusive41(exclusive) => Create::Exclusive {
            verifier: exclusive.cva_verf.0,
            set: &set,
        },
    };
    let created = compound
        .fs()
        .create_file(compound.who(), directory, name, how, wanted)?;
    let attrset = match set.size {
        _ if created.created => attrset,
        // Of a file that was there, nothing is set; but it may have been emptied.
        Some(0) => Bitmap4::of(&[Attr::FATTR4_SIZE]),
        _ => Bitmap4::EMPTY,
    };
    Ok(Opened {
        file: created.file,
        attributes: None,
        cinfo: change_info(created.directory),
        attrset,
    })
}

/// # Errors
/// NFS4ERR_INVAL for attributes outside `suppattr_exclcreat` (RFC 8881 §18.16.3).
fn exclusive_attributes(fattr: &Fattr4<'_>) -> Result<(SetAttributes, Bitmap4), Nfsstat4> {
    let allowed = fattr
        .attrmask
        .difference(&fattr::SUPPATTR_EXCLCREAT)
        .is_empty();
    if !allowed && Attributes::supports(&fattr.attrmask) {
        return Err(Nfsstat4::NFS4ERR_INVAL);
    }
    fattr::to_set(fattr)
}
