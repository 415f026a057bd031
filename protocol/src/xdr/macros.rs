//! Declarations of XDR types that write their own two directions.

/// A structure (RFC 4506 §4.14), its fields in the order of the wire. A lifetime is called `'a`.
macro_rules! xdr_struct {
    (
        $(#[$meta:meta])*
        pub struct $name:ident $(<$life:lifetime>)? {
            $( $(#[$field_meta:meta])* pub $field:ident : $ty:ty ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "fields are named and described by the RFC")]
        pub struct $name $(<$life>)? { $( $(#[$field_meta])* pub $field: $ty ),* }

        impl<'a> $crate::xdr::Unpack<'a> for $name $(<$life>)? {
            fn unpack(input: &'a [u8]) -> $crate::xdr::Parsed<'a, Self> {
                $( let (input, $field) = $crate::xdr::field::<$ty>(stringify!($field), input)?; )*
                Ok((input, Self { $( $field ),* }))
            }
        }

        impl<$($life,)? W: std::io::Write> xdr_codec::Pack<W> for $name $(<$life>)? {
            #[allow(unused_variables, reason = "a structure may be empty")]
            fn pack(&self, out: &mut W) -> xdr_codec::Result<usize> {
                Ok(0 $( + xdr_codec::Pack::pack(&self.$field, out)? )*)
            }
        }
    };
}

/// An enumeration (RFC 4506 §4.3); other values are an error.
macro_rules! xdr_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $( $(#[$variant_meta:meta])* $variant:ident = $value:literal ),* $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "values are named and described by the RFC")]
        pub enum $name { $( $(#[$variant_meta])* $variant = $value ),* }

        impl<'a> $crate::xdr::Unpack<'a> for $name {
            fn unpack(input: &'a [u8]) -> $crate::xdr::Parsed<'a, Self> {
                let (rest, value) = <u32 as $crate::xdr::Unpack>::unpack(input)?;
                match value {
                    $( $value => Ok((rest, Self::$variant)), )*
                    other => {
                        $crate::xdr::Malformed::err($crate::xdr::Fault::BadEnum(other), input)
                    }
                }
            }
        }

        impl<W: std::io::Write> xdr_codec::Pack<W> for $name {
            fn pack(&self, out: &mut W) -> xdr_codec::Result<usize> {
                xdr_codec::Pack::pack(&(*self as u32), out)
            }
        }
    };
}

/// A discriminated union (RFC 4506 §4.15); an arm without a type is void.
macro_rules! xdr_union {
    (
        $(#[$meta:meta])*
        pub enum $name:ident $(<$life:lifetime>)? {
            $( $(#[$arm_meta:meta])* $arm:ident $(($ty:ty))? = $value:literal ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "arms are named and described by the RFC")]
        pub enum $name $(<$life>)? { $( $(#[$arm_meta])* $arm $(($ty))? ),* }

        impl<'a> $crate::xdr::Unpack<'a> for $name $(<$life>)? {
            fn unpack(input: &'a [u8]) -> $crate::xdr::Parsed<'a, Self> {
                let (rest, discriminant) = <u32 as $crate::xdr::Unpack>::unpack(input)?;
                match discriminant {
                    $( $value => xdr_union!(@unpack $arm $(($ty))?, rest), )*
                    other => {
                        $crate::xdr::Malformed::err($crate::xdr::Fault::BadEnum(other), input)
                    }
                }
            }
        }

        impl<$($life,)? W: std::io::Write> xdr_codec::Pack<W> for $name $(<$life>)? {
            fn pack(&self, out: &mut W) -> xdr_codec::Result<usize> {
                match self {
                    $( xdr_union!(@pattern $arm $(($ty))? , body) => {
                        let discriminant: u32 = $value;
                        let length = xdr_codec::Pack::pack(&discriminant, out)?;
                        xdr_union!(@pack $(($ty))? , body, out, length)
                    } )*
                }
            }
        }
    };
    (@unpack $arm:ident ($ty:ty), $rest:ident) => {{
        let (rest, body) = <$ty as $crate::xdr::Unpack>::unpack($rest)?;
        Ok((rest, Self::$arm(body)))
    }};
    (@unpack $arm:ident, $rest:ident) => { Ok(($rest, Self::$arm)) };
    (@pattern $arm:ident ($ty:ty), $body:ident) => { Self::$arm($body) };
    (@pattern $arm:ident, $body:ident) => { Self::$arm };
    (@pack ($ty:ty), $body:ident, $out:ident, $length:ident) => {
        Ok($length + xdr_codec::Pack::pack($body, $out)?)
    };
    (@pack , $body:ident, $out:ident, $length:ident) => { Ok($length) };
}

/// Fixed-length opaque data (RFC 4506 §4.9) of a length that is a multiple of four.
macro_rules! xdr_fixed {
    ($(#[$meta:meta])* pub struct $name:ident([u8; $length:literal]);) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; $length]);

        impl<'a> $crate::xdr::Unpack<'a> for $name {
            fn unpack(input: &'a [u8]) -> $crate::xdr::Parsed<'a, Self> {
                match input.split_first_chunk::<$length>() {
                    Some((octets, rest)) => Ok((rest, Self(*octets))),
                    None => $crate::xdr::Malformed::err($crate::xdr::Fault::Short, input),
                }
            }
        }

        impl<W: std::io::Write> xdr_codec::Pack<W> for $name {
            fn pack(&self, out: &mut W) -> xdr_codec::Result<usize> {
                out.write_all(&self.0)?;
                Ok($length)
            }
        }
    };
}

/// A 32-bit number with names for some of its values or bits.
macro_rules! flags {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $( $(#[$const_meta:meta])* $constant:ident = $value:expr ),* $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);

        #[allow(missing_docs, reason = "constants are named and described by the RFC")]
        impl $name {
            $( $(#[$const_meta])* pub const $constant: Self = Self($value); )*

            /// The name of this very value, if it has one.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $( Self::$constant => Some(stringify!($constant)), )*
                    #[allow(unreachable_patterns, reason = "all values may be named")]
                    _ => None,
                }
            }

            /// Whether all bits of `other` are set.
            #[must_use]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }
        }

        impl std::ops::BitOr for $name {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        impl std::ops::BitAnd for $name {
            type Output = Self;

            fn bitand(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, concat!(stringify!($name), "({:#x})"), self.0),
                }
            }
        }

        impl<'a> $crate::xdr::Unpack<'a> for $name {
            fn unpack(input: &'a [u8]) -> $crate::xdr::Parsed<'a, Self> {
                let (rest, value) = <u32 as $crate::xdr::Unpack>::unpack(input)?;
                Ok((rest, Self(value)))
            }
        }

        impl<W: std::io::Write> xdr_codec::Pack<W> for $name {
            fn pack(&self, out: &mut W) -> xdr_codec::Result<usize> {
                xdr_codec::Pack::pack(&self.0, out)
            }
        }
    };
}

pub(crate) use {flags, xdr_enum, xdr_fixed, xdr_struct, xdr_union};
