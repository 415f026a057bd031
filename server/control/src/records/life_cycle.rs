//! The state of a resource, as time passes.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970.
pub type Millis = u64;

/// Where in its life a resource is. What is under way ends at a time that was fixed when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LifeCycle {
    /// It is being made, then available.
    Creating {
        /// When that ends.
        until: Millis,
    },
    /// It is being changed, then available.
    Updating {
        /// When that ends.
        until: Millis,
    },
    /// It is being deleted, then gone.
    Deleting {
        /// When that ends.
        until: Millis,
    },
}

impl LifeCycle {
    /// `LifeCycleState`; `None` once it is gone.
    #[must_use]
    pub fn state(self, now: Millis) -> Option<&'static str> {
        match self {
            Self::Creating { until } if now < until => Some("creating"),
            Self::Updating { until } if now < until => Some("updating"),
            Self::Deleting { until } if now < until => Some("deleting"),
            Self::Creating { .. } | Self::Updating { .. } => Some("available"),
            Self::Deleting { .. } => None,
        }
    }

    /// Whether it is available.
    #[must_use]
    pub fn is_available(self, now: Millis) -> bool {
        self.state(now) == Some("available")
    }

    /// When its state changes by itself, if it will.
    #[must_use]
    pub fn changes(self, now: Millis) -> Option<Millis> {
        let (Self::Creating { until } | Self::Updating { until } | Self::Deleting { until }) = self;
        (now < until).then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_follow_one_another() {
        let until = 10;
        for (life, during, after) in [
            (LifeCycle::Creating { until }, "creating", Some("available")),
            (LifeCycle::Updating { until }, "updating", Some("available")),
            (LifeCycle::Deleting { until }, "deleting", None),
        ] {
            assert_eq!(life.state(9), Some(during));
            assert_eq!(life.state(10), after);
            assert_eq!((life.changes(9), life.changes(10)), (Some(10), None));
        }
    }
}
