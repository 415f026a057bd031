//! What is left of deleted file systems, on its way out.
//!
//! A tree is first renamed into `removed/`, which takes no time, and there taken apart in the
//! background: a directory's entries are unlinked, but its directories are renamed into `removed/`
//! as well, to be taken apart in their turn. So neither the depth nor the size of a tree takes
//! memory, and what is left after a stop of the server is found again at its next start.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use localefs_vfs::FileSystem;
use tracing::{debug, warn};

use super::error::DataPlaneError;
use crate::data_dir::Layout;
use crate::store::{Store, StoreError};

/// How often a tree is looked at again while something still uses it.
const USERS: Duration = Duration::from_millis(50);

/// How long a removal may take to notice that the server stops.
const STOPPING: Duration = Duration::from_millis(500);

/// How often a directory is read that does not get empty.
const ATTEMPTS: usize = 8;

/// Moves the tree and the records of a file system that the database has forgotten out of the
/// way, durably. Can be repeated.
pub(super) fn set_aside(layout: &Layout, store: &Store, id: &str) -> Result<(), DataPlaneError> {
    for path in [layout.trees().join(id), layout.records(id)] {
        move_aside(layout, id, &path)?;
        let synced = path.parent().map_or(Ok(()), sync);
        // Without a parent there was nothing.
        if let Err(error) = synced
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(DataPlaneError::remove(&path, error));
        }
    }
    let removed = layout.removed();
    sync(&removed).map_err(|error| DataPlaneError::remove(&removed, error))?;
    let forgotten = store.forget_removed(id);
    forgotten.map_err(|error| {
        let path = layout.state();
        StoreError::Unusable { path, error }.into()
    })
}

/// Removes trees that are on no record and empty: the server was killed between making the
/// directory and keeping the record. One with something in it is not ours to judge.
fn remove_unfinished(layout: &Layout, store: &Store) {
    for id in layout.file_systems() {
        let is_on_record = store.file_system(&id).map_or(true, |known| known.is_some());
        if is_on_record || fs::remove_dir(layout.trees().join(&id)).is_err() {
            continue;
        }
        debug!(file_system = id, "was not finished, and is removed");
        if let Err(error) = move_aside(layout, &id, &layout.records(&id)) {
            warn!(file_system = id, %error, "records of an unfinished file system stay behind");
        }
    }
}

/// Moves something of a file system out of the way, if it is there.
pub(super) fn move_aside(layout: &Layout, id: &str, path: &Path) -> Result<(), DataPlaneError> {
    let removed = layout.removed();
    fs::create_dir_all(&removed).map_err(|error| DataPlaneError::remove(&removed, error))?;
    let to = removed.join(format!("{id}.{:016x}", rand::random::<u64>()));
    match fs::rename(path, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(DataPlaneError::remove(path, error))
        }
        _ => Ok(()),
    }
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Takes apart what is in `removed/`, on a thread of its own while there is something.
pub(super) struct Remover(Arc<Shared>);

struct Shared {
    removed: PathBuf,
    stop: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    thread: Option<JoinHandle<()>>,
    /// To look once more when done.
    again: bool,
    /// By file system id, what may still be at work in its tree.
    users: HashMap<String, Weak<FileSystem>>,
}

impl Remover {
    /// Goes on with what was deleted before.
    pub(super) fn start(layout: &Layout, store: &Store) -> Self {
        for id in store.removed().unwrap_or_default() {
            if let Err(error) = set_aside(layout, store, &id) {
                warn!(file_system = id, %error, "files of a deleted file system stay behind");
            }
        }
        remove_unfinished(layout, store);
        let remover = Self(Arc::new(Shared {
            removed: layout.removed(),
            stop: AtomicBool::new(false),
            state: Mutex::default(),
        }));
        let left = fs::read_dir(layout.removed());
        if left.is_ok_and(|mut left| left.next().is_some()) {
            remover.remove_all();
        }
        remover
    }

    /// Nothing of a file system is taken apart before this user of it has ended.
    pub(super) fn wait_for(&self, id: &str, user: Weak<FileSystem>) {
        self.0.state().users.insert(id.to_owned(), user);
    }

    /// Takes apart, in the background, what is in `removed/`.
    pub(super) fn remove_all(&self) {
        let mut state = self.0.state();
        state.again = true;
        let running = state.thread.as_ref();
        if running.is_some_and(|thread| !thread.is_finished()) || self.0.stops() {
            return;
        }
        let shared = Arc::clone(&self.0);
        let thread = thread::Builder::new().name("localefs-remove".to_owned());
        match thread.spawn(move || shared.run()) {
            Ok(thread) => state.thread = Some(thread),
            Err(error) => warn!(%error, "deleted files stay until the next start"),
        }
    }

    /// Stops; what is left waits for the next start.
    pub(super) fn stop(&self) {
        self.0.stop.store(true, Ordering::SeqCst);
        let thread = self.0.state().thread.take();
        let end = Instant::now() + STOPPING;
        while thread.as_ref().is_some_and(|thread| !thread.is_finished()) && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Shared {
    fn run(&self) {
        loop {
            let waiting = match self.pass() {
                Ok(waiting) => waiting,
                Err(error) => {
                    warn!(path = %self.removed.display(), %error, "deleted files stay behind");
                    false
                }
            };
            if self.stops() {
                return;
            }
            if waiting {
                thread::sleep(USERS);
            }
            let mut state = self.state();
            if !waiting && !std::mem::take(&mut state.again) {
                // Under the lock: whoever comes later finds no thread and starts another one.
                state.thread = None;
                return;
            }
        }
    }

    /// Takes apart all that is there. Tells whether some of it is in use.
    fn pass(&self) -> io::Result<bool> {
        let mut waiting = false;
        let mut given_up = Vec::new();
        loop {
            let mut progress = false;
            for entry in fs::read_dir(&self.removed)? {
                let entry = entry?;
                if self.stops() {
                    return Ok(false);
                }
                if self.is_used(&entry.file_name()) {
                    waiting = true;
                    continue;
                }
                let path = entry.path();
                if given_up.contains(&path) {
                    continue;
                }
                match self.remove(&path, entry.file_type()?.is_dir()) {
                    Ok(()) => progress = true,
                    Err(error) => {
                        warn!(path = %path.display(), %error, "cannot be removed");
                        given_up.push(path);
                    }
                }
            }
            if !progress {
                return Ok(waiting);
            }
        }
    }

    fn is_used(&self, name: &std::ffi::OsStr) -> bool {
        let name = name.to_string_lossy();
        let id = name.split('.').next().unwrap_or_default();
        let mut state = self.state();
        match state.users.get(id) {
            Some(user) if user.strong_count() > 0 => true,
            Some(_) => {
                state.users.remove(id);
                false
            }
            None => false,
        }
    }

    fn remove(&self, path: &Path, directory: bool) -> io::Result<()> {
        if !directory {
            return fs::remove_file(path);
        }
        for _ in 0..ATTEMPTS {
            match self.empty(path) {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    open_up(path)?;
                    self.empty(path)?;
                }
                other => other?,
            }
            match fs::remove_dir(path) {
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
                other => return other,
            }
            if self.stops() {
                return Ok(());
            }
        }
        Err(io::ErrorKind::DirectoryNotEmpty.into())
    }

    fn empty(&self, directory: &Path) -> io::Result<()> {
        let stem = directory.file_name().unwrap_or_default().to_string_lossy();
        let id = stem.split('.').next().unwrap_or_default().to_owned();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if self.stops() {
                return Ok(());
            }
            let path = entry.path();
            if !entry.file_type()?.is_dir() {
                fs::remove_file(&path)?;
                continue;
            }
            let to = format!("{id}.{:016x}", rand::random::<u64>());
            let to = self.removed.join(to);
            match fs::rename(&path, &to) {
                // A directory that can't be written can't be moved, as its `..` changes.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    open_up(&path)?;
                    fs::rename(&path, &to)?;
                }
                other => other?,
            }
        }
        debug!(path = %directory.display(), "empty");
        Ok(())
    }

    fn stops(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets this process do with a directory of its own what it likes.
fn open_up(directory: &Path) -> io::Result<()> {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_dir::DataDir;
    use std::os::unix::fs::symlink;

    const ID: &str = "fs-0123456789abcdef0";

    fn data() -> (DataDir, Store) {
        let data = DataDir::temporary().unwrap();
        let store = Store::open(&data.layout().state()).unwrap();
        store.start(None, None).unwrap();
        store.add_file_systems(&[ID], "").unwrap();
        (data, store)
    }

    fn until(what: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        while !what() {
            assert!(Instant::now() < end);
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn is_empty(directory: &Path) -> bool {
        fs::read_dir(directory).unwrap().next().is_none()
    }

    #[test]
    fn deep_trees_and_links_go_and_what_links_point_to_stays() {
        let (data, store) = data();
        let layout = data.layout();
        let tree = layout.tree(ID).unwrap();
        let outside = data.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("kept"), "").unwrap();
        // Deeper than a path can be.
        let mut deep = tree.clone();
        fs::create_dir(&deep).unwrap();
        let name = "d".repeat(200);
        for _ in 0..15 {
            deep.push(&name);
            fs::create_dir(&deep).unwrap();
        }
        let inner = tree.join("inner");
        fs::rename(tree.join(&name), &inner).unwrap();
        let mut deeper = tree.clone();
        for _ in 0..15 {
            deeper.push(&name);
            fs::create_dir(&deeper).unwrap();
        }
        fs::rename(&inner, deeper.join(&name)).unwrap();
        symlink(&outside, tree.join("link")).unwrap();
        fs::write(deeper.join("file"), "x").unwrap();
        fs::create_dir_all(layout.records(ID)).unwrap();

        store.remove_file_system(ID).unwrap();
        set_aside(layout, &store, ID).unwrap();
        set_aside(layout, &store, ID).unwrap();
        assert!(!tree.exists() && !layout.records(ID).exists());
        let remover = Remover::start(layout, &store);
        until(|| is_empty(&layout.removed()));
        assert!(outside.join("kept").exists());
        remover.stop();
    }

    #[test]
    fn a_start_finishes_what_was_begun() {
        let (data, store) = data();
        let layout = data.layout();
        let tree = layout.tree(ID).unwrap();
        fs::create_dir(&tree).unwrap();
        fs::write(tree.join("file"), "x").unwrap();
        store.remove_file_system(ID).unwrap();
        // Killed here: the database has forgotten it, the tree is where it was.
        let _remover = Remover::start(layout, &store);
        assert!(!tree.exists() && store.removed().unwrap().is_empty());
        until(|| is_empty(&layout.removed()));
    }

    #[test]
    fn nothing_goes_while_it_is_used() {
        let (data, store) = data();
        let layout = data.layout();
        let tree = layout.tree(ID).unwrap();
        let options = localefs_vfs::Options {
            fsid: 1,
            key: [0; 16],
            cached_nodes: 10,
            descriptors: 10,
            durability: localefs_vfs::Durability::Ordinary,
            ownership: localefs_vfs::Ownership::Native,
            finding: localefs_vfs::Finding::Auto,
            records: None,
        };
        let user = Arc::new(FileSystem::create(&tree, options).expect("to be run as root"));
        fs::write(tree.join("file"), "x").unwrap();
        let remover = Remover::start(layout, &store);
        store.remove_file_system(ID).unwrap();
        remover.wait_for(ID, Arc::downgrade(&user));
        set_aside(layout, &store, ID).unwrap();
        remover.remove_all();
        thread::sleep(3 * USERS);
        assert!(!is_empty(&layout.removed()));
        drop(user);
        until(|| is_empty(&layout.removed()));
    }
}
