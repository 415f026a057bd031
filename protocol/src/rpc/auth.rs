//! Who calls: credentials and verifiers (RFC 5531 §8.2), and AUTH_SYS (§14, appendix A).

use thiserror::Error;

use crate::xdr::{BoundedVec, DecodeError, Opaque, decode, flags, xdr_struct};

/// Longest body of a credential or verifier, in octets (RFC 5531 §8.2).
pub const MAX_AUTH_BODY: usize = 400;

/// Most supplementary groups that AUTH_SYS carries (RFC 5531 appendix A).
pub const MAX_GIDS: usize = 16;

flags! {
    /// `auth_flavor` (RFC 5531 §8.2).
    pub struct AuthFlavor {
        AUTH_NONE = 0,
        AUTH_SYS = 1,
        AUTH_SHORT = 2,
        AUTH_DH = 3,
        RPCSEC_GSS = 6,
    }
}

xdr_struct! {
    /// `opaque_auth` (RFC 5531 §8.2).
    pub struct OpaqueAuth<'a> {
        pub flavor: AuthFlavor,
        pub body: Opaque<'a, MAX_AUTH_BODY>,
    }
}

impl OpaqueAuth<'_> {
    /// AUTH_NONE.
    pub const NONE: OpaqueAuth<'static> = OpaqueAuth {
        flavor: AuthFlavor::AUTH_NONE,
        body: Opaque::EMPTY,
    };
}

xdr_struct! {
    /// `authsys_parms`: what the caller says that it is (RFC 5531 appendix A).
    pub struct AuthSys<'a> {
        pub stamp: u32,
        pub machinename: Opaque<'a, 255>,
        pub uid: u32,
        pub gid: u32,
        pub gids: BoundedVec<u32, MAX_GIDS>,
    }
}

/// A credential that is not well-formed AUTH_SYS; answered with `AUTH_BADCRED`.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum AuthSysError {
    /// It cannot be decoded: among others, more than 16 groups.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    /// The body goes on after the groups.
    #[error("{0} octets after the last group")]
    Trailing(usize),
}

impl<'a> AuthSys<'a> {
    /// Decodes the body of an AUTH_SYS credential.
    ///
    /// # Errors
    /// [`AuthSysError`] if the body is not exactly one `authsys_parms`.
    pub fn from_body(body: &'a [u8]) -> Result<Self, AuthSysError> {
        let (parms, rest) = decode(body)?;
        if rest.is_empty() {
            Ok(parms)
        } else {
            Err(AuthSysError::Trailing(rest.len()))
        }
    }
}
