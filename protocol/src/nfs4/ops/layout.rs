//! Operations of pNFS, which EFS doesn't have: GETDEVICEINFO, GETDEVICELIST, LAYOUTCOMMIT,
//! LAYOUTGET, LAYOUTRETURN.

use crate::nfs4::{Bitmap4, Nfstime4, Stateid4, Verifier4};
use crate::xdr::{Opaque, Parsed, Unpack, xdr_fixed, xdr_struct, xdr_union};

/// Longest body of a layout that is decoded, in octets.
const MAX_BODY: usize = 64 * 1024;

xdr_fixed! {
    /// `deviceid4`.
    pub struct Deviceid4([u8; 16]);
}

xdr_struct! {
    /// `GETDEVICEINFO4args` (RFC 8881 §18.40).
    pub struct GetdeviceinfoArgs {
        pub gdia_device_id: Deviceid4,
        pub gdia_layout_type: u32,
        pub gdia_maxcount: u32,
        pub gdia_notify_types: Bitmap4,
    }
}

xdr_struct! {
    /// `GETDEVICELIST4args` (RFC 8881 §18.41).
    pub struct GetdevicelistArgs {
        pub gdla_layout_type: u32,
        pub gdla_maxdevices: u32,
        pub gdla_cookie: u64,
        pub gdla_cookieverf: Verifier4,
    }
}

xdr_struct! {
    /// `layoutupdate4`.
    pub struct Layoutupdate4<'a> {
        pub lou_type: u32,
        pub lou_body: Opaque<'a, MAX_BODY>,
    }
}

/// A union over a boolean: nothing, or one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maybe<T>(pub Option<T>);

impl<'a, T: Unpack<'a>> Unpack<'a> for Maybe<T> {
    fn unpack(input: &'a [u8]) -> Parsed<'a, Self> {
        let (input, present) = bool::unpack(input)?;
        if !present {
            return Ok((input, Self(None)));
        }
        let (input, value) = T::unpack(input)?;
        Ok((input, Self(Some(value))))
    }
}

impl<T: xdr_codec::Pack<W>, W: std::io::Write> xdr_codec::Pack<W> for Maybe<T> {
    fn pack(&self, out: &mut W) -> xdr_codec::Result<usize> {
        let length = self.0.is_some().pack(out)?;
        match &self.0 {
            Some(value) => Ok(length + value.pack(out)?),
            None => Ok(length),
        }
    }
}

xdr_struct! {
    /// `LAYOUTCOMMIT4args` (RFC 8881 §18.42).
    pub struct LayoutcommitArgs<'a> {
        pub loca_offset: u64,
        pub loca_length: u64,
        pub loca_reclaim: bool,
        pub loca_stateid: Stateid4,
        pub loca_last_write_offset: Maybe<u64>,
        pub loca_time_modify: Maybe<Nfstime4>,
        pub loca_layoutupdate: Layoutupdate4<'a>,
    }
}

xdr_struct! {
    /// `LAYOUTGET4args` (RFC 8881 §18.43).
    pub struct LayoutgetArgs {
        pub loga_signal_layout_avail: bool,
        pub loga_layout_type: u32,
        pub loga_iomode: u32,
        pub loga_offset: u64,
        pub loga_length: u64,
        pub loga_minlength: u64,
        pub loga_stateid: Stateid4,
        pub loga_maxcount: u32,
    }
}

xdr_struct! {
    /// `layoutreturn_file4`.
    pub struct LayoutreturnFile4<'a> {
        pub lrf_offset: u64,
        pub lrf_length: u64,
        pub lrf_stateid: Stateid4,
        pub lrf_body: Opaque<'a, MAX_BODY>,
    }
}

xdr_union! {
    /// `layoutreturn4`.
    pub enum Layoutreturn4<'a> {
        /// LAYOUTRETURN4_FILE
        File(LayoutreturnFile4<'a>) = 1,
        /// LAYOUTRETURN4_FSID
        Fsid = 2,
        /// LAYOUTRETURN4_ALL
        All = 3,
    }
}

xdr_struct! {
    /// `LAYOUTRETURN4args` (RFC 8881 §18.44).
    pub struct LayoutreturnArgs<'a> {
        pub lora_reclaim: bool,
        pub lora_layout_type: u32,
        pub lora_iomode: u32,
        pub lora_layoutreturn: Layoutreturn4<'a>,
    }
}
