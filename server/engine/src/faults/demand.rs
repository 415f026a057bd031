//! What a request asks of the file system, as EFS meters it.

use localefs_protocol::nfs4::NfsArgop4;
use localefs_protocol::nfs4::ops::Openflag4;
use serde::{Deserialize, Serialize};

use crate::limits;

/// The least that a request is metered, in octets (EFS user guide, "Performance").
pub const LEAST_METERED: u64 = 4096;

/// What an operation works on, by the names that EFS's metrics have (EFS user guide, "CloudWatch
/// metrics": DataReadIOBytes and so on).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationClass {
    /// READ.
    DataRead,
    /// WRITE and COMMIT.
    DataWrite,
    /// ACCESS, CLOSE, GETATTR, LOCK, LOCKT, LOCKU, LOOKUP, LOOKUPP, NVERIFY, OPEN of what exists,
    /// OPEN_DOWNGRADE, READDIR, READLINK, SECINFO, SECINFO_NO_NAME, VERIFY.
    MetadataRead,
    /// CREATE, LINK, OPEN that creates, REMOVE, RENAME, SETATTR.
    MetadataWrite,
}

impl OperationClass {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::DataRead,
        Self::DataWrite,
        Self::MetadataRead,
        Self::MetadataWrite,
    ];

    /// That of an operation; `None` if it touches nothing but sessions and filehandles.
    pub(crate) fn of(operation: &NfsArgop4<'_>) -> Option<Self> {
        match operation {
            NfsArgop4::Read(_) => Some(Self::DataRead),
            NfsArgop4::Write(_) | NfsArgop4::Commit(_) => Some(Self::DataWrite),
            NfsArgop4::Open(arguments) => match arguments.openhow {
                Openflag4::NoCreate => Some(Self::MetadataRead),
                Openflag4::Create(_) => Some(Self::MetadataWrite),
            },
            NfsArgop4::Create(_)
            | NfsArgop4::Link(_)
            | NfsArgop4::Remove(_)
            | NfsArgop4::Rename(_)
            | NfsArgop4::Setattr(_) => Some(Self::MetadataWrite),
            NfsArgop4::Access(_)
            | NfsArgop4::Close(_)
            | NfsArgop4::Getattr(_)
            | NfsArgop4::Lock(_)
            | NfsArgop4::Lockt(_)
            | NfsArgop4::Locku(_)
            | NfsArgop4::Lookup(_)
            | NfsArgop4::Lookupp(())
            | NfsArgop4::Nverify(_)
            | NfsArgop4::OpenDowngrade(_)
            | NfsArgop4::Readdir(_)
            | NfsArgop4::Readlink(())
            | NfsArgop4::Secinfo(_)
            | NfsArgop4::SecinfoNoName(_)
            | NfsArgop4::Verify(_) => Some(Self::MetadataRead),
            _ => None,
        }
    }

    fn writes(self) -> bool {
        matches!(self, Self::DataWrite | Self::MetadataWrite)
    }
}

/// What one request asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    classes: [bool; 4],
    /// Octets of the request, and of the data that it wants to read.
    size: u64,
}

impl Demand {
    /// That of a request of `length` octets.
    pub fn new<'a>(length: usize, operations: impl IntoIterator<Item = NfsArgop4<'a>>) -> Self {
        let mut demand = Self {
            classes: [false; 4],
            size: length as u64,
        };
        for operation in operations {
            if let NfsArgop4::Read(arguments) = &operation {
                demand.size += u64::from(arguments.count.min(limits::MAX_IO));
            }
            if let Some(class) = OperationClass::of(&operation)
                && let Some(asked) = demand.classes.get_mut(class as usize)
            {
                *asked = true;
            }
        }
        demand
    }

    /// Whether it asks for nothing that is limited or slowed down.
    pub fn is_nothing(&self) -> bool {
        self.classes == [false; 4]
    }

    /// Whether one of its operations is of one of these classes; none stand for all.
    pub fn is_of(&self, classes: &[OperationClass]) -> bool {
        if classes.is_empty() {
            return !self.is_nothing();
        }
        classes.iter().any(|class| self.asks(*class))
    }

    /// Whether anything is written.
    pub fn writes(&self) -> bool {
        OperationClass::ALL
            .into_iter()
            .any(|class| class.writes() && self.asks(class))
    }

    /// Octets that go over the wire, as far as EFS counts them.
    pub fn octets(&self) -> u64 {
        self.size.max(LEAST_METERED)
    }

    /// Octets that are metered: those of reads at one third (EFS user guide, "Performance").
    pub fn metered(&self) -> u64 {
        if self.asks(OperationClass::DataRead) && !self.writes() {
            self.octets().div_ceil(3)
        } else {
            self.octets()
        }
    }

    fn asks(&self, class: OperationClass) -> bool {
        self.classes.get(class as usize).is_some_and(|asked| *asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use localefs_protocol::nfs4::Stateid4;
    use localefs_protocol::nfs4::ops::{CommitArgs, ReadArgs, RemoveArgs};

    fn read(count: u32) -> NfsArgop4<'static> {
        NfsArgop4::Read(ReadArgs {
            stateid: Stateid4::ANONYMOUS,
            offset: 0,
            count,
        })
    }

    fn remove() -> NfsArgop4<'static> {
        NfsArgop4::Remove(RemoveArgs {
            target: b"x".as_slice().into(),
        })
    }

    #[test]
    fn what_touches_no_file_is_free() {
        for operations in [vec![], vec![NfsArgop4::Putrootfh(()), NfsArgop4::Getfh(())]] {
            let demand = Demand::new(200, operations);
            assert!(demand.is_nothing());
            assert!(!demand.is_of(&[]));
        }
    }

    #[test]
    fn reads_are_metered_at_a_third_and_all_as_four_kibibytes_at_least() {
        for (length, operations, metered) in [
            (100, vec![read(1 << 20)], ((1u64 << 20) + 100).div_ceil(3)),
            (100, vec![read(10)], 4096u64.div_ceil(3)),
            (100, vec![NfsArgop4::Lookupp(())], 4096),
            (
                1 << 20,
                vec![NfsArgop4::Commit(CommitArgs {
                    offset: 0,
                    count: 0,
                })],
                1 << 20,
            ),
            (100, vec![read(8192), remove()], 8292),
            (0, vec![read(u32::MAX)], (1u64 << 20).div_ceil(3)),
        ] {
            let demand = Demand::new(length, operations);
            assert_eq!(demand.metered(), metered, "{demand:?}");
        }
    }

    #[test]
    fn a_request_is_of_the_classes_of_its_operations() {
        use OperationClass::{DataRead, DataWrite, MetadataRead, MetadataWrite};
        let demand = Demand::new(
            100,
            [NfsArgop4::Putrootfh(()), read(1), NfsArgop4::Lookupp(())],
        );
        assert!(demand.is_of(&[]) && demand.is_of(&[DataRead]) && demand.is_of(&[MetadataRead]));
        assert!(!demand.is_of(&[DataWrite, MetadataWrite]) && !demand.writes());
        assert!(Demand::new(100, [remove()]).writes());
    }
}
