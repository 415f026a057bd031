//! Descriptors are a cache. An object, and a file that is open, has one only while it is among the
//! last used; it is opened again when it is needed (see [`crate::reach`]).
//!
//! What can't be opened again keeps its descriptor: an object without a name, and a file with data
//! that was not committed, whose descriptor is the one that hears of write errors for sure. Both
//! are bounded: see [`Descriptors::may_keep_nameless`] and [`Descriptors::note_uncommitted`].

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, MutexGuard};

use crate::file::OpenMode;
use crate::node::{Node, Rare};
use crate::sys;

/// A descriptor that counts.
#[derive(Debug)]
pub(crate) struct Descriptor {
    descriptor: OwnedFd,
    open: Arc<AtomicUsize>,
}

impl Descriptor {
    /// Whether the object has no name left; not if the disk doesn't say.
    pub(crate) fn is_nameless(&self) -> bool {
        sys::stat(self.as_fd()).is_ok_and(|stat| stat.stx_nlink == 0)
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Which of the descriptors of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `O_PATH`: of any object.
    Path,
    /// For data, of a regular file that is open.
    Data,
}

/// What an object has open, and what is to be known before any of it is closed.
#[derive(Debug, Default)]
pub(crate) struct Holding {
    path: Option<Arc<Descriptor>>,
    data: Option<Arc<Descriptor>>,
    /// Which of them were used since they were last looked at.
    path_used: bool,
    data_used: bool,
    /// Which of them the queue knows. It may do so some time longer than they are open.
    path_queued: bool,
    data_queued: bool,
    writable: bool,
    /// Files that are open on it, and those among them that may write.
    opens: u32,
    writers: u32,
    /// How often data was written, and which of these writes was the last that a sync has covered.
    written: u32,
    committed: u32,
    /// Whether it is in the queue of the uncommitted.
    listed: bool,
    /// Here, as it needs the lock as well.
    pub(crate) rare: Option<Box<Rare>>,
}

impl Holding {
    pub(crate) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    fn path(&mut self) -> Option<Arc<Descriptor>> {
        let path = self.path.clone()?;
        self.path_used = true;
        Some(path)
    }

    fn data(&mut self) -> Option<Arc<Descriptor>> {
        let data = self.data.clone()?;
        self.data_used = true;
        Some(data)
    }

    fn begin_write(&mut self) -> Option<Arc<Descriptor>> {
        if !self.writable {
            return None;
        }
        let data = self.data()?;
        self.written = self.written.wrapping_add(1);
        Some(data)
    }

    fn is_dirty(&self) -> bool {
        self.written != self.committed
    }

    /// Takes what is for data only, which must not keep the host from running the file.
    fn take_data(&mut self) -> Option<Arc<Descriptor>> {
        self.committed = self.written;
        self.writable = false;
        self.data.take()
    }
}

impl Node {
    /// Any descriptor of it, if one is open.
    pub(crate) fn held(&self) -> Option<Arc<Descriptor>> {
        let mut holding = self.holding();
        match holding.data() {
            Some(data) => Some(data),
            None => holding.path(),
        }
    }

    pub(crate) fn held_path(&self) -> Option<Arc<Descriptor>> {
        self.holding().path()
    }

    /// A descriptor for data, if a suitable one is open.
    pub(crate) fn held_data(&self, write: bool) -> Option<Arc<Descriptor>> {
        let mut holding = self.holding();
        if write && !holding.writable {
            return None;
        }
        holding.data()
    }

    /// The descriptor that has seen every error since the first write that no sync has covered,
    /// if one is open for writing, and the number of the last write.
    pub(crate) fn held_writer(&self) -> Option<(Arc<Descriptor>, u32)> {
        let mut holding = self.holding();
        let written = holding.written;
        if holding.writable {
            holding.data().map(|data| (data, written))
        } else {
            None
        }
    }

    /// The descriptor to write to, if it is open: it stays until the write is covered by a sync.
    pub(crate) fn begin_write(&self) -> Option<Arc<Descriptor>> {
        self.holding().begin_write()
    }

    /// To be called after a write: a sync that began before covers nothing of it. Whether the object
    /// has to be noted as uncommitted is returned.
    pub(crate) fn end_write(&self) -> bool {
        let mut holding = self.holding();
        holding.written = holding.written.wrapping_add(1);
        !holding.listed
    }

    /// Notes that the disk has, or has lost, all writes up to this one.
    pub(crate) fn committed(&self, written: u32) {
        let mut holding = self.holding();
        // Counts wrap. What another sync has covered meanwhile stays covered.
        let since = |count: u32| holding.written.wrapping_sub(count);
        if since(written) < since(holding.committed) {
            holding.committed = written;
        }
    }

    /// Notes one more file that is open.
    pub(crate) fn count_open(&self, mode: OpenMode) {
        let mut holding = self.holding();
        holding.opens += 1;
        holding.writers += u32::from(mode.write);
    }

    /// Notes that a file that is open may write from now on.
    pub(crate) fn count_writer(&self) {
        self.holding().writers += 1;
    }

    /// Notes that a file was closed; what nobody needs any more is to be dropped.
    pub(crate) fn count_close(&self, mode: OpenMode) -> Option<Arc<Descriptor>> {
        let mut holding = self.holding();
        holding.opens -= 1;
        holding.writers -= u32::from(mode.write);
        let last_writer = holding.writable && holding.writers == 0;
        if holding.opens == 0 || last_writer {
            holding.take_data()
        } else {
            None
        }
    }

    /// Whether files are open on it.
    pub(crate) fn is_open(&self) -> bool {
        self.holding().opens > 0
    }

    /// Whether files are open on it that may write.
    pub(crate) fn has_writers(&self) -> bool {
        self.holding().writers > 0
    }

    /// Keeps this descriptor for as long as the object is in memory.
    pub(crate) fn keep_path(&self, path: Arc<Descriptor>) {
        let mut holding = self.holding();
        let unneeded = holding.path.replace(path);
        self.keeps_path.store(true, Ordering::Relaxed);
        drop(holding);
        drop(unneeded);
    }

    pub(crate) fn holding(&self) -> MutexGuard<'_, Holding> {
        self.holding.lock()
    }
}

/// One descriptor in the order of its opening.
#[derive(Debug)]
struct Ticket {
    node: Weak<Node>,
    kind: Kind,
}

/// All descriptors of objects.
#[derive(Debug)]
pub(crate) struct Descriptors {
    most: usize,
    open: Arc<AtomicUsize>,
    /// Looked at in this order when one has to go: those that were used since the last look get
    /// another round.
    queue: Mutex<VecDeque<Ticket>>,
    /// Objects that keep a descriptor because they have no name.
    nameless: AtomicUsize,
    uncommitted: Mutex<VecDeque<Weak<Node>>>,
}

impl Descriptors {
    /// Keeps about `most` descriptors open, beside those that are in use at a moment.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most: most.max(4),
            open: Arc::default(),
            queue: Mutex::default(),
            nameless: AtomicUsize::new(0),
            uncommitted: Mutex::default(),
        }
    }

    /// How many are open.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    pub(crate) fn own(&self, descriptor: OwnedFd) -> Arc<Descriptor> {
        self.open.fetch_add(1, Ordering::Relaxed);
        Arc::new(Descriptor {
            descriptor,
            open: Arc::clone(&self.open),
        })
    }

    /// Gives an object a descriptor, if it has none of the kind; the one that counts is returned.
    pub(crate) fn keep(&self, node: &Node, path: Arc<Descriptor>) -> Arc<Descriptor> {
        let mut holding = node.holding();
        holding.path_used = true;
        if let Some(kept) = holding.path.clone() {
            return kept;
        }
        holding.path = Some(Arc::clone(&path));
        let known = std::mem::replace(&mut holding.path_queued, true);
        drop(holding);
        self.admit(node, Kind::Path, known);
        path
    }

    /// As [`Descriptors::keep`], with a descriptor for data, which replaces one that only reads.
    pub(crate) fn keep_data(
        &self,
        node: &Node,
        data: Arc<Descriptor>,
        writable: bool,
    ) -> Arc<Descriptor> {
        self.install_data(node, data, writable, |_| {})
    }

    /// As [`Descriptors::keep_data`] and [`Node::begin_write`] in one: in between, the descriptor
    /// could be given up.
    pub(crate) fn keep_data_to_write(&self, node: &Node, data: Arc<Descriptor>) -> Arc<Descriptor> {
        self.install_data(node, data, true, |holding| {
            holding.begin_write();
        })
    }

    fn install_data(
        &self,
        node: &Node,
        data: Arc<Descriptor>,
        writable: bool,
        then: impl FnOnce(&mut Holding),
    ) -> Arc<Descriptor> {
        let mut holding = node.holding();
        holding.data_used = true;
        let enough = !writable || holding.writable;
        if let Some(kept) = holding.data.clone().filter(|_| enough) {
            then(&mut holding);
            return kept;
        }
        let replaced = holding.data.replace(Arc::clone(&data));
        holding.writable = writable;
        then(&mut holding);
        let known = std::mem::replace(&mut holding.data_queued, true);
        drop(holding);
        drop(replaced);
        self.admit(node, Kind::Data, known);
        data
    }

    /// Enters a descriptor of an object, which may be `known` to the queue from before; others are
    /// closed if there are too many.
    fn admit(&self, node: &Node, kind: Kind, known: bool) {
        let mut queue = self.queue.lock();
        if !known {
            queue.push_back(Ticket {
                node: Weak::clone(&node.me),
                kind,
            });
        }
        let mut dead = Vec::new();
        let mut looks = 2 * queue.len();
        let mut left = self.open().saturating_sub(self.most);
        // Tickets of what was closed otherwise must not pile up either.
        while looks > 0 && (left > 0 || queue.len() > 2 * self.most) {
            looks -= 1;
            let Some(ticket) = queue.pop_front() else {
                break;
            };
            let Some(node) = ticket.node.upgrade() else {
                continue;
            };
            match node.give_up(ticket.kind, left == 0) {
                Look::Closed(descriptor) => {
                    left = left.saturating_sub(1);
                    dead.push((Some(descriptor), node));
                }
                Look::Gone => dead.push((None, node)),
                Look::Stays => {
                    queue.push_back(ticket);
                    dead.push((None, node));
                }
            }
        }
        // What closes a descriptor, or takes the index's lock.
        drop(queue);
        drop(dead);
    }

    /// Whether one more object that is open may lose its last name.
    pub(crate) fn may_keep_nameless(&self) -> bool {
        self.nameless.load(Ordering::Relaxed) < (self.most / 4).max(1)
    }

    pub(crate) fn count_nameless(&self) {
        self.nameless.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn forget_nameless(&self) {
        self.nameless.fetch_sub(1, Ordering::Relaxed);
    }

    /// Notes an object with uncommitted data. If there are too many, the one that is so for
    /// longest is returned: it is to be synced.
    pub(crate) fn note_uncommitted(&self, node: &Node) -> Option<Arc<Node>> {
        let mut queue = self.uncommitted.lock();
        let mut holding = node.holding();
        if !holding.listed {
            holding.listed = true;
            queue.push_back(Weak::clone(&node.me));
        }
        drop(holding);
        let mut clean = Vec::new();
        let oldest = first_dirty(&mut queue, self.most / 2, &mut clean);
        if let Some(oldest) = &oldest {
            queue.pop_front();
            oldest.holding().listed = false;
        }
        drop(queue);
        drop(clean);
        oldest
    }

    /// Whether to note one more object would bring another to the disk.
    pub(crate) fn is_full_of_uncommitted(&self) -> bool {
        let mut queue = self.uncommitted.lock();
        let mut clean = Vec::new();
        let below = (self.most / 2).saturating_sub(1);
        let oldest = first_dirty(&mut queue, below, &mut clean);
        drop(queue);
        drop(clean);
        oldest.is_some()
    }
}

/// The first object that is uncommitted, if there are more than `enough` in the queue; those that
/// are not leave it for `clean`, to be dropped without its lock.
fn first_dirty(
    queue: &mut VecDeque<Weak<Node>>,
    enough: usize,
    clean: &mut Vec<Arc<Node>>,
) -> Option<Arc<Node>> {
    while queue.len() > enough {
        if let Some(node) = queue.front()?.upgrade() {
            let mut holding = node.holding();
            if holding.is_dirty() {
                drop(holding);
                return Some(node);
            }
            holding.listed = false;
            drop(holding);
            clean.push(node);
        }
        queue.pop_front();
    }
    None
}

/// What became of a descriptor that was looked at.
enum Look {
    Closed(Arc<Descriptor>),
    Stays,
    Gone,
}

impl Node {
    /// Gives up a descriptor that was not used since the last look. `only_looking` closes nothing.
    fn give_up(&self, kind: Kind, only_looking: bool) -> Look {
        let mut holding = self.holding();
        let (slot, keep) = match kind {
            Kind::Path if self.keeps_path.load(Ordering::Relaxed) => (None, false),
            Kind::Path => {
                let used = !only_looking && std::mem::take(&mut holding.path_used);
                (holding.path.take(), used)
            }
            Kind::Data => {
                let used = !only_looking && std::mem::take(&mut holding.data_used);
                let dirty = holding.is_dirty();
                (holding.data.take(), used || dirty)
            }
        };
        let stays = slot.is_some() && (keep || only_looking);
        match kind {
            Kind::Path => holding.path_queued = stays,
            Kind::Data => holding.data_queued = stays,
        }
        match (slot, kind) {
            (None, _) => Look::Gone,
            (slot, Kind::Path) if stays => {
                holding.path = slot;
                Look::Stays
            }
            (slot, Kind::Data) if stays => {
                holding.data = slot;
                Look::Stays
            }
            (Some(descriptor), kind) => {
                if kind == Kind::Data {
                    holding.writable = false;
                }
                Look::Closed(descriptor)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::create_file::Create;
    use crate::file::File;
    use crate::file_system::FileSystem;
    use crate::fixture;
    use crate::io::Stability;
    use crate::options::Options;
    use crate::{Identity, SetAttributes};

    fn file_system(descriptors: usize) -> (FileSystem, tempfile::TempDir) {
        let options = Options {
            cached_nodes: 100,
            descriptors,
            ..fixture::options()
        };
        let (fs, scratch) = fixture::file_system(options);
        (fs, scratch)
    }

    fn create(fs: &FileSystem, number: usize) -> File {
        let set = SetAttributes::default();
        let create = Create::Guarded(&set);
        let (who, name) = (Identity::root(), format!("f{number}"));
        fs.create_file(&who, &fs.root(), name.as_bytes(), create, OpenMode::BOTH)
            .unwrap()
            .file
    }

    fn write(fs: &FileSystem, file: &File) {
        fs.write(&Identity::root(), file, 0, b"x", Stability::Unstable)
            .unwrap();
    }

    #[test]
    fn no_more_are_open_than_may_be() {
        let (fs, _scratch) = file_system(16);
        let files: Vec<_> = (0..200).map(|number| create(&fs, number)).collect();
        let descriptors = fs.cache.descriptors();
        assert!(descriptors.open() <= 16, "{}", descriptors.open());
        for file in &files {
            write(&fs, file);
        }
        assert!(descriptors.open() <= 16, "{}", descriptors.open());
        drop(files);
        assert!(descriptors.queue.lock().len() <= 32);
    }

    /// The descriptor that a write went through is the one that hears of its loss.
    #[test]
    fn uncommitted_files_keep_their_descriptor_up_to_a_bound() {
        let (fs, _scratch) = file_system(16);
        let files: Vec<_> = (0..100).map(|number| create(&fs, number)).collect();
        let dirty = |file: &File| file.node().holding().is_dirty();
        let first = &files[..8];
        first.iter().for_each(|file| write(&fs, file));
        let before: Vec<_> = first
            .iter()
            .map(|file| file.node().held_writer().unwrap().0)
            .collect();
        for file in &files[8..] {
            fs.reach_data(file.node(), true).unwrap();
        }
        for (file, before) in first.iter().zip(&before) {
            let (after, _) = file.node().held_writer().unwrap();
            assert!(Arc::ptr_eq(&after, before) && dirty(file));
        }
        // One more, and the oldest is brought to the disk.
        assert!(fs.is_full_of_uncommitted());
        write(&fs, &files[50]);
        assert!(!dirty(&files[0]) && files[1..8].iter().all(dirty) && dirty(&files[50]));
        // Those that were committed do not count.
        for file in &files[1..8] {
            fs.commit(file.node()).unwrap();
            assert!(!dirty(file));
        }
        assert!(!fs.is_full_of_uncommitted());
        for file in &files[51..58] {
            write(&fs, file);
        }
        assert!(files[50..58].iter().all(dirty));
        assert!(fs.cache.descriptors().open() <= 16 + before.len());
    }

    #[test]
    fn who_writes_keeps_the_host_from_running_the_file_no_longer_than_it_is_open() {
        let (fs, _scratch) = file_system(16);
        let writer = create(&fs, 0);
        let node = Arc::clone(writer.node());
        let who = Identity::root();
        let reader = fs.open_file(&who, &node, OpenMode::READ).unwrap();
        assert!(node.held_writer().is_some());
        drop(writer);
        assert!(node.held_writer().is_none());
        fs.reach_data(&node, false).unwrap();
        assert!(node.held_writer().is_none() && node.held_data(false).is_some());
        drop(reader);
        assert!(node.held_data(false).is_none());
    }
    #[test]
    fn a_file_that_is_opened_for_more_stays_writable_until_it_is_closed() {
        let (fs, _scratch) = file_system(16);
        let made = create(&fs, 0);
        let node = Arc::clone(made.node());
        drop(made);
        let who = Identity::root();
        let open = |mode| fs.open_file(&who, &node, mode).unwrap();
        let file = open(OpenMode::READ);
        for mode in [OpenMode::WRITE, OpenMode::BOTH, OpenMode::READ] {
            file.widen(&open(mode));
            assert_eq!(file.mode(), OpenMode::BOTH);
            assert!(node.has_writers() && node.held_writer().is_some());
            write(&fs, &file);
        }
        drop(file);
        assert!(!node.is_open() && !node.has_writers());
    }
}
