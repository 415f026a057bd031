//! READDIR.

use std::io::Write;

use xdr_codec::Pack;

use crate::nfs4::{Bitmap4, Component4, Fattr4, Verifier4};
use crate::xdr::{Parsed, Unpack, decode, field, xdr_struct};

xdr_struct! {
    /// `READDIR4args` (RFC 8881 §18.23).
    pub struct ReaddirArgs {
        pub cookie: u64,
        pub cookieverf: Verifier4,
        pub dircount: u32,
        pub maxcount: u32,
        pub attr_request: Bitmap4,
    }
}

xdr_struct! {
    /// `entry4` without its link to the next.
    pub struct Entry4<'a> {
        pub cookie: u64,
        pub name: Component4<'a>,
        pub attrs: Fattr4<'a>,
    }
}

xdr_struct! {
    /// `READDIR4resok`.
    pub struct ReaddirResOk<'a> {
        pub cookieverf: Verifier4,
        pub reply: Dirlist4<'a>,
    }
}

/// `dirlist4`: a linked list of entries, kept encoded so that a page is made in one pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dirlist4<'a> {
    /// Entries, each after the TRUE that announces it; see [`Dirlist4::push`].
    pub entries: &'a [u8],
    /// Whether the directory ends with them.
    pub eof: bool,
}

impl<'a> Dirlist4<'a> {
    /// Octets of a list without entries.
    pub const EMPTY_LENGTH: usize = 8;

    /// Appends `entry` to `entries`.
    pub fn push<W: Write>(entries: &mut W, entry: &Entry4<'_>) -> xdr_codec::Result<usize> {
        Ok(true.pack(entries)? + entry.pack(entries)?)
    }

    /// The entries in order; ends at the first that is malformed.
    pub fn iter(&self) -> impl Iterator<Item = Entry4<'a>> + use<'a> {
        let mut rest = self.entries;
        std::iter::from_fn(move || {
            let ((_, entry), after) = decode::<(bool, Entry4<'a>)>(rest).ok()?;
            rest = after;
            Some(entry)
        })
    }
}

impl<'a> Unpack<'a> for (bool, Entry4<'a>) {
    fn unpack(input: &'a [u8]) -> Parsed<'a, Self> {
        let (input, follows) = field("nextentry", input)?;
        let (input, entry) = Entry4::unpack(input)?;
        Ok((input, (follows, entry)))
    }
}

impl<'a> Unpack<'a> for Dirlist4<'a> {
    fn unpack(input: &'a [u8]) -> Parsed<'a, Self> {
        let mut rest = input;
        loop {
            let (after, follows) = field::<bool>("nextentry", rest)?;
            if !follows {
                let length = input.len() - rest.len();
                let entries = input.get(..length).unwrap_or_default();
                let (after, eof) = field("eof", after)?;
                return Ok((after, Self { entries, eof }));
            }
            let (after, _) = Entry4::unpack(after)?;
            rest = after;
        }
    }
}

impl<W: Write> Pack<W> for Dirlist4<'_> {
    fn pack(&self, out: &mut W) -> xdr_codec::Result<usize> {
        out.write_all(self.entries)?;
        Ok(self.entries.len() + false.pack(out)? + self.eof.pack(out)?)
    }
}
