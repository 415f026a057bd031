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

    /// Client `co_ownerid` needs no more time: it has reclaimed all, or is gone. The last one
    /// ends the period.
    pub fn complete(&mut self, co_ownerid: &[u8]) {
        self.pending.remove(co_ownerid);
        if self.pending.is_empty() {
            self.ends = None;
        }
    }

    /// Ends the period if its time is over; returns the clients that did not come back.
    pub fn expire(&mut self, now: Millis) -> HashSet<Vec<u8>> {
        if self.ends.is_none_or(|ends| now < ends) {
            return HashSet::new();
        }
        self.ends = None;
        std::mem::take(&mut self.pending)
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
        assert!(grace.expire(89_999).is_empty());
        assert_eq!(grace.expire(90_000), owners(&["b"]).into_iter().collect());
        assert!(!grace.may_reclaim(b"b"));
    }
}
