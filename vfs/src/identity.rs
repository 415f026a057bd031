//! Who asks.

use arrayvec::ArrayVec;

/// The numeric identity that a caller asserts, believed as it stands.
///
/// At most 16 supplementary groups, which is all that AUTH_SYS carries (RFC 5531, appendix A).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user id; 0 is root.
    pub uid: u32,
    /// The primary group, which new objects get.
    pub gid: u32,
    /// The supplementary groups.
    pub groups: ArrayVec<u32, 16>,
}

impl Identity {
    /// uid 0 and gid 0, in no other group.
    #[must_use]
    pub fn root() -> Self {
        Self::new(0, 0, [])
    }

    /// An identity of these numbers. Groups beyond the sixteenth are dropped.
    #[must_use]
    pub fn new(uid: u32, gid: u32, groups: impl IntoIterator<Item = u32>) -> Self {
        Self {
            uid,
            gid,
            groups: groups.into_iter().take(16).collect(),
        }
    }

    /// Whether the permission checks let this identity pass as Linux lets root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// Whether `gid` is the primary or a supplementary group.
    #[must_use]
    pub fn in_group(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }
}
