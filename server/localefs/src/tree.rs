//! An existing directory to be served.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::StatVfsMountFlags;
use thiserror::Error;

/// Why a directory is not served.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TreeError {
    /// It cannot be looked at.
    #[error("cannot serve {}: {error}", path.display())]
    Unusable {
        /// The path.
        path: PathBuf,
        /// What the system answered.
        error: io::Error,
    },
    /// It is something else than a directory.
    #[error("cannot serve {}: it is not a directory", path.display())]
    NotADirectory {
        /// The path.
        path: PathBuf,
    },
    /// The tree and the data directory lie in one another.
    #[error(
        "{} and the data directory {} lie in one another: clients could reach the server's own \
         state; choose a data directory elsewhere with --data",
        path.display(), data.display()
    )]
    Entangled {
        /// The tree.
        path: PathBuf,
        /// The data directory.
        data: PathBuf,
    },
    /// Local users could run what clients leave there.
    #[error(
        "other users of this machine can enter {}: anyone who can connect is root there, and \
         could leave a set-uid program for them to run. Make it, or a directory above it, root's \
         own (chown root and chmod 700), serve it from a mount with the option nosuid, or accept \
         this with --trust-local-users",
        path.display()
    )]
    Exposed {
        /// The tree.
        path: PathBuf,
    },
}

/// Checks that `tree` can be served from a server with its data at `data`, and gives its absolute
/// path. What is above a tree may change later, which is not noticed.
pub(crate) fn check(tree: &Path, data: &Path, trusting: bool) -> Result<PathBuf, TreeError> {
    let unusable = |error| TreeError::Unusable {
        path: tree.to_owned(),
        error,
    };
    let path = tree.canonicalize().map_err(unusable)?;
    if !path.metadata().map_err(unusable)?.is_dir() {
        return Err(TreeError::NotADirectory { path });
    }
    if data.starts_with(&path) || path.starts_with(data) {
        return Err(TreeError::Entangled {
            path,
            data: data.to_owned(),
        });
    }
    if !trusting && !on_nosuid_mount(&path).map_err(unusable)? {
        let mut closed = false;
        for directory in path.ancestors() {
            let metadata = directory.metadata().map_err(unusable)?;
            closed |= keeps_others_out(metadata.mode(), metadata.uid());
        }
        if !closed {
            return Err(TreeError::Exposed { path });
        }
    }
    Ok(path)
}

/// Whether a directory lets in nobody but root. Its owner can always change its mode; and an
/// access control list shows in the bits of the group.
fn keeps_others_out(mode: u32, owner: u32) -> bool {
    owner == 0 && mode & 0o011 == 0
}

fn on_nosuid_mount(path: &Path) -> io::Result<bool> {
    Ok(rustix::fs::statvfs(path)?
        .f_flag
        .contains(StatVfsMountFlags::NOSUID))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn who_is_kept_out() {
        assert!(keeps_others_out(0o40700, 0));
        assert!(keeps_others_out(0o40766, 0));
        assert!(!keeps_others_out(0o40701, 0));
        assert!(!keeps_others_out(0o40710, 0));
        assert!(!keeps_others_out(0o40700, 1000));
        assert!(!keeps_others_out(0o41777, 0));
    }

    fn scratch(mode: u32) -> tempfile::TempDir {
        let scratch = tempfile::tempdir().unwrap();
        fs::set_permissions(scratch.path(), Permissions::from_mode(mode)).unwrap();
        for name in ["tree", "tree/inner", "data", "tree/inner/data"] {
            fs::create_dir(scratch.path().join(name)).unwrap();
        }
        scratch
    }

    #[test]
    fn one_closed_directory_above_is_enough() {
        let scratch = scratch(0o700);
        let data = scratch.path().join("data");
        let tree = scratch.path().join("tree/inner/../inner");
        let found = check(&tree, &data, false).unwrap();
        assert_eq!(
            found,
            scratch.path().canonicalize().unwrap().join("tree/inner")
        );
    }

    #[test]
    fn an_open_tree_needs_trust() {
        let scratch = scratch(0o755);
        let tree = scratch.path().join("tree");
        if on_nosuid_mount(&tree).unwrap() {
            return;
        }
        let data = scratch.path().join("data");
        assert!(matches!(
            check(&tree, &data, false),
            Err(TreeError::Exposed { .. })
        ));
        check(&tree, &data, true).unwrap();
        fs::set_permissions(&tree, Permissions::from_mode(0o700)).unwrap();
        check(&tree.join("inner"), &data, false).unwrap();
    }

    #[test]
    fn a_tree_and_its_data_are_apart() {
        let scratch = scratch(0o700);
        let path = scratch.path().canonicalize().unwrap();
        let (tree, inner) = (path.join("tree"), path.join("tree/inner"));
        for (tree, data) in [
            (&tree, &path.join("tree/inner/data")),
            (&inner, &tree),
            (&tree, &tree),
        ] {
            assert!(matches!(
                check(tree, data, false),
                Err(TreeError::Entangled { .. })
            ));
        }
        check(&tree, &path.join("data"), false).unwrap();
    }

    #[test]
    fn only_directories_are_served() {
        let scratch = scratch(0o700);
        let data = scratch.path().join("data");
        let file = scratch.path().join("file");
        assert!(matches!(
            check(&file, &data, false),
            Err(TreeError::Unusable { .. })
        ));
        fs::write(&file, "").unwrap();
        assert!(matches!(
            check(&file, &data, false),
            Err(TreeError::NotADirectory { .. })
        ));
    }
}
