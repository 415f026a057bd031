//! File attributes (RFC 8881 §5): their numbers, what may be done with each, and their values.

use std::io::Write;

use xdr_codec::Pack;

use super::bitmap::Bitmap4;
use super::status::Nfsstat4;
use super::types::{Fsid4, NfsFh4, NfsFtype4, Nfstime4, Specdata4};
use crate::xdr::{Opaque, Parsed, decode, field, flags, xdr_struct, xdr_union};

/// Longest `attrlist4` that is decoded, in octets.
const MAX_ATTRLIST: usize = 64 * 1024;

/// Longest owner string in octets. Owners are decimal numbers; longer ones are somebody's names.
const MAX_OWNER: usize = 1024;

/// Value of `time_delta`: times are kept to the nanosecond.
pub const TIME_DELTA: Nfstime4 = Nfstime4 {
    seconds: 0,
    nseconds: 1,
};

xdr_struct! {
    /// `fattr4`: which attributes, and their values in the order of their numbers.
    #[derive(Copy)]
    pub struct Fattr4<'a> {
        pub attrmask: Bitmap4,
        pub attr_vals: Opaque<'a, MAX_ATTRLIST>,
    }
}

xdr_union! {
    /// `settime4`.
    #[derive(Copy)]
    pub enum SetTime4 {
        /// SET_TO_SERVER_TIME4
        ServerTime = 0,
        /// SET_TO_CLIENT_TIME4
        ClientTime(Nfstime4) = 1,
    }
}

/// What may be done with an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// GETATTR only.
    Read,
    /// SETATTR only.
    Write,
    /// Both.
    ReadWrite,
}

macro_rules! attributes {
    ($( $(#[$meta:meta])* $field:ident : $ty:ty = $number:literal $name:ident $support:ident ),* $(,)?) => {
        flags! {
            /// The number of an attribute (RFC 8881 §5.6 to §5.12).
            pub struct Attr {
                $( $name = $number, )*
                FATTR4_ACL = 12,
                FATTR4_ACLSUPPORT = 13,
                FATTR4_ARCHIVE = 14,
                FATTR4_FILES_AVAIL = 21,
                FATTR4_FILES_FREE = 22,
                FATTR4_FILES_TOTAL = 23,
                FATTR4_FS_LOCATIONS = 24,
                FATTR4_HIDDEN = 25,
                FATTR4_MIMETYPE = 32,
                FATTR4_QUOTA_AVAIL_HARD = 38,
                FATTR4_QUOTA_AVAIL_SOFT = 39,
                FATTR4_QUOTA_USED = 40,
                FATTR4_SYSTEM = 46,
                FATTR4_TIME_BACKUP = 49,
                FATTR4_TIME_CREATE = 50,
                FATTR4_DIR_NOTIF_DELAY = 56,
                FATTR4_DIRENT_NOTIF_DELAY = 57,
                FATTR4_DACL = 58,
                FATTR4_SACL = 59,
                FATTR4_CHANGE_POLICY = 60,
                FATTR4_FS_STATUS = 61,
                FATTR4_FS_LAYOUT_TYPES = 62,
                FATTR4_LAYOUT_HINT = 63,
                FATTR4_LAYOUT_TYPES = 64,
                FATTR4_LAYOUT_BLKSIZE = 65,
                FATTR4_LAYOUT_ALIGNMENT = 66,
                FATTR4_FS_LOCATIONS_INFO = 67,
                FATTR4_MDSTHRESHOLD = 68,
                FATTR4_RETENTION_GET = 69,
                FATTR4_RETENTION_SET = 70,
                FATTR4_RETENTEVT_GET = 71,
                FATTR4_RETENTEVT_SET = 72,
                FATTR4_RETENTION_HOLD = 73,
                FATTR4_MODE_SET_MASKED = 74,
                FATTR4_FS_CHARSET_CAP = 76,
            }
        }

        impl Attr {
            /// What localefs does with the attribute; `None` where it has none, as EFS.
            #[must_use]
            pub fn support(self) -> Option<Support> {
                match self {
                    $( Self::$name => Some(Support::$support), )*
                    _ => None,
                }
            }
        }

        /// Values of the attributes that localefs has; those that are absent are `None`.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[allow(missing_docs, reason = "fields are named and described by the RFC")]
        pub struct Attributes<'a> {
            $( $(#[$meta])* pub $field: Option<$ty>, )*
        }

        impl<'a> Attributes<'a> {
            /// All attributes that localefs has (`supported_attrs`).
            pub const SUPPORTED: Bitmap4 = Bitmap4::of(&[$( Attr::$name ),*]);

            /// Which values are present.
            #[must_use]
            pub fn mask(&self) -> Bitmap4 {
                let mut mask = Bitmap4::EMPTY;
                $( if self.$field.is_some() { mask = mask.with(Attr::$name); } )*
                mask
            }

            fn unpack_one(&mut self, attribute: Attr, input: &'a [u8]) -> Option<Parsed<'a, ()>> {
                Some(match attribute {
                    $( Attr::$name => {
                        field::<$ty>(stringify!($field), input).map(|(rest, value)| {
                            self.$field = Some(value);
                            (rest, ())
                        })
                    } )*
                    _ => return None,
                })
            }
        }

        /// The values that are present, in the order of the wire, without mask and length.
        impl<W: Write> Pack<W> for Attributes<'_> {
            fn pack(&self, out: &mut W) -> xdr_codec::Result<usize> {
                let mut length = 0;
                $( if let Some(value) = &self.$field { length += value.pack(out)?; } )*
                Ok(length)
            }
        }
    };
}

// In the order of their numbers, which is the order of the wire.
attributes! {
    supported_attrs: Bitmap4 = 0 FATTR4_SUPPORTED_ATTRS Read,
    file_type: NfsFtype4 = 1 FATTR4_TYPE Read,
    fh_expire_type: u32 = 2 FATTR4_FH_EXPIRE_TYPE Read,
    change: u64 = 3 FATTR4_CHANGE Read,
    size: u64 = 4 FATTR4_SIZE ReadWrite,
    link_support: bool = 5 FATTR4_LINK_SUPPORT Read,
    symlink_support: bool = 6 FATTR4_SYMLINK_SUPPORT Read,
    named_attr: bool = 7 FATTR4_NAMED_ATTR Read,
    fsid: Fsid4 = 8 FATTR4_FSID Read,
    unique_handles: bool = 9 FATTR4_UNIQUE_HANDLES Read,
    /// In seconds.
    lease_time: u32 = 10 FATTR4_LEASE_TIME Read,
    rdattr_error: Nfsstat4 = 11 FATTR4_RDATTR_ERROR Read,
    cansettime: bool = 15 FATTR4_CANSETTIME Read,
    case_insensitive: bool = 16 FATTR4_CASE_INSENSITIVE Read,
    case_preserving: bool = 17 FATTR4_CASE_PRESERVING Read,
    chown_restricted: bool = 18 FATTR4_CHOWN_RESTRICTED Read,
    filehandle: NfsFh4<'a> = 19 FATTR4_FILEHANDLE Read,
    fileid: u64 = 20 FATTR4_FILEID Read,
    homogeneous: bool = 26 FATTR4_HOMOGENEOUS Read,
    maxfilesize: u64 = 27 FATTR4_MAXFILESIZE Read,
    maxlink: u32 = 28 FATTR4_MAXLINK Read,
    maxname: u32 = 29 FATTR4_MAXNAME Read,
    maxread: u64 = 30 FATTR4_MAXREAD Read,
    maxwrite: u64 = 31 FATTR4_MAXWRITE Read,
    /// Permission, set-id and sticky bits.
    mode: u32 = 33 FATTR4_MODE ReadWrite,
    no_trunc: bool = 34 FATTR4_NO_TRUNC Read,
    numlinks: u32 = 35 FATTR4_NUMLINKS Read,
    owner: Opaque<'a, MAX_OWNER> = 36 FATTR4_OWNER ReadWrite,
    owner_group: Opaque<'a, MAX_OWNER> = 37 FATTR4_OWNER_GROUP ReadWrite,
    rawdev: Specdata4 = 41 FATTR4_RAWDEV Read,
    /// In octets, as all that follow.
    space_avail: u64 = 42 FATTR4_SPACE_AVAIL Read,
    space_free: u64 = 43 FATTR4_SPACE_FREE Read,
    space_total: u64 = 44 FATTR4_SPACE_TOTAL Read,
    space_used: u64 = 45 FATTR4_SPACE_USED Read,
    time_access: Nfstime4 = 47 FATTR4_TIME_ACCESS Read,
    time_access_set: SetTime4 = 48 FATTR4_TIME_ACCESS_SET Write,
    time_delta: Nfstime4 = 51 FATTR4_TIME_DELTA Read,
    time_metadata: Nfstime4 = 52 FATTR4_TIME_METADATA Read,
    time_modify: Nfstime4 = 53 FATTR4_TIME_MODIFY Read,
    time_modify_set: SetTime4 = 54 FATTR4_TIME_MODIFY_SET Write,
    mounted_on_fileid: u64 = 55 FATTR4_MOUNTED_ON_FILEID Read,
    suppattr_exclcreat: Bitmap4 = 75 FATTR4_SUPPATTR_EXCLCREAT Read,
}

impl<'a> Attributes<'a> {
    /// Whether localefs has all attributes of `mask`.
    #[must_use]
    pub fn supports(mask: &Bitmap4) -> bool {
        mask.difference(&Self::SUPPORTED).is_empty() && !mask.has_unknown()
    }

    /// Decodes the values of a `fattr4`.
    ///
    /// # Errors
    /// NFS4ERR_ATTRNOTSUPP if one of the attributes doesn't exist here, NFS4ERR_BADXDR if the
    /// values are not exactly those that the mask announces.
    pub fn from_fattr4(fattr: &Fattr4<'a>) -> Result<Self, Nfsstat4> {
        let mut attributes = Self::default();
        if !Self::supports(&fattr.attrmask) {
            return Err(Nfsstat4::NFS4ERR_ATTRNOTSUPP);
        }
        let mut rest = fattr.attr_vals.as_slice();
        for attribute in fattr.attrmask.iter() {
            let Some(Ok((after, ()))) = attributes.unpack_one(attribute, rest) else {
                return Err(Nfsstat4::NFS4ERR_BADXDR);
            };
            rest = after;
        }
        if rest.is_empty() {
            Ok(attributes)
        } else {
            Err(Nfsstat4::NFS4ERR_BADXDR)
        }
    }

    /// Decodes a whole `fattr4` from the front of `input`; for clients.
    ///
    /// # Errors
    /// As [`Attributes::from_fattr4`], and NFS4ERR_BADXDR if `input` doesn't hold one.
    pub fn decode(input: &'a [u8]) -> Result<Self, Nfsstat4> {
        let (fattr, _) = decode(input).map_err(|_| Nfsstat4::NFS4ERR_BADXDR)?;
        Self::from_fattr4(&fattr)
    }
}
