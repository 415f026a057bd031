//! Attributes of the file system as attributes of NFSv4.1, and back (RFC 8881 §5).

use localefs_protocol::nfs4::{
    Attr, Attributes, Bitmap4, Fattr4, Fsid4, NfsFh4, NfsFtype4, Nfsstat4, Nfstime4, SetTime4,
    Specdata4, Support, TIME_DELTA,
};
use localefs_protocol::xdr::{Encoder, Opaque};
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

/// Attributes that can only be set.
const WRITE_ONLY: Bitmap4 =
    Bitmap4::of(&[Attr::FATTR4_TIME_ACCESS_SET, Attr::FATTR4_TIME_MODIFY_SET]);

/// Attributes that have a value.
const READABLE: Bitmap4 = Attributes::SUPPORTED.difference(&WRITE_ONLY);

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

/// A number as it is written.
struct Decimal {
    digits: [u8; Self::LONGEST],
    start: usize,
}

impl Decimal {
    const LONGEST: usize = 10;

    fn new(mut number: u32) -> Self {
        let mut digits = [b'0'; Self::LONGEST];
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

/// Appends the `fattr4` of an object with those attributes of `wanted` that exist: what doesn't is
/// left out (RFC 8881 §18.7.3). `handle` is only needed if the filehandle is among them.
pub fn put_fattr(
    out: &mut Encoder,
    wanted: &Bitmap4,
    of: &vfs::Attributes,
    handle: Option<&[u8]>,
    surroundings: Surroundings,
) {
    let mut mask = wanted.intersection(&READABLE);
    if handle.is_none() {
        mask = mask.without(Attr::FATTR4_FILEHANDLE);
    }
    out.put(&mask);
    out.put_counted(|out| put_values(out, &mask, of, handle.unwrap_or_default(), surroundings));
}

/// Whether the attributes of an object equal those given, of those that are given.
pub fn equal(
    given: &Attributes<'_>,
    of: &vfs::Attributes,
    handle: &[u8],
    surroundings: Surroundings,
) -> bool {
    let (mut theirs, mut ours) = (Encoder::default(), Encoder::default());
    theirs.put(given);
    put_values(&mut ours, &given.mask(), of, handle, surroundings);
    theirs.to_bytes() == ours.to_bytes()
}

/// Whether all of `mask` may be asked for.
///
/// # Errors
/// NFS4ERR_INVAL for an attribute that can only be set (RFC 8881 §5.5).
pub fn readable(mask: &Bitmap4) -> Result<(), Nfsstat4> {
    if mask.intersection(&WRITE_ONLY).is_empty() {
        Ok(())
    } else {
        Err(Nfsstat4::NFS4ERR_INVAL)
    }
}

/// Appends the values of attributes that are all readable, in the order of the wire.
fn put_values(
    out: &mut Encoder,
    mask: &Bitmap4,
    of: &vfs::Attributes,
    handle: &[u8],
    surroundings: Surroundings,
) {
    for attribute in mask.iter() {
        match attribute {
            Attr::FATTR4_SUPPORTED_ATTRS => out.put(&Attributes::SUPPORTED),
            Attr::FATTR4_TYPE => out.put(&file_type(of.file_type)),
            Attr::FATTR4_FH_EXPIRE_TYPE => out.put(&FH4_PERSISTENT),
            Attr::FATTR4_CHANGE => out.put(&of.change),
            Attr::FATTR4_SIZE => out.put(&of.size),
            Attr::FATTR4_LINK_SUPPORT
            | Attr::FATTR4_SYMLINK_SUPPORT
            | Attr::FATTR4_UNIQUE_HANDLES
            | Attr::FATTR4_CANSETTIME
            | Attr::FATTR4_CASE_PRESERVING
            | Attr::FATTR4_CHOWN_RESTRICTED
            | Attr::FATTR4_HOMOGENEOUS
            | Attr::FATTR4_NO_TRUNC => out.put(&true),
            Attr::FATTR4_NAMED_ATTR | Attr::FATTR4_CASE_INSENSITIVE => out.put(&false),
            Attr::FATTR4_FSID => out.put(&Fsid4 {
                major: surroundings.fsid,
                minor: 0,
            }),
            Attr::FATTR4_LEASE_TIME => out.put(&surroundings.lease_time),
            Attr::FATTR4_RDATTR_ERROR => out.put(&Nfsstat4::NFS4_OK),
            Attr::FATTR4_FILEHANDLE => out.put(&NfsFh4::from(handle)),
            Attr::FATTR4_FILEID | Attr::FATTR4_MOUNTED_ON_FILEID => out.put(&of.fileid),
            Attr::FATTR4_MAXFILESIZE => out.put(&vfs::limits::MAX_FILE_SIZE),
            Attr::FATTR4_MAXLINK => out.put(&vfs::limits::MAX_LINKS),
            #[expect(clippy::cast_possible_truncation, reason = "255")]
            Attr::FATTR4_MAXNAME => out.put(&(vfs::limits::MAX_NAME as u32)),
            Attr::FATTR4_MAXREAD | Attr::FATTR4_MAXWRITE => out.put(&u64::from(limits::MAX_IO)),
            Attr::FATTR4_MODE => out.put(&of.mode),
            Attr::FATTR4_NUMLINKS => out.put(&of.links),
            Attr::FATTR4_OWNER => put_owner(out, of.uid),
            Attr::FATTR4_OWNER_GROUP => put_owner(out, of.gid),
            Attr::FATTR4_RAWDEV => out.put(&Specdata4 {
                specdata1: of.rdev.0,
                specdata2: of.rdev.1,
            }),
            Attr::FATTR4_SPACE_AVAIL | Attr::FATTR4_SPACE_FREE => {
                out.put(&SPACE.saturating_sub(surroundings.metered));
            }
            Attr::FATTR4_SPACE_TOTAL => out.put(&SPACE),
            Attr::FATTR4_SPACE_USED => out.put(&of.space_used),
            Attr::FATTR4_TIME_ACCESS => out.put(&time(of.accessed)),
            Attr::FATTR4_TIME_DELTA => out.put(&TIME_DELTA),
            Attr::FATTR4_TIME_METADATA => out.put(&time(of.changed)),
            Attr::FATTR4_TIME_MODIFY => out.put(&time(of.modified)),
            Attr::FATTR4_SUPPATTR_EXCLCREAT => out.put(&SUPPATTR_EXCLCREAT),
            other => debug_assert!(false, "{other:?} has no value"),
        }
    }
}

/// Owners are decimal numbers: EFS knows no names.
fn put_owner(out: &mut Encoder, number: u32) {
    let decimal = Decimal::new(number);
    out.put(&Opaque::<{ Decimal::LONGEST }>::from(decimal.as_slice()));
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

    const SURROUNDINGS: Surroundings = Surroundings {
        fsid: 9,
        lease_time: 90,
        metered: 6144,
    };

    fn attributes() -> vfs::Attributes {
        vfs::Attributes {
            file_type: FileType::Regular,
            mode: 0o640,
            links: 2,
            uid: 1000,
            gid: u32::MAX,
            size: 5,
            space_used: 4096,
            fileid: 42,
            change: 77,
            accessed: Timestamp {
                seconds: -1,
                nanoseconds: 5,
            },
            modified: Timestamp::default(),
            changed: Timestamp::default(),
            rdev: (1, 3),
        }
    }

    #[test]
    fn what_is_written_is_read_as_what_it_is() {
        let mut out = Encoder::default();
        let wanted = Attributes::SUPPORTED.with(Attr::FATTR4_ACL);
        put_fattr(
            &mut out,
            &wanted,
            &attributes(),
            Some(b"handle"),
            SURROUNDINGS,
        );
        let octets = out.to_bytes();
        let values = Attributes::decode(&octets).unwrap();
        assert_eq!(values.mask(), READABLE);
        assert_eq!(values.supported_attrs, Some(Attributes::SUPPORTED));
        assert_eq!(values.filehandle, Some(NfsFh4::from(&b"handle"[..])));
        assert_eq!(
            (values.fileid, values.mounted_on_fileid),
            (Some(42), Some(42))
        );
        assert_eq!((values.size, values.space_used), (Some(5), Some(4096)));
        assert_eq!(values.owner.as_deref(), Some(&b"1000"[..]));
        assert_eq!(values.owner_group.as_deref(), Some(&b"4294967295"[..]));
        assert_eq!(values.time_access, Some(time(attributes().accessed)));
        assert_eq!(
            (values.cansettime, values.named_attr),
            (Some(true), Some(false))
        );
    }

    #[test]
    fn no_handle_is_told_of_what_has_none() {
        let mut out = Encoder::default();
        put_fattr(&mut out, &READABLE, &attributes(), None, SURROUNDINGS);
        let octets = out.to_bytes();
        let values = Attributes::decode(&octets).unwrap();
        assert_eq!(values.mask(), READABLE.without(Attr::FATTR4_FILEHANDLE));
    }

    #[test]
    fn each_value_that_is_given_has_to_be_equal() {
        let same = |given: &Attributes<'_>| equal(given, &attributes(), b"handle", SURROUNDINGS);
        let given = Attributes {
            size: Some(5),
            owner: Some(b"1000".into()),
            filehandle: Some(NfsFh4::from(&b"handle"[..])),
            ..Attributes::default()
        };
        assert!(same(&given) && same(&Attributes::default()));
        let other_owner = Attributes {
            owner: Some(b"1001".into()),
            ..given.clone()
        };
        let other_handle = Attributes {
            filehandle: Some(NfsFh4::from(&b"other"[..])),
            ..given
        };
        assert!(!same(&other_owner) && !same(&other_handle));
    }

    #[test]
    fn what_can_only_be_set_is_not_asked_for() {
        let all = Attributes::SUPPORTED.iter();
        let write_only = all.filter(|one| one.support() == Some(Support::Write));
        assert_eq!(write_only.collect::<Bitmap4>(), WRITE_ONLY);
        assert_eq!(readable(&READABLE), Ok(()));
        let asked = READABLE.with(Attr::FATTR4_TIME_MODIFY_SET);
        assert_eq!(readable(&asked), Err(Nfsstat4::NFS4ERR_INVAL));
    }

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
