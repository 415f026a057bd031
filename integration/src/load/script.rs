//! Work on names and small files: a lane goes through a few steps over and over again.

use std::sync::Arc;

use anyhow::{Result, anyhow, bail, ensure};
use localefs_protocol::nfs4::ops::{
    AccessArgs, CloseArgs, CommitArgs, Createhow4, GetattrArgs, LookupArgs, OpenArgs, OpenClaim4,
    Openflag4, PutfhArgs, ReadArgs, RemoveArgs, RenameArgs, ShareAccess, ShareDeny, StableHow4,
    WriteArgs,
};
use localefs_protocol::nfs4::{
    Access4, Attr, Attributes, Bitmap4, Fattr4, NfsArgop4, NfsResop4, Nfsstat4, OpNum, StateOwner4,
    Stateid4,
};
use localefs_protocol::xdr::Pack;

use super::compound::{Operations, Results, Work};
use super::content::{Content, UNIT};
use crate::client::Session;
use crate::growth::Pump;

/// What Linux asks for when it wants all that it needs to know of a file.
pub const LINUX: Bitmap4 = Bitmap4::of(&[
    Attr::FATTR4_TYPE,
    Attr::FATTR4_CHANGE,
    Attr::FATTR4_SIZE,
    Attr::FATTR4_FSID,
    Attr::FATTR4_FILEID,
    Attr::FATTR4_MODE,
    Attr::FATTR4_NUMLINKS,
    Attr::FATTR4_OWNER,
    Attr::FATTR4_OWNER_GROUP,
    Attr::FATTR4_RAWDEV,
    Attr::FATTR4_SPACE_USED,
    Attr::FATTR4_TIME_ACCESS,
    Attr::FATTR4_TIME_METADATA,
    Attr::FATTR4_TIME_MODIFY,
    Attr::FATTR4_MOUNTED_ON_FILEID,
]);

/// All that ACCESS can be asked for.
const ALL_ACCESS: Access4 = Access4(0x3f);

/// What READ of a small file asks for: more than there is.
const READ: u32 = 64 << 10;

/// Files of [`UNIT`] octets in one directory, the n-th with unit 0 of file n as its content.
#[derive(Debug)]
pub struct Tree {
    /// The directory's handle.
    pub directory: Vec<u8>,
    /// Names and handles.
    pub files: Vec<(String, Vec<u8>)>,
    /// What they hold.
    pub content: Arc<Content>,
}

/// One compound of a script. The file of a step is another one each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// SEQUENCE alone.
    Null,
    /// GETATTR by handle.
    Getattr,
    /// LOOKUP, GETFH, GETATTR.
    Lookup,
    /// LOOKUP of a name that is not there.
    Missing,
    /// ACCESS, GETATTR.
    Access,
    /// OPEN by name to read, GETFH, ACCESS, GETATTR.
    Open,
    /// READ of the whole of what was opened.
    Read,
    /// CLOSE of what was opened.
    Close,
    /// OPEN that creates, GETFH, ACCESS, GETATTR.
    Create,
    /// WRITE of [`UNIT`] octets to what was created, UNSTABLE4.
    Write,
    /// COMMIT of what was created.
    Commit,
    /// OPEN that creates, and CLOSE, in one compound.
    CreateClose,
    /// REMOVE of what was created in the same cycle.
    Remove,
    /// RENAME of the lane's own file, back and forth.
    Rename,
}

/// A lane at its script.
pub struct Script {
    tree: Arc<Tree>,
    /// Where it makes files, and how their names begin.
    directory: Vec<u8>,
    prefix: String,
    steps: Vec<Step>,
    /// Whether each step is an operation by itself; otherwise the whole script is one.
    single: bool,
    at: usize,
    cycle: u64,
    cycles: u64,
    /// Where among the files of the tree it is.
    next_file: u64,
    file: usize,
    stateid: Stateid4,
    handle: Vec<u8>,
    name: String,
    mode: Vec<u8>,
}

impl Script {
    /// Lane `lane` of a script that is repeated `cycles` times.
    #[must_use]
    pub fn new(
        tree: &Arc<Tree>,
        (directory, lane): (&[u8], usize),
        steps: &[Step],
        cycles: u64,
    ) -> Self {
        let mut mode = Vec::new();
        let packed = 0o644u32.pack(&mut mode);
        packed.expect("memory takes everything");
        Self {
            tree: Arc::clone(tree),
            directory: directory.to_vec(),
            prefix: format!("lane{lane}-"),
            steps: steps.to_vec(),
            single: steps.len() == 1,
            at: 0,
            cycle: 0,
            cycles,
            // Lanes are far from one another.
            next_file: lane as u64 * 7919,
            file: 0,
            stateid: Stateid4::ANONYMOUS,
            handle: Vec::new(),
            name: String::new(),
            mode,
        }
    }

    /// The name of the file that is made in a cycle.
    fn set_name(&mut self, cycle: u64) {
        use std::fmt::Write;
        self.name.clone_from(&self.prefix);
        let written = write!(self.name, "{cycle}");
        debug_assert!(written.is_ok());
    }

    fn another_file(&mut self) {
        let count = self.tree.files.len() as u64;
        // A prime step, so that every file has its turn.
        self.next_file = (self.next_file + 104_729) % count;
        self.file = usize::try_from(self.next_file).unwrap_or(0);
    }

    fn open(&self, operations: &mut Operations<'_>, create: bool) {
        let set = Fattr4 {
            attrmask: Bitmap4::of(&[Attr::FATTR4_MODE]),
            attr_vals: self.mode.as_slice().into(),
        };
        let (openhow, name, access) = if create {
            let how = Openflag4::Create(Createhow4::Guarded(set));
            (how, self.name.as_bytes(), 3)
        } else {
            let name = self.tree.files[self.file].0.as_bytes();
            (Openflag4::NoCreate, name, 1)
        };
        operations.put(&NfsArgop4::Open(OpenArgs {
            seqid: 0,
            share_access: ShareAccess(access),
            share_deny: ShareDeny(0),
            owner: StateOwner4 {
                clientid: 0,
                owner: self.prefix.as_bytes().into(),
            },
            openhow,
            claim: OpenClaim4::Null(name.into()),
        }));
    }

    fn close(&self, operations: &mut Operations<'_>, open_stateid: Stateid4) {
        operations.put(&NfsArgop4::Close(CloseArgs {
            seqid: 0,
            open_stateid,
        }));
    }

    fn take_open(&mut self, results: &mut Results<'_>) -> Result<()> {
        let NfsResop4::Open(Ok(open)) = results.ok(OpNum::OP_OPEN)? else {
            bail!("no OPEN");
        };
        self.stateid = open.stateid;
        Ok(())
    }

    fn take_handle(&mut self, results: &mut Results<'_>) -> Result<()> {
        let NfsResop4::Getfh(Ok(got)) = results.ok(OpNum::OP_GETFH)? else {
            bail!("no GETFH");
        };
        self.handle.clear();
        self.handle.extend_from_slice(&got.object);
        Ok(())
    }
}

/// Takes GETATTR of a regular file of this size.
fn take_attributes(results: &mut Results<'_>, size: usize) -> Result<()> {
    let NfsResop4::Getattr(Ok(got)) = results.ok(OpNum::OP_GETATTR)? else {
        bail!("no GETATTR");
    };
    let decoded = Attributes::from_fattr4(&got.obj_attributes);
    let attributes = decoded.map_err(|status| anyhow!("attributes: {status:?}"))?;
    ensure!(
        attributes.size == Some(size as u64) && attributes.fileid.is_some_and(|id| id != 0),
        "{attributes:?}"
    );
    Ok(())
}

fn take_access(results: &mut Results<'_>) -> Result<()> {
    let NfsResop4::Access(Ok(got)) = results.ok(OpNum::OP_ACCESS)? else {
        bail!("no ACCESS");
    };
    ensure!(got.access.contains(Access4::ACCESS4_READ), "{got:?}");
    Ok(())
}

fn putfh(operations: &mut Operations<'_>, handle: &[u8]) {
    operations.put(&NfsArgop4::Putfh(PutfhArgs {
        object: handle.into(),
    }));
}

fn getattr(operations: &mut Operations<'_>) {
    operations.put(&NfsArgop4::Getattr(GetattrArgs {
        attr_request: LINUX,
    }));
}

fn lookup(operations: &mut Operations<'_>, name: &[u8]) {
    operations.put(&NfsArgop4::Lookup(LookupArgs {
        objname: name.into(),
    }));
}

fn access(operations: &mut Operations<'_>) {
    operations.put(&NfsArgop4::Access(AccessArgs { access: ALL_ACCESS }));
}

impl Work for Script {
    fn ask(&mut self, operations: &mut Operations<'_>) -> bool {
        if self.cycle >= self.cycles {
            return false;
        }
        let step = self.steps[self.at];
        let tree = Arc::clone(&self.tree);
        match step {
            Step::Null => {}
            Step::Getattr => {
                self.another_file();
                putfh(operations, &tree.files[self.file].1);
                getattr(operations);
            }
            Step::Lookup => {
                self.another_file();
                putfh(operations, &tree.directory);
                lookup(operations, tree.files[self.file].0.as_bytes());
                operations.put(&NfsArgop4::Getfh(()));
                getattr(operations);
            }
            Step::Missing => {
                putfh(operations, &tree.directory);
                lookup(operations, self.prefix.as_bytes());
            }
            Step::Access => {
                self.another_file();
                putfh(operations, &tree.files[self.file].1);
                access(operations);
                getattr(operations);
            }
            Step::Open => {
                self.another_file();
                putfh(operations, &tree.directory);
                self.open(operations, false);
                operations.put(&NfsArgop4::Getfh(()));
                access(operations);
                getattr(operations);
            }
            Step::Read => {
                putfh(operations, &self.handle);
                operations.put(&NfsArgop4::Read(ReadArgs {
                    stateid: self.stateid,
                    offset: 0,
                    count: READ,
                }));
            }
            Step::Close => {
                putfh(operations, &self.handle);
                self.close(operations, self.stateid);
            }
            Step::Create => {
                self.set_name(self.cycle);
                putfh(operations, &self.directory);
                self.open(operations, true);
                operations.put(&NfsArgop4::Getfh(()));
                access(operations);
                getattr(operations);
            }
            Step::Write => {
                putfh(operations, &self.handle);
                operations.put(&NfsArgop4::Write(WriteArgs {
                    stateid: self.stateid,
                    offset: 0,
                    stable: StableHow4::Unstable,
                    data: tree.content.unit(self.cycle, 0, 0).into(),
                }));
            }
            Step::Commit => {
                putfh(operations, &self.handle);
                operations.put(&NfsArgop4::Commit(CommitArgs {
                    offset: 0,
                    count: 0,
                }));
                getattr(operations);
            }
            Step::CreateClose => {
                self.set_name(self.cycle);
                putfh(operations, &self.directory);
                self.open(operations, true);
                self.close(operations, Stateid4::CURRENT);
            }
            Step::Remove => {
                self.set_name(self.cycle);
                putfh(operations, &self.directory);
                operations.put(&NfsArgop4::Remove(RemoveArgs {
                    target: self.name.as_bytes().into(),
                }));
            }
            Step::Rename => {
                self.set_name(0);
                let other = format!("{}renamed", self.prefix);
                let (old, new) = match self.cycle % 2 {
                    0 => (self.name.as_bytes(), other.as_bytes()),
                    _ => (other.as_bytes(), self.name.as_bytes()),
                };
                putfh(operations, &self.directory);
                operations.put(&NfsArgop4::Savefh(()));
                operations.put(&NfsArgop4::Rename(RenameArgs {
                    oldname: old.into(),
                    newname: new.into(),
                }));
            }
        }
        true
    }

    fn take(&mut self, results: &mut Results<'_>) -> Result<u64> {
        let step = self.steps[self.at];
        if step != Step::Null {
            results.ok(OpNum::OP_PUTFH)?;
        }
        match step {
            Step::Null => {}
            Step::Getattr => take_attributes(results, UNIT)?,
            Step::Lookup => {
                results.ok(OpNum::OP_LOOKUP)?;
                self.take_handle(results)?;
                let known = &self.tree.files[self.file];
                ensure!(known.1 == self.handle, "{} is another file", known.0);
                take_attributes(results, UNIT)?;
            }
            Step::Missing => {
                let result = results.next()?;
                let status = (result.number(), result.status());
                let wanted = (OpNum::OP_LOOKUP, Nfsstat4::NFS4ERR_NOENT);
                ensure!(status == wanted, "{status:?}");
            }
            Step::Access => {
                take_access(results)?;
                take_attributes(results, UNIT)?;
            }
            Step::Open => {
                self.take_open(results)?;
                self.take_handle(results)?;
                let known = &self.tree.files[self.file];
                ensure!(known.1 == self.handle, "{} is another file", known.0);
                take_access(results)?;
                take_attributes(results, UNIT)?;
            }
            Step::Read => {
                let NfsResop4::Read(Ok(read)) = results.ok(OpNum::OP_READ)? else {
                    bail!("no READ");
                };
                let right = self.tree.content.is(&read.data, self.file as u64, 0, 0);
                ensure!(
                    read.data.len() == UNIT && read.eof && right,
                    "{} holds something else",
                    self.tree.files[self.file].0
                );
            }
            Step::Close => {
                results.ok(OpNum::OP_CLOSE)?;
            }
            Step::Create => {
                self.take_open(results)?;
                self.take_handle(results)?;
                take_access(results)?;
                take_attributes(results, 0)?;
            }
            Step::Write => {
                let NfsResop4::Write(Ok(written)) = results.ok(OpNum::OP_WRITE)? else {
                    bail!("no WRITE");
                };
                ensure!(written.count as usize == UNIT, "{written:?}");
            }
            Step::Commit => {
                results.ok(OpNum::OP_COMMIT)?;
                take_attributes(results, UNIT)?;
            }
            Step::CreateClose => {
                self.take_open(results)?;
                results.ok(OpNum::OP_CLOSE)?;
            }
            Step::Remove => {
                results.ok(OpNum::OP_REMOVE)?;
            }
            Step::Rename => {
                results.ok(OpNum::OP_SAVEFH)?;
                results.ok(OpNum::OP_RENAME)?;
            }
        }
        self.at += 1;
        let whole = self.at == self.steps.len();
        if whole {
            self.at = 0;
            self.cycle += 1;
        }
        Ok(u64::from(whole || self.single))
    }

    /// What was made must be there, and is removed; so that another run finds nothing there.
    fn verify(&mut self, session: &mut Session) -> Result<()> {
        let left = match self.steps.as_slice() {
            [Step::CreateClose] => 0..self.cycle,
            [Step::Remove] => self.cycle..self.cycles,
            [Step::Rename] if self.cycle.is_multiple_of(2) => 0..1,
            [Step::Rename] => {
                self.prefix.push_str("renamed");
                let gone = session.compound().putfh(&self.directory);
                let gone = gone.remove(&self.prefix).try_send()?.status();
                ensure!(gone == Nfsstat4::NFS4_OK, "{}: {gone:?}", self.prefix);
                0..0
            }
            _ => 0..0,
        };
        Pump::new(8).run(
            session,
            left.end - left.start,
            |number, compound| {
                let name = format!("{}{}", self.prefix, left.start + number);
                compound.putfh(&self.directory).remove(name)
            },
            |_, _| Ok(()),
        )
    }
}
