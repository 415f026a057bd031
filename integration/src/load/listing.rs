//! Listing of a directory, as Linux does it.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use localefs_protocol::nfs4::ops::{PutfhArgs, ReaddirArgs};
use localefs_protocol::nfs4::{Attr, Attributes, Bitmap4, NfsArgop4, NfsResop4, OpNum, Verifier4};

use super::compound::{Operations, Results, Work};

/// Octets of a page.
const PAGE: u32 = 1 << 20;

/// What Linux asks for of each entry when it wants their attributes too.
const LINUX: Bitmap4 = super::script::LINUX
    .with(Attr::FATTR4_RDATTR_ERROR)
    .with(Attr::FATTR4_FILEHANDLE);

/// A lane that lists a directory over and over again. An operation is an entry.
pub struct Lister {
    directory: Vec<u8>,
    /// The names that must be there, with their numbers.
    names: Arc<HashMap<String, usize>>,
    seen: Vec<bool>,
    count: usize,
    cookie: u64,
    verifier: Verifier4,
}

impl Lister {
    /// Lists `directory`, which has these names.
    #[must_use]
    pub fn new(directory: &[u8], names: &Arc<HashMap<String, usize>>) -> Self {
        Self {
            directory: directory.to_vec(),
            names: Arc::clone(names),
            seen: vec![false; names.len()],
            count: 0,
            cookie: 0,
            verifier: Verifier4::default(),
        }
    }
}

impl Work for Lister {
    fn ask(&mut self, operations: &mut Operations<'_>) -> bool {
        operations.put(&NfsArgop4::Putfh(PutfhArgs {
            object: self.directory.as_slice().into(),
        }));
        operations.put(&NfsArgop4::Readdir(ReaddirArgs {
            cookie: self.cookie,
            cookieverf: self.verifier,
            dircount: PAGE,
            maxcount: PAGE,
            attr_request: LINUX,
        }));
        true
    }

    fn take(&mut self, results: &mut Results<'_>) -> Result<u64> {
        results.ok(OpNum::OP_PUTFH)?;
        let NfsResop4::Readdir(Ok(page)) = results.ok(OpNum::OP_READDIR)? else {
            bail!("no READDIR");
        };
        self.verifier = page.cookieverf;
        let mut entries = 0;
        for entry in page.reply.iter() {
            entries += 1;
            self.cookie = entry.cookie;
            let known = std::str::from_utf8(&entry.name).ok();
            let known = known.and_then(|name| self.names.get(name));
            let Some(seen) = known.and_then(|number| self.seen.get_mut(*number)) else {
                bail!("{:?} is no name that was made", entry.name);
            };
            ensure!(!*seen, "{:?} comes twice", entry.name);
            *seen = true;
            let attributes = Attributes::from_fattr4(&entry.attrs);
            ensure!(
                attributes.is_ok_and(|a| a.filehandle.is_some() && a.size.is_some()),
                "{:?} without its attributes",
                entry.name
            );
        }
        ensure!(entries > 0 || page.reply.eof, "an empty page");
        self.count += entries;
        if page.reply.eof {
            ensure!(
                self.count == self.names.len(),
                "{} of {} names",
                self.count,
                self.names.len()
            );
            self.seen.fill(false);
            (self.count, self.cookie) = (0, 0);
            self.verifier = Verifier4::default();
        }
        Ok(entries as u64)
    }
}
