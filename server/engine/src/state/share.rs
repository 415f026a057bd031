//! What an open-owner has opened a file for (RFC 8881 §9.7, §18.18).

use localefs_protocol::nfs4::Nfsstat4;
use localefs_protocol::nfs4::ops::ShareAccess;

/// The share reservations of one open: which of the three kinds of access it was opened for,
/// each as often as you like. EFS has no deny modes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// Bit n: opened for access n, which is 1, 2 or 3.
    opened: u8,
}

impl Shares {
    /// Opens for `access`, one of READ, WRITE, BOTH.
    pub fn open(&mut self, access: ShareAccess) {
        self.opened |= 1 << (access.0 & 3);
    }

    /// All access that is open.
    #[must_use]
    pub fn access(self) -> ShareAccess {
        let union = |access: u32| {
            if self.opened & (1 << access) != 0 {
                access
            } else {
                0
            }
        };
        ShareAccess(union(1) | union(2) | union(3))
    }

    /// Gives up all but `access`.
    ///
    /// # Errors
    /// NFS4ERR_INVAL if `access` is not the union of some of the opens (RFC 8881 §18.18.3).
    pub fn downgrade(&mut self, access: ShareAccess) -> Result<(), Nfsstat4> {
        let below = |kind: u32| access.0 & kind == kind;
        let kept = (1..=3)
            .filter(|kind| below(*kind))
            .fold(0, |kept, kind| kept | (self.opened & (1 << kind)));
        let kept = Self { opened: kept };
        if access.0 == 0 || kept.access() != access {
            return Err(Nfsstat4::NFS4ERR_INVAL);
        }
        *self = kept;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every set of opens, every downgrade: allowed exactly if some subset's union is `access`.
    #[test]
    fn exhaustive() {
        for set in 0u8..8 {
            let kinds: Vec<u32> = (1..=3)
                .filter(|kind| set & (1 << (kind - 1)) != 0)
                .collect();
            for access in 0..=3u32 {
                let mut shares = Shares::default();
                kinds
                    .iter()
                    .for_each(|kind| shares.open(ShareAccess(*kind)));
                let possible = (1u8..8).any(|subset| {
                    let chosen: Vec<u32> = (1..=3)
                        .filter(|kind| subset & (1 << (kind - 1)) != 0)
                        .collect();
                    chosen.iter().all(|kind| kinds.contains(kind))
                        && chosen.iter().fold(0, |union, kind| union | kind) == access
                });
                let result = shares.downgrade(ShareAccess(access));
                assert_eq!(result.is_ok(), possible, "{kinds:?} to {access}");
                if possible {
                    assert_eq!(shares.access(), ShareAccess(access));
                }
            }
        }
    }
}
