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
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Division {
    /// Connections at a time.
    pub(crate) connections: usize,
    /// Nodes of a file system kept at hand.
    pub(crate) nodes: usize,
    /// Files that one client may have open: half of what is left, so that others get some.
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
    let connections = connections.min(limit / 8 * 5);
    let rest = limit - connections - limit / 16;
    let nodes = (rest / 2).clamp(64, 1 << 16);
    Division {
        connections,
        nodes,
        opens: (rest.saturating_sub(nodes) / 2).max(16),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_gets_some() {
        let division = |limit| division(limit, 12_000);
        assert_eq!(
            division(1024),
            Division {
                connections: 640,
                nodes: 160,
                opens: 80
            }
        );
        assert_eq!(
            division(20_000),
            Division {
                connections: 12_000,
                nodes: 3375,
                opens: 1687
            }
        );
        assert_eq!(
            division(1 << 20),
            Division {
                connections: 12_000,
                nodes: 1 << 16,
                opens: ((1 << 20) - 12_000 - (1 << 16) - (1 << 16)) / 2
            }
        );
        assert_eq!(
            division(usize::MAX),
            Division {
                connections: 12_000,
                nodes: 1 << 16,
                opens: (usize::MAX - 12_000 - usize::MAX / 16 - (1 << 16)) / 2
            }
        );
        assert_eq!(
            division(0),
            Division {
                connections: 0,
                nodes: 64,
                opens: 16
            }
        );
    }
}
