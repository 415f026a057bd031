//! Directories that are to be there before anybody has mounted.

use localefs_vfs::{Error, FileSystem, Identity, SetAttributes};

/// Owner and mode of directories that nobody said anything of: root's.
const ABOVE: SetAttributes = SetAttributes {
    mode: Some(0o755),
    uid: Some(0),
    gid: Some(0),
    size: None,
    accessed: None,
    modified: None,
};

/// Makes a directory of this path, owner and mode, or gives them to the one that is there. May
/// block.
///
/// # Errors
/// Those of the file system; [`Error::NotDir`] also where a part of the path is a symbolic link,
/// [`Error::Inval`] if it doesn't begin with a slash.
pub(super) fn make(
    files: &FileSystem,
    path: &str,
    (uid, gid): (u32, u32),
    mode: u32,
) -> Result<(), Error> {
    let root = Identity::root();
    let set = SetAttributes {
        mode: Some(mode),
        uid: Some(uid),
        gid: Some(gid),
        ..SetAttributes::default()
    };
    let path = path.strip_prefix('/').ok_or(Error::Inval)?;
    let mut node = files.root();
    let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
    for (number, name) in names.iter().enumerate() {
        let name = name.as_bytes();
        node = match files.lookup(&root, &node, name) {
            Ok(found) => found,
            Err(Error::NoEnt) => {
                let is_last = number + 1 == names.len();
                let new = if is_last { &set } else { &ABOVE };
                files.make_directory(&root, &node, name, new)?.node
            }
            Err(Error::Symlink) => return Err(Error::NotDir),
            Err(other) => return Err(other),
        };
        if node.file_type() != localefs_vfs::FileType::Directory {
            return Err(Error::NotDir);
        }
    }
    let there = files.attributes(&node)?;
    if (there.uid, there.gid, there.mode) == (uid, gid, mode) {
        return Ok(());
    }
    files.set_attributes(&root, &node, None, &set)
}
