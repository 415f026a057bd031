//! Who owns what is made, and who may change owner, mode and times.
//!
//! Pure functions, after `fs/attr.c` and `fs/inode.c` of Linux (`setattr_prepare`,
//! `setattr_should_drop_sgid`, `inode_init_owner`, `mode_strip_sgid`) and POSIX.

use crate::attributes::{Attributes, FileType, SetAttributes, SetTime};
use crate::error::Error;
use crate::identity::Identity;

pub(crate) const SET_UID: u32 = 0o4000;
pub(crate) const SET_GID: u32 = 0o2000;
const GROUP_EXECUTE: u32 = 0o010;
pub(crate) const MODE_BITS: u32 = 0o7777;

/// Owner and mode of an object about to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Initial {
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
}

fn member(who: &Identity, gid: u32) -> bool {
    who.is_root() || who.in_group(gid)
}

/// The mode once the set-id bits are gone that must not outlive a change of owner or data.
///
/// Set-gid without group-execute once meant mandatory locking, and stays for members of the group.
pub(crate) fn without_set_id(who: &Identity, mode: u32, gid: u32) -> u32 {
    let mut mode = mode & !SET_UID;
    if mode & GROUP_EXECUTE != 0 || !member(who, gid) {
        mode &= !SET_GID;
    }
    mode
}

/// The mode after `who` wrote to or truncated the object; root's writes keep the bits.
pub(crate) fn mode_after_write(who: &Identity, attributes: &Attributes) -> u32 {
    if who.is_root() || attributes.file_type != FileType::Regular {
        attributes.mode
    } else {
        without_set_id(who, attributes.mode, attributes.gid)
    }
}

/// Judges a change of owner, group and mode, and says what the mode will be.
///
/// # Errors
/// [`Error::Perm`] if `who` may not; [`Error::Inval`] for the id that means "no id".
pub(crate) fn change_owner_and_mode(
    who: &Identity,
    attributes: &Attributes,
    set: &SetAttributes,
) -> Result<u32, Error> {
    let owns = who.is_root() || who.uid == attributes.uid;
    check_ids(set)?;
    if let Some(uid) = set.uid
        && !who.is_root()
        && !(owns && uid == attributes.uid)
    {
        return Err(Error::Perm);
    }
    if let Some(gid) = set.gid
        && !(owns && (gid == attributes.gid || member(who, gid)))
    {
        return Err(Error::Perm);
    }
    let mut mode = attributes.mode;
    if let Some(wanted) = set.mode {
        if !owns {
            return Err(Error::Perm);
        }
        mode = wanted & MODE_BITS;
        if !member(who, set.gid.unwrap_or(attributes.gid)) {
            mode &= !SET_GID;
        }
    }
    let chown = set.uid.is_some() || set.gid.is_some();
    if chown && attributes.file_type != FileType::Directory {
        mode = without_set_id(who, mode, attributes.gid);
    }
    Ok(mode)
}

/// Judges the setting of times. `writable` says whether `who` may write to the object.
///
/// # Errors
/// [`Error::Perm`] for a time of the client's choice by anybody but owner and root,
/// [`Error::Access`] for the server's time by somebody who may not even write,
/// [`Error::Inval`] for a second's worth of nanoseconds or more.
pub(crate) fn change_times(
    who: &Identity,
    attributes: &Attributes,
    set: &SetAttributes,
    writable: bool,
) -> Result<(), Error> {
    let times = [set.accessed, set.modified];
    let owns = who.is_root() || who.uid == attributes.uid;
    let chosen = |time: &Option<SetTime>| matches!(time, Some(SetTime::Client(_)));
    for time in times {
        if let Some(SetTime::Client(time)) = time
            && time.nanoseconds >= 1_000_000_000
        {
            return Err(Error::Inval);
        }
    }
    if owns || times == [None, None] {
        Ok(())
    } else if times.iter().any(chosen) {
        Err(Error::Perm)
    } else if writable {
        Ok(())
    } else {
        Err(Error::Access)
    }
}

/// Owner and mode of what `who` makes in `directory`, when it asks for the attributes `set`.
///
/// # Errors
/// [`Error::Perm`] if `set` gives the object away; [`Error::Inval`] for the id that means "no id".
pub(crate) fn initial(
    who: &Identity,
    directory: &Attributes,
    file_type: FileType,
    set: &SetAttributes,
) -> Result<Initial, Error> {
    check_ids(set)?;
    let inherits = directory.mode & SET_GID != 0;
    let inherited = if inherits { directory.gid } else { who.gid };
    let uid = set.uid.unwrap_or(who.uid);
    let gid = set.gid.unwrap_or(inherited);
    let may_give = who.is_root();
    check_id(uid)?;
    check_id(gid)?;
    if (uid != who.uid && !may_give) || (gid != inherited && !member(who, gid)) {
        return Err(Error::Perm);
    }
    let mode = match file_type {
        FileType::Directory => {
            let own = set.mode.unwrap_or(0o700) & 0o1777;
            if inherits { own | SET_GID } else { own }
        }
        FileType::Symlink => 0o777,
        _ => {
            let mode = set.mode.unwrap_or(0o600) & MODE_BITS;
            let runs_as_group = mode & (SET_GID | GROUP_EXECUTE) == SET_GID | GROUP_EXECUTE;
            if runs_as_group && !member(who, gid) {
                mode & !SET_GID
            } else {
                mode
            }
        }
    };
    Ok(Initial { uid, gid, mode })
}

fn check_ids(set: &SetAttributes) -> Result<(), Error> {
    set.uid.map_or(Ok(()), check_id)?;
    set.gid.map_or(Ok(()), check_id)
}

/// chown(2) takes the highest number for "leave as it is": the object would stay the server's.
fn check_id(id: u32) -> Result<(), Error> {
    if id == u32::MAX {
        Err(Error::Inval)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::Timestamp;
    use crate::fixture::object;

    fn set() -> SetAttributes {
        SetAttributes::default()
    }

    /// Owner, member and stranger of an object of user 1, group 10.
    fn owner() -> Identity {
        Identity::new(1, 20, [30])
    }
    fn member() -> Identity {
        Identity::new(2, 10, [])
    }

    #[test]
    fn every_mode_after_every_change_of_owner() {
        for mode in 0..=0o7777 {
            for (who, in_group) in [
                (Identity::root(), true),
                (owner(), false),
                (Identity::new(1, 20, [10]), true),
            ] {
                let file = object(FileType::Regular, mode, 1, 10);
                let gid = if in_group { 10 } else { 20 };
                let change = SetAttributes {
                    gid: Some(gid),
                    ..set()
                };
                let mut expected = mode & 0o3777;
                if mode & 0o2010 == 0o2010 || (mode & 0o2000 != 0 && !in_group) {
                    expected &= 0o1777;
                }
                let after = change_owner_and_mode(&who, &file, &change);
                assert_eq!(after, Ok(expected), "{mode:o} {who:?}");
                let directory = object(FileType::Directory, mode, 1, 10);
                assert_eq!(change_owner_and_mode(&who, &directory, &change), Ok(mode));
            }
        }
    }

    #[test]
    fn every_chmod() {
        let file = object(FileType::Regular, 0, 1, 10);
        for mode in 0..=0o7777 {
            let change = SetAttributes {
                mode: Some(mode),
                ..set()
            };
            let judge = |who: &Identity| change_owner_and_mode(who, &file, &change);
            assert_eq!(judge(&Identity::root()), Ok(mode));
            assert_eq!(judge(&Identity::new(1, 10, [])), Ok(mode));
            assert_eq!(judge(&Identity::new(1, 20, [10])), Ok(mode));
            assert_eq!(
                judge(&owner()),
                Ok(mode & 0o5777),
                "set-gid for a group of others"
            );
            assert_eq!(judge(&member()), Err(Error::Perm));
        }
    }

    #[test]
    fn who_may_chown() {
        let file = object(FileType::Regular, 0o644, 1, 10);
        let judge = |who: &Identity, uid, gid| {
            change_owner_and_mode(who, &file, &SetAttributes { uid, gid, ..set() }).map(|_| ())
        };
        let root = Identity::root();
        assert_eq!(judge(&root, Some(7), Some(8)), Ok(()));
        assert_eq!(judge(&owner(), Some(1), None), Ok(()), "to himself");
        assert_eq!(judge(&owner(), Some(2), None), Err(Error::Perm));
        for own in [10, 20, 30] {
            assert_eq!(judge(&owner(), None, Some(own)), Ok(()), "{own}");
        }
        assert_eq!(judge(&owner(), None, Some(40)), Err(Error::Perm));
        assert_eq!(judge(&owner(), Some(1), Some(30)), Ok(()));
        assert_eq!(judge(&member(), None, Some(10)), Err(Error::Perm));
        assert_eq!(judge(&member(), Some(1), None), Err(Error::Perm));
        assert_eq!(judge(&root, Some(u32::MAX), None), Err(Error::Inval));
        assert_eq!(judge(&root, None, Some(u32::MAX)), Err(Error::Inval));
    }

    #[test]
    fn who_may_set_times() {
        let file = object(FileType::Regular, 0o644, 1, 10);
        let chosen = Some(SetTime::Client(Timestamp {
            seconds: 1,
            nanoseconds: 2,
        }));
        let now = Some(SetTime::Server);
        let judge = |who: &Identity, accessed, modified, writable| {
            change_times(
                who,
                &file,
                &SetAttributes {
                    accessed,
                    modified,
                    ..set()
                },
                writable,
            )
        };
        for who in [Identity::root(), owner()] {
            assert_eq!(judge(&who, chosen, chosen, false), Ok(()));
            assert_eq!(judge(&who, now, now, false), Ok(()));
        }
        for writable in [false, true] {
            assert_eq!(judge(&member(), chosen, None, writable), Err(Error::Perm));
            assert_eq!(judge(&member(), now, chosen, writable), Err(Error::Perm));
            assert_eq!(judge(&member(), None, None, writable), Ok(()));
        }
        assert_eq!(judge(&member(), now, now, true), Ok(()));
        assert_eq!(judge(&member(), now, now, false), Err(Error::Access));
        let never = Some(SetTime::Client(Timestamp {
            seconds: 1,
            nanoseconds: 1_000_000_000,
        }));
        assert_eq!(judge(&owner(), never, None, true), Err(Error::Inval));
    }

    #[test]
    fn every_write_clears_what_linux_clears() {
        for mode in 0..=0o7777 {
            let file = object(FileType::Regular, mode, 1, 10);
            assert_eq!(mode_after_write(&Identity::root(), &file), mode);
            let keeps_lock_bit = if mode & 0o010 == 0 { 0o2000 } else { 0 };
            assert_eq!(
                mode_after_write(&member(), &file),
                mode & (0o1777 | keeps_lock_bit)
            );
            assert_eq!(mode_after_write(&owner(), &file), mode & 0o1777);
        }
    }

    #[test]
    fn new_objects_in_every_directory() {
        for directory_mode in [0o777, 0o2777] {
            let directory = object(FileType::Directory, directory_mode, 5, 10);
            let inherits = directory_mode & 0o2000 != 0;
            for mode in 0..=0o7777 {
                let ask = SetAttributes {
                    mode: Some(mode),
                    ..set()
                };
                for who in [Identity::root(), owner(), member()] {
                    let gid = if inherits { 10 } else { who.gid };
                    let file = initial(&who, &directory, FileType::Regular, &ask);
                    let outsider = inherits && who == owner();
                    let kept = if outsider && mode & 0o2010 == 0o2010 {
                        mode & 0o5777
                    } else {
                        mode
                    };
                    assert_eq!(
                        file,
                        Ok(Initial {
                            uid: who.uid,
                            gid,
                            mode: kept
                        }),
                        "{mode:o}"
                    );
                    let made = initial(&who, &directory, FileType::Directory, &ask);
                    let kept = mode & 0o1777 | if inherits { 0o2000 } else { 0 };
                    assert_eq!(
                        made,
                        Ok(Initial {
                            uid: who.uid,
                            gid,
                            mode: kept
                        }),
                        "{mode:o}"
                    );
                }
            }
        }
    }

    #[test]
    fn only_root_gives_new_objects_away() {
        let directory = object(FileType::Directory, 0o777, 5, 10);
        let judge = |who: &Identity, uid, gid| {
            let ask = SetAttributes { uid, gid, ..set() };
            initial(who, &directory, FileType::Regular, &ask).map(|made| (made.uid, made.gid))
        };
        assert_eq!(judge(&Identity::root(), Some(7), Some(8)), Ok((7, 8)));
        assert_eq!(judge(&owner(), Some(7), None), Err(Error::Perm));
        assert_eq!(judge(&owner(), Some(1), Some(30)), Ok((1, 30)));
        assert_eq!(judge(&owner(), None, Some(10)), Err(Error::Perm));
    }
}
