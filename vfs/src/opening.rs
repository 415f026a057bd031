//! Opening a file system: what the disk and this process can do decides how it is served.

use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::accessed::AccessTimes;
use crate::attributes::SetAttributes;
use crate::births::Births;
use crate::change::Opened;
use crate::error::OpenError;
use crate::file_system::{FileSystem, now, random};
use crate::handle::HandleCodec;
use crate::identify::Identify;
use crate::identity::Identity;
use crate::meter::Meter;
use crate::names::{Names, boot_id};
use crate::node_cache::{NodeCache, Records};
use crate::objects::new_node;
use crate::options::{Finding, Options, Ownership, Possible};
use crate::owners::Owners;
use crate::probe::{give_away, opens_handles};
use crate::recent::Recent;
use crate::removals::Removals;
use crate::shadow::Shadow;
use crate::stat::file_type;
use crate::syncs::Syncs;
use crate::{sys, walk};

impl FileSystem {
    /// Serves an existing directory. Mounts below it are not entered.
    ///
    /// # Errors
    /// [`OpenError`] says what is missing.
    pub fn open(root: &Path, options: Options) -> Result<Self, OpenError> {
        Self::start(root, options, None)
    }

    /// Makes a new directory, owned by root and of mode 0755 as the root of a new EFS file system
    /// is, and serves it.
    ///
    /// # Errors
    /// As [`FileSystem::open`]; also if the directory exists and has something in it. An empty one
    /// may be what is left of a start that was cut short.
    pub fn create(root: &Path, options: Options) -> Result<Self, OpenError> {
        Self::create_beside(root, options, None)
    }

    /// [`FileSystem::create`] of a directory whose parent is that of another one, of which it is
    /// known what the disk and this process can do: that isn't tried again.
    ///
    /// # Errors
    /// As [`FileSystem::create`].
    pub fn create_beside(
        root: &Path,
        options: Options,
        known: Option<Possible>,
    ) -> Result<Self, OpenError> {
        let inaccessible = |error| OpenError::Inaccessible {
            path: root.to_owned(),
            error,
        };
        match std::fs::create_dir(root) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && is_empty(root) => {}
            made => made.map_err(inaccessible)?,
        }
        let file_system = Self::start(root, options, Some(known.unwrap_or_default()))?;
        let set = SetAttributes {
            uid: Some(0),
            gid: Some(0),
            mode: Some(0o755),
            ..SetAttributes::default()
        };
        file_system
            .set_attributes(&Identity::root(), &file_system.root, None, &set)
            .map_err(|error| inaccessible(error.into()))?;
        file_system.meter.is_new();
        let metered = sys::open_directory(file_system.mount.as_fd());
        let metered = metered.map_err(|errno| inaccessible(errno.into()))?;
        file_system.meter.start(metered);
        Ok(file_system)
    }

    /// What the disk and this process were found to be able to do.
    #[must_use]
    pub fn possible(&self) -> Possible {
        Possible {
            owners: self.shadow.is_none(),
            handles: self.names.is_none(),
        }
    }

    /// `new`: it is empty, and so much need not be tried.
    fn start(path: &Path, options: Options, new: Option<Possible>) -> Result<Self, OpenError> {
        let (empty, known) = (new.is_some(), new.unwrap_or_default());
        let inaccessible = |path: &Path| {
            let path = path.to_owned();
            |errno: Errno| OpenError::Inaccessible {
                path,
                error: errno.into(),
            }
        };
        let mount = sys::open_root(path).map_err(inaccessible(path))?;
        let descriptors =
            sys::open_descriptors().map_err(inaccessible(Path::new("/proc/self/fd")))?;
        let identify =
            Identify::of_disk(mount.as_fd()).map_err(|errno| OpenError::HandlesUnsupported {
                path: path.to_owned(),
                error: errno.into(),
            })?;
        let object = sys::reopen(descriptors.as_fd(), mount.as_fd(), OFlags::PATH)
            .map_err(inaccessible(path))?;
        let stat = sys::stat(object.as_fd()).map_err(inaccessible(path))?;
        let (kernel, mark) = identify
            .mark(object.as_fd(), &stat)
            .map_err(inaccessible(path))?;
        let device = (stat.stx_dev_major, stat.stx_dev_minor);

        let records = options.records.as_deref();
        if let Some(records) = records {
            make_private(records)?;
        }
        let shadow = match options.ownership {
            Ownership::Native if known.owners => None,
            Ownership::Native => {
                match give_away(mount.as_fd(), descriptors.as_fd()) {
                    // A full disk doesn't tell; whoever chose this has found out before.
                    Err(Errno::NOSPC | Errno::DQUOT) if !empty => {}
                    tried => tried.map_err(|errno| OpenError::NativeImpossible {
                        path: path.to_owned(),
                        error: errno.into(),
                    })?,
                }
                None
            }
            Ownership::Shadow { outside, recorded } => {
                let records = records.ok_or(OpenError::NoRecords)?;
                let tree = sys::open_root(path).map_err(inaccessible(path))?;
                let owners = Owners::open(records, mark, recorded)?
                    .settled_by(Box::new(move || Ok(sys::sync_disk(tree.as_fd())?)));
                let undecided = owners.undecided();
                if !undecided.is_empty() {
                    let found = walk::objects_of(mount.as_fd(), identify, &undecided);
                    owners.decide(&found.map_err(inaccessible(path))?);
                }
                Some(Shadow::open(records, owners, outside, device)?)
            }
        };
        let by_kernel = options.finding == Finding::Auto
            && identify == Identify::Handle
            && (known.handles || opens_handles(mount.as_fd(), records));
        let names = match records {
            Some(records) if by_kernel => {
                Names::discard(records).map_err(|error| OpenError::Inaccessible {
                    path: records.to_owned(),
                    error,
                })?;
                None
            }
            _ if by_kernel => None,
            Some(records) => {
                let root = sys::open_directory(mount.as_fd()).map_err(inaccessible(path))?;
                Some(Arc::new(Names::open(records, mark, root, empty)?))
            }
            None => {
                return Err(OpenError::HandlesForbidden {
                    path: path.to_owned(),
                });
            }
        };

        let access_times = AccessTimes::open(records)?;
        let codec = HandleCodec::new(options.fsid, &options.key);
        let kept = Records {
            owners: shadow.as_ref().map(|shadow| Arc::clone(&shadow.owners)),
            names: names.clone(),
        };
        let cache = NodeCache::new(
            options.fsid,
            options.cached_nodes,
            options.descriptors,
            kept,
        );
        let held = cache.descriptors().own(object);
        let what = (stat.stx_ino, file_type(&stat));
        let root = new_node(&codec, &cache, &kernel, what);
        root.keep_path(Arc::clone(&held));
        let root = cache.enter(root, Arc::clone(&held));
        let in_memory = sys::is_in_memory(mount.as_fd()).map_err(inaccessible(path))?;
        let file_system = Self {
            root,
            mount,
            in_memory,
            descriptors,
            device,
            codec,
            cache,
            identify,
            births: Births::of_device(device),
            accessed: access_times,
            meter: Meter::new(records, empty),
            shadow,
            names,
            newborn: sys::newborn(),
            recent: Recent::default(),
            removals: Removals::default(),
            syncs: Syncs::default(),
            options,
            opened: Opened::new(now(), &boot_id()),
            verifier: AtomicU64::new(random()),
            only_named: AtomicBool::new(false),
        };
        let root = &file_system.root;
        file_system
            .make_workable(held.as_fd(), root.mark(), &stat)
            .map_err(|error| OpenError::Inaccessible {
                path: path.to_owned(),
                error: error.into(),
            })?;
        if file_system.shadow.is_none() {
            // Where it fails the first object that is made tells.
            let _ = file_system.learn_newborn();
        }
        file_system.begin_index();
        if !empty {
            let metered = sys::open_directory(file_system.mount.as_fd());
            let metered = metered.map_err(inaccessible(path))?;
            file_system.meter.start(metered);
        }
        if let Some(records) = &file_system.options.records {
            file_system.finish_intents(records)?;
        }
        Ok(file_system)
    }
}

/// Whether a directory can be read, and nothing is in it.
pub fn is_empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none())
}

/// Makes a directory that nobody else may enter, if there is none.
fn make_private(path: &Path) -> Result<(), OpenError> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| OpenError::Inaccessible {
            path: path.to_owned(),
            error,
        })
}
