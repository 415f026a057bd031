//! How many files this process may have open, and who gets them.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::debug;

use crate::transport::{BLOCKING_THREADS, Limits};

/// Raises the number of files that this process may have open as far as it is allowed to.
///
/// For a program of its own; a library should leave its process's limits alone.
pub fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        debug!(%error, "the limit of open files stays as it is");
    }
}

/// What the files that this process may have open are used for. The rest is for what is open
/// during an operation only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Division {
    /// Connections at a time.
    pub(crate) connections: usize,
    /// Further ones that wait in silence.
    pub(crate) waiting: usize,
    /// Descriptors of files and directories that stay open for their next use.
    pub(crate) descriptors: usize,
}

/// Divides the files that this process may have open at present.
pub(crate) fn divide(limits: &Limits, descriptors: usize) -> Division {
    let limit = getrlimit(Resource::Nofile).current;
    division(
        limit
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(usize::MAX),
        (limits.connections, limits.waiting),
        descriptors,
    )
}

fn division(limit: usize, (connections, waiting): (usize, usize), descriptors: usize) -> Division {
    let connections = connections.min(limit / 20 * 11);
    let waiting = waiting.min(connections / 16);
    // Each call that may block has a few open.
    let reserve = (limit / 16).max(4 * BLOCKING_THREADS);
    let taken = connections + waiting + reserve;
    let rest = limit.saturating_sub(taken);
    Division {
        connections,
        waiting,
        descriptors: rest.clamp(64, descriptors.max(64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_gets_some() {
        let division = |limit| division(limit, (12_000, 1024), 1 << 16);
        let divided = |connections, waiting, descriptors| Division {
            connections,
            waiting,
            descriptors,
        };
        assert_eq!(division(1024), divided(561, 35, 172));
        assert_eq!(division(20_000), divided(11_000, 687, 7_063));
        assert_eq!(division(1 << 20), divided(12_000, 750, 1 << 16));
        assert_eq!(division(0), divided(0, 0, 64));
        assert_eq!(division(usize::MAX).connections, 12_000);
        let few = super::division(20_000, (12_000, 10), 500);
        assert_eq!(few, divided(11_000, 10, 500));
    }
}
