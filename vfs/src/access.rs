//! Who may do what: the permission bits, as Linux judges them.
//!
//! Pure functions. `fs/namei.c` of Linux (`generic_permission`, `may_delete`) is the reference,
//! POSIX 4.7 "File Access Permissions" the rule behind it.

use crate::attributes::{Attributes, FileType};
use crate::error::Error;
use crate::identity::Identity;

bitflags::bitflags! {
    /// The three permissions. Their values are those of the bits in a mode.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Permissions: u8 {
        /// To read data or list a directory.
        const READ = 4;
        /// To change data or the entries of a directory.
        const WRITE = 2;
        /// To run a file or search a directory.
        const EXECUTE = 1;
    }
}

/// Which of the rules decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// uid 0.
    Root,
    /// The caller owns the object: only the owner's bits count.
    Owner,
    /// The caller is in the object's group: only the group's bits count.
    Group,
    /// Anybody else.
    Other,
}

/// Why something is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The class that the caller falls into lacks these permissions.
    Missing(Permissions),
    /// The directory is sticky, and the caller owns neither it nor the entry.
    Sticky,
}

/// What was decided, and by which rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Which class of the permission bits the caller falls into.
    pub class: Class,
    /// All that this class has.
    pub granted: Permissions,
    /// Why what was wanted is refused; `None` if it is allowed.
    pub denial: Option<Denial>,
}

impl Verdict {
    /// Whether what was wanted is allowed.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.denial.is_none()
    }

    /// The verdict as a result.
    ///
    /// # Errors
    /// [`Error::Access`] if permissions are missing, [`Error::Perm`] in a sticky directory.
    pub fn ok(&self) -> Result<(), Error> {
        match self.denial {
            None => Ok(()),
            Some(Denial::Missing(_)) => Err(Error::Access),
            Some(Denial::Sticky) => Err(Error::Perm),
        }
    }
}

/// Judges whether `who` has all of `wanted` on an object of these attributes.
///
/// The first class that fits decides alone, so an owner without a bit is refused though others
/// have it. Root has everything, but runs a file only if somebody may.
#[must_use]
pub fn check(who: &Identity, attributes: &Attributes, wanted: Permissions) -> Verdict {
    let bits = |shift: u32| Permissions::from_bits_truncate((attributes.mode >> shift & 7) as u8);
    let (class, granted) = if who.is_root() {
        let runs = attributes.file_type == FileType::Directory || attributes.mode & 0o111 != 0;
        let execute = if runs {
            Permissions::EXECUTE
        } else {
            Permissions::empty()
        };
        (
            Class::Root,
            Permissions::READ | Permissions::WRITE | execute,
        )
    } else if who.uid == attributes.uid {
        (Class::Owner, bits(6))
    } else if who.in_group(attributes.gid) {
        (Class::Group, bits(3))
    } else {
        (Class::Other, bits(0))
    };
    let missing = wanted - granted;
    let denial = (!missing.is_empty()).then_some(Denial::Missing(missing));
    Verdict {
        class,
        granted,
        denial,
    }
}

/// Judges whether `who` may take the entry that names `victim` out of `directory`.
#[must_use]
pub fn may_delete(who: &Identity, directory: &Attributes, victim: &Attributes) -> Verdict {
    let mut verdict = check(who, directory, Permissions::WRITE | Permissions::EXECUTE);
    let sticky = directory.mode & 0o1000 != 0;
    if verdict.allowed()
        && sticky
        && !who.is_root()
        && who.uid != victim.uid
        && who.uid != directory.uid
    {
        verdict.denial = Some(Denial::Sticky);
    }
    verdict
}

/// Judges the opening of a regular file. Reading alone is also for those who may only run it: the
/// client reads in order to run.
pub(crate) fn check_open(who: &Identity, attributes: &Attributes, wanted: Permissions) -> Verdict {
    let verdict = check(who, attributes, wanted);
    if !verdict.allowed() && wanted == Permissions::READ {
        let to_run = check(who, attributes, Permissions::EXECUTE);
        if to_run.allowed() {
            return to_run;
        }
    }
    verdict
}

/// Judges reading from or writing to a file that is open. The owner passes, for a local program
/// keeps what it was granted at open whatever happens to the mode.
pub(crate) fn check_io(who: &Identity, attributes: &Attributes, wanted: Permissions) -> Verdict {
    let mut verdict = check_open(who, attributes, wanted);
    if who.uid == attributes.uid {
        verdict.denial = None;
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::object;

    /// Everybody who can stand in a different relation to an object of user 1, group 10.
    fn people() -> Vec<(&'static str, Identity)> {
        vec![
            ("root", Identity::new(0, 0, [])),
            ("root in the group", Identity::new(0, 10, [])),
            ("owner", Identity::new(1, 99, [])),
            ("owner in the group", Identity::new(1, 10, [])),
            ("member", Identity::new(2, 10, [])),
            ("supplementary member", Identity::new(2, 99, [98, 97, 10])),
            ("stranger", Identity::new(2, 99, [98])),
            (
                "stranger with the owner's number as group",
                Identity::new(10, 1, [1]),
            ),
        ]
    }

    /// The rule said slowly: as `ls -l` shows it.
    fn model(person: &str, file_type: FileType, mode: u32, letter: char) -> bool {
        let shown: Vec<char> = (0..9)
            .map(|place| {
                let set = mode & (0o400 >> place) != 0;
                if set { ['r', 'w', 'x'][place % 3] } else { '-' }
            })
            .collect();
        if person.starts_with("root") {
            return letter != 'x' || file_type == FileType::Directory || shown.contains(&'x');
        }
        let triple = match person {
            "owner" | "owner in the group" => &shown[0..3],
            "member" | "supplementary member" => &shown[3..6],
            _ => &shown[6..9],
        };
        triple.contains(&letter)
    }

    const LETTERS: [(Permissions, char); 3] = [
        (Permissions::READ, 'r'),
        (Permissions::WRITE, 'w'),
        (Permissions::EXECUTE, 'x'),
    ];

    #[test]
    fn every_mode_for_everybody() {
        for file_type in [FileType::Regular, FileType::Directory, FileType::Fifo] {
            for mode in 0..=0o7777 {
                let object = object(file_type, mode, 1, 10);
                for (person, who) in people() {
                    for wanted in 0..8 {
                        let wanted = Permissions::from_bits_truncate(wanted);
                        let verdict = check(&who, &object, wanted);
                        let has = |(_, letter): &(_, char)| model(person, file_type, mode, *letter);
                        let missing: Permissions = LETTERS
                            .iter()
                            .filter(|pair| wanted.contains(pair.0) && !has(pair))
                            .map(|pair| pair.0)
                            .collect();
                        let granted: Permissions = LETTERS
                            .iter()
                            .filter(|pair| has(pair))
                            .map(|pair| pair.0)
                            .collect();
                        let denial = (!missing.is_empty()).then_some(Denial::Missing(missing));
                        assert_eq!(verdict.denial, denial, "{person} {mode:o} {wanted:?}");
                        assert_eq!(verdict.granted, granted, "{person} {mode:o}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_verdict_names_the_class() {
        let object = object(FileType::Regular, 0o644, 1, 10);
        let class = |who: &Identity| check(who, &object, Permissions::READ).class;
        let classes: Vec<_> = people().iter().map(|(_, who)| class(who)).collect();
        use Class::{Group, Other, Owner, Root};
        assert_eq!(
            classes,
            [Root, Root, Owner, Owner, Group, Group, Other, Other]
        );
    }

    #[test]
    fn deletion_in_every_directory_by_everybody() {
        for mode in 0..=0o7777 {
            for directory_owner in [1, 2, 3] {
                for victim_owner in [1, 2, 3] {
                    let directory = object(FileType::Directory, mode, directory_owner, 10);
                    let victim = object(FileType::Regular, 0, victim_owner, 10);
                    for who in [
                        Identity::root(),
                        Identity::new(2, 99, []),
                        Identity::new(2, 10, []),
                    ] {
                        let verdict = may_delete(&who, &directory, &victim);
                        let needs = Permissions::WRITE | Permissions::EXECUTE;
                        let expected = if !check(&who, &directory, needs).allowed() {
                            Err(Error::Access)
                        } else if mode & 0o1000 != 0
                            && ![0, victim_owner, directory_owner]
                                .contains(&(who.uid * who.uid.min(1)))
                        {
                            Err(Error::Perm)
                        } else {
                            Ok(())
                        };
                        let expected = if who.is_root() { Ok(()) } else { expected };
                        assert_eq!(verdict.ok(), expected, "{mode:o} {who:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn who_may_run_may_read_but_not_write() {
        let stranger = Identity::new(2, 99, []);
        let runnable = object(FileType::Regular, 0o711, 1, 10);
        assert!(check_open(&stranger, &runnable, Permissions::READ).allowed());
        assert!(check_io(&stranger, &runnable, Permissions::READ).allowed());
        assert!(!check_open(&stranger, &runnable, Permissions::WRITE).allowed());
        assert!(
            !check_open(&stranger, &runnable, Permissions::READ | Permissions::WRITE).allowed()
        );
        assert!(!check(&stranger, &runnable, Permissions::READ).allowed());
    }

    #[test]
    fn the_owner_keeps_an_open_file() {
        let closed = object(FileType::Regular, 0, 1, 10);
        let owner = Identity::new(1, 10, []);
        assert!(!check_open(&owner, &closed, Permissions::READ).allowed());
        for wanted in [Permissions::READ, Permissions::WRITE] {
            assert!(check_io(&owner, &closed, wanted).allowed());
            assert!(!check_io(&Identity::new(2, 10, []), &closed, wanted).allowed());
        }
    }
}
