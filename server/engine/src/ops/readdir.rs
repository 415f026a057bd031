//! READDIR (RFC 8881 §18.23).

use std::ops::ControlFlow;

use localefs_protocol::nfs4::ops::{Dirlist4, ReaddirArgs};
use localefs_protocol::nfs4::{Attr, Attributes, Bitmap4, Nfsstat4, OpNum, Verifier4};
use localefs_protocol::xdr::Encoder;
use localefs_vfs::{Entry, Error};

use super::fattr::{self, Surroundings};
use super::lookup::must_be_directory;
use crate::buffers::Buffers;
use crate::compound::Compound;
use crate::errors::{self, Failure};
use crate::limits;

/// The verifier of all directories: cookies stay valid as long as the directory lives.
const COOKIEVERF: Verifier4 = Verifier4(*b"localefs");

/// Octets that a page has room for at first. Long ones go on where large data is.
const PAGE: usize = 16 << 10;

/// More octets than an entry takes, with all of its attributes.
const ENTRY: usize = 1 << 10;

/// Cookies that no entry has (RFC 8881 §18.23.3).
const RESERVED_COOKIES: std::ops::RangeInclusive<u64> = 1..=2;

pub fn readdir(compound: &mut Compound, arguments: &ReaddirArgs) -> Result<(), Failure> {
    let number = OpNum::OP_READDIR;
    let page = match page(compound, arguments) {
        Ok(page) => page,
        Err(failure) => return compound.put_result::<()>(number, Err(failure)),
    };
    let entries = page.entries.into_bytes();
    compound.server.file_system.buffers.keep(&entries);
    compound.put_status(number, Nfsstat4::NFS4_OK);
    compound.reply.put(&COOKIEVERF);
    compound.reply.append(entries);
    compound.reply.put(&Dirlist4 {
        entries: b"",
        eof: page.eof,
    });
    Ok(())
}

/// Entries that fit.
struct Page {
    entries: Encoder,
    limit: usize,
    is_long: bool,
    eof: bool,
    failure: Option<Failure>,
}

fn page(compound: &Compound, arguments: &ReaddirArgs) -> Result<Page, Failure> {
    let directory = compound.node()?;
    must_be_directory(&directory).map_err(|_| Nfsstat4::NFS4ERR_NOTDIR)?;
    fattr::readable(&arguments.attr_request)?;
    if RESERVED_COOKIES.contains(&arguments.cookie) {
        return Err(Nfsstat4::NFS4ERR_BAD_COOKIE.into());
    }
    if arguments.cookie != 0 && arguments.cookieverf != COOKIEVERF {
        return Err(Nfsstat4::NFS4ERR_NOT_SAME.into());
    }
    // `maxcount` covers all of READDIR4resok. `dircount` is a hint that nothing needs.
    let frame = COOKIEVERF.0.len() + Dirlist4::EMPTY_LENGTH;
    let asked = (arguments.maxcount.min(limits::MAX_IO) as usize).checked_sub(frame);
    let asked = asked.ok_or(Nfsstat4::NFS4ERR_TOOSMALL)?;
    let room = compound.reply_room().saturating_sub(frame + 8);
    let mut page = Page {
        entries: Encoder::with_capacity(asked.min(room).min(PAGE)),
        limit: asked.min(room),
        is_long: false,
        eof: false,
        failure: None,
    };
    let surroundings = compound.surroundings();
    let buffers = &compound.server.file_system.buffers;
    let wanted = arguments.attr_request;
    page.eof = compound.fs().read_directory(
        compound.who(),
        &directory,
        arguments.cookie,
        &mut |entry| match page.make_room(buffers) {
            true => page.add(&entry, &wanted, surroundings),
            false => ControlFlow::Break(()),
        },
    )?;
    match page.failure {
        Some(failure) => Err(failure),
        None if page.entries.is_empty() && !page.eof => {
            let too_small = asked <= room;
            let status = if too_small {
                Nfsstat4::NFS4ERR_TOOSMALL
            } else {
                compound.reply_too_big()
            };
            Err(status.into())
        }
        None => Ok(page),
    }
}

impl Page {
    /// Whether another entry may fit. A long page ends while any would, so that its buffer never
    /// has to grow.
    fn make_room(&mut self, buffers: &Buffers) -> bool {
        if self.is_long {
            return self.entries.len() + ENTRY <= self.limit;
        }
        if self.entries.len() >= Buffers::LARGE {
            self.is_long = true;
            let room = self.limit.next_multiple_of(Buffers::LARGE);
            self.entries.move_to(buffers.take(room));
        }
        true
    }

    fn add(
        &mut self,
        entry: &Entry<'_>,
        wanted: &Bitmap4,
        surroundings: Surroundings,
    ) -> ControlFlow<()> {
        let mark = self.entries.mark();
        self.entries.put(&true);
        self.entries.put(&entry.cookie);
        // An entry is an opaque name before its attributes.
        self.entries
            .put(&localefs_protocol::nfs4::Component4::from(entry.name));
        match self.add_attributes(entry, wanted, surroundings) {
            Ok(()) => {}
            // Removed meanwhile: as if it had never been.
            Err(Error::NoEnt | Error::Stale) => {
                self.entries.cut_back(mark);
                return ControlFlow::Continue(());
            }
            Err(error) if wanted.contains(Attr::FATTR4_RDATTR_ERROR) => {
                let values = Attributes {
                    rdattr_error: Some(errors::status(error)),
                    ..Attributes::default()
                };
                self.entries.put(&values.mask());
                self.entries.put(&4u32);
                self.entries.put(&values);
            }
            Err(error) => {
                self.failure = Some(error.into());
                return ControlFlow::Break(());
            }
        }
        if self.entries.len() > self.limit {
            self.entries.cut_back(mark);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn add_attributes(
        &mut self,
        entry: &Entry<'_>,
        wanted: &Bitmap4,
        surroundings: Surroundings,
    ) -> Result<(), Error> {
        let out = &mut self.entries;
        if wanted.contains(Attr::FATTR4_FILEHANDLE) {
            let (attributes, handle) = entry.attributes_and_handle()?;
            fattr::put_fattr(out, wanted, &attributes, Some(&handle), surroundings);
        } else {
            fattr::put_fattr(out, wanted, &entry.attributes()?, None, surroundings);
        }
        Ok(())
    }
}
