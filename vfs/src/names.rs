//! The index of names: where each object can be found, for when the kernel doesn't open objects
//! by handle.
//!
//! It is a hint, never the truth: what it says is verified by looking, and what it doesn't know is
//! found by a walk over the tree ([`crate::walk`]). So it may be lost, and is then made anew.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;

use crate::error::OpenError;
use crate::limits::MAX_NAME;
use crate::owner_record::{Mark, number};
use crate::table::{Table, checksum, create, read_at};

/// The name of the index in the directory of records.
pub(crate) const NAMES: &str = "names";
const LINKS: &str = "links";
const MAGIC: &[u8; 16] = b"localefs names 1";
const HEAD: usize = 16 + 16 + 24 + 8;
/// Stamp, parent, flags, length and name, checksum.
const RECORD: usize = 8 + 8 + 1 + 1 + MAX_NAME + 8;
const LINKED: u8 = 1;
/// How many objects may be searched for at once by a walk.
const MAX_SUSPECTS: usize = 4096;

/// A name: the inode number of its directory, and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub parent: u64,
    pub name: Vec<u8>,
}

/// What the index knows of an inode number.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    stamp: u64,
    name: Name,
    /// Whether there are further names beside.
    linked: bool,
}

/// The index, open.
pub(crate) struct Names {
    table: Table<RECORD>,
    links: PathBuf,
    head: [u8; HEAD],
    complete: AtomicBool,
    /// Held shared by whoever changes a name and the index, and alone by a walk that believes
    /// what it sees.
    naming: RwLock<()>,
    linking: Mutex<()>,
    /// Renames that have begun, and that have ended.
    moves: [AtomicU64; 2],
    walks: Mutex<Walks>,
    pub(crate) stop: AtomicBool,
    /// What a walk goes over.
    pub(crate) root: OwnedFd,
}

/// Walks over the tree, numbered from 1.
#[derive(Default)]
struct Walks {
    running: bool,
    wanted: bool,
    begun: u64,
    finished: u64,
    /// Objects not found, and the number of the last walk that may have missed them.
    suspects: HashMap<Mark, u64>,
    thread: Option<JoinHandle<()>>,
}

/// What is known of an object that was not found where the index says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It may yet be found.
    Perhaps,
    /// It is not in the tree.
    Certainly,
}

/// A name is being moved.
pub(crate) struct Moving<'a>(&'a Names);

impl Drop for Moving<'_> {
    fn drop(&mut self) {
        self.0.moves[1].fetch_add(1, Ordering::SeqCst);
    }
}

impl Names {
    /// Opens the index of the tree with this root, or begins a new one if that is lost or may be
    /// behind. `empty` says that there is nothing to find yet.
    pub(crate) fn open(
        directory: &Path,
        mark: Mark,
        root: OwnedFd,
        empty: bool,
    ) -> Result<Self, OpenError> {
        let path = directory.join(NAMES);
        let unusable = |error: io::Error| OpenError::Inaccessible {
            path: path.clone(),
            error: replaceable(&error),
        };
        let head = head(mark);
        let mut found = [0; HEAD];
        let mut complete = false;
        let file = File::options().read(true).write(true).open(&path);
        let file = match file {
            Ok(file) => {
                read_at(&file, &mut found, 0).map_err(unusable)?;
                complete = found == head;
                Some(file)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(unusable(error)),
        };
        let links = directory.join(LINKS);
        let file = match file {
            // What was written before the machine went down may be lost in part, but what is
            // there helps the walk.
            Some(file) if complete || found[32..56] == head[32..56] => file,
            Some(_) | None => {
                remove_if_there(std::fs::remove_dir_all(&links)).map_err(unusable)?;
                create(&path, &[]).map_err(unusable)?
            }
        };
        match std::fs::create_dir(&links) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(unusable(error));
            }
            _ => {}
        }
        if empty {
            file.write_all_at(&head, 0).map_err(unusable)?;
            complete = true;
        }
        Ok(Self {
            table: Table::new(file, path),
            links,
            head,
            complete: AtomicBool::new(complete),
            naming: RwLock::default(),
            linking: Mutex::default(),
            moves: Default::default(),
            walks: Mutex::default(),
            stop: AtomicBool::new(false),
            root,
        })
    }

    /// Removes an index that nobody will keep up to date.
    pub(crate) fn discard(directory: &Path) -> io::Result<()> {
        remove_if_there(std::fs::remove_file(directory.join(NAMES)))?;
        remove_if_there(std::fs::remove_dir_all(directory.join(LINKS)))
    }

    /// Whether every object that existed at some time has been found since.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete.load(Ordering::SeqCst)
    }

    /// To be held from before a name changes until the index knows.
    pub(crate) fn naming(&self) -> RwLockReadGuard<'_, ()> {
        self.naming.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be held while a name is moved: who looks for it meanwhile looks again.
    pub(crate) fn moving(&self) -> Moving<'_> {
        self.moves[0].fetch_add(1, Ordering::SeqCst);
        Moving(self)
    }

    /// How many names have begun to move, if none is being moved.
    pub(crate) fn moves(&self) -> Option<u64> {
        let ended = self.moves[1].load(Ordering::SeqCst);
        let begun = self.moves[0].load(Ordering::SeqCst);
        (begun == ended).then_some(begun)
    }

    /// Whether no name was moved since [`Names::moves`] gave this.
    pub(crate) fn still_since(&self, moves: Option<u64>) -> bool {
        moves.is_some() && moves == self.moves()
    }

    /// Keeps names from changing.
    pub(crate) fn still(&self) -> RwLockWriteGuard<'_, ()> {
        self.naming.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stamp of the last object known to have this inode number, and one of its names.
    pub(crate) fn last(&self, fileid: u64) -> Option<(u64, Name)> {
        self.entry(fileid).map(|entry| (entry.stamp, entry.name))
    }

    /// All names that are known of an object; `None` if it isn't known at all.
    pub(crate) fn of(&self, object: Mark) -> Option<Vec<Name>> {
        let entry = self.entry(object.fileid)?;
        if entry.stamp != object.stamp {
            return None;
        }
        let mut names = vec![entry.name];
        if entry.linked {
            let _guard = self.linking();
            for name in self.links(object) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        Some(names)
    }

    /// Whether the index knows this name of an object.
    pub(crate) fn knows(&self, fileid: u64, name: &Name) -> bool {
        self.entry(fileid).is_some_and(|entry| {
            entry.name == *name
                || entry.linked && {
                    let _guard = self.linking();
                    let stamp = entry.stamp;
                    self.links(Mark { fileid, stamp }).contains(name)
                }
        })
    }

    /// Notes the only name of an object.
    pub(crate) fn put(&self, object: Mark, name: Name) {
        self.set(
            object,
            &Entry {
                stamp: object.stamp,
                name,
                linked: false,
            },
        );
    }

    /// Notes one more name of an object.
    pub(crate) fn add(&self, object: Mark, name: Name) {
        self.change(object, None, Some(name));
    }

    /// Notes that an object was renamed.
    pub(crate) fn replace(&self, object: Mark, old: &Name, new: Name) {
        self.change(object, Some(old), Some(new));
    }

    /// Notes that one of the names of an object is gone.
    pub(crate) fn take(&self, object: Mark, name: &Name) {
        self.change(object, Some(name), None);
    }

    /// Forgets an object that is gone, unless another has the inode by now.
    pub(crate) fn forget(&self, object: Mark) {
        let Some(entry) = self.entry(object.fileid) else {
            return;
        };
        if entry.stamp != object.stamp {
            return;
        }
        if entry.linked {
            let _guard = self.linking();
            self.note(std::fs::remove_file(self.link_file(object.fileid)));
        }
        let _guard = self.table.lock(object.fileid);
        if let Err(error) = self.table.erase(object.fileid) {
            self.complain(&error);
        }
    }

    fn change(&self, object: Mark, old: Option<&Name>, new: Option<Name>) {
        let entry = self.entry(object.fileid);
        let Some(entry) = entry.filter(|entry| entry.stamp == object.stamp) else {
            if let Some(new) = new {
                self.put(object, new);
            }
            return;
        };
        if !entry.linked && old == Some(&entry.name) {
            if let Some(new) = new {
                self.put(object, new);
            }
            return;
        }
        let _guard = self.linking();
        let mut names = if entry.linked {
            self.links(object)
        } else {
            Vec::new()
        };
        if !names.contains(&entry.name) {
            names.push(entry.name);
        }
        names.retain(|name| Some(name) != old && Some(name) != new.as_ref());
        names.extend(new);
        let Some(last) = names.last().cloned() else {
            return;
        };
        let mut bytes = Vec::new();
        for name in &names {
            bytes.extend(object.stamp.to_le_bytes());
            bytes.extend(name.parent.to_le_bytes());
            bytes.push(u8::try_from(name.name.len()).unwrap_or(u8::MAX));
            bytes.extend(&name.name);
        }
        self.note(std::fs::write(self.link_file(object.fileid), bytes));
        let entry = Entry {
            stamp: object.stamp,
            name: last,
            linked: true,
        };
        self.set(object, &entry);
    }

    fn entry(&self, fileid: u64) -> Option<Entry> {
        let Ok(bytes) = self.table.read(fileid).ok()? else {
            if self.is_complete() {
                self.complain(&"a record is damaged");
            }
            return None;
        };
        let bytes = bytes?;
        let length = usize::from(bytes[17]);
        Some(Entry {
            stamp: number(&bytes[..8]),
            name: Name {
                parent: number(&bytes[8..16]),
                name: bytes[18..18 + length].to_vec(),
            },
            linked: bytes[16] & LINKED != 0,
        })
    }

    fn set(&self, object: Mark, entry: &Entry) {
        let mut bytes = [0; RECORD];
        let name = &entry.name.name[..entry.name.name.len().min(MAX_NAME)];
        bytes[..8].copy_from_slice(&entry.stamp.to_le_bytes());
        bytes[8..16].copy_from_slice(&entry.name.parent.to_le_bytes());
        bytes[16] = if entry.linked { LINKED } else { 0 };
        bytes[17] = u8::try_from(name.len()).unwrap_or(u8::MAX);
        bytes[18..18 + name.len()].copy_from_slice(name);
        let _guard = self.table.lock(object.fileid);
        if let Err(error) = self.table.write(object.fileid, bytes) {
            self.complain(&error);
        }
    }

    /// The further names of an object, as far as they can be read.
    fn links(&self, object: Mark) -> Vec<Name> {
        let bytes = std::fs::read(self.link_file(object.fileid)).unwrap_or_default();
        let (mut names, mut rest) = (Vec::new(), &bytes[..]);
        while let Some((head, tail)) = rest.split_at_checked(17) {
            let Some((name, tail)) = tail.split_at_checked(usize::from(head[16])) else {
                break;
            };
            if number(&head[..8]) == object.stamp {
                names.push(Name {
                    parent: number(&head[8..16]),
                    name: name.to_vec(),
                });
            }
            rest = tail;
        }
        names
    }

    fn link_file(&self, fileid: u64) -> PathBuf {
        self.links.join(fileid.to_string())
    }

    fn linking(&self) -> MutexGuard<'_, ()> {
        self.linking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A failure leaves the index behind, which only a walk can mend.
    fn note(&self, result: io::Result<()>) {
        if let Err(error) = remove_if_there(result) {
            self.complain(&error);
        }
    }

    fn complain(&self, error: &dyn std::fmt::Display) {
        tracing::warn!(
            index = %self.table.path.display(),
            %error,
            "the index of names can't be kept up to date"
        );
        self.complete.store(false, Ordering::SeqCst);
        // So that the next start doesn't take it for complete.
        let _ = self.table.file.write_all_at(&[0; 16], 0);
    }

    fn walks(&self) -> MutexGuard<'_, Walks> {
        self.walks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Judges an object that is not where the index says. `known` says whether the index has
    /// names of it, so that the host may have moved it.
    pub(crate) fn miss(&self, object: Mark, known: bool) -> Missing {
        if !known && self.is_complete() {
            return Missing::Certainly;
        }
        let mut walks = self.walks();
        let begun = walks.begun;
        match walks.suspects.get(&object).copied() {
            Some(since) if walks.finished > since => {
                walks.suspects.remove(&object);
                Missing::Certainly
            }
            Some(_) => {
                walks.wanted = true;
                Missing::Perhaps
            }
            None if walks.suspects.len() >= MAX_SUSPECTS => {
                // Its turn comes when others have been judged; who never asks again is forgotten.
                let finished = walks.finished;
                walks.suspects.retain(|_, since| *since >= finished);
                walks.wanted = true;
                Missing::Perhaps
            }
            None => {
                walks.suspects.insert(object, begun);
                walks.wanted = true;
                Missing::Perhaps
            }
        }
    }

    /// Asks for a walk.
    pub(crate) fn want_walk(&self) {
        self.walks().wanted = true;
    }

    /// Begins the walk that was asked for, if none is under way: `walk` then does it in the
    /// background.
    pub(crate) fn begin_walk(&self, walk: impl FnOnce() -> io::Result<JoinHandle<()>>) {
        let mut walks = self.walks();
        if walks.running || !walks.wanted || self.stop.load(Ordering::SeqCst) {
            return;
        }
        walks.wanted = false;
        walks.running = true;
        walks.begun += 1;
        match walk() {
            Ok(thread) => walks.thread = Some(thread),
            Err(error) => {
                walks.running = false;
                tracing::warn!(%error, "no thread for the index of names");
            }
        }
    }

    /// Notes how a walk ended.
    pub(crate) fn walked(&self, whole: bool) {
        if whole && !self.complete.swap(true, Ordering::SeqCst) {
            let written = self.table.file.write_all_at(&self.head, 0);
            self.note(written);
        }
        let mut walks = self.walks();
        walks.running = false;
        if whole {
            walks.finished = walks.begun;
        }
    }

    /// Ends a walk that is under way.
    pub(crate) fn close(&self) {
        self.stop.store(true, Ordering::SeqCst);
        let thread = self.walks().thread.take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

/// The head of an index that is complete: which tree, and since when the machine is up. What the
/// machine had not written when it went down is missing.
fn head(root: Mark) -> [u8; HEAD] {
    let boot = boot_id();
    let mut bytes = [0; HEAD];
    bytes[..16].copy_from_slice(MAGIC);
    bytes[16..24].copy_from_slice(&checksum(1, &boot).to_le_bytes());
    bytes[24..32].copy_from_slice(&checksum(2, &boot).to_le_bytes());
    bytes[32..40].copy_from_slice(&root.fileid.to_le_bytes());
    bytes[40..48].copy_from_slice(&root.stamp.to_le_bytes());
    let check = checksum(0, &bytes[..56]);
    bytes[56..].copy_from_slice(&check.to_le_bytes());
    bytes
}

/// Tells this run of the machine from all others; empty where that can't be read.
pub(crate) fn boot_id() -> Vec<u8> {
    std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

/// Says of what can't be used that it may as well not be there, unless it is the whole disk.
pub(crate) fn replaceable(error: &io::Error) -> io::Error {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    if let (StorageFull | QuotaExceeded | ReadOnlyFilesystem, Some(errno)) =
        (error.kind(), error.raw_os_error())
    {
        return io::Error::from_raw_os_error(errno);
    }
    let text = format!("{error}; nothing is lost with it: move it away and start again");
    io::Error::new(error.kind(), text)
}

fn remove_if_there(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
