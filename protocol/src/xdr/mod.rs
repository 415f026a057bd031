//! XDR (RFC 4506): decoding with nom over borrowed octets, encoding through xdr-codec's `Pack`.
//!
//! Of xdr-codec only the trait `Pack` and its implementations for scalars are used: its decoding
//! helpers trust lengths from the wire.

mod encoder;
mod error;
#[macro_use]
mod macros;
mod opaque;
mod scalar;

pub use encoder::{Counter, Encoder, packed_length};
pub use error::{DecodeError, Fault, Malformed};
pub(crate) use macros::{flags, xdr_enum, xdr_fixed, xdr_struct, xdr_union};
pub use opaque::{BoundedVec, Opaque};
pub use xdr_codec::Pack;

/// What a parser returns: the rest of the input and the value.
pub type Parsed<'a, T> = nom::IResult<&'a [u8], T, Malformed>;

/// A value that can be decoded from the front of an input, borrowing from it.
pub trait Unpack<'a>: Sized {
    /// Decodes one value; what follows it is returned as the rest.
    ///
    /// # Errors
    /// [`Malformed`] inside [`nom::Err::Error`], if the input is short or a bound is exceeded.
    fn unpack(input: &'a [u8]) -> Parsed<'a, Self>;
}

/// Decodes a `T` from the front of `input` and returns it with what follows.
///
/// # Errors
/// [`DecodeError`] with the field and its offset in `input`.
pub fn decode<'a, T: Unpack<'a>>(input: &'a [u8]) -> Result<(T, &'a [u8]), DecodeError> {
    match T::unpack(input) {
        Ok((rest, value)) => Ok((value, rest)),
        Err(error) => Err(located(input, error)),
    }
}

/// What was wrong with `input`, and where.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn located(input: &[u8], error: nom::Err<Malformed>) -> DecodeError {
    let malformed = match error {
        nom::Err::Error(malformed) | nom::Err::Failure(malformed) => malformed,
        nom::Err::Incomplete(_) => Malformed::new(Fault::Short, 0),
    };
    DecodeError::locate(malformed, input.len())
}

/// Decodes the field `name`, so that an error inside it says so.
pub(crate) fn field<'a, T: Unpack<'a>>(name: &'static str, input: &'a [u8]) -> Parsed<'a, T> {
    T::unpack(input).map_err(|error| error.map(|malformed| malformed.in_field(name)))
}
