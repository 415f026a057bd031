//! How often each operation was executed.

use std::sync::atomic::{AtomicU64, Ordering};

use localefs_protocol::nfs4::{Nfsstat4, OpInfo, OpNum};

/// How often an operation was executed since its mount target is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationCount {
    /// The operation.
    pub operation: OpNum,
    /// Its name in RFC 8881, without `OP_`.
    pub name: &'static str,
    /// How often it succeeded.
    pub succeeded: u64,
    /// How often it ended with an error.
    pub failed: u64,
}

/// Counts for each row of [`OpInfo::TABLE`]. A reply that is repeated is no execution.
#[derive(Debug)]
pub(crate) struct Counts(Vec<[AtomicU64; 2]>);

impl Default for Counts {
    fn default() -> Self {
        Self(OpInfo::TABLE.iter().map(|_| Default::default()).collect())
    }
}

impl Counts {
    pub(crate) fn count(&self, operation: OpNum, status: Nfsstat4) {
        let index = operation.0.checked_sub(OpNum::OP_ACCESS.0);
        let counts = index.and_then(|index| self.0.get(index as usize));
        let Some([succeeded, failed]) = counts else {
            return;
        };
        let ok = status == Nfsstat4::NFS4_OK;
        let count = if ok { succeeded } else { failed };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn all(&self) -> Vec<OperationCount> {
        let rows = OpInfo::TABLE.iter().zip(&self.0);
        let counts = rows.map(|(info, [succeeded, failed])| OperationCount {
            operation: info.number,
            name: info.name,
            succeeded: succeeded.load(Ordering::Relaxed),
            failed: failed.load(Ordering::Relaxed),
        });
        counts.collect()
    }
}
