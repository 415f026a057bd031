//! How many files this process may have open, and who gets them.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::debug;

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

/// What the files that this process may have open are used for. The rest is for files that
/// clients have open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Division {
    /// Connections at a time.
    pub(crate) connections: usize,
    /// Nodes kept at hand, of all file systems.
    pub(crate) nodes: usize,
    /// Files that one client may have open. Each takes two descriptors, its node's and its own;
    /// a fifth of what is left stays for the others.
    pub(crate) opens: usize,
}

/// Divides the files that this process may have open at present.
pub(crate) fn divide(connections: usize) -> Division {
    let limit = getrlimit(Resource::Nofile).current;
    division(
        limit
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(usize::MAX),
        connections,
    )
}

fn division(limit: usize, connections: usize) -> Division {
    let connections = connections.min(limit / 20 * 11);
    let rest = limit - connections - limit / 16;
    let nodes = (rest / 4).clamp(64, 1 << 16);
    Division {
        connections,
        nodes,
        opens: (rest.saturating_sub(nodes) / 5 * 2).max(16),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_gets_some() {
        let division = |limit| division(limit, 12_000);
        let divided = |connections, nodes, opens| Division {
            connections,
            nodes,
            opens,
        };
        assert_eq!(division(1024), divided(561, 99, 120));
        assert_eq!(division(20_000), divided(11_000, 1_937, 2_324));
        assert_eq!(division(1 << 20), divided(12_000, 1 << 16, 362_200));
        assert_eq!(division(0), divided(0, 64, 16));
        assert_eq!(division(usize::MAX).connections, 12_000);
    }
}
