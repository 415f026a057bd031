//! The grace period after a restart (RFC 8881 §8.4.2).

use std::collections::HashSet;

use super::clock::Millis;

/// Who may still reclaim, and until when.
#[derive(Debug, Default)]
pub struct Grace {
    ends: Option<Millis>,
    pending: HashSet<Vec<u8>>,
}

impl Grace {
    /// A grace period until `ends` for the clients on record; none if there are none.
    #[must_use]
    pub fn new(on_record: impl IntoIterator<Item = Vec<u8>>, ends: Millis) -> Self {
        let pending: HashSet<_> = on_record.into_iter().collect();
        Self {
            ends: (!pending.is_empty()).then_some(ends),
            pending,
        }
    }

    /// When it will end at the latest, if it has not.
    #[must_use]
    pub fn ends(&self) -> Option<Millis> {
        self.ends
    }

    /// Whether client `co_ownerid` may reclaim.
    #[must_use]
    pub fn may_reclaim(&self, co_ownerid: &[u8]) -> bool {
        self.ends.is_some() && self.pending.contains(co_ownerid)
    }

    /// Client `co_ownerid` has reclaimed all. The last one ends the period.
    pub fn complete(&mut self, co_ownerid: &[u8]) {
        self.pending.remove(co_ownerid);
        if self.pending.is_empty() {
            self.ends = None;
        }
    }

    /// The clients that did not come back in time; none while there is time.
    #[must_use]
    pub fn late(&self, now: Millis) -> Vec<Vec<u8>> {
        match self.ends {
            Some(ends) if now >= ends => self.pending.iter().cloned().collect(),
            _ => Vec::new(),
        }
    }

    /// Ends the period.
    pub fn end(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(names: &[&str]) -> Vec<Vec<u8>> {
        names.iter().map(|name| name.as_bytes().to_vec()).collect()
    }

    #[test]
    fn none_on_record_none_needed() {
        assert_eq!(Grace::new([], 90_000).ends(), None);
    }

    #[test]
    fn ends_when_all_have_reclaimed() {
        let mut grace = Grace::new(owners(&["a", "b"]), 90_000);
        assert!(grace.may_reclaim(b"a") && !grace.may_reclaim(b"c"));
        grace.complete(b"c");
        grace.complete(b"a");
        assert!(!grace.may_reclaim(b"a"));
        assert_eq!(grace.ends(), Some(90_000));
        grace.complete(b"b");
        assert_eq!(grace.ends(), None);
    }

    #[test]
    fn ends_in_time() {
        let mut grace = Grace::new(owners(&["a", "b"]), 90_000);
        grace.complete(b"a");
        assert!(grace.late(89_999).is_empty());
        assert_eq!(grace.late(90_000), owners(&["b"]));
        assert!(grace.may_reclaim(b"b"), "until it is off the record");
        grace.end();
        assert_eq!(grace.ends(), None);
        assert!(!grace.may_reclaim(b"b"));
    }
}
