//! Integers and booleans (RFC 4506 §4.1 to §4.5); xdr-codec packs them.

use nom::number::complete::{be_i32, be_i64, be_u32, be_u64};

use super::{Fault, Malformed, Parsed, Unpack};

impl<'a> Unpack<'a> for u32 {
    fn unpack(input: &'a [u8]) -> Parsed<'a, Self> {
        be_u32(input)
    }
}

impl<'a> Unpack<'a> for u64 {
    fn unpack(input: &'a [u8]) -> Parsed<'a, Self> {
        be_u64(input)
    }
}

impl<'a> Unpack<'a> for i32 {
    fn unpack(input: &'a [u8]) -> Parsed<'a, Self> {
        be_i32(input)
    }
}

impl<'a> Unpack<'a> for i64 {
    fn unpack(input: &'a [u8]) -> Parsed<'a, Self> {
        be_i64(input)
    }
}

impl<'a> Unpack<'a> for bool {
    fn unpack(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, value) = u32::unpack(input)?;
        match value {
            0 => Ok((rest, false)),
            1 => Ok((rest, true)),
            other => Malformed::err(Fault::BadBool(other), input),
        }
    }
}

impl<'a> Unpack<'a> for () {
    fn unpack(input: &'a [u8]) -> Parsed<'a, Self> {
        Ok((input, ()))
    }
}
