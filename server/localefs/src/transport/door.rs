//! The doors that connections come through, and which of them somebody means.

use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a connection came through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Door {
    /// The server's address.
    pub(crate) local: IpAddr,
    /// What it leads to.
    pub(crate) of: Names,
}

/// The ids of a mount target and its file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) mount_target: Arc<str>,
    pub(crate) file_system: Arc<str>,
}

/// Some mount targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
#[non_exhaustive]
pub enum MountTargets {
    /// What is reached at this address of the server, as the mirror of a mount target.
    At(IpAddr),
    /// The one of this id (`fsmt-…`), at all of its addresses.
    Id(String),
    /// All of the file system of this id (`fs-…`).
    Of(String),
}

/// Neither an address nor an id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("an IP address or the id of a mount target (fsmt-…) or file system (fs-…) is needed")]
pub struct NoMountTargets;

impl MountTargets {
    /// Whether a door is one of theirs.
    pub(crate) fn have(&self, door: &Door) -> bool {
        match self {
            Self::At(address) => *address == door.local,
            Self::Id(id) => **id == *door.of.mount_target,
            Self::Of(file_system) => **file_system == *door.of.file_system,
        }
    }
}

impl From<IpAddr> for MountTargets {
    fn from(address: IpAddr) -> Self {
        Self::At(address)
    }
}

impl FromStr for MountTargets {
    type Err = NoMountTargets;

    fn from_str(text: &str) -> Result<Self, NoMountTargets> {
        // The longest id of the EFS API reference, "MountTargetDescription", has 45 octets.
        match text {
            _ if text.len() > 45 => Err(NoMountTargets),
            _ if text.starts_with("fsmt-") => Ok(Self::Id(text.to_owned())),
            _ if text.starts_with("fs-") => Ok(Self::Of(text.to_owned())),
            _ => text.parse().map(Self::At).map_err(|_| NoMountTargets),
        }
    }
}

impl TryFrom<String> for MountTargets {
    type Error = NoMountTargets;

    fn try_from(text: String) -> Result<Self, NoMountTargets> {
        text.parse()
    }
}

impl From<MountTargets> for String {
    fn from(targets: MountTargets) -> Self {
        targets.to_string()
    }
}

impl Display for MountTargets {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(address) => address.fmt(f),
            // It is somebody's text, and must not reach a terminal as it is.
            Self::Id(id) | Self::Of(id) => id.escape_debug().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_is_meant_by_its_address_its_mount_target_or_its_file_system() {
        let door = Door {
            local: [127, 31, 0, 4].into(),
            of: Names {
                mount_target: "fsmt-a".into(),
                file_system: "fs-b".into(),
            },
        };
        for meant in ["127.31.0.4", "fsmt-a", "fs-b"] {
            let parsed: MountTargets = meant.parse().unwrap();
            assert!(parsed.have(&door), "{meant}");
            assert_eq!(parsed.to_string(), meant);
        }
        for other in ["127.31.0.5", "fsmt-b", "fs-a", "::1"] {
            assert!(
                !other.parse::<MountTargets>().unwrap().have(&door),
                "{other}"
            );
        }
        for nonsense in ["", "here", "fsap-a", "127.31.0.4:2049", &"fs-".repeat(99)] {
            assert!(nonsense.parse::<MountTargets>().is_err(), "{nonsense}");
        }
    }
}
