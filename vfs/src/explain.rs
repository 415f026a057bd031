//! What decides whether somebody may do something to a path. Nothing is done, and the judges are
//! those of the operations themselves.

use crate::access::{Permissions, check, check_open, may_delete};
use crate::attributes::{Attributes, FileType, SetAttributes};
use crate::error::Error;
use crate::file_system::FileSystem;
use crate::identity::Identity;
use crate::name::check_name;
use crate::ownership::change_owner_and_mode;
use std::os::fd::AsFd;

/// What somebody wants to do to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wish {
    /// Open a file for reading, or list a directory.
    Read,
    /// Open a file for writing, or change the entries of a directory.
    Write,
    /// Run a file, or search a directory.
    Execute,
    /// Make a file that is not there.
    Create,
    /// Take the name away.
    Delete,
    /// Set the mode.
    Chmod,
    /// Give the object to another user.
    Chown,
    /// Give the object to another group.
    Chgrp(u32),
}

/// What an object on the way to a path, or at its end, says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// How many names of the path lead to the object.
    pub depth: usize,
    /// What it is.
    pub attributes: Attributes,
    /// What was wanted of it, in the letters of a mode: `x`, `r`, `w`; empty for what only its
    /// owner may do.
    pub wanted: &'static str,
    /// Why not.
    pub refused: Option<Error>,
}

impl FileSystem {
    /// Goes a path, one name after the other, as far as `who` gets. The last of those judged
    /// decides.
    ///
    /// # Errors
    /// [`Error::NoEnt`], [`Error::NotDir`], [`Error::Symlink`] on the way, which it is the client's
    /// to follow; [`Error::Exist`] for what is to be made; those of names and of the disk.
    pub fn explain(
        &self,
        who: &Identity,
        path: &[&[u8]],
        wish: Wish,
    ) -> (Vec<Judged>, Result<(), Error>) {
        let mut judged = Vec::new();
        let result = self.judge_path(who, path, wish, &mut judged);
        (judged, result)
    }

    fn judge_path(
        &self,
        who: &Identity,
        path: &[&[u8]],
        wish: Wish,
        judged: &mut Vec<Judged>,
    ) -> Result<(), Error> {
        let mut node = self.root();
        let mut parent: Option<Attributes> = None;
        for (depth, name) in path.iter().enumerate() {
            let attributes = self.attributes(&node)?;
            match attributes.file_type {
                FileType::Directory => {}
                FileType::Symlink => return Err(Error::Symlink),
                _ => return Err(Error::NotDir),
            }
            let verdict = check(who, &attributes, Permissions::EXECUTE).ok();
            say(judged, depth, &attributes, "x", verdict)?;
            check_name(name)?;
            let at = self.reach(&node)?;
            let child = self.child_at(&node, at.as_fd(), name);
            if wish == Wish::Create && depth + 1 == path.len() {
                return match child {
                    Ok(_) => Err(Error::Exist),
                    Err(Error::NoEnt) => {
                        let verdict = check(who, &attributes, Permissions::WRITE).ok();
                        say(judged, depth, &attributes, "w", verdict)
                    }
                    Err(error) => Err(error),
                };
            }
            (node, _) = child?;
            parent = Some(attributes);
        }
        let attributes = self.attributes(&node)?;
        let set = |set: SetAttributes| change_owner_and_mode(who, &attributes, &set).map(drop);
        let is_file = attributes.file_type == FileType::Regular;
        let opened = |wanted| {
            if is_file {
                check_open(who, &attributes, wanted).ok()
            } else {
                check(who, &attributes, wanted).ok()
            }
        };
        let (wanted, verdict) = match wish {
            Wish::Read => ("r", opened(Permissions::READ)),
            Wish::Write => ("w", opened(Permissions::WRITE)),
            Wish::Execute => ("x", check(who, &attributes, Permissions::EXECUTE).ok()),
            Wish::Create => return Err(Error::Exist),
            Wish::Delete => {
                let parent = parent.ok_or(Error::Inval)?;
                let verdict = may_delete(who, &parent, &attributes).ok();
                return say(judged, path.len().saturating_sub(1), &parent, "w", verdict);
            }
            Wish::Chmod => {
                let mode = Some(attributes.mode);
                let to = SetAttributes {
                    mode,
                    ..SetAttributes::default()
                };
                ("", set(to))
            }
            Wish::Chown => {
                let uid = Some(u32::from(attributes.uid == 0));
                let to = SetAttributes {
                    uid,
                    ..SetAttributes::default()
                };
                ("", set(to))
            }
            Wish::Chgrp(gid) => {
                let gid = Some(gid);
                let to = SetAttributes {
                    gid,
                    ..SetAttributes::default()
                };
                ("", set(to))
            }
        };
        say(judged, path.len(), &attributes, wanted, verdict)
    }
}

fn say(
    judged: &mut Vec<Judged>,
    depth: usize,
    attributes: &Attributes,
    wanted: &'static str,
    verdict: Result<(), Error>,
) -> Result<(), Error> {
    judged.push(Judged {
        depth,
        attributes: attributes.clone(),
        wanted,
        refused: verdict.err(),
    });
    verdict
}
