//! The file system: attributes and access, and what every change has in common.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::MutexGuard;

use crate::access::{Permissions, check};
use crate::accessed::AccessTimes;
use crate::attributes::{Attributes, FileType};
use crate::births::Births;
use crate::change::Opened;
use crate::descriptors::Descriptor;
use crate::draft::Newborn;
use crate::error::Error;
use crate::handle::HandleCodec;
use crate::identify::Identify;
use crate::identity::Identity;
use crate::io::Waiting;
use crate::meter::Meter;
use crate::names::Names;
use crate::node::Node;
use crate::node_cache::NodeCache;
use crate::options::{Durability, Options, Usage};
use crate::recent::Recent;
use crate::removals::Removals;
use crate::shadow::Shadow;
use crate::syncs::Syncs;
use crate::sys;

/// A directory of this machine, served as a file system.
pub struct FileSystem {
    pub(crate) root: Arc<Node>,
    /// The root opened for reading, which names the mount to `open_by_handle_at`.
    pub(crate) mount: OwnedFd,
    pub(crate) descriptors: OwnedFd,
    pub(crate) device: (u32, u32),
    pub(crate) codec: HandleCodec,
    pub(crate) cache: NodeCache,
    pub(crate) identify: Identify,
    pub(crate) births: Arc<Births>,
    /// Owners and modes, if the disk doesn't have them.
    pub(crate) shadow: Option<Shadow>,
    pub(crate) accessed: AccessTimes,
    pub(crate) meter: Meter,
    /// Where objects are, if the kernel doesn't find them by handle.
    pub(crate) names: Option<Arc<Names>>,
    /// What this process makes, as the disk has it at first.
    pub(crate) newborn: Newborn,
    pub(crate) recent: Recent,
    pub(crate) removals: Removals,
    pub(crate) syncs: Syncs,
    pub(crate) options: Options,
    pub(crate) opened: Opened,
    pub(crate) verifier: AtomicU64,
    /// Whether the disk is memory (tmpfs), so that reading never waits for it.
    pub(crate) in_memory: bool,
    /// Whether the disk is known to have no files without a name.
    pub(crate) only_named: AtomicBool,
}

impl FileSystem {
    /// The root directory.
    #[must_use]
    pub fn root(&self) -> Arc<Node> {
        Arc::clone(&self.root)
    }

    /// The id given in [`Options`].
    #[must_use]
    pub fn fsid(&self) -> u64 {
        self.options.fsid
    }

    /// Changes how many objects stay in memory that nobody uses ([`Options::cached_nodes`]), as
    /// other file systems come and go.
    pub fn set_cached_nodes(&self, cached_nodes: usize) {
        self.cache.set_capacity(cached_nodes);
    }

    /// The write verifier (RFC 8881 §18.32.3): unique to this start, and another one after an
    /// error that may have lost written data.
    #[must_use]
    pub fn write_verifier(&self) -> [u8; 8] {
        self.verifier.load(Ordering::SeqCst).to_be_bytes()
    }

    /// Space and objects of the disk.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk doesn't say.
    pub fn usage(&self) -> Result<Usage, Error> {
        let stat = sys::usage(self.mount.as_fd())?;
        Ok(Usage {
            total: stat.f_blocks.saturating_mul(stat.f_frsize),
            free: stat.f_bfree.saturating_mul(stat.f_frsize),
            available: stat.f_bavail.saturating_mul(stat.f_frsize),
            files: stat.f_files,
            files_free: stat.f_ffree,
        })
    }

    /// How often changes wait for the disk.
    #[must_use]
    pub fn waiting(&self) -> Waiting {
        if self.is_strict() {
            Waiting::Always
        } else if self.in_memory && !self.keeps_records() {
            Waiting::Never
        } else {
            Waiting::Seldom
        }
    }

    /// The attributes of an object.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk fails; [`Error::Stale`] if the host has taken the object away, and
    /// it had no descriptor at that time.
    pub fn attributes(&self, node: &Node) -> Result<Attributes, Error> {
        self.attributes_through(node, &*self.reach(node)?)
    }

    /// The same through a descriptor of it.
    pub(crate) fn attributes_through(
        &self,
        node: &Node,
        held: &Descriptor,
    ) -> Result<Attributes, Error> {
        let epoch = node.change.epoch();
        let stat = sys::stat(held.as_fd())?;
        self.observed(node, epoch, &stat)
    }

    /// Whether an object has no name left, so that whoever uses it last frees all its blocks.
    #[must_use]
    pub fn is_nameless(&self, node: &Node) -> bool {
        // What has no descriptor can be opened again, and so has a name; or is gone already.
        node.held().is_some_and(|held| held.is_nameless())
    }

    pub(crate) fn is_root_node(&self, node: &Node) -> bool {
        node.key == self.root.key
    }

    pub(crate) fn descriptors(&self) -> BorrowedFd<'_> {
        self.descriptors.as_fd()
    }

    /// To be called after every modification of an object, before anybody is told of it.
    pub(crate) fn modified(&self, node: &Node) {
        node.change.bump();
        self.meter.touch();
        self.drop_access_time(node);
        self.recent.note(node, now());
    }

    /// To be called after a name of an object was taken away. One without any is let go, so that
    /// the disk gets its space back as soon as nobody has it open.
    /// `held` is a descriptor of it.
    pub(crate) fn name_removed(&self, node: &Arc<Node>, held: &Arc<Descriptor>) {
        if held.is_nameless() || node.file_type == FileType::Directory {
            if node.set_gone() {
                self.cache.descriptors().count_nameless();
            }
            if node.is_open() {
                self.keep_nameless(node, held);
            }
            node.change.bump();
            self.meter.touch();
            self.cache.release(node);
            self.recent.release(node);
        } else {
            self.modified(node);
        }
    }

    /// Locks a directory in order to change its entries, if `who` may search it.
    pub(crate) fn enter_directory<'a>(
        &self,
        who: &Identity,
        directory: &'a Node,
    ) -> Result<(MutexGuard<'a, ()>, Attributes), Error> {
        must_be_directory(directory)?;
        self.must_be_inside(directory)?;
        let guard = directory.lock();
        let attributes = self.attributes(directory)?;
        check(who, &attributes, Permissions::EXECUTE).ok()?;
        Ok((guard, attributes))
    }

    /// To be called after the entries of a locked directory were changed: makes that durable where
    /// asked for, and says its change attribute.
    pub(crate) fn entries_changed(&self, directory: &Node) -> Result<u64, Error> {
        self.modified(directory);
        if self.options.durability == Durability::Strict {
            let descriptor = sys::open_directory(self.reach(directory)?.as_fd())?;
            self.durable(sys::sync(descriptor.as_fd()))?;
            self.records_durable()?;
        }
        Ok(self.attributes(directory)?.change)
    }

    pub(crate) fn is_strict(&self) -> bool {
        self.options.durability == Durability::Strict
    }

    /// Takes the result of a sync. After an error nobody knows what was lost: whoever wrote must
    /// hear of it, through the verifier.
    pub(crate) fn durable(&self, result: rustix::io::Result<()>) -> Result<(), Error> {
        result.map_err(|errno| {
            self.verifier.store(random(), Ordering::SeqCst);
            tracing::warn!(%errno, "the disk failed to keep written data");
            errno.into()
        })
    }
}

impl Drop for FileSystem {
    fn drop(&mut self) {
        self.meter.close();
        if let Some(names) = &self.names {
            names.close();
        }
    }
}

impl std::fmt::Debug for FileSystem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("FileSystem")
            .field("fsid", &self.fsid())
            .finish_non_exhaustive()
    }
}

/// # Errors
/// [`Error::Symlink`] for a symbolic link, [`Error::NotDir`] for anything else that is none.
pub(crate) fn must_be_directory(node: &Node) -> Result<(), Error> {
    match node.file_type {
        FileType::Directory => Ok(()),
        FileType::Symlink => Err(Error::Symlink),
        _ => Err(Error::NotDir),
    }
}

/// Nanoseconds since 1970, by the clock that stamps the disk's ctime.
pub(crate) fn now() -> u64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

pub(crate) fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one((now(), std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::SetAttributes;
    use crate::create_file::Create;
    use crate::file::OpenMode;
    use crate::fixture;
    use crate::io::Stability;

    /// Where the kernel's timestamps are fine, ctime alone would hide that something isn't counted.
    #[test]
    fn every_modification_is_counted_whatever_the_clock() {
        let (fs, _scratch) = fixture::file_system(fixture::options());
        let (who, set) = (Identity::root(), SetAttributes::default());
        let top = fs.root();
        let dir = fs.make_directory(&who, &top, b"dir", &set).unwrap().node;
        let create = Create::Guarded(&set);
        let made = fs
            .create_file(&who, &top, b"a", create, OpenMode::BOTH)
            .unwrap();
        let file = &made.node;
        let mode = SetAttributes {
            mode: Some(0o600),
            ..set.clone()
        };
        type Step<'a> = (&'a str, Vec<&'a Node>, Box<dyn Fn() + 'a>);
        let steps: Vec<Step<'_>> = vec![
            (
                "write",
                vec![file],
                Box::new(|| {
                    fs.write(&who, &made.file, 0, b"x", Stability::Unstable)
                        .unwrap();
                }),
            ),
            (
                "set_attributes",
                vec![file],
                Box::new(|| {
                    fs.set_attributes(&who, file, None, &mode).unwrap();
                }),
            ),
            (
                "create_file",
                vec![&dir],
                Box::new(|| {
                    fs.create_file(&who, &dir, b"b", create, OpenMode::READ)
                        .unwrap();
                }),
            ),
            (
                "make_directory",
                vec![&dir],
                Box::new(|| {
                    fs.make_directory(&who, &dir, b"d", &set).unwrap();
                }),
            ),
            (
                "make_symlink",
                vec![&dir],
                Box::new(|| {
                    fs.make_symlink(&who, &dir, b"s", b"t", &set).unwrap();
                }),
            ),
            (
                "link",
                vec![file, &dir],
                Box::new(|| {
                    fs.link(&who, file, &dir, b"l").unwrap();
                }),
            ),
            (
                "rename",
                vec![file, &dir, &top],
                Box::new(|| {
                    fs.rename(&who, &dir, b"l", &top, b"l").unwrap();
                }),
            ),
            (
                "replace",
                vec![file, &dir, &top],
                Box::new(|| {
                    fs.rename(&who, &dir, b"b", &top, b"l").unwrap();
                }),
            ),
            (
                "remove",
                vec![file, &top],
                Box::new(|| {
                    fs.remove(&who, &top, b"a").unwrap();
                }),
            ),
        ];
        for (step, nodes, act) in steps {
            let epochs = || {
                nodes
                    .iter()
                    .map(|node| node.change.epoch())
                    .collect::<Vec<_>>()
            };
            let before = epochs();
            act();
            let counted = before
                .iter()
                .zip(epochs())
                .all(|(before, after)| *before != after);
            assert!(counted, "{step}");
        }
    }

    #[test]
    fn what_was_just_modified_stays_in_memory() {
        let options = Options {
            cached_nodes: 1,
            descriptors: 4,
            ..fixture::options()
        };
        let (fs, _scratch) = fixture::file_system(options);
        let (who, set) = (Identity::root(), SetAttributes::default());
        let node = fs
            .make_directory(&who, &fs.root(), b"a", &set)
            .unwrap()
            .node;
        let fileid = node.fileid();
        let other = fs
            .make_directory(&who, &fs.root(), b"b", &set)
            .unwrap()
            .node;
        let start = now();
        fs.recent.note(&node, start);
        fs.cache.release(&node);
        drop(node);
        let is_there = || fs.cache.index().get(fileid).is_some();
        let later = |milliseconds: u64| {
            fs.recent.release(&other);
            fs.recent.note(&other, start + milliseconds * 1_000_000);
        };
        later(49);
        assert!(is_there());
        later(51);
        assert!(!is_there());
    }
}
