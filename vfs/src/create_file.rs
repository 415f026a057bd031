//! Making regular files, and opening them in the same step.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::access::{Permissions, check, check_open};
use crate::attributes::{Attributes, FileType, SetAttributes};
use crate::error::Error;
use crate::file::{File, OpenMode};
use crate::file_system::{FileSystem, now};
use crate::identity::Identity;
use crate::limits::MAX_FILE_SIZE;
use crate::name::check_name;
use crate::node::Node;
use crate::options::ChangeInfo;
use crate::ownership::{change_times, initial};
use crate::sys;

/// Where an exclusively created file keeps the verifier.
const VERIFIER: &str = "user.localefs.verifier";

/// How long a creation may be repeated, in nanoseconds. Clients send again what a broken
/// connection or a restart left unanswered; much later the same verifier is a coincidence.
const REPEATABLE: u64 = 10 * 60 * 1_000_000_000;
/// How often the host may come between before that is an error.
const ATTEMPTS: usize = 8;

/// How to create a file (`createmode4`, RFC 8881 §18.16.3).
#[derive(Clone, Copy, Debug)]
pub enum Create<'a> {
    /// An existing file is opened instead, and truncated if `size` is 0.
    Unchecked(&'a SetAttributes),
    /// An existing name is an error.
    Guarded(&'a SetAttributes),
    /// An existing name is an error, unless it was made with this verifier: then an earlier
    /// request is being repeated whose answer was lost.
    Exclusive {
        /// What tells this creation from all others.
        verifier: [u8; 8],
        /// The attributes of the new file.
        set: &'a SetAttributes,
    },
}

/// A file that was created or found.
#[derive(Debug)]
pub struct Created {
    /// The file.
    pub node: Arc<Node>,
    /// The file, open.
    pub file: File,
    /// How its directory changed.
    pub directory: ChangeInfo,
    /// Whether it was made by this request, or by the one that this repeats.
    pub created: bool,
}

impl FileSystem {
    /// Creates a file and opens it; the opening of a file just made is granted whatever its mode.
    ///
    /// The file appears under its name complete with owner, mode, length and times. Without a
    /// mode it is 0600.
    ///
    /// # Errors
    /// [`Error::Exist`] as [`Create`] says. Of a file that exists those of
    /// [`FileSystem::open_file`], and [`Error::Access`] if it can't be written though it should be
    /// truncated. Of a new one those of [`FileSystem::make_directory`], and [`Error::FBig`].
    pub fn create_file(
        &self,
        who: &Identity,
        directory: &Node,
        name: &[u8],
        create: Create<'_>,
        wanted: OpenMode,
    ) -> Result<Created, Error> {
        check_name(name)?;
        let held = self.reach(directory)?;
        let at = held.as_fd();
        let (guard, attributes) = self.enter_directory(who, directory)?;
        let before = attributes.change;
        for _ in 0..ATTEMPTS {
            match self.child_at(directory, at, name) {
                // Held until it is open: if its name is given to another file meanwhile, it could
                // not be found again.
                Ok((node, _held)) => {
                    drop(guard);
                    return self.open_existing(who, node, create, wanted, before);
                }
                Err(Error::NoEnt) => {}
                // What is mounted there exists.
                Err(Error::XDev) if !matches!(create, Create::Unchecked(_)) => {
                    return Err(Error::Exist);
                }
                Err(error) => return Err(error),
            }
            check(who, &attributes, Permissions::WRITE).ok()?;
            match self.make_file(who, (directory, at), &attributes, name, create, wanted) {
                Ok(file) => {
                    let after = self.entries_changed(directory)?;
                    let node = Arc::clone(file.node());
                    let directory = ChangeInfo { before, after };
                    return Ok(Created {
                        node,
                        file,
                        directory,
                        created: true,
                    });
                }
                Err(Error::Exist) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Exist)
    }

    fn open_existing(
        &self,
        who: &Identity,
        node: Arc<Node>,
        create: Create<'_>,
        wanted: OpenMode,
        change: u64,
    ) -> Result<Created, Error> {
        let directory = ChangeInfo {
            before: change,
            after: change,
        };
        match create {
            Create::Guarded(_) => Err(Error::Exist),
            Create::Unchecked(set) => {
                let truncate = set.size == Some(0);
                let needed = OpenMode {
                    write: wanted.write || truncate,
                    ..wanted
                };
                let file = self.open_checked(who, &node, needed.permissions(), wanted)?;
                if truncate {
                    let set = SetAttributes {
                        size: Some(0),
                        ..SetAttributes::default()
                    };
                    self.set_attributes(who, &node, None, &set)?;
                }
                Ok(Created {
                    node,
                    file,
                    directory,
                    created: false,
                })
            }
            Create::Exclusive { verifier, .. } => {
                if node.file_type() != FileType::Regular {
                    return Err(Error::Exist);
                }
                let attributes = self.attributes(&node)?;
                let file = self.open_unchecked(&node, wanted)?;
                if self.verifier_of(&file)? != Some(verifier) {
                    return Err(Error::Exist);
                }
                // The verifier is no secret: what an open would refuse only the maker gets.
                if who.uid != attributes.uid {
                    check_open(who, &attributes, wanted.permissions()).ok()?;
                }
                Ok(Created {
                    node,
                    file,
                    directory,
                    created: true,
                })
            }
        }
    }

    fn make_file(
        &self,
        who: &Identity,
        (directory, at): (&Node, BorrowedFd<'_>),
        attributes: &Attributes,
        name: &[u8],
        create: Create<'_>,
        wanted: OpenMode,
    ) -> Result<File, Error> {
        let (set, verifier) = match create {
            Create::Unchecked(set) | Create::Guarded(set) => (set, None),
            Create::Exclusive { verifier, set } => (set, Some(verifier)),
        };
        let initial = initial(who, attributes, FileType::Regular, set)?;
        change_times(&Identity::root(), attributes, set, true)?;
        if set.size.is_some_and(|size| size > MAX_FILE_SIZE) {
            return Err(Error::FBig);
        }
        let plain = set.size.is_none_or(|size| size == 0)
            && (set.accessed, set.modified) == (None, None)
            && verifier.is_none()
            && !self.keeps_records();
        let whole = plain && self.makes_whole(at, attributes, initial);
        let draft = self.begin_file((directory, at), name, initial, whole)?;
        let undo = |_: &Error| self.discard(&draft, (directory, at), name);
        // All that may fail comes before the name, if the disk can have it so.
        let prepare = || {
            let fd = draft.file.as_fd();
            let object = sys::reopen(self.descriptors(), fd, OFlags::PATH)?;
            let stat = sys::stat(object.as_fd())?;
            let (kernel, mark) = self.identify.mark(object.as_fd(), &stat)?;
            match &self.shadow {
                Some(shadow) => {
                    shadow.put(mark, initial)?;
                    if self.is_strict() {
                        self.records_durable()?;
                    }
                }
                // Where it differs by now, somebody has changed it.
                None if whole => {}
                None => {
                    self.newborn.learn(attributes, &stat);
                    self.give(fd, &stat, initial)?;
                }
            }
            if let Some(size) = set.size.filter(|size| *size > 0) {
                sys::set_length(fd, size)?;
            }
            self.set_times(fd, set)?;
            let kept = match verifier {
                Some(verifier) => keep_verifier(fd, verifier)?,
                None => true,
            };
            Ok((kept, object, stat, kernel, mark))
        };
        let (kept, object, stat, kernel, mark) = prepare().inspect_err(undo)?;
        let naming = self.naming();
        if let Err(errno) = draft.publish(self.descriptors(), at, name) {
            let error = Error::from(errno);
            undo(&error);
            if let Some(shadow) = &self.shadow {
                let _ = shadow.owners.forget(mark);
            }
            return Err(error);
        }
        self.modified(directory);
        let (node, _) = self.enter(object, &kernel, &stat)?;
        if draft.is_named() && !whole {
            // Who found it by its name has seen it otherwise, and maybe at the same time.
            self.modified(&node);
        }
        self.named(directory, name, &node);
        drop(naming);
        self.keep_first_access_time(&node, set);
        if !kept {
            node.holding().rare().verifier = verifier.map(Note::new);
        }
        if self.is_strict() {
            self.durable(sys::sync(draft.file.as_fd()))?;
            self.records_durable()?;
        }
        let descriptor = self.cache.descriptors().own(draft.file);
        Ok(self.opened(node, descriptor, wanted))
    }

    /// The verifier that a file was made with, as long as that may be repeated.
    fn verifier_of(&self, file: &File) -> Result<Option<[u8; 8]>, Error> {
        let node = file.node();
        let kept = node.holding().rare.as_ref().and_then(|rare| rare.verifier);
        let note = match kept {
            Some(note) => Some(note),
            None => sys::note(self.reach_data(node, false)?.as_fd(), VERIFIER)?
                .and_then(|octets| Note::decoded(&octets)),
        };
        Ok(note.and_then(|note| note.verifier_at(now())))
    }
}

/// Writes down what an exclusive creation is known again by; whether the disk can.
fn keep_verifier(file: BorrowedFd<'_>, verifier: [u8; 8]) -> Result<bool, Error> {
    match sys::set_note(file, VERIFIER, &Note::new(verifier).encoded()) {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// What is kept of an exclusive creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    verifier: [u8; 8],
    /// Nanoseconds since 1970.
    made: u64,
}

impl Note {
    fn new(verifier: [u8; 8]) -> Self {
        Self {
            verifier,
            made: now(),
        }
    }

    fn encoded(self) -> [u8; 16] {
        let mut octets = [0; 16];
        let (verifier, made) = octets.split_at_mut(8);
        verifier.copy_from_slice(&self.verifier);
        made.copy_from_slice(&self.made.to_be_bytes());
        octets
    }

    fn decoded(octets: &[u8]) -> Option<Self> {
        let (verifier, made) = octets.split_first_chunk::<8>()?;
        let made = u64::from_be_bytes(made.try_into().ok()?);
        Some(Self {
            verifier: *verifier,
            made,
        })
    }

    fn verifier_at(self, now: u64) -> Option<[u8; 8]> {
        (now.saturating_sub(self.made) < REPEATABLE).then_some(self.verifier)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::fixture;

    #[test]
    fn a_creation_may_be_repeated_for_some_minutes() {
        let note = Note {
            verifier: [7; 8],
            made: 1_000,
        };
        assert_eq!(Note::decoded(&note.encoded()), Some(note));
        assert_eq!(note.verifier_at(0), Some([7; 8]), "the clock was set back");
        assert_eq!(note.verifier_at(999 + REPEATABLE), Some([7; 8]));
        assert_eq!(note.verifier_at(1_000 + REPEATABLE), None);
        assert_eq!(Note::decoded(b"short"), None);
    }

    #[test]
    fn a_disk_without_unnamed_files_gives_the_same() {
        let (fs, _scratch) = fixture::file_system(fixture::options());
        fs.only_named.store(true, Ordering::Relaxed);
        let who = Identity::new(5, 6, []);
        let own = SetAttributes {
            uid: Some(5),
            mode: Some(0o777),
            ..SetAttributes::default()
        };
        fs.set_attributes(&Identity::root(), &fs.root(), None, &own)
            .unwrap();
        let set = SetAttributes {
            mode: Some(0o640),
            size: Some(9),
            ..SetAttributes::default()
        };
        let create = Create::Exclusive {
            verifier: [1; 8],
            set: &set,
        };
        let make = || fs.create_file(&who, &fs.root(), b"a", create, OpenMode::BOTH);
        let made = make().unwrap();
        let attributes = fs.attributes(&made.node).unwrap();
        assert_eq!(
            (attributes.uid, attributes.gid, attributes.mode),
            (5, 6, 0o640)
        );
        assert_eq!((attributes.size, attributes.links), (9, 1));
        assert!(made.directory.after > made.directory.before);
        assert_eq!(make().unwrap().node, made.node);
        made.node.holding().rare().verifier = Some(Note::new([2; 8]));
        assert_eq!(
            make().unwrap_err(),
            Error::Exist,
            "what is in memory counts first"
        );
    }
}
