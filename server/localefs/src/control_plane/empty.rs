//! A file system as it was when it was made.

use std::ops::ControlFlow;
use std::sync::Arc;

use localefs_vfs::{Error, FileSystem, Identity, Node, SetAttributes};

/// Names that are read from a directory at once.
const BATCH: usize = 1024;

/// Removes everything but the root directory, which gets its first owner and mode back. What is
/// open keeps its contents until it is closed.
///
/// # Errors
/// Those of the disk; some of it may be gone then.
pub(super) fn empty(file_system: &FileSystem) -> Result<(), Error> {
    let root = Identity::root();
    let mut path = vec![file_system.root()];
    while let Some(directory) = path.last().map(Arc::clone) {
        match clear(file_system, &root, &directory)? {
            Cleared::Deeper(child) => path.push(child),
            Cleared::Empty if path.len() == 1 => break,
            Cleared::Empty => {
                path.pop();
            }
            Cleared::Some => {}
        }
    }
    let first = SetAttributes {
        mode: Some(0o755),
        uid: Some(0),
        gid: Some(0),
        ..SetAttributes::default()
    };
    file_system.set_attributes(&root, &file_system.root(), None, &first)
}

enum Cleared {
    /// Nothing is left.
    Empty,
    /// Something was removed, and there may be more.
    Some,
    /// This directory in it has to be cleared first.
    Deeper(Arc<Node>),
}

fn clear(file_system: &FileSystem, root: &Identity, directory: &Node) -> Result<Cleared, Error> {
    let mut names: Vec<Vec<u8>> = Vec::new();
    file_system.read_directory(root, directory, 0, &mut |entry| {
        names.push(entry.name.to_vec());
        if names.len() < BATCH {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    if names.is_empty() {
        return Ok(Cleared::Empty);
    }
    for name in names {
        match file_system.remove(root, directory, &name) {
            Ok(_) | Err(Error::NoEnt) => {}
            Err(Error::NotEmpty) => {
                let child = file_system.lookup(root, directory, &name)?;
                return Ok(Cleared::Deeper(child));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Cleared::Some)
}
