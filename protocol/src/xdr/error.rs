//! What can be wrong with an encoded value.

use nom::error::{ErrorKind, ParseError};
use thiserror::Error;

/// The rule of XDR, or the bound, that an input breaks.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Fault {
    /// The input ends inside the value.
    #[error("input ends early")]
    Short,
    /// A length is above its bound.
    #[error("length {length}, at most {limit} allowed")]
    TooLong {
        /// The length on the wire, in octets or elements.
        length: u32,
        /// The bound.
        limit: usize,
    },
    /// A boolean that is neither 0 nor 1.
    #[error("boolean is {0}")]
    BadBool(u32),
    /// A value that the enumeration, or the union's discriminant, doesn't have.
    #[error("unknown value {0}")]
    BadEnum(u32),
}

/// A fault where a parser met it: [`DecodeError`] before the input's length is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    fault: Fault,
    field: &'static str,
    remaining: usize,
}

impl Malformed {
    /// A fault with `remaining` octets of input left.
    #[must_use]
    pub fn new(fault: Fault, remaining: usize) -> Self {
        Self {
            fault,
            field: "",
            remaining,
        }
    }

    /// The same as a nom error.
    pub(crate) fn err<T>(fault: Fault, input: &[u8]) -> Result<T, nom::Err<Self>> {
        Err(nom::Err::Error(Self::new(fault, input.len())))
    }

    pub(crate) fn in_field(mut self, name: &'static str) -> Self {
        // The innermost name says most.
        if self.field.is_empty() {
            self.field = name;
        }
        self
    }
}

impl ParseError<&[u8]> for Malformed {
    fn from_error_kind(input: &[u8], _kind: ErrorKind) -> Self {
        Self::new(Fault::Short, input.len())
    }

    fn append(_input: &[u8], _kind: ErrorKind, other: Self) -> Self {
        other
    }
}

/// An input that is no encoding of the wanted type.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{field} at octet {offset}: {fault}")]
pub struct DecodeError {
    /// What is wrong.
    pub fault: Fault,
    /// The innermost field that could not be decoded, by its name in the RFC.
    pub field: &'static str,
    /// Where in the input, in octets.
    pub offset: usize,
}

impl DecodeError {
    pub(crate) fn locate(malformed: Malformed, input_length: usize) -> Self {
        let Malformed {
            fault,
            field,
            remaining,
        } = malformed;
        Self {
            fault,
            field,
            offset: input_length.saturating_sub(remaining),
        }
    }
}
