//! SECINFO, SECINFO_NO_NAME.

use crate::nfs4::Component4;
use crate::rpc::AuthFlavor;
use crate::xdr::{BoundedVec, Opaque, Parsed, Unpack, field, xdr_enum, xdr_struct};

/// Flavours that one answer may list.
const MAX_FLAVORS: usize = 64;

xdr_struct! {
    /// `SECINFO4args` (RFC 8881 §18.29).
    #[derive(Copy)]
    pub struct SecinfoArgs<'a> { pub name: Component4<'a> }
}

xdr_enum! {
    /// `SECINFO_NO_NAME4args` (RFC 8881 §18.45).
    pub enum SecinfoStyle4 {
        CurrentFh = 0,
        Parent = 1,
    }
}

xdr_struct! {
    /// `rpcsec_gss_info`.
    pub struct RpcsecGssInfo<'a> { pub oid: Opaque<'a, 1024>, pub qop: u32, pub service: u32 }
}

/// `secinfo4`: a flavour that may be used, with its parameters if it is RPCSEC_GSS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secinfo4<'a> {
    /// A flavour without parameters.
    Flavor(AuthFlavor),
    /// RPCSEC_GSS
    Gss(RpcsecGssInfo<'a>),
}

impl<'a> Unpack<'a> for Secinfo4<'a> {
    fn unpack(input: &'a [u8]) -> Parsed<'a, Self> {
        let (input, flavor) = field::<AuthFlavor>("flavor", input)?;
        if flavor != AuthFlavor::RPCSEC_GSS {
            return Ok((input, Self::Flavor(flavor)));
        }
        RpcsecGssInfo::unpack(input).map(|(rest, info)| (rest, Self::Gss(info)))
    }
}

impl<W: std::io::Write> xdr_codec::Pack<W> for Secinfo4<'_> {
    fn pack(&self, out: &mut W) -> xdr_codec::Result<usize> {
        match self {
            Self::Flavor(flavor) => flavor.pack(out),
            Self::Gss(info) => Ok(AuthFlavor::RPCSEC_GSS.pack(out)? + info.pack(out)?),
        }
    }
}

xdr_struct! {
    /// `SECINFO4resok`: in the order of the server's preference.
    pub struct SecinfoResOk<'a> { pub flavors: BoundedVec<Secinfo4<'a>, MAX_FLAVORS> }
}
