//! Attributes of the file system as attributes of NFSv4.1, and back (RFC 8881 §5).

use localefs_protocol::nfs4::{
    Attr, Attributes, Bitmap4, Fattr4, Fsid4, NfsFtype4, Nfsstat4, Nfstime4, SetTime4, Specdata4,
    Support, TIME_DELTA,
};
use localefs_protocol::xdr::Encoder;
use localefs_vfs::{self as vfs, FileType, SetAttributes, SetTime, Timestamp};

use crate::limits;

/// FH4_PERSISTENT: handles last.
const FH4_PERSISTENT: u32 = 0;

/// What EFS says of its size: 8 EiB less the mebibyte that Linux, which counts in blocks of
/// `wsize`, would round up to. `df` shows 9007199254739968 KiB, as on EFS. What is metered is used
/// of it, of which Linux shows whole mebibytes.
const SPACE: u64 = (1 << 63) - (1 << 20);

/// Attributes that exclusive creation may set: all that can be set, as the verifier is kept
/// beside them and not in the times (RFC 8881 §5.8.1.14).
pub const SUPPATTR_EXCLCREAT: Bitmap4 = SETTABLE;

/// Attributes that can be set.
const SETTABLE: Bitmap4 = Bitmap4::of(&[
    Attr::FATTR4_SIZE,
    Attr::FATTR4_MODE,
    Attr::FATTR4_OWNER,
    Attr::FATTR4_OWNER_GROUP,
    Attr::FATTR4_TIME_ACCESS_SET,
    Attr::FATTR4_TIME_MODIFY_SET,
]);

/// What the attributes of an object depend on beside itself.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// Of the file system.
    pub fsid: u64,
    /// In seconds.
    pub lease_time: u32,
    /// Octets that the file system is metered at.
    pub metered: u64,
}

/// A decimal number, as owners are written: EFS knows no names.
struct Decimal {
    digits: [u8; 10],
    start: usize,
}

impl Decimal {
    fn new(mut number: u32) -> Self {
        let mut digits = [b'0'; 10];
        let mut start = digits.len();
        for digit in digits.iter_mut().rev() {
            let value = (number % 10) as u8;
            *digit = b'0' + value;
            start -= 1;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        Self { digits, start }
    }

    fn as_slice(&self) -> &[u8] {
        self.digits.get(self.start..).unwrap_or_default()
    }
}

/// Appends the `fattr4` of an object with those attributes of `wanted` that exist. `handle` is
/// only needed if the filehandle is among them.
pub fn put_fattr(
    out: &mut Encoder,
    wanted: &Bitmap4,
    of: &vfs::Attributes,
    handle: Option<&[u8]>,
    surroundings: Surroundings,
) {
    with_values(wanted, of, handle, surroundings, |values| {
        out.put(&values.mask());
        out.put_counted(|out| out.put(values));
    });
}

/// Whether the attributes of an object equal those given, of those that are given.
pub fn equal(
    given: &Attributes<'_>,
    of: &vfs::Attributes,
    handle: &[u8],
    surroundings: Surroundings,
) -> bool {
    let mut equal = false;
    with_values(&given.mask(), of, Some(handle), surroundings, |values| {
        equal = values == given;
    });
    equal
}

/// Whether all of `mask` may be asked for.
///
/// # Errors
/// NFS4ERR_INVAL for an attribute that can only be set (RFC 8881 §5.5).
pub fn readable(mask: &Bitmap4) -> Result<(), Nfsstat4> {
    let write_only = |attribute: Attr| attribute.support() == Some(Support::Write);
    if mask.iter().any(write_only) {
        Err(Nfsstat4::NFS4ERR_INVAL)
    } else {
        Ok(())
    }
}

fn with_values(
    wanted: &Bitmap4,
    of: &vfs::Attributes,
    handle: Option<&[u8]>,
    surroundings: Surroundings,
    then: impl FnOnce(&Attributes<'_>),
) {
    let (owner, group) = (Decimal::new(of.uid), Decimal::new(of.gid));
    let mut values = Attributes::default();
    for attribute in wanted.iter() {
        match attribute {
            Attr::FATTR4_SUPPORTED_ATTRS => values.supported_attrs = Some(Attributes::SUPPORTED),
            Attr::FATTR4_TYPE => values.file_type = Some(file_type(of.file_type)),
            Attr::FATTR4_FH_EXPIRE_TYPE => values.fh_expire_type = Some(FH4_PERSISTENT),
            Attr::FATTR4_CHANGE => values.change = Some(of.change),
            Attr::FATTR4_SIZE => values.size = Some(of.size),
            Attr::FATTR4_LINK_SUPPORT => values.link_support = Some(true),
            Attr::FATTR4_SYMLINK_SUPPORT => values.symlink_support = Some(true),
            Attr::FATTR4_NAMED_ATTR => values.named_attr = Some(false),
            Attr::FATTR4_FSID => {
                values.fsid = Some(Fsid4 {
                    major: surroundings.fsid,
                    minor: 0,
                });
            }
            Attr::FATTR4_UNIQUE_HANDLES => values.unique_handles = Some(true),
            Attr::FATTR4_LEASE_TIME => values.lease_time = Some(surroundings.lease_time),
            Attr::FATTR4_RDATTR_ERROR => values.rdattr_error = Some(Nfsstat4::NFS4_OK),
            Attr::FATTR4_CANSETTIME => values.cansettime = Some(true),
            Attr::FATTR4_CASE_INSENSITIVE => values.case_insensitive = Some(false),
            Attr::FATTR4_CASE_PRESERVING => values.case_preserving = Some(true),
            Attr::FATTR4_CHOWN_RESTRICTED => values.chown_restricted = Some(true),
            Attr::FATTR4_FILEHANDLE => values.filehandle = handle.map(Into::into),
            Attr::FATTR4_FILEID => values.fileid = Some(of.fileid),
            Attr::FATTR4_HOMOGENEOUS => values.homogeneous = Some(true),
            Attr::FATTR4_MAXFILESIZE => values.maxfilesize = Some(vfs::limits::MAX_FILE_SIZE),
            Attr::FATTR4_MAXLINK => values.maxlink = Some(vfs::limits::MAX_LINKS),
            #[expect(clippy::cast_possible_truncation, reason = "255")]
            Attr::FATTR4_MAXNAME => values.maxname = Some(vfs::limits::MAX_NAME as u32),
            Attr::FATTR4_MAXREAD => values.maxread = Some(limits::MAX_IO.into()),
            Attr::FATTR4_MAXWRITE => values.maxwrite = Some(limits::MAX_IO.into()),
            Attr::FATTR4_MODE => values.mode = Some(of.mode),
            Attr::FATTR4_NO_TRUNC => values.no_trunc = Some(true),
            Attr::FATTR4_NUMLINKS => values.numlinks = Some(of.links),
            Attr::FATTR4_OWNER => values.owner = Some(owner.as_slice().into()),
            Attr::FATTR4_OWNER_GROUP => values.owner_group = Some(group.as_slice().into()),
            Attr::FATTR4_RAWDEV => {
                let (specdata1, specdata2) = of.rdev;
                values.rawdev = Some(Specdata4 {
                    specdata1,
                    specdata2,
                });
            }
            Attr::FATTR4_SPACE_AVAIL => {
                values.space_avail = Some(SPACE.saturating_sub(surroundings.metered));
            }
            Attr::FATTR4_SPACE_FREE => {
                values.space_free = Some(SPACE.saturating_sub(surroundings.metered));
            }
            Attr::FATTR4_SPACE_TOTAL => values.space_total = Some(SPACE),
            Attr::FATTR4_SPACE_USED => values.space_used = Some(of.space_used),
            Attr::FATTR4_TIME_ACCESS => values.time_access = Some(time(of.accessed)),
            Attr::FATTR4_TIME_DELTA => values.time_delta = Some(TIME_DELTA),
            Attr::FATTR4_TIME_METADATA => values.time_metadata = Some(time(of.changed)),
            Attr::FATTR4_TIME_MODIFY => values.time_modify = Some(time(of.modified)),
            Attr::FATTR4_MOUNTED_ON_FILEID => values.mounted_on_fileid = Some(of.fileid),
            Attr::FATTR4_SUPPATTR_EXCLCREAT => {
                values.suppattr_exclcreat = Some(SUPPATTR_EXCLCREAT);
            }
            // What doesn't exist is left out (RFC 8881 §18.7.3).
            _ => {}
        }
    }
    then(&values);
}

/// What a client wants to set, and which attributes that are.
///
/// # Errors
/// NFS4ERR_ATTRNOTSUPP, NFS4ERR_INVAL for attributes that can't be set or values that they can't
/// have, NFS4ERR_BADOWNER, NFS4ERR_BADXDR.
pub fn to_set(fattr: &Fattr4<'_>) -> Result<(SetAttributes, Bitmap4), Nfsstat4> {
    let read_only = |attribute: Attr| attribute.support() == Some(Support::Read);
    if !Attributes::supports(&fattr.attrmask) {
        return Err(Nfsstat4::NFS4ERR_ATTRNOTSUPP);
    }
    if fattr.attrmask.iter().any(read_only) {
        return Err(Nfsstat4::NFS4ERR_INVAL);
    }
    let values = Attributes::from_fattr4(fattr)?;
    if values.mode.is_some_and(|mode| mode > 0o7777) {
        return Err(Nfsstat4::NFS4ERR_INVAL);
    }
    let set = SetAttributes {
        mode: values.mode,
        uid: values.owner.map(|owner| number(&owner)).transpose()?,
        gid: values.owner_group.map(|group| number(&group)).transpose()?,
        size: values.size,
        accessed: values.time_access_set.as_ref().map(set_time).transpose()?,
        modified: values.time_modify_set.as_ref().map(set_time).transpose()?,
    };
    Ok((set, fattr.attrmask))
}

/// A numeric owner (RFC 8881 §5.9). The highest number is no owner: for chown it means "as it is".
fn number(owner: &[u8]) -> Result<u32, Nfsstat4> {
    if owner.is_empty() {
        return Err(Nfsstat4::NFS4ERR_INVAL);
    }
    let digits = owner.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(owner).ok().filter(|_| digits);
    let number = text
        .and_then(|text| text.parse().ok())
        .filter(|number| *number != u32::MAX);
    number.ok_or(Nfsstat4::NFS4ERR_BADOWNER)
}

fn set_time(time: &SetTime4) -> Result<SetTime, Nfsstat4> {
    match time {
        SetTime4::ServerTime => Ok(SetTime::Server),
        SetTime4::ClientTime(time) if time.nseconds < 1_000_000_000 => {
            Ok(SetTime::Client(Timestamp {
                seconds: time.seconds,
                nanoseconds: time.nseconds,
            }))
        }
        SetTime4::ClientTime(_) => Err(Nfsstat4::NFS4ERR_INVAL),
    }
}

fn time(time: Timestamp) -> Nfstime4 {
    Nfstime4 {
        seconds: time.seconds,
        nseconds: time.nanoseconds,
    }
}

fn file_type(file_type: FileType) -> NfsFtype4 {
    match file_type {
        FileType::Regular => NfsFtype4::Reg,
        FileType::Directory => NfsFtype4::Dir,
        FileType::Symlink => NfsFtype4::Lnk,
        FileType::Fifo => NfsFtype4::Fifo,
        FileType::Socket => NfsFtype4::Sock,
        FileType::BlockDevice => NfsFtype4::Blk,
        FileType::CharDevice => NfsFtype4::Chr,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_numbers() {
        assert_eq!(number(b"0"), Ok(0));
        assert_eq!(number(b"4294967294"), Ok(u32::MAX - 1));
        for bad in [
            &b"4294967295"[..],
            b"4294967296",
            b"root",
            b"0@example.com",
            b"+5",
            b"-1",
        ] {
            assert_eq!(number(bad), Err(Nfsstat4::NFS4ERR_BADOWNER), "{bad:?}");
        }
        assert_eq!(number(b""), Err(Nfsstat4::NFS4ERR_INVAL));
        for value in [0, 7, 10, 1000, u32::MAX] {
            assert_eq!(Decimal::new(value).as_slice(), value.to_string().as_bytes());
        }
    }
}
